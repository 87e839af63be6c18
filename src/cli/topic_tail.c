/* pinion topic tail: a topic's records as they come, each partition in its order. */
#include <inttypes.h>
#include <string.h>

#include "cli/follow.h"
#include "cli/topic.h"

enum { READ_LIMIT = 1000 };

struct tail {
    struct pn_follow follow;
    struct pn_topic_client client;
    const char *topic;
    int64_t only; /* a partition; -1: all */
    struct pn_records_from from;
    int64_t *next; /* of each partition; -1: not looked for yet */
    int32_t partitions;
    struct pn_arena arena; /* of one round */
};

/* Partitions that have been added since are read from their start. */
static void add_partitions(struct tail *tail, int32_t count)
{
    bool first = tail->next == NULL;
    int64_t *next = pn_arena_calloc(&tail->client.arena, (size_t)count, sizeof *next);
    for (int32_t i = 0; i < count; i++) {
        next[i] = i < tail->partitions ? tail->next[i] : first ? -1 : 0;
    }
    tail->next = next;
    tail->partitions = count;
}

static int no_partition(const struct tail *tail, struct pn_err *e)
{
    return pn_err_missing(
        e, "the topic %s has no partition %" PRId64 ": `pinion topic describe %s` shows them",
        tail->topic, tail->only, tail->topic);
}

/* Reads what one partition has by now, or `limit` records of it. */
static int read_partition(struct tail *tail, int32_t partition, size_t *came, struct pn_err *e)
{
    const struct pn_records_from on = {.at = PN_RECORDS_OFFSET, .value = tail->next[partition]};
    const struct pn_records_from *from = tail->next[partition] < 0 ? &tail->from : &on;
    struct pn_topic_read read = {0};
    int64_t left = tail->follow.left;
    size_t limit = left < READ_LIMIT ? (size_t)left : READ_LIMIT;
    int rc = pn_topic_client_read(&tail->client, tail->topic, partition, from, limit, &tail->arena,
                                  &read, e);
    if (rc != 0) {
        return rc;
    }
    if (read.damage != NULL) {
        (void)fprintf(tail->client.cli->err, "%s\n", read.damage);
    }
    for (size_t i = 0; i < read.count; i++) {
        pn_report_record(partition, &read.records[i], tail->follow.rows);
    }
    tail->next[partition] = read.next;
    tail->follow.left -= (int64_t)read.count;
    *came += read.count + (read.damage != NULL);
    return 0;
}

/* A look at each partition that has something new. */
static int look_round(struct tail *tail, size_t *came, struct pn_err *e)
{
    struct pn_topic_detail detail = {0};
    pn_arena_reset(&tail->arena);
    int rc = pn_topic_client_look(&tail->client, tail->topic, &tail->arena, &detail, e);
    if (rc == 0 && tail->only >= detail.info.partitions) {
        rc = no_partition(tail, e);
    }
    if (rc == 0 && detail.info.partitions > tail->partitions) {
        add_partitions(tail, detail.info.partitions);
    }
    for (int32_t i = 0; rc == 0 && i < detail.info.partitions && tail->follow.left > 0; i++) {
        bool wanted = tail->only < 0 || tail->only == i;
        if (wanted && (tail->next[i] < 0 || detail.partitions[i].end > tail->next[i])) {
            rc = read_partition(tail, i, came, e);
        }
    }
    return rc;
}

static int go_round(void *arg, struct pn_follow_round *round, struct pn_err *e)
{
    struct tail *tail = arg;
    int rc = look_round(tail, &round->came, e);
    round->more = tail->follow.follow || round->came > 0 || rc != 0;
    return pn_follow_pardon(&tail->follow, rc, e);
}

static int read_all(struct tail *tail, struct pn_err *e)
{
    struct pn_row_writer *rows = pn_cli_rows(tail->client.cli);
    pn_report_records_begin(rows);
    return pn_follow_run(&tail->follow, rows, go_round, tail, e);
}

static int run_tail(struct pn_cli *cli, struct tail *tail)
{
    struct pn_err failure = {0};
    pn_follow_watch(&tail->follow);
    pn_arena_init(&tail->arena, 0);
    int rc = pn_topic_client_open(cli, PN_CLI_LOOKS, &tail->client, &failure);
    if (rc == 0 && tail->client.url == NULL) {
        pn_follow_without_server(&tail->follow, cli);
    }
    if (rc == 0) {
        rc = read_all(tail, &failure);
    }
    pn_arena_deinit(&tail->arena);
    int status = pn_topic_client_finish(&tail->client, rc, &failure);
    pn_follow_restore(&tail->follow);
    return status;
}

int pn_cmd_topic_tail(struct pn_cli *cli, int argc, char **argv)
{
    struct tail tail = {.only = -1};
    const char *from = "newest";
    pn_follow_init(&tail.follow);
    const struct pn_opt opts[] = {
        {.name = "from",
         .kind = PN_OPT_STRING,
         .value = "WHERE",
         .help = "where to begin: newest (new records only, the default), oldest (all records), an "
                 "offset, a time such as 2026-11-25T10:00:00Z, or a day",
         .target = &from},
        {.name = "partition",
         .kind = PN_OPT_INT,
         .value = "N",
         .help = "show only this partition",
         .target = &tail.only,
         .min = 0,
         .max = PN_PARTITIONS_MAX - 1},
        PN_FOLLOW_OPTIONS(tail.follow, "topic"),
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "NAME",
        .operands_min = 1,
        .operands_max = 1,
        .opts = opts,
        .uses = PN_USES_URL | PN_USES_FORMAT,
        .about = "Reads a topic and shows each record with its partition, offset, time and key."
                 " Keys and values that are not UTF-8 are shown in base64. Records of a partition"
                 " come in their order. SIGINT ends it; without a server it ends with what is"
                 " there.",
        .examples = "pinion topic tail orders\n"
                    "pinion topic tail orders --from oldest --no-follow --format jsonl\n"
                    "pinion topic tail orders --from 2026-11-25T10:00:00Z --partition 0 -n 10\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    if (!pn_records_from_parse(from, &tail.from)) {
        return pn_cli_usage(cli,
                            "invalid --from \"%.40s\": give newest, oldest, an offset such as "
                            "1200, a time such as 2026-11-25T10:00:00Z or a day such as 2026-11-25",
                            from);
    }
    if (!pn_follow_parsed(&tail.follow, cli, &status)) {
        return status;
    }
    tail.topic = argv[0];
    return run_tail(cli, &tail);
}
