/* What is left of a group of processes whose leader is gone. */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/process.h"

enum { ENVIRONMENT_BYTES_MAX = 8 << 20, PASSES_MAX = 100 };

/* Is one of the NUL-ended texts this one? */
static bool has_text(const struct pn_buf *texts, const char *text)
{
    size_t at = 0;
    while (at < texts->len) {
        const char *one = texts->data + at;
        if (strcmp(one, text) == 0) {
            return true;
        }
        at += strlen(one) + 1;
    }
    return false;
}

/* The environment with which a process began; of one of another user, or that is over, none. */
static bool has_all(pid_t pid, const char *const *marks)
{
    char path[64];
    struct pn_buf environment;
    (void)snprintf(path, sizeof path, "/proc/%ld/environ", (long)pid);
    pn_buf_init(&environment, ENVIRONMENT_BYTES_MAX);
    bool all = pn_io_read_file(pn_io_system(), path, &environment, NULL) == 0;
    for (; all && *marks != NULL; marks++) {
        all = has_text(&environment, *marks);
    }
    pn_buf_deinit(&environment);
    return all;
}

static size_t kill_some(pid_t group, const char *const *marks)
{
    struct pn_io_listing listing = {0};
    size_t count = 0;
    if (pn_io_list(pn_io_system(), "/proc", &listing, NULL) != 0) {
        return 0;
    }
    for (size_t i = 0; i < listing.count; i++) {
        const char *name = listing.entries[i].name;
        pid_t pid = isdigit((unsigned char)name[0]) ? (pid_t)strtol(name, NULL, 10) : 0;
        if (pid > 1 && getpgid(pid) == group && has_all(pid, marks)) {
            count += kill(pid, SIGKILL) == 0;
        }
    }
    pn_io_listing_deinit(&listing);
    return count;
}

size_t pn_process_kill_left(pid_t group, const char *const *marks)
{
    size_t count = 0;
    size_t killed = 1;
    /* One that is killed may have started another before. */
    for (int i = 0; i < PASSES_MAX && killed > 0 && kill(-group, 0) == 0; i++) {
        killed = kill_some(group, marks);
        count += killed;
    }
    return count;
}
