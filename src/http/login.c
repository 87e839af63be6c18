#include "http/login.h"

#include <string.h>

#include "http/internal.h"
#include "http/rights.h"

enum { NAME_BYTES = 4 }; /* of the key's sum */

static void name_key(struct pn_http_request *req, const unsigned char *key, struct pn_http_who *who)
{
    unsigned digits = 0;
    for (size_t i = 0; i < NAME_BYTES; i++) {
        digits = digits << 8 | key[i];
    }
    who->name = pn_arena_printf(&req->arena, "key %08x", digits);
}

static void note_session(struct pn_http_request *req, const struct pn_http_session *session,
                         struct pn_http_who *who)
{
    who->csrf = pn_arena_strdup(&req->arena, session->csrf);
    who->left_ms = session->left_ms;
}

void pn_http_who(struct pn_http_request *req, struct pn_http_who *who)
{
    struct pn_http_credential credential;
    struct pn_http_session session;
    *who = (struct pn_http_who){.asks_keys = req->server->auth.required};
    if (!who->asks_keys) {
        who->grant.rights = PN_RIGHTS_ALL;
        return;
    }
    who->is_known = pn_http_rights_credential(req, &credential, &who->grant, &session);
    if (who->is_known) {
        name_key(req, credential.key, who);
    }
    if (who->is_known && credential.has_session) {
        note_session(req, &session, who);
    }
}

/* --- the cookie ------------------------------------------------------------------------------- */

static void set_cookie(struct pn_http_request *req, const char *token, int64_t age_ms)
{
    const char *cookie =
        pn_arena_printf(&req->arena, "%s=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Strict%s",
                        pn_http_rights_cookie_name(req), token, (long long)(age_ms / 1000),
                        req->server->tls != NULL ? "; Secure" : "");
    pn_http_reply_header(req, "Set-Cookie", cookie);
    pn_http_reply_header(req, "Cache-Control", "no-store");
}

/* Ends the session of the request, and tells the streams of it to look. */
static bool end_session(struct pn_http_request *req)
{
    struct pn_http_server *server = req->server;
    const char *token = pn_http_rights_cookie(req);
    if (token == NULL) {
        return false;
    }
    const struct pn_http_session_id id = pn_http_session_id_of(token);
    pn_http_sessions_close(server->sessions, &id);
    pn_http_server_credentials_changed(server);
    return true;
}

/* --- logging in and out ----------------------------------------------------------------------- */

enum pn_http_login pn_http_log_in(struct pn_http_request *req, const char *key,
                                  struct pn_http_who *who, int *wait_s)
{
    struct pn_http_server *server = req->server;
    const struct sockaddr_storage *address = &pn_http_conn_of(req)->address;
    struct pn_http_session session;
    unsigned char sum[PN_HTTP_KEY_SUM_BYTES];
    char token[PN_HTTP_SESSION_TOKEN_SIZE];
    PN_ASSERT(server->auth.required);
    *who = (struct pn_http_who){.asks_keys = true};
    int64_t wait_ms = pn_http_login_tries_wait_ms(server->login_tries, address);
    if (wait_ms > 0) {
        *wait_s = (int)(wait_ms / 1000 + 1);
        return PN_HTTP_LOGIN_TOO_MANY;
    }
    pn_http_auth_sum(key, sum);
    if (!pn_http_auth_find_sum(&server->auth, sum, &req->arena, &who->grant)) {
        pn_http_login_tries_failed(server->login_tries, address);
        return PN_HTTP_LOGIN_WRONG;
    }
    (void)end_session(req);
    pn_http_sessions_open(server->sessions, sum, token);
    const struct pn_http_session_id id = pn_http_session_id_of(token);
    if (!pn_http_sessions_use(server->sessions, &id, &session)) {
        return PN_HTTP_LOGIN_WRONG; /* the keys were read again at this moment */
    }
    who->is_known = true;
    name_key(req, sum, who);
    note_session(req, &session, who);
    set_cookie(req, token, PN_HTTP_SESSION_LIFE_MS);
    return PN_HTTP_LOGIN_DONE;
}

void pn_http_log_out(struct pn_http_request *req)
{
    if (req->server->auth.required && end_session(req)) {
        set_cookie(req, "", 0);
    }
}
