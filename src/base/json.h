/*
 * JSON: parse, look up, take a value's own text, write. Parsing is simdjson's (json_simdjson.cc is
 * the one C++ file); this header is all that the rest of the program sees of it.
 *
 * pn_json_parse() checks the whole text (UTF-8, escapes, numbers, nesting, nothing after it) and
 * gives a tree of nodes. All that RFC 8259 allows is accepted: a number beyond double is infinite,
 * and half a surrogate pair becomes U+FFFD. Strings without escapes point into the given text,
 * others into the parser's memory: the tree is good as long as both the text and the parser are,
 * until the parser's next parse.
 */
#ifndef PN_BASE_JSON_H
#define PN_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
    PN_JSON_PADDING = 64, /* readable bytes wanted after a text, to parse it without a copy */
    /* Levels of nesting allowed; Jackson allows as many. Each takes 250 bytes of stack to parse. */
    PN_JSON_DEPTH_MAX = 1000
};
/* Codes of pn_json_parse(): the text may be JSON, but has more values or levels than are taken. */
enum { PN_JSON_TOO_MANY = -2, PN_JSON_TOO_DEEP = -3 };

enum pn_json_type {
    PN_JSON_NULL,
    PN_JSON_BOOL,
    PN_JSON_NUMBER,
    PN_JSON_STRING,
    PN_JSON_ARRAY,
    PN_JSON_OBJECT
};

struct pn_json {
    enum pn_json_type type;
    bool boolean;      /* BOOL */
    bool is_integer;   /* NUMBER that is whole and fits int64, in whatever form: 5, 5.0, 50e-1 */
    bool is_lossy;     /* STRING: `text` has U+FFFD for half a surrogate pair; `raw` has it */
    bool key_is_lossy; /* likewise the key */
    int64_t integer;   /* NUMBER, when is_integer: exact */
    double number;     /* NUMBER, always: the nearest; infinite beyond the range of double */
    const char *text;  /* STRING: unescaped UTF-8, not NUL-terminated; may contain NUL bytes */
    size_t text_len;
    const char *raw; /* the value's own text, from its first to its last character */
    size_t raw_len;
    const char *key; /* member of an object: its unescaped name, not NUL-terminated; else NULL */
    size_t key_len;
    size_t count;          /* ARRAY, OBJECT: number of children */
    struct pn_json *first; /* ARRAY, OBJECT: first child, or NULL */
    struct pn_json *next;  /* next sibling, or NULL */
};

/* Reusable, for one thread at a time. A value takes about 100 bytes, so a tree up to 50 for each
 * byte of its text (of "[1,1,1,...]"; records take about two): the texts of others need a maximum,
 * and their values one too. Between parses the parser keeps up to that, and some ten bytes for each
 * of its largest text's. */
struct pn_json_parser;
struct pn_json_parser *pn_json_parser_create(void);
void pn_json_parser_destroy(struct pn_json_parser **parser); /* NULL ok */
/* From now on a text of more values is refused, with the code PN_JSON_TOO_MANY; 0: none is. */
void pn_json_parser_limit(struct pn_json_parser *parser, size_t values_max);
/* Frees what a large text left behind, and its tree with it. */
void pn_json_parser_trim(struct pn_json_parser *parser);

/*
 * Parses `len` bytes at `text`. `capacity` is how many bytes from `text` on are readable: when it
 * is at least len + PN_JSON_PADDING nothing is copied, else the text is copied first (the nodes
 * then point into the copy). A byte-order mark before the text is skipped. On success *root is
 * borrowed from the parser. On failure the message is "invalid JSON at byte N: <reason>", or says
 * that there are too many values or levels (class INPUT, all of them); where the text starts like
 * something else that is known, it is "invalid JSON: it looks like gzip ..." (text_signature.h). An
 * empty text is invalid.
 */
