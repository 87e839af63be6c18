/*
 * Shard iterators as texts, sealed so that nobody else can write one:
 *
 *     base64 of  version (8 bytes, 1) | nonce (12) | encrypted place | tag (16)
 *
 * by AES-256-GCM, the version being authenticated too. The place is padded so that a text is as
 * long as AWS's: 152 bytes, and 16 more for each 16 characters of the stream's name. The nonce is
 * random: with one key 2^32 iterators may be written before two of them share one with a chance of
 * 2^-33; and the difference between the two places would be the only sign.
 */
#ifndef PN_KINESIS_ITERATORS_H
#define PN_KINESIS_ITERATORS_H

#include "kinesis/internal.h"

struct pn_iterator {
    int64_t created_ms;
    uint64_t stream_id;
    uint32_t shard;
    int64_t offset;
    char stream_name[PN_STREAM_NAME_MAX + 1];
};

/* Into out[PN_ITERATOR_SIZE]. `key` has PN_ITERATOR_KEY_BYTES. */
void pn_iterator_seal(const unsigned char *key, const struct pn_iterator *iterator, char *out);
/* False unless the text was sealed with this key, to the bit. */
bool pn_iterator_unseal(const unsigned char *key, const char *text, size_t len,
                        struct pn_iterator *iterator) PN_MUST_CHECK;

#endif
