#include "http/grant.h"

#include <fnmatch.h>
#include <string.h>

enum { PATTERN_BYTES_MAX = 256 };

const char *pn_http_right_name(enum pn_http_right right)
{
    static const char *const names[] = {"unset", "none", "produce", "read", "admin", "operation"};
    return names[right];
}

const char *pn_http_scope_name(enum pn_http_scope scope)
{
    static const char *const names[] = {"",        "topic",    "stream", "topics",
                                        "streams", "pipeline", "server"};
    return names[scope];
}

bool pn_http_grant_is_whole(const struct pn_http_grant *grant)
{
    return grant->topics == NULL && grant->streams == NULL && grant->pipelines == NULL;
}

bool pn_http_patterns_have(const char *patterns, const char *name)
{
    if (patterns == NULL) {
        return true;
    }
    for (const char *p = patterns; *p != '\0';) {
        char pattern[PATTERN_BYTES_MAX];
        size_t len = strcspn(p, ",");
        if (len < sizeof pattern) {
            memcpy(pattern, p, len);
            pattern[len] = '\0';
            if (fnmatch(pattern, name, 0) == 0) {
                return true;
            }
        }
        p += len;
        p += *p == ',';
    }
    return false;
}
