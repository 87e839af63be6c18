/* Records to a Kafka REST Proxy, API version 2, in the json format (spec: Confluent's kafka-rest,
 * resources/v2). */
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "emulate/poster.h"
#include "emulate/target.h"

enum {
    BODY_BYTES_MAX = 64 << 20,
    DIGEST_BYTES = 32,
    ACKS_WRITE_BYTES = 1 << 16,
    ACKS_BYTES_MAX = 1 << 24,
    PROGRESS_RECORDS = 256,
    KAFKA_RETRIABLE = 50003, /* kafka-rest's error_code of a record that may be sent again */
    STATUS_OK = 200,
    STATUS_BAD_REQUEST = 400,
    STATUS_TOO_LARGE = 413,
    STATUS_UNPROCESSABLE = 422
};

static const int64_t acks_interval_ns = INT64_C(100000000);
static const char body_start[] = "{\"records\":[";
static const char body_end[] = "]}";
static const char record_start[] = "{\"value\":";

/* What is remembered of each record in a request's body. */
struct note {
    size_t at; /* of the record's JSON in the body */
    size_t len;
    unsigned char digest[DIGEST_BYTES]; /* SHA-256 of it, when acks are written */
};

struct topic {
    const char *name;
    char *url;
    struct pn_post_route route;
    struct pn_buf body; /* of the request that is being filled */
    struct pn_buf notes;
};

struct kafka_rest {
    struct pn_target base;
    struct pn_target_env env;
    struct pn_poster *poster;
    struct pn_json_parser *parser;
    struct topic topics[PN_EMULATE_KINDS_MAX];
    size_t count;
    char *key_header;
    int64_t start_ns; /* 0: nothing was sent */
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

static void fail_records(struct kafka_rest *rest, int64_t count, const char *why)
{
    struct pn_emulate_summary *summary = rest->env.summary;
    if (summary->failed == 0 && count > 0) {
        (void)snprintf(summary->first_failure, sizeof summary->first_failure, "%.*s",
                       (int)sizeof summary->first_failure - 1, why);
    }
    summary->failed += count;
}

/* --- acknowledgements ------------------------------------------------------------------------- */

static void flush_acks(struct kafka_rest *rest)
{
    const struct pn_emulate_config *config = rest->env.config;
    if (rest->acks_fd < 0 || rest->acks_error.code != 0) {
        return;
    }
    int rc = pn_io_write_at(config->io, rest->acks_fd, rest->acks.data, rest->acks.len,
                            rest->acks_offset, config->acks_path, &rest->acks_error);
    rest->acks_error.code = rc;
    rest->acks_offset += (int64_t)rest->acks.len;
    pn_buf_reset(&rest->acks);
    rest->acks_written_ns = pn_mono_ns(config->clock);
}

static void acknowledge(struct kafka_rest *rest, const struct topic *topic, const struct note *note,
                        int64_t partition, int64_t offset)
{
    const struct pn_emulate_config *config = rest->env.config;
    struct pn_emulate_summary *summary = rest->env.summary;
    summary->acknowledged++;
    if (config->progress != NULL && summary->acknowledged % PROGRESS_RECORDS == 0) {
        config->progress(config->arg, summary->acknowledged, rest->env.total);
    }
    if (rest->acks_fd < 0) {
        return;
    }
    pn_buf_adds(&rest->acks, topic->name);
    pn_buf_addc(&rest->acks, ',');
    pn_buf_add_i64(&rest->acks, partition);
    pn_buf_addc(&rest->acks, ',');
    pn_buf_add_i64(&rest->acks, offset);
    pn_buf_addc(&rest->acks, ',');
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        pn_buf_addc(&rest->acks, "0123456789abcdef"[note->digest[i] >> 4]);
        pn_buf_addc(&rest->acks, "0123456789abcdef"[note->digest[i] & 15]);
    }
    pn_buf_addc(&rest->acks, '\n');
}

/* --- what an answer means --------------------------------------------------------------------- */

static bool is_retriable(const struct pn_json *offset)
{
    return pn_json_get_i64(offset, "error_code", 0) == KAFKA_RETRIABLE;
}

