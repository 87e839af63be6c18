#include "emulate/mysql_database.h"

#include <curl/curl.h>
#include <errmsg.h>
#include <mysqld_error.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"

enum { PORT_DEFAULT = 3306, PORT_MAX = 65535, CONNECT_TIMEOUT_S = 10, LOST_TIMEOUT_S = 86400 };

static const char url_form[] = "mysql://USER@HOST:PORT/DATABASE";

/* --- the URL ---------------------------------------------------------------------------------- */

/* One part of the URL, decoded; NULL when it's absent. */
static char *part_of(CURLU *handle, CURLUPart part, unsigned flags)
{
    char *text = NULL;
    if (curl_url_get(handle, part, &text, flags) != CURLUE_OK) {
        return NULL;
    }
    char *copy = pn_xstrdup(text);
    curl_free(text);
    return copy;
}

static int decode(const char *text, size_t len, char **value, struct pn_err *e)
{
    int decoded_len = 0;
    char *decoded = curl_easy_unescape(NULL, text, (int)len, &decoded_len);
    if (decoded == NULL || strlen(decoded) != (size_t)decoded_len) {
        curl_free(decoded);
        return pn_err_input(e, "\"%.*s\" in a database's URL cannot be decoded", (int)len, text);
    }
    free(*value);
    *value = pn_xstrdup(decoded);
    curl_free(decoded);
    return 0;
}

static int take_option(struct pn_mysql_url *url, const char *option, size_t len, struct pn_err *e)
{
    if (len == 5 && memcmp(option, "tls=1", 5) == 0) {
        url->tls = true;
        return 0;
    }
    if (len == 10 && memcmp(option, "tls=verify", 10) == 0) {
        url->tls = true;
        url->verify = true;
        return 0;
    }
    if (len > 7 && memcmp(option, "socket=", 7) == 0) {
        return decode(option + 7, len - 7, &url->socket, e);
    }
    if (len > 3 && memcmp(option, "ca=", 3) == 0) {
        return decode(option + 3, len - 3, &url->ca, e);
    }
    return pn_err_input(
        e, "unknown option \"%.*s\" of a database's URL (tls=1, tls=verify, ca=FILE, socket=PATH)",
        (int)(len < 60 ? len : 60), option);
}

static int take_options(struct pn_mysql_url *url, const char *query, struct pn_err *e)
{
    int rc = 0;
    while (query != NULL && *query != '\0' && rc == 0) {
        size_t len = strcspn(query, "&");
        rc = take_option(url, query, len, e);
        query += len + (query[len] == '&');
    }
    return rc;
}

static int take_parts(struct pn_mysql_url *url, CURLU *handle, struct pn_err *e)
{
    char *password = part_of(handle, CURLUPART_PASSWORD, 0);
    bool has_password = password != NULL;
    free(password);
    if (has_password) {
        return pn_err_input(e, "a database's URL must not contain the password, which others could "
                               "read: set PINION_MYSQL_PASSWORD, or give --password-file");
    }
    url->host = part_of(handle, CURLUPART_HOST, 0);
    url->user = part_of(handle, CURLUPART_USER, CURLU_URLDECODE);
    char *path = part_of(handle, CURLUPART_PATH, CURLU_URLDECODE);
    char *port = part_of(handle, CURLUPART_PORT, 0);
    char *query = part_of(handle, CURLUPART_QUERY, 0);
    int64_t number = PORT_DEFAULT;
    int rc = 0;
    if (url->host == NULL || url->user == NULL || url->user[0] == '\0' || path == NULL ||
        path[0] != '/' || path[1] == '\0' || strchr(path + 1, '/') != NULL ||
        (port != NULL &&
         (pn_parse_i64(port, &number, NULL) != 0 || number < 1 || number > PORT_MAX))) {
        rc = pn_err_input(e, "the URL of a database must be %s", url_form);
    }
    if (rc == 0) {
        url->port = (unsigned)number;
        url->database = pn_xstrdup(path + 1);
        url->name =
            pn_xasprintf("mysql://%s@%s:%u/%s", url->user, url->host, url->port, url->database);
        rc = take_options(url, query, e);
    }
    free(path);
    free(port);
    free(query);
    return rc;
}

