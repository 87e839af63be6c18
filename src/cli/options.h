/* The reading of option tables, and the help that is made from them. For cli.c; commands use cli.h.
 */
#ifndef PN_CLI_OPTIONS_H
#define PN_CLI_OPTIONS_H

#include "cli/cli.h"

enum { PN_SHARED_OPTS_MAX = 16 };

/* Fills `opts` with the options every command has and those `uses` adds, their targets in `cli`. */
void pn_options_shared(struct pn_cli *cli, unsigned uses, struct pn_opt *opts);

/*
 * Reads the options of both tables (either may be NULL) from argv[1] on; operands are moved after
 * them, or, with `stop_at_operand`, end the reading. *first is the index of the first operand then.
 * On an error, the message for the user is in *e.
 */
int pn_options_read(const struct pn_opt *own, const struct pn_opt *shared, bool stop_at_operand,
                    int argc, char **argv, int *first, struct pn_err *e) PN_MUST_CHECK;

/* What help calls an option's value: "DIR", "table|json|csv", "" for a flag. */
const char *pn_options_value(const struct pn_opt *opt);

/* Help on a command, and on a table of commands. */
void pn_options_help(const struct pn_cli *cli, const struct pn_syntax *syntax,
                     const struct pn_opt *shared, FILE *out);
void pn_options_help_commands(const struct pn_cli *cli, const struct pn_command *commands,
                              const struct pn_opt *shared, FILE *out);

#endif
