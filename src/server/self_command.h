/* The command line of this program as a child process that works in the same context. */
#ifndef PN_SERVER_SELF_COMMAND_H
#define PN_SERVER_SELF_COMMAND_H

#include "base/arena.h"
#include "server/app.h"

/* `pinion <command>` with the shared options that decide what it sees; NULL-ended. Path and list
 * are in the arena, other texts the context's. */
int pn_app_self_command(const struct pn_app *app, const char *command, struct pn_arena *arena,
                        const char ***argv, struct pn_err *e) PN_MUST_CHECK;

#endif
