/* pinion deploy airflow: the pipeline's DAGs as DAG files of Airflow. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/deploy.h"
#include "deploy/airflow.h"

enum { FILE_BYTES_MAX = 4 << 20 };

struct airflow {
    struct pn_cli *cli;
    const char *folder;
    const char *dag; /* NULL: all */
    struct pn_airflow_config config;
};

/* The output `name` of `tofu output -json`; NULL when it is absent or not a string. */
static const char *output_text(const struct pn_json *root, const char *name, struct pn_arena *arena)
{
    const char *text = NULL;
    size_t len = 0;
    return pn_json_get_text(pn_json_get(root, name), "value", &text, &len)
               ? pn_arena_strndup(arena, text, len)
               : NULL;
}

/* What databricks-tf has made, where no option says otherwise. */
static int read_outputs(struct airflow *airflow, const char *path, struct pn_arena *arena,
                        struct pn_err *e)
{
    struct pn_buf text;
    pn_buf_init(&text, FILE_BYTES_MAX);
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    int rc = pn_io_read_file(airflow->cli->io, path, &text, e);
    if (rc == 0) {
        rc = pn_json_parse(parser, pn_buf_text(&text), text.len, text.len, &root, e);
    }
    if (rc == 0) {
        const char **values[] = {&airflow->config.notebooks, &airflow->config.cluster,
                                 &airflow->config.store};
        static const char *const names[] = {"notebook_folder", "cluster_id", "store"};
        for (size_t i = 0; rc == 0 && i < 3; i++) {
            const char **value = values[i];
            *value = *value != NULL ? *value : output_text(root, names[i], arena);
            if (*value == NULL) {
                rc = pn_err_input(e,
                                  "%s: has no output \"%s\": write it by `tofu output -json` in "
                                  "databricks-tf",
                                  path, names[i]);
            }
        }
    }
    pn_json_parser_destroy(&parser);
    pn_buf_deinit(&text);
    return rc;
}

static void print_note(void *arg, const char *note)
{
    struct pn_cli *cli = arg;
    fprintf(cli->err, "note: %s\n", note);
}

static int write_dag(struct airflow *airflow, const struct pn_dag *dag, struct pn_row_writer *rows,
                     struct pn_err *e)
{
    struct pn_buf out;
    pn_buf_init(&out, FILE_BYTES_MAX);
    char *path = pn_xasprintf("%s/%s.py", airflow->folder, dag->name);
    int rc = pn_airflow_write(dag, &airflow->config, &out, print_note, airflow->cli, e);
    if (rc == 0) {
        rc = pn_io_replace_file(airflow->cli->io, path, pn_buf_text(&out), out.len, e);
    }
    if (rc == 0) {
        pn_cell_cstr(rows, path);
        pn_cell_cstr(rows, dag->name);
        pn_cell_int(rows, (int64_t)dag->task_count);
    }
    free(path);
    pn_buf_deinit(&out);
    return rc;
}

static int write_dags(struct airflow *airflow, const struct pn_pipeline *pipeline,
                      struct pn_row_writer *rows, struct pn_err *e)
{
    if (airflow->dag != NULL && pn_pipeline_dag(pipeline, airflow->dag) == NULL) {
        return pn_pipeline_has_no(pipeline, PN_NAMED_DAG, airflow->dag, pipeline->folder, e);
    }
    int rc = pn_io_mkdirs(airflow->cli->io, airflow->folder, e);
    for (size_t i = 0; rc == 0 && i < pipeline->dag_count; i++) {
        const struct pn_dag *dag = &pipeline->dags[i];
        if (airflow->dag == NULL || strcmp(airflow->dag, dag->name) == 0) {
            rc = write_dag(airflow, dag, rows, e);
        }
    }
    return rc;
}

/* Fills what no option has said. */
static int complete(struct airflow *airflow, const char *outputs,
                    const struct pn_pipeline *pipeline, struct pn_arena *arena, struct pn_err *e)
{
    struct pn_airflow_config *config = &airflow->config;
    int rc = outputs != NULL ? read_outputs(airflow, outputs, arena, e) : 0;
    if (rc == 0 && config->runner == PN_AIRFLOW_SPARK) {
        char *folder = NULL;
        rc = pn_io_absolute_path(config->notebooks != NULL ? config->notebooks : "spark", &folder,
                                 e);
        config->notebooks = rc == 0 ? pn_arena_strdup(arena, folder) : NULL;
        free(folder);
    } else if (rc == 0 && config->notebooks == NULL) {
        config->notebooks = pn_arena_printf(arena, "/Shared/%s", pipeline->name);
    }
    char *data = NULL;
    if (rc == 0) {
        rc = pn_io_absolute_path(airflow->cli->data, &data, e);
    }
    if (rc == 0) {
        config->data = pn_arena_strdup(arena, data);
        config->pipeline = pipeline->folder;
    }
    free(data);
    return rc;
}

