#include "cli/output.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/terminal.h"

enum {
    ROWS_HELD_MAX = 1000,      /* a table's widths come from these */
    BYTES_HELD_MAX = 16 << 20, /* and no more text than this is held */
    CELL_BYTES_MAX = 64 << 20, /* larger values are not printed, but said to be there */
    COLUMN_LEAST = 12,         /* a column is not shrunk below, nor below its name */
    GAP = 2,                   /* between columns of a table */
    EXPANDED_LINE = 24         /* how long the line before a row is at least */
};

enum cell_kind { CELL_NULL, CELL_TEXT, CELL_RAW };

struct column {
    char *name;
    bool is_number;
    int width;
};

struct pn_output {
    FILE *file;
    enum pn_format format;
    struct column *columns;
    size_t count;
    size_t at;            /* the next cell's column */
    int64_t rows;         /* complete ones */
    struct pn_buf text;   /* scratch: one cell */
    int terminal_columns; /* 0: what is printed goes elsewhere */

    /* For people: the cells held back, NUL-terminated, a row after the other. */
    struct pn_buf held;
    bool streaming; /* the widths are decided, rows go out at once */
    bool expanded;  /* one column a line; decided with the widths */
    int name_width; /* then of the columns' names */
};

/* A name that JSON has no member of yet, for a column whose name another one has, too. */
static char *unused_name(const struct column *columns, size_t count, size_t at)
{
    for (size_t number = 1;; number++) {
        char *name = pn_xasprintf("%s_%zu", columns[at].name, number);
        size_t i = 0;
        while (i < count && strcmp(columns[i].name, name) != 0) {
            i++;
        }
        if (i == count) {
            return name;
        }
        free(name);
    }
}

/* An object's members have names of their own, which a result's columns need not have. */
static void tell_apart(struct column *columns, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(columns[i].name, columns[k].name) == 0) {
                char *name = unused_name(columns, count, i);
                free(columns[i].name);
                columns[i].name = name;
                break;
            }
        }
    }
}

/* Names may come from outside, as columns of somebody's table. */
static char *shown_name(const char *name)
{
    struct pn_buf shown;
    pn_buf_init(&shown, CELL_BYTES_MAX);
    pn_text_add_shown(&shown, name, strlen(name));
    char *copy = pn_xstrdup(pn_buf_text(&shown));
    pn_buf_deinit(&shown);
    return copy;
}

struct pn_output *pn_output_create(FILE *file, enum pn_format format,
                                   const struct pn_output_column *columns, size_t count)
{
    PN_ASSERT(count > 0);
    struct pn_output *output = pn_xcalloc(1, sizeof *output);
    output->file = file;
    output->format = format;
    output->columns = pn_xcalloc(count, sizeof *output->columns);
    output->count = count;
    output->terminal_columns = pn_terminal_columns(file);
    for (size_t i = 0; i < count; i++) {
        struct column *column = &output->columns[i];
        column->name = pn_format_is_for_people(output->format) ? shown_name(columns[i].name)
                                                               : pn_xstrdup(columns[i].name);
        column->is_number = columns[i].is_number;
        column->width = pn_text_width(column->name);
    }
    if (format == PN_FORMAT_JSON) {
        tell_apart(output->columns, count);
    }
    pn_buf_init(&output->text, CELL_BYTES_MAX);
    pn_buf_init(&output->held, BYTES_HELD_MAX + CELL_BYTES_MAX);
    return output;
}

bool pn_output_failed(const struct pn_output *output)
{
    return ferror(output->file) != 0;
}

/* --- CSV and JSON --------------------------------------------------------------------------- */

/* Copies text; on a terminal without what would steer it, but for line ends and tabs. CSV has no
 * escapes, so elsewhere every byte is as it is. */
static void csv_text(const struct pn_output *output, const char *text, size_t len)
{
    struct pn_buf shown;
    if (output->terminal_columns == 0) {
        fwrite(text, 1, len, output->file);
        return;
    }
    pn_buf_init(&shown, CELL_BYTES_MAX);
    for (size_t i = 0; i < len; i++) {
        size_t plain = i;
        while (plain < len && text[plain] != '\n' && text[plain] != '\t') {
            plain++;
        }
        pn_text_add_shown(&shown, text + i, plain - i);
        i = plain;
        if (i < len) {
            pn_buf_addc(&shown, text[i]);
        }
    }
    fwrite(pn_buf_text(&shown), 1, shown.len, output->file);
    pn_buf_deinit(&shown);
}

