/* Live updates of the consumer groups of a topic: their commits, and which consumer has what. */
#include <string.h>

#include "base/arena.h"
#include "base/crc32c.h"
#include "log/member.h"
#include "report/groups.h"
#include "server/live_internal.h"

enum { LOOK_MS = 1000, CLUSTER_TELL_MS = 5000 };

/* A number that is another one when one of the groups has moved; 0: they cannot be read now. */
static uint64_t mark_of(const struct pn_api_group_routes *groups, const char *topic)
{
    struct pn_arena arena;
    struct pn_kafka_rest_group_place *places = NULL;
    size_t count = 0;
    uint64_t mark = 0;
    pn_arena_init(&arena, 0);
    if (pn_groups_places(groups->topics, groups->consumers, topic, &arena, &places, &count, NULL) ==
        0) {
        uint32_t sum = 0;
        for (size_t i = 0; i < count; i++) {
            const struct pn_kafka_rest_group_place *place = &places[i];
            const char *instance = place->instance != NULL ? place->instance : "";
            const int64_t numbers[] = {place->partition, place->committed, place->position};
            sum = pn_crc32c_add(sum, place->group, strlen(place->group) + 1);
            sum = pn_crc32c_add(sum, instance, strlen(instance) + 1);
            sum = pn_crc32c_add(sum, numbers, sizeof numbers);
        }
        mark = UINT64_C(1) + sum;
    }
    pn_arena_deinit(&arena);
    return mark;
}

static void look(void *arg, struct pn_live *live, struct pn_live_topic **topics, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct pn_live_topic *topic = topics[i];
        uint64_t mark = mark_of(arg, topic->parts[1]);
        if (!topic->is_new && mark != topic->seen) {
            pn_live_publish(live, topic, "groups");
        }
        topic->seen = mark;
    }
}

/* The brokers may be slow, and all sources look on one thread: those who watch the groups of a
 * cluster ask for them by their own requests. */
static void tell(void *arg, struct pn_live *live, struct pn_live_topic **topics, size_t count)
{
    (void)arg;
    for (size_t i = 0; i < count; i++) {
        if (!topics[i]->is_new) {
            pn_live_publish(live, topics[i], "groups");
        }
    }
}

void pn_live_groups_add(const struct pn_api_group_routes *groups, struct pn_live *live)
{
    static const struct pn_live_kind kinds[] = {{"groups", 2}, {NULL, 0}};
    bool is_cluster = pn_log_has_groups(groups->topics);
    const struct pn_live_source source = {.kinds = kinds,
                                          .look_ms = is_cluster ? CLUSTER_TELL_MS : LOOK_MS,
                                          .look = is_cluster ? tell : look,
                                          .arg = (void *)(uintptr_t)groups};
    pn_live_add_source(live, &source);
}
