/* Requests: signed, sent side by side over connections that are kept, and repeated. */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "base/base64.h"
#include "base/file_offsets.h"
#include "base/http_client.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/s3/private.h"

enum {
    CONNECT_MS = 10000,
    SILENT_S = 30, /* a transfer that moves nothing for this time has failed */
    TOTAL_MS = 10 * 60 * 1000,
    RETRIES_MAX = 5,
    PAUSE_FIRST_MS = 100,
    PAUSE_MS_MAX = 5000,
    BUDGET_MAX = 500, /* a repetition costs 5, a first success gives 1 back */
    BUDGET_COST = 5,
    POLL_MS_MAX = 1000,
    IDLE_LINES_MAX = 64, /* more than requests that are sent at a time, by store/fetch.h too */
    SKEW_MS_MAX = 15 * 60 * 1000 /* that S3 takes between a signature's time and its clock */
};

/* The connections of one pn_s3_send() at a time. */
struct pn_s3_lines {
    CURLM *multi;
};

/* A call that is not finished. */
struct attempt {
    struct pn_s3_call *call;
    CURL *curl; /* NULL: it waits for its time */
    struct curl_slist *headers;
    struct pn_buf body; /* of an error, or of what nobody asked for */
    size_t out_before;  /* how long call->out was */
    int64_t due_ms;     /* by the clock that only rises */
    int retries;
    int sent;     /* times that it went out since the last retry: libcurl sends again by itself */
    bool renewed; /* the credentials, or the clock's difference, were renewed */
};

struct sending {
    struct pn_s3 *s3;
    CURLM *multi;
    struct attempt *attempts;
    size_t count;
    size_t next; /* to be started for the first time */
    size_t under_way;
    size_t waiting; /* for their time */
    struct pn_random random;
};

void pn_s3_add_header(struct pn_s3_call *call, const char *name, const char *value)
{
    PN_ASSERT(call->header_count < PN_S3_HEADERS_MAX);
    call->headers[call->header_count++] = (struct pn_sigv4_pair){name, value};
}

void pn_s3_add_query(struct pn_s3_call *call, const char *name, const char *value)
{
    PN_ASSERT(call->query_count < PN_S3_QUERY_MAX);
    call->query[call->query_count++] = (struct pn_sigv4_pair){name, value};
}

/* --- connections ------------------------------------------------------------------------------ */

static struct pn_s3_lines *take_lines(struct pn_s3 *s3)
{
    struct pn_s3_lines *lines = NULL;
    pthread_mutex_lock(&s3->lock);
    if (s3->idle_count > 0) {
        lines = s3->idle[--s3->idle_count];
    }
    pthread_mutex_unlock(&s3->lock);
    if (lines == NULL) {
        lines = pn_xcalloc(1, sizeof *lines);
        lines->multi = curl_multi_init();
        PN_ASSERT(lines->multi != NULL);
        (void)curl_multi_setopt(lines->multi, CURLMOPT_MAXCONNECTS, (long)s3->requests_max);
    }
    return lines;
}

static void free_lines(struct pn_s3_lines *lines)
{
    (void)curl_multi_cleanup(lines->multi);
    free(lines);
}

static void give_back(struct pn_s3 *s3, struct pn_s3_lines *lines)
{
    pthread_mutex_lock(&s3->lock);
    if (s3->idle_count < IDLE_LINES_MAX) {
        pn_grow((void **)&s3->idle, &s3->idle_capacity, s3->idle_count + 1, sizeof *s3->idle);
        s3->idle[s3->idle_count++] = lines;
        lines = NULL;
    }
    pthread_mutex_unlock(&s3->lock);
    if (lines != NULL) {
        free_lines(lines);
    }
}

void pn_s3_close_lines(struct pn_s3 *s3)
{
    for (size_t i = 0; i < s3->idle_count; i++) {
        free_lines(s3->idle[i]);
    }
    free(s3->idle);
}

/* --- what a reply says ------------------------------------------------------------------------ */

