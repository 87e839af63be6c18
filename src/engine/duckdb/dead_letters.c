#include "engine/duckdb/dead_letters_internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "base/random.h"
#include "engine/duckdb/letter_maker.h"

enum {
    SPOOL_FLUSH_BYTES = 256 * 1024,
    SPOOL_BUFFER_MAX = 64 << 20 /* a value in base64 with its escapes is far below */
};

/* The columns of the spool, and of the table. */
static const struct pn_column SPOOL_COLUMNS[] = {
    {.name = "table", .type = {.kind = PN_TYPE_STRING}},
    {.name = "topic", .type = {.kind = PN_TYPE_STRING}},
    {.name = "object", .type = {.kind = PN_TYPE_STRING}},
    {.name = "scan", .type = {.kind = PN_TYPE_BIGINT}},
    {.name = "unit", .type = {.kind = PN_TYPE_BIGINT}},
    {.name = "line", .type = {.kind = PN_TYPE_BIGINT}},
    {.name = "reason", .type = {.kind = PN_TYPE_STRING}},
    {.name = "value", .type = {.kind = PN_TYPE_STRING}},
    {.name = "offset", .type = {.kind = PN_TYPE_BIGINT}},
    {.name = "time_ms", .type = {.kind = PN_TYPE_BIGINT}},
    {.name = "key", .type = {.kind = PN_TYPE_STRING}},
};
const struct pn_table pn_dead_letters_spool = {
    .name = "spool",
    .columns = SPOOL_COLUMNS,
    .column_count = sizeof SPOOL_COLUMNS / sizeof *SPOOL_COLUMNS,
};
static const struct pn_column COLUMNS[] = {
    {.name = "table", .type = {.kind = PN_TYPE_STRING}},
    {.name = "topic", .type = {.kind = PN_TYPE_STRING}},
    {.name = "partition", .type = {.kind = PN_TYPE_INT}},
    {.name = "offset", .type = {.kind = PN_TYPE_BIGINT}},
    {.name = "object", .type = {.kind = PN_TYPE_STRING}},
    {.name = "line", .type = {.kind = PN_TYPE_BIGINT}},
    {.name = "reason", .type = {.kind = PN_TYPE_STRING}},
    {.name = "value", .type = {.kind = PN_TYPE_STRING}},
    {.name = "timestamp", .type = {.kind = PN_TYPE_TIMESTAMP}},
    {.name = "key", .type = {.kind = PN_TYPE_STRING}},
    PN_LETTER_MAKER_COLUMNS,
    {.name = "batch", .type = {.kind = PN_TYPE_BIGINT}},
};

struct pn_table pn_dead_letters_table(const struct pn_pipeline *pipeline)
{
    return (struct pn_table){
        .name = "dead_letters",
        .path = pipeline->dead_letters_path,
        .columns = COLUMNS,
        .column_count = sizeof COLUMNS / sizeof *COLUMNS,
    };
}

struct pn_dead_letters *pn_dead_letters_create(struct pn_duckdb *engine,
                                               const struct pn_table *const *tables, size_t count)
{
    struct pn_dead_letters *dead = pn_xcalloc(1, sizeof *dead);
    dead->engine = engine;
    dead->tables = tables;
    dead->count = count;
    dead->itself = pn_dead_letters_table(engine->pipeline);
    dead->feeds = pn_xcalloc(count, sizeof *dead->feeds);
    for (size_t i = 0; i < count; i++) {
        dead->feeds[i] = (struct pn_dead_letters_feed){.dead = dead, .table = i};
    }
    dead->row_files = pn_xcalloc(count, sizeof *dead->row_files);
    dead->row_counts = pn_xcalloc(count, sizeof *dead->row_counts);
    dead->fd = -1;
    pthread_mutex_init(&dead->lock, NULL);
    pn_buf_init(&dead->pending, SPOOL_BUFFER_MAX);
    return dead;
}

void pn_dead_letters_destroy(struct pn_dead_letters **dead)
{
    struct pn_dead_letters *it = *dead;
    struct pn_err e;
    if (it == NULL) {
        return;
    }
    pn_io_close(it->engine->config.io, &it->fd);
    if (it->path != NULL && pn_io_unlink(it->engine->config.io, it->path, &e) != 0) {
        pn_logger_warn(it->engine->logger, "engine", "%s", e.msg);
    }
    for (size_t i = 0; i < it->count; i++) {
        if (it->row_files[i] != NULL) {
            pn_duckdb_remove_file(it->engine, it->row_files[i]);
        }
        free(it->row_files[i]);
    }
    pn_buf_deinit(&it->pending);
    pthread_mutex_destroy(&it->lock);
    free(it->row_files);
    free(it->row_counts);
    free(it->path);
    free(it->feeds);
    free(it);
    *dead = NULL;
}

void *pn_dead_letters_for(struct pn_dead_letters *dead, size_t table)
{
    return &dead->feeds[table];
}

/* --- the spool -------------------------------------------------------------------------------- */

static int open_spool(struct pn_dead_letters *dead, struct pn_err *e)
{
    const char *folder = NULL;
    char uuid[PN_UUID_SIZE];
    int rc = pn_duckdb_temp_folder(dead->engine, &folder, e);
    if (rc != 0) {
        return rc;
    }
    char *path = pn_xasprintf("%s/rejected-%s.jsonl", folder, pn_uuid(uuid));
    rc = pn_io_open(dead->engine->config.io, path, O_RDWR | O_CREAT | O_EXCL, &dead->fd, e);
    if (rc != 0) {
        free(path);
        return rc;
    }
    dead->path = path;
    return 0;
}

