#include "deploy/airflow.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"

#define DELTA_PACKAGE "io.delta:delta-spark_4.1_2.13:4.1.0"

struct writer {
    const struct pn_dag *dag;
    const struct pn_airflow_config *config;
    struct pn_buf *out;
    pn_airflow_note_fn note;
    void *arg;
};

/* A Python literal: JSON's strings are Python's, too. */
static void add_text(struct writer *w, const char *text)
{
    pn_json_write_cstr(w->out, text);
}

static void add_named_text(struct writer *w, const char *before, const char *text)
{
    pn_buf_adds(w->out, before);
    add_text(w, text);
    pn_buf_adds(w->out, ",\n");
}

static void add_seconds(struct writer *w, const char *before, int64_t ms)
{
    bool whole = ms % 1000 == 0;
    pn_buf_addf(w->out, "%stimedelta(%sseconds=%" PRId64 "),\n", before, whole ? "" : "milli",
                whole ? ms / 1000 : ms);
}

static void note_task(struct writer *w, const struct pn_task *task, const char *what)
{
    struct pn_buf text;
    pn_buf_init(&text, 1024);
    pn_buf_addf(&text, "%s.%s: %s", w->dag->name, task->name, what);
    w->note(w->arg, pn_buf_text(&text));
    pn_buf_deinit(&text);
}

static void note_dag(struct writer *w, const char *what)
{
    struct pn_buf text;
    pn_buf_init(&text, 1024);
    pn_buf_addf(&text, "%s: %s", w->dag->name, what);
    w->note(w->arg, pn_buf_text(&text));
    pn_buf_deinit(&text);
}

/* --- the head --------------------------------------------------------------------------------- */

/* The text of a docstring: no quotes or backslashes that could end it. */
static void add_docstring(struct writer *w)
{
    const char *text = w->dag->description;
    pn_buf_adds(w->out, "\"\"\"");
    for (const char *c = text; *c != '\0'; c++) {
        pn_buf_addc(w->out, *c == '"' || *c == '\\' ? '\'' : *c);
    }
    pn_buf_adds(w->out, *text != '\0' ? ".\n\n" : "");
    pn_buf_adds(w->out,
                "Written by `pinion deploy airflow` from pipeline.yml: change that, and write "
                "this again. It\nimports on Airflow 2.7 to 3.1.\n\"\"\"\n\n");
}

static const char databricks_operator[] =
    "# What a failure says: which setting to change.\n"
    "ADVICE = {\n"
    "    \"invalid_client\": \"check login and password of the connection {connection}\",\n"
    "    \"Status Code: 401\": \"check login and password of the connection {connection}\",\n"
    "    \"Status Code: 403\": \"give the service principal of the connection {connection} the \"\n"
    "    \"right to run {notebook} on {cluster}\",\n"
    "    \"Giving up\": \"Databricks is out of order, or the host of the connection {connection} "
    "is \"\n"
    "    \"not a workspace\",\n"
    "    \"waiting for the cluster\": \"check that {cluster} can start (--cluster of pinion deploy "
    "\"\n"
    "    \"airflow)\",\n"
    "}\n"
    "\n"
    "\n"
    "def token(context, number):\n"
    "    \"\"\"Names one try of one task of one run; Databricks takes 64 characters.\"\"\"\n"
    "    ti = context[\"ti\"]\n"
    "    name = f\"{ti.dag_id}/{ti.task_id}/{ti.map_index}/{ti.run_id}/{number}\"\n"
    "    return hashlib.sha256(name.encode()).hexdigest()\n"
    "\n"
    "\n"
    "class SubmitOnce(DatabricksSubmitRunOperator):\n"
    "    \"\"\"Submits each try once, whatever crashes between the request and its answer.\n"
    "\n"
    "    Databricks answers a token that it has seen with the run that it started then. So a try\n"
    "    first asks for the runs of the tries before it: one that still runs, or has succeeded, "
    "is\n"
    "    the result of this try as well. Only when all have failed is a new run submitted.\n"
    "    \"\"\"\n"
    "\n"
    "    def execute(self, context):\n"
    "        try:\n"
    "            return self.submit(context, super().execute)\n"
    "        except Exception as failure:\n"
    "            self.advise(str(failure))\n"
    "            raise\n"
    "\n"
    "    def submit(self, context, execute):\n"
    "        last = max(1, context[\"ti\"].try_number)\n"
    "        for number in range(1, last + 1):\n"
    "            self.json[\"idempotency_token\"] = token(context, number)\n"
    "            if number < last:\n"
    "                state = self._hook.get_run_state(self._hook.submit_run(self.json))\n"
    "                if state.is_terminal and not state.is_successful:\n"
    "                    continue\n"
    "            return execute(context)\n"
    "\n"
    "    def on_kill(self):\n"
    "        try:\n"
    "            if self.run_id and self._hook.get_run_state(\n"
    "                self.run_id\n"
    "            ).life_cycle_state in (\"PENDING\", \"QUEUED\"):\n"
    "                self.advise(\"waiting for the cluster\")\n"
    "        except Exception as failure:  # the run is to be cancelled nevertheless\n"
    "            self.log.warning(\"The state of the run is not known: %s\", failure)\n"
    "        super().on_kill()\n"
    "\n"
    "    def advise(self, failure):\n"
    "        (task,) = self.json[\"tasks\"]\n"
    "        cluster = task.get(\"existing_cluster_id\")\n"
    "        for words, advice in ADVICE.items():\n"
    "            if words in failure:\n"
    "                self.log.error(\n"
    "                    advice.format(\n"
    "                        connection=self.databricks_conn_id,\n"
    "                        notebook=task[\"notebook_task\"][\"notebook_path\"],\n"
    "                        cluster=f\"the cluster {cluster}\" if cluster else \"serverless "
    "compute\",\n"
    "                    )\n"
    "                )\n"
    "                return\n"
    "\n"
    "\n";

