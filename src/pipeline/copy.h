/* The texts of a definition as a whole: their version, and a copy of them in a folder. */
#ifndef PN_PIPELINE_COPY_H
#define PN_PIPELINE_COPY_H

#include "pipeline/definitions.h"

/* A checksum of pipeline.yml, what it includes and the SQL files, as they were loaded, in
 * hexadecimal. */
void pn_pipeline_version(const struct pn_pipeline *pipeline,
                         char version[PN_DEFINITION_VERSION_SIZE]);
/* Has `after` other sections in pipeline.yml than `before`, besides its DAGs and pools? */
bool pn_pipeline_needs_restart(const struct pn_pipeline *before, const struct pn_pipeline *after);
/* Writes pipeline.yml, what it includes and the SQL files, as they were loaded, below a folder,
 * which is made. */
int pn_pipeline_copy(const struct pn_pipeline *pipeline, const char *folder, const struct pn_io *io,
                     struct pn_err *e) PN_MUST_CHECK;

#endif
