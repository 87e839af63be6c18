/* The pipeline's types and DuckDB's. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/private.h"

static duckdb_type type_id(enum pn_type_kind kind)
{
    switch (kind) {
    case PN_TYPE_STRING:
    case PN_TYPE_JSON:
        return DUCKDB_TYPE_VARCHAR;
    case PN_TYPE_BIGINT:
        return DUCKDB_TYPE_BIGINT;
    case PN_TYPE_INT:
        return DUCKDB_TYPE_INTEGER;
    case PN_TYPE_SMALLINT:
        return DUCKDB_TYPE_SMALLINT;
    case PN_TYPE_TINYINT:
        return DUCKDB_TYPE_TINYINT;
    case PN_TYPE_DOUBLE:
        return DUCKDB_TYPE_DOUBLE;
    case PN_TYPE_FLOAT:
        return DUCKDB_TYPE_FLOAT;
    case PN_TYPE_DECIMAL:
        return DUCKDB_TYPE_DECIMAL;
    case PN_TYPE_BOOLEAN:
        return DUCKDB_TYPE_BOOLEAN;
    case PN_TYPE_TIMESTAMP:
        return DUCKDB_TYPE_TIMESTAMP_TZ;
    case PN_TYPE_DATE:
        return DUCKDB_TYPE_DATE;
    case PN_TYPE_BINARY:
        return DUCKDB_TYPE_BLOB;
    case PN_TYPE_STRUCT:
        return DUCKDB_TYPE_STRUCT;
    case PN_TYPE_ARRAY:
        return DUCKDB_TYPE_LIST;
    case PN_TYPE_MAP:
        return DUCKDB_TYPE_MAP;
    }
    return DUCKDB_TYPE_INVALID;
}

duckdb_logical_type pn_duckdb_type(const struct pn_type *type)
{
    if (type->kind == PN_TYPE_DECIMAL) {
        return duckdb_create_decimal_type(type->precision, type->scale);
    }
    if (type->field_count == 0) {
        return duckdb_create_logical_type(type_id(type->kind));
    }
    duckdb_logical_type *types = pn_xcalloc(type->field_count, sizeof(duckdb_logical_type));
    const char **names = pn_xcalloc(type->field_count, sizeof *names);
    for (size_t i = 0; i < type->field_count; i++) {
        types[i] = pn_duckdb_type(&type->fields[i].type);
        names[i] = type->fields[i].name;
    }
    duckdb_logical_type made = NULL;
    if (type->kind == PN_TYPE_ARRAY) {
        made = duckdb_create_list_type(types[0]);
    } else if (type->kind == PN_TYPE_MAP) {
        made = duckdb_create_map_type(types[0], types[1]);
    } else {
        made = duckdb_create_struct_type(types, names, type->field_count);
    }
    for (size_t i = 0; i < type->field_count; i++) {
        duckdb_destroy_logical_type(&types[i]);
    }
    free(types);
    free(names);
    return made;
}

/* To be destroyed: the type of a part of a list or a map. */
static duckdb_logical_type part_type(duckdb_logical_type found, size_t i)
{
    if (duckdb_get_type_id(found) == DUCKDB_TYPE_LIST) {
        return duckdb_list_type_child_type(found);
    }
    return i == 0 ? duckdb_map_type_key_type(found) : duckdb_map_type_value_type(found);
}

static bool parts_are(duckdb_logical_type found, const struct pn_type *type)
{
    bool same = true;
    for (size_t i = 0; same && i < type->field_count; i++) {
        duckdb_logical_type part = part_type(found, i);
        same = pn_duckdb_type_is(part, &type->fields[i].type);
        duckdb_destroy_logical_type(&part);
    }
    return same;
}

static bool struct_is(duckdb_logical_type found, const struct pn_type *type)
{
    if (duckdb_struct_type_child_count(found) != type->field_count) {
        return false;
    }
    bool same = true;
    for (size_t i = 0; same && i < type->field_count; i++) {
        char *name = duckdb_struct_type_child_name(found, i);
        duckdb_logical_type child = duckdb_struct_type_child_type(found, i);
        same = strcmp(name, type->fields[i].name) == 0 &&
               pn_duckdb_type_is(child, &type->fields[i].type);
        duckdb_destroy_logical_type(&child);
        duckdb_free(name);
    }
    return same;
}

bool pn_duckdb_type_is(duckdb_logical_type found, const struct pn_type *type)
{
    if (duckdb_get_type_id(found) != type_id(type->kind)) {
        return false;
    }
    switch (type->kind) {
    case PN_TYPE_DECIMAL:
        return duckdb_decimal_width(found) == type->precision &&
               duckdb_decimal_scale(found) == type->scale;
    case PN_TYPE_STRUCT:
        return struct_is(found, type);
    case PN_TYPE_ARRAY:
    case PN_TYPE_MAP:
        return parts_are(found, type);
    default:
        return true;
    }
}

