/*
 * Splitting, merging and scaling: each makes a plan, a list of shards in which some are closed and
 * their children are new, and hands it over as one change.
 *
 * A child is made a second after its parent at the earliest (by the second its sequence numbers
 * begin with), so that a parent's numbers are all below its children's.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kinesis/internal.h"

enum { CHILD_LATER_MS = 1000 };

struct plan {
    struct pn_shard *shards;
    size_t count;
    size_t capacity;
    int64_t now_ms;
};

/* The time of a change of the stream's shards: never before what it builds on, though the clock may
 * have gone back. A shard that seems to have been closed too long ago is not listed any more. */
static int64_t change_ms(const struct pn_kinesis *kinesis, const struct pn_stream *stream)
{
    int64_t now_ms = pn_wall_ms(kinesis->clock);
    now_ms = now_ms > stream->created_ms ? now_ms : stream->created_ms;
    for (size_t i = 0; i < stream->shard_count; i++) {
        now_ms = now_ms > stream->shards[i].closed_ms ? now_ms : stream->shards[i].closed_ms;
    }
    return now_ms;
}

static void plan_init(struct plan *plan, const struct pn_kinesis *kinesis,
                      const struct pn_stream *stream)
{
    *plan = (struct plan){.now_ms = change_ms(kinesis, stream)};
    pn_grow((void **)&plan->shards, &plan->capacity, stream->shard_count, sizeof *plan->shards);
    memcpy(plan->shards, stream->shards, stream->shard_count * sizeof *plan->shards);
    plan->count = stream->shard_count;
}

static void close_shard(struct plan *plan, uint32_t index)
{
    struct pn_shard *shard = &plan->shards[index];
    PN_ASSERT(shard->open);
    shard->open = false;
    shard->closed_ms = plan->now_ms > 0 ? plan->now_ms : 1;
}

static int64_t after_parent(const struct plan *plan, int32_t parent, int64_t ms)
{
    if (parent < 0 || plan->shards[parent].created_ms + CHILD_LATER_MS < ms) {
        return ms;
    }
    return plan->shards[parent].created_ms + CHILD_LATER_MS;
}

/* Adds an open child; `adjacent` is -1 but for a merge. Returns its index. */
static uint32_t add_child(struct plan *plan, uint32_t parent, int32_t adjacent, pn_u128 start,
                          pn_u128 end)
{
    int64_t created_ms = after_parent(plan, (int32_t)parent, plan->now_ms > 0 ? plan->now_ms : 0);
    pn_grow((void **)&plan->shards, &plan->capacity, plan->count + 1, sizeof *plan->shards);
    plan->shards[plan->count] =
        (struct pn_shard){.index = (uint32_t)plan->count,
                          .parent = (int32_t)parent,
                          .adjacent_parent = adjacent,
                          .hash_start = pn_hash_key_from(start),
                          .hash_end = pn_hash_key_from(end),
                          .created_ms = after_parent(plan, adjacent, created_ms),
                          .open = true,
                          .end_offset = -1};
    return (uint32_t)plan->count++;
}

/* Splits a shard before `at`; returns the upper child, whose index is one above the lower's. */
static uint32_t split_shard(struct plan *plan, uint32_t index, pn_u128 at)
{
    pn_u128 start = pn_hash_key_number(plan->shards[index].hash_start);
    pn_u128 end = pn_hash_key_number(plan->shards[index].hash_end);
    close_shard(plan, index);
    (void)add_child(plan, index, -1, start, at - 1);
    return add_child(plan, index, -1, at, end);
}

static uint32_t merge_shards(struct plan *plan, uint32_t index, uint32_t adjacent)
{
    pn_u128 start = pn_hash_key_number(plan->shards[index].hash_start);
    pn_u128 end = pn_hash_key_number(plan->shards[adjacent].hash_end);
    if (start > end) {
        start = pn_hash_key_number(plan->shards[adjacent].hash_start);
        end = pn_hash_key_number(plan->shards[index].hash_end);
    }
    close_shard(plan, index);
    close_shard(plan, adjacent);
    return add_child(plan, index, (int32_t)adjacent, start, end);
}

/* Carries the plan out. */
static int apply(struct pn_kinesis *kinesis, struct pn_snapshot *before, const struct plan *plan,
                 struct pn_err *e)
{
    int rc = pn_shared_check_reshard(kinesis, before->stream.name, e);
    if (rc != 0) {
        return rc;
    }
    if (plan->count > PN_SHARDS_MAX) {
        return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_LIMIT_EXCEEDED,
                          "Stream %s under account %s would have %zu shards, closed ones included. "
                          "A stream has at most %d here.",
                          before->stream.name, kinesis->config.account, plan->count,
                          (int)PN_SHARDS_MAX);
    }
    struct pn_stream edit = before->stream;
    edit.shards = plan->shards;
    edit.shard_count = plan->count;
    return pn_kinesis_change(kinesis, before, &edit, true, e);
}

