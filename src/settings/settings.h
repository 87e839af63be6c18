/*
 * Settings: one table (name, type, default, limits, help) that drives parsing, checks, `pinion
 * settings` and docs/settings.md. They come, later ones winning, from: the defaults; `settings:` of
 * the pipeline.yml; a profile (profile.h); a file given with --config (the same names, YAML); --set
 * name=value.
 *
 * Sizes take a unit (512, 64KiB, 1MB, 2GiB), durations too (100ms, 10s, 5m, 24h, 7d, or "forever"
 * where the help says so).
 */
#ifndef PN_SETTINGS_SETTINGS_H
#define PN_SETTINGS_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "pipeline/pipeline.h"

/* Strings are owned by the settings. Enumerations are checked words. */
struct pn_settings {
    struct {
        char *durability;  /* "fsync" | "os" */
        char *compression; /* "none" | "lz4" | "zstd" */
        int64_t segment_bytes;
        int64_t segment_ms;
        int64_t index_interval_bytes;
        int64_t retention_ms;    /* -1: forever */
        int64_t retention_bytes; /* -1: unbounded */
        int64_t queue_bytes_max;
        int64_t partitions;
        bool auto_create_topics;
        int64_t pattern_topics_max;
        int64_t record_bytes_max;
        char *url; /* "kafka://host:port,..."; "": <data>/log */
        struct {
            char *security; /* "plaintext" | "ssl" | "sasl_plaintext" | "sasl_ssl" */
            char *sasl_mechanism;
            char *sasl_username;
            char *sasl_password;
            char *region; /* of Amazon MSK */
            char *ca_file;
            char *certificate;
            char *key;
            char *conf;          /* "NAME=VALUE; NAME=VALUE" */
            int64_t replication; /* 0: the brokers' default */
            int64_t timeout_ms;
        } kafka;
    } log;
    struct {
        char *listen;       /* "127.0.0.1:8082" */
        char *auth;         /* "" (not set) | "none" | "api-key" */
        char *api_key_file; /* file with one API key and its rights a line; also PINION_API_KEY */
        char *tls_certificate; /* PEM files, see http/tls.h; "": plain HTTP */
        char *tls_key;
        char *cors_origin; /* origins, with commas between them */
        char *allowed_hosts;
        char *advertised_url;
        int64_t threads; /* 0: one a core but one */
        int64_t connections_max;
        int64_t connections_per_ip_max; /* 0: unlimited */
        int64_t header_bytes_max;
        int64_t body_bytes_max;
        int64_t records_per_request_max;
        int64_t idle_ms;          /* a connection without a byte for this long is closed */
        int64_t request_ms;       /* a request must have arrived whole after this time */
        int64_t drain_ms;         /* at SIGTERM: how long accepted requests may take */
        int64_t memory_bytes_max; /* request bodies in flight; above: 503 */
        int64_t consumer_instance_timeout_ms;
        int64_t consumer_instances_max;
        int64_t consumer_request_timeout_ms;
        int64_t consumer_fetch_bytes_max;
        char *consumer_first_poll; /* "records" | "empty" */
    } gateway;
    struct {
        char *url;      /* "s3://bucket/prefix"; "": <data>/store */
        char *endpoint; /* "": AWS's */
        char *region;   /* "": AWS_REGION, or us-east-1 */
        bool path_style;
        char *access_key; /* "": where AWS's tools look */
        char *secret_key;
        int64_t requests_max; /* of one call, at once */
        int64_t part_bytes;   /* of an upload in parts */
        int64_t cache_bytes_max;
    } store;
    struct {
        int64_t flush_size; /* records in an object */
        int64_t flush_bytes;
        int64_t rotate_interval_ms;
        char *worker; /* "": the sink has no name in its group */
    } sink;
    struct {
        char *kind;                /* "duckdb" | "spark" */
        int64_t memory_bytes_max;  /* DuckDB's limit; it spills to <data>/tmp beyond */
        int64_t threads;           /* 0: one a core */
        char *parquet_compression; /* "snappy" | "zstd" | "uncompressed" */
    } engine;
    struct {
        char *runner; /* "submit" | "databricks" */
        char *submit;
        char *master;
        char *packages;
        char *jars;
        char *conf;
        char *python;
        char *store; /* "": the store's own address */
        int64_t timeout_ms;
        char *workspace; /* from here on for Databricks; "": as the environment says */
        char *client_id;
        char *secret_file;
        char *secret;
        char *notebooks;
        char *cluster; /* ID or JSON; "": serverless */
        char *ca_file;
        int64_t poll_ms;
        int64_t retry_ms;
    } spark;
    struct {
        int64_t concurrency;
        int64_t queue;
        int64_t timeout_ms;
        int64_t memory_bytes_max; /* -1: engine.memory_bytes_max */
        int64_t result_bytes_max; /* of one */
        int64_t results_max;
        int64_t results_bytes_max; /* of all */
        int64_t result_keep_ms;
    } query;
    struct {
        int64_t log_retention_ms;       /* of commit files */
        int64_t tombstone_retention_ms; /* vacuum */
        int64_t checkpoint_interval;    /* commits */
        int64_t optimize_target_bytes;
    } delta;
    struct {
        int64_t runs_kept;
        int64_t tasks_max;     /* at once, over all runs */
        int64_t log_bytes_max; /* of one attempt's output */
        int64_t logs_keep_ms;  /* after the run's end; 0: as long as the run is kept */
        char *webhook_secret;  /* "": webhooks are not signed */
        bool webhook_private;  /* webhooks may go to this machine and to private networks */
    } dag;
    struct {
        char *endpoint;              /* "": streams are on the log */
        char *account;               /* 12 digits, of ARNs */
        bool shard_limits;           /* AWS's limits on each shard */
        int64_t error_percent;       /* of calls, refused on purpose */
        int64_t put_failure_percent; /* of records of PutRecords, refused on purpose */
        int64_t shards_max;
        int64_t iterator_ms;
        int64_t read_ms; /* between two reads of a shard of the endpoint's */
        char *consumer;  /* as which they are subscribed to; "": they are read */
        int64_t pattern_streams_max;
    } kinesis;
    struct {
        char *region;
        char *access_key; /* "": any signature passes */
        char *secret_key;
    } aws;
    struct {
        int64_t trigger_ms;
        int64_t batch_rows_max;
        int64_t batch_bytes_max;
        int64_t compact_files; /* 0: never */
        int64_t keep_ms;
        int64_t lease_ms; /* a process that shares shards counts as gone after this */
    } stream;
    char **origins; /* where each setting of the table has its value from; NULL: its default */
};

