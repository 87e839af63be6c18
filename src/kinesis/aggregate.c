#include "kinesis/aggregate.h"

#include <stdint.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/text_signature.h"

enum { MD5_BYTES = 16, VARINT_BYTES_MAX = 10 };

/* Protobuf's wire types; groups (3, 4) are not taken. */
enum wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* Field numbers of AggregatedRecord, and of Record. */
enum { PARTITION_KEYS = 1, HASH_KEYS = 2, RECORDS = 3 };
enum { PARTITION_KEY_INDEX = 1, HASH_KEY_INDEX = 2, DATA = 3 };

struct reader {
    const unsigned char *at;
    const unsigned char *end;
};

struct field {
    uint64_t number;
    enum wire wire;
    uint64_t value;        /* VARINT */
    struct pn_bytes bytes; /* BYTES */
};

static struct reader reader_of(struct pn_bytes bytes)
{
    const unsigned char *start = bytes.data;
    return (struct reader){.at = start, .end = bytes.len > 0 ? start + bytes.len : start};
}

static bool read_varint(struct reader *reader, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < VARINT_BYTES_MAX && reader->at < reader->end; i++) {
        uint64_t byte = *reader->at++;
        *value |= (byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            return i + 1 < VARINT_BYTES_MAX || byte <= 1;
        }
    }
    return false;
}

static bool read_bytes(struct reader *reader, uint64_t len, struct pn_bytes *bytes)
{
    if (len > (uint64_t)(reader->end - reader->at)) {
        return false;
    }
    *bytes = (struct pn_bytes){.data = reader->at, .len = (size_t)len};
    reader->at += len;
    return true;
}

/* The next field; false when it is broken. */
static bool read_field(struct reader *reader, struct field *field)
{
    uint64_t tag = 0;
    uint64_t len = 0;
    *field = (struct field){0};
    if (!read_varint(reader, &tag) || tag >> 3 == 0) {
        return false;
    }
    field->number = tag >> 3;
    field->wire = (enum wire)(tag & 7);
    switch (field->wire) {
    case WIRE_VARINT:
        return read_varint(reader, &field->value);
    case WIRE_FIXED64:
        return read_bytes(reader, 8, &field->bytes);
    case WIRE_BYTES:
        return read_varint(reader, &len) && read_bytes(reader, len, &field->bytes);
    case WIRE_FIXED32:
        return read_bytes(reader, 4, &field->bytes);
    }
    return false;
}

static bool is_bytes(const struct field *field, uint64_t number)
{
    return field->number == number && field->wire == WIRE_BYTES;
}

struct table {
    struct pn_bytes *keys;
    struct pn_hash_key *hashes;
    size_t count;
};

struct message {
    struct table partition_keys;
    struct table hash_keys;
    struct pn_user_record *records;
    size_t record_count;
};

/* How many of each there are, so that arrays are made once; false when the message is broken. */
static bool count_fields(struct pn_bytes bytes, struct message *message)
{
    struct reader reader = reader_of(bytes);
    struct field field;
    while (reader.at < reader.end) {
        if (!read_field(&reader, &field)) {
            return false;
        }
        message->partition_keys.count += is_bytes(&field, PARTITION_KEYS);
        message->hash_keys.count += is_bytes(&field, HASH_KEYS);
        message->record_count += is_bytes(&field, RECORDS);
    }
    return message->partition_keys.count <= PN_AGGREGATE_RECORDS_MAX &&
           message->hash_keys.count <= PN_AGGREGATE_RECORDS_MAX &&
           message->record_count <= PN_AGGREGATE_RECORDS_MAX;
}

static void make_table(struct table *table, struct pn_arena *arena)
{
    table->keys = pn_arena_calloc(arena, table->count + 1, sizeof *table->keys);
    table->hashes = pn_arena_calloc(arena, table->count + 1, sizeof *table->hashes);
    table->count = 0;
}