int pn_dead_letters_flush(struct pn_dead_letters *dead, struct pn_err *e)
{
    struct pn_buf *pending = &dead->pending;
    int rc = pn_buf_check(pending, "what a load rejects at once", e);
    if (rc == 0 && dead->path == NULL) {
        rc = open_spool(dead, e);
    }
    if (rc == 0) {
        rc = pn_io_write_at(dead->engine->config.io, dead->fd, pending->data, pending->len,
                            dead->size_bytes, dead->path, e);
        dead->size_bytes += (int64_t)pending->len;
    }
    pn_buf_reset(pending);
    return rc;
}

/* How much of a text is stored: its beginning, which does not end within a character. */
static size_t stored_len(const char *text, size_t len)
{
    if (len > PN_DEAD_LETTER_VALUE_MAX) {
        len = PN_DEAD_LETTER_VALUE_MAX;
        while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80) {
            len--;
        }
    }
    return len;
}

/* A key that is not text is not stored. */
static bool has_key(const struct pn_origin_values *origin)
{
    return origin->key.data != NULL && pn_utf8_valid(origin->key.data, origin->key.len);
}

/* The value as text, or in base64 when it isn't text; the reason says so, and what isn't whole. */
static void add_value(struct pn_json_writer *json, const struct pn_landed_reject *reject)
{
    const struct pn_bytes *key = &reject->origin->key;
    size_t len = stored_len(reject->value, reject->value_len);
    bool text = pn_utf8_valid(reject->value, len);
    bool cuts_key = has_key(reject->origin) && stored_len(key->data, key->len) < key->len;
    pn_json_add_textf(json, "reason", "%s%s%s%s", reject->reason,
                      cuts_key ? " (only the beginning of the key is stored)" : "",
                      len < reject->value_len ? " (only the beginning of the value is stored)" : "",
                      text ? "" : " (the value is in base64)");
    pn_json_put_key(json, "value");
    if (text) {
        pn_json_put_string(json, reject->value, len);
    } else {
        pn_json_put_base64(json, reject->value, len);
    }
}

/* What is known of where the record came from. */
static void add_origin(struct pn_json_writer *json, const struct pn_origin_values *origin)
{
    if (origin->offset >= 0) {
        pn_json_add_i64(json, "offset", origin->offset);
    }
    if (origin->timestamp_ms >= 0 && origin->timestamp_ms <= PN_ORIGIN_TIME_MS_MAX) {
        pn_json_add_i64(json, "time_ms", origin->timestamp_ms);
    }
    if (has_key(origin)) {
        pn_json_put_key(json, "key");
        pn_json_put_string(json, origin->key.data, stored_len(origin->key.data, origin->key.len));
    }
}

int pn_dead_letters_take(void *arg, const struct pn_landed_reject *reject, struct pn_err *e)
{
    const struct pn_dead_letters_feed *feed = arg;
    struct pn_dead_letters *dead = feed->dead;
    const struct pn_table *table = dead->tables[feed->table];
    struct pn_buf *out = &dead->pending;
    struct pn_json_writer json;
    int rc = 0;
    pthread_mutex_lock(&dead->lock);
    pn_json_writer_init(&json, out);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "table", table->name);
    pn_json_add_cstr(&json, "topic", reject->topic);
    pn_json_add_cstr(&json, "object", reject->object);
    pn_json_add_i64(&json, "scan", (int64_t)feed->table);
    pn_json_add_i64(&json, "unit", (int64_t)reject->unit);
    if (reject->line > 0) {
        pn_json_add_i64(&json, "line", reject->line);
    }
    add_value(&json, reject);
    add_origin(&json, reject->origin);
    pn_json_end(&json);
    pn_json_end_line(&json);
    if (out->len >= SPOOL_FLUSH_BYTES || pn_buf_failed(out)) {
        rc = pn_dead_letters_flush(dead, e);
    }
    pthread_mutex_unlock(&dead->lock);
    return rc;
}

/* --- rows that a data test takes out ---------------------------------------------------------- */

int pn_dead_letters_take_rows(struct pn_dead_letters *dead, duckdb_connection connection,
                              size_t table, const struct pn_buf *select, struct pn_err *e)
{
    const char *folder = NULL;
    char uuid[PN_UUID_SIZE];
    duckdb_result result;
    struct pn_buf sql;
    int rc = pn_duckdb_temp_folder(dead->engine, &folder, e);
    if (rc != 0) {
        return rc;
    }
    PN_ASSERT(dead->row_files[table] == NULL);
    dead->row_files[table] = pn_xasprintf("%s/quarantined-%s.parquet", folder, pn_uuid(uuid));
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_addf(&sql, "COPY (%s) TO ", pn_buf_text(select));
    pn_duckdb_add_text(&sql, dead->row_files[table]);
    pn_buf_adds(&sql, " (FORMAT parquet)");
    rc = pn_buf_check(select, "a statement for DuckDB", e);
    if (rc == 0) {
        rc = pn_duckdb_run_long(connection, &sql, &dead->engine->interrupted, &result, e);
    }
    if (rc == 0) {
        dead->row_counts[table] = duckdb_value_int64(&result, 0, 0);
        duckdb_destroy_result(&result);
    }
    pn_buf_deinit(&sql);
    return rc;
}
