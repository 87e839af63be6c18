/* The scheduler, whose tasks are this program again. */
#include <stdlib.h>

#include "server/program.h"
#include "server/stations.h"

enum { POLL_MS = 50 };

/* The task's subprocess gets the shared options that decide what it sees. */
static const char **task_command(const struct pn_app *app, const char *self, struct pn_arena *arena)
{
    const char **argv = pn_arena_calloc(arena, 16 + 2 * app->config.set_count, sizeof *argv);
    size_t n = 0;
    argv[n++] = pn_arena_strdup(arena, self);
    argv[n++] = "task";
    argv[n++] = "--data";
    argv[n++] = app->data;
    argv[n++] = "--pipeline";
    argv[n++] = app->pipeline->folder;
    if (app->config.settings_file != NULL) {
        argv[n++] = "--config";
        argv[n++] = app->config.settings_file;
    }
    for (size_t i = 0; i < app->config.set_count; i++) {
        argv[n++] = "--set";
        argv[n++] = app->config.set[i];
    }
    return argv;
}

int pn_app_open_scheduler(const struct pn_app *app, struct pn_arena *arena,
                          struct pn_scheduler **scheduler, struct pn_err *e)
{
    char *self = NULL;
    int rc = pn_program_path(&self, e);
    if (rc != 0) {
        return rc;
    }
    const struct pn_scheduler_config config = {
        .data_folder = app->data,
        .task_command = task_command(app, self, arena),
        .runs_kept = app->settings->dag.runs_kept,
        .log_bytes_max = app->settings->dag.log_bytes_max,
        .poll_ms = POLL_MS,
    };
    free(self);
    return pn_scheduler_create(&config, app->pipeline, app->io, app->clock, app->logger,
                               app->metrics, scheduler, e);
}
