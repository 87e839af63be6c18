/* What killed processes left among the temporary files. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/local/private.h"

/* Is the process that made the temporary file still there? Its id is what the name starts with. An
 * earlier process may have had our own. */
static bool is_in_use(const char *name)
{
    char *end;
    long pid = strtol(name, &end, 10);
    if (end == name || *end != '-' || pid <= 0 || pid > INT_MAX || pid == (long)getpid()) {
        return false;
    }
    return kill((pid_t)pid, 0) == 0 || errno == EPERM;
}

int pn_local_sweep(struct pn_store *store, struct pn_err *e)
{
    struct pn_local_store *local = (struct pn_local_store *)store;
    struct pn_io_listing listing = {0};
    int rc = pn_io_list(local->io, local->temp_folder, &listing, e);
    for (size_t i = 0; i < listing.count && rc == 0; i++) {
        const struct pn_io_entry *entry = &listing.entries[i];
        if (is_in_use(entry->name)) {
            continue;
        }
        char *path = pn_xasprintf("%s/%s", local->temp_folder, entry->name);
        rc = entry->is_dir ? pn_io_remove_tree(local->io, path, e)
                           : pn_io_unlink(local->io, path, e);
        free(path);
    }
    pn_io_listing_deinit(&listing);
    return rc;
}
