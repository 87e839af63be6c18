#include "kafka/rest/members.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/random.h"
#include "kafka/rest/errors.h"
#include "kafka/rest/member.h"

enum { SERVE_MS = 100 };

/* --- finding ---------------------------------------------------------------------------------- */

/* With the lock. */
static struct pn_kafka_rest_member *find(const struct pn_kafka_rest_members *members,
                                         struct pn_kafka_rest_instance_id id)
{
    struct pn_kafka_rest_member *member = members->first;
    while (member != NULL &&
           (strcmp(member->group, id.group) != 0 || strcmp(member->instance.name, id.name) != 0)) {
        member = member->next;
    }
    return member;
}

static void free_member(struct pn_kafka_rest_member *member)
{
    pn_kafka_rest_instance_unsubscribe(&member->instance);
    pn_kafka_rest_instance_drop(&member->instance);
    pthread_mutex_destroy(&member->lock);
    free(member->instance.name);
    free(member->group);
    free(member);
}

/* Gives a member back that take(), or the thread, has counted as used. */
static void release(struct pn_kafka_rest_member *member)
{
    struct pn_kafka_rest_members *members = member->members;
    pthread_mutex_lock(&members->lock);
    bool is_last = --member->users == 0;
    pthread_mutex_unlock(&members->lock);
    if (is_last) {
        free_member(member);
    }
}

static struct pn_kafka_rest_member *hold(struct pn_kafka_rest_members *members,
                                         struct pn_kafka_rest_instance_id id)
{
    pthread_mutex_lock(&members->lock);
    struct pn_kafka_rest_member *member = find(members, id);
    if (member != NULL) {
        member->users++;
    }
    pthread_mutex_unlock(&members->lock);
    return member;
}

static void give(struct pn_kafka_rest_member *member)
{
    pthread_mutex_unlock(&member->lock);
    release(member);
}