static void add_imports(struct writer *w)
{
    bool scheduled = w->dag->schedule.line_count > 0;
    if (w->config->runner == PN_AIRFLOW_DATABRICKS) {
        pn_buf_adds(w->out, "import hashlib\n");
    } else {
        pn_buf_adds(w->out, "import os\nimport shlex\n");
    }
    pn_buf_adds(w->out,
                "from datetime import timedelta\n\nimport pendulum\nfrom airflow import DAG\n");
    if (w->config->runner == PN_AIRFLOW_DATABRICKS) {
        pn_buf_adds(w->out, "from airflow.providers.databricks.operators.databricks import "
                            "DatabricksSubmitRunOperator\n");
    }
    if (scheduled) {
        pn_buf_adds(w->out, "from airflow.timetables.trigger import CronTriggerTimetable\n");
    }
    if (w->config->runner != PN_AIRFLOW_DATABRICKS) {
        pn_buf_adds(w->out,
                    "\ntry:\n"
                    "    from airflow.providers.standard.operators.bash import BashOperator\n"
                    "except ImportError:  # Airflow 2\n"
                    "    from airflow.operators.bash import BashOperator\n");
    }
    pn_buf_adds(w->out, "\n");
}

/* The run that a task is part of, as Airflow's templates. Airflow 3 has runs without a logical
 * date: then it is the time for which the run was triggered. Their texts go into a shell's quotes,
 * so they have no single quote, and neither has the JSON of `tojson`. */
static const struct {
    const char *parameter; /* of a notebook */
    const char *variable;  /* of `pinion task` */
    const char *template;
} run_values[] = {
    {"logical_date", "PINION_LOGICAL_DATE",
     "{{ (dag_run.logical_date or dag_run.run_after).isoformat() }}"},
    {"interval_start", "PINION_DATA_INTERVAL_START",
     "{{ dag_run.data_interval_start | default(\"\", true) }}"},
    {"interval_end", "PINION_DATA_INTERVAL_END",
     "{{ dag_run.data_interval_end | default(\"\", true) }}"},
    {"run_id", "PINION_RUN_ID", "{{ dag_run.run_id }}"},
    {"conf", "PINION_CONF", "{{ (dag_run.conf or {}) | tojson }}"},
};
enum { RUN_VALUES = sizeof run_values / sizeof *run_values };

