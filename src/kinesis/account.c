/* What belongs to the account: a small JSON text in a file, or in the ledger. */
#include <stdlib.h>

#include "base/checked_file.h"
#include "base/json.h"
#include "base/mem.h"
#include "kinesis/internal.h"

enum { ACCOUNT_BYTES_MAX = 1024 * 1024, ACCOUNT_FILE_BYTES_MAX = ACCOUNT_BYTES_MAX + 1024 };

/* Takes the settings out of the file's text: an older file is nothing but them. */
static int take_account(const struct pn_buf *text, bool is_old, const char *path,
                        struct pn_buf *out, struct pn_err *e)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    int rc = pn_json_parse(parser, pn_buf_text(text), text->len, text->len, &root, NULL);
    const struct pn_json *account = rc == 0 && !is_old ? pn_json_get(root, "account") : root;
    if (rc == 0 && account != NULL) {
        pn_buf_add(out, account->raw, account->raw_len);
    } else {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                        "%s is damaged. Restore it from a backup, or remove it; the account's "
                        "settings are then those of a new account",
                        path);
    }
    pn_json_parser_destroy(&parser);
    return rc;
}

static int read_account(struct pn_kinesis *kinesis, struct pn_buf *out, struct pn_err *e)
{
    struct pn_err why;
    struct pn_buf text;
    bool is_old = false;
    char *path = pn_xasprintf("%s/account.json", kinesis->config.folder);
    pn_buf_init(&text, ACCOUNT_FILE_BYTES_MAX);
    int rc = pn_checked_file_read(kinesis->io, path, "{", &text, &is_old, &why);
    if (rc == 0) {
        rc = take_account(&text, is_old, path, out, &why);
    } else if (why.class_ == PN_CLASS_MISSING) {
        rc = 0;
    }
    if (rc != 0) {
        rc = pn_kinesis_internal(e, &why);
    }
    pn_buf_deinit(&text);
    free(path);
    return rc;
}

int pn_kinesis_account(struct pn_kinesis *kinesis, struct pn_buf *out, struct pn_err *e)
{
    size_t before = out->len;
    int rc = kinesis->ledger != NULL ? pn_shared_account(kinesis, out, e)
                                     : read_account(kinesis, out, e);
    if (rc == 0 && out->len == before) {
        pn_buf_adds(out, "{}");
    }
    return rc;
}

/* The settings as a file that says whether it is whole. */
static int store_account(struct pn_kinesis *kinesis, const char *json, size_t len, struct pn_err *e)
{
    struct pn_buf text;
    char *path = pn_xasprintf("%s/account.json", kinesis->config.folder);
    pn_buf_init(&text, ACCOUNT_FILE_BYTES_MAX);
    struct pn_json_writer writer;
    pn_json_writer_init(&writer, &text);
    pn_checked_begin(&writer);
    pn_json_add_raw(&writer, "account", json, len);
    pn_checked_end(&writer);
    int rc = pn_buf_check(&text, path, e);
    if (rc == 0) {
        rc = pn_io_replace_file(kinesis->io, path, text.data, text.len, e);
    }
    pn_buf_deinit(&text);
    free(path);
    return rc;
}

int pn_kinesis_account_set(struct pn_kinesis *kinesis, const char *json, size_t len,
                           struct pn_err *e)
{
    struct pn_err why;
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    int rc = 0;
    if (len > ACCOUNT_BYTES_MAX) {
        rc = pn_err_input(&why, "the account's settings are larger than %d bytes",
                          (int)ACCOUNT_BYTES_MAX);
    } else {
        rc = pn_json_parse(parser, json, len, len, &root, &why);
    }
    if (rc == 0) {
        pthread_mutex_lock(&kinesis->admin_lock);
        rc = kinesis->ledger != NULL ? pn_shared_account_set(kinesis, json, len, &why)
                                     : store_account(kinesis, json, len, &why);
        pthread_mutex_unlock(&kinesis->admin_lock);
    }
    if (rc != 0) {
        rc = pn_kinesis_internal(e, &why);
    }
    pn_json_parser_destroy(&parser);
    return rc;
}
