/*
 * The engine port: reads and writes the tables of a pipeline by SQL.
 *
 * What every implementation promises: a load or a transform reads one snapshot of each table and
 * commits one new version of its target, or nothing; results don't depend on the number of threads;
 * memory stays within the configured limit (it spills to disk).
 *
 * Implementations: duckdb/ (in this process). Spark comes later and runs the same SQL files.
 */
#ifndef PN_ENGINE_ENGINE_H
#define PN_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "base/logger.h"
#include "delta/delta.h"
#include "log/log.h"
#include "pipeline/pipeline.h"
#include "store/store.h"

struct pn_engine_config {
    const struct pn_io *io;  /* NULL: the real disk */
    const char *temp_folder; /* for spilling; NULL where only pn_engine_check() is used */
    int64_t memory_bytes_max;
    int64_t threads; /* 0: one a core */
    const char *parquet_compression;
    int64_t copies_bytes_max; /* of objects, on a store whose objects are not files here */
    struct pn_delta_config delta;
    const char *landed_folder; /* NULL; else read `<folder>/<table>.json[l]` files instead of the
                                  store's landed objects (bench, `pinion batch --from`) */
};

enum { PN_UNKNOWN_SHOWN_MAX = 10, PN_UNKNOWN_SHOWN_SIZE = 64, PN_UNKNOWN_PLACE_SIZE = 768 };
/* How often a member of this name ("pos.w" in a struct) came that no column takes. */
struct pn_unknown_member {
    int64_t count;
    char name[PN_UNKNOWN_SHOWN_SIZE]; /* UTF-8 without control characters; may be cut off */
};

/* What a load, a transform or an append did to one table. */
struct pn_table_report {
    const struct pn_table *table;
    int64_t version;
    int64_t rows;
    int64_t dead_letters;   /* loads: records that are no row */
    int64_t unknown_values; /* loads: members that no column takes, at every depth */
    /* Their names, the most frequent first, and how many more there are. */
    struct pn_unknown_member unknown[PN_UNKNOWN_SHOWN_MAX];
    size_t unknown_count;
    size_t unknown_more;
    /* The first record with the first of them: a landed object and the line in it (from 1 on), or
     * a shard and the offset. "" when there is none. May be cut off. */
    char unknown_place[PN_UNKNOWN_PLACE_SIZE];
    int64_t unknown_position;
    int64_t objects; /* loads: landed objects read */
    int64_t bytes;   /* loads: bytes read, as they are stored */
    int64_t duration_ms;
    /* Loads: objects in the topics' folders that are not read, for their names; the first. */
    int64_t passed_over;
    char passed_over_example[256];
};

/* A query's result: columns first, then rows, on the caller's thread. Non-zero ends the query and
 * is returned. Values are JSON: a string quoted, a number or boolean bare, null, a struct an
 * object; a timestamp is a string "2018-09-03T07:12:45Z". */
struct pn_rows {
    int (*columns)(void *arg, const char *const *names, const char *const *types, size_t count);
    int (*row)(void *arg, const char *const *values, size_t count);
    void *arg;
};

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
    const struct pn_rows *rows;
    /* Called for each table that the query reads, before the columns; `arg` is that of `rows`. NULL
     * ok. */
    void (*table)(void *arg, const char *name, int64_t version);
    struct pn_sql_fault *fault; /* set when the query fails; NULL ok */
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
    struct pn_bytes value; /* JSON text; what is no JSON object goes to the dead letters */
    struct pn_bytes data;  /* the record's bytes as they are in the stream, for dead letters */
    struct pn_bytes partition_key;
    size_t position; /* index into the append's `positions`: its shard */
    int64_t offset;  /* in the shard */
    int64_t arrival_ms;
    bool is_user_record;  /* of a KPL aggregate: key and data are its own, and ... */
    int64_t sub_sequence; /* ... this is its number in the aggregate */
    const char *reason;   /* not NULL: `value` isn't there, this is why it can be no row */
};

