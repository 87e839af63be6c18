#include "server/claim.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "log/kafka/kafka.h"
#include "server/stations.h"

#define OWNER_KEY     ".pinion/owner"
#define SCHEDULER_KEY ".pinion/scheduler"
#define LEASES        ".pinion/leases/"
#define KAFKA         "kafka:"

enum { ID_LEN = PN_UUID_SIZE - 1, HOST_SIZE = 256, OWNER_BYTES_MAX = 8192 };

/* --- what owners are called ------------------------------------------------------------------- */

/* An owner is the text "<uuid> <name>". */
static const char *name_of(const struct pn_buf *owner)
{
    return owner->len > ID_LEN ? owner->data + ID_LEN + 1 : "unknown";
}

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

/* The data folder as an owner: "<its id> <host>:<folder>". */
static int folder_owner(const struct pn_app *app, char **owner, struct pn_err *e)
{
    char host[HOST_SIZE] = "";
    char *folder = NULL;
    struct pn_buf id;
    pn_buf_init(&id, OWNER_BYTES_MAX);
    int rc = read_id(app, &id, e);
    if (rc == 0) {
        rc = pn_io_absolute_path(app->data, &folder, e);
    }
    if (rc == 0) {
        (void)gethostname(host, sizeof host - 1);
        *owner = pn_xasprintf("%s %s:%s", pn_buf_text(&id), host, folder);
    }
    free(folder);
    pn_buf_deinit(&id);
    return rc;
}

/* --- claiming --------------------------------------------------------------------------------- */

/* Puts the owner under the key, or gets the one that is there into `there`. */
static int put_or_get(struct pn_store *store, const char *key, const char *owner,
                      struct pn_buf *there, bool *is_new, struct pn_err *e)
{
    struct pn_err why = {0};
    int rc = pn_store_put_if_absent(store, key, owner, strlen(owner), &why);
    *is_new = rc == 0;
    if (rc != 0 && why.class_ == PN_CLASS_CONFLICT) {
        rc = pn_store_get(store, key, there, e);
    } else {
        pn_err_copy(e, rc != 0 ? &why : NULL);
    }
    return rc;
}

/* Both are of the same data folder: the ids say so, wherever it is by now. */
static bool is_same_folder(const struct pn_buf *there, const char *owner)
{
    return strncmp(pn_buf_text(there), owner, ID_LEN) == 0;
}

/* "kafka:<cluster>/<pipeline>", as far as the data folder knows its cluster; else NULL. Caller
 * frees. */
static char *known_cluster_name(const struct pn_app *app)
{
    struct pn_buf cluster;
    char *name = NULL;
    char *folder = pn_app_path(app, "log");
    pn_buf_init(&cluster, OWNER_BYTES_MAX);
    if (pn_kafka_owns_folder(folder, app->io) &&
        pn_kafka_cluster_of_folder(folder, app->io, &cluster, NULL) == 0) {
        name = pn_xasprintf(KAFKA "%s/%s", pn_buf_text(&cluster), app->pipeline->name);
    }
    pn_buf_deinit(&cluster);
    free(folder);
    return name;
}

int pn_app_look_claim(const struct pn_app *app, struct pn_store *store, const char *cluster,
                      char **owner, bool *is_ours, struct pn_err *e)
{
    struct pn_err why = {0};
    struct pn_buf id;
    struct pn_buf there;
    char *path = pn_app_path(app, "store_id");
    char *us = cluster != NULL ? pn_xasprintf(KAFKA "%s/%s", cluster, app->pipeline->name)
                               : known_cluster_name(app);
    pn_buf_init(&id, OWNER_BYTES_MAX);
    pn_buf_init(&there, OWNER_BYTES_MAX);
    *owner = NULL;
    *is_ours = false;
    int rc = pn_io_read_file(app->io, path, &id, &why);
    if (rc == 0 || why.class_ == PN_CLASS_MISSING) {
        rc = pn_store_get(store, OWNER_KEY, &there, &why);
    }
    if (rc == 0) {
        *owner = pn_xstrdup(name_of(&there));
        *is_ours = (id.len == ID_LEN && is_same_folder(&there, pn_buf_text(&id))) ||
                   (us != NULL && strcmp(us, *owner) == 0);
    } else if (why.class_ == PN_CLASS_MISSING) {
        rc = 0;
    } else {
        pn_err_copy(e, &why);
    }
    free(us);
    free(path);
    pn_buf_deinit(&there);
    pn_buf_deinit(&id);
    return rc;
}

/* The pipeline in the name of a cluster's owner; NULL where a data folder is the owner. */
static const char *pipeline_of(const char *owner)
{
    const char *slash =
        strncmp(owner, KAFKA, strlen(KAFKA)) == 0 ? strrchr(owner + strlen(KAFKA), '/') : NULL;
    return slash != NULL ? slash + 1 : NULL;
}

char *pn_app_describe_owner(const char *owner)
{
    const char *pipeline = pipeline_of(owner);
    const char *cluster = owner + strlen(KAFKA);
    return pipeline != NULL ? pn_xasprintf("the pipeline %s on the Kafka cluster %.*s", pipeline,
                                           (int)(pipeline - 1 - cluster), cluster)
                            : pn_xasprintf("another data folder, %s", owner);
}

bool pn_app_may_own(const struct pn_app *app, const char *owner)
{
    const char *pipeline = pipeline_of(owner);
    return pipeline != NULL && strcmp(pipeline, app->pipeline->name) == 0;
}

