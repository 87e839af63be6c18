/* A session of `pinion dag`: the pipeline's DAG and the runs' state. */
#include <stdlib.h>

#include "cli/dag.h"
#include "server/folder_mark.h"
#include "server/stations.h"

static int find_dag(struct pn_cli *cli, const char *name, struct pn_dag_session *session,
                    struct pn_err *e)
{
    *session = (struct pn_dag_session){.cli = cli};
    pn_arena_init(&session->arena, 0);
    int rc = pn_cli_app(cli, &session->app, e);
    if (rc != 0) {
        return rc;
    }
    session->pipeline = session->app->pipeline;
    if (name != NULL) {
        session->dag = pn_pipeline_dag(session->pipeline, name);
        if (session->dag == NULL) {
            rc = pn_pipeline_has_no(session->pipeline, PN_NAMED_DAG, name,
                                    session->pipeline->folder, e);
        }
    }
    return rc;
}

static int open_db(struct pn_dag_session *session, struct pn_err *e)
{
    char *path = pn_app_path(session->app, "state.db");
    int rc = pn_dag_db_open(path, &session->db, e);
    free(path);
    return rc;
}

int pn_cli_dag_open(struct pn_cli *cli, const char *name, struct pn_dag_session *session,
                    struct pn_err *e)
{
    int rc = find_dag(cli, name, session, e);
    if (rc == 0) {
        rc = pn_app_mark_folder(session->app, e);
    }
    return rc != 0 ? rc : open_db(session, e);
}

static int look(struct pn_cli *cli, const char *name, struct pn_dag_session *session,
                struct pn_err *e)
{
    int rc = find_dag(cli, name, session, e);
    if (rc != 0) {
        return rc;
    }
    if (name != NULL && pn_io_exists(cli->io, cli->data)) {
        rc = pn_app_check_data(session->app, e);
        if (rc != 0) {
            return rc;
        }
    }
    char *path = pn_app_path(session->app, "state.db");
    rc = pn_io_exists(cli->io, path) ? pn_dag_db_look(path, &session->db, e)
                                     : pn_dag_db_open(":memory:", &session->db, e);
    free(path);
    return rc;
}

int pn_cli_dag_look(struct pn_cli *cli, const char *name, struct pn_dag_session *session,
                    struct pn_err *e)
{
    int rc = look(cli, name, session, e);
    if (session->app != NULL) {
        (void)pn_app_note_folder(session->app);
    }
    return rc;
}

static int find_run(struct pn_dag_session *session, int argc, char **argv, struct pn_run *run,
                    struct pn_err *e)
{
    return pn_dag_db_run(session->db, argv[0], argc > 1 ? argv[1] : NULL, &session->arena, run, e);
}

int pn_cli_dag_open_run(struct pn_cli *cli, int argc, char **argv, struct pn_dag_session *session,
                        struct pn_run *run, struct pn_err *e)
{
    int rc = pn_cli_dag_look(cli, argv[0], session, e);
    return rc == 0 ? find_run(session, argc, argv, run, e) : rc;
}

int pn_cli_dag_change_run(struct pn_cli *cli, int argc, char **argv, bool dry_run,
                          struct pn_dag_session *session, struct pn_run *run, struct pn_err *e)
{
    if (dry_run) {
        return pn_cli_dag_open_run(cli, argc, argv, session, run, e);
    }
    int rc = look(cli, argv[0], session, e);
    if (rc == 0) {
        rc = find_run(session, argc, argv, run, e);
    }
    return rc == 0 ? pn_app_mark_folder(session->app, e) : rc;
}

int pn_cli_dag_finish(struct pn_dag_session *session, int rc, const struct pn_err *failure)
{
    int status = rc == 0 ? PN_EXIT_OK : pn_cli_fail(session->cli, failure);
    pn_cli_dag_close(session);
    return status;
}

void pn_cli_dag_close(struct pn_dag_session *session)
{
    pn_dag_db_close(&session->db);
    pn_arena_deinit(&session->arena);
}
