/*
 * Sinks that share the partitions of a cluster's topics, as members of a consumer group there. They
 * commit no offsets: the objects are the memory, and decide even when two sinks land the same
 * partition for a while. So a sink may take a partition as soon as the group gives it, and need not
 * end anything before it gives one back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "sink/private.h"

enum { FORGET_FAILURE_MS = 30 * 1000 };

/* --- what is ours ----------------------------------------------------------------------------- */

void pn_sink_group_forget(struct pn_sink_part *part)
{
    if (part->place.is_known) {
        pn_sink_cuts_clear(&part->memory.cuts);
        part->place = (struct pn_sink_place){0};
    }
    part->enough_end = 0;
    part->waiting_since_ms = -1;
}

static void set_ours(struct pn_sink *sink, const char *topic, int32_t partition, bool is_ours)
{
    struct pn_sink_part *part = pn_sink_parts_find(sink, topic, partition);
    if (part == NULL || part->is_ours == is_ours) {
        return; /* a topic that has not been looked at yet, or is gone */
    }
    pn_sink_group_forget(part);
    part->is_doubted = pn_log_counts_topic_ids(sink->config.log);
    part->is_short = false; /* what was seen of its end is old when it comes again */
    pthread_mutex_lock(&sink->lock);
    part->is_ours = is_ours;
    part->failure.code = 0;
    pthread_mutex_unlock(&sink->lock);
    part->failures = 0;
    part->retry_at_ms = 0;
    pn_sink_publish(sink, part);
}

static void on_assigned(void *arg, const struct pn_log_place *places, size_t count)
{
    struct pn_sink *sink = arg;
    struct pn_sink_share *share = &sink->share;
    share->has_dealt = true;
    for (size_t i = 0; i < count; i++) {
        if (pn_sink_share_find(share, places[i].topic, places[i].partition) < share->owned_count) {
            continue;
        }
        pn_grow((void **)&share->owned, &share->owned_capacity, share->owned_count + 1,
                sizeof *share->owned);
        struct pn_sink_owned *owned = &share->owned[share->owned_count++];
        owned->partition = places[i].partition;
        (void)snprintf(owned->topic, sizeof owned->topic, "%s", places[i].topic);
        set_ours(sink, owned->topic, owned->partition, true);
    }
    if (count > 0) {
        pn_logger_info(sink->config.logger, "sink",
                       "the group %s gave this sink %zu %s; it lands %zu now", sink->config.group,
                       count, pn_noun((int64_t)count, "partition", "partitions"),
                       share->owned_count);
    }
}

static void on_revoked(void *arg, const struct pn_log_place *places, size_t count, bool is_lost)
{
    struct pn_sink *sink = arg;
    struct pn_sink_share *share = &sink->share;
    (void)is_lost;
    for (size_t i = 0; i < count; i++) {
        size_t at = pn_sink_share_find(share, places[i].topic, places[i].partition);
        if (at < share->owned_count) {
            share->owned[at] = share->owned[--share->owned_count];
            set_ours(sink, places[i].topic, places[i].partition, false);
        }
    }
    pn_logger_info(sink->config.logger, "sink",
                   "the group %s took %zu %s from this sink; it lands %zu now", sink->config.group,
                   count, pn_noun((int64_t)count, "partition", "partitions"), share->owned_count);
}

/* --- the group -------------------------------------------------------------------------------- */

int pn_sink_group_join(struct pn_sink *sink, struct pn_err *e)
{
    const struct pn_sink_config *config = &sink->config;
    if (config->group == NULL || !sink->has_chain || !pn_log_has_groups(config->log)) {
        return 0;
    }
    const struct pn_log_member_config member = {.group = config->group,
                                                .name = "pinion-sink",
                                                .instance = config->worker,
                                                .assigned = on_assigned,
                                                .revoked = on_revoked,
                                                .arg = sink};
    int rc = pn_log_join(config->log, &member, &sink->share.member, e);
    for (size_t i = 0; rc == 0 && i < sink->part_count; i++) {
        set_ours(sink, sink->parts[i]->memory.topic, sink->parts[i]->memory.partition, false);
    }
    return rc;
}

