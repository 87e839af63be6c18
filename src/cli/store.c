/* pinion store: is the store as it must be, and the objects in it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/store.h"
#include "report/objects.h"
#include "server/stations.h"

enum { LIST_DEFAULT = 1000, COPY_BYTES = 1 << 20, REMOVED_AT_ONCE = 1000 };

static int open_store(struct pn_cli *cli, bool looks, const struct pn_app **app,
                      struct pn_store **store, struct pn_err *e)
{
    *store = NULL;
    int rc = pn_cli_app(cli, app, e);
    if (rc != 0) {
        return rc;
    }
    bool is_bucket = (*app)->settings->store.url[0] != '\0'; /* which these commands do not claim */
    return looks || is_bucket ? pn_app_open_store_there(*app, store, e)
                              : pn_app_open_store_at(*app, "local", store, e);
}

static int finish(struct pn_cli *cli, struct pn_store **store, int rc, const struct pn_err *failure)
{
    pn_store_destroy(store);
    return rc == 0 ? PN_EXIT_OK : pn_cli_fail(cli, failure);
}

/* --- check ------------------------------------------------------------------------------------ */

static int cmd_check(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .about = "Writes an object, lists it, reads it back, tries to put another one in its place "
                 "on the condition that there is none, and removes it. A store that fails here "
                 "would lose records or commits.",
        .examples = "pinion store check\n"
                    "pinion store check --set store.url=s3://my-bucket\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    const struct pn_app *app = NULL;
    struct pn_store *store = NULL;
    char *url = NULL;
    int rc = open_store(cli, false, &app, &store, &failure);
    if (rc == 0) {
        rc = pn_store_check(store, &failure);
    }
    if (rc == 0) {
        rc = pn_store_url(store, "", &url, &failure);
    }
    if (rc == 0) {
        (void)fprintf(cli->out,
                      "%s: objects can be written, listed, read and removed, and of two writers of "
                      "one new object the second is refused\n",
                      url);
    }
    free(url);
    return finish(cli, &store, rc, &failure);
}

/* --- ls --------------------------------------------------------------------------------------- */

struct listing {
    struct pn_cli *cli;
    struct pn_row_writer *rows; /* NULL until something is known to be there */
    int64_t left;
    bool more;
    char last[PN_KEY_MAX + 1];
};

static void begin_rows(struct listing *listing)
{
    listing->rows = pn_cli_rows(listing->cli);
    pn_rows_begin_all(listing->rows, &pn_object_columns);
}

static int show(void *arg, const struct pn_object *object)
{
    struct listing *listing = arg;
    if (listing->rows == NULL) {
        begin_rows(listing);
    }
    if (listing->left == 0) {
        listing->more = true;
        return 1;
    }
    listing->left--;
    (void)snprintf(listing->last, sizeof listing->last, "%s", object->key);
    pn_report_object(object, listing->rows);
    return 0;
}

