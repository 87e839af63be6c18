#include "engine/duckdb/stored.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "engine/duckdb/private.h"

/* --- the schema ------------------------------------------------------------------------------- */

struct reading {
    struct pn_arena *arena;
    bool mapped;
};

/* The types that pipelines declare, and those that only other writers have; NULL for others. */
static const char *type_of(struct pn_arena *arena, const char *name)
{
    enum { SQL_MAX = 64 };
    struct pn_type type;
    struct pn_buf sql;
    const char *made = NULL;
    if (strcmp(name, "timestamp_ntz") == 0) {
        return "TIMESTAMP";
    }
    if (strcmp(name, "decimal") == 0) {
        return "DECIMAL(10,0)";
    }
    if (pn_type_of_delta(name, strlen(name), &type)) {
        pn_buf_init(&sql, SQL_MAX);
        pn_type_sql(&type, &sql);
        made = pn_arena_strdup(arena, pn_buf_text(&sql));
        pn_buf_deinit(&sql);
    }
    return made;
}

static int read_type(const struct reading *reading, const struct pn_json *node,
                     struct pn_stored *stored, struct pn_err *e);

static int damaged(struct pn_err *e)
{
    return pn_err_input(e, "a column of the table's schema has no name or no type");
}

/* The name in the files: the column's own, but in a table that maps names. */
static const char *physical_of(const struct reading *reading, const struct pn_json *field,
                               const char *name)
{
    const struct pn_json *metadata = pn_json_get(field, "metadata");
    const char *text = NULL;
    size_t len = 0;
    return reading->mapped && metadata != NULL &&
                   pn_json_get_text(metadata, "delta.columnMapping.physicalName", &text, &len)
               ? pn_arena_strndup(reading->arena, text, len)
               : name;
}

static int read_fields(const struct reading *reading, const struct pn_json *node,
                       struct pn_stored *stored, struct pn_err *e)
{
    const struct pn_json *fields = pn_json_get(node, "fields");
    if (fields == NULL || fields->type != PN_JSON_ARRAY) {
        return damaged(e);
    }
    stored->kind = PN_STORED_STRUCT;
    stored->parts = pn_arena_calloc(reading->arena, fields->count, sizeof *stored->parts);
    for (const struct pn_json *field = fields->first; field != NULL; field = field->next) {
        struct pn_stored *part = &stored->parts[stored->part_count++];
        const char *name = NULL;
        size_t len = 0;
        if (!pn_json_get_text(field, "name", &name, &len)) {
            return damaged(e);
        }
        part->name = pn_arena_strndup(reading->arena, name, len);
        part->physical = physical_of(reading, field, part->name);
        int rc = read_type(reading, pn_json_get(field, "type"), part, e);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* The parts of a list or a map. */
static int read_parts(const struct reading *reading, const struct pn_json *node,
                      const char *const *names, size_t count, struct pn_stored *stored,
                      struct pn_err *e)
{
    int rc = 0;
    stored->parts = pn_arena_calloc(reading->arena, count, sizeof *stored->parts);
    stored->part_count = count;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = read_type(reading, pn_json_get(node, names[i]), &stored->parts[i], e);
    }
    return rc;
}

static int read_type(const struct reading *reading, const struct pn_json *node,
                     struct pn_stored *stored, struct pn_err *e)
{
    static const char *const element[] = {"elementType"};
    static const char *const entry[] = {"keyType", "valueType"};
    const struct pn_json *kind = node != NULL ? pn_json_get(node, "type") : NULL;
    if (node != NULL && node->type == PN_JSON_STRING) {
        stored->type = pn_arena_strndup(reading->arena, node->text, node->text_len);
        stored->sql = type_of(reading->arena, stored->type);
        return 0;
    }
    if (pn_json_text_is(kind, "struct")) {
        return read_fields(reading, node, stored, e);
    }
    if (pn_json_text_is(kind, "array")) {
        stored->kind = PN_STORED_LIST;
        return read_parts(reading, node, element, 1, stored, e);
    }
    if (pn_json_text_is(kind, "map")) {
        stored->kind = PN_STORED_MAP;
        return read_parts(reading, node, entry, 2, stored, e);
    }
    return damaged(e);
}

bool pn_stored_is_mapped(const struct pn_delta_metadata *metadata)
{
    for (size_t i = 0; i < metadata->configuration_count; i++) {
        const struct pn_delta_map_entry *entry = &metadata->configuration[i];
        if (strcmp(entry->key, "delta.columnMapping.mode") == 0) {
            return entry->value != NULL && strcmp(entry->value, "none") != 0;
        }
    }
    return false;
}

int pn_stored_read(struct pn_arena *arena, const struct pn_delta_metadata *metadata,
                   struct pn_stored *columns, struct pn_err *e)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    const struct reading reading = {arena, pn_stored_is_mapped(metadata)};
    size_t len = strlen(metadata->schema);
    *columns = (struct pn_stored){.kind = PN_STORED_STRUCT};
    int rc = pn_json_parse(parser, metadata->schema, len, len, &root, e);
    if (rc == 0) {
        rc = read_fields(&reading, root, columns, e);
    }
    pn_json_parser_destroy(&parser);
    return rc;
}

