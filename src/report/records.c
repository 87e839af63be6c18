#include "report/records.h"

#include <string.h>

#include "base/base64.h"
#include "base/json_writer.h"
#include "base/time_text.h"
#include "base/units.h"

enum { CELL_BYTES_MAX = 64 << 20 };

/* --- where to begin --------------------------------------------------------------------------- */

bool pn_records_from_parse(const char *text, struct pn_records_from *from)
{
    if (strcmp(text, "newest") == 0 || strcmp(text, "latest") == 0) {
        *from = (struct pn_records_from){.at = PN_RECORDS_NEWEST};
        return true;
    }
    if (strcmp(text, "oldest") == 0 || strcmp(text, "earliest") == 0) {
        *from = (struct pn_records_from){.at = PN_RECORDS_OLDEST};
        return true;
    }
    if (text[0] != '\0' && strspn(text, "0123456789") == strlen(text)) {
        from->at = PN_RECORDS_OFFSET;
        return pn_parse_i64(text, &from->value, NULL) == 0;
    }
    from->at = PN_RECORDS_TIME;
    return pn_time_parse_ms(text, &from->value);
}

int pn_records_find(struct pn_log *log, const char *topic, int32_t partition,
                    const struct pn_records_from *from, int64_t *offset, struct pn_err *e)
{
    struct pn_log_offsets offsets = {0};
    int64_t found = 0;
    int rc = pn_log_offsets(log, topic, partition, &offsets, e);
    if (rc != 0) {
        return rc;
    }
    switch (from->at) {
    case PN_RECORDS_NEWEST:
        found = offsets.end;
        break;
    case PN_RECORDS_OLDEST:
        found = offsets.begin;
        break;
    case PN_RECORDS_OFFSET:
        found = from->value;
        break;
    case PN_RECORDS_TIME:
        rc = pn_log_offset_at(log, topic, partition, from->value, &found, e);
        break;
    }
    found = found < offsets.end ? found : offsets.end;
    *offset = found > offsets.begin ? found : offsets.begin;
    return rc;
}

/* --- rows ------------------------------------------------------------------------------------- */

static const char *encoding_of(struct pn_bytes bytes)
{
    if (bytes.data == NULL) {
        return NULL;
    }
    return pn_utf8_valid(bytes.data, bytes.len) ? "text" : "base64";
}

static void bytes_cell(struct pn_row_writer *rows, struct pn_bytes bytes)
{
    if (bytes.data == NULL) {
        pn_cell_null_value(rows);
    } else if (pn_utf8_valid(bytes.data, bytes.len)) {
        pn_cell_text(rows, bytes.data, bytes.len);
    } else {
        pn_cell_bytes(rows, bytes.data, bytes.len);
    }
}

static void put_header(struct pn_json_writer *json, const struct pn_record_header *header)
{
    const char *encoding = encoding_of(header->value);
    pn_json_put_object(json);
    pn_json_add_string(json, "name", header->name.data, header->name.len);
    pn_json_put_key(json, "value");
    if (encoding == NULL) {
        pn_json_put_null(json);
    } else if (strcmp(encoding, "text") == 0) {
        pn_json_put_string(json, header->value.data, header->value.len);
    } else {
        pn_json_put_base64(json, header->value.data, header->value.len);
    }
    pn_json_add_cstr(json, "encoding", encoding);
    pn_json_end(json);
}

static void headers_cell(struct pn_row_writer *rows, const struct pn_record *record)
{
    struct pn_buf text;
    struct pn_json_writer json;
    pn_buf_init(&text, CELL_BYTES_MAX);
    pn_json_writer_init(&json, &text);
    pn_json_put_array(&json);
    for (size_t i = 0; i < record->header_count; i++) {
        put_header(&json, &record->headers[i]);
    }
    pn_json_end(&json);
    pn_cell_json(rows, pn_buf_text(&text), text.len);
    pn_buf_deinit(&text);
}

PN_REPORT_COLUMNS(pn_record_columns, {"partition", PN_CELL_INT | PN_NOT_NULL},
                  {"offset", PN_CELL_WIDE | PN_NOT_NULL}, {"time", PN_CELL_TIME | PN_NOT_NULL},
                  {"key", PN_CELL_TEXT}, {"encoding", PN_CELL_TEXT}, {"value", PN_CELL_TEXT},
                  {"key_encoding", PN_CELL_TEXT}, {"headers", PN_CELL_JSON | PN_NOT_NULL});

void pn_report_records_begin(struct pn_row_writer *rows)
{
    bool whole = pn_row_writer_format(rows) != PN_FORMAT_TABLE;
    size_t count = pn_record_columns.count;
    pn_row_writer_begin(rows, pn_record_columns.items, whole ? count : count - 2);
}

