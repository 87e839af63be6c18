#include "sink/batch.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json_writer.h"
#include "base/mem.h"
#include "sink/sink.h"
#include "store/origins_key.h"

enum {
    BATCH_OBJECTS_MAX = 4096,
    /* A record's line is longer than the record when its bytes have to be escaped: \u0001. */
    LINE_BYTES_MAX = 8 * PN_RECORD_BYTES_MAX
};

void pn_sink_batch_init(struct pn_sink_batch *batch, const char *topic, int32_t partition,
                        enum pn_sink_origins keeps)
{
    *batch = (struct pn_sink_batch){.topic = topic, .partition = partition, .keeps = keeps};
    /* Not the present setting: a remembered object may have been cut by a larger one. */
    size_t bytes_max = (size_t)PN_SINK_FLUSH_BYTES_MAX + PN_SINK_BATCH_BYTES + LINE_BYTES_MAX;
    pn_buf_init(&batch->values, bytes_max);
    pn_buf_init(&batch->dead, bytes_max);
    pn_buf_init(&batch->origins, bytes_max);
    batch->parser = pn_json_parser_create();
}

void pn_sink_batch_deinit(struct pn_sink_batch *batch)
{
    pn_buf_deinit(&batch->values);
    pn_buf_deinit(&batch->dead);
    pn_buf_deinit(&batch->origins);
    pn_json_parser_destroy(&batch->parser);
    free(batch->objects);
}

bool pn_sink_batch_is_full(const struct pn_sink_batch *batch)
{
    size_t bytes = batch->values.len + batch->dead.len + batch->origins.len;
    return batch->count >= BATCH_OBJECTS_MAX || bytes >= PN_SINK_BATCH_BYTES;
}

static struct pn_sink_object *open_object(const struct pn_sink_batch *batch)
{
    PN_ASSERT(batch->is_open);
    return &batch->objects[batch->count];
}

void pn_sink_batch_open(struct pn_sink_batch *batch, int64_t first)
{
    PN_ASSERT(!batch->is_open);
    pn_grow((void **)&batch->objects, &batch->capacity, batch->count + 1, sizeof *batch->objects);
    batch->objects[batch->count] = (struct pn_sink_object){.first = first,
                                                           .values_at = batch->values.len,
                                                           .dead_at = batch->dead.len,
                                                           .origins_at = batch->origins.len};
    batch->is_open = true;
}

static void cut_to(struct pn_buf *buf, size_t len)
{
    buf->len = len;
    if (buf->data != NULL) {
        buf->data[len] = '\0';
    }
}

/* Bytes that may be anything, under `key`, and how they are written under `encoding_key`. */
static void add_bytes(struct pn_json_writer *json, const char *key, const char *encoding_key,
                      struct pn_bytes bytes)
{
    const char *encoding = NULL;
    pn_json_put_key(json, key);
    if (bytes.data == NULL) {
        pn_json_put_null(json);
    } else if (pn_utf8_valid(bytes.data, bytes.len)) {
        pn_json_put_string(json, bytes.data, bytes.len);
        encoding = "text";
    } else {
        pn_json_put_base64(json, bytes.data, bytes.len);
        encoding = "base64";
    }
    pn_json_add_cstr(json, encoding_key, encoding);
}

static void write_dead_letter(const struct pn_sink_batch *batch, struct pn_buf *out,
                              const struct pn_record *record, const char *reason)
{
    char timestamp[PN_ISO8601_SIZE];
    struct pn_json_writer json;
    pn_json_writer_init(&json, out);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "topic", batch->topic);
    pn_json_add_i64(&json, "partition", batch->partition);
    pn_json_add_i64(&json, "offset", record->offset);
    pn_json_add_cstr(&json, "timestamp", pn_iso8601(record->timestamp_ms, timestamp));
    pn_json_add_cstr(&json, "reason", reason);
    add_bytes(&json, "value", "encoding", record->value);
    add_bytes(&json, "key", "key_encoding", record->key);
    pn_json_end(&json);
    pn_json_end_line(&json);
}

static void add_text(struct pn_json_writer *json, struct pn_bytes text, struct pn_buf *scratch)
{
    pn_buf_reset(scratch);
    pn_utf8_add_clean(scratch, text.data, text.len);
    pn_json_put_string(json, pn_buf_text(scratch), scratch->len);
}

static void add_headers(struct pn_json_writer *json, const struct pn_record *record)
{
    struct pn_buf scratch;
    pn_buf_init(&scratch, PN_ORIGINS_LINE_BYTES_MAX);
    pn_json_add_array(json, "headers");
    for (size_t i = 0; i < record->header_count; i++) {
        struct pn_bytes value = record->headers[i].value;
        bool is_text = value.data != NULL && pn_utf8_valid(value.data, value.len);
        pn_json_put_array(json);
        add_text(json, record->headers[i].name, &scratch);
        if (is_text) {
            pn_json_put_string(json, value.data, value.len);
        } else {
            pn_json_put_null(json);
        }
        if (value.data != NULL && !is_text) {
            pn_json_put_base64(json, value.data, value.len);
        }
        pn_json_end(json);
    }
    pn_json_end(json);
    pn_buf_deinit(&scratch);
}

