/*
 * What every command of the program shares: options, help, messages, exit codes, and the loading of
 * the pipeline and the settings.
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
#include "pipeline/pipeline.h"
#include "settings/settings.h"

/* Exit codes; scripts rely on them. */
enum { PN_EXIT_OK = 0, PN_EXIT_FAILED = 1, PN_EXIT_USAGE = 2 };

struct pn_cli;
struct pn_description;

/* A table of these ends with an element whose name is NULL. */
struct pn_command {
    const char *name;
    const char *summary; /* one line, for the list of commands */
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

/* Which of the shared options a command reads. --data, --pipeline, --config, --set, --log-format,
 * --log-level and --help are every command's. */
enum pn_uses {
    PN_USES_URL = 1,    /* --url: talk to this running server */
    PN_USES_FORMAT = 2, /* --format table|json|csv, --expanded */
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

enum pn_format { PN_FORMAT_TABLE, PN_FORMAT_JSON, PN_FORMAT_CSV, PN_FORMAT_EXPANDED };

static inline bool pn_format_is_for_people(enum pn_format format)
{
    return format == PN_FORMAT_TABLE || format == PN_FORMAT_EXPANDED;
}

/* --- the program's state -------------------------------------------------------------------- */

struct pn_cli {
    const struct pn_command *commands; /* the program's table */
    const struct pn_command *command;  /* the one that runs */
    char words[128];                   /* what the user called: "pinion dag trigger" */

    /* The shared options. Strings are borrowed from argv or the environment. */
    const char *data;            /* --data, PINION_DATA, "./pinion-data" */
    const char *pipeline_folder; /* --pipeline, PINION_PIPELINE, or NULL: the shipped one */
    const char *config;          /* --config, or NULL */
    struct pn_opt_list set;      /* --set */
    const char *url;             /* --url, or NULL */
    enum pn_format format;
    enum pn_log_format log_format;
    enum pn_level log_level;
    bool quiet;

    FILE *out; /* what was asked for */
    FILE *err; /* messages, progress */
    const struct pn_io *io;
    const struct pn_clock *clock;
    struct pn_logger *logger; /* from pn_cli_parse() on */

    struct pn_pipeline *pipeline; /* once loaded; owned */
    struct pn_settings *settings; /* once loaded; owned */

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

/* --- what commands work on; loaded at the first call, owned by the cli ------------------------ */

/* Where this program is. Caller frees. */
int pn_cli_program(char **path, struct pn_err *e) PN_MUST_CHECK;
/* The folder of the pipeline: --pipeline, PINION_PIPELINE, or the shipped one beside the program
 * (<program's folder>/../pipelines/<name> or ../share/pinion/pipelines/<name>). Caller frees.
 * MISSING when there is none. */
int pn_cli_pipeline_folder(struct pn_cli *cli, char **folder, struct pn_err *e) PN_MUST_CHECK;
/* The folder of a shipped pipeline by its name. Caller frees. */
int pn_cli_shipped_folder(struct pn_cli *cli, const char *name, char **folder,
                          struct pn_err *e) PN_MUST_CHECK;
int pn_cli_pipeline(struct pn_cli *cli, const struct pn_pipeline **pipeline,
                    struct pn_err *e) PN_MUST_CHECK;
struct pn_store;
/* Adds the tables that streams have made by a pattern to the pipeline's; before it is used. */
int pn_cli_find_tables(struct pn_cli *cli, struct pn_store *store, struct pn_err *e) PN_MUST_CHECK;
/* The settings in force: defaults, the pipeline's, --config's, --set's. */
int pn_cli_settings(struct pn_cli *cli, const struct pn_settings **settings,
                    struct pn_err *e) PN_MUST_CHECK;
int pn_cli_pipeline_and_settings(struct pn_cli *cli, const struct pn_pipeline **pipeline,
                                 const struct pn_settings **settings,
                                 struct pn_err *e) PN_MUST_CHECK;

#endif
