/*
 * config.yml, from which the cloud deployment is set up: `aws`, `databricks`, `s3_storage` and
 * `mwaa`, each a map of strings. Every key is required. docs/deploy.md is its manual.
 *
 *     config.yml:9: databricks.client_id: is missing
 *
 * No message of this module contains a value of the file: some are secrets.
 */
#ifndef PN_DEPLOY_CONFIG_H
#define PN_DEPLOY_CONFIG_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/io.h"

enum pn_deploy_key {
    PN_DEPLOY_REGION,
    PN_DEPLOY_ACCESS_KEY,
    PN_DEPLOY_SECRET_KEY,
    PN_DEPLOY_ACCOUNT_ID,
    PN_DEPLOY_CLIENT_ID,
    PN_DEPLOY_CLIENT_SECRET,
    PN_DEPLOY_WORKSPACE,
    PN_DEPLOY_DATA_BUCKET,
    PN_DEPLOY_ROOT_BUCKET,
    PN_DEPLOY_DAG_BUCKET,
    PN_DEPLOY_MWAA_ENV,
    PN_DEPLOY_KEYS
};

struct pn_deploy_config {
    const char *values[PN_DEPLOY_KEYS]; /* none is NULL or empty; the arena's */
    int lines[PN_DEPLOY_KEYS];
    const char *file;
    struct pn_arena arena;
};

/* "databricks.client_id". Static. */
const char *pn_deploy_key_name(enum pn_deploy_key key);
/* Is the key's value a secret, which no output may show? */
bool pn_deploy_key_is_secret(enum pn_deploy_key key);

/* Reads and checks the file: a key that is unknown, missing, empty or not a string is an INPUT
 * error with its line. Afterwards the caller calls pn_deploy_config_deinit(), also after an error.
 */
int pn_deploy_config_load(const char *path, const struct pn_io *io, struct pn_deploy_config *config,
                          struct pn_err *e) PN_MUST_CHECK;
void pn_deploy_config_deinit(struct pn_deploy_config *config);

#endif
