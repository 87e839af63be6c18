/*
 * The engine in this process: the engine port (engine.h), and what only such an engine is used for:
 *
 *   ask      queries that a user waits for: with parameters, progress, an end on demand, and the
 *            place of a mistake; and what results are made into (Parquet, an order)
 *   append   micro-batches of stream tables
 *   parquet  checkpoints, for delta/
 *
 * A process whose batches another engine makes still opens one of these. Implementation: duckdb/.
 */
#ifndef PN_ENGINE_EMBEDDED_H
#define PN_ENGINE_EMBEDDED_H

#include "base/json.h"
#include "delta/delta.h"
#include "engine/engine.h"
#include "engine/import.h"
#include "log/log.h"

/* --- types ----------------------------------------------------------------------------------- */

/* Where a query is wrong, as far as the engine says it. */
struct pn_sql_fault {
    int64_t byte;         /* in the query's text, from 0; -1: the engine does not say */
    int64_t line;         /* from 1 */
    int64_t column;       /* from 1, in characters */
    char candidates[256]; /* names that may have been meant, with commas between; may be cut off */
};

/* A query and what the caller wants to know of it. Everything is borrowed for the call. */
struct pn_ask {
    const char *sql;
    /* The values of the query's parameters: a JSON array for ? and $1, an object for $name. Values
     * are null, booleans, numbers and strings. NULL: the query has no parameters. */
    const struct pn_json *parameters;
    /* A version or a time (pn_delta_moment_parse()): the tables that the query names without a
     * version of their own are read as of then. NULL: their newest versions. */
    const char *at;
    const struct pn_rows *rows;
    /* Values are such that `pinion import` reads them: bytes are base64, and a text of DuckDB's
     * type JSON is its JSON. Queries on Spark give them as ever. */
    bool for_import;
    /* Further queries follow: what the engine opens for this one is to serve all tables of the
     * pipeline. Otherwise it opens no file but those of the tables that the query names. */
    bool in_turn;
    /* Called for each table that the query reads, before the columns; `arg` is that of `rows`. NULL
     * ok. */
    void (*table)(void *arg, const char *name, int64_t version);
    struct pn_sql_fault *fault; /* set when the query fails; NULL ok */
};

/* Several queries, whose answers one caller waits for. Everything is borrowed for the call. */
struct pn_asks {
    const struct pn_ask *items;
    size_t count;
    /* Called once for each query that has begun, after its last row; `e` says why when `rc` is not
     * 0. False: those that have not begun need not. */
    bool (*ended)(void *arg, size_t i, int rc, const struct pn_err *e);
    void *arg; /* for `ended` */
};

/* Rows as pn_rows gives them, on their way back into the engine. */
struct pn_row_texts {
    const char *const *names;
    const char *const *types;
    size_t count; /* of columns */
    /* The next row's values; *values is NULL after the last. They are good until the next call. */
    int (*next)(void *arg, const char *const **values, struct pn_err *e);
    void *arg;
};

/* One record of a micro-batch. Everything is borrowed for the call. */
struct pn_append_row {
    struct pn_bytes value; /* JSON text; what is not JSON object goes to the dead letters */
    struct pn_bytes data;  /* the record's bytes as they are in the stream, for dead letters */
    struct pn_bytes partition_key;
    size_t position; /* index into the append's `positions`: its shard */
    int64_t offset;  /* in the shard */
    int64_t arrival_ms;
    bool is_user_record;  /* of a KPL aggregate: key and data are its own, and ... */
    int64_t sub_sequence; /* ... this is its number in the aggregate */
    const char *sequence; /* its sequence number, where that does not follow from the offset; else
                             NULL */
    const char *reason;   /* not NULL: `value` isn't there, this is why it can be no row */
};

/* What a commit sets beside a position, whatever it was: a txn of its own. */
struct pn_append_mark {
    const char *app_id;
    int64_t version;
};

/* How far a table has come in one shard. */
struct pn_append_position {
    const char *app_id; /* of the txn action: names stream, its id and shard */
    const char *shard;  /* "shardId-000000000000" */
    int64_t from;       /* the table's txn version before the batch; -1: none yet */
    int64_t to;         /* and after it: the offset to continue with; equal to from: no change */
    int64_t newest_ms;  /* the txn's time is this or later: the arrival of the record before `to` */
    const struct pn_append_mark *marks; /* set if the position moves */
    size_t mark_count;
};

enum { PN_ROW_SEQUENCE_SIZE = 136 }; /* a row's sequence number, and its NUL */

