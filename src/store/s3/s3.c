#include "store/s3/s3.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/aws_endpoint.h"
#include "base/mem.h"
#include "store/s3/private.h"

enum { BUDGET_FIRST = 500 };

/* --- names ------------------------------------------------------------------------------------ */

static int s3_url(struct pn_store *store, const char *key, char **url, struct pn_err *e)
{
    const struct pn_s3 *s3 = pn_s3_of(store);
    size_t len = strlen(key);
    char *name = pn_xstrndup(key, len > 0 && key[len - 1] == '/' ? len - 1 : len);
    int rc = len > 0 ? pn_store_key_check(name, e) : 0;
    free(name);
    if (rc == 0) {
        *url = pn_xasprintf("s3://%s/%s%s", s3->bucket, s3->prefix, key);
    }
    return rc;
}

/* What comes after "s3://", "s3a://" or "s3n://" of Hadoop; NULL: another URL. */
static const char *after_scheme(const char *url)
{
    static const char *const schemes[] = {"s3://", "s3a://", "s3n://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0) {
            return url + strlen(schemes[i]);
        }
    }
    return NULL;
}

static int s3_locate(struct pn_store *store, const char *url, char **key, struct pn_object *object,
                     struct pn_err *e)
{
    const struct pn_s3 *s3 = pn_s3_of(store);
    const char *name = after_scheme(url);
    size_t bucket_len = strlen(s3->bucket);
    *key = NULL;
    if (name == NULL || strncmp(name, s3->bucket, bucket_len) != 0 || name[bucket_len] != '/') {
        return pn_err_input(e, "'%s' is not in the bucket '%s' of store.url", url, s3->bucket);
    }
    char *path = pn_store_normalize(name + bucket_len + 1);
    size_t prefix_len = strlen(s3->prefix);
    int rc = 0;
    if (strncmp(path, s3->prefix, prefix_len) != 0) {
        rc = pn_err_input(e, "'%s' is outside store.url, s3://%s/%s", url, s3->bucket, s3->prefix);
    } else {
        rc = pn_s3_head(store, path + prefix_len, object, e);
    }
    if (rc == 0) {
        object->key = NULL;
        *key = pn_xstrdup(path + prefix_len);
    }
    free(path);
    return rc;
}

int pn_s3_now(struct pn_store *store, int64_t *now_ms, struct pn_err *e)
{
    struct pn_s3 *s3 = pn_s3_of(store);
    struct pn_s3_call call = {.method = "HEAD"};
    int rc = pn_s3_send(s3, &call, 1, e);
    if (rc == 0) {
        *now_ms = call.reply.date_ms > 0 ? call.reply.date_ms : pn_wall_ms(s3->clock);
    }
    return rc;
}

/* --- sweeping --------------------------------------------------------------------------------- */

struct old_holds {
    int64_t before_ms;
    char **keys;
    size_t count;
    size_t capacity;
};

static int note_hold(void *arg, const struct pn_object *object)
{
    struct old_holds *holds = arg;
    if (object->modified_ms < holds->before_ms) {
        pn_grow((void **)&holds->keys, &holds->capacity, holds->count + 1, sizeof *holds->keys);
        holds->keys[holds->count++] = pn_xstrdup(object->key);
    }
    return 0;
}

static int s3_sweep(struct pn_store *store, struct pn_err *e)
{
    struct pn_s3 *s3 = pn_s3_of(store);
    struct old_holds holds = {0};
    int64_t now_ms = 0;
    int rc = pn_io_exists(s3->io, s3->temps.folder) ? pn_temp_files_sweep(&s3->temps, e) : 0;
    if (rc == 0) {
        rc = pn_s3_now(store, &now_ms, e);
    }
    if (rc == 0) {
        holds.before_ms = now_ms - PN_S3_LEFT_MS;
        rc = pn_s3_list_all(s3, PN_S3_HELD, NULL, note_hold, &holds, e);
    }
    if (rc == 0) {
        rc = pn_s3_remove_many(store, (const char *const *)holds.keys, holds.count, e);
    }
    if (rc == 0) {
        rc = pn_s3_sweep_uploads(s3, now_ms, e);
    }
    for (size_t i = 0; i < holds.count; i++) {
        free(holds.keys[i]);
    }
    free(holds.keys);
    return rc;
}

/* --- opening ---------------------------------------------------------------------------------- */

static void s3_destroy(struct pn_store *store)
{
    struct pn_s3 *s3 = pn_s3_of(store);
    pn_s3_close_lines(s3);
    pn_temp_files_deinit(&s3->temps);
    pn_aws_credentials_destroy(&s3->credentials);
    free(s3->bucket);
    free(s3->prefix);
    free(s3->region);
    free(s3->scheme);
    free(s3->host);
    free(s3->base);
    pthread_mutex_destroy(&s3->lock);
    free(s3);
}

