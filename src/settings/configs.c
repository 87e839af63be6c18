#include "settings/configs.h"

#include <stdlib.h>

#include <string.h>

enum { PERCENT = 100, GROUP_REQUESTS_MAX = 64 };

static enum pn_log_compression compression(const char *word)
{
    if (strcmp(word, "lz4") == 0) {
        return PN_COMPRESSION_LZ4;
    }
    return strcmp(word, "zstd") == 0 ? PN_COMPRESSION_ZSTD : PN_COMPRESSION_NONE;
}

static bool waits_for_the_disk(const struct pn_settings *settings)
{
    return strcmp(settings->log.durability, "fsync") == 0;
}

void pn_settings_to_log(const struct pn_settings *settings, struct pn_embedded_config *config)
{
    *config = (struct pn_embedded_config){
        .durability = waits_for_the_disk(settings) ? PN_DURABILITY_FSYNC : PN_DURABILITY_OS,
        .compression = compression(settings->log.compression),
        .segment_bytes = settings->log.segment_bytes,
        .segment_ms = settings->log.segment_ms,
        .index_interval_bytes = settings->log.index_interval_bytes,
        .retention_ms = settings->log.retention_ms,
        .retention_bytes = settings->log.retention_bytes,
        .queue_bytes_max = settings->log.queue_bytes_max,
        .partitions_default = (int32_t)settings->log.partitions,
        .auto_create_topics = settings->log.auto_create_topics,
        .record_bytes_max = settings->log.record_bytes_max,
    };
}

void pn_settings_to_kafka(const struct pn_settings *settings, struct pn_kafka_config *config)
{
    *config = (struct pn_kafka_config){
        .url = settings->log.url,
        .security = settings->log.kafka.security,
        .sasl_mechanism = settings->log.kafka.sasl_mechanism,
        .sasl_username = settings->log.kafka.sasl_username,
        .sasl_password = settings->log.kafka.sasl_password,
        .region = settings->log.kafka.region,
        .ca_file = settings->log.kafka.ca_file,
        .certificate = settings->log.kafka.certificate,
        .key = settings->log.kafka.key,
        .properties = settings->log.kafka.conf,
        .queue_bytes_max = settings->log.queue_bytes_max,
        .record_bytes_max = settings->log.record_bytes_max,
        .timeout_ms = settings->log.kafka.timeout_ms,
        .partitions_default = (int32_t)settings->log.partitions,
        .replication = (int32_t)settings->log.kafka.replication,
        .auto_create_topics = settings->log.auto_create_topics,
    };
}

/* As many values in a body as a record that the log takes may have, at least. */
static int64_t values_max(const struct pn_settings *settings)
{
    enum { VALUES_MIN = 1 << 20 };
    int64_t values = settings->log.record_bytes_max;
    return values > VALUES_MIN ? values : VALUES_MIN;
}

void pn_settings_to_http(const struct pn_settings *settings, struct pn_http_config *config)
{
    *config = (struct pn_http_config){
        .listen = settings->gateway.listen,
        .auth = settings->gateway.auth,
        .api_key_file = settings->gateway.api_key_file,
        .tls_certificate = settings->gateway.tls_certificate,
        .tls_key = settings->gateway.tls_key,
        .cors_origin = settings->gateway.cors_origin,
        .allowed_hosts = settings->gateway.allowed_hosts,
        .threads = settings->gateway.threads,
        .connections_max = settings->gateway.connections_max,
        .connections_per_ip_max = settings->gateway.connections_per_ip_max,
        .header_bytes_max = settings->gateway.header_bytes_max,
        .body_bytes_max = settings->gateway.body_bytes_max,
        .values_max = values_max(settings),
        .group_requests_max = waits_for_the_disk(settings) ? 1 : GROUP_REQUESTS_MAX,
        .idle_ms = settings->gateway.idle_ms,
        .request_ms = settings->gateway.request_ms,
        .drain_ms = settings->gateway.drain_ms,
        .memory_bytes_max = settings->gateway.memory_bytes_max,
    };
}

void pn_settings_to_kafka_rest(const struct pn_settings *settings,
                               struct pn_kafka_rest_config *config)
{
    *config = (struct pn_kafka_rest_config){
        .advertised_url = settings->gateway.advertised_url,
        .record_bytes_max = settings->log.record_bytes_max,
        .records_per_request_max = settings->gateway.records_per_request_max,
        .instance_timeout_ms = settings->gateway.consumer_instance_timeout_ms,
        .instances_max = settings->gateway.consumer_instances_max,
        .request_timeout_ms = settings->gateway.consumer_request_timeout_ms,
        .fetch_bytes_max = settings->gateway.consumer_fetch_bytes_max,
        .first_poll_empty = strcmp(settings->gateway.consumer_first_poll, "empty") == 0,
    };
}

