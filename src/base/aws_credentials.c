#include "base/aws_credentials.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "base/aws_endpoint.h"
#include "base/http_client.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/sigv4.h"
#include "base/time_text.h"
#include "base/xml.h"

enum {
    RENEW_BEFORE_MS = 5 * 60 * 1000,
    LOOK_AGAIN_MS = 10 * 1000, /* while those that there are hold */
    LOOK_AGAIN_SOON_MS = 1000, /* and when they do not */
    TIMEOUT_MS = 5000,
    INSTANCE_TIMEOUT_MS = 1000, /* elsewhere nobody answers */
    FILE_BYTES_MAX = 1 << 20,
    REPLY_BYTES_MAX = 1 << 16,
    HTTP_OK = 200
};

struct pn_aws_credentials {
    char *access_key; /* of the settings; "": none */
    char *secret_key;
    char *region;
    const struct pn_io *io;
    const struct pn_clock *clock;
    pthread_mutex_t lock;
    struct pn_aws_key now; /* access_key NULL: none were found yet */
    bool is_refused;       /* they are, as expired */
    bool is_of_instance;   /* where they were found */
    bool has_looked;
    int64_t looked_ms; /* by the clock that only rises */
    int rc;            /* of the last look */
    struct pn_err failure;
};

/* A place to look: 0 with *key set, or with key->access_key NULL when it has none. */
typedef int look_fn(struct pn_aws_credentials *credentials, struct pn_aws_key *key,
                    struct pn_err *e);

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

static void set_key(struct pn_aws_key *key, const char *access_key, const char *secret_key,
                    const char *session_token)
{
    *key = (struct pn_aws_key){.access_key = pn_xstrdup(access_key),
                               .secret_key = pn_xstrdup(secret_key),
                               .session_token = pn_xstrdup(session_token),
                               .expires_ms = INT64_MAX};
}

static void wipe(char **text)
{
    if (*text != NULL) {
        OPENSSL_cleanse(*text, strlen(*text));
        free(*text);
        *text = NULL;
    }
}

void pn_aws_key_deinit(struct pn_aws_key *key)
{
    wipe(&key->access_key);
    wipe(&key->secret_key);
    wipe(&key->session_token);
}

/* --- settings and environment ----------------------------------------------------------------- */

static int look_in_settings(struct pn_aws_credentials *credentials, struct pn_aws_key *key,
                            struct pn_err *e)
{
    (void)e;
    if (credentials->access_key[0] != '\0') {
        set_key(key, credentials->access_key, credentials->secret_key, "");
    }
    return 0;
}

static int look_in_environment(struct pn_aws_credentials *credentials, struct pn_aws_key *key,
                               struct pn_err *e)
{
    (void)credentials;
    const char *access_key = variable("AWS_ACCESS_KEY_ID");
    const char *secret_key = variable("AWS_SECRET_ACCESS_KEY");
    if (access_key[0] == '\0') {
        return 0;
    }
    if (secret_key[0] == '\0') {
        return pn_err_input(e, "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not: set "
                               "both, or neither");
    }
    set_key(key, access_key, secret_key, variable("AWS_SESSION_TOKEN"));
    return 0;
}

/* --- the profile's file ----------------------------------------------------------------------- */

struct profile {
    const char *name;
    bool inside;
    char *access_key;
    char *secret_key;
    char *session_token;
};

static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r", text[len - 1]) != NULL) {
        text[--len] = '\0';
    }
    return text;
}

static void take_line(struct profile *profile, char *line)
{
    line = trim(line);
    size_t len = strlen(line);
    if (line[0] == '[' && len > 1 && line[len - 1] == ']') {
        line[len - 1] = '\0';
        profile->inside = strcmp(trim(line + 1), profile->name) == 0;
        return;
    }
    char *equals = strchr(line, '=');
    if (!profile->inside || line[0] == '#' || line[0] == ';' || equals == NULL) {
        return;
    }
    *equals = '\0';
    const struct {
        const char *name;
        char **value;
    } members[] = {{"aws_access_key_id", &profile->access_key},
                   {"aws_secret_access_key", &profile->secret_key},
                   {"aws_session_token", &profile->session_token}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (strcasecmp(trim(line), members[i].name) == 0) {
            *members[i].value = trim(equals + 1);
        }
    }
}

