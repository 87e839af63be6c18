/*
 * All that defines a DAG, as one text: what pipeline.yml says of it, of its pools and of its
 * tables, and their SQL.
 *
 * It is written from the nodes, not copied from the file, so that comments, layout and the place in
 * the file do not matter, and an alias counts as what it stands for.
 */
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "pipeline/internal.h"

enum { INDENT = 2 };

static void add_indent(struct pn_buf *out, int depth)
{
    for (int i = 0; i < depth * INDENT; i++) {
        pn_buf_addc(out, ' ');
    }
}

/* --- YAML ------------------------------------------------------------------------------------- */

static void add_key(struct pn_buf *out, const char *key)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    if (key[0] != '-' && key[strspn(key, plain)] == '\0') {
        pn_buf_adds(out, key);
    } else {
        pn_json_write_cstr(out, key);
    }
}

/* May the lines of a text stand as a literal block (`|`)? */
static bool is_literal(const char *text)
{
    size_t len = strlen(text);
    if (strchr(text, '\n') == NULL || text[0] == ' ' || text[0] == '\n' ||
        (len > 1 && text[len - 1] == '\n' && text[len - 2] == '\n')) {
        return false;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' && *at != '\n') {
            return false;
        }
    }
    return true;
}

static void add_literal(struct pn_buf *out, const char *text, int depth)
{
    bool ends_line = text[strlen(text) - 1] == '\n';
    pn_buf_adds(out, ends_line ? " |\n" : " |-\n");
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        if (len > 0) {
            add_indent(out, depth);
            pn_buf_add(out, text, len);
        }
        pn_buf_addc(out, '\n');
        text += len + (text[len] == '\n' ? 1 : 0);
    }
}

static void add_scalar(struct pn_buf *out, const struct pn_yaml_node *node, int depth)
{
    if (is_literal(node->text)) {
        add_literal(out, node->text, depth);
        return;
    }
    pn_buf_addc(out, ' ');
    if (node->is_plain && strchr(node->text, '\n') == NULL) {
        pn_buf_adds(out, node->text);
    } else {
        pn_json_write_cstr(out, node->text);
    }
    pn_buf_addc(out, '\n');
}

/* What stands after a key or a dash, to the end of its last line. No deeper than the parser takes.
 */
static void add_value(struct pn_buf *out, const struct pn_yaml_node *node, int depth)
{
    if (node->kind == PN_YAML_NULL) {
        pn_buf_addc(out, '\n');
        return;
    }
    if (node->kind == PN_YAML_SCALAR) {
        add_scalar(out, node, depth);
        return;
    }
    bool is_list = node->kind == PN_YAML_LIST;
    pn_buf_adds(out, node->first != NULL ? "\n" : is_list ? " []\n" : " {}\n");
    for (const struct pn_yaml_node *child = node->first; child != NULL; child = child->next) {
        add_indent(out, depth);
        if (is_list) {
            pn_buf_addc(out, '-');
        } else {
            add_key(out, child->key);
            pn_buf_addc(out, ':');
        }
        add_value(out, child, depth + 1);
    }
}

/* --- what a DAG uses -------------------------------------------------------------------------- */

static bool uses_pool(const struct pn_dag *dag, const char *name)
{
    for (size_t i = 0; i < dag->task_count; i++) {
        if (strcmp(dag->tasks[i].pool, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool uses_table(const struct pn_dag *dag, const char *name)
{
    for (size_t i = 0; i < dag->task_count; i++) {
        for (size_t t = 0; t < dag->tasks[i].table_count; t++) {
            if (strcmp(dag->tasks[i].tables[t]->name, name) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool is_it(const struct pn_dag *dag, const char *name)
{
    return strcmp(dag->name, name) == 0;
}

/* The members of a section that `uses` chooses, in the order of the file. */
static void add_section(struct pn_buf *out, const struct pn_yaml_node *root, const char *section,
                        const struct pn_dag *dag,
                        bool (*uses)(const struct pn_dag *dag, const char *name))
{
    const struct pn_yaml_node *map = pn_yaml_get(root, section);
    bool begun = false;
    for (const struct pn_yaml_node *node = map != NULL ? map->first : NULL; node != NULL;
         node = node->next) {
        if (uses(dag, node->key)) {
            if (!begun) {
                pn_buf_addf(out, "%s:\n", section);
                begun = true;
            }
            add_indent(out, 1);
            add_key(out, node->key);
            pn_buf_addc(out, ':');
            add_value(out, node, 2);
        }
    }
}

static void add_file(struct pn_buf *out, const char *path, const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;
    if (len > 0) {
        pn_buf_addf(out, "\n# %s\n", path);
        pn_buf_add(out, text, len);
        pn_buf_adds(out, text[len - 1] == '\n' ? "" : "\n");
    }
}

/* The SQL of its tables, and the functions that all SQL may use. */
static void add_files(struct pn_buf *out, const struct pn_pipeline *pipeline,
                      const struct pn_dag *dag)
{
    const struct pn_yaml_node *tables = pn_yaml_get(pipeline->private_->yaml.root, "tables");
    bool has_sql = false;
    for (size_t i = 0; i < pipeline->table_count; i++) {
        const struct pn_table *table = &pipeline->tables[i];
        if (table->sql != NULL && uses_table(dag, table->name)) {
            const struct pn_yaml_node *node = pn_yaml_get(tables, table->name);
            add_file(out, pn_yaml_get(node, "sql")->text, table->sql);
            has_sql = true;
        }
        for (size_t k = 0; k < table->expect_count && uses_table(dag, table->name); k++) {
            const struct pn_expect *expect = &table->expects[k];
            if (expect->sql != NULL) {
                add_file(out, pn_pipeline_below(pipeline, expect->sql_file), expect->sql);
                has_sql = true;
            }
        }
    }
    if (has_sql) {
        add_file(out, "prelude/duckdb.sql", pipeline->prelude_duckdb);
        add_file(out, "prelude/spark.sql", pipeline->prelude_spark);
    }
}

int pn_pipeline_define_dags(struct pn_pipeline *pipeline, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const struct pn_yaml_node *map = pn_yaml_get(yaml->root, "dags");
    for (size_t i = 0; i < pipeline->dag_count; i++) {
        struct pn_dag *dag = &pipeline->private_->dags[i];
        struct pn_buf out;
        pn_buf_init(&out, PN_DAG_DEFINITION_BYTES_MAX);
        add_section(&out, yaml->root, "dags", dag, is_it);
        add_section(&out, yaml->root, "pools", dag, uses_pool);
        add_section(&out, yaml->root, "tables", dag, uses_table);
        add_files(&out, pipeline, dag);
        bool fits = !pn_buf_failed(&out);
        dag->definition =
            pn_arena_strndup(&pipeline->private_->arena, pn_buf_text(&out), fits ? out.len : 0);
        pn_buf_deinit(&out);
        if (!fits) {
            return pn_yaml_error(yaml, pn_yaml_get(map, dag->name), e,
                                 "its definition, with the SQL of its tables, is larger than %d"
                                 " MiB: make several DAGs of it",
                                 PN_DAG_DEFINITION_BYTES_MAX >> 20);
        }
    }
    return 0;
}
