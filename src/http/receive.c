/*
 * libmicrohttpd reads a socket with recv(), and under TLS with gnutls_record_recv(), and has no
 * hook between them and its parser; and what it hands on no longer shows how lines and chunks were
 * ended. So this file defines both: a program's own definition takes the place of a library's for
 * every library in the process. On a worker's thread they check what arrives for the worker's
 * connections; everywhere else they are what they always were.
 *
 * Under TLS it is the decrypted bytes that are checked: recv() is then what GnuTLS reads by.
 *
 * From the first byte that breaks the framing on, libmicrohttpd gets nothing more. It answers the
 * requests before that byte; then pn_http_sweep_broken() answers the broken one and closes.
 */
#include "http/receive.h"

#include <errno.h>
#include <sys/socket.h>

#include <gnutls/gnutls.h>

#include "http/internal.h"

static _Thread_local struct pn_http_worker *reading;

void pn_http_receive_begin(struct pn_http_worker *worker)
{
    reading = worker;
}

struct pn_http_worker *pn_http_receive_worker(void)
{
    return reading;
}

static struct pn_http_conn *conn_of(const struct pn_http_worker *worker, int fd)
{
    return fd >= 0 && (size_t)fd < worker->fd_capacity ? worker->by_fd[fd] : NULL;
}

static ssize_t nothing_now(void)
{
    errno = EAGAIN;
    return -1;
}

/* How many of the bytes that came are good. */
static size_t check(struct pn_http_conn *conn, const char *bytes, size_t len)
{
    size_t good = pn_http_framing_read(&conn->framing, bytes, len);
    if (conn->framing.fault != NULL) {
        conn->next_broken = reading->broken;
        reading->broken = conn;
        reading->more = true;
    }
    return good;
}

__attribute__((visibility("default"))) ssize_t recv(int fd, void *bytes, size_t len, int flags)
{
    bool reads = reading != NULL && reading->server->tls == NULL;
    struct pn_http_conn *conn = reads ? conn_of(reading, fd) : NULL;
    if (conn != NULL && conn->framing.fault != NULL) {
        return conn->said_last ? 0 : nothing_now();
    }
    ssize_t came = recvfrom(fd, bytes, len, flags, NULL, NULL);
    if (conn == NULL || came <= 0) {
        return came;
    }
    size_t good = check(conn, bytes, (size_t)came);
    return good > 0 ? (ssize_t)good : nothing_now();
}

/* gnutls_record_recv_seq() is the same, and also says the record's number. */
__attribute__((visibility("default"))) ssize_t gnutls_record_recv(gnutls_session_t session,
                                                                  void *bytes, size_t len)
{
    unsigned char sequence[8];
    struct pn_http_conn *conn =
        reading != NULL ? conn_of(reading, gnutls_transport_get_int(session)) : NULL;
    if (conn != NULL && conn->framing.fault != NULL) {
        return conn->said_last ? 0 : GNUTLS_E_AGAIN;
    }
    ssize_t came = gnutls_record_recv_seq(session, bytes, len, sequence);
    if (conn == NULL || came <= 0) {
        return came;
    }
    size_t good = check(conn, bytes, (size_t)came);
    return good > 0 ? (ssize_t)good : GNUTLS_E_AGAIN;
}
