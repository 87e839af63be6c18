/* Templates: text with ${...} pieces, read into what generator_make.c runs. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/time_text.h"
#include "base/units.h"
#include "emulate/generator_internal.h"

enum { PIECE_TEXT_MAX = 256, WORD_MAX = 128 };

static const char date_letters[] = "YmdHMS%";

static const char date_format_default[] = "%Y-%m-%dT%H:%M:%S";

/* The text between "${" and "}", and how far it was read. */
struct scan {
    struct pn_gen_compiler *compiler;
    const struct pn_yaml_node *node;
    char text[PIECE_TEXT_MAX];
    const char *at;
};

static int fail(const struct scan *scan, struct pn_err *e, const char *what)
{
    return pn_yaml_error(&scan->compiler->generator->yaml, scan->node, e, "${%s}: %s", scan->text,
                         what);
}

static void skip_space(struct scan *scan)
{
    scan->at += strspn(scan->at, " \t");
}

/* The next word, or "" at the end. */
static int next_word(struct scan *scan, char *word, struct pn_err *e)
{
    skip_space(scan);
    size_t len = strcspn(scan->at, " \t");
    if (len >= WORD_MAX) {
        return fail(scan, e, "a word of it is too long");
    }
    memcpy(word, scan->at, len);
    word[len] = '\0';
    scan->at += len;
    return 0;
}

static int expect_end(struct scan *scan, struct pn_err *e)
{
    skip_space(scan);
    return *scan->at == '\0' ? 0 : fail(scan, e, "something unknown follows it");
}

/* One number, as an integer times 10^*decimals. */
static bool read_scaled(const char *text, size_t len, int64_t *value, int *decimals)
{
    char digits[WORD_MAX];
    size_t count = 0;
    *decimals = 0;
    bool behind_point = false;
    for (size_t i = 0; i < len && count + 1 < sizeof digits; i++) {
        if (text[i] == '.' && !behind_point && i + 1 < len) {
            behind_point = true;
            continue;
        }
        if (behind_point) {
            (*decimals)++;
        }
        digits[count++] = text[i];
    }
    digits[count] = '\0';
    return *decimals <= PN_GEN_DECIMALS_MAX && pn_parse_i64(digits, value, NULL) == 0;
}

/* "A..B" */
static bool read_range(const char *text, int64_t *min, int64_t *max, int *decimals)
{
    const char *dots = strstr(text, "..");
    int decimals_max = 0;
    return dots != NULL && read_scaled(text, (size_t)(dots - text), min, decimals) &&
           read_scaled(dots + 2, strlen(dots + 2), max, &decimals_max) &&
           decimals_max == *decimals && *min <= *max;
}

static int read_number(struct scan *scan, const char *range, struct pn_gen_piece *piece,
                       struct pn_err *e)
{
    int64_t min = 0;
    int64_t max = 0;
    if (!read_range(range, &min, &max, &piece->number.decimals)) {
        return fail(scan, e,
                    "a range of numbers must be MIN..MAX with the same number of decimals: 1..999, "
                    "-90.0000..90.0000");
    }
    piece->kind = PN_GEN_NUMBER;
    piece->number.min = min;
    piece->number.span = (uint64_t)max - (uint64_t)min + 1;
    if (piece->number.span == 0) {
        return fail(scan, e, "the range is too wide");
    }
    char word[WORD_MAX];
    int rc = next_word(scan, word, e);
    if (rc != 0 || word[0] == '\0') {
        return rc;
    }
    if (strcmp(word, "log") != 0) {
        return fail(scan, e, "only \"log\" may follow a range of numbers");
    }
    if (min < 1) {
        return fail(scan, e, "a range with \"log\" must begin above 0");
    }
    piece->kind = PN_GEN_NUMBER_LOG;
    return expect_end(scan, e);
}

static int read_hex(struct scan *scan, struct pn_gen_piece *piece, struct pn_err *e)
{
    char word[WORD_MAX];
    int64_t digits = 0;
    int rc = next_word(scan, word, e);
    if (rc == 0 &&
        (pn_parse_i64(word, &digits, NULL) != 0 || digits < 1 || digits > PN_GEN_HEX_MAX)) {
        rc = fail(scan, e, "hex needs the number of digits, 1 to 1024");
    }
    piece->kind = PN_GEN_HEX;
    piece->hex_digits = (size_t)digits;
    return rc != 0 ? rc : expect_end(scan, e);
}

