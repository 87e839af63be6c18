#include "dag/conf.h"

#include <string.h>

#include "base/json.h"
#include "dag/db.h"

enum { SHOWN_BYTES = 100 };

static bool makes_tables(const struct pn_dag *dag)
{
    for (size_t i = 0; i < dag->task_count; i++) {
        if (dag->tasks[i].kind == PN_TASK_LOAD || dag->tasks[i].kind == PN_TASK_TRANSFORM) {
            return true;
        }
    }
    return false;
}

static bool makes_table(const struct pn_dag *dag, const struct pn_json *name)
{
    for (size_t i = 0; i < dag->task_count; i++) {
        for (size_t k = 0; k < dag->tasks[i].table_count; k++) {
            if (pn_json_text_is(name, dag->tasks[i].tables[k]->name)) {
                return true;
            }
        }
    }
    return false;
}

static int check_tables(const struct pn_dag *dag, const struct pn_json *names, struct pn_err *e)
{
    for (const struct pn_json *name = names->first; name != NULL; name = name->next) {
        if (!makes_table(dag, name)) {
            return pn_err_input(
                e,
                "\"full_refresh\" of the conf has %.*s, which is not a table that DAG '%s' makes: "
                "`pinion pipeline show` lists its tasks with their tables",
                (int)(name->raw_len < SHOWN_BYTES ? name->raw_len : SHOWN_BYTES), name->raw,
                dag->name);
        }
    }
    return 0;
}

static int check_member(const struct pn_dag *dag, const struct pn_json *conf, const char *name,
                        bool may_be_tables, struct pn_err *e)
{
    const struct pn_json *value = pn_json_get(conf, name);
    if (value == NULL || value->type == PN_JSON_NULL || value->type == PN_JSON_BOOL) {
        return 0;
    }
    if (may_be_tables && value->type == PN_JSON_ARRAY) {
        return check_tables(dag, value, e);
    }
    return pn_err_input(e, "\"%s\" of the conf must be true or false%s, not %s", name,
                        may_be_tables ? ", or an array of tables" : "",
                        pn_json_type_name(value->type));
}

int pn_dag_conf_check(const struct pn_dag *dag, const char *conf, struct pn_err *e)
{
    size_t len = strlen(conf);
    if (len > PN_CONF_BYTES_MAX) {
        return pn_err_input(e, "the conf has %zu bytes; at most %d are taken", len,
                            PN_CONF_BYTES_MAX);
    }
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    int rc = pn_json_parse(parser, conf, len, len, &root, e);
    if (rc != 0) {
        pn_err_prefix(e, "the conf");
    } else if (root->type != PN_JSON_OBJECT) {
        rc = pn_err_input(e, "the conf must be a JSON object ({...}), not %s",
                          pn_json_type_name(root->type));
    } else if (makes_tables(dag)) { /* else the members are of its commands, whatever they mean */
        rc = check_member(dag, root, "full_refresh", true, e);
        rc = rc == 0 ? check_member(dag, root, "drop_imported", false, e) : rc;
    }
    pn_json_parser_destroy(&parser);
    return rc;
}
