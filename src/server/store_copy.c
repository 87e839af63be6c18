#include "server/store_copy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "delta/copying.h"
#include "pipeline/pattern.h"
#include "server/announcement.h"
#include "server/claim.h"
#include "server/copy_others.h"
#include "server/stations.h"
#include "sink/handover.h"

enum { THREADS = 16, STATE_BYTES_MAX = 256 << 20, CLUSTER_BYTES_MAX = 1024 };

/* A table, with its newest versions. */
struct table {
    char *name;
    int64_t here; /* in the source; -1: none */
    int64_t there;
};

struct made {
    struct pn_app_copy copy; /* first: callers know the copy by its address */
    const struct pn_app *app;
    struct pn_app_copy_config config;
    struct pn_store *from;
    struct pn_store *to;
    struct pn_log *log; /* kept open, so that nobody else lands; NULL: a server has it */
    struct pn_sink *sink;
    struct pn_buf state; /* of the sink, when the copy began */
    struct table *tables;
    size_t table_count;
    size_t table_capacity;
};

static bool is_local(const char *address)
{
    return strcmp(address, "local") == 0;
}

static bool goes_to_bucket(const struct made *made)
{
    return is_local(made->config.from);
}

/* --- what may be copied ----------------------------------------------------------------------- */

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
    if (is_local(config->from) == is_local(config->to)) {
        return pn_err_input(e, "one of the two stores must be `local`, and the other a bucket: to "
                               "copy between buckets, copy to `local` first");
    }
    char *folder = pn_app_path(app, "store");
    bool is_there = pn_io_exists(app->io, folder);
    free(folder);
    return is_there || !is_local(config->from)
               ? 0
               : pn_err_missing(e, "the data folder %s has no store: give --data", app->data);
}

static int see_any(void *arg, const struct pn_object *object)
{
    (void)object;
    *(bool *)arg = true;
    return 1;
}

static struct pn_store *bucket_of(const struct made *made)
{
    return goes_to_bucket(made) ? made->to : made->from;
}

/* Is the bucket ours, and may a folder take its objects? */
static int check_claim(struct made *made, struct pn_err *e)
{
    char *owner = NULL;
    bool is_ours = false;
    bool is_used = false;
    bool to_bucket = goes_to_bucket(made);
    struct pn_buf cluster; /* a new data folder has to ask which one it is */
    pn_buf_init(&cluster, CLUSTER_BYTES_MAX);
    int rc = made->app->settings->log.url[0] != '\0' && !made->config.only_plans
                 ? pn_app_cluster_id(made->app, &cluster, e)
                 : 0;
    if (rc == 0) {
        rc = pn_app_look_claim(made->app, bucket_of(made),
                               cluster.len > 0 ? pn_buf_text(&cluster) : NULL, &owner, &is_ours, e);
    }
    if (rc == 0 && to_bucket && owner != NULL && !is_ours) {
        rc = pn_err_fatal(e,
                          "%s belongs to another data folder, %s: copy to another prefix. If that "
                          "folder is gone, run `pinion store rm .pinion/owner --set store.url=%s`",
                          made->copy.to_url, owner, made->config.to);
    }
    if (rc == 0 && !to_bucket && owner != NULL && !is_ours) {
        rc = pn_store_list(made->to, "", NULL, see_any, &is_used, e);
        rc = is_used ? pn_err_fatal(e,
                                    "the data folder %s has a store of its own, and %s belongs to "
                                    "another data folder, %s: copy to an empty folder (--data)",
                                    made->app->data, made->copy.from_url, owner)
                     : rc;
    }
    made->copy.hands_over = to_bucket || is_ours;
    pn_buf_deinit(&cluster);
    free(owner);
    return rc;
}

/* --- versions of tables ----------------------------------------------------------------------- */

static void note_version(struct made *made, const char *key, bool is_here)
{
    size_t len = 0;
    int64_t version = 0;
    if (!pn_delta_copy_version(key, &len, &version)) {
        return;
    }
    size_t i = made->table_count; /* the keys of a table come one after the other */
    while (i > 0 && (strncmp(made->tables[i - 1].name, key, len) != 0 ||
                     made->tables[i - 1].name[len] != '\0')) {
        i--;
    }
    if (i == 0) {
        pn_grow((void **)&made->tables, &made->table_capacity, made->table_count + 1,
                sizeof *made->tables);
        made->tables[made->table_count++] =
            (struct table){.name = pn_xstrndup(key, len), .here = -1, .there = -1};
        i = made->table_count;
    }
    int64_t *newest = is_here ? &made->tables[i - 1].here : &made->tables[i - 1].there;
    *newest = version > *newest ? version : *newest;
}

