#include "server/app.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "settings/profile.h"

/* The context, and what it owns. */
struct made {
    struct pn_app app; /* first: the others know the context by its address */
    struct pn_pipeline *pipeline;
    struct pn_settings settings;
    struct pn_arena arena; /* the config's texts */
};

static struct made *made_of(struct pn_app *app)
{
    return (struct made *)app;
}

static const char *copy_text(struct made *made, const char *text)
{
    return text != NULL ? pn_arena_strdup(&made->arena, text) : NULL;
}

static void copy_config(struct made *made, const struct pn_app_config *config)
{
    const char **set = pn_arena_calloc(&made->arena, config->set_count + 1, sizeof *set);
    for (size_t i = 0; i < config->set_count; i++) {
        set[i] = copy_text(made, config->set[i]);
    }
    struct pn_app *app = &made->app;
    app->config = *config;
    app->config.data = copy_text(made, config->data);
    app->config.pipeline_folder = copy_text(made, config->pipeline_folder);
    app->config.settings_file = copy_text(made, config->settings_file);
    app->config.profile = copy_text(made, config->profile);
    app->config.command = copy_text(made, config->command);
    app->config.set = set;
    app->data = app->config.data;
    app->io = config->io;
    app->clock = config->clock;
    app->logger = config->logger;
}

static int set_one(struct pn_settings *settings, const char *assignment, struct pn_err *e)
{
    const char *equals = strchr(assignment, '=');
    if (equals == NULL) {
        return pn_err_input(e, "--set %.80s: give NAME=VALUE", assignment);
    }
    char *name = pn_xstrndup(assignment, (size_t)(equals - assignment));
    int rc = pn_settings_set(settings, name, equals + 1, e);
    free(name);
    if (rc != 0) {
        pn_err_prefix(e, "--set");
    }
    return rc;
}

static int read_settings(struct made *made, struct pn_err *e)
{
    const struct pn_app_config *config = &made->app.config;
    const struct pn_profile_source profiles = {
        .pipeline = made->pipeline, .file = config->settings_file, .io = config->io};
    int rc = pn_settings_from_pipeline(&made->settings, made->pipeline, e);
    if (rc == 0) {
        rc = pn_profiles_check(&profiles, e);
    }
    if (rc == 0 && config->profile != NULL) {
        rc = pn_settings_from_profile(&made->settings, config->profile, &profiles, e);
    }
    if (rc == 0 && config->settings_file != NULL) {
        rc = pn_settings_from_file(&made->settings, config->settings_file, config->io, e);
    }
    for (size_t i = 0; rc == 0 && i < config->set_count; i++) {
        rc = set_one(&made->settings, config->set[i], e);
    }
    if (rc == 0) {
        made->app.lack_count =
            pn_profile_lacks(&made->settings, config->profile, &profiles, made->app.lacks);
    }
    return rc;
}

int pn_app_create(const struct pn_app_config *config, struct pn_app **app, struct pn_err *e)
{
    struct made *made = pn_xcalloc(1, sizeof *made);
    struct pn_app *created = &made->app;
    pn_arena_init(&made->arena, 0);
    pn_settings_init(&made->settings);
    copy_config(made, config);
    int rc = pn_pipeline_load(created->config.pipeline_folder, config->io, &made->pipeline, e);
    if (rc == 0) {
        rc = read_settings(made, e);
    }
    if (rc == 0) {
        created->pipeline = made->pipeline;
        created->settings = &made->settings;
        created->metrics = pn_metrics_create();
        *app = created;
        created = NULL;
    }
    pn_app_destroy(&created);
    return rc;
}

void pn_app_destroy(struct pn_app **app)
{
    if (*app == NULL) {
        return;
    }
    struct made *gone = made_of(*app);
    pn_metrics_destroy(&gone->app.metrics);
    pn_settings_deinit(&gone->settings);
    pn_pipeline_destroy(&gone->pipeline);
    pn_arena_deinit(&gone->arena);
    free(gone);
    *app = NULL;
}

int pn_app_find_tables(struct pn_app *app, struct pn_store *store, struct pn_err *e)
{
    return pn_pipeline_find_tables(made_of(app)->pipeline, store, e);
}

char *pn_app_path(const struct pn_app *app, const char *below)
{
    return pn_xasprintf("%s/%s", app->data, below);
}
