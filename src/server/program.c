/* The pipeline and the settings a command works with. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"

enum { EXE_PATH_MAX = 4096 };

/* A pipeline's folder below `base`, or NULL when there is none. */
static char *shipped(const struct pn_io *io, const char *base, const char *below, const char *name)
{
    char *folder = pn_xasprintf("%s/%s/%s", base, below, name);
    char *file = pn_xasprintf("%s/pipeline.yml", folder);
    if (!pn_io_exists(io, file)) {
        free(folder);
        folder = NULL;
    }
    free(file);
    return folder;
}

int pn_cli_program(char **path, struct pn_err *e)
{
    char exe[EXE_PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe);
    if (len <= 0 || len == sizeof exe) {
        return pn_err_fatal(e, "cannot find out where this program is (is /proc mounted?)");
    }
    *path = pn_xstrndup(exe, (size_t)len);
    return 0;
}

int pn_cli_shipped_folder(struct pn_cli *cli, const char *name, char **folder, struct pn_err *e)
{
    char *exe = NULL;
    char *found = NULL;
    int rc = pn_cli_program(&exe, e);
    if (rc == 0) {
        /* The folder above the program's: the path is absolute and without links. */
        for (int up = 0; up < 2; up++) {
            char *slash = strrchr(exe, '/');
            if (slash != NULL) {
                *slash = '\0';
            }
        }
        found = shipped(cli->io, exe, "pipelines", name);
        if (found == NULL) {
            found = shipped(cli->io, exe, "share/pinion/pipelines", name);
        }
    }
    if (rc == 0 && found == NULL) {
        rc = pn_err_missing(e,
                            "the shipped pipeline is neither in %s/pipelines/%s nor in "
                            "%s/share/pinion/pipelines/%s, where this program looks for it. To put "
                            "the program elsewhere, use `make install PREFIX=...` instead of "
                            "copying it; or give the folder of a pipeline by --pipeline",
                            exe, name, exe, name);
    }
    free(exe);
    *folder = found;
    return rc;
}

int pn_cli_pipeline_folder(struct pn_cli *cli, char **folder, struct pn_err *e)
{
    if (cli->pipeline_folder != NULL) {
        *folder = pn_xstrdup(cli->pipeline_folder);
        return 0;
    }
    return pn_cli_shipped_folder(cli, PINION_PIPELINE_DEFAULT, folder, e);
}

int pn_cli_pipeline(struct pn_cli *cli, const struct pn_pipeline **pipeline, struct pn_err *e)
{
    if (cli->pipeline == NULL) {
        char *folder = NULL;
        int rc = pn_cli_pipeline_folder(cli, &folder, e);
        if (rc == 0) {
            rc = pn_pipeline_load(folder, cli->io, &cli->pipeline, e);
        }
        if (rc == 0) {
            rc = pn_settings_check_pipeline(cli->pipeline, e);
        }
        free(folder);
        if (rc != 0) {
            pn_pipeline_destroy(&cli->pipeline);
            return rc;
        }
    }
    *pipeline = cli->pipeline;
    return 0;
}

int pn_cli_find_tables(struct pn_cli *cli, struct pn_store *store, struct pn_err *e)
{
    const struct pn_pipeline *pipeline = NULL;
    int rc = pn_cli_pipeline(cli, &pipeline, e);
    return rc == 0 ? pn_pipeline_find_tables(cli->pipeline, store, e) : rc;
}

static int set_one(struct pn_settings *settings, const char *assignment, struct pn_err *e)
{
    const char *equals = strchr(assignment, '=');
    if (equals == NULL) {
        return pn_err_input(e, "--set %.80s: write NAME=VALUE", assignment);
    }
    char *name = pn_xstrndup(assignment, (size_t)(equals - assignment));
    int rc = pn_settings_set(settings, name, equals + 1, e);
    free(name);
    if (rc != 0) {
        pn_err_prefix(e, "--set");
    }
    return rc;
}

int pn_cli_settings(struct pn_cli *cli, const struct pn_settings **settings, struct pn_err *e)
{
    if (cli->settings != NULL) {
        *settings = cli->settings;
        return 0;
    }
    const struct pn_pipeline *pipeline = NULL;
    int rc = pn_cli_pipeline(cli, &pipeline, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_settings *loaded = pn_xcalloc(1, sizeof *loaded);
    pn_settings_init(loaded);
    rc = pn_settings_from_pipeline(loaded, pipeline, e);
    if (rc == 0 && cli->config != NULL) {
        rc = pn_settings_from_file(loaded, cli->config, cli->io, e);
    }
    for (size_t i = 0; rc == 0 && i < cli->set.count; i++) {
        rc = set_one(loaded, cli->set.items[i], e);
    }
    if (rc != 0) {
        pn_settings_deinit(loaded);
        free(loaded);
        return rc;
    }
    cli->settings = loaded;
    *settings = loaded;
    return 0;
}

int pn_cli_pipeline_and_settings(struct pn_cli *cli, const struct pn_pipeline **pipeline,
                                 const struct pn_settings **settings, struct pn_err *e)
{
    int rc = pn_cli_pipeline(cli, pipeline, e);
    return rc == 0 ? pn_cli_settings(cli, settings, e) : rc;
}
