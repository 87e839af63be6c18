/*
 * pinion batch: load, clean and answer every query in this one process, without a scheduler. It is
 * the DAG's work with nothing between the steps.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "base/units.h"
#include "cli/answers.h"
#include "cli/chosen_tables.h"
#include "cli/commands.h"
#include "cli/reports.h"
#include "server/stations.h"

enum { NAME_BYTES_MAX = 4096 };

struct batch {
    struct pn_cli *cli;
    const struct pn_pipeline *pipeline;
    struct pn_opt_list names; /* of the tables that are made alone; none: all, and the queries */
    struct pn_embedded_engine *engine;
    const struct pn_table **raw;
    size_t raw_count;
    const struct pn_table **clean;
    size_t clean_count;
    struct pn_table_report *reports; /* the raw tables', then the clean ones' */
    int64_t start_ns;
    int64_t start_cpu_us;
    bool timing;
};

/* User and system time of the process. */
static int64_t cpu_us(void)
{
    static const int64_t SECOND_US = 1000000;
    struct rusage usage;
    int rc = getrusage(RUSAGE_SELF, &usage);
    PN_ASSERT(rc == 0);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * SECOND_US + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

/* What the stage that ends here took, for those who asked for times. */
static void lap(struct batch *batch, const char *stage)
{
    int64_t now_ns = pn_mono_ns(batch->cli->clock);
    int64_t now_cpu_us = cpu_us();
    if (batch->timing) {
        (void)fprintf(batch->cli->err, "%s: %.1f ms (%.1f ms of CPU time)\n", stage,
                      (double)(now_ns - batch->start_ns) / 1e6,
                      (double)(now_cpu_us - batch->start_cpu_us) / 1e3);
    }
    batch->start_ns = now_ns;
    batch->start_cpu_us = now_cpu_us;
}

/* Which tables it makes; those that streams fill are none. */
static int choose_tables(struct batch *batch, struct pn_arena *arena, struct pn_cli_tables *chosen,
                         struct pn_err *e)
{
    const struct pn_pipeline *pipeline = batch->pipeline;
    const struct pn_table **tables =
        pn_arena_calloc(arena, pipeline->table_count + 1, sizeof(struct pn_table *));
    struct pn_cli_tables all = {.items = tables};
    for (size_t i = 0; i < pipeline->table_count; i++) {
        if (pipeline->tables[i].like == NULL) {
            tables[all.count++] = &pipeline->tables[i];
        }
    }
    return pn_cli_choose_tables("a batch", &all, &batch->names, arena, chosen, e);
}

static void sort_tables(struct batch *batch, const struct pn_cli_tables *tables)
{
    batch->raw = pn_xcalloc(tables->count + 1, sizeof(struct pn_table *));
    batch->clean = pn_xcalloc(tables->count + 1, sizeof(struct pn_table *));
    batch->reports = pn_xcalloc(tables->count + 1, sizeof *batch->reports);
    for (size_t i = 0; i < tables->count; i++) {
        if (pn_table_is_raw(tables->items[i])) {
            batch->raw[batch->raw_count++] = tables->items[i];
        } else {
            batch->clean[batch->clean_count++] = tables->items[i];
        }
    }
}

static void print_reports(struct batch *batch)
{
    for (size_t i = 0; i < batch->raw_count + batch->clean_count; i++) {
        const struct pn_table_report *report = &batch->reports[i];
        pn_cli_print_written(batch->cli->err, report);
        pn_cli_print_tests(batch->cli->err, report);
        if (report->dead_letters > 0) {
            (void)fprintf(batch->cli->err, ", %" PRId64 " %s", report->dead_letters,
                          pn_noun(report->dead_letters, "dead letter", "dead letters"));
        }
        if (report->unknown_values > 0) {
            (void)fprintf(batch->cli->err, ", %" PRId64 " %s", report->unknown_values,
                          pn_noun(report->unknown_values, "unknown value", "unknown values"));
            pn_cli_print_unknown(batch->cli->err, report);
        }
        pn_cli_print_passed_over(batch->cli->err, report);
        (void)fprintf(batch->cli->err, "\n");
    }
}

/* A line that names the query. */
static void add_name_line(const struct pn_query *query, struct pn_buf *text)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, text);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "query", query->name);
    pn_json_end(&json);
    pn_json_end_line(&json);
}

/* The answers as the members of one document. */
struct document {
    enum pn_format format;
    struct pn_buf text;
    struct pn_json_writer json; /* on `text` */
};

/* Each query's name before its answer: as the format has it. */
static void add_name(void *arg, const struct pn_query *query, struct pn_buf *text)
{
    struct document *document = arg;
    switch (document->format) {
    case PN_FORMAT_TABLE:
    case PN_FORMAT_EXPANDED:
        pn_buf_addf(text, "\n%s: %s\n", query->name, query->description);
        break;
    case PN_FORMAT_JSON:
        pn_json_put_key(&document->json, query->name);
        pn_json_open_raw(&document->json);
        pn_buf_adds(text, pn_buf_text(&document->text));
        pn_buf_reset(&document->text);
        break;
    case PN_FORMAT_JSONL:
        add_name_line(query, text);
        break;
    case PN_FORMAT_CSV:
        pn_buf_addf(text, "# %s\r\n", query->name);
        break;
    case PN_FORMAT_API: /* not of --format */
        break;
    }
}

