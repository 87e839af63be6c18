/* What the files of `pinion deploy` share. */
#ifndef PN_CLI_DEPLOY_H
#define PN_CLI_DEPLOY_H

#include "cli/cli.h"
#include "pipeline/pipeline.h"

/* The pipeline of the options. The caller destroys it. */
int pn_deploy_load_pipeline(struct pn_cli *cli, struct pn_pipeline **pipeline,
                            struct pn_err *e) PN_MUST_CHECK;

int pn_deploy_airflow(struct pn_cli *cli, int argc, char **argv);
int pn_deploy_spark(struct pn_cli *cli, int argc, char **argv);

#endif
