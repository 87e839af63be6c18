#include "pipeline/glob.h"

#include <string.h>

#include "store/store.h"

/* A part of a key or pattern: up to the next "/". */
struct part {
    const char *text;
    size_t len;
};

static struct part part_at(const char *text)
{
    return (struct part){text, strcspn(text, "/")};
}

/* What is after a part; NULL: it was the last one. */
static const char *rest_of(struct part part)
{
    return part.text[part.len] == '/' ? part.text + part.len + 1 : NULL;
}

static bool has_star(struct part part)
{
    return memchr(part.text, '*', part.len) != NULL;
}

static bool is_any_folders(struct part part)
{
    return part.len == 2 && memcmp(part.text, "**", 2) == 0;
}

static bool is_hidden(struct part part)
{
    return part.len > 0 && (part.text[0] == '.' || part.text[0] == '_');
}

static bool part_matches(struct part pattern, struct part name)
{
    size_t at = 0;
    size_t star = SIZE_MAX; /* the last one met, and the character that it is tried to end at */
    size_t tried = 0;
    if (is_hidden(name) && (pattern.len == 0 || pattern.text[0] != name.text[0])) {
        return false;
    }
    for (size_t i = 0; i < name.len;) {
        if (at < pattern.len && pattern.text[at] == '*') {
            star = at++;
            tried = i;
        } else if (at < pattern.len && pattern.text[at] == name.text[i]) {
            at++;
            i++;
        } else if (star != SIZE_MAX) {
            at = star + 1;
            i = ++tried;
        } else {
            return false;
        }
    }
    while (at < pattern.len && pattern.text[at] == '*') {
        at++;
    }
    return at == pattern.len;
}

/* May a name match both, each of which may have stars? Only their beginnings and ends are compared.
 */
static bool parts_may_meet(struct part a, struct part b)
{
    if (!has_star(b)) {
        return part_matches(a, b);
    }
    for (size_t i = 0; i < a.len && i < b.len && a.text[i] != '*' && b.text[i] != '*'; i++) {
        if (a.text[i] != b.text[i]) {
            return false;
        }
    }
    for (size_t i = 1;
         i <= a.len && i <= b.len && a.text[a.len - i] != '*' && b.text[b.len - i] != '*'; i++) {
        if (a.text[a.len - i] != b.text[b.len - i]) {
            return false;
        }
    }
    return true;
}

int pn_glob_check(const char *glob, struct pn_err *e)
{
    struct part part = part_at(glob);
    int rc = pn_store_key_check(glob, e);
    if (rc != 0) {
        return rc;
    }
    if (has_star(part) || rest_of(part) == NULL) {
        return pn_err_input(e, "must begin with a folder of the store, whose name has no *, as in "
                               "incoming/*.csv");
    }
    for (const char *rest = glob; rest != NULL; rest = rest_of(part)) {
        part = part_at(rest);
        for (size_t i = 0; i + 1 < part.len && !is_any_folders(part); i++) {
            if (part.text[i] == '*' && part.text[i + 1] == '*') {
                return pn_err_input(e, "** stands for folders, between two /: write * for a part "
                                       "of a name");
            }
        }
    }
    return is_any_folders(part)
               ? pn_err_input(e, "must end with a pattern of names, as in incoming/**/*.csv")
               : 0;
}

bool pn_glob_matches(const char *glob, const char *key)
{
    while (glob != NULL && key != NULL) {
        struct part pattern = part_at(glob);
        struct part name = part_at(key);
        if (is_any_folders(pattern)) {
            glob = rest_of(pattern);
            for (const char *from = key; glob != NULL && from != NULL;) {
                if (pn_glob_matches(glob, from)) {
                    return true;
                }
                name = part_at(from);
                from = is_hidden(name) ? NULL : rest_of(name);
            }
            return false;
        }
        if (!part_matches(pattern, name)) {
            return false;
        }
        glob = rest_of(pattern);
        key = rest_of(name);
    }
    return glob == NULL && key == NULL;
}

size_t pn_glob_prefix(const char *glob)
{
    size_t end = strcspn(glob, "*");
    while (end > 0 && glob[end - 1] != '/') {
        end--;
    }
    return end;
}

bool pn_glob_reaches(const char *glob, const char *folder)
{
    while (folder != NULL) {
        struct part pattern = part_at(glob);
        struct part name = part_at(folder);
        const char *rest = rest_of(pattern);
        if (is_any_folders(pattern)) { /* which are none, or the first one and more */
            bool into = !is_hidden(name);
            const char *below = rest_of(name);
            return (rest != NULL && pn_glob_reaches(rest, folder)) ||
                   (into && (below == NULL || pn_glob_reaches(glob, below)));
        }
        if (!parts_may_meet(pattern, name)) {
            return false;
        }
        folder = rest_of(name);
        if (rest == NULL) {
            return folder == NULL;
        }
        glob = rest;
    }
    return true;
}
