/* What is left of a group of processes whose leader is gone. */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/process.h"

enum { ENVIRONMENT_BYTES_MAX = 8 << 20, PASSES_MAX = 100, PASS_MS = 10 };

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

/* One that has ended and waits for its parent has closed its files. */
static bool has_ended(pid_t pid)
{
    char path[64];
    struct pn_buf status;
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    pn_buf_init(&status, ENVIRONMENT_BYTES_MAX);
    bool is_read = pn_io_read_file(pn_io_system(), path, &status, NULL) == 0;
    const char *name_end = is_read ? strrchr(pn_buf_text(&status), ')') : NULL;
    bool ended = name_end == NULL || strncmp(name_end, ") Z", 3) == 0;
    pn_buf_deinit(&status);
    return ended;
}

enum whose { FOREIGN, OURS, ENDING };

/* By the environment with which the process began. One that is ending has none any more, but may
 * still have its files open. */
static enum whose look_at(pid_t pid, const char *const *marks)
{
    char path[64];
    struct pn_buf environment;
    (void)snprintf(path, sizeof path, "/proc/%ld/environ", (long)pid);
    pn_buf_init(&environment, ENVIRONMENT_BYTES_MAX);
    bool all = pn_io_read_file(pn_io_system(), path, &environment, NULL) == 0;
    bool is_ending = all && environment.len == 0;
    for (; all && *marks != NULL; marks++) {
        all = has_text(&environment, *marks);
    }
    pn_buf_deinit(&environment);
    if (is_ending) {
        return has_ended(pid) ? FOREIGN : ENDING;
    }
    return all ? OURS : FOREIGN;
}

/* Returns how many are left, and adds those that it killed. */
static size_t kill_some(pid_t group, const char *const *marks, size_t *killed)
{
    struct pn_io_listing listing = {0};
    size_t left = 0;
    if (pn_io_list(pn_io_system(), "/proc", &listing, NULL) != 0) {
        return 0;
    }
    for (size_t i = 0; i < listing.count; i++) {
        const char *name = listing.entries[i].name;
        pid_t pid = isdigit((unsigned char)name[0]) ? (pid_t)strtol(name, NULL, 10) : 0;
        enum whose whose = pid > 1 && getpgid(pid) == group ? look_at(pid, marks) : FOREIGN;
        left += whose != FOREIGN;
        *killed += whose == OURS && kill(pid, SIGKILL) == 0;
    }
    pn_io_listing_deinit(&listing);
    return left;
}

size_t pn_process_kill_left(pid_t group, const char *const *marks)
{
    size_t killed = 0;
    /* One that is killed may have started another before, and takes a moment to end. */
    for (int i = 0; i < PASSES_MAX && kill(-group, 0) == 0 && kill_some(group, marks, &killed) > 0;
         i++) {
        pn_sleep_ms(PASS_MS);
    }
    return killed;
}
