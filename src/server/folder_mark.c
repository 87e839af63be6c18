#include "server/folder_mark.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { NAME_BYTES_MAX = 4096 };

static int refuse(const struct pn_app *app, const char *path, const char *owner, struct pn_err *e)
{
    return pn_err_input(e,
                        "the data folder %s belongs to the pipeline '%s', and this is the pipeline "
                        "'%s' (%s): name the folder of '%s' with --pipeline or PINION_PIPELINE, "
                        "or another data folder with --data. If the pipeline has a new name, "
                        "remove %s",
                        app->data, owner, app->pipeline->name, app->config.pipeline_folder, owner,
                        path);
}

/* An editor ends the file with a line end, and YAML a name that is a block. Caller frees. */
static char *without_line_end(const char *text)
{
    size_t len = strlen(text);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r')) {
        len--;
    }
    return pn_xstrndup(text, len);
}

/* Puts the pipeline's name where there is none, and reads what is there then: of two commands at
 * once, the first has put it. */
static int put_and_read(const struct pn_app *app, const char *path, struct pn_buf *owner,
                        struct pn_err *e)
{
    struct pn_err why = {0};
    if (!pn_io_exists(app->io, path)) {
        char *line = pn_xasprintf("%s\n", app->pipeline->name);
        int rc = pn_io_mkdirs(app->io, app->data, &why);
        if (rc == 0) {
            rc = pn_io_create_file(app->io, path, line, strlen(line), &why);
        }
        free(line);
        if (rc != 0 && why.class_ != PN_CLASS_CONFLICT) {
            return pn_err_set(e, why.class_, rc, "%s (give a writable folder with --data)",
                              why.msg);
        }
    }
    return pn_io_read_file(app->io, path, owner, e);
}

static bool is_ours(const struct pn_app *app, const char *owner)
{
    char *name = without_line_end(app->pipeline->name);
    bool is = strcmp(owner, name) == 0;
    free(name);
    return is;
}

int pn_app_mark_folder(const struct pn_app *app, struct pn_err *e)
{
    struct pn_buf text;
    char *path = pn_app_path(app, "pipeline_name");
    pn_buf_init(&text, NAME_BYTES_MAX);
    int rc = put_and_read(app, path, &text, e);
    if (rc == 0) {
        char *owner = without_line_end(pn_buf_text(&text));
        rc = is_ours(app, owner) ? 0 : refuse(app, path, owner, e);
        free(owner);
    }
    pn_buf_deinit(&text);
    free(path);
    return rc;
}

void pn_app_note_folder(const struct pn_app *app)
{
    struct pn_buf text;
    char *path = pn_app_path(app, "pipeline_name");
    pn_buf_init(&text, NAME_BYTES_MAX);
    if (pn_io_read_file(app->io, path, &text, NULL) == 0) {
        char *owner = without_line_end(pn_buf_text(&text));
        if (!is_ours(app, owner)) {
            pn_logger_warn(app->logger, "cli",
                           "the data folder %s belongs to the pipeline '%s', and this is the "
                           "pipeline '%s' (%s): --pipeline or PINION_PIPELINE names another",
                           app->data, owner, app->pipeline->name, app->config.pipeline_folder);
        }
        free(owner);
    }
    pn_buf_deinit(&text);
    free(path);
}
