/* Values of result vectors as JSON. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "engine/duckdb/private.h"

__extension__ typedef __int128 int128;

enum { DECIMAL_DIGITS_MAX = 40, KEY_BYTES_MAX = 64 << 20 };

/* Those that DuckDB keeps in a form of its own. */
static bool is_unknown(duckdb_logical_type type)
{
    switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_BIGNUM:
    case DUCKDB_TYPE_GEOMETRY:
    case DUCKDB_TYPE_VARIANT:
    case DUCKDB_TYPE_INVALID:
    case DUCKDB_TYPE_ANY:
        return true;
    default:
        return false;
    }
}

static int check_type(duckdb_logical_type type, const char *column, int level, struct pn_err *e)
{
    enum { TYPE_BYTES_MAX = 64 * 1024 };
    int rc = 0;
    if (level > PN_JSON_DEPTH_MAX) {
        return pn_err_input(e, "column '%s' is nested deeper than %d levels, which cannot be shown",
                            column, PN_JSON_DEPTH_MAX);
    }
    if (is_unknown(type)) {
        struct pn_buf name;
        pn_buf_init(&name, TYPE_BYTES_MAX);
        pn_duckdb_type_name(type, &name);
        rc = pn_err_input(e, "column '%s' is %s, which cannot be shown: cast it to VARCHAR", column,
                          pn_buf_text(&name));
        pn_buf_deinit(&name);
        return rc;
    }
    for (idx_t i = 0; rc == 0 && i < pn_duckdb_child_count(type); i++) {
        duckdb_logical_type child = pn_duckdb_child_type(type, i);
        rc = check_type(child, column, level + 1, e);
        duckdb_destroy_logical_type(&child);
    }
    return rc;
}

int pn_duckdb_json_check(duckdb_logical_type type, const char *column, struct pn_err *e)
{
    return check_type(type, column, 0, e);
}

/* `value` with its last `scale` digits after a point. */
static void put_decimal(struct pn_json_writer *json, int128 value, unsigned scale)
{
    char digits[DECIMAL_DIGITS_MAX + 3];
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
    if (negative) {
        digits[--at] = '-';
    }
    pn_json_put_raw(json, digits + at, sizeof digits - at);
}

static int128 wide(duckdb_hugeint value)
{
    return (int128)value.upper * ((int128)1 << 64) + value.lower;
}

static void put_stored_decimal(struct pn_json_writer *json, duckdb_logical_type type,
                               const void *data, idx_t row)
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
    put_decimal(json, value, duckdb_decimal_scale(type));
}

/* What JSON has no number for is a text. */
static void put_double(struct pn_json_writer *json, double value)
{
    if (isnan(value)) {
        pn_json_put_cstr(json, "NaN");
    } else if (isinf(value)) {
        pn_json_put_cstr(json, value < 0 ? "-Infinity" : "Infinity");
    } else {
        pn_json_put_double(json, value);
    }
}

static void put_value(struct pn_json_writer *json, duckdb_logical_type type, duckdb_vector vector,
                      idx_t row, bool for_import);

static void put_struct(struct pn_json_writer *json, duckdb_logical_type type, duckdb_vector vector,
                       idx_t row, bool for_import)
{
    pn_json_put_object(json);
    for (idx_t i = 0; i < duckdb_struct_type_child_count(type); i++) {
        char *name = duckdb_struct_type_child_name(type, i);
        duckdb_logical_type child = duckdb_struct_type_child_type(type, i);
        pn_json_put_key(json, name);
        put_value(json, child, duckdb_struct_vector_get_child(vector, i), row, for_import);
        duckdb_destroy_logical_type(&child);
        duckdb_free(name);
    }
    pn_json_end(json);
}

/* `length` values of a child vector. */
static void put_values(struct pn_json_writer *json, duckdb_logical_type child, duckdb_vector values,
                       idx_t first, idx_t length, bool for_import)
{
    pn_json_put_array(json);
    for (idx_t i = 0; i < length; i++) {
        put_value(json, child, values, first + i, for_import);
    }
    pn_json_end(json);
}

