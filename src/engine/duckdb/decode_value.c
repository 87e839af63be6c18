#include "engine/duckdb/decode_value.h"

#include <math.h>
#include <string.h>

#include "base/base64.h"
#include "base/time_text.h"

enum { SHOWN_MAX = 60 }; /* bytes of a value in a reason */

/* Of types that have more on the stack than the frequent ones, which do not pay for its guard. */
#define APART __attribute__((noinline))

/* --- reasons ---------------------------------------------------------------------------------- */

static const char *type_word(enum pn_type_kind kind)
{
    switch (kind) {
    case PN_TYPE_STRING:
        return "a string";
    case PN_TYPE_BIGINT:
    case PN_TYPE_INT:
    case PN_TYPE_SMALLINT:
    case PN_TYPE_TINYINT:
        return "an integer";
    case PN_TYPE_DOUBLE:
    case PN_TYPE_FLOAT:
    case PN_TYPE_DECIMAL:
        return "a number";
    case PN_TYPE_BOOLEAN:
        return "true or false";
    case PN_TYPE_TIMESTAMP:
        return "a time such as \"2018-09-03T07:12:45Z\"";
    case PN_TYPE_DATE:
        return "a date such as \"2018-09-03\"";
    case PN_TYPE_BINARY:
        return "a string of base64";
    case PN_TYPE_JSON:
        return "any value";
    case PN_TYPE_ARRAY:
        return "an array";
    case PN_TYPE_STRUCT:
    case PN_TYPE_MAP:
        return "an object";
    }
    return "?";
}

/* Does a text begin with a year that is 0 or has more than four digits? The basic form of a day has
 * eight digits and no hyphen. */
static bool has_odd_year(const struct pn_json *node)
{
    size_t digits = 0;
    while (digits < node->text_len && node->text[digits] >= '0' && node->text[digits] <= '9') {
        digits++;
    }
    bool is_zero = digits >= 4 && memcmp(node->text, "0000", 4) == 0;
    bool is_long = digits > 4 && digits < node->text_len && node->text[digits] == '-';
    return is_zero || is_long;
}

static int wrong_type(const struct pn_type *type, const struct pn_json *node, struct pn_err *why)
{
    bool is_time = type->kind == PN_TYPE_TIMESTAMP || type->kind == PN_TYPE_DATE;
    bool is_year = is_time && node->type == PN_JSON_STRING && has_odd_year(node);
    bool whole = node->raw_len <= SHOWN_MAX;
    return pn_err_input(why, "expected %s%s, found %s %.*s%s", type_word(type->kind),
                        is_year ? " with a year from 0001 to 9999" : "",
                        pn_json_type_name(node->type), whole ? (int)node->raw_len : 0, node->raw,
                        whole ? "" : "(long)");
}

/* A number that the type cannot hold. */
static int wrong_number(const struct pn_type *type, const struct pn_json *node, bool is_fine,
                        struct pn_err *why)
{
    enum { NAME_BYTES_MAX = 64 };
    bool whole = node->raw_len <= SHOWN_MAX;
    int shown = whole ? (int)node->raw_len : SHOWN_MAX;
    const char *rest = whole ? "" : "...";
    if (is_fine && type->kind != PN_TYPE_DECIMAL) {
        return pn_err_input(why, "expected an integer, but %.*s%s has a fraction", shown, node->raw,
                            rest);
    }
    if (is_fine) {
        return pn_err_input(why, "%.*s%s has more digits after the point than decimal(%d,%d)",
                            shown, node->raw, rest, type->precision, type->scale);
    }
    struct pn_buf name;
    pn_buf_init(&name, NAME_BYTES_MAX);
    pn_type_name(type, &name);
    int rc = pn_err_input(why, "%.*s%s is out of range for %s", shown, node->raw, rest,
                          pn_buf_text(&name));
    pn_buf_deinit(&name);
    return rc;
}

/* --- checking --------------------------------------------------------------------------------- */

