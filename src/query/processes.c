/* Workers' processes: their start, their pipes, and their end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "query/frame.h"
#include "query/internal.h"

enum {
    READ_BYTES = 64 * 1024,
    PENDING_BYTES = 256 * 1024, /* of a stream that is read more slowly: no more is taken */
    WORK_BYTES_MAX = 2 * PN_QUERY_SQL_BYTES_MAX * 6
};

/* --- start ------------------------------------------------------------------------------------ */

static int make_pipe(int fds[2], int ours, struct pn_err *e)
{
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return pn_err_errno(e, errno, "cannot create a pipe to a query's process");
    }
    (void)fcntl(fds[ours], F_SETFL, O_NONBLOCK);
    return 0;
}

static void close_pipe(int fds[2])
{
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
}

static int start_command(struct pn_executor *executor, struct pn_query_process *made,
                         struct pn_err *e)
{
    int input[2] = {-1, -1};
    int output[2] = {-1, -1};
    int rc = make_pipe(input, 1, e);
    if (rc == 0) {
        rc = make_pipe(output, 0, e);
    }
    if (rc == 0) {
        const struct pn_process_files files = {
            .input = input[0], .output = output[1], .error = STDERR_FILENO};
        executor->command[executor->command_len] = made->folder;
        rc = pn_process_start((const char *const *)executor->command, NULL, &files, executor->io,
                              &made->process, e);
        executor->command[executor->command_len] = NULL;
    }
    if (rc == 0) {
        made->input_fd = input[1];
        made->output_fd = output[0];
        input[1] = -1;
        output[0] = -1;
    }
    close_pipe(input);
    close_pipe(output);
    return rc;
}

int pn_query_process_start(struct pn_executor *executor, struct pn_query_process **process,
                           struct pn_err *e)
{
    struct pn_query_process *made = pn_xcalloc(1, sizeof *made);
    made->input_fd = -1;
    made->output_fd = -1;
    made->folder = pn_xasprintf("%s/%llu", executor->config.folder,
                                (unsigned long long)++executor->processes_made);
    pn_buf_init(&made->to_send, WORK_BYTES_MAX);
    pn_buf_init(&made->came, PN_FRAME_HEADER_SIZE + PN_FRAME_BYTES_MAX + READ_BYTES);
    int rc = pn_io_mkdir_private(executor->io, made->folder, e);
    if (rc == 0) {
        rc = start_command(executor, made, e);
    }
    if (rc == 0) {
        made->next = executor->processes;
        executor->processes = made;
        *process = made;
        return 0;
    }
    pn_query_trash_add(executor, made->folder);
    made->folder = NULL;
    pn_query_process_destroy(executor, made);
    return rc;
}

void pn_query_process_destroy(struct pn_executor *executor, struct pn_query_process *process)
{
    pn_io_close(executor->io, &process->input_fd);
    pn_io_close(executor->io, &process->output_fd);
    pn_buf_deinit(&process->to_send);
    pn_buf_deinit(&process->came);
    free(process->folder);
    free(process);
}

void pn_query_process_give(struct pn_executor *executor, struct pn_query_process *process,
                           struct pn_query_job *job, int64_t now_ns)
{
    struct pn_buf work;
    pn_buf_init(&work, WORK_BYTES_MAX);
    pn_query_job_work(executor, job, process->folder, &work);
    pn_frame_add(&process->to_send, PN_FRAME_WORK, work.data, work.len);
    PN_ASSERT(!pn_buf_failed(&work) && !pn_buf_failed(&process->to_send));
    pn_buf_deinit(&work);
    process->job = job;
    process->served = true;
    job->process = process;
    job->status.state = PN_QUERY_RUNNING;
    job->started_ns = now_ns;
    job->moved_ns = now_ns;
    if (job->kind == PN_QUERY_KIND_QUERY && job->status.output == PN_QUERY_KEEP) {
        job->folder = pn_xstrdup(process->folder);
    }
    executor->news = true;
}

void pn_query_process_kill(struct pn_query_process *process)
{
    if (!process->killed) {
        process->killed = true;
        pn_process_signal(&process->process, SIGKILL);
    }
}

void pn_query_process_stop(struct pn_executor *executor, struct pn_query_process *process,
                           int64_t now_ns)
{
    bool is_busy = process->job != NULL && !pn_query_job_ended(process->job);
    if (executor->config.grace_ms == 0 || !is_busy) {
        pn_query_process_kill(process);
    } else if (!process->killed) {
        process->killed = true;
        process->kill_ns = now_ns + executor->config.grace_ms * INT64_C(1000000);
        pn_io_close(executor->io, &process->input_fd); /* which a worker takes for its end */
    }
}

