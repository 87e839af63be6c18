#include "deploy/bundle.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "deploy/quartz.h"

/* A value of YAML: JSON's strings are YAML's, too. */
static void add_yaml(struct pn_buf *out, const char *key, const char *value)
{
    pn_buf_adds(out, key);
    pn_json_write_cstr(out, value);
    pn_buf_addc(out, '\n');
}

static void add_seconds(struct pn_buf *out, const char *key, int64_t ms)
{
    pn_buf_addf(out, "%s%" PRId64 "\n", key, (ms + 999) / 1000);
}

static void add_compute(struct pn_buf *out, const char *notebook, const char *cluster)
{
    pn_buf_adds(out, "          notebook_task:\n");
    pn_buf_addf(out, "            notebook_path: ./%s.py\n", notebook);
    if (cluster != NULL) {
        add_yaml(out, "          existing_cluster_id: ", cluster);
    }
}

/* When a task may start; NULL: Databricks has no such rule. Its NONE_FAILED also wants that one of
 * the tasks before has run. */
static const char *const run_if[PN_TRIGGER_RULES] = {
    [PN_RULE_ALL_SUCCESS] = "ALL_SUCCESS",
    [PN_RULE_ALL_FAILED] = "ALL_FAILED",
    [PN_RULE_ALL_DONE] = "ALL_DONE",
    [PN_RULE_ONE_SUCCESS] = "AT_LEAST_ONE_SUCCESS",
    [PN_RULE_ONE_FAILED] = "AT_LEAST_ONE_FAILED",
    [PN_RULE_NONE_FAILED] = "NONE_FAILED",
    [PN_RULE_NONE_FAILED_MIN_ONE_SUCCESS] = "NONE_FAILED",
};

/* Marks the tasks that `task` comes after. The bundle has no commands: what comes after one comes
 * after what the command comes after. */
static void mark_before(const struct pn_dag *dag, const struct pn_task *task, bool *is_before)
{
    for (size_t i = 0; i < task->after_count; i++) {
        const struct pn_task *other = task->after[i];
        bool is_known = is_before[other - dag->tasks];
        is_before[other - dag->tasks] = true;
        if (other->kind == PN_TASK_COMMAND && !is_known) {
            mark_before(dag, other, is_before);
        }
    }
}

static void add_order(struct pn_buf *out, const struct pn_dag *dag, const struct pn_task *task)
{
    bool *is_before = pn_xcalloc(dag->task_count, sizeof *is_before);
    bool is_first = true;
    mark_before(dag, task, is_before);
    for (size_t i = 0; i < dag->task_count; i++) {
        if (is_before[i] && dag->tasks[i].kind != PN_TASK_COMMAND) {
            pn_buf_adds(out, is_first ? "          depends_on:\n" : "");
            add_yaml(out, "            - task_key: ", dag->tasks[i].name);
            is_first = false;
        }
    }
    if (!is_first && task->rule != PN_RULE_ALL_SUCCESS && run_if[task->rule] != NULL) {
        pn_buf_addf(out, "          run_if: %s\n", run_if[task->rule]);
    }
    free(is_before);
}

