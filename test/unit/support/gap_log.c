#include "support/gap_log.h"

#include <stdlib.h>

#include "base/mem.h"

enum { STEP = 3, FIRST = 1 };

struct gap_log {
    struct pn_log log;
    struct pn_log *dense;
};

/* A request on its way: what the caller wants to be told. */
struct passing {
    void (*done)(struct pn_log_request *request);
    void *arg;
};

static struct pn_log *dense_of(struct pn_log *log)
{
    return ((struct gap_log *)log)->dense;
}

int64_t gap_log_offset(int64_t n)
{
    return STEP * n + FIRST;
}

/* The first of the dense log's offsets that is not before this one here. */
static int64_t dense_offset(int64_t offset)
{
    return offset <= FIRST ? 0 : (offset - FIRST + STEP - 1) / STEP;
}

static struct pn_log_offsets offsets_here(struct pn_log_offsets dense)
{
    dense.begin = STEP * dense.begin;
    dense.end = STEP * dense.end;
    return dense;
}

static void op_destroy(struct pn_log *log)
{
    struct gap_log *gap = (struct gap_log *)log;
    pn_log_destroy(&gap->dense);
    free(gap);
}

static void on_done(struct pn_log_request *request)
{
    struct passing *passing = request->arg;
    for (size_t i = 0; i < request->count; i++) {
        if (request->entries[i].rc == 0) {
            request->entries[i].offset = gap_log_offset(request->entries[i].offset);
        }
    }
    request->done = passing->done;
    request->arg = passing->arg;
    free(passing);
    request->done(request);
}

static int op_submit(struct pn_log *log, struct pn_log_request *request, struct pn_err *e)
{
    struct passing *passing = pn_xcalloc(1, sizeof *passing);
    *passing = (struct passing){.done = request->done, .arg = request->arg};
    request->done = on_done;
    request->arg = passing;
    int rc = pn_log_submit(dense_of(log), request, e);
    if (rc != 0) {
        request->done = passing->done;
        request->arg = passing->arg;
        free(passing);
    }
    return rc;
}

static int op_create_topic(struct pn_log *log, const char *topic,
                           const struct pn_log_topic_config *config, struct pn_err *e)
{
    return pn_log_create_topic(dense_of(log), topic, config, e);
}

static int op_delete_topic(struct pn_log *log, const char *topic, struct pn_err *e)
{
    return pn_log_delete_topic(dense_of(log), topic, e);
}

static int op_configure_topic(struct pn_log *log, const char *topic,
                              const struct pn_log_topic_config *config, struct pn_err *e)
{
    return pn_log_configure_topic(dense_of(log), topic, config, e);
}

static int op_topics(struct pn_log *log, struct pn_arena *arena, struct pn_log_topic_info **topics,
                     size_t *count, struct pn_err *e)
{
    return pn_log_topics(dense_of(log), arena, topics, count, e);
}

static int op_topic(struct pn_log *log, const char *topic, struct pn_log_topic_info *info,
                    struct pn_err *e)
{
    return pn_log_topic(dense_of(log), topic, info, e);
}

static int op_offsets(struct pn_log *log, const char *topic, int32_t partition,
                      struct pn_log_offsets *offsets, struct pn_err *e)
{
    int rc = pn_log_offsets(dense_of(log), topic, partition, offsets, e);
    if (rc == 0) {
        *offsets = offsets_here(*offsets);
    }
    return rc;
}

static int op_offset_at(struct pn_log *log, const char *topic, int32_t partition,
                        int64_t timestamp_ms, int64_t *offset, struct pn_err *e)
{
    int rc = pn_log_offset_at(dense_of(log), topic, partition, timestamp_ms, offset, e);
    if (rc == 0) {
        *offset = STEP * *offset; /* the gap before the record, or the end */
    }
    return rc;
}

static int op_read(struct pn_log *log, const char *topic, int32_t partition, int64_t offset,
                   size_t max_records, size_t max_bytes, struct pn_arena *arena,
                   struct pn_log_records *records, struct pn_err *e)
{
    int64_t from = dense_offset(offset);
    struct pn_log_offsets offsets = {0};
    *records = (struct pn_log_records){0};
    int rc = op_offsets(log, topic, partition, &offsets, e);
    if (rc == 0 && offset > offsets.end) {
        rc = pn_err_input(e, "offset %lld: the end is %lld", (long long)offset,
                          (long long)offsets.end);
    }
    if (rc != 0) {
        return rc;
    }
    rc = pn_log_read(dense_of(log), topic, partition, from, max_records, max_bytes, arena, records,
                     e);
    for (size_t i = 0; i < records->count; i++) {
        records->records[i].offset = gap_log_offset(records->records[i].offset);
    }
    records->lost_until = records->lost_until > from ? STEP * records->lost_until : offset;
    records->end_offset = STEP * records->end_offset;
    if (records->count > 0 && records->next_offset * STEP < records->end_offset) {
        /* Right after the last record: in a gap. */
        records->next_offset = records->records[records->count - 1].offset + 1;
    } else {
        records->next_offset = STEP * records->next_offset;
    }
    if (records->next_offset < offset) {
        records->next_offset = offset; /* asked in the gap before the end */
    }
    return rc;
}

static int op_listen(struct pn_log *log, void (*fn)(void *arg), void *arg, int *id,
                     struct pn_err *e)
{
    return pn_log_listen(dense_of(log), fn, arg, id, e);
}

static void op_unlisten(struct pn_log *log, int id)
{
    pn_log_unlisten(dense_of(log), id);
}

struct pn_log *gap_log_create(struct pn_log *dense)
{
    static const struct pn_log_ops ops = {
        .name = "gaps",
        .destroy = op_destroy,
        .submit = op_submit,
        .create_topic = op_create_topic,
        .delete_topic = op_delete_topic,
        .configure_topic = op_configure_topic,
        .topics = op_topics,
        .topic = op_topic,
        .offsets = op_offsets,
        .offset_at = op_offset_at,
        .read = op_read,
        .listen = op_listen,
        .unlisten = op_unlisten,
    };
    struct gap_log *gap = pn_xcalloc(1, sizeof *gap);
    gap->log.ops = &ops;
    gap->dense = dense;
    return &gap->log;
}
