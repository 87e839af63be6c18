#include "server/folder_mark.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES_MAX = 4096 };

static int refuse(const struct pn_app *app, const char *path, const char *owner, struct pn_err *e)
{
    return pn_err_input(e,
                        "the data folder %s belongs to the pipeline '%s', and this is the pipeline "
                        "'%s' (%s): give that pipeline with --pipeline or PINION_PIPELINE, or "
                        "another folder with --data. If the pipeline has a new name, remove %s",
                        app->data, owner, app->pipeline->name, app->config.pipeline_folder, path);
}

/* Puts the pipeline's name where there is none, and reads what is there then: of two commands at
 * once, the first has put it. */
static int put_and_read(const struct pn_app *app, const char *path, struct pn_buf *owner,
                        struct pn_err *e)
{
    struct pn_err why = {0};
    const char *name = app->pipeline->name;
    if (!pn_io_exists(app->io, path)) {
        int rc = pn_io_mkdirs(app->io, app->data, &why);
        if (rc == 0) {
            rc = pn_io_create_file(app->io, path, name, strlen(name), &why);
        }
        if (rc != 0 && why.class_ != PN_CLASS_CONFLICT) {
            return pn_err_set(e, why.class_, rc, "%s (give a writable folder with --data)",
                              why.msg);
        }
    }
    return pn_io_read_file(app->io, path, owner, e);
}

int pn_app_mark_folder(const struct pn_app *app, struct pn_err *e)
{
    struct pn_buf owner;
    char *path = pn_app_path(app, "pipeline_name");
    pn_buf_init(&owner, NAME_BYTES_MAX);
    int rc = put_and_read(app, path, &owner, e);
    if (rc == 0) {
        rc = strcmp(pn_buf_text(&owner), app->pipeline->name) == 0
                 ? 0
                 : refuse(app, path, pn_buf_text(&owner), e);
    }
    pn_buf_deinit(&owner);
    free(path);
    return rc;
}
