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

#define OPEN_SUFFIX ".open.jsonl"

static char *folder_of(const struct pn_duckdb *engine)
{
    return pn_xasprintf("%s/_dropped/", engine->pipeline->dead_letters_path);
}

/* --- reading ---------------------------------------------------------------------------------- */

static void add_key(struct pn_dropped *dropped, const char *key)
{
    pn_grow((void **)&dropped->keys, &dropped->key_capacity, dropped->key_count + 1,
            sizeof *dropped->keys);
    dropped->keys[dropped->key_count++] = pn_xstrdup(key);
}

static int take_key(void *arg, const struct pn_object *object)
{
    add_key(arg, object->key);
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

int pn_dropped_list(struct pn_duckdb *engine, struct pn_dropped *dropped, struct pn_err *e)
{
    char *folder = folder_of(engine);
    int rc = pn_store_list(engine->store, folder, NULL, take_key, dropped, e);
    free(folder);
    return rc;
}

static int read_all(struct pn_duckdb *engine, duckdb_connection connection,
                    struct pn_dropped *dropped, struct pn_err *e)
{
    int rc = pn_duckdb_run(connection,
                           "CREATE OR REPLACE TEMP TABLE dropped (\"table\" VARCHAR, object "
                           "VARCHAR, id VARCHAR)",
                           NULL, e);
    if (rc == 0) {
        rc = pn_dropped_list(engine, dropped, e);
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

/* `made` NULL: the object is not open. */
static int put(struct pn_duckdb *engine, struct pn_buf *text, struct pn_dropped *made,
               struct pn_err *e)
{
    char uuid[PN_UUID_SIZE];
    char *folder = folder_of(engine);
    char *key =
        pn_xasprintf("%s%s%s", folder, pn_uuid(uuid), made != NULL ? OPEN_SUFFIX : ".jsonl");
    int rc = pn_buf_check(text, "what is remembered of dropped letters", e);
    if (rc == 0) {
        if (made != NULL) {
            add_key(made, key);
        }
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
static int write_lines(struct pn_duckdb *engine, duckdb_result *result, struct pn_dropped *made,
                       struct pn_err *e)
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
            rc = put(engine, &text, made, e);
        }
    }
    if (rc == 0 && text.len > 0) {
        rc = put(engine, &text, made, e);
    }
    pn_buf_deinit(&text);
    return rc;
}

/* Writes what a SELECT gives as new objects; open ones if `made` takes their keys. */
static int write_selected(struct pn_duckdb *engine, duckdb_connection connection,
                          const char *select, struct pn_dropped *made, struct pn_err *e)
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
        rc = write_lines(engine, &result, made, e);
        duckdb_destroy_result(&result);
    }
    pn_buf_deinit(&sql);
    return rc;
}

int pn_dropped_add(struct pn_duckdb *engine, duckdb_connection connection, const char *select,
                   struct pn_dropped *made, struct pn_err *e)
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
    if (rc == 0 && count > PN_LETTERS_DROP_MAX) {
        rc = pn_err_input(e,
                          "%" PRId64 " dropped letters would have to be remembered, and at most %d "
                          "can be: drop fewer, or correct the tables or their records and load "
                          "them with --full-refresh, which forgets letters that it does not find",
                          count, PN_LETTERS_DROP_MAX);
    }
    bool merges = before.key_count >= OBJECTS_MAX;
    if (rc == 0 && merges) {
        pn_buf_reset(&sql);
        pn_buf_addf(&sql, "SELECT * FROM dropped UNION ALL (%s)", select);
        rc = write_selected(engine, connection, pn_buf_text(&sql), made, e);
    } else if (rc == 0) {
        rc = write_selected(engine, connection, select, made, e);
    }
    if (rc == 0 && merges) {
        rc = pn_store_remove_many(engine->store, (const char *const *)before.keys, before.key_count,
                                  e);
    }
    pn_dropped_deinit(&before);
    pn_buf_deinit(&sql);
    return rc;
}

