/* Tags of streams (AddTagsToStream, RemoveTagsFromStream, ListTagsForStream) and of streams and
 * consumers (TagResource, UntagResource, ListTagsForResource). */
#include <stdlib.h>
#include <string.h>

#include "kinesis/api/ops.h"

enum { LISTED_TAGS_MAX = 50 };

/* --- what a tag may be ------------------------------------------------------------------------ */

/* The code point at text[*at], which is valid UTF-8; *at moves after it. */
static uint32_t next_char(const char *text, size_t len, size_t *at)
{
    unsigned char first = (unsigned char)text[(*at)++];
    if (first < 0x80) {
        return first;
    }
    uint32_t point = first >= 0xf0 ? first & 0x07u : first >= 0xe0 ? first & 0x0fu : first & 0x1fu;
    while (*at < len && ((unsigned char)text[*at] & 0xc0) == 0x80) {
        point = point << 6 | ((unsigned char)text[(*at)++] & 0x3fu);
    }
    return point;
}

/* Letters, digits, white space and _ . : / = + - @ %; of the letters beyond ASCII those blocks that
 * AWS takes: no punctuation, symbols or emoji. */
static bool is_tag_char(uint32_t c)
{
    if (c < 0x80) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c != 0 && strchr(" _.:/=+-@%", (int)c) != NULL);
    }
    return (c >= 0xc0 && c < 0x2000) || (c >= 0x2c00 && c < 0xd800) ||
           (c >= 0xf900 && c < 0xfffe) || (c >= 0x10000 && c < 0x1f000) || c >= 0x20000;
}

static int check_text(struct pn_call *call, const char *text, size_t len)
{
    size_t at = 0;
    while (at < len) {
        if (!is_tag_char(next_char(text, len, &at))) {
            return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                              "Some tags contain invalid characters. Valid characters: Unicode "
                              "letters, digits, white space, _ . / = + - %% @.");
        }
    }
    return 0;
}

/* AWS takes the % at first, and refuses it here. `how` is "add tags to" or "remove tags from". */
static int check_percent(struct pn_call *call, const char *text, size_t len, const char *how,
                         const char *stream)
{
    if (memchr(text, '%', len) == NULL) {
        return 0;
    }
    return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                      "Failed to %s stream %s under account %s because some tags contained illegal "
                      "characters. The allowed characters are Unicode letters, white-spaces, "
                      "'_',',','/','=','+','-','@'.",
                      how, stream, pn_op_account(call));
}

static int check_reserved(struct pn_call *call, const char *key, size_t len)
{
    static const char reserved[] = "aws:";
    if (len < strlen(reserved) || memcmp(key, reserved, strlen(reserved)) != 0) {
        return 0;
    }
    return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                      "Tag keys must not begin with aws:, which is reserved: %.*s", (int)len, key);
}

static int by_key(const void *a, const void *b)
{
    const struct pn_stream_tag *left = a;
    const struct pn_stream_tag *right = b;
    return strcmp(left->key, right->key);
}

/* Each text of a map of tags, in AWS's order: characters of all, then % in all, then the names. */
static int check_tags(struct pn_call *call, const struct pn_json *map, const char *stream)
{
    int rc = 0;
    const struct pn_json *tag;
    for (tag = map->first; tag != NULL && rc == 0; tag = tag->next) {
        rc = check_text(call, tag->key, tag->key_len);
        rc = rc != 0 ? rc : check_text(call, tag->text, tag->text_len);
    }
    for (tag = map->first; tag != NULL && rc == 0; tag = tag->next) {
        rc = check_percent(call, tag->key, tag->key_len, "add tags to", stream);
        rc = rc != 0 ? rc : check_percent(call, tag->text, tag->text_len, "add tags to", stream);
    }
    for (tag = map->first; tag != NULL && rc == 0; tag = tag->next) {
        rc = check_reserved(call, tag->key, tag->key_len);
    }
    return rc;
}

static const char too_many[] =
    "Failed to add tags to stream %s under account %s because a given stream cannot have more than "
    "%d tags associated with it.";

