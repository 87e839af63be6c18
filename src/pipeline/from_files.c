/* `from_files` of a raw table: objects of the store that are its source, and how they are read. */
#include <string.h>

#include "pipeline/glob.h"
#include "pipeline/internal.h"

static const struct pn_yaml_key csv_keys[] = {
    {"delimiter", PN_YAML_SCALAR, false},
    {"quote", PN_YAML_SCALAR, false},
    {"header", PN_YAML_SCALAR, false},
    {NULL, PN_YAML_NULL, false},
};

static int read_character(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                          char *character, struct pn_err *e)
{
    if (node == NULL) {
        return 0;
    }
    const char *text = node->text;
    *character = text[0];
    return text[0] != '\0' && text[1] == '\0' && (unsigned char)text[0] < 0x80 && text[0] != '\n' &&
                   text[0] != '\r'
               ? 0
               : pn_yaml_error(yaml, node, e, "must be one character, not \"%.20s\"", text);
}

static int read_csv(const struct pn_yaml *yaml, const struct pn_yaml_node *csv,
                    struct pn_table_files *files, struct pn_err *e)
{
    bool header = true;
    if (csv == NULL) {
        return 0;
    }
    if (!files->by_name && files->format != PN_FILE_CSV) {
        return pn_yaml_error(yaml, csv, e, "is for CSV, but the key \"format\" says %s",
                             pn_file_format_names[files->format]);
    }
    const struct pn_yaml_node *delimiter = pn_yaml_get(csv, "delimiter");
    int rc = pn_yaml_check(yaml, csv, csv_keys, e);
    if (rc == 0 && delimiter != NULL && strcmp(delimiter->text, "tab") == 0) {
        files->delimiter = '\t';
    } else if (rc == 0) {
        rc = read_character(yaml, delimiter, &files->delimiter, e);
    }
    if (rc == 0) {
        rc = read_character(yaml, pn_yaml_get(csv, "quote"), &files->quote, e);
    }
    if (rc == 0) {
        rc = pn_yaml_bool(yaml, pn_yaml_get(csv, "header"), &header, e);
    }
    files->has_no_header = !header;
    return rc == 0 && files->delimiter == files->quote
               ? pn_yaml_error(yaml, csv, e, "delimiter and quote are the same character")
               : rc;
}

/* Can names that end like the pattern say a format? Where it ends with a star, they may. */
static bool may_say_format(const char *glob)
{
    const char *slash = strrchr(glob, '/');
    const char *star = strrchr(slash != NULL ? slash : glob, '*');
    const char *end = star != NULL ? star + 1 : slash;
    enum pn_file_format format = PN_FILE_CSV;
    bool is_packing_alone = star != NULL && end[0] != '\0' && strchr(end + 1, '.') == NULL &&
                            pn_file_packing_of(end) != PN_FILE_PLAIN;
    return (star != NULL && strchr(end, '.') == NULL) || is_packing_alone ||
           pn_file_format_of(end, &format);
}

int pn_from_files_read(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                       struct pn_table *table, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const struct pn_yaml_node *from = pn_yaml_get(node, "from_files");
    const struct pn_yaml_node *format = pn_yaml_get(node, "format");
    struct pn_err why;
    struct pn_table_files *files = pn_arena_calloc(&pipeline->private_->arena, 1, sizeof *files);
    size_t chosen = PN_FILE_CSV;
    *files = (struct pn_table_files){.glob = from->text, .by_name = format == NULL, .quote = '"'};
    if (pn_glob_check(from->text, &why) != 0) {
        return pn_yaml_error(yaml, from, e, "%s", why.msg);
    }
    int rc = pn_yaml_choice(yaml, format, pn_file_format_names, PN_FILE_FORMATS, &chosen, e);
    files->format = (enum pn_file_format)chosen;
    if (rc == 0 && files->by_name && !may_say_format(files->glob)) {
        rc = pn_yaml_error(yaml, from, e,
                           "names that match it do not say their format: give the key \"format\" "
                           "(csv, json or parquet)");
    }
    if (rc == 0) {
        rc = read_csv(yaml, pn_yaml_get(node, "csv"), files, e);
    }
    table->from_files = files;
    return rc;
}

int pn_from_files_check(const struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                        const char *glob, const char *path, const char *what, struct pn_err *e)
{
    return pn_glob_reaches(glob, path)
               ? pn_yaml_error(&pipeline->private_->yaml, pn_yaml_get(node, "from_files"), e,
                               "\"%.100s\" matches names in \"%.60s\" (%.80s): keep files in a "
                               "folder of their own%s",
                               glob, path, what,
                               path == pipeline->topics_dir ? ", and read topics by from_topic"
                                                            : "")
               : 0;
}
