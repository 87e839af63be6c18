#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void pn_buf_init(struct pn_buf *buf, size_t max)
{
    PN_ASSERT(max > 0 && max < SIZE_MAX / 4);
    *buf = (struct pn_buf){.max = max};
}

void pn_buf_deinit(struct pn_buf *buf)
{
    free(buf->data);
    *buf = (struct pn_buf){.max = buf->max};
}

void pn_buf_reset(struct pn_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
    if (buf->data != NULL) {
        buf->data[0] = '\0';
    }
}

char *pn_buf_take(struct pn_buf *buf)
{
    char *data = buf->data != NULL ? buf->data : pn_xstrdup("");
    *buf = (struct pn_buf){.max = buf->max};
    return data;
}

const char *pn_buf_text(const struct pn_buf *buf)
{
    return buf->data != NULL ? buf->data : "";
}

bool pn_buf_reserve(struct pn_buf *buf, size_t len)
{
    if (buf->failed) {
        return false;
    }
    if (len > buf->max - buf->len) {
        buf->failed = true;
        return false;
    }
    size_t need = buf->len + len + 1;
    if (need <= buf->capacity) {
        return true;
    }
    size_t grown = buf->capacity < 64 ? 64 : buf->capacity * 2;
    if (grown < need) {
        grown = need;
    }
    if (grown > buf->max + 1) {
        grown = buf->max + 1;
    }
    char *data = realloc(buf->data, grown);
    if (data == NULL) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->capacity = grown;
    return true;
}

void pn_buf_add(struct pn_buf *buf, const void *bytes, size_t len)
{
    if (!pn_buf_reserve(buf, len)) {
        return;
    }
    if (len > 0) {
        memcpy(buf->data + buf->len, bytes, len);
    }
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void pn_buf_adds(struct pn_buf *buf, const char *text)
{
    pn_buf_add(buf, text, strlen(text));
}

void pn_buf_addc(struct pn_buf *buf, char c)
{
    pn_buf_add(buf, &c, 1);
}

void pn_buf_addv(struct pn_buf *buf, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    PN_ASSERT(len >= 0);
    if (pn_buf_reserve(buf, (size_t)len)) {
        (void)vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

void pn_buf_addf(struct pn_buf *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    pn_buf_addv(buf, fmt, args);
    va_end(args);
}

void pn_buf_add_i64(struct pn_buf *buf, int64_t value)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (value < 0) {
        digits[--at] = '-';
    }
    pn_buf_add(buf, digits + at, sizeof digits - at);
}

int pn_buf_check(const struct pn_buf *buf, const char *what, struct pn_err *e)
{
    if (!buf->failed) {
        return 0;
    }
    return pn_err_input(e, "%s is larger than %zu bytes", what, buf->max);
}
