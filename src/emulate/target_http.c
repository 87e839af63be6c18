#include "emulate/target_http.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

enum {
    DIGEST_BYTES = 32,
    ACKS_WRITE_BYTES = 1 << 16,
    ACKS_BYTES_MAX = 1 << 24,
    PROGRESS_RECORDS = 256,
    STATUS_OK = 200
};

static const int64_t acks_interval_ns = INT64_C(100000000);

/* What is remembered of each record in a request's body. */
struct note {
    size_t at; /* of the record in the body */
    size_t len;
    unsigned char digest[DIGEST_BYTES]; /* SHA-256 of what is stored, when acks are written */
};

struct http {
    struct pn_target base;
    struct pn_target_env env;
    const struct pn_target_protocol *protocol;
    struct pn_sender *sender;
    struct pn_json_parser *parser;
    struct pn_channel channels[PN_EMULATE_KINDS_MAX];
    size_t count;
    struct pn_buf record; /* that is being put, as it is written in a request */
    struct pn_buf stored; /* what the server will keep of it */
    int64_t start_ns;     /* 0: nothing was sent */
    int acks_fd;
    int64_t acks_offset;
    int64_t acks_written_ns;
    struct pn_buf acks;
    struct pn_err acks_error; /* code 0: none */
};

static size_t note_count(const struct pn_buf *notes)
{
    return notes->len / sizeof(struct note);
}

static const struct note *note_at(const struct pn_buf *notes, size_t i)
{
    PN_ASSERT(i < note_count(notes));
    return (const struct note *)(const void *)notes->data + i;
}

static void fail_records(struct http *http, int64_t count, const char *why)
{
    struct pn_emulate_summary *summary = http->env.summary;
    if (summary->failed == 0 && count > 0) {
        (void)snprintf(summary->first_failure, sizeof summary->first_failure, "%.*s",
                       (int)sizeof summary->first_failure - 1, why);
    }
    summary->failed += count;
}

/* --- acknowledgements ------------------------------------------------------------------------- */

static void flush_acks(struct http *http)
{
    const struct pn_emulate_config *config = http->env.config;
    if (http->acks_fd < 0 || http->acks_error.code != 0) {
        return;
    }
    int rc = pn_io_write_at(config->io, http->acks_fd, http->acks.data, http->acks.len,
                            http->acks_offset, config->acks_path, &http->acks_error);
    http->acks_error.code = rc;
    http->acks_offset += (int64_t)http->acks.len;
    pn_buf_reset(&http->acks);
    http->acks_written_ns = pn_mono_ns(config->clock);
}

static void acknowledge(struct http *http, const struct note *note,
                        const struct pn_emulate_ack *ack)
{
    const struct pn_emulate_config *config = http->env.config;
    struct pn_emulate_summary *summary = http->env.summary;
    summary->acknowledged++;
    if (config->progress != NULL && summary->acknowledged % PROGRESS_RECORDS == 0) {
        config->progress(config->arg, summary->acknowledged, http->env.total);
    }
    if (config->acknowledged != NULL) {
        config->acknowledged(config->arg, ack);
    }
    if (http->acks_fd < 0) {
        return;
    }
    pn_buf_adds(&http->acks, ack->name);
    pn_buf_addc(&http->acks, ',');
    pn_buf_add(&http->acks, ack->place, ack->place_len);
    pn_buf_addc(&http->acks, ',');
    pn_buf_add(&http->acks, ack->position, ack->position_len);
    pn_buf_addc(&http->acks, ',');
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        pn_buf_addc(&http->acks, "0123456789abcdef"[note->digest[i] >> 4]);
        pn_buf_addc(&http->acks, "0123456789abcdef"[note->digest[i] & 15]);
    }
    pn_buf_addc(&http->acks, '\n');
}

/* --- what an answer means --------------------------------------------------------------------- */

static struct pn_channel *channel_of(const struct pn_post *post)
{
    return (struct pn_channel *)((char *)post->route - offsetof(struct pn_channel, route));
}

/* Leaves only the records whose place in `keep` is true. */
static void rebuild(struct pn_post *post, const bool *keep)
{
    const struct pn_channel *channel = channel_of(post);
    struct pn_buf body;
    struct pn_buf notes;
    pn_buf_init(&body, post->body.max);
    pn_buf_init(&notes, post->notes.max);
    pn_buf_adds(&body, channel->start);
    for (size_t i = 0; i < note_count(&post->notes); i++) {
        if (!keep[i]) {
            continue;
        }
        struct note note = *note_at(&post->notes, i);
        pn_buf_adds(&body, notes.len > 0 ? "," : "");
        const char *text = post->body.data + note.at;
        note.at = body.len;
        pn_buf_add(&body, text, note.len);
        pn_buf_add(&notes, &note, sizeof note);
    }
    pn_buf_adds(&body, channel->end);
    pn_buf_deinit(&post->body);
    pn_buf_deinit(&post->notes);
    post->body = body;
    post->notes = notes;
}

