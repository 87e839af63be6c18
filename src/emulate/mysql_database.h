/*
 * A connection to a MySQL or MariaDB server, and its values as JSON; what source_mysql.c stands on.
 *
 * URL: mysql://USER@HOST[:PORT]/DATABASE[?OPTION&...], with the options
 *   tls=1        the connection is encrypted, or fails
 *   tls=verify   and the server's certificate is checked, with
 *   ca=FILE      the certificates to check it with (the system's by default)
 *   socket=PATH  a Unix socket instead of HOST and PORT
 * A password in it is refused: command lines are readable by others.
 */
#ifndef PN_EMULATE_MYSQL_DATABASE_H
#define PN_EMULATE_MYSQL_DATABASE_H

#include <mysql.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json_writer.h"

struct pn_mysql_url {
    char *host;
    unsigned port;
    char *user;
    char *database;
    char *socket; /* NULL: by TCP */
    char *ca;     /* NULL: the system's */
    bool tls;
    bool verify;
    char *name; /* for messages: the URL without its options */
};

/* Deinit it in any case. */
int pn_mysql_url_parse(struct pn_mysql_url *url, const char *text, struct pn_err *e) PN_MUST_CHECK;
void pn_mysql_url_deinit(struct pn_mysql_url *url);

/* Close with mysql_close(). Text comes as UTF-8, times in UTC. */
int pn_mysql_connect(const struct pn_mysql_url *url, const char *password, MYSQL **mysql,
                     struct pn_err *e) PN_MUST_CHECK;
/* The error a call of `mysql` has just met; returns PN_FAIL. */
int pn_mysql_error(const struct pn_mysql_url *url, MYSQL *mysql, struct pn_err *e);
/* Runs a statement; its result, if it has one, is still to be fetched. */
int pn_mysql_query(const struct pn_mysql_url *url, MYSQL *mysql, const char *sql,
                   struct pn_err *e) PN_MUST_CHECK;

/* How a column's values become JSON. */
enum pn_mysql_form {
    PN_MYSQL_NUMBER,   /* its own digits, without leading zeros */
    PN_MYSQL_FLOAT,    /* 32 bits: the fewest digits that read back as the same */
    PN_MYSQL_BITS,     /* bytes of a number, the highest first */
    PN_MYSQL_DATETIME, /* "2018-09-03T07:12:45" */
    PN_MYSQL_TEXT,
    PN_MYSQL_BYTES, /* base64 */
    PN_MYSQL_JSON
};

enum pn_mysql_form pn_mysql_form_of(const MYSQL_FIELD *field);
/* Writes one value; NULL bytes are null. `parser` is for JSON columns. A JSON column's value that
 * is not JSON (MariaDB's check can be off) is appended as a string, and bytes of a text that are
 * not UTF-8 as U+FFFD each: *mismatch says why then, else it is "". */
enum { PN_MYSQL_MISMATCH_SIZE = 200 };
void pn_mysql_write_value(enum pn_mysql_form form, const char *bytes, size_t len,
                          struct pn_json_parser *parser, struct pn_json_writer *json,
                          char mismatch[PN_MYSQL_MISMATCH_SIZE]);

#endif
