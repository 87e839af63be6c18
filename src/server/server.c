#include "server/server.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "airflow/airflow.h"
#include "api/dag_routes.h"
#include "api/dead_letter_routes.h"
#include "api/flow_routes.h"
#include "api/group_routes.h"
#include "api/job_routes.h"
#include "api/page_routes.h"
#include "api/pipeline_routes.h"
#include "api/query_routes.h"
#include "api/search_routes.h"
#include "api/session_routes.h"
#include "api/sink_routes.h"
#include "api/status_routes.h"
#include "api/table_data_routes.h"
#include "api/topic_routes.h"
#include "base/mem.h"
#include "base/units.h"
#include "log/public.h"
#include "report/groups.h"
#include "server/addresses.h"
#include "server/announcement.h"
#include "server/closed_health.h"
#include "server/fronts.h"
#include "server/letter_counts.h"
#include "server/live.h"
#include "server/server_jobs.h"
#include "server/server_streams.h"
#include "server/stations.h"
#include "server/table_source.h"
#include "server/table_watch.h"
#include "server/unread.h"
#include "ui/ui.h"

/* More than all threads allocate in small pieces until each sees that memory is short. */
enum { MEMORY_RESERVE_BYTES = 16 << 20 };

struct pn_server {
    const struct pn_app *app;
    unsigned roles;
    struct pn_arena arena; /* the scheduler's command line, the streams' folder */
    struct pn_store *store;
    struct pn_log *log;
    struct pn_kinesis *kinesis;
    struct pn_server_streams *streams;
    struct pn_table_watch *tables;               /* NULL without fronts */
    struct pn_server_table_source *table_source; /* the same */
    struct pn_sink *sink; /* NULL, as what follows, when its role was left out */
    struct pn_definitions *definitions;
    struct pn_scheduler *scheduler;
    struct pn_executor *executor; /* of queries; NULL without HTTP */
    struct pn_server_jobs *jobs;  /* likewise */
    struct pn_api_job_routes job_routes;
    struct pn_server_live *live; /* likewise */
    struct pn_api_overview overview;
    struct pn_api_flows flows;
    struct pn_api_query_routes query_routes;
    struct pn_unread *unread;
    struct pn_letter_counts *letter_counts;
    struct pn_admission admission; /* of topics */
    struct pn_fronts *fronts;
    struct pn_closed_health closed;
    struct pn_api_sink_routes *sink_routes;
    struct pn_log *topics; /* the log without the streams' topics, for: */
    struct pn_api_topic_routes topic_routes;
    struct pn_api_group_routes group_routes;
    struct pn_api_pipeline_routes pipeline_routes;
    struct pn_api_status_routes status_routes;
    struct pn_api_dags *dags;
    struct pn_api_search_routes search_routes;
    struct pn_api_table_data_routes table_data_routes;
    struct pn_letters *letters; /* that were sent again */
    struct pn_api_dead_letter_routes dead_letter_routes;
    struct pn_airflow *airflow;
    char *url;
    int announced_fd; /* the lock of the announcement, or -1 */
};

/* The address people and commands reach us at: the host as it was asked for, the port as it is. */
static char *make_url(const struct pn_server *server, const char *listen)
{
    const struct pn_settings *settings = server->app->settings;
    const char *address = listen != NULL ? listen : settings->gateway.listen;
    const char *colon = strrchr(address, ':');
    int host_len = colon != NULL ? (int)(colon - address) : (int)strlen(address);
    bool any = pn_listens_everywhere(address);
    return pn_xasprintf("%s://%.*s:%u", pn_url_scheme(settings->gateway.tls_certificate),
                        any ? 9 : host_len, any ? "127.0.0.1" : address,
                        (unsigned)pn_http_server_port(server->fronts->http));
}

/* Who has the folder is worth more than which of its locks is taken. */
static void explain_conflict(const struct pn_app *app, struct pn_err *e)
{
    char *url = NULL;
    if (pn_announcement_read(app->io, app->data, &url, NULL) == 0 && url != NULL) {
        (void)pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                         "the data folder %s is in use by the server on %s: stop that one, or give"
                         " another --data",
                         app->data, url);
    } else {
        (void)pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                         "the data folder %s is in use by another pinion: wait for it, or give"
                         " another --data",
                         app->data);
    }
    free(url);
}

