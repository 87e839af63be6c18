/*
 * The records that could not become rows, of loads and of streams together, as queries: an engine
 * answers them, in this process or in the executor's (query/executor.h).
 *
 *   id         of the letter: the same after the same load. Letters that are equal in all of this
 *              have one id
 *   source     "load" or "stream"
 *   table      that the record was meant for; null: the sink could not land it
 *   origin     the topic, or the stream
 *   partition  of the topic, or the shard
 *   position   the record's offset there, or its sequence number; null: not known
 *   object     that a load read it from, and its line; else null
 *   time       of the record, or its arrival
 *   made_by    what wrote the letter, as a line for people: "task load of run r of nightly"; null:
 *              an earlier version did
 *   after_version  that the table had then: the commit of this load, or batch, follows it
 *   reason     why it is not a row
 *   value      text, or base64 where the reason says so
 *   maker      the same as made_by for programs: an object with all members of delta/maker.h, null
 *              where they do not apply; on request
 *
 * The newest come first.
 */
#ifndef PN_REPORT_DEAD_LETTERS_H
#define PN_REPORT_DEAD_LETTERS_H

#include "base/arena.h"
#include "report/tables.h"

enum { PN_LETTER_ID_SIZE = 33, PN_LETTER_VALUE_SHOWN = 2000 };

/* Which ones: those that fit all that is given. All zero but `limit` is all. */
struct pn_dead_letters_wanted {
    const char *table;  /* NULL: of all */
    const char *origin; /* the topic, or the stream; NULL: any */
    const char *reason; /* a part of the reason, in any case; NULL: any */
    const char *source; /* "load" or "stream"; NULL: both */
    const char *kind;   /* of reason, as the counts have it; NULL: any */
    const char *ids;    /* also old ones, with commas between; NULL: any */
    const char *after;  /* a page's `place` and time, see pn_report_dead_letters_page(); NULL */
    int64_t offset;     /* items to leave out */
    int64_t limit;      /* the most items; pn_report_dead_letter_ids(): the oldest, 0 for all */
    bool is_whole;      /* pn_report_dead_letters(): with the column maker */
};

/* A query and its parameters, a JSON object; both in the arena. */
struct pn_letters_query {
    const char *sql;
    const char *parameters;
};

/* The columns above, for people and programs. A table of dead letters that is not there yet has
 * none. Fails where a table's log cannot be read. */
int pn_report_dead_letters(const struct pn_table_source *source,
                           const struct pn_dead_letters_wanted *wanted, struct pn_arena *arena,
                           struct pn_letters_query *query, struct pn_err *e) PN_MUST_CHECK;

/*
 * A page for the API: rows of enum pn_letter_cell. Those with PN_LETTER_PART "0" are counts of all
 * letters by source, table and kind of reason, the largest first: kind is the reason without its
 * numbers and quoted texts. Those of "1" are letters, one more than `limit` where more follow, with
 * the first PN_LETTER_VALUE_SHOWN characters of the value.
 * The place of a letter is what `after` of the next page is.
 */
enum pn_letter_cell {
    PN_LETTER_PART,
    PN_LETTER_NUMBER, /* the count; of a letter, its number on the page */
    PN_LETTER_ID,
    PN_LETTER_SOURCE,
    PN_LETTER_TABLE,
    PN_LETTER_ORIGIN,
    PN_LETTER_PARTITION,
    PN_LETTER_POSITION,
    PN_LETTER_OBJECT,
    PN_LETTER_LINE,
    PN_LETTER_TIME_MS,
    PN_LETTER_REASON,
    PN_LETTER_KIND,
    PN_LETTER_KEY,   /* the partition key; of a stream's */
    PN_LETTER_MAKER, /* JSON within a text */
    PN_LETTER_AFTER_VERSION,
    PN_LETTER_IS_BASE64,
    PN_LETTER_IS_CUT, /* the table has only the beginning of the value */
    PN_LETTER_BYTES,  /* of the value's text */
    PN_LETTER_VALUE,
    PN_LETTER_OLD_ID, /* engine/letter_id.h */
    PN_LETTER_PLACE,
    PN_LETTER_CELLS
};
int pn_report_dead_letters_page(const struct pn_table_source *source,
                                const struct pn_dead_letters_wanted *wanted, struct pn_arena *arena,
                                struct pn_letters_query *query, struct pn_err *e) PN_MUST_CHECK;
/* Letters with their whole values, as rows of the same cells: at most `limit`. */
int pn_report_dead_letters_whole(const struct pn_table_source *source,
                                 const struct pn_dead_letters_wanted *wanted,
                                 struct pn_arena *arena, struct pn_letters_query *query,
                                 struct pn_err *e) PN_MUST_CHECK;

/* All letters that fit, or the oldest of them, to be dropped (upkeep/letter_drop.h): rows of id,
 * source, table, object. Of more than a drop may have, one more. */
int pn_report_dead_letter_ids(const struct pn_table_source *source,
                              const struct pn_dead_letters_wanted *wanted, struct pn_arena *arena,
                              struct pn_letters_query *query, struct pn_err *e) PN_MUST_CHECK;
/* How many letters each table has of each rule (letter_rules.h), the most first: rows of table,
 * rule, number. */
int pn_report_dead_letter_counts(const struct pn_table_source *source, struct pn_arena *arena,
                                 struct pn_letters_query *query, struct pn_err *e) PN_MUST_CHECK;

#endif
