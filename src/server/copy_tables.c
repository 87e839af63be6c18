#include "server/copy_tables.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "delta/copying.h"
#include "pipeline/pattern.h"

/* A table, with its newest versions. */
struct pn_copied_table {
    char *name;
    int64_t here; /* in the source; -1: none */
    int64_t there;
};

static void note_version(struct pn_copy_tables *tables, const char *key, bool is_here)
{
    size_t len = 0;
    int64_t version = 0;
    if (!pn_delta_copy_version(key, &len, &version)) {
        return;
    }
    size_t i = tables->count; /* the keys of a table come one after the other */
    while (i > 0 && (strncmp(tables->tables[i - 1].name, key, len) != 0 ||
                     tables->tables[i - 1].name[len] != '\0')) {
        i--;
    }
    if (i == 0) {
        pn_grow((void **)&tables->tables, &tables->capacity, tables->count + 1,
                sizeof *tables->tables);
        tables->tables[tables->count++] =
            (struct pn_copied_table){.name = pn_xstrndup(key, len), .here = -1, .there = -1};
        i = tables->count;
    }
    int64_t *newest = is_here ? &tables->tables[i - 1].here : &tables->tables[i - 1].there;
    *newest = version > *newest ? version : *newest;
}

void pn_copy_tables_extra(struct pn_copy_tables *tables, const char *key)
{
    note_version(tables, key, false);
}

static bool has_checkpoints(const struct pn_table *tables, size_t count, const char *folder)
{
    for (size_t i = 0; i < count; i++) {
        if (tables[i].checkpoints != NULL && pn_pattern_matches(tables[i].checkpoints, folder)) {
            return true;
        }
    }
    return false;
}

/* The files that show how far streams have come are written again and again. */
int pn_copy_tables_rank(const struct pn_copy_tables *tables, const char *key)
{
    const struct pn_pipeline *pipeline = tables->pipeline;
    const char *slash = strrchr(key, '/');
    if (slash == NULL) {
        return 0;
    }
    char *folder = pn_xstrndup(key, (size_t)(slash - key));
    bool is_hint = has_checkpoints(pipeline->tables, pipeline->table_count, folder) ||
                   has_checkpoints(pipeline->table_patterns, pipeline->table_pattern_count, folder);
    free(folder);
    return is_hint ? PN_COPY_RANK_HINT : pn_delta_copy_rank(key);
}

int pn_copy_tables_check(struct pn_copy_tables *tables, const struct pn_copy *plan,
                         const char *from_url, const char *to_url, struct pn_err *e)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct pn_copy_item *item = &plan->items[i];
        size_t len = 0;
        int64_t version = 0;
        if (item->rank == PN_COPY_RANK_IN_ORDER && item->state == PN_COPY_DIFFERS &&
            pn_delta_copy_version(item->key, &len, &version)) {
            return pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                              "the table '%.*s' has another version %" PRId64 " in %s than in %s: "
                              "it was made again or written to after it was copied. Remove it "
                              "where it is not wanted, with `pinion store rm --recursive`",
                              (int)len, item->key, version, to_url, from_url);
        }
        note_version(tables, item->key, true);
    }
    for (size_t i = 0; i < tables->count; i++) {
        const struct pn_copied_table *table = &tables->tables[i];
        if (table->here >= 0 && table->there > table->here) {
            return pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                              "the table '%s' has version %" PRId64 " in %s, and only %" PRId64
                              " in %s: it was written after it was copied. Copy the other way "
                              "round, or remove the table there with `pinion store rm --recursive`",
                              table->name, table->there, to_url, table->here, from_url);
        }
    }
    return 0;
}

void pn_copy_tables_deinit(struct pn_copy_tables *tables)
{
    for (size_t i = 0; i < tables->count; i++) {
        free(tables->tables[i].name);
    }
    free(tables->tables);
}
