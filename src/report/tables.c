#include "report/tables.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/json_writer.h"
#include "report/undeclared.h"

enum { CELL_BYTES_MAX = 16 << 20, HISTORY_BLOCK_BYTES = 8192, UNDECLARED_MS = 10000 };

static const char dead_letters[] = "dead_letters";
static const char stream_dead_letters[] = "stream_dead_letters";
static const char undeclared[] = "undeclared";

bool pn_report_is_dead_letters(const char *name)
{
    return strcmp(name, dead_letters) == 0 || strcmp(name, stream_dead_letters) == 0;
}

int pn_report_find_table(const struct pn_pipeline *pipeline, const char *name, const char *folder,
                         const struct pn_table **table, const char **path, struct pn_err *e)
{
    *table = pn_pipeline_table(pipeline, name);
    if (*table != NULL) {
        *path = (*table)->path;
    } else if (strcmp(name, dead_letters) == 0) {
        *path = pipeline->dead_letters_path;
    } else if (strcmp(name, stream_dead_letters) == 0) {
        *path = pipeline->stream_dead_letters_path;
    } else if (strchr(name, '/') != NULL) {
        *path = name;
        return pn_store_key_check(name, e);
    } else {
        return pn_pipeline_has_no(pipeline, PN_NAMED_TABLE_OR_KEY, name, folder, e);
    }
    return 0;
}

struct pn_delta *pn_report_open_table(const struct pn_table_source *source, const char *path)
{
    return pn_delta_create(source->store, path, source->parquet, source->clock, source->logger,
                           source->config);
}

/* --- list ------------------------------------------------------------------------------------- */

struct list {
    const struct pn_table_source *source;
    struct pn_row_writer *rows;
    void (*problem)(void *arg, const char *table, const struct pn_err *why);
    void *arg;
    size_t problems;
};

static struct pn_table_state state_of(const struct pn_delta_snapshot *snapshot)
{
    int64_t size_bytes = 0;
    for (size_t i = 0; i < snapshot->file_count; i++) {
        size_bytes += snapshot->files[i].size_bytes;
    }
    return (struct pn_table_state){.version = snapshot->version,
                                   .timestamp_ms = snapshot->timestamp_ms,
                                   .files = (int64_t)snapshot->file_count,
                                   .rows = pn_delta_snapshot_rows(snapshot),
                                   .size_bytes = size_bytes};
}

/* Inits the text, which the caller deinits. */
static void maker_text(struct pn_buf *text, const struct pn_delta_maker *maker)
{
    struct pn_json_writer json;
    pn_buf_init(text, CELL_BYTES_MAX);
    pn_json_writer_init(&json, text);
    pn_delta_maker_put(&json, maker);
}

/* What the newest commits added, and what made the last; nothing when the log does not say. */
static void read_commits(struct pn_delta *delta, struct pn_table_state *state)
{
    struct pn_arena arena;
    struct pn_delta_history_entry *entries = NULL;
    size_t count = 0;
    pn_arena_init(&arena, HISTORY_BLOCK_BYTES);
    if (pn_delta_history(delta, state->version, PN_TABLE_COMMITS_MAX, &arena, &entries, &count,
                         NULL) != 0) {
        count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(entries[i].operation, "OPTIMIZE") != 0) {
            state->added[state->added_count++] = entries[i].rows_added;
        }
    }
    if (count > 0 && pn_delta_maker_is_known(&entries[0].maker)) {
        struct pn_buf text;
        maker_text(&text, &entries[0].maker);
        if (!pn_buf_failed(&text) && text.len < sizeof state->maker) {
            memcpy(state->maker, pn_buf_text(&text), text.len + 1);
        }
        pn_buf_deinit(&text);
    }
    pn_arena_deinit(&arena);
}