const struct pn_stored *pn_stored_find(const struct pn_stored *of, const char *name)
{
    for (size_t i = 0; i < of->part_count; i++) {
        if (strcasecmp(of->parts[i].name, name) == 0) {
            return &of->parts[i];
        }
    }
    return NULL;
}

int pn_stored_check(const struct pn_stored *column, const char *table_path, struct pn_err *e)
{
    if (column->kind == PN_STORED_VALUE && column->sql == NULL) {
        return pn_err_input(e,
                            "table %s has a column of the type %s, which pinion cannot read: name "
                            "the table in pipeline.yml with the columns that you need",
                            table_path, column->type);
    }
    if (column->kind == PN_STORED_STRUCT && column->part_count == 0) {
        return pn_err_input(e, "table %s has a struct without fields, which pinion cannot read",
                            table_path);
    }
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < column->part_count; i++) {
        rc = pn_stored_check(&column->parts[i], table_path, e);
    }
    return rc;
}

void pn_stored_add_type(const struct pn_stored *column, struct pn_buf *sql)
{
    static const char *const begins[] = {
        [PN_STORED_STRUCT] = "STRUCT(", [PN_STORED_LIST] = "", [PN_STORED_MAP] = "MAP("};
    static const char *const ends[] = {
        [PN_STORED_STRUCT] = ")", [PN_STORED_LIST] = "[]", [PN_STORED_MAP] = ")"};
    if (column->kind == PN_STORED_VALUE) {
        pn_buf_adds(sql, column->sql);
        return;
    }
    pn_buf_adds(sql, begins[column->kind]);
    for (size_t i = 0; i < column->part_count; i++) {
        pn_buf_adds(sql, i > 0 ? ", " : "");
        if (column->kind == PN_STORED_STRUCT) {
            pn_duckdb_add_name(sql, column->parts[i].name);
            pn_buf_addc(sql, ' ');
        }
        pn_stored_add_type(&column->parts[i], sql);
    }
    pn_buf_adds(sql, ends[column->kind]);
}

/* --- values ----------------------------------------------------------------------------------- */

/* The place of a field among those of a struct; their number when it isn't there. */
static idx_t find_field(duckdb_logical_type found, const char *name, bool *same_case)
{
    idx_t count = duckdb_struct_type_child_count(found);
    for (idx_t i = 0; i < count; i++) {
        char *field = duckdb_struct_type_child_name(found, i);
        bool same = strcasecmp(field, name) == 0;
        *same_case = strcmp(field, name) == 0;
        duckdb_free(field);
        if (same) {
            return i;
        }
    }
    return count;
}

static bool fits(const struct pn_stored *column, duckdb_logical_type found);

static bool struct_fits(const struct pn_stored *column, duckdb_logical_type found)
{
    bool fit = duckdb_struct_type_child_count(found) == column->part_count;
    for (size_t i = 0; fit && i < column->part_count; i++) {
        const struct pn_stored *part = &column->parts[i];
        bool same = strcmp(part->name, part->physical) == 0;
        fit = same && find_field(found, part->name, &same) == i && same;
        if (fit) {
            duckdb_logical_type child = duckdb_struct_type_child_type(found, i);
            fit = fits(part, child);
            duckdb_destroy_logical_type(&child);
        }
    }
    return fit;
}

/* Has the type the log's fields, at every depth, under the log's names? Then a cast is enough. */
static bool fits(const struct pn_stored *column, duckdb_logical_type found)
{
    duckdb_type kind = duckdb_get_type_id(found);
    duckdb_logical_type first = NULL;
    duckdb_logical_type second = NULL;
    bool fit = true;
    if (column->kind == PN_STORED_STRUCT && kind == DUCKDB_TYPE_STRUCT) {
        return struct_fits(column, found);
    }
    if (column->kind == PN_STORED_LIST && kind == DUCKDB_TYPE_LIST) {
        first = duckdb_list_type_child_type(found);
        fit = fits(&column->parts[0], first);
    } else if (column->kind == PN_STORED_MAP && kind == DUCKDB_TYPE_MAP) {
        first = duckdb_map_type_key_type(found);
        second = duckdb_map_type_value_type(found);
        fit = fits(&column->parts[0], first) && fits(&column->parts[1], second);
    }
    duckdb_destroy_logical_type(&first);
    duckdb_destroy_logical_type(&second);
    return fit; /* another kind of type: DuckDB says whether it can be cast */
}

