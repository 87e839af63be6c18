/*
 * The application context: what each part of the program stands on. The command line makes it from
 * its options, a test from what it likes; `serve`, every command that needs a station, and the
 * routes of the server take it from here.
 *
 * It is complete when pn_app_create() returns and does not change after that, so every thread may
 * read it without a lock. server/stations.h opens the stations that work in it.
 */
#ifndef PN_SERVER_APP_H
#define PN_SERVER_APP_H

#include <stddef.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/logger.h"
#include "base/metrics.h"
#include "pipeline/pipeline.h"
#include "settings/profile.h"
#include "settings/settings.h"
#include "store/store.h"

/* What a context is made from. */
struct pn_app_config {
    const char *data;            /* the data folder; it need not exist */
    const char *pipeline_folder; /* has the pipeline.yml */
    const char *settings_file;   /* of settings that overrule the pipeline's; NULL: none */
    const char *profile;         /* settings/profile.h; NULL: none */
    const char *command;         /* "pinion serve": what tables say they were made by; NULL ok */
    const char *const *set;      /* "NAME=VALUE" each; they overrule the file */
    size_t set_count;
    const struct pn_io *io; /* this and what follows must outlive the context */
    const struct pn_clock *clock;
    struct pn_logger *logger;
};

struct pn_app {
    struct pn_app_config config; /* texts are the context's own copies */
    const char *data;            /* this and the next three: as in the config */
    const struct pn_io *io;
    const struct pn_clock *clock;
    struct pn_logger *logger;
    const struct pn_pipeline *pipeline;
    /* Defaults, then the pipeline's, the profile's, the file's, `set`. */
    const struct pn_settings *settings;
    const char *lacks[PN_PROFILE_NEEDS_MAX]; /* settings that the profile needs and has not */
    size_t lack_count;
    struct pn_metrics *metrics; /* of all stations */
};

/* Reads the pipeline and the settings. Errors name the file and line, or "--set". Copies the texts
 * of the config. The caller destroys the context after everything that was opened in it. */
int pn_app_create(const struct pn_app_config *config, struct pn_app **app,
                  struct pn_err *e) PN_MUST_CHECK;
void pn_app_destroy(struct pn_app **app); /* NULL ok */

/* Adds the tables that streams have made by a pattern to the pipeline's. It completes the context:
 * only the thread that made it may call this, before any other part uses the pipeline. */
int pn_app_find_tables(struct pn_app *app, struct pn_store *store, struct pn_err *e) PN_MUST_CHECK;

/* A path below the data folder. Caller frees. */
char *pn_app_path(const struct pn_app *app, const char *below);

#endif