void pn_sink_group_leave(struct pn_sink *sink)
{
    struct pn_sink_share *share = &sink->share;
    pn_log_member_leave(&share->member);
    free(share->topics);
    free(share->owned);
    *share = (struct pn_sink_share){0};
}

/* The names of the topics to land, one a line. */
static char *name_topics(const struct pn_sink *sink, const char **names, size_t *count)
{
    size_t len = 0;
    *count = 0;
    for (size_t i = 0; i < sink->part_count; i++) {
        const struct pn_sink_part *part = sink->parts[i];
        const char *topic = part->memory.topic;
        if (part->is_selected && (*count == 0 || strcmp(names[*count - 1], topic) != 0)) {
            names[(*count)++] = topic;
            len += strlen(topic) + 1;
        }
    }
    char *text = pn_xmalloc(len + 1);
    char *at = text;
    for (size_t i = 0; i < *count; i++) {
        at = stpcpy(stpcpy(at, names[i]), "\n");
    }
    *at = '\0';
    return text;
}

static int subscribe(struct pn_sink *sink, struct pn_err *e)
{
    struct pn_sink_share *share = &sink->share;
    const char **names = pn_xcalloc(sink->part_count + 1, sizeof *names);
    size_t count = 0;
    char *topics = name_topics(sink, names, &count);
    int rc = 0;
    if (share->topics == NULL || strcmp(share->topics, topics) != 0) {
        rc = pn_log_member_subscribe(share->member, names, count, e);
        if (rc == 0) {
            free(share->topics);
            share->topics = topics;
            topics = NULL;
        }
    }
    free(topics);
    free((void *)names);
    return rc;
}

/* Does a failure say no more of the group? It has dealt out partitions, and with more sinks than
 * partitions it may have none for this one; or it has not failed again for a while. A missing
 * right is reported once. */
static bool is_over(const struct pn_sink_share *share, int64_t now_ms)
{
    return share->owned_count > 0 || share->has_dealt ||
           (share->failure.code != PN_LOG_NOT_AUTHORIZED &&
            now_ms - share->failed_at_ms >= FORGET_FAILURE_MS);
}

/* Remembers why the group keeps this sink out, until that is over. */
static void note_failure(struct pn_sink *sink, const struct pn_err *why)
{
    struct pn_err *failure = &sink->share.failure;
    int64_t now_ms = pn_mono_ms(sink->config.clock);
    if (why->code != 0) {
        sink->share.failed_at_ms = now_ms;
        sink->share.has_dealt = false;
    } else if (!is_over(&sink->share, now_ms)) {
        return;
    }
    if (why->code != 0 && (failure->code != why->code || strcmp(failure->msg, why->msg) != 0)) {
        pn_logger_error(sink->config.logger, "sink", "%s", why->msg);
    } else if (why->code == 0 && failure->code != 0) {
        pn_logger_info(sink->config.logger, "sink", "the group %s has this sink again",
                       sink->config.group);
    }
    pthread_mutex_lock(&sink->lock);
    *failure = *why;
    pthread_mutex_unlock(&sink->lock);
}

void pn_sink_group_poll(struct pn_sink *sink)
{
    struct pn_sink_share *share = &sink->share;
    struct pn_err failure = {0};
    if (share->member == NULL) {
        return;
    }
    int rc = subscribe(sink, &failure);
    if (rc == 0) {
        rc = pn_log_member_poll(share->member, &failure);
    }
    if (rc != 0 && failure.class_ == PN_CLASS_FATAL && sink->config.worker != NULL) {
        pn_err_prefix(&failure,
                      "another sink has the name %s: give each a sink.worker of its own, and start "
                      "this one again",
                      sink->config.worker);
    }
    if (rc != 0 && failure.class_ == PN_CLASS_FATAL) {
        while (share->owned_count > 0) {
            struct pn_sink_owned *owned = &share->owned[--share->owned_count];
            set_ours(sink, owned->topic, owned->partition, false);
        }
    }
    note_failure(sink, &failure);
}
