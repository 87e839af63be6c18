#include "log/embedded/record_batch.h"

#include <string.h>

#include "base/crc32c.h"
#include "log/embedded/bytes.h"
#include "log/embedded/compress.h"
#include "log/embedded/varint.h"

enum { CODEC_LZ4 = 3, CODEC_ZSTD = 4, RECORD_BYTES_MIN = 7 };

size_t pn_record_encoded_bytes_max(const struct pn_record *record)
{
    /* length, attributes, timestamp, offset, two lengths, number of headers; two a header */
    enum { LENGTHS = 5, NUMBERS = 10 };
    return pn_record_bytes(record) + 1 + NUMBERS + (5 + 2 * record->header_count) * LENGTHS;
}

/* --- writing --------------------------------------------------------------------------------- */

void pn_batch_writer_init(struct pn_batch_writer *writer, enum pn_log_compression compression)
{
    *writer = (struct pn_batch_writer){.compression = compression};
    pn_buf_init(&writer->batch, PN_BATCH_BYTES_MAX);
    /* What does not compress may grow a little before that is seen. */
    pn_buf_init(&writer->packed, PN_BATCH_BYTES_MAX + PN_BATCH_BYTES_MAX / 64 + 4096);
}

void pn_batch_writer_deinit(struct pn_batch_writer *writer)
{
    pn_buf_deinit(&writer->batch);
    pn_buf_deinit(&writer->packed);
    pn_compress_state_free(&writer->zstd);
}

void pn_batch_begin(struct pn_batch_writer *writer, int64_t base_offset)
{
    PN_ASSERT(base_offset >= 0);
    pn_buf_reset(&writer->batch);
    writer->header = (struct pn_batch_header){.base_offset = base_offset};
    if (pn_buf_reserve(&writer->batch, PN_BATCH_HEADER_BYTES)) {
        writer->batch.len = PN_BATCH_HEADER_BYTES;
    }
}

size_t pn_batch_bytes(const struct pn_batch_writer *writer)
{
    return writer->batch.len;
}

static size_t sized_len(struct pn_bytes bytes)
{
    return bytes.data == NULL ? pn_varint_size(-1) : pn_varint_size((int64_t)bytes.len) + bytes.len;
}

static uint8_t *put_sized(uint8_t *at, struct pn_bytes bytes)
{
    if (bytes.data == NULL) {
        return pn_varint_put(at, -1);
    }
    at = pn_varint_put(at, (int64_t)bytes.len);
    if (bytes.len > 0) {
        memcpy(at, bytes.data, bytes.len);
    }
    return at + bytes.len;
}

int pn_batch_add(struct pn_batch_writer *writer, const struct pn_record *record,
                 int64_t timestamp_ms, struct pn_err *e)
{
    struct pn_batch_header *header = &writer->header;
    if (header->record_count == 0) {
        header->base_timestamp = timestamp_ms;
        header->max_timestamp = timestamp_ms;
    }
    /* Timestamps are whatever a producer says: their difference may wrap, and wraps back. */
    int64_t timestamp_delta = (int64_t)((uint64_t)timestamp_ms - (uint64_t)header->base_timestamp);
    size_t body = 1 + pn_varint_size(timestamp_delta) + pn_varint_size(header->record_count) +
                  sized_len(record->key) + sized_len(record->value) +
                  pn_varint_size((int64_t)record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        body += sized_len(record->headers[i].name) + sized_len(record->headers[i].value);
    }
    size_t size = pn_varint_size((int64_t)body) + body;
    struct pn_buf *batch = &writer->batch;
    if (!pn_buf_reserve(batch, size)) {
        return size > batch->max - batch->len
                   ? pn_err_input(e, "a record batch would have more than %zu bytes", batch->max)
                   : pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "no memory for a record batch");
    }
    uint8_t *at = pn_varint_put((uint8_t *)batch->data + batch->len, (int64_t)body);
    *at++ = 0;
    at = pn_varint_put(at, timestamp_delta);
    at = pn_varint_put(at, header->record_count);
    at = put_sized(at, record->key);
    at = put_sized(at, record->value);
    at = pn_varint_put(at, (int64_t)record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        at = put_sized(at, record->headers[i].name);
        at = put_sized(at, record->headers[i].value);
    }
    batch->len += size;
    PN_ASSERT(at == (uint8_t *)batch->data + batch->len);
    if (timestamp_ms > header->max_timestamp) {
        header->max_timestamp = timestamp_ms;
    }
    header->record_count++;
    return 0;
}

