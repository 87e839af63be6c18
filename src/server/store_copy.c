#include "server/store_copy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "server/announcement.h"
#include "server/claim.h"
#include "server/copy_others.h"
#include "server/copy_tables.h"
#include "server/folder_mark.h"
#include "server/stations.h"
#include "sink/handover.h"

enum { THREADS = 16, STATE_BYTES_MAX = 256 << 20, CLUSTER_BYTES_MAX = 1024 };

struct made {
    struct pn_app_copy copy; /* first: callers know the copy by its address */
    const struct pn_app *app;
    struct pn_app_copy_config config;
    struct pn_store *from;
    struct pn_store *to;
    struct pn_log *log; /* kept open, so that nobody else lands; NULL: a server has it */
    struct pn_sink *sink;
    struct pn_buf state; /* of the sink, when the copy began */
    struct pn_copy_tables tables;
};

static bool is_local(const char *address)
{
    return strcmp(address, "local") == 0;
}

/* From the data folder to a bucket. */
static bool leaves_folder(const struct made *made)
{
    return is_local(made->config.from);
}

static bool goes_to_bucket(const struct made *made)
{
    return !is_local(made->config.to);
}

/* --- what may be copied ----------------------------------------------------------------------- */

/* Has one of the two the other one's objects among its own? */
static bool is_within(const char *left, const char *right)
{
    size_t left_len = strlen(left);
    size_t right_len = strlen(right);
    while (left_len > 0 && left[left_len - 1] == '/') {
        left_len--;
    }
    while (right_len > 0 && right[right_len - 1] == '/') {
        right_len--;
    }
    size_t len = left_len < right_len ? left_len : right_len;
    const char *longer = left_len < right_len ? right : left;
    return strncmp(left, right, len) == 0 && (left_len == right_len || longer[len] == '/');
}

static int check_addresses(const struct pn_app *app, const struct pn_app_copy_config *config,
                           struct pn_err *e)
{
    const char *addresses[] = {config->from, config->to};
    for (size_t i = 0; i < 2; i++) {
        if (!is_local(addresses[i]) && strncmp(addresses[i], "s3://", 5) != 0) {
            return pn_err_input(e,
                                "\"%.200s\" is not a store: give `local` for the store of the data "
                                "folder (%s, see --data), or s3://BUCKET/PREFIX",
                                addresses[i], app->data);
        }
    }
    if (is_within(config->from, config->to)) {
        return pn_err_input(e,
                            "FROM and TO must be two stores, of which neither is within the other: "
                            "%.200s and %.200s are not",
                            config->from, config->to);
    }
    char *folder = pn_app_path(app, "store");
    bool is_there = pn_io_exists(app->io, folder);
    free(folder);
    return is_there || !is_local(config->from)
               ? 0
               : pn_err_missing(e,
                                "the data folder %s has no store: give that of a server with "
                                "--data, or its bucket as FROM",
                                app->data);
}

static int see_any(void *arg, const struct pn_object *object)
{
    (void)object;
    *(bool *)arg = true;
    return 1;
}

/* May the bucket `to` have the objects? */
static int check_target(const struct made *made, const char *owner, bool is_ours, struct pn_err *e)
{
    return owner == NULL || is_ours
               ? 0
               : pn_err_fatal(e,
                              "%s belongs to %s: copy to another prefix. If that is gone, run "
                              "`pinion store rm .pinion/owner --set store.url=%s`",
                              made->copy.to_url, owner, made->config.to);
}

