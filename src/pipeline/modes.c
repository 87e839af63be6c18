/* `mode` of a table, and the keys that only a merge has. */
#include <string.h>

#include "pipeline/internal.h"

const char *const pn_table_mode_names[] = {
    [PN_MODE_OVERWRITE] = "overwrite", [PN_MODE_APPEND] = "append", [PN_MODE_MERGE] = "merge"};
enum { MODES = sizeof pn_table_mode_names / sizeof *pn_table_mode_names };

static const struct pn_column *find_column(const struct pn_table *table, const char *name)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (strcmp(table->columns[i].name, name) == 0) {
            return &table->columns[i];
        }
    }
    return NULL;
}

/* Rows are compared by it. */
static int check_comparable(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                            const struct pn_column *column, struct pn_err *e)
{
    return column->type.field_count == 0
               ? 0
               : pn_yaml_error(yaml, node, e,
                               "rows of a merge are compared by \"%.60s\": it cannot be a struct, "
                               "an array or a map",
                               column->name);
}

static int read_order(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                      struct pn_table *table, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const char *names[PN_PIPELINE_COLUMNS_MAX];
    table->order_column = find_column(table, node->text);
    if (table->order_column != NULL) {
        return check_comparable(yaml, node, table->order_column, e);
    }
    for (size_t i = 0; i < table->column_count; i++) {
        names[i] = table->columns[i].name;
    }
    return pn_yaml_error_unknown(yaml, node, "column", node->text, names, table->column_count, e);
}

static int read_merge(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                      struct pn_table *table, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const struct pn_yaml_node *order = pn_yaml_get(node, "order_by");
    const struct pn_yaml_node *delete_when = pn_yaml_get(node, "delete_when");
    if (table->key_column == NULL) {
        return pn_yaml_error(yaml, pn_yaml_get(node, "mode"), e,
                             "a merge needs the key \"key\": the column by which new rows replace "
                             "those that are there");
    }
    if (order == NULL) {
        return pn_yaml_error(yaml, pn_yaml_get(node, "mode"), e,
                             "a merge needs the key \"order_by\": the column that says which of "
                             "several rows of a key is the newest");
    }
    int rc =
        check_comparable(yaml, pn_yaml_get(node, "key"), find_column(table, table->key_column), e);
    if (rc == 0) {
        rc = read_order(pipeline, order, table, e);
    }
    if (rc == 0 && delete_when != NULL && delete_when->text[0] == '\0') {
        rc = pn_yaml_error(yaml, delete_when, e, "must be a condition, such as \"op = 'D'\"");
    }
    table->delete_when = delete_when != NULL ? delete_when->text : NULL;
    return rc == 0 ? pn_yaml_bool(yaml, pn_yaml_get(node, "deletion_vectors"),
                                  &table->deletion_vectors, e)
                   : rc;
}

int pn_mode_read(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                 struct pn_table *table, struct pn_err *e)
{
    static const char *const keys[] = {"order_by", "delete_when", "deletion_vectors"};
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    size_t mode = PN_MODE_OVERWRITE;
    int rc = pn_yaml_choice(yaml, pn_yaml_get(node, "mode"), pn_table_mode_names, MODES, &mode, e);
    if (rc != 0) {
        return rc;
    }
    table->mode = (enum pn_table_mode)mode;
    if (table->mode == PN_MODE_MERGE) {
        return read_merge(pipeline, node, table, e);
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct pn_yaml_node *member = pn_yaml_get(node, keys[i]);
        if (member != NULL) {
            return pn_yaml_error(yaml, member, e, "is only allowed for a table with mode: merge");
        }
    }
    return 0;
}

/* --- what a table reads ----------------------------------------------------------------------- */

static int check_sources(const struct pn_pipeline *pipeline, const struct pn_table *table,
                         const struct pn_yaml_node *node, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    bool any = false;
    for (size_t i = 0; i < table->read_count; i++) {
        const struct pn_table *source = table->reads[i];
        if (source->mode == PN_MODE_MERGE) {
            return pn_yaml_error(yaml, node, e,
                                 "the table reads \"%.60s\", whose rows a merge changes, so new "
                                 "rows alone are not enough: use `mode: overwrite` here, or "
                                 "`mode: append` for \"%.60s\"",
                                 source->name, source->name);
        }
        any = any || source->mode == PN_MODE_APPEND;
    }
    return any ? 0
               : pn_yaml_error(yaml, node, e,
                               "each run overwrites all tables that this table reads, so none of "
                               "their rows is new: give \"%.60s\" the mode append",
                               table->reads[0]->name);
}

int pn_mode_check_all(const struct pn_pipeline *pipeline, const struct pn_yaml_node *map,
                      struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < pipeline->table_count; i++) {
        const struct pn_table *table = &pipeline->tables[i];
        if (table->sql != NULL && table->mode != PN_MODE_OVERWRITE) {
            const struct pn_yaml_node *node = pn_yaml_get(map, table->name);
            rc = check_sources(pipeline, table, pn_yaml_get(node, "mode"), e);
        }
    }
    return rc;
}
