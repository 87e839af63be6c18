/*
 * Objects being built: the lines of several objects side by side in three buffers, for values, for
 * dead letters, and for the origins of the values. Objects are opened, filled and closed one after
 * the other.
 */
#ifndef PN_SINK_BATCH_H
#define PN_SINK_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "log/log.h"
#include "sink/prints.h"
#include "sink/sink.h"

/* A batch of so many bytes is full; its last object may have as many as the settings say more. */
enum { PN_SINK_BATCH_BYTES = 16 * 1024 * 1024 };

/* The lines of the records first .. end - 1. Those that are empty are not written. */
struct pn_sink_object {
    int64_t first;
    int64_t end;
    int64_t records;
    int64_t dead_letters;
    size_t values_at; /* in the batch's values */
    size_t values_len;
    size_t dead_at; /* in the batch's dead letters */
    size_t dead_len;
    struct pn_sink_print last; /* of the last record, where the batch takes prints */
    size_t origins_at;         /* in the batch's origins */
    size_t origins_len;
};

struct pn_sink_batch {
    const char *topic; /* borrowed; for the dead letters */
    int32_t partition;
    enum pn_sink_origins keeps; /* of the topic */
    struct pn_buf values;
    struct pn_buf dead;
    struct pn_buf origins;          /* store/origins_key.h */
    struct pn_sink_object *objects; /* an open one is after the last */
    size_t count;                   /* closed objects */
    size_t capacity;
    bool is_open;
    bool takes_prints;
    struct pn_json_parser *parser;
};

void pn_sink_batch_init(struct pn_sink_batch *batch, const char *topic, int32_t partition,
                        enum pn_sink_origins keeps);
void pn_sink_batch_deinit(struct pn_sink_batch *batch);

/* Should the batch be written before another object is opened? */
bool pn_sink_batch_is_full(const struct pn_sink_batch *batch);
void pn_sink_batch_open(struct pn_sink_batch *batch, int64_t first);
/* Adds the record's line to the open object; false, and nothing is added, when the object has
 * records already and would become larger than `bytes_max`. */
bool pn_sink_batch_add(struct pn_sink_batch *batch, const struct pn_record *record,
                       int64_t bytes_max);
/* Closes the open object; `end` is the offset after its last record. */
void pn_sink_batch_close(struct pn_sink_batch *batch, int64_t end);
/* Adds the print of the closed objects' last record, where the batch takes prints. */
void pn_sink_batch_add_print(const struct pn_sink_batch *batch, struct pn_sink_prints *prints);
/* Forgets the open object. */
void pn_sink_batch_drop(struct pn_sink_batch *batch);
/* The open object's number of records, dead or not. */
int64_t pn_sink_batch_open_count(const struct pn_sink_batch *batch);

#endif
