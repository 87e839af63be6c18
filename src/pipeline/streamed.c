/* Stream tables: the table that they are like, what their records stand for, and what they join. */
#include <string.h>

#include "pipeline/internal.h"

/* Which raw table of those that `like` reads the stream's records stand for: the only one, or that
 * of `in_place_of`. */
static int find_in_place_of(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                            struct pn_table *table, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const struct pn_table *like = table->like;
    const struct pn_yaml_node *wanted = pn_yaml_get(node, "in_place_of");
    const char **names =
        pn_arena_calloc(&pipeline->private_->arena, like->read_count + 1, sizeof *names);
    size_t count = 0;
    for (size_t i = 0; i < like->read_count; i++) {
        const struct pn_table *read = like->reads[i];
        if (!pn_table_is_raw(read)) {
            continue;
        }
        names[count++] = read->name;
        if (wanted == NULL || strcmp(wanted->text, read->name) == 0) {
            table->in_place_of = read;
        }
    }
    if (count == 0) {
        return pn_yaml_error(yaml, pn_yaml_get(node, "like"), e,
                             "must be a transformed table that reads a raw table; \"%.60s\" is not",
                             like->name);
    }
    if (wanted != NULL && table->in_place_of == NULL) {
        return pn_yaml_error_unknown(yaml, wanted, "raw table", wanted->text, names, count, e);
    }
    if (wanted == NULL && count > 1) {
        return pn_yaml_error(yaml, node, e,
                             "\"%.60s\" reads several raw tables: the key \"in_place_of\" must "
                             "say for which of them the stream's records stand (\"%.60s\"?)",
                             like->name, names[0]);
    }
    return 0;
}

/* The other tables that `like` reads are joined. */
static int link_joined(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                       struct pn_table *table, struct pn_err *e)
{
    const struct pn_table *like = table->like;
    const struct pn_table **reads =
        pn_arena_calloc(&pipeline->private_->arena, like->read_count + 1, sizeof *reads);
    table->reads = reads;
    for (size_t i = 0; i < like->read_count; i++) {
        if (like->reads[i] == table) {
            return pn_yaml_error(&pipeline->private_->yaml, pn_yaml_get(node, "like"), e,
                                 "\"%.60s\" reads \"%.60s\", so the stream's SELECT would read "
                                 "the table that it fills",
                                 like->name, table->name);
        }
        if (like->reads[i] != table->in_place_of) {
            reads[table->read_count++] = like->reads[i];
        }
    }
    return 0;
}

/* A stream's record becomes a row as a raw table's does, so the SELECT must read one of these. */
int pn_pipeline_link_streamed(struct pn_pipeline *pipeline, const struct pn_yaml_node *map,
                              const struct pn_yaml_node *node, struct pn_table *table,
                              struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const struct pn_yaml_node *like = pn_yaml_get(node, "like");
    const struct pn_table *found = pn_pipeline_table(pipeline, like->text);
    if (found == NULL) {
        const char **names = pn_arena_calloc(&pipeline->private_->arena, map->count, sizeof *names);
        size_t count = 0;
        for (const struct pn_yaml_node *other = map->first; other != NULL; other = other->next) {
            names[count++] = other->key;
        }
        return pn_yaml_error_unknown(yaml, like, "table", like->text, names, count, e);
    }
    if (found->sql == NULL) {
        return pn_yaml_error(yaml, like, e,
                             "must be a transformed table that reads a raw table; \"%.60s\" is not",
                             like->text);
    }
    table->like = found;
    table->columns = found->columns;
    table->column_count = found->column_count;
    table->key_column = found->key_column;
    int rc = find_in_place_of(pipeline, node, table, e);
    if (rc == 0) {
        rc = link_joined(pipeline, node, table, e);
    }
    return rc == 0 ? pn_partitions_read(pipeline, node, table, e) : rc;
}