/* A bucket that nobody has claimed may hold objects that were put there by hand. */
static int check_any(const struct made *made, struct pn_err *e)
{
    bool any = false;
    struct pn_err why = {0};
    int rc = pn_store_list(made->from, "", NULL, see_any, &any, &why);
    if (any) {
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    return rc != 0 ? rc
                   : pn_err_missing(e,
                                    "there is nothing in %s, and no data folder has it: check the "
                                    "address in FROM",
                                    made->copy.from_url);
}

/* May they be taken from the bucket `from`? */
static int check_source(const struct made *made, const char *owner, bool is_ours, struct pn_err *e)
{
    bool is_used = false;
    if (owner == NULL) {
        return check_any(made, e);
    }
    if (is_ours) {
        return 0;
    }
    if (goes_to_bucket(made)) { /* a plan may be made by a folder that does not know its cluster */
        return made->config.only_plans
                   ? 0
                   : pn_err_fatal(e,
                                  "%s belongs to %s: run this command for that one (--data), or "
                                  " with its log.url and its --pipeline",
                                  made->copy.from_url, owner);
    }
    int rc = pn_store_list(made->to, "", NULL, see_any, &is_used, e);
    return is_used ? pn_err_fatal(e,
                                  "the data folder %s has a store of its own, and %s belongs to "
                                  "%s: copy to an empty folder (--data)",
                                  made->app->data, made->copy.from_url, owner)
                   : rc;
}

/* Are the buckets ours, and may a folder take the objects of one? */
static int check_claim(struct made *made, struct pn_err *e)
{
    struct pn_store *stores[] = {leaves_folder(made) ? NULL : made->from,
                                 goes_to_bucket(made) ? made->to : NULL};
    int (*const checks[])(const struct made *made, const char *owner, bool is_ours,
                          struct pn_err *e) = {check_source, check_target};
    bool is_ours[] = {true, true};
    struct pn_buf cluster; /* a new data folder has to ask which one it is */
    pn_buf_init(&cluster, CLUSTER_BYTES_MAX);
    int rc = made->app->settings->log.url[0] != '\0' && !made->config.only_plans
                 ? pn_app_cluster_id(made->app, &cluster, e)
                 : 0;
    for (size_t i = 0; i < 2 && rc == 0; i++) {
        char *owner = NULL;
        if (stores[i] == NULL) {
            continue;
        }
        rc = pn_app_look_claim(made->app, stores[i], cluster.len > 0 ? pn_buf_text(&cluster) : NULL,
                               &owner, &is_ours[i], e);
        char *named = rc == 0 && owner != NULL ? pn_app_describe_owner(owner) : NULL;
        rc = rc != 0 ? rc : checks[i](made, named, is_ours[i], e);
        free(named);
        free(owner);
    }
    made->copy.hands_over = is_ours[0];
    pn_buf_deinit(&cluster);
    return rc;
}

/* --- the sink --------------------------------------------------------------------------------- */

static int read_state(const struct made *made, struct pn_buf *state, struct pn_err *e)
{
    struct pn_err why = {0};
    char *path = pn_app_path(made->app, "sink/state.jsonl");
    pn_buf_init(state, STATE_BYTES_MAX);
    int rc = pn_io_read_file(made->app->io, path, state, &why);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        rc = 0;
    } else if (rc != 0) {
        pn_err_copy(e, &why);
    }
    free(path);
    return rc;
}

static int hand_to_bucket(const struct made *made, bool looks_only, struct pn_err *e)
{
    char *folder = pn_app_path(made->app, "sink");
    const struct pn_sink_config config = {.folder = folder,
                                          .topics_dir = made->app->pipeline->topics_dir,
                                          .dead_letters_dir = made->app->pipeline->dead_letters_dir,
                                          .store = made->to,
                                          .io = made->app->io,
                                          .clock = made->app->clock,
                                          .logger = made->app->logger};
    int rc = pn_sink_hand_to_bucket(&config, looks_only, e);
    free(folder);
    return rc;
}

/* Nobody lands in the buckets. */
static int check_nobody_lands(const struct made *made, struct pn_err *e)
{
    int rc = 0;
    if (!leaves_folder(made)) {
        rc = pn_app_check_nobody_lands(made->app, made->log, made->from, e);
    }
    if (rc == 0 && goes_to_bucket(made)) {
        rc = pn_app_check_nobody_lands(made->app, made->log, made->to, e);
    }
    return rc;
}

/* Keeps everybody else from landing, and brings the source to a state that can be copied. */
static int begin_handover(struct made *made, struct pn_err *e)
{
    int rc = pn_app_open_log(made->app, &made->log, e);
    if (rc == 0) {
        rc = check_nobody_lands(made, e);
    }
    if (rc == 0) {
        rc = pn_app_open_sink(made->app, made->log, made->from, &made->sink, e);
    }
    if (rc == 0 && !leaves_folder(made)) {
        return goes_to_bucket(made) ? pn_sink_hand_between_begin(made->sink, made->to, e)
                                    : pn_sink_hand_to_folder_begin(made->sink, e);
    }
    if (rc == 0) {
        rc = pn_sink_hand_to_bucket_begin(made->sink, e);
    }
    return rc != 0 ? rc : read_state(made, &made->state, e);
}

/* On a shared log, has anybody else landed in the target? */
static int check_landed(const struct made *made, struct pn_err *e)
{
    return pn_app_log_is_shared(made->app)
               ? pn_app_check_landed(made->app, made->copy.plan, made->copy.to_url,
                                     made->copy.from_url, e)
               : 0;
}

/* The folder's state must be the one of the begin. */
static int end_from_folder(struct made *made, struct pn_err *e)
{
    struct pn_buf state;
    int rc = read_state(made, &state, e);
    bool is_same = state.len == made->state.len &&
                   memcmp(pn_buf_text(&state), pn_buf_text(&made->state), state.len) == 0;
    pn_buf_deinit(&state);
    if (rc == 0 && !is_same) {
        rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                        "records have landed in %s meanwhile: stop what lands there, and run the "
                        "same command again",
                        made->copy.from_url);
    }
    return rc != 0 ? rc : hand_to_bucket(made, false, e);
}