int pn_mysql_url_parse(struct pn_mysql_url *url, const char *text, struct pn_err *e)
{
    *url = (struct pn_mysql_url){.host = NULL};
    if (strncmp(text, "mysql://", 8) != 0) {
        return pn_err_input(e, "\"%.60s\" is not the URL of a database (%s)", text, url_form);
    }
    CURLU *handle = curl_url();
    PN_ASSERT(handle != NULL);
    CURLUcode code = curl_url_set(handle, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
    int rc = code == CURLUE_OK ? take_parts(url, handle, e)
                               : pn_err_input(e, "the URL of a database must be %s: %s", url_form,
                                              curl_url_strerror(code));
    curl_url_cleanup(handle);
    return rc;
}

void pn_mysql_url_deinit(struct pn_mysql_url *url)
{
    free(url->host);
    free(url->user);
    free(url->database);
    free(url->socket);
    free(url->ca);
    free(url->name);
}

/* --- the connection --------------------------------------------------------------------------- */

int pn_mysql_error(const struct pn_mysql_url *url, MYSQL *mysql, struct pn_err *e)
{
    const char *hint = "";
    enum pn_class class_ = PN_CLASS_INPUT;
    switch (mysql_errno(mysql)) {
    case CR_CONNECTION_ERROR:
    case CR_CONN_HOST_ERROR:
    case CR_UNKNOWN_HOST:
    case CR_SERVER_GONE_ERROR:
    case CR_SERVER_LOST:
        class_ = PN_CLASS_RETRY;
        hint = " (is the database's server running, and are host and port right?)";
        break;
    case ER_ACCESS_DENIED_ERROR:
    case ER_ACCESS_DENIED_NO_PASSWORD_ERROR:
        hint = " (the password comes from PINION_MYSQL_PASSWORD or --password-file)";
        break;
    case ER_NO_SUCH_TABLE:
        class_ = PN_CLASS_MISSING;
        hint = " (generator.yml of the pipeline names the tables)";
        break;
    default:
        break;
    }
    return pn_err_set(e, class_, PN_FAIL, "%s: %s%s", url->name, mysql_error(mysql), hint);
}

int pn_mysql_query(const struct pn_mysql_url *url, MYSQL *mysql, const char *sql, struct pn_err *e)
{
    return mysql_query(mysql, sql) == 0 ? 0 : pn_mysql_error(url, mysql, e);
}

static void set_options(MYSQL *mysql, const struct pn_mysql_url *url)
{
    const unsigned timeout_s = CONNECT_TIMEOUT_S;
    const unsigned protocol = url->socket != NULL ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    const unsigned no_files = 0;
    const my_bool on = 1;
    (void)mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_s);
    (void)mysql_options(mysql, MYSQL_OPT_PROTOCOL, &protocol);
    (void)mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &no_files);
    (void)mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (url->tls) {
        (void)mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &on);
    }
    if (url->verify) {
        (void)mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &on);
    }
    if (url->ca != NULL) {
        (void)mysql_options(mysql, MYSQL_OPT_SSL_CA, url->ca);
    }
}

int pn_mysql_connect(const struct pn_mysql_url *url, const char *password, MYSQL **mysql,
                     struct pn_err *e)
{
    MYSQL *made = mysql_init(NULL);
    PN_ASSERT(made != NULL);
    set_options(made, url);
    int rc = 0;
    if (mysql_real_connect(made, url->socket != NULL ? NULL : url->host, url->user, password,
                           url->database, url->port, url->socket, 0) == NULL) {
        rc = pn_mysql_error(url, made, e);
    }
    if (rc == 0 && url->tls && mysql_get_ssl_cipher(made) == NULL) {
        /* The library continues unencrypted where the server has no TLS, whatever its options
         * say. */
        rc =
            pn_err_input(e, "%s: the server does not speak TLS, which the URL asks for", url->name);
    }
    if (rc == 0) {
        /* A slow reader isn't cut off, and instants don't hang on the server's place. */
        char *sql = pn_xasprintf("SET SESSION time_zone = '+00:00', net_write_timeout = %d",
                                 LOST_TIMEOUT_S);
        rc = pn_mysql_query(url, made, sql, e);
        free(sql);
    }
    if (rc == 0) {
        *mysql = made;
    } else {
        mysql_close(made);
    }
    return rc;
}
