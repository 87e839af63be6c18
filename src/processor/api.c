/* The source that reads a running server's streams, by the routes of cli/stream_routes.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/http_client.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/notifier.h"
#include "processor/source.h"

enum {
    TIMEOUT_MS = 30000,
    ANSWER_BYTES_MAX = 64 << 20,
    SHARDS_MAX = 1 << 20,
    IDLE_MAX = 16 /* connections that are kept for the next requests */
};

struct api {
    struct pn_processor_source source;
    struct pn_processor_server server; /* url not used */
    struct pn_notifier notifier;
    pthread_mutex_t lock; /* of what follows, and held while the URL is looked for */
    char *url;
    struct pn_http_client *idle[IDLE_MAX]; /* clients of the URL, which no thread uses */
    size_t idle_count;
};

static void drop_idle(struct api *api)
{
    while (api->idle_count > 0) {
        pn_http_client_destroy(&api->idle[--api->idle_count]);
    }
}

static void destroy(struct pn_processor_source *source)
{
    struct api *api = (struct api *)source;
    drop_idle(api);
    pn_notifier_deinit(&api->notifier);
    pthread_mutex_destroy(&api->lock);
    free(api->url);
    free(api);
}

/* --- one request ------------------------------------------------------------------------------ */

struct call {
    char *url; /* that was asked */
    struct pn_buf answer;
    struct pn_json_parser *parser;
    struct pn_json *root;
};

static void call_end(struct call *call)
{
    pn_buf_deinit(&call->answer);
    pn_json_parser_destroy(&call->parser);
    free(call->url);
}

/* An answer that says no: its class by the status, its words from the body. */
static int refuse(const struct call *call, long status, struct pn_err *e)
{
    const char *text = "";
    size_t len = 0;
    pn_http_client_error_text(call->root, &text, &len);
    enum pn_class class_ = status == 404 ? PN_CLASS_MISSING : PN_CLASS_RETRY;
    if (status == 400 || status == 401 || status == 403 || status == 409) {
        class_ = PN_CLASS_INPUT;
    }
    return pn_err_set(e, class_, PN_FAIL, "the server at %s answered %ld: %.*s%s", call->url,
                      status, (int)(len < 400 ? len : 400), text,
                      pn_http_client_key_advice(status));
}

/* A client of the present URL, and that. */
static struct pn_http_client *take_client(struct api *api, char **url)
{
    struct pn_http_client *client = NULL;
    pthread_mutex_lock(&api->lock);
    *url = pn_xstrdup(api->url);
    if (api->idle_count > 0) {
        client = api->idle[--api->idle_count];
    }
    pthread_mutex_unlock(&api->lock);
    const struct pn_http_client_config config = {
        .url = *url, .timeout_ms = TIMEOUT_MS, .api_key = pn_http_client_key()};
    return client != NULL ? client : pn_http_client_create(&config);
}

static void give_back(struct api *api, const char *url, struct pn_http_client *client)
{
    pthread_mutex_lock(&api->lock);
    if (api->idle_count < IDLE_MAX && strcmp(api->url, url) == 0) {
        api->idle[api->idle_count++] = client;
        client = NULL;
    }
    pthread_mutex_unlock(&api->lock);
    pn_http_client_destroy(&client);
}

/* Asks the present URL. */
static int ask(struct api *api, const char *path, struct call *call, long *status, struct pn_err *e)
{
    const struct pn_http_client_request request = {.method = "GET", .path = path};
    struct pn_http_client *client = take_client(api, &call->url);
    int rc = pn_http_client_send(client, &request, status, &call->answer, e);
    give_back(api, call->url, client);
    return rc;
}

/* A server that was started again may be elsewhere. Is it, or does another thread know already? */
static bool find_anew(struct api *api, const char *asked)
{
    if (api->server.find == NULL) {
        return false;
    }
    pthread_mutex_lock(&api->lock);
    if (strcmp(api->url, asked) == 0) {
        char *found = api->server.find(api->server.arg);
        if (found != NULL) {
            free(api->url);
            api->url = found;
            drop_idle(api);
        }
    }
    bool is_elsewhere = strcmp(api->url, asked) != 0;
    pthread_mutex_unlock(&api->lock);
    return is_elsewhere;
}

