/* pinion topic: the topics of the log, and what is in them. */
#include "cli/topic.h"

#include <inttypes.h>
#include <string.h>

#include "base/units.h"
#include "cli/commands.h"
#include "cli/table.h"

/* --- list, describe --------------------------------------------------------------------------- */

/* What becomes no row, in words. */
static void tell_unread(struct pn_cli *cli, const struct pn_topic_row *row)
{
    if (row->tables == NULL && row->records > 0) {
        (void)fprintf(cli->err,
                      "%s: no table reads it, so its %" PRId64 " %s; the first "
                      "is at offset %" PRId64 " of partition %" PRId64 "\n",
                      row->topic, row->records,
                      pn_noun(row->records, "record becomes no row", "records become no rows"),
                      row->first_offset, row->first_partition);
    }
}

static int cmd_list(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .uses = PN_USES_URL | PN_USES_FORMAT,
        .about = "Lists every topic with its partitions, its records in the log, their size, and "
                 "the tables that are loaded from it. Records of a topic that no table reads do "
                 "not become rows. They are reported on standard error, as are members of records "
                 "for which the newest load of a table had no column.",
        .examples = "pinion topic list\npinion topic list --format json\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_topic_row *topics = NULL;
    size_t count = 0;
    struct pn_err failure = {0};
    struct pn_topic_client client;
    int rc = pn_topic_client_open(cli, PN_CLI_LOOKS, &client, &failure);
    if (rc == 0) {
        rc = pn_topic_client_list(&client, &topics, &count, &failure);
    }
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        pn_report_topics(topics, count, rows);
        pn_row_writer_end(&rows);
        for (size_t i = 0; i < count; i++) {
            tell_unread(cli, &topics[i]);
        }
        if (cli->url == NULL) {
            pn_cli_tell_unknown(cli);
        }
    }
    return pn_topic_client_finish(&client, rc, &failure);
}

/* "orders: retention 7d, records up to 1MiB, compression lz4". */
static void print_settings(struct pn_cli *cli, const struct pn_log_topic_info *info)
{
    const struct pn_log_topic_settings *settings = &info->settings;
    char age[PN_UNITS_SIZE];
    char size[PN_UNITS_SIZE];
    char record[PN_UNITS_SIZE];
    (void)fprintf(cli->out, "%s: retention %s", info->name,
                  settings->retention_ms < 0 ? "forever"
                                             : pn_format_duration(settings->retention_ms, age));
    if (settings->retention_bytes >= 0) {
        (void)fprintf(cli->out, ", up to %s per partition",
                      pn_format_size(settings->retention_bytes, size));
    }
    (void)fprintf(cli->out, ", records up to %s, compression %s\n\n",
                  pn_format_size(settings->record_bytes_max, record), settings->compression);
}

static int describe(struct pn_topic_client *client, const char *topic, struct pn_err *e)
{
    struct pn_topic_detail detail = {0};
    int rc = pn_topic_client_look(client, topic, &client->arena, &detail, e);
    if (rc == 0) {
        if (pn_format_is_for_people(client->cli->format)) {
            print_settings(client->cli, &detail.info);
        }
        struct pn_row_writer *rows = pn_cli_rows(client->cli);
        pn_report_partitions(&detail, rows);
        pn_row_writer_end(&rows);
    }
    return rc;
}

static int cmd_describe(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .operands = "NAME",
        .operands_min = 1,
        .operands_max = 1,
        .uses = PN_USES_URL | PN_USES_FORMAT,
        .about = "Shows a topic's settings and its partitions: the offset of the oldest record, "
                 "the offset of the next record, the number of records, and their size.",
        .examples = "pinion topic describe orders\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_topic_client client;
    int rc = pn_topic_client_open(cli, PN_CLI_LOOKS, &client, &failure);
    if (rc == 0) {
        rc = describe(&client, argv[0], &failure);
    }
    return pn_topic_client_finish(&client, rc, &failure);
}

/* --- create, alter ---------------------------------------------------------------------------- */

/* What a topic is to have, as the options say it. */
struct wanted {
    int64_t partitions;
    const char *retention;
    const char *retention_bytes;
    int64_t record_bytes_max;
};

enum { WANTED_OPTS = 5 };

