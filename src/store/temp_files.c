#include "store/temp_files.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"

void pn_temp_files_init(struct pn_temp_files *files, const struct pn_io *io, char *folder)
{
    files->io = io;
    files->folder = folder;
    files->seed = pn_entropy_u64();
    atomic_init(&files->count, 0);
}

void pn_temp_files_deinit(struct pn_temp_files *files)
{
    free(files->folder);
    files->folder = NULL;
}

char *pn_temp_files_path(struct pn_temp_files *files, const char *key)
{
    const char *slash = strrchr(key, '/');
    const char *dot = strrchr(slash != NULL ? slash : key, '.');
    unsigned long long number = atomic_fetch_add(&files->count, 1);
    return pn_xasprintf("%s/%ld-%016llx-%llu%s", files->folder, (long)getpid(),
                        (unsigned long long)files->seed, number,
                        dot != NULL && strlen(dot) <= 16 ? dot : "");
}

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

int pn_temp_files_sweep(const struct pn_temp_files *files, struct pn_err *e)
{
    struct pn_io_listing listing = {0};
    int rc = pn_io_list(files->io, files->folder, &listing, e);
    for (size_t i = 0; i < listing.count && rc == 0; i++) {
        const struct pn_io_entry *entry = &listing.entries[i];
        if (is_in_use(entry->name)) {
            continue;
        }
        char *path = pn_xasprintf("%s/%s", files->folder, entry->name);
        rc = entry->is_dir ? pn_io_remove_tree(files->io, path, e)
                           : pn_io_unlink(files->io, path, e);
        free(path);
    }
    pn_io_listing_deinit(&listing);
    return rc;
}