/* GET `path`; the call is to be ended whatever comes back. */
static int get(struct pn_processor_source *source, const char *path, struct call *call,
               struct pn_err *e)
{
    struct api *api = (struct api *)source;
    long status = 0;
    *call = (struct call){.parser = pn_json_parser_create()};
    pn_buf_init(&call->answer, ANSWER_BYTES_MAX);
    int rc = ask(api, path, call, &status, e);
    if (rc != 0 && find_anew(api, call->url)) {
        free(call->url);
        pn_buf_reset(&call->answer);
        rc = ask(api, path, call, &status, e);
    }
    if (rc != 0) {
        return rc;
    }
    struct pn_err why = {0};
    (void)pn_buf_reserve(&call->answer, PN_JSON_PADDING);
    int parsed = pn_json_parse(call->parser, pn_buf_text(&call->answer), call->answer.len,
                               call->answer.capacity, &call->root, &why);
    if (parsed != 0) {
        call->root = NULL;
    }
    if (status != 200) {
        return refuse(call, status, e);
    }
    return parsed == 0
               ? 0
               : pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "the server at %s: %s", call->url, why.msg);
}

/* --- the source ------------------------------------------------------------------------------- */

static int odd_answer(const struct call *call, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_FATAL, PN_FAIL,
                      "the server at %s is not pinion, or is an incompatible version", call->url);
}

static int list_names(struct pn_processor_source *source, struct pn_arena *arena,
                      const char ***names, size_t *count, struct pn_err *e)
{
    struct call call;
    int rc = get(source, "/api/v1/streams/names", &call, e);
    const struct pn_json *list = pn_json_get(call.root, "names");
    if (rc == 0 && (list == NULL || list->type != PN_JSON_ARRAY)) {
        rc = odd_answer(&call, e);
    }
    *count = 0;
    if (rc == 0) {
        *names = pn_arena_calloc(arena, list->count, sizeof **names);
        for (const struct pn_json *item = list->first; item != NULL; item = item->next) {
            if (item->type == PN_JSON_STRING) {
                (*names)[(*count)++] = pn_arena_strndup(arena, item->text, item->text_len);
            }
        }
    }
    call_end(&call);
    return rc;
}

/* A server that does not send them does not know KPL aggregates: all keys are the shard's then. */
static struct pn_hash_key hash_of(const struct pn_json *shard, const char *name,
                                  struct pn_hash_key otherwise)
{
    const char *text = NULL;
    size_t len = 0;
    struct pn_hash_key key = otherwise;
    bool told = pn_json_get_text(shard, name, &text, &len) && pn_hash_key_parse(text, len, &key);
    return told ? key : otherwise;
}

static struct pn_processor_source_shard shard_of(const struct pn_json *item)
{
    static const struct pn_hash_key first = {0, 0};
    static const struct pn_hash_key last = {UINT64_MAX, UINT64_MAX};
    return (struct pn_processor_source_shard){
        .index = (uint32_t)pn_json_get_i64(item, "index", 0),
        .parent = (int32_t)pn_json_get_i64(item, "parent", -1),
        .adjacent_parent = (int32_t)pn_json_get_i64(item, "adjacent_parent", -1),
        .created_ms = pn_json_get_i64(item, "created_ms", 0),
        .hash_start = hash_of(item, "hash_start", first),
        .hash_end = hash_of(item, "hash_end", last),
        .closed = pn_json_get_bool(item, "complete", false),
        .complete = pn_json_get_bool(item, "complete", false),
        .begin = pn_json_get_i64(item, "begin", 0),
        .end = pn_json_get_i64(item, "end", 0)};
}

static int describe(struct pn_processor_source *source, const char *stream, struct pn_arena *arena,
                    struct pn_processor_source_stream *out, struct pn_err *e)
{
    struct call call;
    char *path = pn_xasprintf("/api/v1/streams/%s/shards", stream);
    int rc = get(source, path, &call, e);
    const struct pn_json *shards = pn_json_get(call.root, "shards");
    char *id = pn_json_dup(pn_json_get(call.root, "id"));
    if (rc == 0 && (id == NULL || shards == NULL || shards->type != PN_JSON_ARRAY ||
                    shards->count > SHARDS_MAX)) {
        rc = odd_answer(&call, e);
    }
    if (rc == 0) {
        *out = (struct pn_processor_source_stream){.id = strtoull(id, NULL, 16)};
        out->shards = pn_arena_calloc(arena, shards->count + 1, sizeof *out->shards);
        for (const struct pn_json *item = shards->first; item != NULL; item = item->next) {
            out->shards[out->shard_count++] = shard_of(item);
        }
    }
    free(id);
    free(path);
    call_end(&call);
    return rc;
}

