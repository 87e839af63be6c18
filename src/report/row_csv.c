/* Rows as CSV, RFC 4180. */
#include "report/row_internal.h"
#include "report/terminal.h"

/* Copies text; on a terminal without what would steer it, but for line ends and tabs. CSV has no
 * escapes, so elsewhere every byte is as it is. */
static void put_text(const struct pn_row_writer *rows, const char *text, size_t len)
{
    struct pn_buf shown;
    if (rows->sink.terminal_columns == 0) {
        pn_row_put(rows, text, len);
        return;
    }
    pn_buf_init(&shown, PN_ROW_CELL_BYTES_MAX);
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
    pn_row_put(rows, pn_buf_text(&shown), shown.len);
    pn_buf_deinit(&shown);
}

/* Would a spreadsheet run it? */
static bool is_formula(const char *text, size_t len)
{
    return len > 0 && memchr("=+-@\t\r", text[0], strlen("=+-@\t\r")) != NULL;
}

static void put_field(const struct pn_row_writer *rows, const char *text, size_t len,
                      enum pn_row_kind kind)
{
    const char *guard = rows->protects && kind == PN_ROW_TEXT && is_formula(text, len) ? "'" : "";
    bool quote = kind != PN_ROW_NULL && len == 0;
    for (size_t i = 0; i < len && !quote; i++) {
        char c = text[i];
        quote = c == '"' || c == ',' || c == '\r' || c == '\n' || c == '\0';
    }
    if (!quote) {
        pn_row_puts(rows, guard);
        put_text(rows, text, len);
        return;
    }
    pn_row_puts(rows, "\"");
    pn_row_puts(rows, guard);
    while (len > 0) {
        const char *next = memchr(text, '"', len);
        size_t plain = next != NULL ? (size_t)(next - text) : len;
        put_text(rows, text, plain);
        pn_row_puts(rows, next != NULL ? "\"\"" : "");
        plain += next != NULL;
        text += plain;
        len -= plain;
    }
    pn_row_puts(rows, "\"");
}

static void put_header(const struct pn_row_writer *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        const char *name = rows->columns[i].name;
        pn_row_puts(rows, i > 0 ? "," : "");
        put_field(rows, name, strlen(name), PN_ROW_TEXT);
    }
    pn_row_puts(rows, "\r\n");
}

void pn_row_csv_cell(struct pn_row_writer *rows, const char *text, size_t len,
                     enum pn_row_kind kind)
{
    if (rows->rows == 0 && rows->at == 0) {
        put_header(rows);
    }
    pn_row_puts(rows, rows->at > 0 ? "," : "");
    put_field(rows, text, len, kind);
    pn_row_puts(rows, rows->at + 1 == rows->count ? "\r\n" : "");
}

void pn_row_csv_end(struct pn_row_writer *rows)
{
    if (rows->rows == 0) {
        put_header(rows);
    }
}