static void put_list(struct pn_json_writer *json, duckdb_logical_type type, duckdb_vector vector,
                     idx_t row, bool for_import)
{
    const duckdb_list_entry *entry = (duckdb_list_entry *)duckdb_vector_get_data(vector) + row;
    duckdb_logical_type child = pn_duckdb_child_type(type, 0);
    put_values(json, child, duckdb_list_vector_get_child(vector), entry->offset, entry->length,
               for_import);
    duckdb_destroy_logical_type(&child);
}

static void put_array(struct pn_json_writer *json, duckdb_logical_type type, duckdb_vector vector,
                      idx_t row, bool for_import)
{
    idx_t length = duckdb_array_type_array_size(type);
    duckdb_logical_type child = pn_duckdb_child_type(type, 0);
    put_values(json, child, duckdb_array_vector_get_child(vector), row * length, length,
               for_import);
    duckdb_destroy_logical_type(&child);
}

/* A key as a member's name: itself when it is a text, else its JSON. */
static void put_key(struct pn_json_writer *json, duckdb_logical_type type, duckdb_vector keys,
                    idx_t row)
{
    struct pn_buf key;
    pn_buf_init(&key, KEY_BYTES_MAX);
    pn_duckdb_json(&key, type, keys, row, false);
    if (key.len > 0 && pn_buf_text(&key)[0] == '"') {
        pn_json_put_raw_name(json, pn_buf_text(&key), key.len);
    } else {
        pn_json_put_name(json, pn_buf_text(&key), key.len);
    }
    pn_buf_deinit(&key);
}

static void put_map(struct pn_json_writer *json, duckdb_logical_type type, duckdb_vector vector,
                    idx_t row, bool for_import)
{
    const duckdb_list_entry *entry = (duckdb_list_entry *)duckdb_vector_get_data(vector) + row;
    duckdb_vector pairs = duckdb_list_vector_get_child(vector);
    duckdb_logical_type key = pn_duckdb_child_type(type, 0);
    duckdb_logical_type value = pn_duckdb_child_type(type, 1);
    pn_json_put_object(json);
    for (idx_t i = entry->offset; i < entry->offset + entry->length; i++) {
        put_key(json, key, duckdb_struct_vector_get_child(pairs, 0), i);
        put_value(json, value, duckdb_struct_vector_get_child(pairs, 1), i, for_import);
    }
    pn_json_end(json);
    duckdb_destroy_logical_type(&key);
    duckdb_destroy_logical_type(&value);
}

/* The value that is there; DuckDB keeps its number among the members before them. */
static void put_union(struct pn_json_writer *json, duckdb_logical_type type, duckdb_vector vector,
                      idx_t row, bool for_import)
{
    const uint8_t *tags = duckdb_vector_get_data(duckdb_struct_vector_get_child(vector, 0));
    duckdb_logical_type child = pn_duckdb_child_type(type, tags[row]);
    put_value(json, child, duckdb_struct_vector_get_child(vector, (idx_t)tags[row] + 1), row,
              for_import);
    duckdb_destroy_logical_type(&child);
}

static void put_text(struct pn_json_writer *json, duckdb_vector vector, idx_t row)
{
    const char *text = NULL;
    size_t len = 0;
    bool there = pn_duckdb_text(vector, row, &text, &len);
    PN_ASSERT(there);
    pn_json_put_string(json, text, len);
}

static bool is_json(duckdb_logical_type type)
{
    char *alias = duckdb_logical_type_get_alias(type);
    bool is = alias != NULL && strcmp(alias, "JSON") == 0;
    duckdb_free(alias);
    return is;
}

