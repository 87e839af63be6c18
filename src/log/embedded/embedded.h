/*
 * The embedded log: segment files under <data>/log/<topic>/<partition>/.
 *
 * One committer thread takes what producers submitted since its last round, writes one record
 * batch a partition, syncs once a partition and answers everybody (group commit). A lock file keeps
 * a second process off the folder.
 */
#ifndef PN_LOG_EMBEDDED_H
#define PN_LOG_EMBEDDED_H

#include "base/clock.h"
#include "base/io.h"
#include "base/logger.h"
#include "base/metrics.h"
#include "log/log.h"

enum pn_durability {
    PN_DURABILITY_FSYNC, /* acknowledged after fdatasync */
    PN_DURABILITY_OS     /* acknowledged after write: survives kill -9, not a power cut */
};
enum pn_log_compression { PN_COMPRESSION_NONE, PN_COMPRESSION_LZ4, PN_COMPRESSION_ZSTD };

/* The largest segment, so that positions and relative offsets fit the index; one batch may come on
 * top of it. */
enum { PN_SEGMENT_BYTES_MAX = 1024 * 1024 * 1024 };

struct pn_embedded_config {
    const char *folder; /* <data>/log; made when missing */
    enum pn_durability durability;
    enum pn_log_compression compression;
    int64_t segment_bytes;        /* roll when larger, up to PN_SEGMENT_BYTES_MAX */
    int64_t segment_ms;           /* roll when older */
    int64_t index_interval_bytes; /* a sparse index entry about every so many bytes */
    int64_t retention_ms;         /* -1 forever */
    int64_t retention_bytes;      /* a partition; -1 unbounded */
    int64_t queue_bytes_max;      /* what may wait for the committer before submit says RETRY */
    int32_t partitions_default;
    bool auto_create_topics;
    struct pn_log_first_config first; /* of a topic that its first record creates */
    int64_t record_bytes_max;         /* key + value + headers, up to PN_RECORD_BYTES_MAX */
};

/*
 * Opens the folder: takes its lock (CONFLICT when another process has it), recovers every partition
 * to its last whole batch and logs what it cut. `io`, `clock`, `logger` (may be NULL), `metrics`
 * (may be NULL) are borrowed for the log's life. Destroy with pn_log_destroy().
 */
int pn_embedded_open(const struct pn_embedded_config *config, const struct pn_io *io,
                     const struct pn_clock *clock, struct pn_logger *logger,
                     struct pn_metrics *metrics, struct pn_log **log,
                     struct pn_err *e) PN_MUST_CHECK;

#endif