static int cmd_ls(struct pn_cli *cli, int argc, char **argv)
{
    int64_t limit = LIST_DEFAULT;
    const char *after = NULL;
    const struct pn_opt opts[] = {{.name = "limit",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "show at most N objects (1000)",
                                   .target = &limit,
                                   .min = 1,
                                   .max = INT32_MAX},
                                  {.name = "after",
                                   .kind = PN_OPT_STRING,
                                   .value = "KEY",
                                   .help = "show those whose key comes after KEY",
                                   .target = &after},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "[PREFIX]",
        .operands_max = 1,
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about = "Lists the objects whose keys begin with PREFIX, or all, in the order of their "
                 "keys.",
        .examples = "pinion store ls topics/\npinion store ls --limit 10 --format json\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    const struct pn_app *app = NULL;
    struct pn_store *store = NULL;
    struct listing listing = {.left = limit};
    int rc = open_store(cli, true, &app, &store, &failure);
    if (rc == 0) {
        listing.cli = cli;
        rc = pn_store_list(store, argc > 0 ? argv[0] : "", after, show, &listing, &failure);
        rc = listing.more ? 0 : rc;
    }
    if (rc == 0 && listing.rows == NULL) {
        begin_rows(&listing);
    }
    if (listing.rows != NULL) {
        pn_row_writer_end(&listing.rows);
    }
    if (rc == 0 && listing.more) {
        (void)fprintf(cli->err, "there are more: --after '%s'\n", listing.last);
    }
    return finish(cli, &store, rc, &failure);
}

/* --- get -------------------------------------------------------------------------------------- */

/* Where an object's bytes go: a new file, or standard output. */
struct target {
    const struct pn_io *io;
    const char *path; /* NULL: standard output */
    int fd;
    FILE *out;
};

static int write_piece(const struct target *target, const char *bytes, size_t len, int64_t at,
                       struct pn_err *e)
{
    if (target->path != NULL) {
        return pn_io_write_at(target->io, target->fd, bytes, len, at, target->path, e);
    }
    return fwrite(bytes, 1, len, target->out) == len
               ? 0
               : pn_err_errno(e, errno, "cannot write to standard output");
}

static int copy_out(struct pn_store_file *object, const struct target *target, struct pn_err *e)
{
    char *bytes = pn_xmalloc(COPY_BYTES);
    int rc = 0;
    size_t got = 1;
    for (int64_t at = 0; rc == 0 && got > 0; at += (int64_t)got) {
        rc = pn_store_read_at(object, bytes, COPY_BYTES, at, &got, e);
        if (rc == 0) {
            rc = write_piece(target, bytes, got, at, e);
        }
    }
    free(bytes);
    return rc;
}

static int cmd_get(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .operands = "KEY [FILE]",
        .operands_min = 1,
        .operands_max = 2,
        .about = "Writes an object to FILE, which must not exist yet, or to standard output.",
        .examples = "pinion store get tables/pin/_delta_log/00000000000000000000.json\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    const struct pn_app *app = NULL;
    struct pn_store *store = NULL;
    struct pn_store_file *object = NULL;
    struct target target = {.fd = -1, .out = cli->out};
    int rc = open_store(cli, true, &app, &store, &failure);
    if (rc == 0) {
        rc = pn_store_open(store, argv[0], &object, &failure);
    }
    if (rc == 0 && argc > 1 && strcmp(argv[1], "-") != 0) {
        target.io = app->io;
        target.path = argv[1];
        rc = pn_io_open(app->io, target.path, O_WRONLY | O_CREAT | O_EXCL, &target.fd, &failure);
    }
    if (rc == 0) {
        rc = copy_out(object, &target, &failure);
    }
    if (app != NULL) {
        pn_io_close(app->io, &target.fd);
    }
    pn_store_close(&object);
    return finish(cli, &store, rc, &failure);
}

/* --- put -------------------------------------------------------------------------------------- */

/* A copy at `to`, which becomes the object. */
static int copy_file(const struct pn_io *io, const char *from, const char *to, struct pn_err *e)
{
    char *bytes = pn_xmalloc(COPY_BYTES);
    int in = -1;
    int out = -1;
    int64_t at = 0;
    size_t got = 1;
    int rc = pn_io_open(io, from, O_RDONLY, &in, e);
    if (rc == 0) {
        rc = pn_io_open(io, to, O_WRONLY | O_CREAT | O_EXCL, &out, e);
    }
    while (rc == 0 && got > 0) {
        rc = pn_io_read_some(io, in, bytes, COPY_BYTES, at, &got, from, e);
        if (rc == 0) {
            rc = pn_io_write_at(io, out, bytes, got, at, to, e);
        }
        at += (int64_t)got;
    }
    pn_io_close(io, &in);
    pn_io_close(io, &out);
    free(bytes);
    return rc;
}

/* May the object be written: is there none, or does the user agree? */
static int may_replace(struct pn_cli *cli, struct pn_store *store, const char *key, bool yes,
                       struct pn_err *e)
{
    struct pn_object object;
    struct pn_err why = {0};
    int rc = pn_store_head(store, key, &object, &why);
    if (rc != 0) {
        pn_err_copy(e, &why);
        return why.class_ == PN_CLASS_MISSING ? 0 : rc;
    }
    if (yes || pn_cli_confirm(cli, "Replace the object %s of %" PRId64 " %s?", key,
                              object.size_bytes, pn_noun(object.size_bytes, "byte", "bytes"))) {
        return 0;
    }
    return pn_err_input(e, "the object %s was not replaced: answer y, or give --yes", key);
}

static int cmd_put(struct pn_cli *cli, int argc, char **argv)
{
    bool yes = false;
    const struct pn_opt opts[] = {{.name = "yes",
                                   .short_name = 'y',
                                   .kind = PN_OPT_FLAG,
                                   .help = "replace an object without asking",
                                   .target = &yes},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "FILE KEY",
        .operands_min = 2,
        .operands_max = 2,
        .opts = opts,
        .about = "Makes an object of a file. An object of the same key is replaced after you "
                 "confirm it.",
        .examples = "pinion store put rows.parquet reference/rows.parquet\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    const struct pn_app *app = NULL;
    struct pn_store *store = NULL;
    char *path = NULL;
    int64_t size_bytes = 0;
    int rc = open_store(cli, false, &app, &store, &failure);
    if (rc == 0) {
        rc = may_replace(cli, store, argv[1], yes, &failure);
    }
    if (rc == 0) {
        rc = pn_store_begin_file(store, argv[1], &path, &failure);
    }
    if (rc == 0) {
        rc = copy_file(app->io, argv[0], path, &failure);
    }
    if (rc == 0) {
        rc = pn_store_commit_file(store, argv[1], path, &size_bytes, &failure);
    }
    if (rc == 0) {
        (void)fprintf(cli->out, "%s: %" PRId64 " %s\n", argv[1], size_bytes,
                      pn_noun(size_bytes, "byte", "bytes"));
    } else if (path != NULL) {
        int ignored = pn_io_unlink(app->io, path, NULL);
        (void)ignored; /* the next start sweeps it away */
    }
    free(path);
    return finish(cli, &store, rc, &failure);
}

/* --- rm --------------------------------------------------------------------------------------- */

struct keys {
    char **items;
    size_t count;
    size_t capacity;
};

static int note_key(void *arg, const struct pn_object *object)
{
    struct keys *keys = arg;
    pn_grow((void **)&keys->items, &keys->capacity, keys->count + 1, sizeof *keys->items);
    keys->items[keys->count++] = pn_xstrdup(object->key);
    return 0;
}

/* The objects to be removed: one, or all whose keys begin with `name`. */
static int find_keys(struct pn_store *store, const char *name, bool recursive, struct keys *keys,
                     struct pn_err *e)
{
    struct pn_object object;
    if (recursive) {
        return pn_store_list(store, name, NULL, note_key, keys, e);
    }
    int rc = pn_store_head(store, name, &object, e);
    return rc == 0 ? note_key(keys, &object) : rc;
}

static int remove_keys(struct pn_store *store, const struct keys *keys, struct pn_err *e)
{
    int rc = 0;
    for (size_t at = 0; at < keys->count && rc == 0; at += REMOVED_AT_ONCE) {
        size_t some = keys->count - at < REMOVED_AT_ONCE ? keys->count - at : REMOVED_AT_ONCE;
        rc = pn_store_remove_many(store, (const char *const *)keys->items + at, some, e);
    }
    return rc;
}

static int cmd_rm(struct pn_cli *cli, int argc, char **argv)
{
    bool yes = false;
    bool recursive = false;
    const struct pn_opt opts[] = {{.name = "recursive",
                                   .short_name = 'r',
                                   .kind = PN_OPT_FLAG,
                                   .help = "remove every object whose key begins with KEY",
                                   .target = &recursive},
                                  {.name = "yes",
                                   .short_name = 'y',
                                   .kind = PN_OPT_FLAG,
                                   .help = "don't ask",
                                   .target = &yes},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "KEY",
        .operands_min = 1,
        .operands_max = 1,
        .opts = opts,
        .about = "Removes an object, after you confirm it. A table that names a removed file can "
                 "no longer be read: to clean up a table use `pinion table vacuum`.",
        .examples = "pinion store rm reference/rows.parquet\n"
                    "pinion store rm --recursive --yes scratch/\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    const struct pn_app *app = NULL;
    struct pn_store *store = NULL;
    struct keys keys = {0};
    int rc = open_store(cli, true, &app, &store, &failure);
    if (rc == 0) {
        rc = find_keys(store, argv[0], recursive, &keys, &failure);
    }
    if (rc == 0 && keys.count > 0 && !yes &&
        !pn_cli_confirm(cli, "Remove %zu object%s (%s%s)?", keys.count, keys.count == 1 ? "" : "s",
                        argv[0], recursive ? "..." : "")) {
        rc = pn_err_input(&failure, "nothing was removed: answer y, or give --yes");
    }
    if (rc == 0) {
        rc = remove_keys(store, &keys, &failure);
    }
    if (rc == 0) {
        (void)fprintf(cli->out, "removed %zu object%s\n", keys.count, keys.count == 1 ? "" : "s");
    }
    for (size_t i = 0; i < keys.count; i++) {
        free(keys.items[i]);
    }
    free(keys.items);
    return finish(cli, &store, rc, &failure);
}

int pn_cmd_store(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_command commands[] = {
        {"check", "see whether the store keeps its promises", cmd_check},
        {"ls", "list objects", cmd_ls},
        {"get", "read an object", cmd_get},
        {"put", "make an object of a file", cmd_put},
        {"rm", "remove objects", cmd_rm},
        {"copy", "copy the store to a bucket, or back", pn_cmd_store_copy},
        {NULL, NULL, NULL},
    };
    return pn_cli_dispatch(cli, commands, argc, argv);
}
