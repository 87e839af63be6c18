#include "engine/imported.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "engine/import.h"

enum { DRAW_SHIFT = 11 /* 53 bits, as JSON has them */ };

struct pn_delta_txn pn_imported_draw(int64_t now_ms)
{
    return (struct pn_delta_txn){.app_id = PN_IMPORTS_DRAW,
                                 .version = (int64_t)(pn_entropy_u64() >> DRAW_SHIFT),
                                 .updated_ms = now_ms};
}

struct pn_delta_txn pn_imported_condition(const struct pn_delta_snapshot *snapshot)
{
    return (struct pn_delta_txn){
        .app_id = PN_IMPORTS_DRAW,
        .version = snapshot != NULL ? pn_delta_txn_version(snapshot, PN_IMPORTS_DRAW) : -1};
}

/* Is the commit one, at or after the time? */
static bool is_turn(const struct pn_delta_history_entry *entry, struct pn_imported_turn *turn)
{
    bool is_restore = strcmp(entry->operation, "RESTORE") == 0;
    if (!is_restore && strstr(entry->parameters, "\"Overwrite\"") == NULL) {
        return false;
    }
    *turn = (struct pn_imported_turn){.is_restore = is_restore,
                                      .is_partial = strstr(entry->parameters, "redicate") != NULL,
                                      .at_ms = entry->timestamp_ms};
    return true;
}

struct pn_imported_turn pn_imported_turn_since(struct pn_delta *delta,
                                               const struct pn_delta_snapshot *snapshot,
                                               int64_t since_ms)
{
    enum { COMMITS_MAX = 10000, COMMITS_AT_ONCE = 16 };
    const int64_t restored = pn_delta_txn_version(snapshot, PN_IMPORTS_RESTORED);
    struct pn_imported_turn turn = {.at_ms = -1};
    int64_t from = snapshot->version;
    bool goes_on = from > restored;
    for (int read = 0; goes_on && read < COMMITS_MAX; read += COMMITS_AT_ONCE) {
        struct pn_delta_history_entry *entries = NULL;
        size_t count = 0;
        struct pn_err ignored;
        struct pn_arena arena;
        pn_arena_init(&arena, 0);
        int rc = pn_delta_history(delta, from, COMMITS_AT_ONCE, &arena, &entries, &count, &ignored);
        turn.is_uncertain = rc != 0 || count == 0;
        goes_on = !turn.is_uncertain;
        for (size_t i = 0; goes_on && i < count; i++) {
            from = entries[i].version - 1;
            goes_on = entries[i].timestamp_ms >= since_ms && !is_turn(&entries[i], &turn) &&
                      from > restored;
        }
        pn_arena_deinit(&arena);
    }
    turn.is_uncertain = turn.is_uncertain || goes_on;
    return turn;
}

/* A file, by what the log says of it. */
struct file {
    const struct pn_delta_txn *txn;
    const struct pn_delta_txn *rows; /* NULL: nothing */
    const struct pn_delta_txn *dropped;
    const struct pn_delta_txn *unsure; /* of the last restore; NULL: that was sure */
};

static int by_app(const void *one, const void *other)
{
    const struct pn_delta_txn *const *a = one;
    const struct pn_delta_txn *const *b = other;
    return strcmp((*a)->app_id, (*b)->app_id);
}

static bool is_sub(const struct pn_delta_txn *txn, const char *app_id, const char *what)
{
    size_t len = strlen(app_id);
    return strncmp(txn->app_id, app_id, len) == 0 && txn->app_id[len] == '/' &&
           strcmp(txn->app_id + len + 1, what) == 0;
}

