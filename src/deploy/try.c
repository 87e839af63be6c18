/* What AWS and Databricks answer to the credentials of config.yml. */
#include <stdlib.h>
#include <string.h>

#include "base/aws_endpoint.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/http_client.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/xml.h"
#include "deploy/check.h"

enum {
    TIMEOUT_MS = 10000,
    TRIES_MAX = 4,
    FIRST_PAUSE_MS = 200, /* doubles with each try, and is anything between half and all of it */
    ANSWER_BYTES_MAX = 1 << 20,
    DETAIL_BYTES_MAX = 1024,
    TEXT_BYTES_MAX = 200,
    SKEW_MS_MAX = 5 * 60 * 1000 /* between a signature's time and the clock of AWS */
};

struct trial {
    const struct pn_deploy_config *config;
    const struct pn_deploy_endpoints *endpoints;
    pn_finding_fn fn;
    void *arg;
    size_t failures;
    struct pn_random random;
    struct pn_buf answer;
    long status;
    int64_t date_ms; /* the answer's; 0: not said */
};

static void report(struct trial *trial, enum pn_finding finding, const char *what, const char *fmt,
                   ...) PN_PRINTF(4, 5);
static void report(struct trial *trial, enum pn_finding finding, const char *what, const char *fmt,
                   ...)
{
    struct pn_buf detail;
    va_list args;
    pn_buf_init(&detail, DETAIL_BYTES_MAX);
    va_start(args, fmt);
    pn_buf_addv(&detail, fmt, args);
    va_end(args);
    trial->failures += finding == PN_FINDING_FAILED;
    trial->fn(trial->arg, finding, what, pn_buf_text(&detail));
    pn_buf_deinit(&detail);
}

static void pause_before_retry(struct trial *trial, int tries)
{
    uint64_t most_ms = (uint64_t)FIRST_PAUSE_MS << tries;
    uint64_t ms = most_ms / 2 + pn_random_below(&trial->random, most_ms / 2);
    pn_sleep_ms((int64_t)ms);
}

/* The answer's status, or 0 when there was none, which is reported. */
static long ask(struct trial *trial, const char *what, const struct pn_http_client_config *config,
                const struct pn_http_client_request *request)
{
    struct pn_err e = {0};
    struct pn_http_client *client = pn_http_client_create(config);
    int rc = 0;
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        pn_buf_reset(&trial->answer);
        trial->status = 0;
        rc = pn_http_client_send(client, request, &trial->status, &trial->answer, &e);
        trial->date_ms = pn_http_client_date_ms(client);
        bool passing = rc != 0 || trial->status == 429 || trial->status >= 500;
        if (!passing) {
            break;
        }
        if (tries + 1 < TRIES_MAX) {
            pause_before_retry(trial, tries);
        }
    }
    pn_http_client_destroy(&client);
    if (rc != 0) {
        report(trial, PN_FINDING_FAILED, what, "no answer after %d tries: %s", TRIES_MAX, e.msg);
        return 0;
    }
    return trial->status;
}

/* The text of an element of the answer; "" when there is none. */
struct wanted {
    const char *name;
    char *out;
};

static void take_element(void *arg, const char *parent, const char *name, const char *text)
{
    const struct wanted *wanted = arg;
    (void)parent;
    if (strcmp(name, wanted->name) == 0) {
        size_t len = strnlen(text, TEXT_BYTES_MAX - 1);
        memcpy(wanted->out, text, len);
        wanted->out[len] = '\0';
    }
}

static const char *element(const struct trial *trial, const char *name, char out[TEXT_BYTES_MAX])
{
    struct wanted wanted = {.name = name, .out = out};
    out[0] = '\0';
    /* What is not XML has no such element. */
    int ignored =
        pn_xml_each(pn_buf_text(&trial->answer), trial->answer.len, take_element, &wanted, NULL);
    (void)ignored;
    return out;
}

/* --- AWS -------------------------------------------------------------------------------------- */

static char *aws_url(const struct trial *trial, const char *service)
{
    return trial->endpoints->aws != NULL
               ? pn_xstrdup(trial->endpoints->aws)
               : pn_aws_endpoint(service, trial->config->values[PN_DEPLOY_REGION]);
}

