/* The dead letters of an import. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "engine/duckdb/dead_letters.h"
#include "engine/duckdb/import.h"
#include "engine/duckdb/letter_maker.h"
#include "engine/duckdb/scan.h"
#include "engine/imported.h"

enum { VALUE_BYTES_MAX = 1 << 20 };

struct letters {
    struct pn_duckdb *engine;
    duckdb_connection connection;
    const struct pn_import *asked;
    const struct pn_delta_snapshot *snapshot; /* of the table; NULL: there is none yet */
    const struct pn_import_ready *ready;
    char **bad_sums; /* of each file */
    /* One try: */
    bool *may_be_there;        /* of each file: the table of letters may have some of its own */
    struct pn_delta_txn *txns; /* of each file */
    int64_t *before;
    struct pn_arena arena;
};

/* With the sum: what is bad in a file depends on the columns and options too. */
static const char *letters_app(struct letters *letters, size_t i)
{
    return pn_arena_printf(&letters->arena, "pinion/letters/%s/%s/%s", letters->asked->table->name,
                           letters->asked->files[i].app_id,
                           letters->bad_sums[i] != NULL ? letters->bad_sums[i] : "none");
}

/* Were rows of the file in the table? A restore leaves their letters. */
static bool has_left(const struct letters *letters, size_t i)
{
    const char *app_id = letters->asked->files[i].app_id;
    return letters->snapshot != NULL && pn_delta_txn_version(letters->snapshot, app_id) >= 0 &&
           pn_imported_dropped(letters->snapshot, app_id) != NULL;
}

/* A killed import may have left those of a file whose rows the table lacks; what made the table
 * afresh since then may have dropped them. */
static void choose(struct letters *letters, const struct pn_delta_snapshot *itself)
{
    for (size_t i = 0; i < letters->asked->count; i++) {
        const char *app_id = letters_app(letters, i);
        const int64_t version =
            pn_imported_next(letters->snapshot, letters->asked->files[i].app_id);
        const int64_t has = itself != NULL ? pn_delta_txn_version(itself, app_id) : -1;
        letters->may_be_there[i] = has >= version || has_left(letters, i);
        letters->before[i] = has;
        letters->txns[i] = (struct pn_delta_txn){.app_id = app_id,
                                                 .version = has > version ? has : version,
                                                 .updated_ms = pn_wall_ms(letters->engine->clock)};
    }
}

/* Appends an expression for the name of the file of a row of pn_bad, among some; NULL: all. */
static void add_name(const struct letters *letters, const bool *some, struct pn_buf *sql)
{
    pn_buf_adds(sql, "CASE file");
    for (size_t i = 0; i < letters->asked->count; i++) {
        if (some == NULL || some[i]) {
            pn_buf_addf(sql, " WHEN %zu THEN ", i);
            pn_duckdb_add_text(sql, letters->asked->files[i].name);
        }
    }
    pn_buf_adds(sql, " END");
}

/* Appends that a row of pn_bad is not a letter that the table of them has. */
static int add_unknown(const struct letters *letters, const struct pn_table *table,
                       const struct pn_delta_snapshot *itself, struct pn_file_lease *lease,
                       struct pn_buf *sql, struct pn_err *e)
{
    bool any = false;
    for (size_t i = 0; i < letters->asked->count; i++) {
        any = any || letters->may_be_there[i];
    }
    if (!any || itself == NULL) {
        return 0;
    }
    pn_buf_adds(sql, " AND NOT EXISTS (SELECT 1 FROM (");
    int rc = pn_duckdb_add_scan(letters->engine, letters->connection, table, itself, true, lease,
                                sql, e);
    pn_buf_adds(sql, ") AS k WHERE k.topic IS NULL AND k.\"table\" = ");
    pn_duckdb_add_text(sql, letters->asked->table->name);
    pn_buf_adds(sql, " AND k.object = ");
    add_name(letters, letters->may_be_there, sql);
    pn_buf_addf(sql,
                " AND k.line IS NOT DISTINCT FROM pn_bad.line AND k.value IS NOT DISTINCT FROM "
                "left(pn_bad.value, %d))",
                VALUE_BYTES_MAX);
    return rc;
}

