#include "upkeep/upkeep.h"

#include "base/units.h"

const char *pn_upkeep_kind_name(enum pn_upkeep_kind kind)
{
    return kind == PN_UPKEEP_OPTIMIZE ? "optimize" : "vacuum";
}

/* A call, as its callbacks see it. */
struct work {
    const struct pn_upkeep_watch *watch;
    struct pn_upkeep_result *result;
};

static void take_file(const struct work *work, const char *path, int64_t size_bytes)
{
    work->result->files++;
    work->result->size_bytes += size_bytes > 0 ? size_bytes : 0;
    if (work->watch->file != NULL) {
        work->watch->file(work->watch->arg, path, size_bytes);
    }
}

static bool step(const struct work *work, int64_t done, int64_t total)
{
    return work->watch->step == NULL || work->watch->step(work->watch->arg, done, total);
}

/* --- optimize --------------------------------------------------------------------------------- */

/* What the first pass would merge. */
static int plan(struct pn_delta *table, const struct pn_upkeep *upkeep, const struct work *work,
                struct pn_err *e)
{
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_delta_group *groups = NULL;
    size_t count = 0;
    int rc = pn_delta_snapshot(table, -1, &snapshot, e);
    if (rc == 0) {
        rc = pn_delta_optimize_plan(snapshot, upkeep->target_bytes, &groups, &count, e);
    }
    if (rc == 0) {
        work->result->files_before = (int64_t)snapshot->file_count;
        work->result->files_after = work->result->files_before;
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        for (size_t k = 0; k < groups[i].count; k++) {
            take_file(work, groups[i].files[k]->path, groups[i].files[k]->size_bytes);
        }
        work->result->files_after -= (int64_t)groups[i].count - 1;
    }
    pn_delta_snapshot_destroy(&snapshot);
    return rc;
}

static void interrupt_engine(void *target)
{
    pn_engine_interrupt(target);
}

static void be_interruptible(const struct work *work, void (*interrupt)(void *target), void *target)
{
    if (work->watch->interruptible != NULL) {
        work->watch->interruptible(work->watch->arg, interrupt, target);
    }
}

static bool step_of_optimize(void *arg, int64_t done, int64_t total)
{
    return step(arg, done, total);
}

static int optimize(struct pn_engine *engine, struct pn_delta *table,
                    const struct pn_upkeep *upkeep, struct work *work, struct pn_err *e)
{
    const struct pn_optimize_watch watch = {.step = step_of_optimize, .arg = work};
    struct pn_upkeep_result *result = work->result;
    struct pn_upkeep_result planned = {0};
    const struct pn_upkeep_watch unheard = {.arg = NULL};
    const struct work first = {.watch = &unheard, .result = &planned};
    int rc = plan(table, upkeep, &first, e);
    if (rc == 0) {
        be_interruptible(work, interrupt_engine, engine);
        rc = pn_engine_optimize(engine, pn_delta_path(table), upkeep->target_bytes, &watch,
                                &result->files_before, &result->files_after, e);
        be_interruptible(work, NULL, NULL);
    }
    if (rc == 0) {
        result->files = planned.files;
        result->size_bytes = planned.size_bytes;
    }
    return rc;
}

/* --- vacuum ----------------------------------------------------------------------------------- */

static int sweep_file(void *arg, const char *path, int64_t size_bytes)
{
    take_file(arg, path, size_bytes);
    return 0;
}

static int look(void *arg)
{
    const struct work *work = arg;
    return step(work, work->result->files, -1) ? 0 : PN_FAIL;
}

/* What the table keeps is kept, unless the caller insists. */
static int choose_retention(struct pn_delta *table, const struct pn_upkeep *upkeep,
                            int64_t *retention_ms, struct pn_err *e)
{
    struct pn_delta_snapshot *snapshot = NULL;
    int rc = pn_delta_snapshot(table, -1, &snapshot, e);
    if (rc != 0) {
        return rc;
    }
    int64_t own_ms = pn_delta_retention_ms(table, snapshot);
    pn_delta_snapshot_destroy(&snapshot);
    *retention_ms = upkeep->retention_ms < 0 ? own_ms : upkeep->retention_ms;
    if (*retention_ms < own_ms && !upkeep->force) {
        char asked[PN_UNITS_SIZE];
        char own[PN_UNITS_SIZE];
        return pn_err_input(e,
                            "%s keeps removed files for %s; with %s, running queries and writers "
                            "could lose files that they use. To do it nevertheless, give --force "
                            "(by the API \"force\": true)",
                            pn_delta_path(table), pn_format_duration(own_ms, own),
                            pn_format_duration(*retention_ms, asked));
    }
    return 0;
}

static int vacuum(struct pn_delta *table, const struct pn_upkeep *upkeep, struct work *work,
                  struct pn_err *e)
{
    struct pn_err why = {.class_ = PN_CLASS_NONE};
    int64_t retention_ms = 0;
    int rc = choose_retention(table, upkeep, &retention_ms, e);
    if (rc != 0) {
        return rc;
    }
    rc = pn_delta_vacuum(table, retention_ms, upkeep->dry_run, sweep_file, look, work, &why);
    if (rc != 0 && why.class_ == PN_CLASS_NONE) { /* ours */
        return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                          "%s: the vacuum was cancelled; files that it had deleted are gone",
                          pn_delta_path(table));
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    return rc;
}

int pn_upkeep_run(struct pn_engine *engine, struct pn_delta *table, const struct pn_upkeep *upkeep,
                  const struct pn_upkeep_watch *watch, struct pn_upkeep_result *result,
                  struct pn_err *e)
{
    struct work work = {.watch = watch, .result = result};
    *result = (struct pn_upkeep_result){0};
    if (upkeep->kind == PN_UPKEEP_VACUUM) {
        return vacuum(table, upkeep, &work, e);
    }
    return upkeep->dry_run ? plan(table, upkeep, &work, e)
                           : optimize(engine, table, upkeep, &work, e);
}
