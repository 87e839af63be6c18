#include "engine/spark/definition.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/incremental.h"
#include "engine/rules.h"

int pn_spark_check_table(const struct pn_table *table, struct pn_err *e)
{
    if (table->from_files != NULL) {
        return pn_err_input(e,
                            "table '%s' has `from_files`, but jobs of Spark load topics alone: use "
                            "from_topic, or `engine.kind: duckdb`",
                            table->name);
    }
    if (pn_table_quarantines(table) &&
        (pn_table_is_raw(table) || table->mode != PN_MODE_OVERWRITE)) {
        return pn_err_input(e,
                            "table '%s' has a test with `action: quarantine`, which jobs of Spark "
                            "have for tables with sql that each run overwrites: use fail or warn, "
                            "or `engine.kind: duckdb`",
                            table->name);
    }
    for (size_t i = 0; i < table->column_count; i++) {
        if (pn_column_has_origin(&table->columns[i])) {
            return pn_err_input(e,
                                "column '%s' of table '%s' has `from`, but jobs of Spark read the "
                                "records alone: leave it out, or use `engine.kind: duckdb`",
                                table->columns[i].name, table->name);
        }
    }
    return 0;
}

void pn_python_add_text(struct pn_buf *out, const char *text)
{
    size_t len = strlen(text);
    /* A raw block ends at three quotes, and its last character must not be a part of its end. */
    bool fits = len > 0 && strstr(text, "\"\"\"") == NULL && text[len - 1] == '\n' &&
                strchr(text, '\r') == NULL && (len < 2 || text[len - 2] != '\\');
    if (!fits) {
        pn_json_write_cstr(out, text);
        return;
    }
    pn_buf_adds(out, "r\"\"\"\n");
    pn_buf_add(out, text, len);
    pn_buf_adds(out, "\"\"\"");
}

/* --- pinion_pipeline.py ----------------------------------------------------------------------- */

/* A name; a dict of a struct's fields; ("array", type) and ("map", type of the values). */
static void add_type(struct pn_buf *out, const struct pn_type *type)
{
    if (type->field_count == 0) {
        pn_buf_addc(out, '"');
        pn_type_name(type, out);
        pn_buf_addc(out, '"');
        return;
    }
    if (type->kind != PN_TYPE_STRUCT) {
        pn_buf_adds(out, type->kind == PN_TYPE_ARRAY ? "(\"array\", " : "(\"map\", ");
        add_type(out, &type->fields[type->field_count - 1].type);
        pn_buf_addc(out, ')');
        return;
    }
    pn_buf_addc(out, '{');
    for (size_t i = 0; i < type->field_count; i++) {
        pn_buf_adds(out, i > 0 ? ", " : "");
        pn_json_write_cstr(out, type->fields[i].name);
        pn_buf_adds(out, ": ");
        add_type(out, &type->fields[i].type);
    }
    pn_buf_addc(out, '}');
}

static void add_text_or_none(struct pn_buf *out, const char *text)
{
    if (text != NULL) {
        pn_json_write_cstr(out, text);
    } else {
        pn_buf_adds(out, "None");
    }
}

static void add_column(struct pn_buf *out, const struct pn_column *column)
{
    pn_buf_adds(out, "            ");
    pn_json_write_cstr(out, column->name);
    pn_buf_adds(out, ": dict(type=");
    add_type(out, &column->type);
    pn_buf_addf(out, ", required=%s, aliases=[", column->required ? "True" : "False");
    for (size_t i = 0; i < column->alias_count; i++) {
        pn_buf_adds(out, i > 0 ? ", " : "");
        pn_json_write_cstr(out, column->aliases[i]);
    }
    pn_buf_adds(out, "], unwrap=");
    add_text_or_none(out, column->unwrap);
    pn_buf_addf(out, ", coerce=\"%s\"),\n", column->is_lenient ? "lenient" : "strict");
}

