/* The table of settings: the one place where a setting's name, type, default, limits and help are.
 * A limit that a station has by itself is the constant in its header. */
#include <stddef.h>

#include "http/server.h"
#include "log/embedded/embedded.h"
#include "log/log.h"
#include "settings/internal.h"
#include "sink/sink.h"

#define AT(member) offsetof(struct pn_settings, member)
#define KIB(n)     (INT64_C(n) << 10)
#define MIB(n)     (INT64_C(n) << 20)
#define GIB(n)     (INT64_C(n) << 30)
#define TIB(n)     (INT64_C(n) << 40)
#define SECONDS(n) (INT64_C(n) * 1000)
#define DAYS(n)    (INT64_C(n) * 86400000)

#define TEXT(n, member, preset, about)                                                             \
    {                                                                                              \
        .name = n, .kind = PN_SETTING_TEXT, .offset = AT(member), .initial = preset, .help = about \
    }
#define SECRET(n, member, about)                                                                \
    {                                                                                           \
        .name = n, .kind = PN_SETTING_TEXT, .offset = AT(member), .initial = "", .help = about, \
        .secret = true                                                                          \
    }
#define CHOICE(n, member, preset, words, about)                                        \
    {                                                                                  \
        .name = n, .kind = PN_SETTING_CHOICE, .offset = AT(member), .initial = preset, \
        .choices = words, .help = about                                                \
    }
#define BOOL(n, member, preset, about)                                                             \
    {                                                                                              \
        .name = n, .kind = PN_SETTING_BOOL, .offset = AT(member), .initial = preset, .help = about \
    }
#define NUMBER(k, n, member, preset, least, most, minus_one, about)                               \
    {                                                                                             \
        .name = n, .kind = k, .offset = AT(member), .initial = preset, .min = least, .max = most, \
        .word = minus_one, .help = about                                                          \
    }
#define INT(...)      NUMBER(PN_SETTING_INT, __VA_ARGS__)
#define SIZE(...)     NUMBER(PN_SETTING_SIZE, __VA_ARGS__)
#define DURATION(...) NUMBER(PN_SETTING_DURATION, __VA_ARGS__)

