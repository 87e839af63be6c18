#include "engine/duckdb/line_origins.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/mem.h"
#include "engine/duckdb/lines.h"
#include "engine/duckdb/object_name.h"
#include "engine/duckdb/offsets.h"
#include "engine/duckdb/private.h"
#include "store/origins_key.h"

struct pn_line_origins {
    struct pn_duckdb *engine;
    const struct pn_table *table;
    struct pn_origin_values values; /* of the line that was asked for last */

    /* Without an object of origins. */
    struct pn_offsets *offsets;         /* NULL: no column takes the offset */
    const struct pn_offset_step *steps; /* of the landed object; borrowed from `offsets` */
    size_t step_count;
    size_t step;

    /* With one. */
    char *key; /* NULL: there is none */
    struct pn_lines *lines;
    struct pn_json_parser *parser;
    struct pn_arena arena; /* of the line that was asked for last */
    int64_t line;          /* lines that were read */
};

bool pn_line_origins_need_all(const struct pn_table *table)
{
    return pn_table_takes_origin(table, PN_ORIGIN_OFFSET) ||
           pn_table_takes_origin(table, PN_ORIGIN_TIMESTAMP) ||
           pn_table_takes_origin(table, PN_ORIGIN_KEY) ||
           pn_table_takes_origin(table, PN_ORIGIN_HEADERS);
}

struct pn_line_origins *pn_line_origins_create(struct pn_duckdb *engine,
                                               const struct pn_table *table)
{
    struct pn_line_origins *origins = pn_xcalloc(1, sizeof *origins);
    origins->engine = engine;
    origins->table = table;
    origins->values = pn_origin_unknown;
    pn_arena_init(&origins->arena, 0);
    if (pn_line_origins_need_all(table)) {
        origins->lines =
            pn_lines_create(engine->store, engine->config.io, PN_ORIGINS_LINE_BYTES_MAX);
        origins->parser = pn_json_parser_create();
    }
    if (pn_table_takes_origin(table, PN_ORIGIN_OFFSET)) {
        origins->offsets = pn_offsets_create(engine);
    }
    return origins;
}

void pn_line_origins_destroy(struct pn_line_origins **origins)
{
    struct pn_line_origins *it = *origins;
    if (it == NULL) {
        return;
    }
    pn_offsets_destroy(&it->offsets);
    pn_lines_destroy(&it->lines);
    pn_json_parser_destroy(&it->parser);
    pn_arena_deinit(&it->arena);
    free(it->key);
    free(it);
    *origins = NULL;
}

/* --- the object of origins -------------------------------------------------------------------- */

static int does_not_fit(const struct pn_line_origins *origins, const char *why, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                      "the object '%s', which says where records came from, is damaged: %s at line "
                      "%" PRId64 ". Restore it from a backup, or move it away to load null for "
                      "what it says",
                      origins->key, why, origins->line);
}

/* The sum of what the object holds, where the store does not keep it. */
static int add_up(struct pn_line_origins *origins, const char *name, uint32_t *sum,
                  struct pn_err *e)
{
    struct pn_line line;
    bool more = true;
    int rc = pn_lines_open(origins->lines, name, true, 0, INT64_MAX, e);
    while (rc == 0 && more) {
        rc = pn_lines_next(origins->lines, &line, &more, e);
    }
    *sum = pn_lines_sum(origins->lines);
    return rc;
}

/* Opens it, if there is one. */
static int open_origins(struct pn_line_origins *origins, const char *name, const uint32_t *sum,
                        struct pn_err *e)
{
    const struct pn_pipeline *pipeline = origins->engine->pipeline;
    uint32_t crc32c = sum != NULL ? *sum : 0;
    struct pn_err why = {0};
    int rc = sum == NULL && !pn_lines_is_gzip(name) ? add_up(origins, name, &crc32c, e) : 0;
    if (rc != 0) {
        return rc;
    }
    PN_ASSERT(pipeline->origins_dir != NULL); /* a table needs it */
    origins->key = pn_origins_key(pipeline->origins_dir, pipeline->topics_dir, name, crc32c);
    if (origins->key == NULL) {
        return 0;
    }
    rc = pn_lines_open(origins->lines, origins->key, true, 0, INT64_MAX, &why);
    if (rc != 0) {
        free(origins->key);
        origins->key = NULL;
    }
    bool is_missing = rc != 0 && why.class_ == PN_CLASS_MISSING;
    pn_err_copy(e, rc != 0 && !is_missing ? &why : NULL);
    return is_missing ? 0 : rc;
}

/* --- a line of it ----------------------------------------------------------------------------- */

/* Bytes of a text, or of its base64; in the arena. False when it is neither. */
static bool take_bytes(struct pn_line_origins *origins, const struct pn_json *text, bool is_base64,
                       struct pn_bytes *bytes)
{
    struct pn_buf decoded;
    if (text->type != PN_JSON_STRING) {
        return false;
    }
    pn_buf_init(&decoded, text->text_len + 4); /* the decoder asks for a little more */
    bool good = !is_base64 || pn_base64_decode(&decoded, text->text, text->text_len);
    const char *from = is_base64 ? pn_buf_text(&decoded) : text->text;
    size_t len = is_base64 ? decoded.len : text->text_len;
    if (good) {
        *bytes = (struct pn_bytes){pn_arena_strndup(&origins->arena, from, len), len};
    }
    pn_buf_deinit(&decoded);
    return good;
}