/* Compresses the records into writer->packed; it keeps an empty one when that doesn't pay. */
static int pack(struct pn_batch_writer *writer, struct pn_err *e)
{
    struct pn_buf *packed = &writer->packed;
    pn_buf_reset(packed);
    if (writer->compression == PN_COMPRESSION_NONE) {
        return 0;
    }
    pn_buf_add(packed, writer->batch.data, PN_BATCH_HEADER_BYTES);
    int rc =
        pn_compress(writer->compression, &writer->zstd, writer->batch.data + PN_BATCH_HEADER_BYTES,
                    writer->batch.len - PN_BATCH_HEADER_BYTES, packed, e);
    if (rc == 0 && packed->len >= writer->batch.len) {
        pn_buf_reset(packed);
    }
    return rc;
}

int pn_batch_finish(struct pn_batch_writer *writer, const uint8_t **bytes, struct pn_err *e)
{
    struct pn_batch_header *header = &writer->header;
    PN_ASSERT(header->record_count > 0 && !pn_buf_failed(&writer->batch));
    int rc = pack(writer, e);
    if (rc != 0) {
        return rc;
    }
    bool compressed = writer->packed.len > 0;
    struct pn_buf *whole = compressed ? &writer->packed : &writer->batch;
    static const uint16_t codecs[] = {
        [PN_COMPRESSION_LZ4] = CODEC_LZ4, [PN_COMPRESSION_ZSTD] = CODEC_ZSTD};
    uint8_t *at = (uint8_t *)whole->data;
    header->compression = compressed ? writer->compression : PN_COMPRESSION_NONE;
    header->bytes = whole->len;
    pn_put_be64(at + PN_BATCH_AT_BASE_OFFSET, (uint64_t)header->base_offset);
    pn_put_be32(at + PN_BATCH_AT_LENGTH, (uint32_t)(whole->len - PN_BATCH_AT_LEADER_EPOCH));
    pn_put_be32(at + PN_BATCH_AT_LEADER_EPOCH, 0);
    at[PN_BATCH_AT_MAGIC] = PN_BATCH_MAGIC;
    pn_put_be16(at + PN_BATCH_AT_ATTRIBUTES, codecs[header->compression]);
    pn_put_be32(at + PN_BATCH_AT_LAST_OFFSET_DELTA, (uint32_t)header->record_count - 1);
    pn_put_be64(at + PN_BATCH_AT_BASE_TIMESTAMP, (uint64_t)header->base_timestamp);
    pn_put_be64(at + PN_BATCH_AT_MAX_TIMESTAMP, (uint64_t)header->max_timestamp);
    pn_put_be64(at + PN_BATCH_AT_PRODUCER_ID, UINT64_MAX);
    pn_put_be16(at + PN_BATCH_AT_PRODUCER_EPOCH, UINT16_MAX);
    pn_put_be32(at + PN_BATCH_AT_BASE_SEQUENCE, UINT32_MAX);
    pn_put_be32(at + PN_BATCH_AT_RECORD_COUNT, (uint32_t)header->record_count);
    header->crc = pn_crc32c(at + PN_BATCH_AT_ATTRIBUTES, whole->len - PN_BATCH_AT_ATTRIBUTES);
    pn_put_be32(at + PN_BATCH_AT_CRC, header->crc);
    *bytes = at;
    return 0;
}

/* --- reading --------------------------------------------------------------------------------- */

