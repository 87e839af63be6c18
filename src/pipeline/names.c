/* Names in a pipeline.yml: which are taken, which are meant, and the order that follows. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "pipeline/internal.h"
#include "pipeline/pattern.h"

enum { CYCLE_BYTES_MAX = 500 };

bool pn_is_identifier(const char *text, size_t len)
{
    if (len == 0 || len > PN_PIPELINE_NAME_BYTES_MAX || isdigit((unsigned char)text[0])) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        /* The locale knows more letters than SQL does without quotes. */
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x80 || (!isalnum(c) && c != '_')) {
            return false;
        }
    }
    return true;
}

int pn_pipeline_check_count(const struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                            size_t max, struct pn_err *e)
{
    if (node == NULL || node->count <= max) {
        return 0;
    }
    return pn_yaml_error(&pipeline->private_->yaml, node, e, "has %zu entries; %zu are allowed",
                         node->count, max);
}

const char *pn_pattern_as_name(struct pn_pipeline *pipeline, const char *pattern)
{
    const char *star = strchr(pattern, '*');
    if (star == NULL) {
        return pattern;
    }
    if (strchr(star + 1, '*') != NULL) {
        return NULL;
    }
    return pn_arena_printf(&pipeline->private_->arena, "%.*sx%s", (int)(star - pattern), pattern,
                           star + 1);
}

int pn_pipeline_check_pattern(struct pn_pipeline *pipeline, const struct pn_yaml_node *map,
                              const struct pn_yaml_node *node, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    if (pn_pattern_as_name(pipeline, node->key) == NULL) {
        return pn_yaml_error(yaml, node, e, "a pattern must have exactly one *");
    }
    for (const struct pn_yaml_node *other = map->first; other != node; other = other->next) {
        const char *both = pn_is_pattern(other->key)
                               ? pn_patterns_meet(other->key, node->key, &pipeline->private_->arena)
                               : NULL;
        if (both != NULL) {
            return pn_yaml_error(yaml, node, e,
                                 "matches names that \"%.60s\" on line %d also matches, such as "
                                 "\"%.60s\": make one of the patterns narrower",
                                 other->key, other->line, both);
        }
    }
    return 0;
}

/* The place of `name` among the keys of `map`, or -1. */
static ptrdiff_t place_of(const struct pn_yaml_node *map, const char *name)
{
    ptrdiff_t at = 0;
    const struct pn_yaml_node *node = map != NULL ? map->first : NULL;
    for (; node != NULL; node = node->next, at++) {
        if (strcmp(node->key, name) == 0) {
            return at;
        }
    }
    return -1;
}

static int unknown_name(const struct pn_pipeline *pipeline, const struct pn_yaml_node *item,
                        const struct pn_yaml_node *map, const char *what, struct pn_err *e)
{
    size_t count = 0;
    const char **names = pn_xcalloc(map != NULL ? map->count + 1 : 1, sizeof *names);
    const struct pn_yaml_node *node = map != NULL ? map->first : NULL;
    for (; node != NULL; node = node->next) {
        names[count++] = node->key;
    }
    int rc =
        pn_yaml_error_unknown(&pipeline->private_->yaml, item, what, item->text, names, count, e);
    free(names);
    return rc;
}

static int read_names(struct pn_pipeline *pipeline, const struct pn_yaml_node *list,
                      const struct pn_yaml_node *map, const char *what, size_t **indices,
                      size_t *count, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    *count = 0;
    *indices = NULL;
    if (list == NULL) {
        return 0;
    }
    int rc = pn_pipeline_check_count(pipeline, list, PN_PIPELINE_TABLES_MAX, e);
    if (rc != 0) {
        return rc;
    }
    *indices = pn_arena_calloc(&pipeline->private_->arena, list->count, sizeof **indices);
    for (const struct pn_yaml_node *item = list->first; item != NULL; item = item->next) {
        if (item->kind != PN_YAML_SCALAR) {
            return pn_yaml_error(yaml, item, e, "must be the name of a %s", what);
        }
        ptrdiff_t place = place_of(map, item->text);
        if (place < 0) {
            return unknown_name(pipeline, item, map, what, e);
        }
        for (size_t i = 0; i < *count; i++) {
            if ((*indices)[i] == (size_t)place) {
                return pn_yaml_error(yaml, item, e, "the %s \"%.60s\" appears twice", what,
                                     item->text);
            }
        }
        (*indices)[(*count)++] = (size_t)place;
    }
    return 0;
}

