/* `expect:` of a table: what its rows must be like. */
#include <stdlib.h>
#include <string.h>

#include "pipeline/internal.h"
#include "store/store.h"

const char *const pn_expect_kind_names[PN_EXPECT_KINDS] = {
    [PN_EXPECT_NOT_NULL] = "not_null",
    [PN_EXPECT_UNIQUE] = "unique",
    [PN_EXPECT_ACCEPTED_VALUES] = "accepted_values",
    [PN_EXPECT_RANGE] = "range",
    [PN_EXPECT_RELATIONSHIP] = "relationship",
    [PN_EXPECT_EMPTY] = "empty",
};
const char *const pn_expect_action_names[PN_EXPECT_ACTIONS] = {
    [PN_EXPECT_FAIL] = "fail",
    [PN_EXPECT_WARN] = "warn",
    [PN_EXPECT_QUARANTINE] = "quarantine",
};

static const struct pn_yaml_key item_keys[] = {
    {"not_null", PN_YAML_NULL, false},
    {"unique", PN_YAML_NULL, false},
    {"accepted_values", PN_YAML_MAP, false},
    {"range", PN_YAML_MAP, false},
    {"relationship", PN_YAML_MAP, false},
    {"empty", PN_YAML_SCALAR, false},
    {"name", PN_YAML_SCALAR, false},
    {"action", PN_YAML_SCALAR, false},
    {NULL, PN_YAML_NULL, false},
};
static const struct pn_yaml_key accepted_keys[] = {
    {"column", PN_YAML_SCALAR, true},
    {"values", PN_YAML_LIST, true},
    {NULL, PN_YAML_NULL, false},
};
static const struct pn_yaml_key range_keys[] = {
    {"column", PN_YAML_SCALAR, true},
    {"min", PN_YAML_SCALAR, false},
    {"max", PN_YAML_SCALAR, false},
    {NULL, PN_YAML_NULL, false},
};
static const struct pn_yaml_key relationship_keys[] = {
    {"column", PN_YAML_SCALAR, true},
    {"to", PN_YAML_SCALAR, true},
    {NULL, PN_YAML_NULL, false},
};

/* What one item is read with. */
struct reading {
    struct pn_pipeline *pipeline;
    const struct pn_yaml *yaml;
    const struct pn_table *table;
    struct pn_expect *expect;
};

/* --- columns and values ----------------------------------------------------------------------- */

static bool is_scalar(const struct pn_type *type)
{
    return type->kind != PN_TYPE_STRUCT && type->kind != PN_TYPE_ARRAY && type->kind != PN_TYPE_MAP;
}

/* Adds a column of the table, by its name. */
static int read_column(struct reading *reading, const struct pn_yaml_node *node, bool any_type,
                       struct pn_err *e)
{
    const struct pn_table *table = reading->table;
    const char *names[PN_PIPELINE_COLUMNS_MAX];
    const char *name = NULL;
    int rc = pn_yaml_text(reading->yaml, node, &name, e);
    for (size_t i = 0; rc == 0 && i < table->column_count; i++) {
        names[i] = table->columns[i].name;
        if (strcmp(names[i], name) != 0) {
            continue;
        }
        if (!any_type && !is_scalar(&table->columns[i].type)) {
            return pn_yaml_error(reading->yaml, node, e,
                                 "must be a column of one value, not of a struct, array or map");
        }
        reading->expect->columns[reading->expect->column_count++] = &table->columns[i];
        return 0;
    }
    return rc != 0 ? rc
                   : pn_yaml_error_unknown(reading->yaml, node, "column", name, names,
                                           table->column_count, e);
}