static int open_fronts(struct pn_server *server, const char *listen, struct pn_err *e)
{
    const struct pn_fronts_stations stations = {
        .log = server->log, .kinesis = server->kinesis, .admission = &server->admission};
    pn_admission_init(&server->admission, server->app->pipeline, server->app->settings,
                      server->log);
    return pn_app_open_fronts(server->app, &stations, listen, &server->fronts, e);
}

/* Processes that fill tables from another Kinesis share the bucket, and each has a log of its own,
 * of which nothing comes to the bucket. */
static bool only_fills_tables(const struct pn_server *server)
{
    const struct pn_settings *settings = server->app->settings;
    unsigned others = PN_ROLE_SINK | PN_ROLE_SCHEDULER;
    return settings->kinesis.endpoint[0] != '\0' && settings->log.url[0] == '\0' &&
           (server->roles & others) == 0;
}

/* What a crash left in the store. We hold the log's lock, so no other server's temporary files are
 * in use. It may stay: a user may not have the right to list unfinished uploads. */
static void sweep(const struct pn_app *app, struct pn_store *store)
{
    struct pn_err failure;
    if (pn_store_sweep(store, &failure) != 0) {
        pn_logger_warn(app->logger, "serve",
                       "what a crash may have left in the store is not removed: %s", failure.msg);
    }
}

/* From the store up: each station stands on the ones before it. */
static int open_stations(struct pn_server *server, const char *listen, struct pn_err *e)
{
    const struct pn_app *app = server->app;
    int rc = pn_app_open_unclaimed_store(app, &server->store, e);
    if (rc == 0) {
        struct pn_err failure = {0};
        rc = pn_app_open_log_as_it_is(app, &server->log, &failure);
        if (rc != 0 && failure.class_ == PN_CLASS_CONFLICT) {
            explain_conflict(app, &failure);
        }
        pn_err_copy(e, rc != 0 ? &failure : NULL);
    }
    if (rc == 0 && !only_fills_tables(server)) {
        rc = pn_app_claim_bucket(app, server->store, e);
    }
    if (rc == 0) {
        rc = pn_app_make_topics(app, server->log, e);
    }
    if (rc == 0) {
        pn_app_note_partitions(app, server->log);
    }
    if (rc == 0) {
        sweep(app, server->store);
    }
    if (rc == 0) {
        /* Where streams are elsewhere, nobody here needs them; a cluster keeps none until somebody
         * reads them, or puts a record (admission.h). */
        bool are_elsewhere = app->settings->kinesis.endpoint[0] != '\0';
        bool makes_streams = !are_elsewhere && ((server->roles & PN_ROLE_STREAM) != 0 ||
                                                app->settings->log.url[0] == '\0');
        rc = pn_app_open_kinesis(app, server->log, makes_streams, &server->arena, &server->kinesis,
                                 e);
    }
    if (rc == 0) {
        rc = pn_server_streams_create(app, server->kinesis, server->store,
                                      (server->roles & PN_ROLE_STREAM) != 0, &server->streams, e);
    }
    if (rc == 0 && (server->roles & PN_ROLE_SINK) != 0) {
        rc = pn_app_open_sink(app, server->log, server->store, &server->sink, e);
    }
    if (rc == 0) {
        rc = pn_app_open_definitions(app, &server->definitions, e);
    }
    if (rc == 0 && (server->roles & PN_ROLE_SCHEDULER) != 0) {
        rc = pn_app_open_scheduler(app, server->definitions, &server->arena, &server->scheduler, e);
    }
    if (rc == 0 && (server->roles & PN_ROLE_GATEWAY) != 0) {
        rc = open_fronts(server, listen, e);
    }
    if (rc == 0 && server->fronts != NULL) {
        rc = pn_http_server_listen(server->fronts->http, e);
    }
    return rc;
}

/* What was acknowledged is landed before a run begins, so that the run sees it. */
static int flush_sink(void *arg, struct pn_err *e)
{
    return pn_sink_flush(arg, e);
}

static void add_dag_routes(struct pn_server *server)
{
    const struct pn_app *app = server->app;
    const struct pn_api_dag_env env = {
        .data_folder = app->data,
        .definitions = server->definitions,
        .io = app->io,
        .clock = app->clock,
        .tasks_max = app->settings->dag.tasks_max,
        .flush = server->sink != NULL ? flush_sink : NULL,
        .arg = server->sink,
    };
    server->dags = pn_api_dags_create(&env, server->fronts->api);
}