int pn_pipeline_read_tables_of(struct pn_pipeline *pipeline, const struct pn_yaml_node *list,
                               const struct pn_table **tables, size_t *count, struct pn_err *e)
{
    const struct pn_yaml_node *map = pn_yaml_get(pipeline->private_->yaml.root, "tables");
    size_t *indices = NULL;
    int rc = read_names(pipeline, list, map, "table", &indices, count, e);
    const struct pn_yaml_node *item = list->first;
    for (size_t i = 0; i < *count && rc == 0; i++, item = item->next) {
        tables[i] = pn_pipeline_table(pipeline, item->text);
        PN_ASSERT(tables[i] != NULL);
    }
    return rc;
}

/* "needs itself: a -> b -> a" */
static int cycle_error(const struct pn_pipeline *pipeline, const struct pn_yaml_node *map,
                       const size_t *cycle, size_t count, struct pn_err *e)
{
    const struct pn_yaml_node *first = NULL;
    struct pn_buf way;
    pn_buf_init(&way, CYCLE_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct pn_yaml_node *node = map->first;
        for (size_t skip = cycle[i]; skip > 0; skip--) {
            node = node->next;
        }
        first = first != NULL ? first : node;
        pn_buf_addf(&way, "%.60s -> ", node->key);
    }
    int rc = pn_yaml_error(&pipeline->private_->yaml, first, e, "needs itself: %s%.60s",
                           pn_buf_text(&way), first->key);
    pn_buf_deinit(&way);
    return rc;
}

int pn_pipeline_order(struct pn_pipeline *pipeline, const struct pn_yaml_node *map,
                      const char *member, const char *what, struct pn_order *order,
                      struct pn_err *e)
{
    struct pn_arena *arena = &pipeline->private_->arena;
    struct pn_graph_node *nodes = pn_arena_calloc(arena, map->count, sizeof *nodes);
    size_t count = 0;
    for (const struct pn_yaml_node *node = map->first; node != NULL; node = node->next) {
        size_t *behind = NULL;
        int rc = read_names(pipeline, pn_yaml_get(node, member), map, what, &behind,
                            &nodes[count].behind_count, e);
        if (rc != 0) {
            return rc;
        }
        nodes[count++].behind = behind;
    }
    order->nodes = nodes;
    order->at = pn_arena_calloc(arena, count, sizeof *order->at);
    order->place = pn_arena_calloc(arena, count, sizeof *order->place);
    size_t cycle_count = 0;
    if (!pn_graph_order(nodes, count, order->at, &cycle_count)) {
        return cycle_error(pipeline, map, order->at, cycle_count, e);
    }
    for (size_t i = 0; i < count; i++) {
        order->place[order->at[i]] = i;
    }
    return 0;
}

int pn_pipeline_check_dag_name(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                               struct pn_err *e)
{
    size_t len = strlen(node->key);
    bool ok = len > 0 && len <= PN_PIPELINE_NAME_BYTES_MAX;
    ok = ok && (isalnum((unsigned char)node->key[0]) || node->key[0] == '_');
    for (size_t i = 0; i < len && ok; i++) {
        ok = isalnum((unsigned char)node->key[i]) || strchr("_.-", node->key[i]) != NULL;
    }
    if (!ok) {
        return pn_yaml_error(
            yaml, node, e,
            "a name of a DAG, a task or a pool must consist of letters, digits, _, - and ., must "
            "begin with a letter, a digit or _, and have at most %d characters",
            PN_PIPELINE_NAME_BYTES_MAX);
    }
    return 0;
}
