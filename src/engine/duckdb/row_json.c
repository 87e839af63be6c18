#include "engine/duckdb/row_json.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "engine/duckdb/decode.h"
#include "engine/duckdb/private.h"

static bool is_float(duckdb_logical_type type)
{
    duckdb_type kind = duckdb_get_type_id(type);
    return kind == DUCKDB_TYPE_FLOAT || kind == DUCKDB_TYPE_DOUBLE;
}

static bool has_float(duckdb_logical_type type)
{
    bool has = is_float(type);
    for (idx_t i = 0; !has && i < pn_duckdb_child_count(type); i++) {
        duckdb_logical_type child = pn_duckdb_child_type(type, i);
        has = has_float(child);
        duckdb_destroy_logical_type(&child);
    }
    return has;
}

static void add_value(const char *value, duckdb_logical_type type, int level, struct pn_buf *sql);

static void add_struct(const char *value, duckdb_logical_type type, int level, struct pn_buf *sql)
{
    pn_buf_addf(sql, "CASE WHEN %s IS NOT NULL THEN struct_pack(", value);
    for (idx_t i = 0; i < duckdb_struct_type_child_count(type); i++) {
        char *name = duckdb_struct_type_child_name(type, i);
        duckdb_logical_type child = pn_duckdb_child_type(type, i);
        struct pn_buf field;
        pn_buf_init(&field, PN_DUCKDB_SQL_MAX);
        pn_buf_addf(&field, "struct_extract(%s, ", value);
        pn_duckdb_add_text(&field, name);
        pn_buf_addc(&field, ')');
        pn_buf_adds(sql, i > 0 ? ", " : "");
        pn_duckdb_add_name(sql, name);
        pn_buf_adds(sql, " := ");
        add_value(pn_buf_text(&field), child, level, sql);
        pn_buf_deinit(&field);
        duckdb_destroy_logical_type(&child);
        duckdb_free(name);
    }
    pn_buf_adds(sql, ") END");
}

/* Of a list, and of a map's values: they are the last that its type is made of. */
static void add_list(const char *list, duckdb_logical_type type, int level, struct pn_buf *sql)
{
    char *item = pn_xasprintf("pn_item_%d", level);
    duckdb_logical_type child = pn_duckdb_child_type(type, pn_duckdb_child_count(type) - 1);
    pn_buf_addf(sql, "list_transform(%s, lambda %s: ", list, item);
    add_value(item, child, level + 1, sql);
    pn_buf_addc(sql, ')');
    duckdb_destroy_logical_type(&child);
    free(item);
}

/* Appends `value` with JSON in place of its floating-point numbers. */
static void add_value(const char *value, duckdb_logical_type type, int level, struct pn_buf *sql)
{
    if (!has_float(type)) {
        pn_buf_adds(sql, value);
    } else if (is_float(type)) {
        pn_buf_addf(sql,
                    "CASE WHEN isfinite(%s) THEN to_json(%s) WHEN isnan(%s) THEN to_json('NaN') "
                    "WHEN %s > 0 THEN to_json('Infinity') WHEN %s < 0 THEN to_json('-Infinity') "
                    "END",
                    value, value, value, value, value);
    } else if (duckdb_get_type_id(type) == DUCKDB_TYPE_STRUCT) {
        add_struct(value, type, level, sql);
    } else if (duckdb_get_type_id(type) == DUCKDB_TYPE_MAP) {
        char *values = pn_xasprintf("map_values(%s)", value);
        pn_buf_addf(sql, "map(map_keys(%s), ", value);
        add_list(values, type, level, sql);
        pn_buf_addc(sql, ')');
        free(values);
    } else {
        add_list(value, type, level, sql);
    }
}

void pn_duckdb_add_row_json(const char *const *names, const duckdb_logical_type *types,
                            size_t count, struct pn_buf *sql)
{
    struct pn_buf name;
    pn_buf_init(&name, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(sql, "CAST(to_json(struct_pack(");
    for (size_t i = 0; i < count; i++) {
        pn_buf_reset(&name);
        pn_duckdb_add_name(&name, names[i]);
        pn_buf_addf(sql, "%s%s := ", i > 0 ? ", " : "", pn_buf_text(&name));
        add_value(pn_buf_text(&name), types[i], 0, sql);
    }
    pn_buf_adds(sql, ")) AS VARCHAR)");
    pn_buf_deinit(&name);
}

void pn_duckdb_add_table_row_json(const struct pn_table *table, struct pn_buf *sql)
{
    size_t count = pn_decoder_columns(table);
    const char **names = pn_xcalloc(count, sizeof *names);
    duckdb_logical_type *types = pn_xcalloc(count, sizeof *types);
    for (size_t i = 0; i < count; i++) {
        names[i] = pn_decoder_column(table, i)->name;
        types[i] = pn_duckdb_type(&pn_decoder_column(table, i)->type);
    }
    pn_duckdb_add_row_json(names, types, count, sql);
    for (size_t i = 0; i < count; i++) {
        duckdb_destroy_logical_type(&types[i]);
    }
    free(types);
    free(names);
}