static bool is_open(const char *key)
{
    size_t len = strlen(key);
    size_t suffix_len = strlen(OPEN_SUFFIX);
    return len > suffix_len && strcmp(key + len - suffix_len, OPEN_SUFFIX) == 0;
}

bool pn_dropped_is_open(const struct pn_dropped *dropped)
{
    size_t i = 0;
    while (i < dropped->key_count && !is_open(dropped->keys[i])) {
        i++;
    }
    return i < dropped->key_count;
}

/* MISSING: another one has closed it, or forgotten what it held. */
static int close_one(struct pn_duckdb *engine, const char *open, const char *closed,
                     struct pn_err *e)
{
    struct pn_buf text;
    pn_buf_init(&text, OBJECT_BYTES_MAX);
    int rc = pn_store_get(engine->store, open, &text, e);
    if (rc == 0) {
        rc = pn_store_put(engine->store, closed, pn_buf_text(&text), text.len, e);
    }
    if (rc == 0) {
        rc = pn_store_remove(engine->store, open, e);
    }
    pn_buf_deinit(&text);
    return rc;
}

void pn_dropped_close(struct pn_duckdb *engine, struct pn_dropped *dropped)
{
    for (size_t i = 0; i < dropped->key_count; i++) {
        struct pn_err why = {0};
        char *open = dropped->keys[i];
        if (!is_open(open)) {
            continue;
        }
        char *closed = pn_xasprintf("%.*s.jsonl", (int)(strlen(open) - strlen(OPEN_SUFFIX)), open);
        if (close_one(engine, open, closed, &why) != 0 && why.class_ != PN_CLASS_MISSING) {
            pn_logger_warn(engine->logger, "engine",
                           "%s: the next load looks again whether these dead letters have left "
                           "their table: %s",
                           open, why.msg);
        }
        free(open);
        dropped->keys[i] = closed;
    }
}

/* The keys that are in both; each list is in the order of the keys, and the result borrows. */
static size_t find_common(const struct pn_dropped *a, const struct pn_dropped *b,
                          const char **common)
{
    size_t count = 0;
    for (size_t i = 0, k = 0; i < a->key_count && k < b->key_count;) {
        int order = strcmp(a->keys[i], b->keys[k]);
        if (order == 0) {
            common[count++] = a->keys[i];
        }
        i += order <= 0;
        k += order >= 0;
    }
    return count;
}

/* How many rows of `dropped` are not left? */
static int count_gone(duckdb_connection connection, const struct pn_buf *left, int64_t *gone,
                      struct pn_err *e)
{
    duckdb_result result;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_addf(&sql, "SELECT (SELECT count(*) FROM dropped) - count(*) FROM (%s)",
                pn_buf_text(left));
    int rc = pn_duckdb_run_buf(connection, &sql, &result, e);
    if (rc == 0) {
        *gone = duckdb_value_int64(&result, 0, 0);
        duckdb_destroy_result(&result);
    }
    pn_buf_deinit(&sql);
    return rc;
}

int pn_dropped_keep(struct pn_duckdb *engine, duckdb_connection connection,
                    const struct pn_dropped *dropped, const struct pn_dropped *before,
                    const struct pn_buf *left, struct pn_err *e)
{
    const char **old = pn_xcalloc(dropped->key_count + 1, sizeof *old);
    struct pn_dropped made = {.keys = NULL};
    int64_t gone = 0;
    int rc = count_gone(connection, left, &gone, e);
    size_t count = rc == 0 && gone > 0 ? find_common(dropped, before, old) : 0;
    if (count > 0) { /* a drop at work leaves its objects open, and so are those made of them */
        rc = write_selected(engine, connection, pn_buf_text(left),
                            pn_dropped_is_open(dropped) ? &made : NULL, e);
    }
    if (rc == 0 && count > 0) {
        rc = pn_store_remove_many(engine->store, old, count, e);
    }
    pn_dropped_deinit(&made);
    free(old);
    return rc;
}

void pn_dropped_warn(struct pn_duckdb *engine, const struct pn_err *why)
{
    pn_logger_warn(engine->logger, "engine",
                   "dropped dead letters that are gone are not forgotten yet: %s", why->msg);
}
