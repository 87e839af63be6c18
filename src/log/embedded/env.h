/* What every part of one embedded log shares: its settings, and the world it was given. */
#ifndef PN_LOG_ENV_H
#define PN_LOG_ENV_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "log/embedded/embedded.h"

enum {
    PN_OPEN_FILES_MAX = 256, /* segment files held open for appending */
    PN_TOPICS_MAX = 4096
};

struct pn_partition;

/* The partitions whose active segment is open for appending, so that their number stays bounded. */
struct pn_open_files {
    pthread_mutex_t lock;
    struct pn_partition *partitions[PN_OPEN_FILES_MAX];
    size_t count;
    uint64_t clock; /* counts uses: the file with the oldest use is closed first */
};

struct pn_log_env {
    struct pn_embedded_config config; /* `folder` is the log's own copy */
    const struct pn_io *io;
    const struct pn_clock *clock;
    struct pn_logger *logger;
    struct pn_metrics *metrics;
    struct pn_metric *commit_seconds;
    struct pn_metric *stopped_partitions;
    struct pn_open_files open_files;
    dev_t folder_dev; /* of the log's folder when it was opened */
    ino_t folder_ino;
};

/* Notes which folder the log has; it must be there. Before topics are opened or made. */
int pn_log_env_note_folder(struct pn_log_env *env, struct pn_err *e) PN_MUST_CHECK;
/* Is the log's folder still the one that was opened? A user may have removed or renamed it, or
 * put another one in its place: a topic made there would be lost when it is put back. */
int pn_log_env_check_folder(const struct pn_log_env *env, struct pn_err *e) PN_MUST_CHECK;

#endif
