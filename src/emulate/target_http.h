/*
 * What targets on HTTP have in common: requests that are filled record by record, paced, sent by
 * sender.h over many connections, tried again, and acknowledgements that are counted and written.
 * How a request is written and what an answer means depends on the protocol: target_kafka_rest.c,
 * target_kinesis.c.
 *
 * A request's body is the channel's `start`, its records with commas between, the channel's `end`;
 * so records that were not taken can be sent again by themselves.
 */
#ifndef PN_EMULATE_TARGET_HTTP_H
#define PN_EMULATE_TARGET_HTTP_H

#include "base/json_writer.h"
#include "emulate/sender.h"
#include "emulate/target.h"

enum { PN_TARGET_BODY_BYTES_MAX = 64 << 20, PN_PROTOCOL_HEADERS_MAX = PN_SENDER_HEADERS_MAX - 2 };

/* Where the records of one kind go. The strings are owned, malloc'ed, and freed with the target. */
struct pn_channel {
    char *name;  /* of the topic or stream, as acks call it */
    char *url;   /* whole */
    char *start; /* of a body, "" ok */
    char *end;
    const char *partition_key; /* of a stream; borrowed from the generator */
    /* target_http.c's own */
    struct pn_post_route route;
    struct pn_buf body; /* of the request that is being filled */
    struct pn_buf notes;
};

/* What the answer says of one record. */
enum pn_record_state { PN_RECORD_ACKNOWLEDGED, PN_RECORD_RETRY, PN_RECORD_REFUSED };

/* What a status other than 200 (and 429, 5xx, which are tried again in any case) means. */
enum pn_refusal {
    PN_REFUSED_RECORDS, /* these records; the run continues */
    PN_REFUSED_FOR_NOW, /* the request is to be sent again */
    PN_REFUSED_ALL      /* the following requests would be refused, too */
};

struct pn_target_protocol {
    const char *method;                           /* "POST" */
    const char *headers[PN_PROTOCOL_HEADERS_MAX]; /* NULL after the last */
    const char *answers_with; /* for a message: "an offset for each record (is it ...?)" */
    size_t request_bytes_max; /* a request is sent before it would be larger; one record may be */
    bool is_signed;           /* with the config's AWS keys, where there are any */

    /* Fills the first part of the channel of a kind. INPUT when the kind has no place to go. */
    int (*open)(const struct pn_target_env *env, size_t kind, struct pn_channel *channel,
                struct pn_err *e);
    /* Appends a record as it is written in a request, and to `stored` (NULL: not asked for) what
     * the server will keep of it. */
    void (*write)(const struct pn_emulate_config *config, const struct pn_channel *channel,
                  const struct pn_emulate_record *record, struct pn_buf *out,
                  struct pn_buf *stored);
    /* The first of `count` siblings, one for each record, in the answer of a 200; NULL when the
     * answer has another form. */
    const struct pn_json *(*results)(const struct pn_json *answer, size_t count);
    /* What one of those says; of a record that was taken, `ack` gets place and position. */
    enum pn_record_state (*record_state)(const struct pn_json *result, struct pn_emulate_ack *ack);
    /* `answer` is NULL when the answer is not JSON. */
    enum pn_refusal (*refusal)(long status, const struct pn_json *answer);
    /* What to do about a refusal, or NULL; the function may be NULL, too. */
    const char *(*advice)(const struct pn_json *answer);
};

/* INPUT for an invalid config->url, or what `open` found. `protocol` is borrowed. */
int pn_target_http(const struct pn_target_env *env, const struct pn_target_protocol *protocol,
                   struct pn_target **target, struct pn_err *e) PN_MUST_CHECK;

/* The start and end of a channel's requests of many records: an object whose member `list` has
 * them, after the name of the stream when that isn't NULL. */
void pn_channel_take_list(struct pn_channel *channel, const char *stream, const char *list);

/* <url>/[<stage>/]<path>, whatever slashes the user gave. Caller frees. */
char *pn_target_url(const struct pn_emulate_config *config, const char *path);

#endif
