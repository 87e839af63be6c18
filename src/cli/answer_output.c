#include "cli/answer_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/random.h"
#include "cli/answer.h"
#include "query/rows_file.h"
#include "query/rows_texts.h"

bool pn_answer_output_choose(struct pn_cli *cli, struct pn_answer_output *output, int *status)
{
    static const char *const endings[] = {"parquet", "csv", "jsonl", "ndjson", "json"};
    const char *slash = output->path != NULL ? strrchr(output->path, '/') : NULL;
    const char *name = slash != NULL ? slash + 1 : output->path;
    const char *dot = name != NULL ? strrchr(name, '.') : NULL;
    const char *format = output->format;
    for (size_t i = 0; format == NULL && dot != NULL && i < sizeof endings / sizeof *endings; i++) {
        format = strcasecmp(dot + 1, endings[i]) == 0 ? endings[i] : NULL;
    }
    if (name != NULL && name[0] == '\0') {
        *status = pn_cli_usage(cli, "--output needs the name of a file");
        return false;
    }
    if (format == NULL && dot != NULL && dot != name) {
        *status = pn_cli_usage(cli,
                               "the end of %s does not name a format: end it in .parquet, .csv, "
                               ".json, .jsonl or .ndjson, or give --format",
                               output->path);
        return false;
    }
    if (format == NULL) {
        format = output->usual != NULL ? output->usual : "table";
    }
    output->is_parquet = strcmp(format, "parquet") == 0;
    if (output->is_parquet && output->path == NULL) {
        *status = pn_cli_usage(cli, "Parquet is not for a terminal: give a file with --output");
        return false;
    }
    if (output->expanded && strcmp(format, "table") != 0) {
        *status = pn_cli_usage(cli, "--expanded needs --format table");
        return false;
    }
    cli->format = output->expanded                ? PN_FORMAT_EXPANDED
                  : strcmp(format, "ndjson") == 0 ? PN_FORMAT_JSONL
                                                  : pn_format_parse(format);
    return true;
}

/* A folder of our own beside the file, so that the file gets its name by a rename. Caller frees. */
static int make_folder(const struct pn_cli *cli, const char *path, char **folder, struct pn_err *e)
{
    char uuid[PN_UUID_SIZE];
    *folder = pn_xasprintf("%s.%s.tmp", path, pn_uuid(uuid));
    int rc = pn_io_mkdir_private(cli->io, *folder, e);
    if (rc != 0) {
        pn_err_prefix(e, "cannot write %s, which is made in a folder beside it", path);
        free(*folder);
        *folder = NULL;
    }
    return rc;
}

/* --- rows as text ----------------------------------------------------------------------------- */

static int write_text(struct pn_cli *cli, struct pn_embedded_engine *engine,
                      const struct pn_cli_select *select, const char *path, int flags,
                      struct pn_err *e)
{
    FILE *out = cli->out;
    int fd = -1;
    int rc = pn_io_open(cli->io, path, flags, &fd, e);
    FILE *file = rc == 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL) {
        rc = rc != 0 ? rc : pn_err_errno(e, errno, "%s", path);
        pn_io_close(cli->io, &fd);
        return rc;
    }
    cli->out = file;
    rc = pn_cli_answer(cli, engine, select, e);
    cli->out = out;
    bool failed = ferror(file) != 0;
    if (fclose(file) != 0 || failed) {
        rc = rc != 0 ? rc : pn_err_errno(e, errno != 0 ? errno : EIO, "cannot write %s", path);
    }
    return rc;
}

/* --- Parquet ---------------------------------------------------------------------------------- */

/* The rows wait in files, since their columns' types are known before the first of them, but how
 * the engine gives rows and takes them differs. */
struct keeping {
    const char *folder;
    const struct pn_io *io;
    char **names;
    char **types;
    size_t count;
    struct pn_rows_writer *writer;
    struct pn_err failure;
};

static int keep_columns(void *arg, const char *const *names, const char *const *types, size_t count)
{
    struct keeping *keeping = arg;
    keeping->names = pn_xcalloc(count + 1, sizeof *keeping->names);
    keeping->types = pn_xcalloc(count + 1, sizeof *keeping->types);
    keeping->count = count;
    for (size_t i = 0; i < count; i++) {
        keeping->names[i] = pn_xstrdup(names[i]);
        keeping->types[i] = pn_xstrdup(types[i]);
    }
    return pn_rows_writer_create(keeping->folder, keeping->io, INT64_MAX, &keeping->writer,
                                 &keeping->failure);
}

