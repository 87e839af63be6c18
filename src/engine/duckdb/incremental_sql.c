#include "engine/duckdb/incremental_sql.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/duckdb/allow.h"

enum { MACRO_DEPTH_MAX = 16 };

/* What a WITH has defined, as far as the walk is within its scope. */
struct defined {
    const struct pn_json *name; /* its member */
    bool grows;
    const struct defined *outer;
};

/* An aggregate, a macro, or a function whose value is not that of its arguments alone. */
struct function {
    char *name;
    bool is_aggregate;
    bool is_unstable;  /* it may give another value in another run */
    char *macro;       /* as a SELECT; NULL: none */
    bool is_walked[2]; /* outside and within rows of a growing table */
    bool grows;        /* a macro of a table, once it was walked */
};

struct walk {
    duckdb_connection connection;
    struct function *functions; /* sorted by name */
    size_t function_count;
    const struct pn_table *table;
    const struct defined *defined;
    int64_t at;        /* byte of the SQL that was passed last */
    int macro_depth;   /* within a macro, places are those of its call */
    bool is_condition; /* it is delete_when that is walked, not the SQL */
    struct pn_err *e;
};

static int walk_select(struct walk *walk, const struct pn_json *node, bool *grows);
static int walk_expression(struct walk *walk, const struct pn_json *node, bool grows);

static int refuse(const struct walk *walk, const char *what)
{
    const struct pn_table *table = walk->table;
    int line = 1;
    if (walk->is_condition) {
        return pn_err_input(walk->e, "%s: write it without that", what);
    }
    for (int64_t i = 0; i < walk->at && table->sql[i] != '\0'; i++) {
        line += table->sql[i] == '\n';
    }
    return pn_err_input(walk->e,
                        "%s:%d: table '%s' has `mode: %s`, which runs the SQL over new rows alone, "
                        "but %s: write it without that, or use `mode: overwrite`",
                        table->sql_file, line, table->name, pn_table_mode_names[table->mode], what);
}

static void note_place(struct walk *walk, const struct pn_json *node)
{
    int64_t at = pn_json_get_i64(node, "query_location", -1);
    if (at >= 0 && walk->macro_depth == 0) {
        walk->at = at;
    }
}

static bool has_items(const struct pn_json *node, const char *key)
{
    const struct pn_json *list = pn_json_get(node, key);
    return list != NULL && list->type == PN_JSON_ARRAY && list->count > 0;
}

static bool has(const struct pn_json *node, const char *key)
{
    const struct pn_json *member = pn_json_get(node, key);
    return member != NULL && member->type != PN_JSON_NULL;
}

static bool is(const struct pn_json *node, const char *key, const char *text)
{
    return pn_json_text_is(pn_json_get(node, key), text);
}

static bool same_name(const struct pn_json *node, const char *name)
{
    return node != NULL && strlen(name) == node->text_len &&
           strncasecmp(name, node->text, node->text_len) == 0;
}

/* --- functions -------------------------------------------------------------------------------- */

/* Those that the connection knows, by name. error() is VOLATILE, but gives no value. */
static int read_functions(struct walk *walk)
{
    duckdb_result result;
    int rc = pn_duckdb_run(walk->connection,
                           "SELECT lower(function_name), function_type, macro_definition FROM "
                           "duckdb_functions() WHERE function_type = 'aggregate' OR "
                           "macro_definition IS NOT NULL OR (stability <> 'CONSISTENT' AND "
                           "function_name <> 'error') OR function_name IN "
                           "('current_localtime', 'current_localtimestamp', 'getvariable') "
                           "ORDER BY 1, internal, function_type DESC",
                           &result, walk->e);
    if (rc != 0) {
        return rc;
    }
    walk->functions = pn_xcalloc(duckdb_row_count(&result) + 1, sizeof *walk->functions);
    for (idx_t row = 0; row < duckdb_row_count(&result); row++) {
        struct function *function = &walk->functions[walk->function_count];
        char *name = duckdb_value_varchar(&result, 0, row);
        char *kind = duckdb_value_varchar(&result, 1, row);
        char *macro = duckdb_value_varchar(&result, 2, row);
        bool is_other = walk->function_count > 0 && strcmp(function[-1].name, name) == 0;
        if (!is_other) { /* of one name the first counts: the pipeline's own */
            *function = (struct function){.name = pn_xstrdup(name),
                                          .is_aggregate = strcmp(kind, "aggregate") == 0,
                                          .is_unstable = strcmp(kind, "scalar") == 0};
            if (!function->is_aggregate && !function->is_unstable && macro != NULL) {
                bool is_table = strcmp(kind, "table_macro") == 0;
                function->macro = pn_xasprintf("%s%s", is_table ? "" : "SELECT ", macro);
            }
            walk->function_count++;
        }
        duckdb_free(name);
        duckdb_free(kind);
        duckdb_free(macro);
    }
    duckdb_destroy_result(&result);
    return 0;
}

