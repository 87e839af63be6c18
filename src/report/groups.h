/* What consumer groups have read of a topic, and how much they have still to read, as rows. */
#ifndef PN_REPORT_GROUPS_H
#define PN_REPORT_GROUPS_H

#include "base/json.h"
#include "kafka/rest/groups.h"
#include "log/log.h"
#include "report/columns.h"

/* A partition of a topic, as a group has it. */
struct pn_group_row {
    const char *topic;
    const char *group;
    int64_t partition;
    int64_t committed; /* -1: nothing */
    int64_t end;
    int64_t lag; /* of the committed offset (log/lag.h); -1: a group of pinion's own, by which
                    processes share partitions and which commits nothing */
    int64_t lost;
    const char *instance; /* that has the partition now; NULL: none has */
    int64_t position;     /* what it reads next; -1: not known */
};

/* What the groups have of the topic: those of the cluster where the log is one, else those of
 * `consumers`, which may then not be NULL. In the arena. MISSING: there is no such topic. BLOCKS.
 */
int pn_groups_places(struct pn_log *log, struct pn_kafka_rest_consumers *consumers,
                     const char *topic, struct pn_arena *arena,
                     struct pn_kafka_rest_group_place **places, size_t *count,
                     struct pn_err *e) PN_MUST_CHECK;
/* What there is to say of the places. Partitions that the topic does not have (any more) are left
 * out. The rows are in the arena. */
int pn_groups_list(struct pn_log *log, const char *topic,
                   const struct pn_kafka_rest_group_place *places, size_t place_count,
                   struct pn_arena *arena, struct pn_group_row **rows, size_t *count,
                   struct pn_err *e) PN_MUST_CHECK;
/* The same from the answer of a server (api/group_routes.h). */
int pn_groups_read(const struct pn_json *root, const char *topic, struct pn_arena *arena,
                   struct pn_group_row **rows, size_t *count, struct pn_err *e) PN_MUST_CHECK;

/* group, partition, committed (null: nothing), end, lag (null: not known), lost, instance (null:
 * none has the partition), position. */
extern const struct pn_report_columns pn_group_columns;
/* The same after `topic`. */
extern const struct pn_report_columns pn_topic_group_columns;

/* The groups of one topic, without its name. */
void pn_report_groups(const struct pn_group_row *groups, size_t count, struct pn_row_writer *rows);
/* A row with its topic; the caller has begun the columns. */
void pn_report_topic_group(const struct pn_group_row *group, struct pn_row_writer *rows);

#endif
