/*
 * Rows for people and for programs: a table with aligned columns that fits the terminal, or the
 * same with one column a line (EXPANDED, and where a table's row can't fit the terminal); a JSON
 * array of objects, whose members have names of their own (of two columns `a` the second is `a_1`);
 * or CSV (RFC 4180: CRLF, quotes where needed; null is an empty field, the empty string is "").
 * Rows are streamed; only a table holds back its first rows, which decide on the widths.
 *
 *     struct pn_output *output = pn_output_create(cli->out, cli->format, columns, 2);
 *     pn_output_text(output, name, strlen(name));
 *     pn_output_int(output, count);        the row's last cell ends the row
 *     pn_output_end(&output);
 *
 * One cell a call, in the order of the columns. In JSON a cell has its own type; the other formats
 * print it as text. No value can steer the terminal (terminal.h): a table shows such characters as
 * escapes, JSON has them as \uXXXX, and CSV shows escapes where it goes to a terminal.
 */
#ifndef PN_CLI_OUTPUT_H
#define PN_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/cli.h"

struct pn_output;

struct pn_output_column {
    const char *name;
    bool is_number; /* a table aligns it to the right */
};

/* `columns` is copied. `count` is at least 1. */
struct pn_output *pn_output_create(FILE *file, enum pn_format format,
                                   const struct pn_output_column *columns, size_t count);
/* Prints what is held back: for rows that come slowly. A table's widths are decided then, but that
 * of its last column, which may be as wide as the terminal allows. */
void pn_output_flush(struct pn_output *output);
/* Prints what is held back, ends the document and frees. NULL ok. Failed writes show at the end of
 * the program, which checks its standard output. */
void pn_output_end(struct pn_output **output);
/* The same after an error: what there is stays, but a document without a row isn't begun. */
void pn_output_break(struct pn_output **output);
/* Whether nobody can be reading any more: a long stream of rows stops then. */
bool pn_output_failed(const struct pn_output *output);

void pn_output_null(struct pn_output *output);
void pn_output_text(struct pn_output *output, const char *text, size_t len); /* UTF-8 */
void pn_output_cstr(struct pn_output *output, const char *text);             /* NULL is null */
void pn_output_int(struct pn_output *output, int64_t value);
void pn_output_double(struct pn_output *output,
                      double value); /* null in JSON for NaN, infinities */
void pn_output_bool(struct pn_output *output, bool value);
void pn_output_time(struct pn_output *output, int64_t wall_ms); /* as ISO 8601, in UTC */
/* A value that is JSON text already: itself in JSON, its text elsewhere. */
void pn_output_json(struct pn_output *output, const char *json, size_t len);

#endif