void pn_settings_to_aws(const struct pn_settings *settings, struct pn_aws_config *config)
{
    *config = (struct pn_aws_config){
        .access_key = settings->aws.access_key,
        .secret_key = settings->aws.secret_key,
        .endpoint = settings->kinesis.endpoint,
        .region = settings->aws.region,
    };
}

void pn_settings_to_kinesis(const struct pn_settings *settings, struct pn_kinesis_config *config)
{
    *config = (struct pn_kinesis_config){
        .region = settings->aws.region,
        .account = settings->kinesis.account,
        .shard_limits = settings->kinesis.shard_limits,
        .error_rate = (double)settings->kinesis.error_percent / PERCENT,
        .put_failure_rate = (double)settings->kinesis.put_failure_percent / PERCENT,
        .shards_max = settings->kinesis.shards_max,
        .iterator_ms = settings->kinesis.iterator_ms,
    };
}

void pn_settings_to_sink(const struct pn_settings *settings, struct pn_sink_config *config)
{
    *config = (struct pn_sink_config){
        .flush_size = settings->sink.flush_size,
        .flush_bytes = settings->sink.flush_bytes,
        .rotate_interval_ms = settings->sink.rotate_interval_ms,
        .worker = settings->sink.worker[0] != '\0' ? settings->sink.worker : NULL,
    };
}

/* "us-east-1" is what AWS's tools take without a region, and what most other servers expect. */
static const char *region_of(const struct pn_settings *settings)
{
    const char *given = settings->store.region;
    const char *environment = getenv("AWS_REGION");
    if (given[0] != '\0') {
        return given;
    }
    return environment != NULL && environment[0] != '\0' ? environment : "us-east-1";
}

void pn_settings_to_s3(const struct pn_settings *settings, struct pn_s3_config *config)
{
    *config = (struct pn_s3_config){
        .url = settings->store.url,
        .endpoint = settings->store.endpoint,
        .region = region_of(settings),
        .path_style = settings->store.path_style,
        .access_key = settings->store.access_key,
        .secret_key = settings->store.secret_key,
        .requests_max = settings->store.requests_max,
        .part_bytes = settings->store.part_bytes,
    };
}

void pn_settings_to_delta(const struct pn_settings *settings, struct pn_delta_config *config)
{
    *config = (struct pn_delta_config){
        .checkpoint_interval = settings->delta.checkpoint_interval,
        .log_retention_ms = settings->delta.log_retention_ms,
        .tombstone_retention_ms = settings->delta.tombstone_retention_ms,
        .engine_info = "pinion/" PINION_VERSION,
    };
}

void pn_settings_to_spark_submit(const struct pn_settings *settings,
                                 struct pn_spark_submit_config *config)
{
    *config = (struct pn_spark_submit_config){
        .program = settings->spark.submit,
        .master = settings->spark.master,
        .packages = settings->spark.packages,
        .jars = settings->spark.jars,
        .conf = settings->spark.conf,
        .python = settings->spark.python,
        .timeout_ms = settings->spark.timeout_ms,
    };
}

void pn_settings_to_databricks(const struct pn_settings *settings,
                               struct pn_databricks_config *config)
{
    *config = (struct pn_databricks_config){
        .workspace = settings->spark.workspace,
        .client_id = settings->spark.client_id,
        .secret = settings->spark.secret,
        .secret_file = settings->spark.secret_file,
        .notebooks = settings->spark.notebooks,
        .cluster = settings->spark.cluster,
        .ca_file = settings->spark.ca_file,
        .poll_ms = settings->spark.poll_ms,
        .retry_ms = settings->spark.retry_ms,
        .timeout_ms = settings->spark.timeout_ms,
    };
}

void pn_settings_to_executor(const struct pn_settings *settings, struct pn_executor_config *config)
{
    *config = (struct pn_executor_config){
        .concurrency = settings->query.concurrency,
        .queue = settings->query.queue,
        .timeout_ms = settings->query.timeout_ms,
        .result_bytes_max = settings->query.result_bytes_max,
        .results_max = settings->query.results_max,
        .results_bytes_max = settings->query.results_bytes_max,
        .keep_ms = settings->query.result_keep_ms,
    };
}