static int read_columns(struct reading *reading, const struct pn_yaml_node *node, bool any_type,
                        struct pn_err *e)
{
    struct pn_expect *expect = reading->expect;
    size_t count = node->kind == PN_YAML_LIST ? node->count : 1;
    expect->columns =
        pn_arena_calloc(&reading->pipeline->private_->arena, count + 1, sizeof *expect->columns);
    if (node->kind != PN_YAML_LIST) {
        return read_column(reading, node, any_type, e);
    }
    int rc = pn_pipeline_check_count(reading->pipeline, node, PN_PIPELINE_COLUMNS_MAX, e);
    if (rc == 0 && count == 0) {
        rc = pn_yaml_error(reading->yaml, node, e, "must name at least one column");
    }
    for (const struct pn_yaml_node *item = node->first; rc == 0 && item != NULL;
         item = item->next) {
        rc = read_column(reading, item, any_type, e);
    }
    return rc;
}

static int read_accepted(struct reading *reading, const struct pn_yaml_node *node, struct pn_err *e)
{
    struct pn_expect *expect = reading->expect;
    int rc = pn_yaml_check(reading->yaml, node, accepted_keys, e);
    if (rc != 0) {
        return rc;
    }
    const struct pn_yaml_node *values = pn_yaml_get(node, "values");
    rc = read_columns(reading, pn_yaml_get(node, "column"), false, e);
    if (rc == 0) {
        rc = pn_pipeline_check_count(reading->pipeline, values, PN_EXPECT_VALUES_MAX, e);
    }
    if (rc == 0 && values->count == 0) {
        rc = pn_yaml_error(reading->yaml, values, e, "must have at least one value");
    }
    expect->values = pn_arena_calloc(&reading->pipeline->private_->arena, values->count + 1,
                                     sizeof *expect->values);
    for (const struct pn_yaml_node *item = values->first; rc == 0 && item != NULL;
         item = item->next) {
        if (item->kind != PN_YAML_SCALAR) {
            return pn_yaml_error(reading->yaml, item, e,
                                 "must be a value; null is always accepted");
        }
        expect->values[expect->value_count++] = item->text;
    }
    return rc;
}

static int read_range(struct reading *reading, const struct pn_yaml_node *node, struct pn_err *e)
{
    struct pn_expect *expect = reading->expect;
    int rc = pn_yaml_check(reading->yaml, node, range_keys, e);
    if (rc == 0) {
        rc = pn_yaml_text(reading->yaml, pn_yaml_get(node, "min"), &expect->min, e);
    }
    if (rc == 0) {
        rc = pn_yaml_text(reading->yaml, pn_yaml_get(node, "max"), &expect->max, e);
    }
    if (rc == 0 && expect->min == NULL && expect->max == NULL) {
        rc = pn_yaml_error(reading->yaml, node, e, "needs min, max or both");
    }
    return rc == 0 ? read_columns(reading, pn_yaml_get(node, "column"), false, e) : rc;
}

/* The other table is looked up when all are known. */
static int read_relationship(struct reading *reading, const struct pn_yaml_node *node,
                             struct pn_err *e)
{
    int rc = pn_yaml_check(reading->yaml, node, relationship_keys, e);
    return rc == 0 ? read_columns(reading, pn_yaml_get(node, "column"), false, e) : rc;
}

static int read_empty(struct reading *reading, const struct pn_yaml_node *node, struct pn_err *e)
{
    struct pn_pipeline *pipeline = reading->pipeline;
    struct pn_err why;
    size_t len = strlen(node->text);
    if (pn_store_key_check(node->text, &why) != 0 || len < 5 ||
        strcmp(node->text + len - 4, ".sql") != 0) {
        return pn_yaml_error(reading->yaml, node, e,
                             "must be the path of a .sql file below the pipeline's folder, not "
                             "\"%.60s\"",
                             node->text);
    }
    reading->expect->sql_file = pn_arena_printf(&pipeline->private_->arena, "%s/%s",
                                                pipeline->private_->folder, node->text);
    return pn_pipeline_read_sql(pipeline, reading->expect->sql_file, &reading->expect->sql, &why) ==
                   0
               ? 0
               : pn_yaml_error(reading->yaml, node, e, "%s", why.msg);
}

