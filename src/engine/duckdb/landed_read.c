/* Reading a scan's ranges, a thread each, and the table function that does it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/file_sum.h"
#include "base/mem.h"
#include "base/text_signature.h"
#include "engine/duckdb/decode.h"
#include "engine/duckdb/files.h"
#include "engine/duckdb/landed_internal.h"
#include "engine/duckdb/line_origins.h"
#include "engine/duckdb/lines.h"
#include "engine/record.h"

enum { REASON_SIZE = sizeof((struct pn_err *)0)->msg };

static const char INDENTED[] = "; the file seems to be indented JSON, but it must have one record "
                               "per line (jq -c . rewrites it)";

/* One of several rows of a line, or `reason` (not NULL) why it is none. */
struct part {
    struct pn_bytes value;
    const char *reason;
};

/* What one thread of a scan has. */
struct reader {
    struct pn_landed_scan *scan;
    struct pn_lines *lines;
    struct pn_decoder *decoder;
    struct pn_line_origins *origins;
    struct pn_landed_unit *unit; /* being read, or NULL */
    struct pn_line line;
    bool at_start; /* of a file: no line of it was more than blanks yet */
    bool is_first; /* the line is the first of its file */
    bool keeps_value;
    struct pn_json_parser *parser; /* of lines that are more than a row */
    struct pn_arena arena;         /* of their parts */
    struct part *parts;            /* of the line; those from part_next on are still to be taken */
    size_t part_count;
    size_t part_capacity;
    size_t part_next;
};

/* --- reading ---------------------------------------------------------------------------------- */

static bool is_blank(const struct pn_line *line)
{
    for (size_t i = pn_text_bom(line->text, line->len); i < line->len; i++) {
        if (strchr(" \t\r", line->text[i]) == NULL || line->text[i] == '\0') {
            return false;
        }
    }
    return true;
}

/* Does the line open an object or an array, and continue in the next? */
static bool is_opening(const struct pn_line *line)
{
    size_t start = pn_text_bom(line->text, line->len);
    size_t end = line->len;
    while (end > start && strchr(" \t\r", line->text[end - 1]) != NULL) {
        end--;
    }
    return end > start && (line->text[start] == '{' || line->text[start] == '[') &&
           strchr("{[,", line->text[end - 1]) != NULL;
}

