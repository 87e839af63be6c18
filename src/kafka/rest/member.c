/* One instance as a member of a group of the cluster. */
#include "kafka/rest/member.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kafka/rest/errors.h"

enum { LOOK_MS = 1000 };

static struct pn_log *log_of(const struct pn_kafka_rest_member *member)
{
    return member->members->config.log;
}

static int64_t now_of(const struct pn_kafka_rest_member *member)
{
    return pn_mono_ms(member->members->config.clock);
}

static int refuse(struct pn_kafka_rest_refusal *refusal, const struct pn_err *e)
{
    if (e->class_ == PN_CLASS_CONFLICT) {
        return pn_kafka_rest_refuse(refusal, 409, PN_KAFKA_REST_CODE_ILLEGAL_STATE,
                                    "Illegal state: %.450s", e->msg);
    }
    return pn_kafka_rest_refuse_error(refusal, e);
}

/* --- partitions ------------------------------------------------------------------------------- */

static void hold_one(struct pn_kafka_rest_instance *instance, const char *topic, int32_t partition)
{
    if (pn_kafka_rest_instance_find(instance, topic, partition) != NULL) {
        return;
    }
    instance->held =
        pn_xrealloc(instance->held, (instance->held_count + 1) * sizeof *instance->held);
    instance->held[instance->held_count++] =
        (struct pn_kafka_rest_held){.topic = pn_xstrdup(topic),
                                    .partition = partition,
                                    .position = PN_KAFKA_REST_START_UNKNOWN};
}

static void drop_one(struct pn_kafka_rest_instance *instance, const struct pn_log_place *place)
{
    struct pn_kafka_rest_held *held =
        pn_kafka_rest_instance_find(instance, place->topic, place->partition);
    if (held != NULL) {
        free(held->topic);
        *held = instance->held[--instance->held_count];
    }
}

void pn_kafka_rest_member_hold(struct pn_kafka_rest_member *member,
                               const struct pn_kafka_rest_positions *partitions)
{
    struct pn_kafka_rest_instance *instance = &member->instance;
    pn_kafka_rest_instance_drop(instance);
    for (size_t i = 0; i < partitions->count; i++) {
        hold_one(instance, partitions->items[i].topic, partitions->items[i].partition);
    }
    instance->assigned = partitions->count > 0;
}

/* --- the group -------------------------------------------------------------------------------- */

static void assigned(void *arg, const struct pn_log_place *places, size_t count)
{
    struct pn_kafka_rest_member *member = arg;
    member->failure = (struct pn_err){0};
    for (size_t i = 0; i < count; i++) {
        hold_one(&member->instance, places[i].topic, places[i].partition);
    }
}

static void revoked(void *arg, const struct pn_log_place *places, size_t count, bool is_lost)
{
    struct pn_kafka_rest_member *member = arg;
    if (!is_lost) {
        pn_kafka_rest_member_auto_commit(member);
    }
    for (size_t i = 0; i < count; i++) {
        drop_one(&member->instance, &places[i]);
    }
}

int pn_kafka_rest_member_open(struct pn_kafka_rest_member *member,
                              struct pn_kafka_rest_refusal *refusal)
{
    const struct pn_log_member_config config = {.group = member->group,
                                                .name = member->instance.name,
                                                .assigned = assigned,
                                                .revoked = revoked,
                                                .arg = member};
    struct pn_err e;
    int rc = pn_log_join(log_of(member), &config, &member->member, &e);
    return rc == 0 ? 0 : refuse(refusal, &e);
}

/* --- what it wants ---------------------------------------------------------------------------- */

static void forget_wanted(struct pn_kafka_rest_member *member)
{
    for (size_t i = 0; i < member->wanted_count; i++) {
        free(member->wanted[i]);
    }
    free(member->wanted);
    member->wanted = NULL;
    member->wanted_count = 0;
}

void pn_kafka_rest_member_close(struct pn_kafka_rest_member *member)
{
    if (member->instance.assigned) {
        pn_kafka_rest_member_auto_commit(member);
    }
    pn_log_member_leave(&member->member);
    forget_wanted(member);
    member->is_gone = true;
}

