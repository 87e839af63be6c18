#include "engine/duckdb/decode.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/decode_internal.h"

enum { UNKNOWN_BYTES_MAX = 64 << 20 /* a record is smaller */ };

static struct pn_decode_level *make_level(const struct pn_column *columns, size_t count, char *path,
                                          bool is_repeated, const struct pn_unknown_where *where);

/* `name` is the column's, with those around it. */
static void init_sink(struct pn_decode_column *sink, const struct pn_column *column,
                      const char *name, bool is_repeated, const struct pn_unknown_where *where)
{
    const struct pn_type *type = &column->type;
    bool is_struct = type->kind == PN_TYPE_STRUCT;
    sink->column = column;
    sink->is_repeated = is_struct && is_repeated;
    sink->has_names = is_struct;
    if (type->field_count == 0) {
        return;
    }
    sink->fields =
        make_level(type->fields, type->field_count, pn_xasprintf(is_struct ? "%s." : "%s[]", name),
                   is_repeated || !is_struct, where);
    for (size_t i = 0; i < type->field_count; i++) {
        sink->has_names = sink->has_names || sink->fields->sinks[i].has_names;
    }
}

/* The level owns `path`. One that ends with [] is of the parts of an array or a map, which have no
 * names of their own there. */
static struct pn_decode_level *make_level(const struct pn_column *columns, size_t count, char *path,
                                          bool is_repeated, const struct pn_unknown_where *where)
{
    struct pn_decode_level *level = pn_xcalloc(1, sizeof *level);
    level->columns = columns;
    level->count = count;
    level->sinks = pn_xcalloc(count, sizeof *level->sinks);
    level->slots = pn_xcalloc(count, sizeof *level->slots);
    level->expected = pn_xcalloc(count, sizeof *level->expected);
    level->path = path;
    level->unknown = pn_unknown_names_create(where);
    size_t len = strlen(path);
    bool is_parts = len > 0 && path[len - 1] == ']';
    for (size_t i = 0; i < count; i++) {
        char *name = pn_xasprintf("%s%s", path, is_parts ? "" : columns[i].name);
        level->expected[i] = i;
        init_sink(&level->sinks[i], &columns[i], name, is_repeated, where);
        free(name);
    }
    return level;
}

static void free_level(struct pn_decode_level *level)
{
    if (level == NULL) {
        return;
    }
    for (size_t i = 0; i < level->count; i++) {
        free_level(level->sinks[i].fields);
        free(level->sinks[i].entries);
    }
    free(level->sinks);
    free(level->slots);
    free(level->expected);
    free(level->path);
    pn_unknown_names_destroy(&level->unknown);
    free(level);
}

size_t pn_decoder_columns(const struct pn_table *table)
{
    return table->column_count + (table->unknown_keys == PN_UNKNOWN_KEEP ? 1 : 0);
}

const struct pn_column *pn_decoder_column(const struct pn_table *table, size_t i)
{
    static const struct pn_column unknown = {.name = PN_UNKNOWN_COLUMN,
                                             .type = {.kind = PN_TYPE_STRING}};
    return i < table->column_count ? &table->columns[i] : &unknown;
}

/* Of a lenient column, everything below it is lenient too. */
static void set_lenient(struct pn_decode_column *sink, struct pn_arena *arena)
{
    sink->lenient = arena;
    for (size_t i = 0; sink->fields != NULL && i < sink->fields->count; i++) {
        set_lenient(&sink->fields->sinks[i], arena);
    }
}

struct pn_decoder *pn_decoder_create(const struct pn_table *table,
                                     const struct pn_unknown_where *where)
{
    struct pn_decoder *decoder = pn_xcalloc(1, sizeof *decoder);
    decoder->table = table;
    decoder->parser = pn_json_parser_create();
    decoder->columns =
        make_level(table->columns, table->column_count, pn_xstrdup(""), false, where);
    pn_arena_init(&decoder->made, 0);
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].is_lenient) {
            set_lenient(&decoder->columns->sinks[i], &decoder->made);
            decoder->is_lenient = true;
        }
        decoder->has_origins = decoder->has_origins || pn_column_has_origin(&table->columns[i]);
    }
    decoder->unknown_sink.column = pn_decoder_column(table, table->column_count);
    pn_buf_init(&decoder->unknown, UNKNOWN_BYTES_MAX);
    return decoder;
}