/* Appends a SELECT of the dead letters of files that the table of dead letters does not have. */
static int add_letters(const struct letters *letters, const struct pn_table *table,
                       const struct pn_delta_snapshot *itself, struct pn_file_lease *lease,
                       struct pn_buf *sql, struct pn_err *e)
{
    const struct pn_import *asked = letters->asked;
    int64_t after = -1;
    int rc = pn_letter_after(letters->engine, asked->table->path, &after, e);
    if (rc != 0) {
        return rc;
    }
    pn_buf_adds(sql, "SELECT ");
    pn_duckdb_add_text(sql, asked->table->name);
    pn_buf_adds(sql, " AS \"table\", CAST(NULL AS VARCHAR) AS topic, CAST(NULL AS INTEGER) AS "
                     "partition, CAST(NULL AS BIGINT) AS \"offset\", ");
    add_name(letters, NULL, sql);
    pn_buf_addf(sql,
                " AS object, line, CASE WHEN length(value) > %d THEN concat(reason, ' (only "
                "the beginning of the value is stored)') ELSE reason END AS reason, left(value, "
                "%d) AS value, CAST(NULL AS TIMESTAMPTZ) AS timestamp, CAST(NULL AS VARCHAR) AS "
                "key, ",
                VALUE_BYTES_MAX, VALUE_BYTES_MAX);
    pn_letter_add_maker(letters->engine, sql);
    pn_buf_adds(sql, " AS made_by, ");
    pn_letter_add_after(after, sql);
    pn_buf_adds(sql, " AS after_version, CAST(NULL AS BIGINT) AS batch FROM pn_bad WHERE true");
    rc = add_unknown(letters, table, itself, lease, sql, e);
    pn_buf_adds(sql, " ORDER BY file, line, byte");
    return rc;
}

/* One try; PN_DELTA_TXN_SEEN: another import was faster. */
static int commit(struct letters *letters, struct pn_err *e)
{
    struct pn_duckdb *engine = letters->engine;
    struct pn_table table = pn_dead_letters_table(engine->pipeline);
    struct pn_delta_snapshot *itself = NULL;
    struct pn_written written = {0};
    struct pn_file_lease lease = {0};
    struct pn_buf sql;
    int64_t version = -1;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    int rc = pn_duckdb_newest(engine, table.path, &itself, e);
    if (rc == 0) {
        choose(letters, itself);
    }
    if (rc == 0) {
        rc = add_letters(letters, &table, itself, &lease, &sql, e);
    }
    if (rc == 0) {
        rc = pn_duckdb_write(engine, letters->connection, &table, &sql, &written, e);
    }
    if (rc == 0 && written.rows > 0) {
        rc = letters->ready->check(letters->ready->arg, e);
        if (rc != 0) {
            pn_duckdb_write_undo(engine, &written, rc);
        }
    }
    if (rc == 0 && written.rows > 0) {
        const struct pn_duckdb_put put = {.mode = PN_DELTA_APPEND,
                                          .txns = letters->txns,
                                          .txns_before = letters->before,
                                          .txn_count = letters->asked->count};
        rc = pn_duckdb_commit(engine, &table, &written, &put, &version, e);
        if (rc != 0) {
            pn_duckdb_write_undo(engine, &written, rc);
        }
    }
    pn_written_deinit(&written);
    pn_file_lease_release(&lease);
    pn_delta_snapshot_destroy(&itself);
    pn_buf_deinit(&sql);
    return rc;
}

int pn_import_letters(struct pn_duckdb *engine, duckdb_connection connection,
                      const struct pn_import *asked, const struct pn_delta_snapshot *snapshot,
                      const struct pn_import_ready *ready, struct pn_err *e)
{
    enum { TRIES_MAX = 8 };
    struct letters letters = {.engine = engine,
                              .connection = connection,
                              .asked = asked,
                              .snapshot = snapshot,
                              .ready = ready,
                              .bad_sums = pn_xcalloc(asked->count, sizeof *letters.bad_sums),
                              .may_be_there =
                                  pn_xcalloc(asked->count, sizeof *letters.may_be_there),
                              .txns = pn_xcalloc(asked->count, sizeof *letters.txns),
                              .before = pn_xcalloc(asked->count, sizeof *letters.before)};
    pn_arena_init(&letters.arena, 0);
    int rc = pn_import_sum_bad(connection, letters.bad_sums, e);
    rc = rc == 0 ? PN_DELTA_TXN_SEEN : rc;
    for (int tries = 0; rc == PN_DELTA_TXN_SEEN && tries < TRIES_MAX; tries++) {
        rc = commit(&letters, e);
    }
    for (size_t i = 0; i < asked->count; i++) {
        free(letters.bad_sums[i]);
    }
    free(letters.bad_sums);
    free(letters.may_be_there);
    free(letters.txns);
    free(letters.before);
    pn_arena_deinit(&letters.arena);
    return rc;
}
