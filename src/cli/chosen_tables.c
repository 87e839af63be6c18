#include "cli/chosen_tables.h"

#include <string.h>

static bool is_named(const struct pn_opt_list *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static int check_name(const char *maker, const struct pn_cli_tables *all, const char *name,
                      struct pn_err *e)
{
    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->items[i]->name, name) == 0) {
            return 0;
        }
    }
    int rc = pn_err_missing(e, "%s does not make a table '%s'", maker, name);
    for (size_t i = 0; i < all->count; i++) {
        pn_err_add(e, "%s%s", i == 0 ? ": it makes " : ", ", all->items[i]->name);
    }
    return rc;
}

int pn_cli_choose_tables(const char *maker, const struct pn_cli_tables *all,
                         const struct pn_opt_list *names, struct pn_arena *arena,
                         struct pn_cli_tables *chosen, struct pn_err *e)
{
    const struct pn_table **tables =
        pn_arena_calloc(arena, all->count + 1, sizeof(struct pn_table *));
    int rc = 0;
    *chosen = (struct pn_cli_tables){.items = tables};
    for (size_t i = 0; rc == 0 && i < names->count; i++) {
        rc = check_name(maker, all, names->items[i], e);
    }
    for (size_t i = 0; rc == 0 && i < all->count; i++) {
        if (names->count == 0 || is_named(names, all->items[i]->name)) {
            tables[chosen->count++] = all->items[i];
        }
    }
    return rc;
}
