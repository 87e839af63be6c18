/* Any bytes as a record's data, and as the message of an aggregate whose checksum fits: user
 * records point into the data. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/mem.h"
#include "base/text_signature.h"
#include "kinesis/aggregate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MD5_BYTES = 16 };

static void check_within(struct pn_bytes part, struct pn_bytes whole)
{
    const char *start = whole.data;
    const char *at = part.data;
    PN_ASSERT(at >= start && at + part.len <= start + whole.len);
}

static void read_all(struct pn_bytes data)
{
    struct pn_arena arena;
    struct pn_user_record *records = NULL;
    size_t count = 0;
    pn_arena_init(&arena, 0);
    if (pn_aggregate_read(data, &arena, &records, &count)) {
        PN_ASSERT(count <= PN_AGGREGATE_RECORDS_MAX);
        for (size_t i = 0; i < count; i++) {
            check_within(records[i].partition_key, data);
            check_within(records[i].data, data);
        }
    }
    pn_arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *exact = pn_xmalloc(size > 0 ? size : 1);
    memcpy(exact, data, size);
    read_all((struct pn_bytes){exact, size});
    free(exact);
    /* The checksum would keep the fuzzer from the message. */
    size_t len = PN_KPL_MAGIC_BYTES + size + MD5_BYTES;
    char *whole = pn_xmalloc(len);
    memcpy(whole, "\xf3\x89\x9a\xc2", PN_KPL_MAGIC_BYTES);
    memcpy(whole + PN_KPL_MAGIC_BYTES, data, size);
    int ok = EVP_Digest(data, size, (unsigned char *)whole + PN_KPL_MAGIC_BYTES + size, NULL,
                        EVP_md5(), NULL);
    PN_ASSERT(ok == 1);
    read_all((struct pn_bytes){whole, len});
    free(whole);
    return 0;
}