static void copy_text(char *out, size_t size, const char *text, size_t len)
{
    len = len < size ? len : size - 1;
    memcpy(out, text, len);
    out[len] = '\0';
}

static int64_t date_of(const char *text)
{
    time_t seconds = curl_getdate(text, NULL);
    return seconds < 0 ? 0 : (int64_t)seconds * 1000;
}

/* AWS's form of a CRC-32C: base64 of its four bytes. The sum of an upload in parts has "-N" after
 * it, and is not one of the bytes. */
static void take_sum(struct pn_s3_reply *reply, const char *text)
{
    struct pn_buf bytes;
    pn_buf_init(&bytes, 16);
    if (!reply->has_sum && strchr(text, '-') == NULL &&
        pn_base64_decode(&bytes, text, strlen(text)) && bytes.len == sizeof reply->sum) {
        const unsigned char *b = (const unsigned char *)bytes.data;
        reply->sum = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
        reply->has_sum = true;
    }
    pn_buf_deinit(&bytes);
}

static void take_header(struct pn_s3_reply *reply, const char *name, const char *value)
{
    const char *slash = NULL;
    if (strcasecmp(name, "etag") == 0) {
        copy_text(reply->etag, sizeof reply->etag, value, strlen(value));
    } else if (strcasecmp(name, "content-length") == 0 && reply->size_bytes < 0) {
        reply->size_bytes = strtoll(value, NULL, 10);
    } else if (strcasecmp(name, "content-range") == 0 && (slash = strchr(value, '/')) != NULL) {
        reply->size_bytes = strtoll(slash + 1, NULL, 10);
    } else if (strcasecmp(name, "last-modified") == 0) {
        reply->modified_ms = date_of(value);
    } else if (strcasecmp(name, "date") == 0) {
        reply->date_ms = date_of(value);
    } else if (strcasecmp(name, "x-amz-checksum-crc32c") == 0) {
        take_sum(reply, value);
    } else if (strcasecmp(name, "x-amz-meta-pinion-crc32c") == 0) {
        reply->sum = (uint32_t)strtoul(value, NULL, 16);
        reply->has_sum = true;
    } else if (strcasecmp(name, "x-amz-meta-pinion-offsets") == 0 &&
               !pn_offsets_parse(value, &reply->first, &reply->end)) {
        reply->end = 0;
    } else if (strcasecmp(name, "x-amz-meta-pinion-put") == 0) {
        copy_text(reply->put_id, sizeof reply->put_id, value, strlen(value));
    } else if (strcasecmp(name, "x-amz-meta-pinion-note") == 0) {
        copy_text(reply->note, sizeof reply->note, value, strlen(value));
    } else if (strcasecmp(name, "x-amz-bucket-region") == 0) {
        copy_text(reply->region, sizeof reply->region, value, strlen(value));
    }
}

/* libcurl's CURLOPT_PREREQFUNCTION: a connection is there, and the request goes out. When a
 * connection that was used before breaks without a reply, libcurl sends the request again on a new
 * one and says nothing of it, though the first may have taken effect. */
static int on_request(void *arg, char *there, char *here, int port_there, int port_here)
{
    struct attempt *attempt = arg;
    (void)there;
    (void)here;
    (void)port_there;
    (void)port_here;
    attempt->sent++;
    return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
    struct attempt *attempt = arg;
    size_t len = size * count;
    char text[1024];
    _Static_assert(PN_NOTE_SIZE + 64 <= sizeof text, "a note is read whole");
    if (len > 5 && strncmp(line, "HTTP/", 5) == 0) { /* a reply begins, maybe after a 100 */
        attempt->call->reply = (struct pn_s3_reply){.size_bytes = -1};
    }
    copy_text(text, sizeof text, line, len);
    text[strcspn(text, "\r\n")] = '\0';
    char *colon = strchr(text, ':');
    if (colon != NULL) {
        *colon = '\0';
        take_header(&attempt->call->reply, text, colon + 1 + strspn(colon + 1, " \t"));
    }
    return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct attempt *attempt = arg;
    long status = 0;
    (void)curl_easy_getinfo(attempt->curl, CURLINFO_RESPONSE_CODE, &status);
    bool wanted = status >= 200 && status < 300 && attempt->call->out != NULL;
    struct pn_buf *out = wanted ? attempt->call->out : &attempt->body;
    pn_buf_add(out, bytes, size * count);
    return pn_buf_failed(out) ? 0 : size * count;
}

