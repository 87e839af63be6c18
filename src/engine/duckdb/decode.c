#include "engine/duckdb/decode.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "engine/duckdb/coerce.h"
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
    struct level *fields; /* of a type with parts: pn_type.fields */
    bool is_repeated; /* a STRUCT within an array or a map: its slots are of one item at a time */
    bool has_names;   /* a STRUCT, or one is somewhere below: members may be unknown */
    struct pn_arena *lenient; /* of what coercion makes; NULL: the rules are strict */
    idx_t room;               /* ARRAY, MAP: items that the vector below has place for */
    struct entry *entries;    /* MAP: those of the object at hand */
    size_t entry_capacity;
};

/* A member of an object that becomes a map. */
struct entry {
    const struct pn_json *member;
    size_t place;
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
    bool is_lenient;            /* some column is */
    bool has_origins;           /* some column takes where a record came from */
    struct pn_arena made;       /* values of the record at hand that its text does not have */
};

static struct level *make_level(const struct pn_column *columns, size_t count, char *path,
                                bool is_repeated, const struct pn_unknown_where *where);

/* `name` is the column's, with those around it. */
static void init_sink(struct sink *sink, const struct pn_column *column, const char *name,
                      bool is_repeated, const struct pn_unknown_where *where)
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
static struct level *make_level(const struct pn_column *columns, size_t count, char *path,
                                bool is_repeated, const struct pn_unknown_where *where)
{
    struct level *level = pn_xcalloc(1, sizeof *level);
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

static void free_level(struct level *level)
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
static void set_lenient(struct sink *sink, struct pn_arena *arena)
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

/* --- the chunk -------------------------------------------------------------------------------- */

static void attach(struct sink *sink, duckdb_vector vector);

/* The vectors below one that has them; those of items move when they grow. */
static void attach_parts(struct sink *sink)
{
    struct level *parts = sink->fields;
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

static void attach(struct sink *sink, duckdb_vector vector)
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
static void begin_lists(struct sink *sink)
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

void pn_decoder_attach(struct pn_decoder *decoder, duckdb_data_chunk chunk)
{
    size_t count = decoder->columns->count;
    for (size_t i = 0; i < count; i++) {
        attach(&decoder->columns->sinks[i], duckdb_data_chunk_get_vector(chunk, i));
        begin_lists(&decoder->columns->sinks[i]);
    }
    if (decoder->table->unknown_keys == PN_UNKNOWN_KEEP) {
        attach(&decoder->unknown_sink, duckdb_data_chunk_get_vector(chunk, count));
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
        if (pn_column_has_origin(column)) {
            continue;
        }
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
        if (guess < level->count && !pn_column_has_origin(&level->columns[guess]) &&
            named(member, level->columns[guess].name)) {
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

/* What an object's members are to the columns, where those that no column takes were met before. */
static void match(struct level *level, const struct pn_json *object)
{
    size_t place = 0;
    memset(level->slots, 0, level->count * sizeof *level->slots);
    for (const struct pn_json *member = object->first; member != NULL; member = member->next) {
        (void)take_member(level, member, place++);
    }
}

/* --- checking: may the record be a row? ------------------------------------------------------- */

static int check_level(struct level *level, struct pn_err *why);
static int check_present(struct sink *sink, const struct pn_json *node, struct pn_err *why);

static int check_items(struct sink *sink, const struct pn_json *array, struct pn_err *why)
{
    int rc = 0;
    size_t place = 0;
    for (const struct pn_json *item = array->first; rc == 0 && item != NULL; item = item->next) {
        rc = is_null(item) ? 0 : check_present(&sink->fields->sinks[0], item, why);
        if (rc != 0) {
            pn_err_prefix(why, "item %zu", place);
        }
        place++;
    }
    return rc;
}

static int check_entries(struct sink *sink, const struct pn_json *object, struct pn_err *why)
{
    int rc = 0;
    for (const struct pn_json *member = object->first; rc == 0 && member != NULL;
         member = member->next) {
        rc = is_null(member) ? 0 : check_present(&sink->fields->sinks[1], member, why);
        if (rc != 0) {
            bool whole = member->key_len <= KEY_SHOWN_MAX;
            pn_err_prefix(why, "key '%.*s%s'", whole ? (int)member->key_len : KEY_SHOWN_MAX,
                          member->key, whole ? "" : "...");
        }
    }
    return rc;
}

static int check_plain(const struct sink *sink, const struct pn_json *node, struct pn_err *why)
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
static int check_present(struct sink *sink, const struct pn_json *node, struct pn_err *why)
{
    enum pn_type_kind kind = sink->column->type.kind;
    if (kind == PN_TYPE_STRUCT && node->type == PN_JSON_OBJECT) {
        if (sink->is_repeated) {
            match(sink->fields, node);
        }
        return check_level(sink->fields, why);
    }
    if (kind == PN_TYPE_ARRAY && node->type == PN_JSON_ARRAY) {
        return check_items(sink, node, why);
    }
    if (kind == PN_TYPE_MAP && node->type == PN_JSON_OBJECT) {
        return check_entries(sink, node, why);
    }
    return check_plain(sink, node, why);
}

static int check_value(struct sink *sink, const struct pn_json *node, struct pn_err *why)
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

static int check_level(struct level *level, struct pn_err *why)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < level->count; i++) {
        rc = check_value(&level->sinks[i], level->slots[i].node, why);
    }
    return rc;
}

/* --- writing: what was checked ---------------------------------------------------------------- */

static void put(struct sink *sink, const struct pn_json *node, idx_t row);

static void set_valid(struct sink *sink, idx_t row, bool valid)
{
    uint64_t bit = (uint64_t)1 << (row % 64);
    if (valid) {
        sink->validity[row / 64] |= bit;
    } else {
        sink->validity[row / 64] &= ~bit;
    }
}

/* Adds `count` items to what the vector has, as those of `row`; returns the place of the first. */
static idx_t add_items(struct sink *sink, idx_t row, size_t count)
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

static void put_items(struct sink *sink, const struct pn_json *array, idx_t row)
{
    idx_t at = add_items(sink, row, array != NULL ? array->count : 0);
    for (const struct pn_json *item = array != NULL ? array->first : NULL; item != NULL;
         item = item->next) {
        put(&sink->fields->sinks[0], is_null(item) ? NULL : item, at++);
    }
}

static int compare_places(const void *a, const void *b)
{
    const struct entry *first = a;
    const struct entry *second = b;
    return first->place < second->place ? -1 : 1;
}

static int compare_keys(const void *a, const void *b)
{
    const struct pn_json *first = ((const struct entry *)a)->member;
    const struct pn_json *second = ((const struct entry *)b)->member;
    size_t common = first->key_len < second->key_len ? first->key_len : second->key_len;
    int order = memcmp(first->key, second->key, common);
    if (order == 0 && first->key_len != second->key_len) {
        order = first->key_len < second->key_len ? -1 : 1;
    }
    return order != 0 ? order : compare_places(a, b);
}

static bool same_key(const struct entry *a, const struct entry *b)
{
    return a->member->key_len == b->member->key_len &&
           memcmp(a->member->key, b->member->key, a->member->key_len) == 0;
}

/* The members that count, in their order: of a name that is repeated, the last one. */
static size_t find_entries(struct sink *sink, const struct pn_json *object)
{
    size_t count = 0;
    size_t kept = 0;
    pn_grow((void **)&sink->entries, &sink->entry_capacity, object->count + 1,
            sizeof *sink->entries);
    struct entry *entries = sink->entries;
    for (const struct pn_json *member = object->first; member != NULL; member = member->next) {
        entries[count] = (struct entry){.member = member, .place = count};
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

static void put_entries(struct sink *sink, const struct pn_json *object, idx_t row)
{
    struct sink *keys = &sink->fields->sinks[0];
    size_t count = object != NULL ? find_entries(sink, object) : 0;
    idx_t at = add_items(sink, row, count);
    for (size_t i = 0; i < count; i++, at++) {
        const struct pn_json *member = sink->entries[i].member;
        set_valid(keys, at, true);
        duckdb_unsafe_vector_assign_string_element_len(keys->vector, at, member->key,
                                                       member->key_len);
        put(&sink->fields->sinks[1], is_null(member) ? NULL : member, at);
    }
}

static void put_fields(struct sink *sink, const struct pn_json *object, idx_t row)
{
    struct level *fields = sink->fields;
    if (sink->is_repeated && object != NULL) {
        match(fields, object);
    }
    for (size_t i = 0; i < fields->count; i++) {
        put(&fields->sinks[i], object == NULL ? NULL : fields->slots[i].node, row);
    }
}

static void put(struct sink *sink, const struct pn_json *node, idx_t row)
{
    set_valid(sink, row, node != NULL);
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

static bool take_members(struct pn_decoder *decoder, struct level *level,
                         const struct pn_json *object, struct pn_err *why);
static bool take_parts(struct pn_decoder *decoder, const struct sink *sink,
                       const struct pn_json *node, struct pn_err *why);

/* An array's items: of each, what is left, or an empty value of its kind. */
static bool take_items(struct pn_decoder *decoder, const struct sink *sink,
                       const struct pn_json *array, struct pn_err *why)
{
    bool any = false;
    for (const struct pn_json *item = array->first; item != NULL; item = item->next) {
        any = take_parts(decoder, &sink->fields->sinks[0], item, why) || any;
    }
    return any;
}

/* A member of which all is taken is not kept. */
static bool take_named(struct pn_decoder *decoder, const struct sink *sink,
                       const struct pn_json *member, const struct pn_json *value,
                       struct pn_err *why)
{
    struct pn_json_writer *json = &decoder->json;
    if (decoder->table->unknown_keys != PN_UNKNOWN_KEEP) {
        return take_parts(decoder, sink, value, why);
    }
    struct pn_json_mark before = pn_json_mark(json);
    pn_json_put_name_of(json, member);
    bool any = take_parts(decoder, sink, value, why);
    if (!any) {
        pn_json_rewind(json, &before);
    }
    return any;
}

static bool take_entries(struct pn_decoder *decoder, const struct sink *sink,
                         const struct pn_json *object, struct pn_err *why)
{
    bool any = false;
    for (const struct pn_json *member = object->first; member != NULL; member = member->next) {
        any = take_named(decoder, &sink->fields->sinks[1], member, member, why) || any;
    }
    return any;
}

/* What is left of a value that has names somewhere is kept as a value like it, with nothing else in
 * it. True when there is something. */
static bool take_parts(struct pn_decoder *decoder, const struct sink *sink,
                       const struct pn_json *node, struct pn_err *why)
{
    enum pn_type_kind kind = sink->column->type.kind;
    struct pn_json_writer *json = &decoder->json;
    bool keeps = decoder->table->unknown_keys == PN_UNKNOWN_KEEP;
    bool any = false;
    if (node->type != (kind == PN_TYPE_ARRAY ? PN_JSON_ARRAY : PN_JSON_OBJECT)) {
        if (keeps) {
            pn_json_put_null(json);
        }
        return false;
    }
    if (keeps && kind == PN_TYPE_ARRAY) {
        pn_json_put_array(json);
    } else if (keeps) {
        pn_json_put_object(json);
    }
    if (kind == PN_TYPE_ARRAY) {
        any = take_items(decoder, sink, node, why);
    } else if (kind == PN_TYPE_MAP) {
        any = take_entries(decoder, sink, node, why);
    } else {
        any = take_members(decoder, sink->fields, node, why);
    }
    if (keeps) {
        pn_json_end(json);
    }
    return any;
}

static bool take_members(struct pn_decoder *decoder, struct level *level,
                         const struct pn_json *object, struct pn_err *why)
{
    size_t place = 0;
    bool any = false;
    memset(level->slots, 0, level->count * sizeof *level->slots);
    for (const struct pn_json *member = object->first; member != NULL; member = member->next) {
        const struct pn_json *extra = take_member(level, member, place);
        if (extra != NULL) {
            meet_unknown(decoder, level, extra, place, why);
            any = true;
        }
        place++;
    }
    for (size_t i = 0; i < level->count; i++) {
        const struct slot slot = level->slots[i];
        if (level->sinks[i].has_names && slot.node != NULL) {
            any = take_named(decoder, &level->sinks[i], slot.member, slot.node, why) || any;
        }
    }
    return any;
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

/* Where the record came from, for the columns that take that. Their values were not checked: they
 * are made to fit. */
static void take_origin(struct pn_decoder *decoder, const struct pn_origin_values *origin)
{
    struct level *columns = decoder->columns;
    for (size_t i = 0; i < columns->count; i++) {
        if (pn_column_has_origin(&columns->columns[i])) {
            columns->slots[i].node = pn_origin_value(origin, &columns->columns[i], &decoder->made);
        }
    }
}

int pn_decoder_row(struct pn_decoder *decoder, const char *text, size_t len, size_t capacity,
                   const struct pn_origin_values *origin, idx_t row, struct pn_err *why)
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
    if (decoder->is_lenient || decoder->has_origins) {
        pn_arena_reset(&decoder->made);
    }
    pn_buf_reset(&decoder->unknown);
    pn_json_writer_init(&decoder->json, &decoder->unknown);
    pn_json_put_object(&decoder->json);
    (void)take_members(decoder, columns, record, why);
    if (why->code != 0 || check_level(columns, why) != 0) {
        return PN_FAIL;
    }
    PN_ASSERT(columns->count == 0 || columns->sinks[0].validity != NULL); /* there is a chunk */
    if (decoder->has_origins) {
        take_origin(decoder, origin);
    }
    for (size_t i = 0; i < columns->count; i++) {
        put(&columns->sinks[i], columns->slots[i].node, row);
    }
    if (decoder->table->unknown_keys == PN_UNKNOWN_KEEP) {
        put_unknown(decoder, row);
    }
    return 0;
}