/* As of its newest version; from memory while there is no newer one. */
static int read_state(const struct pn_table_source *source, const char *path,
                      struct pn_table_state *state, struct pn_err *e)
{
    struct pn_table_memory *memory = source->memory;
    if (memory != NULL && pn_table_memory_find(memory, source->store, path, state)) {
        return 0;
    }
    struct pn_delta *delta = pn_report_open_table(source, path);
    struct pn_delta_snapshot *snapshot = NULL;
    int rc = pn_delta_snapshot(delta, -1, &snapshot, e);
    if (rc == 0) {
        *state = state_of(snapshot);
        if (memory != NULL) {
            read_commits(delta, state);
            pn_table_memory_note(memory, source->store, path, state);
        }
    }
    pn_delta_snapshot_destroy(&snapshot);
    pn_delta_destroy(&delta);
    return rc;
}

/* A list of numbers, the oldest first. */
static void added_cell(struct pn_row_writer *rows, const struct pn_table_state *state)
{
    struct pn_buf text;
    pn_buf_init(&text, CELL_BYTES_MAX);
    pn_buf_addc(&text, '[');
    for (size_t i = state->added_count; i > 0; i--) {
        pn_buf_addf(&text, "%" PRId64 "%s", state->added[i - 1], i > 1 ? "," : "");
    }
    pn_buf_addc(&text, ']');
    pn_cell_json(rows, pn_buf_text(&text), text.len);
    pn_buf_deinit(&text);
}

static void state_cells(struct pn_row_writer *rows, const struct pn_table_state *state)
{
    pn_cell_int(rows, state->version);
    pn_cell_time(rows, state->timestamp_ms);
    pn_cell_int(rows, state->files);
    pn_cell_known(rows, state->rows);
    pn_cell_int(rows, state->size_bytes);
}

/* The cells that only the API has; NULL: there is no such table. */
static void more_cells(struct pn_row_writer *rows, const struct pn_table_state *state)
{
    if (state != NULL) {
        added_cell(rows, state);
    } else {
        pn_cell_null(rows);
    }
    if (state != NULL && state->maker[0] != '\0') {
        pn_cell_json(rows, state->maker, strlen(state->maker));
    } else {
        pn_cell_null(rows);
    }
}

static const char *kind_of(const struct pn_table *table)
{
    return pn_table_is_raw(table) ? "raw" : table->like != NULL ? "stream" : "clean";
}

static void table_row(struct list *list, const char *name, const char *kind, const char *path)
{
    enum { STATE_CELLS = 5 };
    bool whole = pn_row_writer_format(list->rows) == PN_FORMAT_API;
    struct pn_table_state state;
    struct pn_err failure = {0};
    int rc = read_state(list->source, path, &state, &failure);
    if (kind == undeclared && rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        return; /* a log without a version: nothing that a query could read */
    }
    pn_cell_cstr(list->rows, name);
    pn_cell_cstr(list->rows, kind);
    pn_cell_cstr(list->rows, path);
    if (rc == 0) {
        state_cells(list->rows, &state);
    }
    for (int i = 0; rc != 0 && i < STATE_CELLS; i++) {
        pn_cell_null(list->rows);
    }
    if (whole) {
        more_cells(list->rows, rc == 0 ? &state : NULL);
    }
    if (rc != 0 && failure.class_ != PN_CLASS_MISSING) {
        list->problems += kind != undeclared;
        if (list->problem != NULL) {
            list->problem(list->arg, name, &failure);
        }
    }
}

PN_REPORT_COLUMNS(pn_table_columns, {"table", PN_CELL_TEXT | PN_NOT_NULL},
                  {"kind", PN_CELL_TEXT | PN_NOT_NULL}, {"path", PN_CELL_TEXT | PN_NOT_NULL},
                  {"version", PN_CELL_INT}, {"committed", PN_CELL_TIME}, {"files", PN_CELL_INT},
                  {"rows", PN_CELL_INT}, {"size_bytes", PN_CELL_INT}, {"added", PN_CELL_JSON},
                  {"maker", PN_CELL_JSON});
