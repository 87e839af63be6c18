/* pinion emulate: a producer of records, made up or a database's. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text_signature.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/kinesis_client.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "emulate/emulate.h"
#include "kinesis/kinesis.h"
#include "report/row_writer.h"

enum { FILES_STOP_EVERY = 64, PASSWORD_BYTES_MAX = 4096 };

static const int64_t rows_max = INT64_C(1000000000000);
static const int64_t timeout_ms_max = INT64_C(3600000);

/* What the callbacks of a run know. */
struct run {
    struct pn_progress progress;
    struct pn_signals signals;
    bool stopped;
    uint64_t asked;
    uint64_t ask_every; /* looking for a signal costs a system call */
};

static void on_progress(void *arg, int64_t done, int64_t total)
{
    struct run *run = arg;
    run->progress.total = total;
    pn_progress_update(&run->progress, done);
}

static bool is_stopped(void *arg)
{
    struct run *run = arg;
    if (!run->stopped && run->asked++ % run->ask_every == 0) {
        run->stopped = pn_signals_came(&run->signals, 0);
    }
    return run->stopped;
}

static void print_posted(struct pn_cli *cli, const struct pn_emulate_summary *summary)
{
    static const struct pn_report_column columns[] = {
        {"sent", PN_CELL_INT},          {"acknowledged", PN_CELL_INT}, {"failed", PN_CELL_INT},
        {"retried", PN_CELL_INT},       {"maybe_twice", PN_CELL_INT},  {"seconds", PN_CELL_DOUBLE},
        {"records_per_s", PN_CELL_INT}, {"p50_ms", PN_CELL_DOUBLE},    {"p99_ms", PN_CELL_DOUBLE}};
    struct pn_row_writer *output = pn_cli_rows(cli);
    PN_ROWS_BEGIN(output, columns);
    pn_cell_int(output, summary->sent);
    pn_cell_int(output, summary->acknowledged);
    pn_cell_int(output, summary->failed);
    pn_cell_int(output, summary->retried);
    pn_cell_int(output, summary->maybe_twice);
    pn_cell_double(output, (double)(int64_t)(summary->seconds * 1e3) / 1e3);
    pn_cell_int(output, (int64_t)((double)summary->acknowledged /
                                  (summary->seconds > 0 ? summary->seconds : 1)));
    pn_cell_double(output, (double)(int64_t)(summary->p50_ms * 1e3) / 1e3);
    pn_cell_double(output, (double)(int64_t)(summary->p99_ms * 1e3) / 1e3);
    pn_row_writer_end(&output);
}

static void print_written(struct pn_cli *cli, const struct pn_emulate_summary *summary)
{
    static const struct pn_report_column columns[] = {
        {"written", PN_CELL_INT}, {"seconds", PN_CELL_DOUBLE}, {"records_per_s", PN_CELL_INT}};
    struct pn_row_writer *output = pn_cli_rows(cli);
    PN_ROWS_BEGIN(output, columns);
    pn_cell_int(output, summary->acknowledged);
    pn_cell_double(output, (double)(int64_t)(summary->seconds * 1e3) / 1e3);
    pn_cell_int(output, (int64_t)((double)summary->acknowledged /
                                  (summary->seconds > 0 ? summary->seconds : 1)));
    pn_row_writer_end(&output);
}

static int conclude(struct pn_cli *cli, const struct pn_emulate_summary *summary, int rc,
                    const struct pn_err *e)
{
    const struct pn_source_notes *notes = &summary->notes;
    char done[PN_GROUPED_SIZE];
    char failed[PN_GROUPED_SIZE];
    if (notes->as_text > 0) {
        (void)fprintf(cli->err, "%s %s the type of the column; the first: %s\n",
                      pn_format_grouped(notes->as_text, done),
                      pn_noun(notes->as_text, "value does not match", "values do not match"),
                      notes->first_as_text);
    }
    if (rc != 0) {
        return pn_cli_fail(cli, e);
    }
    if (summary->stopped) {
        return pn_cli_failf(cli, "stopped by a signal after %s %s",
                            pn_format_grouped(summary->acknowledged, done),
                            pn_noun(summary->acknowledged, "record", "records"));
    }
    if (summary->failed > 0) {
        return pn_cli_failf(cli, "%s %s not acknowledged; the first: %s",
                            pn_format_grouped(summary->failed, failed),
                            pn_noun(summary->failed, "record was", "records were"),
                            summary->first_failure);
    }
    if (notes->left_out > 0) {
        return pn_cli_failf(
            cli, "%s %s skipped; the first: %s", pn_format_grouped(notes->left_out, failed),
            pn_noun(notes->left_out, "row was", "rows were"), notes->first_left_out);
    }
    return PN_EXIT_OK;
}

