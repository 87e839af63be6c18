#include "engine/duckdb/offsets.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/duckdb/landed.h"
#include "engine/duckdb/lines.h"

struct pn_offsets {
    struct pn_duckdb *engine;
    struct pn_lines *lines;
    struct pn_json_parser *parser;
    int64_t *sunk; /* the offsets of an object's dead letters, in the order of the log */
    size_t sunk_count;
    size_t sunk_capacity;
    struct pn_offset_step *steps;
    size_t step_count;
    size_t step_capacity;
};

struct pn_offsets *pn_offsets_create(struct pn_duckdb *engine)
{
    struct pn_offsets *offsets = pn_xcalloc(1, sizeof *offsets);
    offsets->engine = engine;
    offsets->lines = pn_lines_create(engine->store, engine->config.io, PN_SUNK_LINE_BYTES_MAX);
    offsets->parser = pn_json_parser_create();
    return offsets;
}

void pn_offsets_destroy(struct pn_offsets **offsets)
{
    struct pn_offsets *it = *offsets;
    if (it == NULL) {
        return;
    }
    pn_json_parser_destroy(&it->parser);
    pn_lines_destroy(&it->lines);
    free(it->sunk);
    free(it->steps);
    free(it);
    *offsets = NULL;
}

/* The key of the object's companion; NULL when it isn't a landed object. Caller frees. */
static char *key_of_companion(const struct pn_duckdb *engine, const char *name, bool is_object)
{
    const char *dir = engine->pipeline->topics_dir;
    size_t dir_len = strlen(dir);
    if (!is_object || strncmp(name, dir, dir_len) != 0) {
        return NULL;
    }
    return pn_xasprintf("%s%s", engine->pipeline->dead_letters_dir, name + dir_len);
}

/* *known is false when a line of the companion names no offset that can be the next one's. */
static int read_companion(struct pn_offsets *offsets, const char *key, int64_t first, int64_t end,
                          bool *known, struct pn_err *e)
{
    bool more = true;
    int64_t least = first;
    struct pn_err why = {0};
    int rc = pn_lines_open(offsets->lines, key, true, 0, INT64_MAX, &why);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    while (rc == 0 && *known) {
        struct pn_line line;
        struct pn_json *root = NULL;
        rc = pn_lines_next(offsets->lines, &line, &more, e);
        if (rc != 0 || !more) {
            break;
        }
        int64_t offset = -1;
        if (!line.too_long &&
            pn_json_parse(offsets->parser, line.text, line.len, line.capacity, &root, NULL) == 0) {
            offset = pn_json_get_i64(root, "offset", -1);
        }
        *known = least <= offset && offset < end;
        least = offset + 1;
        pn_grow((void **)&offsets->sunk, &offsets->sunk_capacity, offsets->sunk_count + 1,
                sizeof *offsets->sunk);
        offsets->sunk[offsets->sunk_count++] = offset;
    }
    return rc;
}

static int count_lines(struct pn_offsets *offsets, int64_t *count, struct pn_err *e)
{
    struct pn_line line;
    bool more = true;
    int rc = 0;
    *count = 0;
    while (rc == 0 && more) {
        rc = pn_lines_next(offsets->lines, &line, &more, e);
        *count += rc == 0 && more;
    }
    return rc;
}

static void add_step(struct pn_offsets *offsets, int64_t line, int64_t shift)
{
    pn_grow((void **)&offsets->steps, &offsets->step_capacity, offsets->step_count + 1,
            sizeof *offsets->steps);
    offsets->steps[offsets->step_count++] = (struct pn_offset_step){line, shift};
}

/* One for where the object starts, and one after each run of dead letters. */
static void make_steps(struct pn_offsets *offsets, int64_t first)
{
    int64_t line = 1;
    int64_t shift = first - 1;
    for (size_t i = 0; i < offsets->sunk_count; i++) {
        int64_t next = offsets->sunk[i] - shift; /* of the line that is after this dead letter */
        if (next > line) {
            add_step(offsets, line, shift);
            line = next;
        }
        shift++;
    }
    add_step(offsets, line, shift);
}

/* Where all offsets are lines, no other object is to be looked at. */
static int make_of(struct pn_offsets *offsets, const char *name, bool is_object, int64_t lines,
                   int64_t first, int64_t end, struct pn_err *e)
{
    bool known = true;
    int rc = 0;
    char *companion =
        lines < end - first ? key_of_companion(offsets->engine, name, is_object) : NULL;
    if (companion != NULL) {
        rc = read_companion(offsets, companion, first, end, &known, e);
    }
    if (rc == 0 && known && lines + (int64_t)offsets->sunk_count == end - first) {
        make_steps(offsets, first);
    }
    free(companion);
    return rc;
}

int pn_offsets_find(struct pn_offsets *offsets, const char *name, bool is_object, int64_t lines,
                    const struct pn_offset_step **steps, size_t *count, struct pn_err *e)
{
    int64_t first = 0;
    int64_t end = 0;
    struct pn_err why = {0};
    offsets->sunk_count = 0;
    offsets->step_count = 0;
    int rc = pn_lines_open(offsets->lines, name, is_object, 0, INT64_MAX, &why);
    bool is_missing = rc != 0 && why.class_ == PN_CLASS_MISSING;
    if (rc == 0 && pn_lines_offsets(offsets->lines, &first, &end)) {
        rc = lines < 0 ? count_lines(offsets, &lines, &why) : 0;
        if (rc == 0) {
            rc = make_of(offsets, name, is_object, lines, first, end, &why);
        }
    }
    *steps = offsets->steps;
    *count = offsets->step_count;
    pn_err_copy(e, rc != 0 && !is_missing ? &why : NULL);
    return is_missing ? 0 : rc;
}
