/*
 * Small, fixed-size control allocations: running out of memory there ends the process, which
 * nothing could handle better. Anything sized by the network, a file or a user goes through
 * pn_buf or pn_try_alloc after its size was checked against a maximum, and fails with an error.
 * Free with free().
 */
#ifndef PN_BASE_MEM_H
#define PN_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

void *pn_xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *pn_xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *pn_xrealloc(void *old, size_t size) __attribute__((returns_nonnull));
char *pn_xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
char *pn_xstrndup(const char *text, size_t len) __attribute__((malloc, returns_nonnull));
/* printf into a fresh string. */
char *pn_xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

/*
 * Sets `bytes` aside, untouched. When memory runs out, the functions above spend it before they end
 * the process, so that what has begun can be finished while nothing large is started. A server
 * calls this once, before it starts threads; the memory is never given back.
 */
void pn_mem_keep_reserve(size_t bytes);
/* Is the reserve spent? Then it is set aside again, if there is memory for it by now. Begin nothing
 * large while this is true. False without a reserve. Any thread. */
bool pn_mem_is_short(void);

/* May return NULL. */
void *pn_try_alloc(size_t size) __attribute__((malloc, warn_unused_result));

/* Grows an array of `size`-byte elements to hold at least `need`; doubles; aborts when out of
 * memory, so only for counts that are bounded elsewhere. *capacity is in elements. */
void pn_grow(void **array, size_t *capacity, size_t need, size_t size);

#endif
