#include "report/undeclared.h"

#include <string.h>

#include "pipeline/pattern.h"

struct search {
    const struct pn_pipeline *pipeline;
    struct pn_store *store;
    struct pn_arena *arena;
    struct pn_undeclared *found;
    const char **roots; /* where it began */
    size_t root_count;
    size_t looks;
    size_t objects;
};

/* --- what is skipped -------------------------------------------------------------------------- */

static bool is_place_of(const struct pn_table *table, const char *key)
{
    return pn_pattern_matches(table->path, key) ||
           (table->checkpoints != NULL && pn_pattern_matches(table->checkpoints, key));
}

static bool is_own(const struct pn_pipeline *pipeline, const char *key)
{
    const char *const places[] = {pipeline->dead_letters_path, pipeline->stream_dead_letters_path,
                                  pipeline->topics_dir, pipeline->origins_dir,
                                  pipeline->dead_letters_dir};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (places[i] != NULL && strcmp(key, places[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_declared(const struct pn_pipeline *pipeline, const char *key)
{
    bool is_known = is_own(pipeline, key);
    for (size_t i = 0; !is_known && i < pipeline->table_count; i++) {
        is_known = is_place_of(&pipeline->tables[i], key);
    }
    for (size_t i = 0; !is_known && i < pipeline->table_pattern_count; i++) {
        is_known = is_place_of(&pipeline->table_patterns[i], key);
    }
    return is_known;
}

/* --- folders ---------------------------------------------------------------------------------- */

struct step {
    struct search *search;
    size_t prefix_len;
    const char *folder; /* that was found; NULL: none */
};

/* False: the search ends here. */
static bool may_look(struct search *search)
{
    bool is_over = search->looks >= PN_UNDECLARED_LOOKS_MAX ||
                   search->objects >= PN_UNDECLARED_OBJECTS_MAX ||
                   search->found->count >= PN_UNDECLARED_MAX;
    search->found->is_cut = search->found->is_cut || is_over;
    search->looks++;
    return !is_over;
}

static int take_object(void *arg, const struct pn_object *object)
{
    struct step *step = arg;
    struct search *search = step->search;
    const char *name = object->key + step->prefix_len;
    const char *slash = strchr(name, '/');
    search->objects++;
    if (slash != NULL) {
        step->folder = pn_arena_strndup(search->arena, object->key, (size_t)(slash - object->key));
    }
    return slash != NULL || search->objects >= PN_UNDECLARED_OBJECTS_MAX ? 1 : 0;
}

static int list_until(struct search *search, const char *prefix, const char *after,
                      struct step *step, struct pn_err *e)
{
    *step = (struct step){.search = search, .prefix_len = strlen(prefix)};
    int rc = pn_store_list(search->store, prefix, after, take_object, step, e);
    return rc == 1 ? 0 : rc;
}

static int stop_at_first(void *arg, const struct pn_object *object)
{
    (void)object;
    *(bool *)arg = true;
    return 1;
}

/* Is an object in that folder of `key`? */
static int has_folder(struct search *search, const char *key, const char *name, bool *has,
                      struct pn_err *e)
{
    const char *folder = pn_arena_printf(search->arena, "%s/%s/", key, name);
    *has = false;
    int rc = pn_store_list(search->store, folder, NULL, stop_at_first, has, e);
    return *has ? 0 : rc;
}

/* The folders right below `parent`, which has `depth` parts: "" has none. The keys of a folder that
 * was found are skipped: '0' comes right after '/'. */
static int look_below(struct search *search, const char *parent, int depth, struct pn_err *e);

static int look_at(struct search *search, const char *key, int depth, struct pn_err *e)
{
    const char *slash = strrchr(key, '/');
    const char *name = slash != NULL ? slash + 1 : key;
    bool is_table = false;
    bool is_store = false;
    if (name[0] == '_' || name[0] == '.' || is_declared(search->pipeline, key)) {
        return 0;
    }
    if (!may_look(search)) {
        return 0;
    }
    int rc = has_folder(search, key, "_delta_log", &is_table, e);
    if (rc == 0 && is_table) {
        search->found->keys[search->found->count++] = key;
    } else if (rc == 0 && depth < PN_UNDECLARED_DEPTH_MAX && may_look(search)) {
        rc = has_folder(search, key, ".pinion", &is_store, e);
        rc = rc == 0 && !is_store ? look_below(search, key, depth, e) : rc;
    }
    return rc;
}

static int look_below(struct search *search, const char *parent, int depth, struct pn_err *e)
{
    const char *prefix = parent[0] != '\0' ? pn_arena_printf(search->arena, "%s/", parent) : parent;
    const char *after = NULL;
    int rc = 0;
    for (bool more = true; rc == 0 && more && may_look(search);) {
        struct step step;
        rc = list_until(search, prefix, after, &step, e);
        more = rc == 0 && step.folder != NULL;
        if (more) {
            rc = look_at(search, step.folder, depth + 1, e);
            after = pn_arena_printf(search->arena, "%s0", step.folder);
        }
    }
    return rc;
}

/* --- where it begins -------------------------------------------------------------------------- */

static int begin_at_tables(struct search *search, const char *path, struct pn_err *e)
{
    size_t len = strcspn(path, "/");
    if (memchr(path, '*', len) != NULL) {
        return 0;
    }
    for (size_t i = 0; i < search->root_count; i++) {
        if (strlen(search->roots[i]) == len && memcmp(search->roots[i], path, len) == 0) {
            return 0;
        }
    }
    const char *root = pn_arena_strndup(search->arena, path, len);
    search->roots[search->root_count++] = root;
    return look_at(search, root, 1, e);
}

static int begin_beside_tables(struct search *search, struct pn_err *e)
{
    enum { OWN_PATHS = 2 };
    const struct pn_pipeline *pipeline = search->pipeline;
    size_t paths = pipeline->table_count + pipeline->table_pattern_count + OWN_PATHS;
    search->roots = pn_arena_calloc(search->arena, paths, sizeof *search->roots);
    int rc = begin_at_tables(search, pipeline->dead_letters_path, e);
    rc = rc == 0 ? begin_at_tables(search, pipeline->stream_dead_letters_path, e) : rc;
    for (size_t i = 0; rc == 0 && i < pipeline->table_count; i++) {
        rc = begin_at_tables(search, pipeline->tables[i].path, e);
    }
    for (size_t i = 0; rc == 0 && i < pipeline->table_pattern_count; i++) {
        rc = begin_at_tables(search, pipeline->table_patterns[i].path, e);
    }
    return rc;
}

int pn_report_undeclared(const struct pn_pipeline *pipeline, struct pn_store *store,
                         enum pn_undeclared_where where, struct pn_arena *arena,
                         struct pn_undeclared *found, struct pn_err *e)
{
    struct search search = {.pipeline = pipeline, .store = store, .arena = arena, .found = found};
    *found = (struct pn_undeclared){.count = 0};
    found->keys = pn_arena_calloc(arena, PN_UNDECLARED_MAX, sizeof *found->keys);
    return where == PN_UNDECLARED_ANYWHERE ? look_below(&search, "", 0, e)
                                           : begin_beside_tables(&search, e);
}
