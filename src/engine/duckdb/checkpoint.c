/*
 * Checkpoints of Delta tables as Parquet: a column an action, a row with one of them set, in the
 * "Checkpoint schema" of Delta's PROTOCOL.md. DuckDB turns JSON into these structs and back.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "engine/duckdb/scan.h"

enum { LINE_BYTES_MAX = 64 << 20 };

#define DELETION_VECTOR                                                                   \
    "{\"storageType\":\"VARCHAR\",\"pathOrInlineDv\":\"VARCHAR\",\"offset\":\"INTEGER\"," \
    "\"sizeInBytes\":\"INTEGER\",\"cardinality\":\"BIGINT\",\"maxRowIndex\":\"BIGINT\"}"
#define TEXT_MAP "\"MAP(VARCHAR, VARCHAR)\""

/* For from_json(): keys are the actions' members, values DuckDB's types. */
static const char SCHEMA[] =
    "{\"txn\":{\"appId\":\"VARCHAR\",\"version\":\"BIGINT\",\"lastUpdated\":\"BIGINT\"},"
    "\"add\":{\"path\":\"VARCHAR\",\"partitionValues\":" TEXT_MAP ",\"size\":\"BIGINT\","
    "\"modificationTime\":\"BIGINT\",\"dataChange\":\"BOOLEAN\",\"stats\":\"VARCHAR\","
    "\"tags\":" TEXT_MAP ",\"deletionVector\":" DELETION_VECTOR "},"
    "\"remove\":{\"path\":\"VARCHAR\",\"deletionTimestamp\":\"BIGINT\",\"dataChange\":\"BOOLEAN\","
    "\"extendedFileMetadata\":\"BOOLEAN\",\"partitionValues\":" TEXT_MAP ",\"size\":\"BIGINT\","
    "\"deletionVector\":" DELETION_VECTOR "},"
    "\"metaData\":{\"id\":\"VARCHAR\",\"name\":\"VARCHAR\",\"description\":\"VARCHAR\","
    "\"format\":{\"provider\":\"VARCHAR\",\"options\":" TEXT_MAP "},\"schemaString\":\"VARCHAR\","
    "\"partitionColumns\":[\"VARCHAR\"],\"configuration\":" TEXT_MAP ",\"createdTime\":\"BIGINT\"},"
    "\"protocol\":{\"minReaderVersion\":\"INTEGER\",\"minWriterVersion\":\"INTEGER\","
    "\"readerFeatures\":[\"VARCHAR\"],\"writerFeatures\":[\"VARCHAR\"]}}";

/* The actions that a reader may need. */
static const char *const ACTIONS[] = {
    "txn",    "add", "remove", "metaData", "protocol", "domainMetadata", "checkpointMetadata",
    "sidecar"};
enum { ACTION_COUNT = sizeof ACTIONS / sizeof *ACTIONS };

/* Puts the lines into a temporary table, as a parameter: they may be larger than a statement. */
static int take_lines(duckdb_connection connection, const char *ndjson, size_t len,
                      struct pn_err *e)
{
    duckdb_prepared_statement statement = NULL;
    duckdb_result result;
    int rc = 0;
    if (duckdb_prepare(connection,
                       "CREATE TEMP TABLE actions AS SELECT line::JSON AS line FROM "
                       "(SELECT unnest(string_split($1, chr(10))) AS line) WHERE line <> ''",
                       &statement) != DuckDBSuccess) {
        rc = pn_duckdb_fail_prepared(e, statement);
        goto out;
    }
    if (duckdb_bind_varchar_length(statement, 1, ndjson, len) != DuckDBSuccess) {
        rc = pn_err_input(e, "a checkpoint's actions are not UTF-8 text");
        goto out;
    }
    if (duckdb_execute_prepared(statement, &result) != DuckDBSuccess) {
        rc = pn_duckdb_fail(e, duckdb_result_error(&result));
    }
    duckdb_destroy_result(&result);
out:
    duckdb_destroy_prepare(&statement);
    return rc;
}

