#include "server/stations.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/http_client.h"
#include "base/json.h"
#include "base/mem.h"
#include "server/admission.h"
#include "settings/configs.h"
#include "store/local/local.h"

enum { SERVER_FILE_BYTES_MAX = 4096 };

char *pn_cli_path(const struct pn_cli *cli, const char *below)
{
    return pn_xasprintf("%s/%s", cli->data, below);
}

void pn_cli_note_new_folder(struct pn_cli *cli)
{
    enum { WAIT_MS = 500, ANSWER_BYTES_MAX = 4096 };
    struct pn_buf answer;
    long status = 0;
    if (pn_io_exists(cli->io, cli->data)) {
        return;
    }
    char *url = pn_xasprintf("http://%s", pn_settings_default("gateway.listen"));
    pn_buf_init(&answer, ANSWER_BYTES_MAX);
    if (pn_http_request("GET", url, "/", NULL, WAIT_MS, &status, &answer, NULL) == 0 &&
        strstr(pn_buf_text(&answer), "\"name\":\"pinion\"") != NULL) {
        pn_log_warn(
            cli->logger, "cli",
            "there is no data folder %s, so a new one is made; the pinion that serves %s has "
            "another one: to work with that, give its folder with --data",
            cli->data, url);
    }
    pn_buf_deinit(&answer);
    free(url);
}

int pn_cli_open_store(struct pn_cli *cli, struct pn_store **store, struct pn_err *e)
{
    struct pn_err failure = {0};
    char *folder = pn_cli_path(cli, "store");
    int rc = pn_local_store_open(folder, cli->io, store, &failure);
    if (rc != 0) {
        (void)pn_err_set(e, failure.class_, rc,
                         "%s (give a folder that can be written with --data)", failure.msg);
    }
    free(folder);
    return rc;
}

int pn_cli_check_data(struct pn_cli *cli, struct pn_err *e)
{
    static const char *const parts[] = {"store", "log", "state.db"};
    bool any = false;
    for (size_t i = 0; !any && i < sizeof parts / sizeof *parts; i++) {
        char *path = pn_cli_path(cli, parts[i]);
        any = pn_io_exists(cli->io, path);
        free(path);
    }
    struct pn_io_listing listing = {0};
    bool empty = !any && pn_io_list(cli->io, cli->data, &listing, NULL) == 0 && listing.count == 0;
    pn_io_listing_deinit(&listing);
    return any || empty ? 0
                        : pn_err_missing(e,
                                         "there is no pinion data in %s: give another folder by "
                                         "--data, or begin with `pinion serve --data %s`",
                                         cli->data, cli->data);
}

int pn_cli_open_store_there(struct pn_cli *cli, struct pn_store **store, struct pn_err *e)
{
    if (!pn_io_exists(cli->io, cli->data)) {
        return pn_err_missing(e,
                              "there is no data folder %s: give --data, or make one with `pinion"
                              " serve --data %s`",
                              cli->data, cli->data);
    }
    int rc = pn_cli_check_data(cli, e);
    return rc != 0 ? rc : pn_cli_open_store(cli, store, e);
}

static int make_topics(struct pn_log *log, const struct pn_pipeline *pipeline, struct pn_err *e)
{
    for (size_t i = 0; i < pipeline->topic_count; i++) {
        const struct pn_topic *topic = &pipeline->topics[i];
        const struct pn_log_topic_config config = {
            .partitions = topic->partitions,
            .retention_ms = topic->retention_ms,
            .retention_bytes = topic->retention_bytes,
        };
        struct pn_err failure = {0};
        int rc = pn_log_create_topic(log, topic->name, &config, &failure);
        if (rc != 0 && failure.class_ == PN_CLASS_CONFLICT) {
            rc = pn_log_configure_topic(log, topic->name, &config, &failure);
        }
        if (rc != 0 && failure.class_ == PN_CLASS_CORRUPT) {
            rc = 0; /* it is closed, and says so to those who ask for it */
        }
        if (rc != 0) {
            pn_err_copy(e, &failure);
            return rc;
        }
    }
    return 0;
}

int pn_cli_open_log(struct pn_cli *cli, struct pn_metrics *metrics, struct pn_log **log,
                    struct pn_err *e)
{
    const struct pn_pipeline *pipeline = NULL;
    const struct pn_settings *settings = NULL;
    int rc = pn_cli_pipeline_and_settings(cli, &pipeline, &settings, e);
    if (rc != 0) {
        return rc;
    }
    char *folder = pn_cli_path(cli, "log");
    struct pn_embedded_config config;
    pn_settings_to_log(settings, &config);
    config.folder = folder;
    struct pn_log *opened = NULL;
    rc = pn_embedded_open(&config, cli->io, cli->clock, cli->logger, metrics, &opened, e);
    if (rc == 0) {
        rc = make_topics(opened, pipeline, e);
    }
    if (rc == 0) {
        *log = opened;
        opened = NULL;
    }
    pn_log_destroy(&opened);
    free(folder);
    return rc;
}

/* --- streams ---------------------------------------------------------------------------------- */

