/* The scheduler, whose tasks are this program again. */
#include "server/self_command.h"
#include "server/stations.h"

enum { POLL_MS = 50 };

int pn_app_open_scheduler(const struct pn_app *app, struct pn_arena *arena,
                          struct pn_scheduler **scheduler, struct pn_err *e)
{
    const char **command = NULL;
    const char **notify = NULL;
    int rc = pn_app_self_command(app, "task", arena, &command, e);
    if (rc == 0) {
        rc = pn_app_self_command(app, "notify", arena, &notify, e);
    }
    if (rc != 0) {
        return rc;
    }
    const struct pn_scheduler_config config = {
        .data_folder = app->data,
        .task_command = command,
        .notify_command = notify,
        .runs_kept = app->settings->dag.runs_kept,
        .tasks_max = app->settings->dag.tasks_max,
        .log_bytes_max = app->settings->dag.log_bytes_max,
        .logs_keep_ms = app->settings->dag.logs_keep_ms,
        .poll_ms = POLL_MS,
    };
    return pn_scheduler_create(&config, app->pipeline, app->io, app->clock, app->logger,
                               app->metrics, scheduler, e);
}
