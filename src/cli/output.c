#include "cli/output.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/json.h"
#include "base/mem.h"

enum {
    ROWS_HELD_MAX = 1000,      /* a table's widths come from these */
    BYTES_HELD_MAX = 16 << 20, /* and no more text than this is held */
    CELL_BYTES_MAX = 64 << 20, /* larger values are not printed, but said to be there */
    COLUMN_LEAST = 8,          /* a column is not shrunk below */
    GAP = 2                    /* between columns of a table */
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
    size_t at;          /* the next cell's column */
    int64_t rows;       /* complete ones */
    struct pn_buf text; /* scratch: one cell */

    /* TABLE: the cells held back, NUL-terminated, a row after the other. */
    struct pn_buf held;
    bool streaming; /* the widths are decided, rows go out at once */
};

/* How many bytes at `text` make the next character, and how many columns it takes. */
static size_t next_char(const char *text, size_t len, int *width)
{
    wchar_t c = 0;
    mbstate_t state;
    memset(&state, 0, sizeof state);
    size_t bytes = mbrtowc(&c, text, len, &state);
    if (bytes == 0 || bytes > len) { /* invalid, or cut: the byte by itself */
        *width = 1;
        return 1;
    }
    *width = wcwidth(c);
    *width = *width < 0 ? 1 : *width;
    return bytes;
}

static int text_width(const char *text)
{
    int width = 0;
    for (size_t len = strlen(text); len > 0;) {
        int w = 0;
        size_t bytes = next_char(text, len, &w);
        width += w;
        text += bytes;
        len -= bytes;
    }
    return width;
}

static int terminal_columns(FILE *file)
{
    struct winsize size;
    int fd = fileno(file);
    if (fd < 0 || !isatty(fd) || ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return 0;
    }
    return size.ws_col;
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
    for (size_t i = 0; i < count; i++) {
        output->columns[i].name = pn_xstrdup(columns[i].name);
        output->columns[i].is_number = columns[i].is_number;
        output->columns[i].width = text_width(columns[i].name);
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

static void csv_field(FILE *file, const char *text, size_t len, bool is_null)
{
    bool quote = !is_null && len == 0;
    for (size_t i = 0; i < len && !quote; i++) {
        quote = strchr("\",\r\n", text[i]) != NULL;
    }
    if (!quote) {
        fwrite(text, 1, len, file);
        return;
    }
    fputc('"', file);
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"') {
            fputc('"', file);
        }
        fputc(text[i], file);
    }
    fputc('"', file);
}

static void csv_header(struct pn_output *output)
{
    for (size_t i = 0; i < output->count; i++) {
        const char *name = output->columns[i].name;
        fputs(i > 0 ? "," : "", output->file);
        csv_field(output->file, name, strlen(name), false);
    }
    fputs("\r\n", output->file);
}

static void csv_cell(struct pn_output *output, const char *text, size_t len, enum cell_kind kind)
{
    if (output->rows == 0 && output->at == 0) {
        csv_header(output);
    }
    fputs(output->at > 0 ? "," : "", output->file);
    csv_field(output->file, text, len, kind == CELL_NULL);
    fputs(output->at + 1 == output->count ? "\r\n" : "", output->file);
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
    fwrite(pn_buf_text(out), 1, out->len, output->file);
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
        size_t next = next_char(text + bytes, len - bytes, &width);
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
        tail += next_char(text + tail, strlen(text + tail), &skipped);
    }
    fwrite(text, 1, head, file);
    fputs("\xe2\x80\xa6", file); /* … */
    *room = head_room;
    if (tail_room > 0) {
        fputs(text + tail, file);
        *room += tail_room - text_width(text + tail);
    }
}

/* `text` in its column, cut when it is wider. */
static void table_cell(const struct pn_output *output, size_t at, const char *text)
{
    const struct column *column = &output->columns[at];
    FILE *file = output->file;
    int width = text_width(text);
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

/* Takes columns off the widest until the table fits, or none is left to shrink. */
static void fit_terminal(struct pn_output *output)
{
    int limit = terminal_columns(output->file);
    if (limit == 0) {
        return;
    }
    int total = -GAP;
    for (size_t i = 0; i < output->count; i++) {
        total += output->columns[i].width + GAP;
    }
    while (total > limit) {
        struct column *widest = &output->columns[0];
        for (size_t i = 1; i < output->count; i++) {
            if (output->columns[i].width > widest->width) {
                widest = &output->columns[i];
            }
        }
        if (widest->width <= COLUMN_LEAST) {
            return;
        }
        widest->width--;
        total--;
    }
}

static void table_start(struct pn_output *output)
{
    output->streaming = true;
    const char *held = pn_buf_text(&output->held);
    const char *end = held + output->held.len;
    size_t at = 0;
    for (const char *cell = held; cell < end; cell += strlen(cell) + 1) {
        int width = text_width(cell);
        struct column *column = &output->columns[at];
        column->width = width > column->width ? width : column->width;
        at = (at + 1) % output->count;
    }
    fit_terminal(output);
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
    at = 0;
    for (const char *cell = held; cell < end; cell += strlen(cell) + 1) {
        table_cell(output, at, cell);
        at = (at + 1) % output->count;
    }
    pn_buf_deinit(&output->held);
}

/* What is left of the terminal's line goes to the last column; without a terminal, any width. */
static void widen_last(struct pn_output *output)
{
    struct column *last = &output->columns[output->count - 1];
    int rest = terminal_columns(output->file);
    if (rest == 0) {
        last->width = last->is_number ? last->width : INT_MAX;
        return;
    }
    for (size_t i = 0; i + 1 < output->count; i++) {
        rest -= output->columns[i].width + GAP;
    }
    last->width = rest > last->width ? rest : last->width;
}

static void add_escaped(struct pn_buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\n') {
            pn_buf_adds(out, "\\n");
        } else if (c == '\t') {
            pn_buf_adds(out, "\\t");
        } else if (c < 0x20 || c == 0x7f) {
            pn_buf_addf(out, "\\x%02x", c);
        } else if (c == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0) {
            pn_buf_addf(out, "\\x%02x", (unsigned char)text[++i]); /* U+0080 to U+009F */
        } else {
            pn_buf_addc(out, (char)c);
        }
    }
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
        add_escaped(out, text, len);
    }
    if (output->streaming) {
        table_cell(output, output->at, pn_buf_text(out));
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
        table_put(output, text, len, kind);
        break;
    }
    output->at++;
    if (output->at < output->count) {
        return;
    }
    output->at = 0;
    output->rows++;
    if (output->format == PN_FORMAT_TABLE && !output->streaming &&
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
    if (output->format == PN_FORMAT_TABLE && !output->streaming && output->rows > 0) {
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
    } else if (ended->format == PN_FORMAT_TABLE && !ended->streaming) {
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
