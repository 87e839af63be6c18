/*
 * One file of an import, by DuckDB's readers. The first pass converts and fails at the first bad
 * row; most files have none. Only when it fails is the file read again, in order, to find all of
 * them and their places, and once more without them.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/import.h"
#include "engine/duckdb/scan.h"

/* --- statements ------------------------------------------------------------------------------- */

static bool is_used(const struct pn_importing *importing, size_t at)
{
    for (size_t i = 0; i < importing->column_count; i++) {
        if (importing->columns[i].at == (int64_t)at) {
            return true;
        }
    }
    return false;
}

/*
 * Appends a condition that is always true, over the columns of a CSV that the table lacks. DuckDB
 * looks at the bytes of a column only if a statement reads it (and fails inside when it reads some
 * columns and one of them is not UTF-8). So each statement reads all of them, and all of them
 * reject the same records.
 */
static void add_read_all(const struct pn_importing *importing, struct pn_buf *sql)
{
    bool any = false;
    for (size_t i = 0; i < importing->width; i++) {
        if (!is_used(importing, i)) {
            pn_buf_addf(sql, "%sstrlen(c%zu)", any ? ", " : " WHERE coalesce(", i);
            any = true;
        }
    }
    pn_buf_adds(sql, any ? ", 0) >= 0" : "");
}

/* Appends the file's rows, raw and converted; a number of a row is its first column. */
static void add_source(const struct pn_importing *importing, bool with_number, struct pn_buf *sql)
{
    bool is_csv = importing->file->format == PN_FILE_CSV;
    pn_buf_adds(sql, "(SELECT ");
    if (with_number && is_csv) {
        pn_buf_adds(sql, "row_number() OVER () AS pn_n, concat_ws(");
        pn_duckdb_add_text(sql, (const char[]){importing->delimiter, '\0'});
        for (size_t i = 0; i < importing->width; i++) {
            pn_buf_addf(sql, ", coalesce(c%zu, '')", i);
        }
        pn_buf_adds(sql, ") AS pn_text, ");
    } else if (with_number) {
        pn_buf_addf(sql, "file_row_number + 1 AS pn_n, %s AS pn_text, ", importing->row_json);
    }
    pn_import_add_values(importing, sql);
    pn_buf_adds(sql, " FROM ");
    if (is_csv) {
        pn_import_add_read_csv(importing, sql);
        add_read_all(importing, sql);
    } else {
        pn_buf_adds(sql, "read_parquet(");
        pn_import_add_paths(importing, sql);
        pn_buf_addf(sql, "%s" PN_DUCKDB_FILE_END, with_number ? ", file_row_number = true" : "");
    }
    pn_buf_addc(sql, ')');
}

void pn_import_add_rows(const struct pn_importing *importing, bool without_bad, struct pn_buf *sql)
{
    pn_buf_adds(sql, "SELECT ");
    pn_import_add_row(importing, sql);
    pn_buf_adds(sql, " FROM ");
    add_source(importing, false, sql);
    if (without_bad) {
        pn_buf_adds(sql, " WHERE ");
        pn_import_add_reason(importing, sql);
        pn_buf_adds(sql, " IS NULL");
    }
}

/* The first pass, and the last one (`without_bad`). */
static int write_rows(struct pn_importing *importing, bool without_bad, struct pn_written *written,
                      struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_import_add_rows(importing, without_bad, &sql);
    int rc = pn_duckdb_write(importing->engine, importing->connection, importing->import->table,
                             &sql, written, e);
    pn_buf_deinit(&sql);
    return rc;
}

int pn_import_forget_rejects(duckdb_connection connection, struct pn_err *e)
{
    return pn_duckdb_run(connection,
                         "DROP TABLE IF EXISTS pn_rejects; DROP TABLE IF EXISTS pn_reject_scans",
                         NULL, e);
}

/* Fills pn_found with the rows that are none; in order, as their numbers are counted. */
static int find_bad(struct pn_importing *importing, struct pn_err *e)
{
    struct pn_buf sql;
    struct pn_err ignored;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SET GLOBAL preserve_insertion_order = true; CREATE OR REPLACE TEMP TABLE "
                      "pn_found AS SELECT * FROM (SELECT pn_n, ");
    pn_import_add_reason(importing, &sql);
    pn_buf_adds(&sql, " AS reason, pn_text AS value FROM ");
    add_source(importing, true, &sql);
    pn_buf_adds(&sql, ") WHERE reason IS NOT NULL ORDER BY pn_n");
    int rc = pn_duckdb_run_buf(importing->connection, &sql, NULL, e);
    int again = pn_duckdb_run(importing->connection, "SET GLOBAL preserve_insertion_order = false",
                              NULL, &ignored);
    (void)again; /* order costs time, and nothing else */
    pn_buf_deinit(&sql);
    return rc;
}

/* --- places ----------------------------------------------------------------------------------- */