static long ask_aws(struct trial *trial, const char *what, const char *service,
                    const struct pn_http_client_request *request)
{
    char *url = aws_url(trial, service);
    const struct pn_http_client_config config = {
        .is_foreign = true,
        .url = url,
        .timeout_ms = TIMEOUT_MS,
        .access_key = trial->config->values[PN_DEPLOY_ACCESS_KEY],
        .secret_key = trial->config->values[PN_DEPLOY_SECRET_KEY],
        .region = trial->config->values[PN_DEPLOY_REGION],
        .service = service};
    long status = ask(trial, what, &config, request);
    free(url);
    return status;
}

/* A signature of another time is refused as a wrong one would be: some services have a code for it,
 * others say that the signature does not match. */
static bool is_clock_wrong(struct trial *trial, const char *what)
{
    char code[TEXT_BYTES_MAX];
    char here[PN_ISO8601_SIZE];
    char there[PN_ISO8601_SIZE];
    int64_t now_ms = pn_wall_ms(pn_clock_system());
    int64_t skew_ms = trial->date_ms != 0 ? trial->date_ms - now_ms : 0;
    bool is_far = skew_ms > SKEW_MS_MAX || skew_ms < -SKEW_MS_MAX;
    bool is_said = strcmp(element(trial, "Code", code), "RequestTimeTooSkewed") == 0;
    if (is_far) {
        report(trial, PN_FINDING_FAILED, what,
               "the clocks differ, so AWS refuses each signature: here it is %s, there %s. Set "
               "this machine's clock",
               pn_iso8601(now_ms, here), pn_iso8601(trial->date_ms, there));
    } else if (is_said) {
        report(trial, PN_FINDING_FAILED, what,
               "the clocks differ, so AWS refuses each signature (%s): here it is %s. Set this "
               "machine's clock",
               code, pn_iso8601(now_ms, here));
    }
    return is_far || is_said;
}

static bool try_keys(struct trial *trial)
{
    static const char *const headers[] = {
        "Content-Type: application/x-www-form-urlencoded; charset=utf-8", NULL};
    static const char body[] = "Action=GetCallerIdentity&Version=2011-06-15";
    static const char what[] = "aws.access_key, aws.secret_key";
    const struct pn_http_client_request request = {.method = "POST",
                                                   .path = "/",
                                                   .headers = headers,
                                                   .body = body,
                                                   .body_len = sizeof body - 1};
    char text[TEXT_BYTES_MAX];
    long status = ask_aws(trial, what, "sts", &request);
    if (status == 200) {
        report(trial, PN_FINDING_OK, what, "AWS knows them as %s", element(trial, "Arn", text));
        return true;
    }
    bool is_refused = status == 401 || status == 403 || status == 400;
    if (is_refused && is_clock_wrong(trial, what)) {
        return false;
    }
    if (status == 401 || status == 403) {
        report(trial, PN_FINDING_FAILED, what, "AWS refuses them: %s",
               element(trial, "Code", text));
    } else if (status != 0) {
        report(trial, PN_FINDING_FAILED, what, "AWS answered with status %ld %s", status,
               element(trial, "Code", text));
    }
    return false;
}

/* Names of buckets belong to all accounts together, so one may be another's. */
static void try_bucket(struct trial *trial, enum pn_deploy_key key)
{
    const char *what = pn_deploy_key_name(key);
    const char *name = trial->config->values[key];
    if (pn_bucket_name_fault(name) != NULL) {
        return; /* reported by pn_deploy_check() */
    }
    char *path = pn_xasprintf("/%s?list-type=2&max-keys=1", name);
    const struct pn_http_client_request request = {.method = "GET", .path = path};
    char text[TEXT_BYTES_MAX];
    long status = ask_aws(trial, what, "s3", &request);
    free(path);
    if (status == 404) {
        report(trial, PN_FINDING_OK, what, "the name %s is free", name);
    } else if (status == 200) {
        report(trial, PN_FINDING_OK, what, "the bucket %s exists and the keys can list it", name);
    } else if (status == 403 && is_clock_wrong(trial, what)) {
        return;
    } else if (status == 403) {
        report(trial, PN_FINDING_FAILED, what,
               "the bucket %s exists, and the keys may not list it (%s): if it belongs to another "
               "account, choose another name",
               name, element(trial, "Code", text));
    } else if (status == 301 || status == 307 || status == 400) {
        report(trial, PN_FINDING_FAILED, what,
               "the bucket %s exists in another region (%s): set aws.region to it, or choose "
               "another name",
               name, element(trial, "Code", text));
    } else if (status != 0) {
        report(trial, PN_FINDING_FAILED, what, "AWS answered with status %ld %s", status,
               element(trial, "Code", text));
    }
}

