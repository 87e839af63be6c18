/*
 * A micro-batch's way into its table. Its rows are written to a file that no commit names yet; its
 * dead letters are committed; then the table, with the positions. What fails before the last commit
 * leaves the table as it was, and the same batch may come again: rows are never missing from both
 * the table and the dead letters, and never twice in either.
 */
#include "engine/duckdb/append.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "engine/duckdb/widen.h"

/* --- the batch at hand ----------------------------------------------------------------------- */

static void begin(struct pn_appender *appender, const struct pn_append *batch)
{
    PN_ASSERT(appender->batch == NULL); /* one batch at a time */
    appender->batch = batch;
    appender->first = 0;
    appender->end = batch->count;
    appender->reasons = pn_xcalloc(batch->count + 1, sizeof *appender->reasons);
    appender->lettered = pn_xcalloc(batch->position_count * (1 + appender->table->read_count) + 1,
                                    sizeof *appender->lettered);
    appender->decided_by = appender->lettered + batch->position_count;
    appender->failure.failed = false;
    pn_unknown_reset(&appender->unknown);
    for (size_t i = 0; i < batch->position_count; i++) {
        PN_ASSERT(batch->positions[i].from <= batch->positions[i].to);
    }
    for (size_t i = 0; i < batch->count; i++) {
        const struct pn_append_row *row = &batch->rows[i];
        PN_ASSERT(row->position < batch->position_count);
        PN_ASSERT(row->offset >= batch->positions[row->position].from &&
                  row->offset < batch->positions[row->position].to);
        appender->reasons[i] = row->reason;
    }
}

static void end(struct pn_appender *appender)
{
    free(appender->reasons);
    free(appender->lettered);
    appender->reasons = NULL;
    appender->lettered = NULL;
    appender->decided_by = NULL;
    appender->batch = NULL;
    pn_file_lease_release(&appender->lease);
    pn_arena_reset(&appender->arena);
}

static size_t count_reasons(const struct pn_appender *appender)
{
    size_t count = 0;
    for (size_t i = 0; i < appender->batch->count; i++) {
        count += appender->reasons[i] != NULL;
    }
    return count;
}

/* --- rows ------------------------------------------------------------------------------------ */

