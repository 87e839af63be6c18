/* What a pipeline has, by name. */
#include <string.h>

#include "pipeline/internal.h"

const struct pn_table *pn_pipeline_table(const struct pn_pipeline *pipeline, const char *name)
{
    for (size_t i = 0; i < pipeline->table_count; i++) {
        if (strcmp(pipeline->tables[i].name, name) == 0) {
            return &pipeline->tables[i];
        }
    }
    return NULL;
}

const struct pn_pipeline_stream *pn_pipeline_stream(const struct pn_pipeline *pipeline,
                                                    const char *name)
{
    for (size_t i = 0; i < pipeline->stream_count; i++) {
        if (strcmp(pipeline->streams[i].name, name) == 0) {
            return &pipeline->streams[i];
        }
    }
    return NULL;
}

const struct pn_query *pn_pipeline_query(const struct pn_pipeline *pipeline, const char *name)
{
    for (size_t i = 0; i < pipeline->query_count; i++) {
        if (strcmp(pipeline->queries[i].name, name) == 0) {
            return &pipeline->queries[i];
        }
    }
    return NULL;
}

void pn_pipeline_prefix_key(const struct pn_pipeline *pipeline, const struct pn_table *table,
                            const char *key, const char *member, size_t item, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const struct pn_yaml_node *tables = pn_yaml_get(yaml->root, "tables");
    const struct pn_yaml_node *node = pn_yaml_get(pn_yaml_get(tables, table->name), key);
    const struct pn_yaml_node *part = node;
    if (node != NULL && node->kind == PN_YAML_MAP) {
        part = pn_yaml_get(node, member);
    } else if (node != NULL && node->kind == PN_YAML_LIST) {
        for (part = node->first; part != NULL && part->index != item; part = part->next) {
        }
    }
    if (node == NULL) {
        pn_err_prefix(e, "tables.%s.%s", table->name, key);
    } else {
        pn_yaml_prefix(yaml, part != NULL ? part : node, e);
    }
}

int pn_pipeline_not_yet(const struct pn_pipeline *pipeline, const struct pn_table *table,
                        struct pn_err *e)
{
    if (table->like != NULL) {
        return pn_err_missing(
            e, "table '%s' does not exist yet: a stream fills it, see `pinion stream lag`",
            table->name);
    }
    if (pipeline->dag_count == 0) {
        return pn_err_missing(e, "table '%s' does not exist yet", table->name);
    }
    return pn_err_missing(e, "table '%s' does not exist yet: run `pinion dag trigger %s --wait`",
                          table->name, pipeline->dags[0].name);
}

const struct pn_dag *pn_pipeline_dag(const struct pn_pipeline *pipeline, const char *name)
{
    for (size_t i = 0; i < pipeline->dag_count; i++) {
        if (strcmp(pipeline->dags[i].name, name) == 0) {
            return &pipeline->dags[i];
        }
    }
    return NULL;
}

const struct pn_task *pn_dag_task(const struct pn_dag *dag, const char *name)
{
    for (size_t i = 0; i < dag->task_count; i++) {
        if (strcmp(dag->tasks[i].name, name) == 0) {
            return &dag->tasks[i];
        }
    }
    return NULL;
}
