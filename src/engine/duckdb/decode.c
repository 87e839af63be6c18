#include "engine/duckdb/decode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time_text.h"

enum {
    UNKNOWN_BYTES_MAX = 64 << 20, /* a record is smaller */
    INSTANT_LEN_MAX = 63,
    KEY_SHOWN_MAX = 80,
};

/* Whole numbers up to here are what a double says they are. */
static const double EXACT_MAX = 9007199254740992.0;

/* Where the values of a column, or of a struct's field, go. */
struct sink {
    const struct pn_column *column;
    duckdb_vector vector;
    void *data;
    uint64_t *validity;
    struct sink *fields; /* STRUCT */
};

/* The member that a column takes from the record at hand. */
struct slot {
    const struct pn_json *member;
    const struct pn_json *node; /* its value; NULL: none that isn't null */
    size_t rank;                /* 0: under the column's name, n: under its n-th alias */
};

struct pn_decoder {
    const struct pn_table *table;
    struct pn_json_parser *parser;
    struct sink *sinks;
    struct slot *slots;
    size_t *expected; /* by a member's place in the record: the column it went to the last time */
    size_t expected_count;
    struct pn_buf unknown;
};

static struct sink *make_sinks(const struct pn_column *columns, size_t count)
{
    struct sink *sinks = pn_xcalloc(count, sizeof *sinks);
    for (size_t i = 0; i < count; i++) {
        sinks[i].column = &columns[i];
        if (columns[i].type.kind == PN_TYPE_STRUCT) {
            sinks[i].fields = make_sinks(columns[i].type.fields, columns[i].type.field_count);
        }
    }
    return sinks;
}

static void free_sinks(struct sink *sinks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sinks[i].fields != NULL) {
            free_sinks(sinks[i].fields, sinks[i].column->type.field_count);
        }
    }
    free(sinks);
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

struct pn_decoder *pn_decoder_create(const struct pn_table *table)
{
    struct pn_decoder *decoder = pn_xcalloc(1, sizeof *decoder);
    size_t count = table->column_count;
    decoder->table = table;
    decoder->parser = pn_json_parser_create();
    decoder->sinks = make_sinks(table->columns, count);
    decoder->sinks = pn_xrealloc(decoder->sinks, (count + 1) * sizeof *decoder->sinks);
    decoder->sinks[count] = (struct sink){.column = pn_decoder_column(table, count)};
    decoder->slots = pn_xcalloc(count, sizeof *decoder->slots);
    decoder->expected_count = count;
    decoder->expected = pn_xcalloc(count, sizeof *decoder->expected);
    for (size_t i = 0; i < count; i++) {
        decoder->expected[i] = i;
    }
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
    free_sinks(it->sinks, it->table->column_count);
    free(it->slots);
    free(it->expected);
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
    for (size_t i = 0; i < sink->column->type.field_count; i++) {
        attach(&sink->fields[i], duckdb_struct_vector_get_child(vector, i));
    }
}

void pn_decoder_attach(struct pn_decoder *decoder, duckdb_data_chunk chunk)
{
    for (size_t i = 0; i < pn_decoder_columns(decoder->table); i++) {
        attach(&decoder->sinks[i], duckdb_data_chunk_get_vector(chunk, i));
    }
}

/* --- values ----------------------------------------------------------------------------------- */

static const char *type_word(enum pn_type_kind kind)
{
    switch (kind) {
    case PN_TYPE_STRING:
        return "a string";
    case PN_TYPE_BIGINT:
    case PN_TYPE_INT:
        return "an integer";
    case PN_TYPE_DOUBLE:
        return "a number";
    case PN_TYPE_BOOLEAN:
        return "true or false";
    case PN_TYPE_TIMESTAMP:
        return "a time such as \"2018-09-03T07:12:45Z\"";
    case PN_TYPE_DATE:
        return "a date such as \"2018-09-03\"";
    case PN_TYPE_STRUCT:
        return "an object";
    }
    return "?";
}

static int wrong_type(const struct pn_column *column, const struct pn_json *node,
                      struct pn_err *why)
{
    enum { SHOWN_MAX = 60 };
    bool whole = node->raw_len <= SHOWN_MAX;
    return pn_err_input(why, "column '%s': expected %s, found %s %.*s%s", column->name,
                        type_word(column->type.kind), pn_json_type_name(node->type),
                        whole ? (int)node->raw_len : 0, node->raw, whole ? "" : "(long)");
}

static int out_of_range(const struct pn_column *column, const struct pn_json *node,
                        struct pn_err *why)
{
    return pn_err_input(why, "column '%s': %.*s is out of range", column->name,
                        (int)(node->raw_len < INSTANT_LEN_MAX ? node->raw_len : INSTANT_LEN_MAX),
                        node->raw);
}

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