/* --- what it says ----------------------------------------------------------------------------- */

static char *dup_text(const struct pn_json *root, const char *member)
{
    const char *text = "";
    size_t len = 0;
    (void)pn_json_get_text(root, member, &text, &len);
    return pn_xstrndup(text, len);
}

static void take_error(struct pn_executor *executor, struct pn_query_process *process,
                       const struct pn_json *root)
{
    struct pn_query_job *job = process->job;
    char *message = dup_text(root, "message");
    if (job == NULL) {
        (void)snprintf(process->failure, sizeof process->failure, "%s", message);
    } else if (!process->killed) { /* else it fails because it was stopped */
        struct pn_sql_fault *fault = &job->status.fault;
        char *candidates = dup_text(root, "candidates");
        fault->byte = pn_json_get_i64(root, "byte", -1);
        fault->line = pn_json_get_i64(root, "line", 0);
        fault->column = pn_json_get_i64(root, "column", 0);
        (void)snprintf(fault->candidates, sizeof fault->candidates, "%s", candidates);
        free(candidates);
        pn_query_job_end(executor, job, PN_QUERY_FAILED,
                         (enum pn_class)pn_json_get_i64(root, "class", PN_CLASS_FATAL), message);
    }
    free(message);
}

static void take_table(struct pn_query_job *job, const struct pn_json *root)
{
    const struct pn_json *name = pn_json_get(root, "name");
    pn_buf_adds(&job->tables, job->tables.len > 0 ? "," : "");
    pn_json_write(&job->tables, name);
    pn_buf_addf(&job->tables, ":%lld", (long long)pn_json_get_i64(root, "version", -1));
}

static void take_counts(struct pn_query_job *job, const struct pn_json *root)
{
    const struct pn_json *progress = pn_json_get(root, "progress");
    job->status.progress = progress != NULL ? progress->number : -1;
    job->status.rows = pn_json_get_i64(root, "rows", 0);
    job->status.bytes = pn_json_get_i64(root, "bytes", 0);
}

static void take_json(struct pn_executor *executor, struct pn_query_process *process,
                      const struct pn_frame *frame, const struct pn_json *root)
{
    struct pn_query_job *job = process->job;
    if (frame->type == PN_FRAME_ERROR) {
        take_error(executor, process, root);
        return;
    }
    if (job == NULL) {
        return;
    }
    switch (frame->type) {
    case PN_FRAME_TABLE:
        take_table(job, root);
        break;
    case PN_FRAME_COLUMNS:
        job->status.columns = pn_xstrndup(frame->data, frame->len);
        executor->news = true;
        break;
    case PN_FRAME_PROGRESS:
        take_counts(job, root);
        executor->news = true;
        break;
    case PN_FRAME_DONE:
        take_counts(job, root);
        pn_query_job_end(executor, job, PN_QUERY_DONE, PN_CLASS_NONE, NULL);
        break;
    default:
        break;
    }
}

static void take_frame(struct pn_executor *executor, struct pn_query_process *process,
                       const struct pn_frame *frame, int64_t now_ns)
{
    struct pn_json *root = NULL;
    if (frame->type == PN_FRAME_READY) {
        return;
    }
    if (frame->type == PN_FRAME_DATA) {
        if (process->job != NULL) {
            pn_buf_add(&process->job->pending, frame->data, frame->len);
            process->job->moved_ns = now_ns;
            executor->news = true;
        }
        return;
    }
    if (pn_json_parse(executor->parser, frame->data, frame->len, frame->len, &root, NULL) == 0) {
        take_json(executor, process, frame, root);
    }
}

/* --- pipes ------------------------------------------------------------------------------------ */

static void send_work(struct pn_executor *executor, struct pn_query_process *process)
{
    ssize_t wrote = write(process->input_fd, process->to_send.data + process->sent,
                          process->to_send.len - process->sent);
    if (wrote > 0) {
        process->sent += (size_t)wrote;
    } else if (wrote < 0 && errno != EAGAIN && errno != EINTR) {
        pn_io_close(executor->io, &process->input_fd); /* it has ended; its other pipe says more */
    }
}

