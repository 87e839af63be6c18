/* pinion demo: the whole pipeline once, in a folder of its own. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/answers.h"
#include "cli/commands.h"
#include "cli/dag.h"
#include "cli/demo_stream.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "emulate/emulate.h"
#include "emulate/generator.h"
#include "server/server.h"
#include "server/stations.h"

enum {
    ROWS_DEFAULT = 11154,
    STREAM_ROWS_MAX = 1000, /* of each kind; they come slowly */
    CONNECTIONS = 32,
    ANSWER_ROWS = 5, /* rows of each answer that are shown */
    FOLDERS_MAX = 1000
};

struct demo {
    struct pn_cli *cli;
    const struct pn_app *app;
    int64_t rows;
    int64_t seed;
    struct pn_server *server;
    struct pn_emulate_summary sent;
    struct pn_demo_streamed streamed;
    bool streams; /* there are some to put records into */
    bool serves;  /* a server stays on the results */
    struct pn_progress progress;
    double emulate_s;
    double dag_s;
    double query_s;
    bool reader_has_gone; /* of what is printed */
};

static double seconds_since(const struct demo *demo, int64_t start_ns)
{
    return (double)(pn_mono_ns(demo->cli->clock) - start_ns) / 1e9;
}

static void headline(const struct demo *demo, const char *text)
{
    (void)fprintf(demo->cli->out, "\n== %s\n", text);
    (void)fflush(demo->cli->out);
}

/* ---- the stages ------------------------------------------------------------------------------ */

static void show_progress(void *arg, int64_t done, int64_t total)
{
    struct demo *demo = arg;
    demo->progress.total = total;
    pn_progress_update(&demo->progress, done);
}

static int emulate(struct demo *demo, struct pn_err *e)
{
    struct pn_cli *cli = demo->cli;
    headline(demo, "Posting records over HTTP, one per request");
    int64_t start_ns = pn_mono_ns(cli->clock);
    struct pn_emulate_config config;
    pn_emulate_config_init(&config);
    config.folder = demo->app->pipeline->folder;
    config.rows = demo->rows;
    config.seed = (uint64_t)demo->seed;
    config.target = PN_EMULATE_KAFKA_REST;
    config.url = pn_server_url(demo->server);
    config.api_key = getenv("PINION_API_KEY");
    config.connections = CONNECTIONS;
    config.progress = show_progress;
    config.arg = demo;
    config.io = cli->io;
    config.clock = cli->clock;
    pn_progress_start(&demo->progress, cli->err, cli->quiet, cli->clock, "posting", 0);
    int rc = pn_emulate_run(&config, &demo->sent, e);
    pn_progress_end(&demo->progress, demo->sent.acknowledged);
    demo->emulate_s = seconds_since(demo, start_ns);
    if (rc == 0 && demo->sent.acknowledged != demo->sent.total) {
        rc = pn_err_fatal(e, "%" PRId64 " of %" PRId64 " records were not acknowledged: %s",
                          demo->sent.total - demo->sent.acknowledged, demo->sent.total,
                          demo->sent.first_failure);
    }
    return rc;
}

static void print_task(void *arg, const struct pn_task_run *task)
{
    const struct demo *demo = arg;
    if (task->state == PN_TASK_SUCCESS) {
        (void)fprintf(demo->cli->out, "%-52s %s  %6.2f s\n", task->task,
                      pn_task_state_name(task->state),
                      (double)(task->ended_ms - task->started_ms) / 1000.0);
    } else if (task->state != PN_TASK_NONE && task->state != PN_TASK_RUNNING) {
        (void)fprintf(demo->cli->out, "%-52s %s\n", task->task, pn_task_state_name(task->state));
    }
    (void)fflush(demo->cli->out);
}

/* Every DAG of the pipeline, one after the other. */
static int run_dags(struct demo *demo, struct pn_err *e)
{
    const struct pn_pipeline *pipeline = demo->app->pipeline;
    int rc = 0;
    int64_t start_ns = pn_mono_ns(demo->cli->clock);
    for (size_t i = 0; rc == 0 && i < pipeline->dag_count; i++) {
        headline(demo, pipeline->dags[i].name);
        const struct pn_dag_wait how = {.wait = true, .report = print_task, .arg = demo};
        struct pn_dag_session session;
        struct pn_run run = {0};
        rc = pn_cli_dag_open(demo->cli, pipeline->dags[i].name, &session, e);
        if (rc == 0) {
            rc = pn_cli_dag_run(&session, &how, &run, e);
        }
        if (rc == 0 && run.state != PN_RUN_SUCCESS) {
            rc = pn_err_fatal(e, "run %s: %s (`pinion dag logs %s --data %s` says why)", run.run_id,
                              pn_run_state_name(run.state), run.dag, demo->cli->data);
        }
        pn_cli_dag_close(&session);
    }
    demo->dag_s = seconds_since(demo, start_ns);
    return rc;
}

