/* Live updates of tables: a new version is a new file of the table's log. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "report/tables.h"
#include "server/live_internal.h"

enum { LOOK_MS = 500, VERSION_DIGITS = 20 };

/* The newest version of a table, found once by a list and then by looks at the next file. */
struct newest {
    int64_t version; /* -1: none */
    char path[];     /* of the table */
};

static int take_version(void *arg, const struct pn_object *object)
{
    struct newest *newest = arg;
    const char *name = strrchr(object->key, '/');
    char digits[VERSION_DIGITS + 1];
    int64_t version = 0;
    if (name == NULL || strlen(name + 1) < VERSION_DIGITS) {
        return 0;
    }
    memcpy(digits, name + 1, VERSION_DIGITS);
    digits[VERSION_DIGITS] = '\0';
    if (strcmp(name + 1 + VERSION_DIGITS, ".json") == 0 &&
        strspn(digits, "0123456789") == VERSION_DIGITS &&
        pn_parse_i64(digits, &version, NULL) == 0) {
        newest->version = version;
    }
    return 0;
}

static struct newest *begin(struct pn_store *store, const char *path)
{
    struct newest *newest = pn_xcalloc(1, sizeof *newest + strlen(path) + 1);
    char *prefix = pn_xasprintf("%s/_delta_log/", path);
    memcpy(newest->path, path, strlen(path) + 1);
    newest->version = -1;
    if (pn_store_list(store, prefix, NULL, take_version, newest, NULL) != 0) {
        newest->version = -1; /* each look continues from there */
    }
    free(prefix);
    return newest;
}

static bool has_version(struct pn_store *store, const char *path, int64_t version)
{
    struct pn_object object = {0};
    char *key = pn_xasprintf("%s/_delta_log/%020" PRId64 ".json", path, version);
    bool there = pn_store_head(store, key, &object, NULL) == 0;
    free(key);
    return there;
}

/* Moves to the newest version; true when that is a step. */
static bool advance(struct pn_store *store, struct newest *newest)
{
    int64_t before = newest->version;
    while (has_version(store, newest->path, newest->version + 1)) {
        newest->version++;
    }
    return newest->version != before;
}

/* --- one table -------------------------------------------------------------------------------- */

static void look_at_table(struct pn_live_tables *tables, struct pn_live *live,
                          struct pn_live_topic *topic)
{
    const struct pn_table *table = NULL;
    const char *path = NULL;
    if (topic->state == NULL) {
        if (pn_report_find_table(tables->app->pipeline, topic->parts[1], NULL, &table, &path,
                                 NULL) == 0) {
            topic->state = begin(tables->store, path);
        }
    } else if (advance(tables->store, topic->state)) {
        const struct newest *newest = topic->state;
        pn_json_add_i64_text(pn_live_begin(live, topic, "table"), "version", newest->version);
        pn_live_end(live);
    }
}

/* --- all of them ------------------------------------------------------------------------------ */

/* What is remembered of all tables is one allocation: the versions, in the pipeline's order. */
static void look_at_all(struct pn_live_tables *tables, struct pn_live *live,
                        struct pn_live_topic *topic)
{
    const struct pn_pipeline *pipeline = tables->app->pipeline;
    size_t count = pipeline->table_count + 2;
    bool changed = false;
    bool begins = topic->state == NULL;
    int64_t *versions = begins ? pn_xcalloc(count, sizeof *versions) : topic->state;
    for (size_t i = 0; i < count; i++) {
        const char *path = i < pipeline->table_count    ? pipeline->tables[i].path
                           : i == pipeline->table_count ? pipeline->dead_letters_path
                                                        : pipeline->stream_dead_letters_path;
        struct newest *newest = NULL;
        if (strchr(path, '*') != NULL) {
            continue; /* a pattern of tables */
        }
        if (begins) {
            newest = begin(tables->store, path);
            versions[i] = newest->version;
            free(newest);
        }
        while (has_version(tables->store, path, versions[i] + 1)) {
            versions[i]++;
            changed = true;
        }
    }
    topic->state = versions;
    if (changed && !begins) {
        pn_live_publish(live, topic, "table");
    }
}

static void look(void *arg, struct pn_live *live, struct pn_live_topic **topics, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (topics[i]->parts[1] != NULL) {
            look_at_table(arg, live, topics[i]);
        } else {
            look_at_all(arg, live, topics[i]);
        }
    }
}

void pn_live_tables_add(struct pn_live_tables *tables, struct pn_live *live)
{
    static const struct pn_live_kind kinds[] = {{"tables", 1}, {"table", 2}, {NULL, 0}};
    const struct pn_live_source source = {
        .kinds = kinds, .look_ms = LOOK_MS, .look = look, .arg = tables};
    pn_live_add_source(live, &source);
}