int pn_json_parse(struct pn_json_parser *parser, const char *text, size_t len, size_t capacity,
                  struct pn_json **root, struct pn_err *e) PN_MUST_CHECK;

/* After pn_json_parse() failed by the text: the byte that its message names; or the text's length
 * when it names none. */
size_t pn_json_fault_offset(const struct pn_json_parser *parser);

/* True for a number that isn't whole. It goes by the digits: 0.9999999999999999999 isn't, and
 * 1e400 is, which no integer of ours takes. */
bool pn_json_has_fraction(const struct pn_json *node);

/*
 * Numbers of other types, read from their digits as well. A decimal is a whole number of units of
 * 10^-scale: 12.50 at scale 2 is 1250. What has more digits after the point than that, zeros at the
 * end aside, does not fit, and neither does what has more than `precision` digits (38 at most) in
 * these units.
 */
__extension__ typedef __int128 pn_int128;
enum pn_json_fit { PN_JSON_FITS, PN_JSON_TOO_FINE, PN_JSON_TOO_LARGE };
enum pn_json_fit pn_json_decimal(const struct pn_json *number, int precision, int scale,
                                 pn_int128 *units);
/* The same in 64 bits, where digits finer than the units are dropped; false when it is too large.
 */
bool pn_json_units(const struct pn_json *number, int scale, int64_t *units);
/* Makes `node` the number in `text`, as if it had been in its place: a number of JSON's grammar,
 * followed by 8 bytes or more that are readable, the first of them not a digit. The text must live
 * as long as the node. */
void pn_json_set_number(struct pn_json *node, const char *text, size_t len);
/* The nearest float, not that of the nearest double; infinite beyond the range of float. */
float pn_json_float(const struct pn_json *number);

/* The member named `key` (the last one, when a name is repeated), or NULL; NULL too when `object`
 * is NULL or no object. */
const struct pn_json *pn_json_get(const struct pn_json *object, const char *key);
/* The text of a string member, or NULL when it's absent or no string. NOT NUL-terminated. */
bool pn_json_get_text(const struct pn_json *object, const char *key, const char **text,
                      size_t *len);
/* A NUL-terminated copy of a string node (malloc'ed, caller frees), NULL for other types and for
 * strings holding NUL bytes. */
char *pn_json_dup(const struct pn_json *node);
bool pn_json_text_is(const struct pn_json *node, const char *text);
/* A whole number that fits, or `fallback`. */
int64_t pn_json_get_i64(const struct pn_json *object, const char *key, int64_t fallback);
bool pn_json_get_bool(const struct pn_json *object, const char *key, bool fallback);

/* "null", "boolean", "number", "string", "array", "object". */
const char *pn_json_type_name(enum pn_json_type type);

/*
 * Values as text; json_writer.h writes documents. pn_json_write() gives the compact form of a node:
 * no white space, members in their order, numbers as they were written, strings escaped only where
 * JSON asks for it (quote, backslash, control characters; everything else as raw UTF-8, '/' not
 * escaped). Strings that lost something when they were unescaped are written as they came.
 */
void pn_json_write(struct pn_buf *out, const struct pn_json *node);
/* The name of an object's member, in the same way, with its colon. */
void pn_json_write_name(struct pn_buf *out, const struct pn_json *member);
/* A quoted, escaped string. `text` must be UTF-8. */
void pn_json_write_string(struct pn_buf *out, const char *text, size_t len);
/* The same for a C string; NULL writes null. */
void pn_json_write_cstr(struct pn_buf *out, const char *text);
/* The shortest text that reads back as the same double; null for NaN and infinities. */
void pn_json_write_double(struct pn_buf *out, double value);

/* Are the bytes valid UTF-8? */
bool pn_utf8_valid(const char *text, size_t len);
/* Appends the text with U+FFFD for each byte that is not UTF-8: for logs and error messages. */
void pn_utf8_add_clean(struct pn_buf *out, const char *text, size_t len);

#endif