static void free_functions(struct walk *walk)
{
    for (size_t i = 0; i < walk->function_count; i++) {
        free(walk->functions[i].name);
        free(walk->functions[i].macro);
    }
    free(walk->functions);
}

static int compare_function(const void *name, const void *function)
{
    return strcasecmp(name, ((const struct function *)function)->name);
}

/* NULL: it is none of these. */
static struct function *find_function(const struct walk *walk, const struct pn_json *node)
{
    char *name = pn_json_dup(pn_json_get(node, "function_name"));
    struct function *found = name != NULL ? bsearch(name, walk->functions, walk->function_count,
                                                    sizeof *walk->functions, compare_function)
                                          : NULL;
    free(name);
    return found;
}

/* Walks what a macro is made of, as if it stood in the place of its call; once is enough. */
static int walk_macro(struct walk *walk, struct function *function, bool grows)
{
    char *tree = NULL;
    struct pn_json *root = NULL;
    if (function->is_walked[grows]) {
        return 0;
    }
    if (walk->macro_depth == MACRO_DEPTH_MAX) {
        return refuse(walk, "its macros call each other too deeply");
    }
    int rc = pn_duckdb_read_tree(walk->connection, function->macro, &tree, walk->e);
    if (rc != 0 || tree == NULL) {
        free(tree);
        return rc;
    }
    struct pn_json_parser *parser = pn_json_parser_create();
    const struct defined *defined = walk->defined;
    walk->macro_depth++;
    walk->defined = NULL;
    rc = pn_json_parse(parser, tree, strlen(tree), strlen(tree), &root, walk->e);
    if (rc == 0) {
        const struct pn_json *node = pn_json_get(pn_json_get(root, "statements")->first, "node");
        rc = walk_select(walk, node, &function->grows);
        if (rc == 0 && grows) {
            rc = walk_expression(walk, pn_json_get(node, "select_list"), true);
        }
    }
    function->is_walked[grows] = rc == 0;
    walk->defined = defined;
    walk->macro_depth--;
    pn_json_parser_destroy(&parser);
    free(tree);
    return rc;
}

/* A call in an expression, over rows of a growing table or not. */
static int walk_function(struct walk *walk, const struct pn_json *node, bool grows)
{
    struct function *function = find_function(walk, node);
    if (function == NULL) {
        return 0;
    }
    if (function->is_unstable) {
        char *what = pn_xasprintf("%s() has another value in each run", function->name);
        (void)refuse(walk, what);
        free(what);
        return PN_FAIL;
    }
    if (function->is_aggregate && grows) {
        char *what =
            pn_xasprintf("%s() is an aggregate, which needs the rows of all runs", function->name);
        (void)refuse(walk, what);
        free(what);
        return PN_FAIL;
    }
    return function->macro != NULL ? walk_macro(walk, function, grows) : 0;
}

/* --- expressions ------------------------------------------------------------------------------ */

/* The clock is read without parentheses, too. The tree has such a word as the name of a column; one
 * that is a column needs its table before it. */
static int check_clock(const struct walk *walk, const struct pn_json *node)
{
    static const char *const words[] = {"current_date", "current_time", "current_timestamp",
                                        "localtime", "localtimestamp"};
    const struct pn_json *names = pn_json_get(node, "column_names");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (names != NULL && names->count == 1 && same_name(names->first, words[i])) {
            char *what = pn_xasprintf("%s has another value in each run", words[i]);
            (void)refuse(walk, what);
            free(what);
            return PN_FAIL;
        }
    }
    return 0;
}

