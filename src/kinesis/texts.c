/*
 * The texts that clients see: shard ids, hash keys, sequence numbers.
 *
 * A sequence number is a number of 47 hex digits, written in decimal (56 digits):
 *
 *     2 ccccccccc x nnnnnnnnnnnnnnnn 00 ttttttttt iiiiiiii 2
 *
 * c: when the shard was made, in seconds; x: the last hex digit of the shard's number; n: the
 * record's offset and one more, so that a shard's first number (n = 0) is below its first record's;
 * t: the record's arrival, in seconds; i: the shard's number.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "kinesis/kinesis.h"

enum {
    LIMBS = 6, /* of 32 bits: 192 bits hold a sequence number of 188 */
    SEQUENCE_NIBBLES = 47,
    HASH_KEY_LIMBS = 4,
    DECIMAL_GROUP = 9, /* decimal digits taken at once */
    DECIMAL_MAX = 58,  /* digits of 2^192 - 1 */
    MD5_BYTES = 16
};
static const uint32_t group_value = 1000000000;
static const int64_t seconds_max = 0xFFFFFFFFF; /* nine hex digits */

/* A number in 32-bit pieces, the least significant first. */
struct limbs {
    uint32_t at[LIMBS];
};

/* Divides by 10^9 and gives the rest. */
static uint32_t divide(struct limbs *number)
{
    uint64_t rest = 0;
    for (int i = LIMBS - 1; i >= 0; i--) {
        uint64_t part = (rest << 32) | number->at[i];
        number->at[i] = (uint32_t)(part / group_value);
        rest = part % group_value;
    }
    return (uint32_t)rest;
}

static bool is_zero(const struct limbs *number)
{
    uint32_t any = 0;
    for (int i = 0; i < LIMBS; i++) {
        any |= number->at[i];
    }
    return any == 0;
}

/* Writes the decimal text, `size` bytes with its NUL, into `out`. */
static char *write_decimal(struct limbs number, char *out, size_t size)
{
    char digits[DECIMAL_MAX + DECIMAL_GROUP];
    size_t len = 0;
    do {
        uint32_t group = divide(&number);
        for (int i = 0; i < DECIMAL_GROUP; i++) {
            digits[len] = (char)('0' + group % 10);
            len++;
            group /= 10;
        }
    } while (!is_zero(&number));
    while (len > 1 && digits[len - 1] == '0') {
        len--;
    }
    PN_ASSERT(len < size);
    for (size_t i = 0; i < len; i++) {
        out[i] = digits[len - 1 - i];
    }
    out[len] = '\0';
    return out;
}

/* Reads digits without a leading zero; false when it is something else or above 2^192 - 1. */
static bool read_decimal(const char *text, size_t len, struct limbs *number)
{
    *number = (struct limbs){{0}};
    if (len == 0 || len > DECIMAL_MAX || (text[0] == '0' && len > 1)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        uint64_t carry = (uint64_t)(text[i] - '0');
        for (int limb = 0; limb < LIMBS; limb++) {
            carry += (uint64_t)number->at[limb] * 10;
            number->at[limb] = (uint32_t)carry;
            carry >>= 32;
        }
        if (carry != 0) {
            return false;
        }
    }
    return true;
}

/* Takes the `nibbles` hex digits at *place (counted from the right) and moves on after them. */
static uint64_t take(const struct limbs *number, int *place, int nibbles)
{
    uint64_t value = 0;
    for (int i = nibbles - 1; i >= 0; i--) {
        int at = *place + i;
        value = (value << 4) | ((number->at[at / 8] >> (at % 8 * 4)) & 0xFU);
    }
    *place += nibbles;
    return value;
}

static void give(struct limbs *number, int *place, int nibbles, uint64_t value)
{
    for (int i = 0; i < nibbles; i++) {
        int at = *place + i;
        number->at[at / 8] |= (uint32_t)(value & 0xFU) << (at % 8 * 4);
        value >>= 4;
    }
    PN_ASSERT(value == 0);
    *place += nibbles;
}

/* --- ids and hash keys ------------------------------------------------------------------------ */

char *pn_shard_id(uint32_t index, char *out)
{
    (void)snprintf(out, PN_SHARD_ID_SIZE, "shardId-%012u", (unsigned)index);
    return out;
}

char *pn_hash_key_text(struct pn_hash_key key, char *out)
{
    struct limbs number = {{(uint32_t)key.low, (uint32_t)(key.low >> 32), (uint32_t)key.high,
                            (uint32_t)(key.high >> 32)}};
    return write_decimal(number, out, PN_HASH_KEY_SIZE);
}

