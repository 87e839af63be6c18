#include "engine/duckdb/quarantine.h"

#include "engine/duckdb/dead_letters.h"
#include "engine/duckdb/scan.h"

enum { ATTEMPTS_MAX = 8 };

/* Does the table of dead letters have some of the table? */
static int has_letters(duckdb_connection connection, const struct pn_buf *scan,
                       const struct pn_table *table, bool *has, struct pn_err *e)
{
    duckdb_result result;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_addf(&sql, "SELECT 1 FROM (%s) WHERE \"table\" = ", pn_buf_text(scan));
    pn_duckdb_add_text(&sql, table->name);
    pn_buf_adds(&sql, " LIMIT 1");
    int rc = pn_duckdb_run_buf(connection, &sql, &result, e);
    if (rc == 0) {
        *has = duckdb_row_count(&result) > 0;
        duckdb_destroy_result(&result);
    }
    pn_buf_deinit(&sql);
    return rc;
}

/* The letters of other tables, and those of the table. */
static void add_letters(const struct pn_table *table, const struct pn_buf *scan,
                        const struct pn_buf *select, struct pn_buf *sql)
{
    pn_buf_addf(sql, "SELECT * FROM (%s) WHERE \"table\" <> ", pn_buf_text(scan));
    pn_duckdb_add_text(sql, table->name);
    if (select != NULL) {
        pn_buf_adds(sql, "\nUNION ALL SELECT ");
        pn_duckdb_add_text(sql, table->name);
        pn_buf_addf(sql, ", NULL, NULL, NULL, NULL, NULL, reason, value, NULL, NULL FROM (%s)",
                    pn_buf_text(select));
    }
    pn_buf_adds(sql, "\nORDER BY \"table\", topic, partition, \"offset\", object, line");
}

static int replace(struct pn_duckdb *engine, duckdb_connection connection,
                   const struct pn_table *table, const struct pn_buf *select, struct pn_err *e)
{
    const struct pn_table letters = pn_dead_letters_table(engine->pipeline);
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_written written = {0};
    struct pn_file_lease lease = {0};
    struct pn_buf scan;
    struct pn_buf sql;
    bool has = false;
    int64_t version = -1;
    pn_buf_init(&scan, PN_DUCKDB_SQL_MAX);
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    int rc = pn_duckdb_newest(engine, letters.path, &snapshot, e);
    if (rc == 0) {
        rc = pn_duckdb_add_scan(engine, connection, &letters, snapshot, true, &lease, &scan, e);
    }
    if (rc == 0) {
        rc = has_letters(connection, &scan, table, &has, e);
    }
    if (rc != 0 || (!has && select == NULL)) {
        goto out;
    }
    add_letters(table, &scan, select, &sql);
    rc = pn_duckdb_write(engine, connection, &letters, &sql, &written, e);
    if (rc == 0) {
        const int64_t read = snapshot != NULL ? snapshot->version : -1;
        const struct pn_duckdb_put put = {.mode = PN_DELTA_OVERWRITE, .read_version = &read};
        rc = pn_duckdb_commit(engine, &letters, &written, &put, &version, e);
    }
    if (rc != 0) {
        pn_duckdb_write_undo(engine, &written, rc);
    }
out:
    pn_written_deinit(&written);
    pn_file_lease_release(&lease);
    pn_delta_snapshot_destroy(&snapshot);
    pn_buf_deinit(&scan);
    pn_buf_deinit(&sql);
    return rc;
}

int pn_duckdb_quarantine(struct pn_duckdb *engine, duckdb_connection connection,
                         const struct pn_table *table, const struct pn_buf *select,
                         struct pn_err *e)
{
    for (int i = 0; i < ATTEMPTS_MAX; i++) {
        int rc = replace(engine, connection, table, select, e);
        if (rc != PN_DELTA_MOVED) { /* another run has committed its dead letters */
            return rc;
        }
    }
    return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                      "%s: too many runs write dead letters at once; run again",
                      engine->pipeline->dead_letters_path);
}