static int look_in_profile(struct pn_aws_credentials *credentials, struct pn_aws_key *key,
                           struct pn_err *e)
{
    const char *given = variable("AWS_SHARED_CREDENTIALS_FILE");
    const char *name = variable("AWS_PROFILE");
    struct profile profile = {.name = name[0] != '\0' ? name : "default"};
    char *path = given[0] != '\0' ? pn_xstrdup(given)
                                  : pn_xasprintf("%s/.aws/credentials", variable("HOME"));
    struct pn_buf text;
    int rc = 0;
    pn_buf_init(&text, FILE_BYTES_MAX);
    if (!pn_io_exists(credentials->io, path)) {
        if (given[0] != '\0' || name[0] != '\0') {
            rc = pn_err_input(e,
                              "the credentials file %s does not exist, which AWS_PROFILE or "
                              "AWS_SHARED_CREDENTIALS_FILE asks for",
                              path);
        }
        goto out;
    }
    rc = pn_io_read_file(credentials->io, path, &text, e);
    if (rc != 0 || text.len == 0) {
        goto out;
    }
    char *rest = NULL;
    for (char *line = strtok_r(text.data, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        take_line(&profile, line);
    }
    if (profile.access_key != NULL && profile.secret_key != NULL) {
        set_key(key, profile.access_key, profile.secret_key,
                profile.session_token != NULL ? profile.session_token : "");
    } else if (name[0] != '\0') {
        rc = pn_err_input(e,
                          "%s has no aws_access_key_id and aws_secret_access_key in the profile "
                          "'%s', which AWS_PROFILE names",
                          path, name);
    }
out:
    if (text.data != NULL) {
        OPENSSL_cleanse(text.data, text.len);
    }
    pn_buf_deinit(&text);
    free(path);
    return rc;
}

/* --- places that are asked by HTTP ------------------------------------------------------------ */

/* One request; another status than 200 is an error of class RETRY that names the place. */
static int ask(const char *what, const char *method, const char *url, const char *header,
               int64_t timeout_ms, struct pn_buf *reply, struct pn_err *e)
{
    const struct pn_http_client_config config = {
        .url = url, .timeout_ms = timeout_ms, .is_foreign = true};
    const char *const headers[] = {header, NULL};
    const struct pn_http_client_request request = {
        .method = method, .path = "", .headers = header != NULL ? headers : NULL};
    struct pn_http_client *client = pn_http_client_create(&config);
    long status = 0;
    int rc = pn_http_client_send(client, &request, &status, reply, e);
    if (rc == 0 && status != HTTP_OK) {
        rc = pn_err_set(e, status >= 500 ? PN_CLASS_RETRY : PN_CLASS_INPUT, PN_FAIL,
                        "%s answered %ld for credentials", what, status);
    }
    pn_http_client_destroy(&client);
    return rc;
}

static const char *member(const struct pn_json *root, const char *name, struct pn_arena *arena)
{
    const char *text = "";
    size_t len = 0;
    return pn_json_get_text(root, name, &text, &len) ? pn_arena_strndup(arena, text, len) : "";
}

/* {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"} */
static int read_json(const char *what, struct pn_buf *reply, struct pn_aws_key *key,
                     struct pn_err *e)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    struct pn_arena arena;
    int rc = 0;
    pn_arena_init(&arena, 0);
    bool is_json =
        pn_json_parse(parser, pn_buf_text(reply), reply->len, reply->len, &root, NULL) == 0;
    const char *access_key = is_json ? member(root, "AccessKeyId", &arena) : "";
    const char *expires = is_json ? member(root, "Expiration", &arena) : "";
    if (access_key[0] != '\0') {
        set_key(key, access_key, member(root, "SecretAccessKey", &arena),
                member(root, "Token", &arena));
        if (expires[0] != '\0' && !pn_time_parse_ms(expires, &key->expires_ms)) {
            key->expires_ms = INT64_MAX;
        }
    } else {
        rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "%s answered without an AccessKeyId", what);
    }
    pn_arena_deinit(&arena);
    pn_json_parser_destroy(&parser);
    return rc;
}

