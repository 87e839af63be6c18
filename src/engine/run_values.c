#include "engine/run_values.h"

#include <string.h>

#include "base/json.h"

bool pn_run_refreshes(const struct pn_run_values *run, const char *table)
{
    struct pn_json_parser *parser = NULL;
    struct pn_json *root = NULL;
    bool asks = false;
    if (run->conf == NULL) {
        return false;
    }
    size_t len = strlen(run->conf);
    parser = pn_json_parser_create();
    if (pn_json_parse(parser, run->conf, len, len, &root, NULL) == 0) {
        const struct pn_json *value = pn_json_get(root, "full_refresh");
        asks = pn_json_get_bool(root, "full_refresh", false);
        const struct pn_json *name =
            value != NULL && value->type == PN_JSON_ARRAY ? value->first : NULL;
        for (; name != NULL && !asks; name = name->next) {
            asks = pn_json_text_is(name, table);
        }
    }
    pn_json_parser_destroy(&parser);
    return asks;
}
