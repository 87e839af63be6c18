/* The scheduler, whose tasks are this program again. */
#include <stdlib.h>

#include "server/stations.h"

enum { POLL_MS = 50 };

/* The task's subprocess gets the shared options that decide what it sees. */
static const char **task_command(struct pn_cli *cli, const char *self, const char *folder,
                                 struct pn_arena *arena)
{
    const char **argv = pn_arena_calloc(arena, 16 + 2 * cli->set.count, sizeof *argv);
    size_t n = 0;
    argv[n++] = pn_arena_strdup(arena, self);
    argv[n++] = "task";
    argv[n++] = "--data";
    argv[n++] = cli->data;
    argv[n++] = "--pipeline";
    argv[n++] = pn_arena_strdup(arena, folder);
    if (cli->config != NULL) {
        argv[n++] = "--config";
        argv[n++] = cli->config;
    }
    for (size_t i = 0; i < cli->set.count; i++) {
        argv[n++] = "--set";
        argv[n++] = cli->set.items[i];
    }
    return argv;
}

int pn_cli_open_scheduler(struct pn_cli *cli, struct pn_metrics *metrics, struct pn_arena *arena,
                          struct pn_scheduler **scheduler, struct pn_err *e)
{
    const struct pn_pipeline *pipeline = NULL;
    const struct pn_settings *settings = NULL;
    int rc = pn_cli_pipeline_and_settings(cli, &pipeline, &settings, e);
    if (rc != 0) {
        return rc;
    }
    char *self = NULL;
    rc = pn_cli_program(&self, e);
    if (rc != 0) {
        return rc;
    }
    const struct pn_scheduler_config config = {
        .data_folder = cli->data,
        .task_command = task_command(cli, self, pipeline->folder, arena),
        .runs_kept = settings->dag.runs_kept,
        .log_bytes_max = settings->dag.log_bytes_max,
        .poll_ms = POLL_MS,
    };
    free(self);
    return pn_scheduler_create(&config, pipeline, cli->io, cli->clock, cli->logger, metrics,
                               scheduler, e);
}
