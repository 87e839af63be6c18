#include "log/embedded/topic_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked_file.h"
#include "base/json.h"
#include "base/mem.h"

enum { FILE_BYTES_MAX = 64 * 1024, VERSION = 1, ID_DIGITS = 16 };

static const char OLD_START[] = "{\"version\":1,\"name\":\"";

static char *path_of(const char *folder)
{
    return pn_xasprintf("%s/topic.json", folder);
}

int pn_topic_file_store(const struct pn_io *io, const char *folder, const char *name,
                        const struct pn_topic_file *file, struct pn_err *e)
{
    struct pn_buf text;
    struct pn_json_writer json;
    pn_buf_init(&text, FILE_BYTES_MAX);
    pn_json_writer_init(&json, &text);
    pn_checked_begin(&json);
    pn_json_add_i64(&json, "version", VERSION);
    pn_json_add_cstr(&json, "name", name);
    pn_json_add_textf(&json, "id", "%016llx", (unsigned long long)file->id);
    pn_json_add_i64(&json, "partitions", file->config.partitions);
    pn_json_add_i64(&json, "created_ms", file->created_ms);
    pn_json_add_i64(&json, "retention_ms", file->config.retention_ms);
    pn_json_add_i64(&json, "retention_bytes", file->config.retention_bytes);
    pn_json_add_i64(&json, "record_bytes_max", file->config.record_bytes_max);
    pn_checked_end(&json);
    int rc = pn_json_writer_check(&json, "topic.json", e);
    if (rc == 0) {
        char *path = path_of(folder);
        rc = pn_io_replace_file(io, path, text.data, text.len, e);
        free(path);
    }
    pn_buf_deinit(&text);
    return rc;
}

static bool get_id(const struct pn_json *root, uint64_t *id)
{
    const char *text = NULL;
    size_t len = 0;
    if (!pn_json_get_text(root, "id", &text, &len) || len != ID_DIGITS) {
        return false;
    }
    char digits[ID_DIGITS + 1];
    memcpy(digits, text, ID_DIGITS);
    digits[ID_DIGITS] = '\0';
    char *end = NULL;
    *id = strtoull(digits, &end, 16);
    return *end == '\0' && *id != 0;
}

/* A topic with an invalid file stays closed, so the error says how to open it again. */
static int damaged(const char *path, const char *what, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                      "%s is damaged: %s. Restore it from a backup; to abandon the topic and its "
                      "records, move its folder out of the log's",
                      path, what);
}

static int parse(const struct pn_json *root, const char *path, const char *name,
                 struct pn_topic_file *file, struct pn_err *e)
{
    int64_t partitions = pn_json_get_i64(root, "partitions", 0);
    if (pn_json_get_i64(root, "version", 0) != VERSION) {
        return damaged(path, "its version is not 1", e);
    }
    if (!pn_json_text_is(pn_json_get(root, "name"), name) || partitions < 1 ||
        partitions > PN_PARTITIONS_MAX || !get_id(root, &file->id)) {
        return damaged(path, "name, id or partitions are missing or wrong", e);
    }
    file->created_ms = pn_json_get_i64(root, "created_ms", 0);
    file->config.partitions = (int32_t)partitions;
    file->config.retention_ms = pn_json_get_i64(root, "retention_ms", 0);
    file->config.retention_bytes = pn_json_get_i64(root, "retention_bytes", 0);
    file->config.record_bytes_max = pn_json_get_i64(root, "record_bytes_max", 0);
    return 0;
}

int pn_topic_file_load(const struct pn_io *io, const char *folder, const char *name,
                       struct pn_topic_file *file, bool *is_old, struct pn_err *e)
{
    char *path = path_of(folder);
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    struct pn_buf json;
    pn_buf_init(&json, FILE_BYTES_MAX);
    int rc = pn_checked_file_read(io, path, OLD_START, &json, is_old, e);
    if (rc != 0) {
        goto out;
    }
    struct pn_err why;
    if (pn_json_parse(parser, pn_buf_text(&json), json.len, json.len, &root, &why) != 0) {
        rc = damaged(path, why.msg, e);
        goto out;
    }
    rc = parse(root, path, name, file, e);
out:
    pn_buf_deinit(&json);
    pn_json_parser_destroy(&parser);
    free(path);
    return rc;
}
