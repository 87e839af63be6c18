/* Which rows of a table have keys of a merge's batch: statistics first, then a scan of the key
 * column of the files that are left; and one with the order column, where that is needed. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/duckdb/merge_parts.h"

#define FILES "\"pinion's statistics\"" /* a name that no column has */

static const struct pn_column *key_of(const struct pn_table *table)
{
    size_t i = 0;
    while (strcmp(table->columns[i].name, table->key_column) != 0) {
        i++;
        PN_ASSERT(i < table->column_count);
    }
    return &table->columns[i];
}

/* Are a file's smallest and largest values those of all its rows? Not with a NaN; nor where another
 * writer has had decimals as floating-point numbers, which keep so many digits. */
static bool has_statistics(const struct pn_column *column)
{
    enum { DOUBLE_DIGITS = 15 };
    const struct pn_type *type = &column->type;
    return type->kind != PN_TYPE_DOUBLE && type->kind != PN_TYPE_FLOAT &&
           (type->kind != PN_TYPE_DECIMAL || type->precision <= DOUBLE_DIGITS);
}

/* Appends a value of the statistics as a literal of the key's type, or NULL: all values of a column
 * may be that, so it has the type, too. */
static void add_value(const struct pn_json *values, const struct pn_column *key, struct pn_buf *sql)
{
    const struct pn_json *value = pn_json_get(values, key->name);
    char *text = NULL;
    if (value != NULL && value->type == PN_JSON_STRING) {
        text = pn_json_dup(value);
    } else if (value != NULL && value->type == PN_JSON_NUMBER) {
        text = pn_xstrndup(value->raw, value->raw_len);
    }
    pn_buf_adds(sql, "TRY_CAST(");
    if (text != NULL && has_statistics(key)) {
        pn_duckdb_add_text(sql, text);
    } else {
        pn_buf_adds(sql, "NULL");
    }
    pn_buf_adds(sql, " AS ");
    pn_type_sql(&key->type, sql);
    pn_buf_addc(sql, ')');
    free(text);
}

/* Appends FILES(i, low, high): the statistics of a column, null where they are not known. */
static void add_statistics(const struct pn_delta_file *files, size_t count,
                           const struct pn_column *column, struct pn_buf *sql)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    pn_buf_adds(sql, "(VALUES ");
    for (size_t i = 0; i < count; i++) {
        const char *stats = files[i].stats;
        struct pn_json *root = NULL;
        size_t len = stats != NULL ? strlen(stats) : 0;
        if (len == 0 || pn_json_parse(parser, stats, len, len, &root, NULL) != 0) {
            root = NULL;
        }
        pn_buf_addf(sql, "%s(%zu, ", i == 0 ? "" : ", ", i);
        add_value(pn_json_get(root, "minValues"), column, sql);
        pn_buf_adds(sql, ", ");
        add_value(pn_json_get(root, "maxValues"), column, sql);
        pn_buf_addc(sql, ')');
    }
    pn_buf_adds(sql, ") AS " FILES "(i, low, high)");
    pn_json_parser_destroy(&parser);
}

/* Appends the largest value that a file can have: other writers cut a time down to milliseconds. */
static void add_high(const struct pn_column *column, struct pn_buf *sql)
{
    pn_buf_adds(sql, FILES ".high");
    pn_buf_adds(sql, column->type.kind == PN_TYPE_TIMESTAMP ? " + INTERVAL 1 MILLISECOND" : "");
}

/* Sets may_hold[i] of those that the statistics do not rule out. */
static int ask_statistics(duckdb_connection connection, const struct pn_column *key,
                          const struct pn_delta_snapshot *snapshot, bool *may_hold,
                          struct pn_err *e)
{
    duckdb_result result;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT i FROM ");
    add_statistics(snapshot->files, snapshot->file_count, key, &sql);
    pn_buf_adds(&sql, " WHERE " FILES ".low IS NULL OR " FILES ".high IS NULL OR EXISTS (SELECT "
                      "1 FROM pn_best AS b WHERE b.");
    pn_duckdb_add_name(&sql, key->name);
    pn_buf_adds(&sql, " >= " FILES ".low AND b.");
    pn_duckdb_add_name(&sql, key->name);
    pn_buf_adds(&sql, " <= ");
    add_high(key, &sql);
    pn_buf_addc(&sql, ')');
    int rc = pn_duckdb_run_buf(connection, &sql, &result, e);
    if (rc == 0) {
        for (idx_t row = 0; row < duckdb_row_count(&result); row++) {
            may_hold[duckdb_value_int64(&result, 0, row)] = true;
        }
        duckdb_destroy_result(&result);
    }
    pn_buf_deinit(&sql);
    return rc;
}

