/* The inputs of the operations of Kinesis_20131202: their members, and what AWS asks of them.
 *
 * The facts are those of AWS's own service model, as botocore 1.44.8 ships it
 * (botocore/data/kinesis/2013-12-02/service-2.json). Two orders are not the model's but AWS's, as
 * its recorded answers show them: that of members in an error's list, and of an enumeration's
 * values. Members which no record shows come last, in the model's order. */
#include "kinesis/api/model_shapes.h"

#include "kinesis/api/patterns.h"

#define UNBOUNDED .min = INT64_MIN, .max = INT64_MAX
#define REQUIRED(member_name, of)                                                               \
    {                                                                                           \
        .name = member_name, .name_len = sizeof member_name - 1, .shape = &of, .required = true \
    }
#define OPTIONAL(member_name, of)                                             \
    {                                                                         \
        .name = member_name, .name_len = sizeof member_name - 1, .shape = &of \
    }
#define END          \
    {                \
        .name = NULL \
    }
#define STRUCTURE(shape_name, of)                                                \
    {                                                                            \
        .type = PN_SHAPE_STRUCTURE, UNBOUNDED, .members = of, .name = shape_name \
    }

/* --- what members are ------------------------------------------------------------------------- */

static const struct pn_shape stream_name = {
    .type = PN_SHAPE_STRING, .min = 1, .max = 128, .pattern = &pn_pattern_name};
static const struct pn_shape tag_key = {.type = PN_SHAPE_STRING, .min = 1, .max = 128};
static const struct pn_shape tag_value = {.type = PN_SHAPE_STRING, .min = 0, .max = 256};
static const struct pn_shape tag_map = {
    .type = PN_SHAPE_MAP, .min = 1, .max = 200, .element = &tag_value, .key = &tag_key};
static const struct pn_shape stream_arn = {
    .type = PN_SHAPE_STRING, .min = 1, .max = 2048, .pattern = &pn_pattern_stream_arn};
static const struct pn_shape stream_id = {
    .type = PN_SHAPE_STRING, .min = 1, .max = 24, .pattern = &pn_pattern_stream_id};
static const struct pn_shape positive_integer_object = {
    .type = PN_SHAPE_INTEGER, .min = 1, .max = INT64_MAX};
static const char *const stream_mode_values[] = {"PROVISIONED", "ON_DEMAND", NULL};
static const struct pn_shape stream_mode = {
    .type = PN_SHAPE_STRING, UNBOUNDED, .values = stream_mode_values};
static const struct pn_member stream_mode_details_members[] = {REQUIRED("StreamMode", stream_mode),
                                                               END};
static const struct pn_shape stream_mode_details =
    STRUCTURE("StreamModeDetails", stream_mode_details_members);
static const struct pn_shape natural_integer_object = {
    .type = PN_SHAPE_INTEGER, .min = 0, .max = INT64_MAX};
static const struct pn_shape max_record_size_in_kib = {
    .type = PN_SHAPE_INTEGER, .min = 1024, .max = 10240};
static const struct pn_shape retention_period_hours = {.type = PN_SHAPE_INTEGER, UNBOUNDED};
static const struct pn_shape resource_arn = {
    .type = PN_SHAPE_STRING, .min = 1, .max = 2048, .pattern = &pn_pattern_resource_arn};
static const struct pn_shape boolean_object = {.type = PN_SHAPE_BOOLEAN, UNBOUNDED};
static const struct pn_shape consumer_name = {
    .type = PN_SHAPE_STRING, .min = 1, .max = 128, .pattern = &pn_pattern_name};
static const struct pn_shape consumer_arn = {
    .type = PN_SHAPE_STRING, .min = 1, .max = 2048, .pattern = &pn_pattern_consumer_arn};
static const struct pn_shape describe_stream_input_limit = {
    .type = PN_SHAPE_INTEGER, .min = 1, .max = 10000};
