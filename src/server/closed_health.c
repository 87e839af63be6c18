#include "server/closed_health.h"

#include "base/json.h"
#include "http/request.h"

static void write_closed(struct pn_buf *out, const char *kind, const char *name, const char *why)
{
    pn_buf_addf(out, "%s{\"%s\":", out->len > 0 ? "," : "", kind);
    pn_json_write_cstr(out, name);
    pn_buf_adds(out, ",\"reason\":");
    pn_json_write_cstr(out, why);
    pn_buf_addc(out, '}');
}

static void report(void *arg, struct pn_arena *arena, struct pn_buf *out)
{
    const struct pn_closed_health *health = arg;
    struct pn_log_closed_topic *topics = NULL;
    size_t count = 0;
    pn_log_closed_topics(health->log, arena, &topics, &count);
    for (size_t i = 0; i < count; i++) {
        write_closed(out, "topic", topics[i].name, topics[i].why);
    }
    for (size_t i = 0; i < pn_kinesis_closed_count(health->kinesis); i++) {
        const char *why = NULL;
        const char *name = pn_kinesis_closed(health->kinesis, i, &why);
        write_closed(out, "stream", name, why);
    }
}

void pn_closed_health_add(struct pn_closed_health *health, struct pn_http_server *http)
{
    const struct pn_http_health closed = {.name = "closed", .report = report, .arg = health};
    pn_http_server_add_health(http, &closed);
}
