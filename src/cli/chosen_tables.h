/* Some of the tables that a command makes. */
#ifndef PN_CLI_CHOSEN_TABLES_H
#define PN_CLI_CHOSEN_TABLES_H

#include "base/arena.h"
#include "cli/cli.h"
#include "pipeline/pipeline.h"

/* Tables in the order of their making. */
struct pn_cli_tables {
    const struct pn_table *const *items;
    size_t count;
};

/* *chosen are the named tables alone, in the order of `all`; all, where no name is given. They are
 * the arena's. MISSING: one is not among them; the message names those that `maker` makes. */
int pn_cli_choose_tables(const char *maker, const struct pn_cli_tables *all,
                         const struct pn_opt_list *names, struct pn_arena *arena,
                         struct pn_cli_tables *chosen, struct pn_err *e) PN_MUST_CHECK;

#endif
