#include "cli/cli.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/units.h"
#include "cli/describe.h"
#include "cli/options.h"
#include "report/terminal.h"

enum { COMMANDS_MAX = 64 };

void pn_cli_init(struct pn_cli *cli, const struct pn_command *commands)
{
    const char *data = getenv("PINION_DATA");
    const char *folder = getenv("PINION_PIPELINE");
    const char *profile = getenv("PINION_PROFILE");
    *cli = (struct pn_cli){
        .commands = commands,
        .words = "pinion",
        .data = data != NULL && *data != '\0' ? data : "./pinion-data",
        .pipeline_folder = folder != NULL && *folder != '\0' ? folder : NULL,
        .profile = profile != NULL && *profile != '\0' ? profile : NULL,
        .format = PN_FORMAT_TABLE,
        .log_format = PN_LOGGER_TEXT,
        .log_level = PN_INFO,
        .out = stdout,
        .err = stderr,
        .io = pn_io_system(),
        .clock = pn_clock_system(),
    };
}

void pn_cli_deinit(struct pn_cli *cli)
{
    pn_app_destroy(&cli->app);
    pn_logger_destroy(&cli->logger);
}

/* One line, whatever the message holds: names and values from outside may be in it. */
static void print_line(FILE *err, const char *text)
{
    fputs("pinion: ", err);
    for (size_t len = strlen(text); len > 0;) {
        unsigned code = 0;
        int width = 0;
        size_t bytes = pn_text_steers(text, len, &code);
        if (bytes > 0) {
            fputc(' ', err);
        } else {
            bytes = pn_text_next(text, len, &width);
            fwrite(text, 1, bytes, err);
        }
        text += bytes;
        len -= bytes;
    }
    fputc('\n', err);
}

int pn_cli_fail(struct pn_cli *cli, const struct pn_err *e)
{
    print_line(cli->err, e->msg);
    return PN_EXIT_FAILED;
}

int pn_cli_failf(struct pn_cli *cli, const char *fmt, ...)
{
    struct pn_err e;
    va_list args;
    va_start(args, fmt);
    (void)pn_err_setv(&e, PN_CLASS_FATAL, PN_FAIL, fmt, args);
    va_end(args);
    return pn_cli_fail(cli, &e);
}

int pn_cli_usage(struct pn_cli *cli, const char *fmt, ...)
{
    struct pn_err e;
    va_list args;
    va_start(args, fmt);
    (void)pn_err_setv(&e, PN_CLASS_INPUT, PN_FAIL, fmt, args);
    va_end(args);
    char *line = pn_xasprintf("%s (see %s --help)", e.msg, cli->words);
    print_line(cli->err, line);
    free(line);
    return PN_EXIT_USAGE;
}

bool pn_cli_confirm(struct pn_cli *cli, const char *fmt, ...)
{
    char answer[16] = "";
    va_list args;
    va_start(args, fmt);
    (void)vfprintf(cli->err, fmt, args);
    va_end(args);
    (void)fputs(" [y/N] ", cli->err);
    (void)fflush(cli->err);
    if (fgets(answer, sizeof answer, stdin) == NULL) {
        (void)fputc('\n', cli->err);
        return false;
    }
    answer[strcspn(answer, "\r\n")] = '\0';
    return strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0;
}

/* Of a pipe whose reader has closed its end. */
static bool reader_has_gone(FILE *file)
{
    struct pollfd end = {.fd = fileno(file)};
    return poll(&end, 1, 0) == 1 && (end.revents & POLLERR) != 0;
}

/* What was written may still fail to leave; a reader that has gone (head, less) is not a failure
 * that needs words, whichever write found it. */
static int flush_out(struct pn_cli *cli, int status)
{
    errno = 0;
    if (fflush(cli->out) == 0 && !ferror(cli->out)) {
        return status;
    }
    if (errno != EPIPE && !reader_has_gone(cli->out)) {
        status = pn_cli_failf(cli, "standard output cannot be written: %s",
                              errno != 0 ? strerror(errno) : "an earlier write failed");
    }
    return status != PN_EXIT_OK ? status : PN_EXIT_FAILED;
}

static const struct pn_command *find_command(const struct pn_command *commands, const char *name)
{
    for (; commands->name != NULL; commands++) {
        if (strcmp(commands->name, name) == 0) {
            return commands;
        }
    }
    return NULL;
}

static int unknown_command(struct pn_cli *cli, const struct pn_command *commands, const char *name)
{
    const char *names[COMMANDS_MAX];
    size_t count = 0;
    for (; commands->name != NULL && count < COMMANDS_MAX; commands++) {
        if (commands->summary != NULL) {
            names[count++] = commands->name;
        }
    }
    const char *near = pn_nearest(name, names, count);
    if (near == NULL) {
        return pn_cli_usage(cli, "unknown command \"%.40s\"", name);
    }
    return pn_cli_usage(cli, "unknown command \"%.40s\"; did you mean \"%s\"?", name, near);
}

struct pn_row_writer *pn_cli_rows(struct pn_cli *cli)
{
    const struct pn_byte_sink sink = pn_byte_sink_file(cli->out);
    return pn_row_writer_create(&sink, cli->format);
}

/* Turns the shared options' words into values. */
static void take_given(struct pn_cli *cli)
{
    if (cli->given.format != NULL) {
        cli->format = pn_format_parse(cli->given.format);
    }
    if (cli->given.expanded) {
        cli->format = PN_FORMAT_EXPANDED;
    }
    /* The option tables let no other words through than these functions know. */
    bool known = true;
    if (cli->given.log_format != NULL) {
        known = pn_logger_format_parse(cli->given.log_format, &cli->log_format);
    }
    if (cli->given.log_level != NULL) {
        known = pn_level_parse(cli->given.log_level, &cli->log_level) && known;
    }
    PN_ASSERT(known);
}

