/*
 * The run that a batch is part of, as SQL reads it: run_conf(name), run_id(), run_logical_date(),
 * run_interval_start() and run_interval_end(). Texts are borrowed, NULL for what there is none of.
 */
#ifndef PN_ENGINE_RUN_VALUES_H
#define PN_ENGINE_RUN_VALUES_H

#include <stdbool.h>

struct pn_run_values {
    const char *conf; /* a JSON object */
    const char *run_id;
    const char *logical_date; /* this and the next two in ISO 8601 */
    const char *interval_start;
    const char *interval_end;
};

/* Does the conf ask that an incremental table is made afresh: by "full_refresh": true, or by an
 * array that has its name? */
bool pn_run_refreshes(const struct pn_run_values *run, const char *table);

/* Does it ask by "drop_imported": true that a raw table which is made afresh may lose the rows of
 * imports? Beside an array in "full_refresh", it asks this of the tables in it alone. */
bool pn_run_drops_imported(const struct pn_run_values *run, const char *table);

#endif
