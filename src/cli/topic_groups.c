/* pinion topic groups: what consumer groups have read of topics, and what they have still to read.
 */
#include <inttypes.h>
#include <string.h>

#include "cli/topic.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 10000 };

struct groups {
    struct pn_topic_client client;
    const char *only; /* a group; NULL: all */
    int64_t limit;
    int64_t offset;
    struct pn_row_writer *rows;
    size_t shown;
    int64_t total; /* of the group or groups that are asked for */
};

/* Adds a topic's rows that are on the page. */
static int add_topic(struct groups *groups, const char *topic, struct pn_err *e)
{
    struct pn_group_row *rows = NULL;
    size_t count = 0;
    int rc =
        pn_topic_client_groups(&groups->client, topic, &groups->client.arena, &rows, &count, e);
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        if (groups->only != NULL && strcmp(rows[i].group, groups->only) != 0) {
            continue;
        }
        bool is_on_page =
            groups->total >= groups->offset && groups->total < groups->offset + groups->limit;
        groups->total++;
        if (is_on_page) {
            pn_report_topic_group(&rows[i], groups->rows);
            groups->shown++;
        }
    }
    return 0;
}

/* One topic, or all of them in their order. */
static int add_topics(struct groups *groups, const char *topic, struct pn_err *e)
{
    struct pn_topic_row *topics = NULL;
    size_t count = 0;
    if (topic != NULL) {
        return add_topic(groups, topic, e);
    }
    int rc = pn_topic_client_list(&groups->client, &topics, &count, e);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = add_topic(groups, topics[i].topic, e);
    }
    return rc;
}

static void tell_rest(const struct groups *groups, const char *topic)
{
    const struct pn_cli *cli = groups->client.cli;
    int64_t next = groups->offset + (int64_t)groups->shown;
    if (!pn_format_is_for_people(cli->format)) {
        return;
    }
    if (groups->total == 0) {
        (void)fprintf(cli->err, "%s%s has read %s%s\n",
                      groups->only != NULL ? "the consumer group " : "no consumer group",
                      groups->only != NULL ? groups->only : "",
                      groups->only != NULL ? "nothing of " : "",
                      topic != NULL ? topic : "any topic");
    } else if (next < groups->total) {
        (void)fprintf(cli->err, "%zu of %" PRId64 " rows; to see more, give --offset %" PRId64 "\n",
                      groups->shown, groups->total, next);
    }
}

int pn_cmd_topic_groups(struct pn_cli *cli, int argc, char **argv)
{
    struct groups groups = {.limit = LIMIT_DEFAULT};
    const struct pn_opt opts[] = {{.name = "group",
                                   .kind = PN_OPT_STRING,
                                   .value = "GROUP",
                                   .help = "show only this group",
                                   .target = &groups.only},
                                  {.name = "limit",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "show at most N rows (100)",
                                   .target = &groups.limit,
                                   .min = 1,
                                   .max = LIMIT_MAX},
                                  {.name = "offset",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "skip the first N rows (0)",
                                   .target = &groups.offset},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "[TOPIC]",
        .operands_max = 1,
        .opts = opts,
        .uses = PN_USES_URL | PN_USES_FORMAT,
        .about = "Shows each partition of a topic (by default of every topic) that a consumer group"
                 " reads: the offset that the group committed, the end of the partition, the lag"
                 " (records after the committed offset), and the records that retention removed"
                 " before the group read them. `instance` is the consumer that has the partition"
                 " now, and `position` what it reads next; consumers live in a server.",
        .examples = "pinion topic groups orders\n"
                    "pinion topic groups --group warehouse --format json\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    int rc = pn_topic_client_open(cli, PN_CLI_LOOKS, &groups.client, &failure);
    if (rc == 0) {
        groups.rows = pn_cli_rows(cli);
        pn_rows_begin_all(groups.rows, &pn_topic_group_columns);
        rc = add_topics(&groups, argc > 0 ? argv[0] : NULL, &failure);
        pn_row_writer_close(&groups.rows, rc);
    }
    if (rc == 0) {
        tell_rest(&groups, argc > 0 ? argv[0] : NULL);
    }
    return pn_topic_client_finish(&groups.client, rc, &failure);
}
