/*
 * The executor of queries: each runs in a process of its own (worker.h), so that a cancel ends it
 * at once, its memory is its own, and a crash or a limit stops nothing else.
 *
 *   - At most `concurrency` run and `queue` wait; a further one is refused (PN_EXECUTOR_BUSY).
 *   - A spare worker, whose engine is open already, waits for the next query. It is started with
 *     the first query and ends when none came for a while.
 *   - A query whose time is up, that was cancelled, or whose client has gone, is ended by SIGKILL:
 *     it reads only, and what it wrote is below a folder that the executor removes. Where queries
 *     run elsewhere (Spark), a worker first gets `grace_ms` to end what it has started there.
 *   - Rows are kept in files (rows_file.h), from which pages and downloads are read, or streamed to
 *     one reader as CSV or JSON lines. What is kept is bounded in size, number and time.
 *   - No worker outlives the executor, however that ends: a closed pipe and PR_SET_PDEATHSIG see to
 *     it. Files of an earlier server are removed at the start.
 *
 * All functions may be called on any thread; none but create and destroy waits for a query.
 */
#ifndef PN_QUERY_EXECUTOR_H
#define PN_QUERY_EXECUTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/logger.h"
#include "base/metrics.h"
#include "engine/embedded.h"

/* Codes of errors. */
enum {
    PN_EXECUTOR_BUSY = -10,   /* class RETRY: too many queries wait */
    PN_EXECUTOR_NOT_YET = -11 /* class RETRY: what is asked for is being made */
};

enum {
    PN_QUERY_ID_SIZE = 17,
    PN_QUERY_SQL_BYTES_MAX = 1 << 20,
    PN_QUERY_CONCURRENCY_MAX = 64,
    PN_QUERY_QUEUE_MAX = 1000,
    PN_QUERY_RESULTS_MAX = 1000
};

struct pn_executor_config {
    const char *folder;         /* the executor's own; all in it is removed at the start */
    const char *const *command; /* of a worker, without its last word, its folder; NULL-ended */
    int64_t concurrency;
    int64_t queue;
    int64_t timeout_ms;
    int64_t grace_ms; /* 0: SIGKILL at once */
    int64_t result_bytes_max;
    int64_t results_max;
    int64_t results_bytes_max;
    int64_t keep_ms;
};

/* What becomes of the rows. */
enum pn_query_output {
    PN_QUERY_KEEP,
    PN_QUERY_CSV,
    PN_QUERY_CSV_PROTECTED, /* see pn_row_writer_protect() */
    PN_QUERY_JSONL
};

struct pn_query_request {
    const char *sql;
    const char *name;       /* of a query of the pipeline; NULL */
    const char *parameters; /* JSON, as struct pn_ask has them; NULL */
    const char *at;         /* as struct pn_ask has it; NULL */
    enum pn_query_output output;
};

enum pn_query_state {
    PN_QUERY_WAITING,
    PN_QUERY_RUNNING,
    PN_QUERY_DONE,
    PN_QUERY_FAILED,
    PN_QUERY_CANCELLED
};
const char *pn_query_state_name(enum pn_query_state state);

/* Texts are in the caller's arena. */
struct pn_query_status {
    const char *id;
    const char *sql;
    const char *name; /* NULL */
    enum pn_query_state state;
    enum pn_query_output output;
    double progress;     /* from 0 to 1; -1: not known */
    const char *columns; /* JSON: [{"name", "type"}]; NULL: not known yet */
    const char *tables;  /* JSON: {"table": version} of those it reads */
    int64_t rows;        /* so far */
    int64_t bytes;       /* kept */
    int64_t created_ms;  /* wall time */
    int64_t waited_ms;
    int64_t elapsed_ms; /* running */
    /* Of one that failed. */
    const char *error;
    enum pn_class class_;
    bool timed_out;
    struct pn_sql_fault fault;
};

struct pn_executor;

