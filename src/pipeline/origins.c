/* `from:` of a raw table's column: what it takes of where a record came from. */
#include <string.h>

#include "pipeline/internal.h"
#include "pipeline/pattern.h"

enum { TYPE_BYTES_MAX = 64 * 1024 };

const char *const pn_origin_names[PN_ORIGINS] = {
    [PN_ORIGIN_NONE] = "",
    [PN_ORIGIN_TOPIC] = "topic",
    [PN_ORIGIN_PARTITION] = "partition",
    [PN_ORIGIN_OFFSET] = "offset",
    [PN_ORIGIN_TIMESTAMP] = "timestamp",
    [PN_ORIGIN_KEY] = "key",
    [PN_ORIGIN_HEADERS] = "headers",
    [PN_ORIGIN_STREAM] = "stream",
    [PN_ORIGIN_SHARD] = "shard",
    [PN_ORIGIN_SEQUENCE_NUMBER] = "sequence_number",
    [PN_ORIGIN_PARTITION_KEY] = "partition_key",
    [PN_ORIGIN_ARRIVAL] = "arrival",
    [PN_ORIGIN_FILE] = "file",
};

/* --- types ------------------------------------------------------------------------------------ */

/* What may be its column's type, for messages. */
static const char *types_of(enum pn_origin origin)
{
    switch (origin) {
    case PN_ORIGIN_PARTITION:
        return "int or bigint";
    case PN_ORIGIN_OFFSET:
        return "bigint";
    case PN_ORIGIN_TIMESTAMP:
    case PN_ORIGIN_ARRIVAL:
        return "timestamp";
    case PN_ORIGIN_KEY:
        return "string or binary";
    case PN_ORIGIN_HEADERS:
        return "array<struct<key string, value binary>> or map<string, binary>, with string or "
               "binary values";
    default:
        return "string";
    }
}

static bool is_bytes(const struct pn_type *type)
{
    return type->kind == PN_TYPE_STRING || type->kind == PN_TYPE_BINARY;
}

/* As Spark's source of Kafka has headers, or as a map. */
static bool is_headers(const struct pn_type *type)
{
    if (type->kind == PN_TYPE_MAP) {
        return is_bytes(&type->fields[1].type);
    }
    if (type->kind != PN_TYPE_ARRAY || type->fields[0].type.kind != PN_TYPE_STRUCT) {
        return false;
    }
    const struct pn_type *item = &type->fields[0].type;
    return item->field_count == 2 && strcmp(item->fields[0].name, "key") == 0 &&
           item->fields[0].type.kind == PN_TYPE_STRING &&
           strcmp(item->fields[1].name, "value") == 0 && is_bytes(&item->fields[1].type);
}

static bool fits(enum pn_origin origin, const struct pn_type *type)
{
    switch (origin) {
    case PN_ORIGIN_PARTITION:
        return type->kind == PN_TYPE_INT || type->kind == PN_TYPE_BIGINT;
    case PN_ORIGIN_OFFSET:
        return type->kind == PN_TYPE_BIGINT;
    case PN_ORIGIN_TIMESTAMP:
    case PN_ORIGIN_ARRIVAL:
        return type->kind == PN_TYPE_TIMESTAMP;
    case PN_ORIGIN_KEY:
        return is_bytes(type);
    case PN_ORIGIN_HEADERS:
        return is_headers(type);
    default:
        return type->kind == PN_TYPE_STRING;
    }
}

/* --- pipeline.yml ----------------------------------------------------------------------------- */

static int check_type(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                      const struct pn_column *column, enum pn_origin origin, struct pn_err *e)
{
    if (fits(origin, &column->type)) {
        return 0;
    }
    struct pn_buf name;
    pn_buf_init(&name, TYPE_BYTES_MAX);
    pn_type_name(&column->type, &name);
    int rc = pn_yaml_error(yaml, node, e, "\"%s\" does not fit a column of type %.80s: use %s",
                           pn_origin_names[origin], pn_buf_text(&name), types_of(origin));
    pn_buf_deinit(&name);
    return rc;
}

