#include <inttypes.h>
#include <string.h>

#include "base/json_writer.h"
#include "delta/commit.h"
#include "delta/replay.h"
#include "delta/vector_write.h"

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

/* The table after a commit of these. */
static struct sums sum_after(const struct pn_delta_attempt *attempt, struct sums added,
                             struct sums removed)
{
    struct sums after = sum(attempt->state->files, attempt->state->file_count);
    after.files += added.files - removed.files;
    after.bytes += added.bytes - removed.bytes;
    return after;
}

static void add_restore_metrics(struct pn_json_writer *json, const struct pn_delta_attempt *attempt,
                                struct sums added, struct sums removed)
{
    struct sums after = sum_after(attempt, added, removed);
    pn_json_add_i64_text(json, "tableSizeAfterRestore", after.bytes);
    pn_json_add_i64_text(json, "numOfFilesAfterRestore", after.files);
    pn_json_add_i64_text(json, "numRemovedFiles", removed.files);
    pn_json_add_i64_text(json, "removedFilesSize", removed.bytes);
    pn_json_add_i64_text(json, "numRestoredFiles", added.files);
    pn_json_add_i64_text(json, "restoredFilesSize", added.bytes);
}

/* Files that got a vector, and those that have another one than before. */
static void add_vector_metrics(struct pn_json_writer *json, const struct pn_delta_vectors *vectors)
{
    int64_t added = 0;
    for (size_t i = 0; i < vectors->count; i++) {
        added += vectors->marked[i].before->deletion_vector == NULL;
    }
    pn_json_add_i64_text(json, "numTargetDeletionVectorsAdded", added);
    pn_json_add_i64_text(json, "numTargetDeletionVectorsUpdated", (int64_t)vectors->count - added);
}

/* The metrics that Spark gives for the operation, under its names; it reads them as a map of
 * strings. */
static void add_metrics(struct pn_json_writer *json, const struct pn_delta_attempt *attempt)
{
    struct sums added = sum(attempt->commit->adds, attempt->commit->add_count);
    struct sums removed = sum(attempt->removes, attempt->remove_count - attempt->marked_count);
    pn_json_add_object(json, "operationMetrics");
    if (attempt->commit->mode == PN_DELTA_RESTORE) {
        add_restore_metrics(json, attempt, added, removed);
        pn_json_end(json);
        return;
    }
    if (attempt->commit->mode == PN_DELTA_REWRITE) {
        pn_json_add_i64_text(json, "numAddedFiles", added.files);
        pn_json_add_i64_text(json, "numAddedBytes", added.bytes);
    } else {
        pn_json_add_i64_text(json, "numFiles", added.files);
        pn_json_add_i64_text(json, "numOutputBytes", added.bytes);
        if (added.rows >= 0) {
            pn_json_add_i64_text(json, "numOutputRows", added.rows);
        }
    }
    if (attempt->commit->mode != PN_DELTA_APPEND) {
        pn_json_add_i64_text(json, "numRemovedFiles", removed.files);
        pn_json_add_i64_text(json, "numRemovedBytes", removed.bytes);
    }
    if (attempt->marked_count > 0) {
        add_vector_metrics(json, attempt->commit->vectors);
    }
    pn_json_end(json);
}

static void write_parameters(struct pn_json_writer *json, const struct pn_delta_attempt *attempt)
{
    pn_json_put_object(json);
    if (attempt->commit->mode == PN_DELTA_REWRITE) {
        pn_json_add_cstr(json, "predicate", "[]");
    } else {
        struct pn_buf text; /* a JSON array, as a string */
        struct pn_json_writer columns;
        pn_buf_init(&text, PN_DELTA_COMMIT_BYTES_MAX);
        pn_json_writer_init(&columns, &text);
        pn_json_put_array(&columns);
        for (size_t i = 0; i < attempt->metadata.partition_column_count; i++) {
            pn_json_put_cstr(&columns, attempt->metadata.partition_columns[i]);
        }
        pn_json_end(&columns);
        pn_json_add_cstr(json, "mode",
                         attempt->commit->mode == PN_DELTA_APPEND ? "Append" : "Overwrite");
        pn_json_add_cstr(json, "partitionBy", pn_buf_text(&text));
        pn_buf_deinit(&text);
    }
    pn_json_end(json);
}

/* The first line: the writer, the operation, and what the lines after it (`actions`) are. */
static void write_info(struct pn_buf *out, const struct pn_delta_attempt *attempt,
                       const struct pn_buf *actions, int64_t count)
{
    const struct pn_delta_commit *commit = attempt->commit;
    struct pn_json_writer json;
    pn_json_writer_init(&json, out);
    pn_json_put_object(&json);
    pn_json_add_object(&json, "commitInfo");
    pn_json_add_i64(&json, "timestamp", attempt->now_ms);
    pn_json_add_cstr(&json, "operation", commit->operation);
    pn_json_put_key(&json, "operationParameters");
    if (commit->operation_parameters != NULL) {
        pn_json_put_raw(&json, commit->operation_parameters, strlen(commit->operation_parameters));
    } else {
        write_parameters(&json, attempt);
    }
    if (attempt->state != NULL) {
        pn_json_add_i64(&json, "readVersion", attempt->state->version);
    }
    pn_json_add_bool(&json, "isBlindAppend", commit->mode == PN_DELTA_APPEND);
    add_metrics(&json, attempt);
    if (commit->notes != NULL) {
        pn_json_add_raw(&json, "pinion", commit->notes, strlen(commit->notes));
    }
    const struct pn_delta_maker *maker =
        commit->maker != NULL ? commit->maker : &attempt->table->config.maker;
    if (pn_delta_maker_is_known(maker)) {
        pn_json_put_key(&json, "madeBy");
        pn_delta_maker_put(&json, maker);
    }
    pn_json_add_cstr(&json, "engineInfo", attempt->table->config.engine_info);
    pn_json_add_cstr(&json, "txnId", attempt->txn_id);
    pn_json_add_i64(&json, "actions", count);
    pn_json_add_textf(&json, "actionsCrc32c", "%08" PRIx32,
                      pn_delta_crc32c(pn_buf_text(actions), actions->len));
    pn_json_end(&json);
    pn_json_end(&json);
    pn_json_end_line(&json);
}

static int64_t write_actions(struct pn_buf *out, const struct pn_delta_attempt *attempt)
{
    const struct pn_delta_commit *commit = attempt->commit;
    int64_t count = 0;
    if (attempt->protocol_changed) {
        pn_delta_write_protocol(out, &attempt->protocol);
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
    for (size_t i = 0; i < attempt->marked_count; i++, count++) {
        struct pn_delta_file add = commit->vectors->marked[i].after;
        add.data_change = true;
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
