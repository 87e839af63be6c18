#include "delta/watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "delta/keyset.h"

struct round {
    struct pn_delta_keyset names; /* to the times, which are the values */
    struct pn_arena arena;        /* the names */
};

struct pn_delta_watch {
    struct round last;
    struct round now;
};

static void init(struct round *round)
{
    pn_delta_keyset_init(&round->names);
    pn_arena_init(&round->arena, 0);
}

static void deinit(struct round *round)
{
    pn_delta_keyset_deinit(&round->names);
    pn_arena_deinit(&round->arena);
}

struct pn_delta_watch *pn_delta_watch_create(void)
{
    struct pn_delta_watch *watch = pn_xcalloc(1, sizeof *watch);
    init(&watch->last);
    init(&watch->now);
    return watch;
}

void pn_delta_watch_destroy(struct pn_delta_watch **watch)
{
    if (*watch != NULL) {
        deinit(&(*watch)->last);
        deinit(&(*watch)->now);
        free(*watch);
        *watch = NULL;
    }
}

void pn_delta_watch_begin(struct pn_delta_watch *watch)
{
    deinit(&watch->now);
    init(&watch->now);
}

int64_t pn_delta_watch_since(struct pn_delta_watch *watch, const char *name, int64_t now_ms)
{
    size_t since_ms = (size_t)now_ms;
    size_t len = strlen(name);
    (void)pn_delta_keyset_get(&watch->last.names, name, len, &since_ms);
    pn_delta_keyset_add(&watch->now.names, pn_arena_strdup(&watch->now.arena, name), len, since_ms);
    return (int64_t)since_ms;
}

void pn_delta_watch_end(struct pn_delta_watch *watch)
{
    deinit(&watch->last);
    watch->last = watch->now;
    init(&watch->now);
}

size_t pn_delta_watch_count(const struct pn_delta_watch *watch)
{
    return watch->last.names.count;
}
