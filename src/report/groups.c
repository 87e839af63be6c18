#include "report/groups.h"

#include <string.h>

#include "log/lag.h"
#include "log/member.h"
#include "report/records.h"

/* ---- what there is --------------------------------------------------------------------------- */

static int cluster_places(struct pn_log *log, const char *topic, struct pn_arena *arena,
                          struct pn_kafka_rest_group_place **places, size_t *count,
                          struct pn_err *e)
{
    struct pn_log_group_place *found = NULL;
    int rc = pn_log_groups(log, topic, arena, &found, count, e);
    if (rc != 0) {
        return rc;
    }
    *places = pn_arena_calloc(arena, *count + 1, sizeof **places);
    for (size_t i = 0; i < *count; i++) {
        (*places)[i] = (struct pn_kafka_rest_group_place){.group = found[i].group,
                                                          .partition = found[i].partition,
                                                          .committed = found[i].committed,
                                                          .instance = found[i].member,
                                                          .position = -1};
    }
    return 0;
}

int pn_groups_places(struct pn_log *log, struct pn_kafka_rest_consumers *consumers,
                     const char *topic, struct pn_arena *arena,
                     struct pn_kafka_rest_group_place **places, size_t *count, struct pn_err *e)
{
    struct pn_log_topic_info info;
    *count = 0;
    int rc = pn_log_topic(log, topic, &info, e);
    if (rc != 0) {
        return rc;
    }
    return pn_log_has_groups(log)
               ? cluster_places(log, topic, arena, places, count, e)
               : pn_kafka_rest_consumers_places(consumers, topic, arena, places, count, e);
}

/* The sinks and processors of a cluster share partitions by such groups (server/claim.h). How far
 * they have come is in the store, not in the group. */
static bool only_shares(const struct pn_log *log, const char *group)
{
    static const char *const own[] = {"pinion-sink-", "pinion-stream-"};
    return pn_log_has_groups(log) && (strncmp(group, own[0], strlen(own[0])) == 0 ||
                                      strncmp(group, own[1], strlen(own[1])) == 0);
}

int pn_groups_list(struct pn_log *log, const char *topic,
                   const struct pn_kafka_rest_group_place *places, size_t place_count,
                   struct pn_arena *arena, struct pn_group_row **rows, size_t *count,
                   struct pn_err *e)
{
    *count = 0;
    *rows = pn_arena_calloc(arena, place_count + 1, sizeof **rows);
    for (size_t i = 0; i < place_count; i++) {
        const struct pn_kafka_rest_group_place *place = &places[i];
        struct pn_log_offsets offsets = {0};
        struct pn_err failure = {0};
        int rc = pn_log_offsets(log, topic, place->partition, &offsets, &failure);
        if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
            continue;
        }
        if (rc != 0) {
            pn_err_copy(e, &failure);
            return rc;
        }
        struct pn_lag lag = pn_lag(place->committed, offsets.begin, offsets.end);
        bool is_known = place->committed >= 0 || !only_shares(log, place->group);
        (*rows)[(*count)++] = (struct pn_group_row){.topic = topic,
                                                    .group = place->group,
                                                    .partition = place->partition,
                                                    .committed = place->committed,
                                                    .end = offsets.end,
                                                    .lag = is_known ? lag.records : -1,
                                                    .lost = lag.lost,
                                                    .instance = place->instance,
                                                    .position = place->position};
    }
    return 0;
}

static const char *text_of(const struct pn_json *object, const char *key, struct pn_arena *arena)
{
    const char *text = NULL;
    size_t len = 0;
    return pn_json_get_text(object, key, &text, &len) ? pn_arena_strndup(arena, text, len) : NULL;
}

/* A number that may be null: -1. */
static int64_t known_of(const struct pn_json *object, const char *key)
{
    const struct pn_json *node = pn_json_get(object, key);
    return node == NULL || node->type == PN_JSON_NULL ? -1 : pn_report_read_wide(object, key);
}

int pn_groups_read(const struct pn_json *root, const char *topic, struct pn_arena *arena,
                   struct pn_group_row **rows, size_t *count, struct pn_err *e)
{
    const struct pn_json *groups = pn_json_get(root, "groups");
    if (groups == NULL || groups->type != PN_JSON_ARRAY) {
        return pn_err_fatal(e, "the server is not pinion, or is an incompatible version");
    }
    *count = 0;
    *rows = pn_arena_calloc(arena, groups->count + 1, sizeof **rows);
    for (const struct pn_json *row = groups->first; row != NULL; row = row->next) {
        const char *group = text_of(row, "group", arena);
        (*rows)[(*count)++] =
            (struct pn_group_row){.topic = topic,
                                  .group = group != NULL ? group : "",
                                  .partition = pn_json_get_i64(row, "partition", 0),
                                  .committed = known_of(row, "committed"),
                                  .end = pn_report_read_wide(row, "end"),
                                  .lag = pn_json_get_i64(row, "lag", -1),
                                  .lost = pn_json_get_i64(row, "lost", 0),
                                  .instance = text_of(row, "instance", arena),
                                  .position = known_of(row, "position")};
    }
    return 0;
}

/* ---- the rows -------------------------------------------------------------------------------- */

#define COLUMNS                                                                                 \
    {"group", PN_CELL_TEXT | PN_NOT_NULL}, {"partition", PN_CELL_INT | PN_NOT_NULL},            \
        {"committed", PN_CELL_WIDE}, {"end", PN_CELL_WIDE | PN_NOT_NULL}, {"lag", PN_CELL_INT}, \
        {"lost", PN_CELL_INT | PN_NOT_NULL}, {"instance", PN_CELL_TEXT},                        \
    {                                                                                           \
        "position", PN_CELL_WIDE                                                                \
    }

PN_REPORT_COLUMNS(pn_group_columns, COLUMNS);
PN_REPORT_COLUMNS(pn_topic_group_columns, {"topic", PN_CELL_TEXT | PN_NOT_NULL}, COLUMNS);

static void add_row(const struct pn_group_row *row, struct pn_row_writer *rows)
{
    pn_cell_cstr(rows, row->group);
    pn_cell_int(rows, row->partition);
    pn_cell_known(rows, row->committed);
    pn_cell_int(rows, row->end);
    pn_cell_known(rows, row->lag);
    pn_cell_int(rows, row->lost);
    pn_cell_cstr(rows, row->instance);
    pn_cell_known(rows, row->position);
}

void pn_report_groups(const struct pn_group_row *groups, size_t count, struct pn_row_writer *rows)
{
    pn_rows_begin_all(rows, &pn_group_columns);
    for (size_t i = 0; i < count; i++) {
        add_row(&groups[i], rows);
    }
}

void pn_report_topic_group(const struct pn_group_row *group, struct pn_row_writer *rows)
{
    pn_cell_cstr(rows, group->topic);
    add_row(group, rows);
}