/* Does each kind of record have a stream to go to? A pipeline may be about batches only. */
static int find_streams(const struct pn_app *app, bool *found, struct pn_err *e)
{
    struct pn_generator *generator = NULL;
    *found = app->pipeline->stream_count > 0;
    int rc = pn_generator_load(app->pipeline->folder, app->io, &generator, e);
    for (size_t i = 0; rc == 0 && i < pn_generator_kinds(generator); i++) {
        *found = *found && pn_generator_place(generator, i).stream != NULL;
    }
    pn_generator_destroy(&generator);
    return rc;
}

/* Records into the streams, while the server's processors fill the tables. */
static int stream(struct demo *demo, struct pn_err *e)
{
    int rc = find_streams(demo->app, &demo->streams, e);
    if (rc != 0 || !demo->streams) {
        return rc;
    }
    headline(demo, "Putting records into the streams, one per request, until the tables have them");
    int64_t rows = demo->rows < STREAM_ROWS_MAX ? demo->rows : STREAM_ROWS_MAX;
    rc = pn_demo_stream(demo->cli, demo->app, pn_server_url(demo->server), rows,
                        (uint64_t)demo->seed, &demo->streamed, e);
    if (rc == 0) {
        (void)fprintf(demo->cli->out,
                      "time from acknowledged to visible in the table: p50 %.0f ms, p99 %.0f ms\n",
                      demo->streamed.visible_p50_ms, demo->streamed.visible_p99_ms);
    }
    return rc;
}

/* ---- queries --------------------------------------------------------------------------------- */

static void add_headline(void *arg, const struct pn_query *query, struct pn_buf *text)
{
    (void)arg;
    pn_buf_addf(text, "\n== %s\n", query->name);
}

static void add_more(void *arg, int64_t more, struct pn_buf *text)
{
    (void)arg;
    pn_buf_addf(text, "... and %" PRId64 " more\n", more);
}

static int run_queries(struct demo *demo, struct pn_embedded_engine *engine, struct pn_err *e)
{
    const struct pn_cli_answers answers = {.queries = demo->app->pipeline->queries,
                                           .count = demo->app->pipeline->query_count,
                                           .rows_max = ANSWER_ROWS,
                                           .add_head = add_headline,
                                           .add_tail = add_more};
    int64_t start_ns = pn_mono_ns(demo->cli->clock);
    int rc = pn_cli_answer_all(demo->cli, engine, &answers, e);
    demo->query_s = seconds_since(demo, start_ns);
    return rc;
}

/* ---- the summary ----------------------------------------------------------------------------- */

static int take_number(void *arg, const char *const *values, size_t count)
{
    PN_ASSERT(count == 1);
    *(int64_t *)arg = strtoll(values[0], NULL, 10);
    return 0;
}

static int ignore_columns(void *arg, const char *const *names, const char *const *types,
                          size_t count)
{
    (void)arg;
    (void)names;
    (void)types;
    (void)count;
    return 0;
}

/* A table that isn't there has none. */
static int count_rows(struct pn_embedded_engine *engine, const char *table, int64_t *rows,
                      struct pn_err *e)
{
    struct pn_err failure = {0};
    const struct pn_rows taker = {.columns = ignore_columns, .row = take_number, .arg = rows};
    char *sql = pn_xasprintf("SELECT count(*) FROM \"%s\"", table);
    *rows = 0;
    int rc = pn_engine_query(&engine->batch, sql, &taker, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        rc = 0;
    } else if (rc != 0) {
        pn_err_copy(e, &failure);
    }
    free(sql);
    return rc;
}

/* A line for each table: those of the batches, or those that streams fill. */
static int list_tables(const struct demo *demo, struct pn_embedded_engine *engine, bool of_streams,
                       struct pn_err *e)
{
    char number[PN_GROUPED_SIZE];
    const char *letters = of_streams ? "stream_dead_letters" : "dead_letters";
    const struct pn_pipeline *pipeline = demo->app->pipeline;
    int64_t rows = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < pipeline->table_count; i++) {
        const struct pn_table *table = &pipeline->tables[i];
        if ((table->like != NULL) == of_streams) {
            rc = count_rows(engine, table->name, &rows, e);
            (void)fprintf(demo->cli->out, "rows in %-20s %12s   %s\n", table->name,
                          pn_format_grouped(rows, number), table->path);
        }
    }
    if (rc == 0) {
        rc = count_rows(engine, letters, &rows, e);
        (void)fprintf(demo->cli->out, "%-28s %12s\n", letters, pn_format_grouped(rows, number));
    }
    return rc;
}