static int walk_subquery(struct walk *walk, const struct pn_json *node)
{
    bool inner_grows = false;
    int64_t at = walk->at;
    int rc = walk_select(walk, pn_json_get(pn_json_get(node, "subquery"), "node"), &inner_grows);
    if (rc == 0 && inner_grows) {
        rc = refuse(walk, "the subquery reads a table that grows, whose rows of earlier runs it "
                          "would miss");
    }
    walk->at = at;
    return rc;
}

/* Any part of an expression, and what is below it. */
static int walk_expression(struct walk *walk, const struct pn_json *node, bool grows)
{
    int rc = 0;
    if (node == NULL || (node->type != PN_JSON_OBJECT && node->type != PN_JSON_ARRAY)) {
        return 0;
    }
    if (node->type == PN_JSON_OBJECT) {
        note_place(walk, node);
        if (is(node, "class", "SUBQUERY")) {
            rc = walk_subquery(walk, node);
            return rc == 0 ? walk_expression(walk, pn_json_get(node, "child"), grows) : rc;
        }
        if (grows && is(node, "class", "WINDOW")) {
            return refuse(walk, "a window function needs the rows of all runs");
        }
        if (is(node, "class", "FUNCTION")) {
            rc = walk_function(walk, node, grows);
        } else if (is(node, "class", "COLUMN_REF")) {
            rc = check_clock(walk, node);
        }
    }
    for (const struct pn_json *child = node->first; rc == 0 && child != NULL; child = child->next) {
        rc = walk_expression(walk, child, grows);
    }
    return rc;
}

/* --- tables ----------------------------------------------------------------------------------- */

static int walk_from(struct walk *walk, const struct pn_json *node, bool *grows);

static bool table_grows(const struct walk *walk, const struct pn_json *name)
{
    for (const struct defined *it = walk->defined; it != NULL; it = it->outer) {
        if (it->name->text_len == name->text_len &&
            strncasecmp(it->name->text, name->text, name->text_len) == 0) {
            return it->grows;
        }
    }
    for (size_t i = 0; i < walk->table->read_count; i++) {
        const struct pn_table *source = walk->table->reads[i];
        if (source->mode == PN_MODE_APPEND && same_name(name, source->name)) {
            return true;
        }
    }
    return false;
}

/* Of a join one side may grow, and it must be one whose rows stay what they are when more rows come
 * to the other side, or none does. */
static int check_join(struct walk *walk, const struct pn_json *node, bool left, bool right)
{
    static const char *const keeps_left[] = {"LEFT", "SEMI", "ANTI", "MARK", "SINGLE"};
    bool inner = is(node, "join_type", "INNER");
    bool is_left = false;
    for (size_t i = 0; i < sizeof keeps_left / sizeof *keeps_left; i++) {
        is_left = is_left || is(node, "join_type", keeps_left[i]);
    }
    if (left && right) {
        return refuse(walk, "it joins two tables that grow: new rows of one belong to old rows of "
                            "the other");
    }
    if (is(node, "ref_type", "POSITIONAL")) {
        return refuse(walk, "a positional join counts the rows of all runs");
    }
    if (right && is(node, "ref_type", "ASOF")) {
        return refuse(walk, "the right side of its ASOF join grows, so old rows may get another "
                            "match");
    }
    if (inner || (left && is_left) || (right && is(node, "join_type", "RIGHT"))) {
        return 0;
    }
    return refuse(walk, "a table that grows is on the side of its outer, semi or anti join whose "
                        "new rows change what old rows became");
}

static int walk_join(struct walk *walk, const struct pn_json *node, bool *grows)
{
    bool left = false;
    bool right = false;
    int64_t at = walk->at;
    int rc = walk_from(walk, pn_json_get(node, "left"), &left);
    if (rc == 0) {
        rc = walk_from(walk, pn_json_get(node, "right"), &right);
    }
    if (rc == 0 && (left || right)) {
        walk->at = pn_json_get_i64(node, "query_location", -1) >= 0 ? at : walk->at;
        rc = check_join(walk, node, left, right);
    }
    *grows = left || right;
    return rc == 0 ? walk_expression(walk, pn_json_get(node, "condition"), *grows) : rc;
}