/* The instance, locked and served; end with give(). */
static int take(struct pn_kafka_rest_members *members, struct pn_kafka_rest_instance_id id,
                struct pn_kafka_rest_member **taken, struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_member *member = hold(members, id);
    bool is_there = member != NULL;
    if (is_there) {
        pthread_mutex_lock(&member->lock);
        is_there = !member->is_gone;
        if (!is_there) {
            give(member);
        }
    }
    if (!is_there) {
        return pn_kafka_rest_refuse(
            refusal, 404, PN_KAFKA_REST_CODE_INSTANCE_NOT_FOUND,
            "Consumer instance not found. An instance lives in the gateway that created it: send "
            "its requests to the base_uri of that reply (gateway.advertised_url)");
    }
    member->instance.used_ms = pn_mono_ms(members->config.clock);
    pn_kafka_rest_member_serve(member);
    *taken = member;
    return 0;
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Takes the member out of the list; the caller that does it ends the member. False: another has. */
static bool take_out(struct pn_kafka_rest_members *members, struct pn_kafka_rest_member *member)
{
    pthread_mutex_lock(&members->lock);
    struct pn_kafka_rest_member **link = &members->first;
    while (*link != NULL && *link != member) {
        link = &(*link)->next;
    }
    bool was_there = *link != NULL;
    if (was_there) {
        *link = member->next;
        members->count--;
    }
    pthread_mutex_unlock(&members->lock);
    return was_there;
}

/* Takes the member out and closes it; the caller still uses it. */
static void end(struct pn_kafka_rest_member *member)
{
    if (take_out(member->members, member)) {
        pthread_mutex_lock(&member->lock);
        pn_kafka_rest_member_close(member);
        pthread_mutex_unlock(&member->lock);
        release(member); /* the list's own use */
    }
}

/* A member that a request is working on is served by that. */
static void serve(struct pn_kafka_rest_member *member)
{
    if (pthread_mutex_trylock(&member->lock) != 0) {
        return;
    }
    const struct pn_kafka_rest_consumers_config *config = &member->members->config;
    bool is_idle =
        !member->instance.busy && !member->is_gone &&
        pn_mono_ms(config->clock) - member->instance.used_ms >= config->instance_timeout_ms;
    pn_kafka_rest_member_serve(member);
    pthread_mutex_unlock(&member->lock);
    if (is_idle) {
        end(member);
    }
}

/* All members, used; the caller frees the array. */
static struct pn_kafka_rest_member **hold_all(struct pn_kafka_rest_members *members, size_t *count)
{
    pthread_mutex_lock(&members->lock);
    struct pn_kafka_rest_member **all =
        pn_xcalloc(members->count + 1, sizeof(struct pn_kafka_rest_member *));
    *count = 0;
    for (struct pn_kafka_rest_member *m = members->first; m != NULL; m = m->next) {
        m->users++;
        all[(*count)++] = m;
    }
    pthread_mutex_unlock(&members->lock);
    return all;
}

static void each(struct pn_kafka_rest_members *members,
                 void (*fn)(struct pn_kafka_rest_member *member))
{
    size_t count = 0;
    struct pn_kafka_rest_member **all = hold_all(members, &count);
    for (size_t i = 0; i < count; i++) {
        fn(all[i]);
        release(all[i]);
    }
    free(all);
}

/* Sleeps until it is time to serve; false when the thread is to end. */
static bool rest(struct pn_kafka_rest_members *members)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t nanos = until.tv_nsec + (int64_t)SERVE_MS * 1000000;
    until.tv_sec += (time_t)(nanos / 1000000000);
    until.tv_nsec = (long)(nanos % 1000000000);
    int rc = 0;
    pthread_mutex_lock(&members->lock);
    while (!members->is_stopping && (members->first == NULL || rc != ETIMEDOUT)) {
        rc = members->first == NULL
                 ? pthread_cond_wait(&members->changed, &members->lock)
                 : pthread_cond_timedwait(&members->changed, &members->lock, &until);
    }
    bool go_on = !members->is_stopping;
    pthread_mutex_unlock(&members->lock);
    return go_on;
}

static void *run(void *arg)
{
    struct pn_kafka_rest_members *members = arg;
    while (rest(members)) {
        each(members, serve);
    }
    return NULL;
}

