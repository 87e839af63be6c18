#include "api/overview_routes.h"

#include <string.h>

#include "api/errors.h"
#include "base/percent.h"
#include "base/units.h"
#include "kinesis/kinesis.h"
#include "report/sql_reads.h"

enum { HREF_BYTES_MAX = 4096 };

/* --- what there is ---------------------------------------------------------------------------- */

/* A topic or stream of the log. */
struct flow {
    const char *id; /* "topic/x" */
    const char *name;
    bool is_stream;
    bool has_failed; /* a partition takes no more records */
    int64_t added;   /* records since ever: the sum of the ends */
    int64_t kept;
};

/* All of it, in the arena. */
struct view {
    struct flow *flows;
    size_t flow_count;
    struct pn_sink_status *landings;
    size_t landing_count;
    struct pn_processor_status *processors;
    size_t processor_count;
};

static void look_at_ends(struct pn_log *log, const struct pn_log_topic_info *topic,
                         struct flow *flow)
{
    for (int32_t i = 0; i < topic->partitions; i++) {
        struct pn_log_offsets offsets = {0};
        if (pn_log_offsets(log, topic->name, i, &offsets, NULL) == 0) {
            flow->added += offsets.end;
            flow->kept += offsets.end - offsets.begin;
        }
    }
}

static int look(const struct pn_api_overview_env *env, struct pn_arena *arena, struct view *view,
                struct pn_err *e)
{
    struct pn_log_topic_info *topics = NULL;
    struct pn_log_failure *failures = NULL;
    size_t count = 0;
    *view = (struct view){0};
    int rc = pn_log_topics(env->log, arena, &topics, &count, e);
    if (rc != 0) {
        return rc;
    }
    size_t failed = pn_log_failures_list(env->failures, arena, &failures);
    view->flows = pn_arena_calloc(arena, count + 1, sizeof *view->flows);
    for (size_t i = 0; i < count; i++) {
        struct flow *flow = &view->flows[view->flow_count++];
        size_t prefix = strlen(PN_KINESIS_TOPIC_PREFIX);
        flow->is_stream = strncmp(topics[i].name, PN_KINESIS_TOPIC_PREFIX, prefix) == 0;
        flow->name = topics[i].name + (flow->is_stream ? prefix : 0);
        flow->id =
            pn_arena_printf(arena, "%s/%s", flow->is_stream ? "stream" : "topic", flow->name);
        look_at_ends(env->log, &topics[i], flow);
        for (size_t at = 0; at < failed; at++) {
            flow->has_failed = flow->has_failed || strcmp(failures[at].topic, topics[i].name) == 0;
        }
    }
    if (env->sink != NULL) {
        pn_sink_status(env->sink, arena, &view->landings, &view->landing_count);
    }
    if (env->processor != NULL) {
        pn_processor_status(env->processor, arena, &view->processors, &view->processor_count);
    }
    return 0;
}

static int64_t landed(const struct view *view)
{
    int64_t records = 0;
    for (size_t i = 0; i < view->landing_count; i++) {
        records += view->landings[i].records + view->landings[i].dead_letters;
    }
    return records;
}

static const char *table_id(struct pn_arena *arena, const char *name)
{
    return pn_arena_printf(arena, "table/%s", name);
}

/* Calls `fn` for each counter that has a rate. */
static void each_counter(const struct view *view, struct pn_arena *arena,
                         void (*fn)(void *arg, const char *id, int64_t count), void *arg)
{
    for (size_t i = 0; i < view->flow_count; i++) {
        fn(arg, view->flows[i].id, view->flows[i].added);
    }
    fn(arg, "sink", landed(view));
    for (size_t i = 0; i < view->processor_count; i++) {
        fn(arg, table_id(arena, view->processors[i].table), view->processors[i].rows);
    }
}

struct noting {
    struct pn_rates *rates;
    int64_t now_ms;
};

static void note(void *arg, const char *id, int64_t count)
{
    const struct noting *noting = arg;
    pn_rates_note(noting->rates, id, count, noting->now_ms);
}

void pn_api_overview_sample(struct pn_api_overview *overview)
{
    struct pn_arena arena;
    struct view view;
    struct noting noting = {.rates = overview->rates, .now_ms = pn_mono_ms(overview->env.clock)};
    pn_arena_init(&arena, 0);
    if (look(&overview->env, &arena, &view, NULL) == 0) {
        each_counter(&view, &arena, note, &noting);
    }
    pn_arena_deinit(&arena);
}

/* --- nodes ------------------------------------------------------------------------------------ */

struct node {
    const char *id;
    const char *kind;
    const char *label;
    double rate;     /* -1: null */
    int64_t lag;     /* -1: null */
    int64_t records; /* -1: null */
    const char *health;
    const char *href;
};

