/* The columns of a Parquet file, and whether they fit a table's without loss. */
#include <string.h>

#include "engine/duckdb/import.h"
#include "engine/duckdb/row_json.h"
#include "engine/duckdb/scan.h"

/* --- types ------------------------------------------------------------------------------------ */

/* How many digits a number of this type may have; 0: it is not an integer. */
static int digits_of(duckdb_type kind)
{
    switch (kind) {
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_UTINYINT:
        return 3;
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_USMALLINT:
        return 5;
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_UINTEGER:
        return 10;
    case DUCKDB_TYPE_BIGINT:
        return 19;
    case DUCKDB_TYPE_UBIGINT:
        return 20;
    default:
        return 0;
    }
}

/* Do all integers of a type fit into one of so many bits, with a sign? */
static bool fits_bits(duckdb_type kind, int bits)
{
    switch (kind) {
    case DUCKDB_TYPE_TINYINT:
        return true;
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_SMALLINT:
        return bits >= 16;
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_INTEGER:
        return bits >= 32;
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_BIGINT:
        return bits >= 64;
    default:
        return false;
    }
}

static bool fits(duckdb_logical_type found, const struct pn_type *type);

static bool decimal_fits(duckdb_logical_type found, const struct pn_type *type)
{
    duckdb_type kind = duckdb_get_type_id(found);
    int whole = type->precision - type->scale;
    if (kind == DUCKDB_TYPE_DECIMAL) {
        int scale = duckdb_decimal_scale(found);
        return scale <= type->scale && duckdb_decimal_width(found) - scale <= whole;
    }
    return digits_of(kind) > 0 && digits_of(kind) <= whole;
}

static bool struct_fits(duckdb_logical_type found, const struct pn_type *type)
{
    idx_t count = duckdb_struct_type_child_count(found);
    bool fit = count == type->field_count;
    for (idx_t i = 0; fit && i < count; i++) {
        char *name = duckdb_struct_type_child_name(found, i);
        duckdb_logical_type child = duckdb_struct_type_child_type(found, i);
        bool known = false;
        for (size_t k = 0; k < type->field_count; k++) {
            if (strcmp(type->fields[k].name, name) == 0) {
                known = fits(child, &type->fields[k].type);
            }
        }
        fit = known;
        duckdb_destroy_logical_type(&child);
        duckdb_free(name);
    }
    return fit;
}

static bool parts_fit(duckdb_logical_type found, const struct pn_type *type)
{
    bool is_map = type->kind == PN_TYPE_MAP;
    duckdb_logical_type first =
        is_map ? duckdb_map_type_key_type(found) : duckdb_list_type_child_type(found);
    duckdb_logical_type second = is_map ? duckdb_map_type_value_type(found) : NULL;
    bool fit = fits(first, &type->fields[0].type) &&
               (second == NULL || fits(second, &type->fields[1].type));
    duckdb_destroy_logical_type(&first);
    duckdb_destroy_logical_type(&second);
    return fit;
}

static bool is_time(duckdb_type kind)
{
    return kind == DUCKDB_TYPE_TIMESTAMP || kind == DUCKDB_TYPE_TIMESTAMP_S ||
           kind == DUCKDB_TYPE_TIMESTAMP_MS || kind == DUCKDB_TYPE_TIMESTAMP_NS ||
           kind == DUCKDB_TYPE_TIMESTAMP_TZ;
}

/* Is a cast to the type without loss? */
static bool fits(duckdb_logical_type found, const struct pn_type *type)
{
    duckdb_type kind = duckdb_get_type_id(found);
    switch (type->kind) {
    case PN_TYPE_STRING:
    case PN_TYPE_JSON:
        return kind == DUCKDB_TYPE_VARCHAR || kind == DUCKDB_TYPE_ENUM;
    case PN_TYPE_BIGINT:
        return fits_bits(kind, 64);
    case PN_TYPE_INT:
        return fits_bits(kind, 32);
    case PN_TYPE_SMALLINT:
        return fits_bits(kind, 16);
    case PN_TYPE_TINYINT:
        return fits_bits(kind, 8);
    case PN_TYPE_DOUBLE:
        return kind == DUCKDB_TYPE_DOUBLE || kind == DUCKDB_TYPE_FLOAT || fits_bits(kind, 32) ||
               kind == DUCKDB_TYPE_UINTEGER;
    case PN_TYPE_FLOAT:
        return kind == DUCKDB_TYPE_FLOAT || fits_bits(kind, 16);
    case PN_TYPE_DECIMAL:
        return decimal_fits(found, type);
    case PN_TYPE_BOOLEAN:
        return kind == DUCKDB_TYPE_BOOLEAN;
    case PN_TYPE_TIMESTAMP:
        return is_time(kind);
    case PN_TYPE_DATE:
        return kind == DUCKDB_TYPE_DATE;
    case PN_TYPE_BINARY:
        return kind == DUCKDB_TYPE_BLOB;
    case PN_TYPE_STRUCT:
        return kind == DUCKDB_TYPE_STRUCT && struct_fits(found, type);
    case PN_TYPE_ARRAY:
        return kind == DUCKDB_TYPE_LIST && parts_fit(found, type);
    case PN_TYPE_MAP:
        return kind == DUCKDB_TYPE_MAP && parts_fit(found, type);
    }
    return false;
}

