/* Columns and values of MySQL and MariaDB as JSON, without loss. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emulate/mysql_database.h"

enum { CHARSET_BINARY = 63, FLOAT_DIGITS_MIN = 6, FLOAT_DIGITS_MAX = 9 };

/* MariaDB's JSON is a text with a check; only the extended metadata says which. */
static bool is_json(const MYSQL_FIELD *field)
{
    MARIADB_CONST_STRING format = {NULL, 0};
    if (field->type == MYSQL_TYPE_JSON) {
        return true;
    }
    return mariadb_field_attr(&format, field, MARIADB_FIELD_ATTR_FORMAT_NAME) == 0 &&
           format.length == 4 && memcmp(format.str, "json", 4) == 0;
}

enum pn_mysql_form pn_mysql_form_of(const MYSQL_FIELD *field)
{
    if (is_json(field)) {
        return PN_MYSQL_JSON;
    }
    switch (field->type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_YEAR:
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
    case MYSQL_TYPE_DOUBLE:
        return PN_MYSQL_NUMBER;
    case MYSQL_TYPE_FLOAT:
        return PN_MYSQL_FLOAT;
    case MYSQL_TYPE_BIT:
        return PN_MYSQL_BITS;
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_TIMESTAMP:
        return PN_MYSQL_DATETIME;
    case MYSQL_TYPE_GEOMETRY:
        return PN_MYSQL_BYTES;
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_BLOB:
        return field->charsetnr == CHARSET_BINARY ? PN_MYSQL_BYTES : PN_MYSQL_TEXT;
    default: /* DATE, TIME, ENUM, SET: they are texts */
        return PN_MYSQL_TEXT;
    }
}

/* ZEROFILL pads with zeros, which JSON does not allow. */
static void write_number(const char *bytes, size_t len, struct pn_json_writer *json)
{
    enum { DIGITS_MAX = 128 }; /* a DECIMAL has 65 */
    char digits[DIGITS_MAX];
    size_t count = 0;
    if (len > 0 && *bytes == '-') {
        digits[count++] = *bytes++;
        len--;
    }
    while (len > 1 && bytes[0] == '0' && bytes[1] >= '0' && bytes[1] <= '9') {
        bytes++;
        len--;
    }
    PN_ASSERT(len > 0 && len < sizeof digits);
    memcpy(digits + count, bytes, len);
    pn_json_put_raw(json, digits, count + len);
}

/* `bytes` are the digits of the same value as a double, so none of its bits are lost. */
static void write_float(const char *bytes, struct pn_json_writer *json)
{
    char text[32];
    float value = (float)strtod(bytes, NULL);
    for (int digits = FLOAT_DIGITS_MIN; digits <= FLOAT_DIGITS_MAX; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value) {
            break;
        }
    }
    pn_json_put_raw(json, text, strlen(text));
}

static void write_bits(const char *bytes, size_t len, struct pn_json_writer *json)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        value = value << 8 | (unsigned char)bytes[i];
    }
    pn_json_put_u64(json, value);
}

/* "2018-09-03 07:12:45" */
static void write_datetime(const char *bytes, size_t len, struct pn_json_writer *json)
{
    struct pn_buf *out = pn_json_open_text(json);
    size_t start = out->len;
    pn_buf_add(out, bytes, len);
    char *space = pn_buf_failed(out) ? NULL : memchr(out->data + start, ' ', len);
    if (space != NULL) {
        *space = 'T';
    }
    pn_json_close_text(json);
}

static void write_text(const char *bytes, size_t len, struct pn_json_writer *json, char *mismatch)
{
    pn_json_put_string(json, bytes, len);
    if (!pn_utf8_valid(bytes, len)) {
        (void)snprintf(mismatch, PN_MYSQL_MISMATCH_SIZE,
                       "a text that is not UTF-8 is sent with U+FFFD in it");
    }
}

static void write_json(const char *bytes, size_t len, struct pn_json_parser *parser,
                       struct pn_json_writer *json, char *mismatch)
{
    struct pn_json *root = NULL;
    struct pn_err why;
    if (pn_json_parse(parser, bytes, len, len, &root, &why) == 0) {
        pn_json_put_node(json, root);
        return;
    }
    write_text(bytes, len, json, mismatch);
    (void)snprintf(mismatch, PN_MYSQL_MISMATCH_SIZE,
                   "a value that is not JSON is sent as a string: %.120s", why.msg);
}

void pn_mysql_write_value(enum pn_mysql_form form, const char *bytes, size_t len,
                          struct pn_json_parser *parser, struct pn_json_writer *json,
                          char mismatch[PN_MYSQL_MISMATCH_SIZE])
{
    mismatch[0] = '\0';
    if (bytes == NULL) {
        pn_json_put_null(json);
        return;
    }
    switch (form) {
    case PN_MYSQL_NUMBER:
        write_number(bytes, len, json);
        break;
    case PN_MYSQL_FLOAT:
        write_float(bytes, json);
        break;
    case PN_MYSQL_BITS:
        write_bits(bytes, len, json);
        break;
    case PN_MYSQL_DATETIME:
        write_datetime(bytes, len, json);
        break;
    case PN_MYSQL_TEXT:
        write_text(bytes, len, json, mismatch);
        break;
    case PN_MYSQL_BYTES:
        pn_json_put_base64(json, bytes, len);
        break;
    case PN_MYSQL_JSON:
        write_json(bytes, len, parser, json, mismatch);
        break;
    }
}
