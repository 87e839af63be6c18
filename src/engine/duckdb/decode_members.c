/* Members to columns: which column takes which, and what no column takes. */
#include <string.h>

#include "engine/duckdb/decode_internal.h"

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
static size_t find_column(const struct pn_decode_level *level, const struct pn_json *member,
                          size_t *rank)
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
static size_t column_of(struct pn_decode_level *level, const struct pn_json *member, size_t place,
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
static const struct pn_json *take_member(struct pn_decode_level *level,
                                         const struct pn_json *member, size_t place)
{
    size_t rank = 0;
    size_t column = column_of(level, member, place, &rank);
    if (column == level->count) {
        return member;
    }
    struct pn_decode_slot *slot = &level->slots[column];
    const struct pn_json *node = unwrapped(&level->columns[column], member);
    if (pn_decode_is_null(node)) {
        if (slot->node != NULL && slot->rank == rank) {
            slot->node = NULL; /* a name that is repeated: the last one counts */
        }
        return NULL;
    }
    if (slot->node != NULL && rank > slot->rank) {
        return member;
    }
    const struct pn_json *displaced = slot->node != NULL && rank < slot->rank ? slot->member : NULL;
    *slot = (struct pn_decode_slot){.member = member, .node = node, .rank = rank};
    return displaced;
}

/* What an object's members are to the columns, where those that no column takes were met before. */
void pn_decode_match(struct pn_decode_level *level, const struct pn_json *object)
{
    size_t place = 0;
    memset(level->slots, 0, level->count * sizeof *level->slots);
    for (const struct pn_json *member = object->first; member != NULL; member = member->next) {
        (void)take_member(level, member, place++);
    }
}

/* The record is rejected for its first unknown member; the others are counted as well. */
static void reject(const struct pn_decode_level *level, const struct pn_json *member,
                   struct pn_err *why)
{
    bool whole = member->key_len <= PN_DECODE_KEY_SHOWN_MAX;
    if (why->code == 0) {
        (void)pn_err_input(why, "unknown key '%s%.*s%s'", level->path,
                           whole ? (int)member->key_len : PN_DECODE_KEY_SHOWN_MAX, member->key,
                           whole ? "" : "...");
    }
}

static void meet_unknown(struct pn_decoder *decoder, struct pn_decode_level *level,
                         const struct pn_json *member, size_t place, struct pn_err *why)
{
    pn_unknown_names_count(level->unknown, member->key, member->key_len, place);
    if (decoder->table->unknown_keys == PN_UNKNOWN_REJECT) {
        reject(level, member, why);
    } else if (decoder->table->unknown_keys == PN_UNKNOWN_KEEP) {
        pn_json_add_node(&decoder->json, member);
    }
}

bool pn_decode_take(struct pn_decoder *decoder, struct pn_decode_level *level,
                    const struct pn_json *object, struct pn_err *why);
static bool take_parts(struct pn_decoder *decoder, const struct pn_decode_column *sink,
                       const struct pn_json *node, struct pn_err *why);

/* An array's items: of each, what is left, or an empty value of its kind. */
static bool take_items(struct pn_decoder *decoder, const struct pn_decode_column *sink,
                       const struct pn_json *array, struct pn_err *why)
{
    bool any = false;
    for (const struct pn_json *item = array->first; item != NULL; item = item->next) {
        any = take_parts(decoder, &sink->fields->sinks[0], item, why) || any;
    }
    return any;
}

/* A member of which all is taken is not kept. */
static bool take_named(struct pn_decoder *decoder, const struct pn_decode_column *sink,
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

static bool take_entries(struct pn_decoder *decoder, const struct pn_decode_column *sink,
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
static bool take_parts(struct pn_decoder *decoder, const struct pn_decode_column *sink,
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
        any = pn_decode_take(decoder, sink->fields, node, why);
    }
    if (keeps) {
        pn_json_end(json);
    }
    return any;
}

bool pn_decode_take(struct pn_decoder *decoder, struct pn_decode_level *level,
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
        const struct pn_decode_slot slot = level->slots[i];
        if (level->sinks[i].has_names && slot.node != NULL) {
            any = take_named(decoder, &level->sinks[i], slot.member, slot.node, why) || any;
        }
    }
    return any;
}
