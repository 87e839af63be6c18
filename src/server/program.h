/* Where this program is, and what is installed beside it. */
#ifndef PN_SERVER_PROGRAM_H
#define PN_SERVER_PROGRAM_H

#include "base/err.h"
#include "base/io.h"

/* The program's own path, absolute and without links. Caller frees. */
int pn_program_path(char **path, struct pn_err *e) PN_MUST_CHECK;
/* The folder of a shipped pipeline by its name: <program's folder>/../pipelines/<name> or
 * ../share/pinion/pipelines/<name>. Caller frees. MISSING when neither exists. */
int pn_program_pipeline(const struct pn_io *io, const char *name, char **folder,
                        struct pn_err *e) PN_MUST_CHECK;
/* A folder that is shipped beside the program, such as "deploy/spark", in the same two places.
 * Caller frees. MISSING when it is in neither. */
int pn_program_folder(const struct pn_io *io, const char *name, char **folder,
                      struct pn_err *e) PN_MUST_CHECK;

#endif
