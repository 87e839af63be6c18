/*
 * What every command of the program shares: options, help, messages, exit codes, and the making of
 * the application context from the options.
 *
 * A command is a function `run(cli, argc, argv)`, argv[0] being its own name. It declares its
 * options in a table, calls pn_cli_parse() first, and returns an exit code:
 *
 *     static int run(struct pn_cli *cli, int argc, char **argv)
 *     {
 *         bool wait = false;
 *         const struct pn_opt opts[] = {
 *             {.name = "wait", .kind = PN_OPT_FLAG, .help = "wait for the outcome", .target =
 * &wait},
 *             {.name = NULL}};
 *         const struct pn_syntax syntax = {
 *             .operands = "DAG", .operands_min = 1, .operands_max = 1, .opts = opts,
 *             .uses = PN_USES_URL, .examples = "pinion dag trigger batch --wait\n"};
 *         int status = 0;
 *         if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
 *             return status;
 *         }
 *         ... argv[0 .. argc-1] are the operands now ...
 *     }
 *
 * A command of commands ("dag list", "dag trigger") has a table of its own and calls
 * pn_cli_dispatch(). `--help` then works at every level.
 */
#ifndef PN_CLI_CLI_H
#define PN_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/logger.h"
#include "report/row_writer.h"
#include "server/app.h"

/* Exit codes; scripts rely on them. */
enum { PN_EXIT_OK = 0, PN_EXIT_FAILED = 1, PN_EXIT_USAGE = 2 };

struct pn_cli;
struct pn_description;

/* A table of these ends with an element whose name is NULL. */
struct pn_command {
    const char *name;
    const char *summary; /* one line, for the list of commands; NULL: not in the list */
    int (*run)(struct pn_cli *cli, int argc, char **argv);
};

/* --- options ------------------------------------------------------------------------------- */

enum pn_opt_kind {
    PN_OPT_FLAG,     /* bool * */
    PN_OPT_STRING,   /* const char **, borrowed from argv */
    PN_OPT_INT,      /* int64_t * */
    PN_OPT_SIZE,     /* int64_t *, bytes */
    PN_OPT_DURATION, /* int64_t *, milliseconds */
    PN_OPT_CHOICE,   /* const char **, one of `choices` */
    PN_OPT_LIST      /* struct pn_opt_list *; may be given again and again */
};

enum { PN_OPT_LIST_MAX = 64 };
struct pn_opt_list {
    const char *items[PN_OPT_LIST_MAX]; /* borrowed from argv */
    size_t count;
};

/* A table of these ends with an element whose name is NULL. The target keeps its value when the
 * option is not given, so it starts as the default. */
struct pn_opt {
    const char *name; /* without the dashes */
    char short_name;  /* 0: none */
    enum pn_opt_kind kind;
    const char *value;   /* what help calls the value: "N", "DIR" */
    const char *choices; /* CHOICE: "table|json|csv" */
    const char *help;    /* says the default, too, where there is one */
    void *target;
    int64_t min; /* INT, SIZE, DURATION: the limits, both inclusive; */
    int64_t max; /* 0 and 0: any that isn't negative */
};

/* Which of the shared options a command reads. --data, --pipeline, --profile, --config, --set,
 * --log-format, --log-level and --help are every command's. */
enum pn_uses {
    PN_USES_URL = 1,    /* --url: talk to this running server */
    PN_USES_FORMAT = 2, /* --format table|json|jsonl|csv, --expanded */
    PN_USES_QUIET = 4   /* --quiet: no progress */
};

struct pn_syntax {
    const char *operands; /* "NAME|SQL [FILE...]", NULL when there are none */
    int operands_min;
    int operands_max;          /* -1: any number */
    const char *about;         /* a paragraph below the summary, or NULL */
    const struct pn_opt *opts; /* NULL ok */
    unsigned uses;             /* of enum pn_uses */
    const char *examples;      /* whole lines, each with its newline, or NULL */
};

/* --- the program's state -------------------------------------------------------------------- */

struct pn_cli {
    const struct pn_command *commands; /* the program's table */
    const struct pn_command *command;  /* the one that runs */
    char words[128];                   /* what the user called: "pinion dag trigger" */

    /* The shared options. Strings are borrowed from argv or the environment. */
    const char *data;            /* --data, PINION_DATA, "./pinion-data" */
    const char *pipeline_folder; /* --pipeline, PINION_PIPELINE, or NULL: the shipped one */
    const char *profile;         /* --profile, PINION_PROFILE, or NULL */
    const char *config;          /* --config, or NULL */
    struct pn_opt_list set;      /* --set */
    const char *url;             /* --url, or NULL */
    enum pn_format format;
    enum pn_logger_format log_format;
    enum pn_level log_level;
    bool quiet;

    FILE *out; /* what was asked for */
    FILE *err; /* messages, progress */
    const struct pn_io *io;
    const struct pn_clock *clock;
    struct pn_logger *logger; /* from pn_cli_parse() on */