enum { TABLE_MORE_COLUMNS = 2 }; /* the last ones, of the API alone */

/* The tables that the pipeline does not declare; a store that cannot be listed has a problem. */
static void undeclared_rows(struct list *list)
{
    const struct pn_table_source *source = list->source;
    struct pn_undeclared found = {0};
    struct pn_arena arena;
    struct pn_err failure = {0};
    int64_t now_ms = pn_mono_ms(source->clock);
    pn_arena_init(&arena, HISTORY_BLOCK_BYTES);
    bool is_known =
        source->memory != NULL && pn_table_memory_undeclared(source->memory, now_ms - UNDECLARED_MS,
                                                             &arena, &found.keys, &found.count);
    int rc = is_known ? 0
                      : pn_report_undeclared(source->pipeline, source->store,
                                             PN_UNDECLARED_BESIDE_TABLES, &arena, &found, &failure);
    if (rc == 0 && !is_known && source->memory != NULL) {
        pn_table_memory_note_undeclared(source->memory, now_ms, found.keys, found.count);
    }
    if (rc == 0 && found.is_cut) {
        pn_logger_warn(
            source->logger, "tables",
            "the list of tables that the pipeline does not declare is not whole: it ends "
            "after %zu tables",
            found.count);
    }
    for (size_t i = 0; rc == 0 && i < found.count; i++) {
        table_row(list, found.keys[i], undeclared, found.keys[i]);
    }
    if (rc != 0 && list->problem != NULL) {
        list->problem(list->arg, undeclared, &failure);
    }
    pn_arena_deinit(&arena);
}

size_t pn_report_tables(const struct pn_table_source *source, struct pn_row_writer *rows,
                        void (*problem)(void *arg, const char *table, const struct pn_err *why),
                        void *arg)
{
    const struct pn_pipeline *pipeline = source->pipeline;
    struct list list = {.source = source, .rows = rows, .problem = problem, .arg = arg};
    bool whole = pn_row_writer_format(rows) == PN_FORMAT_API;
    pn_row_writer_begin(rows, pn_table_columns.items,
                        pn_table_columns.count - (whole ? 0 : TABLE_MORE_COLUMNS));
    for (size_t i = 0; i < pipeline->table_count; i++) {
        const struct pn_table *table = &pipeline->tables[i];
        table_row(&list, table->name, kind_of(table), table->path);
    }
    table_row(&list, dead_letters, dead_letters, pipeline->dead_letters_path);
    if (pipeline->stream_count + pipeline->stream_pattern_count > 0) {
        table_row(&list, stream_dead_letters, dead_letters, pipeline->stream_dead_letters_path);
    }
    undeclared_rows(&list);
    return list.problems;
}

/* --- schema ----------------------------------------------------------------------------------- */

/* A type as SQL has it: "long" stays, a struct is struct<name type, ...>. */
void pn_report_add_type(struct pn_buf *out, const struct pn_json *type)
{
    const struct pn_json *kind = pn_json_get(type, "type");
    if (type->type == PN_JSON_STRING) {
        pn_buf_add(out, type->text, type->text_len);
    } else if (pn_json_text_is(kind, "array")) {
        pn_buf_adds(out, "array<");
        pn_report_add_type(out, pn_json_get(type, "elementType"));
        pn_buf_addc(out, '>');
    } else if (pn_json_text_is(kind, "map")) {
        pn_buf_adds(out, "map<");
        pn_report_add_type(out, pn_json_get(type, "keyType"));
        pn_buf_adds(out, ", ");
        pn_report_add_type(out, pn_json_get(type, "valueType"));
        pn_buf_addc(out, '>');
    } else {
        pn_buf_adds(out, "struct<");
        const struct pn_json *fields = pn_json_get(type, "fields");
        for (const struct pn_json *field = fields->first; field != NULL; field = field->next) {
            const struct pn_json *name = pn_json_get(field, "name");
            pn_buf_adds(out, field != fields->first ? ", " : "");
            pn_buf_add(out, name->text, name->text_len);
            pn_buf_addc(out, ' ');
            pn_report_add_type(out, pn_json_get(field, "type"));
        }
        pn_buf_addc(out, '>');
    }
}

