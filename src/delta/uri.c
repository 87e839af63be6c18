#include "delta/uri.h"

#include <curl/curl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "store/store.h"

char *pn_delta_uri_encode(struct pn_arena *arena, const char *path)
{
    struct pn_buf out;
    pn_buf_init(&out, INT_MAX);
    while (*path != '\0') {
        size_t run = strcspn(path, "/=");
        if (run == 0) {
            pn_buf_addc(&out, *path++);
            continue;
        }
        char *escaped = curl_easy_escape(NULL, path, (int)run);
        PN_ASSERT(escaped != NULL);
        pn_buf_adds(&out, escaped);
        curl_free(escaped);
        path += run;
    }
    PN_ASSERT(!pn_buf_failed(&out));
    char *uri = pn_arena_strndup(arena, pn_buf_text(&out), out.len);
    pn_buf_deinit(&out);
    return uri;
}

int pn_delta_uri_decode(struct pn_arena *arena, const char *uri, size_t len, const char **path,
                        struct pn_err *e)
{
    if (memchr(uri, '\0', len) != NULL || len > INT_MAX) {
        return pn_err_input(e, "a path contains a NUL byte");
    }
    if (len == 0 || memchr(uri, '%', len) == NULL) {
        *path = pn_arena_strndup(arena, uri, len);
        return 0;
    }
    int decoded_len = 0;
    char *decoded = curl_easy_unescape(NULL, uri, (int)len, &decoded_len);
    PN_ASSERT(decoded != NULL);
    int rc = 0;
    if (memchr(decoded, '\0', (size_t)decoded_len) != NULL) {
        rc = pn_err_input(e, "the path '%.*s' contains a NUL byte", (int)len, uri);
    } else {
        *path = pn_arena_strndup(arena, decoded, (size_t)decoded_len);
    }
    curl_free(decoded);
    return rc;
}

/* Could a path be shorter? Most are names. */
static bool has_detours(const char *path)
{
    return path[0] == '.' || strstr(path, "//") != NULL || strstr(path, "/.") != NULL;
}

const char *pn_delta_path_normalize(struct pn_arena *arena, const char *path)
{
    static const char *const starts[] = {"file://localhost/", "file:///", "file:/"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        size_t len = strlen(starts[i]);
        if (strncasecmp(path, starts[i], len) == 0 && (i < 2 || path[len] != '/')) {
            path += len - 1;
            break;
        }
    }
    if (!has_detours(path) || (path[0] != '/' && pn_delta_path_is_absolute(path))) {
        return path;
    }
    char *clean = pn_store_normalize(path);
    const char *kept = pn_arena_strdup(arena, clean);
    free(clean);
    return kept;
}

bool pn_delta_path_is_absolute(const char *path)
{
    if (path[0] == '/') {
        return true;
    }
    /* A URI's scheme: letters, digits and "+-." up to a colon, before any slash. */
    size_t scheme =
        strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    return scheme > 1 && path[scheme] == ':' && path[scheme + 1] == '/';
}
