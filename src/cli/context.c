/* What a command works in: the application context, and the server of its data folder. */
#include <stdlib.h>
#include <string.h>

#include "base/http_client.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "server/addresses.h"
#include "server/announcement.h"
#include "server/folder_mark.h"
#include "server/program.h"

int pn_cli_pipeline_folder(struct pn_cli *cli, char **folder, struct pn_err *e)
{
    if (cli->pipeline_folder != NULL) {
        *folder = pn_xstrdup(cli->pipeline_folder);
        return 0;
    }
    return pn_program_pipeline(cli->io, PINION_PIPELINE_DEFAULT, folder, e);
}

int pn_cli_app_as_it_is(struct pn_cli *cli, const struct pn_app **app, struct pn_err *e)
{
    int rc = 0;
    if (cli->app == NULL) {
        char *folder = NULL;
        rc = pn_cli_pipeline_folder(cli, &folder, e);
        if (rc == 0) {
            const struct pn_app_config config = {.data = cli->data,
                                                 .pipeline_folder = folder,
                                                 .settings_file = cli->config,
                                                 .profile = cli->profile,
                                                 .command = cli->words,
                                                 .set = cli->set.items,
                                                 .set_count = cli->set.count,
                                                 .io = cli->io,
                                                 .clock = cli->clock,
                                                 .logger = cli->logger};
            rc = pn_app_create(&config, &cli->app, e);
        }
        free(folder);
    }
    if (rc == 0) {
        *app = cli->app;
    }
    return rc;
}

int pn_cli_app(struct pn_cli *cli, const struct pn_app **app, struct pn_err *e)
{
    const struct pn_app *made = NULL;
    int rc = pn_cli_app_as_it_is(cli, &made, e);
    if (rc == 0 && made->lack_count > 0) {
        bool several = made->lack_count > 1;
        return pn_err_input(e,
                            "the profile %s needs %s%s%s: set %s in its profile in pipeline.yml, "
                            "in the file of --config, or by --set",
                            cli->profile, made->lacks[0], several ? " and " : "",
                            several ? made->lacks[1] : "", several ? "them" : "it");
    }
    if (rc == 0) {
        *app = made;
    }
    return rc;
}

int pn_cli_find_tables(struct pn_cli *cli, struct pn_store *store, struct pn_err *e)
{
    PN_ASSERT(cli->app != NULL);
    return pn_app_find_tables(cli->app, store, e);
}

int pn_cli_server_url(struct pn_cli *cli, char **url, struct pn_err *e)
{
    *url = NULL;
    if (cli->url != NULL) {
        *url = pn_xstrdup(cli->url);
        return 0;
    }
    return pn_announcement_read(cli->io, cli->data, url, e);
}

void pn_cli_note_folder(struct pn_cli *cli)
{
    const struct pn_app *app = NULL;
    if (cli->url == NULL && pn_cli_app_as_it_is(cli, &app, NULL) == 0) {
        (void)pn_app_note_folder(app);
    }
}

int pn_cli_check_folder(struct pn_cli *cli, struct pn_err *e)
{
    const struct pn_app *app = NULL;
    return pn_io_exists(cli->io, cli->data) ||
                   (pn_cli_app(cli, &app, NULL) == 0 && app->settings->log.url[0] != '\0')
               ? 0
               : pn_err_missing(e,
                                "there is no data folder %s: give --data or --url, or create one "
                                "with `pinion serve --data %s`",
                                cli->data, cli->data);
}

void pn_cli_note_new_folder(struct pn_cli *cli)
{
    enum { WAIT_MS = 500, ANSWER_BYTES_MAX = 4096 };
    struct pn_buf answer;
    PN_ASSERT(cli->app != NULL);
    if (pn_io_exists(cli->io, cli->data)) {
        return;
    }
    struct pn_json *root = NULL;
    struct pn_json_parser *parser = pn_json_parser_create();
    const struct pn_settings *settings = cli->app->settings;
    const char *listen = settings->gateway.listen;
    bool any = pn_listens_everywhere(listen);
    char *url = pn_xasprintf("%s://%s%s", pn_url_scheme(settings->gateway.tls_certificate),
                             any ? "127.0.0.1" : "", any ? strrchr(listen, ':') : listen);
    pn_buf_init(&answer, ANSWER_BYTES_MAX);
    if (pn_http_client_call("GET", url, "/", NULL, WAIT_MS, &answer, NULL) == 0 &&
        pn_json_parse(parser, pn_buf_text(&answer), answer.len, answer.len, &root, NULL) == 0 &&
        pn_json_text_is(pn_json_get(root, "name"), "pinion")) {
        pn_logger_warn(
            cli->logger, "cli",
            "there is no data folder %s, so a new one is created. The pinion that serves %s uses "
            "another folder: to work with it, give that folder with --data",
            cli->data, url);
    }
    pn_buf_deinit(&answer);
    pn_json_parser_destroy(&parser);
    free(url);
}
