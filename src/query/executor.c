#include "query/executor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "query/internal.h"
#include "query/rows_file.h"
#include "query/worker.h"

enum { SPARE_MS = 10 * 60 * 1000, NS_A_MS = 1000000, STREAM_PIECE_BYTES = 64 * 1024 };

/* --- life ------------------------------------------------------------------------------------- */

static void copy_command(struct pn_executor *executor, const char *const *command)
{
    while (command[executor->command_len] != NULL) {
        executor->command_len++;
    }
    executor->command = pn_xcalloc(executor->command_len + 2, sizeof *executor->command);
    for (size_t i = 0; i < executor->command_len; i++) {
        executor->command[i] = pn_xstrdup(command[i]);
    }
}

static void add_metrics(struct pn_executor *executor, struct pn_metrics *metrics)
{
    for (int state = PN_QUERY_DONE; state <= PN_QUERY_CANCELLED; state++) {
        executor->ended[state] = pn_metrics_get(metrics, PN_METRIC_QUERY_QUERIES,
                                                pn_query_state_name((enum pn_query_state)state));
    }
    executor->refused = pn_metrics_get(metrics, PN_METRIC_QUERY_REFUSED, NULL);
    executor->running = pn_metrics_get(metrics, PN_METRIC_QUERY_RUNNING, NULL);
}

/* Nothing can use what an earlier server left. */
static int empty_folder(const struct pn_io *io, const char *folder, struct pn_err *e)
{
    int rc = pn_io_exists(io, folder) ? pn_io_remove_tree(io, folder, e) : 0;
    return rc != 0 ? rc : pn_io_mkdirs(io, folder, e);
}

int pn_executor_create(const struct pn_executor_config *config, const struct pn_io *io,
                       const struct pn_clock *clock, struct pn_logger *logger,
                       struct pn_metrics *metrics, struct pn_executor **executor, struct pn_err *e)
{
    struct pn_executor *made = pn_xcalloc(1, sizeof *made);
    made->config = *config;
    made->config.folder = pn_xstrdup(config->folder);
    made->config.command = NULL;
    made->io = io;
    made->clock = clock;
    made->logger = logger;
    pthread_mutex_init(&made->lock, NULL);
    made->parser = pn_json_parser_create();
    made->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    PN_ASSERT(made->wake_fd >= 0);
    copy_command(made, config->command);
    add_metrics(made, metrics);
    int rc = empty_folder(io, config->folder, e);
    if (rc == 0) {
        rc = pthread_create(&made->thread, NULL, pn_executor_thread, made);
        made->started = rc == 0;
        rc = rc == 0 ? 0 : pn_err_errno(e, rc, "cannot start the thread of queries");
    }
    if (rc == 0) {
        *executor = made;
        made = NULL;
    }
    pn_executor_destroy(&made);
    return rc;
}

void pn_executor_stop(struct pn_executor *executor)
{
    if (!executor->started) {
        return;
    }
    pthread_mutex_lock(&executor->lock);
    executor->stopping = true;
    for (struct pn_query_job *job = executor->jobs; job != NULL; job = job->next) {
        job->cancelled = !pn_query_job_ended(job);
    }
    pthread_mutex_unlock(&executor->lock);
    pn_executor_wake(executor);
    (void)pthread_join(executor->thread, NULL);
    executor->started = false;
}

void pn_executor_destroy(struct pn_executor **executor)
{
    struct pn_executor *gone = *executor;
    struct pn_err e;
    if (gone == NULL) {
        return;
    }
    pn_executor_stop(gone);
    if (pn_io_remove_tree(gone->io, gone->config.folder, &e) != 0) {
        pn_logger_warn(gone->logger, "query", "%s", e.msg);
    }
    for (struct pn_query_job *job = gone->jobs; job != NULL;) {
        struct pn_query_job *next = job->next;
        pn_query_job_destroy(job);
        job = next;
    }
    for (size_t i = 0; i < gone->command_len; i++) {
        free(gone->command[i]);
    }
    free(gone->command);
    free((char *)gone->config.folder);
    free(gone->trash.paths);
    pn_json_parser_destroy(&gone->parser);
    (void)close(gone->wake_fd);
    pthread_mutex_destroy(&gone->lock);
    free(gone);
    *executor = NULL;
}

void pn_executor_listen(struct pn_executor *executor, void (*changed)(void *arg), void *arg)
{
    pthread_mutex_lock(&executor->lock);
    executor->changed = changed;
    executor->changed_arg = arg;
    pthread_mutex_unlock(&executor->lock);
}

/* --- queries ---------------------------------------------------------------------------------- */

static void want_spare(struct pn_executor *executor)
{
    executor->spare_until_ns = pn_mono_ns(executor->clock) + SPARE_MS * INT64_C(1000000);
}