/* --- a request -------------------------------------------------------------------------------- */

static const char *path_of(const struct pn_s3 *s3, const char *key, struct pn_arena *arena)
{
    struct pn_buf path;
    pn_buf_init(&path, 4 * PN_KEY_MAX + 1024);
    pn_buf_addf(&path, "%s/", s3->base);
    if (key != NULL) {
        pn_sigv4_encode(&path, s3->prefix, true);
        pn_sigv4_encode(&path, key, true);
    }
    const char *made = pn_arena_strndup(arena, pn_buf_text(&path), path.len);
    pn_buf_deinit(&path);
    return made;
}

static const char *encode(const char *text, struct pn_arena *arena)
{
    struct pn_buf out;
    pn_buf_init(&out, 4 * PN_KEY_MAX + 4096);
    pn_sigv4_encode(&out, text != NULL ? text : "", false);
    const char *made = pn_arena_strndup(arena, pn_buf_text(&out), out.len);
    pn_buf_deinit(&out);
    return made;
}

static void add_line(struct attempt *attempt, const struct pn_sigv4_pair *header,
                     struct pn_arena *arena)
{
    const char *line = pn_arena_printf(arena, "%s: %s", header->name, header->value);
    attempt->headers = curl_slist_append(attempt->headers, line);
    PN_ASSERT(attempt->headers != NULL);
}

/* Headers with their signature, and the URL. */
static void sign(struct pn_s3 *s3, struct attempt *attempt, const struct pn_aws_key *key,
                 struct pn_arena *arena)
{
    const struct pn_s3_call *call = attempt->call;
    struct pn_sigv4_pair headers[PN_S3_HEADERS_MAX + 5];
    struct pn_sigv4_pair query[PN_S3_QUERY_MAX];
    char time[PN_SIGV4_TIME_SIZE];
    char sum[PN_SIGV4_HEX_SIZE];
    size_t count = 0;
    bool is_private = strcmp(s3->scheme, "https") == 0;
    const char *url =
        pn_arena_printf(arena, "%s://%s%s", s3->scheme, s3->host, path_of(s3, call->key, arena));
    pn_sigv4_time(pn_wall_ms(s3->clock) + atomic_load(&s3->skew_ms), time);
    pn_sigv4_sum(call->body, is_private ? 0 : call->body_len, sum);
    headers[count++] = (struct pn_sigv4_pair){"Host", s3->host};
    headers[count++] = (struct pn_sigv4_pair){"X-Amz-Date", time};
    headers[count++] =
        (struct pn_sigv4_pair){"X-Amz-Content-Sha256", is_private ? PN_SIGV4_UNSIGNED : sum};
    if (key->session_token[0] != '\0') {
        headers[count++] = (struct pn_sigv4_pair){"X-Amz-Security-Token", key->session_token};
    }
    for (size_t i = 0; i < call->header_count; i++) {
        headers[count++] = call->headers[i];
    }
    for (size_t i = 0; i < call->query_count; i++) {
        query[i] = (struct pn_sigv4_pair){call->query[i].name, encode(call->query[i].value, arena)};
        url = pn_arena_printf(arena, "%s%c%s=%s", url, i == 0 ? '?' : '&', query[i].name,
                              query[i].value);
    }
    const struct pn_sigv4_request request = {.method = call->method,
                                             .path = path_of(s3, call->key, arena),
                                             .path_as_sent = true,
                                             .query = query,
                                             .query_count = call->query_count,
                                             .headers = headers,
                                             .header_count = count,
                                             .body_sum = headers[2].value};
    const struct pn_sigv4_keys keys = {.access_key = key->access_key,
                                       .secret_key = key->secret_key,
                                       .region = s3->region,
                                       .service = "s3"};
    const struct pn_sigv4_pair authorization = {"Authorization",
                                                pn_sigv4_authorize(&request, &keys, time, arena)};
    for (size_t i = 0; i < count; i++) {
        add_line(attempt, &headers[i], arena);
    }
    add_line(attempt, &authorization, arena);
    (void)curl_easy_setopt(attempt->curl, CURLOPT_URL, url);
}