static void print_sent(const struct demo *demo, const char *what,
                       const struct pn_emulate_summary *sent)
{
    char number[PN_GROUPED_SIZE];
    (void)fprintf(demo->cli->out, "%-28s %12s   %.0f a second, p50 %.2f ms, p99 %.2f ms\n", what,
                  pn_format_grouped(sent->acknowledged, number),
                  (double)sent->acknowledged / sent->seconds, sent->p50_ms, sent->p99_ms);
}

static int summarize_streams(const struct demo *demo, struct pn_embedded_engine *engine,
                             struct pn_err *e)
{
    char number[PN_GROUPED_SIZE];
    const struct pn_demo_streamed *streamed = &demo->streamed;
    (void)fputc('\n', demo->cli->out);
    print_sent(demo, "records put into streams", &streamed->sent);
    (void)fprintf(demo->cli->out, "%-28s %12s   after p50 %.0f ms, p99 %.0f ms\n",
                  "records seen in tables", pn_format_grouped(streamed->visible, number),
                  streamed->visible_p50_ms, streamed->visible_p99_ms);
    return list_tables(demo, engine, true, e);
}

static int summarize(struct demo *demo, struct pn_embedded_engine *engine, double total_s,
                     struct pn_err *e)
{
    struct pn_cli *cli = demo->cli;
    char number[PN_GROUPED_SIZE];
    headline(demo, "Summary");
    int64_t landed = 0;
    int64_t dead_letters = 0;
    pn_server_landed(demo->server, &landed, &dead_letters);
    print_sent(demo, "records acknowledged", &demo->sent);
    (void)fprintf(cli->out, "%-28s %12s\n", "records landed", pn_format_grouped(landed, number));
    int rc = list_tables(demo, engine, false, e);
    if (rc == 0 && demo->streams) {
        rc = summarize_streams(demo, engine, e);
    }
    (void)fprintf(cli->out, "\n%-28s %10.2f s\n%-28s %10.2f s\n%-28s %10.2f s\n", "posting",
                  demo->emulate_s, "the DAG", demo->dag_s, "queries", demo->query_s);
    if (demo->streams) {
        (void)fprintf(cli->out, "%-28s %10.2f s\n", "streaming", demo->streamed.seconds);
    }
    (void)fprintf(cli->out, "%-28s %10.2f s\n", "everything", total_s);
    return rc;
}

/* The program is named as it was called, so that the lines can be copied. */
static void say_what_next(const struct demo *demo)
{
    const struct pn_cli *cli = demo->cli;
    const char *self = program_invocation_name;
    const char *bucket = demo->app->settings->store.url;
    (void)fprintf(cli->out,
                  "\nThe results are in %s: the records in log/, the landed objects and the tables "
                  "in %s.\nTo continue:\n  %s query --list --data %s\n  %s query \"SELECT * "
                  "FROM <table> LIMIT 3\" --data %s\n  %s table list --data %s\n  %s stream list "
                  "--data %s\n  %s serve --data %s     and open http://%s/ui/ in a browser\n",
                  cli->data, bucket[0] != '\0' ? bucket : "store/", self, cli->data, self,
                  cli->data, self, cli->data, self, cli->data, self, cli->data,
                  pn_settings_default("gateway.listen"));
}

/* ---- the server that stays ------------------------------------------------------------------- */

/* Starts after all threads of the demo have ended, so that Ctrl-C ends the demo at once before, and
 * the server cleanly from here on. */
