/*
 * Errors are values. A fallible function returns 0, or a non-zero code, and takes an optional
 * `struct pn_err *` (NULL is allowed) that the caller owns. The lowest frame that knows the path,
 * key or offset writes the message; frames above return it untouched. A message is for a person:
 * what happened, where, and, where it isn't plain, what to do.
 */
#ifndef PN_BASE_ERR_H
#define PN_BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

#define PN_MUST_CHECK        __attribute__((warn_unused_result))
#define PN_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* What the caller can do about an error; it decides on retries and HTTP statuses. */
enum pn_class {
    PN_CLASS_NONE,
    PN_CLASS_RETRY,    /* passing: the same call may succeed later (disk full, busy, time-out) */
    PN_CLASS_CONFLICT, /* somebody else was first: read again, then decide */
    PN_CLASS_INPUT,    /* what the caller gave is wrong; the same call fails again */
    PN_CLASS_MISSING,  /* the named thing does not exist */
    PN_CLASS_CORRUPT,  /* what was read back is not what was written */
    PN_CLASS_FATAL     /* this part cannot continue */
};

/* The returned code: PN_FAIL unless a header says more, or a positive errno from the system. */
enum { PN_FAIL = -1 };

struct pn_err {
    int code;
    enum pn_class class_;
    char msg[1024];
};

/* Sets *e (when not NULL) and returns `code`, so that `return pn_err_set(...)` reads well. */
int pn_err_set(struct pn_err *e, enum pn_class class_, int code, const char *fmt, ...)
    PN_PRINTF(4, 5);
int pn_err_setv(struct pn_err *e, enum pn_class class_, int code, const char *fmt, va_list args)
    PN_PRINTF(4, 0);

/* The three usual ones; each returns PN_FAIL. */
int pn_err_input(struct pn_err *e, const char *fmt, ...) PN_PRINTF(2, 3);
int pn_err_missing(struct pn_err *e, const char *fmt, ...) PN_PRINTF(2, 3);
int pn_err_fatal(struct pn_err *e, const char *fmt, ...) PN_PRINTF(2, 3);

/*
 * An error from the system: the message gets ": <strerror(errno_value)>", the class follows the
 * errno (ENOSPC, EROFS, EACCES, EAGAIN, EMFILE and the like are RETRY, ENOENT is MISSING, EEXIST is
 * CONFLICT, the rest FATAL). Returns errno_value, which must be positive.
 */
int pn_err_errno(struct pn_err *e, int errno_value, const char *fmt, ...) PN_PRINTF(3, 4);

/* Puts "prefix: " before the message of *e, where an upper frame knows something worth telling. */
void pn_err_prefix(struct pn_err *e, const char *fmt, ...) PN_PRINTF(2, 3);

/* Puts more text after the message of *e. */
void pn_err_add(struct pn_err *e, const char *fmt, ...) PN_PRINTF(2, 3);

/* Copies *from to *to; either may be NULL (then nothing happens). */
void pn_err_copy(struct pn_err *to, const struct pn_err *from);

/* Assertions are for bugs, stay on in release builds and have no side effects. */
#define PN_ASSERT(cond) ((cond) ? (void)0 : pn_assert_fail(#cond, __FILE__, __LINE__))
__attribute__((noreturn)) void pn_assert_fail(const char *cond, const char *file, int line);

#endif
