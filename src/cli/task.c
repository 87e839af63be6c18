/* pinion task: one attempt of a task, as the scheduler starts it. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/units.h"
#include "cli/chosen_tables.h"
#include "cli/commands.h"
#include "cli/dag.h"
#include "cli/interrupt.h"
#include "cli/reports.h"
#include "dag/db.h"
#include "report/tables.h"
#include "server/stations.h"
#include "settings/configs.h"

/* Which attempt this is; run_id NULL: of no run, by hand. */
struct attempt {
    const char *dag;
    const char *run_id;
    int32_t number;
};

/* One line a table, for the attempt's log. */
static void print_reports(struct pn_cli *cli, const struct pn_table_report *reports, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct pn_table_report *report = &reports[i];
        pn_cli_print_written(cli->out, report);
        pn_cli_print_tests(cli->out, report);
        if (pn_table_is_raw(report->table)) {
            (void)fprintf(cli->out, " from %" PRId64 " %s, %" PRId64 " %s, %" PRId64 " %s",
                          report->objects, pn_noun(report->objects, "object", "objects"),
                          report->dead_letters,
                          pn_noun(report->dead_letters, "dead letter", "dead letters"),
                          report->unknown_values,
                          pn_noun(report->unknown_values, "unknown value", "unknown values"));
            pn_cli_print_unknown(cli->out, report);
            pn_cli_print_passed_over(cli->out, report);
            pn_cli_print_copied(cli->out, report);
        }
        (void)fprintf(cli->out, ", %" PRId64 " ms\n", report->duration_ms);
    }
}

/* Does a report count fewer rows than the table has? */
static bool is_partial(const struct pn_table *table)
{
    return table->mode != PN_MODE_OVERWRITE || table->replace_where != NULL;
}

/* All rows of the table in the version of the report; PN_TIME_NONE: its log does not say. */
static int64_t count_rows(const struct pn_app *app, struct pn_store *store,
                          struct pn_embedded_engine *engine, const struct pn_table_report *report)
{
    struct pn_delta_config config;
    pn_settings_to_delta(app->settings, &config);
    const struct pn_table_source source = {.pipeline = app->pipeline,
                                           .store = store,
                                           .parquet = pn_engine_parquet(engine),
                                           .config = &config,
                                           .clock = app->clock,
                                           .logger = app->logger};
    struct pn_delta *delta = pn_report_open_table(&source, report->table->path);
    struct pn_delta_snapshot *snapshot = NULL;
    int64_t rows = -1;
    if (pn_delta_snapshot(delta, report->version, &snapshot, NULL) == 0) {
        rows = pn_delta_snapshot_rows(snapshot);
    }
    pn_delta_snapshot_destroy(&snapshot);
    pn_delta_destroy(&delta);
    return rows >= 0 ? rows : PN_TIME_NONE;
}

/* The same of each report. The engine reads checkpoints; NULL: the tables were made elsewhere. */
static void count_tables(const struct pn_app *app, struct pn_store *store,
                         struct pn_embedded_engine *engine, const struct pn_table_report *reports,
                         size_t count, int64_t *rows)
{
    struct pn_embedded_engine *own = NULL;
    for (size_t i = 0; i < count; i++) {
        rows[i] = reports[i].rows;
        if (!is_partial(reports[i].table)) {
            continue;
        }
        if (engine == NULL && pn_app_open_small_engine(app, store, &own, NULL) == 0) {
            engine = own;
        }
        rows[i] = engine != NULL && reports[i].version >= 0
                      ? count_rows(app, store, engine, &reports[i])
                      : PN_TIME_NONE;
    }
    pn_embedded_engine_destroy(&own);
}

/* Records what the attempt did with one table, which has so many rows now. */
static int record_report(struct pn_dag_db *db, const struct pn_run *run, int32_t number,
                         const struct pn_task *task, const struct pn_table_report *report,
                         int64_t table_rows, struct pn_err *e)
{
    const struct pn_table *table = report->table;
    bool loads = pn_table_is_raw(table);
    const struct pn_task_io none = {.task = task->name,
                                    .version = PN_TIME_NONE,
                                    .rows = PN_TIME_NONE,
                                    .files = PN_TIME_NONE,
                                    .bytes = PN_TIME_NONE,
                                    .dead_letters = PN_TIME_NONE,
                                    .table_rows = PN_TIME_NONE};
    struct pn_task_io io = none;
    io.is_write = true;
    io.name = table->name;
    io.version = report->version;
    io.rows = report->rows;
    io.table_rows = table_rows;
    io.replaces_part = table->replace_where != NULL;
    io.dead_letters = loads || report->dead_letters > 0 ? report->dead_letters : PN_TIME_NONE;
    io.files = report->files_rewritten > 0 ? report->files_rewritten : PN_TIME_NONE;
    int rc = pn_dag_db_put_io(db, run->id, number, &io, e);
    if (rc == 0 && loads) {
        io = none;
        io.name = table->from_topic != NULL ? table->from_topic : table->from_files->glob;
        io.rows = report->rows + report->dead_letters;
        io.files = report->objects;
        io.bytes = report->bytes;
        rc = pn_dag_db_put_io(db, run->id, number, &io, e);
    }
    for (size_t i = 0; rc == 0 && i < report->read_count; i++) {
        io = none;
        io.name = table->reads[i]->name;
        io.version = report->read_versions[i];
        rc = pn_dag_db_put_io(db, run->id, number, &io, e);
    }
    return rc;
}

