/* From the text of a search to its terms. */
#include <string.h>

#include "search/internal.h"

struct reading {
    const char *text;
    size_t len;
    size_t at;
    struct pn_arena *arena;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_operator(char c)
{
    return c == '=' || c == '<' || c == '>' || c == '!';
}

static char peek(const struct reading *reading)
{
    return reading->at < reading->len ? reading->text[reading->at] : '\0';
}

/* A quoted text, at its first quote. */
static int read_quoted(struct reading *reading, struct pn_search_text *out, struct pn_err *e)
{
    size_t start = reading->at++;
    char *text = pn_arena_alloc(reading->arena, reading->len + 1);
    size_t len = 0;
    while (reading->at < reading->len && reading->text[reading->at] != '"') {
        char c = reading->text[reading->at++];
        char after = peek(reading);
        if (c == '\\' && (after == '"' || after == '\\')) {
            c = after;
            reading->at++;
        }
        text[len++] = c;
    }
    if (reading->at == reading->len) {
        return pn_err_input(e, "the quote at character %zu of the search is not closed", start + 1);
    }
    reading->at++;
    *out = (struct pn_search_text){.data = text, .len = len};
    return 0;
}

/* A text up to a blank; up to an operator, too, where a field's name is read. */
static struct pn_search_text read_plain(struct reading *reading, bool is_name)
{
    size_t start = reading->at;
    while (reading->at < reading->len && !is_blank(reading->text[reading->at]) &&
           !(is_name && is_operator(reading->text[reading->at]))) {
        reading->at++;
    }
    return (struct pn_search_text){.data = reading->text + start, .len = reading->at - start};
}

static int read_text(struct reading *reading, bool is_name, struct pn_search_text *out,
                     struct pn_err *e)
{
    if (peek(reading) == '"') {
        return read_quoted(reading, out, e);
    }
    *out = read_plain(reading, is_name);
    return 0;
}

static bool read_operator(struct reading *reading, enum pn_search_operator *operator)
{
    static const struct {
        const char *text;
        enum pn_search_operator operator;
    } all[] = {{"!=", PN_SEARCH_DIFFERENT}, {"<=", PN_SEARCH_AT_MOST}, {">=", PN_SEARCH_AT_LEAST},
               {"=", PN_SEARCH_EQUAL},      {"<", PN_SEARCH_BELOW},    {">", PN_SEARCH_ABOVE}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        size_t len = strlen(all[i].text);
        if (reading->len - reading->at >= len &&
            memcmp(reading->text + reading->at, all[i].text, len) == 0) {
            *operator= all[i].operator;
            reading->at += len;
            return true;
        }
    }
    return false;
}

static bool is_name(struct pn_search_text text, const char *name)
{
    return text.len == strlen(name) && memcmp(text.data, name, text.len) == 0;
}

/* A field's name: one of the record's own, or a path into its value. */
static int read_field(struct pn_search_term *term, struct pn_search_text name, struct pn_err *e)
{
    static const struct {
        const char *name;
        enum pn_search_field field;
    } own[] = {{"key", PN_SEARCH_KEY},         {"partition", PN_SEARCH_PARTITION},
               {"shard", PN_SEARCH_PARTITION}, {"offset", PN_SEARCH_OFFSET},
               {"size", PN_SEARCH_SIZE},       {"time", PN_SEARCH_TIME}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (is_name(name, own[i].name)) {
            term->field = own[i].field;
            return 0;
        }
    }
    term->field = PN_SEARCH_PATH;
    for (size_t start = 0; start <= name.len;) {
        const char *dot = memchr(name.data + start, '.', name.len - start);
        size_t end = dot != NULL ? (size_t)(dot - name.data) : name.len;
        if (end == start) {
            return pn_err_input(e, "a name is missing before or after a dot, or before = < or >");
        }
        if (term->path_len == PN_SEARCH_PATH_MAX) {
            return pn_err_input(e, "a path has at most %d names", PN_SEARCH_PATH_MAX);
        }
        term->path[term->path_len++] =
            (struct pn_search_text){.data = name.data + start, .len = end - start};
        start = end + 1;
    }
    return 0;
}

static struct pn_search_text lower(struct pn_arena *arena, struct pn_search_text text)
{
    char *copy = pn_arena_strndup(arena, text.data, text.len);
    for (size_t i = 0; i < text.len; i++) {
        copy[i] = copy[i] >= 'A' && copy[i] <= 'Z' ? (char)(copy[i] + 'a' - 'A') : copy[i];
    }
    return (struct pn_search_text){.data = copy, .len = text.len};
}

static int read_term(struct reading *reading, struct pn_search_term *term, struct pn_err *e)
{
    struct pn_search_text name = {0};
    *term = (struct pn_search_term){.field = PN_SEARCH_WORD};
    if (peek(reading) == '-' && reading->at + 1 < reading->len &&
        !is_blank(reading->text[reading->at + 1])) {
        term->negated = true;
        reading->at++;
    }
    bool quoted = peek(reading) == '"';
    int rc = read_text(reading, true, &name, e);
    if (rc != 0) {
        return rc;
    }
    if (is_operator(peek(reading)) && read_operator(reading, &term->operator)) {
        term->name = name;
        rc =
            quoted ? pn_err_input(e, "a field's name is not in quotes") : read_field(term, name, e);
        return rc == 0 ? read_text(reading, false, &term->value, e) : rc;
    }
    if (!quoted) {
        struct pn_search_text rest = read_plain(reading, false); /* a "!" without "=" */
        name.len += rest.len;
    }
    term->value = lower(reading->arena, name);
    return 0;
}

int pn_search_parse(const char *text, size_t len, struct pn_arena *arena, struct pn_search **search,
                    struct pn_err *e)
{
    struct pn_search *made = pn_arena_calloc(arena, 1, sizeof *made);
    struct reading reading = {
        .text = pn_arena_strndup(arena, text, len), .len = len, .arena = arena};
    if (len > PN_SEARCH_BYTES_MAX) {
        return pn_err_input(e, "a search has at most %d bytes", PN_SEARCH_BYTES_MAX);
    }
    for (;;) {
        while (is_blank(peek(&reading)) && reading.at < len) {
            reading.at++;
        }
        if (reading.at >= len) {
            break;
        }
        if (made->count == PN_SEARCH_TERMS_MAX) {
            return pn_err_input(e, "a search has at most %d terms", PN_SEARCH_TERMS_MAX);
        }
        int rc = read_term(&reading, &made->terms[made->count], e);
        if (rc != 0) {
            return rc;
        }
        made->needs_json = made->needs_json || made->terms[made->count].field == PN_SEARCH_PATH;
        made->count++;
    }
    *search = made;
    return 0;
}

size_t pn_search_parts(const struct pn_search *search, struct pn_arena *arena,
                       struct pn_search_part **parts)
{
    static const char *const operators[] = {
        [PN_SEARCH_EQUAL] = "=", [PN_SEARCH_DIFFERENT] = "!=", [PN_SEARCH_BELOW] = "<",
        [PN_SEARCH_ABOVE] = ">", [PN_SEARCH_AT_MOST] = "<=",   [PN_SEARCH_AT_LEAST] = ">="};
    *parts = pn_arena_calloc(arena, search->count, sizeof **parts);
    for (size_t i = 0; i < search->count; i++) {
        const struct pn_search_term *term = &search->terms[i];
        (*parts)[i] = (struct pn_search_part){
            .negated = term->negated,
            .name = term->name.data != NULL
                        ? pn_arena_strndup(arena, term->name.data, term->name.len)
                        : NULL,
            .compare = operators[term->operator],
            .value = pn_arena_strndup(arena, term->value.data != NULL ? term->value.data : "",
                                      term->value.len)};
    }
    return search->count;
}