int pn_kafka_rest_members_create(const struct pn_kafka_rest_consumers_config *config,
                                 struct pn_kafka_rest_members **members, struct pn_err *e)
{
    struct pn_kafka_rest_members *made = pn_xcalloc(1, sizeof *made);
    pthread_condattr_t monotonic;
    made->config = *config;
    made->config.folder = NULL;
    pthread_mutex_init(&made->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&made->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int rc = pthread_create(&made->thread, NULL, run, made);
    made->is_running = rc == 0;
    if (rc != 0) {
        rc = pn_err_errno(e, rc, "cannot start the thread of consumer instances");
        pn_kafka_rest_members_destroy(&made);
        return rc;
    }
    *members = made;
    return 0;
}

void pn_kafka_rest_members_close(struct pn_kafka_rest_members *members)
{
    each(members, end);
}

void pn_kafka_rest_members_destroy(struct pn_kafka_rest_members **members)
{
    struct pn_kafka_rest_members *gone = *members;
    if (gone == NULL) {
        return;
    }
    if (gone->is_running) {
        pthread_mutex_lock(&gone->lock);
        gone->is_stopping = true;
        pthread_cond_signal(&gone->changed);
        pthread_mutex_unlock(&gone->lock);
        pthread_join(gone->thread, NULL);
    }
    pn_kafka_rest_members_close(gone);
    pthread_cond_destroy(&gone->changed);
    pthread_mutex_destroy(&gone->lock);
    free(gone);
    *members = NULL;
}

/* --- coming and going ------------------------------------------------------------------------- */

static int check_name(const char *name, struct pn_kafka_rest_refusal *refusal)
{
    size_t len = strlen(name);
    return len > 0 && len <= PN_KAFKA_REST_INSTANCE_NAME_MAX
               ? 0
               : pn_kafka_rest_refuse(
                     refusal, 422, PN_KAFKA_REST_CODE_CONSUMER_CONFIG,
                     "Invalid consumer configuration: the instance's name must have 1 to %d bytes",
                     PN_KAFKA_REST_INSTANCE_NAME_MAX);
}

static int add(struct pn_kafka_rest_members *members, struct pn_kafka_rest_member *member,
               struct pn_kafka_rest_refusal *refusal)
{
    const struct pn_kafka_rest_instance_id id = {member->group, member->instance.name};
    int rc = 0;
    pthread_mutex_lock(&members->lock);
    if (find(members, id) != NULL) {
        rc = pn_kafka_rest_refuse(
            refusal, 409, PN_KAFKA_REST_CODE_INSTANCE_EXISTS,
            "Consumer with specified consumer ID already exists in the specified consumer group.");
    } else if (members->count >= (size_t)members->config.instances_max) {
        rc = pn_kafka_rest_refuse(refusal, 429, 429,
                                  "There are %zu consumer instances already "
                                  "(gateway.consumer_instances_max); delete one first",
                                  members->count);
    } else {
        member->next = members->first;
        member->users++;
        members->first = member;
        members->count++;
        pthread_cond_signal(&members->changed);
    }
    pthread_mutex_unlock(&members->lock);
    return rc;
}

int pn_kafka_rest_members_add(struct pn_kafka_rest_members *members, const char *group,
                              const struct pn_kafka_rest_instance_config *config,
                              struct pn_arena *arena, const char **name,
                              struct pn_kafka_rest_refusal *refusal)
{
    char uuid[PN_UUID_SIZE];
    const char *called = config->name != NULL
                             ? config->name
                             : pn_arena_printf(arena, "rest-consumer-%s", pn_uuid(uuid));
    if (check_name(called, refusal) != 0) {
        return -1;
    }
    struct pn_kafka_rest_member *member = pn_xcalloc(1, sizeof *member);
    member->members = members;
    member->users = 1;
    member->group = pn_xstrdup(group);
    member->instance.name = pn_xstrdup(called);
    member->instance.config = *config;
    member->instance.config.name = NULL;
    member->instance.used_ms = pn_mono_ms(members->config.clock);
    member->instance.auto_committed_ms = member->instance.used_ms;
    pthread_mutex_init(&member->lock, NULL);
    pthread_mutex_lock(&member->lock);
    int rc = pn_kafka_rest_member_open(member, refusal);
    if (rc == 0) {
        rc = add(members, member, refusal);
        if (rc != 0) {
            pn_kafka_rest_member_close(member);
        }
    }
    give(member);
    if (rc == 0) {
        *name = called;
    }
    return rc;
}

int pn_kafka_rest_members_remove(struct pn_kafka_rest_members *members,
                                 struct pn_kafka_rest_instance_id id,
                                 struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_member *member = NULL;
    if (take(members, id, &member, refusal) != 0) {
        return -1;
    }
    pthread_mutex_unlock(&member->lock);
    end(member);
    release(member);
    return 0;
}

/* --- what an instance reads ------------------------------------------------------------------- */

int pn_kafka_rest_members_subscribe(struct pn_kafka_rest_members *members,
                                    struct pn_kafka_rest_instance_id id, const char *const *topics,
                                    size_t count, const char *pattern,
                                    struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_member *member = NULL;
    if (take(members, id, &member, refusal) != 0) {
        return -1;
    }
    int rc = pn_kafka_rest_instance_subscribe(&member->instance, topics, count, pattern, refusal);
    if (rc == 0) {
        rc = pn_kafka_rest_member_want(member, refusal);
    }
    give(member);
    return rc;
}

int pn_kafka_rest_members_unsubscribe(struct pn_kafka_rest_members *members,
                                      struct pn_kafka_rest_instance_id id,
                                      struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_member *member = NULL;
    if (take(members, id, &member, refusal) != 0) {
        return -1;
    }
    pn_kafka_rest_member_auto_commit(member);
    pn_kafka_rest_instance_unsubscribe(&member->instance);
    pn_kafka_rest_instance_drop(&member->instance);
    member->instance.assigned = false;
    int rc = pn_kafka_rest_member_want(member, refusal);
    give(member);
    return rc;
}

int pn_kafka_rest_members_subscription(struct pn_kafka_rest_members *members,
                                       struct pn_kafka_rest_instance_id id, struct pn_arena *arena,
                                       const char *const **topics, size_t *count,
                                       struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_member *member = NULL;
    if (take(members, id, &member, refusal) != 0) {
        return -1;
    }
    int rc = pn_kafka_rest_instance_names(members->config.log, &member->instance, arena, topics,
                                          count, refusal);
    give(member);
    return rc;
}

int pn_kafka_rest_members_assign(struct pn_kafka_rest_members *members,
                                 struct pn_kafka_rest_instance_id id,
                                 const struct pn_kafka_rest_positions *partitions,
                                 struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_member *member = NULL;
    if (pn_kafka_rest_check_partitions(members->config.log, partitions, refusal) != 0 ||
        take(members, id, &member, refusal) != 0) {
        return -1;
    }
    int rc = member->instance.topic_count > 0 || member->instance.pattern != NULL
                 ? pn_kafka_rest_refuse_both(refusal)
                 : 0;
    if (rc == 0) {
        pn_kafka_rest_member_auto_commit(member);
        pn_kafka_rest_member_hold(member, partitions);
    }
    give(member);
    return rc;
}

int pn_kafka_rest_members_assignments(struct pn_kafka_rest_members *members,
                                      struct pn_kafka_rest_instance_id id, struct pn_arena *arena,
                                      struct pn_kafka_rest_positions *partitions,
                                      struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_member *member = NULL;
    if (take(members, id, &member, refusal) != 0) {
        return -1;
    }
    pn_kafka_rest_instance_copy_held(&member->instance, arena, partitions);
    give(member);
    return 0;
}

/* --- offsets ---------------------------------------------------------------------------------- */

int pn_kafka_rest_members_commit(struct pn_kafka_rest_members *members,
                                 struct pn_kafka_rest_instance_id id,
                                 const struct pn_kafka_rest_positions *offsets,
                                 struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_member *member = NULL;
    if ((offsets != NULL &&
         pn_kafka_rest_check_partitions(members->config.log, offsets, refusal) != 0) ||
        take(members, id, &member, refusal) != 0) {
        return -1;
    }
    int rc = pn_kafka_rest_member_commit(member, offsets, refusal);
    give(member);
    return rc;
}

int pn_kafka_rest_members_committed(struct pn_kafka_rest_members *members,
                                    struct pn_kafka_rest_instance_id id,
                                    const struct pn_kafka_rest_positions *partitions,
                                    struct pn_arena *arena, struct pn_kafka_rest_positions *offsets,
                                    struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_member *member = NULL;
    struct pn_kafka_rest_positions held;
    if (take(members, id, &member, refusal) != 0) {
        return -1;
    }
    if (partitions == NULL) {
        pn_kafka_rest_instance_copy_held(&member->instance, arena, &held);
        partitions = &held;
    }
    int rc = pn_kafka_rest_member_committed(member, partitions, arena, offsets, refusal);
    give(member);
    return rc;
}

int pn_kafka_rest_members_seek(struct pn_kafka_rest_members *members,
                               struct pn_kafka_rest_instance_id id, enum pn_kafka_rest_seek where,
                               const struct pn_kafka_rest_positions *positions,
                               struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_member *member = NULL;
    int rc = 0;
    if (take(members, id, &member, refusal) != 0) {
        return -1;
    }
    for (size_t i = 0; i < positions->count && rc == 0; i++) {
        const struct pn_kafka_rest_position *to = &positions->items[i];
        struct pn_err e;
        if (where == PN_KAFKA_REST_SEEK_END &&
            pn_log_refresh(members->config.log, to->topic, &e) != 0) {
            rc = pn_kafka_rest_refuse_error(refusal, &e);
        } else {
            rc = pn_kafka_rest_instance_seek(members->config.log, &member->instance, where, to,
                                             refusal);
        }
    }
    give(member);
    return rc;
}

/* --- fetching --------------------------------------------------------------------------------- */

static int begin(struct pn_kafka_rest_member *member, struct pn_arena *arena,
                 struct pn_kafka_rest_fetch *fetch, struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_instance *instance = &member->instance;
    if (member->failure.class_ != PN_CLASS_NONE && instance->held_count == 0) {
        return pn_kafka_rest_refuse_error(refusal, &member->failure);
    }
    int rc = pn_kafka_rest_member_start(member, refusal);
    if (rc == 0 &&
        instance->used_ms - instance->auto_committed_ms >= PN_KAFKA_REST_AUTO_COMMIT_MS) {
        pn_kafka_rest_member_auto_commit(member);
    }
    if (rc == 0) {
        pn_kafka_rest_instance_fetch(instance, arena, fetch);
    }
    return rc;
}

int pn_kafka_rest_members_fetch_begin(struct pn_kafka_rest_members *members,
                                      struct pn_kafka_rest_instance_id id, struct pn_arena *arena,
                                      struct pn_kafka_rest_fetch *fetch, bool *busy,
                                      struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_member *member = NULL;
    int rc = 0;
    fetch->id = (struct pn_kafka_rest_instance_id){.group = pn_arena_strdup(arena, id.group),
                                                   .name = pn_arena_strdup(arena, id.name)};
    if (take(members, id, &member, refusal) != 0) {
        return -1;
    }
    *busy = member->instance.busy;
    if (!*busy) {
        rc = begin(member, arena, fetch, refusal);
    }
    give(member);
    return rc;
}

void pn_kafka_rest_members_fetch_end(struct pn_kafka_rest_members *members,
                                     const struct pn_kafka_rest_fetch *fetch)
{
    struct pn_kafka_rest_member *member = hold(members, fetch->id);
    if (member != NULL) {
        pthread_mutex_lock(&member->lock);
        pn_kafka_rest_instance_fetched(&member->instance, fetch, pn_mono_ms(members->config.clock));
        give(member);
    }
}

/* Are there records, or partitions whose position is to be asked for, which a fetch does? */
static bool has_work(struct pn_kafka_rest_member *member, int64_t count)
{
    const struct pn_kafka_rest_instance *instance = &member->instance;
    for (size_t i = 0; i < instance->held_count; i++) {
        if (instance->held[i].position == PN_KAFKA_REST_START_UNKNOWN) {
            return true;
        }
    }
    return (member->failure.class_ != PN_CLASS_NONE && instance->held_count == 0) ||
           pn_kafka_rest_instance_waiting(member->members->config.log, instance) > count;
}

bool pn_kafka_rest_members_ready(struct pn_kafka_rest_members *members,
                                 struct pn_kafka_rest_instance_id id, int64_t count)
{
    struct pn_kafka_rest_member *member = hold(members, id);
    bool ready = member == NULL;
    if (member != NULL && pthread_mutex_trylock(&member->lock) == 0) {
        member->instance.used_ms = pn_mono_ms(members->config.clock);
        ready = member->is_gone || (!member->instance.busy && has_work(member, count));
        pthread_mutex_unlock(&member->lock);
    }
    if (member != NULL) {
        release(member);
    }
    return ready;
}