/* Is it a value in a row that the SELECT fails on? */
static bool blames_a_row(const struct pn_appender *appender, const struct pn_err *e)
{
    static const char *const kinds[] = {"Conversion Error", "Out of Range Error",
                                        "Invalid Input Error"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!appender->failure.failed && strncmp(e->msg, kinds[i], strlen(kinds[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* Runs the SELECT over a part of the batch, for nothing but its failure. */
static int try_part(struct pn_appender *appender, duckdb_prepared_statement select, size_t first,
                    size_t end_, struct pn_err *e)
{
    duckdb_result result;
    PN_ASSERT(first < end_ && end_ <= appender->batch->count);
    appender->first = first;
    appender->end = end_;
    int rc = pn_duckdb_execute(select, &result, e);
    if (rc == 0) {
        duckdb_destroy_result(&result);
    }
    return rc;
}

/* Finds the rows from `first` to `end_` that the SELECT fails on, by halves, and gives them the
 * failure as their reason. */
static int sift(struct pn_appender *appender, duckdb_prepared_statement select, size_t first,
                size_t end_, struct pn_err *e)
{
    struct pn_err why = {.msg = ""};
    int rc = try_part(appender, select, first, end_, &why);
    if (rc == 0) {
        return 0;
    }
    if (!blames_a_row(appender, &why)) {
        pn_err_copy(e, &why);
        return rc;
    }
    if (end_ - first == 1) {
        appender->reasons[first] = pn_appender_reason(appender, why.msg);
        return 0;
    }
    size_t middle = first + (end_ - first) / 2;
    rc = sift(appender, select, first, middle, e);
    return rc != 0 ? rc : sift(appender, select, middle, end_, e);
}

/* The SELECT failed on a value: one bad record must not hold up a stream, so the rows that it fails
 * on become dead letters. */
static int sift_all(struct pn_appender *appender, struct pn_err *e)
{
    duckdb_prepared_statement select = NULL;
    int rc = 0;
    if (duckdb_prepare(appender->connection, appender->table->like->sql, &select) !=
        DuckDBSuccess) {
        rc = pn_duckdb_fail_prepared(e, select);
    } else {
        rc = sift(appender, select, 0, appender->batch->count, e);
    }
    duckdb_destroy_prepare(&select);
    appender->first = 0;
    appender->end = appender->batch->count;
    return rc;
}

static int write_rows(struct pn_appender *appender, struct pn_written *written, struct pn_err *e)
{
    pn_unknown_reset(&appender->unknown);
    int rc = pn_appender_run(appender, &appender->copy, appender->table, written, e);
    if (rc != 0 && appender->failure.failed) {
        pn_err_copy(e, &appender->failure.e);
    } else if (rc != 0) {
        struct pn_err why = {0};
        if (pn_joined_read_all(appender, &why) != 0 && why.class_ == PN_CLASS_RETRY) {
            pn_err_copy(e, &why);
        }
    }
    return rc;
}

static int take_rows(struct pn_appender *appender, struct pn_written *written, struct pn_err *e)
{
    struct pn_err why = {.msg = ""};
    bool moved = false;
    int rc = pn_joined_refresh(appender, &moved, e);
    if (moved) {
        pn_prepared_copy_forget(&appender->copy);
    }
    if (rc == 0) {
        rc = pn_appender_prepare(appender, e);
    }
    if (rc != 0 || count_reasons(appender) == appender->batch->count) {
        return rc;
    }
    rc = write_rows(appender, written, &why);
    if (rc != 0 && blames_a_row(appender, &why)) {
        size_t before = count_reasons(appender);
        rc = sift_all(appender, &why);
        if (rc == 0 && count_reasons(appender) > before) {
            rc = write_rows(appender, written, &why);
        } else if (rc == 0) {
            rc = PN_FAIL; /* only all rows together fail: `why` is still the first failure */
        }
    }
    if (rc != 0) {
        if (why.class_ == PN_CLASS_INPUT) {
            pn_err_prefix(&why, "%s", appender->table->like->sql_file);
        }
        pn_err_copy(e, &why);
        pn_appender_forget(appender);
    }
    return rc;
}

/* --- the commit ------------------------------------------------------------------------------ */

/* The txns of a batch, and what the table must be at: both are malloc'ed, and of the same length,
 * which is returned. */
static size_t make_txns(const struct pn_appender *appender, struct pn_delta_txn **txns,
                        int64_t **before)
{
    const struct pn_append *batch = appender->batch;
    size_t most = batch->position_count;
    size_t count = 0;
    for (size_t i = 0; i < batch->position_count; i++) {
        most += batch->positions[i].mark_count;
    }
    *txns = pn_xcalloc(most + 1, sizeof **txns);
    *before = pn_xcalloc(most + 1, sizeof **before);
    for (size_t i = 0; i < batch->position_count; i++) {
        const struct pn_append_position *position = &batch->positions[i];
        int64_t now_ms = pn_wall_ms(appender->engine->clock);
        int64_t at_ms = now_ms > position->newest_ms ? now_ms : position->newest_ms;
        (*txns)[count] = (struct pn_delta_txn){
            .app_id = position->app_id, .version = position->to, .updated_ms = at_ms};
        (*before)[count++] = position->from;
        for (size_t j = 0; position->from != position->to && j < position->mark_count; j++) {
            (*txns)[count] = (struct pn_delta_txn){.app_id = position->marks[j].app_id,
                                                   .version = position->marks[j].version,
                                                   .updated_ms = at_ms};
            (*before)[count++] = PN_DELTA_TXN_ANY;
        }
    }
    return count;
}

static int commit(struct pn_appender *appender, const struct pn_written *written, int64_t *version,
                  struct pn_err *e)
{
    const struct pn_append *batch = appender->batch;
    struct pn_delta_txn *txns = NULL;
    int64_t *before = NULL;
    size_t count = make_txns(appender, &txns, &before);
    const char **columns = pn_duckdb_partition_columns(batch->table);
    struct pn_buf parameters;
    pn_buf_init(&parameters, PN_DUCKDB_SQL_MAX);
    pn_append_parameters(appender, true, &parameters);
    const struct pn_delta_maker maker = {.stream = batch->stream};
    const struct pn_delta_commit it = {
        .mode = PN_DELTA_APPEND,
        .operation = "STREAMING UPDATE",
        .operation_parameters = pn_buf_text(&parameters),
        .maker = &maker,
        .schema = pn_buf_text(&appender->schema),
        .adds_columns = true,
        .name = batch->table->name,
        .partition_columns = columns,
        .partition_column_count = batch->table->partition_count,
        .adds = written->adds,
        .add_count = written->file_count,
        .txns = txns,
        .txn_count = count,
        .txns_before = before,
        .configuration = batch->configuration,
        .configuration_count = batch->configuration_count,
    };
    int rc = pn_buf_check(&parameters, "a stream's name", e);
    if (rc == 0) {
        rc = pn_delta_commit(appender->delta, &it, version, e);
    }
    pn_buf_deinit(&parameters);
    free(columns);
    free(txns);
    free(before);
    return rc;
}

/* The same for rows that may be of wider types than the table has. */
static int commit_fitting(struct pn_appender *appender, const struct pn_written *written,
                          int64_t *version, struct pn_err *e)
{
    struct pn_err why = {0};
    bool widened = false;
    int rc = commit(appender, written, version, &why);
    if (rc == PN_DELTA_MISFIT) {
        struct pn_err failure = {0};
        int failed = pn_duckdb_widen(appender->engine, appender->table, &widened, &failure);
        if (failed != 0) {
            why = failure;
            rc = failed;
        } else if (widened) {
            why = (struct pn_err){0};
            rc = commit(appender, written, version, &why);
        }
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    return rc;
}

/* The pipeline's columns aren't the table's any more. */
static void advise_misfit(const struct pn_table *table, struct pn_err *e)
{
    const struct pn_err why = *e;
    (void)pn_err_set(
        e, why.class_, PN_DELTA_MISFIT,
        "%s, as '%s' in pipeline.yml declares it. A stream table gets columns that are "
        "added, and keeps those that it has: give '%s' the previous names, types and "
        "partitions again, or give this table another path; then start again",
        why.msg, table->like->name, table->like->name);
}

/* A file that waited for long (the machine slept) isn't committed: the batch comes again. */
static int check_age(const struct pn_appender *appender, const struct pn_written *written,
                     struct pn_err *e)
{
    if (written->file_count == 0 || pn_duckdb_written_is_young(appender->engine, written)) {
        return 0;
    }
    return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                      "table '%s': %d s passed between writing a file and its commit; the batch is "
                      "written again",
                      appender->table->name, (int)PN_WRITTEN_AGE_MS_MAX / 1000);
}

static void report_unknown(struct pn_appender *appender, struct pn_table_report *report)
{
    uint64_t at = pn_unknown_report(&appender->unknown, report);
    if (at != PN_UNKNOWN_NO_RECORD) {
        PN_ASSERT(at < appender->batch->count);
        const struct pn_append_row *row = &appender->batch->rows[at];
        (void)snprintf(report->unknown_place, sizeof report->unknown_place, "%s",
                       appender->batch->positions[row->position].shard);
        report->unknown_position = row->offset;
    }
}

static int append_batch(struct pn_appender *appender, struct pn_table_report *report,
                        struct pn_err *e)
{
    struct pn_written written = {0};
    int rc = appender->batch->count > 0 ? take_rows(appender, &written, e) : 0;
    size_t letters = rc == 0 ? count_reasons(appender) : 0;
    if (rc == 0 && letters > 0) {
        rc = pn_appender_commit_dead_letters(appender, e);
    } else if (rc == 0 && appender->batch->count > 0 && appender->table->read_count > 0) {
        rc = pn_appender_check_dead_letters(appender, e);
    }
    if (rc == 0) {
        rc = check_age(appender, &written, e);
    }
    if (rc == 0) {
        rc = commit_fitting(appender, &written, &report->version, e);
    }
    if (rc == PN_DELTA_MISFIT) {
        advise_misfit(appender->table, e);
    }
    if (rc != 0) {
        pn_duckdb_write_undo(appender->engine, &written, rc);
    }
    report->rows = written.rows;
    report->dead_letters = (int64_t)letters;
    report_unknown(appender, report);
    pn_written_deinit(&written);
    return rc;
}

int pn_duckdb_append(struct pn_embedded_engine *base, const struct pn_append *append,
                     struct pn_table_report *report, struct pn_err *e)
{
    struct pn_duckdb *engine = (struct pn_duckdb *)base;
    struct pn_appender *appender = pn_appender_for(engine, append->table);
    int64_t start_ms = pn_mono_ms(engine->clock);
    *report = (struct pn_table_report){.table = append->table, .version = -1};
    pthread_mutex_lock(&appender->lock);
    begin(appender, append);
    struct pn_err why = {0};
    int rc = append_batch(appender, report, &why);
    end(appender);
    pthread_mutex_unlock(&appender->lock);
    for (size_t i = 0; i < append->count; i++) {
        report->bytes += (int64_t)append->rows[i].data.len;
    }
    report->duration_ms = pn_mono_ms(engine->clock) - start_ms;
    if (rc != 0) {
        if (pn_duckdb_out_of_memory(&why)) {
            why.class_ = PN_CLASS_RETRY;
        }
        pn_err_prefix(&why, "table '%s'", append->table->name);
        pn_err_copy(e, &why);
    }
    return rc;
}
