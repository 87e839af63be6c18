/* `dags:` of a pipeline.yml. */
#include <string.h>

#include "pipeline/internal.h"

enum {
    RETRIES_MAX = 1000,
    PARALLELISM_MAX = 256,
    ACTIVE_RUNS_MAX = 100,
    PARALLELISM_DEFAULT = 4,
    COMMAND_BYTES_MAX = 65536,
    URL_BYTES_MAX = 2048
};
static const int64_t duration_max_ms = INT64_C(365) * 86400000;
static const int64_t retry_delay_default_ms = 60000;
static const int64_t retry_delay_max_default_ms = 3600000;
static const double backoff_max = 10;

static const struct pn_yaml_key dag_keys[] = {
    {"description", PN_YAML_SCALAR, false},
    {"schedule", PN_YAML_NULL, false}, /* a line, or a list of lines */
    {"timezone", PN_YAML_SCALAR, false},
    {"start", PN_YAML_SCALAR, false},
    {"end", PN_YAML_SCALAR, false},
    {"catchup", PN_YAML_SCALAR, false},
    {"overlap", PN_YAML_SCALAR, false},
    {"retries", PN_YAML_SCALAR, false},
    {"retry_delay", PN_YAML_SCALAR, false},
    {"retry_backoff", PN_YAML_SCALAR, false},
    {"retry_delay_max", PN_YAML_SCALAR, false},
    {"no_retry_exit_codes", PN_YAML_LIST, false},
    {"skip_exit_codes", PN_YAML_LIST, false},
    {"timeout", PN_YAML_SCALAR, false},
    {"run_timeout", PN_YAML_SCALAR, false},
    {"pool", PN_YAML_SCALAR, false},
    {"priority", PN_YAML_SCALAR, false},
    {"parallelism", PN_YAML_SCALAR, false},
    {"active_runs_max", PN_YAML_SCALAR, false},
    {"on_failure", PN_YAML_MAP, false},
    {"tasks", PN_YAML_MAP, true},
    {NULL, PN_YAML_NULL, false},
};

static const struct pn_yaml_key task_keys[] = {
    {"run", PN_YAML_SCALAR, true},
    {"tables", PN_YAML_LIST, false},
    {"command", PN_YAML_SCALAR, false},
    {"after", PN_YAML_LIST, false},
    {"trigger_rule", PN_YAML_SCALAR, false},
    {"retries", PN_YAML_SCALAR, false},
    {"retry_delay", PN_YAML_SCALAR, false},
    {"retry_backoff", PN_YAML_SCALAR, false},
    {"retry_delay_max", PN_YAML_SCALAR, false},
    {"no_retry_exit_codes", PN_YAML_LIST, false},
    {"skip_exit_codes", PN_YAML_LIST, false},
    {"timeout", PN_YAML_SCALAR, false},
    {"pool", PN_YAML_SCALAR, false},
    {"pool_slots", PN_YAML_SCALAR, false},
    {"priority", PN_YAML_SCALAR, false},
    {"may_fail", PN_YAML_SCALAR, false},
    {NULL, PN_YAML_NULL, false},
};

static const struct pn_yaml_key on_failure_keys[] = {
    {"webhook", PN_YAML_SCALAR, false},
    {"command", PN_YAML_SCALAR, false},
    {NULL, PN_YAML_NULL, false},
};

static const char *const run_words[] = {[PN_TASK_CHECK_STORE] = "check_store",
                                        [PN_TASK_LOAD] = "load",
                                        [PN_TASK_TRANSFORM] = "transform",
                                        [PN_TASK_COMMAND] = "command"};
enum { RUN_WORDS = sizeof run_words / sizeof *run_words };

/* retries, their delays and timeout: of the DAG, then of the task over it. */
static int read_attempts(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                         struct pn_task *task, struct pn_err *e)
{
    int64_t retries = task->retries;
    int rc = pn_yaml_i64(yaml, pn_yaml_get(node, "retries"), 0, RETRIES_MAX, &retries, e);
    task->retries = (int32_t)retries;
    if (rc == 0) {
        rc = pn_yaml_duration(yaml, pn_yaml_get(node, "retry_delay"), duration_max_ms,
                              &task->retry_delay_ms, e);
    }
    const struct pn_yaml_node *backoff = pn_yaml_get(node, "retry_backoff");
    if (rc == 0) {
        rc = pn_yaml_double(yaml, backoff, &task->retry_backoff, e);
    }
    if (rc == 0 && backoff != NULL &&
        !(task->retry_backoff >= 1 && task->retry_backoff <= backoff_max)) {
        rc = pn_yaml_error(yaml, backoff, e, "must be from 1 to %g: 2 doubles each delay",
                           backoff_max);
    }
    if (rc == 0) {
        rc = pn_yaml_duration(yaml, pn_yaml_get(node, "retry_delay_max"), duration_max_ms,
                              &task->retry_delay_max_ms, e);
    }
    if (rc == 0) {
        rc = pn_yaml_duration(yaml, pn_yaml_get(node, "timeout"), duration_max_ms,
                              &task->timeout_ms, e);
    }
    return rc;
}