/* All files, in the order of their names; in the arena. */
static size_t files_of(const struct pn_delta_snapshot *snapshot, struct pn_arena *arena,
                       struct file **files)
{
    size_t room = snapshot != NULL ? snapshot->txn_count : 0;
    const struct pn_delta_txn **txns = pn_arena_calloc(arena, room + 1, sizeof *txns);
    const int64_t restored =
        snapshot != NULL ? pn_delta_txn_version(snapshot, PN_IMPORTS_RESTORED) : -1;
    size_t found = 0;
    size_t count = 0;
    for (size_t i = 0; i < room; i++) {
        if (strncmp(snapshot->txns[i].app_id, PN_IMPORT_APP, strlen(PN_IMPORT_APP)) == 0) {
            txns[found++] = &snapshot->txns[i];
        }
    }
    qsort(txns, found, sizeof *txns, by_app); /* what is said of a file comes after it */
    *files = pn_arena_calloc(arena, found + 1, sizeof **files);
    for (size_t i = 0; i < found;) {
        struct file *file = &(*files)[count++];
        file->txn = txns[i++];
        for (; i < found && strchr(txns[i]->app_id + strlen(PN_IMPORT_APP), '/') != NULL; i++) {
            file->rows = is_sub(txns[i], file->txn->app_id, "rows") ? txns[i] : file->rows;
            file->dropped = is_sub(txns[i], file->txn->app_id, "dropped") ? txns[i] : file->dropped;
            if (is_sub(txns[i], file->txn->app_id, "unsure") && txns[i]->version == restored) {
                file->unsure = txns[i];
            }
        }
    }
    return count;
}

/* When the rows of a file came, or went; *went says which. */
static int64_t changed_ms(const struct file *file, bool *went)
{
    *went = file->dropped != NULL && file->dropped->version >= file->txn->version;
    return *went ? file->dropped->updated_ms : file->txn->updated_ms;
}

static struct pn_imported_turn turn_of(const struct file *file, const struct pn_imported_turn *last)
{
    bool went = false;
    struct pn_imported_turn turn = *last;
    if (file->unsure != NULL && file->unsure->updated_ms > turn.at_ms) {
        turn = (struct pn_imported_turn){.is_restore = true,
                                         .is_uncertain = turn.is_uncertain,
                                         .at_ms = file->unsure->updated_ms};
    }
    return turn.at_ms >= changed_ms(file, &went)
               ? turn
               : (struct pn_imported_turn){.is_uncertain = turn.is_uncertain, .at_ms = -1};
}

enum presence { THERE, GONE, UNSURE };

static enum presence presence_of(const struct file *file, const struct pn_imported_turn *last)
{
    bool went = false;
    const struct pn_imported_turn turn = turn_of(file, last);
    (void)changed_ms(file, &went);
    if (went) {
        return turn.is_uncertain || turn.is_restore ? UNSURE : GONE;
    }
    if (turn.at_ms >= 0 && !turn.is_restore && !turn.is_partial) {
        return GONE;
    }
    return turn.at_ms >= 0 ? UNSURE : THERE;
}

/* The last turn that may concern one of the files. */
static struct pn_imported_turn last_turn(struct pn_delta *delta,
                                         const struct pn_delta_snapshot *snapshot,
                                         const struct file *files, size_t count)
{
    int64_t first_ms = INT64_MAX;
    bool went = false;
    for (size_t i = 0; i < count; i++) {
        int64_t ms = changed_ms(&files[i], &went);
        first_ms = ms < first_ms ? ms : first_ms;
    }
    return count > 0 ? pn_imported_turn_since(delta, snapshot, first_ms)
                     : (struct pn_imported_turn){.at_ms = -1};
}

/* Those whose rows may be in the table. */
static size_t files_there(struct pn_delta *delta, const struct pn_delta_snapshot *snapshot,
                          struct pn_arena *arena, struct file **files)
{
    size_t all = files_of(snapshot, arena, files);
    size_t count = 0;
    const struct pn_imported_turn turn = last_turn(delta, snapshot, *files, all);
    for (size_t i = 0; i < all; i++) {
        if (presence_of(&(*files)[i], &turn) != GONE) {
            (*files)[count++] = (*files)[i];
        }
    }
    return count;
}

struct pn_imported pn_imported_of(struct pn_delta *delta, const struct pn_delta_snapshot *snapshot)
{
    struct pn_arena arena;
    struct file *files = NULL;
    pn_arena_init(&arena, 0);
    struct pn_imported imported = {.files = files_there(delta, snapshot, &arena, &files)};
    for (size_t i = 0; i < imported.files; i++) {
        int64_t rows = files[i].rows != NULL ? files[i].rows->version : -1;
        imported.rows = rows < 0 || imported.rows < 0 ? -1 : imported.rows + rows;
    }
    pn_arena_deinit(&arena);
    return imported;
}

