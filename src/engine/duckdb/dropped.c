#include "engine/duckdb/dropped.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_writer.h"
#include "base/mem.h"
#include "base/random.h"
#include "engine/letter_id.h"

enum {
    ATTEMPTS_MAX = 8,
    OBJECT_BYTES_MAX = 64 << 20,
    OBJECT_BYTES = 8 << 20, /* an object is cut when it has so many */
    LINE_IDS = 10000,
    OBJECTS_MAX = 32 /* more are made one */
};

static char *folder_of(const struct pn_duckdb *engine)
{
    return pn_xasprintf("%s/_dropped/", engine->pipeline->dead_letters_path);
}

/* --- reading ---------------------------------------------------------------------------------- */

static int take_key(void *arg, const struct pn_object *object)
{
    struct pn_dropped *dropped = arg;
    pn_grow((void **)&dropped->keys, &dropped->key_capacity, dropped->key_count + 1,
            sizeof *dropped->keys);
    dropped->keys[dropped->key_count++] = pn_xstrdup(object->key);
    return 0;
}

void pn_dropped_deinit(struct pn_dropped *dropped)
{
    for (size_t i = 0; i < dropped->key_count; i++) {
        free(dropped->keys[i]);
    }
    free(dropped->keys);
    *dropped = (struct pn_dropped){.keys = NULL};
}

static duckdb_state append_member(duckdb_appender appender, const struct pn_json *node)
{
    return node == NULL || node->type != PN_JSON_STRING
               ? duckdb_append_null(appender)
               : duckdb_append_varchar_length(appender, node->text, node->text_len);
}

/* The ids of a line; false where it is not one. */
static bool append_line(duckdb_appender appender, const struct pn_json *line, int64_t *count)
{
    const struct pn_json *ids = pn_json_get(line, "ids");
    bool ok = ids != NULL && ids->type == PN_JSON_ARRAY;
    for (const struct pn_json *id = ok ? ids->first : NULL; ok && id != NULL; id = id->next) {
        ok = id->type == PN_JSON_STRING && id->text_len == PN_LETTER_ID_LEN &&
             append_member(appender, pn_json_get(line, "table")) == DuckDBSuccess &&
             append_member(appender, pn_json_get(line, "object")) == DuckDBSuccess &&
             append_member(appender, id) == DuckDBSuccess &&
             duckdb_appender_end_row(appender) == DuckDBSuccess;
        *count += ok;
    }
    return ok;
}

static bool append_lines(duckdb_appender appender, const struct pn_buf *text, int64_t *count)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    const char *at = pn_buf_text(text);
    const char *end = at + text->len;
    bool ok = true;
    while (ok && at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((line_end != NULL ? line_end : end) - at);
        struct pn_json *line = NULL;
        ok = pn_json_parse(parser, at, len, len, &line, NULL) == 0 &&
             append_line(appender, line, count);
        at += len + 1;
    }
    pn_json_parser_destroy(&parser);
    return ok;
}

/* Reads an object. MISSING: it was made one with others since it was listed. */
static int read_object(struct pn_duckdb *engine, duckdb_connection connection, const char *key,
                       int64_t *count, bool *whole, struct pn_err *e)
{
    duckdb_appender appender = NULL;
    struct pn_buf text;
    int64_t found = 0;
    pn_buf_init(&text, OBJECT_BYTES_MAX);
    int rc = pn_store_get(engine->store, key, &text, e);
    if (rc == 0) {
        bool ok = duckdb_appender_create_ext(connection, "temp", NULL, "dropped", &appender) ==
                  DuckDBSuccess;
        *whole = ok && append_lines(appender, &text, &found);
        if (duckdb_appender_destroy(&appender) != DuckDBSuccess || !ok) {
            rc = pn_err_fatal(e, "DuckDB does not accept the ids of dropped letters");
        } else if (!*whole) {
            pn_logger_warn(engine->logger, "engine",
                           "%s is damaged: dead letters that were dropped may come back. Drop them "
                           "again, and remove this object",
                           key);
        }
        *count += found;
    }
    pn_buf_deinit(&text);
    return rc;
}

static int read_all(struct pn_duckdb *engine, duckdb_connection connection,
                    struct pn_dropped *dropped, struct pn_err *e)
{
    char *folder = folder_of(engine);
    int rc = pn_duckdb_run(connection,
                           "CREATE OR REPLACE TEMP TABLE dropped (\"table\" VARCHAR, object "
                           "VARCHAR, id VARCHAR)",
                           NULL, e);
    if (rc == 0) {
        rc = pn_store_list(engine->store, folder, NULL, take_key, dropped, e);
    }
    size_t read = 0;
    for (size_t i = 0; i < dropped->key_count; i++) {
        char *key = dropped->keys[i];
        bool whole = true;
        if (rc == 0) {
            rc = read_object(engine, connection, key, &dropped->count, &whole, e);
        }
        if (whole) {
            dropped->keys[read++] = key;
        } else {
            free(key);
        }
    }
    dropped->key_count = read;
    free(folder);
    return rc;
}

int pn_dropped_read(struct pn_duckdb *engine, duckdb_connection connection,
                    struct pn_dropped *dropped, struct pn_err *e)
{
    for (int tries = 1;; tries++) {
        struct pn_err why = {0};
        pn_dropped_deinit(dropped);
        int rc = read_all(engine, connection, dropped, &why);
        if (rc == 0) {
            return 0;
        }
        if (why.class_ != PN_CLASS_MISSING || tries == ATTEMPTS_MAX) {
            pn_err_copy(e, &why);
            return rc;
        }
    }
}

