/*
 * The engine port, for batches: makes the tables of a pipeline by SQL, checks the SQL, and answers
 * queries.
 *
 * What every implementation promises: a load or a transform reads one snapshot of each table and
 * commits one new version of its target, or nothing; results don't depend on the number of threads;
 * memory stays within the configured limit (it spills to disk).
 *
 * Implementations: duckdb/ (in this process), spark/ (jobs of Apache Spark). What only an engine in
 * this process can be (interactive queries, micro-batches, the Parquet of checkpoints) is
 * embedded.h.
 */
#ifndef PN_ENGINE_ENGINE_H
#define PN_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "pipeline/pipeline.h"

enum { PN_READ_VERSIONS_MAX = 16 };
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
    int64_t dead_letters;   /* loads: records that are not rows; else rows in quarantine */
    int64_t unknown_values; /* loads: members that no column takes, at every depth */
    /* Their names, the most frequent first, and how many more there are. */
    struct pn_unknown_member unknown[PN_UNKNOWN_SHOWN_MAX];
    size_t unknown_count;
    size_t unknown_more;
    /* The first record with the first of them: an object and the line in it (from 1 on; 0: the
     * object has no lines), or a shard and the offset. "" when there is none. May be cut off. */
    char unknown_place[PN_UNKNOWN_PLACE_SIZE];
    int64_t unknown_position;
    int64_t objects; /* loads: landed objects read */
    int64_t bytes;   /* loads: bytes read, as they are stored */
    int64_t duration_ms;
    /* Of an incremental table: the commit added `rows` to those there were, and rewrote so many
     * files. `version` is the one before it where nothing was new, and no commit made. */
    bool is_added;
    bool is_unchanged;
    int64_t files_rewritten;
    int64_t rows_deleted; /* merges: rows of the table that `delete_when` deleted */
    /* Of an incremental table that was made afresh: why. "" otherwise. */
    char why_afresh[256];
    /* Transforms: the versions of the first tables of table->reads that were read. */
    int64_t read_versions[PN_READ_VERSIONS_MAX];
    size_t read_count;
    /* Loads: objects in the topics' folders that are not read, for their names; the first. */
    int64_t passed_over;
    char passed_over_example[256];
    /* Loads of files: objects that were taken, and have the same sizes, but other etags, since the
     * store was copied or since they were written again; the first. Nothing of them is read. */
    int64_t copied;
    char copied_example[256];
    int64_t expect_failed[PN_EXPECTS_MAX]; /* rows that do not pass each of table->expects */
};

/* A query's result: columns first, then rows, on the caller's thread. Non-zero ends the query and
 * is returned. Values are JSON: a string quoted, a number or boolean bare, null, a struct an
 * object; a timestamp is a string "2018-09-03T07:12:45Z". */
struct pn_rows {
    int (*columns)(void *arg, const char *const *names, const char *const *types, size_t count);
    int (*row)(void *arg, const char *const *values, size_t count);
    void *arg;
};

/* How a caller follows an optimize. */
struct pn_optimize_watch {
    /* So many small files of `total` (-1: not known) were merged; each pass adds to the total.
     * False ends it: what was committed stays, and the call fails as RETRY. */
    bool (*step)(void *arg, int64_t done, int64_t total);
    void *arg;
};

struct pn_engine;

struct pn_engine_ops {
    const char *name;
    void (*destroy)(struct pn_engine *engine);
    int (*load)(struct pn_engine *engine, const struct pn_table *const *tables, size_t count,
                struct pn_table_report *reports, struct pn_err *e);
    int (*transform)(struct pn_engine *engine, const struct pn_table *const *tables, size_t count,
                     struct pn_table_report *reports, struct pn_err *e);
    int (*query)(struct pn_engine *engine, const char *sql, const struct pn_rows *rows,
                 struct pn_err *e);
    int (*check)(struct pn_engine *engine, struct pn_err *e);
    int (*optimize)(struct pn_engine *engine, const char *path, int64_t target_bytes,
                    const struct pn_optimize_watch *watch, int64_t *files_before,
                    int64_t *files_after, struct pn_err *e);
    void (*interrupt)(struct pn_engine *engine);
};

struct pn_engine {
    const struct pn_engine_ops *ops;
};

/*
 * Loads raw tables: every landed object of the table's topic, read with the declared schema, and
 * the table overwritten; or, of a table with another mode, those objects that have landed since its
 * last load, whose rows are added. Without new objects nothing is committed. Records that are not
 * rows go to the pipeline's dead-letter table, which is rewritten for the tables that are
 * overwritten (so a repeated load repeats nothing), and gets those of new objects, once. `reports`
 * has `count` elements.
 */
PN_MUST_CHECK static inline int pn_engine_load(struct pn_engine *engine,
                                               const struct pn_table *const *tables, size_t count,
                                               struct pn_table_report *reports, struct pn_err *e)
{
    return engine->ops->load(engine, tables, count, reports, e);
}
/* Runs each table's SELECT over what it reads and overwrites the table; or, of a table with another
 * mode, over what is new there, and adds its rows. */
PN_MUST_CHECK static inline int pn_engine_transform(struct pn_engine *engine,
                                                    const struct pn_table *const *tables,
                                                    size_t count, struct pn_table_report *reports,
                                                    struct pn_err *e)
{
    return engine->ops->transform(engine, tables, count, reports, e);
}
/* One SELECT over the pipeline's tables by name; anything that writes or reaches outside the tables
 * is refused (INPUT). */
PN_MUST_CHECK static inline int pn_engine_query(struct pn_engine *engine, const char *sql,
                                                const struct pn_rows *rows, struct pn_err *e)
{
    return engine->ops->query(engine, sql, rows, e);
}
/* Whether the pipeline's SQL can run: its functions, the SELECT of each table (the columns must be
 * those declared, and what it reads be in `reads`), and each query. No table is looked at, and no
 * store is needed. INPUT with the file of the first mistake. */
PN_MUST_CHECK static inline int pn_engine_check(struct pn_engine *engine, struct pn_err *e)
{
    return engine->ops->check(engine, e);
}
/* Compacts a table's small files (by its key in the store) as one or more commits that change no
 * row. Against others who rewrite the same files it tries a few times, then gives up: CONFLICT.
 * `watch` may be NULL. */
PN_MUST_CHECK static inline int pn_engine_optimize(struct pn_engine *engine, const char *path,
                                                   int64_t target_bytes,
                                                   const struct pn_optimize_watch *watch,
                                                   int64_t *files_before, int64_t *files_after,
                                                   struct pn_err *e)
{
    return engine->ops->optimize(engine, path, target_bytes, watch, files_before, files_after, e);
}
/* Ends the queries and the optimizes in progress, and each one that begins after it: they fail, an
 * optimize as RETRY. Of an engine outside this process it ends all that runs there. It may take a
 * while until they see it. Any thread. */
static inline void pn_engine_interrupt(struct pn_engine *engine)
{
    engine->ops->interrupt(engine);
}
void pn_engine_destroy(struct pn_engine **engine); /* NULL ok */

#endif
