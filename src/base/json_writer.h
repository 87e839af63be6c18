/*
 * The one writer of JSON documents: it puts the commas, keeps the nesting, and escapes.
 *
 *     struct pn_json_writer json;
 *     pn_json_writer_init(&json, &out);
 *     pn_json_put_object(&json);
 *     pn_json_add_cstr(&json, "name", topic->name);
 *     pn_json_add_array(&json, "partitions");
 *     for (size_t i = 0; i < count; i++) {
 *         pn_json_put_i64(&json, partitions[i]);
 *     }
 *     pn_json_end(&json);
 *     pn_json_end(&json);
 *     rc = pn_json_writer_check(&json, "the reply", e);
 *
 * A pn_json_put_ function writes a value: an item of an array, the value of a name that
 * pn_json_put_key() wrote, or the document itself. A pn_json_add_ function writes a member of an
 * object, name and value. The text is compact, members stand in the order of the calls, and only
 * what JSON asks for is escaped. A call that would not give JSON (a member in an array, a value
 * without its name in an object, an end too many) is an error of the program and asserts.
 *
 * A document that does not fit into its buffer fails the buffer, and later calls write nothing; so
 * the caller checks once, at the end. The state is the writer's own, not the buffer's: the
 * document may stand after other bytes, and the owner of a long one may hand on what the buffer
 * holds, and reset it, between any two calls.
 *
 * The writer owns nothing and needs no clean-up. For one thread.
 */
#ifndef PN_BASE_JSON_WRITER_H
#define PN_BASE_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/* Open containers: what was parsed can be written again, within some others. */
enum { PN_JSON_WRITER_DEPTH_MAX = PN_JSON_DEPTH_MAX + 24 };

struct pn_json_writer {
    struct pn_buf *out;
    /* the writer's own */
    uint32_t depth;  /* open containers */
    uint32_t indent; /* of the line that the next value or name begins, and 1; 0: it begins none */
    bool in_object;  /* is the innermost one an object? */
    bool follows;    /* something stands before the next value in its container */
    bool named;      /* a name waits for its value */
    bool outer[PN_JSON_WRITER_DEPTH_MAX]; /* of each: is the one around it an object? */
};

/* `out` is borrowed. */
void pn_json_writer_init(struct pn_json_writer *json, struct pn_buf *out);
/* 0 when the document, which must be whole, fitted into the buffer; else an INPUT error "<what> is
 * larger than <max> bytes". */
int pn_json_writer_check(const struct pn_json_writer *json, const char *what,
                         struct pn_err *e) PN_MUST_CHECK;

/* --- layout ----------------------------------------------------------------------------------- */

/* The next value or name begins a line, after `spaces` spaces. */
void pn_json_put_break(struct pn_json_writer *json, uint32_t spaces);
/* Ends the line of a whole document. Another document may follow, as in a file of JSON lines. */
void pn_json_end_line(struct pn_json_writer *json);

/*
 * Takes back what was written since the mark, in the container that was open then: for a member
 * that may turn out to be empty. The buffer still holds what it held.
 */
struct pn_json_mark {
    size_t len;
    uint32_t depth;
    bool follows;
    bool named;
};
struct pn_json_mark pn_json_mark(const struct pn_json_writer *json);
void pn_json_rewind(struct pn_json_writer *json, const struct pn_json_mark *mark);

/* --- values ----------------------------------------------------------------------------------- */

void pn_json_put_object(struct pn_json_writer *json);
void pn_json_put_array(struct pn_json_writer *json);
/* Closes what was opened last. */
void pn_json_end(struct pn_json_writer *json);

/* The name of a parsed member, and name and value, in the compact form. */
void pn_json_put_name_of(struct pn_json_writer *json, const struct pn_json *member);
void pn_json_add_node(struct pn_json_writer *json, const struct pn_json *member);

/* The name of a member, of any text, as pn_json_put_string() writes it. Its value comes next. */
void pn_json_put_name(struct pn_json_writer *json, const char *name, size_t len);

/* A name that is a JSON string already, with its quotes. */
void pn_json_put_raw_name(struct pn_json_writer *json, const char *text, size_t len);

