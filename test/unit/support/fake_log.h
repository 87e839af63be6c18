/*
 * A log in memory that implements the log port, for tests of its readers: records, topics that come
 * and go, and what a real log does only with damage: a begin that moves, a hole, an end that steps
 * back, reads that fail. Reads copy into the caller's arena, as the port says. Thread-safe.
 */
#ifndef PN_TEST_SUPPORT_FAKE_LOG_H
#define PN_TEST_SUPPORT_FAKE_LOG_H

#include "log/log.h"

struct fake_log;

struct fake_log *fake_log_create(void);
void fake_log_destroy(struct fake_log **fake);
struct pn_log *fake_log_port(struct fake_log *fake);

void fake_log_add_topic(struct fake_log *fake, const char *topic, int32_t partitions);
/* Appends a record and tells the listeners. NULL is an absent value. Returns its offset. */
int64_t fake_log_append(struct fake_log *fake, const char *topic, int32_t partition,
                        const char *value);
int64_t fake_log_append_bytes(struct fake_log *fake, const char *topic, int32_t partition,
                              struct pn_bytes key, struct pn_bytes value, int64_t timestamp_ms);

/* Retention: what is before `begin` is gone. */
void fake_log_set_begin(struct fake_log *fake, const char *topic, int32_t partition, int64_t begin);
/* What is at `end` and after is gone, and its offsets will be given again. */
void fake_log_set_end(struct fake_log *fake, const char *topic, int32_t partition, int64_t end);
/* The topic is not listed from now on, though it is there, or is listed again. */
void fake_log_hide(struct fake_log *fake, const char *topic, bool is_hidden);
/* Gives a topic another id than its own; 0: not known. */
void fake_log_set_id(struct fake_log *fake, const char *topic, uint64_t id);
/* From now on ids of topics are counted by each process: see pn_log_raise_topic_id(). */
void fake_log_count_ids(struct fake_log *fake);
/* From now on they are the log's again. */
void fake_log_uncount_ids(struct fake_log *fake);
/* The offsets are unsure for this reason, which passes; NULL: no longer. `why` is static. */
void fake_log_set_passing(struct fake_log *fake, const char *topic, int32_t partition,
                          const char *why);
/* The offsets are unsure from now on, or no longer. */
void fake_log_set_unsure(struct fake_log *fake, const char *topic, int32_t partition, bool unsure);
/* The log doubts that the topic is the same. */
void fake_log_doubt(struct fake_log *fake, const char *topic, int32_t partition);
/* Reads at first .. end - 1 are CORRUPT. */
void fake_log_damage(struct fake_log *fake, const char *topic, int32_t partition, int64_t first,
                     int64_t end);
/* The next `count` reads of the topic fail with EIO. */
void fake_log_fail_reads(struct fake_log *fake, const char *topic, int count);
/* Reads of the topic are refused, as for their offset, but whatever it is; or no longer. */
void fake_log_refuse_reads(struct fake_log *fake, const char *topic, bool refuses);
/* Reads since the log was created. */
int64_t fake_log_reads(struct fake_log *fake);

#endif