static int check_integer(const struct pn_type *type, const struct pn_json *node, int64_t min,
                         int64_t max, struct pn_err *why)
{
    if (node->type != PN_JSON_NUMBER) {
        return wrong_type(type, node, why);
    }
    bool fits = node->is_integer && node->integer >= min && node->integer <= max;
    return fits ? 0 : wrong_number(type, node, pn_json_has_fraction(node), why);
}

static int check_real(const struct pn_type *type, const struct pn_json *node, struct pn_err *why)
{
    if (node->type != PN_JSON_NUMBER) {
        return wrong_type(type, node, why);
    }
    bool fits =
        type->kind == PN_TYPE_DOUBLE ? isfinite(node->number) : isfinite(pn_json_float(node));
    return fits ? 0 : wrong_number(type, node, false, why);
}

APART static int check_decimal(const struct pn_type *type, const struct pn_json *node,
                               struct pn_err *why)
{
    pn_int128 units = 0;
    if (node->type != PN_JSON_NUMBER) {
        return wrong_type(type, node, why);
    }
    enum pn_json_fit fit = pn_json_decimal(node, type->precision, type->scale, &units);
    return fit == PN_JSON_FITS ? 0 : wrong_number(type, node, fit == PN_JSON_TOO_FINE, why);
}

/* To be deinitialized in any case. */
static bool bytes_of(const struct pn_json *node, struct pn_buf *bytes)
{
    pn_buf_init(bytes, node->text_len + 4); /* more than base64 of that length holds */
    return pn_base64_decode(bytes, node->text, node->text_len);
}

APART static bool is_base64(const struct pn_json *node)
{
    struct pn_buf bytes;
    bool is = bytes_of(node, &bytes);
    pn_buf_deinit(&bytes);
    return is;
}

APART static bool is_instant(const struct pn_json *node)
{
    int64_t micros = 0;
    return pn_time_parse(node->text, node->text_len, &micros);
}

APART static bool is_day(const struct pn_json *node)
{
    int32_t days = 0;
    return pn_day_parse(node->text, node->text_len, &days);
}

