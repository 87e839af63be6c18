/* terraform.tfvars: config.yml as the variables of the five Terraform directories. */
#ifndef PN_DEPLOY_TFVARS_H
#define PN_DEPLOY_TFVARS_H

#include "base/buf.h"
#include "deploy/config.h"

enum { PN_DEPLOY_DIRECTORIES = 5 };
/* The directories below deploy/terraform, in the order of set-up. Static. */
extern const char *const pn_deploy_directories[PN_DEPLOY_DIRECTORIES];

/* Appends `text` as a quoted HCL string: a value is data, so nothing in it is interpolated. */
void pn_hcl_add_string(struct pn_buf *out, const char *text);

/* Calls fn with each variable of a directory. */
void pn_tfvars_each(size_t directory,
                    void (*fn)(void *arg, const char *name, enum pn_deploy_key key), void *arg);

/*
 * Writes <folder>/<directory>/terraform.tfvars of all five directories, each file whole and
 * readable by this user only (mode 0600). Nothing is written unless all directories exist.
 */
int pn_tfvars_write(const struct pn_deploy_config *config, const char *folder,
                    const struct pn_io *io, struct pn_err *e) PN_MUST_CHECK;

#endif
