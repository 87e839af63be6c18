/* Values of result vectors as JSON. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "engine/duckdb/private.h"

__extension__ typedef __int128 int128;

enum { DECIMAL_DIGITS_MAX = 40, KEY_BYTES_MAX = 64 << 20 };

/* Nested types are made of others. */
static idx_t child_count(duckdb_logical_type type)
{
    switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_STRUCT:
        return duckdb_struct_type_child_count(type);
    case DUCKDB_TYPE_UNION:
        return duckdb_union_type_member_count(type);
    case DUCKDB_TYPE_MAP:
        return 2;
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_ARRAY:
        return 1;
    default:
        return 0;
    }
}

/* To be destroyed. */
static duckdb_logical_type child_type(duckdb_logical_type type, idx_t i)
{
    switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_STRUCT:
        return duckdb_struct_type_child_type(type, i);
    case DUCKDB_TYPE_UNION:
        return duckdb_union_type_member_type(type, i);
    case DUCKDB_TYPE_MAP:
        return i == 0 ? duckdb_map_type_key_type(type) : duckdb_map_type_value_type(type);
    case DUCKDB_TYPE_ARRAY:
        return duckdb_array_type_child_type(type);
    default:
        return duckdb_list_type_child_type(type);
    }
}

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

int pn_duckdb_json_check(duckdb_logical_type type, const char *column, struct pn_err *e)
{
    enum { TYPE_BYTES_MAX = 64 * 1024 };
    int rc = 0;
    if (is_unknown(type)) {
        struct pn_buf name;
        pn_buf_init(&name, TYPE_BYTES_MAX);
        pn_duckdb_type_name(type, &name);
        rc = pn_err_input(e, "column '%s' is %s, which can't be shown: cast it to VARCHAR", column,
                          pn_buf_text(&name));
        pn_buf_deinit(&name);
        return rc;
    }
    for (idx_t i = 0; rc == 0 && i < child_count(type); i++) {
        duckdb_logical_type child = child_type(type, i);
        rc = pn_duckdb_json_check(child, column, e);
        duckdb_destroy_logical_type(&child);
    }
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

/* What JSON has no number for is a text. */
static void add_double(struct pn_buf *out, double value)
{
    if (isnan(value)) {
        pn_buf_adds(out, "\"NaN\"");
    } else if (isinf(value)) {
        pn_buf_adds(out, value < 0 ? "\"-Infinity\"" : "\"Infinity\"");
    } else {
        pn_json_write_double(out, value);
    }
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

/* `length` values of a child vector. */
static void add_values(struct pn_buf *out, duckdb_logical_type child, duckdb_vector values,
                       idx_t first, idx_t length)
{
    pn_buf_addc(out, '[');
    for (idx_t i = 0; i < length; i++) {
        pn_buf_adds(out, i == 0 ? "" : ",");
        pn_duckdb_json(out, child, values, first + i);
    }
    pn_buf_addc(out, ']');
}

static void add_list(struct pn_buf *out, duckdb_logical_type type, duckdb_vector vector, idx_t row)
{
    const duckdb_list_entry *entry = (duckdb_list_entry *)duckdb_vector_get_data(vector) + row;
    duckdb_logical_type child = child_type(type, 0);
    add_values(out, child, duckdb_list_vector_get_child(vector), entry->offset, entry->length);
    duckdb_destroy_logical_type(&child);
}

static void add_array(struct pn_buf *out, duckdb_logical_type type, duckdb_vector vector, idx_t row)
{
    idx_t length = duckdb_array_type_array_size(type);
    duckdb_logical_type child = child_type(type, 0);
    add_values(out, child, duckdb_array_vector_get_child(vector), row * length, length);
    duckdb_destroy_logical_type(&child);
}

/* A key as a member's name: itself when it is a text, else its JSON. */
static void add_key(struct pn_buf *out, duckdb_logical_type type, duckdb_vector keys, idx_t row)
{
    struct pn_buf key;
    pn_buf_init(&key, KEY_BYTES_MAX);
    pn_duckdb_json(&key, type, keys, row);
    if (key.len > 0 && pn_buf_text(&key)[0] == '"') {
        pn_buf_add(out, pn_buf_text(&key), key.len);
    } else {
        pn_json_write_string(out, pn_buf_text(&key), key.len);
    }
    pn_buf_deinit(&key);
}

static void add_map(struct pn_buf *out, duckdb_logical_type type, duckdb_vector vector, idx_t row)
{
    const duckdb_list_entry *entry = (duckdb_list_entry *)duckdb_vector_get_data(vector) + row;
    duckdb_vector pairs = duckdb_list_vector_get_child(vector);
    duckdb_logical_type key = child_type(type, 0);
    duckdb_logical_type value = child_type(type, 1);
    pn_buf_addc(out, '{');
    for (idx_t i = entry->offset; i < entry->offset + entry->length; i++) {
        pn_buf_adds(out, i == entry->offset ? "" : ",");
        add_key(out, key, duckdb_struct_vector_get_child(pairs, 0), i);
        pn_buf_addc(out, ':');
        pn_duckdb_json(out, value, duckdb_struct_vector_get_child(pairs, 1), i);
    }
    pn_buf_addc(out, '}');
    duckdb_destroy_logical_type(&key);
    duckdb_destroy_logical_type(&value);
}

/* The value that is there; DuckDB keeps its number among the members before them. */
static void add_union(struct pn_buf *out, duckdb_logical_type type, duckdb_vector vector, idx_t row)
{
    const uint8_t *tags = duckdb_vector_get_data(duckdb_struct_vector_get_child(vector, 0));
    duckdb_logical_type child = child_type(type, tags[row]);
    pn_duckdb_json(out, child, duckdb_struct_vector_get_child(vector, (idx_t)tags[row] + 1), row);
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
    void *data = duckdb_vector_get_data(vector);
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
    case DUCKDB_TYPE_UHUGEINT:
        pn_duckdb_scalar_text(out, type, data, row);
        break;
    case DUCKDB_TYPE_DECIMAL:
        add_stored_decimal(out, type, data, row);
        break;
    case DUCKDB_TYPE_FLOAT:
        add_double(out, (double)((const float *)data)[row]);
        break;
    case DUCKDB_TYPE_DOUBLE:
        add_double(out, ((const double *)data)[row]);
        break;
    case DUCKDB_TYPE_VARCHAR:
        add_text(out, vector, row);
        break;
    case DUCKDB_TYPE_STRUCT:
        add_struct(out, type, vector, row);
        break;
    case DUCKDB_TYPE_LIST:
        add_list(out, type, vector, row);
        break;
    case DUCKDB_TYPE_ARRAY:
        add_array(out, type, vector, row);
        break;
    case DUCKDB_TYPE_MAP:
        add_map(out, type, vector, row);
        break;
    case DUCKDB_TYPE_UNION:
        add_union(out, type, vector, row);
        break;
    default:
        pn_buf_addc(out, '"');
        pn_duckdb_scalar_text(out, type, data, row);
        pn_buf_addc(out, '"');
        break;
    }
}