void pn_imported_describe(const struct pn_imported *imported, struct pn_buf *text)
{
    if (imported->rows >= 0) {
        pn_buf_addf(text, "%" PRId64 " row%s", imported->rows, imported->rows == 1 ? "" : "s");
    } else {
        pn_buf_adds(text, "the rows");
    }
    pn_buf_addf(text, " of %zu imported file%s", imported->files, imported->files == 1 ? "" : "s");
}

static const char *sub_app(struct pn_arena *arena, const char *app_id, const char *what)
{
    return pn_arena_printf(arena, "%s/%s", app_id, what);
}

const struct pn_delta_txn *pn_imported_dropped(const struct pn_delta_snapshot *snapshot,
                                               const char *app_id)
{
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    const struct pn_delta_txn *dropped =
        pn_delta_txn_of(snapshot, sub_app(&arena, app_id, "dropped"));
    pn_arena_deinit(&arena);
    return dropped != NULL && dropped->version >= pn_delta_txn_version(snapshot, app_id) ? dropped
                                                                                         : NULL;
}

struct pn_imported_turn pn_imported_turn_of(const struct pn_delta_snapshot *snapshot,
                                            const char *app_id, const struct pn_imported_turn *last)
{
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    struct file file = {.txn = pn_delta_txn_of(snapshot, app_id),
                        .dropped = pn_delta_txn_of(snapshot, sub_app(&arena, app_id, "dropped")),
                        .unsure = pn_delta_txn_of(snapshot, sub_app(&arena, app_id, "unsure"))};
    if (file.unsure != NULL &&
        file.unsure->version != pn_delta_txn_version(snapshot, PN_IMPORTS_RESTORED)) {
        file.unsure = NULL;
    }
    pn_arena_deinit(&arena);
    return turn_of(&file, last);
}

int64_t pn_imported_next(const struct pn_delta_snapshot *snapshot, const char *app_id)
{
    int64_t has = snapshot != NULL ? pn_delta_txn_version(snapshot, app_id) : -1;
    return has < 0 ? 1 : has + 1;
}

struct pn_delta_txn pn_imported_not_restored(const struct pn_delta_snapshot *snapshot)
{
    return (struct pn_delta_txn){.app_id = PN_IMPORTS_RESTORED,
                                 .version = pn_delta_txn_version(snapshot, PN_IMPORTS_RESTORED)};
}

struct pn_delta_txn pn_imported_not_dropped(const struct pn_delta_snapshot *snapshot,
                                            const char *app_id, struct pn_arena *arena)
{
    const char *dropped = sub_app(arena, app_id, "dropped");
    return (struct pn_delta_txn){.app_id = dropped,
                                 .version = pn_delta_txn_version(snapshot, dropped)};
}

bool pn_imported_rows_txn(const struct pn_delta_snapshot *snapshot, const char *app_id,
                          int64_t rows, int64_t now_ms, struct pn_arena *arena,
                          struct pn_delta_txn *txn)
{
    const char *rows_app = sub_app(arena, app_id, "rows");
    bool is_there = snapshot != NULL && pn_delta_txn_of(snapshot, app_id) != NULL &&
                    pn_imported_dropped(snapshot, app_id) == NULL;
    int64_t before = is_there ? pn_delta_txn_version(snapshot, rows_app) : 0;
    *txn =
        (struct pn_delta_txn){.app_id = rows_app, .version = before + rows, .updated_ms = now_ms};
    return before >= 0;
}

void pn_imported_drop_txns(struct pn_delta *delta, const struct pn_delta_snapshot *snapshot,
                           int64_t now_ms, struct pn_arena *arena, struct pn_delta_txn **txns,
                           size_t *count)
{
    struct file *files = NULL;
    *count = files_there(delta, snapshot, arena, &files);
    *txns = pn_arena_calloc(arena, *count + 1, sizeof **txns);
    for (size_t i = 0; i < *count; i++) {
        (*txns)[i] =
            (struct pn_delta_txn){.app_id = sub_app(arena, files[i].txn->app_id, "dropped"),
                                  .version = files[i].txn->version,
                                  .updated_ms = now_ms};
    }
}