/* As the worker has them, or as they were when this file was written. */
static void add_spark_settings(struct writer *w)
{
    pn_buf_adds(w->out, "SPARK_SUBMIT = os.environ.get(\n    \"SPARK_SUBMIT\", "
                        "\"spark-submit --packages " DELTA_PACKAGE "\"\n)\n"
                        "NOTEBOOKS = os.environ.get(\"PINION_NOTEBOOKS\", ");
    add_text(w, w->config->notebooks);
    pn_buf_adds(w->out, ")\nSTORE = [");
    if (w->config->store != NULL) {
        pn_buf_adds(w->out, "\"--store\", ");
        add_text(w, w->config->store);
    }
    pn_buf_adds(w->out, "]\n# What SQL reads of the run.\nRUN = [\n");
    for (size_t i = 0; i < RUN_VALUES; i++) {
        pn_buf_addf(w->out, "    \"--%s\", ", run_values[i].parameter);
        add_text(w, run_values[i].template);
        pn_buf_adds(w->out, ",\n");
    }
    pn_buf_adds(w->out, "]\n\n\n"
                        "def job(name):\n"
                        "    words = [os.path.join(NOTEBOOKS, name + \".py\"), *STORE, *RUN]\n"
                        "    return f\"exec {SPARK_SUBMIT} {shlex.join(words)}\"\n\n\n");
}

static void add_settings(struct writer *w)
{
    if (w->config->runner == PN_AIRFLOW_DATABRICKS) {
        pn_buf_adds(w->out, "\n");
        pn_buf_adds(w->out, databricks_operator);
        return;
    }
    if (w->config->runner == PN_AIRFLOW_SPARK) {
        add_spark_settings(w);
        return;
    }
    /* As above. */
    pn_buf_adds(w->out, "PINION = os.environ.get(\"PINION\", \"pinion\")\nENVIRONMENT = {\n"
                        "    \"PINION_DATA\": os.environ.get(\"PINION_DATA\", ");
    add_text(w, w->config->data);
    pn_buf_adds(w->out, "),\n    \"PINION_PIPELINE\": os.environ.get(\"PINION_PIPELINE\", ");
    add_text(w, w->config->pipeline);
    pn_buf_adds(w->out, "),\n    # What SQL reads of the run.\n");
    for (size_t i = 0; i < RUN_VALUES; i++) {
        pn_buf_addf(w->out, "    \"%s\": ", run_values[i].variable);
        add_text(w, run_values[i].template);
        pn_buf_adds(w->out, ",\n");
    }
    pn_buf_adds(w->out, "}\n\n");
}

/* --- the DAG ---------------------------------------------------------------------------------- */

static void add_date(struct writer *w, const char *name, int64_t wall_ms)
{
    pn_buf_addf(w->out, "    %s=pendulum.from_timestamp(%" PRId64 ", tz=", name, wall_ms / 1000);
    add_text(w, w->dag->schedule.line_count > 0 ? w->dag->schedule.zone->name : "UTC");
    pn_buf_adds(w->out, "),\n");
}

static void add_schedule(struct writer *w)
{
    const struct pn_schedule *schedule = &w->dag->schedule;
    const int64_t long_ago_ms = INT64_C(1577836800000); /* 2020-01-01; Airflow wants a start */
    if (schedule->line_count == 0) {
        pn_buf_adds(w->out, "    schedule=None,\n");
        add_date(w, "start_date", long_ago_ms);
        pn_buf_adds(w->out, "    catchup=False,\n");
        return;
    }
    pn_buf_adds(w->out, "    schedule=CronTriggerTimetable(");
    add_text(w, schedule->texts[0]);
    pn_buf_adds(w->out, ", timezone=");
    add_text(w, schedule->zone->name);
    pn_buf_adds(w->out, "),\n");
    add_date(w, "start_date", schedule->start_ms != INT64_MIN ? schedule->start_ms : long_ago_ms);
    if (schedule->end_ms != INT64_MAX) {
        add_date(w, "end_date", schedule->end_ms);
    }
    pn_buf_addf(w->out, "    catchup=%s,\n", schedule->catchup_ms > 0 ? "True" : "False");
    if (schedule->catchup_ms > 0) {
        note_dag(w, "Airflow catches up from the start date on, however old a missed time is");
    }
    if (schedule->overlap != PN_OVERLAP_QUEUE) {
        note_dag(w, "Airflow queues a run that is due while others run (overlap)");
    }
}

