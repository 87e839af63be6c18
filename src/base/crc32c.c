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

/*
 * A CRC is a polynomial over GF(2) modulo Castagnoli's, its bits reversed: the highest one is the
 * coefficient of x^0. Bytes that follow multiply what was before by x^8 each.
 */
static uint32_t times_x(uint32_t a)
{
    static const uint32_t modulus = 0x82f63b78u;
    return (a & 1) != 0 ? (a >> 1) ^ modulus : a >> 1;
}

static uint32_t product(uint32_t a, uint32_t b)
{
    uint32_t sum = 0;
    for (int bit = 31; bit >= 0; bit--) {
        if ((a >> bit & 1) != 0) {
            sum ^= b;
        }
        b = times_x(b);
    }
    return sum;
}

uint32_t pn_crc32c_combine(uint32_t first, uint32_t second, size_t second_len)
{
    static const uint32_t x_to_the_8th = 1u << (31 - 8);
    uint32_t shifted = first;
    uint32_t factor = x_to_the_8th; /* squared for each bit of the length */
    for (size_t left = second_len; left > 0; left >>= 1) {
        if ((left & 1) != 0) {
            shifted = product(factor, shifted);
        }
        factor = product(factor, factor);
    }
    return shifted ^ second;
}
