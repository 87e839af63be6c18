/*
 * What lasts of a stream besides its records: `<folder>/streams/<name>.json`, one JSON object,
 * replaced whole, with a checksum (base/checked_file.h). Not in it: what follows from the settings
 * (ARN), the name (topic), the number of a shard (its id, its partition) or the log (a closed
 * shard's end).
 *
 *   {"checked":1,"version":1,"name":"clicks","id":"9f86d081884c7d65","status":"ACTIVE",
 *    "created_ms":1700000000000,"on_demand":false,"spreads":false,"retention_hours":24,
 *    "record_kib_max":1024,"warm_throughput_mibps":0,
 *    "shards":[{"parent":-1,"adjacent_parent":-1,"hash_start":"0","hash_end":"3402...",
 *               "created_ms":1700000000000,"closed_ms":0}],
 *    "tags":[{"key":"team","value":"web"}],
 *    "consumers":[{"name":"app","arn":"arn:...","created_ms":1700000000000,"tags":[],
 *                  "policy":null}],
 *    "kms_key":null,"metrics":["IncomingBytes"],"policy":null,"crc32c":"0123abcd"}
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked_file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "kinesis/internal.h"

enum {
    FILE_BYTES_MAX = 64 * 1024 * 1024,
    VERSION = 1,
    ID_DIGITS = 16,
    RETENTION_HOURS_MAX = 8760,
    GONE_BYTES_MAX = 256
};

static const char OLD_START[] = "{\"version\":1,\"name\":\"";

char *pn_metadata_path(const struct pn_kinesis *kinesis, const char *name)
{
    return pn_xasprintf("%s/streams/%s.json", kinesis->config.folder, name);
}

int pn_kinesis_internal(struct pn_err *e, const struct pn_err *from)
{
    pn_err_copy(e, from);
    if (e != NULL) {
        e->code = PN_KINESIS_INTERNAL;
    }
    return PN_KINESIS_INTERNAL;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_shards(struct pn_json_writer *json, const struct pn_stream *stream)
{
    pn_json_add_array(json, "shards");
    for (size_t i = 0; i < stream->shard_count; i++) {
        const struct pn_shard *shard = &stream->shards[i];
        char hash[PN_HASH_KEY_SIZE];
        pn_json_put_object(json);
        pn_json_add_i64(json, "parent", shard->parent);
        pn_json_add_i64(json, "adjacent_parent", shard->adjacent_parent);
        pn_json_add_cstr(json, "hash_start", pn_hash_key_text(shard->hash_start, hash));
        pn_json_add_cstr(json, "hash_end", pn_hash_key_text(shard->hash_end, hash));
        pn_json_add_i64(json, "created_ms", shard->created_ms);
        pn_json_add_i64(json, "closed_ms", shard->closed_ms);
        pn_json_end(json);
    }
    pn_json_end(json);
}

static void write_tags(struct pn_json_writer *json, const struct pn_stream_tag *tags, size_t count)
{
    pn_json_add_array(json, "tags");
    for (size_t i = 0; i < count; i++) {
        pn_json_put_object(json);
        pn_json_add_cstr(json, "key", tags[i].key);
        pn_json_add_cstr(json, "value", tags[i].value);
        pn_json_end(json);
    }
    pn_json_end(json);
}

static void write_consumers(struct pn_json_writer *json, const struct pn_stream *stream)
{
    pn_json_add_array(json, "consumers");
    for (size_t i = 0; i < stream->consumer_count; i++) {
        const struct pn_stream_consumer *consumer = &stream->consumers[i];
        pn_json_put_object(json);
        pn_json_add_cstr(json, "name", consumer->name);
        pn_json_add_cstr(json, "arn", consumer->arn);
        pn_json_add_i64(json, "created_ms", consumer->created_ms);
        write_tags(json, consumer->tags, consumer->tag_count);
        pn_json_add_cstr(json, "policy", consumer->policy);
        pn_json_end(json);
    }
    pn_json_end(json);
}

static void write_stream(struct pn_buf *out, const struct pn_stream *stream)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, out);
    pn_checked_begin(&json);
    pn_json_add_i64(&json, "version", VERSION);
    pn_json_add_cstr(&json, "name", stream->name);
    pn_json_add_textf(&json, "id", "%016llx", (unsigned long long)stream->id);
    pn_json_add_cstr(&json, "status", pn_stream_status_name(stream->status));
    pn_json_add_i64(&json, "created_ms", stream->created_ms);
    pn_json_add_bool(&json, "on_demand", stream->on_demand);
    pn_json_add_bool(&json, "spreads", stream->spreads);
    pn_json_add_i64(&json, "retention_hours", stream->retention_hours);
    pn_json_add_i64(&json, "record_kib_max", stream->record_kib_max);
    pn_json_add_i64(&json, "warm_throughput_mibps", stream->warm_throughput_mibps);
    write_shards(&json, stream);
    write_tags(&json, stream->tags, stream->tag_count);
    write_consumers(&json, stream);
    pn_json_add_cstr(&json, "kms_key", stream->kms_key);
    pn_json_add_array(&json, "metrics");
    for (size_t i = 0; i < stream->metric_count; i++) {
        pn_json_put_cstr(&json, stream->metrics[i]);
    }
    pn_json_end(&json);
    pn_json_add_cstr(&json, "policy", stream->policy);
    pn_checked_end(&json);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* A reading of one file; what is wrong first stays. */
