#include <string.h>
#include <strings.h>

#include "aws/remote/private.h"
#include "base/arena.h"
#include "base/http_client.h"
#include "base/sigv4.h"

enum { HEADERS_MAX = 6 };

/* All of them together have a limit, too. */
static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct pn_remote_attempt *attempt = arg;
    size_t len = size * count;
    long status = 0;
    if (attempt->call->kind == PN_REMOTE_STREAM &&
        curl_easy_getinfo(attempt->curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
        status == 200) {
        enum pn_remote_taken taken = attempt->call->take(attempt->call, bytes, len);
        attempt->is_paused = taken == PN_REMOTE_LATER;
        return taken == PN_REMOTE_TAKEN ? len : taken == PN_REMOTE_LATER ? CURL_WRITEFUNC_PAUSE : 0;
    }
    pn_buf_add(&attempt->call->reply, bytes, len);
    attempt->reply_bytes += (int64_t)len;
    attempt->remote->reply_bytes += (int64_t)len;
    bool fits = !pn_buf_failed(&attempt->call->reply) &&
                attempt->remote->reply_bytes <= PN_REMOTE_REPLIES_BYTES_MAX;
    return fits ? len : 0;
}

/* The body as libcurl asks for it. It cannot ask for the beginning again: on a connection that has
 * ended it would repeat a request by itself, which may have taken effect already. */
static size_t send_body(char *out, size_t size, size_t count, void *arg)
{
    struct pn_remote_attempt *attempt = arg;
    const struct pn_buf body = pn_remote_body(attempt);
    size_t len = body.len - attempt->sent;
    len = len < size * count ? len : size * count;
    if (len > 0) {
        memcpy(out, body.data + attempt->sent, len);
    }
    attempt->sent += len;
    return len;
}

/* "Date: Mon, 30 Nov 2026 03:00:00 GMT"; 0 when it is not a time. */
static int64_t read_date(const char *value, size_t len)
{
    char text[64];
    if (len >= sizeof text) {
        return 0;
    }
    memcpy(text, value, len);
    text[len] = '\0';
    time_t at = curl_getdate(text, NULL);
    return at > 0 ? (int64_t)at : 0;
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
    static const char name[] = "x-amzn-requestid:";
    static const char date[] = "date:";
    struct pn_remote_attempt *attempt = arg;
    size_t len = size * count;
    if (len > sizeof date && strncasecmp(line, date, sizeof date - 1) == 0) {
        attempt->call->date_s = read_date(line + sizeof date - 1, len - (sizeof date - 1));
    }
    if (len > sizeof name && strncasecmp(line, name, sizeof name - 1) == 0) {
        const char *value = line + sizeof name - 1;
        const char *end = line + len;
        char *out = attempt->call->request_id;
        size_t used = 0;
        for (; value < end && used + 1 < PN_REMOTE_TEXT_SIZE; value++) {
            if (*value > ' ' && *value < 0x7f) { /* what may stand in a header of ours */
                out[used++] = *value;
            }
        }
        out[used] = '\0';
    }
    return len;
}

static void add_line(struct pn_remote_attempt *attempt, const struct pn_sigv4_pair *header,
                     struct pn_arena *arena)
{
    const char *line = pn_arena_printf(arena, "%s: %s", header->name, header->value);
    attempt->headers = curl_slist_append(attempt->headers, line);
    PN_ASSERT(attempt->headers != NULL);
}

