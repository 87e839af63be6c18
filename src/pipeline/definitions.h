/*
 * The definition of a pipeline while a program runs: it notices that the files have changed, loads
 * them beside, and keeps the last definition that was good when the new one is not.
 *
 * What is loaded is copied to a folder of its own, <copies>/<version>, so that processes that are
 * started for one definition read that one, whatever becomes of the files. Those who use a
 * definition hold it; it stays as long as somebody does.
 *
 * Only DAGs, pools and the SQL that tasks run follow the files. Topics, streams, tables as the
 * server sees them, queries and settings are those that the program began with:
 * `needs_restart` says that a definition has others.
 */
#ifndef PN_PIPELINE_DEFINITIONS_H
#define PN_PIPELINE_DEFINITIONS_H

#include "base/clock.h"
#include "base/logger.h"
#include "pipeline/pipeline.h"

enum { PN_DEFINITION_VERSION_SIZE = 16 };

struct pn_definition {
    const struct pn_pipeline *pipeline;
    char version[PN_DEFINITION_VERSION_SIZE]; /* changes with the texts of the definition */
    const char *folder;                       /* its copy */
    int64_t loaded_ms;
    bool needs_restart;
};

struct pn_definitions_config {
    const struct pn_pipeline *pipeline; /* the first definition; borrowed, as all below */
    const char *copies;                 /* the folder of the copies: emptied at the start */
    const struct pn_io *io;
    const struct pn_clock *clock;
    struct pn_logger *logger;
};
struct pn_definitions;
int pn_definitions_create(const struct pn_definitions_config *config,
                          struct pn_definitions **definitions, struct pn_err *e) PN_MUST_CHECK;
/* When all definitions have been released. NULL ok. */
void pn_definitions_destroy(struct pn_definitions **definitions);

/* Have the files changed? Then they are loaded: what changed before the call is in force after it.
 * Any thread; it waits while another one looks. Reads the disk. */
void pn_definitions_look(struct pn_definitions *definitions);
/* The newest good definition, held; any thread. */
const struct pn_definition *pn_definitions_take(struct pn_definitions *definitions);
/* Holds one once more. */
const struct pn_definition *pn_definitions_hold(struct pn_definitions *definitions,
                                                const struct pn_definition *definition);
/* NULL ok; sets it to NULL. */
void pn_definitions_release(struct pn_definitions *definitions,
                            const struct pn_definition **definition);

/* Why the files cannot be loaded now. */
struct pn_definition_error {
    const char *file; /* below the pipeline's folder, or "" */
    int64_t line;     /* 0: unknown */
    const char *reason;
    int64_t at_ms; /* since when */
};
/* False: they can. Texts are in the arena. */
bool pn_definitions_error(struct pn_definitions *definitions, struct pn_arena *arena,
                          struct pn_definition_error *error);

#endif