/* For an attempt of a run. The tables are committed by now, so what can't be recorded is only said:
 * to repeat the attempt would not help. */
static void record_reports(struct pn_cli *cli, const struct pn_app *app, const struct pn_task *task,
                           const struct attempt *attempt, const struct pn_table_report *reports,
                           const int64_t *table_rows, size_t count)
{
    struct pn_dag_db *db = NULL;
    struct pn_arena arena;
    struct pn_run run = {0};
    struct pn_err failure = {0};
    char *path = pn_app_path(app, "state.db");
    pn_arena_init(&arena, 0);
    int rc = pn_dag_db_open(path, &db, &failure);
    if (rc == 0) {
        rc = pn_dag_db_run(db, attempt->dag, attempt->run_id, &arena, &run, &failure);
    }
    if (rc == 0) {
        rc = pn_dag_db_begin(db, &failure);
        for (size_t i = 0; rc == 0 && i < count; i++) {
            rc = record_report(db, &run, attempt->number, task, &reports[i], table_rows[i],
                               &failure);
        }
        rc = pn_dag_db_end(db, rc, &failure);
    }
    if (rc != 0) {
        (void)fprintf(cli->err, "what was read and written is not recorded: %s\n", failure.msg);
    }
    pn_dag_db_close(&db);
    pn_arena_deinit(&arena);
    free(path);
}

static int make_tables(struct pn_engine *engine, const struct pn_task *task,
                       struct pn_table_report *reports, struct pn_err *e)
{
    return task->kind == PN_TASK_LOAD
               ? pn_engine_load(engine, task->tables, task->table_count, reports, e)
               : pn_engine_transform(engine, task->tables, task->table_count, reports, e);
}

/* A signal ends a job that runs elsewhere, too; the scheduler waits 5 s for it. */
static int make_tables_elsewhere(struct pn_engine *engine, const struct pn_task *task,
                                 struct pn_table_report *reports, struct pn_err *e)
{
    struct pn_interrupt interrupt;
    pn_interrupt_begin(&interrupt);
    interrupt.patience_ms = PN_INTERRUPT_ELSEWHERE_MS;
    int rc = pn_interrupt_watch(&interrupt, engine, 0, e);
    if (rc == 0) {
        rc = make_tables(engine, task, reports, e);
    }
    pn_interrupt_end(&interrupt);
    pn_interrupt_pass_on(&interrupt);
    pn_signals_restore(&interrupt.signals);
    return rc;
}

static int run_tables(struct pn_cli *cli, const struct pn_app *app, struct pn_store *store,
                      const struct pn_task *task, const struct pn_app_batch *how,
                      const struct attempt *attempt, struct pn_err *e)
{
    enum { TABLES_MAX = 256 };
    struct pn_table_report reports[TABLES_MAX] = {0};
    if (task->table_count > TABLES_MAX) {
        return pn_err_input(e, "task '%s' has more than %d tables", task->name, TABLES_MAX);
    }
    for (size_t i = 0; i < task->table_count; i++) {
        pn_cli_tell_no_logical_date(cli->err, task->tables[i], how->logical_date);
    }
    struct pn_embedded_engine *embedded = NULL;
    struct pn_engine *engine = NULL;
    int rc = 0;
    if (pn_app_uses_spark(app)) {
        rc = pn_app_open_batch_engine(app, store, how, NULL, &engine, e);
        rc = rc == 0 ? make_tables_elsewhere(engine, task, reports, e) : rc;
    } else {
        rc = pn_app_open_engine(app, store, how, &embedded, e);
        engine = rc == 0 ? &embedded->batch : NULL;
        rc = rc == 0 ? make_tables(engine, task, reports, e) : rc;
    }
    if (rc == 0) {
        print_reports(cli, reports, task->table_count);
    }
    if (rc == 0 && attempt->run_id != NULL) {
        int64_t table_rows[TABLES_MAX];
        count_tables(app, store, embedded, reports, task->table_count, table_rows);
        record_reports(cli, app, task, attempt, reports, table_rows, task->table_count);
    }
    pn_engine_destroy(&engine);
    return rc;
}

/* Absolute, so that the command may change its folder. */
static int export_path(const char *name, const char *path, struct pn_err *e)
{
    char *absolute = realpath(path, NULL);
    int failed = setenv(name, absolute != NULL ? absolute : path, 1);
    free(absolute);
    return failed != 0 ? pn_err_errno(e, errno, "cannot set %s", name) : 0;
}