static void set_options(struct attempt *attempt)
{
    static const char *const unsent[] = {"Expect:", "Accept:", "Content-Type:"};
    const struct pn_s3_call *call = attempt->call;
    CURL *curl = attempt->curl;
    for (size_t i = 0; i < sizeof unsent / sizeof *unsent; i++) {
        attempt->headers = curl_slist_append(attempt->headers, unsent[i]);
    }
    if (strcmp(call->method, "HEAD") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (strcmp(call->method, "PUT") == 0 || strcmp(call->method, "POST") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_len);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body_len > 0 ? call->body : "");
        (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    } else {
        (void)curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    }
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, attempt->headers);
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)SILENT_S);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, attempt);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, attempt);
    (void)curl_easy_setopt(curl, CURLOPT_PRIVATE, attempt);
    (void)curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_request);
    (void)curl_easy_setopt(curl, CURLOPT_PREREQDATA, attempt);
    attempt->sent = 0;
}

/* Starts the call's request, or fails the call. */
static void start(struct sending *sending, struct attempt *attempt)
{
    struct pn_s3 *s3 = sending->s3;
    struct pn_aws_key key = {0};
    struct pn_arena arena;
    struct pn_s3_call *call = attempt->call;
    call->rc = pn_aws_credentials_get(s3->credentials, &key, &call->failure);
    if (call->rc != 0) {
        call->failure.class_ = PN_CLASS_RETRY; /* the file or the role may have them later */
        return;
    }
    const struct pn_http_client_config config = {.timeout_ms = TOTAL_MS, .is_foreign = true};
    pn_arena_init(&arena, 0);
    pn_buf_reset(&attempt->body);
    call->reply = (struct pn_s3_reply){.size_bytes = -1};
    attempt->curl = pn_http_client_curl(&config);
    sign(s3, attempt, &key, &arena);
    set_options(attempt);
    (void)curl_multi_add_handle(sending->multi, attempt->curl);
    sending->under_way++;
    pn_arena_deinit(&arena);
    pn_aws_key_deinit(&key);
}

/* --- repetition ------------------------------------------------------------------------------- */

/* Another try may do: by its status, or by its code, as S3 has some that come as 400. */
static bool is_passing(const struct pn_s3_reply *reply)
{
    static const char *const codes[] = {"RequestTimeout",
                                        "BadDigest",
                                        "IncompleteBody",
                                        "XAmzContentSHA256Mismatch",
                                        "XAmzContentChecksumMismatch",
                                        "RequestLimitExceeded",
                                        "ProvisionedThroughputExceededException"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (strcmp(reply->code, codes[i]) == 0) {
            return true;
        }
    }
    return reply->status == 408 || reply->status == 409 || reply->status == 429 ||
           reply->status >= 500 || strstr(reply->code, "Throttl") != NULL; /* of KMS, too */
}

static bool take_budget(struct pn_s3 *s3)
{
    int left = atomic_load(&s3->budget);
    while (left >= BUDGET_COST) {
        if (atomic_compare_exchange_weak(&s3->budget, &left, left - BUDGET_COST)) {
            return true;
        }
    }
    return false;
}

static void refill_budget(struct pn_s3 *s3)
{
    if (atomic_load(&s3->budget) < BUDGET_MAX) {
        (void)atomic_fetch_add(&s3->budget, 1);
    }
}

