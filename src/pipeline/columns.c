/* `columns:` of a table of a pipeline.yml, with the key and what happens to unknown keys. */
#include <string.h>
#include <strings.h>

#include "pipeline/internal.h"

enum { JSON_NAME_BYTES_MAX = 256, ALIASES_MAX = 100 };

static const struct pn_yaml_key column_keys[] = {
    {"type", PN_YAML_SCALAR, true},    {"required", PN_YAML_SCALAR, false},
    {"aliases", PN_YAML_LIST, false},  {"unwrap", PN_YAML_SCALAR, false},
    {"coerce", PN_YAML_SCALAR, false}, {"from", PN_YAML_NULL, false},
    {NULL, PN_YAML_NULL, false},
};

static int read_type(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                     struct pn_type *type, struct pn_err *e)
{
    struct pn_err inner;
    if (pn_type_parse(&pipeline->private_->arena, node->text, type, &inner) != 0) {
        return pn_yaml_error(&pipeline->private_->yaml, node, e, "%s", inner.msg);
    }
    return 0;
}

/* `node` NULL: *is_lenient stays. */
static int read_coerce(const struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                       bool *is_lenient, struct pn_err *e)
{
    static const char *const words[] = {"strict", "lenient"};
    size_t choice = *is_lenient ? 1 : 0;
    int rc = pn_yaml_choice(&pipeline->private_->yaml, node, words, 2, &choice, e);
    *is_lenient = choice == 1;
    return rc;
}

/* A member's name in a record. */
static int read_json_name(const struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                          const char **name, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    int rc = pn_yaml_text(yaml, node, name, e);
    if (rc == 0 && node != NULL && strlen(*name) > JSON_NAME_BYTES_MAX) {
        rc = pn_yaml_error(yaml, node, e, "is longer than %d bytes", JSON_NAME_BYTES_MAX);
    }
    return rc;
}

static int read_aliases(struct pn_pipeline *pipeline, const struct pn_yaml_node *list,
                        struct pn_column *column, struct pn_err *e)
{
    if (list == NULL) {
        return 0;
    }
    int rc = pn_pipeline_check_count(pipeline, list, ALIASES_MAX, e);
    if (rc != 0) {
        return rc;
    }
    const char **aliases =
        pn_arena_calloc(&pipeline->private_->arena, list->count, sizeof *aliases);
    size_t count = 0;
    for (const struct pn_yaml_node *node = list->first; node != NULL; node = node->next) {
        rc = read_json_name(pipeline, node, &aliases[count], e);
        if (rc != 0) {
            return rc;
        }
        count++;
    }
    column->aliases = aliases;
    column->alias_count = count;
    return 0;
}

/* In { } a comma ends a value, also one within a type: what comes after it became a key. */
static int check_commas(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                        struct pn_err *e)
{
    const struct pn_yaml_node *type = pn_yaml_get(node, "type");
    for (const struct pn_yaml_node *member = node->first; member != NULL; member = member->next) {
        size_t len = strlen(member->key);
        if (type != NULL && type->kind == PN_YAML_SCALAR && member->kind == PN_YAML_NULL &&
            len > 0 && strchr(")>", member->key[len - 1]) != NULL) {
            return pn_yaml_error(
                yaml, type, e,
                "the comma of \"%.40s, ...%.40s\" ends the value: inside { } quote "
                "a type with a comma, as in \"decimal(10,2)\"",
                type->text, member->key);
        }
    }
    return 0;
}

/* The long form: {type: ..., required: ..., ...}. */
static int read_long(struct pn_pipeline *pipeline, const struct pn_yaml_node *node, bool raw,
                     struct pn_column *column, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    int rc = check_commas(yaml, node, e);
    if (rc == 0) {
        rc = pn_yaml_check(yaml, node, column_keys, e);
    }
    for (const struct pn_yaml_node *member = node->first; rc == 0 && !raw && member != NULL;
         member = member->next) {
        if (strcmp(member->key, "type") != 0) {
            rc = pn_yaml_error(yaml, member, e, "is only allowed for columns of a raw table");
        }
    }
    if (rc == 0) {
        rc = read_type(pipeline, pn_yaml_get(node, "type"), &column->type, e);
    }
    if (rc == 0) {
        rc = pn_yaml_bool(yaml, pn_yaml_get(node, "required"), &column->required, e);
    }
    if (rc == 0) {
        rc = read_json_name(pipeline, pn_yaml_get(node, "unwrap"), &column->unwrap, e);
    }
    if (rc == 0) {
        rc = read_aliases(pipeline, pn_yaml_get(node, "aliases"), column, e);
    }
    if (rc == 0) {
        rc = read_coerce(pipeline, pn_yaml_get(node, "coerce"), &column->is_lenient, e);
    }
    return rc == 0 ? pn_origin_read(pipeline, node, column, e) : rc;
}

/* Does a member called `name` belong to `column`? */
static bool takes_name(const struct pn_column *column, const char *name)
{
    for (size_t i = 0; i < column->alias_count; i++) {
        if (strcmp(column->aliases[i], name) == 0) {
            return true;
        }
    }
    return strcmp(column->name, name) == 0;
}