static int check_request(const struct pn_query_request *request, struct pn_err *e)
{
    if (strlen(request->sql) > PN_QUERY_SQL_BYTES_MAX ||
        (request->parameters != NULL && strlen(request->parameters) > PN_QUERY_SQL_BYTES_MAX)) {
        return pn_err_input(e, "a query and its parameters must have at most %d bytes each",
                            PN_QUERY_SQL_BYTES_MAX);
    }
    struct pn_delta_moment moment;
    return request->at != NULL ? pn_delta_moment_parse(request->at, &moment, e) : 0;
}

/* Is there a place for one more of this kind, to run or to wait? */
static int check_room(struct pn_executor *executor, bool query, struct pn_err *e)
{
    const struct pn_executor_config *config = &executor->config;
    if (executor->stopping) {
        return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "the server is stopping");
    }
    int64_t running = pn_query_jobs_count(executor, PN_QUERY_RUNNING, query);
    int64_t waiting = pn_query_jobs_count(executor, PN_QUERY_WAITING, query);
    if (running + waiting < config->concurrency + config->queue) {
        return 0;
    }
    pn_metric_add(executor->refused, 1);
    return pn_err_set(e, PN_CLASS_RETRY, PN_EXECUTOR_BUSY,
                      "%lld queries run and %lld wait, which is the limit (query.concurrency, "
                      "query.queue): try again later",
                      (long long)running, (long long)waiting);
}

int pn_executor_submit(struct pn_executor *executor, const struct pn_query_request *request,
                       char id[PN_QUERY_ID_SIZE], struct pn_err *e)
{
    int rc = check_request(request, e);
    if (rc != 0) {
        return rc;
    }
    pthread_mutex_lock(&executor->lock);
    rc = check_room(executor, true, e);
    if (rc == 0) {
        struct pn_query_job *job = pn_query_job_create(executor, PN_QUERY_KIND_QUERY);
        job->status.sql = pn_xstrdup(request->sql);
        job->status.name = request->name != NULL ? pn_xstrdup(request->name) : NULL;
        job->parameters = request->parameters != NULL ? pn_xstrdup(request->parameters) : NULL;
        job->at = request->at != NULL ? pn_xstrdup(request->at) : NULL;
        job->status.output = request->output;
        want_spare(executor);
        (void)snprintf(id, PN_QUERY_ID_SIZE, "%s", job->id);
    }
    pthread_mutex_unlock(&executor->lock);
    pn_executor_wake(executor);
    return rc;
}

void pn_executor_warm(struct pn_executor *executor)
{
    pthread_mutex_lock(&executor->lock);
    want_spare(executor);
    pthread_mutex_unlock(&executor->lock);
    pn_executor_wake(executor);
}

static char *copy_text(struct pn_arena *arena, const char *text)
{
    return text != NULL ? pn_arena_strdup(arena, text) : NULL;
}

static void copy_status(const struct pn_executor *executor, const struct pn_query_job *job,
                        struct pn_arena *arena, struct pn_query_status *status)
{
    int64_t now_ns = pn_mono_ns(executor->clock);
    int64_t end_ns = pn_query_job_ended(job) ? job->ended_ns : now_ns;
    *status = job->status;
    status->id = copy_text(arena, job->id);
    status->sql = copy_text(arena, job->status.sql);
    status->name = copy_text(arena, job->status.name);
    status->columns = copy_text(arena, job->status.columns);
    status->error = copy_text(arena, job->status.error);
    status->tables = pn_arena_printf(arena, "{%s}", pn_buf_text(&job->tables));
    status->waited_ms =
        ((job->started_ns != 0 ? job->started_ns : end_ns) - job->created_ns) / NS_A_MS;
    status->elapsed_ms = job->started_ns != 0 ? (end_ns - job->started_ns) / NS_A_MS : 0;
}

static int missing(const char *id, struct pn_err *e)
{
    return pn_err_missing(e,
                          "there is no query %.32s: results are kept only for a limited time "
                          "(query.result_keep_ms, query.results_max)",
                          id);
}

/* Of a client's: not what is made of rows. NULL: *rc is MISSING. */
static struct pn_query_job *find_query(struct pn_executor *executor, const char *id, int *rc,
                                       struct pn_err *e)
{
    struct pn_query_job *job = pn_query_job_find(executor, id);
    if (job == NULL || job->kind != PN_QUERY_KIND_QUERY) {
        *rc = missing(id, e);
        return NULL;
    }
    *rc = 0;
    return job;
}

int pn_executor_status(struct pn_executor *executor, const char *id, struct pn_arena *arena,
                       struct pn_query_status *status, struct pn_err *e)
{
    int rc = 0;
    pthread_mutex_lock(&executor->lock);
    const struct pn_query_job *job = find_query(executor, id, &rc, e);
    if (job != NULL) {
        copy_status(executor, job, arena, status);
    }
    pthread_mutex_unlock(&executor->lock);
    return rc;
}

