#include "engine/duckdb/quarantine.h"

#include "engine/duckdb/dead_letters_parts.h"
#include "engine/duckdb/dropped.h"
#include "engine/duckdb/letter_maker.h"
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

/* Appends a SELECT of the rows that are taken out, as letters. */
static int add_found(struct pn_duckdb *engine, const struct pn_table *table,
                     const struct pn_letter_batch *batch, const struct pn_buf *select,
                     struct pn_buf *sql, struct pn_err *e)
{
    int64_t after = -1;
    int rc = pn_letter_after(engine, table->path, &after, e);
    pn_letters_add_row(engine, table, after, batch, sql);
    pn_buf_addf(sql, " FROM (%s)", pn_buf_text(select));
    return rc;
}

/* The letters of other tables, and those of the table that nobody has dropped. */
static void add_letters(const struct pn_table *table, const struct pn_buf *scan,
                        const struct pn_buf *found, struct pn_buf *sql)
{
    pn_buf_addf(sql, "SELECT * FROM (%s) WHERE \"table\" <> ", pn_buf_text(scan));
    pn_duckdb_add_text(sql, table->name);
    if (found->len > 0) {
        pn_buf_addf(sql, "\nUNION ALL SELECT * FROM (%s) WHERE " PN_NOT_DROPPED,
                    pn_buf_text(found));
    }
    pn_buf_adds(sql, "\nORDER BY \"table\", topic, partition, \"offset\", object, line");
}

/* Forgets what was dropped of the table and was not found again; the next run tries again where it
 * fails. */
static void forget(struct pn_duckdb *engine, duckdb_connection connection,
                   const struct pn_dropped *dropped, const struct pn_table *table,
                   const struct pn_buf *found)
{
    struct pn_err why = {0};
    struct pn_buf left;
    pn_buf_init(&left, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&left, "SELECT * FROM dropped WHERE \"table\" <> ");
    pn_duckdb_add_text(&left, table->name);
    if (found->len > 0) {
        pn_buf_addf(&left, " OR id IN (" PN_FOUND_IDS " (%s))", pn_buf_text(found));
    }
    if (pn_dropped_keep(engine, connection, dropped, dropped, &left, &why) != 0) {
        pn_dropped_warn(engine, &why);
    }
    pn_buf_deinit(&left);
}

static int replace(struct pn_duckdb *engine, duckdb_connection connection,
                   const struct pn_table *table, const struct pn_buf *select, struct pn_err *e)
{
    const struct pn_table letters = pn_dead_letters_table(engine->pipeline);
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_written written = {0};
    struct pn_file_lease lease = {0};
    struct pn_dropped dropped = {.keys = NULL};
    struct pn_buf found;
    struct pn_buf scan;
    struct pn_buf sql;
    bool has = false;
    int64_t version = -1;
    pn_buf_init(&found, PN_DUCKDB_SQL_MAX);
    pn_buf_init(&scan, PN_DUCKDB_SQL_MAX);
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    int rc = pn_duckdb_newest(engine, letters.path, &snapshot, e);
    if (rc == 0) {
        rc = pn_duckdb_add_scan(engine, connection, &letters, snapshot, true, &lease, &scan, e);
    }
    if (rc == 0) {
        rc = has_letters(connection, &scan, table, &has, e);
    }
    if (rc == 0) { /* after the letters: a drop after this makes the commit fail as moved */
        rc = pn_dropped_read(engine, connection, &dropped, e);
    }
    if (rc == 0 && select != NULL) {
        rc = add_found(engine, table, NULL, select, &found, e);
    }
    if (rc != 0 || (!has && select == NULL)) {
        goto out;
    }
    add_letters(table, &scan, &found, &sql);
    if (rc == 0) {
        rc = pn_duckdb_write(engine, connection, &letters, &sql, &written, e);
    }
    if (rc == 0) {
        const int64_t read = snapshot != NULL ? snapshot->version : -1;
        const struct pn_duckdb_put put = {.mode = PN_DELTA_OVERWRITE, .read_version = &read};
        rc = pn_duckdb_commit(engine, &letters, &written, &put, &version, e);
    }
    if (rc != 0) {
        pn_duckdb_write_undo(engine, &written, rc);
    }
out:
    if (rc == 0 && dropped.count > 0) {
        forget(engine, connection, &dropped, table, &found);
    }
    pn_dropped_deinit(&dropped);
    pn_written_deinit(&written);
    pn_file_lease_release(&lease);
    pn_delta_snapshot_destroy(&snapshot);
    pn_buf_deinit(&found);
    pn_buf_deinit(&scan);
    pn_buf_deinit(&sql);
    return rc;
}