struct reader {
    struct pn_arena *arena;
    const char *path;
    const char *what; /* "shard", "consumer", ... for messages */
    size_t place;
    bool failed;
    struct pn_err *e;
};

static void wrong(struct reader *r, const char *member, const char *why)
{
    if (r->failed) {
        return;
    }
    r->failed = true;
    if (r->what != NULL) {
        (void)pn_err_set(r->e, PN_CLASS_CORRUPT, PN_KINESIS_INTERNAL, "%s: \"%s\" of %s %zu %s",
                         r->path, member, r->what, r->place, why);
    } else {
        (void)pn_err_set(r->e, PN_CLASS_CORRUPT, PN_KINESIS_INTERNAL, "%s: \"%s\" %s", r->path,
                         member, why);
    }
}

static int64_t read_number(struct reader *r, const struct pn_json *object, const char *key,
                           int64_t least, int64_t most)
{
    const struct pn_json *node = pn_json_get(object, key);
    if (node == NULL || node->type != PN_JSON_NUMBER || !node->is_integer ||
        node->integer < least || node->integer > most) {
        wrong(r, key, "is not a number, or is out of range");
        return least;
    }
    return node->integer;
}

/* A string's copy; NULL for another value, which is wrong unless it's null and null is allowed. */
static const char *read_node(struct reader *r, const struct pn_json *node, const char *key,
                             bool may_be_null)
{
    if (node != NULL && node->type == PN_JSON_NULL && may_be_null) {
        return NULL;
    }
    if (node == NULL || node->type != PN_JSON_STRING ||
        memchr(node->text, '\0', node->text_len) != NULL) {
        wrong(r, key, "is not a string");
        return "";
    }
    return pn_arena_strndup(r->arena, node->text, node->text_len);
}

static const char *read_text(struct reader *r, const struct pn_json *object, const char *key,
                             bool may_be_null)
{
    return read_node(r, pn_json_get(object, key), key, may_be_null);
}

/* The array under a key, or an empty one's stand-in. */
static const struct pn_json *read_array(struct reader *r, const struct pn_json *object,
                                        const char *key)
{
    static const struct pn_json none = {.type = PN_JSON_ARRAY};
    const struct pn_json *node = pn_json_get(object, key);
    if (node == NULL || node->type != PN_JSON_ARRAY) {
        wrong(r, key, "is not an array");
        return &none;
    }
    return node;
}

static uint64_t read_id(struct reader *r, const struct pn_json *root)
{
    const char *text = read_text(r, root, "id", false);
    char *end = NULL;
    uint64_t id = strtoull(text, &end, 16);
    if (strlen(text) != ID_DIGITS || *end != '\0' || id == 0) {
        wrong(r, "id", "is not a number of 16 hex digits");
    }
    return id;
}

static enum pn_stream_status read_status(struct reader *r, const struct pn_json *root)
{
    static const enum pn_stream_status kept[] = {PN_STREAM_CREATING, PN_STREAM_DELETING,
                                                 PN_STREAM_ACTIVE};
    const struct pn_json *node = pn_json_get(root, "status");
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (node != NULL && pn_json_text_is(node, pn_stream_status_name(kept[i]))) {
            return kept[i];
        }
    }
    wrong(r, "status", "is not one of CREATING, ACTIVE, DELETING");
    return PN_STREAM_ACTIVE;
}

