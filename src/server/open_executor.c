/* The executor of queries, whose workers are this program again. */
#include <stdlib.h>

#include "server/self_command.h"
#include "server/stations.h"
#include "settings/configs.h"

/* What a query on Spark has to end its job or run; the runner takes a little less. */
enum { GRACE_MS = 5000 };

int pn_app_open_executor(const struct pn_app *app, struct pn_executor **executor, struct pn_err *e)
{
    struct pn_executor_config config;
    struct pn_arena arena;
    pn_settings_to_executor(app->settings, &config);
    pn_arena_init(&arena, 0);
    char *folder = pn_app_path(app, "tmp/queries");
    const char **command = NULL;
    int rc = pn_app_self_command(app, "query-worker", &arena, &command, e);
    if (rc == 0) {
        config.folder = folder;
        config.command = command;
        config.grace_ms = pn_app_uses_spark(app) ? GRACE_MS : 0;
        rc = pn_executor_create(&config, app->io, app->clock, app->logger, app->metrics, executor,
                                e);
    }
    free(folder);
    pn_arena_deinit(&arena);
    return rc;
}
