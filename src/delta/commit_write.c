#include <inttypes.h>
#include <string.h>

#include "delta/commit.h"
#include "delta/replay.h"

/* "key":"<number>": Spark reads the metrics as a map of strings. */
static void add_count(struct pn_buf *out, const char *key, int64_t value)
{
    pn_json_write_key(out, key);
    pn_buf_addf(out, "\"%" PRId64 "\"", value);
}

struct sums {
    int64_t files;
    int64_t rows; /* -1 when a file's statistics don't say */
    int64_t bytes;
};

static struct sums sum(const struct pn_delta_file *files, size_t count)
{
    struct sums sums = {.files = (int64_t)count};
    for (size_t i = 0; i < count; i++) {
        sums.bytes += files[i].size_bytes > 0 ? files[i].size_bytes : 0;
        sums.rows =
            sums.rows < 0 || files[i].num_records < 0 ? -1 : sums.rows + files[i].num_records;
    }
    return sums;
}

/* The metrics that Spark gives for the operation, under its names. */
static void write_metrics(struct pn_buf *out, const struct pn_delta_attempt *attempt)
{
    struct sums added = sum(attempt->commit->adds, attempt->commit->add_count);
    struct sums removed = sum(attempt->removes, attempt->remove_count);
    pn_buf_addc(out, '{');
    if (attempt->commit->mode == PN_DELTA_REWRITE) {
        add_count(out, "numAddedFiles", added.files);
        add_count(out, "numAddedBytes", added.bytes);
    } else {
        add_count(out, "numFiles", added.files);
        add_count(out, "numOutputBytes", added.bytes);
        if (added.rows >= 0) {
            add_count(out, "numOutputRows", added.rows);
        }
    }
    if (attempt->commit->mode != PN_DELTA_APPEND) {
        add_count(out, "numRemovedFiles", removed.files);
        add_count(out, "numRemovedBytes", removed.bytes);
    }
    pn_buf_addc(out, '}');
}

static void write_parameters(struct pn_buf *out, const struct pn_delta_attempt *attempt)
{
    if (attempt->commit->mode == PN_DELTA_REWRITE) {
        pn_buf_adds(out, "{}");
        return;
    }
    struct pn_buf columns; /* a JSON array, as a string */
    pn_buf_init(&columns, PN_DELTA_COMMIT_BYTES_MAX);
    pn_buf_addc(&columns, '[');
    for (size_t i = 0; i < attempt->metadata.partition_column_count; i++) {
        if (i > 0) {
            pn_buf_addc(&columns, ',');
        }
        pn_json_write_cstr(&columns, attempt->metadata.partition_columns[i]);
    }
    pn_buf_addc(&columns, ']');
    pn_buf_addf(out, "{\"mode\":\"%s\",\"partitionBy\":",
                attempt->commit->mode == PN_DELTA_APPEND ? "Append" : "Overwrite");
    pn_json_write_cstr(out, pn_buf_text(&columns));
    pn_buf_addc(out, '}');
    pn_buf_deinit(&columns);
}

/* The first line: who did what, and what the lines behind it (`actions`) are. */
static void write_info(struct pn_buf *out, const struct pn_delta_attempt *attempt,
                       const struct pn_buf *actions, int64_t count)
{
    const struct pn_delta_commit *commit = attempt->commit;
    pn_buf_addf(out, "{\"commitInfo\":{\"timestamp\":%" PRId64 ",\"operation\":", attempt->now_ms);
    pn_json_write_cstr(out, commit->operation);
    pn_json_write_key(out, "operationParameters");
    if (commit->operation_parameters != NULL) {
        pn_buf_adds(out, commit->operation_parameters);
    } else {
        write_parameters(out, attempt);
    }
    if (attempt->state != NULL) {
        pn_buf_addf(out, ",\"readVersion\":%" PRId64, attempt->state->version);
    }
    pn_buf_addf(out, ",\"isBlindAppend\":%s", commit->mode == PN_DELTA_APPEND ? "true" : "false");
    pn_json_write_key(out, "operationMetrics");
    if (commit->operation_metrics != NULL) {
        pn_buf_adds(out, commit->operation_metrics);
    } else {
        write_metrics(out, attempt);
    }
    pn_json_write_key(out, "engineInfo");
    pn_json_write_cstr(out, attempt->table->config.engine_info);
    pn_buf_addf(out,
                ",\"txnId\":\"%s\",\"actions\":%" PRId64 ",\"actionsCrc32c\":\"%08" PRIx32 "\"}}\n",
                attempt->txn_id, count, pn_delta_crc32c(pn_buf_text(actions), actions->len));
}

static int64_t write_actions(struct pn_buf *out, const struct pn_delta_attempt *attempt)
{
    const struct pn_delta_commit *commit = attempt->commit;
    int64_t count = 0;
    if (attempt->state == NULL) {
        const struct pn_delta_protocol protocol = {.min_reader_version = 1,
                                                   .min_writer_version = 2};
        pn_delta_write_protocol(out, &protocol);
        count++;
    }
    if (attempt->metadata_changed) {
        pn_delta_write_metadata(out, &attempt->metadata);
        count++;
    }
    for (size_t i = 0; i < commit->txn_count; i++) {
        const struct pn_delta_txn *txn = &commit->txns[i];
        if (commit->txns_before == NULL || txn->version != commit->txns_before[i]) {
            pn_delta_write_txn(out, txn);
            count++;
        }
    }
    for (size_t i = 0; i < attempt->remove_count; i++, count++) {
        pn_delta_write_remove(out, &attempt->removes[i]);
    }
    for (size_t i = 0; i < commit->add_count; i++, count++) {
        struct pn_delta_file add = commit->adds[i];
        add.uri = NULL;
        add.data_change = commit->mode != PN_DELTA_REWRITE;
        pn_delta_write_add(out, &add);
    }
    return count;
}

int pn_delta_attempt_write(const struct pn_delta_attempt *attempt, struct pn_buf *out,
                           struct pn_err *e)
{
    struct pn_buf actions;
    pn_buf_init(&actions, PN_DELTA_COMMIT_BYTES_MAX);
    int64_t count = write_actions(&actions, attempt);
    int rc = pn_buf_check(&actions, "the commit", e);
    if (rc == 0) {
        write_info(out, attempt, &actions, count);
        pn_buf_add(out, pn_buf_text(&actions), actions.len);
        rc = pn_buf_check(out, "the commit", e);
    }
    pn_buf_deinit(&actions);
    return rc;
}