/* Of a log on a cluster, groups are the cluster's, and clients of other kinds belong to them. */
static void add_groups(struct pn_server *server, struct pn_api *api)
{
    server->group_routes = (struct pn_api_group_routes){
        .topics = server->topics,
        .consumers = pn_kafka_rest_consumers_of(server->fronts->kafka_rest)};
    pn_api_group_routes_add(&server->group_routes, api);
}

/* What people look for in records and tables. */
static void add_looking(struct pn_server *server, struct pn_api *api)
{
    server->search_routes =
        (struct pn_api_search_routes){.topics = server->topics,
                                      .streams = pn_server_streams_source(server->streams),
                                      .clock = server->app->clock};
    pn_api_search_routes_add(&server->search_routes, api);
    pn_api_page_routes_add(&server->search_routes, api);
    server->table_data_routes = (struct pn_api_table_data_routes){
        .executor = server->executor,
        .tables = pn_server_table_source_routes(server->table_source)};
    pn_api_table_data_routes_add(&server->table_data_routes, api);
}

/* With an engine for this one drop. Drops are rare, and the server's other engines are at work. */
static int drop_letters(void *arg, struct pn_api_letter_drop *drop, struct pn_err *e)
{
    struct pn_server *server = arg;
    struct pn_chosen_letters *chosen = NULL;
    struct pn_embedded_engine *engine = NULL;
    int rc = pn_app_open_small_engine(server->app, server->store, &engine, e);
    if (rc == 0) {
        rc = pn_upkeep_choose_letters(engine, &drop->choice, &chosen, e);
    }
    if (rc == 0) {
        drop->count = pn_chosen_letters_count(chosen);
        pn_chosen_letters_seen(chosen, drop->found);
    }
    if (rc == 0 && drop->seen != NULL && strcmp(drop->seen, drop->found) != 0) {
        rc = pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                        "nothing was dropped: since the letters were counted, others have come or "
                        "gone, and %" PRId64 " fit now: count again with \"dry_run\", then drop",
                        drop->count);
    }
    if (rc == 0 && !drop->dry_run) {
        rc = pn_upkeep_drop_letters(engine, chosen, e);
    }
    if (rc == 0 && !drop->dry_run && drop->count > 0) {
        pn_logger_info(server->app->logger, "serve", "%s dropped %" PRId64 " dead %s", drop->who,
                       drop->count, pn_noun(drop->count, "letter", "letters"));
    }
    pn_chosen_letters_destroy(&chosen);
    pn_embedded_engine_destroy(&engine);
    return rc;
}

static void add_dead_letters(struct pn_server *server, struct pn_api *api)
{
    char *path = pn_app_path(server->app, "letters.db");
    server->letters = pn_letters_create(path, server->topics, server->kinesis, server->app->clock);
    free(path);
    server->dead_letter_routes = (struct pn_api_dead_letter_routes){
        .executor = server->executor,
        .tables = pn_server_table_source_routes(server->table_source),
        .letters = server->letters,
        .drop = drop_letters,
        .drop_arg = server};
    pn_api_dead_letter_routes_add(&server->dead_letter_routes, api);
}

static void add_jobs(struct pn_server *server, struct pn_api *api)
{
    server->job_routes = (struct pn_api_job_routes){
        .jobs = pn_server_jobs_list(server->jobs),
        .tables = pn_server_table_source_routes(server->table_source),
        .dags = server->dags,
        .target_bytes = server->app->settings->delta.optimize_target_bytes};
    pn_api_job_routes_add(&server->job_routes, api);
}

static void add_airflow(struct pn_server *server)
{
    const struct pn_app *app = server->app;
    const struct pn_airflow_env env = {
        .server = server->fronts->http,
        .definitions = server->definitions,
        .io = app->io,
        .clock = app->clock,
        .data_folder = app->data,
        .tasks_max = app->settings->dag.tasks_max,
        .flush = server->sink != NULL ? flush_sink : NULL,
        .flush_arg = server->sink,
    };
    server->airflow = pn_airflow_create(&env);
}

static void add_status(struct pn_server *server, struct pn_api *api)
{
    static const struct {
        unsigned role;
        const char *name;
    } roles[] = {{PN_ROLE_GATEWAY, "gateway"},
                 {PN_ROLE_SINK, "sink"},
                 {PN_ROLE_STREAM, "stream"},
                 {PN_ROLE_SCHEDULER, "scheduler"}};
    const struct pn_app *app = server->app;
    server->status_routes =
        (struct pn_api_status_routes){.io = app->io,
                                      .clock = app->clock,
                                      .metrics = app->metrics,
                                      .data = app->data,
                                      .started_ms = pn_wall_ms(app->clock),
                                      .started_mono_ns = pn_mono_ns(app->clock)};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        if ((server->roles & roles[i].role) != 0) {
            server->status_routes.roles[server->status_routes.role_count++] = roles[i].name;
        }
    }
    pn_api_status_routes_add(&server->status_routes, api);
}