static int keep_row(void *arg, const char *const *values, size_t count)
{
    struct keeping *keeping = arg;
    return pn_rows_writer_add(keeping->writer, values, count, &keeping->failure);
}

static int write_kept(struct pn_embedded_engine *engine, const struct keeping *keeping,
                      const char *path, struct pn_err *e)
{
    const struct pn_rows_columns columns = {.names = (const char *const *)keeping->names,
                                            .types = (const char *const *)keeping->types,
                                            .count = keeping->count};
    struct pn_rows_texts *texts = NULL;
    int rc = pn_rows_texts_open(keeping->folder, &columns, SIZE_MAX, keeping->io, &texts, e);
    if (rc == 0) {
        rc = pn_engine_write_parquet(engine, pn_rows_texts_of(texts), path, e);
    }
    pn_rows_texts_close(&texts);
    return rc;
}

static void free_keeping(struct keeping *keeping)
{
    for (size_t i = 0; i < keeping->count; i++) {
        free(keeping->names[i]);
        free(keeping->types[i]);
    }
    free(keeping->names);
    free(keeping->types);
    pn_rows_writer_destroy(&keeping->writer);
}

static int write_parquet(const struct pn_cli *cli, struct pn_embedded_engine *engine,
                         const struct pn_cli_select *select, const char *folder, const char *path,
                         struct pn_err *e)
{
    struct keeping keeping = {.folder = folder, .io = cli->io};
    const struct pn_rows rows = {.columns = keep_columns, .row = keep_row, .arg = &keeping};
    const struct pn_ask ask = {.sql = select->sql, .at = select->at, .rows = &rows};
    int rc = pn_engine_ask(engine, &ask, e);
    if (rc != 0 && keeping.failure.class_ != PN_CLASS_NONE) {
        pn_err_copy(e, &keeping.failure);
    }
    if (rc == 0) {
        rc = pn_rows_writer_flush(keeping.writer, e);
    }
    if (rc == 0) {
        rc = write_kept(engine, &keeping, path, e);
    }
    free_keeping(&keeping);
    return rc;
}

/* ---------------------------------------------------------------------------------------------- */

/* Makes a file that gets its name when it is whole. */
static int write_whole(struct pn_cli *cli, struct pn_embedded_engine *engine,
                       const struct pn_cli_select *select, const char *path, bool is_parquet,
                       struct pn_err *e)
{
    char *folder = NULL;
    int rc = make_folder(cli, path, &folder, e);
    if (rc != 0) {
        return rc;
    }
    char *part = pn_xasprintf("%s/whole", folder);
    rc = is_parquet ? write_parquet(cli, engine, select, folder, part, e)
                    : write_text(cli, engine, select, part, O_WRONLY | O_CREAT | O_EXCL, e);
    if (rc == 0) {
        rc = pn_io_sync_file(cli->io, part, e);
    }
    if (rc == 0) {
        rc = pn_io_rename(cli->io, part, path, e);
    }
    int ignored = pn_io_remove_tree(cli->io, folder, NULL);
    (void)ignored; /* what is left takes space, and nothing else */
    free(part);
    free(folder);
    return rc;
}

int pn_answer_output_write(struct pn_cli *cli, struct pn_embedded_engine *engine,
                           const struct pn_cli_select *select,
                           const struct pn_answer_output *output, struct pn_err *e)
{
    if (output->path == NULL) {
        return pn_cli_answer(cli, engine, select, e);
    }
    struct stat there;
    bool is_there = pn_io_stat(cli->io, output->path, &there, NULL) == 0;
    if (is_there && !S_ISREG(there.st_mode)) {
        return output->is_parquet
                   ? pn_err_input(e, "%s is not a file that can be replaced", output->path)
                   : write_text(cli, engine, select, output->path, O_WRONLY, e);
    }
    /* What a link leads to is replaced, not the link. */
    char *target = is_there ? realpath(output->path, NULL) : pn_xstrdup(output->path);
    if (target == NULL) {
        return pn_err_errno(e, errno, "%s", output->path);
    }
    int rc = write_whole(cli, engine, select, target, output->is_parquet, e);
    free(target);
    return rc;
}
