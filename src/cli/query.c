/* pinion query: the pipeline's queries by name, or a SELECT of the user's. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "report/tables.h"
#include "server/stations.h"

/* A word that could be a query's name can be no SELECT. */
static bool is_word(const char *text)
{
    for (; *text != '\0'; text++) {
        if (!isalnum((unsigned char)*text) && *text != '_' && *text != '-') {
            return false;
        }
    }
    return true;
}

static int unknown_query(const struct pn_pipeline *pipeline, const char *name, struct pn_err *e)
{
    const char **names = pn_xcalloc(pipeline->query_count + 1, sizeof *names);
    for (size_t i = 0; i < pipeline->query_count; i++) {
        names[i] = pipeline->queries[i].name;
    }
    const char *near = pn_nearest(name, names, pipeline->query_count);
    free(names);
    if (near != NULL) {
        return pn_err_input(e, "there is no query '%.80s'; did you mean '%s'?", name, near);
    }
    return pn_err_input(e, "there is no query '%.80s'; `pinion query --list` lists the queries",
                        name);
}

static int find_sql(const struct pn_pipeline *pipeline, const char *operand, const char **sql,
                    struct pn_err *e)
{
    const struct pn_query *query = pn_pipeline_query(pipeline, operand);
    if (query == NULL && is_word(operand)) {
        return unknown_query(pipeline, operand, e);
    }
    *sql = query != NULL ? query->sql : operand;
    return 0;
}

/* Answers it unless a signal or the time limit ends it first. */
static int answer(struct pn_cli *cli, struct pn_embedded_engine *engine, const char *sql,
                  int64_t timeout_ms, struct pn_interrupt *interrupt, struct pn_err *e)
{
    int rc = pn_interrupt_watch(interrupt, &engine->batch, timeout_ms, e);
    if (rc == 0) {
        rc = pn_cli_answer(cli, engine, sql, e);
    }
    pn_interrupt_end(interrupt);
    if (rc != 0 && atomic_load(&interrupt->is_late)) {
        rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                        "the query took longer than %lld ms (--timeout) and was stopped",
                        (long long)timeout_ms);
    }
    return rc;
}

static int ask(struct pn_cli *cli, const struct pn_app *app, const char *operand,
               int64_t timeout_ms, struct pn_err *e)
{
    const char *sql = NULL;
    struct pn_store *store = NULL;
    struct pn_embedded_engine *engine = NULL;
    struct pn_interrupt interrupt;
    pn_interrupt_begin(&interrupt);
    interrupt.patience_ms = pn_app_uses_spark(app) ? PN_INTERRUPT_ELSEWHERE_MS : 0;
    int rc = find_sql(app->pipeline, operand, &sql, e);
    if (rc == 0) {
        rc = pn_app_open_store_there(app, &store, e);
    }
    if (rc == 0) {
        rc = pn_cli_find_tables(cli, store, e);
    }
    if (rc == 0) {
        rc = pn_app_open_query_engine(app, store, NULL, &engine, e);
    }
    if (rc == 0) {
        rc = answer(cli, engine, sql, timeout_ms, &interrupt, e);
    }
    pn_embedded_engine_destroy(&engine);
    pn_store_destroy(&store);
    pn_interrupt_pass_on(&interrupt);
    pn_signals_restore(&interrupt.signals);
    return rc;
}

int pn_cmd_query(struct pn_cli *cli, int argc, char **argv)
{
    bool want_list = false;
    int64_t timeout_ms = 0;
    const struct pn_opt opts[] = {{.name = "list",
                                   .kind = PN_OPT_FLAG,
                                   .help = "list the pipeline's queries",
                                   .target = &want_list},
                                  {.name = "timeout",
                                   .kind = PN_OPT_DURATION,
                                   .value = "TIME",
                                   .help = "stop the query after this time (default: no limit)",
                                   .target = &timeout_ms},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "[NAME|SQL]",
        .operands_max = 1,
        .about = "Runs one of the pipeline's queries, or your own SELECT over its tables by name "
                 "(and over dead_letters, the records that could not become rows). A query never "
                 "writes anything.",
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .examples = "pinion query --list\n"
                    "pinion query \"SELECT count(*) FROM dead_letters\" --format json\n",
    };
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err e;
    const struct pn_app *app = NULL;
    if (argc == 0 && !want_list) {
        return pn_cli_usage(cli, "give the name of a query, or a SELECT");
    }
    int rc = pn_cli_app(cli, &app, &e);
    if (rc == 0 && want_list) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        pn_report_queries(app->pipeline, rows);
        pn_row_writer_end(&rows);
    } else if (rc == 0) {
        rc = ask(cli, app, argv[0], timeout_ms, &e);
    }
    return rc == 0 ? PN_EXIT_OK : pn_cli_fail(cli, &e);
}