/* On one line: only between tokens may JSON have line ends. */
static void put_json(struct pn_json_writer *json, duckdb_vector vector, idx_t row)
{
    const char *text = NULL;
    size_t len = 0;
    bool there = pn_duckdb_text(vector, row, &text, &len);
    PN_ASSERT(there);
    char *line = pn_xstrndup(text, len);
    for (size_t i = 0; i < len; i++) {
        line[i] = (char)(line[i] == '\n' || line[i] == '\r' ? ' ' : line[i]);
    }
    pn_json_put_raw(json, line, len);
    free(line);
}

static void put_value(struct pn_json_writer *json, duckdb_logical_type type, duckdb_vector vector,
                      idx_t row, bool for_import)
{
    void *data = duckdb_vector_get_data(vector);
    if (pn_duckdb_is_null(vector, row)) {
        pn_json_put_null(json);
        return;
    }
    switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_BOOLEAN:
        pn_json_put_bool(json, ((const bool *)data)[row]);
        break;
    case DUCKDB_TYPE_TINYINT:
        pn_json_put_i64(json, ((const int8_t *)data)[row]);
        break;
    case DUCKDB_TYPE_SMALLINT:
        pn_json_put_i64(json, ((const int16_t *)data)[row]);
        break;
    case DUCKDB_TYPE_INTEGER:
        pn_json_put_i64(json, ((const int32_t *)data)[row]);
        break;
    case DUCKDB_TYPE_BIGINT:
        pn_json_put_i64(json, ((const int64_t *)data)[row]);
        break;
    case DUCKDB_TYPE_UTINYINT:
        pn_json_put_i64(json, ((const uint8_t *)data)[row]);
        break;
    case DUCKDB_TYPE_USMALLINT:
        pn_json_put_i64(json, ((const uint16_t *)data)[row]);
        break;
    case DUCKDB_TYPE_UINTEGER:
        pn_json_put_i64(json, ((const uint32_t *)data)[row]);
        break;
    case DUCKDB_TYPE_UBIGINT:
        pn_json_put_u64(json, ((const uint64_t *)data)[row]);
        break;
    case DUCKDB_TYPE_HUGEINT:
        put_decimal(json, wide(((const duckdb_hugeint *)data)[row]), 0);
        break;
    case DUCKDB_TYPE_DECIMAL:
        put_stored_decimal(json, type, data, row);
        break;
    case DUCKDB_TYPE_FLOAT:
        put_double(json, (double)((const float *)data)[row]);
        break;
    case DUCKDB_TYPE_DOUBLE:
        put_double(json, ((const double *)data)[row]);
        break;
    case DUCKDB_TYPE_VARCHAR:
        if (for_import && is_json(type)) {
            put_json(json, vector, row);
        } else {
            put_text(json, vector, row);
        }
        break;
    case DUCKDB_TYPE_BLOB:
        if (for_import) {
            duckdb_string_t *bytes = (duckdb_string_t *)data + row;
            pn_json_put_base64(json, duckdb_string_t_data(bytes), duckdb_string_t_length(*bytes));
        } else {
            pn_duckdb_put_scalar(json, type, data, row);
        }
        break;
    case DUCKDB_TYPE_STRUCT:
        put_struct(json, type, vector, row, for_import);
        break;
    case DUCKDB_TYPE_LIST:
        put_list(json, type, vector, row, for_import);
        break;
    case DUCKDB_TYPE_ARRAY:
        put_array(json, type, vector, row, for_import);
        break;
    case DUCKDB_TYPE_MAP:
        put_map(json, type, vector, row, for_import);
        break;
    case DUCKDB_TYPE_UNION:
        put_union(json, type, vector, row, for_import);
        break;
    default:
        pn_duckdb_put_scalar(json, type, data, row);
        break;
    }
}

void pn_duckdb_json(struct pn_buf *out, duckdb_logical_type type, duckdb_vector vector, idx_t row,
                    bool for_import)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, out);
    put_value(&json, type, vector, row, for_import);
}