static const struct pn_shape shard_id = {
    .type = PN_SHAPE_STRING, .min = 1, .max = 128, .pattern = &pn_pattern_name};
static const char *const metrics_name_values[] = {"IncomingBytes",
                                                  "IncomingRecords",
                                                  "OutgoingBytes",
                                                  "OutgoingRecords",
                                                  "WriteProvisionedThroughputExceeded",
                                                  "ReadProvisionedThroughputExceeded",
                                                  "IteratorAgeMilliseconds",
                                                  "ALL",
                                                  NULL};
static const struct pn_shape metrics_name = {
    .type = PN_SHAPE_STRING, UNBOUNDED, .values = metrics_name_values};
static const struct pn_shape metrics_name_list = {
    .type = PN_SHAPE_LIST, .min = 1, .max = 7, .element = &metrics_name};
static const struct pn_shape shard_iterator = {.type = PN_SHAPE_STRING, .min = 1, .max = 512};
static const struct pn_shape get_records_input_limit = {
    .type = PN_SHAPE_INTEGER, .min = 1, .max = 10000};
static const char *const shard_iterator_type_values[] = {
    "AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON", NULL};
static const struct pn_shape shard_iterator_type = {
    .type = PN_SHAPE_STRING, UNBOUNDED, .values = shard_iterator_type_values};
static const struct pn_shape sequence_number = {
    .type = PN_SHAPE_STRING, UNBOUNDED, .pattern = &pn_pattern_sequence};
static const struct pn_shape timestamp = {.type = PN_SHAPE_TIMESTAMP, UNBOUNDED};
static const struct pn_shape next_token = {.type = PN_SHAPE_STRING, .min = 1, .max = 1048576};
static const struct pn_shape list_shards_input_limit = {
    .type = PN_SHAPE_INTEGER, .min = 1, .max = 10000};
static const char *const shard_filter_type_values[] = {"AFTER_SHARD_ID",
                                                       "AT_TRIM_HORIZON",
                                                       "FROM_TRIM_HORIZON",
                                                       "AT_LATEST",
                                                       "AT_TIMESTAMP",
                                                       "FROM_TIMESTAMP",
                                                       NULL};
static const struct pn_shape shard_filter_type = {
    .type = PN_SHAPE_STRING, UNBOUNDED, .values = shard_filter_type_values};
static const struct pn_member shard_filter_members[] = {REQUIRED("Type", shard_filter_type),
                                                        OPTIONAL("ShardId", shard_id),
                                                        OPTIONAL("Timestamp", timestamp), END};
static const struct pn_shape shard_filter = STRUCTURE("ShardFilter", shard_filter_members);
static const struct pn_shape list_stream_consumers_input_limit = {
    .type = PN_SHAPE_INTEGER, .min = 1, .max = 10000};
static const struct pn_shape list_streams_input_limit = {
    .type = PN_SHAPE_INTEGER, .min = 1, .max = 10000};
static const struct pn_shape list_tags_for_stream_input_limit = {
    .type = PN_SHAPE_INTEGER, .min = 1, .max = 50};
static const struct pn_shape data = {.type = PN_SHAPE_BLOB, .min = 0, .max = 10485760};
static const struct pn_shape partition_key = {.type = PN_SHAPE_STRING, .min = 1, .max = 256};
static const struct pn_shape hash_key = {
    .type = PN_SHAPE_STRING, UNBOUNDED, .pattern = &pn_pattern_hash_key};
static const struct pn_member put_records_request_entry_members[] = {
    OPTIONAL("PartitionKey", partition_key), OPTIONAL("ExplicitHashKey", hash_key),
    REQUIRED("Data", data), END};
static const struct pn_shape put_records_request_entry =
    STRUCTURE("PutRecordsRequestEntry", put_records_request_entry_members);
static const struct pn_shape put_records_request_entry_list = {
    .type = PN_SHAPE_LIST, .min = 1, .max = 500, .element = &put_records_request_entry};
