#include "sink/sink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/lag.h"
#include "sink/batch.h"
#include "sink/private.h"

enum {
    POLL_GROUP_MS = 250,
    RETRY_FIRST_MS = 200,
    RETRY_LAST_MS = 10 * 1000,
    LANDING_BYTES = 320 * 1024 * 1024, /* of batches in memory at a time */
    LOOK_AGAIN_MS = 1000,
    LOOK_WAITING_MS = 10 * 1000 /* while records wait: retention may remove them, which the lag
                                   must show */
};

/* --- create and destroy -------------------------------------------------------------------- */

static int check_config(const struct pn_sink_config *config, struct pn_err *e)
{
    if (config->flush_size < 1) {
        return pn_err_input(e, "flush_size must be at least 1, not %" PRId64, config->flush_size);
    }
    if (config->flush_bytes < 1 || config->flush_bytes > PN_SINK_FLUSH_BYTES_MAX) {
        return pn_err_input(e, "flush_bytes must be 1 to %d, not %" PRId64, PN_SINK_FLUSH_BYTES_MAX,
                            config->flush_bytes);
    }
    if (config->rotate_interval_ms < 0) {
        return pn_err_input(e, "rotate_interval_ms must not be negative, but is %" PRId64 "",
                            config->rotate_interval_ms);
    }
    int rc = pn_store_key_check(config->topics_dir, e);
    if (rc == 0) {
        rc = pn_store_key_check(config->dead_letters_dir, e);
    }
    if (rc == 0 && config->origins_dir != NULL) {
        rc = pn_store_key_check(config->origins_dir, e);
    }
    if (rc == 0 && strcmp(config->topics_dir, config->dead_letters_dir) == 0) {
        rc = pn_err_input(e, "topics_dir and dead_letters_dir must differ; both are '%s'",
                          config->topics_dir);
    }
    if (rc == 0 && config->worker != NULL &&
        !pn_topic_name_valid(config->worker, strlen(config->worker), NULL)) {
        rc =
            pn_err_input(e, "sink.worker is \"%s\": give 1 to %d letters, digits, '.', '_' and '-'",
                         config->worker, PN_TOPIC_NAME_MAX);
    }
    for (size_t i = 0; i < config->topic_count && rc == 0; i++) {
        bool valid = pn_topic_name_valid(config->topics[i], strlen(config->topics[i]), e);
        rc = valid ? 0 : PN_FAIL;
    }
    return rc;
}

/* Connect's topics.regex has to match the whole name, so must ours. */
static int compile_regex(struct pn_sink *sink, const char *text, struct pn_err *e)
{
    if (text == NULL) {
        return 0;
    }
    char *whole = pn_xasprintf("^(%s)$", text);
    int code = regcomp(&sink->regex, whole, REG_EXTENDED | REG_NOSUB);
    free(whole);
    if (code != 0) {
        char why[128];
        regerror(code, &sink->regex, why, sizeof why);
        return pn_err_input(e, "topics_regex '%s' is not a POSIX extended regular expression: %s",
                            text, why);
    }
    sink->has_regex = true;
    return 0;
}

static void copy_config(struct pn_sink *sink, const struct pn_sink_config *config)
{
    sink->config = *config;
    sink->config.folder = pn_xstrdup(config->folder);
    sink->config.topics_dir = pn_xstrdup(config->topics_dir);
    sink->config.dead_letters_dir = pn_xstrdup(config->dead_letters_dir);
    sink->config.origins_dir = config->origins_dir != NULL ? pn_xstrdup(config->origins_dir) : NULL;
    sink->config.topics_regex = NULL; /* the compiled one is kept instead */
    sink->config.group = config->group != NULL ? pn_xstrdup(config->group) : NULL;
    sink->config.worker = config->worker != NULL ? pn_xstrdup(config->worker) : NULL;
    char **topics = pn_xcalloc(config->topic_count + 1, sizeof *topics);
    for (size_t i = 0; i < config->topic_count; i++) {
        topics[i] = pn_xstrdup(config->topics[i]);
    }
    sink->config.topics = (const char *const *)topics;
    sink->state_path = pn_xasprintf("%s/state.jsonl", config->folder);
}

static void init_locks(struct pn_sink *sink)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&sink->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&sink->work, NULL);
    pthread_mutex_init(&sink->lock, NULL);
}

