/*
 * What the files of the DuckDB engine share. The engine holds two DuckDB instances, each opened
 * when first needed: `work` loads, transforms, compacts and writes checkpoints; `ask` runs other
 * people's SELECTs, closed to everything but the files of the tables that they name. Both live in
 * memory and spill to a folder of their own below the configured one.
 */
#ifndef PN_ENGINE_DUCKDB_PRIVATE_H
#define PN_ENGINE_DUCKDB_PRIVATE_H

#include <duckdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json_writer.h"
#include "base/writeback.h"
#include "engine/duckdb/duckdb.h"
#include "engine/duckdb/reach.h"
#include "engine/duckdb/verify.h"
#include "engine/duckdb/views.h"

enum {
    PN_DUCKDB_SQL_MAX = 64 << 20,     /* bytes of a statement we put together */
    PN_DUCKDB_ROW_GROUP_ROWS = 60000, /* measured: larger groups cost memory and time */
    /* Of an append, and of little data: there are some ten thousand rows, and a thread encodes a
     * group. */
    PN_DUCKDB_SMALL_GROUP_ROWS = 6000
};

struct pn_landed_scan;
struct pn_appender;
struct pn_duckdb_function;
struct pn_file_cache;
struct pn_file_shelf;
struct pn_in_progress;

struct pn_duckdb {
    struct pn_embedded_engine engine; /* first: the engine is one, and a batch engine */
    struct pn_duckdb_config config;
    const struct pn_pipeline *pipeline;
    struct pn_store *store;
    const struct pn_clock *clock;
    struct pn_logger *logger;
    struct pn_delta_parquet parquet;
    const struct pn_duckdb_function *const *functions; /* of the work instance; ends with NULL */

    atomic_bool interrupted; /* by pn_engine_interrupt(): queries and compactions end */

    pthread_mutex_t work_lock; /* of `work`; before `lock`, as that of `ask` */
    duckdb_database work;
    pthread_mutex_t ask_lock; /* of these: */
    duckdb_database ask;
    bool ask_is_limited;              /* to this, and no setting can be changed: */
    struct pn_duckdb_reach ask_reach; /* what queries have read so far */

    pthread_mutex_t lock;               /* of all below */
    char *temp_folder;                  /* this process's own, made when first needed */
    struct pn_in_progress *in_progress; /* queries and imports, the last one first (asking.h) */
    struct pn_duckdb_views work_views;
    struct pn_duckdb_views ask_views;
    struct pn_duckdb_verified verified; /* has a lock of its own */
    struct pn_landed_scan **scans; /* those that statements in progress read, by their number */
    size_t scan_capacity;
    struct pn_file_cache *copies;   /* of objects; NULL until one is needed */
    struct pn_file_shelf *shelf;    /* of `copies`; NULL: none */
    struct pn_appender **appenders; /* of stream tables; they stay */
    size_t appender_count;
    size_t appender_capacity;
};

/* --- connection.c -------------------------------------------------------------------------- */

/* A new connection, to be closed by duckdb_disconnect(). */
int pn_duckdb_connect_work(struct pn_duckdb *engine, duckdb_connection *connection,
                           struct pn_err *e) PN_MUST_CHECK;
int pn_duckdb_connect_ask(struct pn_duckdb *engine, duckdb_connection *connection,
                          struct pn_err *e) PN_MUST_CHECK;
/* The same, but only to an instance that pn_duckdb_limit_ask() has limited. */
int pn_duckdb_connect_limited(struct pn_duckdb *engine, duckdb_connection *connection,
                              struct pn_err *e) PN_MUST_CHECK;
/* Should the files of all tables be added to these, which are sorted here? So it is where limiting
 * the ask instance to these alone would take another instance, now or, with queries in turn, by
 * the next of them. */
