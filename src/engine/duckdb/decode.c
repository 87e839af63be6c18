#include "engine/duckdb/decode.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "engine/duckdb/decode_value.h"

enum {
    UNKNOWN_BYTES_MAX = 64 << 20, /* a record is smaller */
    KEY_SHOWN_MAX = 80
};

struct level;

/* Where the values of a column, or of a struct's field, go. */
struct sink {
    const struct pn_column *column;
    duckdb_vector vector;
    void *data;
    uint64_t *validity;
    struct level *fields; /* STRUCT */
};

/* The member that a column takes from the record at hand. */
struct slot {
    const struct pn_json *member;
    const struct pn_json *node; /* its value; NULL: none that isn't null */
    size_t rank;                /* 0: under the column's name, n: under its n-th alias */
};

/* A table's columns, or a struct's fields: what they take from the object at hand. */
struct level {
    const struct pn_column *columns;
    size_t count;
    struct sink *sinks;
    struct slot *slots;
    size_t *expected; /* by a member's place in the object: the column it went to the last time */
    char *path;       /* before a member's name: "", "pos." */
    struct pn_unknown_names *unknown; /* members that no column takes */
};

struct pn_decoder {
    const struct pn_table *table;
    struct pn_json_parser *parser;
    struct level *columns;
    struct sink unknown_sink;   /* of PN_UNKNOWN_COLUMN, where the table has it */
    struct pn_buf unknown;      /* its value, or what there is of it so far */
    struct pn_json_writer json; /* on `unknown` */
};

static struct level *make_level(const struct pn_column *columns, size_t count, const char *path,
                                const struct pn_unknown_where *where)
{
    struct level *level = pn_xcalloc(1, sizeof *level);
    level->columns = columns;
    level->count = count;
    level->sinks = pn_xcalloc(count, sizeof *level->sinks);
    level->slots = pn_xcalloc(count, sizeof *level->slots);
    level->expected = pn_xcalloc(count, sizeof *level->expected);
    level->path = pn_xstrdup(path);
    level->unknown = pn_unknown_names_create(where);
    for (size_t i = 0; i < count; i++) {
        const struct pn_type *type = &columns[i].type;
        level->sinks[i].column = &columns[i];
        level->expected[i] = i;
        if (type->kind == PN_TYPE_STRUCT) {
            char *below = pn_xasprintf("%s%s.", path, columns[i].name);
            level->sinks[i].fields = make_level(type->fields, type->field_count, below, where);
            free(below);
        }
    }
    return level;
}

static void free_level(struct level *level)
{
    if (level == NULL) {
        return;
    }
    for (size_t i = 0; i < level->count; i++) {
        free_level(level->sinks[i].fields);
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

struct pn_decoder *pn_decoder_create(const struct pn_table *table,
                                     const struct pn_unknown_where *where)
{
    struct pn_decoder *decoder = pn_xcalloc(1, sizeof *decoder);
    decoder->table = table;
    decoder->parser = pn_json_parser_create();
    decoder->columns = make_level(table->columns, table->column_count, "", where);
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
    free(it);
    *decoder = NULL;
}

/* --- the chunk -------------------------------------------------------------------------------- */

static void attach(struct sink *sink, duckdb_vector vector)
{
    sink->vector = vector;
    duckdb_vector_ensure_validity_writable(vector);
    sink->validity = duckdb_vector_get_validity(vector);
    if (sink->fields == NULL) {
        sink->data = duckdb_vector_get_data(vector);
        return;
    }
    for (size_t i = 0; i < sink->fields->count; i++) {
        attach(&sink->fields->sinks[i], duckdb_struct_vector_get_child(vector, i));
    }
}

void pn_decoder_attach(struct pn_decoder *decoder, duckdb_data_chunk chunk)
{
    size_t count = decoder->columns->count;
    for (size_t i = 0; i < count; i++) {
        attach(&decoder->columns->sinks[i], duckdb_data_chunk_get_vector(chunk, i));
    }
    if (decoder->table->unknown_keys == PN_UNKNOWN_KEEP) {
        attach(&decoder->unknown_sink, duckdb_data_chunk_get_vector(chunk, count));
    }
}

/* --- checking: may the record be a row? ------------------------------------------------------- */

static int check_level(const struct level *level, struct pn_err *why);

static int check_value(const struct sink *sink, const struct pn_json *node, struct pn_err *why)
{
    const struct pn_column *column = sink->column;
    if (node == NULL) {
        return column->required
                   ? pn_err_input(why, "missing key: column '%s' has no value", column->name)
                   : 0;
    }
    bool is_struct = sink->fields != NULL && node->type == PN_JSON_OBJECT;
    int rc = is_struct ? check_level(sink->fields, why) : pn_value_check(&column->type, node, why);
    if (rc != 0) {
        pn_err_prefix(why, is_struct ? "in '%s'" : "column '%s'", column->name);
    }
    return rc;
}

static int check_level(const struct level *level, struct pn_err *why)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < level->count; i++) {
        rc = check_value(&level->sinks[i], level->slots[i].node, why);
    }
    return rc;
}

