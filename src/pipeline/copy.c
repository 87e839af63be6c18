#include "pipeline/copy.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "pipeline/internal.h"

/* One file of the definition: its path below the pipeline's folder, and its text. */
typedef int visit_fn(void *arg, const char *path, const char *text, size_t len, struct pn_err *e);

const char *pn_pipeline_below(const struct pn_pipeline *pipeline, const char *file)
{
    const char *folder = pipeline->private_->folder;
    size_t len = strlen(folder);
    PN_ASSERT(strncmp(file, folder, len) == 0 && file[len] == '/');
    return file + len + 1;
}

static int visit_files(const struct pn_pipeline *pipeline, visit_fn *visit, void *arg,
                       struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    int rc = visit(arg, PN_PIPELINE_FILE, yaml->text, yaml->text_len, e);
    for (size_t i = 0; rc == 0 && i < pipeline->private_->included_count; i++) {
        const struct pn_included *included = &pipeline->private_->included[i];
        rc = visit(arg, included->path, included->yaml.text, included->yaml.text_len, e);
    }
    for (size_t i = 0; rc == 0 && i < pipeline->table_count; i++) {
        const struct pn_table *table = &pipeline->tables[i];
        if (table->sql_file != NULL) {
            rc = visit(arg, pn_pipeline_below(pipeline, table->sql_file), table->sql,
                       strlen(table->sql), e);
        }
    }
    for (size_t i = 0; rc == 0 && i < pipeline->table_count; i++) {
        for (size_t k = 0; rc == 0 && k < pipeline->tables[i].expect_count; k++) {
            const struct pn_expect *expect = &pipeline->tables[i].expects[k];
            rc = expect->sql_file == NULL
                     ? 0
                     : visit(arg, pn_pipeline_below(pipeline, expect->sql_file), expect->sql,
                             strlen(expect->sql), e);
        }
    }
    for (size_t i = 0; rc == 0 && i < pipeline->query_count; i++) {
        const struct pn_query *query = &pipeline->queries[i];
        rc =
            visit(arg, pn_pipeline_below(pipeline, query->file), query->sql, strlen(query->sql), e);
    }
    const struct {
        const char *path;
        const char *text;
    } preludes[] = {{"prelude/duckdb.sql", pipeline->prelude_duckdb},
                    {"prelude/spark.sql", pipeline->prelude_spark}};
    for (size_t i = 0; rc == 0 && i < sizeof preludes / sizeof *preludes; i++) {
        if (preludes[i].text != NULL && preludes[i].text[0] != '\0') {
            rc = visit(arg, preludes[i].path, preludes[i].text, strlen(preludes[i].text), e);
        }
    }
    return rc;
}

static int add_to_sum(void *arg, const char *path, const char *text, size_t len, struct pn_err *e)
{
    uint32_t *sum = arg;
    (void)e;
    *sum = pn_crc32c_add(*sum, path, strlen(path) + 1);
    *sum = pn_crc32c_add(*sum, text, len);
    return 0;
}

void pn_pipeline_version(const struct pn_pipeline *pipeline,
                         char version[PN_DEFINITION_VERSION_SIZE])
{
    uint32_t sum = 0;
    int rc = visit_files(pipeline, add_to_sum, &sum, NULL);
    PN_ASSERT(rc == 0);
    (void)snprintf(version, PN_DEFINITION_VERSION_SIZE, "%08" PRIx32, sum);
}

/* ---- what differs ---------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_nodes(const struct pn_yaml_node *a, const struct pn_yaml_node *b)
{
    if (a == NULL || b == NULL) {
        return a == b;
    }
    bool same = a->kind == b->kind && same_text(a->text, b->text) && same_text(a->key, b->key) &&
                a->count == b->count;
    const struct pn_yaml_node *right = b->first;
    for (const struct pn_yaml_node *left = a->first; same && left != NULL; left = left->next) {
        same = same_nodes(left, right);
        right = right != NULL ? right->next : NULL;
    }
    return same;
}

bool pn_pipeline_needs_restart(const struct pn_pipeline *before, const struct pn_pipeline *after)
{
    static const char *const sections[] = {
        "topics",   "streams",  "sink",         "tables",
        "settings", "profiles", "dead_letters", "stream_dead_letters"};
    bool same = true;
    for (size_t i = 0; same && i < sizeof sections / sizeof *sections; i++) {
        same = same_nodes(pn_yaml_get(before->private_->yaml.root, sections[i]),
                          pn_yaml_get(after->private_->yaml.root, sections[i]));
    }
    return !same;
}

/* ---- a copy ---------------------------------------------------------------------------------- */

struct copy {
    const char *folder;
    const struct pn_io *io;
};

/* Not synced: each start makes the copies again. */
static int write_file(void *arg, const char *path, const char *text, size_t len, struct pn_err *e)
{
    const struct copy *copy = arg;
    char *whole = pn_xasprintf("%s/%s", copy->folder, path);
    char *parent = pn_xstrndup(whole, (size_t)(strrchr(whole, '/') - whole));
    int fd = -1;
    int rc = pn_io_mkdirs(copy->io, parent, e);
    if (rc == 0) {
        rc = pn_io_open(copy->io, whole, O_WRONLY | O_CREAT | O_TRUNC, &fd, e);
    }
    if (rc == 0) {
        rc = pn_io_write_at(copy->io, fd, text, len, 0, whole, e);
    }
    pn_io_close(copy->io, &fd);
    free(parent);
    free(whole);
    return rc;
}

int pn_pipeline_copy(const struct pn_pipeline *pipeline, const char *folder, const struct pn_io *io,
                     struct pn_err *e)
{
    struct copy copy = {.folder = folder, .io = io};
    return visit_files(pipeline, write_file, &copy, e);
}