static int add_routes(struct pn_server *server, struct pn_err *e)
{
    struct pn_api *api = server->fronts->api;
    server->closed = (struct pn_closed_health){.log = server->log, .kinesis = server->kinesis};
    server->topics = pn_log_public_create(server->log);
    server->topic_routes =
        (struct pn_api_topic_routes){.topics = server->topics,
                                     .pipeline = server->app->pipeline,
                                     .is_remote = server->app->settings->log.url[0] != '\0'};
    pn_closed_health_add(&server->closed, api);
    pn_table_watch_add_health(server->tables, api);
    pn_server_table_source_add_routes(server->table_source, api);
    server->pipeline_routes = (struct pn_api_pipeline_routes){.pipeline = server->app->pipeline,
                                                              .settings = server->app->settings};
    pn_api_pipeline_routes_add(&server->pipeline_routes, api);
    add_status(server, api);
    pn_api_session_routes_add(api);
    add_dag_routes(server);
    add_airflow(server);
    add_jobs(server, api);
    pn_ui_add(server->fronts->http);
    pn_server_streams_add_routes(server->streams, api);
    pn_unread_add_health(server->unread, api);
    pn_api_topic_routes_add(&server->topic_routes, api);
    add_groups(server, api);
    server->query_routes = (struct pn_api_query_routes){.executor = server->executor,
                                                        .pipeline = server->app->pipeline};
    pn_api_query_routes_add(&server->query_routes, api);
    add_dead_letters(server, api);
    const struct pn_api_overview_env overview = {.log = server->log,
                                                 .failures = &server->fronts->failures,
                                                 .sink = server->sink,
                                                 .processor =
                                                     pn_server_streams_processor(server->streams),
                                                 .pipeline = server->app->pipeline,
                                                 .clock = server->app->clock,
                                                 .api = api};
    pn_api_overview_init(&server->overview, &overview);
    const struct pn_api_flow_env flows = {.log = server->log,
                                          .sink = server->sink,
                                          .processor = overview.processor,
                                          .clock = server->app->clock,
                                          .api = api};
    pn_api_flows_init(&server->flows, &flows);
    add_looking(server, api);
    int rc = pn_api_sink_routes_start(server->sink, api, &server->sink_routes, e);
    if (rc == 0) {
        rc = pn_server_live_start(server->app, server->log, server->store, server->executor,
                                  pn_server_jobs_list(server->jobs), server->definitions,
                                  &server->overview, &server->group_routes, api, &server->live, e);
    }
    return rc;
}

/* The fronts last: what comes in finds everything at work. */
static int start_stations(struct pn_server *server, const char *listen, struct pn_err *e)
{
    int rc = open_stations(server, listen, e);
    if (rc == 0) {
        rc = pn_server_streams_start(server->streams, e);
    }
    if (rc == 0 && server->sink != NULL) {
        rc = pn_sink_start(server->sink, e);
    }
    if (rc == 0 && server->scheduler != NULL) {
        rc = pn_scheduler_start(server->scheduler, e);
    }
    if (rc == 0 && server->fronts != NULL) {
        rc = pn_table_watch_start(server->app, server->store, &server->tables, e);
    }
    if (rc == 0 && server->fronts != NULL) {
        rc = pn_letter_counts_start(server->app, server->store, &server->letter_counts, e);
    }
    if (rc == 0 && server->fronts != NULL) {
        const struct pn_app *app = server->app;
        rc = pn_unread_start(app->pipeline, server->log, server->kinesis, app->logger, app->metrics,
                             &server->unread, e);
    }
    if (rc == 0 && server->fronts != NULL) {
        rc = pn_app_open_executor(server->app, &server->executor, e);
    }
    if (rc == 0 && server->fronts != NULL) {
        rc = pn_server_table_source_create(server->app, server->store, &server->table_source, e);
    }
    if (rc == 0 && server->fronts != NULL) {
        rc = pn_server_jobs_create(server->app, server->store, &server->jobs, e);
    }
    if (rc == 0 && server->fronts != NULL) {
        rc = add_routes(server, e);
    }
    if (rc == 0 && server->fronts != NULL) {
        rc = pn_http_server_start(server->fronts->http, e);
    }
    return rc;
}