static void csv_field(const struct pn_output *output, const char *text, size_t len, bool is_null)
{
    FILE *file = output->file;
    bool quote = !is_null && len == 0;
    for (size_t i = 0; i < len && !quote; i++) {
        quote = strchr("\",\r\n", text[i]) != NULL;
    }
    if (!quote) {
        csv_text(output, text, len);
        return;
    }
    fputc('"', file);
    while (len > 0) {
        const char *next = memchr(text, '"', len);
        size_t plain = next != NULL ? (size_t)(next - text) : len;
        csv_text(output, text, plain);
        fputs(next != NULL ? "\"\"" : "", file);
        plain += next != NULL;
        text += plain;
        len -= plain;
    }
    fputc('"', file);
}

static void csv_header(struct pn_output *output)
{
    for (size_t i = 0; i < output->count; i++) {
        const char *name = output->columns[i].name;
        fputs(i > 0 ? "," : "", output->file);
        csv_field(output, name, strlen(name), false);
    }
    fputs("\r\n", output->file);
}

static void csv_cell(struct pn_output *output, const char *text, size_t len, enum cell_kind kind)
{
    if (output->rows == 0 && output->at == 0) {
        csv_header(output);
    }
    fputs(output->at > 0 ? "," : "", output->file);
    csv_field(output, text, len, kind == CELL_NULL);
    fputs(output->at + 1 == output->count ? "\r\n" : "", output->file);
}

/* JSON text with what would steer a terminal as \\uXXXX, which says the same: such characters are
 * within strings only. */
static void write_json(FILE *file, const char *json, size_t len)
{
    size_t plain = 0; /* start of what is written as it is */
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)json[i];
        unsigned code = 0;
        if (c < 0x7f || (c != 0x7f && c != 0xc2 && c != 0xd8 && c != 0xe2)) {
            continue;
        }
        size_t bytes = pn_text_steers(json + i, len - i, &code);
        if (bytes > 0) {
            fwrite(json + plain, 1, i - plain, file);
            fprintf(file, "\\u%04x", code);
            i += bytes - 1;
            plain = i + 1;
        }
    }
    fwrite(json + plain, 1, len - plain, file);
}

static void json_cell(struct pn_output *output, const char *text, size_t len, enum cell_kind kind)
{
    struct pn_buf *out = &output->text;
    const char *name = output->columns[output->at].name;
    pn_buf_reset(out);
    pn_buf_adds(out, output->at > 0 ? "," : output->rows > 0 ? ",\n {" : "[\n {");
    pn_json_write_string(out, name, strlen(name));
    pn_buf_addc(out, ':');
    if (kind == CELL_TEXT) {
        pn_json_write_string(out, text, len);
    } else {
        pn_buf_add(out, text, len);
    }
    pn_buf_adds(out, output->at + 1 == output->count ? "}" : "");
    write_json(output->file, pn_buf_text(out), out->len);
}

/* --- tables --------------------------------------------------------------------------------- */

static void pad(FILE *file, int columns)
{
    if (columns > 0) {
        fprintf(file, "%*s", columns, "");
    }
}

/* How many bytes at `text` fit into *room columns, which is lessened. */
static size_t fitting(const char *text, int *room)
{
    size_t bytes = 0;
    for (size_t len = strlen(text); len > bytes;) {
        int width = 0;
        size_t next = pn_text_next(text + bytes, len - bytes, &width);
        if (width > *room) {
            break;
        }
        *room -= width;
        bytes += next;
    }
    return bytes;
}

/* An ellipsis for what is too wide: in the middle of a word, since names of one kind begin alike;
 * at the end of a text or number. */
static void cut_cell(FILE *file, const char *text, int width, bool is_number, int *room)
{
    int tail_room = is_number || strchr(text, ' ') != NULL ? 0 : *room / 2;
    int skipped = width - tail_room;
    int head_room = *room - tail_room;
    size_t head = fitting(text, &head_room);
    size_t tail = fitting(text, &skipped);
    if (skipped > 0) { /* a character that is wide is there still */
        tail += pn_text_next(text + tail, strlen(text + tail), &skipped);
    }
    fwrite(text, 1, head, file);
    fputs("\xe2\x80\xa6", file); /* … */
    *room = head_room;
    if (tail_room > 0) {
        fputs(text + tail, file);
        *room += tail_room - pn_text_width(text + tail);
    }
}

