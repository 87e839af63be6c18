/* The other files of a pipeline's folder: SQL, queries/, prelude/. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/sql_comment.h"
#include "base/text_signature.h"
#include "pipeline/internal.h"

/* Appends the file's text; the message of an error begins with the path. */
static int read_text(struct pn_pipeline *pipeline, const char *path, const char **text,
                     struct pn_err *e)
{
    struct pn_buf buf;
    pn_buf_init(&buf, PN_PIPELINE_SQL_BYTES_MAX);
    const char *bytes = NULL;
    int rc = pn_io_read_file(pipeline->private_->io, path, &buf, e);
    size_t len = buf.len;
    if (rc == 0) {
        rc = pn_text_start(path, pn_buf_text(&buf), &len, &bytes, e);
    }
    if (rc == 0 && (memchr(bytes, '\0', len) != NULL || !pn_utf8_valid(bytes, len))) {
        rc = pn_err_input(e, "%s: is not UTF-8 text", path);
    }
    if (rc == 0) {
        *text = pn_arena_strndup(&pipeline->private_->arena, bytes, len);
    }
    pn_buf_deinit(&buf);
    return rc;
}

/* The first character of a statement; to be understood for a check, it needs no more of SQL. */
static const char *skip_to_statement(const char *sql)
{
    sql = pn_sql_skip_blanks(sql);
    while (*sql == ';') {
        sql = pn_sql_skip_blanks(sql + 1);
    }
    return sql;
}

int pn_pipeline_read_sql(struct pn_pipeline *pipeline, const char *path, const char **sql,
                         struct pn_err *e)
{
    const char *text = NULL;
    int rc = read_text(pipeline, path, &text, e);
    if (rc == 0 && *skip_to_statement(text) == '\0') {
        rc = pn_err_input(e, "%s: contains no statement", path);
    }
    if (rc == 0) {
        *sql = text;
    }
    return rc;
}

/* The first line, when it is a comment, without its dashes. */
static const char *describe(struct pn_arena *arena, const char *sql)
{
    sql += strspn(sql, " \t\r\n");
    if (strncmp(sql, "--", 2) != 0) {
        return "";
    }
    sql += 2;
    sql += strspn(sql, " \t");
    size_t len = strcspn(sql, "\r\n");
    while (len > 0 && isspace((unsigned char)sql[len - 1])) {
        len--;
    }
    return pn_arena_strndup(arena, sql, len);
}

static bool is_query_name(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)name[i]) && strchr("_-", name[i]) == NULL) {
            return false;
        }
    }
    return len > 0 && len <= PN_PIPELINE_NAME_BYTES_MAX && name[0] != '-';
}

static int by_name(const void *a, const void *b)
{
    const struct pn_query *query = a;
    const struct pn_query *other = b;
    return strcmp(query->name, other->name);
}

static int read_query(struct pn_pipeline *pipeline, const char *folder, const char *name,
                      size_t name_len, struct pn_query *query, struct pn_err *e)
{
    struct pn_arena *arena = &pipeline->private_->arena;
    query->file = pn_arena_printf(arena, "%s/%s", folder, name);
    if (!is_query_name(name, name_len)) {
        return pn_err_input(
            e, "%s: a query's name must consist of letters, digits, _ and - (rename the file)",
            query->file);
    }
    query->name = pn_arena_strndup(arena, name, name_len);
    int rc = pn_pipeline_read_sql(pipeline, query->file, &query->sql, e);
    if (rc == 0) {
        query->description = describe(arena, query->sql);
    }
    return rc;
}

/* A file or folder that may be missing; that it cannot be looked at does not mean that it is. */
static int look(const struct pn_io *io, const char *path, bool *there, struct pn_err *e)
{
    struct stat st;
    struct pn_err inner = {0};
    int rc = pn_io_stat(io, path, &st, &inner);
    *there = rc == 0;
    if (rc != 0 && inner.class_ != PN_CLASS_MISSING) {
        pn_err_copy(e, &inner);
        return rc;
    }
    return 0;
}

static int read_queries(struct pn_pipeline *pipeline, struct pn_err *e)
{
    struct pn_pipeline_private *private_ = pipeline->private_;
    const char *folder = pn_arena_printf(&private_->arena, "%s/queries", private_->folder);
    bool there = false;
    int rc = look(private_->io, folder, &there, e);
    if (rc != 0 || !there) {
        return rc;
    }
    struct pn_io_listing listing;
    rc = pn_io_list(private_->io, folder, &listing, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_query *queries =
        pn_arena_calloc(&private_->arena, PN_PIPELINE_QUERIES_MAX, sizeof *queries);
    size_t count = 0;
    for (size_t i = 0; i < listing.count && rc == 0; i++) {
        const char *name = listing.entries[i].name;
        size_t len = strlen(name);
        /* Editors leave hidden files; other files than SQL may be notes. */
        if (listing.entries[i].is_dir || name[0] == '.' || len < 4 ||
            strcmp(name + len - 4, ".sql") != 0) {
            continue;
        }
        if (count == PN_PIPELINE_QUERIES_MAX) {
            rc = pn_err_input(e, "%s: more than %d queries", folder, PN_PIPELINE_QUERIES_MAX);
        } else {
            rc = read_query(pipeline, folder, name, len - 4, &queries[count++], e);
        }
    }
    pn_io_listing_deinit(&listing);
    qsort(queries, count, sizeof *queries, by_name);
    pipeline->queries = queries;
    pipeline->query_count = rc == 0 ? count : 0;
    return rc;
}

static int read_prelude(struct pn_pipeline *pipeline, const char *engine, const char **text,
                        struct pn_err *e)
{
    struct pn_pipeline_private *private_ = pipeline->private_;
    const char *path =
        pn_arena_printf(&private_->arena, "%s/prelude/%s.sql", private_->folder, engine);
    bool there = false;
    *text = "";
    int rc = look(private_->io, path, &there, e);
    return rc == 0 && there ? read_text(pipeline, path, text, e) : rc;
}

int pn_pipeline_read_files(struct pn_pipeline *pipeline, struct pn_err *e)
{
    int rc = read_queries(pipeline, e);
    if (rc == 0) {
        rc = read_prelude(pipeline, "duckdb", &pipeline->prelude_duckdb, e);
    }
    if (rc == 0) {
        rc = read_prelude(pipeline, "spark", &pipeline->prelude_spark, e);
    }
    return rc;
}