struct writing {
    struct pn_api_overview *overview;
    struct pn_arena *arena;
    struct pn_json_writer json;
    struct view view;
    int64_t now_ms;
};

static void put_known(struct pn_json_writer *json, const char *name, int64_t value)
{
    if (value < 0) {
        pn_json_add_null(json, name);
    } else {
        pn_json_add_i64_text(json, name, value);
    }
}

static void put_node(struct writing *writing, const struct node *node)
{
    struct pn_json_writer *json = &writing->json;
    pn_json_put_object(json);
    pn_json_add_cstr(json, "id", node->id);
    pn_json_add_cstr(json, "kind", node->kind);
    pn_json_add_cstr(json, "label", node->label);
    pn_json_put_key(json, "rate");
    if (node->rate < 0) {
        pn_json_put_null(json);
    } else {
        pn_json_put_double(json, node->rate);
    }
    put_known(json, "lag", node->lag);
    put_known(json, "records", node->records);
    pn_json_add_cstr(json, "health", node->health);
    pn_json_add_cstr(json, "href", node->href);
    pn_json_end(json);
}

static double rate_of(const struct writing *writing, const char *id, int64_t count)
{
    return pn_rates_of(writing->overview->rates, id, count, writing->now_ms);
}

/* "/ui/topics/x", the name encoded. */
static const char *href_of(const struct writing *writing, const char *page, const char *name)
{
    struct pn_buf href;
    pn_buf_init(&href, HREF_BYTES_MAX);
    pn_buf_addf(&href, "/ui/%s/", page);
    pn_percent_encode(&href, name);
    const char *text = pn_arena_strdup(writing->arena, pn_buf_text(&href));
    pn_buf_deinit(&href);
    return text;
}

/* The producers and the doors have the rates of what they lead to. */
static void put_entries(struct writing *writing)
{
    double rates[2] = {-1, -1};
    for (size_t i = 0; i < writing->view.flow_count; i++) {
        const struct flow *flow = &writing->view.flows[i];
        double rate = rate_of(writing, flow->id, flow->added);
        if (rate >= 0) {
            double *sum = &rates[flow->is_stream];
            *sum = (*sum < 0 ? 0 : *sum) + rate;
        }
    }
    double all = rates[0] < 0 ? rates[1] : rates[0] + (rates[1] < 0 ? 0 : rates[1]);
    const struct node nodes[] = {
        {"producers", "producers", "Producers", all, -1, -1, "healthy", "/ui/topics"},
        {"door/kafka-rest", "door", "Kafka REST", rates[0], -1, -1, "healthy", "/ui/topics"},
        {"door/kinesis", "door", "Kinesis", rates[1], -1, -1, "healthy", "/ui/streams"},
    };
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        put_node(writing, &nodes[i]);
    }
}

static void put_flows(struct writing *writing)
{
    for (size_t i = 0; i < writing->view.flow_count; i++) {
        const struct flow *flow = &writing->view.flows[i];
        const struct node node = {
            .id = flow->id,
            .kind = flow->is_stream ? "stream" : "topic",
            .label = flow->name,
            .rate = rate_of(writing, flow->id, flow->added),
            .lag = -1,
            .records = flow->kept,
            .health = flow->has_failed ? "failed" : "healthy",
            .href = href_of(writing, flow->is_stream ? "streams" : "topics", flow->name)};
        put_node(writing, &node);
    }
}

static void put_sink(struct writing *writing)
{
    const struct view *view = &writing->view;
    struct node node = {.id = "sink",
                        .kind = "sink",
                        .label = "Sink",
                        .rate = rate_of(writing, "sink", landed(view)),
                        .records = landed(view),
                        .health = "healthy",
                        .href = "/ui/status"};
    for (size_t i = 0; i < view->landing_count; i++) {
        node.lag += view->landings[i].lag;
        node.health = view->landings[i].error != NULL ? "trouble" : node.health;
    }
    if (writing->overview->env.sink == NULL) {
        node.health = "unknown"; /* another process may land them */
        node.lag = -1;
        node.records = -1;
    }
    put_node(writing, &node);
}

static const struct pn_processor_status *processor_of(const struct view *view, const char *table)
{
    for (size_t i = 0; i < view->processor_count; i++) {
        if (strcmp(view->processors[i].table, table) == 0) {
            return &view->processors[i];
        }
    }
    return NULL;
}