static int reject(struct reader *reader, const char *reason, struct pn_err *e)
{
    struct pn_landed_scan *scan = reader->scan;
    char hinted[REASON_SIZE + sizeof INDENTED];
    if (reader->is_first && is_opening(&reader->line)) {
        snprintf(hinted, sizeof hinted, "%.*s%s", (int)REASON_SIZE, reason, INDENTED);
        reason = hinted;
    }
    const struct pn_origin_values *origin = NULL;
    int rc = pn_line_origins_at(reader->origins, reader->unit->lines, &origin, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_landed_reject it = {
        .scan = scan,
        .topic = scan->files[reader->unit->file].topic,
        .object = scan->files[reader->unit->file].name,
        .unit = (size_t)(reader->unit - scan->units),
        .line = reader->unit->lines,
        .value = reader->line.text,
        .value_len = reader->line.len,
        .reason = reason,
        .origin = origin,
    };
    atomic_fetch_add(&scan->rejected, 1);
    atomic_store(&scan->files[reader->unit->file].has_rejects, true);
    return scan->on_reject(scan->arg, &it, e);
}

/* An object to the row after the *rows there are, if it is one. */
static int take_row(struct reader *reader, const char *text, size_t len, size_t capacity,
                    idx_t *rows, struct pn_err *e)
{
    struct pn_err why;
    const struct pn_origin_values *origin = NULL;
    int rc = pn_line_origins_at(reader->origins, reader->unit->lines, &origin, e);
    if (rc != 0) {
        return rc;
    }
    if (pn_decoder_row(reader->decoder, text, len, capacity, origin, *rows, &why) == 0) {
        (*rows)++;
        return 0;
    }
    if (why.class_ != PN_CLASS_INPUT) {
        pn_err_copy(e, &why);
        return PN_FAIL;
    }
    return reject(reader, why.msg, e);
}

static int take_part(struct reader *reader, idx_t *rows, struct pn_err *e)
{
    PN_ASSERT(reader->part_next < reader->part_count);
    const struct part *part = &reader->parts[reader->part_next++];
    if (part->reason != NULL) {
        return reject(reader, part->reason, e);
    }
    return take_row(reader, part->value.data, part->value.len, part->value.len, rows, e);
}

static void add_part(void *arg, struct pn_bytes value, const char *reason)
{
    struct reader *reader = arg;
    pn_grow((void **)&reader->parts, &reader->part_capacity, reader->part_count + 1,
            sizeof *reader->parts);
    reader->parts[reader->part_count++] = (struct part){.value = value, .reason = reason};
}

static void split_line(struct reader *reader, struct pn_bytes record)
{
    const struct pn_decoded out = {.row = add_part, .arg = reader};
    pn_arena_reset(&reader->arena);
    reader->part_count = 0;
    reader->part_next = 0;
    pn_record_decode(reader->parser, record, reader->keeps_value, &reader->arena, &out);
}

static int take_line(struct reader *reader, idx_t *rows, struct pn_err *e)
{
    const struct pn_line *line = &reader->line;
    const struct pn_bytes record = {line->text, line->len};
    reader->unit->lines++;
    if (line->too_long) {
        char reason[REASON_SIZE];
        snprintf(reason, sizeof reason, "the line is longer than %zu bytes",
                 reader->scan->line_bytes_max);
        return reject(reader, reason, e);
    }
    if (is_blank(line)) {
        return 0;
    }
    reader->is_first = reader->at_start;
    reader->at_start = false;
    if (pn_record_is_row(record, reader->keeps_value)) {
        return take_row(reader, line->text, line->len, line->capacity, rows, e);
    }
    split_line(reader, record);
    return 0;
}

static int open_unit(struct reader *reader, const struct pn_scan_file *file, struct pn_err *e)
{
    const struct pn_landed_unit *unit = reader->unit;
    struct pn_fetch *fetch = reader->scan->fetch;
    const char *copy = fetch != NULL ? pn_fetch_take(fetch, unit->file) : NULL;
    return copy != NULL
               ? pn_lines_open_copy(reader->lines, file->name, copy, unit->start, unit->end, e)
               : pn_lines_open(reader->lines, file->path, file->is_object, unit->start, unit->end,
                               e);
}

/* Takes the next range when none is being read; *more is false when all are taken. */
static int next_unit(struct reader *reader, bool *more, struct pn_err *e)
{
    struct pn_landed_scan *scan = reader->scan;
    *more = true;
    if (reader->unit != NULL) {
        return 0;
    }
    size_t next = atomic_fetch_add(&scan->next, 1);
    if (next >= scan->unit_count) {
        *more = false;
        return 0;
    }
    reader->unit = &scan->units[next];
    reader->at_start = reader->unit->start == 0;
    reader->is_first = false;
    struct pn_scan_file *file = &scan->files[reader->unit->file];
    int rc = open_unit(reader, file, e);
    if (rc == 0 && next == file->first_unit) {
        file->has_offsets = pn_lines_offsets(reader->lines, &file->first, &file->end);
    }
    uint32_t sum = 0;
    bool has_sum = rc == 0 && pn_lines_stored_sum(reader->lines, &sum);
    return rc == 0 ? pn_line_origins_open(reader->origins, file->topic, file->name, file->is_object,
                                          has_sum ? &sum : NULL, e)
                   : rc;
}

static int damaged(const struct pn_landed_scan *scan, const struct pn_scan_file *file,
                   struct pn_err *e)
{
    char *url = NULL;
    if (file->is_object && pn_store_url(scan->engine->store, file->name, &url, NULL) != 0) {
        url = NULL;
    }
    int rc =
        pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                   "%s is damaged: its checksum does not match its contents. Restore it from a "
                   "backup, or move it away to load without it. If you edited it yourself, "
                   "remove the checksum: setfattr -x " PN_FILE_SUM_NAME " FILE",
                   url != NULL ? url : file->name);
    free(url);
    return rc;
}

/* A file that the reader's lines read the end of, and all was read by now: is it what was landed?
 * Its rows are not in the table yet. */
static int check_file(const struct reader *reader, const struct pn_scan_file *file,
                      struct pn_err *e)
{
    const struct pn_landed_scan *scan = reader->scan;
    uint32_t landed = 0;
    uint32_t sum = 0;
    if (pn_lines_is_gzip(file->path) || !pn_lines_stored_sum(reader->lines, &landed)) {
        return 0;
    }
    for (size_t i = 0; i < file->unit_count; i++) {
        const struct pn_landed_unit *unit = &scan->units[file->first_unit + i];
        sum = pn_crc32c_combine(sum, unit->sum, (size_t)(unit->end - unit->start));
    }
    return sum == landed ? 0 : damaged(scan, file, e);
}

/* All of a file was read. */
static int end_file(struct reader *reader, size_t i, struct pn_err *e)
{
    struct pn_landed_scan *scan = reader->scan;
    int rc = check_file(reader, &scan->files[i], e);
    if (scan->fetch != NULL) {
        pn_fetch_done(scan->fetch, i);
    }
    return rc;
}

static int end_unit(struct reader *reader, struct pn_err *e)
{
    const size_t i = reader->unit->file;
    int rc = pn_line_origins_end(reader->origins, reader->unit->lines, e);
    reader->unit->sum = pn_lines_sum(reader->lines);
    reader->unit = NULL;
    bool is_last = rc == 0 && atomic_fetch_sub(&reader->scan->files[i].units_left, 1) == 1;
    return is_last ? end_file(reader, i, e) : rc;
}

