#include "dag/task_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    CHUNK_BYTES = 64 * 1024,       /* one read of the pipe */
    DRAIN_BYTES_MAX = 1024 * 1024, /* one drain, so that one chatty task does not hold up others */
    NOTE_BYTES_MAX = 128           /* the line about what is missing */
};

struct pn_task_log {
    const struct pn_io *io;
    char *path;
    int file_fd;
    int pipe_fd;
    int64_t written_bytes; /* of the file */
    int64_t head_bytes_max;
    int64_t dropped_bytes; /* printed after the head was full, the tail included */
    struct pn_err failure; /* the first failed write; msg is empty while there is none */
    char tail[PN_TASK_LOG_TAIL_BYTES]; /* a ring: the byte number n is at n % its size */
};

int pn_task_log_open(const struct pn_io *io, const char *path, int64_t bytes_max,
                     struct pn_task_log **log, int *write_fd, struct pn_err *e)
{
    PN_ASSERT(bytes_max > PN_TASK_LOG_TAIL_BYTES + NOTE_BYTES_MAX);
    struct pn_task_log *made = pn_xcalloc(1, sizeof *made);
    made->io = io;
    made->path = pn_xstrdup(path);
    made->head_bytes_max = bytes_max - PN_TASK_LOG_TAIL_BYTES - NOTE_BYTES_MAX;
    made->file_fd = made->pipe_fd = -1;
    int ends[2] = {-1, -1};
    int rc = pn_io_open(io, path, O_WRONLY | O_CREAT | O_TRUNC, &made->file_fd, e);
    if (rc == 0 && pipe2(ends, O_CLOEXEC) != 0) {
        rc = pn_err_errno(e, errno, "cannot make a pipe for the task's output");
    }
    if (rc == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        rc = pn_err_errno(e, errno, "cannot set up the pipe for the task's output");
    }
    made->pipe_fd = ends[0];
    if (rc != 0) {
        if (ends[1] >= 0) {
            (void)close(ends[1]);
        }
        (void)pn_task_log_close(&made, NULL);
        return rc;
    }
    *write_fd = ends[1];
    *log = made;
    return 0;
}

int pn_task_log_fd(const struct pn_task_log *log)
{
    return log->pipe_fd;
}

/* ---- moving ---------------------------------------------------------------------------------- */

/* After a failed write nothing more is written: the file would have a hole that nobody sees. */
static void append(struct pn_task_log *log, const char *bytes, size_t len)
{
    if (log->failure.msg[0] == '\0' && len > 0 &&
        pn_io_write_at(log->io, log->file_fd, bytes, len, log->written_bytes, log->path,
                       &log->failure) == 0) {
        log->written_bytes += (int64_t)len;
    }
}

static void keep_tail(struct pn_task_log *log, const char *bytes, size_t len)
{
    for (size_t done = 0; done < len;) {
        size_t at = (size_t)((log->dropped_bytes + (int64_t)done) % PN_TASK_LOG_TAIL_BYTES);
        size_t room = PN_TASK_LOG_TAIL_BYTES - at;
        size_t part = len - done < room ? len - done : room;
        memcpy(log->tail + at, bytes + done, part);
        done += part;
    }
    log->dropped_bytes += (int64_t)len;
}

static void take(struct pn_task_log *log, const char *bytes, size_t len)
{
    size_t fits = 0;
    if (log->dropped_bytes == 0 && log->written_bytes < log->head_bytes_max) {
        int64_t room = log->head_bytes_max - log->written_bytes;
        fits = (int64_t)len < room ? len : (size_t)room;
    }
    append(log, bytes, fits);
    keep_tail(log, bytes + fits, len - fits);
}

void pn_task_log_drain(struct pn_task_log *log)
{
    char chunk[CHUNK_BYTES];
    for (size_t moved = 0; log->pipe_fd >= 0 && moved < DRAIN_BYTES_MAX;) {
        ssize_t got = read(log->pipe_fd, chunk, sizeof chunk);
        if (got > 0) {
            take(log, chunk, (size_t)got);
            moved += (size_t)got;
        } else if (got == 0) {
            (void)close(log->pipe_fd);
            log->pipe_fd = -1;
        } else if (errno != EINTR) {
            return; /* nothing there now */
        }
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

static void write_tail(struct pn_task_log *log)
{
    if (log->dropped_bytes == 0) {
        return;
    }
    int64_t kept =
        log->dropped_bytes < PN_TASK_LOG_TAIL_BYTES ? log->dropped_bytes : PN_TASK_LOG_TAIL_BYTES;
    int64_t missing = log->dropped_bytes - kept;
    if (missing > 0) {
        char note[NOTE_BYTES_MAX];
        int len = snprintf(note, sizeof note,
                           "\n[%" PRId64 " bytes left out here: the log has reached its limit, "
                           "dag.log_bytes_max]\n",
                           missing);
        append(log, note, (size_t)len);
    }
    size_t start = (size_t)(missing % PN_TASK_LOG_TAIL_BYTES);
    size_t first = PN_TASK_LOG_TAIL_BYTES - start;
    first = (int64_t)first < kept ? first : (size_t)kept;
    append(log, log->tail + start, first);
    append(log, log->tail, (size_t)kept - first);
}

int pn_task_log_close(struct pn_task_log **log, struct pn_err *e)
{
    struct pn_task_log *gone = *log;
    if (gone == NULL) {
        return 0;
    }
    if (gone->pipe_fd >= 0) {
        pn_task_log_drain(gone);
    }
    if (gone->pipe_fd >= 0) {
        (void)close(gone->pipe_fd);
    }
    if (gone->file_fd >= 0) {
        write_tail(gone);
    }
    int rc = gone->failure.msg[0] != '\0' ? PN_FAIL : 0;
    pn_err_copy(e, rc != 0 ? &gone->failure : NULL);
    pn_io_close(gone->io, &gone->file_fd);
    free(gone->path);
    free(gone);
    *log = NULL;
    return rc;
}
