#include "log/folder_lock.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

enum { PAUSE_MS = 20, TRIES_MAX = 250 /* 5 seconds */ };

int pn_log_folder_lock(const struct pn_io *io, const char *folder, int *fd, struct pn_err *e)
{
    char *path = pn_xasprintf("%s/" PN_LOG_LOCK_FILE, folder);
    int rc = pn_io_lock(io, path, fd, e);
    for (int tries = 1; rc == EWOULDBLOCK && tries < TRIES_MAX; tries++) {
        pn_sleep_ms(PAUSE_MS);
        rc = pn_io_lock(io, path, fd, e);
    }
    free(path);
    return rc != EWOULDBLOCK
               ? rc
               : pn_err_set(
                     e, PN_CLASS_CONFLICT, rc,
                     "another pinion uses the log in %s: stop it, or use another data folder",
                     folder);
}
