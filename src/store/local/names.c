/* Keys, and the paths of their files. */
#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "store/local/private.h"

int pn_local_check_key(const char *key, struct pn_err *e)
{
    int rc = pn_store_key_check(key, e);
    if (rc != 0) {
        return rc;
    }
    if (key[0] == '.') {
        return pn_err_input(e, "the key '%s' starts with a dot, which the local store reserves",
                            key);
    }
    for (const char *segment = key; *segment != '\0';) {
        size_t len = strcspn(segment, "/");
        if (len > NAME_MAX) {
            return pn_err_input(e,
                                "the key '%s' has a part of %zu bytes; in a local store at most %d "
                                "are possible",
                                key, len, NAME_MAX);
        }
        segment += len + (segment[len] == '/' ? 1 : 0);
    }
    return 0;
}

char *pn_local_path_of_key(const struct pn_local_store *local, const char *key)
{
    return pn_xasprintf("%s/%s", local->folder, key);
}

int pn_local_missing(const struct pn_local_store *local, const char *key, struct pn_err *e)
{
    return pn_err_missing(e, "no object '%s' in the store '%s'", key, local->folder);
}