int pn_sink_create(const struct pn_sink_config *config, struct pn_sink **sink, struct pn_err *e)
{
    int rc = check_config(config, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_sink *created = pn_xcalloc(1, sizeof *created);
    copy_config(created, config);
    created->has_chain = pn_store_keeps_notes(config->store);
    init_locks(created);
    rc = compile_regex(created, config->topics_regex, e);
    if (rc != 0) {
        goto out;
    }
    rc = pn_io_mkdirs(config->io, config->folder, e);
    if (rc != 0) {
        goto out;
    }
    rc = pn_sink_parts_load(created, e);
    if (rc != 0) {
        goto out;
    }
    rc = pn_sink_chain_learn_ids(created, e);
    if (rc != 0) {
        goto out;
    }
    /* Before anybody appends: only now can be seen that the log ends where it should not. */
    rc = pn_sink_parts_look(created, e);
    if (rc != 0) {
        goto out;
    }
    if (created->has_chain && config->group == NULL) { /* else when a partition becomes ours */
        rc = pn_sink_chain_open(created, e);
        if (rc != 0) {
            goto out;
        }
    }
    *sink = created;
    created = NULL;
out:
    pn_sink_destroy(&created);
    return rc;
}

void pn_sink_destroy(struct pn_sink **sink)
{
    struct pn_sink *self = *sink;
    if (self == NULL) {
        return;
    }
    pn_sink_stop(self);
    pn_sink_parts_deinit(self);
    if (self->has_regex) {
        regfree(&self->regex);
    }
    for (size_t i = 0; i < self->config.topic_count; i++) {
        free((char *)self->config.topics[i]);
    }
    free((char **)self->config.topics);
    free((char *)self->config.folder);
    free((char *)self->config.group);
    free((char *)self->config.worker);
    free((char *)self->config.topics_dir);
    free((char *)self->config.dead_letters_dir);
    free((char *)self->config.origins_dir);
    free(self->state_path);
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->work);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *sink = NULL;
}

/* --- a pass over all partitions ------------------------------------------------------------- */

static bool is_aged(const struct pn_sink *sink, const struct pn_sink_part *part, int64_t now_ms)
{
    return part->waiting_since_ms >= 0 &&
           now_ms - part->waiting_since_ms >= sink->config.rotate_interval_ms;
}

static bool is_due(const struct pn_sink *sink, const struct pn_sink_part *part, bool all,
                   int64_t now_ms)
{
    int64_t waiting = part->end - part->memory.landed;
    if (!part->is_selected || part->has_failed ||
        (!all && (!part->is_ours || now_ms < part->retry_at_ms))) {
        return false;
    }
    bool is_placed = !sink->has_chain || part->place.is_known || part->is_unsure;
    bool is_doubted = part->is_doubted && !part->is_unsure;
    if (part->memory.cuts.count > 0 || !is_placed || is_doubted) {
        return true;
    }
    return waiting > 0 && (all || is_aged(sink, part, now_ms) ||
                           (waiting >= sink->config.flush_size && part->end >= part->enough_end));
}

static void note_failure(struct pn_sink *sink, struct pn_sink_part *part, int64_t now_ms,
                         const struct pn_err *failure)
{
    int64_t delay_ms = RETRY_FIRST_MS;
    for (int i = 0; i < part->failures && delay_ms < RETRY_LAST_MS; i++) {
        delay_ms *= 2;
    }
    delay_ms = delay_ms < RETRY_LAST_MS ? delay_ms : RETRY_LAST_MS;
    part->has_failed = true;
    part->failures++;
    part->retry_at_ms = now_ms + delay_ms;
    pn_metric_add(part->errors_metric, 1);
    pn_logger_error(sink->config.logger, "sink",
                    "%s partition %" PRId32 " cannot land, next attempt in %" PRId64 " ms: %s",
                    part->memory.topic, part->memory.partition, delay_ms, failure->msg);
    pthread_mutex_lock(&sink->lock);
    part->status.errors++;
    part->failure = *failure;
    pthread_mutex_unlock(&sink->lock);
}