/* How far a table has come in one shard. */
struct pn_append_position {
    const char *app_id; /* of the txn action: names stream, its id and shard */
    const char *shard;  /* "shardId-000000000000" */
    int64_t from;       /* the table's txn version before the batch; -1: none yet */
    int64_t to;         /* and behind it: the offset to go on with; equal to from: no change */
    int64_t newest_ms;  /* the txn's time is this or later: the arrival of the record before `to` */
};

enum { PN_ROW_SEQUENCE_SIZE = 64 }; /* a row's sequence number, and its NUL */

/* A micro-batch for one stream table. */
struct pn_append {
    const struct pn_table *table; /* with `like` */
    const char *stream;
    const struct pn_append_row *rows;
    size_t count;
    const struct pn_append_position *positions;
    size_t position_count;
    /* Writes the sequence number of a row that is a dead letter into `out`, of the size above. */
    void (*sequence)(const struct pn_append *append, const struct pn_append_row *row, char *out);
    const void *arg; /* for `sequence` */
    /* Properties that tables are made with, this one and that of the dead letters. */
    const struct pn_delta_map_entry *configuration;
    size_t configuration_count;
};

struct pn_engine;

struct pn_engine_ops {
    const char *name;
    void (*destroy)(struct pn_engine *engine);
    int (*load)(struct pn_engine *engine, const struct pn_table *const *tables, size_t count,
                struct pn_table_report *reports, struct pn_err *e);
    int (*transform)(struct pn_engine *engine, const struct pn_table *const *tables, size_t count,
                     struct pn_table_report *reports, struct pn_err *e);
    int (*ask)(struct pn_engine *engine, const struct pn_ask *ask, struct pn_err *e);
    void (*interrupt)(struct pn_engine *engine);
    double (*progress)(struct pn_engine *engine);
    int (*write_parquet)(struct pn_engine *engine, const struct pn_row_texts *rows,
                         const char *path, struct pn_err *e);
    int (*order)(struct pn_engine *engine, const struct pn_row_texts *rows, bool descending,
                 int (*take)(void *arg, int64_t row), void *arg, struct pn_err *e);
    int (*check)(struct pn_engine *engine, struct pn_err *e);
    int (*append)(struct pn_engine *engine, const struct pn_append *append,
                  struct pn_table_report *report, struct pn_err *e);
    int (*optimize)(struct pn_engine *engine, const char *path, int64_t target_bytes,
                    int64_t *files_before, int64_t *files_after, struct pn_err *e);
    const struct pn_delta_parquet *(*parquet)(struct pn_engine *engine);
};

struct pn_engine {
    const struct pn_engine_ops *ops;
};

/*
 * Loads raw tables: every landed object of the table's topic, read with the declared schema, and
 * the table overwritten. Records that are no row go to the pipeline's dead-letter table, which is
 * rewritten for those topics in the same way (so a repeated load repeats nothing). `reports` has
 * `count` elements.
 */
PN_MUST_CHECK static inline int pn_engine_load(struct pn_engine *engine,
                                               const struct pn_table *const *tables, size_t count,
                                               struct pn_table_report *reports, struct pn_err *e)
{
    return engine->ops->load(engine, tables, count, reports, e);
}
/* Runs each table's SELECT over what it reads and overwrites the table. */
PN_MUST_CHECK static inline int pn_engine_transform(struct pn_engine *engine,
                                                    const struct pn_table *const *tables,
                                                    size_t count, struct pn_table_report *reports,
                                                    struct pn_err *e)
{
    return engine->ops->transform(engine, tables, count, reports, e);
}
/* One SELECT over the pipeline's tables by name; anything that writes or reaches outside the tables
 * is refused (INPUT). */
PN_MUST_CHECK static inline int pn_engine_ask(struct pn_engine *engine, const struct pn_ask *ask,
                                              struct pn_err *e)
{
    return engine->ops->ask(engine, ask, e);
}
/* The same, for its rows alone. */
PN_MUST_CHECK static inline int pn_engine_query(struct pn_engine *engine, const char *sql,
                                                const struct pn_rows *rows, struct pn_err *e)
{
    return engine->ops->ask(engine, &(struct pn_ask){.sql = sql, .rows = rows}, e);
}
/* Ends the queries in progress, and each one that begins after it: they fail. It may take a while
 * until they see it. Any thread. */
