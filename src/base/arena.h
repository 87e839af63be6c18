/*
 * An arena: many small allocations freed at once. One for each HTTP request, query or batch read.
 * Memory comes in blocks; the first one is kept by pn_arena_reset(), so a reused arena stops
 * allocating. Not thread-safe. Allocation aborts when out of memory, so what an untrusted
 * side can make large is checked against a maximum before it is copied in.
 */
#ifndef PN_BASE_ARENA_H
#define PN_BASE_ARENA_H

#include <stddef.h>

struct pn_arena_block;

struct pn_arena {
    struct pn_arena_block *blocks; /* newest first */
    size_t used;                   /* in the newest block */
    size_t total_bytes;            /* of all blocks */
    size_t block_bytes;            /* usual size of a block */
};

/* `block_bytes` is the size of a usual block; 0 takes 4096. */
void pn_arena_init(struct pn_arena *arena, size_t block_bytes);
void pn_arena_deinit(struct pn_arena *arena);
/* Forgets every allocation, keeps one block. */
void pn_arena_reset(struct pn_arena *arena);

/* Gives `to` all that `from` holds, which stays good as long as `to`; `from` is empty then. */
void pn_arena_take(struct pn_arena *to, struct pn_arena *from);

/* Aligned for any type; not zeroed. Owned by the arena. */
void *pn_arena_alloc(struct pn_arena *arena, size_t size) __attribute__((returns_nonnull));
void *pn_arena_calloc(struct pn_arena *arena, size_t count, size_t size)
    __attribute__((returns_nonnull));
/* A NUL-terminated copy. */
char *pn_arena_strndup(struct pn_arena *arena, const char *text, size_t len);
char *pn_arena_strdup(struct pn_arena *arena, const char *text);
char *pn_arena_printf(struct pn_arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
