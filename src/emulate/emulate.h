/*
 * The producer: records of the pipeline's kinds, from the built-in generator or a database, to one
 * of a server's interfaces or to files. The kinds, and what the generator makes of them, are
 * described by the pipeline's generator.yml (docs/emulate.md is its manual).
 *
 * A run takes one record of each kind in turn, for as many rows as asked for. To a server, each is
 * posted, tried again where that may help, and counted as acknowledged only when the answer holds
 * its offset or sequence number. Files are written under temporary names and renamed when all is
 * written.
 */
#ifndef PN_EMULATE_EMULATE_H
#define PN_EMULATE_EMULATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "emulate/source.h"

enum {
    PN_EMULATE_CONNECTIONS_MAX = 1024,
    PN_EMULATE_BATCH_MAX = 10000,
    PN_EMULATE_STREAM_BATCH_MAX = 500, /* of PutRecords */
    PN_EMULATE_KINDS_MAX = 16,
    PN_EMULATE_RECORD_BYTES_MAX = 16 << 20
};

enum pn_emulate_target {
    PN_EMULATE_KAFKA_REST,
    PN_EMULATE_JSONL,
    PN_EMULATE_KINESIS,     /* the Kinesis API */
    PN_EMULATE_KINESIS_REST /* the same behind an API Gateway */
};

/* What is put into a stream, as JSON text. Producers do it in each of these ways. */
enum pn_emulate_payload {
    PN_EMULATE_OBJECT,     /* the record */
    PN_EMULATE_BASE64,     /* a string, the record in base64 */
    PN_EMULATE_JSON_STRING /* a string that holds the record's JSON */
};

/* A record that a server has acknowledged. The texts are good for the call. */
struct pn_emulate_ack {
    const char *name;          /* of the topic or stream */
    const char *partition_key; /* of a stream's record, else NULL */
    const char *place;         /* partition or shard, not NUL-terminated */
    size_t place_len;
    const char *position; /* offset or sequence number, not NUL-terminated */
    size_t position_len;
};

/* Strings are borrowed. Start from pn_emulate_config_init(). */
struct pn_emulate_config {
    const char *folder; /* of the pipeline: its generator.yml is read */

    const char *source_url; /* "mysql://user@host:port/database", or NULL: the generator */
    const char *password;   /* of the database, NULL: none */
    bool random;            /* database: rows picked at random, as many as `rows` */
    int64_t rows;           /* of each kind; 0: all there are, or as many as generator.yml says */
    uint64_t seed;          /* what the generator makes, and which rows `random` picks */

    enum pn_emulate_target target;
    const char *folder_out; /* JSONL: made when it's missing */

    const char *stream; /* KINESIS*: all kinds go there; NULL: each to its own of generator.yml */
    enum pn_emulate_payload payload; /* KINESIS* */
    const char *access_key;          /* KINESIS: requests are signed; NULL: they aren't */
    const char *secret_key;
    const char *region;

    const char *url;       /* all but JSONL: "http://127.0.0.1:8082" */
    const char *stage;     /* *_REST: first segment of the path, or NULL */
    const char *api_key;   /* sent as x-api-key, or NULL */
    const char *acks_path; /* a line for each acknowledged record goes there, or NULL */
    int64_t batch;         /* records in a request, all of one kind */
    int64_t connections;   /* requests in progress at once; above 1, order isn't kept */
    int64_t rate;          /* records a second, evenly paced; 0: as fast as it goes */
    int64_t retries_max;   /* further attempts at a request */
    int64_t timeout_ms;    /* of one attempt */

    /* Called now and then, with the records done so far (acknowledged, or written). NULL ok. */
    void (*progress)(void *arg, int64_t done, int64_t total);
    /* Called for each record that was acknowledged. NULL ok. */
    void (*acknowledged)(void *arg, const struct pn_emulate_ack *ack);
    /* Asked between records; true ends the run early: what is in progress is finished. NULL ok. */
    bool (*stopped)(void *arg);
    void *arg;

    const struct pn_io *io;
    const struct pn_clock *clock;
};

/* The outcome, filled as far as the run got, whatever it returned. */
struct pn_emulate_summary {
    int64_t total; /* records that were to be done; 0 when the source doesn't know */
    int64_t sent;  /* records handed to the target */
    int64_t acknowledged;
    int64_t failed;  /* refused for good, or given up */
    int64_t retried; /* attempts beyond a request's first */
    /* Attempts beyond the first after one that may have been taken, though no answer came: these
     * records may be there twice. */
    int64_t maybe_twice;
    bool stopped; /* ended early because `stopped` said so */
    double seconds;
    double p50_ms; /* from sending a request to its answer, of the attempts that were answered */
    double p99_ms;
    char first_failure[512]; /* why the first failed record did; "" when none */
    struct pn_source_notes notes;
};

void pn_emulate_config_init(struct pn_emulate_config *config);

/*
 * Runs it. 0 also when single records failed (summary->failed) or the run was stopped; an error
 * when it couldn't start or continue: a broken generator.yml (INPUT, with file, line and key), a
 * database that can't be read, a server that doesn't answer after all attempts (RETRY) or refuses
 * the kind of request as such (INPUT), a file that can't be written.
 */
int pn_emulate_run(const struct pn_emulate_config *config, struct pn_emulate_summary *summary,
                   struct pn_err *e) PN_MUST_CHECK;

#endif