static const struct pn_shape policy = {.type = PN_SHAPE_STRING, UNBOUNDED};
static const struct pn_shape tag_key_list = {
    .type = PN_SHAPE_LIST, .min = 1, .max = 50, .element = &tag_key};
static const char *const encryption_type_values[] = {"NONE", "KMS", NULL};
static const struct pn_shape encryption_type = {
    .type = PN_SHAPE_STRING, UNBOUNDED, .values = encryption_type_values};
static const struct pn_shape key_id = {.type = PN_SHAPE_STRING, .min = 1, .max = 2048};
static const struct pn_member starting_position_members[] = {
    REQUIRED("Type", shard_iterator_type), OPTIONAL("SequenceNumber", sequence_number),
    OPTIONAL("Timestamp", timestamp), END};
static const struct pn_shape starting_position =
    STRUCTURE("StartingPosition", starting_position_members);
static const char *const minimum_throughput_billing_commitment_input_status_values[] = {
    "ENABLED", "DISABLED", NULL};
static const struct pn_shape minimum_throughput_billing_commitment_input_status = {
    .type = PN_SHAPE_STRING,
    UNBOUNDED,
    .values = minimum_throughput_billing_commitment_input_status_values};
static const struct pn_member minimum_throughput_billing_commitment_input_members[] = {
    REQUIRED("Status", minimum_throughput_billing_commitment_input_status), END};
static const struct pn_shape minimum_throughput_billing_commitment_input = STRUCTURE(
    "MinimumThroughputBillingCommitmentInput", minimum_throughput_billing_commitment_input_members);
static const char *const record_distribution_strategy_values[] = {"AUTO", "USER_PARTITION_KEY",
                                                                  NULL};
static const struct pn_shape record_distribution_strategy = {
    .type = PN_SHAPE_STRING, UNBOUNDED, .values = record_distribution_strategy_values};
static const char *const scaling_type_values[] = {"UNIFORM_SCALING", NULL};
static const struct pn_shape scaling_type = {
    .type = PN_SHAPE_STRING, UNBOUNDED, .values = scaling_type_values};

/* --- the inputs ------------------------------------------------------------------------------- */

static const struct pn_member no_members[] = {END};

static const struct pn_member add_tags_to_stream_input_members[] = {
    REQUIRED("Tags", tag_map), OPTIONAL("StreamName", stream_name),
    OPTIONAL("StreamARN", stream_arn), OPTIONAL("StreamId", stream_id), END};
const struct pn_shape pn_shape_AddTagsToStream_input =
    STRUCTURE("AddTagsToStream", add_tags_to_stream_input_members);

static const struct pn_member create_stream_input_members[] = {
    OPTIONAL("ShardCount", positive_integer_object),
    REQUIRED("StreamName", stream_name),
    OPTIONAL("StreamModeDetails", stream_mode_details),
    OPTIONAL("Tags", tag_map),
    OPTIONAL("WarmThroughputMiBps", natural_integer_object),
    OPTIONAL("MaxRecordSizeInKiB", max_record_size_in_kib),
    OPTIONAL("RecordDistributionStrategy", record_distribution_strategy),
    END};
const struct pn_shape pn_shape_CreateStream_input =
    STRUCTURE("CreateStream", create_stream_input_members);

static const struct pn_member decrease_stream_retention_period_input_members[] = {
    REQUIRED("RetentionPeriodHours", retention_period_hours), OPTIONAL("StreamName", stream_name),
    OPTIONAL("StreamARN", stream_arn), OPTIONAL("StreamId", stream_id), END};
const struct pn_shape pn_shape_DecreaseStreamRetentionPeriod_input =
    STRUCTURE("DecreaseStreamRetentionPeriod", decrease_stream_retention_period_input_members);

static const struct pn_member delete_resource_policy_input_members[] = {
    REQUIRED("ResourceARN", resource_arn), OPTIONAL("StreamId", stream_id), END};