/* Goes one word down into a table of commands, and runs the one that the word names. */
static int run_command(struct pn_cli *cli, const struct pn_command *command, int argc, char **argv)
{
    size_t len = strlen(cli->words);
    (void)snprintf(cli->words + len, sizeof cli->words - len, " %s", command->name);
    cli->command = command;
    return command->run(cli, argc, argv);
}

/* Describes the commands of a table, each after what the user would type before it. */
static int describe_commands(struct pn_cli *cli, const struct pn_command *commands,
                             const struct pn_opt *shared)
{
    const struct pn_command *parent = cli->command;
    cli->describe.visit(cli->describe.arg,
                        &(struct pn_description){.words = cli->words,
                                                 .summary = parent != NULL ? parent->summary : NULL,
                                                 .commands = commands,
                                                 .shared = shared});
    size_t len = strlen(cli->words);
    int status = PN_EXIT_OK;
    for (; commands->name != NULL && status == PN_EXIT_OK; commands++) {
        char *argv[] = {NULL, NULL};
        char name[64];
        if (commands->summary == NULL) {
            continue;
        }
        (void)snprintf(name, sizeof name, "%s", commands->name);
        argv[0] = name;
        status = run_command(cli, commands, 1, argv);
        cli->words[len] = '\0';
    }
    return status;
}

int pn_cli_dispatch(struct pn_cli *cli, const struct pn_command *commands, int argc, char **argv)
{
    struct pn_opt shared[PN_SHARED_OPTS_MAX];
    pn_options_shared(cli, 0, shared);
    if (cli->describe.visit != NULL) {
        return describe_commands(cli, commands, shared);
    }
    const struct pn_opt version[] = {
        {.name = "version", .short_name = 'V', .kind = PN_OPT_FLAG, .target = &cli->given.version},
        {.name = NULL}};
    bool top = commands == cli->commands;
    struct pn_err e;
    int first = 0;
    if (pn_options_read(top ? version : NULL, shared, true, argc, argv, &first, &e) != 0) {
        return pn_cli_usage(cli, "%s", e.msg);
    }
    if (cli->given.version) {
        cli->command = find_command(commands, "version");
        PN_ASSERT(cli->command != NULL);
        return cli->command->run(cli, 1, argv);
    }
    if (first == argc) {
        pn_options_help_commands(cli, commands, shared, cli->given.help ? cli->out : cli->err);
        return cli->given.help ? PN_EXIT_OK : PN_EXIT_USAGE;
    }
    const struct pn_command *command = find_command(commands, argv[first]);
    if (command == NULL) {
        return unknown_command(cli, commands, argv[first]);
    }
    return run_command(cli, command, argc - first, argv + first);
}

bool pn_cli_parse(struct pn_cli *cli, const struct pn_syntax *syntax, int *argc, char ***argv,
                  int *status)
{
    struct pn_opt shared[PN_SHARED_OPTS_MAX];
    pn_options_shared(cli, syntax->uses, shared);
    if (cli->describe.visit != NULL) {
        cli->describe.visit(cli->describe.arg,
                            &(struct pn_description){.words = cli->words,
                                                     .summary = cli->command->summary,
                                                     .syntax = syntax,
                                                     .shared = shared});
        *status = PN_EXIT_OK;
        return false;
    }
    struct pn_err e;
    int first = 0;
    if (pn_options_read(syntax->opts, shared, false, *argc, *argv, &first, &e) != 0) {
        *status = pn_cli_usage(cli, "%s", e.msg);
        return false;
    }
    if (cli->given.help) {
        pn_options_help(cli, syntax, shared, cli->out);
        *status = PN_EXIT_OK;
        return false;
    }
    *argc -= first;
    *argv += first;
    if (*argc < syntax->operands_min) {
        *status = pn_cli_usage(cli, "%s is missing", syntax->operands);
        return false;
    }
    if (syntax->operands_max >= 0 && *argc > syntax->operands_max) {
        *status = pn_cli_usage(cli, "unexpected argument \"%.40s\"", (*argv)[syntax->operands_max]);
        return false;
    }
    if (cli->given.expanded && cli->given.format != NULL &&
        strcmp(cli->given.format, "table") != 0) {
        *status = pn_cli_usage(cli, "--expanded needs --format table");
        return false;
    }
    if (strstr(cli->data, "://") != NULL) {
        *status =
            pn_cli_usage(cli, "--data %.80s: give a folder on this machine, not a URL", cli->data);
        return false;
    }
    take_given(cli);
    cli->logger = pn_logger_create(fileno(cli->err), cli->log_format, cli->log_level, cli->clock);
    return true;
}

int pn_cli_run(struct pn_cli *cli, int argc, char **argv)
{
    if (argc < 1) {
        return pn_cli_usage(cli, "give a command");
    }
    return flush_out(cli, pn_cli_dispatch(cli, cli->commands, argc, argv));
}

int pn_cli_main(const struct pn_command *commands, int argc, char **argv)
{
    /* A reader that has gone, or a limit on the size of files, fails a write; it must not end the
     * process. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    /* Column widths need to know UTF-8; everything else stays as in "C". */
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    struct pn_cli cli;
    pn_cli_init(&cli, commands);
    int status = pn_cli_run(&cli, argc, argv);
    pn_cli_deinit(&cli);
    return status;
}