static bool add_key(struct message *message, const struct field *field)
{
    bool is_hash = field->number == HASH_KEYS;
    struct table *table = is_hash ? &message->hash_keys : &message->partition_keys;
    size_t i = table->count++;
    table->keys[i] = field->bytes;
    if (is_hash) {
        return pn_hash_key_parse(field->bytes.data, field->bytes.len, &table->hashes[i]);
    }
    table->hashes[i] = pn_hash_key_of(field->bytes.data, field->bytes.len);
    return true;
}

/* The tables stand before or between the records, so they are read first. */
static bool read_tables(struct pn_bytes bytes, struct message *message)
{
    struct reader reader = reader_of(bytes);
    struct field field;
    bool ok = true;
    while (ok && reader.at < reader.end) {
        ok = read_field(&reader, &field);
        if (ok && (is_bytes(&field, PARTITION_KEYS) || is_bytes(&field, HASH_KEYS))) {
            ok = add_key(message, &field);
        }
    }
    return ok;
}

static bool read_record(const struct message *message, struct pn_bytes bytes,
                        struct pn_user_record *record)
{
    struct reader reader = reader_of(bytes);
    struct field field;
    uint64_t partition_key = UINT64_MAX;
    uint64_t hash_key = 0;
    bool has_hash_key = false;
    bool has_data = false;
    while (reader.at < reader.end) {
        if (!read_field(&reader, &field)) {
            return false;
        }
        if (field.wire == WIRE_VARINT && field.number == PARTITION_KEY_INDEX) {
            partition_key = field.value;
        } else if (field.wire == WIRE_VARINT && field.number == HASH_KEY_INDEX) {
            hash_key = field.value;
            has_hash_key = true;
        } else if (is_bytes(&field, DATA)) {
            record->data = field.bytes;
            has_data = true;
        }
    }
    if (!has_data || partition_key >= message->partition_keys.count ||
        (has_hash_key && hash_key >= message->hash_keys.count)) {
        return false;
    }
    record->partition_key = message->partition_keys.keys[partition_key];
    record->hash_key = has_hash_key ? message->hash_keys.hashes[hash_key]
                                    : message->partition_keys.hashes[partition_key];
    return true;
}

static bool read_records(struct pn_bytes bytes, struct message *message)
{
    struct reader reader = reader_of(bytes);
    struct field field;
    size_t count = 0;
    bool ok = true;
    while (ok && reader.at < reader.end) {
        ok = read_field(&reader, &field);
        if (ok && is_bytes(&field, RECORDS)) {
            ok = read_record(message, field.bytes, &message->records[count++]);
        }
    }
    return ok;
}

static bool has_checksum(struct pn_bytes message)
{
    unsigned char digest[MD5_BYTES];
    int ok = EVP_Digest(message.data, message.len, digest, NULL, EVP_md5(), NULL);
    PN_ASSERT(ok == 1);
    return memcmp(digest, (const unsigned char *)message.data + message.len, MD5_BYTES) == 0;
}

bool pn_aggregate_read(struct pn_bytes data, struct pn_arena *arena,
                       struct pn_user_record **records, size_t *count)
{
    if (!pn_text_is_kpl(data.data, data.len) || data.len <= PN_KPL_MAGIC_BYTES + MD5_BYTES) {
        return false;
    }
    const struct pn_bytes bytes = {.data = (const char *)data.data + PN_KPL_MAGIC_BYTES,
                                   .len = data.len - PN_KPL_MAGIC_BYTES - MD5_BYTES};
    struct message message = {0};
    if (!has_checksum(bytes) || !count_fields(bytes, &message)) {
        return false;
    }
    make_table(&message.partition_keys, arena);
    make_table(&message.hash_keys, arena);
    message.records = pn_arena_calloc(arena, message.record_count + 1, sizeof *message.records);
    if (!read_tables(bytes, &message) || !read_records(bytes, &message)) {
        return false;
    }
    *records = message.records;
    *count = message.record_count;
    return true;
}

static bool is_below(struct pn_hash_key a, struct pn_hash_key b)
{
    return a.high < b.high || (a.high == b.high && a.low < b.low);
}

bool pn_hash_key_within(struct pn_hash_key key, struct pn_hash_key start, struct pn_hash_key end)
{
    return !is_below(key, start) && !is_below(end, key);
}