/* What is wrong with the options of a runner; NULL: nothing. */
static const char *misplaced(const struct pn_airflow_config *config, const char *outputs)
{
    bool on_databricks = outputs != NULL || config->cluster != NULL || config->connection != NULL;
    if (config->runner != PN_AIRFLOW_DATABRICKS && on_databricks) {
        return "--outputs, --cluster and --connection are for --run databricks";
    }
    if (config->runner == PN_AIRFLOW_PINION &&
        (config->notebooks != NULL || config->store != NULL)) {
        return "--notebooks and --store are not for --run pinion";
    }
    return NULL;
}

static int run(struct airflow *airflow, const char *outputs, struct pn_err *e)
{
    static const struct pn_report_column columns[] = {
        {"file", PN_CELL_TEXT}, {"dag", PN_CELL_TEXT}, {"tasks", PN_CELL_INT}};
    struct pn_pipeline *pipeline = NULL;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    int rc = pn_deploy_load_pipeline(airflow->cli, &pipeline, e);
    if (rc == 0) {
        rc = complete(airflow, outputs, pipeline, &arena, e);
    }
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(airflow->cli);
        PN_ROWS_BEGIN(rows, columns);
        rc = write_dags(airflow, pipeline, rows, e);
        pn_row_writer_close(&rows, rc);
    }
    pn_pipeline_destroy(&pipeline);
    pn_arena_deinit(&arena);
    return rc;
}

int pn_deploy_airflow(struct pn_cli *cli, int argc, char **argv)
{
    struct airflow airflow = {.cli = cli, .folder = "airflow"};
    struct pn_airflow_config *config = &airflow.config;
    const char *outputs = NULL;
    const char *runner = "databricks";
    const struct pn_opt opts[] = {
        {.name = "to",
         .kind = PN_OPT_STRING,
         .value = "DIR",
         .target = &airflow.folder,
         .help = "the folder to write <dag>.py to (airflow)"},
        {.name = "dag",
         .kind = PN_OPT_STRING,
         .value = "NAME",
         .target = &airflow.dag,
         .help = "only this DAG"},
        {.name = "run",
         .kind = PN_OPT_CHOICE,
         .choices = "databricks|pinion|spark-submit",
         .target = &runner,
         .help = "what a task is: a notebook on Databricks, `pinion task` on the worker, or a "
                 "notebook by the worker's spark-submit (databricks)"},
        {.name = "outputs",
         .kind = PN_OPT_STRING,
         .value = "FILE",
         .target = &outputs,
         .help = "take notebooks, cluster and store from the outputs of databricks-tf, as `tofu "
                 "output -json` prints them"},
        {.name = "notebooks",
         .kind = PN_OPT_STRING,
         .value = "FOLDER",
         .target = &config->notebooks,
         .help = "the workspace folder of the notebooks (/Shared/<pipeline>); with spark-submit, "
                 "the worker's folder of what `pinion deploy spark` wrote (spark)"},
        {.name = "cluster",
         .kind = PN_OPT_STRING,
         .value = "ID",
         .target = &config->cluster,
         .help = "the cluster to run on; without one, serverless compute"},
        {.name = "store",
         .kind = PN_OPT_STRING,
         .value = "URL",
         .target = &config->store,
         .help = "where objects and tables are, such as s3://my-bucket"},
        {.name = "connection",
         .kind = PN_OPT_STRING,
         .value = "ID",
         .target = &config->connection,
         .help = "Airflow's connection to Databricks (databricks_default)"},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about = "Writes each DAG of the pipeline as a DAG file for Airflow 2.7 to 3.1: names, "
                 "order, trigger rules, retries, delays, time limits, pools and schedule. What "
                 "Airflow has no counterpart for is noted on standard error.",
        .examples = "pinion deploy airflow --to dags --outputs outputs.json\n"
                    "pinion deploy airflow --to dags --run pinion --data /var/lib/pinion\n"
                    "pinion deploy airflow --to dags --run spark-submit --notebooks /srv/spark\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err e;
    config->runner = strcmp(runner, "pinion") == 0         ? PN_AIRFLOW_PINION
                     : strcmp(runner, "spark-submit") == 0 ? PN_AIRFLOW_SPARK
                                                           : PN_AIRFLOW_DATABRICKS;
    const char *fault = misplaced(config, outputs);
    if (fault != NULL) {
        return pn_cli_usage(cli, "%s", fault);
    }
    config->connection = config->connection != NULL ? config->connection : "databricks_default";
    return run(&airflow, outputs, &e) == 0 ? PN_EXIT_OK : pn_cli_fail(cli, &e);
}
