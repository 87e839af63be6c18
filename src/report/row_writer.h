/*
 * Rows for people and for programs, in the format that the reader asked for. A report declares its
 * columns and writes its rows; its caller chooses the format, and where the bytes go.
 *
 *   topics.h        topics, and the partitions of one
 *   records.h       records of topics, as rows and from JSON
 *   groups.h        what consumer groups have read
 *   line_diff.h     what changed from one text to another
 *   streams.h       streams; how far tables are from their ends
 *   landings.h      what the sink has landed
 *   objects.h       objects of the store
 *   tables.h        tables; a table's schema, files and history
 *   lineage.h       where a table's rows come from, and what is made of them
 *   pipeline_diff.h what a changed pipeline.yml does to the tables
 *   dead_letters.h  records that could not become rows
 *   dags.h          DAGs, tasks, runs, tasks of a run, attempts
 *   reference.h     settings, metrics
 *
 *     struct pn_byte_sink sink = pn_byte_sink_file(stdout);
 *     struct pn_row_writer *rows = pn_row_writer_create(&sink, PN_FORMAT_TABLE);
 *     rc = pn_report_topics(log, pipeline, rows, e);
 *     pn_row_writer_end(&rows);
 *
 * and in the report:
 *
 *     static const struct pn_report_column columns[] = {{"topic", PN_CELL_TEXT},
 *                                                       {"partitions", PN_CELL_INT}};
 *     PN_ROWS_BEGIN(rows, columns);
 *     pn_cell_text(rows, name, strlen(name));
 *     pn_cell_int(rows, count);                 the row's last cell ends the row
 *
 * One cell a call, in the order of the columns. Rows are streamed: memory holds one cell, or, of a
 * table, its first rows, which decide on the widths (1,000 of them and 16 MiB at most). Cells of
 * more than 8 MiB are replaced by a note that says so.
 *
 * No value can steer the terminal (terminal.h): a table shows such characters as escapes, JSON has
 * them as \uXXXX, and CSV shows escapes where it goes to a terminal.
 *
 * For one thread. The sink reports a failed write: pn_row_writer_failed().
 */
#ifndef PN_REPORT_ROW_WRITER_H
#define PN_REPORT_ROW_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/byte_sink.h"

enum pn_format {
    PN_FORMAT_TABLE,    /* aligned columns that fit the terminal, else as EXPANDED */
    PN_FORMAT_EXPANDED, /* one column a line */
    PN_FORMAT_JSON,  /* an array of objects, one a line. Of two columns `a` the second is `a_1` */
    PN_FORMAT_JSONL, /* the same objects, one a line, without the array */
    PN_FORMAT_CSV,   /* RFC 4180: CRLF, quotes where needed; null is an empty field, the empty
                           string is "" */
    PN_FORMAT_API    /* a JSON array for /api/v1, see enum pn_cell */
};

static inline bool pn_format_is_for_people(enum pn_format format)
{
    return format == PN_FORMAT_TABLE || format == PN_FORMAT_EXPANDED;
}

/* By the words that `--format` takes: "table", "json", "jsonl", "csv"; any other is TABLE. */
enum pn_format pn_format_parse(const char *word);

/* What the cells of a column are. Tables align numbers to the right. */
enum pn_cell {
    PN_CELL_TEXT,
    PN_CELL_JSON, /* a value of any JSON type; tables and CSV have its text */
    PN_CELL_BOOL,
    PN_CELL_TIME,     /* ISO 8601 in UTC; API: a member `<column>_ms`, in milliseconds */
    PN_CELL_BYTES,    /* base64 */
    PN_CELL_INT,      /* a count or size: a number in all formats */
    PN_CELL_WIDE,     /* may pass 2^53: a number too, but a string of its digits in API */
    PN_CELL_DIGITS,   /* a number in digits, longer than any integer: a string in JSON */
    PN_CELL_DURATION, /* seconds, with a fraction; API: `x_s` is a member `x_ms`, and
                         `seconds` is `duration_ms` */
    PN_CELL_DOUBLE,
    PN_NOT_NULL = 0x100 /* combined with one of the above: see columns.h */
};

struct pn_report_column {
    const char *name;
    enum pn_cell type;
};

struct pn_row_writer;

/* The sink is copied; what it borrows must outlive the writer. */
struct pn_row_writer *pn_row_writer_create(const struct pn_byte_sink *sink, enum pn_format format);
/*
 * Before the first row of CSV: a text, or a column's name, that a spreadsheet would take for a
 * formula begins with an apostrophe, which makes it a text there. These begin with =, +, - or @, or
 * with a tab or a carriage return, which some programs pass over. Numbers stay as they are.
 */
void pn_row_writer_protect(struct pn_row_writer *rows);
/* Declares the columns, once, before the first cell. They are copied; `count` is at least 1. */
void pn_row_writer_begin(struct pn_row_writer *rows, const struct pn_report_column *columns,
                         size_t count);
#define PN_ROWS_BEGIN(rows, columns) \
    pn_row_writer_begin((rows), (columns), sizeof(columns) / sizeof *(columns))
/* Writes what is held back: for rows that come slowly. A table's widths are decided then, but that
 * of its last column, which may be as wide as the terminal allows. */
void pn_row_writer_flush(struct pn_row_writer *rows);
/* Writes what is held back, ends the document and frees. Without columns there is no document. NULL
 * ok. */
void pn_row_writer_end(struct pn_row_writer **rows);
/* The same after an error: what there is stays, but a document without a row isn't begun. */
void pn_row_writer_break(struct pn_row_writer **rows);
/* The one or the other. */
static inline void pn_row_writer_close(struct pn_row_writer **rows, int rc)
{
    if (rc == 0) {
        pn_row_writer_end(rows);
    } else {
        pn_row_writer_break(rows);
    }
}
/* Whether nobody can be reading any more: a long stream of rows stops then. */
bool pn_row_writer_failed(const struct pn_row_writer *rows);
enum pn_format pn_row_writer_format(const struct pn_row_writer *rows);
/* Complete rows so far. */
int64_t pn_row_writer_count(const struct pn_row_writer *rows);

/* What there is not, or is not known: a table shows a hyphen. */
void pn_cell_null(struct pn_row_writer *rows);
/* A null that is somebody's data, of a query's row or a record: a table shows the word. */
void pn_cell_null_value(struct pn_row_writer *rows);
void pn_cell_text(struct pn_row_writer *rows, const char *text, size_t len); /* UTF-8 */
void pn_cell_cstr(struct pn_row_writer *rows, const char *text);             /* NULL is null */
/* A value that is JSON text already: itself in JSON, its text elsewhere. */
void pn_cell_json(struct pn_row_writer *rows, const char *json, size_t len);
void pn_cell_bool(struct pn_row_writer *rows, bool value);
void pn_cell_bytes(struct pn_row_writer *rows, const void *bytes, size_t len);
void pn_cell_int(struct pn_row_writer *rows, int64_t value); /* INT and WIDE */
void pn_cell_uint(struct pn_row_writer *rows, uint64_t value);
/* Null for what is not known, which many counts say by a negative number. */
void pn_cell_known(struct pn_row_writer *rows, int64_t value);
void pn_cell_double(struct pn_row_writer *rows, double value); /* null in JSON for NaN, infinity */
void pn_cell_time(struct pn_row_writer *rows, int64_t wall_ms);
/* Null for 0, which says that something has not happened yet. */
void pn_cell_time_if(struct pn_row_writer *rows, int64_t wall_ms);
void pn_cell_duration(struct pn_row_writer *rows, int64_t ms);

#endif
