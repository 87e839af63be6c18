#include <string.h>

#include "base/json_writer.h"
#include "delta/actions.h"
#include "delta/uri.h"

static void begin(struct pn_json_writer *json, struct pn_buf *out, const char *action)
{
    pn_json_writer_init(json, out);
    pn_json_put_object(json);
    pn_json_add_object(json, action);
}

static void end(struct pn_json_writer *json)
{
    pn_json_end(json);
    pn_json_end(json);
    pn_json_end_line(json);
}

/* A value that is JSON text already, if there is one. */
static void add_raw(struct pn_json_writer *json, const char *name, const char *text)
{
    if (text != NULL) {
        pn_json_add_raw(json, name, text, strlen(text));
    }
}

static void add_map(struct pn_json_writer *json, const char *name,
                    const struct pn_delta_map_entry *entries, size_t count)
{
    pn_json_add_object(json, name);
    for (size_t i = 0; i < count; i++) {
        pn_json_add_cstr(json, entries[i].key, entries[i].value);
    }
    pn_json_end(json);
}

static void add_list(struct pn_json_writer *json, const char *name, const char *const *items,
                     size_t count)
{
    pn_json_add_array(json, name);
    for (size_t i = 0; i < count; i++) {
        pn_json_put_cstr(json, items[i]);
    }
    pn_json_end(json);
}

void pn_delta_write_protocol(struct pn_buf *out, const struct pn_delta_protocol *protocol)
{
    struct pn_json_writer json;
    begin(&json, out, "protocol");
    pn_json_add_i64(&json, "minReaderVersion", protocol->min_reader_version);
    pn_json_add_i64(&json, "minWriterVersion", protocol->min_writer_version);
    if (protocol->reader_features != NULL) {
        add_list(&json, "readerFeatures", protocol->reader_features,
                 protocol->reader_feature_count);
    }
    if (protocol->writer_features != NULL) {
        add_list(&json, "writerFeatures", protocol->writer_features,
                 protocol->writer_feature_count);
    }
    end(&json);
}

void pn_delta_write_metadata(struct pn_buf *out, const struct pn_delta_metadata *metadata)
{
    struct pn_json_writer json;
    begin(&json, out, "metaData");
    pn_json_add_cstr(&json, "id", metadata->id);
    if (metadata->name != NULL) {
        pn_json_add_cstr(&json, "name", metadata->name);
    }
    if (metadata->description != NULL) {
        pn_json_add_cstr(&json, "description", metadata->description);
    }
    pn_json_add_object(&json, "format");
    pn_json_add_cstr(&json, "provider", "parquet");
    add_map(&json, "options", NULL, 0);
    pn_json_end(&json);
    pn_json_add_cstr(&json, "schemaString", metadata->schema);
    add_list(&json, "partitionColumns", metadata->partition_columns,
             metadata->partition_column_count);
    add_map(&json, "configuration", metadata->configuration, metadata->configuration_count);
    if (metadata->created_ms > 0) {
        pn_json_add_i64(&json, "createdTime", metadata->created_ms);
    }
    end(&json);
}

void pn_delta_write_txn(struct pn_buf *out, const struct pn_delta_txn *txn)
{
    struct pn_json_writer json;
    begin(&json, out, "txn");
    pn_json_add_cstr(&json, "appId", txn->app_id);
    pn_json_add_i64(&json, "version", txn->version);
    if (txn->updated_ms > 0) {
        pn_json_add_i64(&json, "lastUpdated", txn->updated_ms);
    }
    end(&json);
}

/* The path as the log had it, for other readers match an add and its remove by this very text. */
static void add_path(struct pn_json_writer *json, const struct pn_delta_file *file)
{
    if (file->uri != NULL) {
        pn_json_add_cstr(json, "path", file->uri);
        return;
    }
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    pn_json_add_cstr(json, "path", pn_delta_uri_encode(&arena, file->path));
    pn_arena_deinit(&arena);
}

void pn_delta_write_add(struct pn_buf *out, const struct pn_delta_file *file)
{
    struct pn_json_writer json;
    begin(&json, out, "add");
    add_path(&json, file);
    add_map(&json, "partitionValues", file->partition_values, file->partition_value_count);
    pn_json_add_i64(&json, "size", file->size_bytes);
    pn_json_add_i64(&json, "modificationTime", file->modified_ms);
    pn_json_add_bool(&json, "dataChange", file->data_change);
    if (file->stats != NULL) {
        pn_json_add_cstr(&json, "stats", file->stats);
    }
    add_raw(&json, "tags", file->tags);
    add_raw(&json, "deletionVector", file->deletion_vector);
    end(&json);
}

void pn_delta_write_remove(struct pn_buf *out, const struct pn_delta_file *file)
{
    struct pn_json_writer json;
    begin(&json, out, "remove");
    add_path(&json, file);
    pn_json_add_i64(&json, "deletionTimestamp", file->deleted_ms);
    pn_json_add_bool(&json, "dataChange", file->data_change);
    if (file->size_bytes >= 0) {
        pn_json_add_bool(&json, "extendedFileMetadata", true);
        add_map(&json, "partitionValues", file->partition_values, file->partition_value_count);
        pn_json_add_i64(&json, "size", file->size_bytes);
    }
    add_raw(&json, "deletionVector", file->deletion_vector);
    end(&json);
}
