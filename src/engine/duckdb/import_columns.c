/* Columns of a file as those of a table: which is which, and by what expressions. */
#include <string.h>
#include <strings.h>

#include "engine/duckdb/decode.h"
#include "engine/duckdb/import.h"

static const char BAD_ROW[] = "pinion: a bad row";

/* --- names ------------------------------------------------------------------------------------ */

void pn_import_begin_columns(struct pn_importing *importing)
{
    const struct pn_table *table = importing->import->table;
    importing->column_count = pn_decoder_columns(table);
    importing->columns =
        pn_arena_calloc(&importing->arena, importing->column_count, sizeof *importing->columns);
    for (size_t i = 0; i < importing->column_count; i++) {
        const struct pn_column *column = pn_decoder_column(table, i);
        importing->columns[i] = (struct pn_import_column){
            .column = column, .is_file = column->file_origin == PN_ORIGIN_FILE, .at = -1};
    }
}

static bool is_alias(const struct pn_column *column, const char *name)
{
    for (size_t i = 0; i < column->alias_count; i++) {
        if (strcmp(column->aliases[i], name) == 0) {
            return true;
        }
    }
    return false;
}

struct pn_import_column *pn_import_column_for(struct pn_importing *importing, const char *name)
{
    struct pn_import_column *other = NULL;
    /* What no column took of the records of a table that was exported is in a column, too. */
    size_t count = importing->import->for_load ? importing->import->table->column_count
                                               : importing->column_count;
    for (size_t i = 0; i < count; i++) {
        struct pn_import_column *column = &importing->columns[i];
        if (column->is_file) {
            continue; /* a column of the file says nothing about that */
        }
        if (strcmp(column->column->name, name) == 0) {
            return column;
        }
        if (other == NULL &&
            (is_alias(column->column, name) || strcasecmp(column->column->name, name) == 0)) {
            other = column;
        }
    }
    return other;
}

/* Of a load, as of records' members. */
static bool takes_extra(const struct pn_import *import)
{
    return import->for_load ? import->table->unknown_keys != PN_UNKNOWN_REJECT
                            : import->drops_extra;
}

/* Does the table make the values of a column by itself, so that a file's are left out? Exports have
 * such columns. */
static bool is_made(const struct pn_import *import, const char *name)
{
    const struct pn_table *table = import->table;
    bool is = false;
    for (size_t i = 0; !is && !import->for_load && i < table->column_count; i++) {
        is = table->columns[i].file_origin == PN_ORIGIN_FILE &&
             strcmp(table->columns[i].name, name) == 0;
    }
    for (size_t i = 0; !is && !import->for_load && i < table->partition_count; i++) {
        is = table->partitions[i].source != NULL &&
             strcmp(table->partitions[i].column.name, name) == 0;
    }
    return is;
}

/* Where the columns' names stand: a CSV has them in its first line. */
static const char *place_of_names(const struct pn_importing *importing)
{
    return importing->file->format == PN_FILE_CSV ? ", line 1" : "";
}

