#include "sink/state.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { STATE_BYTES_MAX = 256 * 1024 * 1024, HEX_SIZE = 2 * SHA256_DIGEST_LENGTH + 1 };

static const char FIRST_LINE[] = "{\"pinion_sink_state\":1}\n";
static const char LAST_LINE[] = "{\"sha256\":\"";

void pn_sink_cuts_add(struct pn_sink_cuts *cuts, int64_t first, int64_t end)
{
    PN_ASSERT(first < end);
    if (cuts->count > 0) {
        struct pn_sink_cut *last = &cuts->cuts[cuts->count - 1];
        PN_ASSERT(last->end <= first);
        if (last->end == first && (last->end - last->first) % last->step == 0 &&
            end - first <= last->step) {
            last->end = end;
            return;
        }
    }
    pn_grow((void **)&cuts->cuts, &cuts->capacity, cuts->count + 1, sizeof *cuts->cuts);
    cuts->cuts[cuts->count++] =
        (struct pn_sink_cut){.first = first, .end = end, .step = end - first};
}

void pn_sink_cuts_end_at(struct pn_sink_cuts *cuts, int64_t end)
{
    while (cuts->count > 0 && cuts->cuts[cuts->count - 1].first >= end) {
        cuts->count--;
    }
    if (cuts->count > 0 && cuts->cuts[cuts->count - 1].end > end) {
        cuts->cuts[cuts->count - 1].end = end;
    }
}

void pn_sink_cuts_clear(struct pn_sink_cuts *cuts)
{
    cuts->count = 0;
}

void pn_sink_cuts_deinit(struct pn_sink_cuts *cuts)
{
    free(cuts->cuts);
    *cuts = (struct pn_sink_cuts){0};
}

static void hash(const char *bytes, size_t len, char *hex)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)bytes, len, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
}

/* --- reading ------------------------------------------------------------------------------- */

static int damaged(const char *path, const char *what, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                      "%s, where the sink stores what has landed, is damaged: %s. Restore it from "
                      "a backup. Or remove it together with the landed objects; all records that "
                      "are still in the log are then landed again",
                      path, what);
}

static bool read_cut(const struct pn_json *node, int64_t least, struct pn_sink_cut *cut)
{
    if (node->type != PN_JSON_ARRAY || node->count != 3) {
        return false;
    }
    const struct pn_json *first = node->first;
    const struct pn_json *end = first->next;
    const struct pn_json *step = end->next;
    if (!first->is_integer || !end->is_integer || !step->is_integer) {
        return false;
    }
    *cut = (struct pn_sink_cut){first->integer, end->integer, step->integer};
    return least <= cut->first && cut->first < cut->end && cut->step >= 1;
}

bool pn_sink_cuts_read(const struct pn_json *list, int64_t least, struct pn_sink_cuts *cuts)
{
    if (list == NULL || list->type != PN_JSON_ARRAY) {
        return false;
    }
    for (const struct pn_json *node = list->first; node != NULL; node = node->next) {
        pn_grow((void **)&cuts->cuts, &cuts->capacity, cuts->count + 1, sizeof *cuts->cuts);
        if (!read_cut(node, least, &cuts->cuts[cuts->count])) {
            return false;
        }
        least = cuts->cuts[cuts->count].end;
        cuts->count++;
    }
    return true;
}

static bool read_memory(const struct pn_json *line, struct pn_sink_memory *memory)
{
    const char *topic;
    const char *id;
    size_t topic_len;
    size_t id_len;
    if (!pn_json_get_text(line, "topic", &topic, &topic_len) ||
        !pn_topic_name_valid(topic, topic_len, NULL) ||
        !pn_json_get_text(line, "id", &id, &id_len) || id_len != 16) {
        return false;
    }
    memcpy(memory->topic, topic, topic_len);
    char id_text[17] = {0};
    memcpy(id_text, id, id_len);
    memory->id = strtoull(id_text, NULL, 16);
    int64_t partition = pn_json_get_i64(line, "partition", -1);
    memory->partition = (int32_t)partition;
    memory->base = pn_json_get_i64(line, "base", -1);
    memory->base_next = pn_json_get_i64(line, "base_next", -1);
    memory->landed = pn_json_get_i64(line, "landed", -1);
    return partition >= 0 && partition < PN_PARTITIONS_MAX && memory->base >= 0 &&
           memory->base_next >= memory->base && memory->landed >= 0 &&
           pn_sink_prints_read(pn_json_get(line, "seen"), &memory->prints) &&
           pn_sink_cuts_read(pn_json_get(line, "cuts"), memory->landed, &memory->cuts);
}