static void add_job_task(struct pn_buf *out, const struct pn_dag *dag, const struct pn_task *task,
                         const char *cluster)
{
    add_yaml(out, "        - task_key: ", task->name);
    add_compute(out, task->name, cluster);
    pn_buf_addf(out,
                "          max_retries: %" PRId32 "\n"
                "          min_retry_interval_millis: %" PRId64 "\n",
                task->retries, task->retry_delay_ms);
    if (task->timeout_ms > 0) {
        add_seconds(out, "          timeout_seconds: ", task->timeout_ms);
        pn_buf_adds(out, task->retries > 0 ? "          retry_on_timeout: true\n" : "");
    }
    add_order(out, dag, task);
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

static bool has_notebook(const struct pn_dag *dag)
{
    for (size_t i = 0; i < dag->task_count; i++) {
        if (dag->tasks[i].kind != PN_TASK_COMMAND) {
            return true;
        }
    }
    return false;
}

/* Of a DAG whose schedule one expression can say. */
static void add_schedule(struct pn_buf *out, const struct pn_schedule *schedule)
{
    if (schedule->line_count == 0 || pn_quartz_add(NULL, schedule) != NULL) {
        return;
    }
    pn_buf_adds(out, "      schedule:\n        quartz_cron_expression: \"");
    const char *none = pn_quartz_add(out, schedule);
    PN_ASSERT(none == NULL);
    add_yaml(out, "\"\n        timezone_id: ", schedule->zone->name);
    pn_buf_adds(out, "        pause_status: UNPAUSED\n");
    pn_buf_addf(out, "      queue:\n        enabled: %s\n",
                schedule->overlap == PN_OVERLAP_SKIP ? "false" : "true");
}

static void add_job(struct pn_buf *out, const struct pn_dag *dag, const char *cluster)
{
    pn_buf_addf(out, "    '%s':\n", dag->name); /* of letters, digits, _ and - */
    add_yaml(out, "      name: ", dag->name);
    pn_buf_addf(out, "      max_concurrent_runs: %" PRId32 "\n", dag->active_runs_max);
    if (dag->run_timeout_ms > 0) {
        add_seconds(out, "      timeout_seconds: ", dag->run_timeout_ms);
    }
    add_schedule(out, &dag->schedule);
    /* What SQL reads by run_logical_date(): of a job with a schedule, the time of the schedule. */
    pn_buf_adds(out, "      parameters:\n        - name: logical_date\n"
                     "          default: \"{{job.trigger.time.iso_datetime}}\"\n");
    pn_buf_adds(out, "      tasks:\n");
    for (size_t i = 0; i < dag->task_count; i++) {
        if (dag->tasks[i].kind != PN_TASK_COMMAND) {
            add_job_task(out, dag, &dag->tasks[i], cluster);
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
        if (has_notebook(&pipeline->dags[i])) {
            add_job(out, &pipeline->dags[i], cluster);
        }
    }
    if (pipeline->stream_count > 0) {
        add_streams_job(out, pipeline, cluster);
    }
}

/* --- what the bundle leaves out --------------------------------------------------------------- */

struct notes {
    const struct pn_dag *dag;
    pn_bundle_note_fn fn;
    void *arg;
};

/* `task` NULL: of the whole DAG. */
static void note(const struct notes *notes, const struct pn_task *task, const char *what)
{
    struct pn_buf text;
    pn_buf_init(&text, 1024);
    pn_buf_addf(&text, "%s%s%s: %s", notes->dag->name, task != NULL ? "." : "",
                task != NULL ? task->name : "", what);
    notes->fn(notes->arg, pn_buf_text(&text));
    pn_buf_deinit(&text);
}

static void note_task(const struct notes *notes, const struct pn_task *task)
{
    if (task->kind == PN_TASK_COMMAND) {
        note(notes, task, "is a command: it has no notebook and is not in the bundle");
        return;
    }
    if (task->after_count > 0 && run_if[task->rule] == NULL) {
        note(notes, task, "Databricks has no such trigger_rule: in the bundle it is all_success");
    }
    if (task->retries > 0 && task->retry_backoff > 1) {
        note(notes, task, "Databricks waits equally long before each retry (retry_backoff)");
    }
    if (task->may_fail) {
        note(notes, task, "on Databricks its failure is the run's as well (may_fail)");
    }
}

static void note_schedule(const struct notes *notes)
{
    const struct pn_schedule *schedule = &notes->dag->schedule;
    if (schedule->line_count == 0) {
        return;
    }
    const char *why = pn_quartz_add(NULL, schedule);
    if (why != NULL) {
        char *text = pn_xasprintf("the bundle's job has no schedule: %s", why);
        note(notes, NULL, text);
        free(text);
        return;
    }
    if (schedule->start_ms != INT64_MIN || schedule->end_ms != INT64_MAX) {
        note(notes, NULL, "Databricks has no start and end of a schedule: pause the job instead");
    }
    if (schedule->catchup_ms > 0) {
        note(notes, NULL, "Databricks makes no run for a time that was missed (catchup)");
    }
    if (schedule->overlap == PN_OVERLAP_LATEST) {
        note(notes, NULL, "on Databricks each run that is due waits (overlap: latest)");
    }
}

/* Of tables with another mode, the tasks run by spark-submit, not on Databricks. */
static void note_modes(const struct pn_pipeline *pipeline, pn_bundle_note_fn fn, void *arg)
{
    for (size_t i = 0; i < pipeline->table_count; i++) {
        const struct pn_table *table = &pipeline->tables[i];
        if (table->mode != PN_MODE_OVERWRITE && table->like == NULL) {
            char *text = pn_xasprintf("%s: `mode: %s` needs the classes of delta-spark: its task "
                                      "runs by spark-submit, and fails on Databricks",
                                      table->name, pn_table_mode_names[table->mode]);
            fn(arg, text);
            free(text);
        }
    }
}

void pn_bundle_note(const struct pn_pipeline *pipeline, pn_bundle_note_fn fn, void *arg)
{
    for (size_t i = 0; i < pipeline->dag_count; i++) {
        const struct notes notes = {.dag = &pipeline->dags[i], .fn = fn, .arg = arg};
        if (has_notebook(notes.dag)) {
            note_schedule(&notes);
        }
        if (notes.dag->on_failure_webhook != NULL || notes.dag->on_failure_command != NULL) {
            note(&notes, NULL,
                 "set up a notification of Databricks; on_failure is not carried over");
        }
        for (size_t j = 0; j < notes.dag->task_count; j++) {
            note_task(&notes, &notes.dag->tasks[j]);
        }
    }
    note_modes(pipeline, fn, arg);
    for (size_t i = 0; i < pipeline->stream_pattern_count; i++) {
        struct pn_buf text;
        pn_buf_init(&text, 1024);
        pn_buf_addf(&text, "%s: of a pattern's streams, those that --stream names have notebooks",
                    pipeline->stream_patterns[i].name);
        fn(arg, pn_buf_text(&text));
        pn_buf_deinit(&text);
    }
}
