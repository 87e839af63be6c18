/* Which objects of dropped letters are gone. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/dropped.h"
#include "pipeline/glob.h"
#include "pipeline/pattern.h"

bool pn_dropped_is_object_of(const struct pn_duckdb *engine, const struct pn_table *table,
                             const char *object)
{
    const char *dir = engine->pipeline->topics_dir;
    size_t len = strlen(dir);
    if (table->from_files != NULL) {
        return pn_glob_matches(table->from_files->glob, object);
    }
    if (strncmp(object, dir, len) != 0 || object[len] != '/') {
        return false; /* a file that was imported */
    }
    const char *topic = object + len + 1;
    char *name = pn_xstrndup(topic, strcspn(topic, "/"));
    bool is_it = pn_pattern_matches(table->from_topic, name);
    free(name);
    return is_it;
}

/* Objects in the order of their keys. */
struct sought {
    char **keys;
    bool *is_there;
    size_t count;
    size_t next; /* in a listing */
};

static int see(void *arg, const struct pn_object *object)
{
    struct sought *sought = arg;
    while (sought->next < sought->count && strcmp(sought->keys[sought->next], object->key) < 0) {
        sought->next++;
    }
    if (sought->next < sought->count && strcmp(sought->keys[sought->next], object->key) == 0) {
        sought->is_there[sought->next++] = true;
    }
    return 0;
}

/* The text with which all the keys begin. */
static char *prefix_of(const struct sought *sought)
{
    const char *first = sought->keys[0];
    const char *last = sought->keys[sought->count - 1];
    size_t len = 0;
    while (first[len] != '\0' && first[len] == last[len]) {
        len++;
    }
    return pn_xstrndup(first, len);
}

static int look_for(struct pn_duckdb *engine, const struct pn_table *table, struct sought *sought,
                    struct pn_err *e)
{
    if (sought->count == 0) {
        return 0;
    }
    char *prefix = prefix_of(sought);
    int rc = pn_store_list(engine->store, prefix, NULL, see, sought, e);
    for (size_t i = 0; i < sought->count; i++) { /* the rows of an import are made by no load */
        sought->is_there[i] =
            sought->is_there[i] && pn_dropped_is_object_of(engine, table, sought->keys[i]);
    }
    free(prefix);
    return rc;
}

static int note_gone(duckdb_connection connection, const struct pn_table *table,
                     const struct sought *sought, struct pn_err *e)
{
    duckdb_appender appender = NULL;
    bool ok =
        duckdb_appender_create_ext(connection, "temp", NULL, "gone", &appender) == DuckDBSuccess;
    for (size_t i = 0; ok && i < sought->count; i++) {
        ok = sought->is_there[i] ||
             (duckdb_append_varchar(appender, table->name) == DuckDBSuccess &&
              duckdb_append_varchar(appender, sought->keys[i]) == DuckDBSuccess &&
              duckdb_appender_end_row(appender) == DuckDBSuccess);
    }
    return duckdb_appender_destroy(&appender) != DuckDBSuccess || !ok
               ? pn_err_fatal(e, "DuckDB does not accept the names of objects")
               : 0;
}

int pn_dropped_find_gone(struct pn_duckdb *engine, duckdb_connection connection,
                         const struct pn_table *table, struct pn_err *e)
{
    struct sought sought = {.keys = NULL};
    duckdb_result objects;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql,
                "SELECT DISTINCT object FROM dropped WHERE object IS NOT NULL AND \"table\" = ");
    pn_duckdb_add_text(&sql, table->name);
    pn_buf_adds(&sql, " ORDER BY object");
    int rc = pn_duckdb_run_buf(connection, &sql, &objects, e);
    if (rc == 0) {
        const idx_t count = duckdb_row_count(&objects);
        sought.keys = pn_xcalloc(count + 1, sizeof *sought.keys);
        sought.is_there = pn_xcalloc(count + 1, sizeof *sought.is_there);
        while (sought.count < count) {
            sought.keys[sought.count] = duckdb_value_varchar(&objects, 0, sought.count);
            sought.count++;
        }
        duckdb_destroy_result(&objects);
        rc = look_for(engine, table, &sought, e);
    }
    if (rc == 0) {
        rc = note_gone(connection, table, &sought, e);
    }
    for (size_t i = 0; i < sought.count; i++) {
        duckdb_free(sought.keys[i]);
    }
    free(sought.keys);
    free(sought.is_there);
    pn_buf_deinit(&sql);
    return rc;
}