static void add_opts(struct wanted *wanted, struct pn_opt opts[WANTED_OPTS])
{
    opts[0] = (struct pn_opt){.name = "partitions",
                              .kind = PN_OPT_INT,
                              .value = "N",
                              .help = "number of partitions (setting log.partitions), which can "
                                      "increase later but never decrease",
                              .target = &wanted->partitions,
                              .min = 1,
                              .max = PN_PARTITIONS_MAX};
    opts[1] = (struct pn_opt){
        .name = "retention",
        .kind = PN_OPT_STRING,
        .value = "TIME",
        .help = "retention of its records: 12h, 7d, or forever (setting log.retention_ms)",
        .target = &wanted->retention};
    opts[2] = (struct pn_opt){
        .name = "retention-bytes",
        .kind = PN_OPT_STRING,
        .value = "SIZE",
        .help = "maximum size of each partition: 10GiB, or unlimited (setting log.retention_bytes)",
        .target = &wanted->retention_bytes};
    opts[3] = (struct pn_opt){.name = "record-bytes-max",
                              .kind = PN_OPT_SIZE,
                              .value = "SIZE",
                              .help = "size limit of a record (setting log.record_bytes_max)",
                              .target = &wanted->record_bytes_max,
                              .min = 1,
                              .max = PN_RECORD_BYTES_MAX};
    opts[4] = (struct pn_opt){.name = NULL};
}

/* A limit in words: `none` for one that is not there, which is -1. */
static int read_limit(const char *text, const char *none,
                      int (*parse)(const char *text, int64_t *value, struct pn_err *e),
                      int64_t *limit, struct pn_err *e)
{
    if (text == NULL) {
        return 0;
    }
    if (strcmp(text, none) == 0) {
        *limit = -1;
        return 0;
    }
    int rc = parse(text, limit, e);
    if (rc == 0 && *limit == 0) {
        rc = pn_err_input(e, "a topic must keep some records: give more than 0, or %s", none);
    }
    return rc;
}

static int read_config(const struct wanted *wanted, struct pn_log_topic_config *config,
                       struct pn_err *e)
{
    *config = (struct pn_log_topic_config){.partitions = (int32_t)wanted->partitions,
                                           .record_bytes_max = wanted->record_bytes_max};
    int rc = read_limit(wanted->retention, "forever", pn_parse_duration, &config->retention_ms, e);
    if (rc != 0) {
        pn_err_prefix(e, "--retention");
        return rc;
    }
    rc = read_limit(wanted->retention_bytes, "unlimited", pn_parse_size, &config->retention_bytes,
                    e);
    if (rc != 0) {
        pn_err_prefix(e, "--retention-bytes");
    }
    return rc;
}

/* Creates, or alters where a topic must be there already; then shows it. */
static int apply(struct pn_cli *cli, bool is_new, const char *topic, const struct wanted *wanted)
{
    struct pn_err failure = {0};
    struct pn_topic_client client;
    struct pn_log_topic_config config = {0};
    int rc = pn_topic_client_open(cli, is_new ? PN_CLI_MAKES : PN_CLI_CHANGES, &client, &failure);
    if (rc == 0) {
        rc = read_config(wanted, &config, &failure);
    }
    if (rc == 0) {
        rc = is_new ? pn_topic_client_create(&client, topic, &config, &failure)
                    : pn_topic_client_alter(&client, topic, &config, &failure);
    }
    if (rc == 0) {
        rc = describe(&client, topic, &failure);
    }
    return pn_topic_client_finish(&client, rc, &failure);
}