static bool is_partition(const struct pn_delta_metadata *metadata, const struct pn_json *name)
{
    for (size_t i = 0; i < metadata->partition_column_count; i++) {
        if (pn_json_text_is(name, metadata->partition_columns[i])) {
            return true;
        }
    }
    return false;
}

PN_REPORT_COLUMNS(pn_schema_columns, {"column", PN_CELL_TEXT | PN_NOT_NULL},
                  {"type", PN_CELL_TEXT | PN_NOT_NULL}, {"nullable", PN_CELL_BOOL | PN_NOT_NULL},
                  {"partition", PN_CELL_BOOL | PN_NOT_NULL});
PN_REPORT_COLUMNS(pn_schema_since_columns, {"column", PN_CELL_TEXT | PN_NOT_NULL},
                  {"type", PN_CELL_TEXT | PN_NOT_NULL}, {"nullable", PN_CELL_BOOL | PN_NOT_NULL},
                  {"partition", PN_CELL_BOOL | PN_NOT_NULL}, {"since", PN_CELL_INT | PN_NOT_NULL},
                  {"since_exact", PN_CELL_BOOL | PN_NOT_NULL});

int pn_report_schema(const struct pn_delta_snapshot *snapshot, const struct pn_delta_since *since,
                     struct pn_row_writer *rows, struct pn_err *e)
{
    const struct pn_delta_metadata *metadata = &snapshot->metadata;
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *schema = NULL;
    size_t len = strlen(metadata->schema);
    int rc = pn_json_parse(parser, metadata->schema, len, len, &schema, e);
    if (rc == 0) {
        struct pn_buf type;
        pn_buf_init(&type, CELL_BYTES_MAX);
        pn_rows_begin_all(rows, since != NULL ? &pn_schema_since_columns : &pn_schema_columns);
        const struct pn_json *field = pn_json_get(schema, "fields")->first;
        for (; field != NULL; field = field->next) {
            const struct pn_json *name = pn_json_get(field, "name");
            pn_buf_reset(&type);
            pn_report_add_type(&type, pn_json_get(field, "type"));
            pn_cell_text(rows, name->text, name->text_len);
            pn_cell_text(rows, pn_buf_text(&type), type.len);
            pn_cell_bool(rows, pn_json_get_bool(field, "nullable", true));
            pn_cell_bool(rows, is_partition(metadata, name));
            if (since != NULL) {
                pn_cell_int(rows, since->version);
                pn_cell_bool(rows, since++->is_exact);
            }
        }
        pn_buf_deinit(&type);
    }
    pn_json_parser_destroy(&parser);
    return rc;
}

/* --- history ---------------------------------------------------------------------------------- */

PN_REPORT_COLUMNS(pn_history_columns, {"version", PN_CELL_INT | PN_NOT_NULL},
                  {"committed", PN_CELL_TIME | PN_NOT_NULL}, {"operation", PN_CELL_TEXT},
                  {"files_added", PN_CELL_INT | PN_NOT_NULL},
                  {"files_removed", PN_CELL_INT | PN_NOT_NULL}, {"rows_added", PN_CELL_INT},
                  {"made_by", PN_CELL_TEXT}, {"engine", PN_CELL_TEXT}, {"maker", PN_CELL_JSON},
                  {"parameters", PN_CELL_JSON | PN_NOT_NULL},
                  {"metrics", PN_CELL_JSON | PN_NOT_NULL}, {"notes", PN_CELL_JSON | PN_NOT_NULL});
enum { HISTORY_MORE_COLUMNS = 5 }; /* the last ones, which a table has no room for */

