/* pinion init: a pipeline of one's own, beginning as a copy of the shipped one. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"

enum { FILE_BYTES_MAX = 16 << 20, DEPTH_MAX = 8 };

static int copy_file(const struct pn_io *io, const char *from, const char *to, struct pn_err *e)
{
    if (pn_io_exists(io, to)) {
        return 0; /* with --yes: what is there is somebody's work */
    }
    struct pn_buf bytes;
    pn_buf_init(&bytes, FILE_BYTES_MAX);
    int rc = pn_io_read_file(io, from, &bytes, e);
    if (rc == 0) {
        rc = pn_io_create_file(io, to, pn_buf_text(&bytes), bytes.len, e);
    }
    pn_buf_deinit(&bytes);
    return rc;
}

static int copy_folder(const struct pn_io *io, const char *from, const char *to, int depth,
                       struct pn_err *e)
{
    if (depth > DEPTH_MAX) {
        return pn_err_input(e, "%s: folders are nested more than %d deep", from, DEPTH_MAX);
    }
    /* Listed before the target is made, which may be inside. */
    struct pn_io_listing listing;
    int rc = pn_io_list(io, from, &listing, e);
    if (rc != 0) {
        return rc;
    }
    rc = pn_io_mkdirs(io, to, e);
    for (size_t i = 0; i < listing.count && rc == 0; i++) {
        const struct pn_io_entry *entry = &listing.entries[i];
        char *entry_from = pn_xasprintf("%s/%s", from, entry->name);
        char *entry_to = pn_xasprintf("%s/%s", to, entry->name);
        rc = entry->is_dir ? copy_folder(io, entry_from, entry_to, depth + 1, e)
                           : copy_file(io, entry_from, entry_to, e);
        free(entry_from);
        free(entry_to);
    }
    pn_io_listing_deinit(&listing);
    return rc;
}

/* Is there nothing at `path`, or an empty folder? */
static int check_free(const struct pn_io *io, const char *path, struct pn_err *e)
{
    if (!pn_io_exists(io, path)) {
        return 0;
    }
    struct pn_io_listing listing;
    int rc = pn_io_list(io, path, &listing, e);
    if (rc != 0) {
        return rc;
    }
    size_t count = listing.count;
    pn_io_listing_deinit(&listing);
    if (count > 0) {
        return pn_err_input(e,
                            "%s: is not empty (name a new folder, or add to it by --yes: files "
                            "that are there are never overwritten)",
                            path);
    }
    return 0;
}

static int init(struct pn_cli *cli, const char *folder, bool yes, struct pn_err *e)
{
    int rc = yes ? 0 : check_free(cli->io, folder, e);
    if (rc != 0) {
        return rc;
    }
    /* What is copied is whole: a mistake in it would be found far from where it was made. */
    const struct pn_pipeline *template = NULL;
    rc = pn_cli_pipeline(cli, &template, e);
    if (rc == 0) {
        rc = copy_folder(cli->io, template->folder, folder, 0, e);
    }
    return rc;
}

int pn_cmd_init(struct pn_cli *cli, int argc, char **argv)
{
    bool yes = false;
    const struct pn_opt opts[] = {
        {.name = "yes",
         .short_name = 'y',
         .kind = PN_OPT_FLAG,
         .target = &yes,
         .help = "also into a folder that has files; those that are there stay as "
                 "they are"},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "DIR",
        .operands_min = 1,
        .operands_max = 1,
        .opts = opts,
        .about = "Copies the shipped pipeline (or --pipeline's) as the beginning of your own; "
                 "docs/pipeline.md explains what is in it.",
        .examples = "pinion init my-pipeline\n"
                    "pinion pipeline check my-pipeline\n"
                    "pinion serve --pipeline my-pipeline\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err e;
    if (init(cli, argv[0], yes, &e) != 0) {
        return pn_cli_fail(cli, &e);
    }
    fprintf(cli->out,
            "%s is there. Edit its pipeline.yml, then: pinion pipeline check %s\n"
            "To run it: pinion serve --pipeline %s\n",
            argv[0], argv[0], argv[0]);
    return PN_EXIT_OK;
}