static int cmd_create(struct pn_cli *cli, int argc, char **argv)
{
    struct wanted wanted = {0};
    struct pn_opt opts[WANTED_OPTS];
    add_opts(&wanted, opts);
    const struct pn_syntax syntax = {
        .operands = "NAME",
        .operands_min = 1,
        .operands_max = 1,
        .opts = opts,
        .uses = PN_USES_URL | PN_USES_FORMAT,
        .about = "Creates a topic and shows it in the form of describe. The topics of the pipeline "
                 "need no command: a server creates them when it starts.",
        .examples = "pinion topic create orders --partitions 4\n"
                    "pinion topic create orders --retention 30d --retention-bytes 10GiB\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    return apply(cli, true, argv[0], &wanted);
}

/* What pipeline.yml says of a topic is applied again at each start. */
static void warn_of_pipeline(struct pn_cli *cli, const char *name, const struct wanted *wanted)
{
    const struct pn_app *app = NULL;
    struct pn_err ignored = {0};
    if (cli->url != NULL || pn_cli_app(cli, &app, &ignored) != 0) {
        return; /* its server may have another pipeline */
    }
    const struct pn_pipeline_topic *topic = pn_pipeline_topic(app->pipeline, name);
    if (topic != NULL && ((wanted->retention != NULL && topic->retention_ms != 0) ||
                          (wanted->retention_bytes != NULL && topic->retention_bytes != 0))) {
        (void)fprintf(cli->err,
                      "pipeline.yml sets the retention of %s, and the next start applies it "
                      "again: change it there, too\n",
                      name);
    }
}

static int cmd_alter(struct pn_cli *cli, int argc, char **argv)
{
    struct wanted wanted = {0};
    struct pn_opt opts[WANTED_OPTS];
    add_opts(&wanted, opts);
    const struct pn_syntax syntax = {
        .operands = "NAME",
        .operands_min = 1,
        .operands_max = 1,
        .opts = opts,
        .uses = PN_USES_URL | PN_USES_FORMAT,
        .about = "Changes what the options say of a topic and shows it as describe does. Partitions"
                 " can only become more, and then records of a key may go to another one than"
                 " before. A shorter retention removes what is older at once or within minutes.",
        .examples = "pinion topic alter orders --partitions 8\n"
                    "pinion topic alter orders --retention forever\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    if (wanted.partitions == 0 && wanted.retention == NULL && wanted.retention_bytes == NULL &&
        wanted.record_bytes_max == 0) {
        return pn_cli_usage(cli, "give what to change: --partitions, --retention, "
                                 "--retention-bytes or --record-bytes-max");
    }
    status = apply(cli, false, argv[0], &wanted);
    if (status == PN_EXIT_OK) {
        warn_of_pipeline(cli, argv[0], &wanted);
    }
    return status;
}

/* --- delete ----------------------------------------------------------------------------------- */

static void tell_deleted(struct pn_cli *cli, const struct pn_topic_detail *detail)
{
    int64_t records = 0;
    int32_t partitions = detail->info.partitions;
    for (int32_t i = 0; i < partitions; i++) {
        records += detail->partitions[i].end - detail->partitions[i].begin;
    }
    (void)fprintf(cli->out, "deleted the topic %s: %d %s, %" PRId64 " %s\n", detail->info.name,
                  partitions, pn_noun(partitions, "partition", "partitions"), records,
                  pn_noun(records, "record", "records"));
}

static int cmd_delete(struct pn_cli *cli, int argc, char **argv)
{
    bool yes = false;
    const struct pn_opt opts[] = {{.name = "yes",
                                   .short_name = 'y',
                                   .kind = PN_OPT_FLAG,
                                   .help = "don't ask",
                                   .target = &yes},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "NAME",
        .operands_min = 1,
        .operands_max = 1,
        .opts = opts,
        .uses = PN_USES_URL,
        .about = "Deletes a topic and all its records, after you confirm it. Landed objects stay. "
                 "If the pipeline names the topic, the next start creates it again, empty.",
        .examples = "pinion topic delete orders\npinion topic delete orders --yes\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_topic_client client;
    struct pn_topic_detail detail = {0};
    int rc = pn_topic_client_open(cli, PN_CLI_CHANGES, &client, &failure);
    if (rc == 0) {
        rc = pn_topic_client_look(&client, argv[0], &client.arena, &detail, &failure);
    }
    if (rc == 0 && !yes &&
        !pn_cli_confirm(cli, "Delete the topic %s and all its records?", argv[0])) {
        rc = pn_err_input(&failure, "the topic %s was not deleted: answer y, or give --yes",
                          argv[0]);
    }
    if (rc == 0) {
        rc = pn_topic_client_delete(&client, argv[0], &failure);
    }
    if (rc == 0) {
        tell_deleted(cli, &detail);
    }
    return pn_topic_client_finish(&client, rc, &failure);
}

int pn_cmd_topic(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_command commands[] = {
        {"list", "list the topics, and the tables that read them", cmd_list},
        {"create", "create a topic", cmd_create},
        {"describe", "show the partitions of a topic", cmd_describe},
        {"alter", "change a topic's partitions or retention", cmd_alter},
        {"groups", "show what consumer groups have read, and their lag", pn_cmd_topic_groups},
        {"tail", "show a topic's records", pn_cmd_topic_tail},
        {"produce", "add records to a topic", pn_cmd_topic_produce},
        {"delete", "delete a topic and its records", cmd_delete},
        {NULL, NULL, NULL},
    };
    return pn_cli_dispatch(cli, commands, argc, argv);
}
