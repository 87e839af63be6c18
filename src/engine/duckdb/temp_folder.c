/* The folder for what is spilled and other temporary files. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "engine/duckdb/private.h"

#define FOLDER_PREFIX "duckdb-"

/* Removes what processes left that are no more: their folder's name starts with their id. */
static void sweep(struct pn_duckdb *engine)
{
    const struct pn_io *io = engine->config.io;
    struct pn_io_listing listing = {0};
    struct pn_err e;
    if (pn_io_list(io, engine->config.temp_folder, &listing, &e) != 0) {
        pn_logger_warn(engine->logger, "engine", "%s", e.msg);
        return;
    }
    for (size_t i = 0; i < listing.count; i++) {
        const char *name = listing.entries[i].name;
        if (strncmp(name, FOLDER_PREFIX, strlen(FOLDER_PREFIX)) != 0) {
            continue;
        }
        long pid = strtol(name + strlen(FOLDER_PREFIX), NULL, 10);
        if (pid <= 0 || pid == getpid() || kill((pid_t)pid, 0) == 0 || errno != ESRCH) {
            continue;
        }
        char *path = pn_xasprintf("%s/%s", engine->config.temp_folder, name);
        if (pn_io_remove_tree(io, path, &e) != 0) {
            pn_logger_warn(engine->logger, "engine", "%s", e.msg);
        }
        free(path);
    }
    pn_io_listing_deinit(&listing);
}

/* Where the system keeps such folders: for those who may read the data and not write beside it. */
static int make_private_folder(struct pn_duckdb *engine, struct pn_err *e)
{
    char uuid[PN_UUID_SIZE];
    const char *base = getenv("TMPDIR");
    char *folder = pn_xasprintf("%s/pinion-" FOLDER_PREFIX "%s",
                                base != NULL && *base != '\0' ? base : "/tmp", pn_uuid(uuid));
    int rc = pn_io_mkdir_private(engine->config.io, folder, e);
    if (rc != 0) {
        free(folder);
        return rc;
    }
    engine->temp_folder = folder;
    return 0;
}

int pn_duckdb_make_temp_folder(struct pn_duckdb *engine, struct pn_err *e)
{
    if (engine->temp_folder != NULL) {
        return 0;
    }
    char uuid[PN_UUID_SIZE];
    char *folder = pn_xasprintf("%s/" FOLDER_PREFIX "%ld-%.8s", engine->config.temp_folder,
                                (long)getpid(), pn_uuid(uuid));
    struct pn_err why = {0};
    int rc = pn_io_mkdirs(engine->config.io, folder, &why);
    if (pn_io_is_read_only(rc)) {
        free(folder);
        return make_private_folder(engine, e);
    }
    if (rc != 0) {
        free(folder);
        pn_err_copy(e, &why);
        return rc;
    }
    sweep(engine);
    engine->temp_folder = folder;
    return 0;
}

int pn_duckdb_temp_folder(struct pn_duckdb *engine, const char **folder, struct pn_err *e)
{
    pthread_mutex_lock(&engine->lock);
    int rc = pn_duckdb_make_temp_folder(engine, e);
    *folder = engine->temp_folder;
    pthread_mutex_unlock(&engine->lock);
    return rc;
}