static int walk_table_function(struct walk *walk, const struct pn_json *node, bool *grows)
{
    const struct pn_json *call = pn_json_get(node, "function");
    struct function *function = find_function(walk, call);
    int rc = 0;
    if (is(call, "function_name", "query") || is(call, "function_name", "query_table")) {
        return refuse(walk, "query() and query_table() do not say here which tables they read");
    }
    if (function != NULL && function->macro != NULL) {
        rc = walk_macro(walk, function, false);
        *grows = function->grows;
    }
    return rc == 0 ? walk_expression(walk, pn_json_get(call, "children"), false) : rc;
}

/* Does a table that grows stand anywhere below? For what is not looked at more closely. */
static bool names_growing(const struct walk *walk, const struct pn_json *node)
{
    if (node == NULL || (node->type != PN_JSON_OBJECT && node->type != PN_JSON_ARRAY)) {
        return false;
    }
    if (is(node, "type", "BASE_TABLE")) {
        return table_grows(walk, pn_json_get(node, "table_name"));
    }
    bool found = false;
    for (const struct pn_json *child = node->first; !found && child != NULL; child = child->next) {
        found = names_growing(walk, child);
    }
    return found;
}

static int walk_from(struct walk *walk, const struct pn_json *node, bool *grows)
{
    int rc = 0;
    note_place(walk, node);
    if (is(node, "type", "BASE_TABLE")) {
        *grows = table_grows(walk, pn_json_get(node, "table_name"));
    } else if (is(node, "type", "JOIN")) {
        rc = walk_join(walk, node, grows);
    } else if (is(node, "type", "SUBQUERY")) {
        rc = walk_select(walk, pn_json_get(pn_json_get(node, "subquery"), "node"), grows);
    } else if (is(node, "type", "TABLE_FUNCTION")) {
        rc = walk_table_function(walk, node, grows);
    } else if (names_growing(walk, node)) {
        rc = refuse(walk, "a table that grows is read in a way that needs the rows of all runs");
    }
    if (rc == 0 && *grows && has(node, "sample")) {
        rc = refuse(walk, "a sample is of the rows of all runs");
    }
    return rc;
}

/* --- queries ---------------------------------------------------------------------------------- */

static int check_plain(struct walk *walk, const struct pn_json *node)
{
    if (has_items(node, "group_expressions") || has_items(node, "group_sets") ||
        !is(node, "aggregate_handling", "STANDARD_HANDLING")) {
        return refuse(walk, "GROUP BY needs the rows of all runs");
    }
    if (has(node, "having")) {
        return refuse(walk, "HAVING needs the rows of all runs");
    }
    if (has(node, "qualify")) {
        return refuse(walk, "QUALIFY needs the rows of all runs");
    }
    return has(node, "sample") ? refuse(walk, "a sample is of the rows of all runs") : 0;
}

static int walk_plain(struct walk *walk, const struct pn_json *node, bool *grows)
{
    static const char *const parts[] = {"select_list", "where_clause", "group_expressions",
                                        "having", "qualify"};
    int rc = walk_from(walk, pn_json_get(node, "from_table"), grows);
    int64_t at = walk->at;
    for (size_t i = 0; rc == 0 && i < sizeof parts / sizeof *parts; i++) {
        rc = walk_expression(walk, pn_json_get(node, parts[i]), *grows);
    }
    if (rc == 0 && *grows) {
        walk->at =
            has_items(node, "group_expressions") || has(node, "having") || has(node, "qualify")
                ? walk->at
                : at;
        rc = check_plain(walk, node);
    }
    return rc;
}

static int walk_set(struct walk *walk, const struct pn_json *node, bool *grows)
{
    bool left = false;
    bool right = false;
    int rc = walk_select(walk, pn_json_get(node, "left"), &left);
    if (rc == 0) {
        rc = walk_select(walk, pn_json_get(node, "right"), &right);
    }
    *grows = left || right;
    if (rc != 0 || !*grows) {
        return rc;
    }
    if (!is(node, "setop_type", "UNION") || !pn_json_get_bool(node, "setop_all", false)) {
        return refuse(walk, "UNION, EXCEPT and INTERSECT compare the rows of all runs (UNION ALL "
                            "does not)");
    }
    return left && right
               ? 0
               : refuse(walk, "a part of its UNION ALL reads no table that grows, so each "
                              "run would add the rows of that part again");
}

