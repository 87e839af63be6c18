#include "base/file_sum.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crc32c.h"
#include "base/mem.h"

enum { SUM_LEN = 8, HEX = 16, BLOCK_BYTES = 256 * 1024 };

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

/* The sum of what is in the file now. */
static int sum_up(const struct pn_io *io, const char *path, uint32_t *sum, struct pn_err *e)
{
    int fd = -1;
    int64_t offset = 0;
    size_t got = BLOCK_BYTES;
    char *block = pn_xmalloc(BLOCK_BYTES);
    *sum = 0;
    int rc = pn_io_open(io, path, O_RDONLY, &fd, e);
    while (rc == 0 && got == BLOCK_BYTES) {
        rc = pn_io_read_some(io, fd, block, BLOCK_BYTES, offset, &got, path, e);
        if (rc == 0) {
            *sum = pn_crc32c_add(*sum, block, got);
            offset += (int64_t)got;
        }
    }
    pn_io_close(io, &fd);
    free(block);
    return rc;
}

int pn_file_sum_make(const struct pn_io *io, const char *path, struct pn_err *e)
{
    uint32_t sum = 0;
    if (io->ops->setxattr == NULL) {
        return 0;
    }
    int rc = sum_up(io, path, &sum, e);
    if (rc == 0) {
        pn_file_sum_set(io, path, sum);
    }
    return rc;
}

int pn_file_sum_check(const struct pn_io *io, const char *path, struct pn_err *e)
{
    uint32_t written = 0;
    uint32_t sum = 0;
    if (!pn_file_sum_get(io, path, &written)) {
        return 0;
    }
    int rc = sum_up(io, path, &sum, e);
    if (rc == 0 && sum != written) {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                        "%s is damaged: its checksum is not that of what was written", path);
    }
    return rc;
}
