/*
 * What every log asks of a record, and of the settings of a topic, before it takes them.
 */
#ifndef PN_LOG_RECORD_H
#define PN_LOG_RECORD_H

#include "log/log.h"

/* Key, value and headers. */
static inline size_t pn_record_bytes(const struct pn_record *record)
{
    size_t bytes = record->key.len + record->value.len;
    for (size_t i = 0; i < record->header_count; i++) {
        bytes += record->headers[i].name.len + record->headers[i].value.len;
    }
    return bytes;
}

/* INPUT: the `place`-th record of its request is larger than `bytes_max`, has too many headers, or
 * one without a name. */
int pn_record_check(const struct pn_record *record, int64_t bytes_max, size_t place,
                    struct pn_err *e) PN_MUST_CHECK;
/* INPUT: a number of partitions, a retention or a size of records that no topic can have. */
int pn_log_topic_config_check(const struct pn_log_topic_config *config,
                              struct pn_err *e) PN_MUST_CHECK;

#endif