/* [name, value], [name, null] or [name, null, base64]. */
static bool take_header(struct pn_line_origins *origins, const struct pn_json *item,
                        struct pn_record_header *header)
{
    if (item->type != PN_JSON_ARRAY || item->count < 2 || item->count > 3) {
        return false;
    }
    const struct pn_json *value = item->first->next;
    if (!take_bytes(origins, item->first, false, &header->name)) {
        return false;
    }
    if (item->count == 3) {
        return take_bytes(origins, value->next, true, &header->value);
    }
    return value->type == PN_JSON_NULL || take_bytes(origins, value, false, &header->value);
}

static bool take_headers(struct pn_line_origins *origins, const struct pn_json *list)
{
    struct pn_record_header *headers =
        pn_arena_calloc(&origins->arena, list->count + 1, sizeof *headers);
    size_t count = 0;
    for (const struct pn_json *item = list->first; item != NULL; item = item->next) {
        if (!take_header(origins, item, &headers[count++])) {
            return false;
        }
    }
    origins->values.headers = headers;
    origins->values.header_count = count;
    return list->type == PN_JSON_ARRAY;
}

static bool take_origin(struct pn_line_origins *origins, const struct pn_line *line)
{
    struct pn_origin_values *values = &origins->values;
    struct pn_json *root = NULL;
    if (line->too_long ||
        pn_json_parse(origins->parser, line->text, line->len, line->capacity, &root, NULL) != 0 ||
        root->type != PN_JSON_OBJECT) {
        return false;
    }
    const struct pn_json *key = pn_json_get(root, "key");
    const struct pn_json *base64 = pn_json_get(root, "key_base64");
    const struct pn_json *headers = pn_json_get(root, "headers");
    values->offset = pn_json_get_i64(root, "offset", -1);
    values->timestamp_ms = pn_json_get_i64(root, "timestamp", -1);
    values->key = (struct pn_bytes){0};
    values->headers = NULL;
    values->header_count = 0;
    return values->offset >= 0 && (key == NULL || take_bytes(origins, key, false, &values->key)) &&
           (base64 == NULL || take_bytes(origins, base64, true, &values->key)) &&
           (headers == NULL || take_headers(origins, headers));
}

/* Reads on to a line. */
static int read_to(struct pn_line_origins *origins, int64_t number, struct pn_err *e)
{
    struct pn_line line;
    bool more = true;
    int rc = 0;
    while (rc == 0 && origins->line < number) {
        origins->line++;
        rc = pn_lines_next(origins->lines, &line, &more, e);
        if (rc == 0 && !more) {
            rc = does_not_fit(origins, "it ends", e);
        }
    }
    return rc;
}

static int take_line(struct pn_line_origins *origins, int64_t number, struct pn_err *e)
{
    struct pn_line line;
    bool more = false;
    if (origins->line >= number) {
        return 0; /* it was asked for before */
    }
    int rc = read_to(origins, number - 1, e);
    if (rc == 0) {
        origins->line++;
        pn_arena_reset(&origins->arena);
        rc = pn_lines_next(origins->lines, &line, &more, e);
    }
    if (rc == 0 && (!more || !take_origin(origins, &line))) {
        rc = does_not_fit(origins, more ? "there is something else" : "it ends", e);
    }
    return rc;
}

/* --- lines ------------------------------------------------------------------------------------ */

int pn_line_origins_open(struct pn_line_origins *origins, const char *topic, const char *name,
                         bool is_object, const uint32_t *sum, struct pn_err *e)
{
    int32_t partition = -1;
    int64_t number = 0;
    free(origins->key);
    origins->key = NULL;
    origins->line = 0;
    origins->step = 0;
    origins->step_count = 0;
    origins->values = pn_origin_unknown;
    origins->values.topic = topic;
    if (topic == NULL && origins->engine->config.landed_folder == NULL) {
        origins->values.file = name;
    }
    if (!is_object || topic == NULL || !pn_object_name_read(topic, name, &partition, &number)) {
        return 0;
    }
    origins->values.partition = partition;
    int rc = origins->lines != NULL ? open_origins(origins, name, sum, e) : 0;
    if (rc == 0 && origins->key == NULL && origins->offsets != NULL) {
        rc = pn_offsets_find(origins->offsets, name, is_object, -1, &origins->steps,
                             &origins->step_count, e);
    }
    return rc;
}

int pn_line_origins_at(struct pn_line_origins *origins, int64_t line,
                       const struct pn_origin_values **values, struct pn_err *e)
{
    while (origins->step + 1 < origins->step_count &&
           origins->steps[origins->step + 1].line <= line) {
        origins->step++;
    }
    if (origins->step_count > 0) {
        origins->values.offset = line + origins->steps[origins->step].shift;
    }
    *values = &origins->values;
    return origins->key != NULL ? take_line(origins, line, e) : 0;
}

int pn_line_origins_end(struct pn_line_origins *origins, int64_t lines, struct pn_err *e)
{
    struct pn_line line;
    bool more = false;
    uint32_t landed = 0;
    if (origins->key == NULL) {
        return 0;
    }
    int rc = read_to(origins, lines, e);
    if (rc == 0) {
        rc = pn_lines_next(origins->lines, &line, &more, e);
    }
    if (rc == 0 && more) {
        origins->line++;
        rc = does_not_fit(origins, "there is one line too many", e);
    }
    if (rc == 0 && pn_lines_stored_sum(origins->lines, &landed) &&
        landed != pn_lines_sum(origins->lines)) {
        rc = does_not_fit(origins, "its checksum does not match", e);
    }
    return rc;
}