static struct pn_hash_key read_hash_key(struct reader *r, const struct pn_json *object,
                                        const char *key)
{
    struct pn_hash_key hash = {0, 0};
    const char *text = read_text(r, object, key, false);
    if (!pn_hash_key_parse(text, strlen(text), &hash)) {
        wrong(r, key, "is not a hash key");
    }
    return hash;
}

static void read_shard(struct reader *r, const struct pn_json *node, struct pn_shard *shard)
{
    int64_t before = (int64_t)shard->index - 1;
    shard->parent = (int32_t)read_number(r, node, "parent", -1, before);
    shard->adjacent_parent = (int32_t)read_number(r, node, "adjacent_parent", -1, before);
    shard->hash_start = read_hash_key(r, node, "hash_start");
    shard->hash_end = read_hash_key(r, node, "hash_end");
    if (pn_hash_key_number(shard->hash_start) > pn_hash_key_number(shard->hash_end)) {
        wrong(r, "hash_end", "is below its start");
    }
    shard->created_ms = read_number(r, node, "created_ms", 0, INT64_MAX);
    shard->closed_ms = read_number(r, node, "closed_ms", 0, INT64_MAX);
    shard->open = shard->closed_ms == 0;
    shard->end_offset = -1;
}

/* Each hash key must be in one open shard. */
static bool covers_the_ring(struct reader *r, const struct pn_stream *stream)
{
    size_t count = 0;
    const struct pn_shard **open = pn_stream_open_shards(stream, r->arena, &count);
    pn_u128 next = 0;
    for (size_t i = 0; i < count; i++) {
        if (pn_hash_key_number(open[i]->hash_start) != next) {
            return false;
        }
        next = pn_hash_key_number(open[i]->hash_end) + 1; /* 0 after the last one */
    }
    return count > 0 && next == 0;
}

static void read_shards(struct reader *r, const struct pn_json *root, struct pn_stream *stream)
{
    const struct pn_json *array = read_array(r, root, "shards");
    if (array->count < 1 || array->count > PN_SHARDS_MAX) {
        wrong(r, "shards", "are missing, or too many");
        return;
    }
    struct pn_shard *shards = pn_arena_calloc(r->arena, array->count, sizeof *shards);
    r->what = "shard";
    for (const struct pn_json *node = array->first; node != NULL; node = node->next) {
        r->place = stream->shard_count;
        shards[r->place].index = (uint32_t)r->place;
        read_shard(r, node, &shards[r->place]);
        stream->shard_count++;
    }
    r->what = NULL;
    stream->shards = shards;
    if (!r->failed && !covers_the_ring(r, stream)) {
        wrong(r, "shards", "that are open do not cover each hash key once");
    }
}

static const struct pn_stream_tag *read_tags(struct reader *r, const struct pn_json *object,
                                             size_t *count)
{
    const struct pn_json *array = read_array(r, object, "tags");
    struct pn_stream_tag *tags = pn_arena_calloc(r->arena, array->count, sizeof *tags);
    *count = 0;
    for (const struct pn_json *node = array->first; node != NULL; node = node->next) {
        tags[*count].key = read_text(r, node, "key", false);
        tags[*count].value = read_text(r, node, "value", false);
        (*count)++;
    }
    return tags;
}

static void read_consumers(struct reader *r, const struct pn_json *root, struct pn_stream *stream)
{
    const struct pn_json *array = read_array(r, root, "consumers");
    struct pn_stream_consumer *consumers =
        pn_arena_calloc(r->arena, array->count, sizeof *consumers);
    r->what = "consumer";
    for (const struct pn_json *node = array->first; node != NULL; node = node->next) {
        struct pn_stream_consumer *consumer = &consumers[stream->consumer_count];
        r->place = stream->consumer_count;
        consumer->name = read_text(r, node, "name", false);
        consumer->arn = read_text(r, node, "arn", false);
        consumer->created_ms = read_number(r, node, "created_ms", 0, INT64_MAX);
        consumer->tags = read_tags(r, node, &consumer->tag_count);
        consumer->policy = read_text(r, node, "policy", true);
        stream->consumer_count++;
    }
    r->what = NULL;
    stream->consumers = consumers;
}

static void read_metrics(struct reader *r, const struct pn_json *root, struct pn_stream *stream)
{
    const struct pn_json *array = read_array(r, root, "metrics");
    const char **metrics = pn_arena_calloc(r->arena, array->count, sizeof *metrics);
    for (const struct pn_json *node = array->first; node != NULL; node = node->next) {
        metrics[stream->metric_count] = read_node(r, node, "metrics", false);
        stream->metric_count++;
    }
    stream->metrics = metrics;
}

