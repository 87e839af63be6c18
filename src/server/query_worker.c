#include "server/query_worker.h"

#include <unistd.h>

#include "query/worker.h"
#include "server/stations.h"

struct opened {
    struct pn_app *app;
    const char *folder;
    struct pn_store *store;
    size_t tables; /* of the pipeline, when the engine was opened */
};

static int find_tables(struct opened *opened, struct pn_err *e)
{
    int rc = opened->store == NULL ? pn_app_open_store_there(opened->app, &opened->store, e) : 0;
    return rc == 0 ? pn_app_find_tables(opened->app, opened->store, e) : rc;
}

static int open_engine(void *arg, struct pn_embedded_engine **engine, struct pn_err *e)
{
    struct opened *opened = arg;
    int rc = find_tables(opened, e);
    if (rc == 0) {
        opened->tables = opened->app->pipeline->table_count;
        rc = pn_app_open_query_engine(opened->app, opened->store, opened->folder, engine, e);
    }
    return rc;
}

static int refresh(void *arg, bool *changed, struct pn_err *e)
{
    struct opened *opened = arg;
    int rc = find_tables(opened, e);
    *changed = rc == 0 && opened->app->pipeline->table_count != opened->tables;
    return rc;
}

int pn_app_run_query_worker(struct pn_app *app, const char *folder, struct pn_err *e)
{
    struct opened opened = {.app = app, .folder = folder};
    const struct pn_query_worker_config config = {.input_fd = STDIN_FILENO,
                                                  .output_fd = STDOUT_FILENO,
                                                  .io = app->io,
                                                  .interrupts = pn_app_uses_spark(app),
                                                  .open = open_engine,
                                                  .refresh = refresh,
                                                  .arg = &opened};
    int rc = pn_query_worker_run(&config, e);
    pn_store_destroy(&opened.store);
    return rc;
}