void pn_decoder_destroy(struct pn_decoder **decoder)
{
    struct pn_decoder *it = *decoder;
    if (it == NULL) {
        return;
    }
    pn_json_parser_destroy(&it->parser);
    free_level(it->columns);
    pn_buf_deinit(&it->unknown);
    pn_arena_deinit(&it->made);
    free(it);
    *decoder = NULL;
}

void pn_decoder_attach(struct pn_decoder *decoder, duckdb_data_chunk chunk)
{
    size_t count = decoder->columns->count;
    for (size_t i = 0; i < count; i++) {
        pn_decode_attach(&decoder->columns->sinks[i], duckdb_data_chunk_get_vector(chunk, i));
    }
    if (decoder->table->unknown_keys == PN_UNKNOWN_KEEP) {
        pn_decode_attach(&decoder->unknown_sink, duckdb_data_chunk_get_vector(chunk, count));
    }
}

static void move_unknown(const struct pn_decode_level *level, struct pn_unknown *unknown)
{
    pn_unknown_add(unknown, level->path, level->unknown);
    for (size_t i = 0; i < level->count; i++) {
        if (level->sinks[i].fields != NULL) {
            move_unknown(level->sinks[i].fields, unknown);
        }
    }
}

void pn_decoder_move_unknown(struct pn_decoder *decoder, struct pn_unknown *unknown)
{
    move_unknown(decoder->columns, unknown);
}

static void put_unknown(struct pn_decoder *decoder, idx_t row)
{
    struct pn_buf *text = &decoder->unknown;
    bool is_there = !pn_json_is_empty(&decoder->json);
    pn_decode_set_valid(&decoder->unknown_sink, row, is_there);
    if (is_there) {
        pn_json_end(&decoder->json);
        duckdb_unsafe_vector_assign_string_element_len(decoder->unknown_sink.vector, row,
                                                       text->data, text->len);
    }
}

/* Where the record came from, for the columns that take that. Their values were not checked: they
 * are made to fit. */
static void take_origin(struct pn_decoder *decoder, const struct pn_origin_values *origin)
{
    struct pn_decode_level *columns = decoder->columns;
    for (size_t i = 0; i < columns->count; i++) {
        if (pn_column_has_origin(&columns->columns[i])) {
            columns->slots[i].node = pn_origin_value(origin, &columns->columns[i], &decoder->made);
        }
    }
}

int pn_decoder_row(struct pn_decoder *decoder, const char *text, size_t len, size_t capacity,
                   const struct pn_origin_values *origin, idx_t row, struct pn_err *why)
{
    struct pn_decode_level *columns = decoder->columns;
    struct pn_json *record = NULL;
    if (pn_json_parse(decoder->parser, text, len, capacity, &record, why) != 0) {
        return PN_FAIL;
    }
    if (record->type != PN_JSON_OBJECT) {
        return pn_err_input(why, "not a JSON object but %s", pn_json_type_name(record->type));
    }
    why->code = 0;
    if (decoder->is_lenient || decoder->has_origins) {
        pn_arena_reset(&decoder->made);
    }
    pn_buf_reset(&decoder->unknown);
    pn_json_writer_init(&decoder->json, &decoder->unknown);
    pn_json_put_object(&decoder->json);
    (void)pn_decode_take(decoder, columns, record, why);
    if (why->code != 0 || pn_decode_check(columns, why) != 0) {
        return PN_FAIL;
    }
    PN_ASSERT(columns->count == 0 || columns->sinks[0].validity != NULL); /* there is a chunk */
    if (decoder->has_origins) {
        take_origin(decoder, origin);
    }
    pn_decode_put(columns, row);
    if (decoder->table->unknown_keys == PN_UNKNOWN_KEEP) {
        put_unknown(decoder, row);
    }
    return 0;
}