/* --- columns ---------------------------------------------------------------------------------- */

static int misfit(const struct pn_importing *importing, const struct pn_import_column *column,
                  const char *name, duckdb_logical_type found, struct pn_err *e)
{
    struct pn_buf is;
    struct pn_buf wanted;
    pn_buf_init(&is, PN_DUCKDB_SQL_MAX);
    pn_buf_init(&wanted, PN_DUCKDB_SQL_MAX);
    pn_duckdb_type_name(found, &is);
    pn_type_name(&column->column->type, &wanted);
    int rc = pn_err_input(e,
                          "%s: the column '%.80s' is %.200s, but '%s' of table '%s' is %.200s, "
                          "which cannot hold all its values: change pipeline.yml or the file; %s",
                          importing->file->name, name, pn_buf_text(&is), column->column->name,
                          importing->import->table->name, pn_buf_text(&wanted),
                          pn_import_undone(importing->import));
    pn_buf_deinit(&is);
    pn_buf_deinit(&wanted);
    return rc;
}

static void set_column(struct pn_importing *importing, struct pn_import_column *column, size_t i,
                       const char *name, duckdb_logical_type found)
{
    struct pn_arena *arena = &importing->arena;
    const struct pn_type *type = &column->column->type;
    duckdb_type kind = duckdb_get_type_id(found);
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_duckdb_add_name(&sql, name);
    column->raw = pn_arena_strdup(arena, pn_buf_text(&sql));
    pn_buf_reset(&sql);
    if (type->kind == PN_TYPE_TIMESTAMP && kind != DUCKDB_TYPE_TIMESTAMP_TZ) {
        pn_buf_addf(&sql, "make_timestamptz(epoch_us(%s))", column->raw); /* it is UTC */
    } else {
        pn_buf_addf(&sql, "CAST(%s AS ", column->raw);
        pn_type_sql(type, &sql);
        pn_buf_addc(&sql, ')');
    }
    column->value = pn_arena_strdup(arena, pn_buf_text(&sql));
    column->good = type->kind == PN_TYPE_JSON ? pn_arena_printf(arena, "json_valid(pn_r%zu)", i)
                                              : pn_import_is_there(importing, column, i);
    pn_buf_deinit(&sql);
}

/* Columns and their types, in order; and a row of them as JSON. */
static void set_shape(struct pn_importing *importing, duckdb_result *result,
                      const char *const *names, size_t count)
{
    duckdb_logical_type *types =
        pn_arena_calloc(&importing->arena, count + 1, sizeof(duckdb_logical_type));
    struct pn_buf shape;
    struct pn_buf row;
    pn_buf_init(&shape, PN_DUCKDB_SQL_MAX);
    pn_buf_init(&row, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&shape, "parquet");
    for (size_t i = 0; i < count; i++) {
        types[i] = duckdb_column_logical_type(result, (idx_t)i);
        pn_buf_addc(&shape, ' ');
        pn_duckdb_add_name(&shape, names[i]);
        pn_duckdb_type_name(types[i], &shape);
    }
    pn_duckdb_add_row_json(names, types, count, &row);
    for (size_t i = 0; i < count; i++) {
        duckdb_destroy_logical_type(&types[i]);
    }
    importing->shape = pn_arena_strdup(&importing->arena, pn_buf_text(&shape));
    importing->row_json = pn_arena_strdup(&importing->arena, pn_buf_text(&row));
    pn_buf_deinit(&shape);
    pn_buf_deinit(&row);
}

int pn_import_read_parquet(struct pn_importing *importing, struct pn_err *e)
{
    struct pn_buf sql;
    duckdb_result result;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT * FROM read_parquet(");
    pn_duckdb_add_path(&sql, importing->file->path);
    pn_buf_adds(&sql, PN_DUCKDB_FILE_END " LIMIT 0");
    int rc = pn_duckdb_run_buf(importing->connection, &sql, &result, e);
    pn_buf_deinit(&sql);
    if (rc != 0) {
        pn_err_prefix(e, "%s", importing->file->name);
        pn_err_add(e, "; %s", pn_import_undone(importing->import));
        return rc;
    }
    size_t count = duckdb_column_count(&result);
    const char **names = pn_arena_calloc(&importing->arena, count + 1, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = pn_arena_strdup(&importing->arena, duckdb_column_name(&result, i));
    }
    rc = pn_import_match(importing, names, count, e);
    for (size_t i = 0; rc == 0 && i < importing->column_count; i++) {
        struct pn_import_column *column = &importing->columns[i];
        if (column->at >= 0) {
            duckdb_logical_type found = duckdb_column_logical_type(&result, (idx_t)column->at);
            rc = fits(found, &column->column->type)
                     ? 0
                     : misfit(importing, column, names[column->at], found, e);
            set_column(importing, column, i, names[column->at], found);
            duckdb_destroy_logical_type(&found);
        }
    }
    if (rc == 0) {
        pn_import_keep_extra(importing);
        set_shape(importing, &result, names, count);
    }
    duckdb_destroy_result(&result);
    return rc;
}
