/* What stands in pipeline.yml and in the files that it includes, as it is written. */
#include <string.h>

#include "pipeline/internal.h"

const char *pn_pipeline_file_of(const struct pn_pipeline *pipeline, const struct pn_yaml_node *node)
{
    const struct pn_pipeline_private *private_ = pipeline->private_;
    for (size_t i = 0; i < private_->included_count; i++) {
        if (node->from == &private_->included[i].yaml) {
            return private_->included[i].path;
        }
    }
    return PN_PIPELINE_FILE;
}

static const struct pn_yaml *yaml_of(const struct pn_pipeline *pipeline, const char *file)
{
    const struct pn_pipeline_private *private_ = pipeline->private_;
    for (size_t i = 0; i < private_->included_count; i++) {
        if (strcmp(file, private_->included[i].path) == 0) {
            return &private_->included[i].yaml;
        }
    }
    return &private_->yaml;
}

static size_t line_end(const char *text, size_t len, size_t at)
{
    const char *end = memchr(text + at, '\n', len - at);
    return end != NULL ? (size_t)(end - text) + 1 : len;
}

/* Spaces before the first character of a line; -1 for one that is empty. */
static int indent_of(const char *text, size_t at, size_t end)
{
    size_t i = at;
    while (i < end && text[i] == ' ') {
        i++;
    }
    return i == end || text[i] == '\n' || text[i] == '\r' ? -1 : (int)(i - at);
}

/* A block is as long as its lines stand further in than its first; empty lines at its end are not
 * part of it. */
const char *pn_pipeline_dag_text(const struct pn_pipeline *pipeline, const struct pn_dag *dag,
                                 struct pn_arena *arena)
{
    const struct pn_yaml *yaml = yaml_of(pipeline, dag->file);
    const char *text = yaml->text;
    size_t len = yaml->text_len;
    size_t start = 0;
    for (int line = 1; line < dag->line && start < len; line++) {
        start = line_end(text, len, start);
    }
    size_t end = line_end(text, len, start);
    int indent = indent_of(text, start, end);
    size_t last = end;
    while (end < len) {
        size_t next = line_end(text, len, end);
        int inner = indent_of(text, end, next);
        if (inner >= 0 && inner <= indent) {
            break;
        }
        last = inner >= 0 ? next : last;
        end = next;
    }
    return pn_arena_strndup(arena, text + start, last - start);
}