static void add_dag(struct writer *w)
{
    const struct pn_dag *dag = w->dag;
    pn_buf_adds(w->out, "with DAG(\n");
    add_named_text(w, "    dag_id=", dag->name);
    add_named_text(w, "    description=", dag->description);
    add_schedule(w);
    pn_buf_addf(w->out, "    max_active_tasks=%" PRId32 ",\n    max_active_runs=%" PRId32 ",\n",
                dag->parallelism, dag->active_runs_max);
    if (dag->run_timeout_ms > 0) {
        add_seconds(w, "    dagrun_timeout=", dag->run_timeout_ms);
    }
    /* A task's priority is its own, as in pipeline.yml; Airflow adds those after it otherwise. */
    pn_buf_adds(w->out, "    default_args=dict(weight_rule=\"absolute\"),\n    "
                        "tags=[\"pinion\"],\n):\n    tasks = {}\n");
    if (dag->on_failure_webhook != NULL || dag->on_failure_command != NULL) {
        note_dag(w, "set up Airflow's own notification; on_failure is not carried over");
    }
}

/* --- the tasks -------------------------------------------------------------------------------- */

static void add_retries(struct writer *w, const struct pn_task *task)
{
    pn_buf_addf(w->out, "        retries=%" PRId32 ",\n", task->retries);
    add_seconds(w, "        retry_delay=", task->retry_delay_ms);
    if (task->retry_backoff > 1) {
        pn_buf_adds(w->out, "        retry_exponential_backoff=True,\n");
        if (task->retry_backoff < 2 || task->retry_backoff > 2) {
            note_task(w, task, "Airflow doubles the delay of each further retry (retry_backoff)");
        }
        if (task->retry_delay_max_ms > 0) {
            add_seconds(w, "        max_retry_delay=", task->retry_delay_max_ms);
        }
    }
    if (task->timeout_ms > 0) {
        add_seconds(w, "        execution_timeout=", task->timeout_ms);
    }
}

static void add_rules(struct writer *w, const struct pn_task *task)
{
    add_named_text(w, "        trigger_rule=", pn_trigger_rule_names[task->rule]);
    if (strcmp(task->pool, PN_POOL_DEFAULT) != 0) {
        add_named_text(w, "        pool=", task->pool);
        note_task(w, task, "create its pool in Airflow (airflow pools set)");
    }
    if (task->pool_slots > 1) {
        pn_buf_addf(w->out, "        pool_slots=%" PRId32 ",\n", task->pool_slots);
    }
    pn_buf_addf(w->out, "        priority_weight=%" PRId32 ",\n", task->priority);
    if (task->may_fail) {
        note_task(w, task, "in Airflow its failure is the run's as well (may_fail)");
    }
    if (task->no_retry.count > 0) {
        note_task(w, task, "Airflow repeats it after any exit code (no_retry)");
    }
}

static void add_notebook(struct writer *w, const struct pn_task *task)
{
    const struct pn_airflow_config *config = w->config;
    pn_buf_adds(w->out, "SubmitOnce(\n");
    add_named_text(w, "        task_id=", task->name);
    add_named_text(w, "        databricks_conn_id=", config->connection);
    pn_buf_adds(w->out, "        json={\n"
                        "            \"run_name\": \"{{ ti.dag_id }}.{{ ti.task_id }}\",\n"
                        "            \"tasks\": [\n                {\n");
    add_named_text(w, "                    \"task_key\": ", task->name);
    if (config->cluster != NULL) {
        add_named_text(w, "                    \"existing_cluster_id\": ", config->cluster);
    }
    pn_buf_adds(w->out, "                    \"notebook_task\": {\n"
                        "                        \"notebook_path\": ");
    struct pn_buf path;
    pn_buf_init(&path, 4096);
    pn_buf_addf(&path, "%s/%s", config->notebooks, task->name);
    add_text(w, pn_buf_text(&path));
    pn_buf_deinit(&path);
    pn_buf_adds(w->out, ",\n");
    pn_buf_adds(w->out, "                        \"base_parameters\": dict(\n");
    if (config->store != NULL) {
        add_named_text(w, "                            store=", config->store);
    }
    for (size_t i = 0; i < RUN_VALUES; i++) {
        pn_buf_addf(w->out, "                            %s=", run_values[i].parameter);
        add_text(w, run_values[i].template);
        pn_buf_adds(w->out, ",\n");
    }
    pn_buf_adds(w->out, "                        ),\n");
    pn_buf_adds(w->out, "                    },\n                }\n            ],\n        },\n");
}

