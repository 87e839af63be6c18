/* The table of settings: the one place where a setting's name, type, default, limits and help are.
 * A limit that a station has by itself is the constant in its header. */
#include <stddef.h>

#include "dag/scheduler.h"
#include "http/listener.h"
#include "http/server.h"
#include "kafka/rest/rest.h"
#include "log/embedded/embedded.h"
#include "log/log.h"
#include "query/executor.h"
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
#define TEXT_OF(n, member, preset, form, about)                                      \
    {                                                                                \
        .name = n, .kind = PN_SETTING_TEXT, .offset = AT(member), .initial = preset, \
        .help = about, .check = form                                                 \
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
    CHOICE(
        "log.durability", log.durability, "fsync", "fsync|os",
        "When a record is acknowledged. `fsync`: after it is on disk. `os`: after the operating "
        "system has it; a power cut may lose the last seconds, a crash of pinion loses nothing."),
    CHOICE("log.compression", log.compression, "none", "none|lz4|zstd",
           "Compression of the record batches in the segments. `none` takes the least time, `zstd` "
           "the least disk space."),
    SIZE("log.segment_bytes", log.segment_bytes, "256MiB", MIB(1), PN_SEGMENT_BYTES_MAX, NULL,
         "A segment is closed at this size. Retention removes whole segments, and recovery after a "
         "crash reads the last one."),
    DURATION("log.segment_ms", log.segment_ms, "7d", SECONDS(1), DAYS(3650), NULL,
             "A segment is closed at this age."),
    SIZE("log.index_interval_bytes", log.index_interval_bytes, "4KiB", 512, MIB(64), NULL,
         "Distance between the entries of the offset index."),
    DURATION("log.retention_ms", log.retention_ms, "forever", SECONDS(1), DAYS(36500), "forever",
             "Records older than this are removed, one segment at a time."),
    SIZE("log.retention_bytes", log.retention_bytes, "unlimited", MIB(1), TIB(1024), "unlimited",
         "While a partition is larger than this, its oldest segments are removed."),
    SIZE("log.queue_bytes_max", log.queue_bytes_max, "64MiB", MIB(1), GIB(16), NULL,
         "Size limit of the records that wait for the disk, in all partitions. Above it, producers "
         "are asked to retry later."),
    INT("log.partitions", log.partitions, "1", 1, PN_PARTITIONS_MAX, NULL,
        "Number of partitions of a topic that is created by its first record."),
    BOOL(
        "log.auto_create_topics", log.auto_create_topics, "true",
        "`true`: a record for an unknown topic creates the topic. `false`: the record is refused."),
    INT("log.pattern_topics_max", log.pattern_topics_max, "1000", 0, 100000, NULL,
        "Maximum number of topics that their first records create for one pattern of the "
        "pipeline. Further topics are refused."),
    SIZE("log.record_bytes_max", log.record_bytes_max, "1MiB", KIB(1), PN_RECORD_BYTES_MAX, NULL,
         "Size limit of the key and value of one record. 1MiB is the default limit of Kafka and "
         "Kinesis."),
    TEXT("log.url", log.url, "",
         "A cluster of Apache Kafka that keeps the log: `kafka://HOST:PORT`, or several HOST:PORT "
         "with commas between them (docs/kafka-log.md). Empty: the folder log in the data folder."),
    CHOICE("log.kafka.security", log.kafka.security, "plaintext",
           "plaintext|ssl|sasl_plaintext|sasl_ssl",
           "How pinion speaks to the brokers: with TLS (`ssl`), with a user and a password "
           "(`sasl`), with both, or with neither."),
    CHOICE("log.kafka.sasl_mechanism", log.kafka.sasl_mechanism, "PLAIN",
           "PLAIN|SCRAM-SHA-256|SCRAM-SHA-512|AWS_MSK_IAM",
           "How the brokers check the password. `AWS_MSK_IAM`: Amazon MSK, by IAM; there is no "
           "password, pinion signs with AWS's credentials (docs/kafka-log.md)."),
    TEXT("log.kafka.sasl_username", log.kafka.sasl_username, "", "The user at the brokers."),
    SECRET("log.kafka.sasl_password", log.kafka.sasl_password,
           "The password of log.kafka.sasl_username. pinion never shows it."),
    TEXT("log.kafka.region", log.kafka.region, "",
         "The region of Amazon MSK, for `AWS_MSK_IAM`. Empty: the region in the broker's name, or "
         "the environment variable AWS_REGION."),
    TEXT("log.kafka.ca_file", log.kafka.ca_file, "",
         "A PEM file with the certificates of the CAs that vouch for the brokers. Empty: the CAs "
         "of the system."),
    TEXT("log.kafka.certificate", log.kafka.certificate, "",
         "A PEM file with pinion's own certificate, where the brokers ask clients for one."),
    TEXT("log.kafka.key", log.kafka.key, "",
         "A PEM file with the key of log.kafka.certificate, without a password."),
    INT("log.kafka.replication", log.kafka.replication, "0", 0, 32767, NULL,
        "On how many brokers the records of a topic are that pinion creates. 0: the brokers' "
        "default.replication.factor."),
    DURATION("log.kafka.timeout_ms", log.kafka.timeout_ms, "30s", SECONDS(1), SECONDS(900), NULL,
             "Time limit for the brokers to acknowledge a record, and to answer a question. A "
             "record that is not acknowledged by then is answered 503; it may have been written."),
    SECRET("log.kafka.conf", log.kafka.conf,
           "Properties of librdkafka, separated by semicolons: `client.rack=a; "
           "compression.type=zstd`. They overrule those that pinion sets. They may hold a "
           "password, so pinion never shows them."),

    TEXT_OF(
        "gateway.listen", gateway.listen, "127.0.0.1:8082", pn_http_check_address,
        "Address and port for all interfaces. Port 0 means any free port. An address other than "
        "loopback needs gateway.auth."),
    CHOICE("gateway.auth", gateway.auth, "", "none|api-key",
           "`api-key`: clients must send a key of gateway.api_key_file, as `x-api-key` or as "
           "`Authorization: Bearer`. `none`: no key is needed. Not set: no key is needed, and only "
           "loopback addresses are allowed."),
    TEXT(
        "gateway.api_key_file", gateway.api_key_file, "",
        "A file with one API key per line, and after each key its rights: `KEY "
        "rights=produce,read topics=shop.* streams=clicks` (docs/security.md). The server reads "
        "it again after SIGHUP. The environment variable PINION_API_KEY holds one more valid key."),
    TEXT("gateway.tls_certificate", gateway.tls_certificate, "",
         "A PEM file with the server's certificate, followed by those of the CAs up to the root. "
         "The server then speaks only https, with TLS 1.2 or 1.3. It reads the file again after "
         "SIGHUP. Not set: http."),
    TEXT("gateway.tls_key", gateway.tls_key, "",
         "A PEM file with the key of gateway.tls_certificate, without a password."),
    TEXT("gateway.cors_origin", gateway.cors_origin, "",
         "Origins whose web pages may read replies and manage topics, streams and consumers, "
         "separated by commas: `https://app.example.com, http://localhost:3000`. Not set: none. "
         "Every page may produce. `*`: every page may do everything, which is safe only if no user "
         "of this machine browses the web."),
    TEXT("gateway.allowed_hosts", gateway.allowed_hosts, "",
         "Names that clients may use for this server, separated by commas: `pinion.example.com, "
         "*.test`. `localhost`, IP addresses and the name in gateway.listen are always allowed; "
         "any other name is answered 421. Names are checked on loopback addresses, and on other "
         "addresses if this is set."),
    TEXT_OF(
        "gateway.advertised_url", gateway.advertised_url, "", pn_kafka_rest_check_url,
        "This server's own address for its clients, such as `https://gateway-1.example.com:8082`: "
        "the `base_uri` of consumer instances, which live in the server that created them. Set it "
        "where several servers are behind one address. Not set: the address of the request."),
    INT("gateway.threads", gateway.threads, "0", 0, PN_HTTP_THREADS_MAX, NULL,
        "Number of threads that serve requests. 0: one fewer than the cores, which leaves one for "
        "the log."),
    INT("gateway.connections_max", gateway.connections_max, "4096", 1, 1000000, NULL,
        "Maximum number of open connections. Further ones are answered 503."),
    INT("gateway.connections_per_ip_max", gateway.connections_per_ip_max, "0", 0, 1000000, NULL,
        "Maximum number of open connections from one address. 0: no limit, because behind a proxy "
        "all clients have the same address."),
    SIZE("gateway.header_bytes_max", gateway.header_bytes_max, "8KiB", KIB(1), MIB(1), NULL,
         "Size limit of the request line and headers together. Larger ones are answered 431."),
    SIZE("gateway.body_bytes_max", gateway.body_bytes_max, "16MiB", KIB(1), GIB(1), NULL,
         "Size limit of a request's body. Larger ones are answered 413. API Gateway accepts 10 MB, "
         "so requests that worked with it work here."),
    INT("gateway.records_per_request_max", gateway.records_per_request_max, "10000", 1, 1000000,
        NULL, "Maximum number of records in a request. Requests with more are answered 413."),
    DURATION("gateway.idle_ms", gateway.idle_ms, "1m", SECONDS(1), DAYS(1), NULL,
             "A connection is closed after this time without a byte."),
    DURATION("gateway.request_ms", gateway.request_ms, "30s", SECONDS(1), DAYS(1), NULL,
             "Time limit for a request to arrive completely. API Gateway waits 29s."),
    DURATION("gateway.drain_ms", gateway.drain_ms, "10s", 0, DAYS(1), NULL,
             "Time limit for accepted requests to finish after SIGTERM."),
    SIZE("gateway.memory_bytes_max", gateway.memory_bytes_max, "128MiB", MIB(1), TIB(1), NULL,
         "Size limit of the bodies of all requests and replies in progress. Above it, requests are "
         "answered 503."),
    DURATION("gateway.consumer_instance_timeout_ms", gateway.consumer_instance_timeout_ms, "5m",
             SECONDS(1), DAYS(7), NULL,
             "A consumer instance that is idle for this long is removed."),
    INT("gateway.consumer_instances_max", gateway.consumer_instances_max, "1000", 1, 100000, NULL,
        "Maximum number of consumer instances."),
    DURATION("gateway.consumer_request_timeout_ms", gateway.consumer_request_timeout_ms, "1s", 0,
             SECONDS(300), NULL,
             "How long a consumer's fetch waits for records when there are none."),
    SIZE("gateway.consumer_fetch_bytes_max", gateway.consumer_fetch_bytes_max, "16MiB", KIB(1),
         GIB(1), NULL,
         "Maximum bytes of records in one answer to a consumer, unless it asks for less."),
    CHOICE(
        "gateway.consumer_first_poll", gateway.consumer_first_poll, "records", "records|empty",
        "Answer to the first fetch after a subscription. `records`: any records that exist. "
        "`empty`: no records, as in kafka-rest while it joins the group, for clients that discard "
        "this answer."),

    /* Some 7 MB of ordinary events: large enough that the two waits for the disk of each object
     * take little beside writing it, small enough that a reader holds several at once. */
    INT("sink.flush_size", sink.flush_size, "10000", 1, 10000000, NULL,
        "Maximum number of records in a landed object. 1 makes one object per record."),
    SIZE("sink.flush_bytes", sink.flush_bytes, "64MiB", KIB(1), PN_SINK_FLUSH_BYTES_MAX, NULL,
         "Size limit of an object. It lands at this size, even with fewer records."),
    DURATION(
        "sink.rotate_interval_ms", sink.rotate_interval_ms, "10s", 100, DAYS(7), NULL,
        "Time limit for landing. Records land no later than this after the first record of their "
        "object, so that a quiet topic lands, too."),
    TEXT("sink.worker", sink.worker, "",
         "With several servers that land a Kafka cluster's topics into one bucket: the name of "
         "this one, which no other has. A server that returns under its name within the session's "
         "timeout gets its partitions back, and no others move. Empty: its partitions go to others "
         "when it stops."),

    TEXT("store.url", store.url, "",
         "Where landed objects and tables are: `s3://BUCKET` or `s3://BUCKET/PREFIX`. Empty: the "
         "folder store in the data folder."),
    TEXT("store.endpoint", store.endpoint, "",
         "The URL of an S3 server that is not AWS's, such as http://127.0.0.1:9000. Empty: AWS's "
         "endpoint of store.region."),
    TEXT("store.region", store.region, "",
         "The bucket's region. Empty: the environment variable AWS_REGION, or us-east-1."),
    BOOL("store.path_style", store.path_style, "false",
         "The bucket is the first part of a URL's path instead of its host. Most servers that are "
         "not AWS's need this."),
    TEXT("store.access_key", store.access_key, "",
         "The access key for the bucket. Empty: AWS_ACCESS_KEY_ID, a web identity, the profile "
         "file, the container's or the instance's credentials, in this order."),
    SECRET("store.secret_key", store.secret_key,
           "The secret that belongs to store.access_key. pinion never shows it."),
    INT("store.requests_max", store.requests_max, "32", 1, 256, NULL,
        "Number of requests that one operation has in progress at S3."),
    SIZE("store.part_bytes", store.part_bytes, "16MiB", MIB(5), GIB(1), NULL,
         "Files above this size are uploaded in parts of it. Four parts are in memory at a time."),
    SIZE("store.cache_bytes_max", store.cache_bytes_max, "4GiB", MIB(64), TIB(64), NULL,
         "Disk space in <data>/tmp/objects for copies of a bucket's objects that the engine reads "
         "and writes. A process that reads larger ones may take as much for itself."),

    CHOICE("engine.kind", engine.kind, "duckdb", "duckdb|spark",
           "Engine of the tasks of a DAG, of `pinion table optimize` and of queries. `duckdb`: in "
           "pinion itself. `spark`: jobs of Apache Spark (docs/spark.md). Streams and `pinion "
           "batch` always use DuckDB."),
    SIZE("engine.memory_bytes_max", engine.memory_bytes_max, "512MiB", MIB(64), TIB(1), NULL,
         "Memory limit of a load, a transform or a query. Beyond it, the engine spills to "
         "<data>/tmp."),
    INT("engine.threads", engine.threads, "0", 0, 256, NULL,
        "Number of threads of one task. 0: one per core."),
    CHOICE(
        "engine.parquet_compression", engine.parquet_compression, "snappy",
        "snappy|zstd|uncompressed",
        "Compression of the tables' files. Every reader supports `snappy`; `zstd` is smaller and "
        "slower to write."),

    CHOICE("spark.runner", spark.runner, "submit", "submit|databricks",
           "How jobs get to Spark. `submit`: by the program of spark.submit. `databricks`: as runs "
           "of the workspace of spark.workspace, by Databricks' Jobs API."),
    TEXT("spark.submit", spark.submit, "spark-submit",
         "Spark's program bin/spark-submit: a path, or a name that PATH finds. Spark 4 is needed, "
         "with Java 17 or newer."),
    TEXT("spark.master", spark.master, "local[*]",
         "Where the jobs run: `local[*]` on this machine, `spark://host:7077`, `yarn` or "
         "`k8s://...`. The driver runs on this machine."),
    TEXT("spark.packages", spark.packages, "io.delta:delta-spark_4.1_2.13:4.1.0",
         "Maven coordinates of Delta Lake, and of the store's file system where there is one, "
         "separated by commas. Spark downloads them once. Empty: they are in spark.jars or in "
         "Spark's own folder."),
    TEXT("spark.jars", spark.jars, "",
         "JAR files that Spark loads, separated by commas, in place of downloaded packages."),
    SECRET("spark.conf", spark.conf,
           "Properties of Spark, separated by semicolons: `spark.driver.memory=4g; "
           "spark.sql.shuffle.partitions=64`. They overrule those that pinion sets. They may hold "
           "a key, so pinion never shows them."),
    TEXT("spark.python", spark.python, "",
         "The Python (3.10 or newer) of driver and executors. Empty: as Spark finds it."),
    TEXT("spark.store", spark.store, "",
         "Address of the store as Spark reaches it, where that differs from its own: "
         "`s3a://my-bucket`, or the path of the same folder on the executors."),
    DURATION("spark.timeout_ms", spark.timeout_ms, "1h", SECONDS(1), DAYS(7), NULL,
             "A job of Spark that takes longer is cancelled, and has failed."),
    TEXT("spark.workspace", spark.workspace, "",
         "Address of the Databricks workspace: `https://dbc-12345678-9abc.cloud.databricks.com`. "
         "Empty: DATABRICKS_HOST."),
    TEXT("spark.client_id", spark.client_id, "",
         "Client ID of a service principal, with which pinion gets tokens by OAuth. Empty: "
         "DATABRICKS_CLIENT_ID where no setting has a secret, else a personal access token is "
         "used."),
    TEXT("spark.secret_file", spark.secret_file, "",
         "A file with the secret of spark.client_id, or without a client a personal access token, "
         "on its first line. pinion reads it again when Databricks refuses the token."),
    SECRET("spark.secret", spark.secret,
           "The same secret, in place of the file. pinion never shows it. Empty, without a file: "
           "DATABRICKS_CLIENT_SECRET or DATABRICKS_TOKEN."),
    TEXT("spark.notebooks", spark.notebooks, "",
         "Folder of the workspace with the notebook pinion_job, which `pinion deploy spark` "
         "writes: `/Shared/my-pipeline/files`."),
    TEXT("spark.cluster", spark.cluster, "",
         "Where a run on Databricks runs: the ID of a cluster, or a new cluster for each run, as "
         "the JSON object of the Jobs API's `new_cluster`. Empty: serverless compute, which takes "
         "no queries."),
    TEXT("spark.ca_file", spark.ca_file, "",
         "A PEM file with the CAs that sign the workspace's certificate, for a private endpoint. "
         "Empty: PINION_CA_FILE, or the system's CAs."),
    DURATION("spark.poll_ms", spark.poll_ms, "5s", 100, SECONDS(300), NULL,
             "Longest pause between two requests for the state of a run on Databricks."),
    DURATION("spark.retry_ms", spark.retry_ms, "2m", 0, DAYS(1), NULL,
             "How long a request to Databricks is repeated that fails for a passing reason: no "
             "connection, 408, 429, 5xx."),

    INT("query.concurrency", query.concurrency, "2", 1, PN_QUERY_CONCURRENCY_MAX, NULL,
        "Number of queries over HTTP that run at the same time, each in a process of its own with "
        "query.memory_bytes_max."),
    INT("query.queue", query.queue, "8", 0, PN_QUERY_QUEUE_MAX, NULL,
        "Number of queries over HTTP that wait for their turn. A further query is answered 429."),
    DURATION("query.timeout_ms", query.timeout_ms, "5m", 100, DAYS(1), NULL,
             "Time limit of a query over HTTP. The clock of a streamed result starts again with "
             "each piece that the client takes."),
    SIZE("query.memory_bytes_max", query.memory_bytes_max, "engine", MIB(64), TIB(1), "engine",
         "Memory limit of a query, over HTTP and by `pinion query`. Beyond it the query spills to "
         "<data>/tmp. `engine`: engine.memory_bytes_max."),
    SIZE("query.result_bytes_max", query.result_bytes_max, "256MiB", MIB(1), TIB(1), NULL,
         "Size limit of the rows that a query leaves on disk, as JSON text. A larger result can be "
         "streamed by `POST /api/v1/sql`."),
    INT("query.results_max", query.results_max, "20", 1, PN_QUERY_RESULTS_MAX, NULL,
        "Number of ended queries whose results are kept. The one that was not read for longest "
        "goes first."),
    SIZE("query.results_bytes_max", query.results_bytes_max, "1GiB", MIB(1), TIB(1), NULL,
         "Size limit of all results on disk together."),
    DURATION("query.result_keep_ms", query.result_keep_ms, "10m", SECONDS(1), DAYS(7), NULL,
             "How long a result is kept after it was last read."),

    DURATION(
        "delta.log_retention_ms", delta.log_retention_ms, "30d", 0, DAYS(36500), NULL,
        "Commit files older than this (at least a minute) are removed when a checkpoint covers "
        "them. Versions before the checkpoint can then no longer be read."),
    DURATION("delta.tombstone_retention_ms", delta.tombstone_retention_ms, "7d", 0, DAYS(36500),
             NULL, "How long vacuum keeps files that a table no longer needs."),
    INT("delta.checkpoint_interval", delta.checkpoint_interval, "10", 1, 10000, NULL,
        "Number of commits between two checkpoints of a table."),
    SIZE("delta.optimize_target_bytes", delta.optimize_target_bytes, "128MiB", MIB(1), GIB(4), NULL,
         "Target size of the files that optimize writes."),

    INT("dag.runs_kept", dag.runs_kept, "1000", 1, 1000000, NULL,
        "Number of finished runs of a DAG whose state and logs are kept."),
    INT("dag.tasks_max", dag.tasks_max, "32", 1, PN_DAG_TASKS_MAX, NULL,
        "Number of tasks that run at once, over all runs. Further ones are queued."),
    SIZE("dag.log_bytes_max", dag.log_bytes_max, "16MiB", MIB(1), GIB(4), NULL,
         "Size limit of the log of one attempt of a task. Of longer output, the beginning and the "
         "last 64 KiB are kept."),
    DURATION("dag.logs_keep_ms", dag.logs_keep_ms, "30d", 0, DAYS(36500), NULL,
             "How long the logs of a run are kept after its end; its state stays. 0: as long as "
             "the run."),
    SECRET("dag.webhook_secret", dag.webhook_secret,
           "Key that signs the webhooks of `on_failure`: HMAC-SHA256, in the header "
           "X-Pinion-Signature-256. pinion never shows it."),
    BOOL("dag.webhook_private", dag.webhook_private, "false",
         "`true`: webhooks of `on_failure` may go to loopback, link-local and private addresses."),

    TEXT("kinesis.endpoint", kinesis.endpoint, "",
         "Where streams are, if not on this server's log: `aws` for Amazon Kinesis in aws.region, "
         "or a URL. Calls are forwarded there, and stream tables filled from there, signed with "
         "the credentials of the environment."),
    TEXT("kinesis.account", kinesis.account, "000000000000",
         "The 12 digits of the account in the ARNs of streams."),
    BOOL("kinesis.shard_limits", kinesis.shard_limits, "false",
         "`true`: each shard has exactly AWS's limits (1,000 records/s and 1 MiB/s in, 5 reads/s "
         "and 2 MiB/s out). Calls above them fail with ProvisionedThroughputExceededException."),
    INT("kinesis.error_percent", kinesis.error_percent, "0", 0, 100, NULL,
        "Percentage of calls that fail on purpose, with InternalFailure or "
        "ProvisionedThroughputExceededException, to test a client's retries."),
    INT("kinesis.put_failure_percent", kinesis.put_failure_percent, "0", 0, 100, NULL,
        "Percentage of records in PutRecords that fail individually on purpose, to test a "
        "client's retries."),
    INT("kinesis.shards_max", kinesis.shards_max, "1000", 1, 100000, NULL,
        "Maximum number of open shards of all streams together. AWS's quota is 1,000 or 20,000, "
        "depending on the region."),
    INT("kinesis.pattern_streams_max", kinesis.pattern_streams_max, "100", 0, 100000, NULL,
        "Maximum number of streams that their first records create for one pattern of the "
        "pipeline. Further streams are refused."),
    DURATION("kinesis.iterator_ms", kinesis.iterator_ms, "5m", SECONDS(1), DAYS(1), NULL,
             "A shard iterator expires after this time."),
    DURATION("kinesis.read_ms", kinesis.read_ms, "250ms", 200, SECONDS(600), NULL,
             "Time between two reads of a shard in the Kinesis of kinesis.endpoint. It allows 5 "
             "reads a second of each shard, for all consumers together."),
    TEXT("kinesis.consumer", kinesis.consumer, "",
         "Enhanced fan-out: the name (or the ARN) of the consumer as which tables are filled from "
         "the Kinesis of kinesis.endpoint, by SubscribeToShard. A name is registered with each "
         "stream that does not have it, and stays registered. Empty: shards are read by "
         "GetRecords."),

    TEXT("aws.region", aws.region, "us-east-1",
         "The region in the ARNs of streams, and of the calls that kinesis.endpoint forwards."),
    TEXT("aws.access_key", aws.access_key, "",
         "If this and aws.secret_key are set, clients must sign every Kinesis request with them "
         "(Signature Version 4). If not, any signature is accepted, on loopback only."),
    SECRET("aws.secret_key", aws.secret_key,
           "The secret that belongs to aws.access_key. pinion never shows it."),

    DURATION(
        "stream.trigger_ms", stream.trigger_ms, "100ms", 1, DAYS(1), NULL,
        "Maximum time between the arrival of a record and the commit of its table, not counting "
        "the time of the commit itself."),
    INT("stream.batch_rows_max", stream.batch_rows_max, "20000", 1, 10000000, NULL,
        "Maximum number of records in one commit of a stream table."),
    SIZE("stream.batch_bytes_max", stream.batch_bytes_max, "8MiB", KIB(64), GIB(4), NULL,
         "Maximum bytes of records in one commit of a stream table."),
    INT("stream.compact_files", stream.compact_files, "64", 0, 1000000, NULL,
        "When a stream table has this many small files, they are merged into one, in the "
        "background. 0: never."),
    DURATION("stream.keep_ms", stream.keep_ms, "10m", 0, DAYS(36500), NULL,
             "How long merged files and old commits are kept for readers of an older version of a "
             "stream table."),
    DURATION(
        "stream.lease_ms", stream.lease_ms, "20s", SECONDS(2), SECONDS(3600), NULL,
        "Where several processes share the shards of kinesis.endpoint by the bucket: a process "
        "that has not renewed its lease for this long counts as gone, and others take over "
        "its shards. It renews four times as often."),
};

const size_t pn_settings_count = sizeof pn_settings_table / sizeof *pn_settings_table;
