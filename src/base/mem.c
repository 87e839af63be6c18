#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static void *checked(void *memory)
{
    if (memory == NULL) {
        (void)fprintf(stderr, "pinion: out of memory\n");
        abort();
    }
    return memory;
}

void *pn_xmalloc(size_t size)
{
    return checked(malloc(size == 0 ? 1 : size));
}

void *pn_xcalloc(size_t count, size_t size)
{
    return checked(calloc(count == 0 ? 1 : count, size == 0 ? 1 : size));
}

void *pn_xrealloc(void *old, size_t size)
{
    return checked(realloc(old, size == 0 ? 1 : size));
}

char *pn_xstrdup(const char *text)
{
    return checked(strdup(text));
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
    char *text = NULL;
    int len = vasprintf(&text, fmt, args);
    va_end(args);
    return checked(len < 0 ? NULL : text);
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