static inline void pn_engine_interrupt(struct pn_engine *engine)
{
    engine->ops->interrupt(engine);
}
/* How much of the query in progress is done, from 0 to 1; -1: not known. Any thread. */
static inline double pn_engine_progress(struct pn_engine *engine)
{
    return engine->ops->progress(engine);
}
/* Writes a Parquet file of rows that came from a query, each column with its type. What Parquet
 * readers have no type for (intervals, times with a zone, maps, unions, ...) is text; a HUGEINT is
 * a DECIMAL(38,0), and INPUT beyond its range. */
PN_MUST_CHECK static inline int pn_engine_write_parquet(struct pn_engine *engine,
                                                        const struct pn_row_texts *rows,
                                                        const char *path, struct pn_err *e)
{
    return engine->ops->write_parquet(engine, rows, path, e);
}
/* Sorts rows of one column as ORDER BY does, nulls last and equal ones in their order. `take` gets
 * the number of each row, from 0; non-zero ends it and is returned. */
PN_MUST_CHECK static inline int pn_engine_order(struct pn_engine *engine,
                                                const struct pn_row_texts *rows, bool descending,
                                                int (*take)(void *arg, int64_t row), void *arg,
                                                struct pn_err *e)
{
    return engine->ops->order(engine, rows, descending, take, arg, e);
}
/* Whether the pipeline's SQL can run: its functions, the SELECT of each table (the columns must be
 * those declared, and what it reads be in `reads`), and each query. No table is looked at, and no
 * store is needed. INPUT with the file of the first mistake. */
PN_MUST_CHECK static inline int pn_engine_check(struct pn_engine *engine, struct pn_err *e)
{
    return engine->ops->check(engine, e);
}
/*
 * Appends a micro-batch to a stream table: each row read with the columns of the raw table that
 * `like` reads, cleaned by `like`'s own SELECT, and written as one commit with a txn action for
 * each position that moves. The table is made when it is missing (also by a batch without rows).
 * The SELECT sees the batch and nothing else, so aggregates and windows are those of the batch; one
 * that reads another table, or not the raw one, is INPUT.
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
 * PN_DELTA_UNKNOWN, after which the positions tell. A full disk is RETRY.
 *
 * Every row's offset lies from its position's `from` to below `to`. Threads: different tables at
 * once from different threads are fine, and share the engine's threads and memory; calls for one
 * table wait for each other. The first batch of a table costs some 20 ms more than the others.
 */
PN_MUST_CHECK static inline int pn_engine_append(struct pn_engine *engine,
                                                 const struct pn_append *append,
                                                 struct pn_table_report *report, struct pn_err *e)
{
    return engine->ops->append(engine, append, report, e);
}
/* Compacts a table's small files (by its key in the store) as one or more commits that change no
 * row. Against others who rewrite the same files it tries a few times, then gives up: CONFLICT. */
PN_MUST_CHECK static inline int pn_engine_optimize(struct pn_engine *engine, const char *path,
                                                   int64_t target_bytes, int64_t *files_before,
                                                   int64_t *files_after, struct pn_err *e)
{
    return engine->ops->optimize(engine, path, target_bytes, files_before, files_after, e);
}
/* For pn_delta handles; borrowed, good for the engine's life. */
static inline const struct pn_delta_parquet *pn_engine_parquet(struct pn_engine *engine)
{
    return engine->ops->parquet(engine);
}
void pn_engine_destroy(struct pn_engine **engine); /* NULL ok */

/* engine/duckdb. `config` is copied, all else borrowed for the engine's life; `pipeline` may be
 * NULL where only parquet and optimize are used, `store` where only check is. Nothing is opened
 * yet: DuckDB starts when it is first needed. */
int pn_duckdb_engine_create(const struct pn_engine_config *config,
                            const struct pn_pipeline *pipeline, struct pn_store *store,
                            const struct pn_clock *clock, struct pn_logger *logger,
                            struct pn_engine **engine, struct pn_err *e) PN_MUST_CHECK;

#endif