const struct pn_shape pn_shape_DeleteResourcePolicy_input =
    STRUCTURE("DeleteResourcePolicy", delete_resource_policy_input_members);

static const struct pn_member delete_stream_input_members[] = {
    OPTIONAL("StreamName", stream_name), OPTIONAL("EnforceConsumerDeletion", boolean_object),
    OPTIONAL("StreamARN", stream_arn), OPTIONAL("StreamId", stream_id), END};
const struct pn_shape pn_shape_DeleteStream_input =
    STRUCTURE("DeleteStream", delete_stream_input_members);

static const struct pn_member deregister_stream_consumer_input_members[] = {
    OPTIONAL("StreamARN", stream_arn), OPTIONAL("ConsumerName", consumer_name),
    OPTIONAL("ConsumerARN", consumer_arn), OPTIONAL("StreamId", stream_id), END};
const struct pn_shape pn_shape_DeregisterStreamConsumer_input =
    STRUCTURE("DeregisterStreamConsumer", deregister_stream_consumer_input_members);

const struct pn_shape pn_shape_DescribeAccountSettings_input =
    STRUCTURE("DescribeAccountSettings", no_members);

const struct pn_shape pn_shape_DescribeLimits_input = STRUCTURE("DescribeLimits", no_members);

static const struct pn_member describe_stream_input_members[] = {
    OPTIONAL("Limit", describe_stream_input_limit),
    OPTIONAL("ExclusiveStartShardId", shard_id),
    OPTIONAL("StreamName", stream_name),
    OPTIONAL("StreamARN", stream_arn),
    OPTIONAL("StreamId", stream_id),
    END};
const struct pn_shape pn_shape_DescribeStream_input =
    STRUCTURE("DescribeStream", describe_stream_input_members);

static const struct pn_member describe_stream_consumer_input_members[] = {
    OPTIONAL("StreamARN", stream_arn), OPTIONAL("ConsumerName", consumer_name),
    OPTIONAL("ConsumerARN", consumer_arn), OPTIONAL("StreamId", stream_id), END};
const struct pn_shape pn_shape_DescribeStreamConsumer_input =
    STRUCTURE("DescribeStreamConsumer", describe_stream_consumer_input_members);

static const struct pn_member describe_stream_summary_input_members[] = {
    OPTIONAL("StreamName", stream_name), OPTIONAL("StreamARN", stream_arn),
    OPTIONAL("StreamId", stream_id), END};
const struct pn_shape pn_shape_DescribeStreamSummary_input =
    STRUCTURE("DescribeStreamSummary", describe_stream_summary_input_members);

static const struct pn_member disable_enhanced_monitoring_input_members[] = {
    OPTIONAL("StreamName", stream_name), REQUIRED("ShardLevelMetrics", metrics_name_list),
    OPTIONAL("StreamARN", stream_arn), OPTIONAL("StreamId", stream_id), END};
const struct pn_shape pn_shape_DisableEnhancedMonitoring_input =
    STRUCTURE("DisableEnhancedMonitoring", disable_enhanced_monitoring_input_members);

static const struct pn_member enable_enhanced_monitoring_input_members[] = {
    OPTIONAL("StreamName", stream_name), REQUIRED("ShardLevelMetrics", metrics_name_list),
    OPTIONAL("StreamARN", stream_arn), OPTIONAL("StreamId", stream_id), END};
const struct pn_shape pn_shape_EnableEnhancedMonitoring_input =
    STRUCTURE("EnableEnhancedMonitoring", enable_enhanced_monitoring_input_members);

static const struct pn_member get_records_input_members[] = {
    OPTIONAL("Limit", get_records_input_limit), REQUIRED("ShardIterator", shard_iterator),
    OPTIONAL("StreamARN", stream_arn),          OPTIONAL("StreamId", stream_id),
    OPTIONAL("DryRun", boolean_object),         END};
const struct pn_shape pn_shape_GetRecords_input =
    STRUCTURE("GetRecords", get_records_input_members);