/* Texts are copied; io, clock, logger and metrics are borrowed. */
int pn_executor_create(const struct pn_executor_config *config, const struct pn_io *io,
                       const struct pn_clock *clock, struct pn_logger *logger,
                       struct pn_metrics *metrics, struct pn_executor **executor,
                       struct pn_err *e) PN_MUST_CHECK;
/* Ends all queries, and the thread that calls `changed`. From then on no query is taken. */
void pn_executor_stop(struct pn_executor *executor);
/* Stops it first, and removes the folder. NULL ok. */
void pn_executor_destroy(struct pn_executor **executor);
/* Called, on the executor's thread, whenever a query has more to say: before the first query. */
void pn_executor_listen(struct pn_executor *executor, void (*changed)(void *arg), void *arg);

/* Takes a query. PN_EXECUTOR_BUSY when too many wait. `id` names it from now on. */
int pn_executor_submit(struct pn_executor *executor, const struct pn_query_request *request,
                       char id[PN_QUERY_ID_SIZE], struct pn_err *e) PN_MUST_CHECK;
/* Starts the spare worker, where a query may come soon. */
void pn_executor_warm(struct pn_executor *executor);
/* MISSING: no such query, or it was kept long enough. */
int pn_executor_status(struct pn_executor *executor, const char *id, struct pn_arena *arena,
                       struct pn_query_status *status, struct pn_err *e) PN_MUST_CHECK;
/* All queries that are known, the newest first. */
void pn_executor_list(struct pn_executor *executor, struct pn_arena *arena,
                      struct pn_query_status **statuses, size_t *count);
/* Ends a query that waits or runs; of one that has ended, forgets the result. */
int pn_executor_cancel(struct pn_executor *executor, const char *id,
                       struct pn_err *e) PN_MUST_CHECK;
/* The same for a query that no one waits for any more; one that is not known is fine. */
void pn_executor_abandon(struct pn_executor *executor, const char *id);
/* Has the query ended? True also when it is not known. Quick. */
bool pn_executor_ended(struct pn_executor *executor, const char *id);
/* Are there more kept rows than so many, and are its columns known? Quick. */
bool pn_executor_has_rows(struct pn_executor *executor, const char *id, int64_t rows);

/* --- kept rows -------------------------------------------------------------------------------- */

struct pn_rows_reader;

/* How rows are sorted: by a column, from 0; none: -1. */
struct pn_query_sort {
    int64_t column;
    bool descending;
};

/* Opens the rows of a query that runs or is done, as they are by now. A sorted reader is only there
 * when the query is done; PN_EXECUTOR_NOT_YET means that the order is being made: wait for `wait`
 * to end, if it is not empty (it names the job), and ask again. The caller destroys the reader. */
int pn_executor_open_rows(struct pn_executor *executor, const char *id,
                          const struct pn_query_sort *sort, char wait[PN_QUERY_ID_SIZE],
                          struct pn_rows_reader **reader, struct pn_err *e) PN_MUST_CHECK;
/* The same for the rows as a Parquet file: *fd is the caller's to close. */
int pn_executor_open_parquet(struct pn_executor *executor, const char *id,
                             char wait[PN_QUERY_ID_SIZE], int *fd, int64_t *bytes,
                             struct pn_err *e) PN_MUST_CHECK;

/* --- streamed rows, for one reader -------------------------------------------------------------
 */

enum pn_query_stream {
    PN_QUERY_MORE,  /* what there was is in `out`, maybe nothing; more may come */
    PN_QUERY_END,   /* that was all */
    PN_QUERY_BROKEN /* the query failed or was cancelled */
};

/* Appends what has come, some 64 KiB at most. */
enum pn_query_stream pn_executor_read(struct pn_executor *executor, const char *id,
                                      struct pn_buf *out);
/* Would the read have something, or an end? Quick. */
bool pn_executor_readable(struct pn_executor *executor, const char *id);

#endif
