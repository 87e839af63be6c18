#include "store/origins_key.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"

char *pn_origins_key(const char *origins_dir, const char *topics_dir, const char *key,
                     uint32_t crc32c)
{
    static const char end[] = ".json";
    size_t dir_len = strlen(topics_dir);
    size_t len = strlen(key);
    if (strncmp(key, topics_dir, dir_len) != 0 || key[dir_len] != '/' ||
        len < dir_len + sizeof end || strcmp(key + len + 1 - sizeof end, end) != 0) {
        return NULL;
    }
    int rest_len = (int)(len - dir_len - (sizeof end - 1));
    return pn_xasprintf("%s%.*s+%08" PRIx32 "%s", origins_dir, rest_len, key + dir_len, crc32c,
                        end);
}
