/* `include:` of a pipeline.yml: files whose topics, streams, tables, DAGs and pools are as if they
 * stood in it. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "pipeline/internal.h"
#include "store/store.h"

enum { FILES_MAX = 100, MEMBERS_MAX = 5000 };

static const struct pn_yaml_key sections[] = {
    {"topics", PN_YAML_MAP, false}, {"streams", PN_YAML_MAP, false}, {"tables", PN_YAML_MAP, false},
    {"dags", PN_YAML_MAP, false},   {"pools", PN_YAML_MAP, false},   {NULL, PN_YAML_NULL, false},
};

/* --- sections --------------------------------------------------------------------------------- */

/* Says of each node which file it is in. Aliases share what they stand for. */
static void mark(struct pn_yaml_node *node, const struct pn_yaml *from)
{
    node->from = from;
    for (struct pn_yaml_node *child = node->first; child != NULL; child = child->next) {
        mark(child, from);
    }
}

static const char *file_of(const struct pn_yaml *yaml, const struct pn_yaml_node *node)
{
    return node->from != NULL ? node->from->file : yaml->file;
}

static void append(struct pn_arena *arena, struct pn_yaml_node *section,
                   const struct pn_yaml_node *member)
{
    struct pn_yaml_node *copy = pn_arena_calloc(arena, 1, sizeof *copy);
    *copy = *member;
    copy->next = NULL;
    copy->parent = section;
    if (section->last != NULL) {
        section->last->next = copy;
    } else {
        section->first = copy;
    }
    section->last = copy;
    section->count++;
}

/* The section of that name of pipeline.yml, whose members are its own: no alias shares them. */
static struct pn_yaml_node *own_section(struct pn_arena *arena, struct pn_yaml_node *root,
                                        const struct pn_yaml_node *like)
{
    struct pn_yaml_node *section = root->first;
    while (section != NULL && strcmp(section->key, like->key) != 0) {
        section = section->next;
    }
    if (section == NULL) {
        const struct pn_yaml_node empty = {
            .kind = PN_YAML_MAP, .key = like->key, .line = like->line, .from = like->from};
        append(arena, root, &empty);
        return root->last;
    }
    const struct pn_yaml_node *member = section->first;
    section->kind = PN_YAML_MAP; /* it may have been empty */
    section->first = NULL;
    section->last = NULL;
    section->count = 0;
    for (; member != NULL; member = member->next) {
        append(arena, section, member);
    }
    return section;
}

static int merge_section(struct pn_pipeline *pipeline, const struct pn_yaml_node *added,
                         struct pn_err *e)
{
    struct pn_pipeline_private *private_ = pipeline->private_;
    const struct pn_yaml *yaml = &private_->yaml;
    struct pn_yaml_node *section = own_section(&private_->arena, yaml->root, added);
    for (const struct pn_yaml_node *member = added->first; member != NULL; member = member->next) {
        for (const struct pn_yaml_node *other = section->first; other != NULL;
             other = other->next) {
            if (strcmp(other->key, member->key) == 0) {
                return pn_yaml_error(yaml, member, e, "is given twice, first in %s:%d",
                                     file_of(yaml, other), other->line);
            }
        }
        if (section->count == MEMBERS_MAX) {
            return pn_yaml_error(yaml, member, e, "exceeds the maximum of %d keys", MEMBERS_MAX);
        }
        append(&private_->arena, section, member);
    }
    return 0;
}

/* --- files ------------------------------------------------------------------------------------ */

static void watch(struct pn_pipeline_private *private_, const char *path)
{
    private_->watched[private_->watched_count++] = path;
}

