/* Credentials: a personal access token, or a client's, for which the workspace gives a token. */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/base64.h"
#include "base/mem.h"
#include "engine/spark/databricks/private.h"

enum {
    SECRET_BYTES_MAX = 64 << 10,
    RENEW_BEFORE_MS = 5 * 60 * 1000,
    RENEW_PART = 4 /* of a short life: the last quarter */
};

struct pn_databricks_login {
    const struct pn_databricks_config *config;
    char *authorization; /* NULL: there is none yet */
    int64_t renew_ms;    /* by the clock that only rises; INT64_MAX: it does not expire */
};

static void wipe(char **text)
{
    if (*text != NULL) {
        OPENSSL_cleanse(*text, strlen(*text));
        free(*text);
        *text = NULL;
    }
}

struct pn_databricks_login *pn_databricks_login_create(const struct pn_databricks_config *config)
{
    struct pn_databricks_login *made = pn_xcalloc(1, sizeof *made);
    made->config = config;
    return made;
}

void pn_databricks_login_destroy(struct pn_databricks_login **login)
{
    if (*login != NULL) {
        wipe(&(*login)->authorization);
        free(*login);
        *login = NULL;
    }
}

void pn_databricks_login_expire(struct pn_databricks_login *login)
{
    wipe(&login->authorization);
}

/* --- where the secret is ---------------------------------------------------------------------- */

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

/* "": there is no client, and the secret is a personal access token. */
static const char *client_of(const struct pn_databricks_config *config)
{
    bool is_token = config->secret[0] != '\0' || config->secret_file[0] != '\0';
    return config->client_id[0] != '\0' || is_token ? config->client_id
                                                    : variable("DATABRICKS_CLIENT_ID");
}

static int read_secret_file(const struct pn_databricks_config *config, char **secret,
                            struct pn_err *e)
{
    struct pn_buf text;
    pn_buf_init(&text, SECRET_BYTES_MAX);
    int rc = pn_io_read_file(config->io, config->secret_file, &text, e);
    if (rc == 0) {
        *secret = pn_xstrndup(pn_buf_text(&text), strcspn(pn_buf_text(&text), "\r\n"));
        OPENSSL_cleanse(text.data, text.len);
    } else {
        pn_err_prefix(e, "spark.secret_file");
    }
    pn_buf_deinit(&text);
    return rc;
}

/* *secret is the caller's, to be wiped. */
static int find_secret(const struct pn_databricks_config *config, const char *client, char **secret,
                       struct pn_err *e)
{
    int rc = 0;
    if (config->secret[0] != '\0') {
        *secret = pn_xstrdup(config->secret);
    } else if (config->secret_file[0] != '\0') {
        rc = read_secret_file(config, secret, e);
    } else {
        *secret = pn_xstrdup(
            variable(client[0] != '\0' ? "DATABRICKS_CLIENT_SECRET" : "DATABRICKS_TOKEN"));
    }
    if (rc != 0 || ((*secret)[0] != '\0' && strpbrk(*secret, "\r\n") == NULL)) {
        return rc;
    }
    return pn_err_input(e, "there are no credentials for Databricks: set spark.client_id and "
                           "spark.secret_file (or spark.secret), or DATABRICKS_CLIENT_ID and "
                           "DATABRICKS_CLIENT_SECRET, or DATABRICKS_TOKEN");
}

/* --- a token ---------------------------------------------------------------------------------- */

static enum pn_databricks_verdict take_token(struct pn_databricks_login *login,
                                             const struct pn_buf *reply, int64_t now_ms,
                                             struct pn_err *e)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    char *token = NULL;
    if (pn_json_parse(parser, pn_buf_text(reply), reply->len, reply->len, &root, NULL) == 0) {
        token = pn_json_dup(pn_json_get(root, "access_token"));
    }
    if (token != NULL) {
        int64_t life_ms = pn_json_get_i64(root, "expires_in", 0) * 1000;
        int64_t before_ms =
            life_ms / RENEW_PART < RENEW_BEFORE_MS ? life_ms / RENEW_PART : RENEW_BEFORE_MS;
        login->authorization = pn_xasprintf("Bearer %s", token);
        login->renew_ms = now_ms + life_ms - before_ms;
    }
    pn_json_parser_destroy(&parser);
    wipe(&token);
    if (login->authorization != NULL) {
        return PN_DATABRICKS_DONE;
    }
    (void)pn_err_input(e, "the reply to POST /oidc/v1/token has no token: does spark.workspace "
                          "name a workspace of Databricks?");
    return PN_DATABRICKS_NEVER;
}

static enum pn_databricks_verdict log_in(struct pn_databricks_login *login, const char *workspace,
                                         const char *client, const char *secret,
                                         struct pn_databricks_lines *lines,
                                         struct pn_course *course,
                                         struct pn_databricks_exchange *exchange, struct pn_err *e)
{
    struct pn_buf basic;
    char *pair = pn_xasprintf("%s:%s", client, secret);
    char *url = pn_xasprintf("%s/oidc/v1/token", workspace);
    pn_buf_init(&basic, (size_t)4 * SECRET_BYTES_MAX);
    pn_buf_adds(&basic, "Basic ");
    pn_base64_encode(&basic, pair, strlen(pair));
    *exchange = (struct pn_databricks_exchange){
        .method = "POST",
        .url = url,
        .authorization = pn_buf_text(&basic),
        .content_type = "application/x-www-form-urlencoded",
        .body = "grant_type=client_credentials&scope=all-apis",
        .reply = exchange->reply,
    };
    int64_t now_ms = pn_mono_ms(course->clock); /* its life began later than this */
    pn_databricks_exchange(lines, exchange, course);
    enum pn_databricks_verdict verdict =
        pn_databricks_judge(exchange, workspace, "POST /oidc/v1/token", e);
    if (verdict == PN_DATABRICKS_DONE) {
        verdict = take_token(login, &exchange->reply, now_ms, e);
    }
    if (exchange->reply.len > 0) {
        OPENSSL_cleanse(exchange->reply.data, exchange->reply.len);
    }
    OPENSSL_cleanse(basic.data, basic.len);
    pn_buf_deinit(&basic);
    wipe(&pair);
    free(url);
    return verdict;
}

enum pn_databricks_verdict pn_databricks_login_get(struct pn_databricks_login *login,
                                                   const char *workspace,
                                                   struct pn_databricks_lines *lines,
                                                   struct pn_course *course,
                                                   struct pn_databricks_exchange *exchange,
                                                   const char **authorization, struct pn_err *e)
{
    enum pn_databricks_verdict verdict = PN_DATABRICKS_DONE;
    if (login->authorization != NULL && pn_mono_ms(course->clock) >= login->renew_ms) {
        wipe(&login->authorization);
    }
    if (login->authorization == NULL) {
        const char *client = client_of(login->config);
        char *secret = NULL;
        if (find_secret(login->config, client, &secret, e) != 0) {
            verdict = PN_DATABRICKS_NEVER;
        } else if (client[0] != '\0') {
            verdict = log_in(login, workspace, client, secret, lines, course, exchange, e);
        } else {
            login->authorization = pn_xasprintf("Bearer %s", secret);
            login->renew_ms = INT64_MAX;
        }
        wipe(&secret);
    }
    *authorization = login->authorization;
    return verdict;
}