/* --- writing ---------------------------------------------------------------------------------- */

static int put(struct pn_duckdb *engine, struct pn_buf *text, struct pn_err *e)
{
    char uuid[PN_UUID_SIZE];
    char *folder = folder_of(engine);
    char *key = pn_xasprintf("%s%s.jsonl", folder, pn_uuid(uuid));
    int rc = pn_buf_check(text, "what is remembered of dropped letters", e);
    if (rc == 0) {
        rc = pn_store_put_if_absent(engine->store, key, pn_buf_text(text), text->len, e);
    }
    pn_buf_reset(text);
    free(key);
    free(folder);
    return rc;
}

static void add_text(struct pn_json_writer *json, const char *name, duckdb_result *result,
                     idx_t column, idx_t row)
{
    char *text = duckdb_value_varchar(result, column, row); /* NULL of a null */
    pn_json_add_cstr(json, name, text);
    duckdb_free(text);
}

/* Writes rows of ("table", object, ids with commas between) as lines. */
static int write_lines(struct pn_duckdb *engine, duckdb_result *result, struct pn_err *e)
{
    struct pn_buf text;
    int rc = 0;
    pn_buf_init(&text, OBJECT_BYTES_MAX);
    for (idx_t row = 0; rc == 0 && row < duckdb_row_count(result); row++) {
        struct pn_json_writer json;
        char *ids = duckdb_value_varchar(result, 2, row);
        pn_json_writer_init(&json, &text);
        pn_json_put_object(&json);
        add_text(&json, "table", result, 0, row);
        add_text(&json, "object", result, 1, row);
        pn_json_add_array(&json, "ids");
        for (const char *at = ids; at != NULL && *at != '\0';) {
            size_t len = strcspn(at, ",");
            pn_json_put_string(&json, at, len);
            at += len + (at[len] == ',');
        }
        pn_json_end(&json);
        pn_json_end(&json);
        pn_json_end_line(&json);
        duckdb_free(ids);
        if (text.len >= OBJECT_BYTES) {
            rc = put(engine, &text, e);
        }
    }
    if (rc == 0 && text.len > 0) {
        rc = put(engine, &text, e);
    }
    pn_buf_deinit(&text);
    return rc;
}

/* Writes what a SELECT gives as new objects. */
static int write_selected(struct pn_duckdb *engine, duckdb_connection connection,
                          const char *select, struct pn_err *e)
{
    duckdb_result result;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_addf(&sql,
                "SELECT \"table\", object, string_agg(id, ',' ORDER BY id) FROM (SELECT *, "
                "row_number() OVER (PARTITION BY \"table\", object ORDER BY id) // %d AS part FROM "
                "(SELECT DISTINCT \"table\", object, id FROM (%s))) GROUP BY \"table\", object, "
                "part ORDER BY \"table\", object, part",
                LINE_IDS, select);
    int rc = pn_duckdb_run_buf(connection, &sql, &result, e);
    if (rc == 0) {
        rc = write_lines(engine, &result, e);
        duckdb_destroy_result(&result);
    }
    pn_buf_deinit(&sql);
    return rc;
}

static int remove_read(struct pn_duckdb *engine, const struct pn_dropped *dropped, struct pn_err *e)
{
    return pn_store_remove_many(engine->store, (const char *const *)dropped->keys,
                                dropped->key_count, e);
}

int pn_dropped_add(struct pn_duckdb *engine, duckdb_connection connection, const char *select,
                   struct pn_err *e)
{
    struct pn_dropped before = {.keys = NULL};
    duckdb_result result;
    struct pn_buf sql;
    int64_t count = 0;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    int rc = pn_dropped_read(engine, connection, &before, e);
    pn_buf_addf(&sql, "SELECT count(*) FROM (SELECT id FROM dropped UNION SELECT id FROM (%s))",
                select);
    if (rc == 0) {
        rc = pn_duckdb_run_buf(connection, &sql, &result, e);
    }
    if (rc == 0) {
        count = duckdb_value_int64(&result, 0, 0);
        duckdb_destroy_result(&result);
    }
    if (rc == 0 && count > PN_DROPPED_MAX) {
        rc = pn_err_input(e,
                          "%" PRId64 " dropped letters would have to be remembered, and at most %d "
                          "can be: drop fewer, or correct the table or its records, and load again",
                          count, PN_DROPPED_MAX);
    }
    bool merges = before.key_count >= OBJECTS_MAX;
    if (rc == 0 && merges) {
        pn_buf_reset(&sql);
        pn_buf_addf(&sql, "SELECT * FROM dropped UNION ALL (%s)", select);
        rc = write_selected(engine, connection, pn_buf_text(&sql), e);
    } else if (rc == 0) {
        rc = write_selected(engine, connection, select, e);
    }
    if (rc == 0 && merges) {
        rc = remove_read(engine, &before, e);
    }
    pn_dropped_deinit(&before);
    pn_buf_deinit(&sql);
    return rc;
}

int pn_dropped_keep(struct pn_duckdb *engine, duckdb_connection connection,
                    const struct pn_dropped *dropped, const struct pn_buf *left, struct pn_err *e)
{
    int rc = write_selected(engine, connection, pn_buf_text(left), e);
    return rc == 0 ? remove_read(engine, dropped, e) : rc;
}

void pn_dropped_warn(struct pn_duckdb *engine, const struct pn_err *why)
{
    pn_logger_warn(engine->logger, "engine",
                   "dropped dead letters that are gone are not forgotten yet: %s", why->msg);
}
