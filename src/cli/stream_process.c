/* pinion stream process: fills stream tables without, or beside, a server. */
#include <string.h>

#include "base/units.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/stream_reader.h"

struct run {
    struct pn_cli *cli;
    struct pn_signals signals;
    struct pn_progress progress;
    bool started; /* the bar */
    bool ended;   /* a signal came */
    int64_t done;
};

/* Called about fifty times a second; a signal ends the drain. */
static bool on_tick(void *arg, int64_t done, int64_t all)
{
    struct run *run = arg;
    run->done = done;
    if (!run->started && all > 0) {
        run->started = true;
        pn_progress_start(&run->progress, run->cli->err, run->cli->quiet, run->cli->clock,
                          "filling", all);
    }
    if (run->started) {
        pn_progress_update(&run->progress, done);
    }
    run->ended = run->ended || pn_signals_came(&run->signals, 0);
    return !run->ended;
}

static int process(struct run *run, struct pn_processor *streams, bool once, struct pn_err *e)
{
    if (once) {
        int rc = pn_processor_drain(streams, on_tick, run, e);
        if (run->started) {
            pn_progress_end(&run->progress, run->done);
        }
        return rc;
    }
    int rc = pn_processor_start(streams, e);
    if (rc == 0) {
        int signal = pn_signals_wait(&run->signals);
        while (signal == SIGHUP) {
            pn_logger_info(
                run->cli->logger, "stream",
                "%s: nothing to reload; settings and pipeline.yml are read only at the start",
                strsignal(signal));
            signal = pn_signals_wait(&run->signals);
        }
        pn_logger_info(run->cli->logger, "stream", "%s: finishing the commits in progress",
                       strsignal(signal));
        pn_processor_stop(streams);
    }
    return rc;
}

/* What is worth a word only when there is some of it. */
static void print_more(struct pn_cli *cli, int64_t count, const char *what)
{
    char text[PN_GROUPED_SIZE];
    if (count > 0) {
        (void)fprintf(cli->err, ", %s %s", pn_format_grouped(count, text), what);
    }
}

/* What a drain did; a signal ends it early. */
static void print_summary(struct pn_cli *cli, struct pn_processor *streams)
{
    struct pn_arena arena;
    struct pn_processor_status *statuses = NULL;
    size_t count = 0;
    pn_arena_init(&arena, 0);
    pn_processor_status(streams, &arena, &statuses, &count);
    for (size_t i = 0; i < count && !cli->quiet; i++) {
        char rows[PN_GROUPED_SIZE];
        char letters[PN_GROUPED_SIZE];
        (void)fprintf(cli->err, "%s: %s %s, %s %s", statuses[i].table,
                      pn_format_grouped(statuses[i].rows, rows),
                      pn_noun(statuses[i].rows, "row", "rows"),
                      pn_format_grouped(statuses[i].dead_letters, letters),
                      pn_noun(statuses[i].dead_letters, "dead letter", "dead letters"));
        print_more(cli, statuses[i].skipped, "skipped (other partition keys)");
        print_more(cli, statuses[i].lost, "lost (removed before they were read, or damaged)");
        (void)fputc('\n', cli->err);
    }
    pn_arena_deinit(&arena);
}

int pn_cmd_stream_process(struct pn_cli *cli, int argc, char **argv)
{
    bool once = false;
    bool group = false;
    const struct pn_opt opts[] = {
        {.name = "once",
         .kind = PN_OPT_FLAG,
         .help = "stop when all records that the streams hold now are in the tables",
         .target = &once},
        {.name = "group",
         .kind = PN_OPT_FLAG,
         .help =
             "share the shards with other processes, on a Kafka cluster or from another Kinesis",
         .target = &group},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "[STREAM...]",
        .operands_max = -1,
        .opts = opts,
        .uses = PN_USES_URL | PN_USES_QUIET,
        .about = "Fills the tables of the pipeline's streams (or of the named ones), until SIGTERM "
                 "or SIGINT. It reads through the server of the data folder or, if none runs, "
                 "opens the log itself. A server does the same, unless its --roles exclude it; "
                 "running both is safe but pointless. On a Kafka cluster with the store in a "
                 "bucket, servers and the processes with --group share the shards instead, and so "
                 "do they with streams in another Kinesis (kinesis.endpoint), which are read "
                 "there.",
        .examples = "pinion stream process --once\npinion stream process streaming-clicks\n"
                    "pinion stream process --group --data /var/lib/pinion-2\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    if (once && group) {
        return pn_cli_usage(cli,
                            "--once and --group exclude each other: what a group's members have "
                            "to do changes while they run");
    }
    struct run run = {.cli = cli};
    /* Before any thread starts. A drain ends by a hangup, as by SIGINT; the other stays. */
    pn_signals_watch(&run.signals);
    if (!once) {
        pn_signals_watch_hangup(&run.signals);
    }
    struct pn_stream_reader reader;
    struct pn_processor *streams = NULL;
    struct pn_err failure = {0};
    int rc = group ? pn_stream_reader_check_group(cli, &failure) : 0;
    if (rc != 0) {
        return pn_cli_fail(cli, &failure);
    }
    rc = pn_stream_reader_open(cli, false, argv, argc, &reader, &failure);
    if (rc == 0 && group) {
        rc = pn_stream_reader_join(cli, &reader, &failure);
    }
    if (rc == 0) {
        rc = pn_processor_create(&reader.config, &reader.env, &streams, &failure);
    }
    if (rc == 0) {
        rc = process(&run, streams, once, &failure);
    }
    if (rc == 0 && once) {
        print_summary(cli, streams);
    }
    pn_processor_destroy(&streams);
    pn_stream_reader_close(&reader);
    if (rc == 0 && run.ended) {
        return pn_cli_failf(cli, "a signal ended this before all records were in the tables; the "
                                 "next one continues from there");
    }
    return rc == 0 ? PN_EXIT_OK : pn_cli_fail(cli, &failure);
}