static void read_stream(struct reader *r, const struct pn_json *root, const char *name,
                        struct pn_stream *stream)
{
    (void)read_number(r, root, "version", VERSION, VERSION);
    stream->name = read_text(r, root, "name", false);
    if (strcmp(stream->name, name) != 0) {
        wrong(r, "name", "is not the file's");
    }
    stream->id = read_id(r, root);
    stream->status = read_status(r, root);
    stream->created_ms = read_number(r, root, "created_ms", 0, INT64_MAX);
    stream->on_demand = pn_json_get_bool(root, "on_demand", false);
    stream->spreads = pn_json_get_bool(root, "spreads", false); /* older files have none */
    stream->retention_hours =
        (int32_t)read_number(r, root, "retention_hours", 1, RETENTION_HOURS_MAX);
    stream->record_kib_max =
        (int32_t)read_number(r, root, "record_kib_max", 1, PN_RECORD_BYTES_MAX / 1024 - 1);
    stream->warm_throughput_mibps =
        (int32_t)read_number(r, root, "warm_throughput_mibps", 0, INT32_MAX);
    read_shards(r, root, stream);
    stream->tags = read_tags(r, root, &stream->tag_count);
    read_consumers(r, root, stream);
    stream->kms_key = read_text(r, root, "kms_key", true);
    read_metrics(r, root, stream);
    stream->policy = read_text(r, root, "policy", true);
}

int pn_metadata_parse(const struct pn_buf *text, const char *path, const char *name,
                      struct pn_arena *arena, struct pn_stream *stream, struct pn_err *e)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    struct pn_err why;
    struct reader r = {.arena = arena, .path = path, .e = e};
    *stream = (struct pn_stream){0};
    int rc = pn_json_parse(parser, pn_buf_text(text), text->len, text->len, &root, &why);
    if (rc != 0) {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_KINESIS_INTERNAL, "%s: %s", path, why.msg);
    } else {
        read_stream(&r, root, name, stream);
        rc = r.failed ? PN_KINESIS_INTERNAL : 0;
    }
    pn_json_parser_destroy(&parser);
    return rc;
}

/* --- files ------------------------------------------------------------------------------------ */

/* What is written must be readable at the next start, whatever a change made of the stream. */
static int check_readable(const struct pn_buf *text, const char *path, const char *name,
                          struct pn_err *e)
{
    struct pn_arena arena;
    struct pn_stream stream;
    pn_arena_init(&arena, 0);
    int rc = pn_metadata_parse(text, path, name, &arena, &stream, e);
    if (rc != 0 && e != NULL) {
        e->class_ = PN_CLASS_INPUT;
        pn_err_prefix(e, "the change would make it unreadable");
    }
    pn_arena_deinit(&arena);
    return rc;
}

int pn_metadata_write(struct pn_buf *out, const struct pn_stream *stream, const char *place,
                      struct pn_err *e)
{
    write_stream(out, stream);
    int rc = pn_buf_check(out, place, e);
    return rc == 0 ? check_readable(out, place, stream->name, e) : rc;
}

int pn_metadata_store(struct pn_kinesis *kinesis, const struct pn_stream *stream, struct pn_err *e)
{
    struct pn_buf text;
    struct pn_err why;
    char *path = pn_metadata_path(kinesis, stream->name);
    pn_buf_init(&text, FILE_BYTES_MAX);
    int rc = pn_metadata_write(&text, stream, path, &why);
    if (rc == 0) {
        rc = pn_io_replace_file(kinesis->io, path, text.data, text.len, &why);
    }
    if (rc != 0) {
        rc = pn_kinesis_internal(e, &why);
    }
    pn_buf_deinit(&text);
    free(path);
    return rc;
}

int pn_metadata_load(struct pn_kinesis *kinesis, const char *name, struct pn_arena *arena,
                     struct pn_stream *stream, struct pn_err *e)
{
    struct pn_buf text;
    struct pn_err why;
    char *path = pn_metadata_path(kinesis, name);
    bool is_old = false;
    pn_buf_init(&text, FILE_BYTES_MAX);
    int rc = pn_checked_file_read(kinesis->io, path, OLD_START, &text, &is_old, &why);
    if (rc == 0) {
        rc = pn_metadata_parse(&text, path, name, arena, stream, &why);
        if (rc != 0) {
            (void)pn_err_set(e, why.class_, PN_KINESIS_INTERNAL,
                             "%s. Restore the file from a backup; to abandon the stream, remove it",
                             why.msg);
        }
    } else {
        rc = pn_kinesis_internal(e, &why);
    }
    if (rc == 0 && is_old && pn_metadata_store(kinesis, stream, &why) != 0) {
        pn_logger_warn(kinesis->logger, "kinesis", "%s does not get a checksum yet: %s", path,
                       why.msg);
    }
    pn_buf_deinit(&text);
    free(path);
    return rc;
}

