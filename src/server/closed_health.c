#include "server/closed_health.h"

static void put_closed(struct pn_json_writer *json, const char *kind, const char *name,
                       const char *why)
{
    pn_json_put_object(json);
    pn_json_add_cstr(json, kind, name);
    pn_json_add_cstr(json, "reason", why);
    pn_json_end(json);
}

static void report(void *arg, struct pn_arena *arena, struct pn_json_writer *json)
{
    const struct pn_closed_health *health = arg;
    struct pn_log_closed_topic *topics = NULL;
    size_t count = 0;
    pn_log_closed_topics(health->log, arena, &topics, &count);
    for (size_t i = 0; i < count; i++) {
        put_closed(json, "topic", topics[i].name, topics[i].why);
    }
    for (size_t i = 0; i < pn_kinesis_closed_count(health->kinesis); i++) {
        const char *why = NULL;
        const char *name = pn_kinesis_closed(health->kinesis, i, &why);
        put_closed(json, "stream", name, why);
    }
}

static void report_log(void *arg, struct pn_arena *arena, struct pn_json_writer *json)
{
    const struct pn_closed_health *health = arg;
    const char *why = pn_log_unreachable(health->log, arena);
    if (why != NULL) {
        pn_json_put_object(json);
        pn_json_add_cstr(json, "reason", why);
        pn_json_end(json);
    }
}

void pn_closed_health_add(struct pn_closed_health *health, struct pn_api *api)
{
    const struct pn_api_health closed = {.name = "closed", .report = report, .arg = health};
    const struct pn_api_health log = {
        .name = "unreachable_log", .report = report_log, .arg = health, .stops = true};
    pn_api_add_health(api, &closed);
    pn_api_add_health(api, &log);
}