/* --- split and merge -------------------------------------------------------------------------- */

/* The open shard of an id. */
static int find_open(const struct pn_kinesis *kinesis, const struct pn_stream *stream,
                     const char *shard_id, const struct pn_shard **shard, struct pn_err *e)
{
    const char *account = kinesis->config.account;
    *shard = pn_stream_shard(stream, shard_id, strlen(shard_id));
    if (*shard == NULL) {
        return pn_err_set(e, PN_CLASS_MISSING, PN_KINESIS_NOT_FOUND,
                          "Could not find shard %.*s in stream %s under account %s.",
                          PN_STREAM_NAME_MAX, shard_id, stream->name, account);
    }
    if (!(*shard)->open) {
        return pn_err_set(
            e, PN_CLASS_INPUT, PN_KINESIS_INVALID_ARGUMENT,
            "Shard %s in stream %s under account %s has already been merged or split, "
            "and thus is not eligible for merging or splitting.",
            shard_id, stream->name, account);
    }
    return 0;
}

static int split_locked(struct pn_kinesis *kinesis, struct pn_snapshot *before,
                        const char *shard_id, struct pn_hash_key new_start, struct pn_err *e)
{
    const struct pn_stream *stream = &before->stream;
    const struct pn_shard *shard = NULL;
    int rc = find_open(kinesis, stream, shard_id, &shard, e);
    if (rc != 0) {
        return rc;
    }
    rc = pn_kinesis_check_limit(kinesis, 1, e);
    if (rc != 0) {
        return rc;
    }
    pn_u128 at = pn_hash_key_number(new_start);
    pn_u128 start = pn_hash_key_number(shard->hash_start);
    pn_u128 end = pn_hash_key_number(shard->hash_end);
    if (at <= start || at - start <= 1 || at >= end) {
        char texts[3][PN_HASH_KEY_SIZE];
        return pn_err_set(
            e, PN_CLASS_INPUT, PN_KINESIS_INVALID_ARGUMENT,
            "NewStartingHashKey %s used in SplitShard() on shard %s in stream %s under "
            "account %s is not both greater than one plus the shard's StartingHashKey "
            "%s and less than the shard's EndingHashKey %s.",
            pn_hash_key_text(new_start, texts[0]), shard_id, stream->name, kinesis->config.account,
            pn_hash_key_text(shard->hash_start, texts[1]),
            pn_hash_key_text(shard->hash_end, texts[2]));
    }
    struct plan plan;
    plan_init(&plan, kinesis, stream);
    (void)split_shard(&plan, shard->index, at);
    rc = apply(kinesis, before, &plan, e);
    free(plan.shards);
    return rc;
}

int pn_kinesis_split(struct pn_kinesis *kinesis, const char *name, const char *shard_id,
                     struct pn_hash_key new_start, struct pn_err *e)
{
    struct pn_snapshot *before = NULL;
    pthread_mutex_lock(&kinesis->admin_lock);
    int rc = pn_kinesis_hold_active(kinesis, name, &before, e);
    if (rc == 0) {
        rc = split_locked(kinesis, before, shard_id, new_start, e);
        const struct pn_stream *stream = &before->stream;
        pn_stream_release(&stream);
    }
    pthread_mutex_unlock(&kinesis->admin_lock);
    return rc;
}

static bool is_below(const struct pn_shard *left, const struct pn_shard *right)
{
    pn_u128 end = pn_hash_key_number(left->hash_end);
    return end != PN_RING_END && end + 1 == pn_hash_key_number(right->hash_start);
}

static int merge_locked(struct pn_kinesis *kinesis, struct pn_snapshot *before,
                        const char *shard_id, const char *adjacent_id, struct pn_err *e)
{
    const struct pn_stream *stream = &before->stream;
    const struct pn_shard *shard = NULL;
    const struct pn_shard *adjacent = NULL;
    int rc = find_open(kinesis, stream, shard_id, &shard, e);
    if (rc == 0) {
        rc = find_open(kinesis, stream, adjacent_id, &adjacent, e);
    }
    if (rc != 0) {
        return rc;
    }
    if (!is_below(shard, adjacent) && !is_below(adjacent, shard)) {
        return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_INVALID_ARGUMENT,
                          "Shards %s and %s in stream %s under account %s are not an adjacent pair "
                          "of shards eligible for merging",
                          shard_id, adjacent_id, stream->name, kinesis->config.account);
    }
    struct plan plan;
    plan_init(&plan, kinesis, stream);
    (void)merge_shards(&plan, shard->index, adjacent->index);
    rc = apply(kinesis, before, &plan, e);
    free(plan.shards);
    return rc;
}

