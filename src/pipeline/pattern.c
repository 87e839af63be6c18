#include "pipeline/pattern.h"

#include <string.h>

#include "base/err.h"

/* The parts of a pattern around its `*`. */
struct parts {
    const char *head;
    size_t head_len;
    const char *tail;
    size_t tail_len;
};

static struct parts parts_of(const char *pattern)
{
    const char *star = strchr(pattern, '*');
    PN_ASSERT(star != NULL);
    return (struct parts){.head = pattern,
                          .head_len = (size_t)(star - pattern),
                          .tail = star + 1,
                          .tail_len = strlen(star + 1)};
}

bool pn_is_pattern(const char *text)
{
    return strchr(text, '*') != NULL;
}

bool pn_pattern_matches(const char *pattern, const char *name)
{
    if (!pn_is_pattern(pattern)) {
        return strcmp(pattern, name) == 0;
    }
    struct parts parts = parts_of(pattern);
    size_t len = strlen(name);
    return len > parts.head_len + parts.tail_len && memcmp(name, parts.head, parts.head_len) == 0 &&
           memcmp(name + len - parts.tail_len, parts.tail, parts.tail_len) == 0;
}

static size_t less(size_t a, size_t b)
{
    return a < b ? a : b;
}

const char *pn_patterns_meet(const char *a, const char *b, struct pn_arena *arena)
{
    if (!pn_is_pattern(a) || !pn_is_pattern(b)) {
        const char *name = pn_is_pattern(a) ? b : a;
        return pn_pattern_matches(name == a ? b : a, name) ? name : NULL;
    }
    struct parts one = parts_of(a);
    struct parts two = parts_of(b);
    size_t tail_len = less(one.tail_len, two.tail_len);
    if (memcmp(one.head, two.head, less(one.head_len, two.head_len)) != 0 ||
        memcmp(one.tail + one.tail_len - tail_len, two.tail + two.tail_len - tail_len, tail_len) !=
            0) {
        return NULL;
    }
    const struct parts *head = one.head_len > two.head_len ? &one : &two;
    const struct parts *tail = one.tail_len > two.tail_len ? &one : &two;
    return pn_arena_printf(arena, "%.*sx%s", (int)head->head_len, head->head, tail->tail);
}

const char *pn_pattern_fill(const char *text, const char *pattern, const char *name,
                            struct pn_arena *arena)
{
    struct parts parts = parts_of(pattern);
    const char *part = name + parts.head_len;
    size_t part_len = strlen(name) - parts.head_len - parts.tail_len;
    const char *filled = "";
    for (const char *star = strchr(text, '*'); star != NULL; star = strchr(text, '*')) {
        filled = pn_arena_printf(arena, "%s%.*s%.*s", filled, (int)(star - text), text,
                                 (int)part_len, part);
        text = star + 1;
    }
    return pn_arena_printf(arena, "%s%s", filled, text);
}
