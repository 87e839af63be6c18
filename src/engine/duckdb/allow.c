#include "engine/duckdb/allow.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/duckdb/dead_letters.h"
#include "engine/duckdb/stream_dead_letters.h"

/* Table functions that make rows of their arguments alone. */
static const char *const TABLE_FUNCTIONS[] = {
    "generate_series", "icu_calendar_names", "json_each",
    "json_tree",       "pg_timezone_names",  "range",
    "repeat",          "repeat_row",         "test_all_types",
    "unnest",
};

/* Functions of values that do more than to compute: they tell of settings, files or other
 * statements, write logs, or wait. test_allow.c looks through all that DuckDB has. */
static const char *const REFUSED_FUNCTIONS[] = {
    "currval",
    "current_setting",
    "get_block_size",
    "getenv",
    "json_execute_serialized_sql",
    "json_serialize_plan",
    "nextval",
    "pg_get_viewdef",
    "pg_sleep",
    "sleep_ms",
    "write_log",
};

/* --- DuckDB's tree, as the JSON text it is given in --------------------------------------------
 *
 * The text is read as a row of members whose value is a string. Nothing that a user writes gets
 * to be a key, and DuckDB always writes an object's members in the same order. */

/* A JSON string's text, with its escapes. */
struct text {
    const char *at;
    size_t len;
};

struct walk {
    const char *at; /* the rest of the tree */
    struct text key;
    struct text value;
};

/* At the quote that begins a string; leaves *at after the one that ends it. */
static struct text take_string(const char **at)
{
    const char *start = ++*at;
    while (**at != '\0' && **at != '"') {
        *at += **at == '\\' && (*at)[1] != '\0' ? 2 : 1;
    }
    struct text text = {start, (size_t)(*at - start)};
    *at += **at == '"';
    return text;
}

/* The next member whose value is a string. */
static bool next_member(struct walk *walk)
{
    while ((walk->at = strchr(walk->at, '"')) != NULL) {
        walk->key = take_string(&walk->at);
        if (*walk->at == ':' && walk->at[1] == '"') {
            walk->at++;
            walk->value = take_string(&walk->at);
            return true;
        }
    }
    return false;
}

static bool is(struct text text, const char *name)
{
    return strlen(name) == text.len && memcmp(text.at, name, text.len) == 0;
}

/* The same for names of SQL, where case doesn't matter. */
static bool names(struct text text, const char *name)
{
    return strlen(name) == text.len && strncasecmp(text.at, name, text.len) == 0;
}

/* The text without its escapes, which the caller frees; NULL: it has a NUL, as no name has. */
static char *unescaped(struct text text)
{
    if (memchr(text.at, '\\', text.len) == NULL) {
        return pn_xstrndup(text.at, text.len);
    }
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *node = NULL;
    size_t len = text.len + 2; /* with its quotes */
    bool is_name = pn_json_parse(parser, text.at - 1, len, len, &node, NULL) == 0 &&
                   node->type == PN_JSON_STRING && memchr(node->text, '\0', node->text_len) == NULL;
    char *plain = is_name ? pn_xstrndup(node->text, node->text_len) : NULL;
    pn_json_parser_destroy(&parser);
    return plain;
}

static bool is_among(struct text text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (names(text, list[i])) {
            return true;
        }
    }
    return false;
}

/* --- tables ----------------------------------------------------------------------------------- */

void pn_duckdb_names_deinit(struct pn_duckdb_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->items[i]);
    }
    free(names->items);
    *names = (struct pn_duckdb_names){.count = 0};
}

bool pn_duckdb_version_name(const char *name, size_t len, size_t *table_len, int64_t *version)
{
    enum { DIGITS_MAX = 18 };
    size_t at = len;
    int64_t value = 0;
    while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9') {
        at--;
    }
    size_t digits = len - at;
    if (digits == 0 || digits > DIGITS_MAX || at < 2 || name[at - 1] != '@' ||
        (digits > 1 && name[at] == '0')) {
        return false;
    }
    for (size_t i = at; i < len; i++) {
        value = value * 10 + (name[i] - '0');
    }
    *table_len = at - 1;
    *version = value;
    return true;
}

void pn_duckdb_names_add(struct pn_duckdb_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i], name) == 0) {
            return;
        }
    }
    pn_grow((void **)&names->items, &names->capacity, names->count + 1, sizeof *names->items);
    names->items[names->count++] = pn_xstrdup(name);
}

/* What the tree is compared with. */
struct allowed {
    const struct pn_pipeline *pipeline;
    const struct pn_duckdb_names *keys; /* NULL: none */
    const char *tree;
    struct pn_duckdb_names *read; /* NULL: not asked for */
};

