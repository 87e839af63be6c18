/* Lists: texts to pick from, alike or by weights, or by the value of a field. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "emulate/generator_internal.h"

static const double threshold_one = 4294967296.0; /* 2^32 */

int pn_gen_chance(const struct pn_generator *generator, const struct pn_yaml_node *node,
                  uint64_t *below, struct pn_err *e)
{
    double chance = 0;
    int rc = pn_yaml_double(&generator->yaml, node, &chance, e);
    if (rc == 0 && (chance < 0 || chance > 1)) {
        rc = pn_yaml_error(&generator->yaml, node, e, "a chance must be 0 to 1");
    }
    *below = rc == 0 ? (uint64_t)llround(chance * threshold_one) : 0;
    return rc;
}

/* Vose's way to build an alias table; `weights` are used up. Their sum must be above 0. */
static void build_alias(struct pn_arena *arena, struct pn_gen_list *list, double *weights)
{
    size_t count = list->count;
    uint64_t *keep = pn_arena_calloc(arena, count, sizeof *keep);
    uint32_t *alias = pn_arena_calloc(arena, count, sizeof *alias);
    uint32_t *work = pn_xcalloc(count, sizeof *work); /* the small from the left, large right */
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += weights[i];
    }
    size_t small = 0;
    size_t large = count;
    for (size_t i = 0; i < count; i++) {
        weights[i] = weights[i] / sum * (double)count;
        if (weights[i] < 1) {
            work[small++] = (uint32_t)i;
        } else {
            work[--large] = (uint32_t)i;
        }
        keep[i] = (uint64_t)threshold_one;
        alias[i] = (uint32_t)i;
    }
    while (small > 0 && large < count) {
        uint32_t less = work[--small];
        uint32_t more = work[large];
        keep[less] = (uint64_t)llround(weights[less] * threshold_one);
        alias[less] = more;
        weights[more] -= 1 - weights[less];
        if (weights[more] < 1) {
            large++;
            work[small++] = more;
        }
    }
    free(work);
    list->keep = keep;
    list->alias = alias;
}

static int read_text(struct pn_gen_compiler *compiler, const struct pn_yaml_node *node,
                     struct pn_gen_template *item, struct pn_err *e)
{
    if (node->kind != PN_YAML_SCALAR) {
        return pn_yaml_error(&compiler->generator->yaml, node, e, "must be a text");
    }
    return pn_gen_template_read(compiler, node, node->text, item, e);
}

/* A YAML list of texts. */
static int read_items(struct pn_gen_compiler *compiler, const struct pn_yaml_node *node,
                      struct pn_gen_list *list, struct pn_err *e)
{
    if (node->kind != PN_YAML_LIST || node->count == 0) {
        return pn_yaml_error(&compiler->generator->yaml, node, e, "it has no items");
    }
    struct pn_gen_template *items =
        pn_arena_calloc(&compiler->generator->arena, node->count, sizeof *items);
    size_t count = 0;
    for (const struct pn_yaml_node *child = node->first; child != NULL; child = child->next) {
        int rc = read_text(compiler, child, &items[count++], e);
        if (rc != 0) {
            return rc;
        }
    }
    list->items = items;
    list->count = count;
    return 0;
}

/* weights: {text: weight, ...} */
static int read_weights(struct pn_gen_compiler *compiler, const struct pn_yaml_node *node,
                        struct pn_gen_list *list, struct pn_err *e)
{
    struct pn_generator *generator = compiler->generator;
    if (node->kind != PN_YAML_MAP || node->count == 0) {
        return pn_yaml_error(&generator->yaml, node, e, "must be a map from texts to weights");
    }
    struct pn_gen_template *items = pn_arena_calloc(&generator->arena, node->count, sizeof *items);
    double *weights = pn_arena_calloc(&generator->arena, node->count, sizeof *weights);
    double sum = 0;
    size_t count = 0;
    for (const struct pn_yaml_node *child = node->first; child != NULL; child = child->next) {
        int rc = pn_gen_template_read(compiler, child, child->key, &items[count], e);
        if (rc == 0) {
            rc = pn_yaml_double(&generator->yaml, child, &weights[count], e);
        }
        if (rc == 0 && (child->kind != PN_YAML_SCALAR || weights[count] < 0)) {
            rc = pn_yaml_error(&generator->yaml, child, e, "a weight must be a number from 0 up");
        }
        if (rc != 0) {
            return rc;
        }
        sum += weights[count++];
    }
    if (!(sum > 0)) {
        return pn_yaml_error(&generator->yaml, node, e, "at least one weight must be above 0");
    }
    list->items = items;
    list->count = count;
    build_alias(&generator->arena, list, weights);
    return 0;
}

/* zipf: exponent, items: [...]: the n-th item has the weight n^-exponent. */
static int read_zipf(struct pn_gen_compiler *compiler, const struct pn_yaml_node *node,
                     struct pn_gen_list *list, struct pn_err *e)
{
    struct pn_generator *generator = compiler->generator;
    const struct pn_yaml_node *zipf = pn_yaml_get(node, "zipf");
    const struct pn_yaml_node *items = pn_yaml_get(node, "items");
    if (items == NULL) {
        return pn_yaml_error(&generator->yaml, node, e, "items are missing");
    }
    double exponent = 0;
    int rc = pn_yaml_double(&generator->yaml, zipf, &exponent, e);
    if (rc == 0 && (exponent < 0 || exponent > 10)) {
        rc = pn_yaml_error(&generator->yaml, zipf, e, "the exponent must be 0 to 10");
    }
    if (rc == 0) {
        rc = read_items(compiler, items, list, e);
    }
    if (rc != 0 || zipf == NULL) {
        return rc;
    }
    double *weights = pn_arena_calloc(&generator->arena, list->count, sizeof *weights);
    for (size_t i = 0; i < list->count; i++) {
        weights[i] = pow((double)(i + 1), -exponent);
    }
    build_alias(&generator->arena, list, weights);
    return 0;
}