static int check_modifiers(struct walk *walk, const struct pn_json *node, bool grows)
{
    const struct pn_json *list = pn_json_get(node, "modifiers");
    int rc = 0;
    for (const struct pn_json *it = list != NULL ? list->first : NULL; rc == 0 && it != NULL;
         it = it->next) {
        rc = walk_expression(walk, it, grows);
        if (rc == 0 && grows && is(it, "type", "DISTINCT_MODIFIER")) {
            rc = refuse(walk, "DISTINCT compares the rows of all runs");
        } else if (rc == 0 && grows && !is(it, "type", "ORDER_MODIFIER")) {
            rc = refuse(walk, "LIMIT counts the rows of all runs");
        }
    }
    return rc;
}

/* The statement itself, after those that its WITH defines from `member` on. */
static int walk_defined(struct walk *walk, const struct pn_json *node, const struct pn_json *member,
                        bool *grows)
{
    if (member != NULL) {
        struct defined defined = {.name = pn_json_get(member, "key"), .outer = walk->defined};
        const struct pn_json *query = pn_json_get(pn_json_get(member, "value"), "query");
        int rc = walk_select(walk, pn_json_get(query, "node"), &defined.grows);
        const struct defined *outer = walk->defined;
        walk->defined = &defined;
        rc = rc == 0 ? walk_defined(walk, node, member->next, grows) : rc;
        walk->defined = outer;
        return rc;
    }
    if (is(node, "type", "SELECT_NODE")) {
        return walk_plain(walk, node, grows);
    }
    if (is(node, "type", "SET_OPERATION_NODE")) {
        return walk_set(walk, node, grows);
    }
    return names_growing(walk, node) ? refuse(walk, "WITH RECURSIVE needs the rows of all runs")
                                     : 0;
}

static int walk_select(struct walk *walk, const struct pn_json *node, bool *grows)
{
    const struct pn_json *map = pn_json_get(pn_json_get(node, "cte_map"), "map");
    int rc = walk_defined(walk, node, map != NULL ? map->first : NULL, grows);
    return rc == 0 ? check_modifiers(walk, node, *grows) : rc;
}

int pn_duckdb_check_delete_when(duckdb_connection connection, const struct pn_table *table,
                                struct pn_err *e)
{
    struct walk walk = {.connection = connection, .table = table, .is_condition = true, .e = e};
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    char *tree = NULL;
    char *sql = pn_xasprintf("SELECT (%s\n)", table->delete_when);
    int rc = pn_duckdb_read_tree(connection, sql, &tree, e);
    if (rc == 0 && tree != NULL) {
        rc = read_functions(&walk);
        if (rc == 0) {
            rc = pn_json_parse(parser, tree, strlen(tree), strlen(tree), &root, e);
        }
        if (rc == 0) {
            const struct pn_json *statements = pn_json_get(root, "statements");
            const struct pn_json *node = pn_json_get(statements->first, "node");
            rc = walk_expression(&walk, pn_json_get(node, "select_list"), true);
        }
    }
    free_functions(&walk);
    pn_json_parser_destroy(&parser);
    free(tree);
    free(sql);
    return rc;
}

int pn_duckdb_check_incremental(duckdb_connection connection, const struct pn_table *table,
                                struct pn_err *e)
{
    struct walk walk = {.connection = connection, .table = table, .e = e};
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    char *tree = NULL;
    bool grows = false;
    int rc = pn_duckdb_read_tree(connection, table->sql, &tree, e);
    if (rc != 0 || tree == NULL) {
        goto out;
    }
    rc = read_functions(&walk);
    if (rc == 0) {
        rc = pn_json_parse(parser, tree, strlen(tree), strlen(tree), &root, e);
    }
    if (rc == 0) {
        const struct pn_json *statements = pn_json_get(root, "statements");
        rc = walk_select(&walk, pn_json_get(statements->first, "node"), &grows);
    }
    if (rc == 0 && !grows) {
        rc = pn_err_input(e,
                          "%s: table '%s' has `mode: %s`, but its SQL does not read a table whose "
                          "mode is append",
                          table->sql_file, table->name, pn_table_mode_names[table->mode]);
    }
out:
    free_functions(&walk);
    pn_json_parser_destroy(&parser);
    free(tree);
    return rc;
}
