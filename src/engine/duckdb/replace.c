#include "engine/duckdb/replace.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "base/units.h"
#include "engine/duckdb/files.h"
#include "engine/duckdb/row_json.h"
#include "engine/duckdb/scan.h"
#include "engine/duckdb/widen.h"
#include "engine/incremental.h"

enum { TRIES_MAX = 8, NAMED_ROWS = 3 };

struct replacing {
    struct pn_duckdb *engine;
    duckdb_connection connection;
    const struct pn_table *table;
    const struct pn_written *written;
};

/* --- the condition ---------------------------------------------------------------------------- */

static const char *value_of(const struct pn_delta_file *file, const char *column)
{
    for (size_t i = 0; i < file->partition_value_count; i++) {
        if (strcmp(file->partition_values[i].key, column) == 0) {
            return file->partition_values[i].value;
        }
    }
    return NULL;
}

/* Appends "SELECT i FROM <partition columns of each file> WHERE <the condition>". */
static void add_question(const struct pn_table *table, const struct pn_delta_file *files,
                         size_t count, struct pn_buf *sql)
{
    pn_buf_adds(sql, "SELECT i FROM (SELECT i");
    for (size_t k = 0; k < table->partition_count; k++) {
        pn_buf_addf(sql, ", CAST(c%zu AS ", k);
        pn_type_sql(&table->partitions[k].column.type, sql);
        pn_buf_adds(sql, ") AS ");
        pn_duckdb_add_name(sql, table->partitions[k].column.name);
    }
    pn_buf_adds(sql, " FROM (VALUES ");
    for (size_t i = 0; i < count; i++) {
        pn_buf_addf(sql, "%s(%zu", i > 0 ? ", " : "", i);
        for (size_t k = 0; k < table->partition_count; k++) {
            const char *value = value_of(&files[i], table->partitions[k].column.name);
            pn_buf_adds(sql, ", ");
            if (value == NULL || value[0] == '\0') {
                pn_buf_adds(sql, "CAST(NULL AS VARCHAR)");
            } else {
                pn_duckdb_add_text(sql, value);
            }
        }
        pn_buf_addc(sql, ')');
    }
    pn_buf_adds(sql, ") AS v(i");
    for (size_t k = 0; k < table->partition_count; k++) {
        pn_buf_addf(sql, ", c%zu", k);
    }
    pn_buf_addf(sql, ")) AS partitions WHERE CAST((%s\n) AS BOOLEAN)", table->replace_where);
}

/* Sets is_true[i] of the files for whose partition the condition is true. */
static int ask(struct replacing *replacing, const struct pn_delta_file *files, size_t count,
               bool *is_true, struct pn_err *e)
{
    duckdb_result result;
    struct pn_buf sql;
    if (count == 0) {
        return 0;
    }
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    add_question(replacing->table, files, count, &sql);
    int rc = pn_duckdb_run_buf(replacing->connection, &sql, &result, e);
    if (rc == 0) {
        for (idx_t row = 0; row < duckdb_row_count(&result); row++) {
            is_true[duckdb_value_int64(&result, 0, row)] = true;
        }
        duckdb_destroy_result(&result);
    } else {
        pn_err_prefix(e, "tables.%s.replace_where", replacing->table->name);
    }
    pn_buf_deinit(&sql);
    return rc;
}

