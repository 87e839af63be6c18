/*
 * The dead letters of a micro-batch, committed before the batch's rows. The table has a transaction
 * for each stream table and shard, which says up to which offset dead letters are there: a batch
 * that comes again, cut differently perhaps, adds what is after it and nothing else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/duckdb/append.h"
#include "engine/duckdb/dead_letters.h"
#include "engine/duckdb/letter_maker.h"
#include "engine/duckdb/stream_dead_letters.h"

enum { TRIES_MAX = 100, DATA_BYTES_MAX = 16 << 20 };

/* --- as rows --------------------------------------------------------------------------------- */

static bool is_new(const struct pn_appender *appender, size_t at)
{
    const struct pn_append_row *row = &appender->batch->rows[at];
    return appender->reasons[at] != NULL && (row->offset >= appender->lettered[row->position] ||
                                             pn_joined_decides_again(appender, row->position));
}

static void put_text(duckdb_data_chunk chunk, enum pn_letter_column column, idx_t row,
                     const char *text, size_t len)
{
    duckdb_unsafe_vector_assign_string_element_len(duckdb_data_chunk_get_vector(chunk, column), row,
                                                   text, len);
}

static void put_clean(duckdb_data_chunk chunk, enum pn_letter_column column, idx_t row,
                      const void *text, size_t len, struct pn_buf *scratch)
{
    pn_buf_reset(scratch);
    pn_utf8_add_clean(scratch, text, len);
    put_text(chunk, column, row, pn_buf_text(scratch), scratch->len);
}

/* The data as text, or in base64 when it isn't text; the reason says so, and whether it's whole. */
static void put_data(duckdb_data_chunk chunk, idx_t row, const struct pn_append_row *it,
                     const char *reason, struct pn_buf *scratch)
{
    const char *bytes = it->data.data;
    size_t len = it->data.len;
    bool cut = len > PN_DEAD_LETTER_VALUE_MAX;
    if (cut) {
        len = PN_DEAD_LETTER_VALUE_MAX;
        while (len > 0 && ((unsigned char)bytes[len] & 0xC0) == 0x80) {
            len--;
        }
    }
    bool text = len == 0 || pn_utf8_valid(bytes, len);
    pn_buf_reset(scratch);
    if (it->is_user_record) {
        pn_buf_addf(scratch, "sub-sequence number %lld: ", (long long)it->sub_sequence);
    }
    pn_utf8_add_clean(scratch, reason, strlen(reason));
    pn_buf_addf(scratch, "%s%s", cut ? " (only the beginning of the data is stored)" : "",
                text ? "" : " (the data is in base64)");
    put_text(chunk, PN_LETTER_REASON, row, pn_buf_text(scratch), scratch->len);
    if (text) {
        put_text(chunk, PN_LETTER_DATA, row, len == 0 ? "" : bytes, len);
        return;
    }
    pn_buf_reset(scratch);
    pn_base64_encode(scratch, bytes, len);
    put_text(chunk, PN_LETTER_DATA, row, pn_buf_text(scratch), scratch->len);
}

static void put_after(duckdb_data_chunk chunk, idx_t row, int64_t after)
{
    duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, PN_LETTER_AFTER);
    if (after >= 0) {
        ((int64_t *)duckdb_vector_get_data(vector))[row] = after;
    } else {
        duckdb_vector_ensure_validity_writable(vector);
        duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), row);
    }
}

static void put_row(const struct pn_appender *appender, size_t at, duckdb_data_chunk chunk,
                    idx_t row, struct pn_buf *scratch)
{
    const struct pn_append *batch = appender->batch;
    const struct pn_append_row *it = &batch->rows[at];
    const char *shard = batch->positions[it->position].shard;
    char sequence[PN_ROW_SEQUENCE_SIZE];
    PN_ASSERT(appender->reasons[at] != NULL);
    batch->sequence(batch, it, sequence);
    int64_t *arrival =
        duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, PN_LETTER_ARRIVAL));
    put_text(chunk, PN_LETTER_TABLE, row, batch->table->name, strlen(batch->table->name));
    put_text(chunk, PN_LETTER_STREAM, row, batch->stream, strlen(batch->stream));
    put_text(chunk, PN_LETTER_SHARD, row, shard, strlen(shard));
    put_text(chunk, PN_LETTER_SEQUENCE, row, sequence, strlen(sequence));
    put_clean(chunk, PN_LETTER_KEY, row, it->partition_key.data, it->partition_key.len, scratch);
    arrival[row] = it->arrival_ms * 1000;
    put_data(chunk, row, it, appender->reasons[at], scratch);
    put_text(chunk, PN_LETTER_MADE_BY, row, appender->made_by, strlen(appender->made_by));
    put_after(chunk, row, appender->after);
}

