/* The record batch decoder on any bytes. The checksum is not asked: an attacker who writes bad
 * bytes can also write the checksum that fits them. */
#include <stddef.h>
#include <stdint.h>

#include "log/embedded/record_batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pn_batch_header header;
    if (size < PN_BATCH_HEADER_BYTES || pn_batch_parse(data, &header, NULL) != 0 ||
        header.bytes > size) {
        return 0;
    }
    (void)pn_batch_whole(data, &header);
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    struct pn_record_list list = {.arena = &arena,
                                  .from_offset =
                                      header.crc % 2 == 0 ? 0 : pn_batch_next_offset(&header) - 1,
                                  .max_records = SIZE_MAX,
                                  .max_bytes = SIZE_MAX};
    size_t bytes = 0;
    if (pn_batch_decode(data, &header, &list, NULL) == 0) {
        for (size_t i = 0; i < list.count; i++) {
            bytes += pn_record_bytes(&list.records[i]);
            PN_ASSERT(list.records[i].offset < pn_batch_next_offset(&header));
        }
        PN_ASSERT(bytes == list.bytes);
    }
    pn_arena_deinit(&arena);
    return 0;
}
