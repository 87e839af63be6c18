#include "engine/duckdb/letters_out.h"

#include <stdlib.h>

#include "base/mem.h"
#include "engine/duckdb/scan.h"
#include "engine/duckdb/write.h"

enum { ATTEMPTS_MAX = 8 };

struct from {
    struct pn_duckdb *engine;
    duckdb_connection connection;
    const struct pn_table *table;
    const char *which; /* see pn_letters_take_out() */
};

/* Finds the files that hold some of the letters. */
static int find_files(const struct from *from, const struct pn_delta_snapshot *snapshot,
                      struct pn_delta_file *files, size_t *count, struct pn_err *e)
{
    struct pn_file_lease lease = {0};
    duckdb_result result;
    struct pn_buf sql;
    *count = 0;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT DISTINCT pn_file FROM (");
    int rc = pn_duckdb_add_scan_of_places(from->engine, from->connection, from->table, snapshot,
                                          &lease, &sql, e);
    pn_buf_addf(&sql, ") WHERE %s ORDER BY 1", from->which);
    if (rc == 0) {
        rc = pn_duckdb_run_buf(from->connection, &sql, &result, e);
    }
    if (rc == 0) {
        for (idx_t row = 0; row < duckdb_row_count(&result); row++) {
            files[(*count)++] = snapshot->files[duckdb_value_int64(&result, 0, row)];
        }
        duckdb_destroy_result(&result);
    }
    pn_file_lease_release(&lease);
    pn_buf_deinit(&sql);
    return rc;
}

/* Writes the other letters of these files again, and commits them in place of the files. */
static int write_others(const struct from *from, const struct pn_delta_snapshot *snapshot,
                        struct pn_delta_file *files, size_t count, struct pn_err *e)
{
    struct pn_delta_snapshot part = *snapshot;
    struct pn_file_lease lease = {0};
    struct pn_written written = {0};
    struct pn_buf sql;
    int64_t version = -1;
    part.files = files;
    part.file_count = count;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT * FROM (");
    int rc = pn_duckdb_add_scan(from->engine, from->connection, from->table, &part, true, &lease,
                                &sql, e);
    pn_buf_addf(&sql, ") WHERE NOT coalesce((%s), false)", from->which);
    if (rc == 0) {
        rc = pn_duckdb_write(from->engine, from->connection, from->table, &sql, &written, e);
    }
    if (rc == 0) {
        const struct pn_duckdb_put put = {.mode = PN_DELTA_REPLACE,
                                          .removes = files,
                                          .remove_count = count,
                                          .carries_rows = true,
                                          .operation = "DELETE"};
        rc = pn_duckdb_commit(from->engine, from->table, &written, &put, &version, e);
        if (rc != 0) {
            pn_duckdb_write_undo(from->engine, &written, rc);
        }
    }
    pn_written_deinit(&written);
    pn_file_lease_release(&lease);
    pn_buf_deinit(&sql);
    return rc;
}

static int take_out(const struct from *from, struct pn_err *e)
{
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_delta_file *files = NULL;
    size_t count = 0;
    int rc = pn_duckdb_newest(from->engine, from->table->path, &snapshot, e);
    if (rc == 0 && snapshot != NULL && snapshot->file_count > 0) {
        files = pn_xcalloc(snapshot->file_count, sizeof *files);
        rc = find_files(from, snapshot, files, &count, e);
    }
    if (rc == 0 && count > 0) {
        rc = write_others(from, snapshot, files, count, e);
    }
    free(files);
    pn_delta_snapshot_destroy(&snapshot);
    return rc;
}

/* A load, a stream or a compaction may commit in between: then it is done again. */
int pn_letters_take_out(struct pn_duckdb *engine, duckdb_connection connection,
                        const struct pn_table *letters, const char *which, struct pn_err *e)
{
    const struct from from = {
        .engine = engine, .connection = connection, .table = letters, .which = which};
    for (int tries = 1;; tries++) {
        struct pn_err why = {0};
        int rc = take_out(&from, &why);
        if (rc == 0) {
            return 0;
        }
        if (why.class_ != PN_CLASS_CONFLICT || tries == ATTEMPTS_MAX) {
            return why.class_ != PN_CLASS_CONFLICT
                       ? (pn_err_copy(e, &why), rc)
                       : pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                                    "%s: others write it all the time; try again", letters->path);
        }
    }
}
