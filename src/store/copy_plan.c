/* What is to be copied: both stores listed, and what is in both compared. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/copy_work.h"

/* --- lists ------------------------------------------------------------------------------------ */

static void add_item(struct pn_copy *copy, const struct pn_object *object, int rank)
{
    pn_grow((void **)&copy->items, &copy->capacity, copy->count + 1, sizeof *copy->items);
    copy->items[copy->count++] = (struct pn_copy_item){.key = pn_xstrdup(object->key),
                                                       .size_bytes = object->size_bytes,
                                                       .rank = rank,
                                                       .state = PN_COPY_MISSING};
}

static int rank_of(const struct pn_copy *copy, const char *key)
{
    int rank = copy->config.rank(copy->config.arg, key);
    PN_ASSERT(rank >= 0 && rank < PN_COPY_RANKS);
    return rank;
}

static int take_later(void *arg, const struct pn_object *object)
{
    struct pn_copy *copy = arg;
    int rank = rank_of(copy, object->key);
    if (rank > 0) {
        add_item(copy, object, rank);
    }
    return 0;
}

static int take_first(void *arg, const struct pn_object *object)
{
    struct pn_copy *copy = arg;
    if (rank_of(copy, object->key) == 0) {
        add_item(copy, object, 0);
    }
    return 0;
}

static int compare_items(const void *left, const void *right)
{
    const struct pn_copy_item *a = left;
    const struct pn_copy_item *b = right;
    return a->rank != b->rank ? a->rank - b->rank : strcmp(a->key, b->key);
}

static struct pn_copy_item *find_item(const struct pn_copy *copy, const char *key)
{
    const struct pn_copy_item wanted = {.key = (char *)key, .rank = rank_of(copy, key)};
    return copy->count == 0
               ? NULL
               : bsearch(&wanted, copy->items, copy->count, sizeof wanted, compare_items);
}

static int take_target(void *arg, const struct pn_object *object)
{
    struct pn_copy *copy = arg;
    struct pn_copy_item *item = find_item(copy, object->key);
    if (item != NULL) {
        item->is_there = true;
        item->there_bytes = object->size_bytes;
        return 0;
    }
    copy->extra++;
    if (copy->config.extra != NULL) {
        copy->config.extra(copy->config.arg, object->key);
    }
    return 0;
}

/* An object of a later rank is listed before those that it names, so these are in the list. */
static int list_both(struct pn_copy *copy, struct pn_err *e)
{
    int rc = pn_store_list(copy->config.from, "", NULL, take_later, copy, e);
    if (rc == 0) {
        rc = pn_store_list(copy->config.from, "", NULL, take_first, copy, e);
    }
    if (rc == 0 && copy->count > 1) {
        qsort(copy->items, copy->count, sizeof *copy->items, compare_items);
    }
    return rc != 0 ? rc : pn_store_list(copy->config.to, "", NULL, take_target, copy, e);
}

/* --- comparing -------------------------------------------------------------------------------- */

static int compare_bytes(struct pn_copy_work *work, struct pn_copy_item *item, struct pn_err *e)
{
    const struct pn_copy_config *config = &work->copy->config;
    int64_t size_bytes = 0;
    int64_t there_bytes = 0;
    uint32_t sum = 0;
    uint32_t there = 0;
    struct pn_err why = {0};
    int rc = pn_copy_sum(work, config->from, item->key, false, &size_bytes, &sum, &why);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        item->state = PN_COPY_GONE;
        return 0;
    }
    if (rc != 0) {
        return pn_copy_fail_item(item, rc, &why, e);
    }
    rc = pn_copy_sum(work, config->to, item->key, config->reads_back, &there_bytes, &there, &why);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        item->is_there = false; /* removed since it was listed */
        return 0;
    }
    if (rc != 0 && why.class_ != PN_CLASS_CORRUPT) {
        return pn_copy_fail_item(item, rc, &why, e);
    }
    bool is_same = rc == 0 && size_bytes == there_bytes && sum == there;
    item->size_bytes = size_bytes;
    item->state = is_same ? PN_COPY_SAME : PN_COPY_DIFFERS;
    return 0;
}

static int compare_item(struct pn_copy_work *work, struct pn_copy_item *item, struct pn_err *e)
{
    int rc = 0;
    if (item->is_there && item->size_bytes != item->there_bytes) {
        item->state = PN_COPY_DIFFERS;
    } else if (item->is_there) {
        rc = compare_bytes(work, item, e);
    }
    pn_copy_work_note(work, 1);
    return rc;
}

/* --- the copy --------------------------------------------------------------------------------- */

int pn_copy_plan(const struct pn_copy_config *config, struct pn_copy **copy, struct pn_err *e)
{
    struct pn_copy *made = pn_xcalloc(1, sizeof *made);
    made->config = *config;
    *copy = made;
    int rc = list_both(made, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_copy_work work;
    pn_copy_work_init(&work, made);
    work.fn = compare_item;
    work.phase = PN_COPY_COMPARING;
    work.all = (int64_t)made->count;
    rc = pn_copy_work_run(&work, 0, made->count, e);
    pn_copy_work_deinit(&work);
    return rc;
}

const struct pn_copy_item *pn_copy_find(const struct pn_copy *copy, const char *key)
{
    return find_item(copy, key);
}

void pn_copy_destroy(struct pn_copy **copy)
{
    if (*copy == NULL) {
        return;
    }
    for (size_t i = 0; i < (*copy)->count; i++) {
        free((*copy)->items[i].key);
        free((*copy)->items[i].why);
    }
    free((*copy)->items);
    free(*copy);
    *copy = NULL;
}

struct pn_copy_count pn_copy_count(const struct pn_copy *copy, enum pn_copy_state state)
{
    struct pn_copy_count count = {0};
    for (size_t i = 0; i < copy->count; i++) {
        if (copy->items[i].state == state) {
            count.objects++;
            count.bytes += copy->items[i].size_bytes;
        }
    }
    return count;
}
