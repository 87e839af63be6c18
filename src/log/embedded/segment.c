#include "log/embedded/segment.h"

#include <stdio.h>
#include <string.h>

void pn_segment_init(struct pn_segment *segment, int64_t base_offset)
{
    *segment = (struct pn_segment){
        .base_offset = base_offset,
        .next_offset = base_offset,
        .max_timestamp = INT64_MIN,
        .stored_bytes = -1,
    };
}

void pn_segment_deinit(struct pn_segment *segment)
{
    pn_index_deinit(&segment->index);
}

char *pn_segment_path(char *path, const char *folder, int64_t base_offset, const char *suffix)
{
    int len = snprintf(path, PN_PATH_SIZE, "%s/%020lld.%s", folder, (long long)base_offset, suffix);
    PN_ASSERT(len > 0 && len < PN_PATH_SIZE);
    return path;
}

bool pn_segment_name_parse(const char *name, const char *suffix, int64_t *base_offset)
{
    uint64_t number = 0;
    for (int i = 0; i < PN_SEGMENT_NAME_DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(name[i] - '0');
        if (number > (INT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    *base_offset = (int64_t)number;
    return name[PN_SEGMENT_NAME_DIGITS] == '.' &&
           strcmp(name + PN_SEGMENT_NAME_DIGITS + 1, suffix) == 0;
}

void pn_segment_add(struct pn_segment *segment, const struct pn_batch_header *header,
                    int64_t appended_ms, int64_t index_interval_bytes)
{
    PN_ASSERT(header->base_offset == segment->next_offset);
    PN_ASSERT(segment->bytes + (int64_t)header->bytes <= UINT32_MAX);
    int64_t relative_offset = header->base_offset - segment->base_offset;
    if (segment->bytes > 0 && segment->bytes - segment->indexed_bytes >= index_interval_bytes &&
        relative_offset <= UINT32_MAX) {
        pn_index_add(&segment->index,
                     (struct pn_index_entry){.relative_offset = (uint32_t)relative_offset,
                                             .position = (uint32_t)segment->bytes,
                                             .max_timestamp = segment->max_timestamp});
        segment->indexed_bytes = segment->bytes;
    }
    if (segment->created_ms == 0) {
        segment->created_ms = appended_ms;
    }
    segment->appended_ms = appended_ms;
    if (header->max_timestamp > segment->max_timestamp) {
        segment->max_timestamp = header->max_timestamp;
    }
    segment->bytes += (int64_t)header->bytes;
    segment->next_offset = pn_batch_next_offset(header);
}

int pn_segment_store_index(struct pn_segment *segment, const struct pn_io *io, const char *folder,
                           struct pn_err *e)
{
    char path[PN_PATH_SIZE];
    struct pn_index_summary summary = {
        .base_offset = segment->base_offset,
        .next_offset = segment->next_offset,
        .bytes = segment->bytes,
        .created_ms = segment->created_ms,
        .appended_ms = segment->appended_ms,
        .max_timestamp = segment->max_timestamp,
    };
    int rc = pn_index_store(io, pn_segment_path(path, folder, segment->base_offset, "index"),
                            &segment->index, &summary, e);
    if (rc == 0) {
        segment->stored_bytes = segment->bytes;
    }
    return rc;
}

int pn_segment_load_index(struct pn_segment *segment, const struct pn_io *io, const char *folder,
                          struct pn_err *e)
{
    PN_ASSERT(segment->bytes == 0);
    char path[PN_PATH_SIZE];
    struct pn_index_summary summary;
    int rc = pn_index_load(io, pn_segment_path(path, folder, segment->base_offset, "index"),
                           segment->base_offset, &segment->index, &summary, e);
    if (rc != 0) {
        return rc;
    }
    segment->next_offset = summary.next_offset;
    segment->bytes = summary.bytes;
    segment->created_ms = summary.created_ms;
    segment->appended_ms = summary.appended_ms;
    segment->max_timestamp = summary.max_timestamp;
    segment->stored_bytes = summary.bytes;
    if (segment->index.count > 0) {
        segment->indexed_bytes = segment->index.entries[segment->index.count - 1].position;
    }
    return 0;
}
