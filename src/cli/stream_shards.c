/* pinion stream describe, reshard: the shards of a stream. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/stream.h"
#include "kinesis/kinesis.h"

enum { PAGE_LIMIT = 1000, SHARD_NUMBER_DIGITS = 12 };

/* --- what there is ---------------------------------------------------------------------------- */

static struct pn_listed_shard keep_shard(struct pn_stream_session *session,
                                         const struct pn_json *node)
{
    const struct pn_json *hashes = pn_json_get(node, "HashKeyRange");
    const struct pn_json *numbers = pn_json_get(node, "SequenceNumberRange");
    return (struct pn_listed_shard){
        .id = pn_stream_keep_text(session, node, "ShardId"),
        .parent = pn_stream_keep_text(session, node, "ParentShardId"),
        .adjacent_parent = pn_stream_keep_text(session, node, "AdjacentParentShardId"),
        .hash_start = pn_stream_keep_text(session, hashes, "StartingHashKey"),
        .hash_end = pn_stream_keep_text(session, hashes, "EndingHashKey"),
        .sequence_start = pn_stream_keep_text(session, numbers, "StartingSequenceNumber"),
        .sequence_end = pn_stream_keep_text(session, numbers, "EndingSequenceNumber"),
    };
}

static int keep_page(struct pn_stream_session *session, const struct pn_json *page,
                     struct pn_listed_shard **shards, size_t *count, struct pn_err *e)
{
    size_t more = page != NULL ? page->count : 0;
    struct pn_listed_shard *all = pn_arena_calloc(&session->arena, *count + more + 1, sizeof *all);
    if (*count > 0) {
        memcpy(all, *shards, *count * sizeof *all);
    }
    for (const struct pn_json *node = page != NULL ? page->first : NULL; node != NULL;
         node = node->next) {
        struct pn_listed_shard shard = keep_shard(session, node);
        if (shard.id == NULL || shard.hash_start == NULL || shard.hash_end == NULL) {
            return pn_err_input(e,
                                "ListShards answered with a shard that has no ID or no hash keys");
        }
        all[(*count)++] = shard;
    }
    *shards = all;
    return 0;
}

int pn_stream_shards(struct pn_stream_session *session, const char *stream,
                     struct pn_listed_shard **shards, size_t *count, struct pn_err *e)
{
    const char *token = NULL;
    int rc = 0;
    *shards = NULL;
    *count = 0;
    do {
        const struct pn_json *output = NULL;
        /* With a token the stream is not named again. */
        pn_stream_input(session, token == NULL ? stream : NULL);
        pn_json_add_i64(&session->json, "MaxResults", PAGE_LIMIT);
        if (token != NULL) {
            pn_json_add_cstr(&session->json, "NextToken", token);
        }
        rc = pn_stream_call(session, "ListShards", &output, e);
        token = rc == 0 ? pn_stream_keep_text(session, output, "NextToken") : NULL;
        if (rc == 0) {
            rc = keep_page(session, pn_json_get(output, "Shards"), shards, count, e);
        }
    } while (rc == 0 && token != NULL);
    return rc;
}

const char *pn_stream_shard_word(struct pn_stream_session *session, const char *word)
{
    size_t digits = strspn(word, "0123456789");
    if (digits == 0 || digits > SHARD_NUMBER_DIGITS || word[digits] != '\0') {
        return word;
    }
    return pn_arena_printf(&session->arena, "shardId-%012" PRId64,
                           (int64_t)strtoll(word, NULL, 10));
}

/* --- describe --------------------------------------------------------------------------------- */

/* Percent of the ring of hash keys, to three decimals. */
static double share_of(const struct pn_listed_shard *shard)
{
    struct pn_hash_key start = {0};
    struct pn_hash_key end = {0};
    if (!pn_hash_key_parse(shard->hash_start, strlen(shard->hash_start), &start) ||
        !pn_hash_key_parse(shard->hash_end, strlen(shard->hash_end), &end)) {
        return 0;
    }
    double share = ((double)end.high - (double)start.high) / 0x1p64;
    return (double)(int64_t)(share * 1e5 + 0.5) / 1e3;
}

