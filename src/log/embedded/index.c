#include "log/embedded/index.h"

#include <stdlib.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "log/embedded/bytes.h"
#include "log/embedded/record_batch.h"

enum { INDEX_FILE_BYTES_MAX = 256 * 1024 * 1024 };

static const char magic[4] = {'P', 'N', 'I', 'X'};

void pn_index_deinit(struct pn_index *index)
{
    free(index->entries);
    *index = (struct pn_index){0};
}

void pn_index_clear(struct pn_index *index)
{
    index->count = 0;
}

void pn_index_add(struct pn_index *index, struct pn_index_entry entry)
{
    if (index->count > 0) {
        const struct pn_index_entry *last = &index->entries[index->count - 1];
        PN_ASSERT(entry.relative_offset > last->relative_offset && entry.position > last->position);
    }
    pn_grow((void **)&index->entries, &index->capacity, index->count + 1, sizeof *index->entries);
    index->entries[index->count++] = entry;
}

struct pn_index_entry pn_index_at_offset(const struct pn_index *index, int64_t relative_offset)
{
    size_t low = 0;
    size_t high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index->entries[middle].relative_offset <= relative_offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? (struct pn_index_entry){0} : index->entries[low - 1];
}

struct pn_index_entry pn_index_at_timestamp(const struct pn_index *index, int64_t timestamp_ms)
{
    size_t low = 0;
    size_t high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index->entries[middle].max_timestamp < timestamp_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? (struct pn_index_entry){0} : index->entries[low - 1];
}

int pn_index_store(const struct pn_io *io, const char *path, const struct pn_index *index,
                   const struct pn_index_summary *summary, struct pn_err *e)
{
    size_t len = PN_INDEX_HEADER_BYTES + index->count * PN_INDEX_ENTRY_BYTES;
    uint8_t *bytes = pn_try_alloc(len);
    if (bytes == NULL) {
        return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "%s: no memory for its %zu bytes", path, len);
    }
    memcpy(bytes, magic, sizeof magic);
    pn_put_be64(bytes + PN_INDEX_AT_BASE_OFFSET, (uint64_t)summary->base_offset);
    pn_put_be64(bytes + PN_INDEX_AT_NEXT_OFFSET, (uint64_t)summary->next_offset);
    pn_put_be64(bytes + PN_INDEX_AT_BYTES, (uint64_t)summary->bytes);
    pn_put_be64(bytes + PN_INDEX_AT_CREATED, (uint64_t)summary->created_ms);
    pn_put_be64(bytes + PN_INDEX_AT_APPENDED, (uint64_t)summary->appended_ms);
    pn_put_be64(bytes + PN_INDEX_AT_MAX_TIMESTAMP, (uint64_t)summary->max_timestamp);
    pn_put_be64(bytes + PN_INDEX_AT_ENTRIES, index->count);
    uint8_t *at = bytes + PN_INDEX_HEADER_BYTES;
    for (size_t i = 0; i < index->count; i++, at += PN_INDEX_ENTRY_BYTES) {
        const struct pn_index_entry *entry = &index->entries[i];
        pn_put_be32(at, entry->relative_offset);
        pn_put_be32(at + 4, entry->position);
        pn_put_be64(at + 8, (uint64_t)entry->max_timestamp);
    }
    pn_put_be32(bytes + PN_INDEX_AT_CRC,
                pn_crc32c(bytes + PN_INDEX_AT_BASE_OFFSET, len - PN_INDEX_AT_BASE_OFFSET));
    int rc = pn_io_replace_file(io, path, bytes, len, e);
    free(bytes);
    return rc;
}

static bool parse(const uint8_t *bytes, size_t len, int64_t base_offset, struct pn_index *index,
                  struct pn_index_summary *summary)
{
    if (len < PN_INDEX_HEADER_BYTES || memcmp(bytes, magic, sizeof magic) != 0 ||
        pn_get_be32(bytes + PN_INDEX_AT_CRC) !=
            pn_crc32c(bytes + PN_INDEX_AT_BASE_OFFSET, len - PN_INDEX_AT_BASE_OFFSET)) {
        return false;
    }
    uint64_t count = pn_get_be64(bytes + PN_INDEX_AT_ENTRIES);
    if (count != (len - PN_INDEX_HEADER_BYTES) / PN_INDEX_ENTRY_BYTES ||
        (len - PN_INDEX_HEADER_BYTES) % PN_INDEX_ENTRY_BYTES != 0) {
        return false;
    }
    *summary = (struct pn_index_summary){
        .base_offset = (int64_t)pn_get_be64(bytes + PN_INDEX_AT_BASE_OFFSET),
        .next_offset = (int64_t)pn_get_be64(bytes + PN_INDEX_AT_NEXT_OFFSET),
        .bytes = (int64_t)pn_get_be64(bytes + PN_INDEX_AT_BYTES),
        .created_ms = (int64_t)pn_get_be64(bytes + PN_INDEX_AT_CREATED),
        .appended_ms = (int64_t)pn_get_be64(bytes + PN_INDEX_AT_APPENDED),
        .max_timestamp = (int64_t)pn_get_be64(bytes + PN_INDEX_AT_MAX_TIMESTAMP),
    };
    if (summary->base_offset != base_offset || summary->next_offset < base_offset ||
        summary->bytes < 0 || summary->bytes > UINT32_MAX) {
        return false;
    }
    struct pn_index_entry last = {0};
    const uint8_t *at = bytes + PN_INDEX_HEADER_BYTES;
    for (uint64_t i = 0; i < count; i++, at += PN_INDEX_ENTRY_BYTES) {
        struct pn_index_entry entry = {.relative_offset = pn_get_be32(at),
                                       .position = pn_get_be32(at + 4),
                                       .max_timestamp = (int64_t)pn_get_be64(at + 8)};
        if (entry.relative_offset <= last.relative_offset || entry.position <= last.position ||
            entry.position >= summary->bytes) {
            return false;
        }
        pn_index_add(index, entry);
        last = entry;
    }
    return true;
}

int pn_index_load(const struct pn_io *io, const char *path, int64_t base_offset,
                  struct pn_index *index, struct pn_index_summary *summary, struct pn_err *e)
{
    PN_ASSERT(index->count == 0);
    struct pn_buf file;
    pn_buf_init(&file, INDEX_FILE_BYTES_MAX);
    int rc = pn_io_read_file(io, path, &file, e);
    if (rc == 0 &&
        !parse((const uint8_t *)pn_buf_text(&file), file.len, base_offset, index, summary)) {
        pn_index_clear(index);
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "%s: damaged", path);
    }
    pn_buf_deinit(&file);
    return rc;
}
