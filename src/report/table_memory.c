#include "report/table_memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct remembered {
    char *path;
    char etag[PN_ETAG_SIZE]; /* of the newest commit: a table made again has another */
    struct pn_table_state state;
};

struct pn_table_memory {
    struct remembered *items;
    size_t count;
    size_t capacity;
    size_t next;           /* whose place a further table takes */
    struct pn_arena arena; /* of the next */
    const char **undeclared;
    size_t undeclared_count;
    int64_t undeclared_ms; /* when they were found */
    bool has_undeclared;
};

struct pn_table_memory *pn_table_memory_create(void)
{
    struct pn_table_memory *memory = pn_xcalloc(1, sizeof *memory);
    pn_arena_init(&memory->arena, 0);
    return memory;
}

void pn_table_memory_destroy(struct pn_table_memory **memory)
{
    struct pn_table_memory *gone = *memory;
    if (gone == NULL) {
        return;
    }
    for (size_t i = 0; i < gone->count; i++) {
        free(gone->items[i].path);
    }
    free(gone->items);
    pn_arena_deinit(&gone->arena);
    free(gone);
    *memory = NULL;
}

static struct remembered *find(const struct pn_table_memory *memory, const char *path)
{
    for (size_t i = 0; i < memory->count; i++) {
        if (strcmp(memory->items[i].path, path) == 0) {
            return &memory->items[i];
        }
    }
    return NULL;
}

/* What there is of a version's commit file. */
static int find_commit(struct pn_store *store, const char *path, int64_t version,
                       struct pn_object *commit, struct pn_err *e)
{
    char *key = pn_xasprintf("%s/_delta_log/%020" PRId64 ".json", path, version);
    int rc = pn_store_head(store, key, commit, e);
    free(key);
    return rc;
}

bool pn_table_memory_find(const struct pn_table_memory *memory, struct pn_store *store,
                          const char *path, struct pn_table_state *state)
{
    const struct remembered *known = find(memory, path);
    struct pn_object commit = {0};
    struct pn_object newer = {0};
    struct pn_err why = {0};
    if (known == NULL || find_commit(store, path, known->state.version, &commit, NULL) != 0 ||
        strcmp(commit.etag, known->etag) != 0 ||
        find_commit(store, path, known->state.version + 1, &newer, &why) == 0 ||
        why.class_ != PN_CLASS_MISSING) {
        return false;
    }
    *state = known->state;
    return true;
}

void pn_table_memory_note(struct pn_table_memory *memory, struct pn_store *store, const char *path,
                          const struct pn_table_state *state)
{
    struct pn_object commit = {0};
    struct remembered *known = find(memory, path);
    if (find_commit(store, path, state->version, &commit, NULL) != 0) {
        return; /* only its checkpoint is left */
    }
    if (known == NULL && memory->count < PN_TABLE_MEMORY_MAX) {
        pn_grow((void **)&memory->items, &memory->capacity, memory->count + 1,
                sizeof *memory->items);
        known = &memory->items[memory->count++];
        *known = (struct remembered){.path = pn_xstrdup(path)};
    } else if (known == NULL) {
        known = &memory->items[memory->next++ % PN_TABLE_MEMORY_MAX];
        free(known->path);
        known->path = pn_xstrdup(path);
    }
    known->state = *state;
    memcpy(known->etag, commit.etag, sizeof known->etag);
}

/* --- tables that the pipeline does not declare ------------------------------------------------ */

static const char **copy_keys(const char *const *keys, size_t count, struct pn_arena *arena)
{
    const char **copy = pn_arena_calloc(arena, count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i] = pn_arena_strdup(arena, keys[i]);
    }
    return copy;
}

bool pn_table_memory_undeclared(const struct pn_table_memory *memory, int64_t since_ms,
                                struct pn_arena *arena, const char ***keys, size_t *count)
{
    if (!memory->has_undeclared || memory->undeclared_ms < since_ms) {
        return false;
    }
    *keys = copy_keys(memory->undeclared, memory->undeclared_count, arena);
    *count = memory->undeclared_count;
    return true;
}

void pn_table_memory_note_undeclared(struct pn_table_memory *memory, int64_t now_ms,
                                     const char *const *keys, size_t count)
{
    pn_arena_reset(&memory->arena);
    memory->undeclared = copy_keys(keys, count, &memory->arena);
    memory->undeclared_count = count;
    memory->undeclared_ms = now_ms;
    memory->has_undeclared = true;
}
