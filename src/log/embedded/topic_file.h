/*
 * What is kept of a topic besides its records: `<folder>/<topic>/topic.json`, one JSON object,
 * replaced whole, with a checksum (base/checked_file.h). Retention 0 stands for the log's default,
 * -1 forever.
 *
 *   {"checked":1,"version":1,"name":"clicks","id":"9f86d081884c7d65","partitions":3,
 *    "created_ms":1700000000000,"retention_ms":0,"retention_bytes":0,"record_bytes_max":0,
 *    "crc32c":"0123abcd"}
 */
#ifndef PN_LOG_TOPIC_FILE_H
#define PN_LOG_TOPIC_FILE_H

#include "base/io.h"
#include "log/log.h"

struct pn_topic_file {
    uint64_t id; /* random, never 0 */
    int64_t created_ms;
    struct pn_log_topic_config config; /* partitions is never 0 */
};

/* `folder` is the topic's. */
int pn_topic_file_store(const struct pn_io *io, const char *folder, const char *name,
                        const struct pn_topic_file *file, struct pn_err *e) PN_MUST_CHECK;
/* MISSING when there is none, CORRUPT when it is not as it was written. *is_old: it has no checksum
 * yet, and is to be stored again. */
int pn_topic_file_load(const struct pn_io *io, const char *folder, const char *name,
                       struct pn_topic_file *file, bool *is_old, struct pn_err *e) PN_MUST_CHECK;

#endif