static const struct pn_member get_resource_policy_input_members[] = {
    REQUIRED("ResourceARN", resource_arn), OPTIONAL("StreamId", stream_id), END};
const struct pn_shape pn_shape_GetResourcePolicy_input =
    STRUCTURE("GetResourcePolicy", get_resource_policy_input_members);

static const struct pn_member get_shard_iterator_input_members[] = {
    REQUIRED("ShardId", shard_id),
    REQUIRED("ShardIteratorType", shard_iterator_type),
    OPTIONAL("StartingSequenceNumber", sequence_number),
    OPTIONAL("StreamName", stream_name),
    OPTIONAL("Timestamp", timestamp),
    OPTIONAL("StreamARN", stream_arn),
    OPTIONAL("StreamId", stream_id),
    OPTIONAL("DryRun", boolean_object),
    END};
const struct pn_shape pn_shape_GetShardIterator_input =
    STRUCTURE("GetShardIterator", get_shard_iterator_input_members);

static const struct pn_member increase_stream_retention_period_input_members[] = {
    REQUIRED("RetentionPeriodHours", retention_period_hours), OPTIONAL("StreamName", stream_name),
    OPTIONAL("StreamARN", stream_arn), OPTIONAL("StreamId", stream_id), END};
const struct pn_shape pn_shape_IncreaseStreamRetentionPeriod_input =
    STRUCTURE("IncreaseStreamRetentionPeriod", increase_stream_retention_period_input_members);

static const struct pn_member list_shards_input_members[] = {
    OPTIONAL("ExclusiveStartShardId", shard_id),
    OPTIONAL("MaxResults", list_shards_input_limit),
    OPTIONAL("NextToken", next_token),
    OPTIONAL("StreamCreationTimestamp", timestamp),
    OPTIONAL("StreamName", stream_name),
    OPTIONAL("ShardFilter", shard_filter),
    OPTIONAL("StreamARN", stream_arn),
    OPTIONAL("StreamId", stream_id),
    END};
const struct pn_shape pn_shape_ListShards_input =
    STRUCTURE("ListShards", list_shards_input_members);

static const struct pn_member list_stream_consumers_input_members[] = {
    REQUIRED("StreamARN", stream_arn),
    OPTIONAL("NextToken", next_token),
    OPTIONAL("MaxResults", list_stream_consumers_input_limit),
    OPTIONAL("StreamCreationTimestamp", timestamp),
    OPTIONAL("StreamId", stream_id),
    END};
const struct pn_shape pn_shape_ListStreamConsumers_input =
    STRUCTURE("ListStreamConsumers", list_stream_consumers_input_members);

static const struct pn_member list_streams_input_members[] = {
    OPTIONAL("Limit", list_streams_input_limit), OPTIONAL("ExclusiveStartStreamName", stream_name),
    OPTIONAL("NextToken", next_token), END};
const struct pn_shape pn_shape_ListStreams_input =
    STRUCTURE("ListStreams", list_streams_input_members);

static const struct pn_member list_tags_for_resource_input_members[] = {
    REQUIRED("ResourceARN", resource_arn), OPTIONAL("StreamId", stream_id), END};
const struct pn_shape pn_shape_ListTagsForResource_input =
    STRUCTURE("ListTagsForResource", list_tags_for_resource_input_members);

static const struct pn_member list_tags_for_stream_input_members[] = {
    OPTIONAL("Limit", list_tags_for_stream_input_limit),
    OPTIONAL("ExclusiveStartTagKey", tag_key),
    OPTIONAL("StreamName", stream_name),
    OPTIONAL("StreamARN", stream_arn),
    OPTIONAL("StreamId", stream_id),
    END};
const struct pn_shape pn_shape_ListTagsForStream_input =
    STRUCTURE("ListTagsForStream", list_tags_for_stream_input_members);

