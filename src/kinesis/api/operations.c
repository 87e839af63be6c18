/* The operations of Kinesis_20131202 that are here: all but those of queues and channels. */
#include <string.h>

#include "kinesis/api/model_shapes.h"
#include "kinesis/api/ops.h"

#define OPERATION(operation_name, how, fn)                                                    \
    {                                                                                         \
        .name = #operation_name, .flags = (how), .input = &pn_shape_##operation_name##_input, \
        .run = (fn), .finish = NULL                                                           \
    }
#define PUT(operation_name, fn, end)                                              \
    {                                                                             \
        .name = #operation_name, .flags = PN_OPERATION_PUTS,                      \
        .input = &pn_shape_##operation_name##_input, .run = (fn), .finish = (end) \
    }

enum {
    BLOCKS = PN_OPERATION_BLOCKS,
    LOOKS = PN_OPERATION_READS,                      /* at what is in memory */
    READS = PN_OPERATION_READS | PN_OPERATION_BLOCKS /* the disk, too */
};

/* Sorted by name: pn_operation_find() looks by halves. */
const struct pn_operation pn_operations[] = {
    OPERATION(AddTagsToStream, BLOCKS, pn_op_add_tags_to_stream),
    OPERATION(CreateStream, BLOCKS, pn_op_create_stream),
    OPERATION(DecreaseStreamRetentionPeriod, BLOCKS, pn_op_decrease_retention),
    OPERATION(DeleteResourcePolicy, BLOCKS, pn_op_delete_resource_policy),
    OPERATION(DeleteStream, BLOCKS, pn_op_delete_stream),
    OPERATION(DeregisterStreamConsumer, BLOCKS, pn_op_deregister_stream_consumer),
    OPERATION(DescribeAccountSettings, READS, pn_op_describe_account_settings),
    OPERATION(DescribeLimits, LOOKS, pn_op_describe_limits),
    OPERATION(DescribeStream, LOOKS, pn_op_describe_stream),
    OPERATION(DescribeStreamConsumer, LOOKS, pn_op_describe_stream_consumer),
    OPERATION(DescribeStreamSummary, LOOKS, pn_op_describe_stream_summary),
    OPERATION(DisableEnhancedMonitoring, BLOCKS, pn_op_disable_monitoring),
    OPERATION(EnableEnhancedMonitoring, BLOCKS, pn_op_enable_monitoring),
    OPERATION(GetRecords, READS, pn_op_get_records),
    OPERATION(GetResourcePolicy, 0, pn_op_get_resource_policy),
    OPERATION(GetShardIterator, READS, pn_op_get_shard_iterator),
    OPERATION(IncreaseStreamRetentionPeriod, BLOCKS, pn_op_increase_retention),
    OPERATION(ListShards, LOOKS, pn_op_list_shards),
    OPERATION(ListStreamConsumers, LOOKS, pn_op_list_stream_consumers),
    OPERATION(ListStreams, LOOKS, pn_op_list_streams),
    OPERATION(ListTagsForResource, LOOKS, pn_op_list_tags_for_resource),
    OPERATION(ListTagsForStream, LOOKS, pn_op_list_tags_for_stream),
    OPERATION(MergeShards, BLOCKS, pn_op_merge_shards),
    PUT(PutRecord, pn_op_put_record, pn_op_put_record_finish),
    PUT(PutRecords, pn_op_put_records, pn_op_put_records_finish),
    OPERATION(PutResourcePolicy, BLOCKS, pn_op_put_resource_policy),
    OPERATION(RegisterStreamConsumer, BLOCKS, pn_op_register_stream_consumer),
    OPERATION(RemoveTagsFromStream, BLOCKS, pn_op_remove_tags_from_stream),
    OPERATION(SplitShard, BLOCKS, pn_op_split_shard),
    OPERATION(StartStreamEncryption, BLOCKS, pn_op_start_encryption),
    OPERATION(StopStreamEncryption, BLOCKS, pn_op_stop_encryption),
    OPERATION(SubscribeToShard, READS | PN_OPERATION_STREAMS, pn_op_subscribe_to_shard),
    OPERATION(TagResource, BLOCKS, pn_op_tag_resource),
    OPERATION(UntagResource, BLOCKS, pn_op_untag_resource),
    OPERATION(UpdateAccountSettings, BLOCKS, pn_op_update_account_settings),
    OPERATION(UpdateMaxRecordSize, BLOCKS, pn_op_update_max_record_size),
    OPERATION(UpdateShardCount, BLOCKS, pn_op_update_shard_count),
    OPERATION(UpdateStreamMode, BLOCKS, pn_op_update_stream_mode),
    OPERATION(UpdateStreamRecordDistributionStrategy, BLOCKS, pn_op_update_distribution),
    OPERATION(UpdateStreamWarmThroughput, BLOCKS, pn_op_update_warm_throughput),
};
const size_t pn_operation_count = sizeof pn_operations / sizeof pn_operations[0];

const struct pn_operation *pn_operation_find(const char *name, size_t len)
{
    size_t low = 0;
    size_t high = pn_operation_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct pn_operation *operation = &pn_operations[middle];
        size_t operation_len = strlen(operation->name);
        int order = memcmp(name, operation->name, len < operation_len ? len : operation_len);
        if (order == 0 && len == operation_len) {
            return operation;
        }
        if (order < 0 || (order == 0 && len < operation_len)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}
