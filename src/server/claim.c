#include "server/claim.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"

#define OWNER_KEY ".pinion/owner"

enum { ID_LEN = PN_UUID_SIZE - 1, HOST_SIZE = 256, OWNER_BYTES_MAX = 8192 };

/* The id of the data folder, in its file `store_id`, which is made by the first that asks. */
static int read_id(const struct pn_app *app, struct pn_buf *id, struct pn_err *e)
{
    char made[PN_UUID_SIZE];
    struct pn_err why = {0};
    char *path = pn_app_path(app, "store_id");
    int rc = pn_io_mkdirs(app->io, app->data, e);
    if (rc == 0) {
        rc = pn_io_create_file(app->io, path, pn_uuid(made), ID_LEN, &why);
        if (rc != 0 && why.class_ != PN_CLASS_CONFLICT) {
            pn_err_copy(e, &why);
        } else {
            rc = pn_io_read_file(app->io, path, id, e);
        }
    }
    if (rc == 0 && id->len != ID_LEN) {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                        "%s must hold an id of %d characters: restore the file, or remove it and "
                        "the object " OWNER_KEY " of the bucket",
                        path, (int)ID_LEN);
    }
    free(path);
    return rc;
}

/* What the object says: "<id> <host>:<data folder>". MISSING when there is none. */
static int read_owner(struct pn_store *store, const struct pn_buf *id, char **owner, bool *is_ours,
                      struct pn_err *e)
{
    struct pn_buf text;
    pn_buf_init(&text, OWNER_BYTES_MAX);
    int rc = pn_store_get(store, OWNER_KEY, &text, e);
    if (rc == 0) {
        *is_ours = id->len == ID_LEN && strncmp(pn_buf_text(&text), pn_buf_text(id), ID_LEN) == 0;
        *owner = pn_xstrdup(text.len > ID_LEN ? pn_buf_text(&text) + ID_LEN + 1 : "unknown");
    }
    pn_buf_deinit(&text);
    return rc;
}

/* The object exists: is it ours? */
static int check_owner(struct pn_store *store, const struct pn_buf *id, struct pn_err *e)
{
    char *owner = NULL;
    bool is_ours = false;
    int rc = read_owner(store, id, &owner, &is_ours, e);
    if (rc == 0 && !is_ours) {
        rc = pn_err_fatal(e,
                          "the bucket of store.url belongs to another data folder, %s: set "
                          "store.url to another prefix. If that folder is gone, run `pinion store "
                          "rm " OWNER_KEY "` with these settings",
                          owner);
    }
    free(owner);
    return rc;
}

int pn_app_look_claim(const struct pn_app *app, struct pn_store *store, char **owner, bool *is_ours,
                      struct pn_err *e)
{
    struct pn_err why = {0};
    struct pn_buf id;
    char *path = pn_app_path(app, "store_id");
    pn_buf_init(&id, OWNER_BYTES_MAX);
    *owner = NULL;
    *is_ours = false;
    int rc = pn_io_read_file(app->io, path, &id, &why);
    if (rc == 0 || why.class_ == PN_CLASS_MISSING) {
        rc = read_owner(store, &id, owner, is_ours, &why);
    }
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        rc = 0;
    } else if (rc != 0) {
        pn_err_copy(e, &why);
    }
    free(path);
    pn_buf_deinit(&id);
    return rc;
}

int pn_app_claim_store(const struct pn_app *app, struct pn_store *store, struct pn_err *e)
{
    char host[HOST_SIZE] = "";
    struct pn_err why = {0};
    struct pn_buf id;
    char *folder = NULL;
    char *owner = NULL;
    pn_buf_init(&id, OWNER_BYTES_MAX);
    int rc = read_id(app, &id, e);
    if (rc == 0) {
        rc = pn_io_absolute_path(app->data, &folder, e);
    }
    if (rc == 0) {
        (void)gethostname(host, sizeof host - 1);
        owner = pn_xasprintf("%s %s:%s", pn_buf_text(&id), host, folder);
        rc = pn_store_put_if_absent(store, OWNER_KEY, owner, strlen(owner), &why);
        if (rc != 0 && why.class_ == PN_CLASS_CONFLICT) {
            rc = check_owner(store, &id, e);
        } else if (rc != 0) {
            pn_err_copy(e, &why);
        }
    }
    free(owner);
    free(folder);
    pn_buf_deinit(&id);
    return rc;
}