int pn_duckdb_write_checkpoint(void *ctx, const char *ndjson, size_t len, const char *path,
                               struct pn_err *e)
{
    struct pn_duckdb *engine = ctx;
    duckdb_connection connection = NULL;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    int rc = pn_duckdb_connect_work(engine, &connection, e);
    if (rc != 0) {
        goto out;
    }
    rc = take_lines(connection, ndjson, len, e);
    if (rc != 0) {
        goto out;
    }
    pn_buf_adds(&sql, "COPY (SELECT unnest(from_json(line, ");
    pn_duckdb_add_text(&sql, SCHEMA);
    pn_buf_adds(&sql, ")) FROM actions) TO ");
    pn_duckdb_add_text(&sql, path);
    pn_buf_adds(&sql, " (FORMAT parquet, CODEC 'snappy')");
    rc = pn_duckdb_run_buf(connection, &sql, NULL, e);
out:
    if (rc != 0) {
        pn_err_prefix(e, "writing the checkpoint %s", path);
    }
    pn_buf_deinit(&sql);
    duckdb_disconnect(&connection);
    return rc;
}

static bool ends_with(const struct pn_json *member, const char *suffix)
{
    size_t len = strlen(suffix);
    return member->key_len >= len && memcmp(member->key + member->key_len - len, suffix, len) == 0;
}

static bool key_is(const struct pn_json *member, const char *key)
{
    return member->key_len == strlen(key) && memcmp(member->key, key, member->key_len) == 0;
}

static bool is_map(const struct pn_json *member)
{
    return key_is(member, "partitionValues") || key_is(member, "tags") ||
           key_is(member, "configuration") || key_is(member, "options");
}

/*
 * An action without its null members, but with those of maps (a null partition value is one). The
 * parsed copies that some writers add (stats_parsed) are left out; where there is no `stats`, its
 * parsed copy is the only one, and becomes it.
 */
static void put_action(struct pn_json_writer *json, const struct pn_json *action)
{
    const struct pn_json *stats = pn_json_get(action, "stats");
    pn_json_put_object(json);
    for (const struct pn_json *member = action->first; member != NULL; member = member->next) {
        if (member->type == PN_JSON_NULL) {
            continue;
        }
        if (ends_with(member, "_parsed")) {
            if (key_is(member, "stats_parsed") && (stats == NULL || stats->type == PN_JSON_NULL)) {
                pn_json_add_string(json, "stats", member->raw, member->raw_len);
            }
            continue;
        }
        pn_json_put_name(json, member->key, member->key_len);
        if (member->type == PN_JSON_OBJECT && !is_map(member)) {
            put_action(json, member);
        } else {
            pn_json_put_node(json, member);
        }
    }
    pn_json_end(json);
}

struct reading {
    const char *key;
    char *path; /* of it, or of its copy */
    struct pn_json_parser *parser;
    struct pn_buf line;
    int (*fn)(void *arg, const char *json, size_t len, struct pn_err *e);
    void *arg;
};

static int read_action(struct reading *reading, const char *name, const char *text, size_t len,
                       struct pn_err *e)
{
    struct pn_json *action = NULL;
    struct pn_buf *line = &reading->line;
    struct pn_json_writer json;
    int rc = pn_json_parse(reading->parser, text, len, len, &action, e);
    if (rc != 0) {
        return rc;
    }
    pn_buf_reset(line);
    pn_json_writer_init(&json, line);
    pn_json_put_object(&json);
    pn_json_put_key(&json, name);
    put_action(&json, action);
    pn_json_end(&json);
    rc = pn_json_writer_check(&json, "an action of a checkpoint", e);
    return rc != 0 ? rc : reading->fn(reading->arg, pn_buf_text(line), line->len, e);
}

static int read_rows(struct reading *reading, duckdb_result *result, const char *const *names,
                     size_t count, struct pn_err *e)
{
    int rc = 0;
    duckdb_data_chunk chunk = NULL;
    while (rc == 0 && (chunk = duckdb_fetch_chunk(*result)) != NULL) {
        idx_t rows = duckdb_data_chunk_get_size(chunk);
        for (idx_t row = 0; rc == 0 && row < rows; row++) {
            for (size_t i = 0; rc == 0 && i < count; i++) {
                const char *text = NULL;
                size_t len = 0;
                if (pn_duckdb_text(duckdb_data_chunk_get_vector(chunk, i), row, &text, &len)) {
                    rc = read_action(reading, names[i], text, len, e);
                }
            }
        }
        duckdb_destroy_data_chunk(&chunk);
    }
    return rc;
}