static int read_word(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                     struct pn_column *column, struct pn_err *e)
{
    size_t choice = 0;
    int rc = pn_yaml_choice(yaml, node, pn_origin_names + 1, PN_ORIGINS - 1, &choice, e);
    if (rc != 0) {
        return rc;
    }
    enum pn_origin origin = (enum pn_origin)(choice + 1);
    bool is_topic = origin < PN_ORIGIN_STREAM;
    bool is_file = origin == PN_ORIGIN_FILE;
    enum pn_origin *to = is_file    ? &column->file_origin
                         : is_topic ? &column->topic_origin
                                    : &column->stream_origin;
    if (*to != PN_ORIGIN_NONE) {
        return pn_yaml_error(yaml, node, e,
                             "\"%s\" and \"%s\" are both of a %s: a column takes one of a topic, "
                             "one of a stream and one of a file",
                             pn_origin_names[*to], pn_origin_names[origin],
                             is_file    ? "file"
                             : is_topic ? "topic"
                                        : "stream");
    }
    *to = origin;
    return check_type(yaml, node, column, origin, e);
}

/* The keys that say how a value is found in a record. */
static int check_alone(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                       struct pn_err *e)
{
    for (const struct pn_yaml_node *member = node->first; member != NULL; member = member->next) {
        if (strcmp(member->key, "type") != 0 && strcmp(member->key, "from") != 0) {
            return pn_yaml_error(yaml, member, e,
                                 "does not go with \"from\": the column's value is not in the "
                                 "record. Remove one of the two");
        }
    }
    return 0;
}

int pn_origin_read(const struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                   struct pn_column *column, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const struct pn_yaml_node *from = pn_yaml_get(node, "from");
    if (from == NULL) {
        return 0;
    }
    int rc = check_alone(yaml, node, e);
    if (rc == 0 && from->kind == PN_YAML_LIST && from->count == 0) {
        rc = pn_yaml_error(yaml, from, e, "the list is empty: name what the column takes");
    }
    if (rc == 0 && from->kind != PN_YAML_LIST) {
        rc = read_word(yaml, from, column, e);
    }
    for (const struct pn_yaml_node *item = from->kind == PN_YAML_LIST ? from->first : NULL;
         rc == 0 && item != NULL; item = item->next) {
        rc = read_word(yaml, item, column, e);
    }
    column->is_lenient = false; /* of the table; there is nothing to convert */
    return rc;
}

/* --- tables ----------------------------------------------------------------------------------- */

bool pn_table_takes_origin(const struct pn_table *table, enum pn_origin origin)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const struct pn_column *column = &table->columns[i];
        if (column->topic_origin == origin || column->stream_origin == origin ||
            column->file_origin == origin) {
            return true;
        }
    }
    return false;
}

bool pn_pipeline_takes_origin(const struct pn_pipeline *pipeline, const char *topic,
                              enum pn_origin origin)
{
    for (size_t i = 0; i < pipeline->table_count; i++) {
        const struct pn_table *table = &pipeline->tables[i];
        if (table->from_topic != NULL && pn_pattern_matches(table->from_topic, topic) &&
            pn_table_takes_origin(table, origin)) {
            return true;
        }
    }
    return false;
}

bool pn_origins_land(const struct pn_table *tables, size_t count)
{
    static const enum pn_origin landed[] = {PN_ORIGIN_OFFSET, PN_ORIGIN_TIMESTAMP, PN_ORIGIN_KEY,
                                            PN_ORIGIN_HEADERS};
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < sizeof landed / sizeof *landed; k++) {
            if (pn_table_takes_origin(&tables[i], landed[k])) {
                return true;
            }
        }
    }
    return false;
}

struct pn_table pn_table_of_files(const struct pn_table *table, struct pn_arena *arena)
{
    struct pn_table plain = *table;
    struct pn_column *columns = pn_arena_calloc(arena, table->column_count, sizeof *columns);
    for (size_t i = 0; i < table->column_count; i++) {
        columns[i] = table->columns[i];
        columns[i].topic_origin = PN_ORIGIN_NONE;
        columns[i].stream_origin = PN_ORIGIN_NONE;
    }
    plain.columns = columns;
    return plain;
}

struct pn_table pn_table_of_records(const struct pn_table *table, struct pn_arena *arena)
{
    struct pn_table records = *table;
    struct pn_column *columns = pn_arena_calloc(arena, table->column_count + 1, sizeof *columns);
    records.columns = columns;
    records.column_count = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        if (!pn_column_has_origin(&table->columns[i])) {
            columns[records.column_count++] = table->columns[i];
        }
    }
    return records;
}