static int look_in_container(struct pn_aws_credentials *credentials, struct pn_aws_key *key,
                             struct pn_err *e)
{
    const char *relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    const char *token_file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    if (relative[0] == '\0' && full[0] == '\0') {
        return 0;
    }
    struct pn_buf reply;
    struct pn_buf token;
    pn_buf_init(&reply, REPLY_BYTES_MAX);
    pn_buf_init(&token, REPLY_BYTES_MAX);
    char *url =
        relative[0] != '\0' ? pn_xasprintf("http://169.254.170.2%s", relative) : pn_xstrdup(full);
    char *header = NULL;
    int rc = 0;
    if (token_file[0] != '\0') {
        rc = pn_io_read_file(credentials->io, token_file, &token, e);
    } else {
        pn_buf_adds(&token, variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"));
    }
    if (rc == 0 && token.len > 0) {
        token.data[strcspn(token.data, "\r\n")] = '\0';
        header = pn_xasprintf("Authorization: %s", token.data);
    }
    if (rc == 0) {
        rc = ask("the container's endpoint", "GET", url, header, TIMEOUT_MS, &reply, e);
    }
    if (rc == 0) {
        rc = read_json("the container's endpoint", &reply, key, e);
    }
    free(header);
    free(url);
    pn_buf_deinit(&token);
    pn_buf_deinit(&reply);
    return rc;
}

static const char *instance_endpoint(void)
{
    const char *given = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    return given[0] != '\0' ? given : "http://169.254.169.254";
}

/* A token, the role's name, its credentials. A machine that does not answer has none. */
static int look_in_instance(struct pn_aws_credentials *credentials, struct pn_aws_key *key,
                            struct pn_err *e)
{
    static const char what[] = "the instance's metadata service";
    struct pn_err why = {0};
    if (strcasecmp(variable("AWS_EC2_METADATA_DISABLED"), "true") == 0) {
        return 0;
    }
    struct pn_buf reply;
    pn_buf_init(&reply, REPLY_BYTES_MAX);
    char *url = pn_xasprintf("%s/latest/api/token", instance_endpoint());
    char *header = NULL;
    int rc = ask(what, "PUT", url, "X-aws-ec2-metadata-token-ttl-seconds: 21600",
                 INSTANCE_TIMEOUT_MS, &reply, &why);
    free(url);
    if (rc != 0) {
        pn_buf_deinit(&reply);
        pn_err_copy(e, credentials->is_of_instance ? &why : NULL);
        return credentials->is_of_instance ? rc : 0; /* elsewhere there is none */
    }
    header = pn_xasprintf("X-aws-ec2-metadata-token: %s", pn_buf_text(&reply));
    pn_buf_reset(&reply);
    url = pn_xasprintf("%s/latest/meta-data/iam/security-credentials/", instance_endpoint());
    rc = ask(what, "GET", url, header, TIMEOUT_MS, &reply, e);
    if (rc == 0) {
        reply.data[strcspn(pn_buf_text(&reply), "\r\n")] = '\0';
        char *of_role = pn_xasprintf("%s%s", url, pn_buf_text(&reply));
        pn_buf_reset(&reply);
        rc = ask(what, "GET", of_role, header, TIMEOUT_MS, &reply, e);
        free(of_role);
    }
    if (rc == 0) {
        rc = read_json(what, &reply, key, e);
    }
    free(url);
    free(header);
    pn_buf_deinit(&reply);
    return rc;
}

static void take_element(void *arg, const char *parent, const char *name, const char *text)
{
    struct pn_aws_key *key = arg;
    if (strcmp(parent, "Credentials") != 0) {
        return;
    }
    if (strcmp(name, "Expiration") == 0) {
        if (!pn_time_parse_ms(text, &key->expires_ms)) {
            key->expires_ms = INT64_MAX;
        }
        return;
    }
    char **member = strcmp(name, "AccessKeyId") == 0       ? &key->access_key
                    : strcmp(name, "SecretAccessKey") == 0 ? &key->secret_key
                    : strcmp(name, "SessionToken") == 0    ? &key->session_token
                                                           : NULL;
    if (member != NULL) {
        free(*member);
        *member = pn_xstrdup(text);
    }
}

static int look_by_web_identity(struct pn_aws_credentials *credentials, struct pn_aws_key *key,
                                struct pn_err *e)
{
    const char *file = variable("AWS_WEB_IDENTITY_TOKEN_FILE");
    const char *role = variable("AWS_ROLE_ARN");
    const char *endpoint = variable("AWS_ENDPOINT_URL_STS");
    if (file[0] == '\0' || role[0] == '\0') {
        return 0;
    }
    struct pn_buf token;
    struct pn_buf query;
    struct pn_buf reply;
    pn_buf_init(&token, REPLY_BYTES_MAX);
    pn_buf_init(&query, 4 * REPLY_BYTES_MAX);
    pn_buf_init(&reply, REPLY_BYTES_MAX);
    int rc = pn_io_read_file(credentials->io, file, &token, e);
    if (rc == 0) {
        char *own = pn_aws_endpoint("sts", credentials->region);
        pn_buf_adds(&query, endpoint[0] != '\0' ? endpoint : own);
        free(own);
        pn_buf_adds(&query, "/?Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=");
        pn_sigv4_encode(&query, role, false);
        pn_buf_adds(&query, "&RoleSessionName=");
        const char *session = variable("AWS_ROLE_SESSION_NAME");
        pn_sigv4_encode(&query, session[0] != '\0' ? session : "pinion", false);
        pn_buf_adds(&query, "&WebIdentityToken=");
        token.data[strcspn(pn_buf_text(&token), "\r\n")] = '\0';
        pn_sigv4_encode(&query, pn_buf_text(&token), false);
        rc = ask("STS", "GET", pn_buf_text(&query), NULL, TIMEOUT_MS, &reply, e);
    }
    struct pn_aws_key found = {.expires_ms = INT64_MAX};
    if (rc == 0) {
        rc = pn_xml_each(pn_buf_text(&reply), reply.len, take_element, &found, e);
    }
    if (rc == 0 &&
        (found.access_key == NULL || found.secret_key == NULL || found.session_token == NULL)) {
        rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "STS answered without credentials");
    }
    if (rc == 0) {
        *key = found;
    } else {
        pn_aws_key_deinit(&found);
    }
    pn_buf_deinit(&token);
    pn_buf_deinit(&query);
    pn_buf_deinit(&reply);
    return rc;
}

