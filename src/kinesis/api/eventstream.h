/*
 * Messages of application/vnd.amazon.eventstream:
 *
 *     whole length (4 bytes) | length of the headers (4) | CRC-32 of those two (4)
 *     headers | payload | CRC-32 of all before it (4)
 *
 * big-endian; a header is its name's length (1 byte), its name, 7 (for a text), its value's length
 * (2) and its value.
 */
#ifndef PN_KINESIS_API_EVENTSTREAM_H
#define PN_KINESIS_API_EVENTSTREAM_H

#include "base/buf.h"

/* A message that is being appended to `out`. */
struct pn_event_message {
    struct pn_buf *out;
    size_t start; /* where it begins in `out` */
    size_t headers_end;
};

/* Writes the headers of an event ("SubscribeToShardEvent", "initial-response") or an exception (its
 * name on the wire). Its payload is what is appended to `out` until pn_event_message_end(). */
void pn_event_begin(struct pn_event_message *message, struct pn_buf *out, const char *type,
                    const char *content_type);
void pn_event_exception_begin(struct pn_event_message *message, struct pn_buf *out,
                              const char *name, const char *content_type);
/* Fills in lengths and check sums. Where `out` was too small it has failed (pn_buf_failed()), as
 * always. */
void pn_event_message_end(struct pn_event_message *message);

#endif