static bool wants_these(const struct pn_kafka_rest_member *member, const char *const *topics,
                        size_t count)
{
    bool same = count == member->wanted_count;
    for (size_t i = 0; i < count && same; i++) {
        same = strcmp(topics[i], member->wanted[i]) == 0;
    }
    return same;
}

int pn_kafka_rest_member_want(struct pn_kafka_rest_member *member,
                              struct pn_kafka_rest_refusal *refusal)
{
    const char *const *topics = NULL;
    size_t count = 0;
    struct pn_arena arena;
    struct pn_err e;
    pn_arena_init(&arena, 0);
    member->looked_ms = now_of(member);
    int rc = pn_kafka_rest_instance_names(log_of(member), &member->instance, &arena, &topics,
                                          &count, refusal);
    if (rc == 0 && !wants_these(member, topics, count)) {
        rc = pn_log_member_subscribe(member->member, topics, count, &e);
        rc = rc == 0 ? 0 : refuse(refusal, &e);
        if (rc == 0) {
            forget_wanted(member);
            member->failure = (struct pn_err){0};
            member->wanted = pn_xcalloc(count + 1, sizeof *member->wanted);
            for (size_t i = 0; i < count; i++) {
                member->wanted[member->wanted_count++] = pn_xstrdup(topics[i]);
            }
        }
    }
    pn_arena_deinit(&arena);
    return rc;
}

void pn_kafka_rest_member_serve(struct pn_kafka_rest_member *member)
{
    struct pn_kafka_rest_refusal refusal;
    struct pn_err e = {0};
    if (member->instance.busy || member->is_gone) {
        return;
    }
    if (member->instance.pattern != NULL && now_of(member) - member->looked_ms >= LOOK_MS &&
        pn_kafka_rest_member_want(member, &refusal) != 0) {
        pn_logger_warn(member->members->config.logger, "gateway", "%s", refusal.msg);
    }
    if (pn_log_member_poll(member->member, &e) != 0) {
        member->failure = e;
    }
}

/* --- offsets ---------------------------------------------------------------------------------- */

/* Positions that are known. */
static struct pn_log_place *places_of(const struct pn_kafka_rest_instance *instance,
                                      struct pn_arena *arena, size_t *count)
{
    struct pn_log_place *places = pn_arena_calloc(arena, instance->held_count, sizeof *places);
    *count = 0;
    for (size_t i = 0; i < instance->held_count; i++) {
        const struct pn_kafka_rest_held *held = &instance->held[i];
        if (held->position >= 0) {
            places[(*count)++] = (struct pn_log_place){
                .topic = held->topic, .partition = held->partition, .offset = held->position};
        }
    }
    return places;
}

static struct pn_log_place *places_given(const struct pn_kafka_rest_positions *positions,
                                         struct pn_arena *arena)
{
    struct pn_log_place *places = pn_arena_calloc(arena, positions->count, sizeof *places);
    for (size_t i = 0; i < positions->count; i++) {
        const struct pn_kafka_rest_position *p = &positions->items[i];
        places[i] = (struct pn_log_place){.topic = p->topic,
                                          .partition = p->partition,
                                          .offset = p->offset,
                                          .metadata = p->metadata};
    }
    return places;
}

int pn_kafka_rest_member_commit(struct pn_kafka_rest_member *member,
                                const struct pn_kafka_rest_positions *offsets,
                                struct pn_kafka_rest_refusal *refusal)
{
    struct pn_arena arena;
    struct pn_err e;
    pn_arena_init(&arena, 0);
    size_t count = offsets != NULL ? offsets->count : 0;
    struct pn_log_place *places = offsets != NULL ? places_given(offsets, &arena)
                                                  : places_of(&member->instance, &arena, &count);
    int rc = pn_log_member_commit(member->member, places, count, &e);
    pn_arena_deinit(&arena);
    member->instance.auto_committed_ms = member->instance.used_ms;
    return rc == 0 ? 0 : refuse(refusal, &e);
}

void pn_kafka_rest_member_auto_commit(struct pn_kafka_rest_member *member)
{
    struct pn_kafka_rest_refusal refusal;
    if (member->instance.config.auto_commit &&
        pn_kafka_rest_member_commit(member, NULL, &refusal) != 0) {
        pn_logger_warn(member->members->config.logger, "gateway",
                       "what instance %s has read is not committed: %s", member->instance.name,
                       refusal.msg);
    }
}

