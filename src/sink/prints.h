/*
 * Prints: what a sink keeps of a few records that it has landed, to see later whether the log still
 * has these records under their offsets. A topic that another program deleted and made again has
 * others there. Needed where a topic's id says nothing of that (pn_log_counts_topic_ids()).
 *
 *   [[<offset>,<timestamp in ms>,<CRC-32C of the key and the value>], ...]
 *
 * In offset order: the first record that ended a batch, and those that ended the last batches.
 */
#ifndef PN_SINK_PRINTS_H
#define PN_SINK_PRINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/json_writer.h"
#include "log/log.h"

enum { PN_SINK_PRINTS_MAX = 4 };

struct pn_sink_print {
    int64_t offset;
    int64_t timestamp_ms;
    uint32_t crc;
};

struct pn_sink_prints {
    struct pn_sink_print prints[PN_SINK_PRINTS_MAX];
    size_t count;
};

struct pn_sink_print pn_sink_print_of(const struct pn_record *record);
/* After the others; one between the first and the last goes when there are too many. */
void pn_sink_prints_add(struct pn_sink_prints *prints, const struct pn_sink_print *print);
/* Forgets those at `offset` and after. */
void pn_sink_prints_cut(struct pn_sink_prints *prints, int64_t offset);
void pn_sink_prints_write(struct pn_json_writer *json, const struct pn_sink_prints *prints);
/* False unless it is such a list. NULL, as earlier versions have it, is an empty one. */
bool pn_sink_prints_read(const struct pn_json *list, struct pn_sink_prints *prints);

/* What the log says to the prints. */
struct pn_sink_verdict {
    bool is_other; /* it has other records than those that have landed, from `next` on at least */
    bool is_short; /* ... as far as is known only because it ends before one of them */
    int64_t next;  /* after the last of the prints that it has; the log's begin when it has none */
};

/* Reads the records that the prints are of. A record that retention or compaction has removed says
 * nothing. Fails as a read does. */
int pn_sink_prints_judge(const struct pn_sink_prints *prints, struct pn_log *log, const char *topic,
                         int32_t partition, struct pn_sink_verdict *verdict,
                         struct pn_err *e) PN_MUST_CHECK;

#endif
