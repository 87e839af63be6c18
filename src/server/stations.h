/*
 * The stations as commands use them: each opened on the data folder with the settings in force.
 *
 *   <data>/log       the log, one process at a time
 *   <data>/kinesis   what streams are beside their records
 *   <data>/store     the bucket: landed objects and tables
 *   <data>/tmp       what the engine spills
 *   <data>/server.json  {"pid", "url"} of the server that runs on this folder
 *   <data>/server.lock  locked for as long as what server.json says is true
 */
#ifndef PN_CLI_STATIONS_H
#define PN_CLI_STATIONS_H

#include "base/metrics.h"
#include "cli/cli.h"
#include "dag/dag.h"
#include "engine/engine.h"
#include "kinesis/kinesis.h"
#include "log/log.h"
#include "store/store.h"

/* A path below the data folder. Caller frees. */
char *pn_cli_path(const struct pn_cli *cli, const char *below);

/* MISSING when the folder of --data has files, and none of pinion's. */
int pn_cli_check_data(struct pn_cli *cli, struct pn_err *e) PN_MUST_CHECK;
/* Each opens its station; destroy it with its own destroy function. */
int pn_cli_open_store(struct pn_cli *cli, struct pn_store **store, struct pn_err *e) PN_MUST_CHECK;
/* Where a command is about to make a data folder while a pinion answers on the address that a
 * server has by default: warns that this folder is not that server's. Waits half a second at most.
 */
void pn_cli_note_new_folder(struct pn_cli *cli);
/* The same for commands that only look: a data folder that isn't there is MISSING, and stays so. */
int pn_cli_open_store_there(struct pn_cli *cli, struct pn_store **store,
                            struct pn_err *e) PN_MUST_CHECK;
/* An engine with the settings in force, which borrows `store`. Of `config` it takes landed_folder,
 * delta and, where they are not 0, the most memory and threads that it may have. */
int pn_cli_create_engine(struct pn_cli *cli, struct pn_store *store,
                         const struct pn_engine_config *config, struct pn_engine **engine,
                         struct pn_err *e) PN_MUST_CHECK;
/* The engine of batches. `landed_folder` is for engine.h's field of that name, or NULL. */
int pn_cli_open_engine(struct pn_cli *cli, struct pn_store *store, const char *landed_folder,
                       struct pn_engine **engine, struct pn_err *e) PN_MUST_CHECK;
/* With the pipeline's topics made where they are missing. CONFLICT when a server has the folder. */
int pn_cli_open_log(struct pn_cli *cli, struct pn_metrics *metrics, struct pn_log **log,
                    struct pn_err *e) PN_MUST_CHECK;
/*
 * The streams, on the log, with the pipeline's made where they are missing. Everything, and the
 * arena, which keeps the folder's path, must outlive them.
 */
int pn_cli_open_kinesis(struct pn_cli *cli, struct pn_log *log, struct pn_metrics *metrics,
                        struct pn_arena *arena, struct pn_kinesis **kinesis,
                        struct pn_err *e) PN_MUST_CHECK;
/* Table handles' settings, from settings.delta. */
int pn_cli_delta_config(struct pn_cli *cli, struct pn_delta_config *config,
                        struct pn_err *e) PN_MUST_CHECK;

/* A scheduler whose tasks are this program's `task` command. CONFLICT when another process has it.
 * The arena keeps the command line and must outlive the scheduler. */
int pn_cli_open_scheduler(struct pn_cli *cli, struct pn_metrics *metrics, struct pn_arena *arena,
                          struct pn_scheduler **scheduler, struct pn_err *e) PN_MUST_CHECK;

/* Says where this process serves the folder, for commands beside it, while it lives and until it
 * takes that back; *lock_fd is -1 before and after. */
int pn_cli_server_announce(struct pn_cli *cli, const char *url, int *lock_fd,
                           struct pn_err *e) PN_MUST_CHECK;
void pn_cli_server_withdraw(struct pn_cli *cli, int *lock_fd);
/* The URL of a server to talk to: --url, or the one that lives on the data folder; *url is NULL
 * when there is none. Caller frees. */
int pn_cli_server_url(struct pn_cli *cli, char **url, struct pn_err *e) PN_MUST_CHECK;

#endif
