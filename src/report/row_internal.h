/* What the files of the row writer share. */
#ifndef PN_REPORT_ROW_INTERNAL_H
#define PN_REPORT_ROW_INTERNAL_H

#include <string.h>

#include "base/json_writer.h"
#include "report/row_writer.h"

enum {
    PN_ROW_CELL_BYTES_MAX = 64 << 20, /* a value is at most an eighth of it: room for escapes */
    PN_ROW_OUT_BYTES_MAX = 64 << 10
};

struct pn_row_column {
    char *name;
    enum pn_cell type;
    int width; /* of a table's column */
};

struct pn_row_writer {
    struct pn_byte_sink sink;
    enum pn_format format;
    struct pn_row_column *columns; /* NULL: not declared yet */
    size_t count;
    size_t at;                  /* the next cell's column */
    int64_t rows;               /* complete ones */
    struct pn_buf text;         /* scratch: one cell */
    struct pn_buf *out;         /* of a row, on its way to the sink */
    struct pn_json_writer json; /* on `text` */
    bool protects;              /* texts of CSV, see pn_row_writer_protect() */

    /* For people: the cells held back, NUL-terminated, a row after the other. */
    struct pn_buf held;
    bool streaming; /* the widths are decided, rows go out at once */
    bool expanded;  /* one column a line; decided with the widths */
    int name_width; /* then of the columns' names */
};

/* How a value is written: the word for null, a text, or text that JSON takes as it is. */
enum pn_row_kind { PN_ROW_NULL, PN_ROW_TEXT, PN_ROW_RAW };

/* Hands on what has gathered. */
static inline void pn_row_emit(const struct pn_row_writer *rows)
{
    if (rows->out->len > 0) {
        rows->sink.write(rows->sink.arg, rows->out->data, rows->out->len);
        pn_buf_reset(rows->out);
    }
}

static inline void pn_row_put(const struct pn_row_writer *rows, const char *bytes, size_t len)
{
    if (rows->out->len + len > PN_ROW_OUT_BYTES_MAX) {
        pn_row_emit(rows);
    }
    if (len > PN_ROW_OUT_BYTES_MAX) {
        rows->sink.write(rows->sink.arg, bytes, len);
    } else {
        pn_buf_add(rows->out, bytes, len);
    }
}

static inline void pn_row_puts(const struct pn_row_writer *rows, const char *text)
{
    pn_row_put(rows, text, strlen(text));
}

static inline bool pn_row_is_json(const struct pn_row_writer *rows)
{
    return rows->format == PN_FORMAT_JSON || rows->format == PN_FORMAT_JSONL ||
           rows->format == PN_FORMAT_API;
}

/* Each writes the cell of column `rows->at`. */
void pn_row_json_cell(struct pn_row_writer *rows, const char *text, size_t len,
                      enum pn_row_kind kind);
void pn_row_csv_cell(struct pn_row_writer *rows, const char *text, size_t len,
                     enum pn_row_kind kind);
void pn_row_table_cell(struct pn_row_writer *rows, const char *text, size_t len);

/* A column's name in PN_FORMAT_API, where a name says that it holds milliseconds. The caller frees
 * it. */
char *pn_row_api_name(const char *name, enum pn_cell type);
/* Names the columns as the format has them, once. */
void pn_row_json_names(struct pn_row_writer *rows);
void pn_row_table_names(struct pn_row_writer *rows);
/* A row of a table is complete. */
void pn_row_table_ended(struct pn_row_writer *rows);
void pn_row_table_flush(struct pn_row_writer *rows);
/* The end of the document. */
void pn_row_json_end(struct pn_row_writer *rows);
void pn_row_csv_end(struct pn_row_writer *rows);
void pn_row_table_end(struct pn_row_writer *rows);

#endif
