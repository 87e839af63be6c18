#include "base/sql_comment.h"

#include <stdbool.h>
#include <string.h>

const char *pn_sql_skip_comment(const char *at)
{
    int depth = 0;
    if (strncmp(at, "--", 2) == 0) {
        return at + strcspn(at, "\n");
    }
    if (strncmp(at, "/*", 2) != 0) {
        return at;
    }
    do {
        bool opens = strncmp(at, "/*", 2) == 0;
        bool closes = strncmp(at, "*/", 2) == 0;
        depth += opens ? 1 : closes ? -1 : 0;
        at += opens || closes ? 2 : 1;
    } while (depth > 0 && *at != '\0');
    return at;
}

const char *pn_sql_skip_blanks(const char *at)
{
    const char *before = NULL;
    while (at != before) {
        before = at;
        at = pn_sql_skip_comment(at + strspn(at, " \t\r\n\v\f"));
    }
    return at;
}