/* --- all of them ------------------------------------------------------------------------------ */

static int look(struct pn_aws_credentials *credentials, struct pn_aws_key *key, struct pn_err *e)
{
    static look_fn *const places[] = {look_in_settings, look_in_environment, look_by_web_identity,
                                      look_in_profile,  look_in_container,   look_in_instance};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int rc = places[i](credentials, key, e);
        if (rc == 0 && key->access_key != NULL) {
            credentials->is_of_instance = places[i] == look_in_instance;
        }
        if (rc != 0 || key->access_key != NULL) {
            return rc;
        }
    }
    return pn_err_input(e, "there are no AWS credentials: set AWS_ACCESS_KEY_ID and "
                           "AWS_SECRET_ACCESS_KEY, or write them to ~/.aws/credentials");
}

struct pn_aws_credentials *pn_aws_credentials_create(const struct pn_aws_credentials_config *config)
{
    struct pn_aws_credentials *made = pn_xcalloc(1, sizeof *made);
    made->access_key = pn_xstrdup(config->access_key != NULL ? config->access_key : "");
    made->secret_key = pn_xstrdup(config->secret_key != NULL ? config->secret_key : "");
    made->region = pn_xstrdup(config->region);
    made->io = config->io;
    made->clock = config->clock;
    pthread_mutex_init(&made->lock, NULL);
    return made;
}

void pn_aws_credentials_destroy(struct pn_aws_credentials **credentials)
{
    struct pn_aws_credentials *gone = *credentials;
    if (gone == NULL) {
        return;
    }
    pn_aws_key_deinit(&gone->now);
    free(gone->access_key);
    wipe(&gone->secret_key);
    free(gone->region);
    pthread_mutex_destroy(&gone->lock);
    free(gone);
    *credentials = NULL;
}

/* Do those that there are hold? */
static bool holds(const struct pn_aws_credentials *credentials)
{
    const struct pn_aws_key *now = &credentials->now;
    return now->access_key != NULL && !credentials->is_refused &&
           now->expires_ms > pn_wall_ms(credentials->clock);
}

/* Are others to be looked for? Not with each request: a place that does not answer, or has no
 * others yet, would hold all of them up. */
static bool is_due(const struct pn_aws_credentials *credentials)
{
    const struct pn_aws_key *now = &credentials->now;
    int64_t since_ms = pn_mono_ms(credentials->clock) - credentials->looked_ms;
    if (holds(credentials) && now->expires_ms - RENEW_BEFORE_MS >= pn_wall_ms(credentials->clock)) {
        return false;
    }
    return !credentials->has_looked ||
           since_ms >= (holds(credentials) ? LOOK_AGAIN_MS : LOOK_AGAIN_SOON_MS);
}

static void renew(struct pn_aws_credentials *credentials)
{
    struct pn_aws_key found = {.expires_ms = INT64_MAX};
    credentials->failure = (struct pn_err){0};
    credentials->rc = look(credentials, &found, &credentials->failure);
    credentials->has_looked = true;
    credentials->looked_ms = pn_mono_ms(credentials->clock);
    if (credentials->rc == 0) {
        pn_aws_key_deinit(&credentials->now);
        credentials->now = found;
        credentials->is_refused = false;
    }
}

int pn_aws_credentials_get(struct pn_aws_credentials *credentials, struct pn_aws_key *key,
                           struct pn_err *e)
{
    const struct pn_aws_key *now = &credentials->now;
    pthread_mutex_lock(&credentials->lock);
    if (is_due(credentials)) {
        renew(credentials);
    }
    int rc = holds(credentials) ? 0 : credentials->rc;
    if (rc == 0) {
        set_key(key, now->access_key, now->secret_key, now->session_token);
        key->expires_ms = now->expires_ms;
    } else {
        pn_err_copy(e, &credentials->failure);
    }
    pthread_mutex_unlock(&credentials->lock);
    return rc;
}

void pn_aws_credentials_expire(struct pn_aws_credentials *credentials)
{
    pthread_mutex_lock(&credentials->lock);
    credentials->is_refused = true;
    pthread_mutex_unlock(&credentials->lock);
}
