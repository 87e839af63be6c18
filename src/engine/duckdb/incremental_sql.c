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

struct walk {
    duckdb_connection connection;
    const struct pn_table *table;
    const struct defined *defined;
    int64_t at;      /* byte of the SQL that was passed last */
    int macro_depth; /* within a macro, places are those of its call */
    struct pn_err *e;
};

static int walk_select(struct walk *walk, const struct pn_json *node, bool *grows);
static int walk_expression(struct walk *walk, const struct pn_json *node, bool grows);

static int refuse(const struct walk *walk, const char *what)
{
    const struct pn_table *table = walk->table;
    int line = 1;
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

/* What DuckDB says of a function: its kinds, and the text of a macro (caller frees), or NULL. */
static int ask_function(struct walk *walk, const char *name, bool *is_aggregate, char **macro)
{
    struct pn_buf sql;
    duckdb_result result;
    *is_aggregate = false;
    *macro = NULL;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT function_type, macro_definition FROM duckdb_functions() WHERE "
                      "lower(function_name) = lower(");
    pn_duckdb_add_text(&sql, name);
    pn_buf_adds(&sql, ") AND (function_type = 'aggregate' OR macro_definition IS NOT NULL) ORDER "
                      "BY internal, function_type DESC LIMIT 1");
    int rc = pn_duckdb_run_buf(walk->connection, &sql, &result, walk->e);
    pn_buf_deinit(&sql);
    if (rc != 0) {
        return rc;
    }
    duckdb_data_chunk chunk = duckdb_fetch_chunk(result);
    const char *text = NULL;
    size_t len = 0;
    if (chunk != NULL && duckdb_data_chunk_get_size(chunk) > 0) {
        bool known = pn_duckdb_text(duckdb_data_chunk_get_vector(chunk, 0), 0, &text, &len);
        *is_aggregate = known && len == strlen("aggregate") && memcmp(text, "aggregate", len) == 0;
        bool is_table = known && len == strlen("table_macro") && text[0] == 't';
        if (!*is_aggregate &&
            pn_duckdb_text(duckdb_data_chunk_get_vector(chunk, 1), 0, &text, &len)) {
            *macro = pn_xasprintf("%s%.*s", is_table ? "" : "SELECT ", (int)len, text);
        }
    }
    duckdb_destroy_data_chunk(&chunk);
    duckdb_destroy_result(&result);
    return 0;
}

/* Walks what a macro is made of, as if it stood in the place of its call. */
static int walk_macro(struct walk *walk, const char *text, bool grows, bool *inner_grows)
{
    char *tree = NULL;
    struct pn_json *root = NULL;
    if (walk->macro_depth == MACRO_DEPTH_MAX) {
        return refuse(walk, "its macros call each other too deeply");
    }
    int rc = pn_duckdb_read_tree(walk->connection, text, &tree, walk->e);
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
        rc = walk_select(walk, node, inner_grows);
        if (rc == 0 && grows) {
            rc = walk_expression(walk, pn_json_get(node, "select_list"), true);
        }
    }
    walk->defined = defined;
    walk->macro_depth--;
    pn_json_parser_destroy(&parser);
    free(tree);
    return rc;
}

/* A call in an expression, over rows of a growing table or not. */
static int walk_function(struct walk *walk, const struct pn_json *node, bool grows)
{
    char *name = pn_json_dup(pn_json_get(node, "function_name"));
    char *macro = NULL;
    bool is_aggregate = false;
    bool inner_grows = false;
    int rc = name != NULL ? ask_function(walk, name, &is_aggregate, &macro) : 0;
    if (rc == 0 && is_aggregate && grows) {
        char *what = pn_xasprintf("%s() is an aggregate, which needs the rows of all runs", name);
        rc = refuse(walk, what);
        free(what);
    }
    if (rc == 0 && macro != NULL) {
        rc = walk_macro(walk, macro, grows, &inner_grows);
    }
    free(name);
    free(macro);
    return rc;
}

/* --- expressions ------------------------------------------------------------------------------ */

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
    const struct pn_json *function = pn_json_get(node, "function");
    char *name = pn_json_dup(pn_json_get(function, "function_name"));
    char *macro = NULL;
    bool is_aggregate = false;
    int rc = name != NULL ? ask_function(walk, name, &is_aggregate, &macro) : 0;
    if (rc == 0 && macro != NULL) {
        rc = walk_macro(walk, macro, false, grows);
    }
    free(name);
    free(macro);
    return rc == 0 ? walk_expression(walk, pn_json_get(function, "children"), false) : rc;
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
    rc = pn_json_parse(parser, tree, strlen(tree), strlen(tree), &root, e);
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
    pn_json_parser_destroy(&parser);
    free(tree);
    return rc;
}
