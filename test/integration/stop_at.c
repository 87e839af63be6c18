/*
 * Stops a program at a place: LD_PRELOAD this, and the program stops itself (SIGSTOP) when it makes
 * its STOP_NTH file whose path has the words of STOP_AT in it, counted from 1. After SIGCONT it
 * continues, and stops no more. See halted.py.
 *
 * Threads: any. Source: ld.so(8), open(2).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

typedef int open_call(const char *path, int flags, ...);

static atomic_int made; /* files of such paths */

static bool has_mode(int flags)
{
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

static int stop_and_open(const char *name, const char *path, int flags, mode_t mode)
{
    const char *words = getenv("STOP_AT");
    const char *nth = getenv("STOP_NTH");
    if ((flags & O_CREAT) && words && nth && strstr(path, words) &&
        atomic_fetch_add(&made, 1) + 1 == atoi(nth)) {
        raise(SIGSTOP);
    }
    open_call *next = (open_call *)dlsym(RTLD_NEXT, name);
    return next(path, flags, mode);
}

#define OPEN(name)                                                \
    int name(const char *path, int flags, ...)                    \
    {                                                             \
        va_list rest;                                             \
        va_start(rest, flags);                                    \
        mode_t mode = has_mode(flags) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                             \
        return stop_and_open(#name, path, flags, mode);           \
    }

OPEN(open)
OPEN(open64)