/* `text` in its column, cut when it is wider. */
static void table_cell(const struct pn_output *output, size_t at, const char *text)
{
    const struct column *column = &output->columns[at];
    FILE *file = output->file;
    int width = pn_text_width(text);
    bool last = at + 1 == output->count;
    pad(file, at > 0 ? GAP : 0);
    if (width <= column->width) {
        pad(file, column->is_number ? column->width - width : 0);
        fputs(text, file);
        pad(file, column->is_number || last ? 0 : column->width - width);
    } else {
        int room = column->width - 1;
        cut_cell(file, text, width, column->is_number, &room);
        pad(file, last ? 0 : room);
    }
    if (last) {
        fputc('\n', file);
    }
}

/* How narrow a column may get; a number is whole or not there. */
static int least_width(const struct column *column)
{
    int name = pn_text_width(column->name);
    int least = column->is_number ? column->width : name > COLUMN_LEAST ? name : COLUMN_LEAST;
    return least < column->width ? least : column->width;
}

/* Takes columns off the widest until the table fits; false when it cannot. */
static bool fit_terminal(struct pn_output *output)
{
    int limit = output->terminal_columns;
    int total = -GAP;
    for (size_t i = 0; i < output->count; i++) {
        total += output->columns[i].width + GAP;
    }
    while (limit > 0 && total > limit) {
        struct column *widest = NULL;
        for (size_t i = 0; i < output->count; i++) {
            struct column *column = &output->columns[i];
            if (column->width > least_width(column) &&
                (widest == NULL || column->width > widest->width)) {
                widest = column;
            }
        }
        if (widest == NULL) {
            return false;
        }
        widest->width--;
        total--;
    }
    return true;
}

/* A row's cell on a line of its own, behind the column's name; a line before each row. */
static void expanded_cell(const struct pn_output *output, size_t at, int64_t row, const char *text)
{
    const char *name = output->columns[at].name;
    if (at == 0) {
        int used = fprintf(output->file, "-[ row %lld ]", (long long)row + 1);
        for (int i = used; i < output->name_width + GAP || i < EXPANDED_LINE; i++) {
            fputc('-', output->file);
        }
        fputc('\n', output->file);
    }
    fputs(name, output->file);
    pad(output->file, output->name_width + GAP - pn_text_width(name));
    fprintf(output->file, "%s\n", text);
}

static void put_cell(const struct pn_output *output, size_t at, int64_t row, const char *text)
{
    if (output->expanded) {
        expanded_cell(output, at, row, text);
    } else {
        table_cell(output, at, text);
    }
}

static void table_head(const struct pn_output *output)
{
    for (size_t i = 0; i < output->count; i++) {
        table_cell(output, i, output->columns[i].name);
    }
    for (size_t i = 0; i < output->count; i++) {
        pad(output->file, i > 0 ? GAP : 0);
        for (int dashes = output->columns[i].width; dashes > 0; dashes--) {
            fputc('-', output->file);
        }
    }
    fputc('\n', output->file);
}

static void table_start(struct pn_output *output)
{
    output->streaming = true;
    const char *held = pn_buf_text(&output->held);
    const char *end = held + output->held.len;
    size_t at = 0;
    for (size_t i = 0; i < output->count; i++) {
        int width = output->columns[i].width;
        output->name_width = width > output->name_width ? width : output->name_width;
    }
    for (const char *cell = held; cell < end; cell += strlen(cell) + 1) {
        int width = pn_text_width(cell);
        struct column *column = &output->columns[at];
        column->width = width > column->width ? width : column->width;
        at = (at + 1) % output->count;
    }
    output->expanded = output->format == PN_FORMAT_EXPANDED || !fit_terminal(output);
    if (!output->expanded) {
        table_head(output);
    } else if (held == end) {
        fputs("(no rows)\n", output->file);
    }
    int64_t row = 0;
    at = 0;
    for (const char *cell = held; cell < end; cell += strlen(cell) + 1) {
        put_cell(output, at, row, cell);
        at = (at + 1) % output->count;
        row += at == 0;
    }
    pn_buf_deinit(&output->held);
}

/* What is left of the terminal's line goes to the last column; without a terminal, any width. */
static void widen_last(struct pn_output *output)
{
    struct column *last = &output->columns[output->count - 1];
    int rest = output->terminal_columns;
    if (rest == 0) {
        last->width = last->is_number ? last->width : INT_MAX;
        return;
    }
    for (size_t i = 0; i + 1 < output->count; i++) {
        rest -= output->columns[i].width + GAP;
    }
    last->width = rest > last->width ? rest : last->width;
}

