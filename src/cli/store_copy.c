/* pinion store copy: the store of a data folder to a bucket, or back, or between buckets. */
#include <inttypes.h>
#include <string.h>

#include "base/units.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/store.h"
#include "report/copies.h"
#include "server/store_copy.h"

enum { FAILURES_SHOWN = 20 };

/* What is shown while it works, and what may end it. */
struct watch {
    struct pn_cli *cli;
    struct pn_signals signals;
    struct pn_progress progress;
    enum pn_copy_phase phase;
    bool is_shown;
    int64_t done;
    bool is_stopped;
};

static void end_progress(struct watch *watch)
{
    if (watch->is_shown) {
        pn_progress_end(&watch->progress, watch->done);
    }
    watch->is_shown = false;
}

static bool look(void *arg, enum pn_copy_phase phase, int64_t done, int64_t all)
{
    struct watch *watch = arg;
    if (watch->is_shown && watch->phase != phase) {
        end_progress(watch);
    }
    if (!watch->is_shown && all > 0) {
        pn_progress_start(&watch->progress, watch->cli->err, watch->cli->quiet, watch->cli->clock,
                          phase == PN_COPY_COMPARING ? "comparing objects" : "copying bytes", all);
        watch->phase = phase;
        watch->is_shown = true;
    }
    watch->done = done;
    if (watch->is_shown) {
        pn_progress_update(&watch->progress, done);
    }
    watch->is_stopped = watch->is_stopped || pn_signals_came(&watch->signals, 0);
    return watch->is_stopped;
}

/* --- what it says ----------------------------------------------------------------------------- */

static void show_failures(struct pn_cli *cli, const struct pn_copy *plan)
{
    int shown = 0;
    for (size_t i = 0; i < plan->count && shown < FAILURES_SHOWN; i++) {
        if (plan->items[i].state == PN_COPY_FAILED) {
            (void)pn_cli_failf(cli, "%s", plan->items[i].why);
            shown++;
        }
    }
}

static int64_t objects(const struct pn_copy *plan, enum pn_copy_state state)
{
    return pn_copy_count(plan, state).objects;
}

static const char *first_gone(const struct pn_copy *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->items[i].state == PN_COPY_GONE) {
            return plan->items[i].key;
        }
    }
    return "";
}

/* A setting of the bucket that --set has given: a server there needs it, too. */
static void add_option(void *arg, const struct pn_setting_shown *setting)
{
    bool is_of_bucket = strncmp(setting->name, "store.", 6) == 0 &&
                        strcmp(setting->name, "store.url") != 0 &&
                        strcmp(setting->name, "store.secret_key") != 0;
    if (is_of_bucket && strcmp(setting->origin, "--set") == 0) {
        (void)fprintf(arg, " --set %s=%s", setting->name, setting->value);
    }
}

/* What is left to say to people after a run. */
static void advise(struct pn_cli *cli, const struct pn_app *app, const struct pn_app_copy *copy,
                   const char *to, bool whole)
{
    if (whole && copy->server_url != NULL) {
        (void)fprintf(cli->err,
                      "the server %s runs on the data folder: what it writes from now on is not in "
                      "the copy. To move to %s, stop the server and run the same command again\n",
                      copy->server_url, to);
    } else if (whole && copy->hands_over && strcmp(to, "local") != 0) {
        (void)fprintf(cli->err, "to continue there: pinion serve --set store.url=%s", to);
        pn_settings_each(app->settings, add_option, cli->err);
        (void)fprintf(cli->err, "\n");
    } else if (whole && copy->hands_over) {
        (void)fprintf(cli->err, "to continue there: pinion serve, without store.url\n");
    } else if (whole) {
        (void)fprintf(cli->err,
                      "the objects are copied, but not where the sink continues, so `complete` is "
                      "false: %s was not filled by the data folder %s. To move a server, run the "
                      "command with its data folder (--data), or with its log.url and --pipeline\n",
                      copy->from_url, app->data);
    }
}

/* --- the run ---------------------------------------------------------------------------------- */

/* How many objects the target has with other contents, which people may have to agree to. */
static int64_t conflicts(const struct pn_copy *plan, const char **first)
{
    int64_t count = 0;
    *first = NULL;
    for (size_t i = 0; i < plan->count; i++) {
        const struct pn_copy_item *item = &plan->items[i];
        if (item->state == PN_COPY_DIFFERS && item->rank != PN_COPY_RANK_HINT) {
            *first = *first == NULL ? item->key : *first;
            count++;
        }
    }
    return count;
}

static int may_replace(struct pn_cli *cli, const struct pn_app_copy *copy, bool yes,
                       struct pn_err *e)
{
    const char *first = NULL;
    int64_t count = conflicts(copy->plan, &first);
    if (count == 0 || yes ||
        pn_cli_confirm(
            cli, "%s has %" PRId64 " object%s with other contents, such as %s. Replace %s?",
            copy->to_url, count, count == 1 ? "" : "s", first, count == 1 ? "it" : "them")) {
        return 0;
    }
    return pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                      "%s has %" PRId64 " object%s with other contents, such as %s: nothing was "
                      "copied. --dry-run lists them, --yes replaces them",
                      copy->to_url, count, count == 1 ? "" : "s", first);
}