static int read_task_tables(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                            struct pn_task *task, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const struct pn_yaml_node *list = pn_yaml_get(node, "tables");
    bool wanted = task->kind == PN_TASK_LOAD || task->kind == PN_TASK_TRANSFORM;
    if (list == NULL || list->count == 0) {
        return wanted
                   ? pn_yaml_error(yaml, node, e, "the key \"tables\" is missing: the tables to %s",
                                   run_words[task->kind])
                   : 0;
    }
    if (!wanted) {
        return pn_yaml_error(yaml, list, e, "is only allowed with run: load and run: transform");
    }
    const struct pn_table **tables =
        pn_arena_calloc(&pipeline->private_->arena, list->count, sizeof *tables);
    int rc = pn_pipeline_read_tables_of(pipeline, list, tables, &task->table_count, e);
    if (rc != 0) {
        return rc;
    }
    size_t at = 0;
    for (const struct pn_yaml_node *item = list->first; item != NULL; item = item->next, at++) {
        bool raw = pn_table_is_raw(tables[at]);
        if (tables[at]->like != NULL) {
            return pn_yaml_error(yaml, item, e, "\"%.60s\" is filled by a stream, not by a DAG",
                                 item->text);
        }
        if (raw != (task->kind == PN_TASK_LOAD)) {
            return pn_yaml_error(yaml, item, e,
                                 raw ? "\"%.60s\" is a raw table: it is loaded, not transformed"
                                     : "\"%.60s\" is made by SQL, not loaded",
                                 item->text);
        }
    }
    task->tables = tables;
    return 0;
}

static int read_command(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                        struct pn_task *task, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const struct pn_yaml_node *command = pn_yaml_get(node, "command");
    if (task->kind != PN_TASK_COMMAND) {
        return command == NULL
                   ? 0
                   : pn_yaml_error(yaml, command, e, "is only allowed with run: command");
    }
    if (command == NULL) {
        return pn_yaml_error(yaml, node, e,
                             "the key \"command\" is missing: the command that /bin/sh runs");
    }
    if (strlen(command->text) > COMMAND_BYTES_MAX) {
        return pn_yaml_error(yaml, command, e, "is longer than %d bytes", COMMAND_BYTES_MAX);
    }
    return pn_yaml_text(yaml, command, &task->command, e);
}

static int read_task(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                     struct pn_task *task, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    int rc = pn_pipeline_check_dag_name(yaml, node, e);
    if (rc == 0) {
        rc = pn_yaml_check(yaml, node, task_keys, e);
    }
    size_t run = 0;
    if (rc == 0) {
        rc = pn_yaml_choice(yaml, pn_yaml_get(node, "run"), run_words, RUN_WORDS, &run, e);
    }
    task->name = node->key;
    task->kind = (enum pn_task_kind)run;
    if (rc == 0) {
        rc = read_task_tables(pipeline, node, task, e);
    }
    if (rc == 0) {
        rc = read_command(pipeline, node, task, e);
    }
    if (rc == 0) {
        rc = read_attempts(yaml, node, task, e);
    }
    return rc == 0 ? pn_pipeline_read_task_rules(pipeline, node, task, e) : rc;
}