/* A byte that is not UTF-8 becomes U+FFFD. NUL bytes are allowed. */
void pn_json_put_string(struct pn_json_writer *json, const char *text, size_t len);
/* The same for a C string; NULL writes null. */
void pn_json_put_cstr(struct pn_json_writer *json, const char *text);
/* A string that is formatted first. */
void pn_json_put_textf(struct pn_json_writer *json, const char *fmt, ...) PN_PRINTF(2, 3);
/* A string whose text others append to the buffer, which is returned, until it is closed. Nothing
 * in the text may need an escape. */
struct pn_buf *pn_json_open_text(struct pn_json_writer *json);
void pn_json_close_text(struct pn_json_writer *json);
/* The bytes as a string of base64. */
void pn_json_put_base64(struct pn_json_writer *json, const void *bytes, size_t len);
void pn_json_put_i64(struct pn_json_writer *json, int64_t value);
void pn_json_put_u64(struct pn_json_writer *json, uint64_t value);
/* The number's digits as a string. */
void pn_json_put_i64_text(struct pn_json_writer *json, int64_t value);
/* The shortest text that reads back as the same double; null for NaN and infinities. */
void pn_json_put_double(struct pn_json_writer *json, double value);
void pn_json_put_bool(struct pn_json_writer *json, bool value);
void pn_json_put_null(struct pn_json_writer *json);
/* Text that is one JSON value already: a parsed value's, or what another writer wrote. */
void pn_json_put_raw(struct pn_json_writer *json, const char *text, size_t len);
/* A value that others append to the buffer, as JSON text, before the next call. */
void pn_json_open_raw(struct pn_json_writer *json);
/* A parsed value, in its compact form (pn_json_write()). */
void pn_json_put_node(struct pn_json_writer *json, const struct pn_json *node);

/* --- members ---------------------------------------------------------------------------------- */

static inline void pn_json_put_key(struct pn_json_writer *json, const char *key)
{
    pn_json_put_name(json, key, strlen(key));
}

/* Has the innermost container nothing in it yet? */
static inline bool pn_json_is_empty(const struct pn_json_writer *json)
{
    return !json->follows;
}

static inline void pn_json_add_object(struct pn_json_writer *json, const char *key)
{
    pn_json_put_key(json, key);
    pn_json_put_object(json);
}

static inline void pn_json_add_array(struct pn_json_writer *json, const char *key)
{
    pn_json_put_key(json, key);
    pn_json_put_array(json);
}

static inline void pn_json_add_string(struct pn_json_writer *json, const char *key,
                                      const char *text, size_t len)
{
    pn_json_put_key(json, key);
    pn_json_put_string(json, text, len);
}

static inline void pn_json_add_cstr(struct pn_json_writer *json, const char *key, const char *text)
{
    pn_json_put_key(json, key);
    pn_json_put_cstr(json, text);
}

static inline void pn_json_add_i64(struct pn_json_writer *json, const char *key, int64_t value)
{
    pn_json_put_key(json, key);
    pn_json_put_i64(json, value);
}

static inline void pn_json_add_i64_text(struct pn_json_writer *json, const char *key, int64_t value)
{
    pn_json_put_key(json, key);
    pn_json_put_i64_text(json, value);
}

static inline void pn_json_add_double(struct pn_json_writer *json, const char *key, double value)
{
    pn_json_put_key(json, key);
    pn_json_put_double(json, value);
}

static inline void pn_json_add_bool(struct pn_json_writer *json, const char *key, bool value)
{
    pn_json_put_key(json, key);
    pn_json_put_bool(json, value);
}

static inline void pn_json_add_null(struct pn_json_writer *json, const char *key)
{
    pn_json_put_key(json, key);
    pn_json_put_null(json);
}

static inline void pn_json_add_raw(struct pn_json_writer *json, const char *key, const char *text,
                                   size_t len)
{
    pn_json_put_key(json, key);
    pn_json_put_raw(json, text, len);
}

#define pn_json_add_textf(json, key, ...) \
    (pn_json_put_key((json), (key)), pn_json_put_textf((json), __VA_ARGS__))

#endif
