/* pinion deploy: the same pipeline in the cloud, set up from config.yml. */
#include "cli/deploy.h"

#include "cli/commands.h"
#include "deploy/check.h"
#include "deploy/plan.h"
#include "deploy/tfvars.h"

#define CONFIG_FILE "config.yml"

static int load_config(struct pn_cli *cli, int argc, char **argv, struct pn_deploy_config *config,
                       struct pn_err *e)
{
    return pn_deploy_config_load(argc > 0 ? argv[0] : CONFIG_FILE, cli->io, config, e);
}

/* --- tfvars ----------------------------------------------------------------------------------- */

struct variable_rows {
    struct pn_row_writer *rows;
    const char *folder;
    size_t directory;
};

static void variable_row(void *arg, const char *name, enum pn_deploy_key key)
{
    const struct variable_rows *to = arg;
    char path[1024];
    int len = snprintf(path, sizeof path, "%s/%s/terraform.tfvars", to->folder,
                       pn_deploy_directories[to->directory]);
    pn_cell_text(to->rows, path, (size_t)len < sizeof path ? (size_t)len : sizeof path - 1);
    pn_cell_cstr(to->rows, name);
    pn_cell_cstr(to->rows, pn_deploy_key_name(key));
}

static void print_variables(struct pn_cli *cli, const char *folder)
{
    static const struct pn_report_column columns[] = {
        {"file", PN_CELL_TEXT}, {"variable", PN_CELL_TEXT}, {"key", PN_CELL_TEXT}};
    struct variable_rows to = {.rows = pn_cli_rows(cli), .folder = folder};
    PN_ROWS_BEGIN(to.rows, columns);
    for (; to.directory < PN_DEPLOY_DIRECTORIES; to.directory++) {
        pn_tfvars_each(to.directory, variable_row, &to);
    }
    pn_row_writer_end(&to.rows);
}

