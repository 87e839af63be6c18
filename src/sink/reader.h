/*
 * Reads a partition's records one by one, and makes what the log has lost visible: `lost` is called
 * before the record that follows is given. Where no record has an offset, and none was lost, the
 * reader passes over it in silence.
 */
#ifndef PN_SINK_READER_H
#define PN_SINK_READER_H

#include "base/arena.h"
#include "base/err.h"
#include "log/log.h"

struct pn_sink_reader {
    struct pn_log *log;
    const char *topic; /* borrowed */
    int32_t partition;
    int64_t offset; /* of the next record, or below it */
    struct pn_arena arena;
    struct pn_log_records chunk;
    size_t used; /* records of the chunk that were given out */
    void (*lost)(void *arg, int64_t first, int64_t end, const char *why);
    void *arg;
};

void pn_sink_reader_init(struct pn_sink_reader *reader, struct pn_log *log, const char *topic,
                         int32_t partition, int64_t offset,
                         void (*lost)(void *arg, int64_t first, int64_t end, const char *why),
                         void *arg);
void pn_sink_reader_deinit(struct pn_sink_reader *reader);
/* Goes to an offset, usually forwards. */
void pn_sink_reader_seek(struct pn_sink_reader *reader, int64_t offset);
/*
 * Gives the next record before `limit`, or NULL when there is none; then reader->offset is `limit`,
 * or the log's end when that comes first. After a record it is the offset that follows. The record
 * is good until the next call.
 */
int pn_sink_reader_next(struct pn_sink_reader *reader, int64_t limit,
                        const struct pn_record **record, struct pn_err *e) PN_MUST_CHECK;
/* Takes the last record back: the next call gives it again. */
void pn_sink_reader_unread(struct pn_sink_reader *reader);

#endif