/* A micro-batch for one stream table. */
struct pn_append {
    const struct pn_table *table; /* with `like` */
    const char *stream;
    const struct pn_append_row *rows;
    size_t count;
    const struct pn_append_position *positions;
    size_t position_count;
    /* Writes the sequence number of a row into `out`, of the size above. Any thread. */
    void (*sequence)(const struct pn_append *append, const struct pn_append_row *row, char *out);
    const void *arg; /* for `sequence` */
    /* Properties that tables are made with, this one and that of the dead letters. */
    const struct pn_delta_map_entry *configuration;
    size_t configuration_count;
};

enum { PN_LETTERS_DROP_MAX = 1000000 }; /* of one drop, and those of loads that are remembered */

/* A dead letter that is to go. */
struct pn_letter_drop {
    const char *id; /* letter_id.h */
    bool is_stream; /* of a stream, not of a load */
    const char *table;
    const char *object; /* NULL: none */
};

struct pn_embedded_engine;

struct pn_embedded_engine_ops {
    int (*ask)(struct pn_embedded_engine *engine, const struct pn_ask *ask, struct pn_err *e);
    void (*ask_all)(struct pn_embedded_engine *engine, const struct pn_asks *asks);
    int (*warm)(struct pn_embedded_engine *engine, struct pn_err *e);
    double (*progress)(struct pn_embedded_engine *engine);
    int (*write_parquet)(struct pn_embedded_engine *engine, const struct pn_row_texts *rows,
                         const char *path, struct pn_err *e);
    int (*order)(struct pn_embedded_engine *engine, const struct pn_row_texts *rows,
                 bool descending, int (*take)(void *arg, int64_t row), void *arg, struct pn_err *e);
    int (*append)(struct pn_embedded_engine *engine, const struct pn_append *append,
                  struct pn_table_report *report, struct pn_err *e);
    int (*import)(struct pn_embedded_engine *engine, const struct pn_import *import,
                  struct pn_import_report *report, struct pn_err *e);
    int (*import_lines)(struct pn_embedded_engine *engine, const struct pn_import *import,
                        size_t file, struct pn_import_lines *lines, struct pn_err *e);
    int (*drop_letters)(struct pn_embedded_engine *engine, const struct pn_letter_drop *drops,
                        size_t count, struct pn_err *e);
    const struct pn_delta_parquet *(*parquet)(struct pn_embedded_engine *engine);
};

struct pn_embedded_engine {
    struct pn_engine batch; /* the same engine, for batches */
    const struct pn_embedded_engine_ops *ops;
};

/* --- ask ------------------------------------------------------------------------------------- */

/* One SELECT over the pipeline's tables by name, as pn_engine_query(), with all that `ask` has. */
PN_MUST_CHECK static inline int pn_engine_ask(struct pn_embedded_engine *engine,
                                              const struct pn_ask *ask, struct pn_err *e)
{
    return engine->ops->ask(engine, ask, e);
}
/*
 * Asks all of them. Queries of little data run at the same time: what they call then comes from
 * several threads, of one query from one at a time. They begin in their order, so that a callback
 * may wait until all queries before its own have ended.
 */
static inline void pn_engine_ask_all(struct pn_embedded_engine *engine, const struct pn_asks *asks)
{
    engine->ops->ask_all(engine, asks);
}
/* The same one after the other: for engines that do no more. */
void pn_engine_ask_in_turn(struct pn_embedded_engine *engine, const struct pn_asks *asks);
/* Does what the first query would have to wait for, as far as it needs no query. */
PN_MUST_CHECK static inline int pn_engine_warm(struct pn_embedded_engine *engine, struct pn_err *e)
{
    return engine->ops->warm(engine, e);
}
/* How much of the query in progress, or of the import's file, is done, from 0 to 1; -1: not known.
 * Any thread. */
static inline double pn_engine_progress(struct pn_embedded_engine *engine)
{
    return engine->ops->progress(engine);
}
/* Writes a Parquet file of rows that came from a query, each column with its type. What Parquet
 * readers have no type for (intervals, times with a zone, maps, unions, ...) is text; a HUGEINT is
 * a DECIMAL(38,0), and INPUT beyond its range. */
PN_MUST_CHECK static inline int pn_engine_write_parquet(struct pn_embedded_engine *engine,
                                                        const struct pn_row_texts *rows,
                                                        const char *path, struct pn_err *e)
{
    return engine->ops->write_parquet(engine, rows, path, e);
}
/* Sorts rows of one column as ORDER BY does, nulls last and equal ones in their order. `take` gets
 * the number of each row, from 0; non-zero ends it and is returned. */
