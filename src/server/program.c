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

/* The folder above the program's: the path is absolute and without links. Caller frees. */
static int find_base(char **base, struct pn_err *e)
{
    int rc = pn_program_path(base, e);
    for (int up = 0; rc == 0 && up < 2; up++) {
        char *slash = strrchr(*base, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
    }
    return rc;
}

int pn_program_folder(const struct pn_io *io, const char *name, char **folder, struct pn_err *e)
{
    char *base = NULL;
    *folder = NULL;
    int rc = find_base(&base, e);
    static const char *const below[] = {"", "share/pinion/"};
    for (size_t i = 0; rc == 0 && i < 2 && *folder == NULL; i++) {
        char *path = pn_xasprintf("%s/%s%s", base, below[i], name);
        if (pn_io_exists(io, path)) {
            *folder = path;
        } else {
            free(path);
        }
    }
    if (rc == 0 && *folder == NULL) {
        rc = pn_err_missing(e,
                            "the folder %s is neither in %s nor in %s/share/pinion, where this "
                            "program looks for it (install it by `make install PREFIX=...`)",
                            name, base, base);
    }
    free(base);
    return rc;
}

int pn_program_pipeline(const struct pn_io *io, const char *name, char **folder, struct pn_err *e)
{
    char *base = NULL;
    char *found = NULL;
    int rc = find_base(&base, e);
    if (rc == 0) {
        found = shipped(io, base, "pipelines", name);
        if (found == NULL) {
            found = shipped(io, base, "share/pinion/pipelines", name);
        }
    }
    if (rc == 0 && found == NULL) {
        rc = pn_err_missing(e,
                            "the shipped pipeline is neither in %s/pipelines/%s nor in "
                            "%s/share/pinion/pipelines/%s, where this program looks for it. To "
                            "install the program elsewhere, use `make install PREFIX=...` instead "
                            "of copying it; or give a pipeline's folder with --pipeline",
                            base, name, base, name);
    }
    free(base);
    *folder = found;
    return rc;
}