/* What the reader rejected, and the rows that were found, side by side with the file's records. */
struct placing {
    struct pn_importing *importing;
    duckdb_appender appender;
    duckdb_result rejects; /* line, byte from 0, reason, text */
    duckdb_result found;   /* number among the rows, reason, value */
    idx_t reject;          /* that comes next */
    idx_t next;
    int64_t skipped; /* records before that the reader rejected */
    int64_t end;     /* of the record before */
    bool is_lost;    /* the reader took other texts for records */
};

static int add_result(struct placing *placing, duckdb_result *result, idx_t row, int64_t line,
                      int64_t byte, const char *text, size_t len, struct pn_err *e)
{
    bool is_reject = result == &placing->rejects;
    char *reason = duckdb_value_varchar(result, is_reject ? 2 : 1, row);
    const struct pn_import_bad bad = {
        .line = line, .byte = byte, .reason = reason, .value = text, .value_len = len};
    int rc = pn_import_add_bad(placing->importing, placing->appender, &bad, e);
    duckdb_free(reason);
    return rc;
}

static int place_record(void *arg, const struct pn_csv_record *record, struct pn_err *e)
{
    struct placing *placing = arg;
    int64_t byte = placing->reject < duckdb_row_count(&placing->rejects)
                       ? duckdb_value_int64(&placing->rejects, 1, placing->reject)
                       : INT64_MAX;
    int64_t before = placing->end;
    placing->end = record->end;
    placing->is_lost = placing->is_lost || byte < before;
    if (!placing->is_lost && byte <= record->byte) { /* it may name an empty line before it */
        placing->skipped++;
        return add_result(placing, &placing->rejects, placing->reject++, record->line, record->byte,
                          record->text, record->len, e);
    }
    if (!placing->is_lost && placing->next < duckdb_row_count(&placing->found) &&
        duckdb_value_int64(&placing->found, 0, placing->next) ==
            record->number - placing->skipped) {
        return add_result(placing, &placing->found, placing->next++, record->line, record->byte,
                          record->text, record->len, e);
    }
    return 0;
}

/* Of those whose records were not met, what DuckDB says. */
static int place_rest(struct placing *placing, struct pn_err *e)
{
    int rc = 0;
    for (; rc == 0 && placing->reject < duckdb_row_count(&placing->rejects); placing->reject++) {
        char *text = duckdb_value_varchar(&placing->rejects, 3, placing->reject);
        rc = add_result(placing, &placing->rejects, placing->reject,
                        duckdb_value_int64(&placing->rejects, 0, placing->reject),
                        duckdb_value_int64(&placing->rejects, 1, placing->reject),
                        text != NULL ? text : "", text != NULL ? strlen(text) : 0, e);
        duckdb_free(text);
    }
    for (; rc == 0 && placing->next < duckdb_row_count(&placing->found); placing->next++) {
        char *text = duckdb_value_varchar(&placing->found, 2, placing->next);
        bool is_csv = placing->importing->file->format == PN_FILE_CSV;
        rc = add_result(placing, &placing->found, placing->next,
                        is_csv ? -1 : duckdb_value_int64(&placing->found, 0, placing->next), -1,
                        text != NULL ? text : "", text != NULL ? strlen(text) : 0, e);
        duckdb_free(text);
    }
    return rc;
}

static int read_rejects(struct placing *placing, struct pn_err *e)
{
    bool is_csv = placing->importing->file->format == PN_FILE_CSV;
    int rc = pn_duckdb_run(
        placing->importing->connection,
        is_csv
            ? "SELECT min(line), line_byte_position - 1 AS byte, first(concat(CASE WHEN "
              "column_name IS NOT NULL AND error_type <> 'MISSING COLUMNS' THEN concat('value ', "
              "column_idx, ': ') END, error_message)), first(csv_line) FROM pn_rejects GROUP BY "
              "byte ORDER BY byte"
            : "SELECT 0, 0, '', '' WHERE false",
        &placing->rejects, e);
    if (rc == 0) {
        rc = pn_duckdb_run(placing->importing->connection,
                           "SELECT pn_n, reason, value FROM pn_found ORDER BY pn_n",
                           &placing->found, e);
        if (rc != 0) {
            duckdb_destroy_result(&placing->rejects);
        }
    }
    return rc;
}

static int place_bad(struct pn_importing *importing, struct pn_err *e)
{
    struct placing placing = {.importing = importing};
    int rc = read_rejects(&placing, e);
    if (rc != 0) {
        return rc;
    }
    if (duckdb_appender_create(importing->connection, NULL, "pn_bad", &placing.appender) !=
        DuckDBSuccess) {
        rc = pn_err_fatal(e, "DuckDB does not accept rows");
    }
    if (rc == 0 && importing->file->format == PN_FILE_CSV) {
        const struct pn_csv_shape shape = {.quote = importing->import->quote,
                                           .delimiter = importing->delimiter,
                                           .width = importing->width,
                                           .has_header = !importing->import->has_no_header};
        rc = pn_csv_records(importing->engine->config.io, importing->file->path, &shape,
                            place_record, &placing, e);
    }
    if (rc == 0) {
        rc = place_rest(&placing, e);
    }
    if (duckdb_appender_destroy(&placing.appender) != DuckDBSuccess && rc == 0) {
        rc = pn_err_fatal(e, "DuckDB does not accept rows");
    }
    duckdb_destroy_result(&placing.rejects);
    duckdb_destroy_result(&placing.found);
    return rc;
}

