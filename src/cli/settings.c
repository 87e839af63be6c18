/* pinion settings: the settings in force, or the manual of all. */
#include <string.h>

#include "cli/commands.h"
#include "report/reference.h"

enum { DOCUMENT_BYTES_MAX = 1 << 20 };

/* In force, or (NULL) the manual. */
static void print_document(struct pn_cli *cli, const struct pn_settings *settings)
{
    struct pn_buf out;
    pn_buf_init(&out, DOCUMENT_BYTES_MAX);
    if (settings != NULL) {
        pn_settings_text(settings, &out);
    } else {
        pn_settings_markdown(&out);
    }
    fwrite(pn_buf_text(&out), 1, out.len, cli->out);
    pn_buf_deinit(&out);
}

static void print_rows(struct pn_cli *cli, const struct pn_settings *settings, const char *format)
{
    cli->format = pn_format_parse(format);
    struct pn_row_writer *rows = pn_cli_rows(cli);
    pn_report_settings(settings, rows);
    pn_row_writer_end(&rows);
}

int pn_cmd_settings(struct pn_cli *cli, int argc, char **argv)
{
    const char *format = "yaml";
    const struct pn_opt opts[] = {
        {.name = "format",
         .kind = PN_OPT_CHOICE,
         .choices = "yaml|table|json|jsonl|csv|md",
         .target = &format,
         .help = "the settings in force as a file for --config (yaml), as rows for people or "
                 "programs (table, json, jsonl, csv), or the manual of all settings (md)"},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .opts = opts,
        .about =
            "Settings come from the defaults, settings: in pipeline.yml, the profile, --config "
            "and --set; later ones override earlier ones. docs/settings.md explains each.",
        .examples = "pinion settings\n"
                    "pinion settings --set log.durability=os\n"
                    "pinion settings --profile kafka --format table\n"
                    "pinion settings > my.yml; pinion serve --config my.yml\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err e;
    const struct pn_app *app = NULL;
    if (strcmp(format, "md") == 0) {
        print_document(cli, NULL);
        return PN_EXIT_OK;
    }
    if (pn_cli_app_as_it_is(cli, &app, &e) != 0) {
        return pn_cli_fail(cli, &e);
    }
    if (strcmp(format, "yaml") == 0) {
        print_document(cli, app->settings);
    } else {
        print_rows(cli, app->settings, format);
    }
    return PN_EXIT_OK;
}
