/* `partition_by` of a table (columns, or a day, month or hour of a timestamp), and `replace_where`.
 */
#include <string.h>
#include <strings.h>

#include "pipeline/internal.h"

enum { PARTITIONS_MAX = 8 };

/* The units of generated columns. Delta's engines know these expressions: they turn a filter on the
 * timestamp into one on the partition. */
static const struct {
    const char *name; /* as it is called in partition_by, and what ends the column's name */
    enum pn_type_kind kind;
    const char *expression;
} units[] = {
    [PN_PARTITION_DAY] = {"day", PN_TYPE_DATE, "CAST(%s AS DATE)"},
    [PN_PARTITION_MONTH] = {"month", PN_TYPE_STRING, "DATE_FORMAT(%s, 'yyyy-MM')"},
    [PN_PARTITION_HOUR] = {"hour", PN_TYPE_STRING, "DATE_FORMAT(%s, 'yyyy-MM-dd-HH')"},
};

static bool is_generated(const struct pn_partition *partition)
{
    return partition->source != NULL;
}

/* --- the columns of a table ------------------------------------------------------------------- */

size_t pn_table_stored_columns(const struct pn_table *table)
{
    size_t count = table->column_count + (table->unknown_keys == PN_UNKNOWN_KEEP ? 1 : 0);
    for (size_t i = 0; i < table->partition_count; i++) {
        count += is_generated(&table->partitions[i]);
    }
    return count;
}

const struct pn_column *pn_table_stored_column(const struct pn_table *table, size_t i)
{
    static const struct pn_column unknown = {.name = PN_UNKNOWN_COLUMN,
                                             .type = {.kind = PN_TYPE_STRING}};
    if (i < table->column_count) {
        return &table->columns[i];
    }
    i -= table->column_count;
    if (table->unknown_keys == PN_UNKNOWN_KEEP && i-- == 0) {
        return &unknown;
    }
    for (size_t at = 0; at < table->partition_count; at++) {
        if (is_generated(&table->partitions[at]) && i-- == 0) {
            return &table->partitions[at].column;
        }
    }
    PN_ASSERT(false); /* there are no more */
    return NULL;
}

void pn_partition_text(const struct pn_partition *partition, struct pn_buf *out)
{
    if (is_generated(partition)) {
        pn_buf_addf(out, "%s(%s)", units[partition->unit].name, partition->source->name);
    } else {
        pn_buf_adds(out, partition->column.name);
    }
}

/* --- pipeline.yml ----------------------------------------------------------------------------- */

struct reading {
    struct pn_pipeline *pipeline;
    const struct pn_table *table;
    const struct pn_yaml_node *node; /* an item of partition_by */
};

static const struct pn_column *find_column(const struct pn_table *table, const char *name,
                                           size_t len)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const char *of = table->columns[i].name;
        if (strlen(of) == len && memcmp(of, name, len) == 0) {
            return &table->columns[i];
        }
    }
    return NULL;
}

static int refuse_unknown(const struct reading *reading, const char *name, struct pn_err *e)
{
    const char *names[PN_PIPELINE_COLUMNS_MAX];
    for (size_t i = 0; i < reading->table->column_count; i++) {
        names[i] = reading->table->columns[i].name;
    }
    return pn_yaml_error_unknown(&reading->pipeline->private_->yaml, reading->node, "column", name,
                                 names, reading->table->column_count, e);
}