static const struct pn_store_ops ops = {.name = "S3",
                                        .destroy = s3_destroy,
                                        .put = pn_s3_put,
                                        .put_many = pn_s3_put_many,
                                        .get = pn_s3_get,
                                        .open = pn_s3_open,
                                        .read_at = pn_s3_read_at,
                                        .sum = pn_s3_sum,
                                        .offsets = pn_s3_offsets,
                                        .close = pn_s3_close,
                                        .head = pn_s3_head,
                                        .remove = pn_s3_remove,
                                        .remove_many = pn_s3_remove_many,
                                        .list = pn_s3_list,
                                        .url = s3_url,
                                        .locate = s3_locate,
                                        .now = pn_s3_now,
                                        .hold = pn_s3_hold,
                                        .restore = pn_s3_restore,
                                        .release = pn_s3_release,
                                        .begin_file = pn_s3_begin_file,
                                        .commit_file = pn_s3_commit_file,
                                        .sweep = s3_sweep,
                                        .put_new = pn_s3_put_new,
                                        .note = pn_s3_note};

/* "s3://bucket/some/prefix" */
static int take_url(struct pn_s3 *s3, const char *url, struct pn_err *e)
{
    const char *name = after_scheme(url);
    if (name == NULL || name[0] == '\0' || name[0] == '/') {
        return pn_err_input(e, "store.url '%s' must be s3://BUCKET or s3://BUCKET/PREFIX", url);
    }
    size_t len = strcspn(name, "/");
    s3->bucket = pn_xstrndup(name, len);
    name += len + (name[len] == '/');
    len = strlen(name);
    while (len > 0 && name[len - 1] == '/') {
        len--;
    }
    char *prefix = pn_xstrndup(name, len);
    int rc = len > 0 ? pn_store_key_check(prefix, e) : 0;
    s3->prefix = len > 0 ? pn_xasprintf("%s/", prefix) : pn_xstrdup("");
    free(prefix);
    return rc;
}

/* "https://host:port/path", or AWS's. A bucket whose name has dots fits no certificate as part of a
 * host. */
static int take_endpoint(struct pn_s3 *s3, const struct pn_s3_config *config, struct pn_err *e)
{
    char *made = config->endpoint[0] != '\0' ? pn_xstrdup(config->endpoint)
                                             : pn_aws_endpoint("s3", config->region);
    const char *colon = strstr(made, "://");
    bool is_http =
        colon != NULL && (strncmp(made, "http:", 5) == 0 || strncmp(made, "https:", 6) == 0);
    const char *host = is_http ? colon + 3 : "";
    size_t host_len = strcspn(host, "/");
    if (host_len == 0) {
        free(made);
        return pn_err_input(e, "store.endpoint '%s' must be a URL such as https://s3.example.com",
                            config->endpoint);
    }
    const char *path = host + host_len;
    size_t path_len = strlen(path);
    while (path_len > 0 && path[path_len - 1] == '/') {
        path_len--;
    }
    const char *last = path + path_len;
    while (last > path && last[-1] != '/') {
        last--;
    }
    size_t last_len = (size_t)(path + path_len - last);
    if (last_len == strlen(s3->bucket) && memcmp(last, s3->bucket, last_len) == 0) {
        int rc = pn_err_input(e,
                              "store.endpoint '%s' ends with the bucket's name: give it without "
                              "/%s, since store.url names the bucket",
                              config->endpoint, s3->bucket);
        free(made);
        return rc;
    }
    s3->is_aws = config->endpoint[0] == '\0';
    s3->path_style = config->path_style || strchr(s3->bucket, '.') != NULL;
    s3->scheme = pn_xstrndup(made, (size_t)(colon - made));
    s3->host = s3->path_style ? pn_xstrndup(host, host_len)
                              : pn_xasprintf("%s.%.*s", s3->bucket, (int)host_len, host);
    s3->base = s3->path_style ? pn_xasprintf("%.*s/%s", (int)path_len, path, s3->bucket)
                              : pn_xstrndup(path, path_len);
    free(made);
    return 0;
}

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

int pn_s3_store_open(const struct pn_s3_config *config, struct pn_store **store, struct pn_err *e)
{
    struct pn_s3 *s3 = pn_xcalloc(1, sizeof *s3);
    s3->store.ops = &ops;
    s3->io = config->io;
    s3->clock = config->clock;
    s3->credentials = pn_aws_credentials_create(
        &(struct pn_aws_credentials_config){.access_key = config->access_key,
                                            .secret_key = config->secret_key,
                                            .region = config->region,
                                            .io = config->io,
                                            .clock = config->clock});
    s3->region = pn_xstrdup(config->region);
    s3->requests_max = config->requests_max;
    s3->part_bytes = config->part_bytes;
    atomic_init(&s3->budget, BUDGET_FIRST);
    atomic_init(&s3->skew_ms, 0);
    pthread_mutex_init(&s3->lock, NULL);
    pn_temp_files_init(&s3->temps, config->io, pn_xstrdup(config->temp_folder));
    int rc = take_url(s3, config->url, e);
    if (rc == 0 && is_given(config->access_key) != is_given(config->secret_key)) {
        rc = pn_err_input(e, "store.access_key and store.secret_key belong together: set both, or "
                             "neither");
    }
    if (rc == 0) {
        rc = take_endpoint(s3, config, e);
    }
    if (rc != 0) {
        s3_destroy(&s3->store);
        return rc;
    }
    *store = &s3->store;
    return 0;
}
