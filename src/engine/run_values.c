#include "engine/run_values.h"

#include <string.h>

#include "base/json.h"

static bool has_name(const struct pn_json *names, const char *name)
{
    const struct pn_json *one = names->first;
    while (one != NULL && !pn_json_text_is(one, name)) {
        one = one->next;
    }
    return one != NULL;
}

static bool refreshes(const struct pn_json *conf, const char *table)
{
    const struct pn_json *tables = pn_json_get(conf, "full_refresh");
    bool is_array = tables != NULL && tables->type == PN_JSON_ARRAY;
    return is_array ? has_name(tables, table) : pn_json_get_bool(conf, "full_refresh", false);
}

static bool drops_imported(const struct pn_json *conf, const char *table)
{
    const struct pn_json *tables = pn_json_get(conf, "full_refresh");
    bool is_array = tables != NULL && tables->type == PN_JSON_ARRAY;
    return pn_json_get_bool(conf, "drop_imported", false) && (!is_array || has_name(tables, table));
}

/* False: there is no conf. */
static bool conf_asks(const struct pn_run_values *run, const char *table,
                      bool (*asks)(const struct pn_json *conf, const char *table))
{
    struct pn_json *conf = NULL;
    if (run->conf == NULL) {
        return false;
    }
    struct pn_json_parser *parser = pn_json_parser_create();
    size_t len = strlen(run->conf);
    bool does = pn_json_parse(parser, run->conf, len, len, &conf, NULL) == 0 && asks(conf, table);
    pn_json_parser_destroy(&parser);
    return does;
}

bool pn_run_refreshes(const struct pn_run_values *run, const char *table)
{
    return conf_asks(run, table, refreshes);
}

bool pn_run_drops_imported(const struct pn_run_values *run, const char *table)
{
    return conf_asks(run, table, drops_imported);
}
