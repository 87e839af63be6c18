#include "cli/describe.h"

#include <string.h>

void pn_cli_describe(const struct pn_command *commands, pn_describe_fn visit, void *arg)
{
    struct pn_cli cli;
    pn_cli_init(&cli, commands);
    cli.describe.visit = visit;
    cli.describe.arg = arg;
    char program[] = "pinion";
    char *argv[] = {program, NULL};
    int status = pn_cli_dispatch(&cli, commands, 1, argv);
    PN_ASSERT(status == PN_EXIT_OK);
    pn_cli_deinit(&cli);
}

void pn_describe_options(const struct pn_description *description,
                         void (*fn)(void *arg, const char *words, const struct pn_opt *opt),
                         void *arg)
{
    const struct pn_opt *own = description->syntax != NULL ? description->syntax->opts : NULL;
    for (; own != NULL && own->name != NULL; own++) {
        fn(arg, description->words, own);
    }
    for (const struct pn_opt *opt = description->shared; opt->name != NULL; opt++) {
        fn(arg, description->words, opt);
    }
}
