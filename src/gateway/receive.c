/*
 * libmicrohttpd reads a socket with recv() and has no hook between socket and parser; and what it
 * hands on no longer shows how lines and chunks were ended. So this file defines recv(): a
 * program's own definition takes the place of the C library's for every library in the process. On
 * a worker's thread it checks what arrives for the worker's connections; everywhere else it is what
 * it always was.
 *
 * From the first byte that breaks the framing on, libmicrohttpd gets nothing more. It answers the
 * requests before that byte; then pn_sweep_broken() answers the broken one and closes.
 */
#include "gateway/receive.h"

#include <errno.h>
#include <sys/socket.h>

#include "gateway/server.h"

static _Thread_local struct pn_worker *reading;

void pn_receive_begin(struct pn_worker *worker)
{
    reading = worker;
}

static struct pn_conn *conn_of(const struct pn_worker *worker, int fd)
{
    return fd >= 0 && (size_t)fd < worker->fd_capacity ? worker->by_fd[fd] : NULL;
}

static ssize_t nothing_now(void)
{
    errno = EAGAIN;
    return -1;
}

__attribute__((visibility("default"))) ssize_t recv(int fd, void *bytes, size_t len, int flags)
{
    struct pn_conn *conn = reading != NULL ? conn_of(reading, fd) : NULL;
    if (conn != NULL && conn->framing.fault != NULL) {
        return conn->said_last ? 0 : nothing_now();
    }
    ssize_t came = recvfrom(fd, bytes, len, flags, NULL, NULL);
    if (conn == NULL || came <= 0) {
        return came;
    }
    size_t good = pn_framing_read(&conn->framing, bytes, (size_t)came);
    if (conn->framing.fault != NULL) {
        conn->next_broken = reading->broken;
        reading->broken = conn;
        reading->more = true;
    }
    return good > 0 ? (ssize_t)good : nothing_now();
}
