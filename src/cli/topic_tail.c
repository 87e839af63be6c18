/* pinion topic tail: a topic's records as they come, each partition in its order. */
#include <inttypes.h>
#include <string.h>

#include "cli/signals.h"
#include "cli/topic.h"

enum {
    READ_LIMIT = 1000,
    PAUSE_MS = 200,   /* between two looks when there was nothing new */
    FAILURES_MAX = 25 /* in a row, that may pass */
};

struct tail {
    struct pn_topic_client client;
    const char *topic;
    int64_t only; /* a partition; -1: all */
    struct pn_records_from from;
    int64_t left; /* records to print still */
    bool follow;
    int64_t *next; /* of each partition; -1: not looked for yet */
    int32_t partitions;
    int failures;
    struct pn_arena arena; /* of one round */
    struct pn_row_writer *rows;
    struct pn_signals signals;
    bool stopped;
};

/* Waits so long for a signal that ends it. */
static void look_for_signal(struct tail *tail, int64_t ms)
{
    tail->stopped = tail->stopped || pn_signals_came(&tail->signals, ms);
}

/* Partitions that have been added since are read from their start. */
static void add_partitions(struct tail *tail, int32_t count, bool first)
{
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
    size_t limit = tail->left < READ_LIMIT ? (size_t)tail->left : READ_LIMIT;
    int rc = pn_topic_client_read(&tail->client, tail->topic, partition, from, limit, &tail->arena,
                                  &read, e);
    if (rc != 0) {
        return rc;
    }
    if (read.damage != NULL) {
        (void)fprintf(tail->client.cli->err, "%s\n", read.damage);
    }
    for (size_t i = 0; i < read.count; i++) {
        pn_report_record(partition, &read.records[i], tail->rows);
    }
    tail->next[partition] = read.next;
    tail->left -= (int64_t)read.count;
    *came += read.count + (read.damage != NULL);
    return 0;
}

/* A look at each partition that has something new. *came: was there anything? */
static int go_round(struct tail *tail, bool first, size_t *came, struct pn_err *e)
{
    struct pn_topic_detail detail = {0};
    *came = 0;
    pn_arena_reset(&tail->arena);
    int rc = pn_topic_client_look(&tail->client, tail->topic, &tail->arena, &detail, e);
    if (rc == 0 && tail->only >= detail.info.partitions) {
        rc = no_partition(tail, e);
    }
    if (rc == 0 && detail.info.partitions > tail->partitions) {
        add_partitions(tail, detail.info.partitions, first);
    }
    for (int32_t i = 0; rc == 0 && i < detail.info.partitions && tail->left > 0; i++) {
        bool wanted = tail->only < 0 || tail->only == i;
        if (wanted && (tail->next[i] < 0 || detail.partitions[i].end > tail->next[i])) {
            rc = read_partition(tail, i, came, e);
        }
    }
    return rc;
}

/* What passes, such as a server that restarts, is waited for. */
static int go_patiently(struct tail *tail, bool first, size_t *came, struct pn_err *e)
{
    int rc = go_round(tail, first, came, e);
    if (rc == 0) {
        tail->failures = 0;
    } else if (!first && e->class_ == PN_CLASS_RETRY && tail->failures < FAILURES_MAX) {
        tail->failures++;
        rc = 0;
    }
    return rc;
}

static int read_all(struct tail *tail, struct pn_err *e)
{
    size_t came = 0;
    bool first = true;
    int rc = 0;
    tail->rows = pn_cli_rows(tail->client.cli);
    pn_report_records_begin(tail->rows);
    while (rc == 0 && (first || came > 0 || tail->follow) && tail->left > 0 && !tail->stopped &&
           !pn_row_writer_failed(tail->rows)) {
        rc = go_patiently(tail, first, &came, e);
        first = false;
        if (tail->follow || came > 0) {
            pn_row_writer_flush(tail->rows);
        }
        if (rc == 0) {
            look_for_signal(tail, came > 0 || !tail->follow ? 0 : PAUSE_MS);
        }
    }
    pn_row_writer_close(&tail->rows, rc);
    return rc;
}

static int run_tail(struct pn_cli *cli, struct tail *tail)
{
    struct pn_err failure = {0};
    pn_signals_watch(&tail->signals);
    pn_arena_init(&tail->arena, 0);
    int rc = pn_topic_client_open(cli, false, &tail->client, &failure);
    if (rc == 0 && tail->follow && tail->client.url == NULL) {
        /* And while this waited, no server could start on the folder. */
        tail->follow = false;
        (void)fprintf(cli->err,
                      "No server runs on %s, so no new records can arrive: this ends after the "
                      "existing ones.\n",
                      cli->data);
    }
    if (rc == 0) {
        rc = read_all(tail, &failure);
    }
    pn_arena_deinit(&tail->arena);
    int status = pn_topic_client_finish(&tail->client, rc, &failure);
    pn_signals_restore(&tail->signals);
    return status;
}

int pn_cmd_topic_tail(struct pn_cli *cli, int argc, char **argv)
{
    struct tail tail = {.only = -1};
    const char *from = "newest";
    bool no_follow = false;
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
        {.name = "count",
         .short_name = 'n',
         .kind = PN_OPT_INT,
         .value = "N",
         .help = "stop after N records",
         .target = &tail.left,
         .min = 1,
         .max = INT64_MAX},
        {.name = "follow",
         .short_name = 'f',
         .kind = PN_OPT_FLAG,
         .help = "wait for more at the end (the default)",
         .target = &tail.follow},
        {.name = "no-follow",
         .kind = PN_OPT_FLAG,
         .help = "stop at the current end of the topic",
         .target = &no_follow},
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
    if (tail.follow && no_follow) {
        return pn_cli_usage(cli, "--follow and --no-follow exclude each other");
    }
    tail.follow = !no_follow;
    tail.left = tail.left == 0 ? INT64_MAX : tail.left;
    tail.topic = argv[0];
    return run_tail(cli, &tail);
}