static bool is_acknowledged(const struct pn_json *offset)
{
    const struct pn_json *error = pn_json_get(offset, "error");
    const struct pn_json *code = pn_json_get(offset, "error_code");
    return (error == NULL || error->type == PN_JSON_NULL) &&
           (code == NULL || code->type == PN_JSON_NULL) &&
           pn_json_get_i64(offset, "offset", -1) >= 0 &&
           pn_json_get_i64(offset, "partition", -1) >= 0;
}

/* Leaves only the records whose place in `keep` is true. */
static void rebuild(struct pn_post *post, const bool *keep)
{
    struct pn_buf body;
    struct pn_buf notes;
    pn_buf_init(&body, post->body.max);
    pn_buf_init(&notes, post->notes.max);
    pn_buf_adds(&body, body_start);
    for (size_t i = 0; i < note_count(&post->notes); i++) {
        if (!keep[i]) {
            continue;
        }
        struct note note = *note_at(&post->notes, i);
        pn_buf_adds(&body, notes.len > 0 ? "," : "");
        pn_buf_adds(&body, record_start);
        const char *json = post->body.data + note.at;
        note.at = body.len;
        pn_buf_add(&body, json, note.len);
        pn_buf_addc(&body, '}');
        pn_buf_add(&notes, &note, sizeof note);
    }
    pn_buf_adds(&body, body_end);
    pn_buf_deinit(&post->body);
    pn_buf_deinit(&post->notes);
    post->body = body;
    post->notes = notes;
}

/* Each record's own fate, from the list of offsets. */
static enum pn_post_verdict judge_offsets(struct kafka_rest *rest, struct pn_post *post,
                                          const struct pn_json *offsets, struct pn_err *e)
{
    struct topic *topic = (struct topic *)((char *)post->route - offsetof(struct topic, route));
    size_t count = note_count(&post->notes);
    bool *again = pn_xcalloc(count, sizeof *again);
    size_t again_count = 0;
    size_t at = 0;
    for (const struct pn_json *offset = offsets->first; offset != NULL; offset = offset->next) {
        if (is_acknowledged(offset)) {
            acknowledge(rest, topic, note_at(&post->notes, at),
                        pn_json_get_i64(offset, "partition", 0),
                        pn_json_get_i64(offset, "offset", 0));
        } else if (is_retriable(offset)) {
            again[at] = true;
            again_count++;
            (void)pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "%s did not take a record for now: %.*s",
                             topic->url, (int)offset->raw_len, offset->raw);
        } else {
            char *why = pn_xasprintf("%s did not take a record: %.*s", topic->url,
                                     (int)offset->raw_len, offset->raw);
            fail_records(rest, 1, why);
            free(why);
        }
        at++;
    }
    if (again_count > 0 && again_count < count) {
        rebuild(post, again);
    }
    free(again);
    return again_count > 0 ? PN_POST_RETRY : PN_POST_DONE;
}

static enum pn_post_verdict judge(void *arg, struct pn_post *post, long status, const char *answer,
                                  size_t len, struct pn_err *e)
{
    struct kafka_rest *rest = arg;
    int64_t count = (int64_t)note_count(&post->notes);
    enum pn_post_verdict verdict = PN_POST_DONE;
    struct pn_json *root = NULL;
    struct pn_err parsing;
    if (status == STATUS_OK) {
        const struct pn_json *offsets = NULL;
        if (pn_json_parse(rest->parser, answer, len, len, &root, &parsing) == 0) {
            offsets = pn_json_get(root, "offsets");
        }
        if (offsets == NULL || offsets->type != PN_JSON_ARRAY || offsets->count != (size_t)count) {
            (void)pn_err_input(e,
                               "%s answered with 200, but without an offset for each record (is "
                               "it a Kafka REST Proxy?): %.200s",
                               post->route->url, answer);
            return PN_POST_BREAK;
        }
        verdict = judge_offsets(rest, post, offsets, e);
    } else {
        (void)pn_err_input(e, "%s refused with status %ld: %.300s", post->route->url, status,
                           answer);
        if (status != STATUS_BAD_REQUEST && status != STATUS_TOO_LARGE &&
            status != STATUS_UNPROCESSABLE) {
            return PN_POST_BREAK; /* the next ones would fare no better */
        }
        fail_records(rest, count, e->msg);
    }
    if (rest->acks.len >= ACKS_WRITE_BYTES ||
        (rest->acks.len > 0 &&
         pn_mono_ns(rest->env.config->clock) - rest->acks_written_ns > acks_interval_ns)) {
        flush_acks(rest);
    }
    return verdict;
}