/* The result of each record by itself. */
static enum pn_post_next handle_results(struct http *http, struct pn_post *post,
                                        const struct pn_json *results, struct pn_err *e)
{
    const struct pn_channel *channel = channel_of(post);
    size_t count = note_count(&post->notes);
    bool *again = pn_xcalloc(count, sizeof *again);
    size_t again_count = 0;
    size_t at = 0;
    for (const struct pn_json *result = results; result != NULL; result = result->next, at++) {
        struct pn_emulate_ack ack = {.name = channel->name,
                                     .partition_key = channel->partition_key};
        switch (http->protocol->record_state(result, &ack)) {
        case PN_RECORD_ACKNOWLEDGED:
            acknowledge(http, note_at(&post->notes, at), &ack);
            break;
        case PN_RECORD_RETRY:
            again[at] = true;
            again_count++;
            (void)pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                             "%s could not store a record for now: %.*s", channel->url,
                             (int)result->raw_len, result->raw);
            break;
        case PN_RECORD_REFUSED: {
            char *why = pn_xasprintf("%s did not store a record: %.*s", channel->url,
                                     (int)result->raw_len, result->raw);
            fail_records(http, 1, why);
            free(why);
            break;
        }
        }
    }
    if (again_count > 0 && again_count < count) {
        rebuild(post, again);
    }
    free(again);
    return again_count > 0 ? PN_POST_RETRY : PN_POST_DONE;
}

static enum pn_post_next handle_refusal(struct http *http, struct pn_post *post, long status,
                                        const struct pn_json *root, const char *answer,
                                        struct pn_err *e)
{
    const char *advice = http->protocol->advice != NULL ? http->protocol->advice(root) : NULL;
    (void)pn_err_input(e, "%s refused with status %ld: %.300s%s%s", post->route->url, status,
                       answer, advice != NULL ? ": " : "",
                       advice != NULL ? advice : pn_http_client_key_advice(status));
    switch (http->protocol->refusal(status, root)) {
    case PN_REFUSED_RECORDS:
        fail_records(http, (int64_t)note_count(&post->notes), e->msg);
        return PN_POST_DONE;
    case PN_REFUSED_FOR_NOW:
        e->class_ = PN_CLASS_RETRY;
        return PN_POST_RETRY;
    default:
        return PN_POST_ABORT;
    }
}

static enum pn_post_next handle_answer(void *arg, struct pn_post *post, long status,
                                       const char *answer, size_t len, struct pn_err *e)
{
    struct http *http = arg;
    enum pn_post_next next = PN_POST_DONE;
    struct pn_json *root = NULL;
    if (pn_json_parse(http->parser, answer, len, len, &root, NULL) != 0) {
        root = NULL;
    }
    const struct pn_json *results = NULL;
    if (status == STATUS_OK && root != NULL) {
        results = http->protocol->results(root, note_count(&post->notes));
    }
    if (results != NULL) {
        next = handle_results(http, post, results, e);
    } else if (status == STATUS_OK) {
        (void)pn_err_input(e, "%s answered with 200, but without %s: %.200s", post->route->url,
                           http->protocol->answers_with, answer);
        return PN_POST_ABORT;
    } else {
        next = handle_refusal(http, post, status, root, answer, e);
    }
    if (http->acks.len >= ACKS_WRITE_BYTES ||
        (http->acks.len > 0 &&
         pn_mono_ns(http->env.config->clock) - http->acks_written_ns > acks_interval_ns)) {
        flush_acks(http);
    }
    return next;
}

static void on_failed(void *arg, struct pn_post *post, const struct pn_err *why)
{
    fail_records(arg, (int64_t)note_count(&post->notes), why->msg);
}

static bool is_stopped(void *arg)
{
    const struct pn_emulate_config *config = ((struct http *)arg)->env.config;
    return config->stopped != NULL && config->stopped(config->arg);
}

/* --- requests --------------------------------------------------------------------------------- */

static void swap_bufs(struct pn_buf *a, struct pn_buf *b)
{
    struct pn_buf c = *a;
    *a = *b;
    *b = c;
}

