/*
 * A growing byte buffer that is born with a maximum. It is always NUL-terminated after its
 * length, so a text can be handed on as a C string.
 *
 * An append that does not fit, or finds no memory, leaves the contents as they were and marks the
 * buffer as failed: later appends do nothing, so a writer may append a whole document and check
 * once with pn_buf_failed().
 */
#ifndef PN_BASE_BUF_H
#define PN_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct pn_buf {
    char *data; /* NULL only while nothing was ever appended */
    size_t len;
    size_t capacity;
    size_t max; /* largest len allowed */
    bool failed;
};

/* Caller's storage; nothing is allocated yet. `max` is in bytes and at least 1. */
void pn_buf_init(struct pn_buf *buf, size_t max);
/* Frees the memory; the buffer is empty and usable again afterwards. */
void pn_buf_deinit(struct pn_buf *buf);
/* Empties the buffer, keeps its memory, clears the failure. */
void pn_buf_reset(struct pn_buf *buf);
/* Hands the NUL-terminated bytes to the caller, who frees them; the buffer is empty then. Never
 * NULL. */
char *pn_buf_take(struct pn_buf *buf);
/* The contents as a C string, "" when empty. Borrowed. */
const char *pn_buf_text(const struct pn_buf *buf);

/* Makes room for `len` more bytes; returns false and fails the buffer when that's over the
 * maximum or there is no memory. After it, data + len may be written to and len raised by hand. */
bool pn_buf_reserve(struct pn_buf *buf, size_t len);
void pn_buf_add(struct pn_buf *buf, const void *bytes, size_t len);
void pn_buf_adds(struct pn_buf *buf, const char *text);
void pn_buf_addc(struct pn_buf *buf, char c);
void pn_buf_addf(struct pn_buf *buf, const char *fmt, ...) PN_PRINTF(2, 3);
void pn_buf_addv(struct pn_buf *buf, const char *fmt, va_list args) PN_PRINTF(2, 0);
void pn_buf_add_i64(struct pn_buf *buf, int64_t value);

static inline bool pn_buf_failed(const struct pn_buf *buf)
{
    return buf->failed;
}
/* 0, or an INPUT error "<what> is larger than <max> bytes" when the buffer has failed. */
int pn_buf_check(const struct pn_buf *buf, const char *what, struct pn_err *e) PN_MUST_CHECK;

#endif
