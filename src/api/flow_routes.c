#include "api/flow_routes.h"

#include <string.h>

#include "api/errors.h"
#include "kinesis/kinesis.h"

/* What takes records out, looked at once for all topics and streams. */
struct takers {
    struct pn_sink_status *landings;
    size_t landing_count;
    struct pn_processor_status *processors;
    size_t processor_count;
};

static void look_at_takers(const struct pn_api_flow_env *env, struct pn_arena *arena,
                           struct takers *takers)
{
    *takers = (struct takers){0};
    if (env->sink != NULL) {
        pn_sink_status(env->sink, arena, &takers->landings, &takers->landing_count);
    }
    if (env->processor != NULL) {
        pn_processor_status(env->processor, arena, &takers->processors, &takers->processor_count);
    }
}

/* A stream's name, or NULL for a topic. */
static const char *stream_of(const char *topic)
{
    size_t prefix = strlen(PN_KINESIS_TOPIC_PREFIX);
    return strncmp(topic, PN_KINESIS_TOPIC_PREFIX, prefix) == 0 ? topic + prefix : NULL;
}

static void count_landed(const struct takers *takers, const char *topic,
                         struct pn_flow_counts *counts)
{
    for (size_t i = 0; i < takers->landing_count; i++) {
        const struct pn_sink_status *status = &takers->landings[i];
        if (strcmp(status->topic, topic) == 0) {
            counts->out_records =
                (counts->out_records < 0 ? 0 : counts->out_records) + status->landed_offset;
            counts->out_bytes = (counts->out_bytes < 0 ? 0 : counts->out_bytes) + status->bytes;
        }
    }
}

/* By the table that has read least. */
static void count_read(const struct takers *takers, const char *stream,
                       struct pn_flow_counts *counts)
{
    for (size_t i = 0; i < takers->processor_count; i++) {
        const struct pn_processor_status *status = &takers->processors[i];
        int64_t read = 0;
        for (size_t at = 0; at < status->shard_count; at++) {
            read += status->shards[at].position > 0 ? status->shards[at].position : 0;
        }
        if (strcmp(status->stream, stream) == 0 &&
            (counts->out_records < 0 || read < counts->out_records)) {
            counts->out_records = read;
        }
    }
}

static struct pn_flow_counts count(const struct pn_api_flow_env *env, const struct takers *takers,
                                   const struct pn_log_topic_info *topic)
{
    struct pn_flow_counts counts = {.out_records = -1, .out_bytes = -1};
    const char *stream = stream_of(topic->name);
    for (int32_t i = 0; i < topic->partitions; i++) {
        struct pn_log_offsets offsets = {0};
        if (pn_log_offsets(env->log, topic->name, i, &offsets, NULL) == 0) {
            counts.in_records += offsets.end;
            counts.kept_bytes = offsets.size_bytes < 0 || counts.kept_bytes < 0
                                    ? -1
                                    : counts.kept_bytes + offsets.size_bytes;
            counts.removed += offsets.begin;
        }
    }
    if (stream == NULL) {
        count_landed(takers, topic->name, &counts);
    } else {
        count_read(takers, stream, &counts);
    }
    return counts;
}

/* --- sampling --------------------------------------------------------------------------------- */

static void sample(void *arg)
{
    struct pn_api_flows *flows = arg;
    const struct pn_api_flow_env *env = &flows->env;
    int64_t mono_ms = pn_mono_ms(env->clock);
    if (flows->noted_ms != 0 && mono_ms - flows->noted_ms < PN_HISTORY_PACE_MS) {
        return;
    }
    flows->noted_ms = mono_ms;
    struct pn_arena arena;
    struct takers takers;
    struct pn_log_topic_info *topics = NULL;
    size_t topic_count = 0;
    pn_arena_init(&arena, 0);
    look_at_takers(env, &arena, &takers);
    if (pn_log_topics(env->log, &arena, &topics, &topic_count, NULL) == 0) {
        for (size_t i = 0; i < topic_count; i++) {
            struct pn_flow_counts counts = count(env, &takers, &topics[i]);
            pn_history_note(flows->history, topics[i].name, &counts, pn_wall_ms(env->clock));
        }
    }
    pn_arena_deinit(&arena);
}

/* --- the routes ------------------------------------------------------------------------------- */

static void put_rate(struct pn_json_writer *json, const char *name, double rate)
{
    pn_json_put_key(json, name);
    if (rate < 0) {
        pn_json_put_null(json);
    } else {
        pn_json_put_double(json, rate);
    }
}