static void note_success(struct pn_sink *sink, struct pn_sink_part *part, bool whole,
                         int64_t now_ms)
{
    if (part->memory.landed >= part->end) {
        part->waiting_since_ms = -1;
    } else if (!whole) {
        part->waiting_since_ms = now_ms;
    }
    if (part->failures > 0) {
        pn_logger_info(sink->config.logger, "sink",
                       "%s partition %" PRId32 ": the trouble is over; records land again",
                       part->memory.topic, part->memory.partition);
    }
    part->failures = 0;
    part->retry_at_ms = 0;
    pthread_mutex_lock(&sink->lock);
    part->failure.code = 0;
    pthread_mutex_unlock(&sink->lock);
    pn_sink_publish(sink, part);
}

/* One batch of one partition. *again when there may be more. */
static int land_part(struct pn_sink *sink, struct pn_sink_part *part, bool all, int64_t now_ms,
                     bool *again, struct pn_err *e)
{
    struct pn_err failure;
    bool progress = false;
    bool whole = all || is_aged(sink, part, now_ms);
    int rc = 0;
    if (sink->config.group != NULL && sink->has_chain && !part->place.is_known) {
        rc = pn_sink_chain_open_part(sink, part, &failure);
    }
    if (rc == 0) {
        rc = pn_sink_land(sink, part, whole, &progress, &failure);
    }
    if (rc != 0) {
        note_failure(sink, part, now_ms, &failure);
        pn_err_copy(e, &failure);
        return rc;
    }
    note_success(sink, part, whole, now_ms);
    *again = *again || progress;
    return 0;
}

static bool is_stopping(struct pn_sink *sink)
{
    pthread_mutex_lock(&sink->lock);
    bool stopping = sink->is_stopping;
    pthread_mutex_unlock(&sink->lock);
    return stopping;
}

static void set_due_at(struct pn_sink *sink, int64_t due_at_ms)
{
    pthread_mutex_lock(&sink->lock);
    sink->due_at_ms = due_at_ms;
    pthread_mutex_unlock(&sink->lock);
}

/* When the first of what is waiting becomes due; -1 when nothing waits. */
static int64_t next_due(const struct pn_sink *sink)
{
    int64_t first_ms = -1;
    for (size_t i = 0; i < sink->part_count; i++) {
        const struct pn_sink_part *part = sink->parts[i];
        int64_t due_ms = -1;
        bool is_ours = part->is_selected && part->is_ours;
        if (is_ours && part->failures > 0) {
            due_ms = part->retry_at_ms;
        } else if (is_ours && part->waiting_since_ms >= 0) {
            due_ms = part->waiting_since_ms + sink->config.rotate_interval_ms;
        }
        if (due_ms >= 0 && (first_ms < 0 || due_ms < first_ms)) {
            first_ms = due_ms;
        }
    }
    return first_ms;
}

/* A turn of a pass. */
struct turn {
    struct pn_sink *sink;
    bool all;
    int64_t now_ms;
    pthread_mutex_t lock; /* of what follows */
    bool again;           /* there may be more */
    int rc;               /* the pass's first failure */
    struct pn_err failure;
};

static void land_one(void *arg, struct pn_sink_part *part)
{
    struct turn *turn = arg;
    struct pn_err failure = {0};
    bool again = false;
    if (!turn->all && is_stopping(turn->sink)) {
        return;
    }
    int rc = land_part(turn->sink, part, turn->all, turn->now_ms, &again, &failure);
    pthread_mutex_lock(&turn->lock);
    turn->again = turn->again || again;
    if (rc != 0 && turn->rc == 0) {
        turn->rc = rc;
        turn->failure = failure;
    }
    pthread_mutex_unlock(&turn->lock);
}

/* How many partitions land at the same time: as many as may have a batch in memory. */
static size_t lands_at_once(const struct pn_sink *sink)
{
    int64_t batch_bytes = sink->config.flush_bytes + PN_SINK_BATCH_BYTES;
    int64_t count = sink->has_chain ? LANDING_BYTES / batch_bytes : 1;
    count = count < PN_SINK_AT_ONCE_MAX ? count : PN_SINK_AT_ONCE_MAX;
    return count > 1 ? (size_t)count : 1;
}

/* A batch of each partition that is due. */
static void land_turn(struct turn *turn)
{
    struct pn_sink *sink = turn->sink;
    struct pn_sink_part **due = pn_xcalloc(sink->part_count + 1, sizeof(struct pn_sink_part *));
    size_t count = 0;
    for (size_t i = 0; i < sink->part_count; i++) {
        if (is_due(sink, sink->parts[i], turn->all, turn->now_ms)) {
            due[count++] = sink->parts[i];
        }
    }
    turn->again = false;
    pn_sink_each(due, count, lands_at_once(sink), land_one, turn);
    free(due);
}