static int read_value(const struct reading *reading, const struct pn_column *column,
                      struct pn_partition *partition, struct pn_err *e)
{
    const struct pn_yaml *yaml = &reading->pipeline->private_->yaml;
    const struct pn_table *table = reading->table;
    bool compares =
        table->mode == PN_MODE_MERGE && (strcmp(column->name, table->key_column) == 0 ||
                                         strcmp(column->name, table->order_column->name) == 0);
    if (compares && column->type.kind == PN_TYPE_STRING) {
        return pn_yaml_error(yaml, reading->node, e,
                             "rows of the merge are compared by \"%.60s\", and a partition keeps "
                             "its empty text as null: partition by another column",
                             column->name);
    }
    switch (column->type.kind) {
    case PN_TYPE_STRING:
    case PN_TYPE_BIGINT:
    case PN_TYPE_INT:
    case PN_TYPE_SMALLINT:
    case PN_TYPE_TINYINT:
    case PN_TYPE_DECIMAL:
    case PN_TYPE_BOOLEAN:
    case PN_TYPE_TIMESTAMP:
    case PN_TYPE_DATE:
        *partition = (struct pn_partition){.column = *column, .unit = PN_PARTITION_VALUE};
        return 0;
    case PN_TYPE_DOUBLE:
    case PN_TYPE_FLOAT:
        return pn_yaml_error(yaml, reading->node, e,
                             "\"%.60s\" is a floating-point column, whose values differ where they "
                             "look equal: partition by a decimal, an integer or a date",
                             column->name);
    case PN_TYPE_BINARY:
    case PN_TYPE_JSON:
    case PN_TYPE_STRUCT:
    case PN_TYPE_ARRAY:
    case PN_TYPE_MAP:
        break;
    }
    return pn_yaml_error(yaml, reading->node, e,
                         "\"%.60s\" cannot divide a table: partition by a string, a number, a "
                         "boolean, a date or a timestamp",
                         column->name);
}

static int read_generated(const struct reading *reading, enum pn_partition_unit unit,
                          const struct pn_column *column, struct pn_partition *partition,
                          struct pn_err *e)
{
    const struct pn_yaml *yaml = &reading->pipeline->private_->yaml;
    struct pn_arena *arena = &reading->pipeline->private_->arena;
    if (column->type.kind != PN_TYPE_TIMESTAMP) {
        return pn_yaml_error(yaml, reading->node, e, "\"%.60s\" is not a timestamp", column->name);
    }
    const char *name = pn_arena_printf(arena, "%s_%s", column->name, units[unit].name);
    for (size_t i = 0; i < reading->table->column_count; i++) {
        if (strcasecmp(reading->table->columns[i].name, name) == 0) {
            return pn_yaml_error(yaml, reading->node, e,
                                 "the table has a column \"%.60s\" already, which is the name of "
                                 "the generated one: partition by that column, or rename it",
                                 reading->table->columns[i].name);
        }
    }
    const char *before = units[unit].expression;
    const char *place = strstr(before, "%s");
    *partition = (struct pn_partition){
        .column = {.name = name, .type = {.kind = units[unit].kind}},
        .unit = unit,
        .source = column,
        .expression = pn_arena_printf(arena, "%.*s%s%s", (int)(place - before), before,
                                      column->name, place + strlen("%s")),
    };
    return 0;
}

/* The unit that "day(" and the like begin with; PN_PARTITION_VALUE: none. *inner is what is in the
 * parentheses. */
static enum pn_partition_unit unit_of(const char *text, const char **inner, size_t *len)
{
    for (int i = PN_PARTITION_DAY; i <= PN_PARTITION_HOUR; i++) {
        size_t name_len = strlen(units[i].name);
        size_t text_len = strlen(text);
        if (strncmp(text, units[i].name, name_len) == 0 && text[name_len] == '(' &&
            text[text_len - 1] == ')') {
            *inner = text + name_len + 1;
            *len = text_len - name_len - 2;
            return (enum pn_partition_unit)i;
        }
    }
    *inner = text;
    *len = strlen(text);
    return PN_PARTITION_VALUE;
}