/* Fills a chunk of `capacity` rows as far as there are lines. */
static int fill(struct reader *reader, idx_t capacity, idx_t *rows, struct pn_err *e)
{
    int rc = 0;
    *rows = 0;
    while (rc == 0 && *rows < capacity) {
        bool more = false;
        if (reader->part_next < reader->part_count) {
            rc = take_part(reader, rows, e);
            continue;
        }
        rc = next_unit(reader, &more, e);
        if (rc != 0 || !more) {
            break;
        }
        rc = pn_lines_next(reader->lines, &reader->line, &more, e);
        if (rc == 0 && !more) {
            rc = end_unit(reader, e);
        } else if (rc == 0) {
            rc = take_line(reader, rows, e);
        }
    }
    atomic_fetch_add(&reader->scan->rows, (int_fast64_t)*rows);
    pn_decoder_move_unknown(reader->decoder, &reader->scan->unknown);
    return rc;
}

/* --- the table function ----------------------------------------------------------------------- */

static struct pn_landed_scan *find_scan(struct pn_duckdb *engine, int64_t number)
{
    struct pn_landed_scan *scan = NULL;
    pthread_mutex_lock(&engine->lock);
    if (number >= 0 && (size_t)number < engine->scan_capacity) {
        scan = engine->scans[number];
    }
    pthread_mutex_unlock(&engine->lock);
    return scan;
}

static void bind(duckdb_bind_info info)
{
    struct pn_landed_scan *scan =
        find_scan(duckdb_bind_get_extra_info(info), pn_duckdb_parameter(info, 0));
    if (scan == NULL) {
        duckdb_bind_set_error(info, "pn_landed() is for loads, not for statements of your own");
        return;
    }
    pn_duckdb_add_row_columns(info, scan->table);
    duckdb_bind_set_bind_data(info, scan, NULL);
}

/* Objects that have something to read. */
static void start_fetch(struct pn_landed_scan *scan)
{
    PN_ASSERT(scan->fetch == NULL); /* the statement runs once */
    scan->fetched = pn_xcalloc(scan->file_count + 1, sizeof *scan->fetched);
    for (size_t i = 0; i < scan->file_count; i++) {
        const struct pn_scan_file *file = &scan->files[i];
        if (file->is_object && file->unit_count > 0) {
            scan->fetched[i] =
                (struct pn_object){.key = file->name, .size_bytes = file->size_bytes};
            (void)snprintf(scan->fetched[i].etag, sizeof scan->fetched[i].etag, "%s", file->etag);
        }
    }
    scan->fetch = pn_duckdb_fetch(scan->engine, scan->fetched, scan->file_count);
}

static void init(duckdb_init_info info)
{
    struct pn_landed_scan *scan = duckdb_init_get_bind_data(info);
    start_fetch(scan);
    atomic_store(&scan->next, 0);
    for (size_t i = 0; i < scan->file_count; i++) {
        atomic_store(&scan->files[i].units_left, scan->files[i].unit_count);
    }
    duckdb_init_set_max_threads(info, scan->unit_count > 0 ? scan->unit_count : 1);
}

static uint64_t record_at_hand(void *arg)
{
    const struct reader *reader = arg;
    return ((uint64_t)(reader->unit - reader->scan->units) << PN_LANDED_LINE_BITS) |
           (uint64_t)reader->unit->lines;
}

static void destroy_reader(void *data)
{
    struct reader *reader = data;
    pn_lines_destroy(&reader->lines);
    pn_decoder_destroy(&reader->decoder);
    pn_line_origins_destroy(&reader->origins);
    pn_json_parser_destroy(&reader->parser);
    pn_arena_deinit(&reader->arena);
    free(reader->parts);
    free(reader);
}

static void init_thread(duckdb_init_info info)
{
    struct reader *reader = pn_xcalloc(1, sizeof *reader);
    reader->scan = duckdb_init_get_bind_data(info);
    const struct pn_duckdb *engine = reader->scan->engine;
    reader->lines = pn_lines_create(engine->store, engine->config.io, reader->scan->line_bytes_max);
    reader->decoder = pn_decoder_create(
        reader->scan->table, &(struct pn_unknown_where){.record = record_at_hand, .arg = reader});
    reader->origins = pn_line_origins_create(reader->scan->engine, reader->scan->table);
    reader->keeps_value = pn_record_keeps_value(reader->scan->table);
    reader->parser = pn_json_parser_create();
    pn_arena_init(&reader->arena, 0);
    duckdb_init_set_init_data(info, reader, destroy_reader);
}

static void read_chunk(duckdb_function_info info, duckdb_data_chunk chunk)
{
    struct reader *reader = duckdb_function_get_local_init_data(info);
    struct pn_err e;
    idx_t rows = 0;
    pn_decoder_attach(reader->decoder, chunk);
    if (fill(reader, duckdb_vector_size(), &rows, &e) != 0) {
        pn_duckdb_fail_read(info, &reader->scan->failure, &reader->scan->engine->lock, &e);
        return;
    }
    duckdb_data_chunk_set_size(chunk, rows);
}

const struct pn_duckdb_function pn_landed_function = {
    .name = "pn_landed",
    .numbers = 1,
    .bind = bind,
    .init = init,
    .init_thread = init_thread,
    .read = read_chunk,
};
