/* What the fuzz targets of Kinesis bodies share: the first byte of an input chooses the operation,
 * the rest is its body; what passes the check must be as model.h says. */
#ifndef PN_TEST_FUZZ_KINESIS_INPUT_H
#define PN_TEST_FUZZ_KINESIS_INPUT_H

#include <stdint.h>
#include <string.h>

#include "kinesis/api/model_shapes.h"
#include "kinesis/api/wire.h"
#include "kinesis/kinesis.h"

static const struct pn_shape *const inputs[] = {
    &pn_shape_AddTagsToStream_input,
    &pn_shape_CreateStream_input,
    &pn_shape_DecreaseStreamRetentionPeriod_input,
    &pn_shape_DeleteResourcePolicy_input,
    &pn_shape_DeleteStream_input,
    &pn_shape_DeregisterStreamConsumer_input,
    &pn_shape_DescribeAccountSettings_input,
    &pn_shape_DescribeLimits_input,
    &pn_shape_DescribeStream_input,
    &pn_shape_DescribeStreamConsumer_input,
    &pn_shape_DescribeStreamSummary_input,
    &pn_shape_DisableEnhancedMonitoring_input,
    &pn_shape_EnableEnhancedMonitoring_input,
    &pn_shape_GetRecords_input,
    &pn_shape_GetResourcePolicy_input,
    &pn_shape_GetShardIterator_input,
    &pn_shape_IncreaseStreamRetentionPeriod_input,
    &pn_shape_ListShards_input,
    &pn_shape_ListStreamConsumers_input,
    &pn_shape_ListStreams_input,
    &pn_shape_ListTagsForResource_input,
    &pn_shape_ListTagsForStream_input,
    &pn_shape_MergeShards_input,
    &pn_shape_PutRecord_input,
    &pn_shape_PutRecords_input,
    &pn_shape_PutResourcePolicy_input,
    &pn_shape_RegisterStreamConsumer_input,
    &pn_shape_RemoveTagsFromStream_input,
    &pn_shape_SplitShard_input,
    &pn_shape_StartStreamEncryption_input,
    &pn_shape_StopStreamEncryption_input,
    &pn_shape_SubscribeToShard_input,
    &pn_shape_TagResource_input,
    &pn_shape_UntagResource_input,
    &pn_shape_UpdateAccountSettings_input,
    &pn_shape_UpdateMaxRecordSize_input,
    &pn_shape_UpdateShardCount_input,
    &pn_shape_UpdateStreamMode_input,
    &pn_shape_UpdateStreamWarmThroughput_input,
};

enum { INPUT_COUNT = sizeof inputs / sizeof inputs[0] };

static void check_kept(const struct pn_shape *shape, const struct pn_json *node)
{
    switch (shape->type) {
    case PN_SHAPE_STRING:
        PN_ASSERT(node->type == PN_JSON_STRING && node->raw != NULL);
        PN_ASSERT(pn_utf8_valid(node->text, node->text_len));
        PN_ASSERT(shape->pattern == NULL || node->text_len > 0);
        return;
    case PN_SHAPE_BLOB:
        PN_ASSERT(node->type == PN_JSON_STRING && node->raw == NULL);
        PN_ASSERT((int64_t)node->text_len <= shape->max);
        return;
    case PN_SHAPE_INTEGER:
        PN_ASSERT(node->type == PN_JSON_NUMBER && node->is_integer);
        PN_ASSERT(node->integer >= shape->min && node->integer <= shape->max);
        PN_ASSERT(node->integer >= INT32_MIN && node->integer <= INT32_MAX);
        return;
    case PN_SHAPE_BOOLEAN:
        PN_ASSERT(node->type == PN_JSON_BOOL);
        return;
    case PN_SHAPE_TIMESTAMP:
        PN_ASSERT(node->type == PN_JSON_NUMBER);
        (void)pn_wire_timestamp_ms(node);
        return;
    case PN_SHAPE_LIST:
    case PN_SHAPE_MAP:
        PN_ASSERT((int64_t)node->count >= shape->min && (int64_t)node->count <= shape->max);
        for (const struct pn_json *child = node->first; child != NULL; child = child->next) {
            check_kept(shape->element, child);
        }
        return;
    case PN_SHAPE_STRUCTURE:
        break;
    }
    size_t known = 0;
    for (const struct pn_member *member = shape->members; member->name != NULL; member++) {
        const struct pn_json *value = pn_json_get(node, member->name);
        PN_ASSERT(value != NULL || !member->required);
        if (value != NULL) {
            check_kept(member->shape, value);
            known++;
        }
    }
    PN_ASSERT(known <= node->count);
}

/* The check either refuses with a text, or leaves what it would take again. */
static void check_input(const struct pn_shape *shape, struct pn_json *root, struct pn_arena *arena)
{
    const char *text = NULL;
    struct pn_err e = {0};
    int rc = pn_model_check(shape, root, arena, &text, &e);
    if (rc != 0) {
        PN_ASSERT(rc == PN_MODEL_SERIALIZATION || rc == PN_KINESIS_VALIDATION);
        PN_ASSERT(e.code == rc && text != NULL && text[0] != '\0');
        PN_ASSERT(strncmp(text, e.msg, strlen(e.msg)) == 0);
        return;
    }
    check_kept(shape, root);
    PN_ASSERT(pn_model_check(shape, root, arena, &text, &e) == 0);
}

#endif