/* Puts the tasks in order and lets their `after` point to each other. */
static int link_tasks(struct pn_pipeline *pipeline, const struct pn_task *tasks,
                      const struct pn_yaml_node *map, struct pn_dag *dag, struct pn_err *e)
{
    struct pn_arena *arena = &pipeline->private_->arena;
    struct pn_order order;
    int rc = pn_pipeline_order(pipeline, map, "after", "task", &order, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_task *ordered = pn_arena_calloc(arena, map->count, sizeof *ordered);
    for (size_t i = 0; i < map->count; i++) {
        const struct pn_graph_node *node = &order.nodes[order.at[i]];
        const struct pn_task **after = pn_arena_calloc(arena, node->behind_count, sizeof *after);
        for (size_t j = 0; j < node->behind_count; j++) {
            after[j] = &ordered[order.place[node->behind[j]]];
        }
        ordered[i] = tasks[order.at[i]];
        ordered[i].after = after;
        ordered[i].after_count = node->behind_count;
    }
    dag->tasks = ordered;
    dag->task_count = map->count;
    return 0;
}

static int read_tasks(struct pn_pipeline *pipeline, const struct pn_yaml_node *map,
                      const struct pn_task *defaults, struct pn_dag *dag, struct pn_err *e)
{
    if (map->count == 0) {
        return pn_yaml_error(&pipeline->private_->yaml, map, e, "there are no tasks");
    }
    int rc = pn_pipeline_check_count(pipeline, map, PN_PIPELINE_TASKS_MAX, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_task *tasks = pn_arena_calloc(&pipeline->private_->arena, map->count, sizeof *tasks);
    size_t at = 0;
    for (const struct pn_yaml_node *node = map->first; node != NULL; node = node->next) {
        tasks[at] = *defaults;
        rc = read_task(pipeline, node, &tasks[at++], e);
        if (rc != 0) {
            return rc;
        }
    }
    return link_tasks(pipeline, tasks, map, dag, e);
}

static int read_on_failure(const struct pn_yaml *yaml, const struct pn_yaml_node *map,
                           struct pn_dag *dag, struct pn_err *e)
{
    if (map == NULL) {
        return 0;
    }
    const struct pn_yaml_node *webhook = pn_yaml_get(map, "webhook");
    const struct pn_yaml_node *command = pn_yaml_get(map, "command");
    int rc = pn_yaml_check(yaml, map, on_failure_keys, e);
    if (rc == 0) {
        rc = pn_yaml_text(yaml, webhook, &dag->on_failure_webhook, e);
    }
    if (rc == 0) {
        rc = pn_yaml_text(yaml, command, &dag->on_failure_command, e);
    }
    if (rc != 0) {
        return rc;
    }
    const char *url = dag->on_failure_webhook;
    if (url != NULL && ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
                        strpbrk(url, " \t\r\n") != NULL || strlen(url) > URL_BYTES_MAX)) {
        return pn_yaml_error(yaml, webhook, e,
                             "must be an http:// or https:// URL of at most %d characters",
                             URL_BYTES_MAX);
    }
    if (command != NULL && strlen(command->text) > COMMAND_BYTES_MAX) {
        return pn_yaml_error(yaml, command, e, "is longer than %d bytes", COMMAND_BYTES_MAX);
    }
    return 0;
}

/* What belongs to the DAG as a whole: when it is due, and what follows a failure. */
static int read_dag_itself(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                           struct pn_dag *dag, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    int rc = pn_yaml_text(yaml, pn_yaml_get(node, "description"), &dag->description, e);
    if (rc == 0) {
        rc = pn_pipeline_read_schedule(pipeline, node, &dag->schedule, e);
    }
    if (rc == 0) {
        rc = pn_yaml_duration(yaml, pn_yaml_get(node, "run_timeout"), duration_max_ms,
                              &dag->run_timeout_ms, e);
    }
    return rc == 0 ? read_on_failure(yaml, pn_yaml_get(node, "on_failure"), dag, e) : rc;
}

static int read_dag(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                    struct pn_dag *dag, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    struct pn_task defaults = {
        .retry_delay_ms = retry_delay_default_ms,
        .retry_backoff = 1,
        .retry_delay_max_ms = retry_delay_max_default_ms,
        .pool = PN_POOL_DEFAULT,
        .pool_slots = 1,
    };
    int64_t parallelism = PARALLELISM_DEFAULT;
    int64_t active_runs = 1;
    *dag = (struct pn_dag){.name = node->key,
                           .description = "",
                           .file = pn_pipeline_file_of(pipeline, node),
                           .line = node->line};
    int rc = pn_pipeline_check_dag_name(yaml, node, e);
    if (rc == 0) {
        rc = pn_yaml_check(yaml, node, dag_keys, e);
    }
    if (rc == 0) {
        rc = read_dag_itself(pipeline, node, dag, e);
    }
    if (rc == 0) {
        rc = read_attempts(yaml, node, &defaults, e);
    }
    if (rc == 0) {
        rc = pn_pipeline_read_task_rules(pipeline, node, &defaults, e);
    }
    if (rc == 0) {
        rc = pn_yaml_i64(yaml, pn_yaml_get(node, "parallelism"), 1, PARALLELISM_MAX, &parallelism,
                         e);
    }
    if (rc == 0) {
        rc = pn_yaml_i64(yaml, pn_yaml_get(node, "active_runs_max"), 1, ACTIVE_RUNS_MAX,
                         &active_runs, e);
    }
    dag->parallelism = (int32_t)parallelism;
    dag->active_runs_max = (int32_t)active_runs;
    return rc == 0 ? read_tasks(pipeline, pn_yaml_get(node, "tasks"), &defaults, dag, e) : rc;
}

int pn_pipeline_read_dags(struct pn_pipeline *pipeline, struct pn_err *e)
{
    const struct pn_yaml_node *map = pn_yaml_get(pipeline->private_->yaml.root, "dags");
    if (map == NULL) {
        return 0;
    }
    int rc = pn_pipeline_check_count(pipeline, map, PN_PIPELINE_DAGS_MAX, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_dag *dags = pn_arena_calloc(&pipeline->private_->arena, map->count, sizeof *dags);
    size_t at = 0;
    for (const struct pn_yaml_node *node = map->first; node != NULL; node = node->next) {
        rc = read_dag(pipeline, node, &dags[at++], e);
        if (rc != 0) {
            return rc;
        }
    }
    pipeline->private_->dags = dags;
    pipeline->dags = dags;
    pipeline->dag_count = map->count;
    return 0;
}
