#include "base/file_sum.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SUM_LEN = 8, HEX = 16 };

void pn_file_sum_set(const struct pn_io *io, const char *path, uint32_t crc32c)
{
    char text[SUM_LEN + 1];
    if (io->ops->setxattr != NULL) {
        (void)snprintf(text, sizeof text, "%08" PRIx32, crc32c);
        (void)io->ops->setxattr(io, path, PN_FILE_SUM_NAME, text, SUM_LEN);
    }
}

bool pn_file_sum_get(const struct pn_io *io, const char *path, uint32_t *crc32c)
{
    char text[SUM_LEN + 1] = {0};
    char *end = NULL;
    if (io->ops->getxattr == NULL ||
        io->ops->getxattr(io, path, PN_FILE_SUM_NAME, text, SUM_LEN) != SUM_LEN) {
        return false;
    }
    *crc32c = (uint32_t)strtoul(text, &end, HEX);
    return end == text + SUM_LEN;
}
