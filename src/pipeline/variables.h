/*
 * ${NAME} and ${NAME:-default} in a value of pipeline.yml: the environment's variable, and the
 * default where it is not set or is empty, as in a shell. $${ stands for ${ itself.
 */
#ifndef PN_PIPELINE_VARIABLES_H
#define PN_PIPELINE_VARIABLES_H

#include "base/arena.h"
#include "base/err.h"

/*
 * Sets *out to the text with its variables replaced, in the arena, or to `text` itself where it
 * has none. What a variable has is not looked at again. INPUT, without a place: a name that is not
 * set and has no default, or one that is not written as a name. Reads the environment, which no
 * thread may change meanwhile.
 */
int pn_variables_expand(struct pn_arena *arena, const char *text, const char **out,
                        struct pn_err *e) PN_MUST_CHECK;

#endif