    struct pn_app *app; /* from pn_cli_app() on; owned */

    struct {
        void (*visit)(void *arg, const struct pn_description *description);
        void *arg;
    } describe; /* with a visitor nothing runs (cli/describe.h) */

    struct {
        const char *format;
        const char *log_format;
        const char *log_level;
        bool expanded;
        bool help;
        bool version;
    } given; /* the shared options as they were written */
};

/* Runs argv's command and returns the exit code. */
int pn_cli_main(const struct pn_command *commands, int argc, char **argv);

/* The same in two steps, for a caller that sets members (out, err, io, clock) in between. */
void pn_cli_init(struct pn_cli *cli, const struct pn_command *commands);
int pn_cli_run(struct pn_cli *cli, int argc, char **argv);
void pn_cli_deinit(struct pn_cli *cli);

/* Runs argv[1]'s entry of `commands`; argv[0] is the name of the command that has them. */
int pn_cli_dispatch(struct pn_cli *cli, const struct pn_command *commands, int argc, char **argv);

/*
 * Reads the options of a command. On true, *argc and *argv are the operands. On false the command
 * is done and *status is its exit code: help was printed, or a usage error.
 */
bool pn_cli_parse(struct pn_cli *cli, const struct pn_syntax *syntax, int *argc, char ***argv,
                  int *status) PN_MUST_CHECK;

/* --- messages: one line each to cli->err ----------------------------------------------------- */

/* "pinion: <message>"; returns PN_EXIT_FAILED. */
int pn_cli_fail(struct pn_cli *cli, const struct pn_err *e);
int pn_cli_failf(struct pn_cli *cli, const char *fmt, ...) PN_PRINTF(2, 3);
/* "pinion: <message> (see pinion <command> --help)"; returns PN_EXIT_USAGE. */
int pn_cli_usage(struct pn_cli *cli, const char *fmt, ...) PN_PRINTF(2, 3);
/* "<question> [y/N] ", answered by a line of standard input: only "y" and "yes" are a yes. */
bool pn_cli_confirm(struct pn_cli *cli, const char *fmt, ...) PN_PRINTF(2, 3);

/* A writer of rows to cli->out in cli->format. The caller ends it. */
struct pn_row_writer *pn_cli_rows(struct pn_cli *cli);

/* --- what commands work in -------------------------------------------------------------------- */

/*
 * The application context of the options: the data folder, the pipeline and the settings in force.
 * Made at the first call, which is for the command's own thread, before it starts others; the
 * options count as they are then. The context does not change after that. Owned by the cli.
 */
int pn_cli_app(struct pn_cli *cli, const struct pn_app **app, struct pn_err *e) PN_MUST_CHECK;
/* The same for a command that only looks at the settings: the profile may lack some. */
int pn_cli_app_as_it_is(struct pn_cli *cli, const struct pn_app **app,
                        struct pn_err *e) PN_MUST_CHECK;
/* Adds the tables that streams have made by a pattern to the pipeline's: right after pn_cli_app(),
 * before anything else uses the pipeline. */
int pn_cli_find_tables(struct pn_cli *cli, struct pn_store *store, struct pn_err *e) PN_MUST_CHECK;
/* The folder of the pipeline: --pipeline, PINION_PIPELINE, or that of the shipped one. Caller
 * frees. MISSING when there is none. */
int pn_cli_pipeline_folder(struct pn_cli *cli, char **folder, struct pn_err *e) PN_MUST_CHECK;
/* The URL of a server to talk to: --url, or the one that lives on the data folder; *url is NULL
 * when there is none. Caller frees. */
int pn_cli_server_url(struct pn_cli *cli, char **url, struct pn_err *e) PN_MUST_CHECK;
/* What a command does to the data folder, and so which one it takes. */
enum pn_cli_deed {
    PN_CLI_LOOKS,   /* at one that is there, and warns when it is another pipeline's */
    PN_CLI_CHANGES, /* one that is there, of this pipeline (server/folder_mark.h) */
    PN_CLI_MAKES    /* the same, which may be missing: it is made */
};
/* For commands beside a server, which do not need the pipeline: warns when the data folder is of
 * another one than theirs. Says nothing with --url, or where the pipeline cannot be loaded. */
void pn_cli_note_folder(struct pn_cli *cli);
/* MISSING where there is no data folder, for commands that need one unless a server is named. Where
 * the log is a Kafka cluster, none is needed: the cluster has the topics. */
int pn_cli_check_folder(struct pn_cli *cli, struct pn_err *e) PN_MUST_CHECK;
/* Where a command is about to make a data folder while a pinion answers on the address that a
 * server has by default: warns that this folder is not that server's. Waits half a second at most.
 */
void pn_cli_note_new_folder(struct pn_cli *cli);

#endif