static int print_shards(struct pn_stream_session *session, const char *stream, struct pn_err *e)
{
    static const struct pn_report_column columns[] = {
        {"shard", PN_CELL_TEXT},           {"state", PN_CELL_TEXT},
        {"share_percent", PN_CELL_DOUBLE}, {"parent", PN_CELL_TEXT},
        {"adjacent_parent", PN_CELL_TEXT}, {"hash_start", PN_CELL_DIGITS},
        {"hash_end", PN_CELL_DIGITS},      {"sequence_start", PN_CELL_TEXT},
        {"sequence_end", PN_CELL_TEXT}};
    struct pn_listed_shard *shards = NULL;
    size_t count = 0;
    int rc = pn_stream_shards(session, stream, &shards, &count, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_row_writer *output = pn_cli_rows(session->cli);
    PN_ROWS_BEGIN(output, columns);
    for (size_t i = 0; i < count; i++) {
        pn_cell_cstr(output, shards[i].id);
        pn_cell_cstr(output, shards[i].sequence_end == NULL ? "OPEN" : "CLOSED");
        pn_cell_double(output, share_of(&shards[i]));
        pn_cell_cstr(output, shards[i].parent);
        pn_cell_cstr(output, shards[i].adjacent_parent);
        pn_cell_cstr(output, shards[i].hash_start);
        pn_cell_cstr(output, shards[i].hash_end);
        pn_cell_cstr(output, shards[i].sequence_start);
        pn_cell_cstr(output, shards[i].sequence_end);
    }
    pn_row_writer_end(&output);
    return 0;
}

int pn_cmd_stream_describe(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .operands = "NAME",
        .operands_min = 1,
        .operands_max = 1,
        .uses = PN_USES_URL | PN_USES_FORMAT,
        .about = "Shows the shards of a stream: the open ones, and those that a reshard has closed "
                 "but that still have records. Each has a range of hash keys; a record goes to the "
                 "shard whose range contains the MD5 of its partition key.",
        .examples = "pinion stream describe clicks\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_stream_session session;
    int rc = pn_stream_session_open(cli, PN_CLI_LOOKS, &session, &failure);
    if (rc == 0) {
        rc = print_shards(&session, argv[0], &failure);
    }
    return pn_stream_session_finish(&session, rc, &failure);
}

/* --- reshard ---------------------------------------------------------------------------------- */

struct reshard {
    const char *name;
    int64_t shards; /* 0: not asked for */
    const char *split;
    const char *merge;
    const char *merge_with;
};

/* The first key of a range's upper half: start + (end - start) / 2 + 1. */
static struct pn_hash_key middle(struct pn_hash_key start, struct pn_hash_key end)
{
    struct pn_hash_key half = {.high = end.high - start.high - (end.low < start.low),
                               .low = end.low - start.low};
    half.low = half.low >> 1 | half.high << 63;
    half.high >>= 1;
    struct pn_hash_key sum = {.low = start.low + half.low};
    sum.high = start.high + half.high + (sum.low < start.low);
    sum.low++;
    sum.high += sum.low == 0;
    return sum;
}

struct hash_range {
    struct pn_hash_key start;
    struct pn_hash_key end;
};

static int find_range(struct pn_stream_session *session, const char *stream, const char *id,
                      struct hash_range *range, struct pn_err *e)
{
    struct pn_listed_shard *shards = NULL;
    size_t count = 0;
    int rc = pn_stream_shards(session, stream, &shards, &count, e);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (strcmp(shards[i].id, id) == 0 &&
            pn_hash_key_parse(shards[i].hash_start, strlen(shards[i].hash_start), &range->start) &&
            pn_hash_key_parse(shards[i].hash_end, strlen(shards[i].hash_end), &range->end)) {
            return 0;
        }
    }
    return rc != 0 ? rc : pn_stream_no_shard(stream, id, e);
}

static int split(struct pn_stream_session *session, const struct reshard *wanted, struct pn_err *e)
{
    char hash_key[PN_HASH_KEY_SIZE];
    struct hash_range range;
    const struct pn_json *output = NULL;
    const char *shard = pn_stream_shard_word(session, wanted->split);
    int rc = find_range(session, wanted->name, shard, &range, e);
    if (rc != 0) {
        return rc;
    }
    (void)pn_hash_key_text(middle(range.start, range.end), hash_key);
    pn_stream_input(session, wanted->name);
    pn_json_add_cstr(&session->json, "ShardToSplit", shard);
    pn_json_add_cstr(&session->json, "NewStartingHashKey", hash_key);
    return pn_stream_call(session, "SplitShard", &output, e);
}