/* `kind` as the pipeline has the table; the status of what fills it from a stream, or NULL. */
static void put_table(struct writing *writing, const char *kind, const char *name,
                      const struct pn_processor_status *status)
{
    struct node node = {.id = table_id(writing->arena, name),
                        .kind = kind,
                        .label = name,
                        .rate = -1,
                        .lag = -1,
                        .records = -1,
                        .health = "healthy",
                        .href = href_of(writing, "tables", name)};
    if (status != NULL) {
        bool is_well = status->error == NULL && status->state != PN_PROCESSOR_FAILED;
        node.health = is_well ? "healthy" : "trouble";
        node.rate = rate_of(writing, node.id, status->rows);
        node.lag = 0;
        for (size_t at = 0; at < status->shard_count; at++) {
            int64_t lag = status->shards[at].lag; /* -1: not known, and so is the sum */
            node.lag = lag < 0 || node.lag < 0 ? -1 : node.lag + lag;
        }
    }
    put_node(writing, &node);
}

static const char *files_id(struct writing *writing, const struct pn_table *table)
{
    return pn_arena_printf(writing->arena, "files/%s", table->from_files->glob);
}

/* Several tables may read the files of one pattern. */
static bool is_first_of_files(const struct pn_pipeline *pipeline, size_t table)
{
    const char *glob = pipeline->tables[table].from_files->glob;
    for (size_t i = 0; i < table; i++) {
        const struct pn_table_files *before = pipeline->tables[i].from_files;
        if (before != NULL && strcmp(before->glob, glob) == 0) {
            return false;
        }
    }
    return true;
}

static void put_files(struct writing *writing)
{
    const struct pn_pipeline *pipeline = writing->overview->env.pipeline;
    for (size_t i = 0; i < pipeline->table_count; i++) {
        const struct pn_table *table = &pipeline->tables[i];
        if (table->from_files == NULL || !is_first_of_files(pipeline, i)) {
            continue;
        }
        const struct node node = {.id = files_id(writing, table),
                                  .kind = "files",
                                  .label = table->from_files->glob,
                                  .rate = -1,
                                  .lag = -1,
                                  .records = -1,
                                  .health = "healthy",
                                  .href = "/ui/tables?view=lineage"};
        put_node(writing, &node);
    }
}

/* Those of the pipeline, and those that streams made by a pattern. */
static void put_tables(struct writing *writing)
{
    const struct pn_pipeline *pipeline = writing->overview->env.pipeline;
    for (size_t i = 0; i < pipeline->table_count; i++) {
        const struct pn_table *table = &pipeline->tables[i];
        const char *kind = pn_table_is_raw(table) ? "raw"
                           : table->like != NULL  ? "stream_table"
                                                  : "clean";
        put_table(writing, kind, table->name, processor_of(&writing->view, table->name));
    }
    for (size_t i = 0; i < writing->view.processor_count; i++) {
        const struct pn_processor_status *status = &writing->view.processors[i];
        if (pn_pipeline_table(pipeline, status->table) == NULL) {
            put_table(writing, "stream_table", status->table, status);
        }
    }
}

static void put_dags(struct writing *writing)
{
    const struct pn_pipeline *pipeline = writing->overview->env.pipeline;
    for (size_t i = 0; i < pipeline->dag_count; i++) {
        const char *name = pipeline->dags[i].name;
        const struct node node = {.id = pn_arena_printf(writing->arena, "dag/%s", name),
                                  .kind = "dag",
                                  .label = name,
                                  .rate = -1,
                                  .lag = -1,
                                  .records = -1,
                                  .health = "healthy",
                                  .href = href_of(writing, "dags", name)};
        put_node(writing, &node);
    }
    if (pipeline->query_count > 0) {
        const struct node queries = {
            .id = "queries",
            .kind = "queries",
            .label = pn_arena_printf(writing->arena, "%zu %s", pipeline->query_count,
                                     pn_noun((int64_t)pipeline->query_count, "query", "queries")),
            .rate = -1,
            .lag = -1,
            .records = -1,
            .health = "healthy",
            .href = "/ui/query"};
        put_node(writing, &queries);
    }
}

/* --- edges ------------------------------------------------------------------------------------ */

static void put_edge(struct writing *writing, const char *from, const char *to)
{
    pn_json_put_array(&writing->json);
    pn_json_put_cstr(&writing->json, from);
    pn_json_put_cstr(&writing->json, to);
    pn_json_end(&writing->json);
}

static void put_flow_edges(struct writing *writing)
{
    put_edge(writing, "producers", "door/kafka-rest");
    put_edge(writing, "producers", "door/kinesis");
    for (size_t i = 0; i < writing->view.flow_count; i++) {
        const struct flow *flow = &writing->view.flows[i];
        put_edge(writing, flow->is_stream ? "door/kinesis" : "door/kafka-rest", flow->id);
        if (!flow->is_stream) {
            put_edge(writing, flow->id, "sink");
        }
    }
    for (size_t i = 0; i < writing->view.processor_count; i++) {
        const struct pn_processor_status *status = &writing->view.processors[i];
        put_edge(writing, pn_arena_printf(writing->arena, "stream/%s", status->stream),
                 table_id(writing->arena, status->table));
    }
}

