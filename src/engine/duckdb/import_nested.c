/* JSON texts as structs, arrays and maps. DuckDB reads numbers of JSON as doubles, and strings as
 * the bytes of a BLOB, so numbers become strings first, and bytes are decoded last. */
#include "engine/duckdb/import.h"

static bool holds(const struct pn_type *type, enum pn_type_kind kind)
{
    bool does = type->kind == kind;
    for (size_t i = 0; !does && i < type->field_count; i++) {
        does = holds(&type->fields[i].type, kind);
    }
    return does;
}

bool pn_import_may_be_infinite(const struct pn_type *type)
{
    return holds(type, PN_TYPE_DOUBLE) || holds(type, PN_TYPE_FLOAT);
}

static void add_is_finite(const struct pn_type *type, const char *of, int level,
                          struct pn_arena *arena, struct pn_buf *sql)
{
    const char *item = pn_arena_printf(arena, "x%d", level);
    if (!pn_import_may_be_infinite(type)) {
        pn_buf_adds(sql, "true");
    } else if (type->kind == PN_TYPE_ARRAY || type->kind == PN_TYPE_MAP) {
        const bool is_map = type->kind == PN_TYPE_MAP;
        pn_buf_addf(sql, "coalesce(list_bool_and(list_transform(%s(%s), %s -> ",
                    is_map ? "map_values" : "", of, item);
        add_is_finite(&type->fields[is_map].type, item, level + 1, arena, sql);
        pn_buf_adds(sql, ")), true)");
    } else if (type->kind == PN_TYPE_STRUCT) {
        for (size_t i = 0; i < type->field_count; i++) {
            struct pn_buf field;
            pn_buf_init(&field, PN_DUCKDB_SQL_MAX);
            pn_buf_addf(&field, "(%s).", of);
            pn_duckdb_add_name(&field, type->fields[i].name);
            pn_buf_adds(sql, i == 0 ? "(" : " AND ");
            add_is_finite(&type->fields[i].type, pn_buf_text(&field), level, arena, sql);
            pn_buf_deinit(&field);
        }
        pn_buf_addc(sql, ')');
    } else {
        pn_buf_addf(sql, "coalesce(isfinite(%s), true)", of);
    }
}

const char *pn_import_is_finite(const struct pn_type *type, const char *of, struct pn_arena *arena)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    add_is_finite(type, of, 0, arena, &sql);
    const char *copy = pn_arena_strdup(arena, pn_buf_text(&sql));
    pn_buf_deinit(&sql);
    return copy;
}

/* The type with texts in place of bytes. */
static void add_text_type(const struct pn_type *type, struct pn_buf *sql)
{
    switch (type->kind) {
    case PN_TYPE_BINARY:
        pn_buf_adds(sql, "VARCHAR");
        break;
    case PN_TYPE_ARRAY:
        add_text_type(&type->fields[0].type, sql);
        pn_buf_adds(sql, "[]");
        break;
    case PN_TYPE_MAP:
        pn_buf_adds(sql, "MAP(VARCHAR, ");
        add_text_type(&type->fields[1].type, sql);
        pn_buf_addc(sql, ')');
        break;
    case PN_TYPE_STRUCT:
        for (size_t i = 0; i < type->field_count; i++) {
            pn_buf_adds(sql, i == 0 ? "STRUCT(" : ", ");
            pn_duckdb_add_name(sql, type->fields[i].name);
            pn_buf_addc(sql, ' ');
            add_text_type(&type->fields[i].type, sql);
        }
        pn_buf_addc(sql, ')');
        break;
    default:
        pn_type_sql(type, sql);
    }
}

/* The value of an expression of that type, with its bytes decoded. */
static void add_decoded(const struct pn_type *type, const char *of, int level,
                        struct pn_arena *arena, struct pn_buf *sql)
{
    const char *item = pn_arena_printf(arena, "x%d", level);
    if (!holds(type, PN_TYPE_BINARY)) {
        pn_buf_adds(sql, of);
    } else if (type->kind == PN_TYPE_BINARY) {
        pn_buf_addf(sql, "from_base64(%s)", of);
    } else if (type->kind == PN_TYPE_ARRAY) {
        pn_buf_addf(sql, "list_transform(%s, %s -> ", of, item);
        add_decoded(&type->fields[0].type, item, level + 1, arena, sql);
        pn_buf_addc(sql, ')');
    } else if (type->kind == PN_TYPE_MAP) {
        pn_buf_addf(
            sql,
            "CASE WHEN %s IS NOT NULL THEN map_from_entries(list_transform(map_entries(%s), "
            "%s -> {'key': %s.key, 'value': ",
            of, of, item, item);
        add_decoded(&type->fields[1].type, pn_arena_printf(arena, "%s.value", item), level + 1,
                    arena, sql);
        pn_buf_adds(sql, "})) END");
    } else {
        pn_buf_addf(sql, "CASE WHEN %s IS NOT NULL THEN struct_pack(", of);
        for (size_t i = 0; i < type->field_count; i++) {
            struct pn_buf name;
            pn_buf_init(&name, PN_DUCKDB_SQL_MAX);
            pn_duckdb_add_name(&name, type->fields[i].name);
            pn_buf_addf(sql, "%s%s := ", i == 0 ? "" : ", ", pn_buf_text(&name));
            add_decoded(&type->fields[i].type,
                        pn_arena_printf(arena, "(%s).%s", of, pn_buf_text(&name)), level + 1, arena,
                        sql);
            pn_buf_deinit(&name);
        }
        pn_buf_adds(sql, ") END");
    }
}

/* With a mark around each string and each number, of which those of strings go. JSON has no such
 * character. A member of the type json keeps its numbers. */
static const char *quoted(const struct pn_type *type, const char *raw, struct pn_arena *arena)
{
    return holds(type, PN_TYPE_JSON)
               ? raw
               : pn_arena_printf(arena,
                                 "replace(replace(regexp_replace(%s, '(\"(?:[^\"\\\\]|\\\\.)*\")|"
                                 "(-?[0-9][-+.0-9eE]*)', '\\1' || chr(1) || '\\2' || chr(1), 'g'), "
                                 "chr(1) || chr(1), ''), chr(1), '\"')",
                                 raw);
}

const char *pn_import_nested(const struct pn_type *type, const char *raw, struct pn_arena *arena)
{
    struct pn_buf text;
    struct pn_buf sql;
    pn_buf_init(&text, PN_DUCKDB_SQL_MAX);
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_addf(&text, "CASE WHEN json_valid(%s) THEN TRY_CAST(TRY_CAST(%s AS JSON) AS ", raw,
                quoted(type, raw, arena));
    add_text_type(type, &text);
    pn_buf_adds(&text, ") END");
    if (holds(type, PN_TYPE_BINARY)) {
        pn_buf_adds(&sql, "TRY(list_transform([");
        pn_buf_adds(&sql, pn_buf_text(&text));
        pn_buf_adds(&sql, "], x0 -> ");
        add_decoded(type, "x0", 1, arena, &sql);
        pn_buf_adds(&sql, ")[1])");
    } else {
        pn_buf_adds(&sql, pn_buf_text(&text));
    }
    const char *value = pn_arena_strdup(arena, pn_buf_text(&sql));
    pn_buf_deinit(&sql);
    pn_buf_deinit(&text);
    return value;
}
