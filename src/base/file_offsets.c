#include "base/file_offsets.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_SIZE = 48, DECIMAL = 10 };

void pn_file_offsets_set(const struct pn_io *io, const char *path, int64_t first, int64_t end)
{
    char text[TEXT_SIZE];
    if (io->ops->setxattr != NULL) {
        int len = snprintf(text, sizeof text, "%" PRId64 "-%" PRId64, first, end);
        (void)io->ops->setxattr(io, path, PN_FILE_OFFSETS_NAME, text, (size_t)len);
    }
}

bool pn_offsets_parse(const char *text, int64_t *first, int64_t *end)
{
    char *at = NULL;
    *first = strtoll(text, &at, DECIMAL);
    if (at == text || *at != '-' || *first < 0) {
        return false;
    }
    const char *second = at + 1;
    *end = strtoll(second, &at, DECIMAL);
    return at != second && *at == '\0' && *first < *end;
}

bool pn_file_offsets_get(const struct pn_io *io, const char *path, int64_t *first, int64_t *end)
{
    char text[TEXT_SIZE] = {0};
    return io->ops->getxattr != NULL &&
           io->ops->getxattr(io, path, PN_FILE_OFFSETS_NAME, text, sizeof text - 1) > 0 &&
           pn_offsets_parse(text, first, end);
}
