/* Every command of the program: one line in the table of commands.c, one file <command>.c here, and
 * its function below. */
#ifndef PN_CLI_COMMANDS_H
#define PN_CLI_COMMANDS_H

#include "cli/cli.h"

/* Ends with an element whose name is NULL. */
extern const struct pn_command pn_commands[];

/* For main.c, before the command: the commit that the program was built from (pn_build_from()). */
void pn_version_from(const char *commit, bool is_modified);

int pn_cmd_dag(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_deploy(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_demo(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_serve(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_stream(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_stream_lag(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_stream_process(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_topic(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_store(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_table(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_dead_letters(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_task(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_emulate(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_notify(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_query(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_import(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_export(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_query_worker(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_batch(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_completion(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_man(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_help(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_init(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_pipeline(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_metrics(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_profile(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_settings(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_version(struct pn_cli *cli, int argc, char **argv);

#endif