/* With SIGINT, SIGTERM and SIGHUP held back: they end the run, not the process. */
static int run_watched(struct pn_cli *cli, struct pn_emulate_config *config)
{
    bool files = config->target == PN_EMULATE_JSONL;
    struct run run = {.ask_every = files ? FILES_STOP_EVERY : 1};
    pn_signals_watch(&run.signals);
    pn_progress_start(&run.progress, cli->err, cli->quiet, cli->clock,
                      files ? "writing" : "posting", 0);
    config->progress = on_progress;
    config->stopped = is_stopped;
    config->arg = &run;
    struct pn_emulate_summary summary;
    struct pn_err e;
    int rc = pn_emulate_run(config, &summary, &e);
    bool began = summary.sent > 0;
    if (began) {
        pn_progress_end(&run.progress, summary.acknowledged);
        if (files) {
            print_written(cli, &summary);
        } else {
            print_posted(cli, &summary);
        }
    }
    pn_signals_restore(&run.signals);
    return conclude(cli, &summary, rc, &e);
}

static int take_keys(struct pn_cli *cli, struct pn_emulate_config *config, struct pn_err *e)
{
    struct pn_aws_keys keys;
    int rc = pn_cli_aws_keys(cli, &keys, e);
    if (rc == 0) {
        config->access_key = keys.access_key;
        config->secret_key = keys.secret_key;
        config->region = keys.region;
    }
    return rc;
}

static int run_on(struct pn_cli *cli, struct pn_emulate_config *config)
{
    char *folder = NULL;
    char *url = NULL;
    struct pn_err e;
    int status = PN_EXIT_FAILED;
    int rc = pn_cli_pipeline_folder(cli, &folder, &e);
    if (rc == 0 && config->target != PN_EMULATE_JSONL) {
        rc = pn_cli_server_url(cli, &url, &e);
        if (rc == 0 && url != NULL) {
            pn_cli_note_folder(cli);
        }
    }
    if (rc == 0 && config->target == PN_EMULATE_KINESIS) {
        rc = take_keys(cli, config, &e);
    }
    if (rc != 0) {
        (void)pn_cli_fail(cli, &e);
        goto out;
    }
    config->folder = folder;
    if (url == NULL) {
        url = pn_xasprintf("http://%s", pn_settings_default("gateway.listen"));
    }
    config->url = url;
    config->api_key = getenv("PINION_API_KEY");
    config->io = cli->io;
    config->clock = cli->clock;
    status = run_watched(cli, config);
out:
    free(folder);
    free(url);
    return status;
}

/* The options as they were given. */
struct given {
    struct pn_emulate_config config;
    const char *to;
    const char *payload;
    const char *password_file;
    int64_t seed;
};

/* What batch and stream have in common goes after their own. */
enum { SHARED_OPTS = 13, OWN_OPTS_MAX = 4, OPTS_MAX = SHARED_OPTS + OWN_OPTS_MAX + 1 };

static struct pn_opt number(const char *name, int64_t *target, int64_t min, int64_t max,
                            const char *help)
{
    return (struct pn_opt){.name = name,
                           .kind = PN_OPT_INT,
                           .value = "N",
                           .help = help,
                           .target = target,
                           .min = min,
                           .max = max};
}

static struct pn_opt text(const char *name, const char **target, const char *value,
                          const char *help)
{
    return (struct pn_opt){
        .name = name, .kind = PN_OPT_STRING, .value = value, .help = help, .target = target};
}

static void shared_opts(struct given *given, int64_t batch_max, const char *acks_help,
                        struct pn_opt opts[SHARED_OPTS])
{
    struct pn_emulate_config *config = &given->config;
    const struct pn_opt shared[SHARED_OPTS] = {
        text("source", &config->source_url, "URL",
             "read from mysql://USER@HOST:PORT/DATABASE instead of the generator"),
        text("password-file", &given->password_file, "FILE",
             "file with the database's password (or set PINION_MYSQL_PASSWORD)"),
        number("rows", &config->rows, 1, rows_max,
               "number of records of each kind; by default all rows of the database, or the number "
               "in generator.yml"),
        number("count", &config->rows, 1, rows_max, "the same as --rows"),
        {.name = "random",
         .kind = PN_OPT_FLAG,
         .help = "pick the database's rows at random, with repeats, instead of in order",
         .target = &config->random},
        number("seed", &given->seed, 0, 0,
               "seed of the generator: the same seed makes the same records; 1 by default"),
        number("batch", &config->batch, 1, batch_max,
               "number of records in a request; 1 by default"),
        number("connections", &config->connections, 1, PN_EMULATE_CONNECTIONS_MAX,
               "number of requests at once; 1 by default, which keeps the order"),
        number("rate", &config->rate, 0, 0,
               "records per second, evenly spaced; 0, the default: as fast as possible"),
        text("stage", &config->stage, "PREFIX",
             "first segment of the URL's path, as in API Gateway"),
        number("retries", &config->retries_max, 0, 0,
               "number of further attempts at a request; 10 by default"),
        {.name = "timeout",
         .kind = PN_OPT_DURATION,
         .value = "TIME",
         .help = "time limit for an answer; 30s by default",
         .target = &config->timeout_ms,
         .min = 1,
         .max = timeout_ms_max},
        text("acks", &config->acks_path, "FILE", acks_help),
    };
    memcpy(opts, shared, sizeof shared);
}