bool pn_duckdb_should_widen(struct pn_duckdb *engine, struct pn_duckdb_reach *reach, bool in_turn);
/* Closes the ask instance to all files but these, which are taken, and those that queries before
 * have read; to the network, and to settings. Where it was closed to one of these, another instance
 * takes its place, and *connection is one to that. Before anything of other people's is bound. */
int pn_duckdb_limit_ask(struct pn_duckdb *engine, duckdb_connection *connection,
                        struct pn_duckdb_reach *reach, struct pn_err *e) PN_MUST_CHECK;
void pn_duckdb_close(struct pn_duckdb *engine);

/* --- temp_folder.c ------------------------------------------------------------------------- */

/* The folder for spilled and other temporary files; borrowed. */
int pn_duckdb_temp_folder(struct pn_duckdb *engine, const char **folder,
                          struct pn_err *e) PN_MUST_CHECK;
/* Makes it; the caller holds the engine's lock. */
int pn_duckdb_make_temp_folder(struct pn_duckdb *engine, struct pn_err *e) PN_MUST_CHECK;

struct pn_duckdb_said;

/* --- sql.c --------------------------------------------------------------------------------- */

/* Runs one statement or several. `result` may be NULL; otherwise it is to be destroyed after
 * success. */
int pn_duckdb_run(duckdb_connection connection, const char *sql, duckdb_result *result,
                  struct pn_err *e) PN_MUST_CHECK;
/* The same for what `sql` holds; a statement that did not fit is an error. */
int pn_duckdb_run_buf(duckdb_connection connection, const struct pn_buf *sql, duckdb_result *result,
                      struct pn_err *e) PN_MUST_CHECK;
/* The same for one statement that takes long. Once `stop` (NULL ok) is true, it ends and fails. */
int pn_duckdb_run_long(duckdb_connection connection, const struct pn_buf *sql,
                       const atomic_bool *stop, duckdb_result *result,
                       struct pn_err *e) PN_MUST_CHECK;
/* The same for a COPY to the file `path`, which an interrupt of the engine ends. The disk begins to
 * write the file meanwhile, so that its sync waits for little. */
int pn_duckdb_run_copy(struct pn_duckdb *engine, duckdb_connection connection,
                       const struct pn_buf *sql, const char *path, duckdb_result *result,
                       struct pn_err *e) PN_MUST_CHECK;
/* The result is to be destroyed after success. */
int pn_duckdb_execute(duckdb_prepared_statement statement, duckdb_result *result,
                      struct pn_err *e) PN_MUST_CHECK;
/* The same for a result that may be larger than memory: its rows are made as they are fetched. Once
 * `stop` is true, it ends and fails. `said` is for pn_duckdb_fail_in(). */
int pn_duckdb_stream(duckdb_connection connection, duckdb_prepared_statement statement,
                     const atomic_bool *stop, duckdb_result *result,
                     const struct pn_duckdb_said *said, struct pn_err *e) PN_MUST_CHECK;
/* Does it say that the instance takes no more statements? A new connection is to a new one. */
bool pn_duckdb_is_invalidated(const char *message);
/* Was it DuckDB's own limit? What others have of it at the moment, a compaction say, passes. */
bool pn_duckdb_out_of_memory(const struct pn_err *e);
int pn_duckdb_fail_prepared(struct pn_err *e, duckdb_prepared_statement statement);

/* --- fault.c: what DuckDB says of a failure --------------------------------------------------- */

/* What a message is about: the statement's text (NULL: not known), and where its place goes (NULL
 * ok). */
struct pn_duckdb_said {
    const char *sql;
    struct pn_sql_fault *fault;
};
/* DuckDB's message as an error of ours: one line, its class by DuckDB's kind. The message may be
 * JSON, as the ask instance gives it. Returns non-zero. */
int pn_duckdb_fail_in(struct pn_err *e, const char *message, const struct pn_duckdb_said *said);
int pn_duckdb_fail(struct pn_err *e, const char *message);
/* Names what an error of a table's SQL is about: the file, or, where reading or writing failed,
 * which the SQL is not to blame for, the table. */
