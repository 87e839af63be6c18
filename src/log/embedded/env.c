#include "log/embedded/env.h"

#include <errno.h>

int pn_log_env_note_folder(struct pn_log_env *env, struct pn_err *e)
{
    struct stat folder;
    int rc = pn_io_stat(env->io, env->config.folder, &folder, e);
    if (rc == 0) {
        env->folder_dev = folder.st_dev;
        env->folder_ino = folder.st_ino;
    }
    return rc;
}

int pn_log_env_check_folder(const struct pn_log_env *env, struct pn_err *e)
{
    struct stat folder;
    int rc = env->io->ops->stat(env->io, env->config.folder, &folder);
    bool is_other =
        rc == 0 && (folder.st_dev != env->folder_dev || folder.st_ino != env->folder_ino);
    if (rc == -ENOENT || rc == -ENOTDIR || is_other) {
        return pn_err_set(
            e, PN_CLASS_FATAL, PN_FAIL,
            "%s is no longer where it was: it or a folder above it was removed or renamed while "
            "pinion ran. Stop pinion, put it back, and start pinion again",
            env->config.folder);
    }
    return 0;
}
