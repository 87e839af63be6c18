#include "upkeep/letter_drop.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/mem.h"

enum { CELL_ID, CELL_SOURCE, CELL_TABLE, CELL_OBJECT, CELLS };

struct pn_chosen_letters {
    struct pn_json_parser *parser;
    struct pn_arena arena;
    struct pn_letter_drop *drops;
    size_t count;
    size_t capacity;
    uint64_t sum; /* of the ids */
    struct pn_err failure;
};

static int take_columns(void *arg, const char *const *names, const char *const *types, size_t count)
{
    (void)arg;
    (void)names;
    (void)types;
    PN_ASSERT(count == CELLS);
    return 0;
}

/* A cell's text, or the one that the letter before had, if it is the same; NULL of a null. */
static const char *text_of(struct pn_chosen_letters *chosen, const char *cell, const char *before)
{
    struct pn_json *root = NULL;
    size_t len = strlen(cell);
    if (pn_json_parse(chosen->parser, cell, len, len, &root, NULL) != 0 ||
        root->type != PN_JSON_STRING) {
        return NULL;
    }
    return before != NULL && strlen(before) == root->text_len &&
                   memcmp(before, root->text, root->text_len) == 0
               ? before
               : pn_arena_strndup(&chosen->arena, root->text, root->text_len);
}

/* The beginning of an id, which is hexadecimal, as a number. */
static uint64_t number_of(const char *id)
{
    char digits[17];
    (void)snprintf(digits, sizeof digits, "%s", id != NULL ? id : "");
    return strtoull(digits, NULL, 16);
}

static int take_row(void *arg, const char *const *values, size_t count)
{
    struct pn_chosen_letters *chosen = arg;
    const struct pn_letter_drop before =
        chosen->count > 0 ? chosen->drops[chosen->count - 1] : (struct pn_letter_drop){.id = NULL};
    (void)count;
    if (chosen->count == PN_LETTERS_DROP_MAX) {
        return pn_err_input(&chosen->failure,
                            "more than %d dead letters fit, the most that one drop takes: choose "
                            "fewer by table, topic or reason, or give a limit, which takes the "
                            "oldest, and drop again",
                            PN_LETTERS_DROP_MAX);
    }
    const struct pn_letter_drop drop = {.id = text_of(chosen, values[CELL_ID], NULL),
                                        .is_stream = strstr(values[CELL_SOURCE], "stream") != NULL,
                                        .table = text_of(chosen, values[CELL_TABLE], before.table),
                                        .object =
                                            text_of(chosen, values[CELL_OBJECT], before.object)};
    pn_grow((void **)&chosen->drops, &chosen->capacity, chosen->count + 1, sizeof *chosen->drops);
    chosen->drops[chosen->count++] = drop;
    chosen->sum += number_of(drop.id);
    return 0;
}

static int ask(struct pn_embedded_engine *engine, const struct pn_letter_choice *choice,
               struct pn_chosen_letters *chosen, struct pn_err *e)
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
    if (rc != 0 && chosen->failure.msg[0] != '\0') {
        pn_err_copy(e, &chosen->failure);
    }
    pn_json_parser_destroy(&parser);
    return rc;
}

int pn_upkeep_choose_letters(struct pn_embedded_engine *engine,
                             const struct pn_letter_choice *choice,
                             struct pn_chosen_letters **chosen, struct pn_err *e)
{
    struct pn_chosen_letters *made = pn_xcalloc(1, sizeof *made);
    made->parser = pn_json_parser_create();
    pn_arena_init(&made->arena, 0);
    int rc = ask(engine, choice, made, e);
    if (rc != 0) {
        pn_chosen_letters_destroy(&made);
    }
    *chosen = made;
    return rc;
}

void pn_chosen_letters_destroy(struct pn_chosen_letters **chosen)
{
    if (*chosen == NULL) {
        return;
    }
    free((*chosen)->drops);
    pn_arena_deinit(&(*chosen)->arena);
    pn_json_parser_destroy(&(*chosen)->parser);
    free(*chosen);
    *chosen = NULL;
}

int64_t pn_chosen_letters_count(const struct pn_chosen_letters *chosen)
{
    return (int64_t)chosen->count;
}

void pn_chosen_letters_seen(const struct pn_chosen_letters *chosen, char seen[PN_LETTERS_SEEN_SIZE])
{
    (void)snprintf(seen, PN_LETTERS_SEEN_SIZE, "%zu-%016" PRIx64, chosen->count, chosen->sum);
}

int pn_upkeep_drop_letters(struct pn_embedded_engine *engine,
                           const struct pn_chosen_letters *chosen, struct pn_err *e)
{
    return chosen->count > 0 ? pn_engine_drop_letters(engine, chosen->drops, chosen->count, e) : 0;
}
