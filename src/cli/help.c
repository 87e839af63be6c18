/* pinion help: the same as --help. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"

enum { WORDS_MAX = 8 };

int pn_cmd_help(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {.operands = "[COMMAND...]",
                                     .operands_max = WORDS_MAX - 2,
                                     .examples = "pinion help\npinion help dag trigger\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    /* The help of `a b` is what `pinion a b --help` prints. */
    char program[] = "pinion";
    char help[] = "--help";
    char *words[WORDS_MAX + 1] = {program};
    for (int i = 0; i < argc; i++) {
        words[i + 1] = argv[i];
    }
    words[argc + 1] = help;
    (void)snprintf(cli->words, sizeof cli->words, "pinion");
    cli->command = NULL;
    return pn_cli_dispatch(cli, cli->commands, argc + 2, words);
}
