#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

struct pn_arena_block {
    struct pn_arena_block *older;
    size_t size; /* of bytes[] */
    alignas(max_align_t) char bytes[];
};

enum { BLOCK_BYTES_DEFAULT = 4096 };

void pn_arena_init(struct pn_arena *arena, size_t block_bytes)
{
    *arena = (struct pn_arena){.block_bytes = block_bytes == 0 ? BLOCK_BYTES_DEFAULT : block_bytes};
}

static void free_blocks(struct pn_arena_block *block)
{
    while (block != NULL) {
        struct pn_arena_block *older = block->older;
        free(block);
        block = older;
    }
}

void pn_arena_deinit(struct pn_arena *arena)
{
    free_blocks(arena->blocks);
    pn_arena_init(arena, arena->block_bytes);
}

void pn_arena_reset(struct pn_arena *arena)
{
    struct pn_arena_block *kept = arena->blocks;
    if (kept != NULL) {
        free_blocks(kept->older);
        kept->older = NULL;
        arena->total_bytes = kept->size;
    }
    arena->used = 0;
}

void pn_arena_take(struct pn_arena *to, struct pn_arena *from)
{
    struct pn_arena_block **end = &to->blocks;
    if (to->blocks == NULL) {
        to->used = from->used;
    }
    while (*end != NULL) {
        end = &(*end)->older;
    }
    *end = from->blocks;
    to->total_bytes += from->total_bytes;
    pn_arena_init(from, from->block_bytes);
}

void *pn_arena_alloc(struct pn_arena *arena, size_t size)
{
    PN_ASSERT(size < SIZE_MAX / 2);
    size_t rounded = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (arena->blocks == NULL || rounded > arena->blocks->size - arena->used) {
        size_t block_size = rounded > arena->block_bytes ? rounded : arena->block_bytes;
        struct pn_arena_block *block = pn_xmalloc(sizeof *block + block_size);
        block->older = arena->blocks;
        block->size = block_size;
        arena->blocks = block;
        arena->used = 0;
        arena->total_bytes += block_size;
    }
    void *memory = arena->blocks->bytes + arena->used;
    arena->used += rounded;
    return memory;
}

void *pn_arena_calloc(struct pn_arena *arena, size_t count, size_t size)
{
    PN_ASSERT(size == 0 || count < SIZE_MAX / 2 / size);
    void *memory = pn_arena_alloc(arena, count * size);
    memset(memory, 0, count * size);
    return memory;
}

char *pn_arena_strndup(struct pn_arena *arena, const char *text, size_t len)
{
    char *copy = pn_arena_alloc(arena, len + 1);
    if (len > 0) {
        memcpy(copy, text, len);
    }
    copy[len] = '\0';
    return copy;
}

char *pn_arena_strdup(struct pn_arena *arena, const char *text)
{
    return pn_arena_strndup(arena, text, strlen(text));
}

char *pn_arena_printf(struct pn_arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    PN_ASSERT(len >= 0);
    char *text = pn_arena_alloc(arena, (size_t)len + 1);
    (void)vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return text;
}
