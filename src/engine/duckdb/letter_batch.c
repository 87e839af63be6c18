#include "engine/duckdb/letter_batch.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"
#include "engine/duckdb/dead_letters.h"
#include "engine/duckdb/letters_out.h"

enum {
    FIRST_TURN_BITS = 30,   /* with the draw below 53 bits, as JSON has them */
    TURNS_AHEAD_MAX = 1000, /* of runs that may have committed before one settles its letters */
};

static int64_t draw(int bits)
{
    return (int64_t)(pn_entropy_u64() >> (64 - bits));
}

static int64_t version_of(const struct pn_delta_snapshot *snapshot, const char *app_id)
{
    return snapshot != NULL ? pn_delta_txn_version(snapshot, app_id) : -1;
}

void pn_letter_batch_begin(struct pn_letter_batch *batch, const struct pn_table *table,
                           const struct pn_delta_snapshot *snapshot, bool afresh)
{
    int64_t before = version_of(snapshot, PN_LETTER_BATCH);
    *batch = (struct pn_letter_batch){.table = NULL};
    if (!pn_table_quarantines(table) && before < 0) {
        return;
    }
    int64_t turn = before >= 0 ? (before >> PN_LETTER_BATCH_DRAW_BITS) + 1 : draw(FIRST_TURN_BITS);
    *batch = (struct pn_letter_batch){
        .table = table,
        .is_first = afresh || before < 0,
        .number = turn << PN_LETTER_BATCH_DRAW_BITS | draw(PN_LETTER_BATCH_DRAW_BITS),
        .before = before,
        .first = version_of(snapshot, PN_LETTER_BATCH_FIRST),
    };
}

int pn_letter_batch_check(const struct pn_letter_batch *batch, struct pn_duckdb *engine,
                          struct pn_err *e)
{
    struct pn_delta_snapshot *snapshot = NULL;
    if (batch == NULL || batch->table == NULL) {
        return 0;
    }
    int rc = pn_duckdb_newest(engine, batch->table->path, &snapshot, e);
    if (rc == 0 && version_of(snapshot, PN_LETTER_BATCH) != batch->before) {
        rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                        "another run made table '%s' meanwhile: run it again", batch->table->name);
    }
    pn_delta_snapshot_destroy(&snapshot);
    return rc;
}

/* --- which letters go ------------------------------------------------------------------------- */

static void add_table(const struct pn_table *table, struct pn_buf *which)
{
    pn_buf_adds(which, "\"table\" = ");
    pn_duckdb_add_text(which, table->name);
    pn_buf_adds(which, " AND ");
}

/* After the commit of the batch `last`. A transformed table has no letters but those of its tests;
 * those without a number are of the time when runs replaced them. */
static void add_settled(const struct pn_table *table, int64_t last, int64_t first,
                        struct pn_buf *which)
{
    const int64_t turn = last >> PN_LETTER_BATCH_DRAW_BITS;
    add_table(table, which);
    pn_buf_addf(which,
                "(batch < %" PRId64 " OR batch >> %d > %" PRId64 " OR (batch >> %d = %" PRId64
                " AND batch <> %" PRId64,
                first, PN_LETTER_BATCH_DRAW_BITS, turn + TURNS_AHEAD_MAX, PN_LETTER_BATCH_DRAW_BITS,
                turn, last);
    pn_buf_adds(which, pn_table_is_raw(table) ? "))" : ") OR batch IS NULL)");
}

static int take_out(struct pn_duckdb *engine, duckdb_connection connection,
                    const struct pn_buf *which, struct pn_err *e)
{
    const struct pn_table letters = pn_dead_letters_table(engine->pipeline);
    int rc = pn_buf_check(which, "a statement for DuckDB", e);
    return rc == 0 ? pn_letters_take_out(engine, connection, &letters, pn_buf_text(which), e) : rc;
}