/* Adds the letters with the run's number; `select` NULL: there are none. PN_DELTA_TXN_SEEN: another
 * commit that adds some of the table was faster. */
static int add(struct pn_duckdb *engine, duckdb_connection connection,
               const struct pn_letter_batch *batch, bool afresh, const struct pn_buf *select,
               struct pn_err *e)
{
    const struct pn_table letters = pn_dead_letters_table(engine->pipeline);
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_written written = {0};
    struct pn_dropped dropped = {.keys = NULL};
    struct pn_buf found;
    struct pn_buf sql;
    pn_buf_init(&found, PN_DUCKDB_SQL_MAX);
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    int rc = pn_duckdb_newest(engine, letters.path, &snapshot, e);
    if (rc == 0) {
        rc = pn_letter_batch_check(batch, engine, e);
    }
    if (rc == 0) {
        rc = pn_dropped_read(engine, connection, &dropped, e);
    }
    if (rc == 0 && select != NULL) {
        rc = add_found(engine, batch->table, batch, select, &found, e);
    }
    if (rc == 0 && select != NULL) {
        pn_buf_addf(&sql, "SELECT * FROM (%s) WHERE " PN_NOT_DROPPED, pn_buf_text(&found));
        rc = pn_duckdb_write(engine, connection, &letters, &sql, &written, e);
    }
    if (rc == 0) {
        rc = pn_letter_batch_commit(engine, &letters, snapshot, batch->table, &written, e);
    }
    if (rc == 0 && afresh && dropped.count > 0) {
        forget(engine, connection, &dropped, batch->table, &found);
    }
    pn_dropped_deinit(&dropped);
    pn_written_deinit(&written);
    pn_delta_snapshot_destroy(&snapshot);
    pn_buf_deinit(&found);
    pn_buf_deinit(&sql);
    return rc;
}

/* Until no other run has committed its dead letters meanwhile. */
static int put_until_alone(struct pn_duckdb *engine, duckdb_connection connection,
                           const struct pn_table *table, const struct pn_quarantine *to,
                           const struct pn_buf *select, struct pn_err *e)
{
    bool adds = to->batch != NULL && to->batch->table != NULL;
    for (int i = 0; i < ATTEMPTS_MAX; i++) {
        int rc = adds ? add(engine, connection, to->batch, to->afresh, select, e)
                      : replace(engine, connection, table, select, e);
        if (rc != PN_DELTA_MOVED && rc != PN_DELTA_TXN_SEEN) {
            return rc;
        }
    }
    return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                      "%s: too many runs write dead letters at once; run again",
                      engine->pipeline->dead_letters_path);
}

int pn_duckdb_quarantine(struct pn_duckdb *engine, duckdb_connection connection,
                         const struct pn_table *table, const struct pn_quarantine *to,
                         const struct pn_buf *select, struct pn_err *e)
{
    bool forgets = to->batch != NULL && to->batch->table != NULL && to->afresh;
    if (to->load != NULL) {
        return select != NULL
                   ? pn_dead_letters_take_rows(to->load, connection, to->place, select, e)
                   : 0;
    }
    return select != NULL || forgets ? put_until_alone(engine, connection, table, to, select, e)
                                     : 0;
}

void pn_duckdb_forget_letters(struct pn_duckdb *engine, duckdb_connection connection,
                              const struct pn_table *table)
{
    const struct pn_quarantine replaces = {.batch = NULL};
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_err why = {0};
    if (engine->pipeline->dead_letters_path == NULL) {
        return;
    }
    int rc = pn_duckdb_newest(engine, engine->pipeline->dead_letters_path, &snapshot, &why);
    bool may_have = snapshot != NULL && (snapshot->file_count > 0 || table->expect_count > 0);
    pn_delta_snapshot_destroy(&snapshot);
    if (rc == 0 && may_have) {
        rc = put_until_alone(engine, connection, table, &replaces, NULL, &why);
    }
    if (rc != 0) {
        pn_logger_warn(engine->logger, "engine",
                       "dead letters of table '%s' whose rows are in it now stay until its next "
                       "run: %s",
                       table->name, why.msg);
    }
}