static void sign(const struct pn_remote *remote, struct pn_remote_attempt *attempt,
                 const struct pn_aws_key *key, const struct pn_buf *body, struct pn_arena *arena)
{
    const struct pn_remote_call *call = attempt->call;
    struct pn_sigv4_pair headers[HEADERS_MAX];
    char time[PN_SIGV4_TIME_SIZE];
    size_t count = 0;
    pn_sigv4_time(pn_wall_ms(remote->clock), time);
    headers[count++] = (struct pn_sigv4_pair){"Host", remote->host};
    headers[count++] = (struct pn_sigv4_pair){"X-Amz-Date", time};
    headers[count++] = (struct pn_sigv4_pair){
        "Content-Type", call->cbor ? "application/x-amz-cbor-1.1" : "application/x-amz-json-1.1"};
    headers[count++] = (struct pn_sigv4_pair){
        "X-Amz-Target", pn_arena_printf(arena, "Kinesis_20131202.%s", call->operation)};
    if (key->session_token[0] != '\0') {
        headers[count++] = (struct pn_sigv4_pair){"X-Amz-Security-Token", key->session_token};
    }
    const struct pn_sigv4_request request = {.method = "POST",
                                             .path = "/",
                                             .headers = headers,
                                             .header_count = count,
                                             .body = body->data,
                                             .body_len = body->len};
    const struct pn_sigv4_keys keys = {.access_key = key->access_key,
                                       .secret_key = key->secret_key,
                                       .region = remote->region,
                                       .service = "kinesis"};
    const struct pn_sigv4_pair authorization = {"Authorization",
                                                pn_sigv4_authorize(&request, &keys, time, arena)};
    for (size_t i = 0; i < count; i++) {
        add_line(attempt, &headers[i], arena);
    }
    add_line(attempt, &authorization, arena);
}

static void set_options(const struct pn_remote *remote, struct pn_remote_attempt *attempt,
                        const struct pn_buf *body)
{
    static const char *const unsent[] = {"Expect:", "Accept:"};
    CURL *curl = attempt->curl;
    for (size_t i = 0; i < sizeof unsent / sizeof *unsent; i++) {
        attempt->headers = curl_slist_append(attempt->headers, unsent[i]);
        PN_ASSERT(attempt->headers != NULL);
    }
    (void)curl_easy_setopt(curl, CURLOPT_URL, remote->url);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
    (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, send_body);
    (void)curl_easy_setopt(curl, CURLOPT_READDATA, attempt);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, attempt->headers);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)PN_REMOTE_CONNECT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, attempt);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, attempt);
    (void)curl_easy_setopt(curl, CURLOPT_PRIVATE, attempt);
    if (remote->http2) {
        (void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    }
    pn_remote_stream_options(attempt);
}

struct pn_buf pn_remote_body(const struct pn_remote_attempt *attempt)
{
    const struct pn_remote_call *call = attempt->call;
    return attempt->puts != NULL
               ? attempt->body
               : (struct pn_buf){.data = (char *)call->body, .len = call->body_len};
}

int pn_remote_begin(struct pn_remote *remote, struct pn_remote_attempt *attempt, struct pn_err *e)
{
    struct pn_remote_call *call = attempt->call;
    const struct pn_buf body = pn_remote_body(attempt);
    struct pn_aws_key key = {0};
    struct pn_arena arena;
    int rc = pn_aws_credentials_get(remote->credentials, &key, e);
    if (rc != 0) {
        pn_err_prefix(e, "calls of Kinesis at %s are signed by this server", remote->host);
        return rc;
    }
    bool is_stream = call->kind == PN_REMOTE_STREAM;
    const struct pn_http_client_config config = {
        .timeout_ms = is_stream ? 0 : PN_REMOTE_TRANSFER_MS, .is_foreign = true};
    pn_arena_init(&arena, 0);
    pn_buf_reset(&call->reply);
    remote->reply_bytes -= attempt->reply_bytes;
    attempt->reply_bytes = 0;
    call->request_id[0] = '\0';
    call->date_s = 0;
    attempt->curl = pn_http_client_curl(&config);
    attempt->tries++;
    attempt->sent = 0;
    sign(remote, attempt, &key, &body, &arena);
    set_options(remote, attempt, &body);
    (void)curl_multi_add_handle(remote->multi, attempt->curl);
    pn_arena_deinit(&arena);
    pn_aws_key_deinit(&key);
    return 0;
}