static void add_cast(const struct pn_stored *column, const char *value, struct pn_buf *sql)
{
    pn_buf_addf(sql, "CAST(%s AS ", value);
    pn_stored_add_type(column, sql);
    pn_buf_addc(sql, ')');
}

/* `depth` numbers the parameters of functions within functions. */
static void add_value(const struct pn_stored *column, const char *value, duckdb_logical_type found,
                      int depth, struct pn_buf *sql);

static void add_part(const struct pn_stored *part, const char *value, const char *name,
                     duckdb_logical_type found, int depth, struct pn_buf *sql)
{
    struct pn_buf inner;
    pn_buf_init(&inner, PN_DUCKDB_SQL_MAX);
    pn_buf_addf(&inner, "struct_extract(%s, ", value);
    pn_duckdb_add_text(&inner, name);
    pn_buf_addc(&inner, ')');
    add_value(part, pn_buf_text(&inner), found, depth, sql);
    duckdb_destroy_logical_type(&found);
    pn_buf_deinit(&inner);
}

static void add_struct(const struct pn_stored *column, const char *value, duckdb_logical_type found,
                       int depth, struct pn_buf *sql)
{
    pn_buf_addf(sql, "CASE WHEN %s IS NULL THEN NULL ELSE {", value);
    for (size_t i = 0; i < column->part_count; i++) {
        const struct pn_stored *part = &column->parts[i];
        bool same = false;
        idx_t at = find_field(found, part->physical, &same);
        pn_buf_adds(sql, i == 0 ? "" : ", ");
        pn_duckdb_add_text(sql, part->name);
        pn_buf_adds(sql, ": ");
        if (at == duckdb_struct_type_child_count(found)) {
            add_cast(part, "NULL", sql);
        } else {
            add_part(part, value, part->physical, duckdb_struct_type_child_type(found, at), depth,
                     sql);
        }
    }
    pn_buf_adds(sql, "} END");
}

static void add_list(const struct pn_stored *column, const char *value, duckdb_logical_type found,
                     int depth, struct pn_buf *sql)
{
    char parameter[32];
    (void)snprintf(parameter, sizeof parameter, "x%d", depth);
    duckdb_logical_type element = duckdb_list_type_child_type(found);
    pn_buf_addf(sql, "list_transform(%s, lambda %s: ", value, parameter);
    add_value(&column->parts[0], parameter, element, depth + 1, sql);
    pn_buf_addc(sql, ')');
    duckdb_destroy_logical_type(&element);
}

static void add_map(const struct pn_stored *column, const char *value, duckdb_logical_type found,
                    int depth, struct pn_buf *sql)
{
    char parameter[32];
    (void)snprintf(parameter, sizeof parameter, "x%d", depth);
    pn_buf_addf(sql, "map_from_entries(list_transform(map_entries(%s), lambda %s: {'key': ", value,
                parameter);
    add_part(&column->parts[0], parameter, "key", duckdb_map_type_key_type(found), depth + 1, sql);
    pn_buf_adds(sql, ", 'value': ");
    add_part(&column->parts[1], parameter, "value", duckdb_map_type_value_type(found), depth + 1,
             sql);
    pn_buf_adds(sql, "}))");
}

static void add_value(const struct pn_stored *column, const char *value, duckdb_logical_type found,
                      int depth, struct pn_buf *sql)
{
    static void (*const adders[])(const struct pn_stored *column, const char *value,
                                  duckdb_logical_type found, int depth, struct pn_buf *sql) = {
        [PN_STORED_STRUCT] = add_struct, [PN_STORED_LIST] = add_list, [PN_STORED_MAP] = add_map};
    if (fits(column, found)) {
        add_cast(column, value, sql);
    } else {
        pn_buf_adds(sql, "CAST(");
        adders[column->kind](column, value, found, depth, sql);
        pn_buf_adds(sql, " AS ");
        pn_stored_add_type(column, sql);
        pn_buf_addc(sql, ')');
    }
}

void pn_stored_add_value(const struct pn_stored *column, const char *value,
                         duckdb_logical_type found, struct pn_buf *sql)
{
    add_value(column, value, found, 0, sql);
}