static void put_points(struct pn_http_request *req, const struct pn_flow_point *points,
                       size_t count_of_points)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_array(&json, "points");
    for (size_t i = 0; i < count_of_points; i++) {
        pn_json_put_object(&json);
        pn_json_add_i64(&json, "from_ms", points[i].from_ms);
        pn_json_add_i64(&json, "until_ms", points[i].until_ms);
        put_rate(&json, "in_records", points[i].in_records);
        put_rate(&json, "in_bytes", points[i].in_bytes);
        put_rate(&json, "out_records", points[i].out_records);
        put_rate(&json, "out_bytes", points[i].out_bytes);
        pn_json_end(&json);
    }
    pn_json_end(&json);
    pn_json_end(&json);
}

/* `topic` is of the log; NULL: it is not one that people see as a topic. */
static enum pn_http_handled answer(struct pn_http_request *req, struct pn_api_flows *flows,
                                   const char *kind, const char *topic)
{
    const char *span = pn_http_request_query(req, "span");
    struct pn_log_topic_info info;
    struct takers takers;
    struct pn_flow_point *points = NULL;
    size_t point_count = 0;
    struct pn_err failure = {0};
    int rc = topic != NULL ? pn_log_topic(flows->env.log, topic, &info, &failure)
                           : pn_err_missing(&failure, "it is of a stream");
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        pn_api_reply_error(req, 404, NULL, "there is no %s %s", kind, req->params[0]);
        return PN_HTTP_HANDLED;
    }
    if (rc != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    look_at_takers(&flows->env, &req->arena, &takers);
    struct pn_flow_counts counts = count(&flows->env, &takers, &info);
    pn_history_points(flows->history, topic,
                      span != NULL && strcmp(span, "24h") == 0 ? PN_HISTORY_DAY
                                                               : PN_HISTORY_HALF_HOUR,
                      &counts, pn_wall_ms(flows->env.clock), &req->arena, &points, &point_count);
    put_points(req, points, point_count);
    req->status = 200;
    req->content_type = PN_HTTP_TYPE_JSON;
    return PN_HTTP_HANDLED;
}

static enum pn_http_handled handle_topic(struct pn_http_request *req, void *arg)
{
    const char *topic = req->params[0];
    return answer(req, arg, "topic", pn_topic_is_internal(topic) ? NULL : topic);
}

static enum pn_http_handled handle_stream(struct pn_http_request *req, void *arg)
{
    return answer(req, arg, "stream",
                  pn_arena_printf(&req->arena, "%s%s", PN_KINESIS_TOPIC_PREFIX, req->params[0]));
}

static const struct pn_api_field of_topic[] = {PN_FIELD("topic", TEXT), PN_FIELDS_END};
static const struct pn_api_field of_stream[] = {PN_FIELD("stream", TEXT), PN_FIELDS_END};
static const struct pn_api_field query[] = {
    {.name = "span",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL,
     .words = "30m|24h",
     .help = "30m, by 10 seconds, or 24h, by 5 minutes; 30m unless given"},
    PN_FIELDS_END};
static const struct pn_api_field point[] = {PN_FIELD("from_ms", INT),
                                            PN_FIELD("until_ms", INT),
                                            PN_FIELD_NULLABLE("in_records", NUMBER),
                                            PN_FIELD_NULLABLE("in_bytes", NUMBER),
                                            PN_FIELD_NULLABLE("out_records", NUMBER),
                                            PN_FIELD_NULLABLE("out_bytes", NUMBER),
                                            PN_FIELDS_END};
static const struct pn_api_field reply[] = {{.name = "points",
                                             .type = PN_API_OBJECTS,
                                             .fields = point,
                                             .help = "the oldest first; rates are a second"},
                                            PN_FIELDS_END};

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_GET, "api/v1/topics/{}/rates", handle_topic, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_TOPIC},
     .id = "get_topic_rates",
     .summary = "How a topic filled and landed over time",
     .path = of_topic,
     .query = query,
     .reply = reply},
    {.http = {PN_HTTP_GET, "api/v1/streams/{}/rates", handle_stream, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_STREAM},
     .id = "get_stream_rates",
     .summary = "How a stream filled and was read over time",
     .path = of_stream,
     .query = query,
     .reply = reply},
};

void pn_api_flows_init(struct pn_api_flows *flows, const struct pn_api_flow_env *env)
{
    *flows = (struct pn_api_flows){.env = *env, .history = pn_history_create()};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        pn_api_add_route(env->api, &table[i], flows);
    }
    pn_api_add_tick(env->api, sample, flows);
}

void pn_api_flows_deinit(struct pn_api_flows *flows)
{
    pn_history_destroy(&flows->history);
}