/* The table's name as the pipeline has it; NULL: there is no such table. */
static const char *find_table(const struct pn_pipeline *pipeline, struct text name)
{
    for (size_t i = 0; i < pipeline->table_count; i++) {
        if (names(name, pipeline->tables[i].name)) {
            return pipeline->tables[i].name;
        }
    }
    const char *dead = pn_dead_letters_table(pipeline).name;
    const char *streamed = pn_stream_dead_letters_table(pipeline).name;
    return names(name, dead) ? dead : names(name, streamed) ? streamed : NULL;
}

/* What the table or the version of one is called, which the caller frees; NULL: there is none. */
static char *known_name(const struct allowed *allowed, struct text name)
{
    size_t table_len = name.len;
    int64_t version = -1;
    char *plain = unescaped(name);
    for (size_t i = 0; plain != NULL && allowed->keys != NULL && i < allowed->keys->count; i++) {
        if (strcmp(plain, allowed->keys->items[i]) == 0) {
            return plain;
        }
    }
    free(plain);
    bool is_old = pn_duckdb_version_name(name.at, name.len, &table_len, &version);
    const char *table = find_table(allowed->pipeline, (struct text){name.at, table_len});
    return table == NULL ? NULL
           : is_old      ? pn_xasprintf("%s@%" PRId64, table, version)
                         : pn_xstrdup(table);
}

/* DuckDB reads a file for a name that it doesn't know, when the name ends as a file's does. */
static bool may_be_file(struct text name)
{
    return memchr(name.at, '.', name.len) != NULL || memchr(name.at, '/', name.len) != NULL;
}

/* Does a WITH of the statement define the name? Where doesn't matter: outside of its scope, the
 * name can mean neither a file nor what DuckDB itself has. */
static bool is_defined(const char *tree, struct text name)
{
    static const char *const keys[] = {"key", "cte_name", "ctename"};
    static const char *const reserved[] = {"duckdb_", "pg_", "pragma_", "sqlite_"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        if (strncasecmp(name.at, reserved[i], strlen(reserved[i])) == 0) {
            return false;
        }
    }
    for (struct walk walk = {.at = tree}; next_member(&walk);) {
        if (is_among(walk.key, keys, sizeof keys / sizeof *keys) && walk.value.len == name.len &&
            strncasecmp(walk.value.at, name.at, name.len) == 0) {
            return true;
        }
    }
    return false;
}

int pn_duckdb_no_table(const struct pn_pipeline *pipeline, const char *name, struct pn_err *e)
{
    struct pn_err why = {0};
    (void)pn_pipeline_has_no(pipeline, PN_NAMED_TABLE_OR_KEY, name, NULL, &why);
    return pn_err_input(e, "%s", why.msg);
}

static int no_table(const struct pn_pipeline *pipeline, struct text schema, struct text name,
                    struct pn_err *e)
{
    char *whole = pn_xasprintf("%.*s%s%.*s", (int)schema.len, schema.at, schema.len > 0 ? "." : "",
                               (int)name.len, name.at);
    int rc = pn_duckdb_no_table(pipeline, whole, e);
    free(whole);
    return rc;
}

static int refuse_defined(struct text name, struct pn_err *e)
{
    return pn_err_input(e,
                        "there is no table '%.*s', and a WITH cannot define a name with '.' or "
                        "'/', as a file's has: choose another name",
                        (int)name.len, name.at);
}

/* A table as the statement names it. */
struct named {
    struct text schema;
    struct text name;
    bool plain; /* no schema and no database but our own */
};

/* At a BASE_TABLE's type; its schema, name and catalog follow. */
static struct named take_named(struct walk *walk)
{
    struct named named = {.schema = {"", 0}, .name = {"", 0}};
    while (next_member(walk) && !is(walk->key, "catalog_name")) {
        if (is(walk->key, "schema_name")) {
            named.schema = walk->value;
        } else if (is(walk->key, "table_name")) {
            named.name = walk->value;
        }
    }
    named.plain = (named.schema.len == 0 || names(named.schema, "main")) && walk->value.len == 0;
    return named;
}

static int check_table(struct walk *walk, const struct allowed *allowed, struct pn_err *e)
{
    const struct named named = take_named(walk);
    if (!named.plain) {
        return no_table(allowed->pipeline, named.schema, named.name, e);
    }
    char *known = known_name(allowed, named.name);
    int rc = 0;
    if (known != NULL && allowed->read != NULL) {
        pn_duckdb_names_add(allowed->read, known);
    } else if (known == NULL && (named.schema.len > 0 || !is_defined(allowed->tree, named.name))) {
        rc = no_table(allowed->pipeline, named.schema, named.name, e);
    } else if (known == NULL && may_be_file(named.name)) {
        rc = refuse_defined(named.name, e);
    }
    free(known);
    return rc;
}

/* At a SHOW_REF's type: DESCRIBE and SUMMARIZE have a query below them, lists a name. */
static int check_shown(struct walk *walk, struct pn_err *e)
{
    while (next_member(walk) && !is(walk->key, "table_name")) {
    }
    return walk->at == NULL || walk->value.len == 0
               ? 0
               : pn_err_input(e,
                              "`pinion table list` shows the tables, `pinion table schema TABLE` "
                              "the columns of one");
}