static void table_put(struct pn_output *output, const char *text, size_t len, enum cell_kind kind)
{
    struct pn_buf *out = output->streaming ? &output->text : &output->held;
    if (output->streaming) {
        pn_buf_reset(out);
    }
    if (kind == CELL_NULL) {
        pn_buf_adds(out, "null");
    } else {
        pn_text_add_shown(out, text, len);
    }
    if (output->streaming) {
        put_cell(output, output->at, output->rows, pn_buf_text(out));
    } else {
        pn_buf_add(out, "", 1);
    }
}

/* --- all ------------------------------------------------------------------------------------ */

static void put(struct pn_output *output, const char *text, size_t len, enum cell_kind kind)
{
    char large[64];
    if (len > CELL_BYTES_MAX / 8) {
        (void)snprintf(large, sizeof large, "(%zu bytes, too large to print)", len);
        text = large;
        len = strlen(large);
        kind = CELL_TEXT;
    }
    switch (output->format) {
    case PN_FORMAT_JSON:
        json_cell(output, text, len, kind);
        break;
    case PN_FORMAT_CSV:
        csv_cell(output, text, len, kind);
        break;
    case PN_FORMAT_TABLE:
    case PN_FORMAT_EXPANDED:
        table_put(output, text, len, kind);
        break;
    }
    output->at++;
    if (output->at < output->count) {
        return;
    }
    output->at = 0;
    output->rows++;
    if (pn_format_is_for_people(output->format) && !output->streaming &&
        (output->rows == ROWS_HELD_MAX || output->held.len > BYTES_HELD_MAX)) {
        table_start(output);
    }
}

void pn_output_null(struct pn_output *output)
{
    const char *null = output->format == PN_FORMAT_JSON ? "null" : "";
    put(output, null, strlen(null), CELL_NULL);
}

void pn_output_text(struct pn_output *output, const char *text, size_t len)
{
    put(output, text, len, CELL_TEXT);
}

void pn_output_cstr(struct pn_output *output, const char *text)
{
    if (text == NULL) {
        pn_output_null(output);
    } else {
        put(output, text, strlen(text), CELL_TEXT);
    }
}

void pn_output_int(struct pn_output *output, int64_t value)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%lld", (long long)value);
    put(output, digits, (size_t)len, CELL_RAW);
}

void pn_output_double(struct pn_output *output, double value)
{
    char digits[64];
    if (output->format == PN_FORMAT_JSON) {
        struct pn_buf number;
        pn_buf_init(&number, sizeof digits);
        pn_json_write_double(&number, value);
        put(output, pn_buf_text(&number), number.len, CELL_RAW);
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
    put(output, digits, (size_t)len, CELL_RAW);
}

void pn_output_bool(struct pn_output *output, bool value)
{
    put(output, value ? "true" : "false", value ? 4 : 5, CELL_RAW);
}

void pn_output_time(struct pn_output *output, int64_t wall_ms)
{
    char text[PN_ISO8601_SIZE];
    pn_output_cstr(output, pn_iso8601(wall_ms, text));
}

void pn_output_json(struct pn_output *output, const char *json, size_t len)
{
    put(output, json, len, CELL_RAW);
}

void pn_output_flush(struct pn_output *output)
{
    if (pn_format_is_for_people(output->format) && !output->streaming && output->rows > 0) {
        table_start(output);
        widen_last(output);
    }
    (void)fflush(output->file);
}

static void destroy(struct pn_output *output)
{
    for (size_t i = 0; i < output->count; i++) {
        free(output->columns[i].name);
    }
    free(output->columns);
    pn_buf_deinit(&output->held);
    pn_buf_deinit(&output->text);
    free(output);
}

void pn_output_end(struct pn_output **output)
{
    struct pn_output *ended = *output;
    if (ended == NULL) {
        return;
    }
    *output = NULL;
    if (ended->format == PN_FORMAT_JSON) {
        fputs(ended->rows > 0 ? "\n]\n" : "[]\n", ended->file);
    } else if (ended->format == PN_FORMAT_CSV && ended->rows == 0) {
        csv_header(ended);
    } else if (pn_format_is_for_people(ended->format) && !ended->streaming) {
        table_start(ended);
    }
    destroy(ended);
}

void pn_output_break(struct pn_output **output)
{
    if (*output != NULL && (*output)->rows == 0) {
        destroy(*output);
        *output = NULL;
    }
    pn_output_end(output);
}
