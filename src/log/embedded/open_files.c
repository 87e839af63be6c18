#include "log/embedded/open_files.h"

#include "log/embedded/partition.h"

void pn_open_files_init(struct pn_open_files *files)
{
    pthread_mutex_init(&files->lock, NULL);
}

void pn_open_files_deinit(struct pn_open_files *files)
{
    PN_ASSERT(files->count == 0);
    pthread_mutex_destroy(&files->lock);
}

/* Closes a file and forgets it; files->lock is held. */
static void drop(struct pn_open_files *files, struct pn_partition *partition)
{
    for (size_t i = 0; i < files->count; i++) {
        if (files->partitions[i] == partition) {
            files->partitions[i] = files->partitions[--files->count];
            break;
        }
    }
    pn_io_close(partition->env->io, &partition->fd);
    partition->prepared_bytes = 0;
}

/*
 * Closes the file unused for longest. One that is being written to now is skipped. There are
 * fewer of these than files, so that one is always found.
 */
static void drop_oldest(struct pn_open_files *files)
{
    uint64_t passed_over = 0;
    for (size_t round = 0; round < files->count; round++) {
        struct pn_partition *oldest = NULL;
        for (size_t i = 0; i < files->count; i++) {
            struct pn_partition *partition = files->partitions[i];
            if (partition->last_use > passed_over &&
                (oldest == NULL || partition->last_use < oldest->last_use)) {
                oldest = partition;
            }
        }
        PN_ASSERT(oldest != NULL);
        if (pthread_mutex_trylock(&oldest->append_lock) == 0) {
            bool idle = oldest->written.bytes == 0;
            if (idle) {
                drop(files, oldest);
            }
            pthread_mutex_unlock(&oldest->append_lock);
            if (idle) {
                return;
            }
        }
        passed_over = oldest->last_use;
    }
    PN_ASSERT(files->count < PN_OPEN_FILES_MAX);
}

void pn_open_files_replace(struct pn_partition *partition, int fd)
{
    struct pn_open_files *files = &partition->env->open_files;
    pthread_mutex_lock(&files->lock);
    if (partition->fd != -1) {
        drop(files, partition);
    }
    if (files->count == PN_OPEN_FILES_MAX) {
        drop_oldest(files);
    }
    files->partitions[files->count++] = partition;
    partition->fd = fd;
    partition->prepared_bytes = 0;
    partition->last_use = ++files->clock;
    pthread_mutex_unlock(&files->lock);
}

void pn_open_files_use(struct pn_partition *partition)
{
    struct pn_open_files *files = &partition->env->open_files;
    pthread_mutex_lock(&files->lock);
    partition->last_use = ++files->clock;
    pthread_mutex_unlock(&files->lock);
}

void pn_open_files_close(struct pn_partition *partition)
{
    struct pn_open_files *files = &partition->env->open_files;
    /* Also to look: another partition's write may be closing this one's file, and when it has let
     * go of the lock it is done with the partition. */
    pthread_mutex_lock(&files->lock);
    if (partition->fd != -1) {
        drop(files, partition);
    }
    pthread_mutex_unlock(&files->lock);
}