/* --- writing: what was checked ---------------------------------------------------------------- */

static void set_valid(struct sink *sink, idx_t row, bool valid)
{
    uint64_t bit = (uint64_t)1 << (row % 64);
    if (valid) {
        sink->validity[row / 64] |= bit;
    } else {
        sink->validity[row / 64] &= ~bit;
    }
}

static void put(struct sink *sink, const struct pn_json *node, idx_t row)
{
    set_valid(sink, row, node != NULL);
    if (sink->fields != NULL) {
        for (size_t i = 0; i < sink->fields->count; i++) {
            put(&sink->fields->sinks[i], node == NULL ? NULL : sink->fields->slots[i].node, row);
        }
    } else if (node != NULL) {
        pn_value_put(&sink->column->type, node, sink->vector, sink->data, row);
    }
}

/* --- members to columns ----------------------------------------------------------------------- */

static bool is_null(const struct pn_json *node)
{
    return node == NULL || node->type == PN_JSON_NULL;
}

/* {"$date": "..."} stands for its one value where the column says so. */
static const struct pn_json *unwrapped(const struct pn_column *column, const struct pn_json *node)
{
    if (column->unwrap == NULL || node == NULL || node->type != PN_JSON_OBJECT ||
        node->count != 1 || strlen(column->unwrap) != node->first->key_len ||
        memcmp(column->unwrap, node->first->key, node->first->key_len) != 0) {
        return node;
    }
    return node->first;
}

static bool named(const struct pn_json *member, const char *name)
{
    size_t len = strlen(name);
    return len == member->key_len && memcmp(name, member->key, len) == 0;
}

/* The column that takes a member, or the number of columns; *rank says by which of its names. */
static size_t find_column(const struct level *level, const struct pn_json *member, size_t *rank)
{
    for (size_t i = 0; i < level->count; i++) {
        const struct pn_column *column = &level->columns[i];
        *rank = 0;
        if (named(member, column->name)) {
            return i;
        }
        for (size_t alias = 0; alias < column->alias_count; alias++) {
            *rank = alias + 1;
            if (named(member, column->aliases[alias])) {
                return i;
            }
        }
    }
    return level->count;
}

/* Records mostly have their members in the same order, so where the last one had it is tried first.
 */
static size_t column_of(struct level *level, const struct pn_json *member, size_t place,
                        size_t *rank)
{
    if (place < level->count) {
        size_t guess = level->expected[place];
        if (guess < level->count && named(member, level->columns[guess].name)) {
            *rank = 0;
            return guess;
        }
    }
    size_t found = find_column(level, member, rank);
    if (place < level->count) {
        level->expected[place] = found;
    }
    return found;
}

/* Returns the member that is unknown now, or NULL: this one when no column takes it or the column
 * has a value under a better name, the one taken before when this has the better name. */
static const struct pn_json *take_member(struct level *level, const struct pn_json *member,
                                         size_t place)
{
    size_t rank = 0;
    size_t column = column_of(level, member, place, &rank);
    if (column == level->count) {
        return member;
    }
    struct slot *slot = &level->slots[column];
    const struct pn_json *node = unwrapped(&level->columns[column], member);
    if (is_null(node)) {
        if (slot->node != NULL && slot->rank == rank) {
            slot->node = NULL; /* a name that is repeated: the last one counts */
        }
        return NULL;
    }
    if (slot->node != NULL && rank > slot->rank) {
        return member;
    }
    const struct pn_json *displaced = slot->node != NULL && rank < slot->rank ? slot->member : NULL;
    *slot = (struct slot){.member = member, .node = node, .rank = rank};
    return displaced;
}

/* --- members that no column takes ------------------------------------------------------------- */

