#include "report/pipeline_diff.h"

#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "engine/incremental.h"
#include "report/left_tables.h"

enum { TEXT_BYTES_MAX = 16 << 20 };

PN_REPORT_COLUMNS(pn_pipeline_diff_columns, {"table", PN_CELL_TEXT | PN_NOT_NULL},
                  {"change", PN_CELL_TEXT | PN_NOT_NULL}, {"column", PN_CELL_TEXT},
                  {"from", PN_CELL_TEXT}, {"to", PN_CELL_TEXT},
                  {"effect", PN_CELL_TEXT | PN_NOT_NULL}, {"refused", PN_CELL_BOOL | PN_NOT_NULL});

/* What the next commit of a table does with the rows that it has. */
enum fate {
    REPLACED, /* each run overwrites them */
    AFRESH,   /* all are made again, since new rows alone are not enough */
    KEPT      /* rows are added, merged, or replaced by partition */
};

struct diff {
    const struct pn_table *table;
    const struct pn_delta_snapshot *snapshot;
    enum fate fate;
    bool widens;     /* types only get wider, and columns are added */
    bool is_refused; /* the definition, and with it all that changes */
    struct pn_row_writer *rows;
};

/* A difference; texts that do not apply are NULL. */
struct change {
    const char *what;
    const char *column;
    const char *from;
    const char *to;
    const char *effect; /* where the rows are kept; NULL: it is refused */
};

/* --- effects ---------------------------------------------------------------------------------- */

static const char *refusal(const struct pn_table *table)
{
    if (table->like != NULL) {
        return "refused: the stream stops; undo it, or give the table another path";
    }
    return table->replace_where != NULL
               ? "refused: take replace_where out for one run, which makes the whole table"
               : "refused until --full-refresh, which makes it from the objects that there are";
}

static void put(const struct diff *diff, const struct change *change)
{
    static const char *const effects[] = {
        [REPLACED] = "the next run overwrites the table",
        [AFRESH] = "the next run makes the table afresh, from all records or rows"};
    bool refused = diff->fate == KEPT && (diff->is_refused || change->effect == NULL);
    const char *effect = diff->fate != KEPT ? effects[diff->fate]
                         : refused          ? refusal(diff->table)
                                            : change->effect;
    pn_cell_cstr(diff->rows, diff->table->name);
    pn_cell_cstr(diff->rows, change->what);
    pn_cell_cstr(diff->rows, change->column);
    pn_cell_cstr(diff->rows, change->from);
    pn_cell_cstr(diff->rows, change->to);
    pn_cell_cstr(diff->rows, effect);
    pn_cell_bool(diff->rows, refused);
}

/* --- columns ---------------------------------------------------------------------------------- */

static const struct pn_json *find_field(const struct pn_json *of, const struct pn_json *name,
                                        bool any_case)
{
    const struct pn_json *field = pn_json_get(of, "fields")->first;
    for (; field != NULL; field = field->next) {
        const struct pn_json *other = pn_json_get(field, "name");
        if (other->text_len == name->text_len &&
            (any_case ? strncasecmp(other->text, name->text, name->text_len)
                      : memcmp(other->text, name->text, name->text_len)) == 0) {
            return field;
        }
    }
    return NULL;
}

/* Is a field of `one` not in `other`? */
static bool has_more(const struct pn_json *one, const struct pn_json *other)
{
    const struct pn_json *field = pn_json_get(one, "fields")->first;
    while (field != NULL && find_field(other, pn_json_get(field, "name"), false) != NULL) {
        field = field->next;
    }
    return field != NULL;
}

/* "place.zip" */
static void set_path(struct pn_buf *path, const char *prefix, const struct pn_json *field)
{
    const struct pn_json *name = pn_json_get(field, "name");
    pn_buf_reset(path);
    pn_buf_adds(path, prefix);
    pn_buf_add(path, name->text, name->text_len);
}

static void set_type(struct pn_buf *text, const struct pn_json *field)
{
    pn_buf_reset(text);
    pn_report_add_type(text, pn_json_get(field, "type"));
}

static void compare(const struct diff *diff, const struct pn_json *has, const struct pn_json *gets,
                    const char *prefix);