/* Appends some rows of the written file number `at`. */
static int show_rows(struct replacing *replacing, size_t at, struct pn_buf *out, struct pn_err *e)
{
    const struct pn_written_file *file = &replacing->written->files[at];
    struct pn_file_lease lease = {0};
    duckdb_result result;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT " PN_DUCKDB_ROW_SHOWN " FROM (SELECT *");
    for (size_t i = 0; i < file->value_count; i++) {
        pn_buf_adds(&sql, ", ");
        if (file->values[i].value != NULL) {
            pn_duckdb_add_text(&sql, file->values[i].value);
        } else {
            pn_buf_adds(&sql, "NULL");
        }
        pn_buf_adds(&sql, " AS ");
        pn_duckdb_add_name(&sql, file->values[i].key);
    }
    pn_buf_adds(&sql, " FROM read_parquet(");
    int rc = pn_duckdb_add_file(replacing->engine, replacing->table->path,
                                &replacing->written->adds[at], &lease, false, &sql, e);
    pn_buf_addf(&sql, PN_DUCKDB_FILE_END " LIMIT %d)", NAMED_ROWS);
    rc = rc == 0 ? pn_duckdb_run_buf(replacing->connection, &sql, &result, e) : rc;
    if (rc == 0) {
        for (idx_t row = 0; row < duckdb_row_count(&result); row++) {
            char *text = duckdb_value_varchar(&result, 0, row);
            pn_buf_addf(out, "%s%.200s", row == 0 ? "" : ", ", text != NULL ? text : "null");
            duckdb_free(text);
        }
        duckdb_destroy_result(&result);
    }
    pn_file_lease_release(&lease);
    pn_buf_deinit(&sql);
    return rc;
}

/* The rows that were written must be of the partitions that are replaced. */
static int check_rows(struct replacing *replacing, struct pn_err *e)
{
    const struct pn_written *written = replacing->written;
    bool *inside = pn_xcalloc(written->file_count + 1, sizeof *inside);
    size_t first = 0;
    int64_t outside = 0;
    struct pn_buf shown;
    pn_buf_init(&shown, PN_DUCKDB_SQL_MAX);
    int rc = ask(replacing, written->adds, written->file_count, inside, e);
    for (size_t i = 0; rc == 0 && i < written->file_count; i++) {
        if (!inside[i]) {
            first = outside == 0 ? i : first;
            outside += written->files[i].rows;
        }
    }
    if (rc == 0 && outside > 0) {
        rc = show_rows(replacing, first, &shown, e);
    }
    if (rc == 0 && outside > 0) {
        rc = pn_err_input(
            e,
            "table '%s': %" PRId64 " %s outside of what the run replaces (%.200s); "
            "the table stays as it was. Let the SQL give rows of these partitions "
            "only; outside of a run, run_logical_date() is null: %s%s",
            replacing->table->name, outside,
            pn_noun(outside, "row that the SQL gives is", "rows that the SQL gives are"),
            replacing->table->replace_where, pn_buf_text(&shown),
            outside > NAMED_ROWS ? ", ..." : "");
    }
    pn_buf_deinit(&shown);
    free(inside);
    return rc;
}

/* --- the commit ------------------------------------------------------------------------------- */

/* As Spark has it. */
static void add_parameters(const struct pn_table *table, struct pn_buf *out)
{
    struct pn_json_writer json;
    struct pn_json_writer columns;
    struct pn_buf text; /* a JSON array, as a string */
    pn_buf_init(&text, PN_DUCKDB_SQL_MAX);
    pn_json_writer_init(&columns, &text);
    pn_json_put_array(&columns);
    for (size_t i = 0; i < table->partition_count; i++) {
        pn_json_put_cstr(&columns, table->partitions[i].column.name);
    }
    pn_json_end(&columns);
    pn_json_writer_init(&json, out);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "mode", "Overwrite");
    pn_json_add_cstr(&json, "partitionBy", pn_buf_text(&text));
    pn_json_add_cstr(&json, "predicate", table->replace_where);
    pn_json_end(&json);
    pn_buf_deinit(&text);
}

/* Positions of an incremental table, which this one was, would not be of its rows any more. */
static int check_grown(const struct replacing *replacing, const struct pn_delta_snapshot *target,
                       struct pn_err *e)
{
    return target == NULL || pn_delta_txn_version(target, PN_INCREMENTAL_MARK) != 1
               ? 0
               : pn_err_input(e,
                              "table '%s': its rows are those of `mode: append` or `merge`: take "
                              "`replace_where` out for one run, which makes the whole table",
                              replacing->table->name);
}