void pn_report_record(int32_t partition, const struct pn_record *record, struct pn_row_writer *rows)
{
    pn_cell_int(rows, partition);
    pn_cell_int(rows, record->offset);
    pn_cell_time(rows, record->timestamp_ms);
    bytes_cell(rows, record->key);
    pn_cell_cstr(rows, encoding_of(record->value));
    bytes_cell(rows, record->value);
    if (pn_row_writer_format(rows) != PN_FORMAT_TABLE) {
        pn_cell_cstr(rows, encoding_of(record->key));
        headers_cell(rows, record);
    }
}

/* --- from JSON -------------------------------------------------------------------------------- */

int64_t pn_report_read_wide(const struct pn_json *object, const char *key)
{
    const struct pn_json *node = pn_json_get(object, key);
    char digits[24];
    int64_t value = 0;
    if (node == NULL || node->type != PN_JSON_STRING) {
        return pn_json_get_i64(object, key, 0);
    }
    if (node->text_len < sizeof digits) {
        memcpy(digits, node->text, node->text_len);
        digits[node->text_len] = '\0';
        if (pn_parse_i64(digits, &value, NULL) != 0) {
            value = 0;
        }
    }
    return value;
}

/* An absent value has no place; an empty one has. */
static struct pn_bytes keep(struct pn_arena *arena, const struct pn_buf *bytes)
{
    char *copy = pn_arena_alloc(arena, bytes->len + 1);
    memcpy(copy, pn_buf_text(bytes), bytes->len + 1);
    return (struct pn_bytes){.data = copy, .len = bytes->len};
}

static int read_bytes(const struct pn_json *object, const char *key, const char *encoding_key,
                      struct pn_arena *arena, struct pn_bytes *bytes, struct pn_err *e)
{
    const struct pn_json *node = pn_json_get(object, key);
    const struct pn_json *encoding = pn_json_get(object, encoding_key);
    struct pn_buf out;
    int rc = 0;
    *bytes = (struct pn_bytes){.data = NULL};
    if (node == NULL || node->type == PN_JSON_NULL) {
        return 0;
    }
    pn_buf_init(&out, CELL_BYTES_MAX);
    if (node->type != PN_JSON_STRING) {
        pn_json_write(&out, node);
    } else if (pn_json_text_is(encoding, "base64")) {
        rc = pn_base64_decode(&out, node->text, node->text_len)
                 ? 0
                 : pn_err_input(e, "%s is not base64, which %s says it is", key, encoding_key);
    } else if (encoding == NULL || encoding->type == PN_JSON_NULL ||
               pn_json_text_is(encoding, "text")) {
        pn_buf_add(&out, node->text, node->text_len);
    } else {
        rc = pn_err_input(e, "%s is \"text\" or \"base64\"", encoding_key);
    }
    if (rc == 0) {
        rc = pn_buf_check(&out, key, e);
    }
    if (rc == 0) {
        *bytes = keep(arena, &out);
    }
    pn_buf_deinit(&out);
    return rc;
}

static int read_header(const struct pn_json *node, struct pn_arena *arena,
                       struct pn_record_header *header, struct pn_err *e)
{
    const struct pn_json *name = pn_json_get(node, "name");
    if (name == NULL || name->type != PN_JSON_STRING) {
        return pn_err_input(e, "each of headers is an object with a name and a value");
    }
    int rc = read_bytes(node, "name", "name_encoding", arena, &header->name, e);
    return rc != 0 ? rc : read_bytes(node, "value", "encoding", arena, &header->value, e);
}

static int read_headers(const struct pn_json *headers, struct pn_arena *arena,
                        struct pn_record *record, struct pn_err *e)
{
    if (headers == NULL || headers->type == PN_JSON_NULL) {
        return 0;
    }
    if (headers->type != PN_JSON_ARRAY || headers->count > PN_RECORD_HEADERS_MAX) {
        return pn_err_input(e, "headers is an array of at most %d objects", PN_RECORD_HEADERS_MAX);
    }
    struct pn_record_header *all = pn_arena_calloc(arena, headers->count, sizeof *all);
    int rc = 0;
    size_t count = 0;
    for (const struct pn_json *node = headers->first; rc == 0 && node != NULL; node = node->next) {
        rc = read_header(node, arena, &all[count++], e);
    }
    record->headers = all;
    record->header_count = count;
    return rc;
}

int pn_record_read(const struct pn_json *object, struct pn_arena *arena, struct pn_record *record,
                   struct pn_err *e)
{
    *record = (struct pn_record){.timestamp_ms = -1};
    if (object == NULL || object->type != PN_JSON_OBJECT) {
        return pn_err_input(e, "a record is an object with a value, such as "
                               "{\"key\":\"k\",\"value\":\"v\"}");
    }
    int rc = read_bytes(object, "key", "key_encoding", arena, &record->key, e);
    if (rc == 0) {
        rc = read_bytes(object, "value", "encoding", arena, &record->value, e);
    }
    return rc != 0 ? rc : read_headers(pn_json_get(object, "headers"), arena, record, e);
}