/* --- restores --------------------------------------------------------------------------------- */

/* How often the rows of a file are in the table. */
static int64_t times_of(const struct file *file)
{
    int64_t dropped = file->dropped != NULL ? file->dropped->version : 0;
    return file->txn->version - dropped;
}

struct restoring {
    int64_t now_ms;
    struct pn_arena *arena;
    struct pn_delta_txn *txns;
    size_t count;
};

static void set(struct restoring *restoring, const char *app_id, int64_t version)
{
    restoring->txns[restoring->count++] = (struct pn_delta_txn){
        .app_id = app_id, .version = version, .updated_ms = restoring->now_ms};
}

static void set_sub(struct restoring *restoring, const struct file *file, const char *what,
                    int64_t version)
{
    set(restoring, sub_app(restoring->arena, file->txn->app_id, what), version);
}

/* Sets what is said of a file of `now` to what an older version has; NULL: it has no rows of it. */
static void set_file(struct restoring *restoring, const struct file *file, const struct file *then)
{
    const int64_t times = then != NULL ? times_of(then) : 0;
    const int64_t rows = then != NULL && then->rows != NULL ? then->rows->version : -1;
    const int64_t rows_now = file->rows != NULL ? file->rows->version : -1;
    if (times != times_of(file)) {
        set_sub(restoring, file, "dropped", file->txn->version - times);
    }
    if (then != NULL && rows != rows_now) {
        set_sub(restoring, file, "rows", rows);
    }
}

static int by_file(const void *one, const void *other)
{
    const struct file *a = one;
    const struct file *b = other;
    return strcmp(a->txn->app_id, b->txn->app_id);
}

bool pn_imported_restore_txns(void *arg, struct pn_delta *delta,
                              const struct pn_delta_snapshot *now,
                              const struct pn_delta_snapshot *then, struct pn_arena *arena,
                              struct pn_delta_txn **txns, size_t *count)
{
    enum { TXNS_OF_A_FILE = 3, TXNS_OF_ALL = 2 };
    struct pn_imported_restore *restore = arg;
    struct file *files = NULL;
    struct file *olds = NULL;
    const size_t file_count = files_of(now, arena, &files);
    const size_t old_count = files_of(then, arena, &olds);
    const struct pn_imported_turn turn = last_turn(delta, now, files, file_count);
    const struct pn_imported_turn old_turn = last_turn(delta, then, olds, old_count);
    struct restoring restoring = {.now_ms = pn_wall_ms(restore->clock), .arena = arena};
    *restore = (struct pn_imported_restore){.clock = restore->clock};
    restoring.txns =
        pn_arena_calloc(arena, TXNS_OF_A_FILE * file_count + TXNS_OF_ALL, sizeof *restoring.txns);
    for (size_t i = 0; i < file_count; i++) {
        const struct file *old = bsearch(&files[i], olds, old_count, sizeof *olds, by_file);
        const enum presence was = presence_of(&files[i], &turn);
        const enum presence becomes = old != NULL ? presence_of(old, &old_turn) : GONE;
        set_file(&restoring, &files[i], becomes != GONE ? old : NULL);
        if (becomes == UNSURE) {
            set_sub(&restoring, &files[i], "unsure", now->version + 1);
        }
        restore->left += was != GONE && becomes == GONE;
        restore->back += was == GONE && becomes == THERE;
        restore->unsure += becomes == UNSURE;
        restore->settled += was == UNSURE && becomes != UNSURE;
    }
    if (file_count > 0) {
        set(&restoring, PN_IMPORTS_RESTORED, now->version + 1);
        const struct pn_delta_txn draw = pn_imported_draw(restoring.now_ms);
        set(&restoring, draw.app_id, draw.version);
    }
    *txns = restoring.txns;
    *count = restoring.count;
    return restore->settled > 0;
}