static void gave_up(void *arg, struct pn_post *post, const struct pn_err *why)
{
    fail_records(arg, (int64_t)note_count(&post->notes), why->msg);
}

static bool is_stopped(void *arg)
{
    const struct pn_emulate_config *config = ((struct kafka_rest *)arg)->env.config;
    return config->stopped != NULL && config->stopped(config->arg);
}

/* --- requests --------------------------------------------------------------------------------- */

static void swap_bufs(struct pn_buf *a, struct pn_buf *b)
{
    struct pn_buf c = *a;
    *a = *b;
    *b = c;
}

static int dispatch(struct kafka_rest *rest, struct topic *topic, struct pn_err *e)
{
    struct pn_post *post = NULL;
    int rc = pn_poster_take(rest->poster, &post, e);
    if (rc != 0) {
        return rc;
    }
    pn_buf_adds(&topic->body, body_end);
    swap_bufs(&post->body, &topic->body);
    swap_bufs(&post->notes, &topic->notes);
    post->route = &topic->route;
    rest->env.summary->sent += (int64_t)note_count(&post->notes);
    pn_poster_send(rest->poster, post);
    return 0;
}

/* Waits until the next record is due: the n-th is sent n/rate seconds after the first. */
static int keep_pace(struct kafka_rest *rest, int64_t taken, struct pn_err *e)
{
    const struct pn_emulate_config *config = rest->env.config;
    if (rest->start_ns == 0) {
        rest->start_ns = pn_mono_ns(config->clock);
    }
    if (config->rate == 0) {
        return 0;
    }
    double due_ns = (double)taken * 1e9 / (double)config->rate;
    return pn_poster_work(rest->poster, rest->start_ns + (int64_t)due_ns, e);
}

static int64_t taken_count(const struct kafka_rest *rest)
{
    int64_t taken = rest->env.summary->sent;
    for (size_t i = 0; i < rest->count; i++) {
        taken += (int64_t)note_count(&rest->topics[i].notes);
    }
    return taken;
}

static int put(struct pn_target *base, const struct pn_emulate_record *record, struct pn_err *e)
{
    struct kafka_rest *rest = (struct kafka_rest *)base;
    struct topic *topic = &rest->topics[record->kind];
    int rc = keep_pace(rest, taken_count(rest), e);
    if (rc != 0) {
        return rc;
    }
    if (topic->body.len == 0) {
        pn_buf_adds(&topic->body, body_start);
    } else {
        pn_buf_addc(&topic->body, ',');
    }
    pn_buf_adds(&topic->body, record_start);
    struct note note = {.at = topic->body.len, .len = record->len};
    pn_buf_add(&topic->body, record->json, record->len);
    pn_buf_addc(&topic->body, '}');
    if (rest->acks_fd >= 0) {
        int ok = EVP_Digest(record->json, record->len, note.digest, NULL, EVP_sha256(), NULL);
        PN_ASSERT(ok == 1);
    }
    pn_buf_add(&topic->notes, &note, sizeof note);
    rc = pn_buf_check(&topic->body, "a request", e);
    if (rc == 0 && note_count(&topic->notes) >= (size_t)rest->env.config->batch) {
        rc = dispatch(rest, topic, e);
    }
    if (rc == 0 && rest->acks_error.code != 0) {
        pn_err_copy(e, &rest->acks_error);
        rc = rest->acks_error.code;
    }
    return rc;
}

static int finish(struct pn_target *base, bool whole, struct pn_err *e)
{
    (void)whole;
    struct kafka_rest *rest = (struct kafka_rest *)base;
    struct pn_emulate_summary *summary = rest->env.summary;
    struct pn_err *first = e;
    int rc = 0;
    for (size_t i = 0; i < rest->count && rc == 0; i++) {
        if (rest->topics[i].notes.len > 0) {
            rc = dispatch(rest, &rest->topics[i], first);
        }
    }
    int drained = pn_poster_drain(rest->poster, rc == 0 ? first : NULL);
    rc = rc != 0 ? rc : drained;
    flush_acks(rest);
    if (rc == 0 && rest->acks_error.code != 0) {
        pn_err_copy(first, &rest->acks_error);
        rc = rest->acks_error.code;
    }
    const struct pn_poster_counts *counts = pn_poster_counts(rest->poster);
    summary->retried = counts->retried;
    summary->maybe_twice = counts->maybe_twice;
    summary->p50_ms = pn_latency_quantile_ms(&counts->latency, 0.5);
    summary->p99_ms = pn_latency_quantile_ms(&counts->latency, 0.99);
    return rc;
}

