/* Big-endian numbers in byte strings, as Kafka's formats have them. No alignment is needed. */
#ifndef PN_LOG_BYTES_H
#define PN_LOG_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline void pn_put_be16(uint8_t *at, uint16_t value)
{
    uint16_t big = htobe16(value);
    memcpy(at, &big, sizeof big);
}

static inline void pn_put_be32(uint8_t *at, uint32_t value)
{
    uint32_t big = htobe32(value);
    memcpy(at, &big, sizeof big);
}

static inline void pn_put_be64(uint8_t *at, uint64_t value)
{
    uint64_t big = htobe64(value);
    memcpy(at, &big, sizeof big);
}

static inline uint16_t pn_get_be16(const uint8_t *at)
{
    uint16_t big;
    memcpy(&big, at, sizeof big);
    return be16toh(big);
}

static inline uint32_t pn_get_be32(const uint8_t *at)
{
    uint32_t big;
    memcpy(&big, at, sizeof big);
    return be32toh(big);
}

static inline uint64_t pn_get_be64(const uint8_t *at)
{
    uint64_t big;
    memcpy(&big, at, sizeof big);
    return be64toh(big);
}

#endif