static void struct_name(duckdb_logical_type type, struct pn_buf *out)
{
    pn_buf_adds(out, "STRUCT(");
    for (idx_t i = 0; i < duckdb_struct_type_child_count(type); i++) {
        char *name = duckdb_struct_type_child_name(type, i);
        duckdb_logical_type child = duckdb_struct_type_child_type(type, i);
        pn_buf_adds(out, i == 0 ? "" : ", ");
        pn_duckdb_add_name(out, name);
        pn_buf_addc(out, ' ');
        pn_duckdb_type_name(child, out);
        duckdb_destroy_logical_type(&child);
        duckdb_free(name);
    }
    pn_buf_addc(out, ')');
}

static void list_name(duckdb_logical_type type, struct pn_buf *out)
{
    duckdb_logical_type child = duckdb_list_type_child_type(type);
    pn_duckdb_type_name(child, out);
    pn_buf_adds(out, "[]");
    duckdb_destroy_logical_type(&child);
}

static void map_name(duckdb_logical_type type, struct pn_buf *out)
{
    duckdb_logical_type key = duckdb_map_type_key_type(type);
    duckdb_logical_type value = duckdb_map_type_value_type(type);
    pn_buf_adds(out, "MAP(");
    pn_duckdb_type_name(key, out);
    pn_buf_adds(out, ", ");
    pn_duckdb_type_name(value, out);
    pn_buf_addc(out, ')');
    duckdb_destroy_logical_type(&key);
    duckdb_destroy_logical_type(&value);
}

void pn_duckdb_type_name(duckdb_logical_type type, struct pn_buf *out)
{
    static const struct {
        duckdb_type id;
        const char *name;
    } NAMES[] = {
        {DUCKDB_TYPE_BOOLEAN, "BOOLEAN"},
        {DUCKDB_TYPE_TINYINT, "TINYINT"},
        {DUCKDB_TYPE_SMALLINT, "SMALLINT"},
        {DUCKDB_TYPE_INTEGER, "INTEGER"},
        {DUCKDB_TYPE_BIGINT, "BIGINT"},
        {DUCKDB_TYPE_UTINYINT, "UTINYINT"},
        {DUCKDB_TYPE_USMALLINT, "USMALLINT"},
        {DUCKDB_TYPE_UINTEGER, "UINTEGER"},
        {DUCKDB_TYPE_UBIGINT, "UBIGINT"},
        {DUCKDB_TYPE_HUGEINT, "HUGEINT"},
        {DUCKDB_TYPE_UHUGEINT, "UHUGEINT"},
        {DUCKDB_TYPE_FLOAT, "FLOAT"},
        {DUCKDB_TYPE_DOUBLE, "DOUBLE"},
        {DUCKDB_TYPE_VARCHAR, "VARCHAR"},
        {DUCKDB_TYPE_BLOB, "BLOB"},
        {DUCKDB_TYPE_DATE, "DATE"},
        {DUCKDB_TYPE_TIME, "TIME"},
        {DUCKDB_TYPE_INTERVAL, "INTERVAL"},
        {DUCKDB_TYPE_TIMESTAMP, "TIMESTAMP"},
        {DUCKDB_TYPE_TIMESTAMP_S, "TIMESTAMP_S"},
        {DUCKDB_TYPE_TIMESTAMP_MS, "TIMESTAMP_MS"},
        {DUCKDB_TYPE_TIMESTAMP_NS, "TIMESTAMP_NS"},
        {DUCKDB_TYPE_TIMESTAMP_TZ, "TIMESTAMP WITH TIME ZONE"},
        {DUCKDB_TYPE_TIME_NS, "TIME_NS"},
        {DUCKDB_TYPE_TIME_TZ, "TIME WITH TIME ZONE"},
        {DUCKDB_TYPE_UNION, "UNION"},
        {DUCKDB_TYPE_ARRAY, "ARRAY"},
        {DUCKDB_TYPE_ENUM, "ENUM"},
        {DUCKDB_TYPE_UUID, "UUID"},
        {DUCKDB_TYPE_BIT, "BIT"},
        {DUCKDB_TYPE_BIGNUM, "BIGNUM"},
        {DUCKDB_TYPE_GEOMETRY, "GEOMETRY"},
        {DUCKDB_TYPE_VARIANT, "VARIANT"},
        {DUCKDB_TYPE_SQLNULL, "NULL"},
    };
    duckdb_type id = duckdb_get_type_id(type);
    switch (id) {
    case DUCKDB_TYPE_STRUCT:
        struct_name(type, out);
        return;
    case DUCKDB_TYPE_LIST:
        list_name(type, out);
        return;
    case DUCKDB_TYPE_MAP:
        map_name(type, out);
        return;
    case DUCKDB_TYPE_DECIMAL:
        pn_buf_addf(out, "DECIMAL(%u,%u)", (unsigned)duckdb_decimal_width(type),
                    (unsigned)duckdb_decimal_scale(type));
        return;
    default:
        break;
    }
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (NAMES[i].id == id) {
            pn_buf_adds(out, NAMES[i].name);
            return;
        }
    }
    pn_buf_addf(out, "DuckDB type %d", (int)id);
}

idx_t pn_duckdb_child_count(duckdb_logical_type type)
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

duckdb_logical_type pn_duckdb_child_type(duckdb_logical_type type, idx_t i)
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
