/*
 * Micro-batches into stream tables. For each such table the engine keeps an appender: a connection
 * whose raw table (the one that the SELECT of `like` reads) is the batch at hand, the prepared COPY
 * of that SELECT into a Parquet file, and handles on the table and on that of dead letters. A batch
 * then costs no planning, no opening and no reading of the table's log.
 *
 *   append.c               a batch's way: rows, dead letters, commit
 *   appenders.c            the engine's appenders: made, found, ended
 *   append_prepare.c       their statements
 *   append_joined.c        the tables that the SELECT joins
 *   append_rows.c          the batch as rows of a table function
 *   append_dead_letters.c  the table of streams' dead letters
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

/* A table that the SELECT joins. */
struct pn_joined {
    const struct pn_table *table;
    struct pn_delta *delta;
    struct pn_delta_snapshot *snapshot; /* NULL: to be read */
    int64_t version;                    /* of the snapshot that the last batch read; -1: none */
    int64_t timestamp_ms;
    int64_t pinned; /* the version that the batch must read; -1: the newest */
    int64_t gone;   /* the newest one that was pinned and could not be read; -1: none */
    bool is_bound;  /* the connection has a view of that snapshot */
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
    struct pn_joined *joined;     /* table->read_count of them */
    struct pn_file_lease lease;   /* of their files, for a batch */
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
    int64_t *lettered;    /* for each position the offset below which dead letters are there, ... */
    int64_t *decided_by;  /* ... and for each of its joined tables the version that decided on them,
                           * or -1; within the same allocation */
    atomic_size_t next;   /* of the dead letters' rows */
    const char *made_by;  /* these letters, in JSON, ... */
    int64_t after;        /* ... and the version of the table then; -1: there was none */
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
/* The commitInfo's operationParameters: of the batch's rows, or of its dead letters. */
void pn_append_parameters(const struct pn_appender *appender, bool is_rows, struct pn_buf *out);

/* --- append_joined.c ------------------------------------------------------------------------- */

/* The transaction of the dead letters that says up to where a position has them; good until the
 * batch's end. */
const char *pn_appender_letters_id(struct pn_appender *appender, size_t position);
/* Made and ended with the appender. */
void pn_joined_init(struct pn_appender *appender);
void pn_joined_deinit(struct pn_appender *appender);
/* The connection is closed, and its views are gone. */
void pn_joined_forget_views(struct pn_appender *appender);
/* Reads the newest version of each table, or the one that decided on dead letters of this batch;
 * its files are there until the lease is released.
 * *moved, also after a failure: a statement over an earlier one must be made again. RETRY: one is
 * not there, or cannot be read now. */
int pn_joined_refresh(struct pn_appender *appender, bool *moved, struct pn_err *e) PN_MUST_CHECK;
/* Makes the connection's views of these versions, where they are not there. */
int pn_joined_bind(struct pn_appender *appender, struct pn_err *e) PN_MUST_CHECK;
/* Can all of the tables be read? RETRY: a failure of the SELECT may be theirs, not a row's. */
int pn_joined_read_all(struct pn_appender *appender, struct pn_err *e) PN_MUST_CHECK;
/* Are there dead letters of the batch already, which other versions decided on than those that it
 * reads? After pn_joined_refresh(). */
bool pn_joined_decides_again(const struct pn_appender *appender, size_t position);
/* The transaction of the dead letters that has the version of a table at a position; good until the
 * batch's end. */
const char *pn_joined_app_id(struct pn_appender *appender, size_t position, size_t joined);
/* Writes the versions, as the JSON text that parameters of a commit are. */
void pn_joined_add_versions(const struct pn_appender *appender, struct pn_json_writer *json);

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
 * one; that another is read is noted. A SELECT may read it several times. */
extern const struct pn_duckdb_function pn_batch_function;
/* A copy of a reason, good until the batch's end. */
const char *pn_appender_reason(struct pn_appender *appender, const char *text);

/* --- append_dead_letters.c ------------------------------------------------------------------- */

/* pn_dead_letter_list(<number>): the rows of a batch that are none. */
extern const struct pn_duckdb_function pn_dead_letters_function;
/* Commits those of the batch's dead letters that the table doesn't have. RETRY: another processor
 * has committed some meanwhile, by other versions of what is joined perhaps. */
int pn_appender_commit_dead_letters(struct pn_appender *appender, struct pn_err *e) PN_MUST_CHECK;
/* The same for a batch without dead letters that joins tables. */
int pn_appender_check_dead_letters(struct pn_appender *appender, struct pn_err *e) PN_MUST_CHECK;

#endif