/* What is there stays as it is: it may have been changed since. */
static int make_stream(struct pn_kinesis *kinesis, const struct pn_pipeline_stream *wanted,
                       struct pn_err *e)
{
    const struct pn_stream *there = NULL;
    struct pn_err failure = {0};
    int rc = pn_kinesis_stream(kinesis, wanted->name, &there, &failure);
    pn_stream_release(&there);
    if (rc != 0 && failure.class_ == PN_CLASS_CORRUPT) {
        return 0; /* it is closed, and says so to those who ask for it */
    }
    if (rc != PN_KINESIS_NOT_FOUND) {
        pn_err_copy(e, rc != 0 ? &failure : NULL);
        return rc;
    }
    const struct pn_stream_create create = {
        .name = wanted->name, .shards = wanted->shards, .retention_hours = wanted->retention_hours};
    rc = pn_kinesis_create_stream(kinesis, &create, e);
    if (rc != 0) {
        pn_err_prefix(e, "the stream %s", wanted->name);
    }
    return rc;
}

int pn_cli_open_kinesis(struct pn_cli *cli, struct pn_log *log, struct pn_metrics *metrics,
                        struct pn_arena *arena, struct pn_kinesis **kinesis, struct pn_err *e)
{
    const struct pn_pipeline *pipeline = NULL;
    const struct pn_settings *settings = NULL;
    int rc = pn_cli_pipeline_and_settings(cli, &pipeline, &settings, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_kinesis_config config;
    pn_settings_to_kinesis(settings, &config);
    config.folder = pn_arena_printf(arena, "%s/kinesis", cli->data);
    struct pn_admission *admission = pn_arena_calloc(arena, 1, sizeof *admission);
    pn_admission_init(admission, pipeline, settings, log);
    config.admission = pn_admission_of_streams(admission);
    struct pn_kinesis *opened = NULL;
    rc = pn_kinesis_create(&config, log, cli->io, cli->clock, cli->logger, metrics, &opened, e);
    for (size_t i = 0; i < pipeline->stream_count && rc == 0; i++) {
        rc = make_stream(opened, &pipeline->streams[i], e);
    }
    if (rc == 0) {
        *kinesis = opened;
        opened = NULL;
    }
    pn_kinesis_destroy(&opened);
    return rc;
}

/* --- the server's announcement ---------------------------------------------------------------- */

int pn_cli_server_announce(struct pn_cli *cli, const char *url, int *lock_fd, struct pn_err *e)
{
    char *lock_path = pn_cli_path(cli, "server.lock");
    int rc = pn_io_lock_announced(cli->io, lock_path, lock_fd, e);
    free(lock_path);
    if (rc != 0) {
        return rc;
    }
    struct pn_buf text;
    pn_buf_init(&text, SERVER_FILE_BYTES_MAX);
    pn_buf_addf(&text, "{\"pid\":%ld,\"url\":", (long)getpid());
    pn_json_write_cstr(&text, url);
    pn_buf_adds(&text, "}\n");
    char *path = pn_cli_path(cli, "server.json");
    rc = pn_io_replace_file(cli->io, path, text.data, text.len, e);
    free(path);
    pn_buf_deinit(&text);
    return rc;
}

void pn_cli_server_withdraw(struct pn_cli *cli, int *lock_fd)
{
    if (*lock_fd < 0) {
        return;
    }
    char *path = pn_cli_path(cli, "server.json");
    int ignored = pn_io_unlink(cli->io, path, NULL);
    (void)ignored;
    free(path);
    pn_io_close(cli->io, lock_fd);
}

/* The announcement may outlive its server, and the number of a process may be another's by then, or
 * have its meaning in a container only: a lock ends with who holds it. */
static int server_lives(struct pn_cli *cli, bool *lives, struct pn_err *e)
{
    char *path = pn_cli_path(cli, "server.lock");
    int rc = pn_io_is_locked(cli->io, path, lives, e);
    free(path);
    return rc;
}

static int read_announcement(struct pn_cli *cli, char **url, struct pn_err *e)
{
    char *path = pn_cli_path(cli, "server.json");
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    struct pn_buf text;
    pn_buf_init(&text, SERVER_FILE_BYTES_MAX);
    struct pn_err failure = {0};
    int rc = pn_io_read_file(cli->io, path, &text, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        rc = 0;
        goto out;
    }
    if (rc == 0) {
        rc = pn_json_parse(parser, pn_buf_text(&text), text.len, text.len, &root, &failure);
    }
    if (rc != 0) {
        pn_err_copy(e, &failure);
        pn_err_prefix(e, "%s", path);
        goto out;
    }
    bool lives = false;
    rc = server_lives(cli, &lives, e);
    if (lives) {
        *url = pn_json_dup(pn_json_get(root, "url"));
    }
out:
    pn_buf_deinit(&text);
    pn_json_parser_destroy(&parser);
    free(path);
    return rc;
}

int pn_cli_server_url(struct pn_cli *cli, char **url, struct pn_err *e)
{
    *url = NULL;
    if (cli->url != NULL) {
        *url = pn_xstrdup(cli->url);
        return 0;
    }
    return read_announcement(cli, url, e);
}