static int include_file(struct pn_pipeline *pipeline, const struct pn_yaml_node *item,
                        const char *path, struct pn_err *e)
{
    struct pn_pipeline_private *private_ = pipeline->private_;
    const struct pn_yaml *yaml = &private_->yaml;
    struct pn_err why = {0};
    for (size_t i = 0; i < private_->included_count; i++) {
        if (strcmp(private_->included[i].path, path) == 0) {
            return pn_yaml_error(yaml, item, e, "includes %s twice", path);
        }
    }
    if (private_->included_count == FILES_MAX) {
        return pn_yaml_error(yaml, item, e, "exceeds the maximum of %d files", FILES_MAX);
    }
    struct pn_included *included = &private_->included[private_->included_count++];
    included->path = path;
    watch(private_, path);
    const char *whole = pn_arena_printf(&private_->arena, "%s/%s", private_->folder, path);
    int rc = pn_yaml_load_expanded(&included->yaml, whole, private_->io, &private_->arena, &why);
    if (rc != 0) {
        return why.class_ == PN_CLASS_MISSING
                   ? pn_yaml_error(yaml, item, e, "there is no file %s", whole)
                   : pn_err_set(e, why.class_, rc, "%s", why.msg);
    }
    struct pn_yaml_node *root = included->yaml.root;
    mark(root, &included->yaml);
    rc = root->kind != PN_YAML_NULL ? pn_yaml_check(yaml, root, sections, e) : 0;
    for (struct pn_yaml_node *node = root->first; rc == 0 && node != NULL; node = node->next) {
        rc = merge_section(pipeline, node, e);
    }
    return rc;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The files that a pattern of the last part of a path stands for, in the order of their names. */
static int include_pattern(struct pn_pipeline *pipeline, const struct pn_yaml_node *item,
                           struct pn_err *e)
{
    struct pn_pipeline_private *private_ = pipeline->private_;
    struct pn_arena *arena = &private_->arena;
    const char *slash = strrchr(item->text, '/');
    size_t folder_len = slash != NULL ? (size_t)(slash - item->text) : 0;
    const char *folder = pn_arena_strndup(arena, item->text, folder_len);
    const char *pattern = slash != NULL ? slash + 1 : item->text;
    const char *whole = pn_arena_printf(arena, "%s/%s", private_->folder, folder);
    struct pn_io_listing listing;
    struct pn_err why = {0};
    if (pn_io_list(private_->io, whole, &listing, &why) != 0) {
        return pn_yaml_error(&private_->yaml, item, e, "%s", why.msg);
    }
    watch(private_, folder);
    const char **paths = pn_arena_calloc(arena, listing.count + 1, sizeof *paths);
    size_t count = 0;
    for (size_t i = 0; i < listing.count; i++) {
        const char *name = listing.entries[i].name;
        bool is_own = slash == NULL && strcmp(name, "pipeline.yml") == 0;
        if (!listing.entries[i].is_dir && !is_own && fnmatch(pattern, name, FNM_PERIOD) == 0) {
            paths[count++] = slash != NULL ? pn_arena_printf(arena, "%s/%s", folder, name)
                                           : pn_arena_strdup(arena, name);
        }
    }
    pn_io_listing_deinit(&listing);
    qsort(paths, count, sizeof *paths, by_text);
    int rc = count > 0 ? 0
                       : pn_yaml_error(&private_->yaml, item, e, "no file in %s matches %.60s",
                                       whole, pattern);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = include_file(pipeline, item, paths[i], e);
    }
    return rc;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    return len > strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

static int include_item(struct pn_pipeline *pipeline, const struct pn_yaml_node *item,
                        struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const char *text = NULL;
    struct pn_err why;
    int rc = pn_yaml_text(yaml, item, &text, e);
    if (rc != 0) {
        return rc;
    }
    const char *slash = strrchr(text, '/');
    const char *star = strpbrk(text, "*?[");
    if (pn_store_key_check(text, &why) != 0 || strcmp(text, "pipeline.yml") == 0 ||
        (star != NULL && slash != NULL && star < slash) ||
        (!ends_with(text, ".yml") && !ends_with(text, ".yaml"))) {
        return pn_yaml_error(yaml, item, e,
                             "must be the path of another .yml file below the pipeline's folder, "
                             "whose last part may have a *, not \"%.60s\"",
                             text);
    }
    return star != NULL ? include_pattern(pipeline, item, e)
                        : include_file(pipeline, item, text, e);
}

int pn_pipeline_include(struct pn_pipeline *pipeline, struct pn_err *e)
{
    struct pn_pipeline_private *private_ = pipeline->private_;
    const struct pn_yaml_node *list = pn_yaml_get(private_->yaml.root, "include");
    if (list == NULL) {
        return 0;
    }
    int rc = pn_pipeline_check_count(pipeline, list, FILES_MAX, e);
    private_->included = pn_arena_calloc(&private_->arena, FILES_MAX, sizeof *private_->included);
    private_->watched =
        pn_arena_calloc(&private_->arena, (size_t)2 * FILES_MAX, sizeof *private_->watched);
    for (const struct pn_yaml_node *item = list->first; rc == 0 && item != NULL;
         item = item->next) {
        rc = include_item(pipeline, item, e);
    }
    return rc;
}