/* Turns until no partition is due. The caller holds `work`. */
static int run_pass(struct pn_sink *sink, bool all, struct pn_err *e)
{
    int64_t now_ms = pn_mono_ms(sink->config.clock);
    struct turn turn = {.sink = sink, .all = all, .now_ms = now_ms, .again = true};
    struct pn_err failure;
    int rc = pn_sink_parts_look(sink, &failure);
    if (rc != 0) {
        pn_logger_error(sink->config.logger, "sink", "cannot list the log's topics: %s",
                        failure.msg);
        pn_err_copy(e, &failure);
        set_due_at(sink, now_ms + LOOK_AGAIN_MS);
        return rc;
    }
    for (size_t i = 0; i < sink->part_count; i++) {
        sink->parts[i]->has_failed = false;
    }
    pthread_mutex_init(&turn.lock, NULL);
    while (turn.again && (all || !is_stopping(sink))) {
        pn_sink_group_poll(sink);
        land_turn(&turn);
    }
    pthread_mutex_destroy(&turn.lock);
    pn_err_copy(e, turn.rc != 0 ? &turn.failure : NULL);
    for (size_t i = 0; all && i < sink->part_count; i++) {
        if (!sink->parts[i]->is_ours) {
            pn_sink_group_forget(sink->parts[i]);
        }
    }
    int64_t due_ms = next_due(sink);
    int64_t latest_ms = now_ms + (sink->share.member != NULL ? POLL_GROUP_MS : LOOK_WAITING_MS);
    bool is_later = due_ms > latest_ms || (due_ms < 0 && sink->share.member != NULL);
    set_due_at(sink, is_later ? latest_ms : due_ms);
    return turn.rc;
}

void pn_sink_remember_landed(struct pn_sink *sink)
{
    struct pn_err failure;
    if (sink->is_dirty && pn_sink_remember(sink, &failure) != 0) {
        pn_logger_warn(sink->config.logger, "sink", "cannot store how far landing got: %s",
                       failure.msg);
    }
}

int pn_sink_run(struct pn_sink *sink, struct pn_err *e)
{
    pthread_mutex_lock(&sink->work);
    int rc = run_pass(sink, false, e);
    pthread_mutex_unlock(&sink->work);
    return rc;
}

int pn_sink_flush(struct pn_sink *sink, struct pn_err *e)
{
    pthread_mutex_lock(&sink->work);
    int rc = run_pass(sink, true, e);
    pn_sink_remember_landed(sink);
    pthread_mutex_unlock(&sink->work);
    return rc;
}

void pn_sink_status(struct pn_sink *sink, struct pn_arena *arena, struct pn_sink_status **statuses,
                    size_t *count)
{
    pthread_mutex_lock(&sink->lock);
    struct pn_sink_status *found = pn_arena_calloc(arena, sink->part_count + 1, sizeof *found);
    size_t found_count = 0;
    for (size_t i = 0; i < sink->part_count; i++) {
        const struct pn_sink_part *part = sink->parts[i];
        const struct pn_err *failure =
            sink->share.failure.code != 0 ? &sink->share.failure : &part->failure;
        if (part->is_selected && (part->is_ours || sink->share.failure.code != 0)) {
            struct pn_sink_status *status = &found[found_count++];
            *status = part->status;
            status->topic = pn_arena_strdup(arena, part->memory.topic);
            status->error = failure->code != 0 ? pn_arena_strdup(arena, failure->msg) : NULL;
        }
    }
    pthread_mutex_unlock(&sink->lock);
    for (size_t i = 0; i < found_count; i++) {
        struct pn_sink_status *status = &found[i];
        struct pn_log_offsets offsets;
        if (pn_log_offsets(sink->config.log, status->topic, status->partition, &offsets, NULL) ==
            0) {
            status->end_offset = offsets.end;
            status->lag = pn_lag(status->landed_offset, offsets.begin, offsets.end).records;
            status->error = status->error != NULL ? status->error : offsets.passing;
        }
    }
    *statuses = found;
    *count = found_count;
}