static int dispatch(struct http *http, struct pn_channel *channel, struct pn_err *e)
{
    struct pn_post *post = NULL;
    int rc = pn_sender_take(http->sender, &post, e);
    if (rc != 0) {
        return rc;
    }
    pn_buf_adds(&channel->body, channel->end);
    swap_bufs(&post->body, &channel->body);
    swap_bufs(&post->notes, &channel->notes);
    post->route = &channel->route;
    http->env.summary->sent += (int64_t)note_count(&post->notes);
    pn_sender_send(http->sender, post);
    return 0;
}

/* Waits until the next record is due: the n-th is sent n/rate seconds after the first. */
static int keep_pace(struct http *http, int64_t taken, struct pn_err *e)
{
    const struct pn_emulate_config *config = http->env.config;
    if (http->start_ns == 0) {
        http->start_ns = pn_mono_ns(config->clock);
    }
    if (config->rate == 0) {
        return 0;
    }
    double due_ns = (double)taken * 1e9 / (double)config->rate;
    return pn_sender_work(http->sender, http->start_ns + (int64_t)due_ns, e);
}

static int64_t taken_count(const struct http *http)
{
    int64_t taken = http->env.summary->sent;
    for (size_t i = 0; i < http->count; i++) {
        taken += (int64_t)note_count(&http->channels[i].notes);
    }
    return taken;
}

/* Appends what is in http->record to the channel's request. */
static void append(struct http *http, struct pn_channel *channel)
{
    pn_buf_adds(&channel->body, channel->notes.len == 0 ? channel->start : ",");
    struct note note = {.at = channel->body.len, .len = http->record.len};
    pn_buf_add(&channel->body, http->record.data, http->record.len);
    if (http->acks_fd >= 0) {
        int ok = EVP_Digest(pn_buf_text(&http->stored), http->stored.len, note.digest, NULL,
                            EVP_sha256(), NULL);
        PN_ASSERT(ok == 1);
    }
    pn_buf_add(&channel->notes, &note, sizeof note);
}

static int put(struct pn_target *base, const struct pn_emulate_record *record, struct pn_err *e)
{
    struct http *http = (struct http *)base;
    struct pn_channel *channel = &http->channels[record->kind];
    int rc = keep_pace(http, taken_count(http), e);
    if (rc != 0) {
        return rc;
    }
    pn_buf_reset(&http->record);
    pn_buf_reset(&http->stored);
    http->protocol->write(http->env.config, channel, record, &http->record,
                          http->acks_fd >= 0 ? &http->stored : NULL);
    rc = pn_buf_check(&http->record, "a record", e);
    if (rc == 0 && channel->notes.len > 0 &&
        channel->body.len + http->record.len > http->protocol->request_bytes_max) {
        rc = dispatch(http, channel, e);
    }
    if (rc == 0) {
        append(http, channel);
        rc = pn_buf_check(&channel->body, "a request", e);
    }
    if (rc == 0 && note_count(&channel->notes) >= (size_t)http->env.config->batch) {
        rc = dispatch(http, channel, e);
    }
    if (rc == 0 && http->acks_error.code != 0) {
        pn_err_copy(e, &http->acks_error);
        rc = http->acks_error.code;
    }
    return rc;
}

static int finish(struct pn_target *base, bool whole, struct pn_err *e)
{
    (void)whole;
    struct http *http = (struct http *)base;
    struct pn_emulate_summary *summary = http->env.summary;
    struct pn_err *first = e;
    int rc = 0;
    for (size_t i = 0; i < http->count && rc == 0; i++) {
        if (http->channels[i].notes.len > 0) {
            rc = dispatch(http, &http->channels[i], first);
        }
    }
    int drained = pn_sender_drain(http->sender, rc == 0 ? first : NULL);
    rc = rc != 0 ? rc : drained;
    flush_acks(http);
    if (rc == 0 && http->acks_error.code != 0) {
        pn_err_copy(first, &http->acks_error);
        rc = http->acks_error.code;
    }
    const struct pn_sender_counts *counts = pn_sender_counts(http->sender);
    summary->retried = counts->retried;
    summary->maybe_twice = counts->maybe_twice;
    summary->p50_ms = pn_latency_quantile_ms(&counts->latency, 0.5);
    summary->p99_ms = pn_latency_quantile_ms(&counts->latency, 0.99);
    return rc;
}

static void destroy(struct pn_target *base)
{
    struct http *http = (struct http *)base;
    pn_sender_destroy(&http->sender);
    pn_json_parser_destroy(&http->parser);
    for (size_t i = 0; i < http->count; i++) {
        struct pn_channel *channel = &http->channels[i];
        free(channel->name);
        free(channel->url);
        free(channel->start);
        free(channel->end);
        pn_buf_deinit(&channel->body);
        pn_buf_deinit(&channel->notes);
    }
    pn_io_close(http->env.config->io, &http->acks_fd);
    pn_buf_deinit(&http->acks);
    pn_buf_deinit(&http->record);
    pn_buf_deinit(&http->stored);
    free(http);
}