int pn_letter_batch_settle_last(const struct pn_letter_batch *batch, struct pn_duckdb *engine,
                                duckdb_connection connection, struct pn_err *e)
{
    if (batch->table == NULL || batch->is_first) {
        return 0; /* its commit settles all */
    }
    struct pn_buf which;
    pn_buf_init(&which, PN_DUCKDB_SQL_MAX);
    add_settled(batch->table, batch->before, batch->first, &which);
    int rc = take_out(engine, connection, &which, e);
    pn_buf_deinit(&which);
    return rc;
}

void pn_letter_batch_settle(const struct pn_letter_batch *batch, struct pn_duckdb *engine,
                            duckdb_connection connection, int rc)
{
    struct pn_err why = {0};
    struct pn_buf which;
    /* Where the commit was made, or may have been, the letters are those of rows. */
    bool is_open = rc == PN_DELTA_LOST || rc == PN_DELTA_UNKNOWN;
    if (batch->table == NULL || is_open) {
        return;
    }
    pn_buf_init(&which, PN_DUCKDB_SQL_MAX);
    if (rc == 0) {
        add_settled(batch->table, batch->number, batch->is_first ? batch->number : batch->first,
                    &which);
    } else {
        add_table(batch->table, &which);
        pn_buf_addf(&which, "batch = %" PRId64, batch->number);
    }
    if (take_out(engine, connection, &which, &why) != 0) {
        pn_logger_warn(engine->logger, "engine",
                       "dead letters of table '%s' that an earlier run, or one that failed, has "
                       "left are there still; the next run takes them out: %s",
                       batch->table->name, why.msg);
    }
    pn_buf_deinit(&which);
}

/* --- the commit, and the column --------------------------------------------------------------- */

void pn_letter_batch_txns(const struct pn_letter_batch *batch, int64_t now_ms,
                          struct pn_delta_txn *txns, int64_t *before, size_t *count)
{
    if (batch->table == NULL) {
        return;
    }
    before[*count] = batch->before;
    txns[(*count)++] = (struct pn_delta_txn){
        .app_id = PN_LETTER_BATCH, .version = batch->number, .updated_ms = now_ms};
    if (batch->is_first) {
        before[*count] = batch->first;
        txns[(*count)++] = (struct pn_delta_txn){
            .app_id = PN_LETTER_BATCH_FIRST, .version = batch->number, .updated_ms = now_ms};
    }
}

static char *count_id(const struct pn_table *table)
{
    return pn_xasprintf("pinion/dead_letters/%s", table->name);
}

int pn_letter_batch_commit(struct pn_duckdb *engine, const struct pn_table *letters,
                           const struct pn_delta_snapshot *snapshot, const struct pn_table *of,
                           struct pn_written *written, struct pn_err *e)
{
    char *app_id = count_id(of);
    const int64_t before = snapshot != NULL ? pn_delta_txn_version(snapshot, app_id) : -1;
    const struct pn_delta_txn txn = {.app_id = app_id,
                                     .version = before < 0 ? 1 : before + 1,
                                     .updated_ms = pn_wall_ms(engine->clock)};
    const struct pn_duckdb_put put = {
        .mode = PN_DELTA_APPEND, .txns = &txn, .txns_before = &before, .txn_count = 1};
    int64_t version = -1;
    int rc = written->rows > 0 ? pn_duckdb_commit(engine, letters, written, &put, &version, e) : 0;
    if (rc != 0) {
        pn_duckdb_write_undo(engine, written, rc);
    }
    free(app_id);
    return rc;
}

void pn_letter_batch_add(const struct pn_letter_batch *batch, struct pn_buf *sql)
{
    if (batch != NULL && batch->table != NULL) {
        pn_buf_addf(sql, "CAST(%" PRId64 " AS BIGINT)", batch->number);
    } else {
        pn_buf_adds(sql, "CAST(NULL AS BIGINT)");
    }
}
