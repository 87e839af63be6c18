/* What loads report, for people. */
#ifndef PN_CLI_REPORTS_H
#define PN_CLI_REPORTS_H

#include <stdio.h>

#include "engine/engine.h"

/* The option of commands that make tables; a row of a `struct pn_opt` table. */
#define PN_CLI_FULL_REFRESH(where)                                                             \
    {                                                                                          \
        .name = "full-refresh", .kind = PN_OPT_FLAG, .target = (where),                        \
        .help = "make tables with `mode: append` or `merge` afresh, from all records and rows" \
    }

#define PN_CLI_DROP_IMPORTED(where)                                                             \
    {                                                                                           \
        .name = "drop-imported", .kind = PN_OPT_FLAG, .target = (where),                        \
        .help = "a raw table that is made afresh may lose the rows of imported files (refused)" \
    }

#define PN_CLI_LOGICAL_DATE(where)                                                                \
    {                                                                                             \
        .name = "logical-date", .kind = PN_OPT_STRING, .value = "TIME", .target = (where),        \
        .help = "the time that the tables are made for: what run_logical_date() is in SQL (none)" \
    }
/* Is it a time? NULL is fine. */
int pn_cli_check_logical_date(const char *time, struct pn_err *e) PN_MUST_CHECK;
/* A line, where the table is made by its run_logical_date(), and there is none: `given` is that of
 * the command (NULL: none), and a task of a run has that of the run. */
void pn_cli_tell_no_logical_date(FILE *err, const struct pn_table *table, const char *given);

/* "pin: version 3, 12 rows", or what an incremental table got. */
void pn_cli_print_written(FILE *out, const struct pn_table_report *report);
/* Which tests the rows passed: ", 1 of 2 tests passed, warning: range(amount) has 3 rows". */
void pn_cli_print_tests(FILE *out, const struct pn_table_report *report);
/* " (pos.w 12, extra 3, and 5 more names)": the members of a report that no column takes. Nothing,
 * where there are none. */
void pn_cli_print_unknown(FILE *out, const struct pn_table_report *report);
/* ", 3 files skipped (not .json or .json.gz; the first: topics/...)", or nothing. */
void pn_cli_print_passed_over(FILE *out, const struct pn_table_report *report);
/* ", warning: 3 objects that were taken before have another etag ...", or nothing. */
void pn_cli_print_copied(FILE *out, const struct pn_table_report *report);

#endif
