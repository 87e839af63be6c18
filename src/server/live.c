#include "server/live.h"

#include <stdlib.h>
#include <string.h>

#include "api/event_routes.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "server/live_internal.h"

enum {
    HEARTBEAT_MS_MAX = 15000,
    HEALTH_LOOK_MS = 1000,
    QUERY_LOOK_MS = 100,
    DEFINITION_LOOK_MS = 500
};

struct pn_server_live {
    struct pn_live *hub;
    struct pn_live_dags dags;
    struct pn_live_log log;
    struct pn_live_tables tables;
    struct pn_live_queries queries;
    struct pn_api_event_routes routes;
};

/* --- queries and health ----------------------------------------------------------------------- */

/* `status` NULL: it is forgotten. */
static void publish_query(struct pn_live *live, const struct pn_live_topic *topic,
                          const struct pn_query_status *status)
{
    struct pn_json_writer *json = pn_live_begin(live, topic, "query");
    pn_json_add_cstr(json, "state", status != NULL ? pn_query_state_name(status->state) : NULL);
    if (status != NULL) {
        pn_json_add_i64_text(json, "rows", status->rows);
    }
    pn_live_end(live);
}

static uint64_t mark_of_query(const struct pn_query_status *status)
{
    const int64_t numbers[] = {status->state, status->rows, (int64_t)(status->progress * 1000),
                               status->columns != NULL};
    return pn_crc32c(numbers, sizeof numbers) + UINT64_C(1);
}

static void look_at_queries(void *arg, struct pn_live *live, struct pn_live_topic **topics,
                            size_t count)
{
    const struct pn_live_queries *queries = arg;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    for (size_t i = 0; i < count; i++) {
        struct pn_query_status status = {0};
        bool known =
            pn_executor_status(queries->executor, topics[i]->parts[1], &arena, &status, NULL) == 0;
        uint64_t mark = known ? mark_of_query(&status) : 0;
        if (!topics[i]->is_new && topics[i]->seen != mark) {
            publish_query(live, topics[i], known ? &status : NULL);
        }
        topics[i]->seen = mark;
    }
    pn_arena_deinit(&arena);
}

void pn_live_queries_add(struct pn_live_queries *queries, struct pn_live *live)
{
    static const struct pn_live_kind kinds[] = {{"query", 2}, {NULL, 0}};
    const struct pn_live_source source = {
        .kinds = kinds, .look_ms = QUERY_LOOK_MS, .look = look_at_queries, .arg = queries};
    pn_live_add_source(live, &source);
}

static void look_at_health(void *arg, struct pn_live *live, struct pn_live_topic **topics,
                           size_t count)
{
    uint64_t mark = pn_api_health_mark(arg);
    for (size_t i = 0; i < count; i++) {
        if (!topics[i]->is_new && topics[i]->seen != mark) {
            pn_live_publish(live, topics[i], "health");
        }
        topics[i]->seen = mark;
    }
}

static void add_health(struct pn_api *api, struct pn_live *live)
{
    static const struct pn_live_kind kinds[] = {{"health", 1}, {NULL, 0}};
    const struct pn_live_source source = {
        .kinds = kinds, .look_ms = HEALTH_LOOK_MS, .look = look_at_health, .arg = api};
    pn_live_add_source(live, &source);
}

/* --- the definition --------------------------------------------------------------------------- */

/* Of the definition in force, and of what is wrong with the files. */
static uint64_t mark_of_definitions(struct pn_definitions *definitions)
{
    struct pn_arena arena;
    struct pn_definition_error error;
    pn_arena_init(&arena, 0);
    const struct pn_definition *now = pn_definitions_take(definitions);
    uint32_t mark = pn_crc32c(now->version, strlen(now->version));
    pn_definitions_release(definitions, &now);
    if (pn_definitions_error(definitions, &arena, &error)) {
        mark = pn_crc32c_add(mark, error.reason, strlen(error.reason));
    }
    pn_arena_deinit(&arena);
    return mark;
}

static void look_at_definitions(void *arg, struct pn_live *live, struct pn_live_topic **topics,
                                size_t count)
{
    uint64_t mark = mark_of_definitions(arg);
    for (size_t i = 0; i < count; i++) {
        if (!topics[i]->is_new && topics[i]->seen != mark) {
            pn_live_publish(live, topics[i], "definition");
        }
        topics[i]->seen = mark;
    }
}

static void add_definitions(struct pn_definitions *definitions, struct pn_live *live)
{
    static const struct pn_live_kind kinds[] = {{"definition", 1}, {NULL, 0}};
    const struct pn_live_source source = {.kinds = kinds,
                                          .look_ms = DEFINITION_LOOK_MS,
                                          .look = look_at_definitions,
                                          .arg = definitions};
    pn_live_add_source(live, &source);
}

/* --- all -------------------------------------------------------------------------------------- */

static void wake(void *arg)
{
    pn_api_wake(arg);
}

int pn_server_live_start(const struct pn_app *app, struct pn_log *log, struct pn_store *store,
                         struct pn_executor *executor, struct pn_jobs *jobs,
                         struct pn_definitions *definitions, struct pn_api_overview *overview,
                         const struct pn_api_group_routes *groups, struct pn_api *api,
                         struct pn_server_live **live, struct pn_err *e)
{
    struct pn_server_live *made = pn_xcalloc(1, sizeof *made);
    int64_t heartbeat_ms = app->settings->gateway.idle_ms / 3;
    made->hub = pn_live_create(app->clock, wake, api);
    made->log = (struct pn_live_log){.log = log, .clock = app->clock, .overview = overview};
    made->tables = (struct pn_live_tables){.app = app, .store = store};
    made->queries = (struct pn_live_queries){.executor = executor};
    made->routes = (struct pn_api_event_routes){
        .live = made->hub,
        .heartbeat_ms = heartbeat_ms < HEARTBEAT_MS_MAX ? heartbeat_ms : HEARTBEAT_MS_MAX};
    pn_live_dags_init(&made->dags, app);
    pn_live_dags_add(&made->dags, made->hub);
    pn_live_log_add(&made->log, made->hub);
    pn_live_groups_add(groups, made->hub);
    pn_live_tables_add(&made->tables, made->hub);
    pn_live_queries_add(&made->queries, made->hub);
    pn_live_jobs_add(jobs, made->hub);
    add_definitions(definitions, made->hub);
    add_health(api, made->hub);
    pn_api_event_routes_add(&made->routes, api);
    int rc = pn_live_start(made->hub, e);
    if (rc != 0) {
        pn_server_live_destroy(&made);
    }
    *live = made;
    return rc;
}

void pn_server_live_destroy(struct pn_server_live **live)
{
    struct pn_server_live *gone = *live;
    if (gone == NULL) {
        return;
    }
    pn_live_destroy(&gone->hub);
    pn_live_dags_deinit(&gone->dags);
    free(gone);
    *live = NULL;
}