static bool is_queried(const struct pn_pipeline *pipeline, const char *table)
{
    for (size_t i = 0; i < pipeline->query_count; i++) {
        if (pn_sql_reads(pipeline->queries[i].sql, table)) {
            return true;
        }
    }
    return false;
}

static void put_table_edges(struct writing *writing)
{
    const struct pn_pipeline *pipeline = writing->overview->env.pipeline;
    for (size_t i = 0; i < pipeline->table_count; i++) {
        const struct pn_table *table = &pipeline->tables[i];
        const char *id = table_id(writing->arena, table->name);
        if (table->from_topic != NULL) {
            put_edge(writing, "sink", id);
        } else if (table->from_files != NULL) {
            put_edge(writing, files_id(writing, table), id);
        }
        for (size_t at = 0; at < table->read_count; at++) {
            put_edge(writing, table_id(writing->arena, table->reads[at]->name), id);
        }
        if (is_queried(pipeline, table->name)) {
            put_edge(writing, id, "queries");
        }
    }
    for (size_t i = 0; i < pipeline->dag_count; i++) {
        const struct pn_dag *dag = &pipeline->dags[i];
        const char *id = pn_arena_printf(writing->arena, "dag/%s", dag->name);
        for (size_t task = 0; task < dag->task_count; task++) {
            for (size_t at = 0; at < dag->tasks[task].table_count; at++) {
                put_edge(writing, id, table_id(writing->arena, dag->tasks[task].tables[at]->name));
            }
        }
    }
}

/* --- the reply -------------------------------------------------------------------------------- */

static enum pn_http_handled handle(struct pn_http_request *req, void *arg)
{
    struct pn_api_overview *overview = arg;
    struct writing writing = {
        .overview = overview, .arena = &req->arena, .now_ms = pn_mono_ms(overview->env.clock)};
    struct noting noting = {.rates = overview->rates, .now_ms = writing.now_ms};
    struct pn_err failure = {0};
    if (look(&overview->env, &req->arena, &writing.view, &failure) != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    each_counter(&writing.view, &req->arena, note, &noting);
    pn_json_writer_init(&writing.json, &req->out);
    pn_json_put_object(&writing.json);
    pn_json_add_array(&writing.json, "nodes");
    put_entries(&writing);
    put_flows(&writing);
    put_sink(&writing);
    put_files(&writing);
    put_tables(&writing);
    put_dags(&writing);
    pn_json_end(&writing.json);
    pn_json_add_array(&writing.json, "edges");
    put_flow_edges(&writing);
    put_table_edges(&writing);
    pn_json_end(&writing.json);
    pn_json_add_array(&writing.json, "problems");
    pn_api_put_problems(overview->env.api, req, &writing.json);
    pn_json_end(&writing.json);
    pn_json_end(&writing.json);
    req->status = 200;
    req->content_type = PN_HTTP_TYPE_JSON;
    return PN_HTTP_HANDLED;
}

static const struct pn_api_field node_fields[] = {
    PN_FIELD("id", TEXT),
    PN_FIELD("kind", TEXT),
    PN_FIELD("label", TEXT),
    {.name = "rate", .type = PN_API_NUMBER, .flags = PN_API_NULLABLE, .help = "a second"},
    PN_FIELD_NULLABLE("lag", WIDE),
    PN_FIELD_NULLABLE("records", WIDE),
    PN_FIELD_NULLABLE("health", TEXT),
    PN_FIELD_NULLABLE("href", TEXT),
    PN_FIELDS_END};
static const struct pn_api_field overview_reply[] = {
    {.name = "nodes", .type = PN_API_OBJECTS, .fields = node_fields},
    {.name = "edges", .type = PN_API_ARRAY, .help = "each [from, to], ids of nodes"},
    {.name = "problems", .type = PN_API_ARRAY},
    PN_FIELDS_END};

static const struct pn_api_route route = {
    .http = {PN_HTTP_GET, "api/v1/overview", handle, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
             PN_OF_SERVER},
    .id = "get_overview",
    .summary = "The pipeline as a graph, and what is not well",
    .reply = overview_reply};

void pn_api_overview_init(struct pn_api_overview *overview, const struct pn_api_overview_env *env)
{
    *overview = (struct pn_api_overview){.env = *env, .rates = pn_rates_create()};
    pn_api_add_route(env->api, &route, overview);
}

void pn_api_overview_deinit(struct pn_api_overview *overview)
{
    pn_rates_destroy(&overview->rates);
}