/* What it runs of this program is about the same data and pipeline. */
static int run_command(const struct pn_app *app, const struct pn_task *task, struct pn_err *e)
{
    int rc = export_path("PINION_DATA", app->data, e);
    if (rc == 0) {
        rc = export_path("PINION_PIPELINE", app->pipeline->folder, e);
    }
    if (rc != 0) {
        return rc;
    }
    (void)execl("/bin/sh", "sh", "-c", task->command, (char *)NULL);
    return pn_err_errno(e, errno, "cannot start /bin/sh");
}

static int run_task(struct pn_cli *cli, const struct pn_app *app, const struct pn_task *task,
                    const struct pn_app_batch *how, const struct attempt *attempt, struct pn_err *e)
{
    if (task->kind == PN_TASK_COMMAND) {
        return run_command(app, task, e);
    }
    struct pn_store *store = NULL;
    int rc = pn_app_open_store(app, &store, e);
    if (rc == 0 && task->kind == PN_TASK_CHECK_STORE) {
        rc = pn_store_check(store, e);
        if (rc == 0) {
            (void)fprintf(cli->out, "the store exists and is readable\n");
        }
    } else if (rc == 0) {
        rc = run_tables(cli, app, store, task, how, attempt, e);
    }
    pn_store_destroy(&store);
    return rc;
}

/* *chosen is the task with the named tables alone. */
static int choose(const struct pn_task *task, const struct pn_opt_list *names,
                  struct pn_arena *arena, struct pn_task *chosen, struct pn_err *e)
{
    const struct pn_cli_tables all = {.items = task->tables, .count = task->table_count};
    struct pn_cli_tables tables;
    int rc = pn_cli_choose_tables(pn_arena_printf(arena, "task '%s'", task->name), &all, names,
                                  arena, &tables, e);
    *chosen = *task;
    chosen->tables = tables.items;
    chosen->table_count = tables.count;
    return rc;
}

int pn_cmd_task(struct pn_cli *cli, int argc, char **argv)
{
    struct pn_app_batch how = {.landed_folder = NULL};
    struct pn_opt_list tables = {.count = 0};
    const struct pn_opt opts[] = {PN_CLI_FULL_REFRESH(&how.full_refresh),
                                  PN_CLI_DROP_IMPORTED(&how.drop_imported),
                                  PN_CLI_LOGICAL_DATE(&how.logical_date),
                                  {.name = "table",
                                   .kind = PN_OPT_LIST,
                                   .value = "TABLE",
                                   .help = "make this table of the task alone; give it again for "
                                           "more of them (all)",
                                   .target = &tables},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "DAG TASK [RUN]",
        .opts = opts,
        .operands_min = 2,
        .operands_max = 3,
        .about = "Runs one task in this process. The scheduler runs this command for each attempt "
                 "and keeps its output. Run it by hand to try a task out.",
        .examples = "pinion task nightly load\n"
                    "pinion task nightly clean --logical-date 2026-01-31\n"
                    "pinion task nightly load --table raw_orders --full-refresh\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    const struct pn_app *app = NULL;
    if (pn_cli_app(cli, &app, &failure) != 0) {
        return pn_cli_fail(cli, &failure);
    }
    const struct pn_dag *dag = pn_pipeline_dag(app->pipeline, argv[0]);
    if (dag == NULL) {
        (void)pn_pipeline_has_no(app->pipeline, PN_NAMED_DAG, argv[0], app->pipeline->folder,
                                 &failure);
        return pn_cli_fail(cli, &failure);
    }
    const struct pn_task *task = pn_dag_task(dag, argv[1]);
    if (task == NULL) {
        (void)pn_dag_has_no_task(dag, argv[1], &failure);
        return pn_cli_fail(cli, &failure);
    }
    char logical_date[PN_ISO8601_SIZE];
    if (how.logical_date != NULL) {
        int64_t first_ms = 0;
        int64_t last_ms = 0;
        if (pn_cli_dag_time(dag, "logical-date", how.logical_date, &first_ms, &last_ms, &failure) !=
            0) {
            return pn_cli_fail(cli, &failure);
        }
        how.logical_date = pn_iso8601(first_ms, logical_date);
    }
    /* The scheduler says which attempt it is; by hand, a run's name alone records nothing. */
    const char *number = getenv("PINION_TRY_NUMBER");
    struct attempt attempt = {.dag = argv[0]};
    if (argc > 2 && number != NULL) {
        attempt.run_id = argv[2];
        attempt.number = (int32_t)strtol(number, NULL, 10);
    }
    struct pn_task chosen;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    int rc = choose(task, &tables, &arena, &chosen, &failure);
    rc = rc == 0 ? run_task(cli, app, &chosen, &how, &attempt, &failure) : rc;
    pn_arena_deinit(&arena);
    return rc == 0 ? PN_EXIT_OK : pn_cli_fail(cli, &failure);
}