static int answer_all(struct batch *batch, struct pn_err *e)
{
    struct pn_cli *cli = batch->cli;
    struct document document = {.format = cli->format};
    const struct pn_cli_answers answers = {.queries = batch->pipeline->queries,
                                           .count = batch->pipeline->query_count,
                                           .rows_max = INT64_MAX,
                                           .add_head = add_name,
                                           .arg = &document};
    pn_buf_init(&document.text, NAME_BYTES_MAX);
    pn_json_writer_init(&document.json, &document.text);
    pn_json_put_object(&document.json);
    int rc = pn_cli_answer_all(cli, batch->engine, &answers, e);
    if (cli->format == PN_FORMAT_JSON) {
        pn_json_end(&document.json);
        pn_json_end_line(&document.json);
        (void)fwrite(pn_buf_text(&document.text), 1, document.text.len, cli->out);
    }
    pn_buf_deinit(&document.text);
    return rc;
}

/* What the queries need is got ready beside the load, which waits for disks and keeps few cores
 * busy. Where that fails, the first query fails in the same way. */
static void *warm(void *arg)
{
    struct pn_err ignored;
    int rc = pn_engine_warm(arg, &ignored);
    (void)rc;
    return NULL;
}

static int run_stages(struct batch *batch, struct pn_err *e)
{
    pthread_t warming;
    bool answers = batch->names.count == 0;
    bool warms = answers && batch->pipeline->query_count > 0 &&
                 pthread_create(&warming, NULL, warm, batch->engine) == 0;
    int rc = pn_engine_load(&batch->engine->batch, batch->raw, batch->raw_count, batch->reports, e);
    if (warms) {
        pthread_join(warming, NULL);
    }
    lap(batch, "load");
    if (rc == 0) {
        rc = pn_engine_transform(&batch->engine->batch, batch->clean, batch->clean_count,
                                 batch->reports + batch->raw_count, e);
        lap(batch, "clean");
    }
    if (rc == 0) {
        if (!batch->cli->quiet) {
            print_reports(batch);
        }
    }
    if (rc == 0 && answers) {
        rc = answer_all(batch, e);
        lap(batch, "queries");
    }
    return rc;
}

int pn_cmd_batch(struct pn_cli *cli, int argc, char **argv)
{
    struct pn_app_batch how = {.landed_folder = NULL};
    struct batch batch = {.cli = cli, .start_ns = pn_mono_ns(cli->clock)};
    const struct pn_opt opts[] = {{.name = "from",
                                   .kind = PN_OPT_STRING,
                                   .value = "DIR",
                                   .help = "load the JSON lines in DIR/<table or topic>.json "
                                           "instead of the landed objects",
                                   .target = &how.landed_folder},
                                  PN_CLI_FULL_REFRESH(&how.full_refresh),
                                  PN_CLI_DROP_IMPORTED(&how.drop_imported),
                                  PN_CLI_LOGICAL_DATE(&how.logical_date),
                                  {.name = "table",
                                   .kind = PN_OPT_LIST,
                                   .value = "TABLE",
                                   .help = "make this table alone, and answer no queries; give it "
                                           "again for more of them (all)",
                                   .target = &batch.names},
                                  {.name = "timing",
                                   .kind = PN_OPT_FLAG,
                                   .help = "show how long each stage took",
                                   .target = &batch.timing},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .about =
            "Loads every raw table, makes every transformed table and answers every query, in this "
            "process. It does not wait for records that are acknowledged but have not landed yet.",
        .opts = opts,
        .uses = PN_USES_FORMAT | PN_USES_QUIET,
        .examples = "pinion batch --data ./pinion-data\n"
                    "pinion batch --data /tmp/try --from ./exported --format json\n"
                    "pinion batch --table raw_orders --full-refresh\n",
    };
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err e;
    struct pn_store *store = NULL;
    const struct pn_app *app = NULL;
    struct pn_cli_tables tables = {.count = 0};
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    int rc = pn_cli_check_logical_date(how.logical_date, &e);
    if (rc == 0) {
        rc = pn_cli_app(cli, &app, &e);
    }
    if (rc == 0) {
        batch.pipeline = app->pipeline;
        rc = choose_tables(&batch, &arena, &tables, &e);
    }
    if (rc == 0) {
        sort_tables(&batch, &tables);
        pn_cli_note_new_folder(cli);
        rc = pn_app_open_store(app, &store, &e);
    }
    if (rc == 0) {
        for (size_t i = 0; i < tables.count; i++) {
            pn_cli_tell_no_logical_date(cli->err, tables.items[i], how.logical_date);
        }
        rc = pn_app_open_engine(app, store, &how, &batch.engine, &e);
    }
    lap(&batch, "start");
    if (rc == 0) {
        rc = run_stages(&batch, &e);
    }
    pn_embedded_engine_destroy(&batch.engine);
    pn_store_destroy(&store);
    pn_arena_deinit(&arena);
    free(batch.raw);
    free(batch.clean);
    free(batch.reports);
    lap(&batch, "end");
    return rc == 0 ? PN_EXIT_OK : pn_cli_fail(cli, &e);
}