int pn_app_refuse_store(const struct pn_app *app, const char *owner, const char *cluster,
                        struct pn_err *e)
{
    char *named = pn_app_describe_owner(owner);
    char *us = cluster != NULL ? pn_xasprintf("this is the pipeline %s on the cluster %s",
                                              app->pipeline->name, cluster)
                               : pn_xstrdup("this data folder has a log of its own");
    int rc = pipeline_of(owner) == NULL
                 ? pn_err_fatal(e,
                                "the bucket of store.url belongs to %s: set store.url to another "
                                "prefix. If that folder is gone, run `pinion store rm " OWNER_KEY
                                "` with these settings",
                                named)
                 : pn_err_fatal(e,
                                "the bucket of store.url belongs to %s, and %s: set store.url to "
                                "another prefix, or log.url and --pipeline to those. If that "
                                "pipeline is gone, run `pinion store rm " OWNER_KEY
                                "` with these settings",
                                named, us);
    free(us);
    free(named);
    return rc;
}

static int claim_for_folder(const struct pn_app *app, struct pn_store *store, const char *owner,
                            struct pn_err *e)
{
    struct pn_buf there;
    bool is_new = false;
    pn_buf_init(&there, OWNER_BYTES_MAX);
    int rc = put_or_get(store, OWNER_KEY, owner, &there, &is_new, e);
    if (rc == 0 && !is_new && !is_same_folder(&there, owner)) {
        rc = pn_app_refuse_store(app, name_of(&there), NULL, e);
    }
    pn_buf_deinit(&there);
    return rc;
}

/* All processes that land the same topics of one cluster share the bucket. It may still be in the
 * name of this data folder, from before others could share it. */
static int claim_for_cluster(const struct pn_app *app, struct pn_store *store, const char *folder,
                             struct pn_err *e)
{
    char id[PN_UUID_SIZE];
    bool is_new = false;
    char *owner = NULL;
    struct pn_buf cluster;
    struct pn_buf there;
    pn_buf_init(&cluster, OWNER_BYTES_MAX);
    pn_buf_init(&there, OWNER_BYTES_MAX);
    int rc = pn_app_cluster_id(app, &cluster, e);
    if (rc != 0) {
        goto out;
    }
    owner =
        pn_xasprintf("%s " KAFKA "%s/%s", pn_uuid(id), pn_buf_text(&cluster), app->pipeline->name);
    rc = put_or_get(store, OWNER_KEY, owner, &there, &is_new, e);
    if (rc != 0 || is_new || strcmp(name_of(&there), owner + ID_LEN + 1) == 0) {
        goto out;
    }
    rc = is_same_folder(&there, folder)
             ? pn_store_put(store, OWNER_KEY, owner, strlen(owner), e)
             : pn_app_refuse_store(app, name_of(&there), pn_buf_text(&cluster), e);
out:
    free(owner);
    pn_buf_deinit(&there);
    pn_buf_deinit(&cluster);
    return rc;
}

int pn_app_claim_store(const struct pn_app *app, struct pn_store *store, struct pn_err *e)
{
    char *folder = NULL;
    int rc = folder_owner(app, &folder, e);
    if (rc == 0) {
        rc = app->settings->log.url[0] != '\0' ? claim_for_cluster(app, store, folder, e)
                                               : claim_for_folder(app, store, folder, e);
    }
    free(folder);
    return rc;
}

int pn_app_group(const struct pn_app *app, struct pn_store *store, const char *work, char **group,
                 struct pn_err *e)
{
    struct pn_buf owner;
    *group = NULL;
    if (app->settings->log.url[0] == '\0' || !pn_store_keeps_notes(store)) {
        return 0;
    }
    pn_buf_init(&owner, OWNER_BYTES_MAX);
    int rc = pn_store_get(store, OWNER_KEY, &owner, e);
    if (rc == 0) {
        *group = pn_xasprintf("pinion-%s-%s-%.8s", work, app->pipeline->name, pn_buf_text(&owner));
    }
    pn_buf_deinit(&owner);
    return rc;
}

char *pn_app_lease_folder(const struct pn_app *app, struct pn_store *store)
{
    return app->settings->kinesis.endpoint[0] != '\0' && pn_store_keeps_notes(store)
               ? pn_xasprintf(LEASES "%s", app->pipeline->name)
               : NULL;
}

int pn_app_claim_scheduler(const struct pn_app *app, struct pn_store *store, struct pn_err *e)
{
    char *owner = NULL;
    bool is_new = false;
    struct pn_buf there;
    pn_buf_init(&there, OWNER_BYTES_MAX);
    int rc = folder_owner(app, &owner, e);
    if (rc == 0) {
        rc = put_or_get(store, SCHEDULER_KEY, owner, &there, &is_new, e);
    }
    if (rc == 0 && !is_new && !is_same_folder(&there, owner)) {
        rc = pn_err_fatal(
            e,
            "the pipeline's scheduler is in another data folder, %s, with its runs, and "
            "there is one: start this server without the role scheduler (--roles). If that folder "
            "is gone, run `pinion store rm " SCHEDULER_KEY "` with these settings",
            name_of(&there));
    }
    free(owner);
    pn_buf_deinit(&there);
    return rc;
}

int pn_app_find_scheduler(const struct pn_app *app, struct pn_store *store, struct pn_err *e)
{
    char *owner = NULL;
    struct pn_err why = {0};
    struct pn_buf there;
    pn_buf_init(&there, OWNER_BYTES_MAX);
    int rc = folder_owner(app, &owner, &why);
    if (rc == 0) {
        rc = pn_store_get(store, SCHEDULER_KEY, &there, &why);
    }
    if (rc == 0 && !is_same_folder(&there, owner)) {
        rc = pn_err_input(&why,
                          "the pipeline's scheduler, with its runs, is in another data folder, %s: "
                          "give that folder with --data, on its machine",
                          name_of(&there));
    } else if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        rc = 0; /* nobody has it */
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    free(owner);
    pn_buf_deinit(&there);
    return rc;
}