static void wait_and_repeat(struct sending *sending, struct attempt *attempt)
{
    int64_t most_ms = (int64_t)PAUSE_FIRST_MS << attempt->retries;
    most_ms = most_ms < PAUSE_MS_MAX ? most_ms : PAUSE_MS_MAX;
    attempt->retries++;
    attempt->due_ms = pn_mono_ms(sending->s3->clock) + most_ms / 4 +
                      (int64_t)pn_random_below(&sending->random, (uint64_t)most_ms);
    sending->waiting++;
}

/* A reply to HEAD has no body, so no code either: then the clocks themselves say it. */
static void judge_clock(const struct pn_s3 *s3, struct pn_s3_reply *reply)
{
    int64_t apart_ms = reply->date_ms - (pn_wall_ms(s3->clock) + atomic_load(&s3->skew_ms));
    if (reply->status == 403 && reply->code[0] == '\0' && reply->date_ms > 0 &&
        (apart_ms > SKEW_MS_MAX || apart_ms < -SKEW_MS_MAX)) {
        copy_text(reply->code, sizeof reply->code, PN_S3_SKEWED, strlen(PN_S3_SKEWED));
    }
}

/* Refused for what can be set right at once: credentials that expired, a clock that differs. */
static bool set_right(struct pn_s3 *s3, struct attempt *attempt)
{
    const struct pn_s3_reply *reply = &attempt->call->reply;
    if (attempt->renewed) {
        return false;
    }
    attempt->renewed = true;
    if (strcmp(reply->code, "ExpiredToken") == 0 ||
        strcmp(reply->code, "TokenRefreshRequired") == 0) {
        pn_aws_credentials_expire(s3->credentials);
        return true;
    }
    if (strcmp(reply->code, PN_S3_SKEWED) == 0 && reply->date_ms > 0) {
        atomic_store(&s3->skew_ms, reply->date_ms - pn_wall_ms(s3->clock));
        return true;
    }
    return false;
}

/* What to change when no reply comes. */
static const char *advice_of(const struct pn_s3 *s3, CURLcode code)
{
    if (s3->is_aws) {
        return " (this is the endpoint of AWS: set store.endpoint if the bucket is elsewhere, and "
               "check store.region)";
    }
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return s3->path_style ? " (check store.endpoint)"
                              : " (check store.endpoint; if its buckets have no host names of "
                                "their own, set store.path_style=true)";
    case CURLE_SSL_CONNECT_ERROR:
        return " (check store.endpoint: https:// needs a port with TLS)";
    case CURLE_PEER_FAILED_VERIFICATION:
        return s3->path_style ? " (check store.endpoint)"
                              : " (check store.endpoint; if its certificate lacks the buckets' "
                                "host names, set store.path_style=true)";
    case CURLE_COULDNT_CONNECT:
    case CURLE_GOT_NOTHING:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        return " (check store.endpoint)";
    default:
        return "";
    }
}

static void no_reply(const struct pn_s3 *s3, struct pn_s3_call *call, CURLcode code)
{
    call->rc = pn_err_set(&call->failure, PN_CLASS_RETRY, PN_FAIL,
                          "%s of s3://%s/%s%s: %s does not answer as it should: %s%s", call->method,
                          s3->bucket, s3->prefix, call->key != NULL ? call->key : "", s3->host,
                          curl_easy_strerror(code), advice_of(s3, code));
}

/* The reply was larger than its reader takes: another try would be as large. */
static bool is_too_large(const struct attempt *attempt)
{
    return attempt->call->out != NULL && pn_buf_failed(attempt->call->out);
}

