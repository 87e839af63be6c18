#include "base/webhook.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/http_client.h"
#include "base/mem.h"

enum { SHA256_BYTES = 32, HEADER_SIZE = 128, ANSWER_BYTES_MAX = 64 * 1024 };

struct range4 {
    uint32_t network;
    int bits;
};
/* RFC 6890's special-purpose addresses, and multicast. */
static const struct range4 private4[] = {
    {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},  {0xa9fe0000, 16},
    {0xac100000, 12}, {0xc0000000, 24}, {0xc0a80000, 16}, {0xc6120000, 15}, {0xe0000000, 3},
};

static bool is_private4(uint32_t address)
{
    for (size_t i = 0; i < sizeof private4 / sizeof *private4; i++) {
        if (((address ^ private4[i].network) >> (32 - private4[i].bits)) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_private6(const unsigned char *address)
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static const unsigned char nat64[12] = {0, 0x64, 0xff, 0x9b};
    static const unsigned char zeros[12] = {0};
    uint32_t low = (uint32_t)address[12] << 24 | (uint32_t)address[13] << 16 |
                   (uint32_t)address[14] << 8 | address[15];
    if (memcmp(address, mapped, sizeof mapped) == 0 || memcmp(address, nat64, sizeof nat64) == 0) {
        return is_private4(low);
    }
    bool is_6to4 = address[0] == 0x20 && address[1] == 0x02;
    return memcmp(address, zeros, sizeof zeros) == 0 ||        /* ::, ::1, IPv4-compatible */
           (address[0] & 0xfe) == 0xfc ||                      /* unique local */
           (address[0] == 0xfe && (address[1] & 0x80) != 0) || /* link-local, site-local */
           address[0] == 0xff || is_6to4;
}

bool pn_webhook_is_private(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return is_private4(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        return is_private6(in6.sin6_addr.s6_addr);
    }
    return true;
}

/* ---- one try --------------------------------------------------------------------------------- */

struct guard {
    bool allow_private;
    bool refused;
};

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct guard *guard = arg;
    if (purpose == CURLSOCKTYPE_IPCXN && !guard->allow_private &&
        pn_webhook_is_private(&address->addr)) {
        guard->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* The answer is not looked at; one that doesn't end is cut off. */
static size_t drop_body(char *bytes, size_t size, size_t count, void *arg)
{
    size_t *dropped = arg;
    (void)bytes;
    *dropped += size * count;
    return *dropped <= ANSWER_BYTES_MAX ? size * count : 0;
}

static void sign(const struct pn_webhook *webhook, char header[HEADER_SIZE])
{
    unsigned char sum[SHA256_BYTES];
    unsigned len = 0;
    const unsigned char *made =
        HMAC(EVP_sha256(), webhook->secret, (int)strlen(webhook->secret),
             (const unsigned char *)webhook->json, strlen(webhook->json), sum, &len);
    PN_ASSERT(made != NULL && len == sizeof sum);
    int used = snprintf(header, HEADER_SIZE, "X-Pinion-Signature-256: sha256=");
    for (size_t i = 0; i < sizeof sum; i++) {
        used += snprintf(header + used, (size_t)(HEADER_SIZE - used), "%02x", sum[i]);
    }
}

static struct curl_slist *make_headers(const struct pn_webhook *webhook)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    headers = curl_slist_append(headers, "User-Agent: pinion");
    headers = curl_slist_append(headers, "Expect:");
    if (webhook->secret[0] != '\0') {
        char line[HEADER_SIZE];
        sign(webhook, line);
        headers = curl_slist_append(headers, line);
    }
    return headers;
}

static int try_once(const struct pn_webhook *webhook, long *status, struct pn_err *e)
{
    struct guard guard = {.allow_private = webhook->allow_private};
    size_t dropped = 0;
    *status = 0;
    const struct pn_http_client_config config = {.url = webhook->url, .timeout_ms = PN_WEBHOOK_MS};
    CURL *curl = pn_http_client_curl(&config);
    struct curl_slist *headers = make_headers(webhook);
    (void)curl_easy_setopt(curl, CURLOPT_URL, webhook->url);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, webhook->json);
    (void)curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    (void)curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &guard);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &dropped);
    CURLcode code = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    if (guard.refused && *status == 0) {
        return pn_err_input(e,
                            "%s leads to this machine or a private network, which only the "
                            "setting dag.webhook_private allows",
                            webhook->url);
    }
    if (*status == 0) {
        return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "%s: %s", webhook->url,
                          curl_easy_strerror(code));
    }
    if (*status < 200 || *status > 299) {
        bool passing = *status >= 500 || *status == 408 || *status == 429;
        return pn_err_set(e, passing ? PN_CLASS_RETRY : PN_CLASS_FATAL, PN_FAIL,
                          "%s answered with the status %ld", webhook->url, *status);
    }
    return 0;
}

int pn_webhook_send(const struct pn_webhook *webhook, long *status, int *tries, struct pn_err *e)
{
    struct pn_err failure = {0};
    int rc = PN_FAIL;
    for (*tries = 1;; (*tries)++) {
        failure = (struct pn_err){0};
        rc = try_once(webhook, status, &failure);
        if (rc == 0 || failure.class_ != PN_CLASS_RETRY || *tries == PN_WEBHOOK_TRIES) {
            break;
        }
        pn_sleep_ms(*tries * INT64_C(1000));
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    return rc;
}