static const struct pn_member merge_shards_input_members[] = {
    REQUIRED("ShardToMerge", shard_id),  REQUIRED("AdjacentShardToMerge", shard_id),
    OPTIONAL("StreamName", stream_name), OPTIONAL("StreamARN", stream_arn),
    OPTIONAL("StreamId", stream_id),     END};
const struct pn_shape pn_shape_MergeShards_input =
    STRUCTURE("MergeShards", merge_shards_input_members);

static const struct pn_member put_record_input_members[] = {
    OPTIONAL("SequenceNumberForOrdering", sequence_number),
    OPTIONAL("PartitionKey", partition_key),
    OPTIONAL("ExplicitHashKey", hash_key),
    REQUIRED("Data", data),
    OPTIONAL("StreamName", stream_name),
    OPTIONAL("StreamARN", stream_arn),
    OPTIONAL("StreamId", stream_id),
    OPTIONAL("DryRun", boolean_object),
    END};
const struct pn_shape pn_shape_PutRecord_input = STRUCTURE("PutRecord", put_record_input_members);

static const struct pn_member put_records_input_members[] = {
    REQUIRED("Records", put_records_request_entry_list),
    OPTIONAL("StreamName", stream_name),
    OPTIONAL("StreamARN", stream_arn),
    OPTIONAL("StreamId", stream_id),
    OPTIONAL("DryRun", boolean_object),
    END};
const struct pn_shape pn_shape_PutRecords_input =
    STRUCTURE("PutRecords", put_records_input_members);

static const struct pn_member put_resource_policy_input_members[] = {
    REQUIRED("ResourceARN", resource_arn), OPTIONAL("StreamId", stream_id),
    REQUIRED("Policy", policy), END};
const struct pn_shape pn_shape_PutResourcePolicy_input =
    STRUCTURE("PutResourcePolicy", put_resource_policy_input_members);

static const struct pn_member register_stream_consumer_input_members[] = {
    REQUIRED("StreamARN", stream_arn), REQUIRED("ConsumerName", consumer_name),
    OPTIONAL("StreamId", stream_id), OPTIONAL("Tags", tag_map), END};
const struct pn_shape pn_shape_RegisterStreamConsumer_input =
    STRUCTURE("RegisterStreamConsumer", register_stream_consumer_input_members);

static const struct pn_member remove_tags_from_stream_input_members[] = {
    REQUIRED("TagKeys", tag_key_list), OPTIONAL("StreamName", stream_name),
    OPTIONAL("StreamARN", stream_arn), OPTIONAL("StreamId", stream_id), END};
const struct pn_shape pn_shape_RemoveTagsFromStream_input =
    STRUCTURE("RemoveTagsFromStream", remove_tags_from_stream_input_members);

static const struct pn_member split_shard_input_members[] = {
    REQUIRED("NewStartingHashKey", hash_key), OPTIONAL("StreamName", stream_name),
    REQUIRED("ShardToSplit", shard_id),       OPTIONAL("StreamARN", stream_arn),
    OPTIONAL("StreamId", stream_id),          END};
const struct pn_shape pn_shape_SplitShard_input =
    STRUCTURE("SplitShard", split_shard_input_members);

static const struct pn_member start_stream_encryption_input_members[] = {
    OPTIONAL("StreamName", stream_name), REQUIRED("EncryptionType", encryption_type),
    REQUIRED("KeyId", key_id),           OPTIONAL("StreamARN", stream_arn),
    OPTIONAL("StreamId", stream_id),     END};
const struct pn_shape pn_shape_StartStreamEncryption_input =
    STRUCTURE("StartStreamEncryption", start_stream_encryption_input_members);

static const struct pn_member stop_stream_encryption_input_members[] = {
    OPTIONAL("StreamName", stream_name), REQUIRED("EncryptionType", encryption_type),
    REQUIRED("KeyId", key_id),           OPTIONAL("StreamARN", stream_arn),
    OPTIONAL("StreamId", stream_id),     END};
