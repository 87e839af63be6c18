/*
 * Kafka's record batch, message format v2 (spec: kafka.apache.org/documentation/#recordbatch).
 *
 * A batch; all numbers are big-endian:
 *   at size field
 *    0   8  baseOffset            offset of the first record
 *    8   4  batchLength           bytes after this field
 *   12   4  partitionLeaderEpoch  0
 *   16   1  magic                 2
 *   17   4  crc                   CRC-32C of everything after this field
 *   21   2  attributes            bits 0-2 compression (0 none, 3 lz4, 4 zstd); the others 0
 *   23   4  lastOffsetDelta       records - 1: offsets are dense
 *   27   8  baseTimestamp         of the first record
 *   35   8  maxTimestamp          the largest of all records
 *   43   8  producerId            -1
 *   51   2  producerEpoch         -1
 *   53   4  baseSequence          -1
 *   57   4  records               how many
 *   61   .  the records, compressed together when attributes say so
 *
 * A record; every number but the attributes is a varint (varint.h), a length of -1 means null:
 *   length of what follows | attributes (1 byte, 0) | timestamp - baseTimestamp | offset -
 *   baseOffset | key length, key | value length, value | headers, then for each header: name
 *   length, name, value length, value
 *
 * baseOffset, batchLength, partitionLeaderEpoch and magic are not under the CRC: a reader of a
 * chain of batches checks that each base offset is the expected one.
 */
#ifndef PN_LOG_RECORD_BATCH_H
#define PN_LOG_RECORD_BATCH_H

#include "base/buf.h"
#include "log/embedded/embedded.h"
#include "log/record.h"

enum {
    PN_BATCH_AT_BASE_OFFSET = 0,
    PN_BATCH_AT_LENGTH = PN_BATCH_AT_BASE_OFFSET + 8,
    PN_BATCH_AT_LEADER_EPOCH = PN_BATCH_AT_LENGTH + 4,
    PN_BATCH_AT_MAGIC = PN_BATCH_AT_LEADER_EPOCH + 4,
    PN_BATCH_AT_CRC = PN_BATCH_AT_MAGIC + 1,
    PN_BATCH_AT_ATTRIBUTES = PN_BATCH_AT_CRC + 4,
    PN_BATCH_AT_LAST_OFFSET_DELTA = PN_BATCH_AT_ATTRIBUTES + 2,
    PN_BATCH_AT_BASE_TIMESTAMP = PN_BATCH_AT_LAST_OFFSET_DELTA + 4,
    PN_BATCH_AT_MAX_TIMESTAMP = PN_BATCH_AT_BASE_TIMESTAMP + 8,
    PN_BATCH_AT_PRODUCER_ID = PN_BATCH_AT_MAX_TIMESTAMP + 8,
    PN_BATCH_AT_PRODUCER_EPOCH = PN_BATCH_AT_PRODUCER_ID + 8,
    PN_BATCH_AT_BASE_SEQUENCE = PN_BATCH_AT_PRODUCER_EPOCH + 2,
    PN_BATCH_AT_RECORD_COUNT = PN_BATCH_AT_BASE_SEQUENCE + 4,
    PN_BATCH_HEADER_BYTES = PN_BATCH_AT_RECORD_COUNT + 4
};
_Static_assert(PN_BATCH_AT_MAGIC == 16, "the magic byte is where every message format has it");
_Static_assert(PN_BATCH_AT_CRC == 17, "the checksum is behind the magic byte");
_Static_assert(PN_BATCH_AT_ATTRIBUTES == 21, "the checksum covers from here on");
_Static_assert(PN_BATCH_AT_RECORD_COUNT == 57, "the number of records ends the header");
_Static_assert(PN_BATCH_HEADER_BYTES == 61, "the header of message format v2 has 61 bytes");

enum {
    PN_BATCH_MAGIC = 2,
    /* The largest batch written or taken, compressed or not: one record of the largest size with
     * its lengths fits, twice. */
    PN_BATCH_BYTES_MAX = 2 * PN_RECORD_BYTES_MAX
};

struct pn_batch_header {
    int64_t base_offset;
    size_t bytes; /* of the whole batch, header included */
    uint32_t crc;
    enum pn_log_compression compression;
    int32_t record_count;
    int64_t base_timestamp;
    int64_t max_timestamp;
};

/* The offset after the last record. */
static inline int64_t pn_batch_next_offset(const struct pn_batch_header *header)
{
    return header->base_offset + header->record_count;
}

/* What a record takes in a batch is at most this much: keys, values and headers, plus lengths. */
size_t pn_record_encoded_bytes_max(const struct pn_record *record);

/*
 * Building batches, one after the other, in buffers that are kept from batch to batch. Zeroed
 * storage of the caller's; the bytes of a finished batch are borrowed until the next begin.
 */
struct pn_batch_writer {
    enum pn_log_compression compression;
    struct pn_buf batch;  /* header and records as they are */
    struct pn_buf packed; /* header and compressed records */
    struct pn_batch_header header;
    void *zstd; /* the compressor's state, made when first needed */
};
void pn_batch_writer_init(struct pn_batch_writer *writer, enum pn_log_compression compression);
void pn_batch_writer_deinit(struct pn_batch_writer *writer);
void pn_batch_begin(struct pn_batch_writer *writer, int64_t base_offset);
/* Adds a record with the next offset. RETRY when there is no memory, INPUT over the maximum. */
int pn_batch_add(struct pn_batch_writer *writer, const struct pn_record *record,
                 int64_t timestamp_ms, struct pn_err *e) PN_MUST_CHECK;
/* Bytes of the batch so far, uncompressed. */
size_t pn_batch_bytes(const struct pn_batch_writer *writer);
/* Ends the batch, which must have a record. *bytes has writer->header.bytes bytes; when compressing
 * would not make it smaller, the batch is left uncompressed. */
int pn_batch_finish(struct pn_batch_writer *writer, const uint8_t **bytes,
                    struct pn_err *e) PN_MUST_CHECK;

/*
 * Reads a header from PN_BATCH_HEADER_BYTES bytes; CORRUPT when these can't be the beginning of a
 * batch of ours. The checksum is not checked.
 */
int pn_batch_parse(const uint8_t *bytes, struct pn_batch_header *header,
                   struct pn_err *e) PN_MUST_CHECK;
/* Is the checksum of the whole batch (header->bytes bytes) right? */
bool pn_batch_whole(const uint8_t *bytes, const struct pn_batch_header *header);

/* Where decoded records go, and when it's enough. Zeroed by the caller but for the limits. */
struct pn_record_list {
    struct pn_arena *arena;
    int64_t from_offset; /* records before it are skipped */
    size_t max_records;
    size_t max_bytes; /* of keys, values and headers; the first record is always taken */
    struct pn_record *records;
    size_t count;
    size_t capacity;
    size_t bytes;
    bool full; /* a record did not fit any more, or max_records is reached */
};

/*
 * Appends the records of a whole batch to the list until that's full. Records point into `bytes`
 * when it isn't compressed, else into the arena: `bytes` must live as long. CORRUPT when the
 * records are not what the header says; the list may then have some of them.
 */
int pn_batch_decode(const uint8_t *bytes, const struct pn_batch_header *header,
                    struct pn_record_list *list, struct pn_err *e) PN_MUST_CHECK;

#endif
