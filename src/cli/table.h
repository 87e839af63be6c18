/* What the files of `pinion table` share: a table opened by its name, as report/tables.h has it. */
#ifndef PN_CLI_TABLE_H
#define PN_CLI_TABLE_H

#include "base/arena.h"
#include "cli/cli.h"
#include "engine/embedded.h"
#include "report/tables.h"

struct pn_table_session {
    struct pn_cli *cli;
    const struct pn_app *app;
    const struct pn_pipeline *pipeline; /* the app's */
    const struct pn_table *table;       /* of the name that was given, when the pipeline has it */
    struct pn_store *store;
    struct pn_embedded_engine *engine;
    struct pn_delta_config config;
    struct pn_table_source source; /* of the above */
    struct pn_delta *delta;        /* the table of the name that was given, or NULL */
    struct pn_delta_snapshot *snapshot;
    struct pn_arena arena;
};

/* `name` may be NULL: then no table is opened. Close after success and failure. */
int pn_cli_table_open(struct pn_cli *cli, const char *name, struct pn_table_session *session,
                      struct pn_err *e) PN_MUST_CHECK;
/* The same for commands that change a table: a data folder with the store must be the pipeline's
 * (server/folder_mark.h). */
int pn_cli_table_change(struct pn_cli *cli, const char *name, struct pn_table_session *session,
                        struct pn_err *e) PN_MUST_CHECK;
/* On standard error, a line for each raw table whose newest load met members that no column takes;
 * for `table` alone, unless it is NULL. What cannot be read now is skipped. */
void pn_cli_table_tell_unknown(struct pn_table_session *session, const struct pn_table *table);
/* The same of all tables, for a command without a session. */
void pn_cli_tell_unknown(struct pn_cli *cli);
/* Closes, and turns the outcome into an exit code. */
int pn_cli_table_finish(struct pn_table_session *session, int rc, const struct pn_err *failure);

int pn_cli_table_optimize(struct pn_cli *cli, int argc, char **argv);
int pn_cli_table_vacuum(struct pn_cli *cli, int argc, char **argv);
int pn_cli_table_restore(struct pn_cli *cli, int argc, char **argv);

#endif
