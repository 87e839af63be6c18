#include "kinesis/iterators.h"

#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "base/base64.h"

enum {
    VERSION_BYTES = 8,
    NONCE_BYTES = 12,
    TAG_BYTES = 16,
    HEAD_BYTES = VERSION_BYTES + NONCE_BYTES,
    FIXED_BYTES = 8 + 8 + 8 + 4 + 1, /* of a place, in front of the name */
    TEXT_BYTES_MIN = 152,
    SEALED_BYTES_MAX = TEXT_BYTES_MIN + 16 * ((PN_STREAM_NAME_MAX + 2) / 16),
    PLACE_BYTES_MAX = SEALED_BYTES_MAX - HEAD_BYTES - TAG_BYTES,
    AWS_TIME_SIZE = 64
};
_Static_assert((SEALED_BYTES_MAX + 2) / 3 * 4 < PN_ITERATOR_SIZE, "an iterator fits its text");
_Static_assert(FIXED_BYTES + PN_STREAM_NAME_MAX <= PLACE_BYTES_MAX, "a place fits its iterator");

static const unsigned char version[VERSION_BYTES] = {0, 0, 0, 0, 0, 0, 0, 1};

/* --- sealing ---------------------------------------------------------------------------------- */

static size_t sealed_bytes(size_t name_len)
{
    return TEXT_BYTES_MIN + 16 * ((name_len + 2) / 16);
}

static unsigned char *put_number(unsigned char *to, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--) {
        to[i] = (unsigned char)value;
        value >>= 8;
    }
    return to + bytes;
}

static const unsigned char *get_number(const unsigned char *from, uint64_t *value, int bytes)
{
    *value = 0;
    for (int i = 0; i < bytes; i++) {
        *value = (*value << 8) | from[i];
    }
    return from + bytes;
}

static void write_place(const struct pn_iterator *iterator, size_t name_len, unsigned char *place)
{
    unsigned char *to = put_number(place, (uint64_t)iterator->created_ms, 8);
    to = put_number(to, iterator->stream_id, 8);
    to = put_number(to, (uint64_t)iterator->offset, 8);
    to = put_number(to, iterator->shard, 4);
    to = put_number(to, name_len, 1);
    memcpy(to, iterator->stream_name, name_len);
}

static bool read_place(const unsigned char *place, size_t len, struct pn_iterator *iterator)
{
    uint64_t created = 0;
    uint64_t offset = 0;
    uint64_t shard = 0;
    uint64_t name_len = 0;
    const unsigned char *from = get_number(place, &created, 8);
    from = get_number(from, &iterator->stream_id, 8);
    from = get_number(from, &offset, 8);
    from = get_number(from, &shard, 4);
    from = get_number(from, &name_len, 1);
    if (name_len > PN_STREAM_NAME_MAX || FIXED_BYTES + name_len > len) {
        return false;
    }
    iterator->created_ms = (int64_t)created;
    iterator->offset = (int64_t)offset;
    iterator->shard = (uint32_t)shard;
    memcpy(iterator->stream_name, from, name_len);
    iterator->stream_name[name_len] = '\0';
    return pn_stream_name_valid(iterator->stream_name, name_len) && iterator->offset >= 0;
}

void pn_iterator_seal(const unsigned char *key, const struct pn_iterator *iterator, char *out)
{
    size_t name_len = strlen(iterator->stream_name);
    PN_ASSERT(name_len <= PN_STREAM_NAME_MAX);
    unsigned char place[PLACE_BYTES_MAX] = {0};
    write_place(iterator, name_len, place);

    unsigned char sealed[SEALED_BYTES_MAX];
    size_t len = sealed_bytes(name_len);
    int place_len = (int)(len - HEAD_BYTES - TAG_BYTES);
    unsigned char *nonce = sealed + VERSION_BYTES;
    memcpy(sealed, version, VERSION_BYTES);
    (void)put_number(put_number(nonce, pn_entropy_u64(), 8), pn_entropy_u64(), 4);

    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int wrote = 0;
    bool ok =
        cipher != NULL && EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, nonce) &&
        EVP_EncryptUpdate(cipher, NULL, &wrote, version, VERSION_BYTES) &&
        EVP_EncryptUpdate(cipher, sealed + HEAD_BYTES, &wrote, place, place_len) &&
        wrote == place_len && EVP_EncryptFinal_ex(cipher, NULL, &wrote) &&
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, sealed + len - TAG_BYTES);
    EVP_CIPHER_CTX_free(cipher);
    PN_ASSERT(ok);
    (void)EVP_EncodeBlock((unsigned char *)out, sealed, (int)len);
}