static int read_date(struct scan *scan, struct pn_gen_piece *piece, struct pn_err *e)
{
    char from[WORD_MAX];
    int64_t from_ms = 0;
    int64_t to_ms = 0;
    int rc = next_word(scan, from, e);
    if (rc != 0) {
        return rc;
    }
    char *dots = strstr(from, "..");
    if (dots != NULL) {
        *dots = '\0';
    }
    if (dots == NULL || !pn_time_parse_ms(from, &from_ms) || !pn_time_parse_ms(dots + 2, &to_ms) ||
        to_ms < from_ms) {
        return fail(scan, e,
                    "date needs FROM..TO, such as 2017-10-19T00:00:00..2022-10-19T23:59:59, and "
                    "may have a format such as %Y-%m-%d");
    }
    skip_space(scan);
    piece->kind = PN_GEN_DATE;
    piece->date.from_s = from_ms / 1000;
    piece->date.span_s = (uint64_t)(to_ms / 1000 - from_ms / 1000) + 1;
    for (const char *at = scan->at; *at != '\0'; at++) {
        if (*at == '%' && (*++at == '\0' || strchr(date_letters, *at) == NULL)) {
            return fail(scan, e, "a date's format may contain %Y, %m, %d, %H, %M, %S and %%");
        }
    }
    piece->date.format = *scan->at != '\0'
                             ? pn_arena_strdup(&scan->compiler->generator->arena, scan->at)
                             : date_format_default;
    return 0;
}

/* What may follow a list's name: "* A..B", then "by 'SEPARATOR'". */
static int read_times(struct scan *scan, struct pn_gen_piece *piece, struct pn_err *e)
{
    char word[WORD_MAX];
    int64_t min = 0;
    int64_t max = 0;
    int decimals = 0;
    int rc = next_word(scan, word, e);
    if (rc != 0 || word[0] == '\0') {
        return rc;
    }
    if (strcmp(word, "*") != 0) {
        return fail(scan, e, "only \"* MIN..MAX\" may follow a list's name");
    }
    rc = next_word(scan, word, e);
    if (rc != 0) {
        return rc;
    }
    if (!read_range(word, &min, &max, &decimals) || decimals != 0 || min < 0 ||
        max > PN_GEN_REPEAT_MAX) {
        return fail(scan, e, "the number of picks must be MIN..MAX, from 0 to 1000");
    }
    piece->list.times_min = (uint32_t)min;
    piece->list.times_max = (uint32_t)max;
    rc = next_word(scan, word, e);
    if (rc != 0 || word[0] == '\0') {
        return rc;
    }
    skip_space(scan);
    size_t len = strlen(scan->at);
    if (strcmp(word, "by") != 0 || len < 2 || (*scan->at != '"' && *scan->at != '\'') ||
        scan->at[len - 1] != *scan->at) {
        return fail(scan, e, "give the separator with by \"SEPARATOR\"");
    }
    piece->list.separator =
        pn_arena_strndup(&scan->compiler->generator->arena, scan->at + 1, len - 2);
    return 0;
}

static int read_name(struct scan *scan, const char *word, struct pn_gen_piece *piece,
                     struct pn_err *e)
{
    bool capital = word[0] == '^';
    const char *name = capital ? word + 1 : word;
    size_t field = SIZE_MAX;
    int rc = 0;
    if (!capital) {
        rc = pn_gen_field_find(scan->compiler, scan->node, name, &field, e);
    }
    if (rc != 0) {
        return rc;
    }
    if (field != SIZE_MAX) {
        piece->kind = PN_GEN_FIELD;
        piece->field = field;
        return expect_end(scan, e);
    }
    piece->kind = PN_GEN_LIST;
    piece->list.capital = capital;
    piece->list.separator = " ";
    piece->list.times_min = 1;
    piece->list.times_max = 1;
    rc = pn_gen_list_find(scan->compiler, scan->node, name, &piece->list.list, e);
    if (rc == 0 && piece->list.list == NULL) {
        rc = fail(scan, e, "there is no field of this kind and no list of that name");
    }
    return rc != 0 ? rc : read_times(scan, piece, e);
}

static int read_piece(struct scan *scan, struct pn_gen_piece *piece, struct pn_err *e)
{
    char word[WORD_MAX];
    int rc = next_word(scan, word, e);
    if (rc != 0) {
        return rc;
    }
    if (word[0] == '\0') {
        return fail(scan, e, "it is empty");
    }
    if (strcmp(word, "row") == 0) {
        piece->kind = PN_GEN_ROW;
        return expect_end(scan, e);
    }
    if (strcmp(word, "uuid") == 0) {
        piece->kind = PN_GEN_UUID;
        return expect_end(scan, e);
    }
    if (strcmp(word, "hex") == 0) {
        return read_hex(scan, piece, e);
    }
    if (strcmp(word, "date") == 0) {
        return read_date(scan, piece, e);
    }
    if (word[0] == '-' || (word[0] >= '0' && word[0] <= '9')) {
        return read_number(scan, word, piece, e);
    }
    return read_name(scan, word, piece, e);
}

