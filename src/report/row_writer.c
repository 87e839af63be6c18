#include "report/row_writer.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "report/row_internal.h"

enum pn_format pn_format_parse(const char *word)
{
    return strcmp(word, "json") == 0    ? PN_FORMAT_JSON
           : strcmp(word, "jsonl") == 0 ? PN_FORMAT_JSONL
           : strcmp(word, "csv") == 0   ? PN_FORMAT_CSV
                                        : PN_FORMAT_TABLE;
}

/* --- the document ----------------------------------------------------------------------------- */

struct pn_row_writer *pn_row_writer_create(const struct pn_byte_sink *sink, enum pn_format format)
{
    struct pn_row_writer *rows = pn_xcalloc(1, sizeof *rows);
    rows->sink = *sink;
    rows->format = format;
    pn_buf_init(&rows->text, PN_ROW_CELL_BYTES_MAX);
    pn_buf_init(&rows->held, 2 * PN_ROW_CELL_BYTES_MAX);
    rows->out = pn_xcalloc(1, sizeof *rows->out);
    pn_buf_init(rows->out, PN_ROW_OUT_BYTES_MAX);
    return rows;
}

void pn_row_writer_protect(struct pn_row_writer *rows)
{
    rows->protects = true;
}

void pn_row_writer_begin(struct pn_row_writer *rows, const struct pn_report_column *columns,
                         size_t count)
{
    PN_ASSERT(count > 0 && rows->columns == NULL);
    rows->columns = pn_xcalloc(count, sizeof *rows->columns);
    rows->count = count;
    for (size_t i = 0; i < count; i++) {
        rows->columns[i].name = pn_xstrdup(columns[i].name);
        rows->columns[i].type = (enum pn_cell)(columns[i].type & ~PN_NOT_NULL);
    }
    if (pn_format_is_for_people(rows->format)) {
        pn_row_table_names(rows);
    } else if (pn_row_is_json(rows)) {
        pn_row_json_names(rows);
    }
}

bool pn_row_writer_failed(const struct pn_row_writer *rows)
{
    return rows->sink.failed(rows->sink.arg);
}

enum pn_format pn_row_writer_format(const struct pn_row_writer *rows)
{
    return rows->format;
}

int64_t pn_row_writer_count(const struct pn_row_writer *rows)
{
    return rows->rows;
}

void pn_row_writer_flush(struct pn_row_writer *rows)
{
    if (pn_format_is_for_people(rows->format)) {
        pn_row_table_flush(rows);
    }
    pn_row_emit(rows);
    if (rows->sink.flush != NULL) {
        rows->sink.flush(rows->sink.arg);
    }
}

static void destroy(struct pn_row_writer *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        free(rows->columns[i].name);
    }
    free(rows->columns);
    pn_buf_deinit(rows->out);
    free(rows->out);
    pn_buf_deinit(&rows->held);
    pn_buf_deinit(&rows->text);
    free(rows);
}

void pn_row_writer_end(struct pn_row_writer **rows)
{
    struct pn_row_writer *ended = *rows;
    if (ended == NULL) {
        return;
    }
    *rows = NULL;
    if (ended->columns == NULL) {
        /* There is no document. */
    } else if (pn_row_is_json(ended)) {
        pn_row_json_end(ended);
    } else if (ended->format == PN_FORMAT_CSV) {
        pn_row_csv_end(ended);
    } else {
        pn_row_table_end(ended);
    }
    pn_row_emit(ended);
    destroy(ended);
}

void pn_row_writer_break(struct pn_row_writer **rows)
{
    if (*rows != NULL && (*rows)->rows == 0) {
        destroy(*rows);
        *rows = NULL;
    }
    pn_row_writer_end(rows);
}

/* --- cells ------------------------------------------------------------------------------------ */

static void put(struct pn_row_writer *rows, const char *text, size_t len, enum pn_row_kind kind)
{
    char large[64];
    PN_ASSERT(rows->columns != NULL);
    if (len > PN_ROW_CELL_BYTES_MAX / 8) {
        (void)snprintf(large, sizeof large, "(%zu bytes, too large to print)", len);
        text = large;
        len = strlen(large);
        kind = PN_ROW_TEXT;
    }
    if (pn_row_is_json(rows)) {
        pn_row_json_cell(rows, text, len, kind);
    } else if (rows->format == PN_FORMAT_CSV) {
        pn_row_csv_cell(rows, text, len, kind);
    } else {
        pn_row_table_cell(rows, text, len);
    }
    rows->at++;
    if (rows->at < rows->count) {
        return;
    }
    rows->at = 0;
    rows->rows++;
    if (pn_format_is_for_people(rows->format)) {
        pn_row_table_ended(rows);
    }
    pn_row_emit(rows);
}

