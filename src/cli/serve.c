/* pinion serve: a server until a signal ends it. */
#include <string.h>

#include "base/units.h"
#include "cli/commands.h"
#include "cli/signals.h"
#include "server/addresses.h"
#include "server/server.h"

/* "gateway,sink" as bits; false when a word is none. */
static bool parse_roles(const char *text, unsigned *roles)
{
    static const struct {
        const char *name;
        unsigned role;
    } known[] = {{"gateway", PN_ROLE_GATEWAY},
                 {"sink", PN_ROLE_SINK},
                 {"stream", PN_ROLE_STREAM},
                 {"scheduler", PN_ROLE_SCHEDULER}};
    *roles = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, ",");
        unsigned role = 0;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
            if (strlen(known[i].name) == len && memcmp(known[i].name, text, len) == 0) {
                role = known[i].role;
            }
        }
        if (role == 0) {
            return false;
        }
        *roles |= role;
        text += len;
        text += *text == ',';
    }
    return *roles != 0;
}

static void say_where(const struct pn_app *app, const struct pn_server *server, const char *listen)
{
    const struct pn_settings *settings = app->settings;
    const char *url = pn_server_url(server);
    pn_logger_info(app->logger, "serve", "pinion " PINION_VERSION " serves %s%s%s", app->data,
                   url != NULL ? " on " : ", without a gateway", url != NULL ? url : "");
    if (url == NULL || !pn_listens_everywhere(listen != NULL ? listen : settings->gateway.listen)) {
        return;
    }
    struct pn_buf urls;
    pn_buf_init(&urls, 64 * 1024);
    pn_add_reachable_urls(&urls, pn_url_scheme(settings->gateway.tls_certificate),
                          pn_server_port(server));
    pn_logger_info(app->logger, "serve", "other machines reach it on %s%s",
                   urls.len > 0 ? pn_buf_text(&urls) : "no IPv4 address",
                   strcmp(settings->gateway.auth, "api-key") == 0
                       ? "; clients must send an API key (commands: PINION_API_KEY)"
                       : "; gateway.auth is none: every client that reaches it may do everything");
    pn_buf_deinit(&urls);
}

/* Reads the API keys again. Returns whether there was something to read. */
static bool reload_keys(const struct pn_app *app, struct pn_server *server)
{
    struct pn_err failure = {0};
    size_t keys = 0;
    if (pn_server_reload_keys(server, &keys, &failure) != 0) {
        pn_logger_error(app->logger, "serve", "SIGHUP: the previous API keys stay in force: %s",
                        failure.msg);
        return true;
    }
    if (keys > 0) {
        pn_logger_info(app->logger, "serve", "SIGHUP: %zu API %s in force; settings need a restart",
                       keys, pn_noun((int64_t)keys, "key", "keys"));
    }
    return keys > 0;
}

static bool reload_certificate(const struct pn_app *app, struct pn_server *server)
{
    struct pn_err failure = {0};
    bool loaded = false;
    if (pn_server_reload_tls(server, &loaded, &failure) != 0) {
        pn_logger_error(app->logger, "serve", "SIGHUP: the previous certificate stays in use: %s",
                        failure.msg);
        return true;
    }
    if (loaded) {
        pn_logger_info(app->logger, "serve", "SIGHUP: new connections get the certificate in '%s'",
                       app->settings->gateway.tls_certificate);
    }
    return loaded;
}

/* SIGHUP: a closed terminal sends it, and so do those who have changed a file. */
static void reload(const struct pn_app *app, struct pn_server *server)
{
    bool keys = reload_keys(app, server);
    bool certificate = reload_certificate(app, server);
    if (!keys && !certificate) {
        pn_logger_info(app->logger, "serve", "SIGHUP: nothing to reload; settings need a restart");
    }
}

int pn_cmd_serve(struct pn_cli *cli, int argc, char **argv)
{
    const char *listen = NULL;
    const char *roles_text = NULL;
    unsigned roles = PN_ROLES_ALL;
    const struct pn_opt opts[] = {
        {.name = "listen",
         .kind = PN_OPT_STRING,
         .value = "HOST:PORT",
         .help = "the address to listen on (setting gateway.listen, 127.0.0.1:8082); port 0 means "
                 "any free port",
         .target = &listen},
        {.name = "roles",
         .kind = PN_OPT_STRING,
         .value = "ROLE,...",
         .help = "what the server does: some of gateway, sink, stream, scheduler (all)",
         .target = &roles_text},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .opts = opts,
        .about = "Serves all interfaces on one port, lands the records that arrive, fills the "
                 "stream tables and runs the DAGs, until SIGTERM or SIGINT. Then it finishes the "
                 "requests it has accepted.",
        .examples = "pinion serve --data /var/lib/pinion --listen 127.0.0.1:8082\n"
                    "pinion serve --roles gateway,sink,scheduler\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    if (roles_text != NULL && !parse_roles(roles_text, &roles)) {
        return pn_cli_usage(cli,
                            "invalid --roles \"%.80s\": give some of gateway, sink, stream and "
                            "scheduler, separated by commas",
                            roles_text);
    }
    /* Blocked before any thread starts, so that only this one waits for them. */
    struct pn_signals signals;
    pn_signals_watch(&signals);
    pn_signals_watch_hangup(&signals);
    struct pn_err failure = {0};
    struct pn_server *server = NULL;
    const struct pn_app *app = NULL;
    int rc = pn_cli_app(cli, &app, &failure);
    if (rc == 0 && app->settings->kinesis.endpoint[0] != '\0') {
        pn_logger_info(cli->logger, "serve",
                       "streams are in another Kinesis (kinesis.endpoint): their calls are "
                       "forwarded%s",
                       (roles & PN_ROLE_STREAM) != 0 ? ", and their tables are filled from there"
                                                     : "");
    }
    if (rc == 0) {
        rc = pn_server_start(app, listen, roles, &server, &failure);
    }
    if (rc != 0) {
        return pn_cli_fail(cli, &failure);
    }
    say_where(app, server, listen);
    int signal = pn_signals_wait(&signals);
    while (signal == SIGHUP) {
        reload(app, server);
        signal = pn_signals_wait(&signals);
    }
    pn_logger_info(cli->logger, "serve", "%s: finishing the accepted requests", strsignal(signal));
    pn_server_stop(&server);
    pn_logger_info(cli->logger, "serve", "stopped");
    return PN_EXIT_OK;
}
