/*
 * Login at Amazon MSK by IAM: SASL's OAUTHBEARER, whose token is a signed URL that MSK asks its own
 * service with. No password is set anywhere: the credentials are those of base/aws_credentials.h.
 *
 * Source: "IAM access control", Amazon MSK Developer Guide, and the signers that AWS publishes for
 * other languages (aws-msk-iam-sasl-signer).
 */
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/sigv4.h"
#include "log/kafka/private.h"

#define SERVICE "kafka-cluster"

enum {
    TOKEN_BYTES_MAX = 16 << 10,
    TOKEN_LIFE_S = 900, /* what MSK takes at the most */
    WHY_SIZE = 512
};

/* --- the region ------------------------------------------------------------------------------- */

/* "eu-west-2" of "b-1.demo.abc.c2.kafka.eu-west-2.amazonaws.com:9098"; "" when it is another name.
 */
static const char *region_of_host(const char *host, struct pn_arena *arena)
{
    static const char *const services[] = {".kafka.", ".kafka-serverless."};
    size_t host_len = strcspn(host, ":,");
    for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
        const char *at = strstr(host, services[i]);
        if (at != NULL && at < host + host_len) {
            const char *region = at + strlen(services[i]);
            size_t len = strcspn(region, ".:,");
            return strncmp(region + len, ".amazonaws.com", strlen(".amazonaws.com")) == 0
                       ? pn_arena_strndup(arena, region, len)
                       : "";
        }
    }
    return "";
}

