/* CRC-32C (Castagnoli), the one of iSCSI: by isa-l, at some 10 GB/s. */
#ifndef PN_BASE_CRC32C_H
#define PN_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t pn_crc32c(const void *bytes, size_t len);
/* The CRC of what `crc` covers followed by these bytes; start with 0. */
uint32_t pn_crc32c_add(uint32_t crc, const void *bytes, size_t len);
/* The CRC of two stretches of bytes, one after the other, from the CRC of each. */
uint32_t pn_crc32c_combine(uint32_t first, uint32_t second, size_t second_len);

#endif
