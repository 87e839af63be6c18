/*
 * Reads messages of application/vnd.amazon.eventstream (eventstream.h) whose bytes come in pieces
 * of any size, as from a connection. Nothing of a message is believed before both its check sums
 * are right, and no size is used before it was checked.
 *
 * Source: Amazon, "Event stream encoding" (Amazon Transcribe Developer Guide); the limits are those
 * of Amazon's own clients.
 */
#ifndef PN_KINESIS_API_EVENT_READER_H
#define PN_KINESIS_API_EVENT_READER_H

#include "base/buf.h"
#include "log/log.h"

enum {
    PN_EVENT_HEADERS_MAX = 128 * 1024,
    PN_EVENT_PAYLOAD_MAX = 24 * 1024 * 1024 /* a record has up to 10 MiB, as base64 a third more */
};

enum pn_event_kind {
    PN_EVENT_OTHER,     /* of no message type that is known */
    PN_EVENT,           /* `type` is its :event-type */
    PN_EVENT_EXCEPTION, /* `type` is its :exception-type */
    PN_EVENT_ERROR      /* `type` is its :error-code, `message` its :error-message */
};

/* A whole message. Everything is borrowed from the reader until its next call. */
struct pn_event {
    enum pn_event_kind kind;
    struct pn_bytes type;
    struct pn_bytes message;
    struct pn_bytes payload;
};

struct pn_event_reader {
    struct pn_buf frame; /* of the message that has not come whole */
    bool is_whole;       /* the last one has, and is let go by the next call */
};

void pn_event_reader_init(struct pn_event_reader *reader);
void pn_event_reader_deinit(struct pn_event_reader *reader);

/*
 * Takes bytes up to the end of a message, *taken of them. *whole: one has ended, and is in *event;
 * call again for what follows. CORRUPT when the bytes are not a message, or have changed on their
 * way: the reader is of no more use then but for pn_event_reader_deinit().
 */
int pn_event_reader_take(struct pn_event_reader *reader, const char *bytes, size_t len,
                         size_t *taken, bool *whole, struct pn_event *event,
                         struct pn_err *e) PN_MUST_CHECK;

#endif
