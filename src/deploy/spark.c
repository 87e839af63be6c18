#include "deploy/spark.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "deploy/bundle.h"
#include "engine/spark/definition.h"

enum { FILE_BYTES_MAX = 16 << 20, NAMES_MAX = 4096 };

#define CELL "\n# COMMAND ----------\n\n"

struct writer {
    const struct pn_pipeline *pipeline;
    const struct pn_spark_config *config;
    struct pn_buf out;
    const char **names; /* of the notebooks so far */
    size_t name_count;
    size_t name_capacity;
};

static int write_file(struct writer *w, const char *name, const char *what, struct pn_err *e)
{
    char *path = pn_xasprintf("%s/%s", w->config->folder, name);
    int rc = pn_buf_check(&w->out, path, e);
    if (rc == 0) {
        rc = pn_io_replace_file(w->config->io, path, pn_buf_text(&w->out), w->out.len, e);
    }
    if (rc == 0) {
        w->config->wrote(w->config->arg, path, what);
    }
    free(path);
    pn_buf_reset(&w->out);
    return rc;
}

static int copy_library(struct writer *w, const char *name, struct pn_err *e)
{
    char *path = pn_xasprintf("%s/%s", w->config->library, name);
    int rc = pn_io_read_file(w->config->io, path, &w->out, e);
    free(path);
    return rc != 0 ? rc : write_file(w, name, "library", e);
}

/* A workspace has one notebook of a name, whatever made it. */
static int write_notebook(struct writer *w, const char *name, const char *what, struct pn_err *e)
{
    for (size_t i = 0; i < w->name_count; i++) {
        if (strcmp(w->names[i], name) == 0) {
            return pn_err_input(e, "two notebooks would be called \"%s\": rename the %s", name,
                                what);
        }
    }
    void *names = w->names;
    pn_grow(&names, &w->name_capacity, w->name_count + 1, sizeof *w->names);
    w->names = names;
    w->names[w->name_count++] = name;
    char *file = pn_xasprintf("%s.py", name);
    int rc = write_file(w, file, what, e);
    free(file);
    return rc;
}

/* The first cell: what the notebook does, and the tables' library. */
static void begin_notebook(struct writer *w, const char *title)
{
    pn_buf_adds(&w->out, "# Databricks notebook source\n# ");
    for (const char *c = title; *c != '\0'; c++) {
        pn_buf_addc(&w->out, *c == '\n' || *c == '\r' ? ' ' : *c);
    }
    pn_buf_adds(&w->out,
                "\n# Written by `pinion deploy spark` from pipeline.yml.\nimport pinion_pipeline\n"
                "from pinion_spark import Lake\n\nlake = Lake(pinion_pipeline)\n");
}

/* --- the tasks -------------------------------------------------------------------------------- */

static int write_task(struct writer *w, const struct pn_dag *dag, const struct pn_task *task,
                      struct pn_err *e)
{
    if (task->kind == PN_TASK_COMMAND) {
        return 0; /* runs where pinion is */
    }
    char *title = pn_xasprintf("Task %s of the DAG %s.", task->name, dag->name);
    begin_notebook(w, title);
    free(title);
    if (task->kind == PN_TASK_CHECK_STORE) {
        pn_buf_adds(&w->out, CELL "results = [lake.check()]\n");
    } else {
        pn_buf_adds(&w->out, CELL "results = []\n");
    }
    for (size_t i = 0; i < task->table_count; i++) {
        const struct pn_table *table = task->tables[i];
        pn_buf_adds(&w->out, task->kind == PN_TASK_LOAD ? "results.append(lake.load("
                                                        : CELL "results.append(lake.transform(");
        pn_json_write_cstr(&w->out, table->name);
        if (task->kind == PN_TASK_TRANSFORM) {
            pn_buf_adds(&w->out, ", ");
            pn_python_add_text(&w->out, table->sql);
        }
        pn_buf_adds(&w->out, "))\n");
    }
    pn_buf_adds(&w->out, CELL "lake.finish(results)\n");
    return write_notebook(w, task->name, "task", e);
}

static int write_tasks(struct writer *w, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; i < w->pipeline->dag_count; i++) {
        const struct pn_dag *dag = &w->pipeline->dags[i];
        for (size_t j = 0; rc == 0 && j < dag->task_count; j++) {
            rc = write_task(w, dag, &dag->tasks[j], e);
        }
    }
    return rc;
}

/* --- the streams ------------------------------------------------------------------------------ */

static int write_stream(struct writer *w, const struct pn_pipeline_stream *stream,
                        const struct pn_flow *flow, struct pn_err *e)
{
    const struct pn_table *table = flow->table;
    char *title = pn_xasprintf("The stream %s fills the table %s.", stream->name, table->name);
    begin_notebook(w, title);
    free(title);
    pn_buf_adds(&w->out,
                CELL "# kinesis: on Databricks. kafka: a topic of the same name, on any Spark.\n"
                     "source = lake.parameter(\"source\", \"kinesis\")\n"
                     "query = lake.stream(");
    pn_json_write_cstr(&w->out, table->name);
    pn_buf_adds(&w->out, ", ");
    pn_python_add_text(&w->out, table->like->sql);
    pn_buf_adds(&w->out, ", source)\n" CELL "query.awaitTermination()\n");
    return write_notebook(w, table->name, "stream", e);
}