void pn_duckdb_blame(struct pn_err *e, const char *sql_file, const char *table);

/* Appends 'text', "name", and the literal of a path to read, in which no character is a pattern. In
 * a pattern, a backslash ends the name of a folder, so a path that has one stays as it is: DuckDB
 * looks for a file of that very name before it takes the text for a pattern. */
void pn_duckdb_add_text(struct pn_buf *sql, const char *text);
void pn_duckdb_add_name(struct pn_buf *sql, const char *name);
void pn_duckdb_add_path(struct pn_buf *sql, const char *path);

/* A VARCHAR at `row` of a vector: its bytes, borrowed from the vector; false for null. */
bool pn_duckdb_text(duckdb_vector vector, idx_t row, const char **text, size_t *len);
bool pn_duckdb_is_null(duckdb_vector vector, idx_t row);

/* --- types.c ------------------------------------------------------------------------------- */

/* Caller destroys it. */
duckdb_logical_type pn_duckdb_type(const struct pn_type *type);
bool pn_duckdb_type_is(duckdb_logical_type found, const struct pn_type *type);
/* A type's name, for messages, results and casts (BIGINT, STRUCT("a" DOUBLE)). */
void pn_duckdb_type_name(duckdb_logical_type type, struct pn_buf *out);

/* Nested types are made of others: a map of its keys' and its values'. Others have none. */
idx_t pn_duckdb_child_count(duckdb_logical_type type);
/* Caller destroys it. */
duckdb_logical_type pn_duckdb_child_type(duckdb_logical_type type, idx_t i);

/* --- value.c ------------------------------------------------------------------------------- */

/* Can values of this type be shown as JSON? INPUT error naming `column` if not. */
int pn_duckdb_json_check(duckdb_logical_type type, const char *column,
                         struct pn_err *e) PN_MUST_CHECK;
/* Appends the value at `row` of a vector of a type that passed the check; see struct pn_ask. */
void pn_duckdb_json(struct pn_buf *out, duckdb_logical_type type, duckdb_vector vector, idx_t row,
                    bool for_import);
/* value_text.c: a value at `row` that JSON has no form of its own for (times, intervals, UUIDs,
 * bytes, ...). */
void pn_duckdb_put_scalar(struct pn_json_writer *json, duckdb_logical_type type, void *data,
                          idx_t row);

/* --- run_values.c -------------------------------------------------------------------------- */

/* Is an incremental table to be made afresh, by the config or the conf of the run? */
bool pn_duckdb_refreshes(const struct pn_duckdb *engine, const struct pn_table *table);
/* May a raw table that is made afresh lose the rows of imports, likewise? */
bool pn_duckdb_drops_imported(const struct pn_duckdb *engine, const struct pn_table *table);

/* --- jobs.c -------------------------------------------------------------------------------- */

/* Runs job(arg, i, ...) for i below `count`, at the same time, each with a connection of its own to
 * the work instance; waits for all. Returns the first failure in the order of i. */
int pn_duckdb_jobs(struct pn_duckdb *engine, size_t count,
                   int (*job)(void *arg, size_t i, duckdb_connection connection, struct pn_err *e),
                   void *arg, struct pn_err *e) PN_MUST_CHECK;

/* --- requests.c ---------------------------------------------------------------------------- */

/* Runs job(arg, i, ...) for i below `count`, several at once, for jobs that mostly wait for the
 * store. After a failure, or an interrupt, no further ones begin; returns the failure of the lowest
 * i. */
int pn_duckdb_requests(struct pn_duckdb *engine, size_t count,
                       int (*job)(void *arg, size_t i, struct pn_err *e), void *arg,
                       struct pn_err *e) PN_MUST_CHECK;

/* --- query.c ------------------------------------------------------------------------------- */

struct pn_duckdb_names;

/* Is it a statement that writes? Such a one doesn't get to the check of what it is, as DuckDB finds
 * other faults first. */
