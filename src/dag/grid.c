#include "dag/grid.h"

#include <stdlib.h>
#include <string.h>

#include "dag/db_internal.h"

/* A name, and its place among the grid's tasks. */
struct place {
    const char *name;
    size_t at;
};

/* Where the tasks are, by name: a run's tasks come in that order, so that the two are walked
 * together. */
struct places {
    struct place *items;
    size_t count;
    size_t capacity;
};

/* A cell of a run, before all the tasks are known. */
struct cell {
    size_t at;
    char letter;
    int32_t tries;
};

struct reading {
    struct pn_dag_db *db;
    struct pn_arena *arena;
    struct places places;
    size_t task_count;   /* places given so far */
    struct cell **cells; /* of each run */
    size_t *cell_counts;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct place *)a)->name, ((const struct place *)b)->name);
}

static void place_tasks(struct reading *reading, const struct pn_dag *dag)
{
    struct places *places = &reading->places;
    places->capacity = dag->task_count + 1;
    places->items = pn_arena_calloc(reading->arena, places->capacity, sizeof *places->items);
    for (size_t i = 0; i < dag->task_count; i++) {
        places->items[i] = (struct place){.name = dag->tasks[i].name, .at = i};
    }
    places->count = reading->task_count = dag->task_count;
    qsort(places->items, places->count, sizeof *places->items, by_name);
}

/* A task that the DAG has no longer gets a place behind all others. */
static void insert_place(struct reading *reading, size_t at, const char *name)
{
    struct places *places = &reading->places;
    places->items = pn_dag_db_room(reading->arena, places->items, places->count, &places->capacity,
                                   sizeof *places->items);
    memmove(&places->items[at + 1], &places->items[at],
            (places->count - at) * sizeof *places->items);
    places->items[at] =
        (struct place){.name = pn_arena_strdup(reading->arena, name), .at = reading->task_count++};
    places->count++;
}

/* The tasks of a run, which the statement gives by name. */
static int read_cells(struct reading *reading, sqlite3_stmt *statement, size_t run,
                      struct pn_err *e)
{
    struct cell *cells = NULL;
    size_t count = 0;
    size_t capacity = 0;
    size_t at = 0;
    int row = 0;
    while ((row = pn_dag_db_next(reading->db, statement, e)) == 1) {
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        int state = pn_task_state_parse((const char *)sqlite3_column_text(statement, 1));
        while (at < reading->places.count && strcmp(reading->places.items[at].name, name) < 0) {
            at++;
        }
        if (at == reading->places.count || strcmp(reading->places.items[at].name, name) != 0) {
            insert_place(reading, at, name);
        }
        cells = pn_dag_db_room(reading->arena, cells, count, &capacity, sizeof *cells);
        cells[count++] = (struct cell){
            .at = reading->places.items[at].at,
            .letter = state >= 0 ? pn_task_state_letter((enum pn_task_state)state) : '?',
            .tries = sqlite3_column_int(statement, 2),
        };
    }
    reading->cells[run] = cells;
    reading->cell_counts[run] = count;
    return row < 0 ? PN_FAIL : 0;
}

static int read_tasks(struct reading *reading, const struct pn_run *runs, size_t count,
                      struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    reading->cells = pn_arena_calloc(reading->arena, count + 1, sizeof(struct cell *));
    reading->cell_counts = pn_arena_calloc(reading->arena, count + 1, sizeof *reading->cell_counts);
    int rc =
        pn_dag_db_prepare(reading->db, &statement, e,
                          "SELECT task, state, tries FROM task WHERE run = ?1 ORDER BY task", "");
    for (size_t i = 0; rc == 0 && i < count; i++) {
        (void)sqlite3_bind_int64(statement, 1, runs[i].id);
        rc = read_cells(reading, statement, i, e);
        (void)sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
    return rc;
}

static void fill(const struct reading *reading, const struct pn_run *runs, size_t count,
                 struct pn_grid *grid)
{
    grid->task_count = reading->task_count;
    grid->tasks = pn_arena_calloc(reading->arena, grid->task_count + 1, sizeof *grid->tasks);
    for (size_t i = 0; i < reading->places.count; i++) {
        grid->tasks[reading->places.items[i].at] = reading->places.items[i].name;
    }
    grid->run_count = count;
    grid->runs = pn_arena_calloc(reading->arena, count + 1, sizeof *grid->runs);
    for (size_t i = 0; i < count; i++) {
        struct pn_grid_run *run = &grid->runs[i];
        run->run = runs[i];
        run->states = pn_arena_calloc(reading->arena, grid->task_count + 1, 1);
        run->tries = pn_arena_calloc(reading->arena, grid->task_count + 1, sizeof *run->tries);
        memset(run->states, ' ', grid->task_count);
        for (size_t j = 0; j < reading->cell_counts[i]; j++) {
            const struct cell *cell = &reading->cells[i][j];
            run->states[cell->at] = cell->letter;
            run->tries[cell->at] = cell->tries;
        }
    }
}

int pn_dag_db_grid(struct pn_dag_db *db, const struct pn_dag *dag, int64_t before_id, int64_t limit,
                   struct pn_arena *arena, struct pn_grid *grid, struct pn_err *e)
{
    struct reading reading = {.db = db, .arena = arena};
    /* One more than is asked for tells whether another page follows. */
    const struct pn_run_filter filter = {
        .dag = dag->name, .before_id = before_id, .limit = limit + 1};
    struct pn_run *runs = NULL;
    size_t count = 0;
    *grid = (struct pn_grid){.dag_task_count = dag->task_count};
    int rc = pn_dag_db_runs(db, &filter, arena, &runs, &count, e);
    if (rc != 0) {
        return rc;
    }
    if (count > (size_t)limit) {
        count = (size_t)limit;
        grid->next_id = runs[count - 1].id;
    }
    place_tasks(&reading, dag);
    rc = read_tasks(&reading, runs, count, e);
    if (rc == 0) {
        fill(&reading, runs, count, grid);
    }
    return rc;
}