/* --- functions -------------------------------------------------------------------------------- */

static int refuse_function(struct text name, struct pn_err *e)
{
    return pn_err_input(
        e,
        "the function %.*s() is not for queries: a query is one SELECT, which reads "
        "the pipeline's tables and computes",
        (int)name.len, name.at);
}

/* Is it a function of the pipeline's, of those that give tables? */
static bool is_macro(duckdb_connection connection, struct text name)
{
    struct pn_buf sql;
    duckdb_result result;
    char *copy = pn_xstrndup(name.at, name.len);
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT 1 FROM duckdb_functions() WHERE NOT internal AND function_type = "
                      "'table_macro' AND lower(function_name) = lower(");
    pn_duckdb_add_text(&sql, copy);
    pn_buf_addc(&sql, ')');
    bool found = false;
    if (pn_duckdb_run_buf(connection, &sql, &result, NULL) == 0) {
        found = duckdb_row_count(&result) > 0;
        duckdb_destroy_result(&result);
    }
    pn_buf_deinit(&sql);
    free(copy);
    return found;
}

/* At a TABLE_FUNCTION's type; its name follows. */
static int check_table_function(struct walk *walk, duckdb_connection connection, struct pn_err *e)
{
    while (next_member(walk) && !is(walk->key, "function_name")) {
    }
    struct text name = walk->value;
    bool known = is_among(name, TABLE_FUNCTIONS, sizeof TABLE_FUNCTIONS / sizeof *TABLE_FUNCTIONS);
    return known || is_macro(connection, name) ? 0 : refuse_function(name, e);
}

static int check_function(struct text name, struct pn_err *e)
{
    return is_among(name, REFUSED_FUNCTIONS, sizeof REFUSED_FUNCTIONS / sizeof *REFUSED_FUNCTIONS)
               ? refuse_function(name, e)
               : 0;
}

/* --- all -------------------------------------------------------------------------------------- */

static int check_tree(duckdb_connection connection, const struct allowed *allowed, struct pn_err *e)
{
    int rc = 0;
    for (struct walk walk = {.at = allowed->tree};
         rc == 0 && walk.at != NULL && next_member(&walk);) {
        bool type = is(walk.key, "type");
        if (type && is(walk.value, "BASE_TABLE")) {
            rc = check_table(&walk, allowed, e);
        } else if (type && is(walk.value, "SHOW_REF")) {
            rc = check_shown(&walk, e);
        } else if (type && is(walk.value, "TABLE_FUNCTION")) {
            rc = check_table_function(&walk, connection, e);
        } else if (is(walk.key, "function_name")) {
            rc = check_function(walk.value, e);
        }
    }
    return rc;
}

int pn_duckdb_read_tree(duckdb_connection connection, const char *sql, char **tree,
                        struct pn_err *e)
{
    static const char prefix[] = "{\"error\":false";
    struct pn_buf statement;
    duckdb_result result;
    *tree = NULL;
    pn_buf_init(&statement, 2 * PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&statement, "SELECT json_serialize_sql(");
    pn_duckdb_add_text(&statement, sql);
    pn_buf_adds(&statement, ")");
    int rc = pn_duckdb_run_buf(connection, &statement, &result, e);
    if (rc == 0) {
        duckdb_data_chunk chunk = duckdb_fetch_chunk(result);
        const char *text = NULL;
        size_t len = 0;
        if (chunk != NULL && duckdb_data_chunk_get_size(chunk) == 1 &&
            pn_duckdb_text(duckdb_data_chunk_get_vector(chunk, 0), 0, &text, &len) &&
            len > strlen(prefix) && memcmp(text, prefix, strlen(prefix)) == 0) {
            *tree = pn_xstrndup(text, len);
        }
        duckdb_destroy_data_chunk(&chunk);
        duckdb_destroy_result(&result);
    }
    pn_buf_deinit(&statement);
    return rc;
}

static void add_name(struct pn_duckdb_names *names, struct text name)
{
    char *plain = unescaped(name);
    if (plain != NULL) {
        pn_duckdb_names_add(names, plain);
    }
    free(plain);
}

void pn_duckdb_read_names(const char *tree, struct pn_duckdb_names *tables)
{
    for (struct walk walk = {.at = tree}; walk.at != NULL && next_member(&walk);) {
        if (is(walk.key, "type") && is(walk.value, "BASE_TABLE")) {
            const struct named named = take_named(&walk);
            if (named.plain) {
                add_name(tables, named.name);
            }
        }
    }
}

int pn_duckdb_check_allowed(duckdb_connection connection, const struct pn_pipeline *pipeline,
                            const struct pn_duckdb_names *keys, const char *tree,
                            struct pn_duckdb_names *read, struct pn_err *e)
{
    const struct allowed allowed = {pipeline, keys, tree, read};
    return check_tree(connection, &allowed, e);
}