static int position(struct pn_processor_source *source, const char *stream, uint64_t id,
                    uint32_t shard, enum pn_stream_start start, int64_t start_ms, int64_t *offset,
                    struct pn_processor_place *place, struct pn_err *e)
{
    *place = (struct pn_processor_place){.ended = false};
    char time[PN_ISO8601_SIZE];
    const char *text = start == PN_START_LATEST         ? "latest"
                       : start == PN_START_TRIM_HORIZON ? "trim_horizon"
                                                        : pn_iso8601(start_ms, time);
    struct call call;
    char *path =
        pn_xasprintf("/api/v1/streams/%s/shards/%" PRIu32 "/position?id=%016" PRIx64 "&start=%s",
                     stream, shard, id, text);
    int rc = get(source, path, &call, e);
    if (rc == 0) {
        *offset = pn_json_get_i64(call.root, "offset", -1);
        rc = *offset >= 0 ? 0 : odd_answer(&call, e);
    }
    free(path);
    call_end(&call);
    return rc;
}

/* Decoded bytes in the arena; false when the member is not base64. */
static bool bytes_of(struct pn_arena *arena, const struct pn_json *item, const char *key,
                     struct pn_bytes *bytes)
{
    const char *text = NULL;
    size_t len = 0;
    return pn_json_get_text(item, key, &text, &len) &&
           pn_base64_decode_exact(arena, text, len, &bytes->data, &bytes->len);
}

static int take_records(const struct call *call, struct pn_arena *arena,
                        struct pn_processor_source_records *out, struct pn_err *e)
{
    const struct pn_json *records = pn_json_get(call->root, "records");
    if (records == NULL || records->type != PN_JSON_ARRAY) {
        return odd_answer(call, e);
    }
    out->next_offset = pn_json_get_i64(call->root, "next_offset", out->next_offset);
    out->lost_until = pn_json_get_i64(call->root, "lost_until", out->lost_until);
    out->records = pn_arena_calloc(arena, records->count + 1, sizeof *out->records);
    for (const struct pn_json *item = records->first; item != NULL; item = item->next) {
        struct pn_record *record = &out->records[out->count++];
        record->offset = pn_json_get_i64(item, "offset", -1);
        record->timestamp_ms = pn_json_get_i64(item, "arrival_ms", 0);
        if (record->offset < 0 || !bytes_of(arena, item, "key", &record->key) ||
            !bytes_of(arena, item, "data", &record->value)) {
            return odd_answer(call, e);
        }
    }
    return 0;
}

static int read_records(struct pn_processor_source *source, const char *stream, uint64_t id,
                        uint32_t shard, int64_t offset, const struct pn_processor_place *place,
                        size_t max_records, size_t max_bytes, struct pn_arena *arena,
                        struct pn_processor_source_records *out, struct pn_err *e)
{
    (void)place;
    *out = (struct pn_processor_source_records){.next_offset = offset, .lost_until = offset};
    struct call call;
    char *path = pn_xasprintf("/api/v1/streams/%s/shards/%" PRIu32 "/records?id=%016" PRIx64
                              "&offset=%" PRId64 "&max_records=%zu&max_bytes=%zu",
                              stream, shard, id, offset, max_records, max_bytes);
    int rc = get(source, path, &call, e);
    if (rc == 0) {
        rc = take_records(&call, arena, out, e);
    }
    const char *damage = NULL;
    size_t len = 0;
    if (rc == 0 && pn_json_get_text(call.root, "damage", &damage, &len)) {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "%.*s", (int)(len < 900 ? len : 900), damage);
    }
    free(path);
    call_end(&call);
    return rc;
}

static uint64_t wait(struct pn_processor_source *source, uint64_t seen, int64_t ms)
{
    struct api *api = (struct api *)source;
    return pn_notifier_wait(&api->notifier, seen,
                            ms < api->server.poll_ms ? ms : api->server.poll_ms);
}

static void wake(struct pn_processor_source *source)
{
    pn_notifier_notify(&((struct api *)source)->notifier);
}

struct pn_processor_source *pn_processor_source_api(const struct pn_processor_server *server)
{
    static const struct pn_processor_source_ops ops = {.destroy = destroy,
                                                       .names = list_names,
                                                       .describe = describe,
                                                       .position = position,
                                                       .read = read_records,
                                                       .wait = wait,
                                                       .wake = wake};
    struct api *api = pn_xcalloc(1, sizeof *api);
    api->source.ops = &ops;
    api->server = *server;
    api->url = pn_xstrdup(server->url);
    pthread_mutex_init(&api->lock, NULL);
    pn_notifier_init(&api->notifier);
    return &api->source;
}