static int run(struct pn_cli *cli, const struct pn_app *app, struct watch *watch,
               struct pn_app_copy *copy, const char *to, bool yes, struct pn_err *e)
{
    pn_signals_restore(&watch->signals); /* they end a question at once */
    int rc = may_replace(cli, copy, yes, e);
    if (rc != 0) {
        return rc;
    }
    pn_signals_watch(&watch->signals);
    rc = pn_app_copy_run(copy, true, e);
    end_progress(watch);
    const struct pn_copy *plan = copy->plan;
    int64_t failed = objects(plan, PN_COPY_FAILED);
    int64_t gone = objects(plan, PN_COPY_GONE);
    bool whole = rc == 0 && failed == 0 && gone == 0;
    struct pn_row_writer *rows = pn_cli_rows(cli);
    pn_report_copy(plan, copy->from_url, copy->to_url, whole && copy->hands_over, rows);
    pn_row_writer_end(&rows);
    show_failures(cli, plan);
    if (rc == 0 && failed > 0) {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                        "%" PRId64 " object%s could not be copied, so the tables' logs were not",
                        failed, failed == 1 ? "" : "s");
    } else if (rc == 0 && gone > 0) {
        rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                        "%" PRId64 " object%s removed from %s during the copy, such as %s, so what "
                        "comes after was not copied: run the same command again",
                        gone, gone == 1 ? " was" : "s were", copy->from_url, first_gone(plan));
    }
    advise(cli, app, copy, to, whole);
    return rc;
}

static int show_plan(struct pn_cli *cli, const struct pn_app_copy *copy, struct pn_err *e)
{
    const struct pn_copy *plan = copy->plan;
    struct pn_row_writer *rows = pn_cli_rows(cli);
    pn_report_copy_objects(plan, rows);
    pn_row_writer_end(&rows);
    (void)fprintf(cli->err,
                  "%" PRId64 " %s to copy, %" PRId64 " that differ, %" PRId64 " the same, %" PRId64
                  " only in %s\n",
                  objects(plan, PN_COPY_MISSING),
                  pn_noun(objects(plan, PN_COPY_MISSING), "object", "objects"),
                  objects(plan, PN_COPY_DIFFERS), objects(plan, PN_COPY_SAME), plan->extra,
                  copy->to_url);
    return objects(plan, PN_COPY_FAILED) == 0
               ? 0
               : pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "%" PRId64 " %s cannot be compared",
                            objects(plan, PN_COPY_FAILED),
                            pn_noun(objects(plan, PN_COPY_FAILED), "object", "objects"));
}

int pn_cmd_store_copy(struct pn_cli *cli, int argc, char **argv)
{
    bool dry_run = false;
    bool yes = false;
    const char *verify = "checksum";
    const struct pn_opt opts[] = {
        {.name = "dry-run",
         .kind = PN_OPT_FLAG,
         .help = "list what would be copied, and what differs",
         .target = &dry_run},
        {.name = "verify",
         .kind = PN_OPT_CHOICE,
         .choices = "checksum|read",
         .target = &verify,
         .help = "compare by the CRC-32C that the stores keep (checksum), or read the target's "
                 "objects back (read)"},
        {.name = "yes",
         .short_name = 'y',
         .kind = PN_OPT_FLAG,
         .help = "replace objects with other contents without asking",
         .target = &yes},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "FROM TO",
        .operands_min = 2,
        .operands_max = 2,
        .opts = opts,
        .uses = PN_USES_FORMAT | PN_USES_QUIET,
        .about =
            "Copies all landed objects and tables. FROM and TO are s3://BUCKET/PREFIX, or one of "
            "them is `local`, the store of the data folder; the other settings of store say how "
            "buckets are reached. Each copy is compared with its source by size and CRC-32C. What "
            "is in TO "
            "already is not copied again, so an interrupted copy continues. Objects that are only "
            "in TO stay there.",
        .examples = "pinion store copy local s3://my-bucket/my-pipeline --dry-run\n"
                    "pinion store copy local s3://my-bucket/my-pipeline\n"
                    "pinion store copy s3://my-bucket/my-pipeline local\n"
                    "pinion store copy s3://my-bucket/my-pipeline s3://another/place\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    const struct pn_app *app = NULL;
    struct pn_app_copy *copy = NULL;
    struct watch watch = {.cli = cli};
    int rc = pn_cli_app(cli, &app, &failure);
    if (rc == 0) {
        const struct pn_app_copy_config config = {.from = argv[0],
                                                  .to = argv[1],
                                                  .only_plans = dry_run,
                                                  .reads_back = strcmp(verify, "read") == 0,
                                                  .look = look,
                                                  .arg = &watch};
        pn_signals_watch(&watch.signals);
        rc = pn_app_copy_begin(app, &config, &copy, &failure);
        end_progress(&watch);
    }
    if (rc == 0) {
        rc = dry_run ? show_plan(cli, copy, &failure)
                     : run(cli, app, &watch, copy, argv[1], yes, &failure);
    }
    pn_app_copy_end(&copy);
    return rc == 0 ? PN_EXIT_OK : pn_cli_fail(cli, &failure);
}