/* The record is rejected for its first unknown member; the others are counted as well. */
static void reject(const struct level *level, const struct pn_json *member, struct pn_err *why)
{
    bool whole = member->key_len <= KEY_SHOWN_MAX;
    if (why->code == 0) {
        (void)pn_err_input(why, "unknown key '%s%.*s%s'", level->path,
                           whole ? (int)member->key_len : KEY_SHOWN_MAX, member->key,
                           whole ? "" : "...");
    }
}

static void meet_unknown(struct pn_decoder *decoder, struct level *level,
                         const struct pn_json *member, size_t place, struct pn_err *why)
{
    pn_unknown_names_count(level->unknown, member->key, member->key_len, place);
    if (decoder->table->unknown_keys == PN_UNKNOWN_REJECT) {
        reject(level, member, why);
    } else if (decoder->table->unknown_keys == PN_UNKNOWN_KEEP) {
        pn_json_add_node(&decoder->json, member);
    }
}

static void take_members(struct pn_decoder *decoder, struct level *level,
                         const struct pn_json *object, struct pn_err *why);

/* The fields of a struct; of what it has more, an object is kept that has only that. */
static void take_fields(struct pn_decoder *decoder, const struct sink *sink,
                        const struct slot *slot, struct pn_err *why)
{
    struct pn_json_writer *json = &decoder->json;
    struct pn_json_mark before = pn_json_mark(json);
    if (decoder->table->unknown_keys != PN_UNKNOWN_KEEP) {
        take_members(decoder, sink->fields, slot->node, why);
        return;
    }
    pn_json_put_name_of(json, slot->member);
    pn_json_put_object(json);
    take_members(decoder, sink->fields, slot->node, why);
    if (pn_json_is_empty(json)) {
        pn_json_rewind(json, &before);
    } else {
        pn_json_end(json);
    }
}

static void take_members(struct pn_decoder *decoder, struct level *level,
                         const struct pn_json *object, struct pn_err *why)
{
    size_t place = 0;
    memset(level->slots, 0, level->count * sizeof *level->slots);
    for (const struct pn_json *member = object->first; member != NULL; member = member->next) {
        const struct pn_json *extra = take_member(level, member, place);
        if (extra != NULL) {
            meet_unknown(decoder, level, extra, place, why);
        }
        place++;
    }
    for (size_t i = 0; i < level->count; i++) {
        const struct slot *slot = &level->slots[i];
        if (level->sinks[i].fields != NULL && slot->node != NULL &&
            slot->node->type == PN_JSON_OBJECT) {
            take_fields(decoder, &level->sinks[i], slot, why);
        }
    }
}

static void put_unknown(struct pn_decoder *decoder, idx_t row)
{
    struct pn_buf *text = &decoder->unknown;
    bool is_there = !pn_json_is_empty(&decoder->json);
    set_valid(&decoder->unknown_sink, row, is_there);
    if (is_there) {
        pn_json_end(&decoder->json);
        duckdb_unsafe_vector_assign_string_element_len(decoder->unknown_sink.vector, row,
                                                       text->data, text->len);
    }
}

static void move_unknown(const struct level *level, struct pn_unknown *unknown)
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

/* --- a record --------------------------------------------------------------------------------- */

int pn_decoder_row(struct pn_decoder *decoder, const char *text, size_t len, size_t capacity,
                   idx_t row, struct pn_err *why)
{
    struct level *columns = decoder->columns;
    struct pn_json *record = NULL;
    if (pn_json_parse(decoder->parser, text, len, capacity, &record, why) != 0) {
        return PN_FAIL;
    }
    if (record->type != PN_JSON_OBJECT) {
        return pn_err_input(why, "not a JSON object but %s", pn_json_type_name(record->type));
    }
    why->code = 0;
    pn_buf_reset(&decoder->unknown);
    pn_json_writer_init(&decoder->json, &decoder->unknown);
    pn_json_put_object(&decoder->json);
    take_members(decoder, columns, record, why);
    if (why->code != 0 || check_level(columns, why) != 0) {
        return PN_FAIL;
    }
    PN_ASSERT(columns->count == 0 || columns->sinks[0].validity != NULL); /* there is a chunk */
    for (size_t i = 0; i < columns->count; i++) {
        put(&columns->sinks[i], columns->slots[i].node, row);
    }
    if (decoder->table->unknown_keys == PN_UNKNOWN_KEEP) {
        put_unknown(decoder, row);
    }
    return 0;
}
