#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int pn_err_setv(struct pn_err *e, enum pn_class class_, int code, const char *fmt, va_list args)
{
    PN_ASSERT(code != 0);
    if (e != NULL) {
        e->code = code;
        e->class_ = class_;
        (void)vsnprintf(e->msg, sizeof e->msg, fmt, args);
    }
    return code;
}

int pn_err_set(struct pn_err *e, enum pn_class class_, int code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)pn_err_setv(e, class_, code, fmt, args);
    va_end(args);
    return code;
}

int pn_err_input(struct pn_err *e, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)pn_err_setv(e, PN_CLASS_INPUT, PN_FAIL, fmt, args);
    va_end(args);
    return PN_FAIL;
}

int pn_err_missing(struct pn_err *e, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)pn_err_setv(e, PN_CLASS_MISSING, PN_FAIL, fmt, args);
    va_end(args);
    return PN_FAIL;
}

int pn_err_fatal(struct pn_err *e, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)pn_err_setv(e, PN_CLASS_FATAL, PN_FAIL, fmt, args);
    va_end(args);
    return PN_FAIL;
}

static enum pn_class class_of_errno(int errno_value)
{
    switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: /* the process may not write files that large: `ulimit -f` */
    case EAGAIN:
    case EINTR:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EBUSY:
    case ETIMEDOUT:
    case EROFS: /* a person can set these right while we run, as a full disk */
    case EACCES:
    case EPERM:
        return PN_CLASS_RETRY;
    case ENOENT:
        return PN_CLASS_MISSING;
    case EEXIST:
        return PN_CLASS_CONFLICT;
    default:
        return PN_CLASS_FATAL;
    }
}

int pn_err_errno(struct pn_err *e, int errno_value, const char *fmt, ...)
{
    PN_ASSERT(errno_value > 0);
    if (e == NULL) {
        return errno_value;
    }
    va_list args;
    va_start(args, fmt);
    (void)pn_err_setv(e, class_of_errno(errno_value), errno_value, fmt, args);
    va_end(args);
    char reason[128];
    const char *text = strerror_r(errno_value, reason, sizeof reason);
    size_t used = strlen(e->msg);
    (void)snprintf(e->msg + used, sizeof e->msg - used, ": %s", text);
    return errno_value;
}

void pn_err_prefix(struct pn_err *e, const char *fmt, ...)
{
    if (e == NULL) {
        return;
    }
    char whole[sizeof e->msg];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(whole, sizeof whole, fmt, args);
    va_end(args);
    size_t used = strlen(whole);
    (void)snprintf(whole + used, sizeof whole - used, ": %.*s", (int)(sizeof whole - used), e->msg);
    memcpy(e->msg, whole, sizeof whole);
}

void pn_err_add(struct pn_err *e, const char *fmt, ...)
{
    if (e == NULL) {
        return;
    }
    size_t used = strlen(e->msg);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(e->msg + used, sizeof e->msg - used, fmt, args);
    va_end(args);
}

void pn_err_copy(struct pn_err *to, const struct pn_err *from)
{
    if (to != NULL && from != NULL) {
        *to = *from;
    }
}

void pn_assert_fail(const char *cond, const char *file, int line)
{
    (void)fprintf(stderr, "pinion: internal error: %s does not hold at %s:%d\n", cond, file, line);
    abort();
}
