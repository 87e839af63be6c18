#include "report/left_tables.h"

#include <string.h>

#include "pipeline/glob.h"
#include "pipeline/pattern.h"
#include "report/undeclared.h"

enum { LEFT_COMMITS_MAX = 10, TEXT_BYTES_MAX = 1 << 20 };

struct search {
    const struct pn_table_source *source;
    struct pn_arena *arena;
    size_t objects; /* that were listed in the folders of all tables */
    const char *key;
    const char *inside; /* what else is in the folder; NULL: nothing was found */
};

/* --- what made it ----------------------------------------------------------------------------- */

static bool is_ours(const struct pn_delta_history_entry *entry)
{
    static const char name[] = "pinion/";
    return pn_delta_maker_is_known(&entry->maker) ||
           strncmp(entry->engine_info, name, strlen(name)) == 0;
}

/* What of this program made the newest of its commits; NULL: none of those that were read is its.
 */
static const char *find_maker(const struct search *search)
{
    struct pn_delta_history_entry *entries = NULL;
    size_t count = 0;
    size_t i = 0;
    const char *maker = NULL;
    struct pn_err ignored;
    struct pn_delta *delta = pn_report_open_table(search->source, search->key);
    if (pn_delta_history(delta, -1, LEFT_COMMITS_MAX, search->arena, &entries, &count, &ignored) !=
        0) {
        count = 0;
    }
    while (i < count && !is_ours(&entries[i])) {
        i++;
    }
    if (i < count) {
        struct pn_buf text;
        pn_buf_init(&text, TEXT_BYTES_MAX);
        pn_report_made_by(&entries[i], &text);
        maker = pn_arena_strdup(search->arena, pn_buf_text(&text));
        pn_buf_deinit(&text);
    }
    pn_delta_destroy(&delta);
    return maker;
}

/* --- what else is in its folder --------------------------------------------------------------- */

/* Is the place the key, or below it? Both have whole parts; that of a pattern has a `*`. */
static bool is_within(const struct search *search, const char *place)
{
    const char *end = place;
    for (const char *at = search->key; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        end += *end == '/';
        end += strcspn(end, "/");
    }
    return pn_pattern_matches(pn_arena_strndup(search->arena, place, (size_t)(end - place)),
                              search->key);
}

static void take_place(struct search *search, const char *what, const char *place)
{
    if (search->inside == NULL && place != NULL && is_within(search, place)) {
        search->inside = pn_arena_printf(search->arena, "%s (%s)", what, place);
    }
}

static void take_table(struct search *search, const struct pn_table *table)
{
    const char *name = table->name;
    take_place(search, pn_arena_printf(search->arena, "the table %s", name), table->path);
    take_place(search, pn_arena_printf(search->arena, "the folder of checkpoints of %s", name),
               table->checkpoints);
    if (search->inside == NULL && table->from_files != NULL &&
        pn_glob_reaches(table->from_files->glob, search->key)) {
        search->inside = pn_arena_printf(search->arena, "what the table %s is made of (%s)", name,
                                         table->from_files->glob);
    }
}

static void find_declared(struct search *search)
{
    const struct pn_pipeline *pipeline = search->source->pipeline;
    for (size_t i = 0; i < pipeline->table_count; i++) {
        take_table(search, &pipeline->tables[i]);
    }
    for (size_t i = 0; i < pipeline->table_pattern_count; i++) {
        take_table(search, &pipeline->table_patterns[i]);
    }
    take_place(search, "sink.topics_dir", pipeline->topics_dir);
    take_place(search, "sink.origins_dir", pipeline->origins_dir);
    take_place(search, "sink.dead_letters_dir", pipeline->dead_letters_dir);
    take_place(search, "the table dead_letters", pipeline->dead_letters_path);
    take_place(search, "the table stream_dead_letters", pipeline->stream_dead_letters_path);
}

/* The log of another table, or what a data folder keeps in its store. */
static int look_for_another(void *arg, const struct pn_object *object)
{
    static const char *const marks[] = {"/_delta_log/", "/.pinion/"};
    static const char *const names[] = {"the table", "the store"};
    struct search *search = arg;
    const char *below = object->key + strlen(search->key) + 1;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        const char *at = strstr(below, marks[i]);
        if (at != NULL) {
            search->inside = pn_arena_printf(search->arena, "%s %.*s", names[i],
                                             (int)(at - object->key), object->key);
            return 1;
        }
    }
    return ++search->objects >= PN_UNDECLARED_OBJECTS_MAX ? 1 : 0;
}

static int find_inside(struct search *search, struct pn_err *e)
{
    search->inside = NULL;
    find_declared(search);
    if (search->inside != NULL || search->objects >= PN_UNDECLARED_OBJECTS_MAX) {
        return 0;
    }
    int rc =
        pn_store_list(search->source->store, pn_arena_printf(search->arena, "%s/", search->key),
                      NULL, look_for_another, search, e);
    return rc == 1 ? 0 : rc;
}

/* --- rows ------------------------------------------------------------------------------------- */

/* A query takes a word without a "/" for the name of a table. */
static const char *way_to_query(const struct search *search)
{
    struct pn_buf text;
    pn_buf_init(&text, TEXT_BYTES_MAX);
    if (strchr(search->key, '/') != NULL) {
        pn_buf_adds(&text, "query it as \"");
        for (const char *at = search->key; *at != '\0'; at++) {
            pn_buf_adds(&text, *at == '"' ? "\"" : "");
            pn_buf_addc(&text, *at);
        }
        pn_buf_adds(&text, "\", ");
    }
    const char *way = pn_arena_strdup(search->arena, pn_buf_text(&text));
    pn_buf_deinit(&text);
    return way;
}

static void put(const struct search *search, const char *maker, struct pn_row_writer *rows)
{
    static const char if_alone[] = "or remove its folder if no other pipeline uses it";
    const char *removal =
        search->inside != NULL
            ? pn_arena_printf(search->arena, "but do not remove its folder, in which is %s",
                              search->inside)
        : search->objects < PN_UNDECLARED_OBJECTS_MAX
            ? if_alone
            : pn_arena_printf(search->arena, "%s and nothing else is in it", if_alone);
    pn_cell_cstr(rows, search->key);
    pn_cell_cstr(rows, "not declared");
    pn_cell_null(rows);
    pn_cell_null(rows);
    pn_cell_null(rows);
    pn_cell_cstr(rows, pn_arena_printf(search->arena,
                                       "nothing is deleted: %sdeclare it again, %s (made by %s)",
                                       way_to_query(search), removal, maker));
    pn_cell_bool(rows, false);
}

int pn_report_left_tables(const struct pn_table_source *source, struct pn_row_writer *rows,
                          bool *is_cut, struct pn_err *e)
{
    struct pn_undeclared found = {0};
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    struct search search = {.source = source, .arena = &arena};
    int rc = pn_report_undeclared(source->pipeline, source->store, PN_UNDECLARED_ANYWHERE, &arena,
                                  &found, e);
    for (size_t i = 0; rc == 0 && i < found.count; i++) {
        search.key = found.keys[i];
        const char *maker = find_maker(&search);
        if (maker != NULL) {
            rc = find_inside(&search, e);
        }
        if (rc == 0 && maker != NULL) {
            put(&search, maker, rows);
        }
    }
    *is_cut = found.is_cut;
    pn_arena_deinit(&arena);
    return rc;
}
