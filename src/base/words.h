/* The words by which a reader filters a list. */
#ifndef PN_BASE_WORDS_H
#define PN_BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* Is each of the `words`, with blanks between them, a part of one of the texts? The case of ASCII
 * letters does not matter. No words (or NULL) are in any texts; a text of NULL has none. */
bool pn_words_are_in(const char *words, const char *const *texts, size_t count);

#endif
