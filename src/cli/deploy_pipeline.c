#include <stdlib.h>

#include "cli/deploy.h"

int pn_deploy_load_pipeline(struct pn_cli *cli, struct pn_pipeline **pipeline, struct pn_err *e)
{
    char *folder = NULL;
    int rc = pn_cli_pipeline_folder(cli, &folder, e);
    if (rc == 0) {
        rc = pn_pipeline_load(folder, cli->io, pipeline, e);
    }
    free(folder);
    return rc;
}