static int end_handover(struct made *made, struct pn_err *e)
{
    int rc = check_nobody_lands(made, e);
    if (rc == 0) {
        rc = check_landed(made, e);
    }
    if (rc != 0) {
        return rc;
    }
    if (leaves_folder(made)) {
        return end_from_folder(made, e);
    }
    return goes_to_bucket(made) ? pn_sink_hand_between_end(made->sink, made->to, e)
                                : pn_sink_hand_to_folder_end(made->sink, e);
}

/* --- the copy --------------------------------------------------------------------------------- */

static bool look(void *arg, enum pn_copy_phase phase, int64_t done, int64_t all)
{
    const struct made *made = arg;
    return made->config.look(made->config.arg, phase, done, all);
}

static int rank(void *arg, const char *key)
{
    const struct made *made = arg;
    return pn_copy_tables_rank(&made->tables, key);
}

static void take_extra(void *arg, const char *key)
{
    struct made *made = arg;
    pn_copy_tables_extra(&made->tables, key);
}

static int plan(struct made *made, struct pn_err *e)
{
    const struct pn_copy_config config = {.from = made->from,
                                          .to = made->to,
                                          .io = made->app->io,
                                          .threads = THREADS,
                                          .reads_back = made->config.reads_back,
                                          .rank = rank,
                                          .extra = take_extra,
                                          .look = look,
                                          .arg = made};
    int rc = pn_copy_plan(&config, &made->copy.plan, e);
    rc = rc != 0 ? rc : check_landed(made, e);
    return rc != 0 ? rc
                   : pn_copy_tables_check(&made->tables, made->copy.plan, made->copy.from_url,
                                          made->copy.to_url, e);
}

static int open_stores(struct made *made, struct pn_err *e)
{
    bool is_of_folder = is_local(made->config.from) || is_local(made->config.to);
    int rc = 0;
    if (is_of_folder && made->config.only_plans) {
        (void)pn_app_note_folder(made->app);
    } else if (is_of_folder) {
        rc = pn_app_mark_folder(made->app, e);
    }
    if (rc == 0) {
        rc = pn_app_open_store_at(made->app, made->config.from, &made->from, e);
    }
    if (rc == 0) {
        rc = pn_app_open_store_at(made->app, made->config.to, &made->to, e);
    }
    if (rc == 0) {
        rc = pn_store_url(made->from, "", &made->copy.from_url, e);
    }
    return rc != 0 ? rc : pn_store_url(made->to, "", &made->copy.to_url, e);
}

int pn_app_copy_begin(const struct pn_app *app, const struct pn_app_copy_config *config,
                      struct pn_app_copy **copy, struct pn_err *e)
{
    struct made *made = pn_xcalloc(1, sizeof *made);
    made->app = app;
    made->config = *config;
    made->tables.pipeline = app->pipeline;
    pn_buf_init(&made->state, STATE_BYTES_MAX);
    *copy = &made->copy;
    int rc = check_addresses(app, config, e);
    if (rc == 0) {
        rc = open_stores(made, e);
    }
    if (rc == 0) {
        rc = pn_announcement_read(app->io, app->data, &made->copy.server_url, e);
    }
    if (rc == 0) {
        rc = check_claim(made, e);
    }
    if (rc == 0 && leaves_folder(made)) {
        rc = hand_to_bucket(made, true, e);
    }
    made->copy.hands_over = made->copy.hands_over && made->copy.server_url == NULL;
    if (rc == 0 && made->copy.hands_over && !config->only_plans) {
        rc = begin_handover(made, e);
    }
    return rc != 0 ? rc : plan(made, e);
}

int pn_app_copy_run(struct pn_app_copy *copy, bool replaces, struct pn_err *e)
{
    struct made *made = (struct made *)copy;
    PN_ASSERT(!made->config.only_plans);
    int rc = goes_to_bucket(made) ? pn_app_claim_store(made->app, made->to, e) : 0;
    if (rc == 0) {
        rc = pn_copy_run(copy->plan, replaces, e);
    }
    bool is_whole = rc == 0 && pn_copy_count(copy->plan, PN_COPY_FAILED).objects == 0 &&
                    pn_copy_count(copy->plan, PN_COPY_GONE).objects == 0;
    if (is_whole && copy->hands_over) {
        rc = end_handover(made, e);
    }
    return rc;
}

void pn_app_copy_end(struct pn_app_copy **copy)
{
    if (*copy == NULL) {
        return;
    }
    struct made *made = (struct made *)*copy;
    pn_copy_destroy(&made->copy.plan);
    pn_sink_destroy(&made->sink);
    pn_log_destroy(&made->log);
    pn_store_destroy(&made->from);
    pn_store_destroy(&made->to);
    pn_copy_tables_deinit(&made->tables);
    pn_buf_deinit(&made->state);
    free(made->copy.server_url);
    free(made->copy.from_url);
    free(made->copy.to_url);
    free(made);
    *copy = NULL;
}