/* The place of a sealed iterator, or false. */
static bool decrypt(const unsigned char *key, const unsigned char *sealed, size_t len,
                    unsigned char *place)
{
    unsigned char tag[TAG_BYTES];
    memcpy(tag, sealed + len - TAG_BYTES, TAG_BYTES);
    int place_len = (int)(len - HEAD_BYTES - TAG_BYTES);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    PN_ASSERT(cipher != NULL);
    int wrote = 0;
    bool ok = EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, sealed + VERSION_BYTES) &&
              EVP_DecryptUpdate(cipher, NULL, &wrote, sealed, VERSION_BYTES) &&
              EVP_DecryptUpdate(cipher, place, &wrote, sealed + HEAD_BYTES, place_len) &&
              wrote == place_len &&
              EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) &&
              EVP_DecryptFinal_ex(cipher, NULL, &wrote);
    EVP_CIPHER_CTX_free(cipher);
    return ok;
}

bool pn_iterator_unseal(const unsigned char *key, const char *text, size_t len,
                        struct pn_iterator *iterator)
{
    if (len == 0 || len >= PN_ITERATOR_SIZE) {
        return false;
    }
    struct pn_arena arena;
    pn_arena_init(&arena, PN_ITERATOR_SIZE);
    const void *bytes = NULL;
    size_t bytes_len = 0;
    unsigned char place[PLACE_BYTES_MAX];
    bool ok = pn_base64_decode_exact(&arena, text, len, &bytes, &bytes_len) &&
              bytes_len >= TEXT_BYTES_MIN && bytes_len <= SEALED_BYTES_MAX &&
              memcmp(bytes, version, VERSION_BYTES) == 0 && decrypt(key, bytes, bytes_len, place) &&
              read_place(place, bytes_len - HEAD_BYTES - TAG_BYTES, iterator);
    pn_arena_deinit(&arena);
    return ok;
}

/* --- on streams ------------------------------------------------------------------------------- */

void pn_iterator_write(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                       const struct pn_shard *shard, int64_t offset, char *out)
{
    PN_ASSERT(offset >= 0);
    struct pn_iterator iterator = {
        .created_ms = pn_wall_ms(kinesis->clock),
        .stream_id = stream->id,
        .shard = shard->index,
        .offset = offset,
    };
    size_t name_len = strlen(stream->name);
    PN_ASSERT(name_len < sizeof iterator.stream_name);
    memcpy(iterator.stream_name, stream->name, name_len + 1);
    pn_iterator_seal(kinesis->iterator_key, &iterator, out);
}

/* "Thu Jan 22 01:22:02 UTC 2015" */
static const char *aws_time(int64_t wall_ms, char *out)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(out, AWS_TIME_SIZE, "%a %b %d %H:%M:%S UTC %Y", &parts) == 0) {
        out[0] = '\0';
    }
    return out;
}

static int check_age(const struct pn_kinesis *kinesis, const struct pn_iterator *iterator,
                     struct pn_err *e)
{
    int64_t now_ms = pn_wall_ms(kinesis->clock);
    int64_t life_ms = kinesis->config.iterator_ms;
    if (now_ms - iterator->created_ms <= life_ms) {
        return 0;
    }
    char created[AWS_TIME_SIZE];
    char now[AWS_TIME_SIZE];
    return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_EXPIRED_ITERATOR,
                      "Iterator expired. The iterator was created at time %s while right now it is "
                      "%s which is further in the future than the tolerated delay of %lld "
                      "milliseconds.",
                      aws_time(iterator->created_ms, created), aws_time(now_ms, now),
                      (long long)life_ms);
}

int pn_iterator_read(struct pn_kinesis *kinesis, const char *text, size_t len,
                     const struct pn_stream **stream, const struct pn_shard **shard,
                     int64_t *offset, struct pn_err *e)
{
    struct pn_iterator iterator;
    if (!pn_iterator_unseal(kinesis->iterator_key, text, len, &iterator)) {
        return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_INVALID_ARGUMENT, "Invalid ShardIterator.");
    }
    int rc = check_age(kinesis, &iterator, e);
    if (rc != 0) {
        return rc;
    }
    const struct pn_stream *found = NULL;
    if (pn_kinesis_stream(kinesis, iterator.stream_name, &found, NULL) != 0 ||
        found->id != iterator.stream_id || iterator.shard >= found->shard_count) {
        char shard_id[PN_SHARD_ID_SIZE];
        pn_stream_release(&found);
        return pn_err_set(e, PN_CLASS_MISSING, PN_KINESIS_NOT_FOUND,
                          "Shard %s in stream %s under account %s does not exist",
                          pn_shard_id(iterator.shard, shard_id), iterator.stream_name,
                          kinesis->config.account);
    }
    *stream = found;
    *shard = &found->shards[iterator.shard];
    *offset = iterator.offset;
    return 0;
}