void pn_settings_init(struct pn_settings *settings); /* the defaults */
void pn_settings_deinit(struct pn_settings *settings);
/* Sets one by its dotted name ("log.durability"), as --set does. INPUT errors name the setting,
 * what it takes and, for an unknown name, the nearest one. */
int pn_settings_set(struct pn_settings *settings, const char *name, const char *value,
                    struct pn_err *e) PN_MUST_CHECK;
/* The default of one, as the table says it: "127.0.0.1:8082" of gateway.listen. */
const char *pn_settings_default(const char *name);
/* Applies `settings:` of the pipeline.yml. */
int pn_settings_from_pipeline(struct pn_settings *settings, const struct pn_pipeline *pipeline,
                              struct pn_err *e) PN_MUST_CHECK;
/* Is what the pipeline.yml says under `settings:` right? Errors name file, line and key. */
int pn_settings_check_pipeline(const struct pn_pipeline *pipeline, struct pn_err *e) PN_MUST_CHECK;
/* Applies a YAML file; errors name file, line and key. Such a file may be the config.yml of the
 * cloud deployment: what it says of Databricks, the buckets and MWAA is skipped here. */
int pn_settings_from_file(struct pn_settings *settings, const char *path, const struct pn_io *io,
                          struct pn_err *e) PN_MUST_CHECK;
/* The whole table: as Markdown (docs/settings.md), or with the values in force as YAML that
 * pn_settings_from_file() takes. A secret is not shown, only that there is one. */
void pn_settings_markdown(struct pn_buf *out);
void pn_settings_text(const struct pn_settings *settings, struct pn_buf *out);

/* A setting for those who show it; texts are borrowed for the call. */
struct pn_setting_shown {
    const char *name;
    const char *value;   /* in force, as one would write it; "(set, not shown)" of a secret */
    const char *origin;  /* where it comes from: "default", "pipeline.yml:12", "--set" */
    bool is_literal;     /* the value is JSON as it stands: a number, true or false */
    const char *initial; /* the default */
    const char *takes;   /* "1MiB to 2GiB, forever" */
    const char *help;
};
/* Calls fn for each setting, in the order of the table. */
void pn_settings_each(const struct pn_settings *settings,
                      void (*fn)(void *arg, const struct pn_setting_shown *setting), void *arg);

#endif
