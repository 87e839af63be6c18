#include "server/announcement.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/json_writer.h"
#include "base/mem.h"

enum { SERVER_FILE_BYTES_MAX = 4096 };

int pn_announcement_make(const struct pn_app *app, const char *url, int *lock_fd, struct pn_err *e)
{
    char *lock_path = pn_app_path(app, "server.lock");
    int rc = pn_io_lock_announced(app->io, lock_path, lock_fd, e);
    free(lock_path);
    if (rc != 0) {
        return rc;
    }
    struct pn_buf text;
    pn_buf_init(&text, SERVER_FILE_BYTES_MAX);
    struct pn_json_writer json;
    pn_json_writer_init(&json, &text);
    pn_json_put_object(&json);
    pn_json_add_i64(&json, "pid", getpid());
    pn_json_add_cstr(&json, "url", url);
    pn_json_end(&json);
    pn_json_end_line(&json);
    char *path = pn_app_path(app, "server.json");
    rc = pn_io_replace_file(app->io, path, text.data, text.len, e);
    free(path);
    pn_buf_deinit(&text);
    return rc;
}

void pn_announcement_withdraw(const struct pn_app *app, int *lock_fd)
{
    if (*lock_fd < 0) {
        return;
    }
    char *path = pn_app_path(app, "server.json");
    int ignored = pn_io_unlink(app->io, path, NULL);
    (void)ignored;
    free(path);
    pn_io_close(app->io, lock_fd);
}

/* The announcement may outlive its server, and the number of a process may be another's by then, or
 * have its meaning in a container only: a lock ends with its holder. */
int pn_announcement_is_true(const struct pn_io *io, const char *data, bool *lives, struct pn_err *e)
{
    char *path = pn_xasprintf("%s/server.lock", data);
    int rc = pn_io_is_locked(io, path, lives, e);
    free(path);
    return rc;
}

int pn_announcement_read(const struct pn_io *io, const char *data, char **url, struct pn_err *e)
{
    char *path = pn_xasprintf("%s/server.json", data);
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    struct pn_buf text;
    pn_buf_init(&text, SERVER_FILE_BYTES_MAX);
    struct pn_err failure = {0};
    int rc = pn_io_read_file(io, path, &text, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        rc = 0;
        goto out;
    }
    if (rc == 0) {
        rc = pn_json_parse(parser, pn_buf_text(&text), text.len, text.len, &root, &failure);
    }
    if (rc != 0) {
        pn_err_copy(e, &failure);
        pn_err_prefix(e, "%s", path);
        goto out;
    }
    bool lives = false;
    rc = pn_announcement_is_true(io, data, &lives, e);
    if (lives) {
        *url = pn_json_dup(pn_json_get(root, "url"));
    }
out:
    pn_buf_deinit(&text);
    pn_json_parser_destroy(&parser);
    free(path);
    return rc;
}