int pn_op_tags(struct pn_call *call, const char *member, const char *stream_name,
               struct pn_stream_tag **tags, size_t *count)
{
    const struct pn_json *map = pn_json_get(call->input, member);
    *tags = NULL;
    *count = 0;
    if (map == NULL) {
        return 0;
    }
    int rc = check_tags(call, map, stream_name);
    if (rc != 0) {
        return rc;
    }
    struct pn_stream_tag *all = pn_arena_calloc(call->arena, map->count, sizeof *all);
    size_t n = 0;
    for (const struct pn_json *tag = map->first; tag != NULL; tag = tag->next) {
        const char *key = pn_arena_strndup(call->arena, tag->key, tag->key_len);
        size_t at = 0;
        while (at < n && strcmp(all[at].key, key) != 0) { /* the last one of a name counts */
            at++;
        }
        all[at].key = key;
        all[at].value = pn_arena_strndup(call->arena, tag->text, tag->text_len);
        n = at == n ? n + 1 : n;
    }
    if (n > PN_TAGS_MAX) {
        return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT, too_many, stream_name,
                          pn_op_account(call), PN_TAGS_MAX);
    }
    qsort(all, n, sizeof *all, by_key);
    *tags = all;
    *count = n;
    return 0;
}

/* --- changing them ---------------------------------------------------------------------------- */

/* A change of the tags of a stream, or of one of its consumers. */
struct change {
    const char *account;
    const char *consumer_arn; /* NULL: of the stream */
    const struct pn_stream_tag *add;
    size_t add_count;
    const char *const *remove; /* keys */
    size_t remove_count;
};

static bool is_removed(const struct change *change, const char *key)
{
    for (size_t i = 0; i < change->remove_count; i++) {
        if (strcmp(change->remove[i], key) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < change->add_count; i++) {
        if (strcmp(change->add[i].key, key) == 0) {
            return true; /* its new value comes in its place */
        }
    }
    return false;
}

static int change_tags(const struct change *change, const char *stream,
                       const struct pn_stream_tag **tags, size_t *count, struct pn_arena *arena,
                       struct pn_err *e)
{
    struct pn_stream_tag *all = pn_arena_calloc(arena, *count + change->add_count + 1, sizeof *all);
    size_t n = 0;
    for (size_t i = 0; i < *count; i++) {
        if (!is_removed(change, (*tags)[i].key)) {
            all[n++] = (*tags)[i];
        }
    }
    for (size_t i = 0; i < change->add_count; i++) {
        all[n++] = change->add[i];
    }
    if (n > PN_TAGS_MAX && change->add_count > 0) {
        return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_INVALID_ARGUMENT, too_many, stream,
                          change->account, PN_TAGS_MAX);
    }
    qsort(all, n, sizeof *all, by_key);
    *tags = all;
    *count = n;
    return 0;
}

static int apply(void *arg, struct pn_stream *edit, struct pn_arena *arena, struct pn_err *e)
{
    const struct change *change = arg;
    if (change->consumer_arn == NULL) {
        return change_tags(change, edit->name, &edit->tags, &edit->tag_count, arena, e);
    }
    struct pn_stream_consumer *consumers =
        pn_arena_calloc(arena, edit->consumer_count + 1, sizeof *consumers);
    for (size_t i = 0; i < edit->consumer_count; i++) {
        consumers[i] = edit->consumers[i];
    }
    for (size_t i = 0; i < edit->consumer_count; i++) {
        if (strcmp(consumers[i].arn, change->consumer_arn) == 0) {
            edit->consumers = consumers;
            return change_tags(change, edit->name, &consumers[i].tags, &consumers[i].tag_count,
                               arena, e);
        }
    }
    return pn_err_set(e, PN_CLASS_MISSING, PN_KINESIS_NOT_FOUND,
                      "Consumer %s, account %s not found.", change->consumer_arn, change->account);
}