const struct pn_shape pn_shape_StopStreamEncryption_input =
    STRUCTURE("StopStreamEncryption", stop_stream_encryption_input_members);

static const struct pn_member subscribe_to_shard_input_members[] = {
    REQUIRED("ConsumerARN", consumer_arn), OPTIONAL("StreamId", stream_id),
    REQUIRED("ShardId", shard_id),         REQUIRED("StartingPosition", starting_position),
    OPTIONAL("DryRun", boolean_object),    END};
const struct pn_shape pn_shape_SubscribeToShard_input =
    STRUCTURE("SubscribeToShard", subscribe_to_shard_input_members);

static const struct pn_member tag_resource_input_members[] = {REQUIRED("Tags", tag_map),
                                                              REQUIRED("ResourceARN", resource_arn),
                                                              OPTIONAL("StreamId", stream_id), END};
const struct pn_shape pn_shape_TagResource_input =
    STRUCTURE("TagResource", tag_resource_input_members);

static const struct pn_member untag_resource_input_members[] = {
    REQUIRED("TagKeys", tag_key_list), REQUIRED("ResourceARN", resource_arn),
    OPTIONAL("StreamId", stream_id), END};
const struct pn_shape pn_shape_UntagResource_input =
    STRUCTURE("UntagResource", untag_resource_input_members);

static const struct pn_member update_account_settings_input_members[] = {
    REQUIRED("MinimumThroughputBillingCommitment", minimum_throughput_billing_commitment_input),
    END};
const struct pn_shape pn_shape_UpdateAccountSettings_input =
    STRUCTURE("UpdateAccountSettings", update_account_settings_input_members);

static const struct pn_member update_max_record_size_input_members[] = {
    OPTIONAL("StreamARN", stream_arn), OPTIONAL("StreamId", stream_id),
    REQUIRED("MaxRecordSizeInKiB", max_record_size_in_kib), END};
const struct pn_shape pn_shape_UpdateMaxRecordSize_input =
    STRUCTURE("UpdateMaxRecordSize", update_max_record_size_input_members);

static const struct pn_member update_shard_count_input_members[] = {
    OPTIONAL("StreamName", stream_name),   REQUIRED("TargetShardCount", positive_integer_object),
    REQUIRED("ScalingType", scaling_type), OPTIONAL("StreamARN", stream_arn),
    OPTIONAL("StreamId", stream_id),       END};
const struct pn_shape pn_shape_UpdateShardCount_input =
    STRUCTURE("UpdateShardCount", update_shard_count_input_members);

static const struct pn_member update_stream_mode_input_members[] = {
    REQUIRED("StreamARN", stream_arn), OPTIONAL("StreamId", stream_id),
    REQUIRED("StreamModeDetails", stream_mode_details),
    OPTIONAL("WarmThroughputMiBps", natural_integer_object), END};
const struct pn_shape pn_shape_UpdateStreamMode_input =
    STRUCTURE("UpdateStreamMode", update_stream_mode_input_members);

static const struct pn_member update_stream_record_distribution_strategy_input_members[] = {
    REQUIRED("StreamARN", stream_arn), OPTIONAL("StreamId", stream_id),
    REQUIRED("RecordDistributionStrategy", record_distribution_strategy), END};
const struct pn_shape pn_shape_UpdateStreamRecordDistributionStrategy_input =
    STRUCTURE("UpdateStreamRecordDistributionStrategy",
              update_stream_record_distribution_strategy_input_members);

static const struct pn_member update_stream_warm_throughput_input_members[] = {
    OPTIONAL("StreamARN", stream_arn), OPTIONAL("StreamName", stream_name),
    OPTIONAL("StreamId", stream_id), REQUIRED("WarmThroughputMiBps", natural_integer_object), END};
const struct pn_shape pn_shape_UpdateStreamWarmThroughput_input =
    STRUCTURE("UpdateStreamWarmThroughput", update_stream_warm_throughput_input_members);