void pn_executor_list(struct pn_executor *executor, struct pn_arena *arena,
                      struct pn_query_status **statuses, size_t *count)
{
    size_t known = 0;
    *count = 0;
    pthread_mutex_lock(&executor->lock);
    for (const struct pn_query_job *job = executor->jobs; job != NULL; job = job->next) {
        known++;
    }
    *statuses = pn_arena_calloc(arena, known + 1, sizeof **statuses);
    for (const struct pn_query_job *job = executor->jobs; job != NULL; job = job->next) {
        if (job->kind == PN_QUERY_KIND_QUERY) {
            copy_status(executor, job, arena, &(*statuses)[(*count)++]);
        }
    }
    pthread_mutex_unlock(&executor->lock);
}

int pn_executor_cancel(struct pn_executor *executor, const char *id, struct pn_err *e)
{
    int rc = 0;
    pthread_mutex_lock(&executor->lock);
    struct pn_query_job *job = find_query(executor, id, &rc, e);
    if (job != NULL && pn_query_job_ended(job)) {
        job->used_ns = 0; /* it goes at the next look */
    } else if (job != NULL) {
        job->cancelled = true;
    }
    pthread_mutex_unlock(&executor->lock);
    pn_executor_wake(executor);
    return rc;
}

void pn_executor_abandon(struct pn_executor *executor, const char *id)
{
    struct pn_err e;
    int rc = pn_executor_cancel(executor, id, &e);
    PN_ASSERT(rc == 0 || e.class_ == PN_CLASS_MISSING);
}

bool pn_executor_ended(struct pn_executor *executor, const char *id)
{
    pthread_mutex_lock(&executor->lock);
    const struct pn_query_job *job = pn_query_job_find(executor, id);
    bool ended = job == NULL || pn_query_job_ended(job);
    pthread_mutex_unlock(&executor->lock);
    return ended;
}

bool pn_executor_has_rows(struct pn_executor *executor, const char *id, int64_t rows)
{
    pthread_mutex_lock(&executor->lock);
    const struct pn_query_job *job = pn_query_job_find(executor, id);
    bool has = job != NULL && job->status.columns != NULL && job->status.rows > rows;
    pthread_mutex_unlock(&executor->lock);
    return has;
}

/* --- kept rows -------------------------------------------------------------------------------- */

/* The job that makes this of a query's rows, if there is one. */
static struct pn_query_job *find_made(struct pn_executor *executor, const char *target,
                                      enum pn_query_kind kind, const struct pn_query_sort *sort)
{
    for (struct pn_query_job *job = executor->jobs; job != NULL; job = job->next) {
        if (job->kind == kind && strcmp(job->target, target) == 0 &&
            (kind != PN_QUERY_KIND_ORDER ||
             (job->sort.column == sort->column && job->sort.descending == sort->descending))) {
            return job;
        }
    }
    return NULL;
}

/* 0 when it is made; PN_EXECUTOR_NOT_YET while it is being made, or why it cannot be. */
static int make(struct pn_executor *executor, const struct pn_query_job *target,
                enum pn_query_kind kind, const struct pn_query_sort *sort,
                char wait[PN_QUERY_ID_SIZE], struct pn_err *e)
{
    struct pn_query_job *job = find_made(executor, target->id, kind, sort);
    if (job == NULL) {
        int rc = check_room(executor, false, e);
        if (rc != 0) {
            return rc;
        }
        job = pn_query_job_create(executor, kind);
        (void)snprintf(job->target, sizeof job->target, "%s", target->id);
        job->sort = sort != NULL ? *sort : (struct pn_query_sort){.column = -1};
        want_spare(executor);
    }
    job->used_ns = pn_mono_ns(executor->clock);
    if (job->status.state == PN_QUERY_DONE) {
        return 0;
    }
    if (pn_query_job_ended(job)) {
        return pn_err_set(
            e, job->status.class_ != PN_CLASS_NONE ? job->status.class_ : PN_CLASS_RETRY, PN_FAIL,
            "%s", job->status.error != NULL ? job->status.error : "it was cancelled");
    }
    (void)snprintf(wait, PN_QUERY_ID_SIZE, "%s", job->id);
    return pn_err_set(e, PN_CLASS_RETRY, PN_EXECUTOR_NOT_YET, "it is being made");
}

