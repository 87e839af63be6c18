#include "delta/copying.h"

#include <stdlib.h>
#include <string.h>

enum { VERSION_DIGITS = 20 };

static const char LOG[] = "/_delta_log/";

/* The name in the log; NULL: the key is not below one. */
static const char *name_in_log(const char *key)
{
    const char *log = strstr(key, LOG);
    return log != NULL ? log + strlen(LOG) : NULL;
}

static bool has_version(const char *name)
{
    return strspn(name, "0123456789") == VERSION_DIGITS && name[VERSION_DIGITS] == '.';
}

int pn_delta_copy_rank(const char *key)
{
    const char *name = name_in_log(key);
    if (name == NULL) {
        return 0;
    }
    if (strcmp(name, "_last_checkpoint") == 0) {
        return 3;
    }
    return has_version(name) && strcmp(name + VERSION_DIGITS, ".json") == 0 ? 2 : 1;
}

bool pn_delta_copy_version(const char *key, size_t *table_len, int64_t *version)
{
    const char *name = name_in_log(key);
    if (name == NULL || !has_version(name)) {
        return false;
    }
    *table_len = (size_t)(name - key) - strlen(LOG);
    *version = strtoll(name, NULL, 10);
    return true;
}
