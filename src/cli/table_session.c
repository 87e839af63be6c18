/* A session of `pinion table`: a table opened by its name. */
#include <inttypes.h>

#include "base/units.h"
#include "cli/table.h"
#include "engine/unknown_note.h"
#include "server/folder_mark.h"
#include "server/stations.h"
#include "settings/configs.h"

static int open_session(struct pn_cli *cli, const char *name, struct pn_table_session *session,
                        struct pn_err *e)
{
    *session = (struct pn_table_session){.cli = cli};
    pn_arena_init(&session->arena, 0);
    const char *path = NULL;
    int rc = pn_cli_app(cli, &session->app, e);
    if (rc == 0) {
        session->pipeline = session->app->pipeline;
        pn_settings_to_delta(session->app->settings, &session->config);
        session->config.maker = pn_app_maker(session->app);
        rc = pn_app_open_store_there(session->app, &session->store, e);
    }
    if (rc == 0) {
        rc = pn_cli_find_tables(cli, session->store, e);
    }
    if (rc == 0 && name != NULL) {
        rc = pn_report_find_table(session->pipeline, name, session->pipeline->folder,
                                  &session->table, &path, e);
    }
    if (rc == 0) {
        rc = pn_app_open_engine(session->app, session->store, NULL, &session->engine, e);
    }
    if (rc == 0) {
        session->source = (struct pn_table_source){.pipeline = session->pipeline,
                                                   .store = session->store,
                                                   .parquet = pn_engine_parquet(session->engine),
                                                   .config = &session->config,
                                                   .clock = cli->clock,
                                                   .logger = cli->logger};
    }
    if (rc == 0 && path != NULL) {
        session->delta = pn_report_open_table(&session->source, path);
    }
    return rc;
}

static bool is_in_folder(const struct pn_table_session *session)
{
    return session->app != NULL && session->app->settings->store.url[0] == '\0';
}

int pn_cli_table_open(struct pn_cli *cli, const char *name, struct pn_table_session *session,
                      struct pn_err *e)
{
    int rc = open_session(cli, name, session, e);
    if (is_in_folder(session)) {
        (void)pn_app_note_folder(session->app);
    }
    return rc;
}

int pn_cli_table_change(struct pn_cli *cli, const char *name, struct pn_table_session *session,
                        struct pn_err *e)
{
    int rc = open_session(cli, name, session, e);
    return rc == 0 && is_in_folder(session) ? pn_app_mark_folder(session->app, e) : rc;
}

static void tell_unknown(struct pn_table_session *session, const struct pn_table *table)
{
    struct pn_delta *delta = pn_report_open_table(&session->source, table->path);
    struct pn_unknown_note note = {0};
    const char *notes = NULL;
    int64_t version = -1;
    struct pn_err ignored = {0};
    if (pn_delta_newest_notes(delta, -1, &session->arena, &version, &notes, &ignored) == 0) {
        pn_unknown_note_read(notes, &session->arena, &note);
    }
    if (note.values > 0 && note.name != NULL && note.object != NULL) {
        char place[32] = "";
        if (note.line > 0) {
            (void)snprintf(place, sizeof place, "line %" PRId64 " of ", note.line);
        }
        (void)fprintf(session->cli->err,
                      "%s: %" PRId64 " %s no column, most of them \"%s\"; the first is in %s%s\n",
                      table->name, note.values,
                      pn_noun(note.values, "member of the newest load has",
                              "members of the newest load have"),
                      note.name, place, note.object);
    }
    pn_delta_destroy(&delta);
}

void pn_cli_table_tell_unknown(struct pn_table_session *session, const struct pn_table *table)
{
    const struct pn_pipeline *pipeline = session->pipeline;
    for (size_t i = 0; i < pipeline->table_count; i++) {
        if (pn_table_is_raw(&pipeline->tables[i]) &&
            (table == NULL || table == &pipeline->tables[i])) {
            tell_unknown(session, &pipeline->tables[i]);
        }
    }
}

void pn_cli_tell_unknown(struct pn_cli *cli)
{
    struct pn_table_session session;
    struct pn_err ignored = {0};
    if (open_session(cli, NULL, &session, &ignored) == 0) {
        pn_cli_table_tell_unknown(&session, NULL);
    }
    (void)pn_cli_table_finish(&session, 0, NULL);
}

/* Of a table of the pipeline that was never written, we know how it comes to be. */
static int fail(const struct pn_table_session *session, const struct pn_err *failure)
{
    struct pn_err told = *failure;
    if (failure->class_ == PN_CLASS_MISSING && session->table != NULL && session->delta != NULL) {
        struct pn_delta_snapshot *snapshot = NULL;
        struct pn_err again = {.class_ = PN_CLASS_NONE};
        if (pn_delta_snapshot(session->delta, -1, &snapshot, &again) != 0 &&
            again.class_ == PN_CLASS_MISSING) {
            (void)pn_pipeline_not_yet(session->pipeline, session->table, &told);
        }
        pn_delta_snapshot_destroy(&snapshot);
    }
    return pn_cli_fail(session->cli, &told);
}

int pn_cli_table_finish(struct pn_table_session *session, int rc, const struct pn_err *failure)
{
    int status = rc == 0 ? PN_EXIT_OK : fail(session, failure);
    pn_delta_snapshot_destroy(&session->snapshot);
    pn_delta_destroy(&session->delta);
    pn_embedded_engine_destroy(&session->engine);
    pn_store_destroy(&session->store);
    pn_arena_deinit(&session->arena);
    return status;
}