/* Is every row of the batch whose key has a hit newer than all that the candidates can have? Then
 * their order column is not read, which may be most of what there is to read. */
static int ask_order(struct merging *merging, bool *is_newest, struct pn_err *e)
{
    const struct pn_column *order = merging->table->order_column;
    duckdb_result result;
    struct pn_buf sql;
    if (merging->candidate_count == 0) {
        return 0;
    }
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT NOT EXISTS (SELECT 1 FROM ");
    add_statistics(merging->candidates, merging->candidate_count, order, &sql);
    pn_buf_adds(&sql, ", (SELECT min(");
    pn_duckdb_add_name(&sql, order->name);
    pn_buf_adds(&sql, ") AS oldest, count(*) AS rows, count(");
    pn_duckdb_add_name(&sql, order->name);
    pn_buf_adds(&sql, ") AS known FROM pn_best SEMI JOIN pn_hits ON pn_key = ");
    pn_merging_add_key(merging, &sql);
    pn_buf_adds(&sql, ") WHERE rows > known OR (rows > 0 AND NOT coalesce(oldest > ");
    add_high(order, &sql);
    pn_buf_adds(&sql, ", false)))");
    int rc = pn_duckdb_run_buf(merging->connection, &sql, &result, e);
    if (rc == 0) {
        *is_newest = duckdb_value_boolean(&result, 0, 0);
        duckdb_destroy_result(&result);
    }
    pn_buf_deinit(&sql);
    return rc;
}

/* The files that the statistics do not rule out. */
static int find_candidates(struct merging *merging, struct pn_err *e)
{
    struct pn_delta_snapshot *target = merging->target;
    merging->candidate_count = 0;
    if (target == NULL || target->file_count == 0) {
        return 0;
    }
    bool *may_hold = pn_xcalloc(target->file_count, sizeof *may_hold);
    merging->candidates =
        pn_arena_calloc(&target->arena, target->file_count, sizeof *merging->candidates);
    int rc = ask_statistics(merging->connection, key_of(merging->table), target, may_hold, e);
    for (size_t i = 0; rc == 0 && i < target->file_count; i++) {
        if (may_hold[i]) {
            merging->candidates[merging->candidate_count++] = target->files[i];
        }
    }
    free(may_hold);
    return rc;
}

/* The least is null, so rows of the batch are newer than one whose order is not read. */
static void add_order(const struct merging *merging, bool is_read, struct pn_buf *sql)
{
    const struct pn_column *order = merging->table->order_column;
    if (is_read) {
        pn_buf_adds(sql, "o.");
        pn_duckdb_add_name(sql, order->name);
    } else {
        pn_buf_adds(sql, "CAST(NULL AS ");
        pn_type_sql(&order->type, sql);
        pn_buf_addc(sql, ')');
    }
}

static int make_hits(struct merging *merging, bool reads_order, struct pn_err *e)
{
    struct pn_delta_snapshot part = {.file_count = 0}; /* borrows all it points to */
    struct pn_buf sql;
    if (merging->target != NULL) {
        part = *merging->target;
        part.files = merging->candidates;
        part.file_count = merging->candidate_count;
    }
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "CREATE OR REPLACE TEMP TABLE pn_hits AS SELECT o.");
    pn_merging_add_key(merging, &sql);
    pn_buf_adds(&sql, " AS pn_key, ");
    add_order(merging, reads_order, &sql);
    pn_buf_adds(&sql, " AS pn_order, o.pn_file, o.pn_row FROM (");
    int rc =
        pn_duckdb_add_scan_of_places(merging->engine, merging->connection, merging->table,
                                     part.file_count > 0 ? &part : NULL, &merging->lease, &sql, e);
    pn_buf_adds(&sql, ") AS o SEMI JOIN pn_best AS b ON b.");
    pn_merging_add_key(merging, &sql);
    pn_buf_adds(&sql, " = o.");
    pn_merging_add_key(merging, &sql);
    if (rc == 0) {
        rc = pn_merging_run(merging, &sql, e);
    }
    pn_buf_deinit(&sql);
    return rc;
}

int pn_merging_find_hits(struct merging *merging, struct pn_err *e)
{
    bool is_newest = true;
    int rc = find_candidates(merging, e);
    if (rc == 0) {
        rc = make_hits(merging, false, e);
    }
    if (rc == 0) {
        rc = ask_order(merging, &is_newest, e);
    }
    return rc == 0 && !is_newest ? make_hits(merging, true, e) : rc;
}
