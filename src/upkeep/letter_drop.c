#include "upkeep/letter_drop.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/mem.h"

enum { CELL_ID, CELL_SOURCE, CELL_TABLE, CELL_OBJECT, CELLS };

/* The letters that were chosen. */
struct chosen {
    struct pn_json_parser *parser;
    struct pn_arena arena;
    struct pn_letter_drop *drops;
    size_t count;
    size_t capacity;
};

static int take_columns(void *arg, const char *const *names, const char *const *types, size_t count)
{
    (void)arg;
    (void)names;
    (void)types;
    PN_ASSERT(count == CELLS);
    return 0;
}

/* A cell's text; NULL of a null. */
static const char *text_of(struct chosen *chosen, const char *cell)
{
    struct pn_json *root = NULL;
    size_t len = strlen(cell);
    return pn_json_parse(chosen->parser, cell, len, len, &root, NULL) == 0 &&
                   root->type == PN_JSON_STRING
               ? pn_arena_strndup(&chosen->arena, root->text, root->text_len)
               : NULL;
}

static int take_row(void *arg, const char *const *values, size_t count)
{
    struct chosen *chosen = arg;
    (void)count;
    const char *source = text_of(chosen, values[CELL_SOURCE]);
    const struct pn_letter_drop drop = {.id = text_of(chosen, values[CELL_ID]),
                                        .is_stream =
                                            source != NULL && strcmp(source, "stream") == 0,
                                        .table = text_of(chosen, values[CELL_TABLE]),
                                        .object = text_of(chosen, values[CELL_OBJECT])};
    pn_grow((void **)&chosen->drops, &chosen->capacity, chosen->count + 1, sizeof *chosen->drops);
    chosen->drops[chosen->count++] = drop;
    return 0;
}

static int choose(struct pn_embedded_engine *engine, const struct pn_letter_choice *choice,
                  struct chosen *chosen, struct pn_err *e)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *parameters = NULL;
    size_t len = strlen(choice->parameters);
    int rc = pn_json_parse(parser, choice->parameters, len, len, &parameters, e);
    if (rc == 0) {
        const struct pn_rows rows = {.columns = take_columns, .row = take_row, .arg = chosen};
        const struct pn_ask ask = {.sql = choice->sql, .parameters = parameters, .rows = &rows};
        rc = pn_engine_ask(engine, &ask, e);
    }
    pn_json_parser_destroy(&parser);
    return rc;
}

int pn_upkeep_drop_letters(struct pn_embedded_engine *engine, const struct pn_letter_choice *choice,
                           bool dry_run, int64_t *count, struct pn_err *e)
{
    struct chosen chosen = {.parser = pn_json_parser_create()};
    pn_arena_init(&chosen.arena, 0);
    int rc = choose(engine, choice, &chosen, e);
    *count = rc == 0 && dry_run ? (int64_t)chosen.count : 0;
    if (rc == 0 && !dry_run && chosen.count > 0) {
        rc = pn_engine_drop_letters(engine, chosen.drops, chosen.count, count, e);
    }
    free(chosen.drops);
    pn_arena_deinit(&chosen.arena);
    pn_json_parser_destroy(&chosen.parser);
    return rc;
}
