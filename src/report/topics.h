/*
 * The topics of a log, their partitions, and which tables read them.
 *
 * What a server answers by /api/v1 is written here and read back here, so that a command prints the
 * same rows whether it asks a server or opens the log itself.
 */
#ifndef PN_REPORT_TOPICS_H
#define PN_REPORT_TOPICS_H

#include "base/arena.h"
#include "base/json.h"
#include "log/log.h"
#include "pipeline/pipeline.h"
#include "report/columns.h"

/* The columns of the reports below. */
extern const struct pn_report_columns pn_topic_columns;
extern const struct pn_report_columns pn_partition_columns;

struct pn_topic_row {
    const char *topic;
    int64_t partitions;
    int64_t records;         /* that the log keeps */
    int64_t size_bytes;      /* -1: not known, which is null in the reports */
    int64_t first_partition; /* where the first of them is; -1: there are none */
    int64_t first_offset;
    const char *tables;      /* the raw tables that read it, with ", " between; NULL: none does */
    int64_t retention_ms;    /* -1: forever */
    int64_t retention_bytes; /* of a partition; -1: unlimited */
    int64_t oldest_ms;       /* times of its oldest and newest records; 0: none, or not looked at */
    int64_t newest_ms;
};

/* All topics but those of streams, by name; in the arena. */
int pn_topics_list(struct pn_log *log, const struct pn_pipeline *pipeline, struct pn_arena *arena,
                   struct pn_topic_row **rows, size_t *count, struct pn_err *e) PN_MUST_CHECK;
/* Looks up the times of the topics' oldest and newest records, by reading two records of each
 * partition; one that cannot be read is left out. BLOCKS. */
void pn_topics_time(struct pn_log *log, struct pn_topic_row *rows, size_t count);
/* What a topic of the log keeps, in all its partitions: fills records, size_bytes and what is of
 * the first record. */
int pn_topic_size(struct pn_log *log, const char *topic, int32_t partitions,
                  struct pn_topic_row *row, struct pn_err *e) PN_MUST_CHECK;

/* topic, partitions, records, size_bytes, read_by; but in a table also first_partition,
 * first_offset, retention_ms, retention_bytes, oldest and newest. */
void pn_report_topics(const struct pn_topic_row *topics, size_t count, struct pn_row_writer *rows);
/* The topics of a server's {"items":[rows]}, texts in the arena. FATAL: the answer has another
 * form. */
int pn_topics_read(const struct pn_json *root, struct pn_arena *arena, struct pn_topic_row **rows,
                   size_t *count, struct pn_err *e) PN_MUST_CHECK;

/* One topic as it is now. */
struct pn_topic_detail {
    struct pn_log_topic_info info;
    struct pn_log_offsets *partitions; /* info.partitions of them */
};

/* In the arena. MISSING when there is no such topic. */
int pn_topic_look(struct pn_log *log, const char *topic, struct pn_arena *arena,
                  struct pn_topic_detail *detail, struct pn_err *e) PN_MUST_CHECK;
/* partition, begin, end, records, size_bytes; but in a table also topic, retention_ms (null:
 * forever), retention_bytes (of a partition; null: unlimited), record_bytes_max, compression. */
void pn_report_partitions(const struct pn_topic_detail *detail, struct pn_row_writer *rows);
/* The topic of a server's {"partitions":[rows]}, as pn_topics_read(). */
int pn_topic_read_detail(const struct pn_json *root, struct pn_arena *arena,
                         struct pn_topic_detail *detail, struct pn_err *e) PN_MUST_CHECK;

#endif