/* The flow that fills a stream table, and its stream. */
static void add_flow(struct pn_buf *out, const struct pn_pipeline *pipeline,
                     const struct pn_table *table)
{
    for (size_t i = 0; i < pipeline->stream_count; i++) {
        const struct pn_pipeline_stream *stream = &pipeline->streams[i];
        for (size_t j = 0; j < stream->flow_count; j++) {
            if (stream->flows[j].table == table) {
                pn_buf_adds(out, "        stream=dict(name=");
                pn_json_write_cstr(out, stream->name);
                pn_buf_addf(out, ", start=\"%s\", partition_key=",
                            stream->start == PN_START_LATEST ? "latest" : "earliest");
                add_text_or_none(out, stream->flows[j].partition_key);
                pn_buf_adds(out, "),\n");
                return;
            }
        }
    }
}

static void add_texts(struct pn_buf *out, const char *name, const char *const *texts, size_t count)
{
    pn_buf_addf(out, ", %s=[", name);
    for (size_t i = 0; i < count; i++) {
        pn_buf_adds(out, i > 0 ? ", " : "");
        pn_json_write_cstr(out, texts[i]);
    }
    pn_buf_addc(out, ']');
}

static void add_member(struct pn_buf *out, const char *name, const char *text)
{
    pn_buf_addf(out, ", %s=", name);
    add_text_or_none(out, text);
}

static void add_expect(struct pn_buf *out, const struct pn_expect *expect)
{
    const char **columns = pn_xcalloc(expect->column_count + 1, sizeof *columns);
    for (size_t i = 0; i < expect->column_count; i++) {
        columns[i] = expect->columns[i]->name;
    }
    pn_buf_adds(out, "            dict(name=");
    pn_json_write_cstr(out, expect->name);
    add_member(out, "kind", pn_expect_kind_names[expect->kind]);
    add_member(out, "action", pn_expect_action_names[expect->action]);
    add_texts(out, "columns", columns, expect->column_count);
    add_texts(out, "values", expect->values, expect->value_count);
    add_member(out, "min", expect->min);
    add_member(out, "max", expect->max);
    add_member(out, "other", expect->other != NULL ? expect->other->name : NULL);
    add_member(out, "other_column", expect->other != NULL ? expect->other_column->name : NULL);
    pn_buf_adds(out, ", sql=");
    if (expect->sql != NULL) {
        pn_python_add_text(out, expect->sql);
    } else {
        pn_buf_adds(out, "None");
    }
    pn_buf_adds(out, "),\n");
    free(columns);
}

/* The rules of a raw table, but the checksum of all. */
static void add_rules(struct pn_buf *out, const struct pn_table *table)
{
    struct pn_delta_txn *txns = NULL;
    size_t count = 0;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    pn_rules_txns(table, NULL, 0, 0, &arena, &txns, &count);
    pn_buf_adds(out, ",\n        rules={");
    for (size_t i = 0; i < count; i++) {
        pn_buf_addf(out, "%s\"%s\": %" PRId64, i > 0 ? ", " : "", txns[i].app_id, txns[i].version);
    }
    pn_buf_addc(out, '}');
    pn_arena_deinit(&arena);
}

/* What a run does with the rows that the table has. */
static void add_mode(struct pn_buf *out, const struct pn_pipeline *pipeline,
                     const struct pn_table *table)
{
    const bool merges = table->mode == PN_MODE_MERGE;
    pn_buf_addf(out, "        mode=\"%s\"", pn_table_mode_names[table->mode]);
    add_member(out, "key", merges ? table->key_column : NULL);
    add_member(out, "order_by", merges ? table->order_column->name : NULL);
    add_member(out, "delete_when", merges ? table->delete_when : NULL);
    if (table->mode != PN_MODE_OVERWRITE) {
        pn_buf_addf(out, ", definition=%" PRId64, pn_incremental_definition(pipeline, table));
    }
    if (table->mode != PN_MODE_OVERWRITE && pn_table_is_raw(table)) {
        add_rules(out, table);
    }
    pn_buf_adds(out, ",\n");
}

