#include "sink/reader.h"

enum { CHUNK_RECORDS_MAX = 4096, CHUNK_BYTES_MAX = 1024 * 1024 };

void pn_sink_reader_init(struct pn_sink_reader *reader, struct pn_log *log, const char *topic,
                         int32_t partition, int64_t offset,
                         void (*lost)(void *arg, int64_t first, int64_t end, const char *why),
                         void *arg)
{
    *reader = (struct pn_sink_reader){.log = log,
                                      .topic = topic,
                                      .partition = partition,
                                      .offset = offset,
                                      .lost = lost,
                                      .arg = arg};
    pn_arena_init(&reader->arena, CHUNK_BYTES_MAX);
}

void pn_sink_reader_deinit(struct pn_sink_reader *reader)
{
    pn_arena_deinit(&reader->arena);
}

void pn_sink_reader_seek(struct pn_sink_reader *reader, int64_t offset)
{
    if (offset != reader->offset) {
        reader->offset = offset;
        reader->used = reader->chunk.count;
    }
}

static int64_t least(int64_t left, int64_t right)
{
    return left < right ? left : right;
}

/* Moves on to `offset`, or to the limit: a later call reports losses beyond it. */
static void lose(struct pn_sink_reader *reader, int64_t offset, int64_t limit, const char *why)
{
    int64_t end = least(offset, limit);
    reader->lost(reader->arg, reader->offset, end, why);
    reader->offset = end;
}

/* Fills the chunk from reader->offset on. *more is false when there is nothing before `limit`. */
static int fill(struct pn_sink_reader *reader, int64_t limit, bool *more, struct pn_err *e)
{
    struct pn_err failure;
    size_t records_max = (size_t)least(limit - reader->offset, CHUNK_RECORDS_MAX);
    pn_arena_reset(&reader->arena);
    reader->chunk = (struct pn_log_records){0};
    reader->used = 0;
    int rc = pn_log_read(reader->log, reader->topic, reader->partition, reader->offset, records_max,
                         CHUNK_BYTES_MAX, &reader->arena, &reader->chunk, &failure);
    if (rc != 0) {
        int64_t next = reader->chunk.next_offset;
        reader->chunk.count = 0;
        if (failure.class_ != PN_CLASS_CORRUPT || next <= reader->offset) {
            pn_err_copy(e, &failure);
            return rc;
        }
        lose(reader, next, limit, failure.msg);
        *more = reader->offset < limit;
        return 0;
    }
    if (reader->chunk.lost_until > reader->offset) {
        lose(reader, reader->chunk.lost_until, limit, "the log no longer has them");
    }
    *more = reader->chunk.count > 0;
    if (reader->chunk.count == 0 && reader->chunk.next_offset > reader->offset) {
        reader->offset = least(reader->chunk.next_offset, limit);
    }
    return 0;
}

int pn_sink_reader_next(struct pn_sink_reader *reader, int64_t limit,
                        const struct pn_record **record, struct pn_err *e)
{
    *record = NULL;
    bool more = true;
    while (reader->used == reader->chunk.count && reader->offset < limit && more) {
        int rc = fill(reader, limit, &more, e);
        if (rc != 0) {
            return rc;
        }
    }
    if (reader->used == reader->chunk.count || reader->offset >= limit) {
        return 0;
    }
    const struct pn_record *next = &reader->chunk.records[reader->used];
    PN_ASSERT(next->offset >= reader->offset);
    if (next->offset >= limit) {
        reader->offset = limit;
        return 0;
    }
    *record = next;
    reader->used++;
    reader->offset = next->offset + 1;
    return 0;
}

void pn_sink_reader_unread(struct pn_sink_reader *reader)
{
    PN_ASSERT(reader->used > 0);
    reader->used--;
    reader->offset = reader->chunk.records[reader->used].offset;
}
