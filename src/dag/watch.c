#include "dag/watch.h"

#include <stdalign.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

static const char DATABASE[] = "state.db"; /* and its -wal, which is what is written to */

int pn_dag_watch_open(const char *data_folder)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd >= 0 && inotify_add_watch(fd, data_folder, IN_MODIFY | IN_CREATE) < 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

bool pn_dag_watch_heard(int fd)
{
    alignas(struct inotify_event) char events[4096];
    bool heard = false;
    for (ssize_t got; (got = read(fd, events, sizeof events)) > 0;) {
        for (ssize_t at = 0; at < got;) {
            struct inotify_event event;
            memcpy(&event, events + at, sizeof event);
            const char *name = events + at + sizeof event;
            heard = heard || (event.mask & IN_Q_OVERFLOW) != 0 ||
                    (event.len > 0 && strncmp(name, DATABASE, sizeof DATABASE - 1) == 0);
            at += (ssize_t)(sizeof event + event.len);
        }
    }
    return heard;
}