/* --- Databricks ------------------------------------------------------------------------------- */

/* "Authorization: Basic ..." of the client. Caller frees. */
static char *basic_header(const struct pn_deploy_config *config)
{
    char *pair = pn_xasprintf("%s:%s", config->values[PN_DEPLOY_CLIENT_ID],
                              config->values[PN_DEPLOY_CLIENT_SECRET]);
    struct pn_buf encoded;
    pn_buf_init(&encoded, 2 * strlen(pair) + 8);
    pn_base64_encode(&encoded, pair, strlen(pair));
    char *header = pn_xasprintf("Authorization: Basic %s", pn_buf_text(&encoded));
    pn_buf_deinit(&encoded);
    free(pair);
    return header;
}

static bool has_token(const struct trial *trial)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    const char *text = pn_buf_text(&trial->answer);
    size_t len = trial->answer.len;
    bool has = pn_json_parse(parser, text, len, len, &root, NULL) == 0 &&
               pn_json_get(root, "access_token") != NULL;
    pn_json_parser_destroy(&parser);
    return has;
}

static void try_databricks(struct trial *trial)
{
    static const char what[] = "databricks.client_id, databricks.client_secret";
    static const char body[] = "grant_type=client_credentials&scope=all-apis";
    const struct pn_deploy_config *config = trial->config;
    const char *base = trial->endpoints->databricks;
    char *path = pn_xasprintf("/oidc/accounts/%s/v1/token", config->values[PN_DEPLOY_ACCOUNT_ID]);
    char *header = basic_header(config);
    const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", header, NULL};
    const struct pn_http_client_config client = {
        .is_foreign = true,
        .url = base != NULL ? base : "https://accounts.cloud.databricks.com",
        .timeout_ms = TIMEOUT_MS};
    const struct pn_http_client_request request = {.method = "POST",
                                                   .path = path,
                                                   .headers = headers,
                                                   .body = body,
                                                   .body_len = sizeof body - 1};
    long status = ask(trial, what, &client, &request);
    if (status == 200 && has_token(trial)) {
        report(trial, PN_FINDING_OK, what, "Databricks gives a token for them");
    } else if (status == 400 || status == 401 || status == 403) {
        report(trial, PN_FINDING_FAILED, what,
               "Databricks refuses them (status %ld): check them and databricks.account_id",
               status);
    } else if (status == 404) {
        report(trial, PN_FINDING_FAILED, "databricks.account_id",
               "Databricks knows no such account (status 404)");
    } else if (status != 0) {
        report(trial, PN_FINDING_FAILED, what, "Databricks answered with status %ld%s", status,
               status == 200 ? ", but without a token" : "");
    }
    free(header);
    free(path);
}

size_t pn_deploy_try(const struct pn_deploy_config *config,
                     const struct pn_deploy_endpoints *endpoints, pn_finding_fn fn, void *arg)
{
    static const enum pn_deploy_key buckets[] = {PN_DEPLOY_DATA_BUCKET, PN_DEPLOY_ROOT_BUCKET,
                                                 PN_DEPLOY_DAG_BUCKET};
    struct trial trial = {.config = config, .endpoints = endpoints, .fn = fn, .arg = arg};
    pn_random_init(&trial.random, pn_entropy_u64());
    pn_buf_init(&trial.answer, ANSWER_BYTES_MAX);
    /* Keys that AWS refuses say nothing about buckets. */
    if (try_keys(&trial)) {
        for (size_t i = 0; i < sizeof buckets / sizeof *buckets; i++) {
            try_bucket(&trial, buckets[i]);
        }
    }
    try_databricks(&trial);
    pn_buf_deinit(&trial.answer);
    return trial.failures;
}
