/* The scheduler, whose tasks are this program again. */
#include <stdlib.h>
#include <string.h>

#include "server/self_command.h"
#include "server/stations.h"

enum { POLL_MS = 50 };

int pn_app_open_definitions(const struct pn_app *app, struct pn_definitions **definitions,
                            struct pn_err *e)
{
    char *copies = pn_app_path(app, "definitions");
    char *absolute = NULL;
    int rc = pn_io_absolute_path(copies, &absolute, e);
    if (rc == 0) {
        const struct pn_definitions_config config = {
            .pipeline = app->pipeline,
            .copies = absolute,
            .io = app->io,
            .clock = app->clock,
            .logger = app->logger,
        };
        rc = pn_definitions_create(&config, definitions, e);
    }
    free(absolute);
    free(copies);
    return rc;
}

/* Which pipeline it is the environment says. */
static void leave_out_pipeline(const char **words)
{
    size_t i = 0;
    while (words[i] != NULL && strcmp(words[i], "--pipeline") != 0) {
        i++;
    }
    for (; words[i] != NULL; i++) {
        words[i] = words[i + 1] != NULL ? words[i + 2] : NULL;
    }
}

int pn_app_open_scheduler(const struct pn_app *app, struct pn_definitions *definitions,
                          struct pn_arena *arena, struct pn_scheduler **scheduler, struct pn_err *e)
{
    const char **command = NULL;
    const char **notify = NULL;
    int rc = pn_app_claim_scheduling(app, e);
    if (rc == 0) {
        rc = pn_app_self_command(app, "task", arena, &command, e);
    }
    if (rc == 0) {
        rc = pn_app_self_command(app, "notify", arena, &notify, e);
    }
    if (rc != 0) {
        return rc;
    }
    if (definitions != NULL) {
        leave_out_pipeline(command);
        leave_out_pipeline(notify);
    }
    const struct pn_scheduler_config config = {
        .data_folder = app->data,
        .definitions = definitions,
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
