/* Live updates of what the log holds. The path of produced records sends nothing here: the ends are
 * read by the hub's thread, for the topics that somebody looks at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "kinesis/kinesis.h"
#include "server/live_internal.h"

enum { ENDS_LOOK_MS = 250, RATES_LOOK_MS = 1000 };
/* A rate is the mean of so long, so it changes for a while after the last record. */
enum { RATE_MS = 11000 };

/* --- the ends of a topic or stream ------------------------------------------------------------ */

/* The ends as they were published; partition N is at N. */
struct ends {
    int32_t count;
    int64_t items[];
};

static struct ends *read_ends(struct pn_log *log, const char *topic)
{
    struct pn_log_topic_info info = {0};
    if (pn_log_topic(log, topic, &info, NULL) != 0) {
        return pn_xcalloc(1, sizeof(struct ends)); /* it is not there, or no more */
    }
    struct ends *ends =
        pn_xcalloc(1, sizeof *ends + (size_t)info.partitions * sizeof ends->items[0]);
    ends->count = info.partitions;
    for (int32_t i = 0; i < ends->count; i++) {
        struct pn_log_offsets offsets = {0};
        if (pn_log_offsets(log, topic, i, &offsets, NULL) == 0) {
            ends->items[i] = offsets.end;
        }
    }
    return ends;
}

static bool has_moved(const struct ends *before, const struct ends *now, int32_t partition)
{
    return partition >= before->count || before->items[partition] != now->items[partition];
}

/* Publishes the ends that moved. */
static void publish_ends(struct pn_live *live, const struct pn_live_topic *topic,
                         const struct ends *before, const struct ends *now)
{
    bool changed = before->count != now->count;
    for (int32_t i = 0; i < now->count && !changed; i++) {
        changed = has_moved(before, now, i);
    }
    if (!changed) {
        return;
    }
    struct pn_json_writer *json = pn_live_begin(live, topic, topic->parts[0]);
    pn_json_add_object(json, "ends");
    for (int32_t i = 0; i < now->count; i++) {
        if (has_moved(before, now, i)) {
            char partition[16];
            (void)snprintf(partition, sizeof partition, "%d", (int)i);
            pn_json_add_i64_text(json, partition, now->items[i]);
        }
    }
    pn_json_end(json);
    pn_live_end(live);
}

static void look_at_ends(void *arg, struct pn_live *live, struct pn_live_topic **topics,
                         size_t count)
{
    struct pn_live_log *log = arg;
    for (size_t i = 0; i < count; i++) {
        struct pn_live_topic *topic = topics[i];
        bool is_stream = strcmp(topic->parts[0], "stream") == 0;
        char *name =
            pn_xasprintf("%s%s", is_stream ? PN_KINESIS_TOPIC_PREFIX : "", topic->parts[1]);
        struct ends *before = topic->state;
        struct ends *now = read_ends(log->log, name);
        if (!topic->is_new && before != NULL) {
            publish_ends(live, topic, before, now);
        }
        topic->state = now;
        free(before);
        free(name);
    }
}

/* --- rates ------------------------------------------------------------------------------------ */

/* A number that is another one when records were added anywhere, or topics. */
static uint64_t mark_of_all(struct pn_log *log)
{
    struct pn_arena arena;
    struct pn_log_topic_info *topics = NULL;
    size_t count = 0;
    uint32_t mark = 0;
    pn_arena_init(&arena, 0);
    if (pn_log_topics(log, &arena, &topics, &count, NULL) == 0) {
        for (size_t i = 0; i < count; i++) {
            mark = pn_crc32c_add(mark, topics[i].name, strlen(topics[i].name) + 1);
            for (int32_t at = 0; at < topics[i].partitions; at++) {
                struct pn_log_offsets offsets = {0};
                if (pn_log_offsets(log, topics[i].name, at, &offsets, NULL) == 0) {
                    mark = pn_crc32c_add(mark, &offsets.end, sizeof offsets.end);
                }
            }
        }
    }
    pn_arena_deinit(&arena);
    return mark;
}

static void look_at_rates(void *arg, struct pn_live *live, struct pn_live_topic **topics,
                          size_t count)
{
    struct pn_live_log *log = arg;
    uint64_t mark = mark_of_all(log->log);
    pn_api_overview_sample(log->overview);
    int64_t now_ms = pn_mono_ms(log->clock);
    for (size_t i = 0; i < count; i++) {
        if (!topics[i]->is_new && topics[i]->seen != mark) {
            log->changed_ms = now_ms;
        }
        topics[i]->seen = mark;
        if (log->changed_ms != 0 && now_ms - log->changed_ms <= RATE_MS && !topics[i]->is_new) {
            pn_live_publish(live, topics[i], "rates");
        }
    }
}

void pn_live_log_add(struct pn_live_log *log, struct pn_live *live)
{
    static const struct pn_live_kind ends[] = {{"topic", 2}, {"stream", 2}, {NULL, 0}};
    static const struct pn_live_kind rates[] = {{"rates", 1}, {NULL, 0}};
    const struct pn_live_source sources[] = {
        {.kinds = ends, .look_ms = ENDS_LOOK_MS, .look = look_at_ends, .arg = log},
        {.kinds = rates, .look_ms = RATES_LOOK_MS, .look = look_at_rates, .arg = log},
    };
    pn_live_add_source(live, &sources[0]);
    pn_live_add_source(live, &sources[1]);
}