int pn_metadata_remove(struct pn_kinesis *kinesis, const char *name, struct pn_err *e)
{
    struct pn_err why;
    char *path = pn_metadata_path(kinesis, name);
    int rc = pn_io_unlink(kinesis->io, path, &why);
    if (rc == 0) {
        rc = pn_io_sync_parent(kinesis->io, path, &why);
    } else if (why.class_ == PN_CLASS_MISSING) {
        rc = 0;
    }
    if (rc != 0) {
        rc = pn_kinesis_internal(e, &why);
    }
    free(path);
    return rc;
}

/* --- streams that are gone -------------------------------------------------------------------- */

static char *gone_path(const struct pn_kinesis *kinesis)
{
    return pn_xasprintf("%s/gone", kinesis->config.folder);
}

static int store_gone(struct pn_kinesis *kinesis, const char *path, int64_t gone_s,
                      struct pn_err *e)
{
    struct pn_buf text;
    struct pn_json_writer json;
    struct pn_err why;
    pn_buf_init(&text, GONE_BYTES_MAX);
    pn_json_writer_init(&json, &text);
    pn_checked_begin(&json);
    pn_json_add_i64(&json, "gone_s", gone_s);
    pn_checked_end(&json);
    int rc = pn_io_replace_file(kinesis->io, path, text.data, text.len, &why);
    if (rc == 0) {
        kinesis->gone_s = gone_s;
    } else {
        rc = pn_kinesis_internal(e, &why);
    }
    pn_buf_deinit(&text);
    return rc;
}

/* An older file is the number alone. */
static int parse_gone(const struct pn_buf *text, bool is_old, int64_t *gone_s)
{
    if (is_old) {
        return pn_parse_i64(pn_buf_text(text), gone_s, NULL);
    }
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    int rc = pn_json_parse(parser, pn_buf_text(text), text->len, text->len, &root, NULL);
    if (rc == 0) {
        *gone_s = pn_json_get_i64(root, "gone_s", -1);
        rc = *gone_s >= 0 ? 0 : PN_FAIL;
    }
    pn_json_parser_destroy(&parser);
    return rc;
}

int pn_metadata_load_gone(struct pn_kinesis *kinesis, struct pn_err *e)
{
    struct pn_buf text;
    struct pn_err why = {0};
    bool is_old = false;
    char *path = gone_path(kinesis);
    pn_buf_init(&text, GONE_BYTES_MAX);
    int rc = pn_checked_file_read(kinesis->io, path, "", &text, &is_old, &why);
    int64_t gone_s = 0;
    if (rc == 0 && parse_gone(&text, is_old, &gone_s) == 0) {
        kinesis->gone_s = gone_s;
        rc = is_old ? store_gone(kinesis, path, gone_s, e) : 0;
    } else if (rc == 0 || why.class_ == PN_CLASS_CORRUPT || why.class_ == PN_CLASS_INPUT) {
        int64_t now_s = pn_wall_ms(kinesis->clock) / 1000;
        pn_logger_error(kinesis->logger, "kinesis",
                        "%s, the last second in which a deleted stream was created, is damaged: "
                        "the current second, %lld, replaces it",
                        path, (long long)now_s);
        rc = store_gone(kinesis, path, now_s, e);
    } else if (why.class_ == PN_CLASS_MISSING) {
        rc = 0; /* no stream was ever deleted */
    } else {
        rc = pn_kinesis_internal(e, &why);
    }
    pn_buf_deinit(&text);
    free(path);
    return rc;
}

int pn_metadata_keep_gone(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                          struct pn_err *e)
{
    int64_t gone_s = kinesis->gone_s;
    for (size_t i = 0; i < stream->shard_count; i++) {
        int64_t created_s = stream->shards[i].created_ms / 1000;
        gone_s = created_s > gone_s ? created_s : gone_s;
    }
    if (gone_s == kinesis->gone_s) {
        return 0;
    }
    char *path = gone_path(kinesis);
    int rc = store_gone(kinesis, path, gone_s, e);
    free(path);
    return rc;
}
