#include "cli/task_tables.h"

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

static int check_name(const struct pn_task *task, const char *name, struct pn_err *e)
{
    for (size_t i = 0; i < task->table_count; i++) {
        if (strcmp(task->tables[i]->name, name) == 0) {
            return 0;
        }
    }
    int rc = pn_err_missing(e, "task '%s' does not make a table '%s'", task->name, name);
    for (size_t i = 0; i < task->table_count; i++) {
        pn_err_add(e, "%s%s", i == 0 ? ": it makes " : ", ", task->tables[i]->name);
    }
    return rc;
}

int pn_cli_task_tables(const struct pn_task *task, const struct pn_opt_list *names,
                       struct pn_arena *arena, struct pn_task *chosen, struct pn_err *e)
{
    const struct pn_table **tables =
        pn_arena_calloc(arena, task->table_count + 1, sizeof(struct pn_table *));
    int rc = 0;
    *chosen = *task;
    for (size_t i = 0; rc == 0 && i < names->count; i++) {
        rc = check_name(task, names->items[i], e);
    }
    if (rc != 0 || names->count == 0) {
        return rc;
    }
    chosen->tables = tables;
    chosen->table_count = 0;
    for (size_t i = 0; i < task->table_count; i++) {
        if (is_named(names, task->tables[i]->name)) {
            tables[chosen->table_count++] = task->tables[i];
        }
    }
    return 0;
}
