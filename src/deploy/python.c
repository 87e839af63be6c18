#include "deploy/python.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"

/* --- SQL -------------------------------------------------------------------------------------- */

void pn_sql_add_cells(struct pn_buf *out, const char *sql)
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

/* --- the bundle ------------------------------------------------------------------------------- */

/* A value of YAML: JSON's strings are YAML's, too. */
static void add_yaml(struct pn_buf *out, const char *key, const char *value)
{
    pn_buf_adds(out, key);
    pn_json_write_cstr(out, value);
    pn_buf_addc(out, '\n');
}

static void add_compute(struct pn_buf *out, const char *notebook, const char *cluster)
{
    pn_buf_adds(out, "          notebook_task:\n");
    pn_buf_addf(out, "            notebook_path: ./%s.py\n", notebook);
    if (cluster != NULL) {
        add_yaml(out, "          existing_cluster_id: ", cluster);
    }
}

static void add_job_task(struct pn_buf *out, const struct pn_task *task, const char *cluster)
{
    add_yaml(out, "        - task_key: ", task->name);
    add_compute(out, task->name, cluster);
    pn_buf_addf(out,
                "          max_retries: %" PRId32 "\n"
                "          min_retry_interval_millis: %" PRId64 "\n",
                task->retries, task->retry_delay_ms);
    if (task->timeout_ms > 0) {
        pn_buf_addf(out, "          timeout_seconds: %" PRId64 "\n", task->timeout_ms / 1000);
    }
    if (task->after_count > 0) {
        pn_buf_adds(out, "          depends_on:\n");
    }
    for (size_t i = 0; i < task->after_count; i++) {
        add_yaml(out, "            - task_key: ", task->after[i]->name);
    }
}

static void add_streams_job(struct pn_buf *out, const struct pn_pipeline *pipeline,
                            const char *cluster)
{
    pn_buf_adds(out, "    streams:\n      name: \"streams\"\n      continuous:\n"
                     "        pause_status: PAUSED\n      tasks:\n");
    for (size_t i = 0; i < pipeline->stream_count; i++) {
        for (size_t j = 0; j < pipeline->streams[i].flow_count; j++) {
            const char *name = pipeline->streams[i].flows[j].table->name;
            add_yaml(out, "        - task_key: ", name);
            add_compute(out, name, cluster);
        }
    }
}

void pn_bundle_add(struct pn_buf *out, const struct pn_pipeline *pipeline, const char *cluster)
{
    pn_buf_adds(
        out, "# Databricks bundle. Written by `pinion deploy spark` from pipeline.yml.\n"
             "# Set the workspace's address in DATABRICKS_HOST, then: databricks bundle deploy\n");
    add_yaml(out, "bundle:\n  name: ", pipeline->name);
    pn_buf_adds(out, "targets:\n  prod:\n    default: true\n    mode: production\n");
    pn_buf_addf(out, "    workspace:\n      root_path: /Shared/%s\n", pipeline->name);
    pn_buf_adds(out, "resources:\n  jobs:\n");
    for (size_t i = 0; i < pipeline->dag_count; i++) {
        const struct pn_dag *dag = &pipeline->dags[i];
        pn_buf_addf(out, "    '%s':\n", dag->name); /* of letters, digits, _ and - */
        add_yaml(out, "      name: ", dag->name);
        pn_buf_addf(out, "      max_concurrent_runs: %" PRId32 "\n      tasks:\n",
                    dag->active_runs_max);
        for (size_t j = 0; j < dag->task_count; j++) {
            if (dag->tasks[j].kind != PN_TASK_COMMAND) {
                add_job_task(out, &dag->tasks[j], cluster);
            }
        }
    }
    if (pipeline->stream_count > 0) {
        add_streams_job(out, pipeline, cluster);
    }
}