/* --- items ------------------------------------------------------------------------------------ */

static int read_kind(struct reading *reading, const struct pn_yaml_node *node, struct pn_err *e)
{
    switch (reading->expect->kind) {
    case PN_EXPECT_NOT_NULL:
        return read_columns(reading, node, true, e);
    case PN_EXPECT_UNIQUE:
        return read_columns(reading, node, false, e);
    case PN_EXPECT_ACCEPTED_VALUES:
        return read_accepted(reading, node, e);
    case PN_EXPECT_RANGE:
        return read_range(reading, node, e);
    case PN_EXPECT_RELATIONSHIP:
        return read_relationship(reading, node, e);
    case PN_EXPECT_EMPTY:
    default:
        return read_empty(reading, node, e);
    }
}

/* What the item is called where it has no name: "range(amount)". */
static const char *name_of(struct pn_arena *arena, const struct pn_expect *expect,
                           const struct pn_yaml_node *node)
{
    enum { NAME_BYTES_MAX = 512 };
    struct pn_buf name;
    pn_buf_init(&name, NAME_BYTES_MAX);
    pn_buf_addf(&name, "%s(", pn_expect_kind_names[expect->kind]);
    for (size_t i = 0; i < expect->column_count; i++) {
        pn_buf_addf(&name, "%s%s", i > 0 ? ", " : "", expect->columns[i]->name);
    }
    pn_buf_adds(&name, expect->kind == PN_EXPECT_EMPTY ? node->text : "");
    pn_buf_addc(&name, ')');
    const char *text = pn_buf_failed(&name) ? pn_expect_kind_names[expect->kind]
                                            : pn_arena_strdup(arena, pn_buf_text(&name));
    pn_buf_deinit(&name);
    return text;
}

static int check_action(struct reading *reading, const struct pn_yaml_node *node, struct pn_err *e)
{
    const struct pn_table *table = reading->table;
    const struct pn_expect *expect = reading->expect;
    if (expect->action != PN_EXPECT_QUARANTINE) {
        return 0;
    }
    if (expect->kind == PN_EXPECT_EMPTY) {
        return pn_yaml_error(reading->yaml, node, e,
                             "the rows of an `empty` test are not those of the table: use fail or "
                             "warn");
    }
    if (table->replace_where != NULL) {
        return pn_yaml_error(reading->yaml, node, e,
                             "a run of a table with replace_where makes some of its rows, and "
                             "which of its letters are theirs is not known: use fail or warn here");
    }
    return 0;
}

bool pn_table_quarantines(const struct pn_table *table)
{
    size_t i = 0;
    while (i < table->expect_count && table->expects[i].action != PN_EXPECT_QUARANTINE) {
        i++;
    }
    return i < table->expect_count;
}

static int read_item(struct reading *reading, const struct pn_yaml_node *node, struct pn_err *e)
{
    const struct pn_yaml *yaml = reading->yaml;
    struct pn_expect *expect = reading->expect;
    const struct pn_yaml_node *test = NULL;
    const struct pn_yaml_node *action = pn_yaml_get(node, "action");
    size_t chosen = PN_EXPECT_FAIL;
    int rc = pn_yaml_check(yaml, node, item_keys, e);
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < PN_EXPECT_KINDS; i++) {
        const struct pn_yaml_node *found = pn_yaml_get(node, pn_expect_kind_names[i]);
        if (found != NULL && test != NULL) {
            return pn_yaml_error(yaml, found, e, "is a second test: give it an item of its own");
        }
        if (found != NULL) {
            test = found;
            expect->kind = (enum pn_expect_kind)i;
        }
    }
    if (test == NULL) {
        return pn_yaml_error(yaml, node, e,
                             "has no test: give not_null, unique, accepted_values, range, "
                             "relationship or empty");
    }
    if (expect->kind == PN_EXPECT_UNIQUE && reading->table->mode == PN_MODE_MERGE) {
        return pn_yaml_error(yaml, test, e,
                             "cannot be tested of new rows alone, and a merge keeps one row of "
                             "each key");
    }
    rc = read_kind(reading, test, e);
    if (rc == 0) {
        rc = pn_yaml_choice(yaml, action, pn_expect_action_names, PN_EXPECT_ACTIONS, &chosen, e);
    }
    expect->action = (enum pn_expect_action)chosen;
    if (rc == 0) {
        rc = check_action(reading, action, e);
    }
    expect->name = rc == 0 ? name_of(&reading->pipeline->private_->arena, expect, test) : NULL;
    return rc == 0 ? pn_yaml_text(yaml, pn_yaml_get(node, "name"), &expect->name, e) : rc;
}

