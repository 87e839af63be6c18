#include "cli/query_input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int read_stdin(struct pn_buf *sql, struct pn_err *e)
{
    char piece[4096];
    size_t got = 0;
    while ((got = fread(piece, 1, sizeof piece, stdin)) > 0 && !pn_buf_failed(sql)) {
        pn_buf_add(sql, piece, got);
    }
    if (ferror(stdin)) {
        return pn_err_errno(e, errno, "cannot read standard input");
    }
    return pn_buf_check(sql, "the query on standard input", e);
}

int pn_cli_read_query(const struct pn_io *io, const char *path, struct pn_buf *sql,
                      struct pn_err *e)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int rc = is_stdin ? read_stdin(sql, e) : pn_io_read_file(io, path, sql, e);
    if (rc != 0) {
        return rc;
    }
    const char *text = pn_buf_text(sql);
    const char *name = is_stdin ? "standard input" : path;
    if (memchr(text, '\0', sql->len) != NULL) {
        return pn_err_input(e, "%s has a NUL byte, so it is not SQL", name);
    }
    if (text[strspn(text, " \t\r\n;")] == '\0') {
        return pn_err_input(e, "%s has no query", name);
    }
    return 0;
}