static void take_extra(void *arg, const char *key)
{
    note_version(arg, key, false);
}

static bool has_checkpoints(const struct pn_table *tables, size_t count, const char *folder)
{
    for (size_t i = 0; i < count; i++) {
        if (tables[i].checkpoints != NULL && pn_pattern_matches(tables[i].checkpoints, folder)) {
            return true;
        }
    }
    return false;
}

/* The files that show how far streams have come are written again and again. */
static int rank(void *arg, const char *key)
{
    const struct made *made = arg;
    const struct pn_pipeline *pipeline = made->app->pipeline;
    const char *slash = strrchr(key, '/');
    if (slash == NULL) {
        return 0;
    }
    char *folder = pn_xstrndup(key, (size_t)(slash - key));
    bool is_hint = has_checkpoints(pipeline->tables, pipeline->table_count, folder) ||
                   has_checkpoints(pipeline->table_patterns, pipeline->table_pattern_count, folder);
    free(folder);
    return is_hint ? PN_COPY_RANK_HINT : pn_delta_copy_rank(key);
}

/* With another commit of a version, or a later version, in the target, the table would be a mixture
 * of both. */
static int check_versions(struct made *made, struct pn_err *e)
{
    for (size_t i = 0; i < made->copy.plan->count; i++) {
        const struct pn_copy_item *item = &made->copy.plan->items[i];
        size_t len = 0;
        int64_t version = 0;
        if (item->rank == PN_COPY_RANK_IN_ORDER && item->state == PN_COPY_DIFFERS &&
            pn_delta_copy_version(item->key, &len, &version)) {
            return pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                              "the table '%.*s' has another version %" PRId64 " in %s than in %s: "
                              "it was made again or written to after it was copied. Remove it "
                              "where it is not wanted, with `pinion store rm --recursive`",
                              (int)len, item->key, version, made->copy.to_url, made->copy.from_url);
        }
        note_version(made, item->key, true);
    }
    for (size_t i = 0; i < made->table_count; i++) {
        const struct table *table = &made->tables[i];
        if (table->here >= 0 && table->there > table->here) {
            return pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                              "the table '%s' has version %" PRId64 " in %s, and only %" PRId64
                              " in %s: it was written after it was copied. Copy the other way "
                              "round, or remove the table there with `pinion store rm --recursive`",
                              table->name, table->there, made->copy.to_url, table->here,
                              made->copy.from_url);
        }
    }
    return 0;
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

/* Keeps everybody else from landing, and brings the source to a state that can be copied. */
static int begin_handover(struct made *made, struct pn_err *e)
{
    int rc = pn_app_open_log(made->app, &made->log, e);
    if (rc == 0) {
        rc = pn_app_check_nobody_lands(made->app, made->log, bucket_of(made), e);
    }
    if (rc == 0) {
        rc = pn_app_open_sink(made->app, made->log, made->from, &made->sink, e);
    }
    if (rc == 0 && !goes_to_bucket(made)) {
        return pn_sink_hand_to_folder_begin(made->sink, e);
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

static int end_handover(struct made *made, struct pn_err *e)
{
    int rc = pn_app_check_nobody_lands(made->app, made->log, bucket_of(made), e);
    if (rc == 0) {
        rc = check_landed(made, e);
    }
    if (rc != 0 || !goes_to_bucket(made)) {
        return rc != 0 ? rc : pn_sink_hand_to_folder_end(made->sink, e);
    }
    struct pn_buf state;
    rc = read_state(made, &state, e);
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

/* --- the copy --------------------------------------------------------------------------------- */

static bool look(void *arg, enum pn_copy_phase phase, int64_t done, int64_t all)
{
    const struct made *made = arg;
    return made->config.look(made->config.arg, phase, done, all);
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
    return rc != 0 ? rc : check_versions(made, e);
}

static int open_stores(struct made *made, struct pn_err *e)
{
    int rc = pn_app_open_store_at(made->app, made->config.from, &made->from, e);
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
    if (rc == 0 && goes_to_bucket(made)) {
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
    for (size_t i = 0; i < made->table_count; i++) {
        free(made->tables[i].name);
    }
    free(made->tables);
    pn_buf_deinit(&made->state);
    free(made->copy.server_url);
    free(made->copy.from_url);
    free(made->copy.to_url);
    free(made);
    *copy = NULL;
}