static int corrupt(struct pn_err *e, const char *reason)
{
    return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "%s", reason);
}

static bool compression_of(uint16_t attributes, enum pn_log_compression *compression)
{
    switch (attributes) {
    case 0:
        *compression = PN_COMPRESSION_NONE;
        return true;
    case CODEC_LZ4:
        *compression = PN_COMPRESSION_LZ4;
        return true;
    case CODEC_ZSTD:
        *compression = PN_COMPRESSION_ZSTD;
        return true;
    default:
        return false;
    }
}

int pn_batch_parse(const uint8_t *bytes, struct pn_batch_header *header, struct pn_err *e)
{
    if (bytes[PN_BATCH_AT_MAGIC] != PN_BATCH_MAGIC) {
        return corrupt(e, "the magic byte is not 2");
    }
    uint32_t length = pn_get_be32(bytes + PN_BATCH_AT_LENGTH);
    if (length <= PN_BATCH_HEADER_BYTES - PN_BATCH_AT_LEADER_EPOCH ||
        length > PN_BATCH_BYTES_MAX - PN_BATCH_AT_LEADER_EPOCH) {
        return corrupt(e, "its length is impossible");
    }
    uint32_t count = pn_get_be32(bytes + PN_BATCH_AT_RECORD_COUNT);
    int64_t base_offset = (int64_t)pn_get_be64(bytes + PN_BATCH_AT_BASE_OFFSET);
    if (count == 0 || count > PN_BATCH_BYTES_MAX / RECORD_BYTES_MIN ||
        pn_get_be32(bytes + PN_BATCH_AT_LAST_OFFSET_DELTA) != count - 1 || base_offset < 0 ||
        base_offset > INT64_MAX - (int64_t)count) {
        return corrupt(e, "its offsets are impossible");
    }
    enum pn_log_compression compression = PN_COMPRESSION_NONE;
    if (!compression_of(pn_get_be16(bytes + PN_BATCH_AT_ATTRIBUTES), &compression)) {
        return corrupt(e, "its attributes name an unknown compression or kind");
    }
    *header = (struct pn_batch_header){
        .base_offset = base_offset,
        .bytes = PN_BATCH_AT_LEADER_EPOCH + (size_t)length,
        .crc = pn_get_be32(bytes + PN_BATCH_AT_CRC),
        .compression = compression,
        .record_count = (int32_t)count,
        .base_timestamp = (int64_t)pn_get_be64(bytes + PN_BATCH_AT_BASE_TIMESTAMP),
        .max_timestamp = (int64_t)pn_get_be64(bytes + PN_BATCH_AT_MAX_TIMESTAMP),
    };
    return 0;
}

bool pn_batch_whole(const uint8_t *bytes, const struct pn_batch_header *header)
{
    return pn_crc32c(bytes + PN_BATCH_AT_ATTRIBUTES, header->bytes - PN_BATCH_AT_ATTRIBUTES) ==
           header->crc;
}

/* A length and as many bytes; an absent one has data NULL, an empty one has not. */
static bool get_sized(const uint8_t **at, const uint8_t *end, struct pn_bytes *bytes)
{
    int64_t len = 0;
    if (!pn_varint_get(at, end, &len) || len < -1 || len > end - *at) {
        return false;
    }
    *bytes = (struct pn_bytes){0};
    if (len >= 0) {
        *bytes = (struct pn_bytes){.data = *at, .len = (size_t)len};
        *at += len;
    }
    return true;
}

static bool get_headers(const uint8_t **at, const uint8_t *end, struct pn_record *record,
                        struct pn_arena *arena)
{
    int64_t count = 0;
    if (!pn_varint_get(at, end, &count) || count < 0 || count > PN_RECORD_HEADERS_MAX) {
        return false;
    }
    if (count == 0) {
        return true;
    }
    struct pn_record_header *headers = pn_arena_calloc(arena, (size_t)count, sizeof *headers);
    for (int64_t i = 0; i < count; i++) {
        if (!get_sized(at, end, &headers[i].name) || headers[i].name.data == NULL ||
            !get_sized(at, end, &headers[i].value)) {
            return false;
        }
    }
    record->headers = headers;
    record->header_count = (size_t)count;
    return true;
}

