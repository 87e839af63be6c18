/* pinion profile: settings under names, and whether what they name can be used. */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "server/profile_check.h"
#include "settings/profile.h"

/* --- list ------------------------------------------------------------------------------------- */

static void list_profile(void *arg, const struct pn_profile_shown *profile)
{
    struct pn_row_writer *rows = arg;
    pn_cell_cstr(rows, profile->name);
    pn_cell_cstr(rows, profile->like);
    pn_cell_cstr(rows, profile->file);
    pn_cell_cstr(rows, profile->about);
}

static int cmd_list(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_report_column columns[] = {{"profile", PN_CELL_TEXT},
                                                      {"like", PN_CELL_TEXT},
                                                      {"file", PN_CELL_TEXT},
                                                      {"about", PN_CELL_TEXT}};
    const struct pn_syntax syntax = {
        .uses = PN_USES_FORMAT,
        .about = "Lists the built-in profiles, and those of pipeline.yml and of the file of "
                 "--config: what they stand on, and where their own settings are.",
        .examples = "pinion profile list\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err e = {0};
    const struct pn_app *app = NULL;
    cli->profile = NULL;
    int rc = pn_cli_app_as_it_is(cli, &app, &e);
    if (rc == 0) {
        const struct pn_profile_source source = {
            .pipeline = app->pipeline, .file = app->config.settings_file, .io = cli->io};
        struct pn_row_writer *rows = pn_cli_rows(cli);
        PN_ROWS_BEGIN(rows, columns);
        rc = pn_profiles_each(&source, list_profile, rows, &e);
        pn_row_writer_close(&rows, rc);
    }
    return rc == 0 ? PN_EXIT_OK : pn_cli_fail(cli, &e);
}

/* --- check ------------------------------------------------------------------------------------ */

static void show_finding(void *arg, const struct pn_profile_finding *finding)
{
    struct pn_row_writer *rows = arg;
    pn_cell_cstr(rows, finding->part);
    pn_cell_cstr(rows, finding->is_good ? "good" : "bad");
    pn_cell_cstr(rows, finding->detail);
    pn_cell_cstr(rows, finding->setting);
}

static int cmd_check(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_report_column columns[] = {{"part", PN_CELL_TEXT},
                                                      {"state", PN_CELL_TEXT},
                                                      {"detail", PN_CELL_TEXT},
                                                      {"setting", PN_CELL_TEXT}};
    const struct pn_syntax syntax = {
        .operands = "[NAME]",
        .operands_max = 1,
        .uses = PN_USES_FORMAT,
        .about = "Tries each part that the profile NAME uses, or else the settings in force: the "
                 "log, the store, the engine, and the streams if they are in another Kinesis. Says "
                 "what is wrong, and which setting to change. The "
                 "exit status is 1 if a part is bad.",
        .examples = "pinion profile check kafka\n"
                    "pinion profile check aws --format json\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err e = {0};
    const struct pn_app *app = NULL;
    const char *usual = getenv("PINION_PROFILE");
    bool is_option = cli->profile != NULL && (usual == NULL || strcmp(cli->profile, usual) != 0);
    if (argc > 0 && is_option && strcmp(argv[0], cli->profile) != 0) {
        (void)pn_err_input(&e, "two profiles are given, %s and --profile %s: leave one out",
                           argv[0], cli->profile);
        return pn_cli_fail(cli, &e);
    }
    cli->profile = argc > 0 ? argv[0] : cli->profile;
    if (pn_cli_app_as_it_is(cli, &app, &e) != 0) {
        return pn_cli_fail(cli, &e);
    }
    struct pn_row_writer *rows = pn_cli_rows(cli);
    PN_ROWS_BEGIN(rows, columns);
    int failures = pn_app_check_profile(app, show_finding, rows);
    pn_row_writer_end(&rows);
    return failures == 0 ? PN_EXIT_OK : PN_EXIT_FAILED;
}

int pn_cmd_profile(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_command commands[] = {
        {"list", "list the profiles", cmd_list},
        {"check", "see whether the parts of a profile can be used", cmd_check},
        {NULL, NULL, NULL},
    };
    return pn_cli_dispatch(cli, commands, argc, argv);
}