/* Reads the tags to add or the keys to remove, and makes the change; releases the stream. */
static int change_stream(struct pn_call *call, const struct pn_stream *stream,
                         const struct pn_stream_consumer *consumer)
{
    struct change change = {.account = pn_op_account(call),
                            .consumer_arn = consumer == NULL ? NULL : consumer->arn};
    struct pn_stream_tag *tags = NULL;
    const struct pn_json *keys = pn_json_get(call->input, "TagKeys");
    int rc = pn_op_tags(call, "Tags", stream->name, &tags, &change.add_count);
    change.add = tags;
    if (rc == 0 && keys != NULL) {
        const char **removed = pn_arena_calloc(call->arena, keys->count + 1, sizeof *removed);
        const struct pn_json *key;
        for (key = keys->first; key != NULL && rc == 0; key = key->next) {
            rc = check_text(call, key->text, key->text_len);
            removed[change.remove_count++] =
                pn_arena_strndup(call->arena, key->text, key->text_len);
        }
        for (key = keys->first; key != NULL && rc == 0; key = key->next) {
            rc = check_percent(call, key->text, key->text_len, "remove tags from", stream->name);
        }
        change.remove = removed;
    }
    if (rc == 0) {
        rc = pn_kinesis_update(call->kinesis, stream->name, apply, &change, &call->err);
    }
    pn_stream_release(&stream);
    return rc;
}

static int change_named(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    int rc = pn_call_stream(call, &stream);
    return rc != 0 ? rc : change_stream(call, stream, NULL);
}

static int change_resource(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    const struct pn_stream_consumer *consumer = NULL;
    int rc = pn_op_resource(call, "ResourceARN", &stream, &consumer);
    return rc != 0 ? rc : change_stream(call, stream, consumer);
}

int pn_op_add_tags_to_stream(struct pn_call *call)
{
    return change_named(call);
}

int pn_op_remove_tags_from_stream(struct pn_call *call)
{
    return change_named(call);
}

int pn_op_tag_resource(struct pn_call *call)
{
    return change_resource(call);
}

int pn_op_untag_resource(struct pn_call *call)
{
    return change_resource(call);
}

/* --- listing them ----------------------------------------------------------------------------- */

static void write_tags(struct pn_call *call, const struct pn_stream_tag *tags, size_t count)
{
    pn_wire_key(&call->reply, "Tags");
    pn_wire_list(&call->reply);
    for (size_t i = 0; i < count; i++) {
        pn_wire_map(&call->reply);
        pn_op_text_member(call, "Key", tags[i].key);
        pn_op_text_member(call, "Value", tags[i].value);
        pn_wire_map_end(&call->reply);
    }
    pn_wire_list_end(&call->reply);
}

int pn_op_list_tags_for_stream(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    const char *after = pn_op_text(call, "ExclusiveStartTagKey");
    size_t limit = pn_op_limit(call, "Limit", LISTED_TAGS_MAX);
    int rc = pn_call_stream(call, &stream);
    if (rc != 0) {
        return rc;
    }
    size_t at = 0;
    while (after != NULL && at < stream->tag_count && strcmp(stream->tags[at].key, after) <= 0) {
        at++;
    }
    bool more = stream->tag_count - at > limit;
    pn_wire_map(&call->reply);
    write_tags(call, stream->tags + at, more ? limit : stream->tag_count - at);
    pn_op_bool_member(call, "HasMoreTags", more);
    pn_wire_map_end(&call->reply);
    pn_stream_release(&stream);
    return 0;
}

int pn_op_list_tags_for_resource(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    const struct pn_stream_consumer *consumer = NULL;
    int rc = pn_op_resource(call, "ResourceARN", &stream, &consumer);
    if (rc != 0) {
        return rc;
    }
    pn_wire_map(&call->reply);
    if (consumer != NULL) {
        write_tags(call, consumer->tags, consumer->tag_count);
    } else {
        write_tags(call, stream->tags, stream->tag_count);
    }
    pn_wire_map_end(&call->reply);
    pn_stream_release(&stream);
    return 0;
}