/* The length of what the last line vouches for; 0 when it doesn't. */
static size_t check_hash(const char *text, size_t len)
{
    size_t tail = strlen(LAST_LINE) + HEX_SIZE - 1 + strlen("\"}\n");
    if (len < strlen(FIRST_LINE) + tail) {
        return 0;
    }
    size_t body = len - tail;
    char hex[HEX_SIZE];
    hash(text, body, hex);
    const char *last = text + body;
    bool good = strncmp(text, FIRST_LINE, strlen(FIRST_LINE)) == 0 &&
                strncmp(last, LAST_LINE, strlen(LAST_LINE)) == 0 &&
                strncmp(last + strlen(LAST_LINE), hex, HEX_SIZE - 1) == 0;
    return good ? body : 0;
}

static int read_lines(const char *path, const char *text, size_t len,
                      void (*fn)(void *arg, const struct pn_sink_memory *memory), void *arg,
                      struct pn_err *e)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    int rc = 0;
    for (size_t at = strlen(FIRST_LINE); at < len && rc == 0;) {
        const char *line_end = memchr(text + at, '\n', len - at);
        size_t line_len = line_end != NULL ? (size_t)(line_end - (text + at)) : len - at;
        struct pn_sink_memory memory = {0};
        struct pn_json *line = NULL;
        if (pn_json_parse(parser, text + at, line_len, line_len, &line, NULL) == 0 &&
            read_memory(line, &memory)) {
            fn(arg, &memory);
        } else {
            pn_sink_cuts_deinit(&memory.cuts);
            char what[64];
            snprintf(what, sizeof what, "the line at byte %zu is invalid", at);
            rc = damaged(path, what, e);
        }
        at += line_len + 1;
    }
    pn_json_parser_destroy(&parser);
    return rc;
}

int pn_sink_state_load(const struct pn_io *io, const char *path,
                       void (*fn)(void *arg, const struct pn_sink_memory *memory), void *arg,
                       struct pn_err *e)
{
    struct pn_buf text;
    struct pn_err failure;
    pn_buf_init(&text, STATE_BYTES_MAX);
    int rc = pn_io_read_file(io, path, &text, &failure);
    if (rc == ENOENT) {
        rc = 0;
    } else if (rc != 0) {
        pn_err_copy(e, &failure);
    } else {
        size_t body = check_hash(pn_buf_text(&text), text.len);
        rc = body > 0 ? read_lines(path, pn_buf_text(&text), body, fn, arg, e)
                      : damaged(path, "its checksum does not match its contents", e);
    }
    pn_buf_deinit(&text);
    return rc;
}

/* --- writing ------------------------------------------------------------------------------- */

void pn_sink_cuts_write(struct pn_json_writer *json, const struct pn_sink_cuts *cuts)
{
    pn_json_put_array(json);
    for (size_t i = 0; i < cuts->count; i++) {
        pn_json_put_array(json);
        pn_json_put_i64(json, cuts->cuts[i].first);
        pn_json_put_i64(json, cuts->cuts[i].end);
        pn_json_put_i64(json, cuts->cuts[i].step);
        pn_json_end(json);
    }
    pn_json_end(json);
}

void pn_sink_state_begin(struct pn_buf *text)
{
    pn_buf_init(text, STATE_BYTES_MAX);
    pn_buf_adds(text, FIRST_LINE);
}

void pn_sink_state_add(struct pn_buf *text, const struct pn_sink_memory *memory)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, text);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "topic", memory->topic);
    pn_json_add_i64(&json, "partition", memory->partition);
    pn_json_add_textf(&json, "id", "%016" PRIx64, memory->id);
    pn_json_add_i64(&json, "base", memory->base);
    pn_json_add_i64(&json, "base_next", memory->base_next);
    pn_json_add_i64(&json, "landed", memory->landed);
    pn_json_put_key(&json, "cuts");
    pn_sink_cuts_write(&json, &memory->cuts);
    if (memory->prints.count > 0) {
        pn_json_put_key(&json, "seen");
        pn_sink_prints_write(&json, &memory->prints);
    }
    pn_json_end(&json);
    pn_json_end_line(&json);
}

int pn_sink_state_save(const struct pn_io *io, const char *path, struct pn_buf *text,
                       struct pn_err *e)
{
    char hex[HEX_SIZE];
    hash(pn_buf_text(text), text->len, hex);
    pn_buf_addf(text, "%s%s\"}\n", LAST_LINE, hex);
    int rc = pn_buf_check(text, "what the sink has to remember", e);
    if (rc == 0) {
        rc = pn_io_replace_file(io, path, text->data, text->len, e);
    }
    pn_buf_deinit(text);
    return rc;
}
