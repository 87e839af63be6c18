/* Values of result vectors as JSON. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "engine/duckdb/private.h"

__extension__ typedef __int128 int128;

enum { DECIMAL_DIGITS_MAX = 40 };

static int check_struct(duckdb_logical_type type, const char *column, struct pn_err *e)
{
    int rc = 0;
    for (idx_t i = 0; rc == 0 && i < duckdb_struct_type_child_count(type); i++) {
        duckdb_logical_type child = duckdb_struct_type_child_type(type, i);
        rc = pn_duckdb_json_check(child, column, e);
        duckdb_destroy_logical_type(&child);
    }
    return rc;
}

int pn_duckdb_json_check(duckdb_logical_type type, const char *column, struct pn_err *e)
{
    int rc = 0;
    duckdb_logical_type child = NULL;
    switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_DECIMAL:
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE:
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_DATE:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
    case DUCKDB_TYPE_SQLNULL:
        return 0;
    case DUCKDB_TYPE_STRUCT:
        return check_struct(type, column, e);
    case DUCKDB_TYPE_LIST:
        child = duckdb_list_type_child_type(type);
        rc = pn_duckdb_json_check(child, column, e);
        duckdb_destroy_logical_type(&child);
        return rc;
    default:
        break;
    }
    enum { TYPE_BYTES_MAX = 64 * 1024 };
    struct pn_buf name;
    pn_buf_init(&name, TYPE_BYTES_MAX);
    pn_duckdb_type_name(type, &name);
    rc = pn_err_input(e, "column '%s' is %s, which can't be shown: cast it to VARCHAR", column,
                      pn_buf_text(&name));
    pn_buf_deinit(&name);
    return rc;
}

/* `value` with its last `scale` digits behind a point. */
static void add_decimal(struct pn_buf *out, int128 value, unsigned scale)
{
    char digits[DECIMAL_DIGITS_MAX + 2];
    size_t at = sizeof digits;
    unsigned written = 0;
    bool negative = value < 0;
    do {
        int digit = (int)(value % 10);
        value /= 10;
        digits[--at] = (char)('0' + (digit < 0 ? -digit : digit));
        written++;
        if (written == scale) {
            digits[--at] = '.';
        }
    } while (value != 0 || written <= scale);
    pn_buf_adds(out, negative ? "-" : "");
    pn_buf_add(out, digits + at, sizeof digits - at);
}

static int128 wide(duckdb_hugeint value)
{
    return ((int128)value.upper << 64) | value.lower;
}

static void add_stored_decimal(struct pn_buf *out, duckdb_logical_type type, const void *data,
                               idx_t row)
{
    int128 value = 0;
    switch (duckdb_decimal_internal_type(type)) {
    case DUCKDB_TYPE_SMALLINT:
        value = ((const int16_t *)data)[row];
        break;
    case DUCKDB_TYPE_INTEGER:
        value = ((const int32_t *)data)[row];
        break;
    case DUCKDB_TYPE_BIGINT:
        value = ((const int64_t *)data)[row];
        break;
    default:
        value = wide(((const duckdb_hugeint *)data)[row]);
        break;
    }
    add_decimal(out, value, duckdb_decimal_scale(type));
}

static void add_date(struct pn_buf *out, duckdb_date date)
{
    if (!duckdb_is_finite_date(date)) {
        pn_buf_adds(out, date.days < 0 ? "\"-infinity\"" : "\"infinity\"");
        return;
    }
    duckdb_date_struct parts = duckdb_from_date(date);
    pn_buf_addf(out, "\"%04" PRId32 "-%02d-%02d\"", parts.year, parts.month, parts.day);
}

static void add_instant(struct pn_buf *out, duckdb_timestamp instant, const char *zone)
{
    if (!duckdb_is_finite_timestamp(instant)) {
        pn_buf_adds(out, instant.micros < 0 ? "\"-infinity\"" : "\"infinity\"");
        return;
    }
    duckdb_timestamp_struct parts = duckdb_from_timestamp(instant);
    pn_buf_addf(out, "\"%04" PRId32 "-%02d-%02dT%02d:%02d:%02d", parts.date.year, parts.date.month,
                parts.date.day, parts.time.hour, parts.time.min, parts.time.sec);
    if (parts.time.micros != 0) {
        pn_buf_addf(out, ".%06" PRId32, parts.time.micros);
    }
    pn_buf_addf(out, "%s\"", zone);
}