int pn_import_match(struct pn_importing *importing, const char *const *names, size_t count,
                    struct pn_err *e)
{
    const struct pn_table *table = importing->import->table;
    importing->extra = pn_arena_calloc(&importing->arena, count + 1, sizeof *importing->extra);
    importing->extra_count = 0;
    const char *file = importing->file->name;
    const char *place = place_of_names(importing);
    for (size_t i = 0; i < count; i++) {
        struct pn_import_column *column = pn_import_column_for(importing, names[i]);
        if (column == NULL && is_made(importing->import, names[i])) {
            continue;
        }
        if (column == NULL && !takes_extra(importing->import)) {
            return pn_err_input(e,
                                "%s%s: table '%s' has no column '%.80s': add it to "
                                "pipeline.yml, as a column or an alias, or leave it out by %s; %s",
                                file, place, table->name, names[i],
                                importing->import->for_load ? "`unknown_keys: drop`"
                                                            : "--extra-columns drop",
                                pn_import_undone(importing->import));
        }
        if (column == NULL) {
            importing->extra[importing->extra_count++] =
                (struct pn_import_extra){.at = i, .name = names[i]};
        }
        if (column != NULL && column->at >= 0) {
            return pn_err_input(e,
                                "%s%s: the columns '%.80s' and '%.80s' are both column '%s' "
                                "of table '%s': remove one; %s",
                                file, place, names[column->at], names[i], column->column->name,
                                table->name, pn_import_undone(importing->import));
        }
        if (column != NULL) {
            column->at = (int64_t)i;
        }
    }
    bool any = false;
    for (size_t i = 0; i < table->column_count; i++) {
        any = any || importing->columns[i].at >= 0;
        if (importing->columns[i].at < 0 && table->columns[i].required) {
            return pn_err_input(e,
                                "%s%s: the column '%s', which table '%s' requires, is "
                                "missing; %s",
                                file, place, table->columns[i].name, table->name,
                                pn_import_undone(importing->import));
        }
    }
    return any ? 0
               : pn_err_input(e, "%s%s: none of its columns is one of table '%s'; %s", file, place,
                              table->name, pn_import_undone(importing->import));
}

/* As JSON, without those that are null. */
void pn_import_keep_extra(struct pn_importing *importing)
{
    const struct pn_import *import = importing->import;
    struct pn_buf sql;
    if (!import->for_load || import->table->unknown_keys != PN_UNKNOWN_KEEP ||
        importing->extra_count == 0) {
        return;
    }
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "nullif(CAST(json_merge_patch('{}', json_object(");
    for (size_t i = 0; i < importing->extra_count; i++) {
        const struct pn_import_extra *extra = &importing->extra[i];
        pn_buf_adds(&sql, i == 0 ? "" : ", ");
        pn_duckdb_add_text(&sql, extra->name);
        if (importing->file->format == PN_FILE_CSV) {
            pn_buf_addf(&sql, ", c%zu", extra->at);
        } else {
            pn_buf_adds(&sql, ", ");
            pn_duckdb_add_name(&sql, extra->name);
        }
    }
    pn_buf_adds(&sql, ")) AS VARCHAR), '{}')");
    size_t last = importing->column_count - 1;
    struct pn_import_column *column = &importing->columns[last];
    PN_ASSERT(last == import->table->column_count);
    column->at = (int64_t)importing->extra[0].at;
    column->raw = pn_arena_strdup(&importing->arena, pn_buf_text(&sql));
    column->value = column->raw;
    column->good = pn_arena_printf(&importing->arena, "pn_v%zu IS NOT NULL", last);
    pn_buf_deinit(&sql);
}

/* JSON, which records are, has neither infinities nor NaN. */
static bool must_be_finite(const struct pn_importing *importing,
                           const struct pn_import_column *column)
{
    return importing->import->for_topic && pn_import_may_be_infinite(&column->column->type);
}

const char *pn_import_is_there(struct pn_importing *importing,
                               const struct pn_import_column *column, size_t i)
{
    struct pn_arena *arena = &importing->arena;
    const char *value = pn_arena_printf(arena, "pn_v%zu", i);
    const char *is_there = pn_arena_printf(arena, "%s IS NOT NULL", value);
    return must_be_finite(importing, column)
               ? pn_arena_printf(arena, "(%s AND %s)", is_there,
                                 pn_import_is_finite(&column->column->type, value, arena))
               : is_there;
}

/* --- texts to values -------------------------------------------------------------------------- */

static const char *type_sql(struct pn_importing *importing, const struct pn_type *type)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_type_sql(type, &sql);
    const char *copy = pn_arena_strdup(&importing->arena, pn_buf_text(&sql));
    pn_buf_deinit(&sql);
    return copy;
}

