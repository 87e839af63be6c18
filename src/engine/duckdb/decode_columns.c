/* The values of a row: whether they fit their columns, and how they get into the vectors. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/coerce.h"
#include "engine/duckdb/decode_internal.h"
#include "engine/duckdb/decode_value.h"

/* --- vectors -------------------------------------------------------------------------------- */

static void attach(struct pn_decode_column *sink, duckdb_vector vector);

/* The vectors below one that has them; those of items move when they grow. */
static void attach_parts(struct pn_decode_column *sink)
{
    struct pn_decode_level *parts = sink->fields;
    duckdb_vector items = NULL;
    switch (sink->column->type.kind) {
    case PN_TYPE_ARRAY:
        attach(&parts->sinks[0], duckdb_list_vector_get_child(sink->vector));
        break;
    case PN_TYPE_MAP:
        items = duckdb_list_vector_get_child(sink->vector); /* structs of key and value */
        break;
    default:
        items = sink->vector;
        break;
    }
    for (size_t i = 0; items != NULL && i < parts->count; i++) {
        attach(&parts->sinks[i], duckdb_struct_vector_get_child(items, i));
    }
}

static void attach(struct pn_decode_column *sink, duckdb_vector vector)
{
    sink->vector = vector;
    duckdb_vector_ensure_validity_writable(vector);
    sink->validity = duckdb_vector_get_validity(vector);
    if (sink->column->type.kind != PN_TYPE_STRUCT) {
        sink->data = duckdb_vector_get_data(vector);
    }
    if (sink->fields != NULL) {
        attach_parts(sink);
    }
}

/* A new chunk has no items yet. */
static void begin_lists(struct pn_decode_column *sink)
{
    if (sink->fields == NULL) {
        return;
    }
    if (sink->column->type.kind != PN_TYPE_STRUCT) {
        sink->room = 0;
        duckdb_list_vector_set_size(sink->vector, 0);
    }
    for (size_t i = 0; i < sink->fields->count; i++) {
        begin_lists(&sink->fields->sinks[i]);
    }
}

void pn_decode_attach(struct pn_decode_column *sink, duckdb_vector vector)
{
    attach(sink, vector);
    begin_lists(sink);
}

/* --- checking: may the record be a row? ------------------------------------------------------- */

int pn_decode_check(struct pn_decode_level *level, struct pn_err *why);
static int check_present(struct pn_decode_column *sink, const struct pn_json *node,
                         struct pn_err *why);

static int check_items(struct pn_decode_column *sink, const struct pn_json *array,
                       struct pn_err *why)
{
    int rc = 0;
    size_t place = 0;
    for (const struct pn_json *item = array->first; rc == 0 && item != NULL; item = item->next) {
        rc = pn_decode_is_null(item) ? 0 : check_present(&sink->fields->sinks[0], item, why);
        if (rc != 0) {
            pn_err_prefix(why, "item %zu", place);
        }
        place++;
    }
    return rc;
}

static int check_entries(struct pn_decode_column *sink, const struct pn_json *object,
                         struct pn_err *why)
{
    int rc = 0;
    for (const struct pn_json *member = object->first; rc == 0 && member != NULL;
         member = member->next) {
        rc = pn_decode_is_null(member) ? 0 : check_present(&sink->fields->sinks[1], member, why);
        if (rc != 0) {
            bool whole = member->key_len <= PN_DECODE_KEY_SHOWN_MAX;
            pn_err_prefix(why, "key '%.*s%s'",
                          whole ? (int)member->key_len : PN_DECODE_KEY_SHOWN_MAX, member->key,
                          whole ? "" : "...");
        }
    }
    return rc;
}

static int check_plain(const struct pn_decode_column *sink, const struct pn_json *node,
                       struct pn_err *why)
{
    const struct pn_type *type = &sink->column->type;
    if (type->kind == PN_TYPE_STRING && node->type == PN_JSON_STRING) {
        return 0; /* the most frequent */
    }
    if (sink->lenient != NULL) {
        /* The tree is the decoder's, and what is left of it for _unknown was taken before. */
        return pn_coerce(type, (struct pn_json *)node, sink->lenient, why);
    }
    return pn_value_check(type, node, why);
}

/* A value that is not null. */
static int check_present(struct pn_decode_column *sink, const struct pn_json *node,
                         struct pn_err *why)
{
    enum pn_type_kind kind = sink->column->type.kind;
    if (kind == PN_TYPE_STRUCT && node->type == PN_JSON_OBJECT) {
        if (sink->is_repeated) {
            pn_decode_match(sink->fields, node);
        }
        return pn_decode_check(sink->fields, why);
    }
    if (kind == PN_TYPE_ARRAY && node->type == PN_JSON_ARRAY) {
        return check_items(sink, node, why);
    }
    if (kind == PN_TYPE_MAP && node->type == PN_JSON_OBJECT) {
        return check_entries(sink, node, why);
    }
    return check_plain(sink, node, why);
}

static int check_value(struct pn_decode_column *sink, const struct pn_json *node,
                       struct pn_err *why)
{
    const struct pn_column *column = sink->column;
    if (node == NULL) {
        return column->required
                   ? pn_err_input(why, "missing key: column '%s' has no value", column->name)
                   : 0;
    }
    int rc = sink->fields == NULL ? check_plain(sink, node, why) : check_present(sink, node, why);
    if (rc != 0) {
        bool is_struct = column->type.kind == PN_TYPE_STRUCT && node->type == PN_JSON_OBJECT;
        pn_err_prefix(why, is_struct ? "in '%s'" : "column '%s'", column->name);
    }
    return rc;
}

