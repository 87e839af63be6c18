/*
 * The store on S3: a bucket, or what is below a prefix of it, at AWS or at a server that speaks its
 * protocol.
 *
 * put        one PUT, with its CRC-32C, which the server checks. If-None-Match makes it
 *            put-if-absent; the object carries a number of the put, so that a put whose reply was
 *            lost recognizes its own object.
 * commit     files above `part_bytes` are uploaded in parts.
 * open       reads stretches of READ_AHEAD bytes, each on the condition that the object is still
 *            the same. One that is replaced or removed meanwhile can be read as far as the stretch
 *            that is here; beyond, reading fails (MISSING or CONFLICT). The program's large objects
 *            never change under their key.
 * hold       a copy within the bucket, below ".pinion/held/", which is not listed.
 *
 * A request that may succeed later (no connection, a time-out, 408, 409, 429, 5xx) is sent again
 * after a growing, random pause, RETRIES_MAX times, as long as few requests fail: when most do, a
 * budget that all requests share ends the repetition.
 *
 * Threads: as the port says. Each call waits for its requests, of which it has up to
 * `requests_max` at once.
 *
 * Specification: Amazon S3 API Reference (2006-03-01), "Conditional writes" and "Checking object
 * integrity" of the S3 User Guide.
 */
#ifndef PN_STORE_S3_S3_H
#define PN_STORE_S3_S3_H

#include "base/clock.h"
#include "base/io.h"
#include "store/store.h"

/* All is copied but io and clock, which are borrowed. */
struct pn_s3_config {
    const char *url;      /* "s3://bucket" or "s3://bucket/prefix" */
    const char *endpoint; /* "http://127.0.0.1:9000"; "": AWS's of the region */
    const char *region;
    bool path_style;         /* the bucket is in the path and not in the host's name */
    const char *temp_folder; /* for files that are written to become objects */
    int64_t requests_max;    /* of one call, at once */
    int64_t part_bytes;      /* of an upload in parts; at least 5 MiB at AWS */
    const char *access_key;  /* NULL or "": see base/aws_credentials.h */
    const char *secret_key;
    const struct pn_io *io;
    const struct pn_clock *clock;
};

/* Sends nothing yet. INPUT: the URL, the endpoint or the keys are wrong. Destroy with
 * pn_store_destroy(). What a person can set right while a server runs (credentials, rights, the
 * bucket, its region) fails with RETRY later on. */
int pn_s3_store_open(const struct pn_s3_config *config, struct pn_store **store,
                     struct pn_err *e) PN_MUST_CHECK;

#endif