static int run_tfvars(struct pn_cli *cli, int argc, char **argv)
{
    const char *folder = "deploy/terraform";
    const struct pn_opt opts[] = {
        {.name = "dir",
         .kind = PN_OPT_STRING,
         .value = "DIR",
         .target = &folder,
         .help = "the folder with the five Terraform directories (deploy/terraform)"},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "[CONFIG]",
        .operands_max = 1,
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about = "Checks CONFIG (config.yml) and writes terraform.tfvars into each of the five "
                 "Terraform directories, readable by you only. A wrong or missing key is reported "
                 "with its line, and nothing is written then. Values are never printed.",
        .examples = "pinion deploy tfvars\n"
                    "pinion deploy tfvars my.yml --dir infrastructure\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err e;
    struct pn_deploy_config config;
    int rc = load_config(cli, argc, argv, &config, &e);
    if (rc == 0) {
        rc = pn_tfvars_write(&config, folder, cli->io, &e);
    }
    pn_deploy_config_deinit(&config);
    if (rc != 0) {
        return pn_cli_fail(cli, &e);
    }
    print_variables(cli, folder);
    return PN_EXIT_OK;
}

/* --- check ------------------------------------------------------------------------------------ */

static void finding_row(void *arg, enum pn_finding finding, const char *what, const char *detail)
{
    struct pn_row_writer *rows = arg;
    pn_cell_cstr(rows, what);
    pn_cell_cstr(rows, finding == PN_FINDING_OK ? "ok" : "failed");
    pn_cell_cstr(rows, detail);
}

static int run_check(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_report_column columns[] = {
        {"what", PN_CELL_TEXT}, {"result", PN_CELL_TEXT}, {"detail", PN_CELL_TEXT}};
    bool is_tried = false;
    struct pn_deploy_endpoints endpoints = {0};
    const struct pn_opt opts[] = {
        {.name = "try",
         .kind = PN_OPT_FLAG,
         .target = &is_tried,
         .help = "also ask AWS and Databricks whether they accept the credentials, and whether "
                 "the buckets' names are free; nothing is changed there"},
        {.name = "aws-endpoint",
         .kind = PN_OPT_STRING,
         .value = "URL",
         .target = &endpoints.aws,
         .help = "with --try: ask this server instead of AWS's public one"},
        {.name = "databricks-endpoint",
         .kind = PN_OPT_STRING,
         .value = "URL",
         .target = &endpoints.databricks,
         .help = "with --try: the account console (https://accounts.cloud.databricks.com)"},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "[CONFIG]",
        .operands_max = 1,
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about = "Finds mistakes in CONFIG (config.yml) before anything is created: bucket names "
                 "that are not legal or not distinct, an unknown region, malformed identifiers and "
                 "keys. Exits with 1 if a check failed.",
        .examples = "pinion deploy check\n"
                    "pinion deploy check my.yml --try --format json\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    if (!is_tried && (endpoints.aws != NULL || endpoints.databricks != NULL)) {
        return pn_cli_usage(cli, "--aws-endpoint and --databricks-endpoint need --try");
    }
    struct pn_err e;
    struct pn_deploy_config config;
    if (load_config(cli, argc, argv, &config, &e) != 0) {
        pn_deploy_config_deinit(&config);
        return pn_cli_fail(cli, &e);
    }
    struct pn_row_writer *rows = pn_cli_rows(cli);
    PN_ROWS_BEGIN(rows, columns);
    size_t failures = pn_deploy_check(&config, finding_row, rows);
    if (is_tried) {
        failures += pn_deploy_try(&config, &endpoints, finding_row, rows);
    }
    pn_row_writer_end(&rows);
    pn_deploy_config_deinit(&config);
    return failures == 0 ? PN_EXIT_OK : PN_EXIT_FAILED;
}

/* --- plan ------------------------------------------------------------------------------------- */

static int run_plan(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_report_column columns[] = {
        {"step", PN_CELL_INT},       {"directory", PN_CELL_TEXT},
        {"makes", PN_CELL_TEXT},     {"usd_month", PN_CELL_DOUBLE},
        {"usd_basis", PN_CELL_TEXT}, {"tear_down_step", PN_CELL_INT}};
    const char *gateway = "client-host";
    const char *sink = "msk-connect";
    const struct pn_opt opts[] = {
        {.name = "gateway",
         .kind = PN_OPT_CHOICE,
         .choices = "client-host|ecs",
         .help = "where the gateway runs: the variable gateway of batch-ingestion-tf (client-host)",
         .target = &gateway},
        {.name = "sink",
         .kind = PN_OPT_CHOICE,
         .choices = "msk-connect|pinion",
         .help = "what lands the records: its variable sink (msk-connect)",
         .target = &sink},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about = "Shows the steps of the cloud deployment in their order, what each creates, and "
                 "roughly what that costs a month. Tear down in the reverse order: what costs most "
                 "goes first. docs/deploy.md explains each step.",
        .examples = "pinion deploy plan\npinion deploy plan --gateway ecs --sink pinion\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    double total = 0;
    int steps = 0;
    for (const struct pn_deploy_item *item = pn_deploy_plan; item->what != NULL; item++) {
        steps = item->step;
    }
    struct pn_row_writer *rows = pn_cli_rows(cli);
    PN_ROWS_BEGIN(rows, columns);
    for (const struct pn_deploy_item *item = pn_deploy_plan; item->what != NULL; item++) {
        if (!pn_deploy_makes(item, gateway, sink)) {
            continue;
        }
        pn_cell_int(rows, item->step);
        pn_cell_cstr(rows, item->directory);
        pn_cell_cstr(rows, item->what);
        pn_cell_double(rows, (double)(int64_t)(item->month_usd * 100 + 0.5) / 100);
        pn_cell_cstr(rows, item->basis);
        pn_cell_int(rows, steps + 1 - item->step);
        total += item->month_usd;
    }
    pn_row_writer_end(&rows);
    if (pn_format_is_for_people(cli->format)) {
        fprintf(cli->out, "\nAbout %.0f a month in all (%s).\n", total, pn_deploy_price_source);
        fprintf(cli->out, "Tear down in the reverse order:");
        for (size_t i = PN_DEPLOY_DIRECTORIES; i-- > 0;) {
            fprintf(cli->out, " %s%s", pn_deploy_directories[i], i > 0 ? "," : ".\n");
        }
    }
    return PN_EXIT_OK;
}

int pn_cmd_deploy(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_command commands[] = {
        {"airflow", "write the DAGs as DAG files of Airflow", pn_deploy_airflow},
        {"check", "find mistakes in config.yml, and try its credentials", run_check},
        {"plan", "show the steps, what they create and what it costs", run_plan},
        {"spark", "write the pipeline as notebooks and jobs of Spark", pn_deploy_spark},
        {"tfvars", "write the variables of the Terraform directories", run_tfvars},
        {NULL, NULL, NULL}};
    return pn_cli_dispatch(cli, commands, argc, argv);
}