/* A number whose text is not the one that DuckDB writes may have lost digits. */
static const char *number_is_good(struct pn_importing *importing, size_t i, const char *fraction)
{
    return pn_arena_printf(&importing->arena,
                           "(CAST(pn_v%zu AS VARCHAR) = pn_r%zu OR (pn_v%zu IS NOT NULL AND "
                           "regexp_full_match(pn_r%zu, '\\s*[+-]?[0-9]*%s\\s*')))",
                           i, i, i, i, fraction);
}

/* DuckDB's own TIMESTAMP is much faster, but passes over an offset: it is for texts without. */
static const char *timestamp_of(struct pn_importing *importing, const char *raw)
{
    return pn_arena_printf(
        &importing->arena,
        "CASE WHEN length(%s) = 19 AND %s[14] = ':' AND %s[17] = ':' THEN "
        "make_timestamptz(epoch_us(TRY_CAST(%s AS TIMESTAMP))) ELSE TRY_CAST(%s AS TIMESTAMPTZ) "
        "END",
        raw, raw, raw, raw, raw);
}

void pn_import_from_text(struct pn_importing *importing, struct pn_import_column *column, size_t i)
{
    const struct pn_type *type = &column->column->type;
    struct pn_arena *arena = &importing->arena;
    const char *raw = column->raw;
    column->good = pn_import_is_there(importing, column, i);
    switch (type->kind) {
    case PN_TYPE_STRING:
        column->value = raw;
        return;
    case PN_TYPE_JSON:
        column->value = raw;
        column->good = pn_arena_printf(arena, "json_valid(pn_r%zu)", i);
        return;
    case PN_TYPE_BIGINT:
    case PN_TYPE_INT:
    case PN_TYPE_SMALLINT:
    case PN_TYPE_TINYINT:
        column->good = number_is_good(importing, i, "(\\.0*)?");
        break;
    case PN_TYPE_DECIMAL:
        column->good = number_is_good(
            importing, i, pn_arena_printf(arena, "(\\.[0-9]{0,%d}0*)?", (int)type->scale));
        break;
    case PN_TYPE_TIMESTAMP:
        column->value = timestamp_of(importing, raw);
        return;
    case PN_TYPE_BINARY:
        column->value = pn_arena_printf(
            arena,
            "CASE WHEN length(%s) %% 4 = 0 AND regexp_full_match(%s, '[A-Za-z0-9+/]*={0,2}') THEN "
            "from_base64(%s) END",
            raw, raw, raw);
        return;
    case PN_TYPE_STRUCT:
    case PN_TYPE_ARRAY:
    case PN_TYPE_MAP:
        column->value = pn_import_nested(type, raw, arena);
        return;
    default:
        break;
    }
    column->value = pn_arena_printf(arena, "TRY_CAST(%s AS %s)", raw, type_sql(importing, type));
}

/* --- statements ------------------------------------------------------------------------------- */

void pn_import_add_values(const struct pn_importing *importing, struct pn_buf *sql)
{
    bool first = true;
    for (size_t i = 0; i < importing->column_count; i++) {
        const struct pn_import_column *column = &importing->columns[i];
        if (column->at >= 0) {
            pn_buf_addf(sql, "%s%s AS pn_r%zu, %s AS pn_v%zu", first ? "" : ", ", column->raw, i,
                        column->value, i);
            first = false;
        }
    }
}

static void add_name(struct pn_buf *sql, const struct pn_import_column *column)
{
    pn_buf_adds(sql, " AS ");
    pn_duckdb_add_name(sql, column->column->name);
}

/* The rest of a CASE whose first part is a good value. */
static void add_other(const struct pn_import_column *column, size_t i, struct pn_buf *sql)
{
    if (!column->column->required) {
        pn_buf_addf(sql, " WHEN pn_r%zu IS NULL THEN NULL", i);
    }
    pn_buf_adds(sql, " ELSE error(");
    pn_duckdb_add_text(sql, BAD_ROW);
    pn_buf_adds(sql, ") END");
}

