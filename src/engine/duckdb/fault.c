/*
 * What DuckDB says of a failure, as an error of ours. On the instance of queries its messages are
 * JSON, with the place in the statement and the names that may have been meant; elsewhere they are
 * text, with the line below the message.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/duckdb/private.h"

static const char OUT_OF_MEMORY[] = "Out of Memory Error";

enum { MESSAGE_BYTES_MAX = 700 }; /* what is kept of DuckDB's, of the 1,023 of an error's */

/* DuckDB's message up to the statement's text, as one line: the lines below the first say what the
 * name may have been. */
static size_t one_line(const char *message, char line[MESSAGE_BYTES_MAX + 1])
{
    const char *end = strstr(message, "\nLINE ");
    size_t len = end != NULL ? (size_t)(end - message) : strlen(message);
    size_t at = 0;
    for (size_t i = 0; i < len && at < MESSAGE_BYTES_MAX; i++) {
        bool blank = strchr(" \t\r\n", message[i]) != NULL;
        if (!blank) {
            line[at++] = message[i];
        } else if (at > 0 && line[at - 1] != ' ') {
            line[at++] = ' ';
        }
    }
    while (at > 0 && line[at - 1] == ' ') {
        at--;
    }
    line[at] = '\0';
    return at;
}

/* DuckDB names the line below its message: "LINE 3: SELECT ...". Returns 0 when it doesn't. */
static long line_in(const char *message)
{
    const char *at = strstr(message, "\nLINE ");
    return at == NULL ? 0 : strtol(at + strlen("\nLINE "), NULL, 10);
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* What the system refuses for a while, as pn_err_errno() has it. */
static bool is_passing(const char *message)
{
    static const char *const reasons[] = {"No space left",          "Disk quota exceeded",
                                          "Too many open files",    "Cannot allocate memory",
                                          "Read-only file system",  "Permission denied",
                                          "Operation not permitted"};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (strstr(message, reasons[i]) != NULL) {
            return true;
        }
    }
    return false;
}

bool pn_duckdb_is_invalidated(const char *message)
{
    return starts_with(message, "FATAL Error") &&
           strstr(message, "database has been invalidated") != NULL;
}

bool pn_duckdb_out_of_memory(const struct pn_err *e)
{
    return e->class_ == PN_CLASS_FATAL && strstr(e->msg, OUT_OF_MEMORY) != NULL;
}

/* --- messages in JSON --------------------------------------------------------------------------
 */

static const char JSON_START[] = "{\"exception_type\":";

/* The place of a byte of the statement, in lines and characters. */
static void find_place(const char *sql, int64_t byte, struct pn_sql_fault *fault)
{
    fault->byte = byte;
    fault->line = 1;
    fault->column = 1;
    for (int64_t i = 0; i < byte && sql[i] != '\0'; i++) {
        unsigned char c = (unsigned char)sql[i];
        if (c == '\n') {
            fault->line++;
            fault->column = 1;
        } else {
            fault->column += (c & 0xc0) != 0x80; /* the other bytes of a character of UTF-8 */
        }
    }
}

static void read_fault(const struct pn_json *root, const char *sql, struct pn_sql_fault *fault)
{
    const char *text = NULL;
    size_t len = 0;
    if (pn_json_get_text(root, "candidates", &text, &len)) {
        (void)snprintf(fault->candidates, sizeof fault->candidates, "%.*s", (int)len, text);
    }
    if (sql != NULL && pn_json_get_text(root, "position", &text, &len)) {
        char *digits = pn_xstrndup(text, len);
        char *end = NULL;
        long long byte = strtoll(digits, &end, 10);
        if (*end == '\0' && byte >= 0 && (size_t)byte <= strlen(sql)) {
            find_place(sql, byte, fault);
        }
        free(digits);
    }
}

/* The message in the form that it has as text; NULL when it is not JSON. Caller frees. */
static char *as_text(const char *message, const char *sql, struct pn_sql_fault *fault)
{
    const char *start = strstr(message, JSON_START);
    if (start == NULL) {
        return NULL;
    }
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    const char *kind = NULL;
    const char *said = NULL;
    size_t kind_len = 0;
    size_t said_len = 0;
    char *text = NULL;
    size_t len = strlen(start);
    if (pn_json_parse(parser, start, len, len, &root, NULL) == 0 &&
        pn_json_get_text(root, "exception_type", &kind, &kind_len) &&
        pn_json_get_text(root, "exception_message", &said, &said_len)) {
        text = pn_xasprintf("%.*s Error: %.*s", (int)kind_len, kind, (int)said_len, said);
        read_fault(root, sql, fault);
    }
    pn_json_parser_destroy(&parser);
    return text;
}

/* --- all -------------------------------------------------------------------------------------- */

static enum pn_class class_of(const char *message, const char **advice)
{
    *advice = "";
    if (starts_with(message, OUT_OF_MEMORY)) {
        *advice = " (raise the setting engine.memory_bytes_max)";
        return PN_CLASS_FATAL;
    }
    if (starts_with(message, "IO Error")) {
        return is_passing(message) ? PN_CLASS_RETRY : PN_CLASS_FATAL;
    }
    if (pn_duckdb_is_invalidated(message)) {
        return PN_CLASS_RETRY;
    }
    bool broken = starts_with(message, "INTERNAL Error") || starts_with(message, "FATAL Error");
    return broken ? PN_CLASS_FATAL : PN_CLASS_INPUT;
}

int pn_duckdb_fail_in(struct pn_err *e, const char *message, const struct pn_duckdb_said *said)
{
    struct pn_sql_fault fault = {.byte = -1};
    char text[MESSAGE_BYTES_MAX + 1];
    const char *advice = NULL;
    if (message == NULL) {
        message = "DuckDB failed without a message";
    }
    char *plain = as_text(message, said != NULL ? said->sql : NULL, &fault);
    message = plain != NULL ? plain : message;
    const char *cut = one_line(message, text) == MESSAGE_BYTES_MAX ? "..." : "";
    long line = plain != NULL ? (long)fault.line : line_in(message);
    enum pn_class class_ = class_of(message, &advice);
    free(plain);
    if (said != NULL && said->fault != NULL) {
        *said->fault = fault;
    }
    if (line > 0) {
        return pn_err_set(e, class_, PN_FAIL, "%s%s (line %ld)%s", text, cut, line, advice);
    }
    return pn_err_set(e, class_, PN_FAIL, "%s%s%s", text, cut, advice);
}

void pn_duckdb_blame(struct pn_err *e, const char *sql_file, const char *table)
{
    if (e != NULL && starts_with(e->msg, "IO Error")) {
        pn_err_prefix(e, "table '%s'", table);
    } else {
        pn_err_prefix(e, "%s", sql_file);
    }
}

int pn_duckdb_fail(struct pn_err *e, const char *message)
{
    return pn_duckdb_fail_in(e, message, NULL);
}