static void take_frames(struct pn_executor *executor, struct pn_query_process *process,
                        int64_t now_ns)
{
    struct pn_frame frame;
    struct pn_err e = {.msg = ""};
    size_t at = 0;
    int rc = 0;
    while (pn_frame_take(&process->came, &at, &frame, &rc, &e)) {
        take_frame(executor, process, &frame, now_ns);
    }
    if (rc != 0) {
        pn_query_process_kill(process);
        process->ended = true;
    }
    if (at > 0) {
        memmove(process->came.data, process->came.data + at, process->came.len - at);
        process->came.len -= at;
    }
}

static void receive(struct pn_executor *executor, struct pn_query_process *process, int64_t now_ns)
{
    struct pn_buf *came = &process->came;
    if (!pn_buf_reserve(came, READ_BYTES)) {
        pn_query_process_kill(process);
        process->ended = true;
        return;
    }
    ssize_t got = read(process->output_fd, came->data + came->len, READ_BYTES);
    if (got > 0) {
        came->len += (size_t)got;
        take_frames(executor, process, now_ns);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        process->ended = true;
    }
}

static bool is_held_up(const struct pn_query_process *process)
{
    return process->job != NULL && process->job->pending.len >= PENDING_BYTES && !process->killed;
}

void pn_query_process_poll(const struct pn_query_process *process,
                           struct pollfd fds[PN_QUERY_PROCESS_FDS])
{
    bool sends = process->input_fd >= 0 && process->sent < process->to_send.len;
    bool reads = !process->ended && !is_held_up(process);
    /* The pipe ends after all that is in it, and the process soon after that. */
    bool waits = process->ended || process->killed;
    fds[0] = (struct pollfd){.fd = sends ? process->input_fd : -1, .events = POLLOUT};
    fds[1] = (struct pollfd){.fd = reads ? process->output_fd : -1, .events = POLLIN};
    fds[2] = (struct pollfd){.fd = waits ? process->process.pidfd : -1, .events = POLLIN};
}

/* --- end -------------------------------------------------------------------------------------- */

static void end_job(struct pn_executor *executor, struct pn_query_process *process,
                    int32_t exit_code)
{
    struct pn_query_job *job = process->job;
    char why[256];
    if (job->cancelled) {
        pn_query_job_end(executor, job, PN_QUERY_CANCELLED, PN_CLASS_NONE, NULL);
    } else if (job->status.timed_out) {
        (void)snprintf(why, sizeof why,
                       "the query took longer than %lld ms (query.timeout_ms) and was stopped",
                       (long long)executor->config.timeout_ms);
        pn_query_job_end(executor, job, PN_QUERY_FAILED, PN_CLASS_RETRY, why);
    } else {
        (void)snprintf(why, sizeof why,
                       exit_code < 0 ? "the query's process was killed by signal %d"
                                     : "the query's process ended with status %d",
                       exit_code < 0 ? -exit_code : exit_code);
        pn_query_job_end(executor, job, PN_QUERY_FAILED, PN_CLASS_FATAL, why);
    }
    /* Also when it was done before it was killed. */
    if (job->status.state != PN_QUERY_DONE) {
        free(job->folder);
        job->folder = NULL;
    }
    job->process = NULL;
}

static void end_process(struct pn_executor *executor, struct pn_query_process *process,
                        int32_t exit_code, int64_t now_ns)
{
    enum { RETRY_MS = 5000 };
    struct pn_query_job *job = process->job;
    if (job != NULL) {
        end_job(executor, process, exit_code);
    } else if (!process->killed && !process->served) {
        pn_logger_warn(executor->logger, "query", "a spare process for queries ended: %s",
                       process->failure[0] != '\0' ? process->failure : "without a message");
        executor->spare_after_ns = now_ns + RETRY_MS * INT64_C(1000000);
    }
    if (job == NULL || job->folder == NULL) {
        pn_query_trash_add(executor, process->folder);
        process->folder = NULL;
    }
    struct pn_query_process **at = &executor->processes;
    while (*at != process) {
        at = &(*at)->next;
    }
    *at = process->next;
    pn_query_process_destroy(executor, process);
    executor->news = true;
}

bool pn_query_process_step(struct pn_executor *executor, struct pn_query_process *process,
                           const struct pollfd fds[PN_QUERY_PROCESS_FDS], int64_t now_ns)
{
    int32_t exit_code = 0;
    if (fds[0].revents != 0 && process->input_fd >= 0) {
        send_work(executor, process);
    }
    if (fds[1].revents != 0) {
        receive(executor, process, now_ns);
    }
    if (fds[2].revents == 0 || !pn_process_ended(&process->process, &exit_code)) {
        return false;
    }
    end_process(executor, process, exit_code, now_ns);
    return true;
}