int pn_expect_read(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                   struct pn_table *table, struct pn_err *e)
{
    const struct pn_yaml_node *list = pn_yaml_get(node, "expect");
    if (list == NULL) {
        return 0;
    }
    int rc = pn_pipeline_check_count(pipeline, list, PN_EXPECTS_MAX, e);
    struct pn_expect *expects =
        pn_arena_calloc(&pipeline->private_->arena, list->count + 1, sizeof *expects);
    for (const struct pn_yaml_node *item = list->first; rc == 0 && item != NULL;
         item = item->next) {
        struct reading reading = {.pipeline = pipeline,
                                  .yaml = &pipeline->private_->yaml,
                                  .table = table,
                                  .expect = &expects[item->index]};
        rc = read_item(&reading, item, e);
    }
    table->expects = expects;
    table->expect_count = rc == 0 ? list->count : 0;
    return rc;
}

/* --- relationships ---------------------------------------------------------------------------- */

static int link_relationship(struct pn_pipeline *pipeline, const struct pn_yaml_node *to,
                             struct pn_expect *expect, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const char *dot = strchr(to->text, '.');
    const char *name = pn_arena_strndup(&pipeline->private_->arena, to->text,
                                        dot != NULL ? (size_t)(dot - to->text) : 0);
    const struct pn_table *other = dot != NULL ? pn_pipeline_table(pipeline, name) : NULL;
    if (other == NULL) {
        return pn_yaml_error(
            yaml, to, e,
            "must be a table of the pipeline and its column, \"customers.id\", not "
            "\"%.60s\"",
            to->text);
    }
    const struct pn_table *columns = other->like != NULL ? other->like : other;
    for (size_t i = 0; i < columns->column_count; i++) {
        if (strcmp(columns->columns[i].name, dot + 1) == 0) {
            if (columns->columns[i].type.kind != expect->columns[0]->type.kind) {
                return pn_yaml_error(yaml, to, e, "%s is not of the type of the column %s",
                                     to->text, expect->columns[0]->name);
            }
            expect->other = other;
            expect->other_column = &columns->columns[i];
            return 0;
        }
    }
    return pn_yaml_error(yaml, to, e, "the table %s has no column \"%.60s\"", other->name, dot + 1);
}

int pn_expect_link_all(struct pn_pipeline *pipeline, const struct pn_yaml_node *map,
                       struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < pipeline->table_count; i++) {
        const struct pn_table *table = &pipeline->tables[i];
        const struct pn_yaml_node *list = pn_yaml_get(pn_yaml_get(map, table->name), "expect");
        const struct pn_yaml_node *item = list != NULL ? list->first : NULL;
        for (size_t k = 0; rc == 0 && k < table->expect_count; k++, item = item->next) {
            if (table->expects[k].kind == PN_EXPECT_RELATIONSHIP) {
                rc = link_relationship(pipeline,
                                       pn_yaml_get(pn_yaml_get(item, "relationship"), "to"),
                                       &table->expects[k], e);
            }
        }
    }
    return rc;
}