static int write_streams(struct writer *w, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; i < w->pipeline->stream_count; i++) {
        const struct pn_pipeline_stream *stream = &w->pipeline->streams[i];
        for (size_t j = 0; rc == 0 && j < stream->flow_count; j++) {
            rc = write_stream(w, stream, &stream->flows[j], e);
        }
    }
    return rc;
}

/* --- the queries ------------------------------------------------------------------------------ */

/* The statements, each a cell of a notebook; one ends with a semicolon at the end of a line. */
static void add_cells(struct pn_buf *out, const char *sql)
{
    while (*sql != '\0') {
        const char *end = strstr(sql, ";\n");
        size_t len = end != NULL ? (size_t)(end - sql) + 2 : strlen(sql);
        pn_buf_add(out, sql, len);
        pn_buf_adds(out, "\n-- COMMAND ----------\n\n");
        sql += len;
        sql += strspn(sql, "\n");
    }
}

/* As SQL alone: the prelude, a view for each table that the query may name, the query. */
static int write_sql(struct writer *w, const struct pn_query *query, struct pn_err *e)
{
    struct pn_buf *out = &w->out;
    pn_buf_adds(out, "-- Databricks notebook source\n");
    add_cells(out, w->pipeline->prelude_spark);
    for (size_t i = 0; i < w->pipeline->table_count; i++) {
        const struct pn_table *table = &w->pipeline->tables[i];
        if (!pn_table_is_raw(table) && table->like == NULL) {
            pn_buf_addf(out,
                        "CREATE OR REPLACE TEMPORARY VIEW %s AS SELECT * FROM delta.`%s/%s`;\n"
                        "\n-- COMMAND ----------\n\n",
                        table->name, w->config->store, table->path);
        }
    }
    pn_buf_adds(out, query->sql);
    char *name = pn_xasprintf("sql/%s.sql", query->name);
    int rc = write_file(w, name, "query as SQL", e);
    free(name);
    return rc;
}

static int write_query(struct writer *w, const struct pn_query *query, struct pn_err *e)
{
    begin_notebook(w, query->description[0] != '\0' ? query->description : query->name);
    pn_buf_adds(&w->out, CELL "answer = lake.query(");
    pn_python_add_text(&w->out, query->sql);
    pn_buf_adds(&w->out, ")\n" CELL "answer.show(1000, truncate=False)\n");
    int rc = write_notebook(w, query->name, "query", e);
    return rc != 0 ? rc : write_sql(w, query, e);
}

static int write_queries(struct writer *w, struct pn_err *e)
{
    char *folder = pn_xasprintf("%s/sql", w->config->folder);
    int rc = pn_io_mkdirs(w->config->io, folder, e);
    for (size_t i = 0; rc == 0 && i < w->pipeline->query_count; i++) {
        rc = write_query(w, &w->pipeline->queries[i], e);
    }
    free(folder);
    return rc;
}

/* --- the whole -------------------------------------------------------------------------------- */

int pn_spark_write(const struct pn_pipeline *pipeline, const struct pn_spark_config *config,
                   struct pn_err *e)
{
    static const char *const library[] = {
        "pinion_record.py",  "pinion_run.py",      "pinion_table.py",  "pinion_delta.py",
        "pinion_taken.py",   "pinion_merge.py",    "pinion_plan.py",   "pinion_write.py",
        "pinion_grow.py",    "pinion_spark.py",    "pinion_expect.py", "pinion_engine.py",
        "pinion_letters.py", "pinion_imported.py", "pinion_rules.py",  "pinion_job.py"};
    struct writer w = {.pipeline = pipeline, .config = config};
    pn_buf_init(&w.out, FILE_BYTES_MAX);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < pipeline->table_count; i++) {
        rc = pn_spark_check_table(&pipeline->tables[i], e);
    }
    if (rc == 0) {
        rc = pn_io_mkdirs(config->io, config->folder, e);
    }
    for (size_t i = 0; rc == 0 && i < sizeof library / sizeof *library; i++) {
        rc = copy_library(&w, library[i], e);
    }
    if (rc == 0) {
        pn_python_add_pipeline(&w.out, pipeline, config->store);
        rc = write_file(&w, "pinion_pipeline.py", "definition", e);
    }
    if (rc == 0) {
        rc = write_tasks(&w, e);
    }
    if (rc == 0) {
        rc = write_streams(&w, e);
    }
    if (rc == 0) {
        rc = write_queries(&w, e);
    }
    if (rc == 0) {
        pn_bundle_add(&w.out, pipeline, config->cluster);
        rc = write_file(&w, "databricks.yml", "bundle", e);
    }
    pn_buf_deinit(&w.out);
    free(w.names);
    return rc;
}