void pn_report_maker(const struct pn_delta_maker *maker, struct pn_buf *out)
{
    if (maker->dag != NULL) {
        pn_buf_addf(out, "task %s of run %s of %s", maker->task, maker->run, maker->dag);
        if (maker->attempt > 1) {
            pn_buf_addf(out, ", try %" PRId64, maker->attempt);
        }
    } else if (maker->stream != NULL) {
        pn_buf_addf(out, "stream %s", maker->stream);
    } else if (maker->job != NULL) {
        pn_buf_addf(out, "job %s", maker->job);
        if (maker->who != NULL) {
            pn_buf_addf(out, " of %s", maker->who);
        }
    } else if (maker->command != NULL) {
        pn_buf_adds(out, maker->command);
    }
}

void pn_report_made_by(const struct pn_delta_history_entry *entry, struct pn_buf *out)
{
    if (pn_delta_maker_is_known(&entry->maker)) {
        pn_report_maker(&entry->maker, out);
    } else {
        pn_buf_adds(out, entry->engine_info);
    }
}

static void made_by_cell(struct pn_row_writer *rows, const struct pn_delta_history_entry *entry)
{
    struct pn_buf text;
    pn_buf_init(&text, CELL_BYTES_MAX);
    pn_report_made_by(entry, &text);
    pn_cell_text(rows, pn_buf_text(&text), text.len);
    pn_buf_deinit(&text);
}

static void maker_cell(struct pn_row_writer *rows, const struct pn_delta_maker *maker)
{
    struct pn_buf text;
    if (!pn_delta_maker_is_known(maker)) {
        pn_cell_null(rows);
        return;
    }
    maker_text(&text, maker);
    pn_cell_json(rows, pn_buf_text(&text), text.len);
    pn_buf_deinit(&text);
}

void pn_report_history(const struct pn_delta_history_entry *entries, size_t count,
                       struct pn_row_writer *rows)
{
    bool whole = pn_row_writer_format(rows) != PN_FORMAT_TABLE;
    size_t column_count = pn_history_columns.count;
    pn_row_writer_begin(rows, pn_history_columns.items,
                        whole ? column_count : column_count - HISTORY_MORE_COLUMNS);
    for (size_t i = 0; i < count; i++) {
        const struct pn_delta_history_entry *entry = &entries[i];
        pn_cell_int(rows, entry->version);
        pn_cell_time(rows, entry->timestamp_ms);
        pn_cell_cstr(rows, entry->operation);
        pn_cell_int(rows, entry->files_added);
        pn_cell_int(rows, entry->files_removed);
        pn_cell_int(rows, entry->rows_added);
        made_by_cell(rows, entry);
        if (whole) {
            pn_cell_cstr(rows, entry->engine_info);
            maker_cell(rows, &entry->maker);
            pn_cell_json(rows, entry->parameters, strlen(entry->parameters));
            pn_cell_json(rows, entry->metrics, strlen(entry->metrics));
            const char *notes = entry->notes != NULL ? entry->notes : "{}";
            pn_cell_json(rows, notes, strlen(notes));
        }
    }
}

/* --- queries ---------------------------------------------------------------------------------- */

PN_REPORT_COLUMNS(pn_named_query_columns, {"query", PN_CELL_TEXT | PN_NOT_NULL},
                  {"description", PN_CELL_TEXT}, {"sql", PN_CELL_TEXT | PN_NOT_NULL});

void pn_report_queries(const struct pn_pipeline *pipeline, struct pn_row_writer *rows)
{
    bool whole = pn_row_writer_format(rows) == PN_FORMAT_API;
    size_t column_count = pn_named_query_columns.count;
    pn_row_writer_begin(rows, pn_named_query_columns.items,
                        whole ? column_count : column_count - 1);
    for (size_t i = 0; i < pipeline->query_count; i++) {
        pn_cell_cstr(rows, pipeline->queries[i].name);
        pn_cell_cstr(rows, pipeline->queries[i].description);
        if (whole) {
            pn_cell_cstr(rows, pipeline->queries[i].sql);
        }
    }
}