static void compare_field(const struct diff *diff, const struct pn_json *has,
                          const struct pn_json *gets, const char *path)
{
    const struct pn_json *type = pn_json_get(has, "type");
    const struct pn_json *given = pn_json_get(gets, "type");
    struct pn_buf from;
    struct pn_buf to;
    pn_buf_init(&from, TEXT_BYTES_MAX);
    pn_buf_init(&to, TEXT_BYTES_MAX);
    set_type(&from, has);
    set_type(&to, gets);
    if (pn_json_text_is(pn_json_get(type, "type"), "struct") &&
        pn_json_text_is(pn_json_get(given, "type"), "struct")) {
        struct pn_buf prefix;
        pn_buf_init(&prefix, TEXT_BYTES_MAX);
        pn_buf_addf(&prefix, "%s.", path);
        compare(diff, type, given, pn_buf_text(&prefix));
        pn_buf_deinit(&prefix);
    } else if (strcmp(pn_buf_text(&from), pn_buf_text(&to)) != 0) {
        const struct change change = {
            .what = "type",
            .column = path,
            .from = pn_buf_text(&from),
            .to = pn_buf_text(&to),
            .effect = diff->widens ? "the next run rewrites the files with the wider type" : NULL};
        put(diff, &change);
    }
    pn_buf_deinit(&to);
    pn_buf_deinit(&from);
}

static void compare(const struct diff *diff, const struct pn_json *has, const struct pn_json *gets,
                    const char *prefix)
{
    bool is_raw_merge = diff->table->mode == PN_MODE_MERGE && pn_table_is_raw(diff->table);
    bool adds = has_more(gets, has);
    bool leaves_out = has_more(has, gets);
    struct pn_buf path;
    struct pn_buf type;
    pn_buf_init(&path, TEXT_BYTES_MAX);
    pn_buf_init(&type, TEXT_BYTES_MAX);
    const struct pn_json *field = pn_json_get(gets, "fields")->first;
    for (; field != NULL; field = field->next) {
        const struct pn_json *name = pn_json_get(field, "name");
        const struct pn_json *into = find_field(has, name, false);
        set_path(&path, prefix, field);
        if (into != NULL) {
            compare_field(diff, into, field, pn_buf_text(&path));
            continue;
        }
        bool is_taken = leaves_out || find_field(has, name, true) != NULL;
        set_type(&type, field);
        const struct change change = {
            .what = "added",
            .column = pn_buf_text(&path),
            .to = pn_buf_text(&type),
            .effect = is_taken ? NULL : "the next commit adds it; it is null for old rows"};
        put(diff, &change);
    }
    for (field = pn_json_get(has, "fields")->first; field != NULL; field = field->next) {
        if (find_field(gets, pn_json_get(field, "name"), false) == NULL) {
            bool is_lost = adds || is_raw_merge;
            set_path(&path, prefix, field);
            set_type(&type, field);
            const struct change change = {
                .what = "left out",
                .column = pn_buf_text(&path),
                .from = pn_buf_text(&type),
                .effect = is_lost ? NULL : "it stays in the table, and is null for new rows"};
            put(diff, &change);
        }
    }
    pn_buf_deinit(&type);
    pn_buf_deinit(&path);
}

static int compare_columns(struct diff *diff, struct pn_err *e)
{
    struct pn_json_parser *parsers[] = {pn_json_parser_create(), pn_json_parser_create()};
    struct pn_json *has = NULL;
    struct pn_json *gets = NULL;
    struct pn_buf schema;
    pn_buf_init(&schema, TEXT_BYTES_MAX);
    pn_table_delta_schema(diff->table, &schema);
    size_t len = strlen(diff->snapshot->metadata.schema);
    int rc = pn_buf_check(&schema, "a table's schema", e);
    if (rc == 0) {
        rc = pn_json_parse(parsers[0], diff->snapshot->metadata.schema, len, len, &has, e);
    }
    if (rc == 0) {
        rc = pn_json_parse(parsers[1], pn_buf_text(&schema), schema.len, schema.len, &gets, e);
    }
    if (rc == 0) {
        diff->widens = pn_delta_widens(diff->snapshot->metadata.schema, pn_buf_text(&schema));
        compare(diff, has, gets, "");
    }
    pn_buf_deinit(&schema);
    pn_json_parser_destroy(&parsers[0]);
    pn_json_parser_destroy(&parsers[1]);
    return rc;
}