static int check_kept(const struct pn_query_job *job, bool whole, struct pn_err *e)
{
    if (job->status.state == PN_QUERY_FAILED || job->status.state == PN_QUERY_CANCELLED) {
        return pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL, "the query has no rows: it %s",
                          job->status.state == PN_QUERY_FAILED ? "failed" : "was cancelled");
    }
    if (job->status.output != PN_QUERY_KEEP) {
        return pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                          "the query's rows were sent to its caller and were not stored");
    }
    if (job->folder == NULL || job->status.columns == NULL ||
        (whole && job->status.state != PN_QUERY_DONE)) {
        return pn_err_set(e, PN_CLASS_RETRY, PN_EXECUTOR_NOT_YET, "the query has not finished yet");
    }
    return 0;
}

static int count_columns(const char *columns, size_t *count, struct pn_err *e)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    size_t len = strlen(columns);
    int rc = pn_json_parse(parser, columns, len, len, &root, e);
    *count = rc == 0 ? root->count : 0;
    pn_json_parser_destroy(&parser);
    return rc;
}

int pn_executor_open_rows(struct pn_executor *executor, const char *id,
                          const struct pn_query_sort *sort, char wait[PN_QUERY_ID_SIZE],
                          struct pn_rows_reader **reader, struct pn_err *e)
{
    int rc = 0;
    size_t columns = 0;
    char *order = NULL;
    wait[0] = '\0';
    pthread_mutex_lock(&executor->lock);
    struct pn_query_job *job = find_query(executor, id, &rc, e);
    if (rc == 0) {
        job->used_ns = pn_mono_ns(executor->clock);
        rc = check_kept(job, sort->column >= 0, e);
    }
    if (rc == 0) {
        rc = count_columns(job->status.columns, &columns, e);
    }
    if (rc == 0 && sort->column >= (int64_t)columns) {
        rc = pn_err_input(e, "the result has no column %lld", (long long)sort->column);
    }
    if (rc == 0 && sort->column >= 0) {
        rc = make(executor, job, PN_QUERY_KIND_ORDER, sort, wait, e);
        order = pn_rows_order_path(job->folder, (size_t)sort->column, sort->descending);
    }
    if (rc == 0) {
        rc = pn_rows_reader_open(job->folder, order, columns, executor->io, reader, e);
    }
    free(order);
    pthread_mutex_unlock(&executor->lock);
    pn_executor_wake(executor);
    return rc;
}

int pn_executor_open_parquet(struct pn_executor *executor, const char *id,
                             char wait[PN_QUERY_ID_SIZE], int *fd, int64_t *bytes, struct pn_err *e)
{
    int rc = 0;
    wait[0] = '\0';
    pthread_mutex_lock(&executor->lock);
    struct pn_query_job *job = find_query(executor, id, &rc, e);
    if (rc == 0) {
        job->used_ns = pn_mono_ns(executor->clock);
        rc = check_kept(job, true, e);
    }
    if (rc == 0) {
        rc = make(executor, job, PN_QUERY_KIND_PARQUET, NULL, wait, e);
    }
    if (rc == 0) {
        char *path = pn_xasprintf("%s/" PN_RESULT_PARQUET, job->folder);
        rc = pn_io_open(executor->io, path, O_RDONLY, fd, e);
        if (rc == 0) {
            rc = pn_io_size(executor->io, *fd, bytes, path, e);
        }
        free(path);
    }
    pthread_mutex_unlock(&executor->lock);
    pn_executor_wake(executor);
    return rc;
}

/* --- streamed rows ---------------------------------------------------------------------------- */

enum pn_query_stream pn_executor_read(struct pn_executor *executor, const char *id,
                                      struct pn_buf *out)
{
    enum pn_query_stream rest = PN_QUERY_BROKEN;
    pthread_mutex_lock(&executor->lock);
    struct pn_query_job *job = pn_query_job_find(executor, id);
    if (job != NULL) {
        struct pn_buf *pending = &job->pending;
        size_t len = pending->len < STREAM_PIECE_BYTES ? pending->len : STREAM_PIECE_BYTES;
        pn_buf_add(out, pending->data, len);
        if (len > 0) {
            memmove(pending->data, pending->data + len, pending->len - len);
            pending->len -= len;
            job->moved_ns = pn_mono_ns(executor->clock);
        }
        bool ended = pn_query_job_ended(job);
        rest = pending->len > 0 || !ended           ? PN_QUERY_MORE
               : job->status.state == PN_QUERY_DONE ? PN_QUERY_END
                                                    : PN_QUERY_BROKEN;
    }
    pthread_mutex_unlock(&executor->lock);
    pn_executor_wake(executor);
    return rest;
}

bool pn_executor_readable(struct pn_executor *executor, const char *id)
{
    pthread_mutex_lock(&executor->lock);
    const struct pn_query_job *job = pn_query_job_find(executor, id);
    bool readable = job == NULL || job->pending.len > 0 || pn_query_job_ended(job);
    pthread_mutex_unlock(&executor->lock);
    return readable;
}
