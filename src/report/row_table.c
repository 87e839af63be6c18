/* Rows as a table for people: its widths come from its first rows. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "report/row_internal.h"
#include "report/terminal.h"

enum {
    ROWS_HELD_MAX = 1000,      /* a table's widths come from these */
    BYTES_HELD_MAX = 16 << 20, /* and no more text than this is held */
    COLUMN_LEAST = 12,         /* a column is not shrunk below, nor below its name */
    GAP = 2,                   /* between columns of a table */
    EXPANDED_LINE = 24         /* how long the line before a row is at least */
};

/* Names may come from outside, as columns of somebody's table. */
void pn_row_table_names(struct pn_row_writer *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        struct pn_row_column *column = &rows->columns[i];
        struct pn_buf shown;
        pn_buf_init(&shown, PN_ROW_CELL_BYTES_MAX);
        pn_text_add_shown(&shown, column->name, strlen(column->name));
        free(column->name);
        column->name = pn_buf_take(&shown);
        column->width = pn_text_width(column->name);
    }
}

static bool is_number(const struct pn_row_column *column)
{
    return column->type >= PN_CELL_INT;
}

static void fill(const struct pn_row_writer *rows, char c, int columns)
{
    char piece[64];
    memset(piece, c, sizeof piece);
    for (int left = columns; left > 0; left -= (int)sizeof piece) {
        pn_row_put(rows, piece, left < (int)sizeof piece ? (size_t)left : sizeof piece);
    }
}

