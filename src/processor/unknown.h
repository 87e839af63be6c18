/*
 * Members of a stream's records that no column takes: each name is logged once in a processor's
 * life, with an example of how often it came.
 */
#ifndef PN_PROCESSOR_UNKNOWN_H
#define PN_PROCESSOR_UNKNOWN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/logger.h"
#include "engine/embedded.h"

enum { PN_STREAM_UNKNOWN_NAMES_MAX = 100 };

/* The names that were logged. For one thread at a time; zeroed is empty. */
struct pn_processor_unknown {
    char names[PN_STREAM_UNKNOWN_NAMES_MAX][PN_UNKNOWN_SHOWN_SIZE];
    size_t count;
    bool is_full; /* and logged to be so */
};

/* Logs the names of a commit's report that are new. `table` is the stream table, `raw` the one
 * whose columns and unknown_keys hold. */
void pn_processor_unknown_note(struct pn_processor_unknown *unknown, const struct pn_table *table,
                               const struct pn_table *raw, const struct pn_table_report *report,
                               struct pn_logger *logger);

#endif
