#include "cli/flush.h"

#include <stdlib.h>

#include "base/http_client.h"
#include "server/stations.h"

enum {
    FLUSH_TIMEOUT_MS = 600000,
    ANSWER_BYTES_MAX = 1024 * 1024,
    BUSY_TRIES = 100, /* another command lands the log, or a server is just starting */
    BUSY_PAUSE_MS = 100
};

static int flush_here(struct pn_cli *cli, struct pn_err *e)
{
    struct pn_store *store = NULL;
    struct pn_log *log = NULL;
    struct pn_sink *sink = NULL;
    const struct pn_app *app = NULL;
    int rc = pn_cli_app(cli, &app, e);
    if (rc == 0) {
        pn_cli_note_new_folder(cli);
        rc = pn_app_open_store(app, &store, e);
    }
    if (rc == 0) {
        rc = pn_app_open_log(app, &log, e);
    }
    if (rc == 0) {
        rc = pn_app_open_sink(app, log, store, &sink, e);
    }
    if (rc == 0) {
        rc = pn_sink_flush(sink, e);
    }
    pn_sink_destroy(&sink);
    pn_log_destroy(&log);
    pn_store_destroy(&store);
    return rc;
}

static int flush_through(const char *url, struct pn_err *e)
{
    struct pn_buf answer;
    pn_buf_init(&answer, ANSWER_BYTES_MAX);
    int rc =
        pn_http_client_call("POST", url, "/api/v1/sink/flush", "{}", FLUSH_TIMEOUT_MS, &answer, e);
    pn_buf_deinit(&answer);
    return rc;
}

int pn_cli_flush(struct pn_cli *cli, struct pn_err *e)
{
    struct pn_err failure = {0};
    for (int i = 0; i < BUSY_TRIES; i++) {
        char *url = NULL;
        int rc = pn_cli_server_url(cli, &url, &failure);
        if (rc == 0) {
            rc = url != NULL ? flush_through(url, &failure) : flush_here(cli, &failure);
        }
        bool again = rc != 0 && url == NULL && failure.class_ == PN_CLASS_CONFLICT;
        free(url);
        if (!again) {
            pn_err_copy(e, rc != 0 ? &failure : NULL);
            return rc;
        }
        pn_sleep_ms(BUSY_PAUSE_MS);
    }
    pn_err_copy(e, &failure);
    return failure.code;
}
