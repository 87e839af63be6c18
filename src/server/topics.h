/*
 * The topics of the log, and whether a table reads them: for `pinion topic list`, /health, and
 * GET api/v1/topics.
 */
#ifndef PN_SERVER_TOPICS_H
#define PN_SERVER_TOPICS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "log/log.h"
#include "pipeline/pipeline.h"

struct pn_topic_row {
    const char *topic;
    int64_t partitions;
    int64_t records; /* that the log keeps */
    int64_t size_bytes;
    const char *tables; /* the raw tables that read it, with ", " between; NULL: none does */
};

/* All topics but those of streams, by name; in the arena. */
int pn_topics_list(struct pn_log *log, const struct pn_pipeline *pipeline, struct pn_arena *arena,
                   struct pn_topic_row **rows, size_t *count, struct pn_err *e) PN_MUST_CHECK;
/* The records that a topic of the log keeps, in all its partitions; and their size. */
int pn_topic_size(struct pn_log *log, const char *topic, int32_t partitions, int64_t *records,
                  int64_t *size_bytes, struct pn_err *e) PN_MUST_CHECK;

/* {"topics":[...]}, and back; texts in the arena. */
void pn_topics_write(struct pn_buf *out, const struct pn_topic_row *rows, size_t count);
int pn_topics_read(const struct pn_json *root, struct pn_arena *arena, struct pn_topic_row **rows,
                   size_t *count, struct pn_err *e) PN_MUST_CHECK;

#endif
