#include <string.h>

#include "delta/actions.h"
#include "delta/uri.h"

static void add_i64(struct pn_buf *out, const char *name, int64_t value)
{
    pn_json_write_key(out, name);
    pn_buf_add_i64(out, value);
}

static void add_text(struct pn_buf *out, const char *name, const char *text)
{
    pn_json_write_key(out, name);
    pn_json_write_cstr(out, text);
}

/* A value that is JSON text already. */
static void add_raw(struct pn_buf *out, const char *name, const char *json)
{
    pn_json_write_key(out, name);
    pn_buf_adds(out, json);
}

static void add_bool(struct pn_buf *out, const char *name, bool value)
{
    add_raw(out, name, value ? "true" : "false");
}

static void add_map(struct pn_buf *out, const char *name, const struct pn_delta_map_entry *entries,
                    size_t count)
{
    pn_json_write_key(out, name);
    pn_buf_addc(out, '{');
    for (size_t i = 0; i < count; i++) {
        add_text(out, entries[i].key, entries[i].value);
    }
    pn_buf_addc(out, '}');
}

static void add_list(struct pn_buf *out, const char *name, const char *const *items, size_t count)
{
    pn_json_write_key(out, name);
    pn_buf_addc(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            pn_buf_addc(out, ',');
        }
        pn_json_write_cstr(out, items[i]);
    }
    pn_buf_addc(out, ']');
}

void pn_delta_write_protocol(struct pn_buf *out, const struct pn_delta_protocol *protocol)
{
    pn_buf_adds(out, "{\"protocol\":{");
    add_i64(out, "minReaderVersion", protocol->min_reader_version);
    add_i64(out, "minWriterVersion", protocol->min_writer_version);
    if (protocol->reader_features != NULL) {
        add_list(out, "readerFeatures", protocol->reader_features, protocol->reader_feature_count);
    }
    if (protocol->writer_features != NULL) {
        add_list(out, "writerFeatures", protocol->writer_features, protocol->writer_feature_count);
    }
    pn_buf_adds(out, "}}\n");
}

void pn_delta_write_metadata(struct pn_buf *out, const struct pn_delta_metadata *metadata)
{
    pn_buf_adds(out, "{\"metaData\":{");
    add_text(out, "id", metadata->id);
    if (metadata->name != NULL) {
        add_text(out, "name", metadata->name);
    }
    if (metadata->description != NULL) {
        add_text(out, "description", metadata->description);
    }
    add_raw(out, "format", "{\"provider\":\"parquet\",\"options\":{}}");
    add_text(out, "schemaString", metadata->schema);
    add_list(out, "partitionColumns", metadata->partition_columns,
             metadata->partition_column_count);
    add_map(out, "configuration", metadata->configuration, metadata->configuration_count);
    if (metadata->created_ms > 0) {
        add_i64(out, "createdTime", metadata->created_ms);
    }
    pn_buf_adds(out, "}}\n");
}

void pn_delta_write_txn(struct pn_buf *out, const struct pn_delta_txn *txn)
{
    pn_buf_adds(out, "{\"txn\":{");
    add_text(out, "appId", txn->app_id);
    add_i64(out, "version", txn->version);
    if (txn->updated_ms > 0) {
        add_i64(out, "lastUpdated", txn->updated_ms);
    }
    pn_buf_adds(out, "}}\n");
}

/* The path as the log had it, for other readers match an add and its remove by this very text. */
static void add_path(struct pn_buf *out, const struct pn_delta_file *file)
{
    if (file->uri != NULL) {
        add_text(out, "path", file->uri);
        return;
    }
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    add_text(out, "path", pn_delta_uri_encode(&arena, file->path));
    pn_arena_deinit(&arena);
}

void pn_delta_write_add(struct pn_buf *out, const struct pn_delta_file *file)
{
    pn_buf_adds(out, "{\"add\":{");
    add_path(out, file);
    add_map(out, "partitionValues", file->partition_values, file->partition_value_count);
    add_i64(out, "size", file->size_bytes);
    add_i64(out, "modificationTime", file->modified_ms);
    add_bool(out, "dataChange", file->data_change);
    if (file->stats != NULL) {
        add_text(out, "stats", file->stats);
    }
    if (file->tags != NULL) {
        add_raw(out, "tags", file->tags);
    }
    if (file->deletion_vector != NULL) {
        add_raw(out, "deletionVector", file->deletion_vector);
    }
    pn_buf_adds(out, "}}\n");
}

void pn_delta_write_remove(struct pn_buf *out, const struct pn_delta_file *file)
{
    pn_buf_adds(out, "{\"remove\":{");
    add_path(out, file);
    add_i64(out, "deletionTimestamp", file->deleted_ms);
    add_bool(out, "dataChange", file->data_change);
    if (file->size_bytes >= 0) {
        add_bool(out, "extendedFileMetadata", true);
        add_map(out, "partitionValues", file->partition_values, file->partition_value_count);
        add_i64(out, "size", file->size_bytes);
    }
    if (file->deletion_vector != NULL) {
        add_raw(out, "deletionVector", file->deletion_vector);
    }
    pn_buf_adds(out, "}}\n");
}