static bool parse_batch(struct pn_cli *cli, struct given *given, int *argc, char ***argv,
                        int *status)
{
    struct pn_opt opts[OPTS_MAX] = {{.name = "to",
                                     .kind = PN_OPT_CHOICE,
                                     .choices = "kafka-rest|jsonl",
                                     .help = "post to a server (the default), or write files to "
                                             "DIR",
                                     .target = &given->to}};
    shared_opts(given, PN_EMULATE_BATCH_MAX,
                "write a line topic,partition,offset,sha256 for each acknowledged record",
                opts + 1);
    const struct pn_syntax syntax = {
        .operands = "[DIR]",
        .operands_min = 0,
        .operands_max = 1,
        .about =
            "Makes the records that the pipeline's generator.yml describes, or reads them from a "
            "database, one of each kind in turn. Posts each to a running server as a Kafka REST "
            "client does, or writes them to files, one record per line. The API key comes from "
            "PINION_API_KEY, and the database's password from PINION_MYSQL_PASSWORD.",
        .opts = opts,
        .uses = PN_USES_URL | PN_USES_FORMAT | PN_USES_QUIET,
        .examples = "pinion emulate batch --rows 1000 --connections 16\n"
                    "pinion emulate batch --rate 100 --url http://127.0.0.1:8082 --stage test\n"
                    "pinion emulate batch --source mysql://me@db.example:3306/shop --random\n"
                    "pinion emulate --to jsonl out --rows 1000000 --seed 7\n"};
    return pn_cli_parse(cli, &syntax, argc, argv, status);
}

static bool parse_stream(struct pn_cli *cli, struct given *given, int *argc, char ***argv,
                         int *status)
{
    struct pn_opt opts[OPTS_MAX] = {
        {.name = "to",
         .kind = PN_OPT_CHOICE,
         .choices = "kinesis-rest|kinesis",
         .help = "the interface: API Gateway's routes (the default), or the Kinesis API",
         .target = &given->to},
        {.name = "payload",
         .kind = PN_OPT_CHOICE,
         .choices = "object|base64|json-string",
         .help = "what the stream stores: the record (the default), or a JSON string that contains "
                 "the record as base64 or as JSON",
         .target = &given->payload},
        text("stream", &given->config.stream, "NAME",
             "put all kinds into this stream, instead of each into its own stream in "
             "generator.yml")};
    shared_opts(given, PN_EMULATE_STREAM_BATCH_MAX,
                "write a line stream,shard,sequence number,sha256 for each acknowledged record",
                opts + 3);
    const struct pn_syntax syntax = {
        .about = "Makes the records that the pipeline's generator.yml describes, or reads them "
                 "from a database, one of each kind in turn, and puts each into its stream: by PUT "
                 "<url>/streams/<stream>/record (with --batch: .../records), or by PutRecord "
                 "(PutRecords) of the Kinesis API, signed with the AWS keys of the settings. The "
                 "API key comes from PINION_API_KEY, and the database's password from "
                 "PINION_MYSQL_PASSWORD.",
        .opts = opts,
        .uses = PN_USES_URL | PN_USES_FORMAT | PN_USES_QUIET,
        .examples = "pinion emulate stream --rows 1000 --rate 300\n"
                    "pinion emulate stream --to kinesis --batch 500 --connections 4\n"
                    "pinion emulate stream --payload base64 --url http://127.0.0.1:8082\n"
                    "pinion emulate stream --stream Kinesis-Prod-Stream --rows 100\n"};
    return pn_cli_parse(cli, &syntax, argc, argv, status);
}