static void bind(duckdb_bind_info info)
{
    struct pn_appender *appender =
        pn_appender_find(duckdb_bind_get_extra_info(info), pn_duckdb_parameter(info, 0));
    if (appender == NULL) {
        duckdb_bind_set_error(
            info, "pn_dead_letter_list() is for appends, not for statements of your own");
        return;
    }
    for (size_t i = 0; i < appender->letters.column_count; i++) {
        pn_duckdb_add_column(info, &appender->letters.columns[i]);
    }
    duckdb_bind_set_bind_data(info, appender, NULL);
}

static void init(duckdb_init_info info)
{
    struct pn_appender *appender = duckdb_init_get_bind_data(info);
    atomic_store(&appender->next, 0);
    duckdb_init_set_max_threads(info, 1);
}

static void read_chunk(duckdb_function_info info, duckdb_data_chunk chunk)
{
    struct pn_appender *appender = duckdb_function_get_bind_data(info);
    struct pn_buf scratch;
    size_t at = atomic_load(&appender->next);
    idx_t rows = 0;
    pn_buf_init(&scratch, DATA_BYTES_MAX);
    for (; at < appender->batch->count && rows < duckdb_vector_size(); at++) {
        if (is_new(appender, at)) {
            put_row(appender, at, chunk, rows++, &scratch);
        }
    }
    atomic_store(&appender->next, at);
    pn_buf_deinit(&scratch);
    duckdb_data_chunk_set_size(chunk, rows);
}

const struct pn_duckdb_function pn_dead_letters_function = {
    .name = "pn_dead_letter_list", .numbers = 1, .bind = bind, .init = init, .read = read_chunk};

/* --- the commit ------------------------------------------------------------------------------ */

/* Transactions of the positions that have dead letters. */
struct moves {
    struct pn_delta_txn *txns;
    int64_t *before;
    size_t count;
};

/* Up to where is each position there already? Only what is after it counts. Where the SELECT joins
 * tables, those that came since the batch began were decided by other versions than its own. */
static int read_lettered(struct pn_appender *appender, struct pn_err *e)
{
    const size_t count = appender->batch->position_count;
    const char **ids = pn_xcalloc(count + 1, sizeof *ids);
    int64_t *now = pn_xcalloc(count + 1, sizeof *now);
    for (size_t i = 0; i < count; i++) {
        ids[i] = pn_appender_letters_id(appender, i);
    }
    int rc = pn_delta_txns_latest(appender->letter_delta, ids, count, now, e);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (appender->table->read_count > 0 && now[i] > appender->lettered[i] &&
            now[i] > appender->batch->positions[i].from) {
            rc =
                pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                           "another processor has written dead letters of these records meanwhile; "
                           "the batch is done again");
        }
        appender->lettered[i] = now[i];
    }
    free(now);
    free(ids);
    return rc;
}

/* By which versions of the joined tables they are dead letters. */
static void add_versions(struct pn_appender *appender, size_t position, struct moves *moves)
{
    for (size_t i = 0; i < appender->table->read_count; i++) {
        moves->txns[moves->count] =
            (struct pn_delta_txn){.app_id = pn_joined_app_id(appender, position, i),
                                  .version = appender->joined[i].version,
                                  .updated_ms = pn_wall_ms(appender->engine->clock)};
        moves->before[moves->count++] = PN_DELTA_TXN_ANY;
    }
}

