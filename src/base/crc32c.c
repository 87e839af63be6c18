#include "base/crc32c.h"

#include <isa-l/crc.h>

uint32_t pn_crc32c(const void *bytes, size_t len)
{
    return pn_crc32c_add(0, bytes, len);
}

uint32_t pn_crc32c_add(uint32_t crc, const void *bytes, size_t len)
{
    /* isa-l takes an int, a pointer to what it only reads, and leaves both inversions to us. */
    enum { STEP_BYTES = 1 << 30 };
    const unsigned char *at = bytes;
    crc = ~crc;
    while (len > 0) {
        int step = len < STEP_BYTES ? (int)len : STEP_BYTES;
        crc = crc32_iscsi((unsigned char *)(uintptr_t)at, step, crc);
        at += step;
        len -= (size_t)step;
    }
    return ~crc;
}
