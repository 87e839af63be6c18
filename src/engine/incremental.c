#include "engine/incremental.h"

#include <string.h>

#include "base/crc32c.h"
#include "delta/schema.h"
#include "engine/rules.h"

enum { SCHEMA_BYTES_MAX = 16 << 20 };

static uint32_t add_text(uint32_t sum, const char *text)
{
    const char *it = text != NULL ? text : "";
    return pn_crc32c_add(sum, it, strlen(it) + 1);
}

/* --- a raw table ------------------------------------------------------------------------------ */

static uint32_t add_column(uint32_t sum, const struct pn_column *column)
{
    if (column->is_lenient || column->required || column->alias_count > 0 ||
        column->unwrap != NULL) {
        sum = add_text(sum, column->name);
        sum = add_text(sum, column->is_lenient ? "lenient" : NULL);
        sum = add_text(sum, column->required ? "required" : NULL);
        sum = add_text(sum, column->unwrap);
    }
    for (size_t i = 0; i < column->alias_count; i++) {
        sum = add_text(sum, column->aliases[i]);
    }
    return sum;
}

static uint32_t add_origin(uint32_t sum, const struct pn_column *column, enum pn_origin origin)
{
    if (origin != PN_ORIGIN_NONE) {
        sum = add_text(sum, column->name);
        sum = add_text(sum, "from");
        sum = add_text(sum, pn_origin_names[origin]);
    }
    return sum;
}

/* The pattern is not among it: objects that another one matches are new ones. */
static uint32_t add_files(uint32_t sum, const struct pn_table_files *files)
{
    const char characters[] = {files->delimiter != '\0' ? files->delimiter : ' ', files->quote,
                               '\0'};
    sum = add_text(sum, files->by_name ? "files" : pn_file_format_names[files->format]);
    sum = add_text(sum, characters);
    return add_text(sum, files->has_no_header ? "no header" : NULL);
}

/* Which records become rows of the table, and how; the names and types of columns are its own. What
 * a column takes from a topic says nothing about rows of files, and the other way round. Columns
 * that `schema` lacks (NULL: none) count as if they had no rules. */
static uint32_t sum_raw(const struct pn_table *table, const char *schema)
{
    static const char *const unknown[] = {
        [PN_UNKNOWN_DROP] = "drop", [PN_UNKNOWN_KEEP] = "keep", [PN_UNKNOWN_REJECT] = "reject"};
    uint32_t sum = add_text(0, pn_table_mode_names[table->mode]);
    sum = table->from_files != NULL ? add_files(sum, table->from_files)
                                    : add_text(sum, table->from_topic);
    sum = add_text(sum, unknown[table->unknown_keys]);
    for (size_t i = 0; i < table->column_count; i++) {
        const struct pn_column *column = &table->columns[i];
        if (schema == NULL || pn_delta_schema_has_column(schema, column->name)) {
            sum = add_column(sum, column);
            sum =
                add_origin(sum, column,
                           table->from_files != NULL ? column->file_origin : column->topic_origin);
        }
    }
    if (table->mode == PN_MODE_MERGE) {
        sum = add_text(sum, table->key_column);
        sum = add_text(sum, table->order_column->name);
        sum = add_text(sum, table->delete_when);
    }
    return sum;
}

/* --- a transformed table ---------------------------------------------------------------------- */

/* Nothing is added for what there is none of. */
static uint32_t add_some(uint32_t sum, const char *text)
{
    return text != NULL ? add_text(sum, text) : sum;
}

static uint32_t sum_transformed(const struct pn_pipeline *pipeline, const struct pn_table *table)
{
    struct pn_buf schema;
    pn_buf_init(&schema, SCHEMA_BYTES_MAX);
    pn_table_delta_schema(table, &schema);
    uint32_t sum = add_some(0, table->sql);
    sum = add_some(sum, pn_buf_text(&schema));
    sum = add_some(sum, pipeline->prelude_duckdb);
    if (pipeline->prelude_spark != NULL && pipeline->prelude_spark[0] != '\0') {
        sum = add_some(sum, pipeline->prelude_spark);
    }
    sum = add_some(sum, pn_table_mode_names[table->mode]);
    if (table->mode == PN_MODE_MERGE) {
        sum = add_some(sum, table->key_column);
        sum = add_some(sum, table->order_column->name);
        sum = add_some(sum, table->delete_when);
    }
    for (size_t i = 0; i < table->partition_count; i++) {
        sum = add_some(sum, table->partitions[i].column.name);
    }
    pn_buf_deinit(&schema);
    return sum;
}

int64_t pn_incremental_definition(const struct pn_pipeline *pipeline, const struct pn_table *table)
{
    return pn_table_is_raw(table) ? sum_raw(table, NULL) : sum_transformed(pipeline, table);
}

bool pn_incremental_is_same(const struct pn_pipeline *pipeline, const struct pn_table *table,
                            const struct pn_delta_snapshot *snapshot, struct pn_buf *changed)
{
    int64_t made = pn_delta_txn_version(snapshot, PN_INCREMENTAL_DEFINITION);
    if (made == pn_incremental_definition(pipeline, table)) {
        return true;
    }
    if (!pn_table_is_raw(table)) {
        return false;
    }
    if (!pn_rules_are_known(snapshot, made)) {
        return made == (int64_t)sum_raw(table, snapshot->metadata.schema);
    }
    struct pn_buf found;
    pn_buf_init(&found, SCHEMA_BYTES_MAX);
    bool same = !pn_rules_changed(table, snapshot, &found);
    if (changed != NULL) {
        pn_buf_adds(changed, pn_buf_text(&found));
    }
    pn_buf_deinit(&found);
    return same;
}
