/* The shapes of all operations' inputs; see model.h. */
#ifndef PN_KINESIS_API_MODEL_SHAPES_H
#define PN_KINESIS_API_MODEL_SHAPES_H

#include "kinesis/api/model.h"

extern const struct pn_shape pn_shape_AddTagsToStream_input;
extern const struct pn_shape pn_shape_CreateStream_input;
extern const struct pn_shape pn_shape_DecreaseStreamRetentionPeriod_input;
extern const struct pn_shape pn_shape_DeleteResourcePolicy_input;
extern const struct pn_shape pn_shape_DeleteStream_input;
extern const struct pn_shape pn_shape_DeregisterStreamConsumer_input;
extern const struct pn_shape pn_shape_DescribeAccountSettings_input;
extern const struct pn_shape pn_shape_DescribeLimits_input;
extern const struct pn_shape pn_shape_DescribeStream_input;
extern const struct pn_shape pn_shape_DescribeStreamConsumer_input;
extern const struct pn_shape pn_shape_DescribeStreamSummary_input;
extern const struct pn_shape pn_shape_DisableEnhancedMonitoring_input;
extern const struct pn_shape pn_shape_EnableEnhancedMonitoring_input;
extern const struct pn_shape pn_shape_GetRecords_input;
extern const struct pn_shape pn_shape_GetResourcePolicy_input;
extern const struct pn_shape pn_shape_GetShardIterator_input;
extern const struct pn_shape pn_shape_IncreaseStreamRetentionPeriod_input;
extern const struct pn_shape pn_shape_ListShards_input;
extern const struct pn_shape pn_shape_ListStreamConsumers_input;
extern const struct pn_shape pn_shape_ListStreams_input;
extern const struct pn_shape pn_shape_ListTagsForResource_input;
extern const struct pn_shape pn_shape_ListTagsForStream_input;
extern const struct pn_shape pn_shape_MergeShards_input;
extern const struct pn_shape pn_shape_PutRecord_input;
extern const struct pn_shape pn_shape_PutRecords_input;
extern const struct pn_shape pn_shape_PutResourcePolicy_input;
extern const struct pn_shape pn_shape_RegisterStreamConsumer_input;
extern const struct pn_shape pn_shape_RemoveTagsFromStream_input;
extern const struct pn_shape pn_shape_SplitShard_input;
extern const struct pn_shape pn_shape_StartStreamEncryption_input;
extern const struct pn_shape pn_shape_StopStreamEncryption_input;
extern const struct pn_shape pn_shape_SubscribeToShard_input;
extern const struct pn_shape pn_shape_TagResource_input;
extern const struct pn_shape pn_shape_UntagResource_input;
extern const struct pn_shape pn_shape_UpdateAccountSettings_input;
extern const struct pn_shape pn_shape_UpdateMaxRecordSize_input;
extern const struct pn_shape pn_shape_UpdateShardCount_input;
extern const struct pn_shape pn_shape_UpdateStreamMode_input;
extern const struct pn_shape pn_shape_UpdateStreamRecordDistributionStrategy_input;
extern const struct pn_shape pn_shape_UpdateStreamWarmThroughput_input;

#endif