/* Each name may be of one column only. */
static int check_aliases(const struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                         const struct pn_table *table, size_t at, struct pn_err *e)
{
    const struct pn_column *column = &table->columns[at];
    for (size_t i = 0; i < column->alias_count; i++) {
        const char *alias = column->aliases[i];
        const struct pn_column *owner = NULL;
        for (size_t j = 0; j < table->column_count && owner == NULL; j++) {
            if (j != at && takes_name(&table->columns[j], alias)) {
                owner = &table->columns[j];
            }
        }
        bool twice = strcmp(alias, column->name) == 0;
        for (size_t j = 0; j < i; j++) {
            twice = twice || strcmp(alias, column->aliases[j]) == 0;
        }
        if (owner != NULL || twice) {
            return pn_yaml_error(&pipeline->private_->yaml, pn_yaml_get(node, "aliases"), e,
                                 "\"%.60s\" is already a name of the column \"%.60s\"", alias,
                                 owner != NULL ? owner->name : column->name);
        }
    }
    return 0;
}

static int read_column(struct pn_pipeline *pipeline, const struct pn_yaml_node *node, bool raw,
                       struct pn_column *column, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    if (!pn_is_identifier(node->key, strlen(node->key))) {
        return pn_yaml_error(yaml, node, e,
                             "a column's name must consist of letters, digits and _, must not "
                             "begin with a digit, and have at most %d characters",
                             PN_PIPELINE_NAME_BYTES_MAX);
    }
    if (strcasecmp(node->key, PN_UNKNOWN_COLUMN) == 0) {
        return pn_yaml_error(yaml, node, e, "the name is reserved for unknown keys");
    }
    for (const struct pn_yaml_node *other = node->parent->first; other != node;
         other = other->next) {
        if (strcasecmp(other->key, node->key) == 0) {
            return pn_yaml_error(yaml, node, e,
                                 "differs from \"%.60s\" on line %d only in its case", other->key,
                                 other->line);
        }
    }
    column->name = node->key;
    if (node->kind == PN_YAML_SCALAR) {
        return read_type(pipeline, node, &column->type, e);
    }
    if (node->kind == PN_YAML_MAP) {
        return read_long(pipeline, node, raw, column, e);
    }
    return pn_yaml_error(yaml, node, e, "must be a type such as bigint, or {type: bigint, ...}");
}

static int read_key(const struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                    struct pn_table *table, struct pn_err *e)
{
    const struct pn_yaml_node *key = pn_yaml_get(node, "key");
    if (key == NULL) {
        return 0;
    }
    const char *names[PN_PIPELINE_COLUMNS_MAX];
    for (size_t i = 0; i < table->column_count; i++) {
        names[i] = table->columns[i].name;
        if (strcmp(names[i], key->text) == 0) {
            table->key_column = names[i];
            return 0;
        }
    }
    return pn_yaml_error_unknown(&pipeline->private_->yaml, key, "column", key->text, names,
                                 table->column_count, e);
}

int pn_columns_read(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                    struct pn_table *table, struct pn_err *e)
{
    static const char *const unknown_keys[] = {
        [PN_UNKNOWN_DROP] = "drop", [PN_UNKNOWN_KEEP] = "keep", [PN_UNKNOWN_REJECT] = "reject"};
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const struct pn_yaml_node *map = pn_yaml_get(node, "columns");
    if (map->count == 0) {
        return pn_yaml_error(yaml, map, e, "there are no columns");
    }
    int rc = pn_pipeline_check_count(pipeline, map, PN_PIPELINE_COLUMNS_MAX, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_column *columns =
        pn_arena_calloc(&pipeline->private_->arena, map->count, sizeof *columns);
    table->columns = columns;
    bool raw = pn_table_is_raw(table);
    bool is_lenient = false;
    rc = read_coerce(pipeline, pn_yaml_get(node, "coerce"), &is_lenient, e);
    if (rc != 0) {
        return rc;
    }
    for (const struct pn_yaml_node *column = map->first; column != NULL; column = column->next) {
        columns[table->column_count].is_lenient = is_lenient;
        rc = read_column(pipeline, column, raw, &columns[table->column_count], e);
        const struct pn_column *added = &columns[table->column_count];
        if (rc == 0 && table->from_files != NULL &&
            (added->topic_origin != PN_ORIGIN_NONE || added->stream_origin != PN_ORIGIN_NONE)) {
            rc = pn_yaml_error(yaml, pn_yaml_get(column, "from"), e,
                               "a table with from_files has rows of files alone: use file");
        }
        if (rc != 0) {
            return rc;
        }
        table->column_count++;
    }
    size_t at = 0;
    for (const struct pn_yaml_node *column = map->first; column != NULL; column = column->next) {
        rc = check_aliases(pipeline, column, table, at++, e);
        if (rc != 0) {
            return rc;
        }
    }
    size_t unknown = PN_UNKNOWN_DROP;
    rc = pn_yaml_choice(yaml, pn_yaml_get(node, "unknown_keys"), unknown_keys, 3, &unknown, e);
    table->unknown_keys = (enum pn_unknown_keys)unknown;
    return rc == 0 ? read_key(pipeline, node, table, e) : rc;
}