static const struct pn_target_ops http_ops = {.put = put, .finish = finish, .destroy = destroy};

/* --- setting up ------------------------------------------------------------------------------- */

void pn_channel_take_list(struct pn_channel *channel, const char *stream, const char *list)
{
    struct pn_buf text;
    struct pn_json_writer json;
    pn_buf_init(&text, PN_TARGET_BODY_BYTES_MAX);
    pn_json_writer_init(&json, &text);
    pn_json_put_object(&json);
    if (stream != NULL) {
        pn_json_add_cstr(&json, "StreamName", stream);
    }
    pn_json_add_array(&json, list);
    channel->start = pn_buf_take(&text);
    pn_json_end(&json);
    pn_json_end(&json);
    channel->end = pn_buf_take(&text);
    pn_buf_deinit(&text);
}

char *pn_target_url(const struct pn_emulate_config *config, const char *path)
{
    size_t url_len = strlen(config->url);
    while (url_len > 0 && config->url[url_len - 1] == '/') {
        url_len--;
    }
    const char *stage = config->stage != NULL ? config->stage : "";
    stage += strspn(stage, "/");
    size_t stage_len = strlen(stage);
    while (stage_len > 0 && stage[stage_len - 1] == '/') {
        stage_len--;
    }
    return pn_xasprintf("%.*s/%.*s%s%s", (int)url_len, config->url, (int)stage_len, stage,
                        stage_len > 0 ? "/" : "", path);
}

static int check_url(const char *url, struct pn_err *e)
{
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0) {
        return pn_err_input(e, "\"%.200s\" is not the URL of a server (http://HOST:PORT)", url);
    }
    return 0;
}

static int open_acks(struct http *http, struct pn_err *e)
{
    const struct pn_emulate_config *config = http->env.config;
    if (config->acks_path == NULL) {
        return 0;
    }
    return pn_io_open(config->io, config->acks_path, O_WRONLY | O_CREAT | O_TRUNC, &http->acks_fd,
                      e);
}

static int open_poster(struct http *http, struct pn_err *e)
{
    const struct pn_emulate_config *config = http->env.config;
    bool is_signed = http->protocol->is_signed && config->access_key != NULL;
    struct pn_sender_config sender = {
        .slots = (size_t)config->connections,
        .client = {.timeout_ms = config->timeout_ms,
                   .api_key = config->api_key,
                   .access_key = is_signed ? config->access_key : NULL,
                   .secret_key = config->secret_key,
                   .region = config->region},
        .retries_max = config->retries_max,
        .method = http->protocol->method,
        .body_bytes_max = PN_TARGET_BODY_BYTES_MAX,
        .clock = config->clock,
        .on_answer = handle_answer,
        .on_failed = on_failed,
        .stopped = is_stopped,
        .arg = http,
    };
    for (size_t i = 0; i < PN_PROTOCOL_HEADERS_MAX && http->protocol->headers[i] != NULL; i++) {
        sender.headers[i] = http->protocol->headers[i];
    }
    return pn_sender_create(&sender, &http->sender, e);
}

int pn_target_http(const struct pn_target_env *env, const struct pn_target_protocol *protocol,
                   struct pn_target **target, struct pn_err *e)
{
    int rc = check_url(env->config->url, e);
    if (rc != 0) {
        return rc;
    }
    struct http *http = pn_xcalloc(1, sizeof *http);
    http->base.ops = &http_ops;
    http->env = *env;
    http->protocol = protocol;
    http->acks_fd = -1;
    http->parser = pn_json_parser_create();
    pn_buf_init(&http->acks, ACKS_BYTES_MAX);
    pn_buf_init(&http->record, PN_TARGET_BODY_BYTES_MAX);
    pn_buf_init(&http->stored, PN_TARGET_BODY_BYTES_MAX);
    for (size_t i = 0; i < pn_generator_kinds(env->generator) && rc == 0; i++) {
        struct pn_channel *channel = &http->channels[http->count++];
        pn_buf_init(&channel->body, PN_TARGET_BODY_BYTES_MAX);
        pn_buf_init(&channel->notes, PN_TARGET_BODY_BYTES_MAX);
        rc = protocol->open(env, i, channel, e);
        channel->route.url = channel->url;
    }
    if (rc == 0) {
        rc = open_acks(http, e);
    }
    if (rc == 0) {
        rc = open_poster(http, e);
    }
    if (rc == 0) {
        *target = &http->base;
    } else {
        destroy(&http->base);
    }
    return rc;
}