/* The password, without the line's end; NULL when there is none. Caller frees. */
static int read_password(const struct pn_cli *cli, const char *file, char **password,
                         struct pn_err *e)
{
    const char *set = getenv("PINION_MYSQL_PASSWORD");
    if (file == NULL) {
        *password = set != NULL ? pn_xstrdup(set) : NULL;
        return 0;
    }
    struct pn_buf text;
    pn_buf_init(&text, PASSWORD_BYTES_MAX);
    const char *bytes = NULL;
    int rc = pn_io_read_file(cli->io, file, &text, e);
    size_t len = text.len;
    if (rc == 0) {
        rc = pn_text_start(file, pn_buf_text(&text), &len, &bytes, e);
    }
    if (rc == 0) {
        *password = pn_xstrndup(bytes, strcspn(bytes, "\r\n"));
    }
    pn_buf_deinit(&text);
    return rc;
}

/* The rest of both commands, once the target is known. */
static int run_given(struct pn_cli *cli, struct given *given)
{
    struct pn_emulate_config *config = &given->config;
    config->seed = (uint64_t)given->seed;
    if (config->source_url == NULL && (config->random || given->password_file != NULL)) {
        return pn_cli_usage(cli, "%s needs --source",
                            config->random ? "--random" : "--password-file");
    }
    char *password = NULL;
    struct pn_err e;
    if (read_password(cli, given->password_file, &password, &e) != 0) {
        return pn_cli_fail(cli, &e);
    }
    config->password = password;
    int status = run_on(cli, config);
    free(password);
    return status;
}

/* An option that was given and is about requests, or NULL. */
static const char *about_requests(const struct pn_emulate_config *config)
{
    return config->rate > 0            ? "--rate"
           : config->stage != NULL     ? "--stage"
           : config->acks_path != NULL ? "--acks"
                                       : NULL;
}

static int run_batch(struct pn_cli *cli, int argc, char **argv)
{
    struct given given = {.to = "kafka-rest", .seed = 1};
    pn_emulate_config_init(&given.config);
    int status = 0;
    if (!parse_batch(cli, &given, &argc, &argv, &status)) {
        return status;
    }
    bool files = strcmp(given.to, "jsonl") == 0;
    if (files != (argc == 1)) {
        return files ? pn_cli_usage(cli, "--to jsonl needs the folder to write to")
                     : pn_cli_usage(cli, "\"%.40s\": a folder needs --to jsonl", argv[0]);
    }
    const char *vain = files ? about_requests(&given.config) : NULL;
    if (vain != NULL) {
        return pn_cli_usage(cli, "%s cannot be used with --to jsonl, which sends no requests",
                            vain);
    }
    given.config.target = files ? PN_EMULATE_JSONL : PN_EMULATE_KAFKA_REST;
    given.config.folder_out = files ? argv[0] : NULL;
    return run_given(cli, &given);
}

static int run_stream(struct pn_cli *cli, int argc, char **argv)
{
    struct given given = {.to = "kinesis-rest", .payload = "object", .seed = 1};
    pn_emulate_config_init(&given.config);
    int status = 0;
    if (!parse_stream(cli, &given, &argc, &argv, &status)) {
        return status;
    }
    bool api = strcmp(given.to, "kinesis") == 0;
    if (api && given.config.stage != NULL) {
        return pn_cli_usage(cli, "--stage needs --to kinesis-rest");
    }
    const char *stream = given.config.stream;
    if (stream != NULL && !pn_stream_name_valid(stream, strlen(stream))) {
        return pn_cli_usage(cli, "invalid stream name \"%.130s\"", stream);
    }
    given.config.target = api ? PN_EMULATE_KINESIS : PN_EMULATE_KINESIS_REST;
    given.config.payload = strcmp(given.payload, "object") == 0   ? PN_EMULATE_OBJECT
                           : strcmp(given.payload, "base64") == 0 ? PN_EMULATE_BASE64
                                                                  : PN_EMULATE_JSON_STRING;
    return run_given(cli, &given);
}

/* `pinion emulate --to jsonl DIR` is `pinion emulate batch --to jsonl DIR`. */
static bool is_batch_unnamed(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "batch") == 0 || strcmp(argv[i], "stream") == 0) {
            return false;
        }
        if (strncmp(argv[i], "--to", 4) == 0) {
            return true;
        }
    }
    return false;
}

int pn_cmd_emulate(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_command commands[] = {
        {"batch", "post records to a server, or write them to files", run_batch},
        {"stream", "put records into streams, through either interface", run_stream},
        {NULL, NULL, NULL},
    };
    return is_batch_unnamed(argc, argv) ? run_batch(cli, argc, argv)
                                        : pn_cli_dispatch(cli, commands, argc, argv);
}