static int serve_results(const struct demo *demo, struct pn_err *e)
{
    struct pn_cli *cli = demo->cli;
    struct pn_signals signals;
    struct pn_server *server = NULL;
    struct pn_err failure = {0};
    pn_signals_watch(&signals);
    int rc = pn_server_start(demo->app, NULL, PN_ROLES_ALL, &server, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_CONFLICT) { /* the port is taken, most likely */
        rc = pn_server_start(demo->app, "127.0.0.1:0", PN_ROLES_ALL, &server, &failure);
    }
    if (rc != 0) {
        pn_err_copy(e, &failure);
        return rc;
    }
    (void)fprintf(cli->out, "\nA server shows the results until Ctrl-C ends it:\n  %s/ui/\n",
                  pn_server_url(server));
    (void)fflush(cli->out);
    (void)pn_signals_wait(&signals);
    pn_server_stop(&server);
    (void)fprintf(cli->out, "The server has stopped.\n");
    return 0;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int run_stages(struct demo *demo, struct pn_err *e)
{
    struct pn_cli *cli = demo->cli;
    int64_t start_ns = pn_mono_ns(cli->clock);
    struct pn_store *store = NULL;
    struct pn_embedded_engine *engine = NULL;
    int rc = pn_cli_app(cli, &demo->app, e);
    if (rc == 0) {
        rc = pn_server_start(demo->app, "127.0.0.1:0", PN_ROLES_ALL, &demo->server, e);
    }
    if (rc == 0) {
        (void)fprintf(cli->out, "A server runs on %s; its data is in %s.\n",
                      pn_server_url(demo->server), cli->data);
        rc = emulate(demo, e);
    }
    if (rc == 0) {
        rc = run_dags(demo, e);
    }
    if (rc == 0) {
        rc = pn_app_open_store(demo->app, &store, e);
    }
    if (rc == 0) {
        rc = pn_app_open_engine(demo->app, store, NULL, &engine, e);
    }
    if (rc == 0) {
        rc = run_queries(demo, engine, e);
    }
    demo->reader_has_gone = ferror(cli->out) != 0; /* queries end early then */
    if (rc == 0 && !demo->reader_has_gone) {
        rc = stream(demo, e);
    }
    if (rc == 0 && !demo->reader_has_gone) {
        rc = summarize(demo, engine, seconds_since(demo, start_ns), e);
    }
    pn_embedded_engine_destroy(&engine);
    pn_store_destroy(&store);
    pn_server_stop(&demo->server);
    return rc;
}

/* A folder nobody uses yet: `base`, or `base`-2, -3, ... */
static char *free_folder(struct pn_cli *cli, const char *base)
{
    char *folder = pn_xstrdup(base);
    for (int i = 2; i < FOLDERS_MAX && pn_io_exists(cli->io, folder); i++) {
        free(folder);
        folder = pn_xasprintf("%s-%d", base, i);
    }
    return folder;
}

int pn_cmd_demo(struct pn_cli *cli, int argc, char **argv)
{
    struct demo demo = {.cli = cli, .rows = ROWS_DEFAULT, .seed = 1};
    const char *keep = "./pinion-demo";
    const struct pn_opt opts[] = {
        {.name = "rows",
         .kind = PN_OPT_INT,
         .value = "N",
         .help = "records of each kind (11154)",
         .target = &demo.rows,
         .min = 1,
         .max = 10000000},
        {.name = "seed",
         .kind = PN_OPT_INT,
         .value = "N",
         .help = "seed of the generator: the same seed makes the same records (1)",
         .target = &demo.seed},
        {.name = "into",
         .kind = PN_OPT_STRING,
         .value = "DIR",
         .help = "the data folder, which stays (./pinion-demo, or the next free name: "
                 "./pinion-demo-2, ...)",
         .target = &keep},
        {.name = "serve",
         .kind = PN_OPT_FLAG,
         .help = "leave a server running on the results, and print the link to its pages; Ctrl-C "
                 "ends it",
         .target = &demo.serves},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .opts = opts,
        .uses = PN_USES_QUIET,
        .about = "Runs the whole pipeline once: starts a server, posts records over HTTP, runs the "
                 "DAGs and the queries, then puts up to 1,000 records of each kind into the "
                 "streams, waits until the tables have them, and prints a summary."};
    int status = 0;
    const char *usual = cli->data;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    if (cli->data != usual) {
        return pn_cli_usage(cli, "a demo makes a new data folder: give its name with --into");
    }
    if (cli->given.log_level == NULL) {
        /* What goes well is shown by the demo itself. */
        pn_logger_destroy(&cli->logger);
        cli->logger = pn_logger_create(fileno(cli->err), cli->log_format, PN_WARN, cli->clock);
    }
    char *folder = free_folder(cli, keep);
    cli->data = folder;
    struct pn_err failure = {0};
    if (run_stages(&demo, &failure) != 0) {
        status = pn_cli_fail(cli, &failure);
    } else if (demo.reader_has_gone) {
        status = PN_EXIT_FAILED;
    } else {
        say_what_next(&demo);
        status = demo.serves && serve_results(&demo, &failure) != 0 ? pn_cli_fail(cli, &failure)
                                                                    : PN_EXIT_OK;
    }
    free(folder);
    return status;
}
