#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "delta/features.h"
#include "delta/load.h"
#include "delta/log_files.h"
#include "delta/maintain.h"

enum { MD5_BYTES = 16 };

struct contents {
    struct pn_buf lines;
    int64_t actions;
    int64_t adds;
};

/* Live files, tombstones that vacuum still wants to know of, transactions, metadata, protocol. */
static int write_contents(struct pn_delta *table, const struct pn_delta_snapshot *snapshot,
                          struct contents *contents, struct pn_err *e)
{
    struct pn_buf *lines = &contents->lines;
    int64_t expired_ms =
        pn_wall_ms(table->clock) - pn_delta_tombstone_retention_ms(table, &snapshot->metadata);
    pn_delta_write_protocol(lines, &snapshot->protocol);
    pn_delta_write_metadata(lines, &snapshot->metadata);
    contents->actions = 2;
    for (size_t i = 0; i < snapshot->txn_count; i++) {
        pn_delta_write_txn(lines, &snapshot->txns[i]);
        contents->actions++;
    }
    for (size_t i = 0; i < snapshot->removed_count; i++) {
        if (snapshot->removed[i].deleted_ms > expired_ms) {
            pn_delta_write_remove(lines, &snapshot->removed[i]);
            contents->actions++;
        }
    }
    for (size_t i = 0; i < snapshot->file_count; i++) {
        struct pn_delta_file add = snapshot->files[i];
        add.data_change = false; /* a checkpoint changes nothing: it says what is */
        pn_delta_write_add(lines, &add);
        contents->actions++;
        contents->adds++;
    }
    return pn_buf_check(lines, "the checkpoint", e);
}

/* MD5 of the hint's members in the protocol's canonical form: sorted by name, names quoted. */
static void add_checksum(struct pn_json_writer *hint, const char *canonical)
{
    unsigned char digest[MD5_BYTES];
    unsigned int len = 0;
    int ok = EVP_Digest(canonical, strlen(canonical), digest, &len, EVP_md5(), NULL);
    if (ok != 1 || len != sizeof digest) {
        return; /* a machine that forbids MD5: the checksum is optional */
    }
    char hex[2 * MD5_BYTES + 1];
    for (size_t i = 0; i < sizeof digest; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
    pn_json_add_cstr(hint, "checksum", hex);
}

/* Hadoop's local file system, so Spark, keeps a sum beside each file it writes, and refuses the
 * file when they don't fit. Before a file is replaced that Spark may have written, its sum goes. */
static int forget_hadoop_sum(struct pn_delta *table, const char *name, struct pn_err *e)
{
    char *key = pn_xasprintf("%s.%s.crc", table->log_path, name);
    int rc = pn_store_remove(table->store, key, e);
    free(key);
    return rc;
}

static int write_hint(struct pn_delta *table, int64_t version, const struct contents *contents,
                      int64_t size_bytes, struct pn_err *e)
{
    int64_t hinted = -1;
    int rc = pn_delta_log_hint(table, &hinted, e);
    if (rc != 0 || hinted > version) {
        return rc;
    }
    struct pn_buf hint;
    pn_buf_init(&hint, PN_DELTA_HINT_BYTES_MAX);
    struct pn_json_writer json;
    pn_json_writer_init(&json, &hint);
    pn_json_put_object(&json);
    pn_json_add_i64(&json, "version", version);
    pn_json_add_i64(&json, "size", contents->actions);
    pn_json_add_i64(&json, "sizeInBytes", size_bytes);
    pn_json_add_i64(&json, "numOfAddFiles", contents->adds);
    char *canonical = pn_xasprintf("\"numOfAddFiles\"=%" PRId64 ",\"size\"=%" PRId64
                                   ",\"sizeInBytes\"=%" PRId64 ",\"version\"=%" PRId64,
                                   contents->adds, contents->actions, size_bytes, version);
    add_checksum(&json, canonical);
    pn_json_end(&json);
    char *key = pn_delta_log_key(table, "_last_checkpoint");
    rc = forget_hadoop_sum(table, "_last_checkpoint", e);
    if (rc == 0) {
        rc = pn_store_put(table->store, key, pn_buf_text(&hint), hint.len, e);
    }
    free(key);
    free(canonical);
    pn_buf_deinit(&hint);
    return rc;
}

static int write_parquet(struct pn_delta *table, int64_t version, const struct contents *contents,
                         int64_t *size_bytes, struct pn_err *e)
{
    char *name = pn_xasprintf("%020" PRId64 ".checkpoint.parquet", version);
    char *key = pn_delta_log_key(table, name);
    char *path = NULL;
    int rc = pn_store_begin_file(table->store, key, &path, e);
    if (rc == 0) {
        rc = table->parquet->write_checkpoint(table->parquet->ctx, pn_buf_text(&contents->lines),
                                              contents->lines.len, path, e);
    }
    if (rc == 0) {
        rc = forget_hadoop_sum(table, name, e);
    }
    if (rc == 0) {
        rc = pn_store_commit_file(table->store, key, path, size_bytes, e);
    }
    free(path);
    free(key);
    free(name);
    return rc;
}

int pn_delta_checkpoint_version(struct pn_delta *table, int64_t version, struct pn_err *e)
{
    if (table->parquet == NULL) {
        return pn_err_set(e, PN_CLASS_FATAL, PN_FAIL,
                          "%s: no engine was given to write a checkpoint", table->path);
    }
    struct pn_delta_snapshot *snapshot = NULL;
    int rc = pn_delta_load(table, version, true, &snapshot, e);
    if (rc != 0) {
        return rc;
    }
    struct contents contents = {0};
    pn_buf_init(&contents.lines, PN_DELTA_CHECKPOINT_BYTES_MAX);
    int64_t size_bytes = 0;
    rc = pn_delta_check_writable(table, snapshot, e);
    if (rc == 0) {
        rc = write_contents(table, snapshot, &contents, e);
    }
    if (rc == 0) {
        rc = write_parquet(table, snapshot->version, &contents, &size_bytes, e);
    }
    if (rc == 0) {
        rc = write_hint(table, snapshot->version, &contents, size_bytes, e);
    }
    pn_buf_deinit(&contents.lines);
    pn_delta_snapshot_destroy(&snapshot);
    return rc;
}

int pn_delta_checkpoint(struct pn_delta *table, struct pn_err *e)
{
    return pn_delta_checkpoint_version(table, -1, e);
}

void pn_delta_maintain(struct pn_delta *table, int64_t version,
                       const struct pn_delta_metadata *metadata)
{
    if (table->parquet == NULL || version == 0 ||
        version % pn_delta_checkpoint_interval(table, metadata) != 0) {
        return;
    }
    struct pn_err why = {0};
    int rc = pn_delta_checkpoint_version(table, version, &why);
    if (rc == 0) {
        rc = pn_delta_clean_log(table, metadata, &why);
    }
    if (rc != 0) {
        pn_logger_warn(table->logger, PN_DELTA_COMPONENT,
                       "the log of %s keeps growing until a later commit: %s", table->path,
                       why.msg);
    }
}