static int read_partition(const struct reading *reading, struct pn_partition *partition,
                          struct pn_err *e)
{
    const struct pn_yaml *yaml = &reading->pipeline->private_->yaml;
    const char *text = NULL;
    const char *name = NULL;
    size_t len = 0;
    int rc = pn_yaml_text(yaml, reading->node, &text, e);
    if (rc != 0) {
        return rc;
    }
    enum pn_partition_unit unit = unit_of(text, &name, &len);
    const struct pn_column *column = find_column(reading->table, name, len);
    if (column == NULL && unit == PN_PARTITION_VALUE && strchr(text, '(') != NULL) {
        return pn_yaml_error(yaml, reading->node, e,
                             "\"%.60s\" is not a partition: give a column, or day(COLUMN), "
                             "month(COLUMN) or hour(COLUMN) of a timestamp",
                             text);
    }
    if (column == NULL) {
        return refuse_unknown(reading,
                              pn_arena_strndup(&reading->pipeline->private_->arena, name, len), e);
    }
    if (column->name[0] == '_') {
        return pn_yaml_error(yaml, reading->node, e,
                             "the name of \"%.60s\" begins with an underscore: engines hide the "
                             "folders of such names, so the table cannot be partitioned by it",
                             column->name);
    }
    return unit == PN_PARTITION_VALUE ? read_value(reading, column, partition, e)
                                      : read_generated(reading, unit, column, partition, e);
}

static int check_twice(const struct reading *reading, const struct pn_partition *partitions,
                       size_t at, struct pn_err *e)
{
    for (size_t i = 0; i < at; i++) {
        if (strcmp(partitions[i].column.name, partitions[at].column.name) == 0) {
            return pn_yaml_error(&reading->pipeline->private_->yaml, reading->node, e,
                                 "\"%.60s\" is named twice", partitions[at].column.name);
        }
    }
    return 0;
}

/* Files must have a column of their own. */
static int check_rest(const struct reading *reading, const struct pn_yaml_node *by,
                      const struct pn_partition *partitions, size_t count, struct pn_err *e)
{
    size_t own = 0;
    for (size_t i = 0; i < count; i++) {
        own += !is_generated(&partitions[i]);
    }
    return own < reading->table->column_count
               ? 0
               : pn_yaml_error(&reading->pipeline->private_->yaml, by, e,
                               "names all columns of the table: at least one must be left for the "
                               "files");
}

/* A run replaces whole files, so what it replaces must be known of a file by its partition. */
static int read_replace_where(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                              struct pn_table *table, struct pn_err *e)
{
    const struct pn_yaml_node *where = pn_yaml_get(node, "replace_where");
    if (where == NULL) {
        return 0;
    }
    if (table->sql == NULL || table->mode != PN_MODE_OVERWRITE) {
        return pn_yaml_error(yaml, where, e,
                             "is only allowed for a table with sql and mode: overwrite");
    }
    if (table->partition_count == 0) {
        return pn_yaml_error(yaml, where, e,
                             "needs the key \"partition_by\": a run replaces whole partitions");
    }
    return pn_yaml_text(yaml, where, &table->replace_where, e);
}

int pn_partitions_read(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                       struct pn_table *table, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const struct pn_yaml_node *by = pn_yaml_get(node, "partition_by");
    struct reading reading = {.pipeline = pipeline, .table = table, .node = by};
    if (by == NULL) {
        return read_replace_where(yaml, node, table, e);
    }
    if (by->kind == PN_YAML_MAP) {
        return pn_yaml_error(yaml, by, e,
                             "must be a column such as region or day(placed), or a "
                             "list of them");
    }
    bool is_list = by->kind == PN_YAML_LIST;
    int rc = is_list ? pn_pipeline_check_count(pipeline, by, PARTITIONS_MAX, e) : 0;
    struct pn_partition *partitions =
        pn_arena_calloc(&pipeline->private_->arena, PARTITIONS_MAX, sizeof *partitions);
    size_t count = 0;
    for (const struct pn_yaml_node *item = is_list ? by->first : by; rc == 0 && item != NULL;
         item = is_list ? item->next : NULL) {
        reading.node = item;
        rc = read_partition(&reading, &partitions[count], e);
        rc = rc == 0 ? check_twice(&reading, partitions, count, e) : rc;
        count++;
    }
    rc = rc == 0 ? check_rest(&reading, by, partitions, count, e) : rc;
    table->partitions = partitions;
    table->partition_count = rc == 0 ? count : 0;
    return rc == 0 ? read_replace_where(yaml, node, table, e) : rc;
}