static void destroy(struct pn_target *base)
{
    struct kafka_rest *rest = (struct kafka_rest *)base;
    pn_poster_destroy(&rest->poster);
    pn_json_parser_destroy(&rest->parser);
    for (size_t i = 0; i < rest->count; i++) {
        free(rest->topics[i].url);
        pn_buf_deinit(&rest->topics[i].body);
        pn_buf_deinit(&rest->topics[i].notes);
    }
    pn_io_close(rest->env.config->io, &rest->acks_fd);
    pn_buf_deinit(&rest->acks);
    free(rest->key_header);
    free(rest);
}

static const struct pn_target_ops kafka_rest_ops = {
    .put = put, .finish = finish, .destroy = destroy};

/* --- setting up ------------------------------------------------------------------------------- */

/* <url>/[<stage>/]topics/<topic>, whatever slashes the user gave. */
static char *topic_url(const struct pn_emulate_config *config, const char *topic)
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
    return pn_xasprintf("%.*s/%.*s%stopics/%s", (int)url_len, config->url, (int)stage_len, stage,
                        stage_len > 0 ? "/" : "", topic);
}

static int check_url(const char *url, struct pn_err *e)
{
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0) {
        return pn_err_input(e, "\"%.200s\" is no URL of a server (http://HOST:PORT)", url);
    }
    return 0;
}

static int open_acks(struct kafka_rest *rest, struct pn_err *e)
{
    const struct pn_emulate_config *config = rest->env.config;
    if (config->acks_path == NULL) {
        return 0;
    }
    return pn_io_open(config->io, config->acks_path, O_WRONLY | O_CREAT | O_TRUNC, &rest->acks_fd,
                      e);
}

static int open_poster(struct kafka_rest *rest, struct pn_err *e)
{
    const struct pn_emulate_config *config = rest->env.config;
    struct pn_poster_config poster = {
        .lanes = (size_t)config->connections,
        .timeout_ms = config->timeout_ms,
        .retries_max = config->retries_max,
        .headers = {"Content-Type: application/vnd.kafka.json.v2+json",
                    "Accept: application/vnd.kafka.v2+json", "Expect:"},
        .body_bytes_max = BODY_BYTES_MAX,
        .clock = config->clock,
        .judge = judge,
        .gave_up = gave_up,
        .stopped = is_stopped,
        .arg = rest,
    };
    if (config->api_key != NULL) {
        rest->key_header = pn_xasprintf("x-api-key: %s", config->api_key);
        poster.headers[3] = rest->key_header;
    }
    return pn_poster_create(&poster, &rest->poster, e);
}

int pn_target_kafka_rest(const struct pn_target_env *env, struct pn_target **target,
                         struct pn_err *e)
{
    int rc = check_url(env->config->url, e);
    if (rc != 0) {
        return rc;
    }
    struct kafka_rest *rest = pn_xcalloc(1, sizeof *rest);
    rest->base.ops = &kafka_rest_ops;
    rest->env = *env;
    rest->acks_fd = -1;
    rest->parser = pn_json_parser_create();
    pn_buf_init(&rest->acks, ACKS_BYTES_MAX);
    for (size_t i = 0; i < pn_generator_kinds(env->generator); i++) {
        struct topic *topic = &rest->topics[rest->count++];
        topic->name = pn_generator_place(env->generator, i).topic;
        topic->url = topic_url(env->config, topic->name);
        topic->route.url = topic->url;
        pn_buf_init(&topic->body, BODY_BYTES_MAX);
        pn_buf_init(&topic->notes, BODY_BYTES_MAX);
    }
    rc = open_acks(rest, e);
    if (rc == 0) {
        rc = open_poster(rest, e);
    }
    if (rc == 0) {
        *target = &rest->base;
    } else {
        destroy(&rest->base);
    }
    return rc;
}