const struct pn_setting pn_settings_table[] = {
    CHOICE("log.durability", log.durability, "fsync", "fsync|os",
           "when a record counts as kept: fsync, once it is on the disk; os, once the operating "
           "system has it (a power cut may lose the last seconds, a crash of pinion nothing)"),
    CHOICE("log.compression", log.compression, "none", "none|lz4|zstd",
           "of the record batches in the segments; none costs the least time, zstd the least disk"),
    SIZE("log.segment_bytes", log.segment_bytes, "256MiB", MIB(1), PN_SEGMENT_BYTES_MAX, NULL,
         "a segment is closed at this size; retention removes whole segments, and recovery after "
         "a crash reads the last one"),
    DURATION("log.segment_ms", log.segment_ms, "7d", SECONDS(1), DAYS(3650), NULL,
             "a segment is closed at this age"),
    SIZE("log.index_interval_bytes", log.index_interval_bytes, "4KiB", 512, MIB(64), NULL,
         "how far apart the entries of the offset index are"),
    DURATION("log.retention_ms", log.retention_ms, "forever", SECONDS(1), DAYS(36500), "forever",
             "records older than this are removed, a segment at a time"),
    SIZE("log.retention_bytes", log.retention_bytes, "unlimited", MIB(1), TIB(1024), "unlimited",
         "the oldest segments of a partition are removed while it is larger than this"),
    SIZE("log.queue_bytes_max", log.queue_bytes_max, "64MiB", MIB(1), GIB(16), NULL,
         "records waiting for the disk, of all partitions; above it producers are told to come "
         "back later"),
    INT("log.partitions", log.partitions, "1", 1, PN_PARTITIONS_MAX, NULL,
        "of a topic that is created by the first record sent to it"),
    BOOL("log.auto_create_topics", log.auto_create_topics, "true",
         "a record for an unknown topic creates it; false: it is refused"),
    INT("log.pattern_topics_max", log.pattern_topics_max, "1000", 0, 100000, NULL,
        "topics that the first records to them make for one pattern of the pipeline; further ones "
        "are refused"),
    SIZE("log.record_bytes_max", log.record_bytes_max, "1MiB", KIB(1), PN_RECORD_BYTES_MAX, NULL,
         "key and value of one record; 1MiB is what Kafka and Kinesis take unless told otherwise"),

    TEXT("gateway.listen", gateway.listen, "127.0.0.1:8082",
         "address and port of all front doors; port 0 takes a free one. Any address but loopback "
         "needs gateway.auth"),
    CHOICE("gateway.auth", gateway.auth, "", "none|api-key",
           "`api-key`: clients must send a key of gateway.api_key_file, as `x-api-key` or as "
           "`Authorization: Bearer`. `none`: no key is asked for. Not set: none, and on loopback "
           "only"),
    TEXT("gateway.api_key_file", gateway.api_key_file, "",
         "a file with one API key a line, and after it what the key is for: `KEY "
         "rights=produce,read topics=shop.* streams=clicks` (docs/security.md). SIGHUP makes the "
         "server read it again. The environment's PINION_API_KEY is one more key"),
    TEXT("gateway.tls_certificate", gateway.tls_certificate, "",
         "a PEM file with the server's certificate, and behind it those of the CAs up to the root: "
         "the server then speaks https only, with TLS 1.2 or 1.3. SIGHUP makes it read the file "
         "again. Not set: http"),
    TEXT("gateway.tls_key", gateway.tls_key, "",
         "a PEM file with the key of gateway.tls_certificate, without a password"),
    TEXT("gateway.cors_origin", gateway.cors_origin, "",
         "Origins whose web pages may read replies and manage topics, streams and consumers, "
         "separated by commas: `https://app.example.com, http://localhost:3000`. Not set: none; "
         "every page may produce. `*`: every page may do everything, which is safe only where "
         "no user of this machine browses the web"),
    TEXT("gateway.allowed_hosts", gateway.allowed_hosts, "",
         "Names that clients may call this server by, beside `localhost`, IP addresses and the "
         "name in gateway.listen, separated by commas: `pinion.example.com, *.test`. Checked on "
         "loopback addresses, and elsewhere if set; any other name is answered 421"),
    INT("gateway.threads", gateway.threads, "0", 0, PN_HTTP_THREADS_MAX, NULL,
        "that serve requests; 0: one a core but one, which the log needs"),
    INT("gateway.connections_max", gateway.connections_max, "4096", 1, 1000000, NULL,
        "open at once; further ones are answered 503"),
    INT("gateway.connections_per_ip_max", gateway.connections_per_ip_max, "0", 0, 1000000, NULL,
        "open at once from one address; 0: no limit, as behind a proxy all come from one"),
    SIZE("gateway.header_bytes_max", gateway.header_bytes_max, "8KiB", KIB(1), MIB(1), NULL,
         "request line and headers together; above it: 431"),
    SIZE("gateway.body_bytes_max", gateway.body_bytes_max, "16MiB", KIB(1), GIB(1), NULL,
         "above it: 413. API Gateway lets 10 MB through, so what worked behind it works here"),
    INT("gateway.records_per_request_max", gateway.records_per_request_max, "10000", 1, 1000000,
        NULL, "above it: 413"),
    DURATION("gateway.idle_ms", gateway.idle_ms, "60s", SECONDS(1), DAYS(1), NULL,
             "a connection without a byte for so long is closed"),
    DURATION("gateway.request_ms", gateway.request_ms, "30s", SECONDS(1), DAYS(1), NULL,
             "a request must have arrived whole after so long, however slowly it trickles in; API "
             "Gateway waits 29s"),
    DURATION("gateway.drain_ms", gateway.drain_ms, "10s", 0, DAYS(1), NULL,
             "at SIGTERM: how long accepted requests may take to finish"),
    SIZE("gateway.memory_bytes_max", gateway.memory_bytes_max, "128MiB", MIB(1), TIB(1), NULL,
         "bodies of requests and replies under way, of all connections; above it: 503"),
    DURATION("gateway.consumer_instance_timeout_ms", gateway.consumer_instance_timeout_ms, "5m",
             SECONDS(1), DAYS(7), NULL, "a consumer that nobody asked for so long is removed"),
    INT("gateway.consumer_instances_max", gateway.consumer_instances_max, "1000", 1, 100000, NULL,
        "consumers at once"),
    DURATION("gateway.consumer_request_timeout_ms", gateway.consumer_request_timeout_ms, "1s", 0,
             SECONDS(300), NULL,
             "how long a consumer's request waits for records when there are none"),
    SIZE("gateway.consumer_fetch_bytes_max", gateway.consumer_fetch_bytes_max, "16MiB", KIB(1),
         GIB(1), NULL, "record bytes in one answer to a consumer, unless it asks for less"),
    CHOICE(
        "gateway.consumer_first_poll", gateway.consumer_first_poll, "records", "records|empty",
        "what the first fetch after a subscription answers: records, if there are any; or empty, "
        "as kafka-rest does while it joins the group, for clients that discard that answer"),

    /* Some 7 MB of ordinary events: large enough that the two waits for the disk of each object
     * take little beside writing it, small enough that a reader holds several at once. */
    INT("sink.flush_size", sink.flush_size, "10000", 1, 10000000, NULL,
        "records in one landed object; 1 gives a file a record"),
    SIZE("sink.flush_bytes", sink.flush_bytes, "64MiB", KIB(1), PN_SINK_FLUSH_BYTES_MAX, NULL,
         "an object that has grown to this is landed with fewer records"),
    DURATION("sink.rotate_interval_ms", sink.rotate_interval_ms, "10s", 100, DAYS(7), NULL,
             "records land no later than this after the first one of their object, so that a "
             "quiet topic lands too"),

    SIZE("engine.memory_bytes_max", engine.memory_bytes_max, "512MiB", MIB(64), TIB(1), NULL,
         "what a load, a transform or a query may take; it spills to <data>/tmp beyond"),
    INT("engine.threads", engine.threads, "0", 0, 256, NULL, "of one task; 0: one a core"),
    CHOICE("engine.parquet_compression", engine.parquet_compression, "snappy",
           "snappy|zstd|uncompressed",
           "of the tables' files; snappy is what every reader has, zstd is smaller and slower to "
           "write"),

    DURATION(
        "delta.log_retention_ms", delta.log_retention_ms, "30d", 0, DAYS(36500), NULL,
        "commit files older than this (a minute at least) are removed once a checkpoint covers "
        "them; no version before it can be read then"),
    DURATION("delta.tombstone_retention_ms", delta.tombstone_retention_ms, "7d", 0, DAYS(36500),
             NULL, "how long vacuum keeps the files that no version in use names"),
    INT("delta.checkpoint_interval", delta.checkpoint_interval, "10", 1, 10000, NULL,
        "commits between two checkpoints of a table"),
    SIZE("delta.optimize_target_bytes", delta.optimize_target_bytes, "128MiB", MIB(1), GIB(4), NULL,
         "the size of file that optimize aims for"),

    INT("dag.runs_kept", dag.runs_kept, "1000", 1, 1000000, NULL,
        "finished runs of a DAG whose state and logs are kept"),
    SIZE("dag.log_bytes_max", dag.log_bytes_max, "16MiB", MIB(1), GIB(4), NULL,
         "Size limit of the log of one attempt of a task. Of longer output the beginning and the "
         "last 64 KiB are kept."),

    TEXT("kinesis.account", kinesis.account, "000000000000",
         "the 12 digits in the ARNs of streams"),
    BOOL("kinesis.shard_limits", kinesis.shard_limits, "false",
         "true: AWS's limits on each shard, exactly (1,000 records/s and 1 MiB/s in, 5 reads/s and "
         "2 MiB/s out); what is above them fails with ProvisionedThroughputExceededException"),
    INT("kinesis.error_percent", kinesis.error_percent, "0", 0, 100, NULL,
        "of calls that fail on purpose, with InternalFailure or "
        "ProvisionedThroughputExceededException, to test a client's retries"),
    INT("kinesis.put_failure_percent", kinesis.put_failure_percent, "0", 0, 100, NULL,
        "of records in PutRecords that fail on purpose, each on its own, to test a client's "
        "retries"),
    INT("kinesis.shards_max", kinesis.shards_max, "1000", 1, 100000, NULL,
        "open shards of all streams together; AWS's quota is 1,000 or 20,000, by region"),
    INT("kinesis.pattern_streams_max", kinesis.pattern_streams_max, "100", 0, 100000, NULL,
        "streams that the first records to them make for one pattern of the pipeline; further ones "
        "are refused"),
    DURATION("kinesis.iterator_ms", kinesis.iterator_ms, "5m", SECONDS(1), DAYS(1), NULL,
             "a shard iterator expires after this"),

    TEXT("aws.region", aws.region, "us-east-1", "the region in the ARNs of streams"),
    TEXT("aws.access_key", aws.access_key, "",
         "with it and the secret, every Kinesis request must be signed by them (Signature Version "
         "4); without them any signature passes, on loopback only"),
    SECRET("aws.secret_key", aws.secret_key, "belongs to aws.access_key; it is never shown"),

    DURATION("stream.trigger_ms", stream.trigger_ms, "100ms", 1, DAYS(1), NULL,
             "a stream's records are in its table no later than this after they came, and the time "
             "that writing them takes"),
    INT("stream.batch_rows_max", stream.batch_rows_max, "20000", 1, 10000000, NULL,
        "records in one commit of a stream table"),
    SIZE("stream.batch_bytes_max", stream.batch_bytes_max, "8MiB", KIB(64), GIB(4), NULL,
         "bytes of records in one commit of a stream table"),
    INT("stream.compact_files", stream.compact_files, "64", 0, 1000000, NULL,
        "a stream table with so many small files gets them made into one, in the background; 0: "
        "never"),
    DURATION("stream.keep_ms", stream.keep_ms, "10m", 0, DAYS(36500), NULL,
             "how long files that were made into one, and old commits, are kept for readers of an "
             "older version of a stream table"),
};

const size_t pn_settings_count = sizeof pn_settings_table / sizeof *pn_settings_table;
