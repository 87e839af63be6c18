/*
 * Micro-batches into stream tables. For each such table the engine keeps an appender: a connection
 * whose raw table (the one that the SELECT of `like` reads) is the batch at hand, the prepared COPY
 * of that SELECT into a Parquet file, and handles on the table and on that of dead letters. A batch
 * then costs no planning, no opening and no reading of the table's log.
 *
 *   append.c          a batch's way: rows, dead letters, commit
 *   appenders.c       the engine's appenders: made, found, ended
 *   append_prepare.c  their statements
 *   append_rows.c     the batch as rows of a table function
 *   append_letters.c  the table of streams' dead letters
 */
#ifndef PN_ENGINE_DUCKDB_APPEND_H
#define PN_ENGINE_DUCKDB_APPEND_H

#include <stdatomic.h>

#include "base/arena.h"
#include "engine/duckdb/function.h"
#include "engine/duckdb/unknown.h"
#include "engine/duckdb/write.h"

/* A COPY that is prepared once. Its file has the same path each time. */
struct pn_prepared_copy {
    duckdb_prepared_statement statement; /* NULL: to be prepared */
    char *path;
};

struct pn_appender {
    struct pn_duckdb *engine;
    const struct pn_table *table;
    const struct pn_table *raw;  /* whose columns say how a record is read */
    struct pn_table letters;     /* the table of dead letters */
    uint64_t number;             /* its place in engine->appenders */
    pthread_mutex_t lock;        /* of all below: one batch at a time */
    struct pn_buf schema;        /* of the table */
    struct pn_buf letter_schema; /* of the table of dead letters */
    struct pn_delta *delta;
    struct pn_delta *letter_delta;
    duckdb_connection connection; /* NULL: to be opened */
    struct pn_prepared_copy copy;
    struct pn_prepared_copy letter_copy;
    bool reads_raw;               /* the statement bound last reads the batch, ... */
    const struct pn_table *stray; /* ... and this other table; NULL: none */

    /* The batch at hand. Statements read the rows from `first` to `end` for which there is no
     * reason. */
    const struct pn_append *batch;
    size_t first;
    size_t end;
    const char **reasons; /* for each row why it is none, or NULL */
    int64_t *lettered;    /* for each position the offset below which dead letters are there */
    atomic_size_t next;
    struct pn_unknown unknown;
    pthread_mutex_t threads_lock;     /* of what several threads of a statement write: */
    struct pn_arena arena;            /* reasons */
    struct pn_duckdb_failure failure; /* the machine's, not a row's */
};

/* --- appenders.c ----------------------------------------------------------------------------- */

/* The table's appender, made when there is none; the engine's. */
struct pn_appender *pn_appender_for(struct pn_duckdb *engine, const struct pn_table *table);
/* The one of a number, for table functions; NULL when there is none. */
struct pn_appender *pn_appender_find(struct pn_duckdb *engine, int64_t number);
void pn_appenders_destroy(struct pn_duckdb *engine);
/* After a statement that failed: nothing of it is used again. */
void pn_appender_forget(struct pn_appender *appender);
void pn_prepared_copy_forget(struct pn_prepared_copy *copy);
/* The commitInfo's operationParameters: `stream` is NULL where rows come from several. */
void pn_append_parameters(const char *stream, struct pn_buf *out);

/* --- append_prepare.c ------------------------------------------------------------------------ */

/* Connection and statement, where they aren't there. */
int pn_appender_prepare(struct pn_appender *appender, struct pn_err *e) PN_MUST_CHECK;
int pn_appender_prepare_dead_letters(struct pn_appender *appender, struct pn_err *e) PN_MUST_CHECK;
/* Runs a prepared COPY and makes its file durable below `table`'s path. */
int pn_appender_run(struct pn_appender *appender, struct pn_prepared_copy *copy,
                    const struct pn_table *table, struct pn_written *written,
                    struct pn_err *e) PN_MUST_CHECK;

/* --- append_rows.c --------------------------------------------------------------------------- */

/* pn_batch(<appender>, <table>): the rows of the batch, where the table of the pipeline is the raw
 * one; that another is read is noted. */
extern const struct pn_duckdb_function pn_batch_function;
/* A copy of a reason, good until the batch's end. */
const char *pn_appender_reason(struct pn_appender *appender, const char *text);

/* --- append_letters.c ------------------------------------------------------------------------ */

/* pn_dead_letter_list(<number>): the rows of a batch that are none. */
extern const struct pn_duckdb_function pn_dead_letters_function;
/* Commits those of the batch's dead letters that the table doesn't have. */
int pn_appender_commit_dead_letters(struct pn_appender *appender, struct pn_err *e) PN_MUST_CHECK;

#endif