/* --- the file --------------------------------------------------------------------------------- */

int pn_import_count_rejects(duckdb_connection connection, int64_t *count, struct pn_err *e)
{
    duckdb_result result;
    int rc = pn_duckdb_run(connection, "SELECT count(*) FROM pn_rejects", &result, e);
    *count = 0;
    if (rc == 0) {
        *count = duckdb_value_int64(&result, 0, 0);
        duckdb_destroy_result(&result);
    }
    return rc;
}

static int count_rejects(struct pn_importing *importing, int64_t *count, struct pn_err *e)
{
    *count = 0;
    return importing->file->format == PN_FILE_CSV
               ? pn_import_count_rejects(importing->connection, count, e)
               : 0;
}

int pn_import_explain(struct pn_importing *importing, struct pn_err *e)
{
    int rc = pn_import_forget_rejects(importing->connection, e);
    rc = rc == 0 ? find_bad(importing, e) : rc;
    return rc == 0 ? place_bad(importing, e) : rc;
}

/* After a first pass that failed (`why`), or whose reader rejected records: finds all bad rows. */
static int explain(struct pn_importing *importing, int first_rc, struct pn_err *why,
                   struct pn_err *e)
{
    if (first_rc != 0 && !pn_import_is_bad_row(why)) {
        pn_err_prefix(why, "%s", importing->file->name);
        pn_err_copy(e, why);
        return first_rc;
    }
    return pn_import_explain(importing, e);
}

static int write_table(struct pn_importing *importing, struct pn_written *written, struct pn_err *e)
{
    struct pn_err why = {0};
    int64_t rejects = 0;
    int first_rc = write_rows(importing, false, written, &why);
    int rc = first_rc == 0 ? count_rejects(importing, &rejects, e) : 0;
    if (rc == 0 && (first_rc != 0 || rejects > 0)) {
        rc = explain(importing, first_rc, &why, e);
    }
    if (rc == 0 && first_rc != 0 && importing->import->takes_bad_rows) {
        rc = write_rows(importing, true, written, e);
    }
    return rc;
}

static int copy_lines(struct pn_importing *importing, const char *path, struct pn_err *e)
{
    struct pn_err ignored;
    duckdb_result result;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "COPY (SELECT ");
    pn_import_add_record(importing, &sql);
    pn_buf_adds(&sql, " FROM ");
    add_source(importing, false, &sql);
    pn_buf_adds(&sql, ") TO ");
    pn_duckdb_add_text(&sql, path);
    pn_buf_adds(&sql, " (FORMAT json, COMPRESSION none)");
    int rc =
        pn_duckdb_run(importing->connection, "SET GLOBAL preserve_insertion_order = true", NULL, e);
    if (rc == 0) {
        rc = pn_duckdb_run_long(importing->connection, &sql, &importing->engine->interrupted,
                                &result, e);
    }
    if (rc == 0) {
        duckdb_destroy_result(&result);
    }
    int again = pn_duckdb_run(importing->connection, "SET GLOBAL preserve_insertion_order = false",
                              NULL, &ignored);
    (void)again; /* order costs time, and nothing else */
    pn_buf_deinit(&sql);
    return rc;
}

int pn_import_begin(struct pn_importing *importing, struct pn_err *e)
{
    pn_import_begin_columns(importing);
    return importing->file->format == PN_FILE_CSV ? pn_import_read_header(importing, e)
                                                  : pn_import_read_parquet(importing, e);
}

static int begin(struct pn_importing *importing, struct pn_err *e)
{
    int rc = pn_import_begin(importing, e);
    return rc == 0 ? pn_import_forget_rejects(importing->connection, e) : rc;
}

static int make_empty(const struct pn_importing *importing, const char *path, struct pn_err *e)
{
    const struct pn_io *io = importing->engine->config.io;
    int fd = -1;
    int rc = pn_io_open(io, path, O_WRONLY | O_CREAT | O_EXCL, &fd, e);
    pn_io_close(io, &fd);
    return rc;
}

int pn_import_file_lines(struct pn_importing *importing, const char *path, struct pn_err *e)
{
    struct pn_err why = {0};
    int64_t rejects = 0;
    int rc = begin(importing, e);
    if (rc != 0 || importing->is_empty) {
        return rc != 0 ? rc : make_empty(importing, path, e);
    }
    int first_rc = copy_lines(importing, path, &why);
    rc = first_rc == 0 ? count_rejects(importing, &rejects, e) : 0;
    return rc == 0 && (first_rc != 0 || rejects > 0) ? explain(importing, first_rc, &why, e) : rc;
}

int pn_import_file_write(struct pn_importing *importing, struct pn_written *written,
                         struct pn_err *e)
{
    if (importing->file->format == PN_FILE_JSON) {
        return pn_import_json(importing, written, e);
    }
    int rc = begin(importing, e);
    return rc == 0 && !importing->is_empty ? write_table(importing, written, e) : rc;
}
