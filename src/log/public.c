#include "log/public.h"

#include <stdlib.h>

#include "base/mem.h"
#include "log/member.h"

struct public_log {
    struct pn_log log; /* first: the view is a log */
    struct pn_log *whole;
};

static struct pn_log *whole_of(struct pn_log *log)
{
    return ((struct public_log *)log)->whole;
}

static int missing(const char *topic, struct pn_err *e)
{
    return pn_err_missing(e, "there is no topic %s", topic);
}

static int reserved(const char *topic, struct pn_err *e)
{
    return pn_err_input(e,
                        "'%s' is the name of a stream's topic: put records into the stream with "
                        "the Kinesis API, or choose a name that does not begin with "
                        "'__kinesis'",
                        topic);
}

static void public_destroy(struct pn_log *log)
{
    free(log);
}

static int public_submit(struct pn_log *log, struct pn_log_request *request, struct pn_err *e)
{
    return pn_topic_is_internal(request->topic) ? reserved(request->topic, e)
                                                : pn_log_submit(whole_of(log), request, e);
}

static int public_create_topic(struct pn_log *log, const char *topic,
                               const struct pn_log_topic_config *config, struct pn_err *e)
{
    return pn_topic_is_internal(topic) ? reserved(topic, e)
                                       : pn_log_create_topic(whole_of(log), topic, config, e);
}

static int public_delete_topic(struct pn_log *log, const char *topic, struct pn_err *e)
{
    return pn_topic_is_internal(topic) ? missing(topic, e)
                                       : pn_log_delete_topic(whole_of(log), topic, e);
}

static int public_configure_topic(struct pn_log *log, const char *topic,
                                  const struct pn_log_topic_config *config, struct pn_err *e)
{
    return pn_topic_is_internal(topic) ? missing(topic, e)
                                       : pn_log_configure_topic(whole_of(log), topic, config, e);
}

static int public_topics(struct pn_log *log, struct pn_arena *arena,
                         struct pn_log_topic_info **topics, size_t *count, struct pn_err *e)
{
    int rc = pn_log_topics(whole_of(log), arena, topics, count, e);
    if (rc != 0) {
        return rc;
    }
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (!pn_topic_is_internal((*topics)[i].name)) {
            (*topics)[kept++] = (*topics)[i];
        }
    }
    *count = kept;
    return 0;
}

static int public_topic(struct pn_log *log, const char *topic, struct pn_log_topic_info *info,
                        struct pn_err *e)
{
    return pn_topic_is_internal(topic) ? missing(topic, e)
                                       : pn_log_topic(whole_of(log), topic, info, e);
}

static int public_offsets(struct pn_log *log, const char *topic, int32_t partition,
                          struct pn_log_offsets *offsets, struct pn_err *e)
{
    return pn_topic_is_internal(topic)
               ? missing(topic, e)
               : pn_log_offsets(whole_of(log), topic, partition, offsets, e);
}

static int public_replicas(struct pn_log *log, const char *topic, int32_t partition,
                           struct pn_arena *arena, struct pn_log_replica **replicas, size_t *count,
                           struct pn_err *e)
{
    return pn_topic_is_internal(topic)
               ? missing(topic, e)
               : pn_log_replicas(whole_of(log), topic, partition, arena, replicas, count, e);
}

static void public_brokers(struct pn_log *log, struct pn_arena *arena, int32_t **brokers,
                           size_t *count)
{
    pn_log_brokers(whole_of(log), arena, brokers, count);
}

static int public_refresh(struct pn_log *log, const char *topic, struct pn_err *e)
{
    return pn_topic_is_internal(topic) ? missing(topic, e)
                                       : pn_log_refresh(whole_of(log), topic, e);
}

static int public_refresh_settings(struct pn_log *log, const char *topic, struct pn_err *e)
{
    return pn_topic_is_internal(topic) ? missing(topic, e)
                                       : pn_log_refresh_settings(whole_of(log), topic, e);
}

static bool public_has_groups(const struct pn_log *log)
{
    return pn_log_has_groups(((const struct public_log *)log)->whole);
}

static int public_join(struct pn_log *log, const struct pn_log_member_config *config,
                       struct pn_log_member **member, struct pn_err *e)
{
    return pn_log_join(whole_of(log), config, member, e);
}

static int public_groups(struct pn_log *log, const char *topic, struct pn_arena *arena,
                         struct pn_log_group_place **places, size_t *count, struct pn_err *e)
{
    return pn_topic_is_internal(topic)
               ? missing(topic, e)
               : pn_log_groups(whole_of(log), topic, arena, places, count, e);
}

static int public_offset_at(struct pn_log *log, const char *topic, int32_t partition,
                            int64_t timestamp_ms, int64_t *offset, struct pn_err *e)
{
    return pn_topic_is_internal(topic)
               ? missing(topic, e)
               : pn_log_offset_at(whole_of(log), topic, partition, timestamp_ms, offset, e);
}

static int public_read(struct pn_log *log, const char *topic, int32_t partition, int64_t offset,
                       size_t max_records, size_t max_bytes, struct pn_arena *arena,
                       struct pn_log_records *records, struct pn_err *e)
{
    return pn_topic_is_internal(topic) ? missing(topic, e)
                                       : pn_log_read(whole_of(log), topic, partition, offset,
                                                     max_records, max_bytes, arena, records, e);
}

static int public_listen(struct pn_log *log, void (*fn)(void *arg), void *arg, int *id,
                         struct pn_err *e)
{
    return pn_log_listen(whole_of(log), fn, arg, id, e);
}

static void public_unlisten(struct pn_log *log, int id)
{
    pn_log_unlisten(whole_of(log), id);
}

static const struct pn_log_ops public_ops = {
    .name = "public",
    .destroy = public_destroy,
    .submit = public_submit,
    .create_topic = public_create_topic,
    .delete_topic = public_delete_topic,
    .configure_topic = public_configure_topic,
    .topics = public_topics,
    .topic = public_topic,
    .offsets = public_offsets,
    .replicas = public_replicas,
    .brokers = public_brokers,
    .refresh = public_refresh,
    .refresh_settings = public_refresh_settings,
    .has_groups = public_has_groups,
    .join = public_join,
    .groups = public_groups,
    .offset_at = public_offset_at,
    .read = public_read,
    .listen = public_listen,
    .unlisten = public_unlisten,
};

struct pn_log *pn_log_public_create(struct pn_log *log)
{
    struct public_log *made = pn_xcalloc(1, sizeof *made);
    made->log.ops = &public_ops;
    made->whole = log;
    return &made->log;
}
