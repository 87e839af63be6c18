/* pinion settings: the settings in force, or the manual of all. */
#include <string.h>

#include "cli/commands.h"

enum { DOCUMENT_BYTES_MAX = 1 << 20 };

static int run(struct pn_cli *cli, const char *format, struct pn_buf *out, struct pn_err *e)
{
    if (strcmp(format, "md") == 0) {
        pn_settings_markdown(out);
        return 0;
    }
    const struct pn_app *app = NULL;
    int rc = pn_cli_app(cli, &app, e);
    if (rc != 0) {
        return rc;
    }
    if (strcmp(format, "json") == 0) {
        pn_settings_json(app->settings, out);
    } else {
        pn_settings_text(app->settings, out);
    }
    return 0;
}

int pn_cmd_settings(struct pn_cli *cli, int argc, char **argv)
{
    const char *format = "yaml";
    const struct pn_opt opts[] = {
        {.name = "format",
         .kind = PN_OPT_CHOICE,
         .choices = "yaml|json|md",
         .target = &format,
         .help = "the settings in force as a file for --config (yaml) or for programs (json), or "
                 "the manual of all of them (md)"},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .opts = opts,
        .about = "Settings come from the defaults, settings: in the pipeline.yml, --config and "
                 "--set, later ones winning. docs/settings.md explains each.",
        .examples = "pinion settings\n"
                    "pinion settings --set log.durability=os\n"
                    "pinion settings > my.yml; pinion serve --config my.yml\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err e;
    struct pn_buf out;
    pn_buf_init(&out, DOCUMENT_BYTES_MAX);
    int rc = run(cli, format, &out, &e);
    if (rc == 0) {
        fwrite(pn_buf_text(&out), 1, out.len, cli->out);
    }
    pn_buf_deinit(&out);
    return rc != 0 ? pn_cli_fail(cli, &e) : PN_EXIT_OK;
}