static int read_list(struct pn_gen_compiler *compiler, struct pn_gen_list *list, struct pn_err *e);

static int read_sublist(struct pn_gen_compiler *compiler, const struct pn_yaml_node *node,
                        const struct pn_gen_list **list, struct pn_err *e)
{
    struct pn_gen_list *made = pn_arena_calloc(&compiler->generator->arena, 1, sizeof *made);
    made->name = node->key;
    made->node = node;
    *list = made;
    return read_list(compiler, made, e);
}

/* by: field, cases: {value: list, ...}, else: list */
static int read_cases(struct pn_gen_compiler *compiler, const struct pn_yaml_node *node,
                      struct pn_gen_list *list, struct pn_err *e)
{
    struct pn_generator *generator = compiler->generator;
    const struct pn_yaml_node *by = pn_yaml_get(node, "by");
    const struct pn_yaml_node *cases = pn_yaml_get(node, "cases");
    const struct pn_yaml_node *otherwise = pn_yaml_get(node, "else");
    if (cases == NULL || otherwise == NULL) {
        return pn_yaml_error(&generator->yaml, node, e, "%s is missing",
                             cases == NULL ? "cases" : "else");
    }
    const char *name = NULL;
    int rc = pn_yaml_text(&generator->yaml, by, &name, e);
    if (rc == 0) {
        rc = pn_gen_field_find(compiler, by, name, &list->by, e);
    }
    if (rc == 0 && list->by == SIZE_MAX) {
        rc = pn_yaml_error(&generator->yaml, by, e, "the kind %s has no field \"%s\"",
                           compiler->kind->place.name, name);
    }
    if (rc != 0) {
        return rc;
    }
    struct pn_gen_case *made = pn_arena_calloc(&generator->arena, cases->count + 1, sizeof *made);
    for (const struct pn_yaml_node *child = cases->first; child != NULL; child = child->next) {
        struct pn_gen_case *one = &made[list->case_count++];
        one->value = child->key;
        one->len = strlen(child->key);
        rc = read_sublist(compiler, child, &one->list, e);
        if (rc != 0) {
            return rc;
        }
    }
    list->cases = made;
    return read_sublist(compiler, otherwise, &list->otherwise, e);
}

static int read_list(struct pn_gen_compiler *compiler, struct pn_gen_list *list, struct pn_err *e)
{
    const struct pn_yaml *yaml = &compiler->generator->yaml;
    const struct pn_yaml_node *node = list->node;
    if (node->kind == PN_YAML_LIST) {
        return read_items(compiler, node, list, e);
    }
    if (node->kind == PN_YAML_SCALAR) {
        struct pn_gen_template *item =
            pn_arena_calloc(&compiler->generator->arena, 1, sizeof *item);
        list->items = item;
        list->count = 1;
        return read_text(compiler, node, item, e);
    }
    static const struct pn_yaml_key keys[] = {
        {"weights", PN_YAML_MAP, false}, {"zipf", PN_YAML_SCALAR, false},
        {"items", PN_YAML_LIST, false},  {"by", PN_YAML_SCALAR, false},
        {"cases", PN_YAML_MAP, false},   {"else", PN_YAML_NULL, false},
        {NULL, PN_YAML_NULL, false}};
    int rc = pn_yaml_check(yaml, node, keys, e);
    if (rc != 0) {
        return rc;
    }
    const struct pn_yaml_node *weights = pn_yaml_get(node, "weights");
    bool zipf = pn_yaml_get(node, "zipf") != NULL || pn_yaml_get(node, "items") != NULL;
    bool by = pn_yaml_get(node, "by") != NULL;
    if ((weights != NULL) + zipf + by != 1) {
        return pn_yaml_error(yaml, node, e,
                             "a list must be one of: items, a map with weights, a map with zipf "
                             "and items, a map with by, cases and else");
    }
    return weights != NULL ? read_weights(compiler, weights, list, e)
           : zipf          ? read_zipf(compiler, node, list, e)
                           : read_cases(compiler, node, list, e);
}

int pn_gen_list_find(struct pn_gen_compiler *compiler, const struct pn_yaml_node *node,
                     const char *name, const struct pn_gen_list **list, struct pn_err *e)
{
    *list = NULL;
    for (size_t i = 0; i < compiler->kind->list_count; i++) {
        struct pn_gen_list *found = &compiler->kind->lists[i];
        if (strcmp(found->name, name) != 0) {
            continue;
        }
        if (found->state == PN_GEN_UNDER_WAY) {
            return pn_yaml_error(&compiler->generator->yaml, node, e,
                                 "the list \"%s\" needs itself", name);
        }
        *list = found;
        if (found->state == PN_GEN_DONE) {
            return 0;
        }
        found->state = PN_GEN_UNDER_WAY;
        int rc = read_list(compiler, found, e);
        found->state = PN_GEN_DONE;
        return rc;
    }
    return 0;
}
