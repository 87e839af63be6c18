#include "base/words.h"

#include <string.h>
#include <strings.h>

static const char BLANKS[] = " \t\r\n";

static bool is_part(const char *word, size_t len, const char *text)
{
    size_t text_len = text != NULL ? strlen(text) : 0;
    for (size_t at = 0; at + len <= text_len; at++) {
        if (strncasecmp(text + at, word, len) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_in_one(const char *word, size_t len, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_part(word, len, texts[i])) {
            return true;
        }
    }
    return false;
}

bool pn_words_are_in(const char *words, const char *const *texts, size_t count)
{
    const char *word = words != NULL ? words : "";
    for (;;) {
        word += strspn(word, BLANKS);
        size_t len = strcspn(word, BLANKS);
        if (len == 0) {
            return true;
        }
        if (!is_in_one(word, len, texts, count)) {
            return false;
        }
        word += len;
    }
}