static enum pn_cell type_of_next(const struct pn_row_writer *rows)
{
    PN_ASSERT(rows->columns != NULL);
    return rows->columns[rows->at].type;
}

/* JSON has the word, CSV an empty field, and people see `shown`. */
static void put_null(struct pn_row_writer *rows, const char *shown)
{
    const char *text = pn_row_is_json(rows)                    ? "null"
                       : pn_format_is_for_people(rows->format) ? shown
                                                               : "";
    put(rows, text, strlen(text), PN_ROW_NULL);
}

void pn_cell_null(struct pn_row_writer *rows)
{
    put_null(rows, "-");
}

void pn_cell_null_value(struct pn_row_writer *rows)
{
    put_null(rows, "null");
}

void pn_cell_text(struct pn_row_writer *rows, const char *text, size_t len)
{
    put(rows, text, len, PN_ROW_TEXT);
}

void pn_cell_cstr(struct pn_row_writer *rows, const char *text)
{
    if (text == NULL) {
        pn_cell_null(rows);
    } else {
        put(rows, text, strlen(text), PN_ROW_TEXT);
    }
}

void pn_cell_json(struct pn_row_writer *rows, const char *json, size_t len)
{
    put(rows, json, len, PN_ROW_RAW);
}

void pn_cell_bool(struct pn_row_writer *rows, bool value)
{
    put(rows, value ? "true" : "false", value ? 4 : 5, PN_ROW_RAW);
}

void pn_cell_bytes(struct pn_row_writer *rows, const void *bytes, size_t len)
{
    struct pn_buf base64;
    pn_buf_init(&base64, PN_ROW_CELL_BYTES_MAX);
    pn_base64_encode(&base64, bytes, len);
    put(rows, pn_buf_text(&base64), base64.len, PN_ROW_TEXT);
    pn_buf_deinit(&base64);
}

/* Readers of the API's JSON may have no integers beyond 2^53. */
static enum pn_row_kind kind_of_integer(const struct pn_row_writer *rows)
{
    return rows->format == PN_FORMAT_API && type_of_next(rows) == PN_CELL_WIDE ? PN_ROW_TEXT
                                                                               : PN_ROW_RAW;
}

void pn_cell_int(struct pn_row_writer *rows, int64_t value)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRId64, value);
    put(rows, digits, (size_t)len, kind_of_integer(rows));
}

void pn_cell_uint(struct pn_row_writer *rows, uint64_t value)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, value);
    put(rows, digits, (size_t)len, kind_of_integer(rows));
}

void pn_cell_known(struct pn_row_writer *rows, int64_t value)
{
    if (value < 0) {
        pn_cell_null(rows);
    } else {
        pn_cell_int(rows, value);
    }
}

void pn_cell_double(struct pn_row_writer *rows, double value)
{
    char digits[64];
    if (pn_row_is_json(rows)) {
        struct pn_buf number;
        pn_buf_init(&number, sizeof digits);
        pn_json_write_double(&number, value);
        put(rows, pn_buf_text(&number), number.len, PN_ROW_RAW);
        pn_buf_deinit(&number);
        return;
    }
    int len = 0;
    for (int precision = 15; precision <= 17; precision++) {
        len = snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value) {
            break;
        }
    }
    put(rows, digits, (size_t)len, PN_ROW_RAW);
}

void pn_cell_time(struct pn_row_writer *rows, int64_t wall_ms)
{
    PN_ASSERT(type_of_next(rows) == PN_CELL_TIME);
    if (rows->format == PN_FORMAT_API) {
        pn_cell_int(rows, wall_ms);
    } else {
        char text[PN_ISO8601_SIZE];
        pn_cell_cstr(rows, pn_iso8601(wall_ms, text));
    }
}

void pn_cell_time_if(struct pn_row_writer *rows, int64_t wall_ms)
{
    if (wall_ms == 0) {
        pn_cell_null(rows);
    } else {
        pn_cell_time(rows, wall_ms);
    }
}

void pn_cell_duration(struct pn_row_writer *rows, int64_t ms)
{
    PN_ASSERT(type_of_next(rows) == PN_CELL_DURATION);
    if (rows->format == PN_FORMAT_API) {
        pn_cell_int(rows, ms);
    } else {
        pn_cell_double(rows, (double)ms / 1000.0);
    }
}
