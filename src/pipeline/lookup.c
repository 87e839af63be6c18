/* What a pipeline has, by name. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "pipeline/internal.h"

const struct pn_pipeline_topic *pn_pipeline_topic(const struct pn_pipeline *pipeline,
                                                  const char *name)
{
    for (size_t i = 0; i < pipeline->topic_count; i++) {
        if (strcmp(pipeline->topics[i].name, name) == 0) {
            return &pipeline->topics[i];
        }
    }
    return NULL;
}

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

void pn_pipeline_prefix_partitions(const struct pn_pipeline *pipeline,
                                   const struct pn_pipeline_topic *topic, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const struct pn_yaml_node *topics = pn_yaml_get(yaml->root, "topics");
    const struct pn_yaml_node *node = topics->first; /* a topic without settings is a null */
    while (strcmp(node->key, topic->name) != 0) {
        node = node->next;
    }
    const struct pn_yaml_node *partitions = pn_yaml_get(node, "partitions");
    pn_yaml_prefix(yaml, partitions != NULL ? partitions : node, e);
}

/* The first DAG with a task that makes the table; NULL: none has. */
static const struct pn_dag *dag_of_table(const struct pn_pipeline *pipeline,
                                         const struct pn_table *table)
{
    for (size_t i = 0; i < pipeline->dag_count; i++) {
        const struct pn_dag *dag = &pipeline->dags[i];
        for (size_t j = 0; j < dag->task_count; j++) {
            const struct pn_task *task = &dag->tasks[j];
            for (size_t k = 0; k < task->table_count; k++) {
                if (task->tables[k] == table) {
                    return dag;
                }
            }
        }
    }
    return NULL;
}

int pn_pipeline_not_yet(const struct pn_pipeline *pipeline, const struct pn_table *table,
                        struct pn_err *e)
{
    if (table->like != NULL) {
        return pn_err_missing(
            e, "table '%s' does not exist yet: a stream fills it, see `pinion stream lag`",
            table->name);
    }
    const struct pn_dag *maker = dag_of_table(pipeline, table);
    return maker != NULL
               ? pn_err_missing(e,
                                "table '%s' does not exist yet: run `pinion dag trigger %s --wait`",
                                table->name, maker->name)
               : pn_err_missing(e,
                                "table '%s' does not exist yet, and no DAG makes it: run `pinion "
                                "batch`, or add the table to a DAG of pipeline.yml",
                                table->name);
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

/* ---- names that are mistyped ----------------------------------------------------------------- */

/* The name of item `i` of a list. */
typedef const char *(*name_of)(const void *list, size_t i);

static const char *table_name(const void *list, size_t i)
{
    return ((const struct pn_table *)list)[i].name;
}

static const char *query_name(const void *list, size_t i)
{
    return ((const struct pn_query *)list)[i].name;
}

static const char *dag_name(const void *list, size_t i)
{
    return ((const struct pn_dag *)list)[i].name;
}

static const char *task_name(const void *list, size_t i)
{
    return ((const struct pn_task *)list)[i].name;
}

static const char *nearest(const void *list, size_t count, name_of item, const char *name)
{
    const char **names = pn_xcalloc(count + 1, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = item(list, i);
    }
    const char *near = pn_nearest(name, names, count);
    free(names);
    return near;
}

const char *pn_pipeline_nearest(const struct pn_pipeline *pipeline, enum pn_named kind,
                                const char *name)
{
    switch (kind) {
    case PN_NAMED_TABLE:
    case PN_NAMED_TABLE_OR_KEY:
        return nearest(pipeline->tables, pipeline->table_count, table_name, name);
    case PN_NAMED_QUERY:
        return nearest(pipeline->queries, pipeline->query_count, query_name, name);
    case PN_NAMED_DAG:
        return nearest(pipeline->dags, pipeline->dag_count, dag_name, name);
    }
    return NULL;
}

int pn_pipeline_has_no(const struct pn_pipeline *pipeline, enum pn_named kind, const char *name,
                       const char *folder, struct pn_err *e)
{
    static const char *const kinds[] = {"table", "table", "query", "DAG"};
    static const char *const lists[] = {
        "`pinion table list` shows its tables",
        "`pinion table list` shows its tables, and a key such as a/b names any other",
        "`pinion query --list` shows its queries", "`pinion dag list` shows its DAGs"};
    const char *near = pn_pipeline_nearest(pipeline, kind, name);
    char *where = folder != NULL ? pn_xasprintf(" (%s)", folder) : pn_xstrdup("");
    int rc =
        near != NULL
            ? pn_err_missing(e, "there is no %s '%.80s' in the pipeline '%s'%s; did you mean '%s'?",
                             kinds[kind], name, pipeline->name, where, near)
            : pn_err_missing(e, "there is no %s '%.80s' in the pipeline '%s'%s: %s", kinds[kind],
                             name, pipeline->name, where, lists[kind]);
    free(where);
    return rc;
}

int pn_dag_has_no_task(const struct pn_dag *dag, const char *name, struct pn_err *e)
{
    const char *near = nearest(dag->tasks, dag->task_count, task_name, name);
    return near != NULL
               ? pn_err_missing(e, "DAG '%s' has no task '%.80s'; did you mean '%s'?", dag->name,
                                name, near)
               : pn_err_missing(e, "DAG '%s' has no task '%.80s'; `pinion dag show %s` lists them",
                                dag->name, name, dag->name);
}
