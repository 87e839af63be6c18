/* `pools:` of a pipeline.yml, and how a task shares them: its rule, pool, priority, exit codes. */
#include <string.h>

#include "pipeline/internal.h"

enum { SLOTS_MAX = 256, PRIORITY_MAX = 1000000, EXIT_CODES_MAX = 64, EXIT_CODE_MAX = 255 };

const char *const pn_trigger_rule_names[PN_TRIGGER_RULES] = {
    [PN_RULE_ALL_SUCCESS] = "all_success",
    [PN_RULE_ALL_FAILED] = "all_failed",
    [PN_RULE_ALL_DONE] = "all_done",
    [PN_RULE_ALL_SKIPPED] = "all_skipped",
    [PN_RULE_ONE_SUCCESS] = "one_success",
    [PN_RULE_ONE_FAILED] = "one_failed",
    [PN_RULE_ONE_DONE] = "one_done",
    [PN_RULE_NONE_FAILED] = "none_failed",
    [PN_RULE_NONE_FAILED_MIN_ONE_SUCCESS] = "none_failed_min_one_success",
    [PN_RULE_NONE_SKIPPED] = "none_skipped",
    [PN_RULE_ALWAYS] = "always",
};

const struct pn_pool *pn_pipeline_pool(const struct pn_pipeline *pipeline, const char *name)
{
    for (size_t i = 0; i < pipeline->pool_count; i++) {
        if (strcmp(pipeline->pools[i].name, name) == 0) {
            return &pipeline->pools[i];
        }
    }
    return NULL;
}

int pn_pipeline_read_pools(struct pn_pipeline *pipeline, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const struct pn_yaml_node *map = pn_yaml_get(yaml->root, "pools");
    if (map == NULL) {
        return 0;
    }
    int rc = pn_pipeline_check_count(pipeline, map, PN_PIPELINE_POOLS_MAX, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_pool *pools = pn_arena_calloc(&pipeline->private_->arena, map->count, sizeof *pools);
    size_t at = 0;
    for (const struct pn_yaml_node *node = map->first; node != NULL; node = node->next) {
        int64_t slots = 0;
        rc = pn_pipeline_check_dag_name(yaml, node, e);
        if (rc == 0 && strcmp(node->key, PN_POOL_DEFAULT) == 0) {
            rc = pn_yaml_error(yaml, node, e,
                               "is the pool of tasks that name none: it has no limit"
                               " but the setting dag.tasks_max");
        }
        if (rc == 0) {
            rc = pn_yaml_i64(yaml, node, 1, SLOTS_MAX, &slots, e);
        }
        if (rc != 0) {
            return rc;
        }
        pools[at++] = (struct pn_pool){.name = node->key, .slots = (int32_t)slots};
    }
    pipeline->pools = pools;
    pipeline->pool_count = map->count;
    return 0;
}

static int unknown_pool(const struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                        struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    if (pipeline->pool_count == 0) {
        return pn_yaml_error(yaml, node, e,
                             "unknown pool \"%.60s\": define it with its slots, as in pools: "
                             "{%.60s: 2}, at the top of the file",
                             node->text, node->text);
    }
    const char *names[PN_PIPELINE_POOLS_MAX];
    for (size_t i = 0; i < pipeline->pool_count; i++) {
        names[i] = pipeline->pools[i].name;
    }
    return pn_yaml_error_unknown(yaml, node, "pool", node->text, names, pipeline->pool_count, e);
}

static int read_pool(const struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                     struct pn_task *task, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const struct pn_yaml_node *pool = pn_yaml_get(node, "pool");
    int64_t slots = task->pool_slots;
    if (pool != NULL && strcmp(pool->text, PN_POOL_DEFAULT) == 0) {
        task->pool = PN_POOL_DEFAULT;
    } else if (pool != NULL) {
        const struct pn_pool *known = pn_pipeline_pool(pipeline, pool->text);
        if (known == NULL) {
            return unknown_pool(pipeline, pool, e);
        }
        task->pool = known->name;
    }
    const struct pn_pool *known = pn_pipeline_pool(pipeline, task->pool);
    int rc = pn_yaml_i64(yaml, pn_yaml_get(node, "pool_slots"), 1,
                         known != NULL ? known->slots : SLOTS_MAX, &slots, e);
    task->pool_slots = (int32_t)slots;
    return rc;
}

static int read_exit_codes(struct pn_pipeline *pipeline, const struct pn_yaml_node *list,
                           struct pn_exit_codes *codes, struct pn_err *e)
{
    if (list == NULL) {
        return 0;
    }
    int rc = pn_pipeline_check_count(pipeline, list, EXIT_CODES_MAX, e);
    if (rc != 0) {
        return rc;
    }
    int32_t *read = pn_arena_calloc(&pipeline->private_->arena, list->count + 1, sizeof *read);
    size_t count = 0;
    for (const struct pn_yaml_node *item = list->first; item != NULL; item = item->next) {
        int64_t code = 0;
        rc = pn_yaml_i64(&pipeline->private_->yaml, item, 1, EXIT_CODE_MAX, &code, e);
        if (rc != 0) {
            return rc;
        }
        read[count++] = (int32_t)code;
    }
    *codes = (struct pn_exit_codes){.codes = read, .count = count};
    return 0;
}

int pn_pipeline_read_task_rules(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                                struct pn_task *task, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    size_t rule = task->rule;
    int64_t priority = task->priority;
    int rc = pn_yaml_choice(yaml, pn_yaml_get(node, "trigger_rule"), pn_trigger_rule_names,
                            PN_TRIGGER_RULES, &rule, e);
    task->rule = (enum pn_trigger_rule)rule;
    if (rc == 0) {
        rc = read_pool(pipeline, node, task, e);
    }
    if (rc == 0) {
        rc = pn_yaml_i64(yaml, pn_yaml_get(node, "priority"), -PRIORITY_MAX, PRIORITY_MAX,
                         &priority, e);
    }
    task->priority = (int32_t)priority;
    if (rc == 0) {
        rc =
            read_exit_codes(pipeline, pn_yaml_get(node, "no_retry_exit_codes"), &task->no_retry, e);
    }
    if (rc == 0) {
        rc = read_exit_codes(pipeline, pn_yaml_get(node, "skip_exit_codes"), &task->skip, e);
    }
    return rc == 0 ? pn_yaml_bool(yaml, pn_yaml_get(node, "may_fail"), &task->may_fail, e) : rc;
}