/* What DuckDB can't read is damaged, whatever the kind of its error, unless that passes. */
static int unreadable(const char *key, const struct pn_err *why, struct pn_err *e)
{
    bool passes = why->class_ == PN_CLASS_RETRY || pn_duckdb_out_of_memory(why);
    return pn_err_set(e, passes ? PN_CLASS_RETRY : PN_CLASS_CORRUPT, PN_FAIL,
                      "the checkpoint %s cannot be read: %s", key, why->msg);
}

/* Which of ACTIONS are columns of the file; into names, whose number is *count. */
static int find_columns(duckdb_connection connection, const struct reading *reading,
                        const char **names, size_t *count, struct pn_err *e)
{
    struct pn_buf sql;
    struct pn_err why = {0};
    duckdb_result result;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT * FROM read_parquet(");
    pn_duckdb_add_path(&sql, reading->path);
    pn_buf_adds(&sql, PN_DUCKDB_FILE_END " LIMIT 0");
    int rc = pn_duckdb_run_buf(connection, &sql, &result, &why);
    pn_buf_deinit(&sql);
    if (rc != 0) {
        return unreadable(reading->key, &why, e);
    }
    *count = 0;
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        for (idx_t column = 0; column < duckdb_column_count(&result); column++) {
            if (strcmp(duckdb_column_name(&result, column), ACTIONS[i]) == 0) {
                names[(*count)++] = ACTIONS[i];
                break;
            }
        }
    }
    duckdb_destroy_result(&result);
    if (*count == 0) {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                        "the checkpoint %s has no column that is an action", reading->key);
    }
    return rc;
}

static int read_columns(duckdb_connection connection, struct reading *reading,
                        const char *const *names, size_t count, struct pn_err *e)
{
    struct pn_buf sql;
    struct pn_err why = {0};
    duckdb_result result;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    for (size_t i = 0; i < count; i++) {
        pn_buf_adds(&sql, i == 0 ? "SELECT to_json(" : ", to_json(");
        pn_duckdb_add_name(&sql, names[i]);
        pn_buf_adds(&sql, ")");
    }
    pn_buf_adds(&sql, " FROM read_parquet(");
    pn_duckdb_add_path(&sql, reading->path);
    pn_buf_adds(&sql, PN_DUCKDB_FILE_END);
    int rc = pn_duckdb_run_buf(connection, &sql, &result, &why);
    pn_buf_deinit(&sql);
    if (rc != 0) {
        return unreadable(reading->key, &why, e);
    }
    rc = read_rows(reading, &result, names, count, e);
    duckdb_destroy_result(&result);
    return rc;
}

int pn_duckdb_read_checkpoint(void *ctx, const char *key,
                              int (*line)(void *arg, const char *json, size_t len,
                                          struct pn_err *e),
                              void *arg, struct pn_err *e)
{
    struct pn_duckdb *engine = ctx;
    const char *names[ACTION_COUNT];
    size_t count = 0;
    struct reading reading = {
        .key = key, .parser = pn_json_parser_create(), .fn = line, .arg = arg};
    struct pn_file_lease lease = {0};
    duckdb_connection connection = NULL;
    pn_buf_init(&reading.line, LINE_BYTES_MAX);
    int rc = pn_duckdb_object_path(engine, key, NULL, &lease, &reading.path, e);
    if (rc == 0) {
        rc = pn_duckdb_verify(&engine->verified, engine->config.io, reading.path, e);
    }
    if (rc == 0) {
        rc = pn_duckdb_connect_work(engine, &connection, e);
    }
    if (rc == 0) {
        rc = find_columns(connection, &reading, names, &count, e);
    }
    if (rc == 0) {
        rc = read_columns(connection, &reading, names, count, e);
    }
    duckdb_disconnect(&connection);
    pn_file_lease_release(&lease);
    free(reading.path);
    pn_buf_deinit(&reading.line);
    pn_json_parser_destroy(&reading.parser);
    return rc;
}
