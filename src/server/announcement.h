/*
 * Where a server serves a data folder, for commands beside it:
 *
 *   <data>/server.json  {"pid", "url"} of the server that runs on this folder
 *   <data>/server.lock  locked for as long as what server.json says is true
 */
#ifndef PN_SERVER_ANNOUNCEMENT_H
#define PN_SERVER_ANNOUNCEMENT_H

#include "server/app.h"

/* Says where this process serves the folder, while it lives and until it withdraws that; *lock_fd
 * is -1 before and after. */
int pn_announcement_make(const struct pn_app *app, const char *url, int *lock_fd,
                         struct pn_err *e) PN_MUST_CHECK;
void pn_announcement_withdraw(const struct pn_app *app, int *lock_fd);
/* The URL of the server that lives on the folder; *url is NULL when there is none. Caller frees.
 * Any thread may call it. */
int pn_announcement_read(const struct pn_io *io, const char *data, char **url,
                         struct pn_err *e) PN_MUST_CHECK;
/* Does a server live on the folder? Any thread may call it. */
int pn_announcement_is_true(const struct pn_io *io, const char *data, bool *lives,
                            struct pn_err *e) PN_MUST_CHECK;

#endif