static void find_moves(struct pn_appender *appender, struct moves *moves)
{
    const struct pn_append *batch = appender->batch;
    bool *has = pn_xcalloc(batch->position_count + 1, sizeof *has);
    moves->count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (is_new(appender, i)) {
            has[batch->rows[i].position] = true;
        }
    }
    for (size_t i = 0; i < batch->position_count; i++) {
        if (has[i]) {
            const int64_t to = batch->positions[i].to;
            const int64_t before = appender->lettered[i];
            moves->txns[moves->count] =
                (struct pn_delta_txn){.app_id = pn_appender_letters_id(appender, i),
                                      .version = to > before ? to : before,
                                      .updated_ms = pn_wall_ms(appender->engine->clock)};
            moves->before[moves->count++] = before;
            if (to >= before) { /* else the batches up to there decide again, too */
                add_versions(appender, i, moves);
            }
        }
    }
    free(has);
}

static int commit_once(struct pn_appender *appender, const struct moves *moves, struct pn_err *e)
{
    struct pn_written written = {0};
    int64_t version = 0;
    int rc = pn_appender_run(appender, &appender->letter_copy, &appender->letters, &written, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_buf parameters;
    pn_buf_init(&parameters, PN_DUCKDB_SQL_MAX);
    pn_append_parameters(appender, false, &parameters);
    const struct pn_delta_maker maker = {.stream = appender->batch->stream};
    const struct pn_delta_commit commit = {
        .mode = PN_DELTA_APPEND,
        .operation = "STREAMING UPDATE",
        .operation_parameters = pn_buf_text(&parameters),
        .maker = &maker,
        .schema = pn_buf_text(&appender->letter_schema),
        .adds_columns = true, /* to a table that an earlier version made */
        .name = appender->letters.name,
        .adds = written.adds,
        .add_count = written.file_count,
        .txns = moves->txns,
        .txn_count = moves->count,
        .txns_before = moves->before,
        .configuration = appender->batch->configuration,
        .configuration_count = appender->batch->configuration_count,
    };
    rc = pn_delta_commit(appender->letter_delta, &commit, &version, e);
    if (rc != 0) {
        pn_duckdb_write_undo(appender->engine, &written, rc);
    }
    pn_buf_deinit(&parameters);
    pn_written_deinit(&written);
    return rc;
}

int pn_appender_commit_dead_letters(struct pn_appender *appender, struct pn_err *e)
{
    const struct pn_append *batch = appender->batch;
    size_t count = batch->position_count;
    size_t most = count * (1 + appender->table->read_count);
    struct moves moves = {.txns = pn_xcalloc(most + 1, sizeof *moves.txns),
                          .before = pn_xcalloc(most + 1, sizeof *moves.before)};
    const struct pn_delta_maker maker = {.stream = batch->stream};
    char *made_by = pn_delta_maker_text(&maker);
    appender->made_by = made_by != NULL ? made_by : "";
    int rc = pn_appender_prepare_dead_letters(appender, e);
    if (rc == 0) {
        rc = pn_delta_version_latest(appender->delta, &appender->after, e);
    }
    for (int tries = 0; rc == 0 && tries < TRIES_MAX; tries++) {
        rc = read_lettered(appender, e);
        if (rc != 0) {
            break;
        }
        find_moves(appender, &moves);
        rc = moves.count > 0 ? commit_once(appender, &moves, e) : 0;
        if (rc != PN_DELTA_TXN_SEEN) {
            break;
        }
        rc = tries + 1 < TRIES_MAX ? 0 : rc; /* another processor's are there now: read again */
    }
    appender->made_by = NULL;
    free(made_by);
    free(moves.txns);
    free(moves.before);
    if (rc != 0) {
        pn_appender_forget(appender);
        pn_err_prefix(e, "writing the dead letters of table '%s'", batch->table->name);
    }
    return rc;
}

int pn_appender_check_dead_letters(struct pn_appender *appender, struct pn_err *e)
{
    int rc = read_lettered(appender, e);
    if (rc != 0) {
        pn_err_prefix(e, "reading the dead letters of table '%s'", appender->batch->table->name);
    }
    return rc;
}