int pn_server_start(const struct pn_app *app, const char *listen, unsigned roles,
                    struct pn_server **server, struct pn_err *e)
{
    pn_mem_keep_reserve(MEMORY_RESERVE_BYTES);
    struct pn_server *started = pn_xcalloc(1, sizeof *started);
    started->app = app;
    started->roles = roles;
    started->announced_fd = -1;
    pn_arena_init(&started->arena, 0);
    /* A server that cannot listen leaves no new folder behind. Where there is one, the server that
     * has it is the better news. */
    bool is_new = (roles & PN_ROLE_GATEWAY) != 0 && !pn_io_exists(app->io, app->data);
    int rc = is_new ? pn_app_try_fronts(app, listen, e) : 0;
    if (rc == 0) {
        rc = start_stations(started, listen, e);
    }
    if (rc == 0 && started->fronts != NULL) {
        started->url = make_url(started, listen);
        rc = pn_announcement_make(app, started->url, &started->announced_fd, e);
    }
    if (rc == 0) {
        *server = started;
        started = NULL;
    }
    pn_server_stop(&started);
    return rc;
}

const char *pn_server_url(const struct pn_server *server)
{
    return server->url;
}

uint16_t pn_server_port(const struct pn_server *server)
{
    return server->fronts != NULL ? pn_http_server_port(server->fronts->http) : 0;
}

int pn_server_reload_keys(struct pn_server *server, size_t *count, struct pn_err *e)
{
    *count = 0;
    return server->fronts == NULL
               ? 0
               : pn_http_server_reload_keys(server->fronts->http,
                                            server->app->settings->gateway.api_key_file,
                                            getenv("PINION_API_KEY"), count, e);
}

int pn_server_reload_tls(struct pn_server *server, bool *loaded, struct pn_err *e)
{
    const struct pn_settings *settings = server->app->settings;
    *loaded = false;
    return server->fronts == NULL
               ? 0
               : pn_http_server_reload_tls(server->fronts->http, settings->gateway.tls_certificate,
                                           settings->gateway.tls_key, loaded, e);
}

void pn_server_landed(const struct pn_server *server, int64_t *records, int64_t *dead_letters)
{
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    struct pn_sink_status *statuses = NULL;
    size_t count = 0;
    if (server->sink != NULL) {
        pn_sink_status(server->sink, &arena, &statuses, &count);
    }
    *records = 0;
    *dead_letters = 0;
    for (size_t i = 0; i < count; i++) {
        *records += statuses[i].records;
        *dead_letters += statuses[i].dead_letters;
    }
    pn_arena_deinit(&arena);
}

void pn_server_stop(struct pn_server **server)
{
    struct pn_server *gone = *server;
    if (gone == NULL) {
        return;
    }
    pn_announcement_withdraw(gone->app, &gone->announced_fd);
    if (gone->executor != NULL) {
        pn_executor_stop(gone->executor); /* what waits for a query is answered */
    }
    if (gone->fronts != NULL) {
        pn_http_server_stop(gone->fronts->http);
    }
    pn_server_live_destroy(&gone->live);
    pn_server_jobs_destroy(&gone->jobs);
    pn_api_overview_deinit(&gone->overview);
    pn_api_flows_deinit(&gone->flows);
    pn_executor_destroy(&gone->executor);
    pn_api_sink_routes_stop(&gone->sink_routes);
    pn_fronts_destroy(&gone->fronts);
    pn_api_dags_destroy(&gone->dags);
    pn_airflow_destroy(&gone->airflow);
    pn_unread_stop(&gone->unread);
    pn_letter_counts_stop(&gone->letter_counts);
    pn_table_watch_destroy(&gone->tables);
    pn_letters_destroy(&gone->letters);
    pn_server_table_source_destroy(&gone->table_source);
    pn_server_streams_destroy(&gone->streams);
    pn_scheduler_destroy(&gone->scheduler);
    pn_definitions_destroy(&gone->definitions);
    pn_sink_destroy(&gone->sink);
    pn_kinesis_destroy(&gone->kinesis);
    pn_log_destroy(&gone->topics);
    pn_log_destroy(&gone->log);
    pn_store_destroy(&gone->store);
    pn_arena_deinit(&gone->arena);
    free(gone->url);
    free(gone);
    *server = NULL;
}
