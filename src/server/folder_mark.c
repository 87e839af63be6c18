#include "server/folder_mark.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "server/announcement.h"

enum { NAME_BYTES_MAX = 4096 };

/* Whose the folder is, and what says so. */
struct owner {
    char *name;   /* NULL: nothing says it */
    char *source; /* the file, or the folder of definitions; NULL like the name */
    bool is_marked;
    bool is_served; /* a server lives on the folder; asked where it matters */
};

static void owner_deinit(struct owner *owner)
{
    free(owner->name);
    free(owner->source);
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

/* ---- what says whose the folder is ----------------------------------------------------------- */

/* *name stays NULL where there is no mark, or one without a name. */
static int read_mark(const struct pn_app *app, const char *path, char **name, struct pn_err *e)
{
    struct pn_buf text;
    struct pn_err why = {0};
    pn_buf_init(&text, NAME_BYTES_MAX);
    int rc = pn_io_read_file(app->io, path, &text, &why);
    if (rc == 0) {
        *name = without_line_end(pn_buf_text(&text));
        if ((*name)[0] == '\0') {
            free(*name);
            *name = NULL;
        }
    } else if (why.class_ == PN_CLASS_MISSING) {
        rc = 0;
    } else {
        pn_err_copy(e, &why);
    }
    pn_buf_deinit(&text);
    return rc;
}

/* When the copy of a definition was made: the end of its folder's name (pipeline/definitions.h). */
static long long copied_ms(const char *folder)
{
    const char *dot = strrchr(folder, '.');
    return dot != NULL ? strtoll(dot + 1, NULL, 10) : 0;
}

/* The name in the newest of the copies that a server has of its definitions: one that lives, or
 * that was killed. Folders from before marks have them, too. Caller frees; NULL: there is none that
 * can be read. */
static char *name_of_copies(const struct pn_app *app, const char *folder)
{
    struct pn_io_listing listing = {0};
    struct pn_pipeline *pipeline = NULL;
    const char *newest = NULL;
    char *name = NULL;
    int rc = pn_io_list(app->io, folder, &listing, NULL);
    for (size_t i = 0; rc == 0 && i < listing.count; i++) {
        const char *copy = listing.entries[i].name;
        newest = newest == NULL || copied_ms(copy) > copied_ms(newest) ? copy : newest;
    }
    if (newest != NULL) {
        char *path = pn_xasprintf("%s/%s", folder, newest);
        if (pn_pipeline_load(path, app->io, &pipeline, NULL) == 0) {
            name = without_line_end(pipeline->name);
        }
        pn_pipeline_destroy(&pipeline);
        free(path);
    }
    pn_io_listing_deinit(&listing);
    return name;
}

static bool is_ours(const struct pn_app *app, const struct owner *owner)
{
    char *name = without_line_end(app->pipeline->name);
    bool is = owner->name != NULL && strcmp(owner->name, name) == 0;
    free(name);
    return is;
}

static int find_owner(const struct pn_app *app, struct owner *owner, struct pn_err *e)
{
    *owner = (struct owner){.source = pn_app_path(app, "pipeline_name")};
    int rc = read_mark(app, owner->source, &owner->name, e);
    owner->is_marked = owner->name != NULL;
    if (rc == 0 && !owner->is_marked) {
        free(owner->source);
        owner->source = pn_app_path(app, "definitions");
        owner->name = name_of_copies(app, owner->source);
    }
    return rc != 0 || (owner->is_marked && is_ours(app, owner))
               ? rc
               : pn_announcement_is_true(app->io, app->data, &owner->is_served, e);
}

/* ---- the mark -------------------------------------------------------------------------------- */

/* What says of which pipeline the folder is; of a server that was killed, its copies do, too. */
static void add_sources(const struct pn_app *app, const struct owner *owner, struct pn_buf *text)
{
    char *copies = pn_app_path(app, "definitions");
    char *name = owner->is_marked && !owner->is_served ? name_of_copies(app, copies) : NULL;
    pn_buf_adds(text, owner->source);
    if (name != NULL) {
        pn_buf_addf(text, " and %s", copies);
    }
    free(name);
    free(copies);
}

static int refuse(const struct pn_app *app, const struct owner *owner, struct pn_err *e)
{
    struct pn_buf sources;
    pn_buf_init(&sources, sizeof e->msg);
    add_sources(app, owner, &sources);
    int rc =
        pn_err_input(e,
                     "the data folder %s belongs to the pipeline '%s', and this is the pipeline "
                     "'%s' (%s): name the folder of '%s' with --pipeline or PINION_PIPELINE, "
                     "or another data folder with --data. If the pipeline has a new name, "
                     "%sremove %s%s",
                     app->data, owner->name, app->pipeline->name, app->config.pipeline_folder,
                     owner->name, owner->is_served ? "stop the server, " : "",
                     pn_buf_text(&sources), owner->is_served ? ", and start the server again" : "");
    pn_buf_deinit(&sources);
    return rc;
}

static int check_owner(const struct pn_app *app, const struct owner *owner, struct pn_err *e)
{
    if (owner->name == NULL && owner->is_served) {
        return pn_err_input(e,
                            "a server runs on the data folder %s, and nothing there says of which "
                            "pipeline it is: restart the server first, which puts the name of its "
                            "pipeline into %s/pipeline_name",
                            app->data, app->data);
    }
    return owner->name == NULL || is_ours(app, owner) ? 0 : refuse(app, owner, e);
}

/* CONFLICT: another command has just put one. */
static int put_mark(const struct pn_app *app, struct pn_err *e)
{
    struct pn_err why = {0};
    char *path = pn_app_path(app, "pipeline_name");
    char *line = pn_xasprintf("%s\n", app->pipeline->name);
    int rc = pn_io_mkdirs(app->io, app->data, &why);
    if (rc == 0 && pn_io_exists(app->io, path)) { /* it has no name in it */
        rc = pn_io_unlink(app->io, path, &why);
    }
    if (rc == 0) {
        rc = pn_io_create_file(app->io, path, line, strlen(line), &why);
    }
    if (rc != 0 && why.class_ != PN_CLASS_CONFLICT) {
        (void)pn_err_set(e, why.class_, rc, "%s (give a writable folder with --data)", why.msg);
    } else if (rc != 0) {
        pn_err_copy(e, &why);
    }
    free(line);
    free(path);
    return rc;
}

int pn_app_mark_folder(const struct pn_app *app, struct pn_err *e)
{
    struct owner owner = {0};
    struct pn_err failure = {0};
    int rc = find_owner(app, &owner, &failure);
    rc = rc == 0 ? check_owner(app, &owner, &failure) : rc;
    if (rc == 0 && !owner.is_marked) {
        rc = put_mark(app, &failure);
        if (rc != 0 && failure.class_ == PN_CLASS_CONFLICT) { /* of two at once, the first has it */
            owner_deinit(&owner);
            rc = find_owner(app, &owner, &failure);
            rc = rc == 0 ? check_owner(app, &owner, &failure) : rc;
        }
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    owner_deinit(&owner);
    return rc;
}

bool pn_app_note_folder(const struct pn_app *app)
{
    struct owner owner = {0};
    int rc = find_owner(app, &owner, NULL);
    bool has_our_mark = rc == 0 && owner.is_marked && is_ours(app, &owner);
    if (rc == 0 && owner.name != NULL && !is_ours(app, &owner)) {
        pn_logger_warn(app->logger, "cli",
                       "the data folder %s belongs to the pipeline '%s', and this is the "
                       "pipeline '%s' (%s): --pipeline or PINION_PIPELINE names another",
                       app->data, owner.name, app->pipeline->name, app->config.pipeline_folder);
    }
    owner_deinit(&owner);
    return has_our_mark;
}
