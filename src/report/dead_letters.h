/*
 * The records that could not become rows, of loads and of streams together, as a query: an engine
 * answers it, in this process or in the executor's (query/executor.h).
 *
 *   source     "load" or "stream"
 *   table      that the record was meant for; null: the sink could not land it
 *   origin     the topic, or the stream
 *   partition  of the topic, or the shard
 *   position   the record's offset there, or its sequence number; null: not known
 *   object     that a load read it from, and its line; else null
 *   time       of the record, or its arrival
 *   reason     why it is not a row
 *   value      text, or base64 where the reason says so
 *
 * The newest come first.
 */
#ifndef PN_REPORT_DEAD_LETTERS_H
#define PN_REPORT_DEAD_LETTERS_H

#include "base/arena.h"
#include "report/tables.h"

/* Which ones. All zero but `limit` is all. */
struct pn_dead_letters_wanted {
    const char *table;  /* NULL: of all */
    const char *reason; /* a part of the reason, in any case; NULL: any */
    int64_t offset;     /* items to leave out */
    int64_t limit;      /* the most items */
};

/* The query and its parameters, a JSON object, in the arena. A table of dead letters that is not
 * there yet has none. Fails where a table's log cannot be read. */
int pn_report_dead_letters(const struct pn_table_source *source,
                           const struct pn_dead_letters_wanted *wanted, struct pn_arena *arena,
                           const char **sql, const char **parameters,
                           struct pn_err *e) PN_MUST_CHECK;

#endif