/* A request ended; the call is finished, or will be sent again. */
static void finish(struct sending *sending, struct attempt *attempt, CURLcode code)
{
    struct pn_s3 *s3 = sending->s3;
    struct pn_s3_call *call = attempt->call;
    long status = 0;
    (void)curl_easy_getinfo(attempt->curl, CURLINFO_RESPONSE_CODE, &status);
    call->reply.status = status;
    (void)curl_multi_remove_handle(sending->multi, attempt->curl);
    curl_easy_cleanup(attempt->curl);
    curl_slist_free_all(attempt->headers);
    attempt->curl = NULL;
    attempt->headers = NULL;
    sending->under_way--;
    if (is_too_large(attempt)) {
        call->rc =
            pn_buf_check(call->out, call->key != NULL ? call->key : "the reply", &call->failure);
        return;
    }
    if (code == CURLE_OK && status >= 200 && status < 300) {
        call->rc = 0;
        if (attempt->retries == 0) {
            refill_budget(s3);
        }
        return;
    }
    if (call->out != NULL) {
        call->out->len = attempt->out_before; /* what came of a body that broke off */
    }
    pn_s3_read_error(&attempt->body, &call->reply);
    bool passing = code != CURLE_OK || is_passing(&call->reply);
    judge_clock(s3, &call->reply);
    call->unsure = call->unsure || code != CURLE_OK || status >= 500 || attempt->sent > 1;
    if ((!passing && set_right(s3, attempt)) ||
        (passing && attempt->retries < RETRIES_MAX && take_budget(s3))) {
        wait_and_repeat(sending, attempt);
        return;
    }
    if (code != CURLE_OK) {
        no_reply(s3, call, code);
    } else {
        pn_s3_explain(s3, call);
    }
}

/* --- all of them ------------------------------------------------------------------------------ */

/* Starts what is due; how long to wait for the next. */
static int start_due(struct sending *sending)
{
    int64_t now_ms = pn_mono_ms(sending->s3->clock);
    int64_t next_ms = now_ms + POLL_MS_MAX;
    for (size_t i = 0; i < sending->next && sending->waiting > 0; i++) {
        struct attempt *attempt = &sending->attempts[i];
        if (attempt->due_ms == 0) {
            continue;
        }
        if (attempt->due_ms <= now_ms) {
            attempt->due_ms = 0;
            sending->waiting--;
            start(sending, attempt);
        } else if (attempt->due_ms < next_ms) {
            next_ms = attempt->due_ms;
        }
    }
    while (sending->next < sending->count &&
           (int64_t)sending->under_way < sending->s3->requests_max) {
        start(sending, &sending->attempts[sending->next++]);
    }
    return (int)(next_ms - now_ms);
}

static void take_ended(struct sending *sending)
{
    int left = 0;
    for (CURLMsg *message = curl_multi_info_read(sending->multi, &left); message != NULL;
         message = curl_multi_info_read(sending->multi, &left)) {
        struct attempt *attempt = NULL;
        CURLcode code = message->data.result;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&attempt);
        finish(sending, attempt, code);
    }
}

int pn_s3_send(struct pn_s3 *s3, struct pn_s3_call *calls, size_t count, struct pn_err *e)
{
    struct pn_s3_lines *lines = take_lines(s3);
    struct sending sending = {.s3 = s3, .multi = lines->multi, .count = count};
    int rc = 0;
    pn_random_init(&sending.random, pn_entropy_u64());
    sending.attempts = pn_xcalloc(count + 1, sizeof *sending.attempts);
    for (size_t i = 0; i < count; i++) {
        struct attempt *attempt = &sending.attempts[i];
        attempt->call = &calls[i];
        attempt->out_before = calls[i].out != NULL ? calls[i].out->len : 0;
        pn_buf_init(&attempt->body, PN_S3_REPLY_BYTES_MAX);
    }
    do {
        int wait_ms = start_due(&sending);
        int running = 0;
        (void)curl_multi_perform(sending.multi, &running);
        take_ended(&sending);
        if (sending.under_way > 0 || sending.waiting > 0) {
            (void)curl_multi_poll(sending.multi, NULL, 0, wait_ms, NULL);
        }
    } while (sending.under_way > 0 || sending.waiting > 0 || sending.next < count);
    for (size_t i = 0; i < count; i++) {
        if (rc == 0 && calls[i].rc != 0) {
            rc = calls[i].rc;
            pn_err_copy(e, &calls[i].failure);
        }
        pn_buf_deinit(&sending.attempts[i].body);
    }
    free(sending.attempts);
    give_back(s3, lines);
    return rc;
}
