/* Opening a partition in whatever state it was left. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "log/embedded/partition.h"

enum { INDEX_STORE_BYTES_MIN = 4 * 1024 * 1024 }; /* scanned more than that: spare it next time */

static void warn(const struct pn_partition *partition, const struct pn_err *why)
{
    pn_logger_warn(partition->env->logger, "log", "topic %s, partition %d: %s", partition->topic,
                   partition->number, why->msg);
}

/* Removes what a crash left half done: temporary files, and indexes whose segment is gone. */
static void remove_leftovers(const struct pn_partition *partition,
                             const struct pn_io_listing *listing)
{
    const struct pn_io *io = partition->env->io;
    for (size_t i = 0; i < listing->count; i++) {
        const char *name = listing->entries[i].name;
        int64_t base_offset = 0;
        char path[PN_PATH_SIZE];
        bool leftover = strncmp(name, ".pinion-", strlen(".pinion-")) == 0;
        if (pn_segment_name_parse(name, "index", &base_offset)) {
            /* "<n>.log" would stand right after "<n>.index". */
            int64_t other = -1;
            leftover = i + 1 == listing->count ||
                       !pn_segment_name_parse(listing->entries[i + 1].name, "log", &other) ||
                       other != base_offset;
        }
        if (leftover) {
            int len = snprintf(path, sizeof path, "%s/%s", partition->folder, name);
            PN_ASSERT(len > 0 && (size_t)len < sizeof path);
            (void)io->ops->unlink(io, path);
        }
    }
}

/* An empty segment for every file of the folder. */
static int find_segments(struct pn_partition *partition, struct pn_err *e)
{
    struct pn_io_listing listing = {0};
    int rc = pn_io_list(partition->env->io, partition->folder, &listing, e);
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < listing.count; i++) {
        int64_t base_offset = 0;
        if (pn_segment_name_parse(listing.entries[i].name, "log", &base_offset)) {
            pn_grow((void **)&partition->segments, &partition->segment_capacity,
                    partition->segment_count + 1, sizeof *partition->segments);
            pn_segment_init(&partition->segments[partition->segment_count++], base_offset);
        }
    }
    remove_leftovers(partition, &listing);
    pn_io_listing_deinit(&listing);
    return 0;
}

static void report_damage(const struct pn_partition *partition, const char *path,
                          const struct pn_segment_scan *scan)
{
    if (scan->damaged_batches > 0) {
        pn_logger_error(partition->env->logger, "log",
                        "topic %s, partition %d: %s has %lld damaged batches, the first at "
                        "position %lld with offset %lld; the other batches can be read",
                        partition->topic, partition->number, path, (long long)scan->damaged_batches,
                        (long long)scan->damaged_position, (long long)scan->damaged_offset);
    }
}

/* Removes an index that is wrong, so that nobody believes it once the segment has grown again. */
static int drop_index(const struct pn_partition *partition, int64_t base_offset,
                      const struct pn_err *why, struct pn_err *e)
{
    const struct pn_io *io = partition->env->io;
    char path[PN_PATH_SIZE];
    warn(partition, why);
    int rc = pn_io_unlink(io, pn_segment_path(path, partition->folder, base_offset, "index"), e);
    return rc == 0 ? pn_io_sync_dir(io, partition->folder, e) : rc;
}

/* Reads the file from where the stored index ends, or all of it. */
static int scan_segment(const struct pn_partition *partition, struct pn_segment *segment, int fd,
                        const char *path, struct pn_segment_scan *scan, struct pn_err *e)
{
    const struct pn_log_env *env = partition->env;
    struct pn_err why;
    int64_t file_bytes = 0;
    int rc = pn_segment_load_index(segment, env->io, partition->folder, &why);
    if (rc == 0) {
        rc = pn_io_size(env->io, fd, &file_bytes, path, e);
        if (rc != 0) {
            return rc;
        }
        if (segment->bytes > file_bytes) {
            rc = pn_err_set(&why, PN_CLASS_CORRUPT, PN_FAIL,
                            "%s has %lld bytes, but its index covers %lld: the file was truncated",
                            path, (long long)file_bytes, (long long)segment->bytes);
        }
    }
    if (rc != 0) {
        int64_t base_offset = segment->base_offset;
        pn_segment_deinit(segment);
        pn_segment_init(segment, base_offset);
        rc = why.class_ == PN_CLASS_MISSING ? 0 : drop_index(partition, base_offset, &why, e);
        if (rc != 0) {
            return rc;
        }
    }
    rc = pn_segment_scan(segment, env->io, fd, path, env->config.index_interval_bytes, scan, e);
    report_damage(partition, path, scan);
    return rc;
}

