/*
 * Text on a terminal: how wide it is, and what in it would steer the terminal. Records come from
 * anybody who may post, so what they hold is shown, never obeyed.
 */
#ifndef PN_REPORT_TERMINAL_H
#define PN_REPORT_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"

/* The columns of the terminal that `file` is, 80 when it does not say; 0 when it is not one. */
int pn_terminal_columns(FILE *file);

/* How many bytes at `text` make the next character (at least 1), and how many columns it takes. */
size_t pn_text_next(const char *text, size_t len, int *width);
int pn_text_width(const char *text);

/*
 * How many bytes at `text` make a character that steers a terminal, 0 when the next one doesn't:
 * control characters (C0, DEL, C1, the bytes of C1 alone), those that change the direction of
 * writing (bidi), and the separators of lines and paragraphs. *code is the character's number.
 */
size_t pn_text_steers(const char *text, size_t len, unsigned *code);
/* Appends the text with such characters as escapes: \n, \t, \x1b, \u202e. */
void pn_text_add_shown(struct pn_buf *out, const char *text, size_t len);
/* Prints a line and its end: with escapes where `out` is a terminal, else as it is. */
void pn_text_print_line(FILE *out, const char *text, size_t len);

#endif