const char *pn_kafka_region(const struct pn_kafka_config *config, struct pn_arena *arena)
{
    static const char *const variables[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    const char *region = config->region;
    if (region[0] == '\0') {
        region = region_of_host(config->url + strlen(PN_KAFKA_SCHEME), arena);
    }
    for (size_t i = 0; region[0] == '\0' && i < sizeof variables / sizeof *variables; i++) {
        const char *value = getenv(variables[i]);
        region = value != NULL ? value : "";
    }
    return region;
}

/* --- the token -------------------------------------------------------------------------------- */

/* The URL's base64 as URLs have it, without padding. */
static void add_base64url(struct pn_buf *out, const struct pn_buf *url)
{
    size_t from = out->len;
    pn_base64_encode(out, url->data, url->len);
    for (size_t i = from; i < out->len; i++) {
        char *c = &out->data[i];
        *c = (char)(*c == '+' ? '-' : *c == '/' ? '_' : *c);
    }
    while (out->len > from && out->data[out->len - 1] == '=') {
        out->data[--out->len] = '\0';
    }
}

void pn_kafka_iam_token(const struct pn_aws_key *key, const char *region, int64_t wall_ms,
                        struct pn_buf *out)
{
    struct pn_arena arena;
    struct pn_buf canonical;
    struct pn_buf url;
    char time[PN_SIGV4_TIME_SIZE];
    char signature[PN_SIGV4_HEX_SIZE];
    pn_arena_init(&arena, 0);
    pn_buf_init(&canonical, TOKEN_BYTES_MAX);
    pn_buf_init(&url, TOKEN_BYTES_MAX);
    pn_sigv4_time(wall_ms, time);
    const char *date = pn_arena_strndup(&arena, time, strlen("20261123"));
    const char *domain = strncmp(region, "cn-", 3) == 0 ? "amazonaws.com.cn" : "amazonaws.com";
    const char *host = pn_arena_printf(&arena, "kafka.%s.%s", region, domain);
    const struct pn_sigv4_scope scope = {
        .date = date, .region = region, .service = SERVICE, .end = "aws4_request"};
    const struct pn_sigv4_pair query[] = {
        {"Action", "kafka-cluster:Connect"},
        {"X-Amz-Algorithm", PN_SIGV4_ALGORITHM},
        {"X-Amz-Credential", pn_arena_printf(&arena, "%s/%s/%s/" SERVICE "/aws4_request",
                                             key->access_key, date, region)},
        {"X-Amz-Date", time},
        {"X-Amz-Expires", pn_arena_printf(&arena, "%d", TOKEN_LIFE_S)},
        {"X-Amz-SignedHeaders", "host"},
        {"X-Amz-Security-Token", key->session_token}};
    const struct pn_sigv4_pair headers[] = {{"Host", host}};
    const size_t query_count = sizeof query / sizeof *query - (key->session_token[0] == '\0');
    const struct pn_sigv4_request request = {.method = "GET",
                                             .path = "/",
                                             .query = query,
                                             .query_count = query_count,
                                             .headers = headers,
                                             .header_count = 1};
    pn_sigv4_canonical(&request, "host", &arena, &canonical);
    pn_sigv4_sign(&canonical, key->secret_key, time, &scope, signature);
    pn_buf_addf(&url, "https://%s/", host);
    for (size_t i = 0; i < query_count; i++) {
        pn_buf_addf(&url, "%c%s=", i == 0 ? '?' : '&', query[i].name);
        pn_sigv4_encode(&url, query[i].value, false);
    }
    pn_buf_addf(&url, "&X-Amz-Signature=%s&User-Agent=pinion", signature);
    add_base64url(out, &url);
    pn_buf_deinit(&url);
    pn_buf_deinit(&canonical);
    pn_arena_deinit(&arena);
}

/* --- librdkafka ------------------------------------------------------------------------------- */

static int set_token(rd_kafka_t *client, const struct pn_kafka *kafka, struct pn_err *e)
{
    struct pn_aws_key key = {0};
    struct pn_arena arena;
    struct pn_buf token;
    char why[WHY_SIZE] = "";
    pn_arena_init(&arena, 0);
    pn_buf_init(&token, TOKEN_BYTES_MAX);
    int64_t now_ms = pn_wall_ms(kafka->clock);
    int64_t until_ms = now_ms + INT64_C(1000) * TOKEN_LIFE_S;
    int rc = pn_aws_credentials_get(kafka->credentials, &key, e);
    if (rc == 0) {
        pn_kafka_iam_token(&key, pn_kafka_region(&kafka->config, &arena), now_ms, &token);
        rc = pn_buf_check(&token, "the token for MSK", e);
        until_ms = key.expires_ms < until_ms ? key.expires_ms : until_ms;
    }
    if (rc == 0 &&
        rd_kafka_oauthbearer_set_token(client, pn_buf_text(&token), until_ms, "pinion", NULL, 0,
                                       why, sizeof why) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rc = pn_err_fatal(e, "librdkafka does not take the token for MSK: %s", why);
    }
    pn_aws_key_deinit(&key);
    pn_buf_deinit(&token);
    pn_arena_deinit(&arena);
    return rc;
}

/* On a thread of librdkafka, before the first login and whenever a token is about to expire. */
static void on_token_wanted(rd_kafka_t *client, const char *config, void *opaque)
{
    const struct pn_kafka_owner *owner = opaque;
    struct pn_err failure = {0};
    (void)config;
    if (set_token(client, owner->kafka, &failure) != 0) {
        (void)rd_kafka_oauthbearer_set_token_failure(client, failure.msg);
    }
}

bool pn_kafka_uses_iam(const struct pn_kafka_config *config)
{
    return strcmp(config->sasl_mechanism, PN_KAFKA_IAM) == 0;
}

int pn_kafka_iam_configure(const struct pn_kafka *kafka, rd_kafka_conf_t *conf, struct pn_err *e)
{
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    bool has_region = pn_kafka_region(&kafka->config, &arena)[0] != '\0';
    pn_arena_deinit(&arena);
    if (strncmp(kafka->config.security, "sasl", 4) != 0) {
        return pn_err_input(e, "log.kafka.sasl_mechanism is " PN_KAFKA_IAM
                               ": set log.kafka.security to sasl_ssl");
    }
    if (!has_region) {
        return pn_err_input(e, "log.kafka.region: the name of the broker does not say in which "
                               "region it is: set this, or the variable AWS_REGION");
    }
    rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, on_token_wanted);
    rd_kafka_conf_enable_sasl_queue(conf, 1);
    return 0;
}

int pn_kafka_iam_start(rd_kafka_t *client, struct pn_err *e)
{
    /* A login must not wait until the client is polled. */
    rd_kafka_error_t *failure = rd_kafka_sasl_background_callbacks_enable(client);
    int rc = failure == NULL ? 0
                             : pn_err_fatal(e, "librdkafka cannot get tokens for MSK: %s",
                                            rd_kafka_error_string(failure));
    rd_kafka_error_destroy(failure);
    return rc;
}
