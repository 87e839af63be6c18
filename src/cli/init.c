/* pinion init: a pipeline of one's own, beginning as a copy of the shipped one. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "server/program.h"

enum { FILE_BYTES_MAX = 16 << 20, DEPTH_MAX = 8 };

/* What is copied: with `id` in the place of `old_id`, a word of its own. NULL: as it is. */
struct copy {
    const struct pn_io *io;
    const char *old_id;
    const char *id;
};

/* Is there a whole word at `at`? "_" and "-" join an id to the other parts of a name. */
static bool is_word(const struct pn_buf *bytes, size_t at, const char *word)
{
    size_t len = strlen(word);
    const char *text = pn_buf_text(bytes);
    return bytes->len - at >= len && memcmp(text + at, word, len) == 0 &&
           (at == 0 || !isalnum((unsigned char)text[at - 1])) &&
           (at + len == bytes->len || !isalnum((unsigned char)text[at + len]));
}

static void replace_id(const struct copy *copy, const struct pn_buf *from, struct pn_buf *to)
{
    for (size_t at = 0; at < from->len;) {
        if (copy->id != NULL && is_word(from, at, copy->old_id)) {
            pn_buf_adds(to, copy->id);
            at += strlen(copy->old_id);
        } else {
            pn_buf_addc(to, from->data[at++]);
        }
    }
}

static int copy_file(const struct copy *copy, const char *from, const char *to, struct pn_err *e)
{
    const struct pn_io *io = copy->io;
    if (pn_io_exists(io, to)) {
        return 0; /* with --yes: what is there is somebody's work */
    }
    struct pn_buf bytes;
    struct pn_buf changed;
    pn_buf_init(&bytes, FILE_BYTES_MAX);
    pn_buf_init(&changed, FILE_BYTES_MAX);
    int rc = pn_io_read_file(io, from, &bytes, e);
    if (rc == 0) {
        replace_id(copy, &bytes, &changed);
        rc = pn_buf_check(&changed, from, e);
    }
    if (rc == 0) {
        rc = pn_io_create_file(io, to, pn_buf_text(&changed), changed.len, e);
    }
    pn_buf_deinit(&changed);
    pn_buf_deinit(&bytes);
    return rc;
}

static int copy_folder(const struct copy *copy, const char *from, const char *to, int depth,
                       struct pn_err *e)
{
    const struct pn_io *io = copy->io;
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
        rc = entry->is_dir ? copy_folder(copy, entry_from, entry_to, depth + 1, e)
                           : copy_file(copy, entry_from, entry_to, e);
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
                            "%s: is not empty (name a new folder, or add to it with --yes, which "
                            "never overwrites existing files)",
                            path);
    }
    return 0;
}

/* What is to be made, and of what. */
struct plan {
    bool yes;
    bool minimal;
    const char *example; /* NULL: none */
    const char *id;      /* NULL: the template's */
};

static int check_id(const struct plan *plan, const struct pn_pipeline *template, struct pn_err *e)
{
    if (plan->id == NULL) {
        return 0;
    }
    if (!pn_pipeline_id_valid(plan->id)) {
        return pn_err_input(e, "invalid --id %.80s: give at most %d letters, digits, _ and -",
                            plan->id, PN_PIPELINE_ID_MAX);
    }
    if (template->id == NULL) {
        return pn_err_input(e, "--id: the pipeline %s has no id to replace", template->name);
    }
    return 0;
}

static int init(struct pn_cli *cli, const char *folder, const struct plan *plan, struct pn_err *e)
{
    const char *name = plan->minimal ? "minimal" : plan->example;
    int rc = plan->yes ? 0 : check_free(cli->io, folder, e);
    char *from = NULL;
    if (rc == 0) {
        rc = name != NULL ? pn_program_pipeline(cli->io, name, &from, e)
                          : pn_cli_pipeline_folder(cli, &from, e);
    }
    /* What is copied is whole: a mistake in it would be found far from where it was made. */
    struct pn_pipeline *template = NULL;
    if (rc == 0) {
        rc = pn_pipeline_load(from, cli->io, &template, e);
    }
    if (rc == 0) {
        rc = check_id(plan, template, e);
    }
    if (rc == 0) {
        const struct copy copy = {.io = cli->io, .old_id = template->id, .id = plan->id};
        rc = copy_folder(&copy, template->folder, folder, 0, e);
    }
    pn_pipeline_destroy(&template);
    free(from);
    return rc;
}

int pn_cmd_init(struct pn_cli *cli, int argc, char **argv)
{
    struct plan plan = {0};
    const struct pn_opt opts[] = {
        {.name = "id",
         .kind = PN_OPT_STRING,
         .value = "ID",
         .target = &plan.id,
         .help = "the owner's ID, which replaces the one in the pipeline's names and paths"},
        {.name = "minimal",
         .kind = PN_OPT_FLAG,
         .target = &plan.minimal,
         .help = "the smallest pipeline that works: a topic, two tables, a query, a DAG"},
        {.name = "example",
         .kind = PN_OPT_CHOICE,
         .choices = "shop",
         .target = &plan.example,
         .help = "an example with made-up records: shop, the orders of a web shop"},
        {.name = "yes",
         .short_name = 'y',
         .kind = PN_OPT_FLAG,
         .target = &plan.yes,
         .help = "also copy into a folder that is not empty; existing files stay as they are"},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "DIR",
        .operands_min = 1,
        .operands_max = 1,
        .opts = opts,
        .about = "Copies the shipped pipeline (or the one of --pipeline, the smallest one, or an "
                 "example) as the beginning of your own. docs/pipeline.md explains its files.",
        .examples = "pinion init my-pipeline --id 0a1b2c3d4e5f\n"
                    "pinion init my-pipeline --minimal\n"
                    "pinion pipeline check my-pipeline\n"
                    "pinion serve --pipeline my-pipeline\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    if (plan.minimal && plan.example != NULL) {
        return pn_cli_usage(cli, "give --minimal or --example, not both");
    }
    struct pn_err e;
    if (init(cli, argv[0], &plan, &e) != 0) {
        return pn_cli_fail(cli, &e);
    }
    fprintf(cli->out,
            "Created %s. Edit its pipeline.yml, then run: pinion pipeline check %s\nTo run it: "
            "pinion serve --pipeline %s\n",
            argv[0], argv[0], argv[0]);
    return PN_EXIT_OK;
}
