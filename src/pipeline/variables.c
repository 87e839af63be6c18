#include "pipeline/variables.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum { EXPANDED_BYTES_MAX = 1 << 20, SHOWN_BYTES = 60 };

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

/* Appends the value of the variable that begins after "${"; *at is moved behind its "}". */
static int add_variable(struct pn_arena *arena, const char **at, struct pn_buf *out,
                        struct pn_err *e)
{
    const char *start = *at;
    const char *end = strchr(start, '}');
    size_t len = strspn(start, NAME_CHARACTERS);
    bool has_default = strncmp(start + len, ":-", 2) == 0;
    if (end == NULL) {
        return pn_err_input(e, "${%.*s has no closing }", SHOWN_BYTES, start);
    }
    bool is_name = len > 0 && (start[0] < '0' || start[0] > '9');
    if (!is_name || (start[len] != '}' && !has_default)) {
        return pn_err_input(e,
                            "${%.*s} is not a variable: write ${NAME} or ${NAME:-default}, or "
                            "$${ for the characters ${",
                            (int)(end - start < SHOWN_BYTES ? end - start : SHOWN_BYTES), start);
    }
    const char *name = pn_arena_strndup(arena, start, len);
    const char *value = getenv(name);
    if (value != NULL && (value[0] != '\0' || !has_default)) {
        pn_buf_adds(out, value);
    } else if (has_default) {
        const char *text = start + len + 2;
        pn_buf_add(out, text, (size_t)(end - text));
    } else {
        return pn_err_input(e,
                            "the environment has no variable %.*s: set it, or write "
                            "${%.*s:-default}",
                            SHOWN_BYTES, name, SHOWN_BYTES, name);
    }
    *at = end + 1;
    return 0;
}

int pn_variables_expand(struct pn_arena *arena, const char *text, const char **out,
                        struct pn_err *e)
{
    const char *next = strstr(text, "${");
    const char *at = text;
    int rc = 0;
    struct pn_buf expanded;
    *out = text;
    if (next == NULL) {
        return 0;
    }
    pn_buf_init(&expanded, EXPANDED_BYTES_MAX);
    for (; rc == 0 && next != NULL; next = strstr(at, "${")) {
        bool is_escaped = next > at && next[-1] == '$';
        pn_buf_add(&expanded, at, (size_t)(next - at) - (is_escaped ? 1 : 0));
        at = next + 2;
        if (is_escaped) {
            pn_buf_adds(&expanded, "${");
        } else {
            rc = add_variable(arena, &at, &expanded, e);
        }
    }
    pn_buf_adds(&expanded, at);
    if (rc == 0) {
        rc = pn_buf_check(&expanded, "a value with its variables", e);
    }
    if (rc == 0) {
        *out = pn_arena_strdup(arena, pn_buf_text(&expanded));
    }
    pn_buf_deinit(&expanded);
    return rc;
}