void pn_import_add_row(const struct pn_importing *importing, struct pn_buf *sql)
{
    for (size_t i = 0; i < importing->column_count; i++) {
        const struct pn_import_column *column = &importing->columns[i];
        pn_buf_adds(sql, i == 0 ? "" : ", ");
        if (column->is_file) {
            pn_duckdb_add_text(sql, importing->file->name);
        } else if (column->at < 0) {
            pn_buf_adds(sql, "CAST(NULL AS ");
            pn_type_sql(&column->column->type, sql);
            pn_buf_addc(sql, ')');
        } else {
            pn_buf_addf(sql, "CASE WHEN %s THEN pn_v%zu", column->good, i);
            add_other(column, i, sql);
        }
        add_name(sql, column);
    }
}

/* The value in JSON: bytes and texts as they came. */
static void add_member(const struct pn_import_column *column, size_t i, bool is_csv,
                       struct pn_buf *sql)
{
    switch (column->column->type.kind) {
    case PN_TYPE_JSON:
        pn_buf_addf(sql, "CAST(pn_r%zu AS JSON)", i);
        break;
    case PN_TYPE_BINARY:
        pn_buf_addf(sql, is_csv ? "pn_r%zu" : "to_base64(pn_v%zu)", i);
        break;
    default:
        pn_buf_addf(sql, "pn_v%zu", i);
    }
}

void pn_import_add_record(const struct pn_importing *importing, struct pn_buf *sql)
{
    bool first = true;
    for (size_t i = 0; i < importing->column_count; i++) {
        const struct pn_import_column *column = &importing->columns[i];
        if (column->at >= 0) {
            pn_buf_addf(sql, "%sCASE WHEN %s THEN ", first ? "" : ", ", column->good);
            add_member(column, i, importing->file->format == PN_FILE_CSV, sql);
            add_other(column, i, sql);
            add_name(sql, column);
            first = false;
        }
    }
}

static void add_column_reason(const struct pn_importing *importing, size_t i, struct pn_buf *sql)
{
    const struct pn_import_column *column = &importing->columns[i];
    struct pn_buf text;
    enum { TEXT_BYTES_MAX = 64 * 1024, SHOWN_CHARACTERS = 80 };
    pn_buf_init(&text, TEXT_BYTES_MAX);
    pn_buf_addf(sql, "CASE WHEN %s THEN NULL WHEN pn_r%zu IS NULL THEN ", column->good, i);
    if (column->column->required) {
        pn_buf_addf(&text, "column '%s': no value, and it is required", column->column->name);
        pn_duckdb_add_text(sql, pn_buf_text(&text));
    } else {
        pn_buf_adds(sql, "NULL");
    }
    pn_buf_reset(&text);
    pn_buf_addf(&text, "column '%s': expected ", column->column->name);
    pn_type_name(&column->column->type, &text);
    pn_buf_adds(&text, must_be_finite(importing, column) ? " that JSON can hold" : "");
    pn_buf_adds(&text, ", found \"");
    pn_buf_adds(sql, " ELSE concat(");
    pn_duckdb_add_text(sql, pn_buf_text(&text));
    pn_buf_addf(sql, ", left(CAST(pn_r%zu AS VARCHAR), %d), '\"') END", i, SHOWN_CHARACTERS);
    pn_buf_deinit(&text);
}

void pn_import_add_reason(const struct pn_importing *importing, struct pn_buf *sql)
{
    pn_buf_adds(sql, "coalesce(");
    for (size_t i = 0; i < importing->column_count; i++) {
        if (importing->columns[i].at >= 0) {
            add_column_reason(importing, i, sql);
            pn_buf_adds(sql, ", ");
        }
    }
    pn_buf_adds(sql, "NULL)");
}

bool pn_import_is_bad_row(const struct pn_err *e)
{
    return strstr(e->msg, BAD_ROW) != NULL;
}