/* A segment that isn't the last, and whose index is missing, wrong or short. */
static int rebuild_sealed(const struct pn_partition *partition, struct pn_segment *segment,
                          const char *path, int64_t next_offset, struct pn_err *e)
{
    const struct pn_io *io = partition->env->io;
    int64_t base_offset = segment->base_offset;
    struct pn_segment_scan scan = {0};
    int fd = -1;
    pn_segment_deinit(segment);
    pn_segment_init(segment, base_offset);
    int rc = pn_io_open(io, path, O_RDWR, &fd, e);
    if (rc == 0) {
        rc = scan_segment(partition, segment, fd, path, &scan, e);
    }
    if (rc != 0) {
        goto out;
    }
    if (scan.torn_bytes > 0 || segment->next_offset != next_offset) {
        pn_logger_error(
            partition->env->logger, "log",
            "topic %s, partition %d: %s is damaged at position %lld: offsets %lld to %lld "
            "cannot be read",
            partition->topic, partition->number, path, (long long)segment->bytes,
            (long long)segment->next_offset, (long long)next_offset - 1);
    } else if (scan.file_bytes > segment->bytes) {
        (void)io->ops->ftruncate(io, fd, segment->bytes); /* zeros that a crash has left */
    }
    struct pn_err why;
    if (pn_segment_store_index(segment, io, partition->folder, &why) != 0) {
        warn(partition, &why);
    }
out:
    pn_io_close(io, &fd);
    return rc;
}

/* A segment that isn't the last: its end is the next one's name. */
static int recover_sealed(const struct pn_partition *partition, struct pn_segment *segment,
                          int64_t next_offset, struct pn_err *e)
{
    const struct pn_io *io = partition->env->io;
    char path[PN_PATH_SIZE];
    struct stat st;
    (void)pn_segment_path(path, partition->folder, segment->base_offset, "log");
    int rc = pn_io_stat(io, path, &st, e);
    if (rc != 0) {
        return rc;
    }
    if (pn_segment_load_index(segment, io, partition->folder, NULL) != 0 ||
        segment->bytes != st.st_size || segment->next_offset != next_offset) {
        rc = rebuild_sealed(partition, segment, path, next_offset, e);
    }
    segment->next_offset = next_offset;
    return rc;
}

/* The last segment: cuts the torn tail, and makes what was found as durable as it will be said to
 * be. */
static int recover_active(const struct pn_partition *partition, struct pn_segment *segment,
                          struct pn_err *e)
{
    const struct pn_io *io = partition->env->io;
    char path[PN_PATH_SIZE];
    struct pn_segment_scan scan;
    int fd = -1;
    int rc = pn_io_open(io, pn_segment_path(path, partition->folder, segment->base_offset, "log"),
                        O_RDWR, &fd, e);
    if (rc != 0) {
        return rc;
    }
    rc = scan_segment(partition, segment, fd, path, &scan, e);
    if (rc != 0) {
        goto out;
    }
    if (scan.torn_bytes > 0) {
        pn_logger_warn(
            partition->env->logger, "log",
            "topic %s, partition %d: cut %lld bytes of an unfinished write at offset %lld "
            "(%s, position %lld)",
            partition->topic, partition->number, (long long)scan.torn_bytes,
            (long long)segment->next_offset, path, (long long)segment->bytes);
    }
    if (scan.file_bytes > segment->bytes) {
        rc = pn_io_truncate(io, fd, segment->bytes, path, e);
        if (rc != 0) {
            goto out;
        }
    }
    if (segment->bytes != segment->stored_bytes) {
        rc = pn_io_datasync(io, fd, path, e);
    }
    if (rc == 0 && segment->stored_bytes < 0) {
        rc = pn_io_sync_dir(io, partition->folder, e); /* perhaps it was made just before a crash */
    }
    struct pn_err why;
    if (rc == 0 && segment->bytes - segment->stored_bytes > INDEX_STORE_BYTES_MIN &&
        pn_segment_store_index(segment, io, partition->folder, &why) != 0) {
        warn(partition, &why);
    }
out:
    pn_io_close(io, &fd);
    return rc;
}

void pn_partition_recover(struct pn_partition *partition)
{
    struct pn_err why;
    int rc = find_segments(partition, &why);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        return; /* nothing was appended yet */
    }
    for (size_t i = 0; rc == 0 && i < partition->segment_count; i++) {
        struct pn_segment *segment = &partition->segments[i];
        rc = i + 1 < partition->segment_count
                 ? recover_sealed(partition, segment, segment[1].base_offset, &why)
                 : recover_active(partition, segment, &why);
        if (rc != 0) {
            /* What follows is not known, so it isn't shown either. */
            partition->segment_count = i + 1;
        }
    }
    if (rc == 0 && partition->segment_count == 0) {
        rc = pn_io_sync_parent(partition->env->io, partition->folder, &why); /* made, no more */
    }
    if (rc != 0) {
        partition->unsure = true;
        pn_partition_stop(partition, &why);
    }
}
