/*
 * What clients name things by, after the checks of their shape: NextTokens, ARNs, shard ids. A
 * token of ours is read back as it was written, and is found out when an input changes it.
 */
#include <stdint.h>
#include <string.h>

#include "kinesis/api/ops.h"
#include "kinesis/internal.h"
#include "settings/configs.h"

enum { NOW_MS = 1000 * 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever an ARN says, what is taken from it is a stream's name. */
static void check_arn(struct pn_call *call, const char *text)
{
    struct pn_arn arn;
    if (pn_op_arn(call, text, &arn) == 0) {
        PN_ASSERT(pn_stream_name_valid(arn.stream, strlen(arn.stream)));
        PN_ASSERT(arn.consumer == NULL || pn_stream_name_valid(arn.consumer, strlen(arn.consumer)));
        PN_ASSERT(strcmp(arn.account, pn_op_account(call)) == 0);
    }
}

static void check_shard(const char *text)
{
    uint32_t index = 0;
    uint32_t again = 0;
    char id[PN_SHARD_ID_SIZE];
    if (pn_op_shard_index(text, &index)) {
        PN_ASSERT(pn_op_shard_index(pn_shard_id(index, id), &again) && again == index);
    }
}

static void check_token(struct pn_call *call, const char *text)
{
    struct pn_token token = {0};
    if (pn_op_token_read(call, 's', text, &token) == 0) {
        PN_ASSERT(token.kind == 's');
        PN_ASSERT(pn_stream_name_valid(token.after, strlen(token.after)));
    }
}

/* A token of ours, with one of its characters replaced. */
static void check_edited(struct pn_call *call, const uint8_t *data, size_t size)
{
    struct pn_token in = {.kind = 's',
                          .stream = "a-stream",
                          .stream_id = UINT64_MAX,
                          .after = "shardId-0",
                          .filter = 3,
                          .filter_ms = -5};
    struct pn_token out = {0};
    const char *text = pn_op_token_write(call, &in);
    PN_ASSERT(pn_op_token_read(call, 's', text, &out) == 0);
    PN_ASSERT(out.stream_id == in.stream_id && out.filter == 3 && out.filter_ms == -5);
    PN_ASSERT(strcmp(out.stream, in.stream) == 0 && strcmp(out.after, in.after) == 0);
    PN_ASSERT(pn_op_token_read(call, 'c', text, &out) != 0);
    if (size >= 2) {
        char *edited = pn_arena_strdup(call->arena, text);
        edited[data[0] % strlen(text)] = (char)data[1];
        bool same = strcmp(edited, text) == 0;
        PN_ASSERT((pn_op_token_read(call, 's', edited, &out) == 0) == same);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pn_fake_clock clock;
    struct pn_arena arena;
    pn_fake_clock_init(&clock, NOW_MS);
    pn_arena_init(&arena, 0);
    struct pn_kinesis kinesis = {.clock = &clock.clock};
    static struct pn_settings settings;
    if (settings.aws.region == NULL) {
        pn_settings_init(&settings);
    }
    pn_settings_to_kinesis(&settings, &kinesis.config);
    struct pn_call call = {.kinesis = &kinesis,
                           .arena = &arena,
                           .operation = pn_operation_find("ListShards", strlen("ListShards"))};
    const char *text = pn_arena_strndup(&arena, (const char *)data, size);
    check_arn(&call, text);
    check_shard(text);
    check_token(&call, text);
    check_edited(&call, data, size);
    pn_arena_deinit(&arena);
    return 0;
}
