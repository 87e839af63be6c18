/*
 * The bytes of a connection. Wherever they are cut, the same requests are found, and the same byte
 * is at fault.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "http/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct pn_http_framing *whole, size_t whole_read,
                  const struct pn_http_framing *pieces, size_t pieces_read)
{
    PN_ASSERT(whole->fault == pieces->fault && whole->status == pieces->status);
    PN_ASSERT(whole_read == pieces_read);
    PN_ASSERT(whole->headers == pieces->headers && whole->requests == pieces->requests);
    PN_ASSERT(whole->headers - whole->requests <= 1);
    PN_ASSERT(whole->state == pieces->state && whole->left == pieces->left);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct pn_http_framing whole;
    pn_http_framing_init(&whole);
    size_t whole_read = pn_http_framing_read(&whole, bytes, size);
    PN_ASSERT(whole_read == size || whole.fault != NULL);
    for (size_t step = 1; step <= 7; step += 3) {
        struct pn_http_framing pieces;
        pn_http_framing_init(&pieces);
        size_t read = 0;
        while (read < size && pieces.fault == NULL) {
            size_t len = size - read < step ? size - read : step;
            read += pn_http_framing_read(&pieces, bytes + read, len);
        }
        check(&whole, whole_read, &pieces, read);
    }
    return 0;
}
