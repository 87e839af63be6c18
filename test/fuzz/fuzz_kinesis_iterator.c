/*
 * Shard iterators from clients. The key is one that nobody knows, so whatever an input holds is
 * refused; and one that was written here is refused as soon as the input changes it.
 */
#include <stdint.h>
#include <string.h>

#include "kinesis/iterators.h"

enum { NAME_LEN_BYTE, EDITS_FROM };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const unsigned char *secret(void)
{
    static unsigned char key[PN_ITERATOR_KEY_BYTES];
    static bool made = false;
    if (!made) {
        for (size_t i = 0; i < sizeof key; i += sizeof(uint64_t)) {
            uint64_t word = pn_entropy_u64();
            memcpy(key + i, &word, sizeof word);
        }
        made = true;
    }
    return key;
}

/* An iterator of ours, then with the edits that the input tells. */
static void check_edited(const uint8_t *data, size_t size)
{
    struct pn_iterator in = {.created_ms = INT64_C(1767225600000), .stream_id = 7, .offset = 5};
    struct pn_iterator out;
    char text[PN_ITERATOR_SIZE];
    char edited[PN_ITERATOR_SIZE];
    size_t name_len = 1 + data[NAME_LEN_BYTE] % PN_STREAM_NAME_MAX;
    memset(in.stream_name, 'a', name_len);
    pn_iterator_seal(secret(), &in, text);
    size_t len = strlen(text);
    PN_ASSERT(pn_iterator_unseal(secret(), text, len, &out));
    PN_ASSERT(strcmp(in.stream_name, out.stream_name) == 0 && out.offset == 5);
    memcpy(edited, text, len + 1);
    for (size_t i = EDITS_FROM; i + 1 < size; i += 2) {
        edited[data[i] % len] = (char)data[i + 1];
    }
    PN_ASSERT(pn_iterator_unseal(secret(), edited, len, &out) == (memcmp(edited, text, len) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pn_iterator out;
    PN_ASSERT(!pn_iterator_unseal(secret(), (const char *)data, size, &out));
    if (size >= EDITS_FROM) {
        check_edited(data, size);
    }
    return 0;
}
