#include "pipeline/glob.h"

#include <string.h>

#include "base/err.h"
#include "store/store.h"

enum { PARTS_MAX = PN_KEY_MAX / 2 };

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

/* Only the last `**` is tried at more than one place: where those before it end first is right for
 * all that comes after them. */
bool pn_glob_matches(const char *glob, const char *key)
{
    const char *after = NULL; /* what comes after the last `**` that was met, ... */
    const char *tried = NULL; /* ... and where in the key it is tried to begin */
    while (key != NULL) {
        struct part name = part_at(key);
        if (glob != NULL && is_any_folders(part_at(glob))) {
            after = rest_of(part_at(glob));
            tried = key;
            glob = after;
        } else if (glob != NULL && part_matches(part_at(glob), name)) {
            glob = rest_of(part_at(glob));
            key = rest_of(name);
        } else if (after != NULL && !is_hidden(part_at(tried))) {
            tried = rest_of(part_at(tried));
            key = tried;
            glob = after;
        } else {
            return false;
        }
    }
    return glob == NULL;
}

size_t pn_glob_prefix(const char *glob)
{
    size_t end = strcspn(glob, "*");
    while (end > 0 && glob[end - 1] != '/') {
        end--;
    }
    return end;
}

/* Parts of the pattern, by their number, at which a match of the folder so far can continue. */
struct places {
    bool at[PARTS_MAX + 1];
};

/* Those after one more part of the folder. */
static void step(const struct part *parts, size_t count, struct part name, struct places *places)
{
    struct places next = {{false}};
    for (size_t i = 0; i < count; i++) {
        if (places->at[i] && is_any_folders(parts[i])) {
            places->at[i + 1] = true; /* of no folder */
            next.at[i] = !is_hidden(name);
        } else if (places->at[i] && parts_may_meet(parts[i], name)) {
            next.at[i + 1] = true;
        }
    }
    *places = next;
}

bool pn_glob_reaches(const char *glob, const char *folder)
{
    struct part parts[PARTS_MAX];
    struct places places = {{true}};
    size_t count = 0;
    for (; glob != NULL; glob = rest_of(parts[count - 1])) {
        PN_ASSERT(count < PARTS_MAX); /* it is a key */
        parts[count++] = part_at(glob);
    }
    for (; folder != NULL; folder = rest_of(part_at(folder))) {
        step(parts, count, part_at(folder), &places);
    }
    return memchr(places.at, true, count + 1) != NULL;
}