bool pn_duckdb_writes(const char *sql);
/* A statement of other people's, read but neither bound nor run. */
struct pn_duckdb_select {
    struct pn_duckdb_said said; /* set by the caller; borrowed */
    duckdb_extracted_statements statements;
    char *tree; /* as JSON text (allow.h) */
};
/* INPUT unless it is one SELECT. pn_duckdb_select_deinit() is to follow in any case. */
int pn_duckdb_read_select(duckdb_connection connection, struct pn_duckdb_select *select,
                          struct pn_err *e) PN_MUST_CHECK;
void pn_duckdb_select_deinit(struct pn_duckdb_select *select);
/* INPUT unless the SELECT is of what queries may name: `keys` and `read` are those of
 * pn_duckdb_check_allowed(). The statement is to be destroyed in any case. */
int pn_duckdb_prepare_select(duckdb_connection connection, const struct pn_pipeline *pipeline,
                             const struct pn_duckdb_names *keys,
                             const struct pn_duckdb_select *select, struct pn_duckdb_names *read,
                             duckdb_prepared_statement *statement, struct pn_err *e) PN_MUST_CHECK;
/* The name of the table that isn't there, within DuckDB's message; NULL: it is about another thing.
 */
const char *pn_duckdb_missed_table(const struct pn_err *e, size_t *len);

/* --- load.c, transform.c, append.c, query.c, check.c, optimize.c: the port's functions ------- */

int pn_duckdb_load(struct pn_engine *base, const struct pn_table *const *tables, size_t count,
                   struct pn_table_report *reports, struct pn_err *e);
int pn_duckdb_transform(struct pn_engine *base, const struct pn_table *const *tables, size_t count,
                        struct pn_table_report *reports, struct pn_err *e);
int pn_duckdb_append(struct pn_embedded_engine *base, const struct pn_append *append,
                     struct pn_table_report *report, struct pn_err *e);
int pn_duckdb_query(struct pn_engine *base, const char *sql, const struct pn_rows *rows,
                    struct pn_err *e);
int pn_duckdb_ask(struct pn_embedded_engine *base, const struct pn_ask *ask, struct pn_err *e);
void pn_duckdb_ask_all(struct pn_embedded_engine *base, const struct pn_asks *asks);
int pn_duckdb_warm(struct pn_embedded_engine *base, struct pn_err *e);
void pn_duckdb_interrupt(struct pn_engine *base);
double pn_duckdb_progress(struct pn_embedded_engine *base);
int pn_duckdb_write_parquet(struct pn_embedded_engine *base, const struct pn_row_texts *rows,
                            const char *path, struct pn_err *e);
int pn_duckdb_order(struct pn_embedded_engine *base, const struct pn_row_texts *rows,
                    bool descending, int (*take)(void *arg, int64_t row), void *arg,
                    struct pn_err *e);
int pn_duckdb_check(struct pn_engine *base, struct pn_err *e);
int pn_duckdb_optimize(struct pn_engine *base, const char *path, int64_t target_bytes,
                       const struct pn_optimize_watch *watch, int64_t *files_before,
                       int64_t *files_after, struct pn_err *e);

/* --- checkpoint.c: struct pn_delta_parquet; ctx is the engine ------------------------------- */

int pn_duckdb_write_checkpoint(void *ctx, const char *ndjson, size_t len, const char *path,
                               struct pn_err *e);
int pn_duckdb_read_checkpoint(void *ctx, const char *key,
                              int (*line)(void *arg, const char *json, size_t len,
                                          struct pn_err *e),
                              void *arg, struct pn_err *e);

/* --- run_values.c ---------------------------------------------------------------------------- */

/* Defines what SQL can read of its run; before the prelude, which may use it. */
int pn_duckdb_add_run_macros(struct pn_duckdb *engine, duckdb_connection connection,
                             struct pn_err *e) PN_MUST_CHECK;

#endif
