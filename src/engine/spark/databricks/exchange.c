#include "engine/spark/databricks/exchange.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "base/http_client.h"
#include "base/mem.h"

enum { CONNECT_MS = 10000, REQUEST_MS = 60000, LOOK_MS = 50, RETRY_AFTER_S_MAX = 3600 };

struct pn_databricks_lines {
    CURLM *multi;
    char *ca_file; /* or NULL */
};

struct pn_databricks_lines *pn_databricks_lines_create(const char *ca_file)
{
    struct pn_databricks_lines *made = pn_xcalloc(1, sizeof *made);
    made->multi = curl_multi_init();
    PN_ASSERT(made->multi != NULL);
    made->ca_file = ca_file != NULL ? pn_xstrdup(ca_file) : NULL;
    return made;
}

void pn_databricks_lines_destroy(struct pn_databricks_lines **lines)
{
    if (*lines != NULL) {
        (void)curl_multi_cleanup((*lines)->multi);
        free((*lines)->ca_file);
        free(*lines);
        *lines = NULL;
    }
}

/* --- the reply -------------------------------------------------------------------------------- */

static size_t take_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct pn_buf *reply = arg;
    pn_buf_add(reply, bytes, size * count);
    return pn_buf_failed(reply) ? 0 : size * count;
}

/* A number of seconds; Databricks sends no dates there. */
static size_t take_header(char *line, size_t size, size_t count, void *arg)
{
    static const char name[] = "retry-after:";
    struct pn_databricks_exchange *exchange = arg;
    size_t len = size * count;
    char text[16] = "";
    if (len >= sizeof name && strncasecmp(line, name, sizeof name - 1) == 0) {
        size_t value_len = len - (sizeof name - 1);
        memcpy(text, line + sizeof name - 1,
               value_len < sizeof text - 1 ? value_len : sizeof text - 1);
        char *end = NULL;
        long seconds = strtol(text, &end, 10);
        if (end != text && seconds >= 0 && seconds <= RETRY_AFTER_S_MAX) {
            exchange->retry_after_ms = (int64_t)seconds * 1000;
        }
    }
    return len;
}

/* --- the request ------------------------------------------------------------------------------ */

static struct curl_slist *add_header(struct curl_slist *headers, const char *name,
                                     const char *value)
{
    char *line = pn_xasprintf("%s: %s", name, value);
    struct curl_slist *added = curl_slist_append(headers, line);
    PN_ASSERT(added != NULL);
    OPENSSL_cleanse(line, strlen(line));
    free(line);
    return added;
}

static void free_headers(struct curl_slist *headers)
{
    for (struct curl_slist *header = headers; header != NULL; header = header->next) {
        OPENSSL_cleanse(header->data, strlen(header->data));
    }
    curl_slist_free_all(headers);
}

static CURL *prepare(const struct pn_databricks_lines *lines,
                     struct pn_databricks_exchange *exchange, struct curl_slist *headers)
{
    const struct pn_http_client_config config = {.timeout_ms = REQUEST_MS, .is_foreign = true};
    CURL *curl = pn_http_client_curl(&config);
    if (lines->ca_file != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, lines->ca_file);
    }
    (void)curl_easy_setopt(curl, CURLOPT_URL, exchange->url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    if (exchange->body != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t)strlen(exchange->body));
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, exchange->body);
    }
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, exchange->method);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange->reply);
    return curl;
}

/* Until there is a reply, or its time is over: then libcurl's code says so. */
static int transfer(CURLM *multi, struct pn_databricks_exchange *exchange, struct pn_course *course)
{
    int64_t begun_ms = pn_mono_ms(course->clock);
    for (;;) {
        int running = 0;
        int left = 0;
        (void)curl_multi_perform(multi, &running);
        const CURLMsg *message = curl_multi_info_read(multi, &left);
        if (message != NULL) {
            return (int)message->data.result;
        }
        int64_t left_ms = pn_course_limit_ms(course, begun_ms, REQUEST_MS, exchange->grace_ms) -
                          pn_mono_ms(course->clock);
        if (left_ms <= 0) {
            return CURLE_OPERATION_TIMEDOUT;
        }
        (void)curl_multi_poll(multi, NULL, 0, (int)(left_ms < LOOK_MS ? left_ms : LOOK_MS), NULL);
    }
}

void pn_databricks_exchange(struct pn_databricks_lines *lines,
                            struct pn_databricks_exchange *exchange, struct pn_course *course)
{
    struct curl_slist *headers = add_header(NULL, "Authorization", exchange->authorization);
    headers = curl_slist_append(headers, "Expect:");
    if (exchange->content_type != NULL) {
        headers = add_header(headers, "Content-Type", exchange->content_type);
    }
    pn_buf_reset(&exchange->reply);
    exchange->status = 0;
    exchange->retry_after_ms = -1;
    CURL *curl = prepare(lines, exchange, headers);
    (void)curl_multi_add_handle(lines->multi, curl);
    exchange->code = transfer(lines->multi, exchange, course);
    long sent = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &sent);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &exchange->status);
    exchange->was_sent = sent > 0;
    (void)curl_multi_remove_handle(lines->multi, curl);
    curl_easy_cleanup(curl);
    free_headers(headers);
}
