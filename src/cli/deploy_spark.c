/* pinion deploy spark: the pipeline as notebooks and jobs of Spark. */
#include <stdlib.h>

#include "cli/deploy.h"
#include "deploy/bundle.h"
#include "deploy/spark.h"
#include "server/program.h"

static void file_row(void *arg, const char *path, const char *what)
{
    struct pn_row_writer *rows = arg;
    pn_cell_cstr(rows, path);
    pn_cell_cstr(rows, what);
}

static void print_note(void *arg, const char *note)
{
    struct pn_cli *cli = arg;
    fprintf(cli->err, "note: %s\n", note);
}

/* The pipeline, with the streams of patterns that are named. */
static int load(struct pn_cli *cli, const struct pn_opt_list *streams,
                struct pn_pipeline **pipeline, struct pn_err *e)
{
    int rc = pn_deploy_load_pipeline(cli, pipeline, e);
    for (size_t i = 0; rc == 0 && i < streams->count; i++) {
        rc = pn_pipeline_add_stream(*pipeline, streams->items[i], e);
        if (rc != 0) {
            pn_err_prefix(e, "--stream");
        }
    }
    return rc;
}

static int run(struct pn_cli *cli, const struct pn_opt_list *streams,
               struct pn_spark_config *config, struct pn_err *e)
{
    static const struct pn_report_column columns[] = {{"file", PN_CELL_TEXT},
                                                      {"what", PN_CELL_TEXT}};
    struct pn_pipeline *pipeline = NULL;
    char *library = NULL;
    int rc = load(cli, streams, &pipeline, e);
    if (rc == 0) {
        rc = pn_program_folder(cli->io, "deploy/spark", &library, e);
    }
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        PN_ROWS_BEGIN(rows, columns);
        config->library = library;
        config->io = cli->io;
        config->wrote = file_row;
        config->arg = rows;
        rc = pn_spark_write(pipeline, config, e);
        pn_row_writer_close(&rows, rc);
    }
    if (rc == 0) {
        pn_bundle_note(pipeline, print_note, cli);
    }
    free(library);
    pn_pipeline_destroy(&pipeline);
    return rc;
}

int pn_deploy_spark(struct pn_cli *cli, int argc, char **argv)
{
    struct pn_spark_config config = {.folder = "spark"};
    struct pn_opt_list streams = {.count = 0};
    const struct pn_opt opts[] = {
        {.name = "to",
         .kind = PN_OPT_STRING,
         .value = "DIR",
         .target = &config.folder,
         .help = "the folder to write to (spark)"},
        {.name = "store",
         .kind = PN_OPT_STRING,
         .value = "URL",
         .target = &config.store,
         .help = "where objects and tables are, such as s3://my-bucket; required"},
        {.name = "cluster",
         .kind = PN_OPT_STRING,
         .value = "ID",
         .target = &config.cluster,
         .help = "the cluster of the bundle's jobs; without one, serverless compute"},
        {.name = "stream",
         .kind = PN_OPT_LIST,
         .value = "NAME",
         .target = &streams,
         .help = "a stream that matches a pattern, to get notebooks as well"},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about = "Writes the pipeline for Spark and Delta Lake: a notebook for each task, stream "
                 "and query, each query as SQL, and a Databricks bundle. The notebooks are in "
                 "Databricks's source format, and are also jobs for spark-submit.",
        .examples = "pinion deploy spark --to notebooks --store s3://my-bucket\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    if (config.store == NULL) {
        return pn_cli_usage(cli, "--store is missing: where are the objects and tables?");
    }
    struct pn_err e;
    return run(cli, &streams, &config, &e) == 0 ? PN_EXIT_OK : pn_cli_fail(cli, &e);
}
