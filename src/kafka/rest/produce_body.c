#include "kafka/rest/produce_body.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"

struct parse {
    const struct pn_kafka_rest_produce_input *input;
    struct pn_arena *arena;
    struct pn_buf *values;
    struct pn_kafka_rest_refusal *error;
    size_t index; /* of the record, for messages */
};

PN_PRINTF(4, 5)
static int fail(struct parse *p, int status, int code, const char *fmt, ...)
{
    p->error->status = status;
    p->error->code = code;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(p->error->msg, sizeof p->error->msg, fmt, args);
    va_end(args);
    return -1;
}

static bool key_is(const struct pn_json *member, const char *name)
{
    return member->key_len == strlen(name) && memcmp(member->key, name, member->key_len) == 0;
}

/* At most this much of what a client sent is quoted in a message. */
enum { QUOTE_BYTES_MAX = 80 };

static int quoted(size_t len)
{
    return (int)(len < QUOTE_BYTES_MAX ? len : QUOTE_BYTES_MAX);
}

static int unknown_member(struct parse *p, const struct pn_json *member, const char *where)
{
    return fail(p, 422, 422, "Unrecognized field: %.*s%s", quoted(member->key_len), member->key,
                where);
}

/*
 * While the values are gathered their buffer may move, so until settle() the data pointer of a
 * struct pn_bytes holds the offset in it, plus one.
 */
static struct pn_bytes bytes_from(const struct parse *p, size_t start)
{
    return (struct pn_bytes){.data = (const void *)(uintptr_t)(start + 1),
                             .len = p->values->len - start};
}

static void settle(const struct parse *p, struct pn_bytes *bytes)
{
    if (bytes->data != NULL) {
        bytes->data = p->values->data + ((uintptr_t)bytes->data - 1);
    }
}

static int decode_base64(struct parse *p, const struct pn_json *node, struct pn_bytes *bytes)
{
    if (node->type == PN_JSON_NULL) {
        return 0;
    }
    if (node->type != PN_JSON_STRING) {
        size_t from = p->values->len;
        pn_json_write(p->values, node);
        return fail(p, 400, 400, "data=%.*s is not a base64 string.", quoted(p->values->len - from),
                    p->values->data + from);
    }
    size_t start = p->values->len;
    if (!pn_buf_reserve(p->values, 1) || !pn_base64_decode(p->values, node->text, node->text_len)) {
        return fail(p, 400, 400, "data=\"%.*s\" is not a valid base64 string.",
                    quoted(node->text_len), node->text);
    }
    *bytes = bytes_from(p, start);
    return 0;
}

static int take_data(struct parse *p, const struct pn_json *node, struct pn_bytes *bytes)
{
    if (p->input->format == PN_KAFKA_REST_BODY_BINARY) {
        return decode_base64(p, node, bytes);
    }
    if (node->type != PN_JSON_NULL) {
        size_t start = p->values->len;
        pn_json_write(p->values, node);
        *bytes = bytes_from(p, start);
    }
    return 0;
}

static int take_partition(struct parse *p, const struct pn_json *node, int32_t *partition)
{
    if (node->type == PN_JSON_NULL) {
        return 0;
    }
    if (node->type != PN_JSON_NUMBER || !node->is_integer || node->integer < 0 ||
        node->integer > INT32_MAX) {
        return fail(p, 422, 422, "records[%zu].partition must be an integer from 0 on", p->index);
    }
    *partition = (int32_t)node->integer;
    return 0;
}

static int take_header(struct parse *p, const struct pn_json *node, struct pn_record_header *header)
{
    const struct pn_json *name = pn_json_get(node, "key");
    if (name == NULL || name->type != PN_JSON_STRING) {
        return fail(p, 422, 422,
                    "records[%zu].headers: each must be an object with a string "
                    "\"key\" and a base64 \"value\" or null",
                    p->index);
    }
    size_t start = p->values->len;
    pn_buf_add(p->values, name->text, name->text_len);
    header->name = bytes_from(p, start);
    for (const struct pn_json *m = node->first; m != NULL; m = m->next) {
        if (key_is(m, "value")) {
            if (decode_base64(p, m, &header->value) != 0) {
                return -1;
            }
        } else if (!key_is(m, "key")) {
            return unknown_member(p, m, " (in a record's header)");
        }
    }
    return 0;
}

static int take_headers(struct parse *p, const struct pn_json *node, struct pn_record *record)
{
    if (node->type == PN_JSON_NULL) {
        return 0;
    }
    if (node->type != PN_JSON_ARRAY || node->count > PN_RECORD_HEADERS_MAX) {
        return fail(p, 422, 422, "records[%zu].headers must be an array of at most %d", p->index,
                    PN_RECORD_HEADERS_MAX);
    }
    struct pn_record_header *headers = pn_arena_calloc(p->arena, node->count + 1, sizeof *headers);
    size_t i = 0;
    for (const struct pn_json *h = node->first; h != NULL; h = h->next) {
        if (take_header(p, h, &headers[i++]) != 0) {
            return -1;
        }
    }
    record->headers = headers;
    record->header_count = node->count;
    return 0;
}