/* The whole number a node stands for; false when it has a fraction, or is too large. */
static bool whole_number(const struct pn_json *node, int64_t *value)
{
    if (node->is_integer) {
        *value = node->integer;
        return true;
    }
    if (fabs(node->number) > EXACT_MAX || node->number != floor(node->number)) {
        return false;
    }
    *value = (int64_t)node->number;
    return true;
}

static bool instant(const struct pn_json *node, int64_t *micros)
{
    return pn_time_parse(node->text, node->text_len, micros);
}

static bool day(const struct pn_json *node, int32_t *days)
{
    return pn_day_parse(node->text, node->text_len, days);
}

/* --- checking: may the record be a row? ------------------------------------------------------- */

static int check_value(const struct pn_column *column, const struct pn_json *node,
                       struct pn_err *why);

static const struct pn_json *field_of(const struct pn_column *field, const struct pn_json *object)
{
    const struct pn_json *node = pn_json_get(object, field->name);
    for (size_t i = 0; is_null(node) && i < field->alias_count; i++) {
        node = pn_json_get(object, field->aliases[i]);
    }
    node = unwrapped(field, node);
    return is_null(node) ? NULL : node;
}

static int check_fields(const struct pn_column *column, const struct pn_json *object,
                        struct pn_err *why)
{
    for (size_t i = 0; i < column->type.field_count; i++) {
        const struct pn_column *field = &column->type.fields[i];
        int rc = check_value(field, field_of(field, object), why);
        if (rc != 0) {
            pn_err_prefix(why, "in '%s'", column->name);
            return rc;
        }
    }
    return 0;
}

static int check_integer(const struct pn_column *column, const struct pn_json *node,
                         struct pn_err *why)
{
    int64_t whole = 0;
    if (node->type != PN_JSON_NUMBER) {
        return wrong_type(column, node, why);
    }
    if (!whole_number(node, &whole)) {
        return node->number == floor(node->number) ? out_of_range(column, node, why)
                                                   : wrong_type(column, node, why);
    }
    if (column->type.kind == PN_TYPE_INT && (whole < INT32_MIN || whole > INT32_MAX)) {
        return out_of_range(column, node, why);
    }
    return 0;
}

static int check_value(const struct pn_column *column, const struct pn_json *node,
                       struct pn_err *why)
{
    int64_t micros = 0;
    int32_t days = 0;
    bool ok = true;
    if (node == NULL) {
        return column->required
                   ? pn_err_input(why, "missing key: column '%s' has no value", column->name)
                   : 0;
    }
    switch (column->type.kind) {
    case PN_TYPE_STRING:
        ok = node->type == PN_JSON_STRING;
        break;
    case PN_TYPE_BIGINT:
    case PN_TYPE_INT:
        return check_integer(column, node, why);
    case PN_TYPE_DOUBLE:
        ok = node->type == PN_JSON_NUMBER;
        break;
    case PN_TYPE_BOOLEAN:
        ok = node->type == PN_JSON_BOOL;
        break;
    case PN_TYPE_TIMESTAMP:
        ok = node->type == PN_JSON_STRING && instant(node, &micros);
        break;
    case PN_TYPE_DATE:
        ok = node->type == PN_JSON_STRING && day(node, &days);
        break;
    case PN_TYPE_STRUCT:
        if (node->type == PN_JSON_OBJECT) {
            return check_fields(column, node, why);
        }
        ok = false;
        break;
    }
    return ok ? 0 : wrong_type(column, node, why);
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
    int64_t number = 0;
    int32_t days = 0;
    bool fits = true;
    set_valid(sink, row, node != NULL);
    if (sink->fields != NULL) {
        for (size_t i = 0; i < sink->column->type.field_count; i++) {
            const struct pn_column *field = sink->fields[i].column;
            put(&sink->fields[i], node == NULL ? NULL : field_of(field, node), row);
        }
        return;
    }
    if (node == NULL) {
        return;
    }
    switch (sink->column->type.kind) {
    case PN_TYPE_STRING:
        /* The parser has checked that it is UTF-8. */
        duckdb_unsafe_vector_assign_string_element_len(sink->vector, row, node->text,
                                                       node->text_len);
        break;
    case PN_TYPE_BIGINT:
        fits = whole_number(node, &number);
        ((int64_t *)sink->data)[row] = number;
        break;
    case PN_TYPE_INT:
        fits = whole_number(node, &number);
        ((int32_t *)sink->data)[row] = (int32_t)number;
        break;
    case PN_TYPE_DOUBLE:
        ((double *)sink->data)[row] = node->number;
        break;
    case PN_TYPE_BOOLEAN:
        ((bool *)sink->data)[row] = node->boolean;
        break;
    case PN_TYPE_TIMESTAMP:
        fits = instant(node, &number);
        ((int64_t *)sink->data)[row] = number;
        break;
    case PN_TYPE_DATE:
        fits = day(node, &days);
        ((int32_t *)sink->data)[row] = days;
        break;
    case PN_TYPE_STRUCT:
        break;
    }
    PN_ASSERT(fits);
}