/* --- the rest of a table ---------------------------------------------------------------------- */

static void compare_partitions(const struct diff *diff)
{
    const struct pn_delta_metadata *metadata = &diff->snapshot->metadata;
    const struct pn_table *table = diff->table;
    struct pn_buf from;
    struct pn_buf to;
    pn_buf_init(&from, TEXT_BYTES_MAX);
    pn_buf_init(&to, TEXT_BYTES_MAX);
    for (size_t i = 0; i < metadata->partition_column_count; i++) {
        pn_buf_addf(&from, "%s%s", i > 0 ? ", " : "", metadata->partition_columns[i]);
    }
    for (size_t i = 0; i < table->partition_count; i++) {
        pn_buf_addf(&to, "%s%s", i > 0 ? ", " : "", table->partitions[i].column.name);
    }
    if (strcmp(pn_buf_text(&from), pn_buf_text(&to)) != 0) {
        const struct change change = {.what = "partitions",
                                      .from = from.len > 0 ? pn_buf_text(&from) : NULL,
                                      .to = to.len > 0 ? pn_buf_text(&to) : NULL};
        put(diff, &change);
    }
    pn_buf_deinit(&to);
    pn_buf_deinit(&from);
}

static bool is_incremental(const struct pn_table *table)
{
    return table->mode != PN_MODE_OVERWRITE && table->like == NULL;
}

/* What becomes of the rows, and the rows of the report about that. */
static void compare_making(const struct pn_pipeline *pipeline, struct diff *diff)
{
    const struct pn_table *table = diff->table;
    bool grows = pn_delta_txn_version(diff->snapshot, PN_INCREMENTAL_MARK) == 1;
    struct pn_buf changed;
    pn_buf_init(&changed, TEXT_BYTES_MAX);
    bool same = pn_incremental_is_same(pipeline, table, diff->snapshot, &changed);
    diff->fate = !is_incremental(table)
                     ? table->like != NULL || table->replace_where != NULL ? KEPT : REPLACED
                 : !grows || (table->sql != NULL && !same) ? AFRESH
                                                           : KEPT;
    if (table->like == NULL && grows != is_incremental(table)) {
        const struct change change = {.what = "mode",
                                      .from = grows ? "append or merge" : "overwrite",
                                      .to = pn_table_mode_names[table->mode]};
        put(diff, &change);
    } else if (is_incremental(table) && !same) {
        const struct change change = {.what = "definition",
                                      .to = changed.len > 0 ? pn_buf_text(&changed) : NULL};
        diff->is_refused = diff->fate == KEPT;
        put(diff, &change);
    }
    pn_buf_deinit(&changed);
}

static int diff_table(const struct pn_table_source *source, const struct pn_table *table,
                      struct pn_row_writer *rows, struct pn_err *e)
{
    struct diff diff = {.table = table, .rows = rows, .fate = KEPT};
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_err why = {0};
    struct pn_delta *delta = pn_report_open_table(source, table->path);
    int rc = pn_delta_snapshot(delta, -1, &snapshot, &why);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        const struct change change = {.what = "new table",
                                      .effect = table->like != NULL ? "the stream makes it"
                                                                    : "the next run makes it"};
        put(&diff, &change);
        rc = 0;
    } else if (rc == 0) {
        diff.snapshot = snapshot;
        compare_making(source->pipeline, &diff);
        rc = compare_columns(&diff, e);
        if (rc == 0) {
            compare_partitions(&diff);
        }
    } else {
        pn_err_copy(e, &why);
    }
    pn_delta_snapshot_destroy(&snapshot);
    pn_delta_destroy(&delta);
    return rc;
}

int pn_report_pipeline_diff(const struct pn_table_source *source, struct pn_row_writer *rows,
                            bool *is_cut, struct pn_err *e)
{
    int rc = 0;
    *is_cut = false;
    pn_rows_begin_all(rows, &pn_pipeline_diff_columns);
    for (size_t i = 0; rc == 0 && i < source->pipeline->table_count; i++) {
        rc = diff_table(source, &source->pipeline->tables[i], rows, e);
    }
    return rc == 0 ? pn_report_left_tables(source, rows, is_cut, e) : rc;
}
