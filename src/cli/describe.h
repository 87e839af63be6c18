/*
 * A walk over every command of the program, without running any of them: for what is made from the
 * tables of commands and options (the man page, the shells' completions).
 *
 * Each command function is called once in describing mode: pn_cli_dispatch() then visits all
 * entries of its table instead of the one that was asked for, and pn_cli_parse() hands the
 * command's syntax to the visitor and says that the command is done.
 */
#ifndef PN_CLI_DESCRIBE_H
#define PN_CLI_DESCRIBE_H

#include "cli/cli.h"

/* Borrowed for the time of the call. */
struct pn_description {
    const char *words;                 /* "pinion dag trigger" */
    const char *summary;               /* one line; NULL for the program itself */
    const struct pn_command *commands; /* of a command of commands, else NULL */
    const struct pn_syntax *syntax;    /* of a command that does something, else NULL */
    const struct pn_opt *shared;       /* the common options that it reads */
};

typedef void (*pn_describe_fn)(void *arg, const struct pn_description *description);

/* Visits the program first, then each command in the order of its table, a command of commands
 * before those it has. */
void pn_cli_describe(const struct pn_command *commands, pn_describe_fn visit, void *arg);

/* Calls fn with each option that a description has, the command's own first. */
void pn_describe_options(const struct pn_description *description,
                         void (*fn)(void *arg, const char *words, const struct pn_opt *opt),
                         void *arg);

#endif
