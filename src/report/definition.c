#include "report/definition.h"

static void add_tests(struct pn_json_writer *json, const struct pn_table *table)
{
    pn_json_add_array(json, "expect");
    for (size_t i = 0; i < table->expect_count; i++) {
        const struct pn_expect *expect = &table->expects[i];
        pn_json_put_object(json);
        pn_json_add_cstr(json, "name", expect->name);
        pn_json_add_cstr(json, "test", pn_expect_kind_names[expect->kind]);
        pn_json_add_cstr(json, "action", pn_expect_action_names[expect->action]);
        pn_json_end(json);
    }
    pn_json_end(json);
}

static void add_partitions(struct pn_json_writer *json, const struct pn_table *table)
{
    pn_json_add_array(json, "partition_by");
    for (size_t i = 0; i < table->partition_count; i++) {
        pn_partition_text(&table->partitions[i], pn_json_open_text(json));
        pn_json_close_text(json);
    }
    pn_json_end(json);
}

static void add_files(struct pn_json_writer *json, const struct pn_table_files *files)
{
    const char delimiter[] = {files != NULL ? files->delimiter : '\0', '\0'};
    pn_json_add_cstr(json, "from_files", files != NULL ? files->glob : NULL);
    if (files == NULL) {
        return;
    }
    pn_json_add_cstr(json, "format", files->by_name ? NULL : pn_file_format_names[files->format]);
    if (files->by_name || files->format == PN_FILE_CSV) {
        pn_json_add_object(json, "csv");
        pn_json_add_cstr(json, "delimiter", delimiter[0] != '\0' ? delimiter : NULL);
        pn_json_add_cstr(json, "quote", (const char[]){files->quote, '\0'});
        pn_json_add_bool(json, "header", !files->has_no_header);
        pn_json_end(json);
    }
}

/* Which columns take where a record came from. */
static void add_origins(struct pn_json_writer *json, const struct pn_table *table)
{
    pn_json_add_object(json, "from");
    for (size_t i = 0; i < table->column_count; i++) {
        const struct pn_column *column = &table->columns[i];
        const enum pn_origin origins[] = {column->topic_origin, column->stream_origin,
                                          column->file_origin};
        if (pn_column_has_origin(column)) {
            pn_json_add_array(json, column->name);
            for (size_t k = 0; k < sizeof origins / sizeof *origins; k++) {
                if (origins[k] != PN_ORIGIN_NONE) {
                    pn_json_put_cstr(json, pn_origin_names[origins[k]]);
                }
            }
            pn_json_end(json);
        }
    }
    pn_json_end(json);
}

void pn_report_definition(struct pn_json_writer *json, const struct pn_table *table)
{
    pn_json_add_cstr(json, "name", table->name);
    pn_json_add_cstr(json, "path", table->path);
    pn_json_add_cstr(json, "from_topic", table->from_topic);
    add_files(json, table->from_files);
    pn_json_add_cstr(json, "sql_file", table->sql_file);
    pn_json_add_cstr(json, "like", table->like != NULL ? table->like->name : NULL);
    if (table->in_place_of != NULL) {
        pn_json_add_cstr(json, "in_place_of", table->in_place_of->name);
    }
    pn_json_add_cstr(json, "checkpoints", table->checkpoints);
    pn_json_add_cstr(json, "key", table->key_column);
    pn_json_add_cstr(json, "mode", pn_table_mode_names[table->mode]);
    if (table->order_column != NULL) {
        pn_json_add_cstr(json, "order_by", table->order_column->name);
    }
    if (table->delete_when != NULL) {
        pn_json_add_cstr(json, "delete_when", table->delete_when);
    }
    if (table->mode == PN_MODE_MERGE) {
        pn_json_add_bool(json, "deletion_vectors", table->deletion_vectors);
    }
    add_partitions(json, table);
    add_tests(json, table);
    if (table->replace_where != NULL) {
        pn_json_add_cstr(json, "replace_where", table->replace_where);
    }
    pn_json_add_array(json, "reads");
    for (size_t i = 0; i < table->read_count; i++) {
        pn_json_put_cstr(json, table->reads[i]->name);
    }
    pn_json_end(json);
    add_origins(json, table);
    pn_json_put_key(json, "schema");
    pn_table_put_schema(table, json);
}
