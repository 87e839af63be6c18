#include "base/checked_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/crc32c.h"

static const char HEAD[] = "{\"checked\":1";
static const char TAIL_START[] = ",\"crc32c\":\"";
static const char TAIL_END[] = "\"}\n";

enum {
    HEAD_LEN = sizeof HEAD - 1,
    TAIL_START_LEN = sizeof TAIL_START - 1,
    TAIL_END_LEN = sizeof TAIL_END - 1,
    SUM_LEN = 8,
    TAIL_LEN = TAIL_START_LEN + SUM_LEN + TAIL_END_LEN
};

void pn_checked_begin(struct pn_json_writer *json)
{
    pn_json_put_object(json);
    pn_json_add_i64(json, "checked", 1);
}

void pn_checked_end(struct pn_json_writer *json)
{
    uint32_t sum = pn_crc32c(pn_buf_text(json->out), json->out->len);
    pn_json_add_textf(json, "crc32c", "%08" PRIx32, sum);
    pn_json_end(json);
    pn_json_end_line(json);
}

static bool has_head(const char *text, size_t len)
{
    return len >= HEAD_LEN && memcmp(text, HEAD, HEAD_LEN) == 0;
}

static bool has_tail(const char *text, size_t len)
{
    return len >= TAIL_LEN && memcmp(text + len - TAIL_LEN, TAIL_START, TAIL_START_LEN) == 0 &&
           memcmp(text + len - TAIL_END_LEN, TAIL_END, TAIL_END_LEN) == 0;
}

/* For a text with a tail. */
static bool sum_fits(const char *text, size_t len)
{
    char sum[SUM_LEN + 1];
    (void)snprintf(sum, sizeof sum, "%08" PRIx32, pn_crc32c(text, len - TAIL_LEN));
    return memcmp(text + len - TAIL_LEN + TAIL_START_LEN, sum, SUM_LEN) == 0;
}

int pn_checked_file_read(const struct pn_io *io, const char *path, const char *old_start,
                         struct pn_buf *text, bool *is_old, struct pn_err *e)
{
    int rc = pn_io_read_file(io, path, text, e);
    if (rc != 0) {
        return rc;
    }
    const char *bytes = pn_buf_text(text);
    bool head = has_head(bytes, text->len);
    bool tail = has_tail(bytes, text->len);
    *is_old = false;
    if (head && tail && sum_fits(bytes, text->len)) {
        return 0;
    }
    if (!head && !tail && strncmp(bytes, old_start, strlen(old_start)) == 0) {
        *is_old = true;
        return 0;
    }
    return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                      "%s is damaged: its checksum does not match its contents. Restore it from a "
                      "backup. If you edited it yourself, remove its members \"checked\" and "
                      "\"crc32c\"; it is then read without a check",
                      path);
}