bool pn_hash_key_parse(const char *text, size_t len, struct pn_hash_key *key)
{
    struct limbs number;
    if (!read_decimal(text, len, &number)) {
        return false;
    }
    for (int i = HASH_KEY_LIMBS; i < LIMBS; i++) {
        if (number.at[i] != 0) {
            return false;
        }
    }
    key->low = ((uint64_t)number.at[1] << 32) | number.at[0];
    key->high = ((uint64_t)number.at[3] << 32) | number.at[2];
    return true;
}

static uint64_t big_endian(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value = (value << 8) | bytes[i];
    }
    return value;
}

struct pn_hash_key pn_hash_key_of(const void *partition_key, size_t len)
{
    uint8_t digest[MD5_BYTES];
    int ok = EVP_Digest(partition_key, len, digest, NULL, EVP_md5(), NULL);
    PN_ASSERT(ok == 1);
    return (struct pn_hash_key){.high = big_endian(digest), .low = big_endian(digest + 8)};
}

/* --- sequence numbers ------------------------------------------------------------------------- */

/* A time within what nine hex digits hold; a clock that is wrong must not break the format. */
static uint64_t seconds_of(int64_t ms)
{
    int64_t seconds = ms < 0 ? 0 : ms / 1000;
    return (uint64_t)(seconds > seconds_max ? seconds_max : seconds);
}

/* `place` is the n of the format. */
static char *sequence_text(int64_t created_ms, uint32_t shard, uint64_t place, int64_t time_ms,
                           char *out)
{
    struct limbs number = {{0}};
    int at = 0;
    give(&number, &at, 1, 2);
    give(&number, &at, 8, shard);
    give(&number, &at, 9, seconds_of(time_ms));
    give(&number, &at, 2, 0);
    give(&number, &at, 16, place);
    give(&number, &at, 1, shard & 0xFU);
    give(&number, &at, 9, seconds_of(created_ms));
    give(&number, &at, 1, 2);
    PN_ASSERT(at == SEQUENCE_NIBBLES);
    return write_decimal(number, out, PN_SEQUENCE_SIZE);
}

char *pn_sequence_text(int64_t created_ms, uint32_t shard, int64_t offset, int64_t arrival_ms,
                       char *out)
{
    PN_ASSERT(offset >= 0 && offset < INT64_MAX);
    return sequence_text(created_ms, shard, (uint64_t)offset + 1, arrival_ms, out);
}

char *pn_sequence_start(const struct pn_shard *shard, char *out)
{
    return sequence_text(shard->created_ms, shard->index, 0, shard->created_ms, out);
}

char *pn_sequence_end(const struct pn_shard *shard, char *out)
{
    return sequence_text(shard->created_ms, shard->index, INT64_MAX, shard->closed_ms, out);
}

bool pn_sequence_parse(const char *text, size_t len, int64_t *created_s, uint32_t *shard,
                       int64_t *offset)
{
    struct limbs number;
    if (!read_decimal(text, len, &number)) {
        return false;
    }
    int at = 0;
    uint64_t last = take(&number, &at, 1);
    uint64_t index = take(&number, &at, 8);
    (void)take(&number, &at, 9);
    uint64_t zeros = take(&number, &at, 2);
    uint64_t place = take(&number, &at, 16);
    uint64_t index_end = take(&number, &at, 1);
    uint64_t created = take(&number, &at, 9);
    uint64_t first = take(&number, &at, 1);
    uint64_t above = take(&number, &at, 1); /* 192 bits are 48 digits, one more than there are */
    if (first != 2 || last != 2 || above != 0 || zeros != 0 || index_end != (index & 0xFU) ||
        place > INT64_MAX) {
        return false;
    }
    *created_s = (int64_t)created;
    *shard = (uint32_t)index;
    *offset = (int64_t)place - 1;
    return true;
}

/* --- names ------------------------------------------------------------------------------------ */

const char *pn_stream_status_name(enum pn_stream_status status)
{
    switch (status) {
    case PN_STREAM_CREATING:
        return "CREATING";
    case PN_STREAM_DELETING:
        return "DELETING";
    case PN_STREAM_ACTIVE:
        return "ACTIVE";
    case PN_STREAM_UPDATING:
        return "UPDATING";
    }
    return "";
}

bool pn_stream_name_valid(const char *name, size_t len)
{
    if (len == 0 || len > PN_STREAM_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '.' && c != '-') {
            return false;
        }
    }
    return true;
}
