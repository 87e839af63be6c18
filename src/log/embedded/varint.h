/*
 * Zigzag varints as Kafka's records have them: 7 bits a byte, least significant first, the high bit
 * set on every byte but the last; the sign is in the lowest bit of the number.
 */
#ifndef PN_LOG_VARINT_H
#define PN_LOG_VARINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PN_VARINT_BYTES_MAX = 10 };

static inline uint64_t pn_zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int64_t pn_unzigzag(uint64_t value)
{
    return (int64_t)((value >> 1) ^ (0 - (value & 1)));
}

/* How many bytes pn_varint_put() writes: 1 to 10. */
static inline size_t pn_varint_size(int64_t value)
{
    size_t size = 1;
    for (uint64_t rest = pn_zigzag(value) >> 7; rest != 0; rest >>= 7) {
        size++;
    }
    return size;
}

/* Writes the number and returns the byte after it. */
static inline uint8_t *pn_varint_put(uint8_t *out, int64_t value)
{
    uint64_t rest = pn_zigzag(value);
    while (rest >= 0x80) {
        *out++ = (uint8_t)(rest | 0x80);
        rest >>= 7;
    }
    *out++ = (uint8_t)rest;
    return out;
}

/* Reads a number at *at and moves *at after it; false when it does not end before `end` or does
 * not fit 64 bits, and *at is then anywhere up to `end`. */
static inline bool pn_varint_get(const uint8_t **at, const uint8_t *end, int64_t *value)
{
    uint64_t number = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        uint8_t byte = *(*at)++;
        if (shift == 63 && byte > 1) {
            return false;
        }
        number |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *value = pn_unzigzag(number);
            return true;
        }
    }
    return false;
}

#endif
