/*
 * Patterns in a pipeline.yml: a name with one `*`, which stands for one or more characters of a
 * name. A pattern of streams fills tables whose name, path and checkpoints have a `*`, too: what
 * the first one stood for is put there.
 */
#ifndef PN_PIPELINE_PATTERN_H
#define PN_PIPELINE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* Has the text a `*`? */
bool pn_is_pattern(const char *text);
/* Does the pattern stand for the name? A text without a `*` stands for itself. */
bool pn_pattern_matches(const char *pattern, const char *name);
/* A text that both patterns stand for, in the arena; NULL when there is none. Either may be a text
 * without a `*`. */
const char *pn_patterns_meet(const char *a, const char *b, struct pn_arena *arena);
/* `text` with each `*` replaced by what the `*` of `pattern` stands for in `name`, which matches.
 * In the arena. */
const char *pn_pattern_fill(const char *text, const char *pattern, const char *name,
                            struct pn_arena *arena);

#endif