static int take_record(struct parse *p, const struct pn_json *node, struct pn_log_entry *entry)
{
    if (node->type != PN_JSON_OBJECT) {
        return fail(p, 422, 422, "records[%zu] must be an object, not %s %s", p->index,
                    node->type == PN_JSON_ARRAY || node->type == PN_JSON_OBJECT ? "an" : "a",
                    pn_json_type_name(node->type));
    }
    entry->partition = p->input->partition;
    entry->record.timestamp_ms = -1;
    size_t start = p->values->len;
    int rc = 0;
    for (const struct pn_json *m = node->first; m != NULL && rc == 0; m = m->next) {
        if (key_is(m, "value")) {
            rc = take_data(p, m, &entry->record.value);
        } else if (key_is(m, "key")) {
            rc = take_data(p, m, &entry->record.key);
        } else if (key_is(m, "partition")) {
            rc = take_partition(p, m, &entry->partition);
        } else if (key_is(m, "headers")) {
            rc = take_headers(p, m, &entry->record);
        } else {
            rc = unknown_member(p, m, " (in a record)");
        }
    }
    if (rc == 0 && (int64_t)(p->values->len - start) > p->input->record_bytes_max) {
        entry->rc = PN_FAIL;
        entry->class_ = PN_CLASS_INPUT;
    }
    return rc;
}

static const struct pn_json *find_records(struct parse *p)
{
    static const char *const ignored[] = {"key_schema", "key_schema_id", "value_schema",
                                          "value_schema_id"};
    const struct pn_json *root = p->input->root;
    if (root == NULL) {
        (void)fail(p, 422, 422, "Request body is empty. Data is required.");
        return NULL;
    }
    if (root->type != PN_JSON_OBJECT) {
        (void)fail(p, 422, 422, "The body must be an object with \"records\", not %s %s",
                   root->type == PN_JSON_ARRAY ? "an" : "a", pn_json_type_name(root->type));
        return NULL;
    }
    const struct pn_json *records = NULL;
    for (const struct pn_json *m = root->first; m != NULL; m = m->next) {
        bool known = key_is(m, "records");
        records = known ? m : records;
        for (size_t i = 0; i < sizeof ignored / sizeof ignored[0] && !known; i++) {
            known = key_is(m, ignored[i]);
        }
        if (!known) {
            (void)unknown_member(p, m, "");
            return NULL;
        }
    }
    if (records == NULL || records->type != PN_JSON_ARRAY || records->count == 0) {
        (void)fail(p, 422, 422, "records must be an array with at least one record");
        return NULL;
    }
    return records;
}

static void settle_all(const struct parse *p, struct pn_log_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct pn_record *record = &entries[i].record;
        settle(p, &record->key);
        settle(p, &record->value);
        for (size_t h = 0; h < record->header_count; h++) {
            struct pn_record_header *header = (struct pn_record_header *)&record->headers[h];
            settle(p, &header->name);
            settle(p, &header->value);
        }
    }
}

int pn_kafka_rest_produce_parse(const struct pn_kafka_rest_produce_input *input,
                                struct pn_arena *arena, struct pn_buf *values,
                                struct pn_log_entry **entries, size_t *count,
                                struct pn_kafka_rest_refusal *error)
{
    struct parse p = {.input = input, .arena = arena, .values = values, .error = error};
    const struct pn_json *records = find_records(&p);
    if (records == NULL) {
        return -1;
    }
    if ((int64_t)records->count > input->records_max) {
        return fail(&p, 413, 413,
                    "The request has %zu records; %lld are allowed "
                    "(gateway.records_per_request_max)",
                    records->count, (long long)input->records_max);
    }
    /* An empty value still needs an address, so there is always a buffer. */
    (void)pn_buf_reserve(values, 1);
    struct pn_log_entry *made = pn_arena_calloc(arena, records->count, sizeof *made);
    for (const struct pn_json *r = records->first; r != NULL; r = r->next) {
        if (take_record(&p, r, &made[p.index]) != 0) {
            return -1;
        }
        p.index++;
    }
    if (pn_buf_failed(values)) {
        return fail(&p, 413, 413, "The records are too large together");
    }
    settle_all(&p, made, records->count);
    *entries = made;
    *count = records->count;
    return 0;
}

/* Returns the place after the string that begins at `at`, or `end`. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        at += *at == '\\' ? 1 : 0;
    }
    return at < end ? at + 1 : end;
}

bool pn_kafka_rest_produce_record_at(const char *body, size_t offset, size_t *index)
{
    static const char name[] = "\"records\"";
    const char *end = body + offset;
    bool named = false;  /* the string read last, at the top level, is "records" */
    bool inside = false; /* of the array of records */
    size_t depth = 0;
    *index = 0;
    for (const char *at = body; at < end;) {
        char c = *at;
        if (c == '"') {
            const char *start = at;
            at = skip_string(at, end);
            named = depth == 1 && (size_t)(at - start) == sizeof name - 1 &&
                    memcmp(start, name, sizeof name - 1) == 0;
            continue;
        }
        if (c == '[' || c == '{') {
            inside = inside || (depth == 1 && c == '[' && named);
            depth++;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
            inside = inside && depth > 1;
        } else if (c == ',' && inside && depth == 2) {
            (*index)++;
        }
        at++;
    }
    return inside;
}