/* --- members to columns ----------------------------------------------------------------------- */

static bool named(const struct pn_json *member, const char *name)
{
    size_t len = strlen(name);
    return len == member->key_len && memcmp(name, member->key, len) == 0;
}

/* The column that takes a member, or the number of columns; *rank says by which of its names. */
static size_t find_column(const struct pn_table *table, const struct pn_json *member, size_t *rank)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const struct pn_column *column = &table->columns[i];
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
    return table->column_count;
}

/* Records mostly have their members in the same order, so where the last one had it is tried first.
 */
static size_t column_of(struct pn_decoder *decoder, const struct pn_json *member, size_t place,
                        size_t *rank)
{
    const struct pn_table *table = decoder->table;
    if (place < decoder->expected_count) {
        size_t guess = decoder->expected[place];
        if (guess < table->column_count && named(member, table->columns[guess].name)) {
            *rank = 0;
            return guess;
        }
    }
    size_t found = find_column(table, member, rank);
    if (place < decoder->expected_count) {
        decoder->expected[place] = found;
    }
    return found;
}

/* Returns the member that is unknown now, or NULL: this one when no column takes it or the column
 * has a value under a better name, the one taken before when this has the better name. */
static const struct pn_json *take_member(struct pn_decoder *decoder, const struct pn_json *member,
                                         size_t place)
{
    size_t rank = 0;
    size_t column = column_of(decoder, member, place, &rank);
    if (column == decoder->table->column_count) {
        return member;
    }
    struct slot *slot = &decoder->slots[column];
    const struct pn_json *node = unwrapped(&decoder->table->columns[column], member);
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

static void keep_unknown(struct pn_buf *out, const struct pn_json *member)
{
    pn_buf_adds(out, out->len == 0 ? "{" : ",");
    pn_json_write_string(out, member->key, member->key_len);
    pn_buf_addc(out, ':');
    pn_json_write(out, member);
}

static int take_members(struct pn_decoder *decoder, const struct pn_json *record, int64_t *unknown,
                        struct pn_err *why)
{
    size_t place = 0;
    memset(decoder->slots, 0, decoder->table->column_count * sizeof *decoder->slots);
    pn_buf_reset(&decoder->unknown);
    for (const struct pn_json *member = record->first; member != NULL; member = member->next) {
        const struct pn_json *extra = take_member(decoder, member, place++);
        if (extra == NULL) {
            continue;
        }
        (*unknown)++;
        if (decoder->table->unknown_keys == PN_UNKNOWN_REJECT) {
            return pn_err_input(
                why, "unknown key '%.*s'",
                (int)(extra->key_len < KEY_SHOWN_MAX ? extra->key_len : KEY_SHOWN_MAX), extra->key);
        }
        if (decoder->table->unknown_keys == PN_UNKNOWN_KEEP) {
            keep_unknown(&decoder->unknown, extra);
        }
    }
    return 0;
}

static void put_unknown(struct pn_decoder *decoder, idx_t row)
{
    struct sink *sink = &decoder->sinks[decoder->table->column_count];
    struct pn_buf *text = &decoder->unknown;
    set_valid(sink, row, text->len > 0);
    if (text->len > 0) {
        pn_buf_addc(text, '}');
        duckdb_unsafe_vector_assign_string_element_len(sink->vector, row, text->data, text->len);
    }
}

int pn_decoder_row(struct pn_decoder *decoder, const char *text, size_t len, size_t capacity,
                   idx_t row, int64_t *unknown, struct pn_err *why)
{
    const struct pn_table *table = decoder->table;
    struct pn_json *record = NULL;
    int rc = pn_json_parse(decoder->parser, text, len, capacity, &record, why);
    if (rc != 0) {
        return PN_FAIL;
    }
    if (record->type != PN_JSON_OBJECT) {
        return pn_err_input(why, "not a JSON object but %s", pn_json_type_name(record->type));
    }
    rc = take_members(decoder, record, unknown, why);
    for (size_t i = 0; rc == 0 && i < table->column_count; i++) {
        rc = check_value(&table->columns[i], decoder->slots[i].node, why);
    }
    if (rc != 0) {
        return PN_FAIL;
    }
    for (size_t i = 0; i < table->column_count; i++) {
        put(&decoder->sinks[i], decoder->slots[i].node, row);
    }
    if (table->unknown_keys == PN_UNKNOWN_KEEP) {
        put_unknown(decoder, row);
    }
    return 0;
}
