#include "server/program.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { EXE_PATH_MAX = 4096 };

/* A pipeline's folder below `base`, or NULL when there is none. */
static char *shipped(const struct pn_io *io, const char *base, const char *below, const char *name)
{
    char *folder = pn_xasprintf("%s/%s/%s", base, below, name);
    char *file = pn_xasprintf("%s/pipeline.yml", folder);
    if (!pn_io_exists(io, file)) {
        free(folder);
        folder = NULL;
    }
    free(file);
    return folder;
}

int pn_program_path(char **path, struct pn_err *e)
{
    char exe[EXE_PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe);
    if (len <= 0 || len == sizeof exe) {
        return pn_err_fatal(e, "cannot find out where this program is (is /proc mounted?)");
    }
    *path = pn_xstrndup(exe, (size_t)len);
    return 0;
}

int pn_program_pipeline(const struct pn_io *io, const char *name, char **folder, struct pn_err *e)
{
    char *exe = NULL;
    char *found = NULL;
    int rc = pn_program_path(&exe, e);
    if (rc == 0) {
        /* The folder above the program's: the path is absolute and without links. */
        for (int up = 0; up < 2; up++) {
            char *slash = strrchr(exe, '/');
            if (slash != NULL) {
                *slash = '\0';
            }
        }
        found = shipped(io, exe, "pipelines", name);
        if (found == NULL) {
            found = shipped(io, exe, "share/pinion/pipelines", name);
        }
    }
    if (rc == 0 && found == NULL) {
        rc = pn_err_missing(e,
                            "the shipped pipeline is neither in %s/pipelines/%s nor in "
                            "%s/share/pinion/pipelines/%s, where this program looks for it. To "
                            "install the program elsewhere, use `make install PREFIX=...` instead "
                            "of copying it; or give a pipeline's folder with --pipeline",
                            exe, name, exe, name);
    }
    free(exe);
    *folder = found;
    return rc;
}
