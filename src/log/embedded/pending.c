#include "log/embedded/pending.h"

#include <stdlib.h>

#include "base/mem.h"

enum { CAPACITY_FIRST = 64 };

void pn_pending_deinit(struct pn_pending *pending)
{
    free(pending->entries);
    *pending = (struct pn_pending){0};
}

struct pn_pending_entry pn_pending_at(const struct pn_pending *pending, size_t i)
{
    PN_ASSERT(i < pending->count);
    return pending->entries[(pending->first + i) & (pending->capacity - 1)];
}

static void grow(struct pn_pending *pending)
{
    size_t capacity = pending->capacity == 0 ? CAPACITY_FIRST : pending->capacity * 2;
    struct pn_pending_entry *entries = pn_xcalloc(capacity, sizeof *entries);
    for (size_t i = 0; i < pending->count; i++) {
        entries[i] = pn_pending_at(pending, i);
    }
    free(pending->entries);
    pending->entries = entries;
    pending->capacity = capacity;
    pending->first = 0;
}

void pn_pending_push(struct pn_pending *pending, struct pn_pending_entry entry)
{
    if (pending->count == pending->capacity) {
        grow(pending);
    }
    pending->entries[(pending->first + pending->count) & (pending->capacity - 1)] = entry;
    pending->count++;
}

struct pn_pending_entry pn_pending_pop(struct pn_pending *pending)
{
    struct pn_pending_entry entry = pn_pending_at(pending, 0);
    pending->first = (pending->first + 1) & (pending->capacity - 1);
    pending->count--;
    return entry;
}