static void pad(const struct pn_row_writer *rows, int columns)
{
    fill(rows, ' ', columns);
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
static void cut_cell(const struct pn_row_writer *rows, const char *text, int width, bool right,
                     int *room)
{
    int tail_room = right || strchr(text, ' ') != NULL ? 0 : *room / 2;
    int skipped = width - tail_room;
    int head_room = *room - tail_room;
    size_t head = fitting(text, &head_room);
    size_t tail = fitting(text, &skipped);
    if (skipped > 0) { /* a character that is wide is there still */
        tail += pn_text_next(text + tail, strlen(text + tail), &skipped);
    }
    pn_row_put(rows, text, head);
    pn_row_puts(rows, "\xe2\x80\xa6"); /* … */
    *room = head_room;
    if (tail_room > 0) {
        pn_row_puts(rows, text + tail);
        *room += tail_room - pn_text_width(text + tail);
    }
}

/* `text` in its column, cut when it is wider. */
static void table_cell(const struct pn_row_writer *rows, size_t at, const char *text)
{
    const struct pn_row_column *column = &rows->columns[at];
    int width = pn_text_width(text);
    bool right = is_number(column);
    bool last = at + 1 == rows->count;
    pad(rows, at > 0 ? GAP : 0);
    if (width <= column->width) {
        pad(rows, right ? column->width - width : 0);
        pn_row_puts(rows, text);
        pad(rows, right || last ? 0 : column->width - width);
    } else {
        int room = column->width - 1;
        cut_cell(rows, text, width, right, &room);
        pad(rows, last ? 0 : room);
    }
    if (last) {
        pn_row_puts(rows, "\n");
    }
}

/* How narrow a column may get; a number is whole or not there. */
static int least_width(const struct pn_row_column *column)
{
    int name = pn_text_width(column->name);
    int least = is_number(column) ? column->width : name > COLUMN_LEAST ? name : COLUMN_LEAST;
    return least < column->width ? least : column->width;
}

/* Takes columns off the widest until the table fits; false when it cannot. */
static bool fit_terminal(struct pn_row_writer *rows)
{
    int limit = rows->sink.terminal_columns;
    int total = -GAP;
    for (size_t i = 0; i < rows->count; i++) {
        total += rows->columns[i].width + GAP;
    }
    while (limit > 0 && total > limit) {
        struct pn_row_column *widest = NULL;
        for (size_t i = 0; i < rows->count; i++) {
            struct pn_row_column *column = &rows->columns[i];
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

/* A row's cell on a line of its own, after the column's name; a line before each row. */
static void expanded_cell(const struct pn_row_writer *rows, size_t at, int64_t row,
                          const char *text)
{
    const char *name = rows->columns[at].name;
    if (at == 0) {
        char line[48];
        int used = snprintf(line, sizeof line, "-[ row %" PRId64 " ]", row + 1);
        int wanted = rows->name_width + GAP;
        pn_row_puts(rows, line);
        fill(rows, '-', (wanted > EXPANDED_LINE ? wanted : EXPANDED_LINE) - used);
        pn_row_puts(rows, "\n");
    }
    pn_row_puts(rows, name);
    pad(rows, rows->name_width + GAP - pn_text_width(name));
    pn_row_puts(rows, text);
    pn_row_puts(rows, "\n");
}

static void put_cell(const struct pn_row_writer *rows, size_t at, int64_t row, const char *text)
{
    if (rows->expanded) {
        expanded_cell(rows, at, row, text);
    } else {
        table_cell(rows, at, text);
    }
}

static void table_head(const struct pn_row_writer *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        table_cell(rows, i, rows->columns[i].name);
    }
    for (size_t i = 0; i < rows->count; i++) {
        pad(rows, i > 0 ? GAP : 0);
        fill(rows, '-', rows->columns[i].width);
    }
    pn_row_puts(rows, "\n");
}

static void table_start(struct pn_row_writer *rows)
{
    rows->streaming = true;
    const char *held = pn_buf_text(&rows->held);
    const char *end = held + rows->held.len;
    size_t at = 0;
    for (size_t i = 0; i < rows->count; i++) {
        int width = rows->columns[i].width;
        rows->name_width = width > rows->name_width ? width : rows->name_width;
    }
    for (const char *cell = held; cell < end; cell += strlen(cell) + 1) {
        int width = pn_text_width(cell);
        struct pn_row_column *column = &rows->columns[at];
        column->width = width > column->width ? width : column->width;
        at = (at + 1) % rows->count;
    }
    rows->expanded = rows->format == PN_FORMAT_EXPANDED || !fit_terminal(rows);
    if (!rows->expanded) {
        table_head(rows);
    } else if (held == end) {
        pn_row_puts(rows, "(no rows)\n");
    }
    int64_t row = 0;
    at = 0;
    for (const char *cell = held; cell < end; cell += strlen(cell) + 1) {
        put_cell(rows, at, row, cell);
        at = (at + 1) % rows->count;
        row += at == 0;
    }
    pn_buf_deinit(&rows->held);
}

/* What is left of the terminal's line goes to the last column; without a terminal, any width. */
static void widen_last(struct pn_row_writer *rows)
{
    struct pn_row_column *last = &rows->columns[rows->count - 1];
    int rest = rows->sink.terminal_columns;
    if (rest == 0) {
        last->width = is_number(last) ? last->width : INT_MAX;
        return;
    }
    for (size_t i = 0; i + 1 < rows->count; i++) {
        rest -= rows->columns[i].width + GAP;
    }
    last->width = rest > last->width ? rest : last->width;
}

void pn_row_table_cell(struct pn_row_writer *rows, const char *text, size_t len)
{
    struct pn_buf *out = rows->streaming ? &rows->text : &rows->held;
    if (rows->streaming) {
        pn_buf_reset(out);
    }
    pn_text_add_shown(out, text, len);
    if (rows->streaming) {
        put_cell(rows, rows->at, rows->rows, pn_buf_text(out));
    } else {
        pn_buf_add(out, "", 1);
    }
}

void pn_row_table_ended(struct pn_row_writer *rows)
{
    if (!rows->streaming && (rows->rows == ROWS_HELD_MAX || rows->held.len > BYTES_HELD_MAX)) {
        table_start(rows);
    }
}

void pn_row_table_flush(struct pn_row_writer *rows)
{
    if (!rows->streaming && rows->rows > 0) {
        table_start(rows);
        widen_last(rows);
    }
}

void pn_row_table_end(struct pn_row_writer *rows)
{
    if (!rows->streaming) {
        table_start(rows);
    }
}