int pn_value_check(const struct pn_type *type, const struct pn_json *node, struct pn_err *why)
{
    bool is_text = node->type == PN_JSON_STRING;
    bool ok = false;
    switch (type->kind) {
    case PN_TYPE_STRING:
        ok = is_text;
        break;
    case PN_TYPE_BIGINT:
        return check_integer(type, node, INT64_MIN, INT64_MAX, why);
    case PN_TYPE_INT:
        return check_integer(type, node, INT32_MIN, INT32_MAX, why);
    case PN_TYPE_SMALLINT:
        return check_integer(type, node, INT16_MIN, INT16_MAX, why);
    case PN_TYPE_TINYINT:
        return check_integer(type, node, INT8_MIN, INT8_MAX, why);
    case PN_TYPE_DOUBLE:
    case PN_TYPE_FLOAT:
        return check_real(type, node, why);
    case PN_TYPE_DECIMAL:
        return check_decimal(type, node, why);
    case PN_TYPE_BOOLEAN:
        ok = node->type == PN_JSON_BOOL;
        break;
    case PN_TYPE_TIMESTAMP:
        ok = is_text && is_instant(node);
        break;
    case PN_TYPE_DATE:
        ok = is_text && is_day(node);
        break;
    case PN_TYPE_BINARY:
        ok = is_text && is_base64(node);
        break;
    case PN_TYPE_JSON:
        return 0;
    case PN_TYPE_STRUCT:
    case PN_TYPE_ARRAY:
    case PN_TYPE_MAP:
        break;
    }
    return ok ? 0 : wrong_type(type, node, why);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* DuckDB keeps a decimal in the smallest integer that has room for its digits. */
APART static void put_decimal(const struct pn_type *type, const struct pn_json *node, void *data,
                              idx_t row)
{
    enum { DIGITS_16 = 4, DIGITS_32 = 9, DIGITS_64 = 18 };
    pn_int128 units = 0;
    enum pn_json_fit fit = pn_json_decimal(node, type->precision, type->scale, &units);
    PN_ASSERT(fit == PN_JSON_FITS);
    if (type->precision <= DIGITS_16) {
        ((int16_t *)data)[row] = (int16_t)units;
    } else if (type->precision <= DIGITS_32) {
        ((int32_t *)data)[row] = (int32_t)units;
    } else if (type->precision <= DIGITS_64) {
        ((int64_t *)data)[row] = (int64_t)units;
    } else {
        ((duckdb_hugeint *)data)[row] =
            (duckdb_hugeint){.lower = (uint64_t)units, .upper = (int64_t)(units >> 64)};
    }
}

APART static void put_bytes(const struct pn_json *node, duckdb_vector vector, idx_t row)
{
    struct pn_buf bytes;
    bool fits = bytes_of(node, &bytes);
    PN_ASSERT(fits);
    duckdb_unsafe_vector_assign_string_element_len(vector, row, pn_buf_text(&bytes), bytes.len);
    pn_buf_deinit(&bytes);
}

APART static void put_instant(const struct pn_json *node, int64_t *data, idx_t row)
{
    if (node->type == PN_JSON_NUMBER) {
        data[row] = node->integer; /* of a lenient column */
        return;
    }
    bool fits = pn_time_parse(node->text, node->text_len, &data[row]);
    PN_ASSERT(fits);
}

APART static void put_day(const struct pn_json *node, int32_t *data, idx_t row)
{
    if (node->type == PN_JSON_NUMBER) {
        data[row] = (int32_t)node->integer;
        return;
    }
    bool fits = pn_day_parse(node->text, node->text_len, &data[row]);
    PN_ASSERT(fits);
}

/* The compact form, with numbers as they were written. */
APART static void put_json(const struct pn_json *node, duckdb_vector vector, idx_t row)
{
    enum { JSON_BYTES_MAX = 64 << 20 }; /* a record is smaller */
    struct pn_buf text;
    pn_buf_init(&text, JSON_BYTES_MAX);
    pn_json_write(&text, node);
    PN_ASSERT(!pn_buf_failed(&text));
    duckdb_unsafe_vector_assign_string_element_len(vector, row, pn_buf_text(&text), text.len);
    pn_buf_deinit(&text);
}

void pn_value_put(const struct pn_type *type, const struct pn_json *node, duckdb_vector vector,
                  void *data, idx_t row)
{
    switch (type->kind) {
    case PN_TYPE_STRING:
        /* The parser has checked that it is UTF-8. */
        duckdb_unsafe_vector_assign_string_element_len(vector, row, node->text, node->text_len);
        break;
    case PN_TYPE_BIGINT:
        ((int64_t *)data)[row] = node->integer;
        break;
    case PN_TYPE_INT:
        ((int32_t *)data)[row] = (int32_t)node->integer;
        break;
    case PN_TYPE_SMALLINT:
        ((int16_t *)data)[row] = (int16_t)node->integer;
        break;
    case PN_TYPE_TINYINT:
        ((int8_t *)data)[row] = (int8_t)node->integer;
        break;
    case PN_TYPE_DOUBLE:
        ((double *)data)[row] = node->number;
        break;
    case PN_TYPE_FLOAT:
        ((float *)data)[row] = pn_json_float(node);
        break;
    case PN_TYPE_DECIMAL:
        put_decimal(type, node, data, row);
        break;
    case PN_TYPE_BOOLEAN:
        ((bool *)data)[row] = node->boolean;
        break;
    case PN_TYPE_TIMESTAMP:
        put_instant(node, data, row);
        break;
    case PN_TYPE_DATE:
        put_day(node, data, row);
        break;
    case PN_TYPE_BINARY:
        put_bytes(node, vector, row);
        break;
    case PN_TYPE_JSON:
        put_json(node, vector, row);
        break;
    case PN_TYPE_STRUCT:
    case PN_TYPE_ARRAY:
    case PN_TYPE_MAP:
        break;
    }
}