int pn_kafka_rest_member_committed(struct pn_kafka_rest_member *member,
                                   const struct pn_kafka_rest_positions *partitions,
                                   struct pn_arena *arena, struct pn_kafka_rest_positions *offsets,
                                   struct pn_kafka_rest_refusal *refusal)
{
    struct pn_err e;
    struct pn_log_place *places = places_given(partitions, arena);
    int rc = pn_log_member_committed(member->member, places, partitions->count, arena, &e);
    offsets->items = pn_arena_calloc(arena, partitions->count + 1, sizeof *offsets->items);
    offsets->count = 0;
    for (size_t i = 0; rc == 0 && i < partitions->count; i++) {
        if (places[i].offset >= 0) {
            offsets->items[offsets->count++] =
                (struct pn_kafka_rest_position){.topic = places[i].topic,
                                                .partition = places[i].partition,
                                                .offset = places[i].offset,
                                                .metadata = places[i].metadata};
        }
    }
    return rc == 0 ? 0 : refuse(refusal, &e);
}

/* --- where to read ---------------------------------------------------------------------------- */

/* Asks the group where it stands in the partitions whose start is not known; -1: nowhere. */
static int ask_starts(struct pn_kafka_rest_member *member, struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_instance *instance = &member->instance;
    struct pn_arena arena;
    struct pn_err e;
    size_t count = 0;
    pn_arena_init(&arena, 0);
    struct pn_log_place *places = pn_arena_calloc(&arena, instance->held_count, sizeof *places);
    for (size_t i = 0; i < instance->held_count; i++) {
        if (instance->held[i].position == PN_KAFKA_REST_START_UNKNOWN) {
            places[count++] = (struct pn_log_place){.topic = instance->held[i].topic,
                                                    .partition = instance->held[i].partition};
        }
    }
    int rc = pn_log_member_committed(member->member, places, count, &arena, &e);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        pn_kafka_rest_instance_find(instance, places[i].topic, places[i].partition)->position =
            places[i].offset;
    }
    pn_arena_deinit(&arena);
    return rc == 0 ? 0 : refuse(refusal, &e);
}

/* Where the instance's policy says; -1 when it has none. What is known of the ends may be older
 * than what others have appended or committed, so they are asked for first. */
static int start_by_policy(struct pn_kafka_rest_member *member, struct pn_kafka_rest_held *held,
                           struct pn_kafka_rest_refusal *refusal)
{
    struct pn_log *log = log_of(member);
    struct pn_log_offsets offsets;
    struct pn_err e;
    if (pn_log_refresh(log, held->topic, &e) != 0 ||
        pn_log_offsets(log, held->topic, held->partition, &offsets, &e) != 0) {
        return e.class_ == PN_CLASS_MISSING ? 0 : refuse(refusal, &e); /* gone: nothing to read */
    }
    if (held->position >= 0 && (held->position <= offsets.end || offsets.unsure)) {
        return 0;
    }
    switch (member->instance.config.reset) {
    case PN_KAFKA_REST_RESET_EARLIEST:
        held->position = offsets.begin;
        break;
    case PN_KAFKA_REST_RESET_LATEST:
        held->position = offsets.end;
        break;
    case PN_KAFKA_REST_RESET_NONE:
        held->position = -1;
        break;
    }
    return held->position >= 0 ? 0 : pn_kafka_rest_refuse_position(held, refusal);
}

int pn_kafka_rest_member_start(struct pn_kafka_rest_member *member,
                               struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_instance *instance = &member->instance;
    int rc = ask_starts(member, refusal);
    for (size_t i = 0; i < instance->held_count && rc == 0; i++) {
        struct pn_kafka_rest_held *held = &instance->held[i];
        struct pn_log_offsets offsets;
        bool is_known =
            pn_log_offsets(log_of(member), held->topic, held->partition, &offsets, NULL) == 0;
        if (!is_known || held->position < 0 || held->position > offsets.end) {
            rc = start_by_policy(member, held, refusal);
        }
    }
    return rc;
}