static int replace_once(struct replacing *replacing, int64_t *version, struct pn_err *e)
{
    const struct pn_table *table = replacing->table;
    struct pn_delta_snapshot *target = NULL;
    struct pn_buf parameters;
    int rc = pn_duckdb_newest(replacing->engine, table->path, &target, e);
    size_t count = target != NULL ? target->file_count : 0;
    bool *inside = pn_xcalloc(count + 1, sizeof *inside);
    struct pn_delta_file *removes = pn_xcalloc(count + 1, sizeof *removes);
    size_t remove_count = 0;
    pn_buf_init(&parameters, PN_DUCKDB_SQL_MAX);
    add_parameters(table, &parameters);
    rc = rc == 0 ? check_grown(replacing, target, e) : rc;
    if (rc == 0 && target != NULL) {
        rc = ask(replacing, target->files, count, inside, e);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (inside[i]) {
            removes[remove_count++] = target->files[i];
        }
    }
    if (rc == 0) {
        const int64_t read = target != NULL ? target->version : -1;
        const struct pn_duckdb_put put = {.mode = PN_DELTA_REPLACE,
                                          .read_version = &read,
                                          .removes = removes,
                                          .remove_count = remove_count,
                                          .parameters = pn_buf_text(&parameters)};
        rc = pn_duckdb_commit(replacing->engine, table, replacing->written, &put, version, e);
    }
    pn_buf_deinit(&parameters);
    free(removes);
    free(inside);
    pn_delta_snapshot_destroy(&target);
    return rc;
}

/* What is refused is refused before the files are written with wider types. */
static int check_first(const struct replacing *replacing, struct pn_err *e)
{
    struct pn_delta_snapshot *target = NULL;
    int rc = pn_duckdb_newest(replacing->engine, replacing->table->path, &target, e);
    rc = rc == 0 && target != NULL ? check_grown(replacing, target, e) : rc;
    pn_delta_snapshot_destroy(&target);
    return rc;
}

int pn_duckdb_replace(struct pn_duckdb *engine, duckdb_connection connection,
                      const struct pn_table *table, const struct pn_written *written,
                      int64_t *version, struct pn_err *e)
{
    struct replacing replacing = {
        .engine = engine, .connection = connection, .table = table, .written = written};
    struct pn_err why = {0};
    bool widened = false;
    int rc = check_rows(&replacing, &why);
    rc = rc == 0 ? check_first(&replacing, &why) : rc;
    rc = rc == 0 ? pn_duckdb_widen(engine, table, &widened, &why) : rc;
    bool again = rc == 0;
    for (int tries = 0; again && tries < TRIES_MAX; tries++) {
        why = (struct pn_err){0};
        rc = replace_once(&replacing, version, &why);
        again = rc != 0 && why.class_ == PN_CLASS_CONFLICT;
    }
    if (rc == PN_DELTA_MISFIT) {
        const struct pn_err misfit = why;
        (void)pn_err_set(&why, misfit.class_, PN_DELTA_MISFIT,
                         "%s, as '%s' in pipeline.yml declares it, and with `replace_where` a run "
                         "keeps the other partitions: take `replace_where` out for one run, which "
                         "makes the whole table",
                         misfit.msg, table->name);
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    return rc;
}

int pn_duckdb_check_replace(duckdb_connection connection, const struct pn_table *table,
                            struct pn_err *e)
{
    const struct pn_delta_file nothing = {.path = ""};
    duckdb_prepared_statement statement = NULL;
    struct pn_buf sql;
    int rc = 0;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    add_question(table, &nothing, 1, &sql);
    if (duckdb_prepare(connection, pn_buf_text(&sql), &statement) != DuckDBSuccess) {
        rc = pn_duckdb_fail_prepared(e, statement);
        pn_err_add(e, " (a condition over the partition columns)");
    }
    duckdb_destroy_prepare(&statement);
    pn_buf_deinit(&sql);
    return rc;
}