/* Reads the record of the index `i` and moves *at after it. */
static bool get_record(const uint8_t **at, const uint8_t *end, const struct pn_batch_header *header,
                       int32_t i, struct pn_arena *arena, struct pn_record *record)
{
    int64_t body = 0;
    int64_t timestamp_delta = 0;
    int64_t offset_delta = 0;
    if (!pn_varint_get(at, end, &body) || body < 1 || body > end - *at) {
        return false;
    }
    const uint8_t *stop = *at + body;
    (*at)++; /* the attributes of a record have no meaning yet */
    *record = (struct pn_record){.offset = header->base_offset + i};
    if (!pn_varint_get(at, stop, &timestamp_delta) || !pn_varint_get(at, stop, &offset_delta) ||
        offset_delta != i || !get_sized(at, stop, &record->key) ||
        !get_sized(at, stop, &record->value) || !get_headers(at, stop, record, arena)) {
        return false;
    }
    record->timestamp_ms = (int64_t)((uint64_t)header->base_timestamp + (uint64_t)timestamp_delta);
    return *at == stop;
}

static void list_push(struct pn_record_list *list, const struct pn_record *record)
{
    if (list->count == list->capacity) {
        size_t grown = list->capacity == 0 ? 64 : list->capacity * 2;
        struct pn_record *records = pn_arena_alloc(list->arena, grown * sizeof *records);
        if (list->count > 0) {
            memcpy(records, list->records, list->count * sizeof *records);
        }
        list->records = records;
        list->capacity = grown;
    }
    list->records[list->count++] = *record;
}

static int decompress(const uint8_t *bytes, const struct pn_batch_header *header,
                      struct pn_arena *arena, const uint8_t **records, size_t *len,
                      struct pn_err *e)
{
    struct pn_buf plain;
    pn_buf_init(&plain, PN_BATCH_BYTES_MAX + PN_BATCH_BYTES_MAX / 4);
    int rc = pn_decompress(header->compression, bytes + PN_BATCH_HEADER_BYTES,
                           header->bytes - PN_BATCH_HEADER_BYTES, &plain, e);
    if (rc == 0) {
        *records = (const uint8_t *)pn_arena_strndup(arena, plain.data, plain.len);
        *len = plain.len;
    }
    pn_buf_deinit(&plain);
    return rc;
}

int pn_batch_decode(const uint8_t *bytes, const struct pn_batch_header *header,
                    struct pn_record_list *list, struct pn_err *e)
{
    const uint8_t *at = bytes + PN_BATCH_HEADER_BYTES;
    size_t len = header->bytes - PN_BATCH_HEADER_BYTES;
    if (header->compression != PN_COMPRESSION_NONE) {
        int rc = decompress(bytes, header, list->arena, &at, &len, e);
        if (rc != 0) {
            return rc;
        }
    }
    const uint8_t *end = at + len;
    for (int32_t i = 0; i < header->record_count; i++) {
        struct pn_record record;
        if (!get_record(&at, end, header, i, list->arena, &record)) {
            return corrupt(e, "its records are not well-formed");
        }
        if (record.offset < list->from_offset) {
            continue;
        }
        size_t size = pn_record_bytes(&record);
        bool fits = size <= list->max_bytes - list->bytes;
        if (!fits && list->count > 0) {
            list->full = true;
            return 0;
        }
        list_push(list, &record);
        list->bytes = fits ? list->bytes + size : list->max_bytes;
        list->full = list->count == list->max_records || list->bytes == list->max_bytes;
        if (list->full) {
            return 0;
        }
    }
    if (at != end) {
        return corrupt(e, "unexpected bytes follow its last record");
    }
    return 0;
}
