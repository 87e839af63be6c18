#include "base/mem.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static _Atomic(void *) reserve;
static atomic_size_t reserve_bytes; /* 0: none is kept */

void pn_mem_keep_reserve(size_t bytes)
{
    PN_ASSERT(bytes > 0);
    atomic_store(&reserve_bytes, bytes);
    free(atomic_exchange(&reserve, malloc(bytes)));
}

bool pn_mem_is_short(void)
{
    size_t bytes = atomic_load_explicit(&reserve_bytes, memory_order_relaxed);
    if (bytes == 0 || atomic_load_explicit(&reserve, memory_order_relaxed) != NULL) {
        return false;
    }
    void *again = malloc(bytes);
    if (again == NULL) {
        return true;
    }
    free(atomic_exchange(&reserve, again)); /* another thread's, maybe */
    return false;
}

/* Memory ran out: true if there is more now, from the reserve. */
static bool spend_reserve(void)
{
    void *spent = atomic_exchange(&reserve, NULL);
    free(spent);
    return spent != NULL;
}

_Noreturn static void run_out(void)
{
    (void)fprintf(stderr, "pinion: out of memory\n");
    abort();
}

void *pn_xmalloc(size_t size)
{
    return pn_xrealloc(NULL, size);
}

void *pn_xcalloc(size_t count, size_t size)
{
    for (;;) {
        void *memory = calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);
        if (memory != NULL) {
            return memory;
        }
        if (!spend_reserve()) {
            run_out();
        }
    }
}

void *pn_xrealloc(void *old, size_t size)
{
    for (;;) {
        void *memory = realloc(old, size == 0 ? 1 : size);
        if (memory != NULL) {
            return memory;
        }
        if (!spend_reserve()) {
            run_out();
        }
    }
}

char *pn_xstrdup(const char *text)
{
    return pn_xstrndup(text, strlen(text));
}

char *pn_xstrndup(const char *text, size_t len)
{
    char *copy = pn_xmalloc(len + 1);
    if (len > 0) {
        memcpy(copy, text, len);
    }
    copy[len] = '\0';
    return copy;
}

char *pn_xasprintf(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    PN_ASSERT(len >= 0);
    char *text = pn_xmalloc((size_t)len + 1);
    (void)vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return text;
}

void *pn_try_alloc(size_t size)
{
    return malloc(size == 0 ? 1 : size);
}

void pn_grow(void **array, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity) {
        return;
    }
    size_t grown = *capacity < 8 ? 8 : *capacity * 2;
    if (grown < need) {
        grown = need;
    }
    PN_ASSERT(grown <= SIZE_MAX / size);
    *array = pn_xrealloc(*array, grown * size);
    *capacity = grown;
}