static bool key_is_less(struct pn_hash_key a, struct pn_hash_key b)
{
    return a.high != b.high ? a.high < b.high : a.low < b.low;
}

/* The API wants the lower of the two first. */
static int merge(struct pn_stream_session *session, const struct reshard *wanted, struct pn_err *e)
{
    const char *shards[2] = {pn_stream_shard_word(session, wanted->merge),
                             pn_stream_shard_word(session, wanted->merge_with)};
    struct hash_range ranges[2];
    const struct pn_json *output = NULL;
    for (size_t i = 0; i < 2; i++) {
        int rc = find_range(session, wanted->name, shards[i], &ranges[i], e);
        if (rc != 0) {
            return rc;
        }
    }
    size_t lower = key_is_less(ranges[1].start, ranges[0].start);
    pn_stream_input(session, wanted->name);
    pn_json_add_cstr(&session->json, "ShardToMerge", shards[lower]);
    pn_json_add_cstr(&session->json, "AdjacentShardToMerge", shards[1 - lower]);
    return pn_stream_call(session, "MergeShards", &output, e);
}

static int scale(struct pn_stream_session *session, const struct reshard *wanted, struct pn_err *e)
{
    const struct pn_json *output = NULL;
    pn_stream_input(session, wanted->name);
    pn_json_add_i64(&session->json, "TargetShardCount", wanted->shards);
    pn_json_add_cstr(&session->json, "ScalingType", "UNIFORM_SCALING");
    return pn_stream_call(session, "UpdateShardCount", &output, e);
}

static int run_reshard(struct pn_cli *cli, const struct reshard *wanted)
{
    struct pn_err failure = {0};
    struct pn_stream_session session;
    int rc = pn_stream_session_open(cli, PN_CLI_CHANGES, &session, &failure);
    if (rc == 0) {
        rc = wanted->split != NULL   ? split(&session, wanted, &failure)
             : wanted->merge != NULL ? merge(&session, wanted, &failure)
                                     : scale(&session, wanted, &failure);
    }
    if (rc == 0) {
        rc = pn_stream_await(&session, wanted->name, &failure);
    }
    if (rc == 0) {
        rc = print_shards(&session, wanted->name, &failure);
    }
    return pn_stream_session_finish(&session, rc, &failure);
}

int pn_cmd_stream_reshard(struct pn_cli *cli, int argc, char **argv)
{
    struct reshard wanted = {.shards = 0};
    const struct pn_opt opts[] = {
        {.name = "shards",
         .kind = PN_OPT_INT,
         .value = "N",
         .help = "the number of open shards: at most twice and at least half as many as now",
         .target = &wanted.shards,
         .min = 1,
         .max = PN_STREAM_SHARDS_MAX},
        {.name = "split",
         .kind = PN_OPT_STRING,
         .value = "SHARD",
         .help = "split this one in the middle of its range",
         .target = &wanted.split},
        {.name = "merge",
         .kind = PN_OPT_STRING,
         .value = "SHARD SHARD",
         .help = "merge two shards whose ranges are adjacent",
         .target = &wanted.merge},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "NAME",
        .operands_min = 1,
        .operands_max = 2,
        .opts = opts,
        .uses = PN_USES_URL | PN_USES_FORMAT,
        .about = "Changes how a stream is split into shards, waits until the change is complete, "
                 "and shows the shards. Name a shard by its ID or its number. The old shards are "
                 "closed; after their last record, readers continue with the child shards.",
        .examples = "pinion stream reshard clicks --shards 4\n"
                    "pinion stream reshard clicks --split shardId-000000000001\n"
                    "pinion stream reshard clicks --merge 2 3\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    if ((wanted.shards > 0) + (wanted.split != NULL) + (wanted.merge != NULL) != 1) {
        return pn_cli_usage(cli, "give one of --shards, --split and --merge");
    }
    if ((wanted.merge != NULL) != (argc == 2)) {
        return wanted.merge != NULL ? pn_cli_usage(cli, "--merge needs two shards")
                                    : pn_cli_usage(cli, "\"%.40s\" is one too many", argv[1]);
    }
    wanted.name = argv[0];
    wanted.merge_with = argc == 2 ? argv[1] : NULL;
    return run_reshard(cli, &wanted);
}
