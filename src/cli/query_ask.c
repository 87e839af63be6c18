#include "cli/query_ask.h"

#include "cli/interrupt.h"
#include "server/folder_mark.h"
#include "server/stations.h"

/* Answers it unless a signal or the time limit ends it first. */
static int answer(struct pn_cli *cli, struct pn_embedded_engine *engine,
                  const struct pn_cli_question *question, struct pn_interrupt *interrupt,
                  struct pn_err *e)
{
    int rc = pn_interrupt_watch(interrupt, &engine->batch, question->timeout_ms, e);
    if (rc == 0) {
        rc = pn_answer_output_write(cli, engine, &question->select, &question->output, e);
    }
    pn_interrupt_end(interrupt);
    if (rc != 0 && atomic_load(&interrupt->is_late)) {
        rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                        "the query took longer than %lld ms (--timeout) and was stopped",
                        (long long)question->timeout_ms);
    }
    return rc;
}

int pn_cli_ask(struct pn_cli *cli, const struct pn_app *app, const struct pn_cli_question *question,
               struct pn_err *e)
{
    struct pn_store *store = NULL;
    struct pn_embedded_engine *engine = NULL;
    struct pn_interrupt interrupt;
    pn_interrupt_begin(&interrupt);
    interrupt.patience_ms = pn_app_uses_spark(app) ? PN_INTERRUPT_ELSEWHERE_MS : 0;
    if (app->settings->store.url[0] == '\0') {
        (void)pn_app_note_folder(app);
    }
    int rc = pn_app_open_store_there(app, &store, e);
    if (rc == 0) {
        rc = pn_cli_find_tables(cli, store, e);
    }
    if (rc == 0) {
        rc = pn_app_open_query_engine(app, store, NULL, &engine, e);
    }
    if (rc == 0) {
        rc = answer(cli, engine, question, &interrupt, e);
    }
    pn_embedded_engine_destroy(&engine);
    pn_store_destroy(&store);
    pn_interrupt_pass_on(&interrupt);
    pn_signals_restore(&interrupt.signals);
    return rc;
}