/* Text up to the next piece; "$${" stands for "${". */
static const char *read_literal(struct pn_arena *arena, const char *at, struct pn_gen_piece *piece)
{
    char *text = pn_arena_alloc(arena, strlen(at) + 1);
    size_t len = 0;
    while (*at != '\0' && strncmp(at, "${", 2) != 0) {
        if (strncmp(at, "$${", 3) == 0) {
            at++;
            text[len++] = *at++;
        }
        text[len++] = *at++;
    }
    piece->kind = PN_GEN_LITERAL;
    piece->literal.text = text;
    piece->literal.len = len;
    return at;
}

int pn_gen_template_read(struct pn_gen_compiler *compiler, const struct pn_yaml_node *node,
                         const char *text, struct pn_gen_template *template_, struct pn_err *e)
{
    struct pn_arena *arena = &compiler->generator->arena;
    size_t pieces_max = 1;
    for (const char *at = text; (at = strstr(at, "${")) != NULL; at += 2) {
        pieces_max += 2;
    }
    struct pn_gen_piece *pieces = pn_arena_calloc(arena, pieces_max, sizeof *pieces);
    size_t count = 0;
    for (const char *at = text; *at != '\0';) {
        PN_ASSERT(count < pieces_max);
        struct pn_gen_piece *piece = &pieces[count++];
        if (strncmp(at, "${", 2) != 0) {
            at = read_literal(arena, at, piece);
            continue;
        }
        struct scan scan = {.compiler = compiler, .node = node, .at = scan.text};
        const char *end = strchr(at, '}');
        if (end == NULL || (size_t)(end - at) - 2 >= sizeof scan.text) {
            return pn_yaml_error(&compiler->generator->yaml, node, e,
                                 "\"%.40s\" has no closing brace (write $${ for a plain ${)", at);
        }
        memcpy(scan.text, at + 2, (size_t)(end - at) - 2);
        int rc = read_piece(&scan, piece, e);
        if (rc != 0) {
            return rc;
        }
        at = end + 1;
    }
    template_->pieces = pieces;
    template_->count = count;
    return 0;
}

static bool list_is_number(const struct pn_gen_kind *kind, const struct pn_gen_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!pn_gen_template_is_number(kind, &list->items[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < list->case_count; i++) {
        if (!list_is_number(kind, list->cases[i].list)) {
            return false;
        }
    }
    return list->otherwise == NULL || list_is_number(kind, list->otherwise);
}

/* How many digits begin at `at`: a literal has no NUL at its end. */
static size_t digits_at(const char *text, size_t len, size_t at)
{
    size_t end = at;
    while (end < len && text[end] >= '0' && text[end] <= '9') {
        end++;
    }
    return end - at;
}

/* An integer as JSON writes it, or one with decimals. */
static bool literal_is_number(const char *text, size_t len)
{
    size_t at = len > 0 && text[0] == '-' ? 1 : 0;
    size_t digits = digits_at(text, len, at);
    if (digits == 0 || (text[at] == '0' && digits > 1)) {
        return false;
    }
    at += digits;
    if (at < len && text[at] == '.') {
        digits = digits_at(text, len, at + 1);
        at += digits > 0 ? digits + 1 : 0;
    }
    return at == len;
}

bool pn_gen_template_is_number(const struct pn_gen_kind *kind,
                               const struct pn_gen_template *template_)
{
    if (template_->count != 1) {
        return false;
    }
    const struct pn_gen_piece *piece = &template_->pieces[0];
    switch (piece->kind) {
    case PN_GEN_ROW:
    case PN_GEN_NUMBER:
    case PN_GEN_NUMBER_LOG:
        return true;
    case PN_GEN_LITERAL:
        return literal_is_number(piece->literal.text, piece->literal.len);
    case PN_GEN_FIELD:
        return pn_gen_template_is_number(kind, &kind->fields[piece->field].template);
    case PN_GEN_LIST:
        return piece->list.times_min == 1 && piece->list.times_max == 1 &&
               list_is_number(kind, piece->list.list);
    case PN_GEN_UUID:
    case PN_GEN_HEX:
    case PN_GEN_DATE:
        return false;
    }
    return false;
}