static void add_struct(struct pn_buf *out, duckdb_logical_type type, duckdb_vector vector,
                       idx_t row)
{
    pn_buf_addc(out, '{');
    for (idx_t i = 0; i < duckdb_struct_type_child_count(type); i++) {
        char *name = duckdb_struct_type_child_name(type, i);
        duckdb_logical_type child = duckdb_struct_type_child_type(type, i);
        pn_json_write_key(out, name);
        pn_duckdb_json(out, child, duckdb_struct_vector_get_child(vector, i), row);
        duckdb_destroy_logical_type(&child);
        duckdb_free(name);
    }
    pn_buf_addc(out, '}');
}

static void add_list(struct pn_buf *out, duckdb_logical_type type, duckdb_vector vector, idx_t row)
{
    const duckdb_list_entry *entry = (duckdb_list_entry *)duckdb_vector_get_data(vector) + row;
    duckdb_logical_type child = duckdb_list_type_child_type(type);
    duckdb_vector values = duckdb_list_vector_get_child(vector);
    pn_buf_addc(out, '[');
    for (uint64_t i = 0; i < entry->length; i++) {
        pn_buf_adds(out, i == 0 ? "" : ",");
        pn_duckdb_json(out, child, values, entry->offset + i);
    }
    pn_buf_addc(out, ']');
    duckdb_destroy_logical_type(&child);
}

static void add_text(struct pn_buf *out, duckdb_vector vector, idx_t row)
{
    const char *text = NULL;
    size_t len = 0;
    bool there = pn_duckdb_text(vector, row, &text, &len);
    PN_ASSERT(there);
    pn_json_write_string(out, text, len);
}

void pn_duckdb_json(struct pn_buf *out, duckdb_logical_type type, duckdb_vector vector, idx_t row)
{
    const void *data = duckdb_vector_get_data(vector);
    if (pn_duckdb_is_null(vector, row)) {
        pn_buf_adds(out, "null");
        return;
    }
    switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_BOOLEAN:
        pn_buf_adds(out, ((const bool *)data)[row] ? "true" : "false");
        break;
    case DUCKDB_TYPE_TINYINT:
        pn_buf_add_i64(out, ((const int8_t *)data)[row]);
        break;
    case DUCKDB_TYPE_SMALLINT:
        pn_buf_add_i64(out, ((const int16_t *)data)[row]);
        break;
    case DUCKDB_TYPE_INTEGER:
        pn_buf_add_i64(out, ((const int32_t *)data)[row]);
        break;
    case DUCKDB_TYPE_BIGINT:
        pn_buf_add_i64(out, ((const int64_t *)data)[row]);
        break;
    case DUCKDB_TYPE_UTINYINT:
        pn_buf_add_i64(out, ((const uint8_t *)data)[row]);
        break;
    case DUCKDB_TYPE_USMALLINT:
        pn_buf_add_i64(out, ((const uint16_t *)data)[row]);
        break;
    case DUCKDB_TYPE_UINTEGER:
        pn_buf_add_i64(out, ((const uint32_t *)data)[row]);
        break;
    case DUCKDB_TYPE_UBIGINT:
        pn_buf_addf(out, "%" PRIu64, ((const uint64_t *)data)[row]);
        break;
    case DUCKDB_TYPE_HUGEINT:
        add_decimal(out, wide(((const duckdb_hugeint *)data)[row]), 0);
        break;
    case DUCKDB_TYPE_DECIMAL:
        add_stored_decimal(out, type, data, row);
        break;
    case DUCKDB_TYPE_FLOAT:
        pn_json_write_double(out, (double)((const float *)data)[row]);
        break;
    case DUCKDB_TYPE_DOUBLE:
        pn_json_write_double(out, ((const double *)data)[row]);
        break;
    case DUCKDB_TYPE_VARCHAR:
        add_text(out, vector, row);
        break;
    case DUCKDB_TYPE_DATE:
        add_date(out, ((const duckdb_date *)data)[row]);
        break;
    case DUCKDB_TYPE_TIMESTAMP:
        add_instant(out, ((const duckdb_timestamp *)data)[row], "");
        break;
    case DUCKDB_TYPE_TIMESTAMP_TZ:
        add_instant(out, ((const duckdb_timestamp *)data)[row], "Z");
        break;
    case DUCKDB_TYPE_STRUCT:
        add_struct(out, type, vector, row);
        break;
    case DUCKDB_TYPE_LIST:
        add_list(out, type, vector, row);
        break;
    default:
        pn_buf_adds(out, "null");
        break;
    }
}