/* The columns by which the files are divided; those with an expression are generated. */
static void add_partitions(struct pn_buf *out, const struct pn_table *table)
{
    pn_buf_adds(out, "        partitions=[\n");
    for (size_t i = 0; i < table->partition_count; i++) {
        const struct pn_partition *partition = &table->partitions[i];
        pn_buf_adds(out, "            dict(name=");
        pn_json_write_cstr(out, partition->column.name);
        pn_buf_adds(out, ", type=");
        add_type(out, &partition->column.type);
        add_member(out, "expression", partition->expression);
        pn_buf_adds(out, "),\n");
    }
    pn_buf_adds(out, "        ],\n        replace_where=");
    add_text_or_none(out, table->replace_where);
    pn_buf_adds(out, ",\n");
}

static void add_table(struct pn_buf *out, const struct pn_pipeline *pipeline,
                      const struct pn_table *table)
{
    static const char *const unknown[] = {
        [PN_UNKNOWN_DROP] = "drop", [PN_UNKNOWN_KEEP] = "keep", [PN_UNKNOWN_REJECT] = "reject"};
    pn_buf_adds(out, "    ");
    pn_json_write_cstr(out, table->name);
    pn_buf_adds(out, ": dict(\n        path=");
    pn_json_write_cstr(out, table->path);
    pn_buf_adds(out, ",\n        from_topic=");
    add_text_or_none(out, table->from_topic);
    pn_buf_adds(out, ",\n        reads=[");
    for (size_t i = 0; i < table->read_count; i++) {
        pn_buf_adds(out, i > 0 ? ", " : "");
        pn_json_write_cstr(out, table->reads[i]->name);
    }
    pn_buf_adds(out, "],\n        like=");
    add_text_or_none(out, table->like != NULL ? table->like->name : NULL);
    pn_buf_adds(out, ",\n        in_place_of=");
    add_text_or_none(out, table->in_place_of != NULL ? table->in_place_of->name : NULL);
    pn_buf_adds(out, ",\n        checkpoints=");
    add_text_or_none(out, table->checkpoints);
    pn_buf_addf(out, ",\n        unknown_keys=\"%s\",\n", unknown[table->unknown_keys]);
    add_flow(out, pipeline, table);
    pn_buf_adds(out, "        columns={\n");
    for (size_t i = 0; i < table->column_count; i++) {
        add_column(out, &table->columns[i]);
    }
    pn_buf_adds(out, "        },\n");
    add_mode(out, pipeline, table);
    add_partitions(out, table);
    pn_buf_adds(out, "        expects=[\n");
    for (size_t i = 0; i < table->expect_count; i++) {
        add_expect(out, &table->expects[i]);
    }
    pn_buf_adds(out, "        ],\n    ),\n");
}

static void add_assignment(struct pn_buf *out, const char *name, const char *value)
{
    pn_buf_addf(out, "%s = ", name);
    pn_json_write_cstr(out, value);
    pn_buf_addc(out, '\n');
}

void pn_python_add_pipeline(struct pn_buf *out, const struct pn_pipeline *pipeline,
                            const char *store)
{
    pn_buf_adds(out, "\"\"\"The pipeline's definition. Written by `pinion deploy spark` from "
                     "pipeline.yml.\"\"\"\n\n");
    add_assignment(out, "NAME", pipeline->name);
    add_assignment(out, "STORE", store);
    add_assignment(out, "TOPICS_DIR", pipeline->topics_dir);
    add_assignment(out, "DEAD_LETTERS_DIR", pipeline->dead_letters_dir);
    add_assignment(out, "DEAD_LETTERS", pipeline->dead_letters_path);
    add_assignment(out, "STREAM_DEAD_LETTERS", pipeline->stream_dead_letters_path);
    pn_buf_adds(out, "TABLES = {\n");
    for (size_t i = 0; i < pipeline->table_count; i++) {
        add_table(out, pipeline, &pipeline->tables[i]);
    }
    pn_buf_adds(out, "}\nPRELUDE = ");
    pn_python_add_text(out, pipeline->prelude_spark);
    pn_buf_addc(out, '\n');
}