static const char *check_line(size_t len)
{
    _Static_assert(PN_ORIGINS_LINE_BYTES_MAX == 128 << 20, "the message says so");
    return len <= PN_ORIGINS_LINE_BYTES_MAX
               ? NULL
               : "its key and headers are longer than 128 MiB as JSON, so where the row came from "
                 "could not be kept";
}

/* Where a record that lands as a value came from. Returns why it cannot be kept, or NULL. */
static const char *write_origin(struct pn_sink_batch *batch, const struct pn_record *record)
{
    struct pn_json_writer json;
    struct pn_bytes key = record->key;
    size_t begin = batch->origins.len;
    pn_json_writer_init(&json, &batch->origins);
    pn_json_put_object(&json);
    pn_json_add_i64(&json, "offset", record->offset);
    if (batch->keeps == PN_SINK_ORIGINS_ALL) {
        pn_json_add_i64(&json, "timestamp", record->timestamp_ms);
    }
    if (batch->keeps == PN_SINK_ORIGINS_ALL && key.data != NULL) {
        bool is_text = pn_utf8_valid(key.data, key.len);
        pn_json_put_key(&json, is_text ? "key" : "key_base64");
        if (is_text) {
            pn_json_put_string(&json, key.data, key.len);
        } else {
            pn_json_put_base64(&json, key.data, key.len);
        }
    }
    if (batch->keeps == PN_SINK_ORIGINS_ALL && record->header_count > 0) {
        add_headers(&json, record);
    }
    pn_json_end(&json);
    pn_json_end_line(&json);
    return check_line(batch->origins.len - begin);
}

/* Why the record's value is not JSON; NULL when *root is what it holds. */
static const char *parse(struct pn_json_parser *parser, const struct pn_record *record,
                         struct pn_json **root, struct pn_err *e)
{
    if (record->value.data == NULL) {
        return "tombstone: no value";
    }
    if (record->value.len == 0) {
        return "empty value";
    }
    int rc =
        pn_json_parse(parser, record->value.data, record->value.len, record->value.len, root, e);
    return rc == 0 ? NULL : e->msg;
}

bool pn_sink_batch_add(struct pn_sink_batch *batch, const struct pn_record *record,
                       int64_t bytes_max)
{
    struct pn_sink_object *object = open_object(batch);
    size_t values_len = batch->values.len;
    size_t dead_len = batch->dead.len;
    size_t origins_len = batch->origins.len;
    struct pn_json *root = NULL;
    struct pn_err why;
    const char *reason = parse(batch->parser, record, &root, &why);
    if (reason == NULL && batch->keeps != PN_SINK_ORIGINS_NONE) {
        reason = write_origin(batch, record);
    }
    if (reason == NULL) {
        pn_json_write(&batch->values, root);
        pn_buf_addc(&batch->values, '\n');
    } else {
        cut_to(&batch->origins, origins_len);
        write_dead_letter(batch, &batch->dead, record, reason);
    }
    size_t bytes = (batch->values.len - object->values_at) + (batch->dead.len - object->dead_at) +
                   (batch->origins.len - object->origins_at);
    if (pn_sink_batch_open_count(batch) > 0 && bytes > (size_t)bytes_max) {
        cut_to(&batch->values, values_len);
        cut_to(&batch->dead, dead_len);
        cut_to(&batch->origins, origins_len);
        return false;
    }
    if (reason == NULL) {
        object->records++;
    } else {
        object->dead_letters++;
    }
    if (batch->takes_prints) {
        object->last = pn_sink_print_of(record);
    }
    return true;
}

void pn_sink_batch_close(struct pn_sink_batch *batch, int64_t end)
{
    struct pn_sink_object *object = open_object(batch);
    PN_ASSERT(object->first < end);
    object->end = end;
    object->values_len = batch->values.len - object->values_at;
    object->dead_len = batch->dead.len - object->dead_at;
    object->origins_len = batch->origins.len - object->origins_at;
    batch->count++;
    batch->is_open = false;
}

void pn_sink_batch_add_print(const struct pn_sink_batch *batch, struct pn_sink_prints *prints)
{
    if (batch->takes_prints && batch->count > 0) {
        pn_sink_prints_add(prints, &batch->objects[batch->count - 1].last);
    }
}

void pn_sink_batch_drop(struct pn_sink_batch *batch)
{
    const struct pn_sink_object *object = open_object(batch);
    cut_to(&batch->values, object->values_at);
    cut_to(&batch->dead, object->dead_at);
    cut_to(&batch->origins, object->origins_at);
    batch->is_open = false;
}

int64_t pn_sink_batch_open_count(const struct pn_sink_batch *batch)
{
    const struct pn_sink_object *object = open_object(batch);
    return object->records + object->dead_letters;
}