PN_MUST_CHECK static inline int pn_engine_order(struct pn_embedded_engine *engine,
                                                const struct pn_row_texts *rows, bool descending,
                                                int (*take)(void *arg, int64_t row), void *arg,
                                                struct pn_err *e)
{
    return engine->ops->order(engine, rows, descending, take, arg, e);
}

/* --- append and parquet ---------------------------------------------------------------------- */

/*
 * Appends a micro-batch to a stream table: each row read with the columns of the raw table that
 * `like` reads, cleaned by `like`'s own SELECT, and written as one commit with a txn action for
 * each position that moves. The table is made when it is missing (also by a batch without rows).
 * The SELECT sees the batch in place of that raw table, so aggregates and windows are those of the
 * batch; and the tables of table->reads, each at its newest version when the batch begins, which
 * the commit says. One that reads another table, or not the raw one, is INPUT. RETRY while a table
 * that it joins is not there, or cannot be read.
 *
 * Rows that are none (those with a reason, those that don't fit the columns, and those whose values
 * the SELECT fails on) go to the pipeline's table of streams' dead letters first, with stream,
 * shard, sequence number and reason; it has txn actions of its own, so that a batch that comes
 * again, cut differently even, repeats none.
 *
 * Exactly once: the commit is made only if each position's txn version in the table is still
 * `from`. CONFLICT with code PN_DELTA_TXN_SEEN otherwise: another processor, or this one before a
 * crash, was there; nothing was appended; read the positions again (pn_delta_txn_latest()). After
 * any other failure the batch is not in the table, and may be given again; but for the code
 * PN_DELTA_UNKNOWN, after which the positions show what happened. A full disk is RETRY.
 *
 * Every row's offset lies from its position's `from` to below `to`. Threads: different tables at
 * once from different threads are fine, and share the engine's threads and memory; calls for one
 * table wait for each other. The first batch of a table costs some 20 ms more than the others, and
 * so does the first one with another version of a table that it joins.
 */
PN_MUST_CHECK static inline int pn_engine_append(struct pn_embedded_engine *engine,
                                                 const struct pn_append *append,
                                                 struct pn_table_report *report, struct pn_err *e)
{
    return engine->ops->append(engine, append, report, e);
}
/* For pn_delta handles; borrowed, good for the engine's life. */
static inline const struct pn_delta_parquet *pn_engine_parquet(struct pn_embedded_engine *engine)
{
    return engine->ops->parquet(engine);
}
void pn_embedded_engine_destroy(struct pn_embedded_engine **engine); /* NULL ok */

/* --- dead letters ----------------------------------------------------------------------------- */

/*
 * Takes letters out of the tables of dead letters. Those of loads are remembered first
 * (duckdb/dropped.h), so that a load that finds their records again does not bring them back. A
 * crash before the end may leave letters: the next load takes out those of loads, the same call
 * again all of them. Equal letters have one id. INPUT: too many would have to be remembered. RETRY:
 * others write the table all the time.
 */
PN_MUST_CHECK static inline int pn_engine_drop_letters(struct pn_embedded_engine *engine,
                                                       const struct pn_letter_drop *drops,
                                                       size_t count, struct pn_err *e)
{
    return engine->ops->drop_letters(engine, drops, count, e);
}

/* --- import ---------------------------------------------------------------------------------- */

/*
 * Adds the rows of files to a table, all in one commit, or nothing. INPUT names the file, and the
 * line of what does not fit: columns, or a row while bad rows are not taken. CONFLICT: the table
 * has a file already, and `again` is not set. pn_engine_interrupt() ends it: RETRY.
 */
PN_MUST_CHECK static inline int pn_engine_import(struct pn_embedded_engine *engine,
                                                 const struct pn_import *import,
                                                 struct pn_import_report *report, struct pn_err *e)
{
    return engine->ops->import(engine, import, report, e);
}
/*
 * The same file as JSON lines, for a topic: values have the types of the table's columns, and
 * columns the table's names. All rows have to fit: INPUT names the line of one that does not. The
 * caller frees the path, and removes the file when it is a temporary one.
 */
PN_MUST_CHECK static inline int pn_engine_import_lines(struct pn_embedded_engine *engine,
                                                       const struct pn_import *import, size_t file,
                                                       struct pn_import_lines *lines,
                                                       struct pn_err *e)
{
    return engine->ops->import_lines(engine, import, file, lines, e);
}

#endif