int pn_decode_check(struct pn_decode_level *level, struct pn_err *why)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < level->count; i++) {
        rc = check_value(&level->sinks[i], level->slots[i].node, why);
    }
    return rc;
}

/* --- writing: what was checked ---------------------------------------------------------------- */

static void put(struct pn_decode_column *sink, const struct pn_json *node, idx_t row);

void pn_decode_set_valid(struct pn_decode_column *sink, idx_t row, bool valid)
{
    uint64_t bit = (uint64_t)1 << (row % 64);
    if (valid) {
        sink->validity[row / 64] |= bit;
    } else {
        sink->validity[row / 64] &= ~bit;
    }
}

/* Adds `count` items to what the vector has, as those of `row`; returns the place of the first. */
static idx_t add_items(struct pn_decode_column *sink, idx_t row, size_t count)
{
    idx_t first = duckdb_list_vector_get_size(sink->vector);
    if (first + count > sink->room) {
        idx_t room = 2 * (first + count);
        sink->room = room > duckdb_vector_size() ? room : duckdb_vector_size();
        (void)duckdb_list_vector_reserve(sink->vector, sink->room);
        attach_parts(sink);
    }
    (void)duckdb_list_vector_set_size(sink->vector, first + count);
    ((duckdb_list_entry *)sink->data)[row] = (duckdb_list_entry){.offset = first, .length = count};
    return first;
}

static void put_items(struct pn_decode_column *sink, const struct pn_json *array, idx_t row)
{
    idx_t at = add_items(sink, row, array != NULL ? array->count : 0);
    for (const struct pn_json *item = array != NULL ? array->first : NULL; item != NULL;
         item = item->next) {
        put(&sink->fields->sinks[0], pn_decode_is_null(item) ? NULL : item, at++);
    }
}

static int compare_places(const void *a, const void *b)
{
    const struct pn_decode_entry *first = a;
    const struct pn_decode_entry *second = b;
    return first->place < second->place ? -1 : 1;
}

static int compare_keys(const void *a, const void *b)
{
    const struct pn_json *first = ((const struct pn_decode_entry *)a)->member;
    const struct pn_json *second = ((const struct pn_decode_entry *)b)->member;
    size_t common = first->key_len < second->key_len ? first->key_len : second->key_len;
    int order = memcmp(first->key, second->key, common);
    if (order == 0 && first->key_len != second->key_len) {
        order = first->key_len < second->key_len ? -1 : 1;
    }
    return order != 0 ? order : compare_places(a, b);
}

static bool same_key(const struct pn_decode_entry *a, const struct pn_decode_entry *b)
{
    return a->member->key_len == b->member->key_len &&
           memcmp(a->member->key, b->member->key, a->member->key_len) == 0;
}

/* The members that count, in their order: of a name that is repeated, the last one. */
static size_t find_entries(struct pn_decode_column *sink, const struct pn_json *object)
{
    size_t count = 0;
    size_t kept = 0;
    pn_grow((void **)&sink->entries, &sink->entry_capacity, object->count + 1,
            sizeof *sink->entries);
    struct pn_decode_entry *entries = sink->entries;
    for (const struct pn_json *member = object->first; member != NULL; member = member->next) {
        entries[count] = (struct pn_decode_entry){.member = member, .place = count};
        count++;
    }
    qsort(entries, count, sizeof *entries, compare_keys);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count || !same_key(&entries[i], &entries[i + 1])) {
            entries[kept++] = entries[i];
        }
    }
    qsort(entries, kept, sizeof *entries, compare_places);
    return kept;
}

static void put_entries(struct pn_decode_column *sink, const struct pn_json *object, idx_t row)
{
    struct pn_decode_column *keys = &sink->fields->sinks[0];
    size_t count = object != NULL ? find_entries(sink, object) : 0;
    idx_t at = add_items(sink, row, count);
    for (size_t i = 0; i < count; i++, at++) {
        const struct pn_json *member = sink->entries[i].member;
        pn_decode_set_valid(keys, at, true);
        duckdb_unsafe_vector_assign_string_element_len(keys->vector, at, member->key,
                                                       member->key_len);
        put(&sink->fields->sinks[1], pn_decode_is_null(member) ? NULL : member, at);
    }
}

static void put_fields(struct pn_decode_column *sink, const struct pn_json *object, idx_t row)
{
    struct pn_decode_level *fields = sink->fields;
    if (sink->is_repeated && object != NULL) {
        pn_decode_match(fields, object);
    }
    for (size_t i = 0; i < fields->count; i++) {
        put(&fields->sinks[i], object == NULL ? NULL : fields->slots[i].node, row);
    }
}

static void put(struct pn_decode_column *sink, const struct pn_json *node, idx_t row)
{
    pn_decode_set_valid(sink, row, node != NULL);
    if (sink->fields == NULL) {
        if (node != NULL && sink->column->type.kind == PN_TYPE_STRING) {
            /* The most frequent; the parser has checked that it is UTF-8. */
            duckdb_unsafe_vector_assign_string_element_len(sink->vector, row, node->text,
                                                           node->text_len);
        } else if (node != NULL) {
            pn_value_put(&sink->column->type, node, sink->vector, sink->data, row);
        }
    } else if (sink->column->type.kind == PN_TYPE_ARRAY) {
        put_items(sink, node, row);
    } else if (sink->column->type.kind == PN_TYPE_MAP) {
        put_entries(sink, node, row);
    } else {
        put_fields(sink, node, row);
    }
}

void pn_decode_put(struct pn_decode_level *level, idx_t row)
{
    for (size_t i = 0; i < level->count; i++) {
        put(&level->sinks[i], level->slots[i].node, row);
    }
}