int pn_kinesis_merge(struct pn_kinesis *kinesis, const char *name, const char *shard_id,
                     const char *adjacent_id, struct pn_err *e)
{
    struct pn_snapshot *before = NULL;
    pthread_mutex_lock(&kinesis->admin_lock);
    int rc = pn_kinesis_hold_active(kinesis, name, &before, e);
    if (rc == 0) {
        rc = merge_locked(kinesis, before, shard_id, adjacent_id, e);
        const struct pn_stream *stream = &before->stream;
        pn_stream_release(&stream);
    }
    pthread_mutex_unlock(&kinesis->admin_lock);
    return rc;
}

/* --- scaling ---------------------------------------------------------------------------------- */

static int check_scale(struct pn_kinesis *kinesis, int64_t open, int64_t target, struct pn_err *e)
{
    if (target < 1) {
        return pn_err_set(
            e, PN_CLASS_INPUT, PN_KINESIS_VALIDATION,
            "1 validation error detected: Value '%lld' at 'targetShardCount' failed "
            "to satisfy constraint: Member must have value greater than or equal to 1",
            (long long)target);
    }
    if (target > kinesis->config.shards_max) {
        return pn_err_set(
            e, PN_CLASS_INPUT, PN_KINESIS_LIMIT_EXCEEDED,
            "Target shard count or number of open shards cannot be greater than %lld. "
            "Current open shard count: %lld, Target shard count: %lld",
            (long long)kinesis->config.shards_max, (long long)open, (long long)target);
    }
    if (target > 2 * open || target * 2 < open) {
        return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_LIMIT_EXCEEDED,
                          "UpdateShardCount cannot scale %s your current open shard count. Current "
                          "open shard count: %lld, Target shard count: %lld",
                          target > open ? "up over double" : "down below half", (long long)open,
                          (long long)target);
    }
    return pn_kinesis_check_limit(kinesis, target - open, e);
}

/* As AWS does it, so that ids and ranges are those that it gives: to scale up, every open shard is
 * split in half; then neighbours, from the lowest hash keys on, are merged in pairs down to the
 * target. So 10 shards become 13 by 10 splits and 7 merges, 5 become 3 by 2 merges. */
static int plan_scale(struct plan *plan, const struct pn_snapshot *before, size_t target,
                      struct pn_err *e)
{
    const struct pn_stream *stream = &before->stream;
    size_t open = stream->open_shard_count;
    uint32_t *ring = pn_xcalloc(2 * open, sizeof *ring); /* the open shards, by hash key */
    size_t count = 0;
    int rc = 0;
    for (size_t i = 0; i < open; i++) {
        uint32_t index = before->open[i]->index;
        pn_u128 start = pn_hash_key_number(before->open[i]->hash_start);
        pn_u128 end = pn_hash_key_number(before->open[i]->hash_end);
        if (target > open && start < end) {
            uint32_t upper = split_shard(plan, index, start + (end - start) / 2 + 1);
            ring[count++] = upper - 1;
            ring[count++] = upper;
        } else {
            ring[count++] = index;
        }
    }
    if (count < target) {
        rc =
            pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_INVALID_ARGUMENT,
                       "Stream %s cannot be scaled to %zu shards: some of its shards hold a single "
                       "hash key and cannot be split.",
                       stream->name, target);
    }
    for (size_t i = 0; rc == 0 && i < count - target; i++) {
        (void)merge_shards(plan, ring[2 * i], ring[2 * i + 1]);
    }
    free(ring);
    return rc;
}

int pn_kinesis_scale(struct pn_kinesis *kinesis, const char *name, int32_t target, int32_t *before,
                     struct pn_err *e)
{
    struct pn_snapshot *now = NULL;
    pthread_mutex_lock(&kinesis->admin_lock);
    int rc = pn_kinesis_hold_active(kinesis, name, &now, e);
    if (rc != 0) {
        goto out;
    }
    const struct pn_stream *stream = &now->stream;
    rc = check_scale(kinesis, (int64_t)stream->open_shard_count, target, e);
    if (rc == 0) {
        struct plan plan;
        *before = (int32_t)stream->open_shard_count;
        plan_init(&plan, kinesis, stream);
        rc = plan_scale(&plan, now, (size_t)target, e);
        if (rc == 0 && plan.count > stream->shard_count) {
            rc = apply(kinesis, now, &plan, e);
        }
        free(plan.shards);
    }
    pn_stream_release(&stream);
out:
    pthread_mutex_unlock(&kinesis->admin_lock);
    return rc;
}
