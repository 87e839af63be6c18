#include "engine/duckdb/places.h"

#include <inttypes.h>
#include <string.h>

#include "engine/duckdb/write.h"

#define DELETED "\"pinion's deleted rows\""

int pn_duckdb_check_places(const struct pn_stored *columns, const char *table_path,
                           struct pn_err *e)
{
    static const char *const names[] = {"file_index", "file_row_number"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (pn_stored_find(columns, names[i]) != NULL) {
            return pn_err_input(e,
                                "table %s has a column %s, whose name DuckDB's scan of files "
                                "takes, so it cannot have partitions or deletion vectors, nor rows "
                                "merged: rename the column",
                                table_path, names[i]);
        }
    }
    return 0;
}

/* --- partitions ------------------------------------------------------------------------------- */

static const char *partition_value(const struct pn_delta_file *file, const char *physical)
{
    for (size_t i = 0; i < file->partition_value_count; i++) {
        if (strcmp(file->partition_values[i].key, physical) == 0) {
            return file->partition_values[i].value;
        }
    }
    return NULL;
}

/* One row: the file's place in the list, and its values. An empty text is null, as the protocol has
 * it. */
static void add_partition_row(const struct pn_delta_snapshot *snapshot,
                              const struct pn_stored *columns, size_t at, struct pn_buf *sql)
{
    const struct pn_delta_metadata *metadata = &snapshot->metadata;
    pn_buf_addf(sql, "%s(CAST(%zu AS UBIGINT)", at == 0 ? "" : ", ", at);
    for (size_t i = 0; i < metadata->partition_column_count; i++) {
        const struct pn_stored *column = pn_stored_find(columns, metadata->partition_columns[i]);
        const char *value =
            partition_value(&snapshot->files[at],
                            column != NULL ? column->physical : metadata->partition_columns[i]);
        pn_buf_adds(sql, ", ");
        if (value == NULL || value[0] == '\0') {
            pn_buf_adds(sql, "CAST(NULL AS VARCHAR)");
        } else {
            pn_duckdb_add_text(sql, value);
        }
    }
    pn_buf_addc(sql, ')');
}

void pn_duckdb_add_partitions(const struct pn_delta_snapshot *snapshot,
                              const struct pn_stored *columns, struct pn_buf *sql)
{
    pn_buf_adds(sql, " JOIN (VALUES ");
    for (size_t i = 0; i < snapshot->file_count; i++) {
        add_partition_row(snapshot, columns, i, sql);
    }
    pn_buf_adds(sql, ") AS " PN_DUCKDB_PARTITIONS "(file");
    for (size_t i = 0; i < snapshot->metadata.partition_column_count; i++) {
        pn_buf_addf(sql, ", c%zu", i);
    }
    pn_buf_adds(sql, ") ON " PN_DUCKDB_FILES ".file_index = " PN_DUCKDB_PARTITIONS ".file");
}

/* --- deleted rows ----------------------------------------------------------------------------- */

bool pn_duckdb_has_deleted_rows(const struct pn_delta_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->file_count; i++) {
        if (snapshot->files[i].deletion_vector != NULL) {
            return true;
        }
    }
    return false;
}

struct deleted {
    struct pn_buf *sql;
    int64_t of_file;
    int64_t count; /* of all files */
};

/* Where there are more, the statement would become too long. */
enum { DELETED_ROWS_MAX = 4000000 };

static int add_deleted_row(void *arg, int64_t row)
{
    struct deleted *deleted = arg;
    pn_buf_addf(deleted->sql, "%s%" PRId64, deleted->of_file == 0 ? "" : ",", row);
    deleted->of_file++;
    return ++deleted->count > DELETED_ROWS_MAX ? PN_FAIL : 0;
}

/* The rows of a file are one text: as values of their own, they would take 100 times the memory. */
int pn_duckdb_add_deleted(struct pn_duckdb *engine, const char *table_path,
                          const struct pn_delta_snapshot *snapshot, struct pn_buf *sql,
                          struct pn_err *e)
{
    struct pn_delta *delta = pn_duckdb_delta(engine, table_path);
    struct deleted deleted = {.sql = sql};
    int rc = 0;
    pn_buf_adds(sql, " ANTI JOIN (SELECT CAST(f AS UBIGINT) AS file, "
                     "CAST(unnest(string_split(r, ',')) AS BIGINT) AS row FROM (VALUES (0, '-1')");
    for (size_t i = 0; rc == 0 && i < snapshot->file_count; i++) {
        if (snapshot->files[i].deletion_vector != NULL) {
            deleted.of_file = 0;
            pn_buf_addf(sql, ", (%zu, '", i);
            rc = pn_delta_deleted_rows(delta, &snapshot->files[i], add_deleted_row, &deleted, e);
            pn_buf_adds(sql, deleted.of_file == 0 ? "-1')" : "')");
        }
    }
    pn_buf_adds(sql, ") AS v(f, r)) AS " DELETED " ON " PN_DUCKDB_FILES ".file_index = " DELETED
                     ".file AND " PN_DUCKDB_FILES ".file_row_number = " DELETED ".row");
    if (deleted.count > DELETED_ROWS_MAX) {
        rc = pn_err_input(e,
                          "table %s has more than %d deleted rows in its files, which is more than "
                          "pinion reads: rewrite its files (REORG TABLE ... APPLY (PURGE))",
                          table_path, DELETED_ROWS_MAX);
    }
    pn_delta_destroy(&delta);
    return rc;
}