static void add_command(struct writer *w, const struct pn_task *task)
{
    pn_buf_adds(w->out, "BashOperator(\n");
    add_named_text(w, "        task_id=", task->name);
    /* The names are of letters, digits, _ and -. */
    pn_buf_addf(w->out, "        bash_command=f\"exec {shlex.quote(PINION)} task %s %s\",\n",
                w->dag->name, task->name);
    pn_buf_adds(w->out, "        env=ENVIRONMENT,\n        append_env=True,\n"
                        "        skip_on_exit_code=[");
    for (size_t i = 0; i < task->skip.count; i++) {
        pn_buf_addf(w->out, "%s%" PRId32, i > 0 ? ", " : "", task->skip.codes[i]);
    }
    pn_buf_adds(w->out, "],\n");
}

static void add_spark_job(struct writer *w, const struct pn_task *task)
{
    pn_buf_adds(w->out, "BashOperator(\n");
    add_named_text(w, "        task_id=", task->name);
    pn_buf_adds(w->out, "        bash_command=job(");
    add_text(w, task->name);
    pn_buf_adds(w->out, "),\n        skip_on_exit_code=[],\n");
}

static int add_task(struct writer *w, const struct pn_task *task, struct pn_err *e)
{
    if (w->config->runner != PN_AIRFLOW_PINION && task->kind == PN_TASK_COMMAND) {
        return pn_err_input(e,
                            "DAG '%s': task '%s' runs a command, which is not a notebook: use "
                            "--run pinion",
                            w->dag->name, task->name);
    }
    pn_buf_adds(w->out, "\n    tasks[");
    add_text(w, task->name);
    pn_buf_adds(w->out, "] = ");
    switch (w->config->runner) {
    case PN_AIRFLOW_DATABRICKS:
        add_notebook(w, task);
        break;
    case PN_AIRFLOW_PINION:
        add_command(w, task);
        break;
    case PN_AIRFLOW_SPARK:
        add_spark_job(w, task);
        break;
    }
    add_retries(w, task);
    add_rules(w, task);
    pn_buf_adds(w->out, "    )\n");
    return 0;
}

static void add_order(struct writer *w, const struct pn_task *task)
{
    for (size_t i = 0; i < task->after_count; i++) {
        pn_buf_adds(w->out, "    tasks[");
        add_text(w, task->after[i]->name);
        pn_buf_adds(w->out, "] >> tasks[");
        add_text(w, task->name);
        pn_buf_adds(w->out, "]\n");
    }
}

int pn_airflow_write(const struct pn_dag *dag, const struct pn_airflow_config *config,
                     struct pn_buf *out, pn_airflow_note_fn note, void *arg, struct pn_err *e)
{
    struct writer writer = {.dag = dag, .config = config, .out = out, .note = note, .arg = arg};
    struct writer *w = &writer;
    if (dag->schedule.line_count > 1) {
        return pn_err_input(e,
                            "DAG '%s' has %zu cron lines, and Airflow 2 takes one: make it several "
                            "DAGs",
                            dag->name, dag->schedule.line_count);
    }
    add_docstring(w);
    add_imports(w);
    add_settings(w);
    add_dag(w);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < dag->task_count; i++) {
        rc = add_task(w, &dag->tasks[i], e);
    }
    pn_buf_adds(out, "\n");
    for (size_t i = 0; i < dag->task_count; i++) {
        add_order(w, &dag->tasks[i]);
    }
    return rc != 0 ? rc : pn_buf_check(out, "the DAG file", e);
}
