#include "report/sql_reads.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/sql_comment.h"

enum { DEPTH_MAX = 128 }; /* of parentheses; what is deeper is not looked at */

/* A word, what is in quotes, or one character of punctuation; at the end of the text `is_end`. */
struct token {
    const char *at;
    size_t len;
    bool is_name;   /* a word, or something in quotes, which are not part of it */
    bool is_quoted; /* "name" or 'text', which is a name where a table stands */
    bool is_text;
    bool is_end;
};

/* What stands between two parentheses, or outside of all. */
struct level {
    bool begins;     /* its first token is to come */
    bool is_from;    /* the parentheses are in place of a table */
    bool is_select;  /* it is a SELECT */
    bool in_from;    /* within its FROM clause */
    bool wants;      /* a table is to come */
    bool in_with;    /* within its WITH clause */
    bool recursive;  /* WITH RECURSIVE */
    bool wants_with; /* a name of the WITH clause is to come */
    bool is_own;     /* that name is the table's */
    bool after_as;   /* what it stands for is to come */
    bool names_own;  /* this is what stands for that name */
    bool hides;      /* the name stands for that from here on, and not for the table */
};

struct reading {
    const char *table;
    struct level levels[DEPTH_MAX];
    size_t depth; /* of levels[]; may be more than there are */
    struct token before;
    bool is_first; /* the token is the first of its level */
    bool found;
};

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (c & 0x80) != 0;
}

/* After a string or a quoted name that begins here. */
static const char *skip_quoted(const char *at)
{
    const char *end = strchr(at + 1, *at);
    return end != NULL ? end + 1 : at + strlen(at);
}

/* After a string E'...', in which a backslash takes the next character with it. */
static const char *skip_escaped(const char *at)
{
    for (at += 2; *at != '\0' && *at != '\''; at++) {
        at += at[0] == '\\' && at[1] != '\0';
    }
    return *at == '\'' ? at + 1 : at;
}

/* After a string $$...$$ or $tag$...$tag$ that begins here; the same place if none does. */
static const char *skip_dollars(const char *at)
{
    size_t len = 1;
    while (is_word(at[len])) {
        len++;
    }
    if (at[len] != '$') {
        return at;
    }
    len++;
    for (const char *end = strchr(at + len, '$'); end != NULL; end = strchr(end + 1, '$')) {
        if (strncmp(end, at, len) == 0) {
            return end + len;
        }
    }
    return at + strlen(at);
}

static const char *next_token(const char *at, struct token *token)
{
    at = pn_sql_skip_blanks(at);
    *token = (struct token){.at = at};
    const char *end = at;
    if (*at == '"' || *at == '\'') {
        end = skip_quoted(at);
        token->is_quoted = true;
        token->is_text = *at == '\'';
    } else if ((*at == 'e' || *at == 'E') && at[1] == '\'') {
        end = skip_escaped(at);
        token->is_text = true;
    } else if (*at == '$') {
        end = skip_dollars(at);
        token->is_text = end > at;
    }
    if (token->is_quoted) {
        token->is_name = true;
        token->at = at + 1;
        token->len = strcspn(at + 1, *at == '"' ? "\"" : "'");
    } else if (end == at) {
        while (is_word(at[token->len])) {
            token->len++;
        }
        token->is_name = token->len > 0;
        token->is_end = *at == '\0';
        token->len += token->len == 0 && !token->is_end ? 1 : 0;
        end = at + token->len;
    }
    return end;
}

static bool is_keyword(const struct token *token, const char *const *words)
{
    for (size_t i = 0; token->is_name && !token->is_quoted && words[i] != NULL; i++) {
        if (strlen(words[i]) == token->len && strncasecmp(token->at, words[i], token->len) == 0) {
            return true;
        }
    }
    return false;
}
#define IS(token, ...) is_keyword(token, (const char *const[]){__VA_ARGS__, NULL})

static bool is_mark(const struct token *token, char mark)
{
    return !token->is_name && token->len == 1 && *token->at == mark;
}

/* The table's name, which a version may follow. */
static bool is_table(const struct reading *reading, const struct token *token)
{
    size_t len = strlen(reading->table);
    return token->is_name && token->len >= len &&
           strncasecmp(token->at, reading->table, len) == 0 &&
           (token->len == len || token->at[len] == '@');
}

static bool is_hidden(const struct reading *reading)
{
    for (size_t i = 0; i <= reading->depth; i++) {
        if (reading->levels[i].hides) {
            return true;
        }
    }
    return false;
}

static void open_level(struct reading *reading)
{
    struct level *outer = &reading->levels[reading->depth];
    struct level inner = {.begins = true, .is_from = outer->wants};
    inner.names_own = outer->after_as && outer->is_own;
    outer->hides = outer->hides || (inner.names_own && outer->recursive);
    outer->wants = outer->after_as = false;
    reading->levels[++reading->depth] = inner;
}

static void close_level(struct reading *reading)
{
    const struct level *inner = &reading->levels[reading->depth--];
    struct level *outer = &reading->levels[reading->depth];
    outer->hides = outer->hides || inner->names_own; /* within it, the name was the table's */
}

static void take_comma(struct level *level)
{
    level->wants = level->in_from;
    level->wants_with = level->in_with;
}

/* A word at a place where a clause may begin, or what pivots a table. */
static void take_clause(const struct reading *reading, struct level *level,
                        const struct token *token)
{
    if (IS(token, "WITH")) {
        level->in_with = level->wants_with = true;
    } else if (IS(token, "SELECT", "VALUES")) {
        level->is_select = true;
        level->in_from = level->in_with = false;
    } else if (IS(token, "FROM") && level->is_select && !IS(&reading->before, "DISTINCT")) {
        level->in_from = level->wants = true;
        level->in_with = false;
    } else if (IS(token, "JOIN")) {
        level->wants = level->in_from;
    } else if (IS(token, "TABLE", "PIVOT", "UNPIVOT", "SUMMARIZE", "DESCRIBE")) {
        level->wants = reading->is_first || level->in_from;
    } else if (IS(token, "WHERE", "GROUP", "ORDER", "HAVING", "QUALIFY", "WINDOW", "LIMIT",
                  "OFFSET", "UNION", "EXCEPT", "INTERSECT")) {
        level->in_from = false;
    } else if (IS(token, "AS")) {
        level->after_as = level->in_with;
    }
}

static void take_name(struct reading *reading, struct level *level, const struct token *token,
                      const char *after)
{
    struct token next;
    bool is_column = is_mark(&reading->before, '.') && !level->wants;
    bool is_alias = IS(&reading->before, "AS") && !level->after_as;
    if (is_column || is_alias) {
        return; /* whatever its name */
    }
    if (level->wants_with && IS(token, "RECURSIVE")) {
        level->recursive = true;
    } else if (level->wants_with) {
        level->wants_with = false;
        level->is_own = is_table(reading, token);
    } else if (level->wants && !IS(token, "LATERAL", "ONLY")) {
        (void)next_token(after, &next);
        level->wants = is_mark(&next, '.'); /* it was a schema's */
        reading->found = reading->found || (!level->wants && !is_mark(&next, '(') &&
                                            is_table(reading, token) && !is_hidden(reading));
    } else {
        take_clause(reading, level, token);
    }
}

static void take(struct reading *reading, const struct token *token, const char *after)
{
    struct level *level = &reading->levels[reading->depth];
    reading->is_first = level->begins;
    if (level->begins && !is_mark(token, '(')) {
        level->is_select =
            reading->depth == 0 || IS(token, "SELECT", "FROM", "WITH", "VALUES", "TABLE", "PIVOT",
                                      "UNPIVOT", "SUMMARIZE", "DESCRIBE");
        level->in_from = level->wants = level->is_from && !level->is_select;
    } else if (level->begins) {
        level->wants = level->is_from; /* one more pair of parentheses */
        level->in_from = level->is_from;
    }
    level->begins = false;
    if (is_mark(token, '(')) {
        open_level(reading);
    } else if (is_mark(token, ')') && reading->depth > 0) {
        close_level(reading);
    } else if (is_mark(token, ',')) {
        take_comma(level);
    } else if (token->is_name) {
        take_name(reading, level, token, after);
    } else if (!is_mark(token, '.')) {
        level->wants = false;
    }
    reading->before = *token;
}

bool pn_sql_reads(const char *sql, const char *table)
{
    struct reading reading = {.table = table, .levels = {{.begins = true}}};
    struct token token;
    const char *at = next_token(sql, &token);
    while (!token.is_end && !reading.found && reading.depth + 1 < DEPTH_MAX) {
        take(&reading, &token, at);
        at = next_token(at, &token);
    }
    return reading.found;
}

bool pn_sql_calls(const char *sql, const char *function)
{
    struct token name;
    struct token next;
    bool found = false;
    const char *at = next_token(sql, &name);
    while (!name.is_end && !found) {
        at = next_token(at, &next);
        found = name.is_name && !name.is_text && name.len == strlen(function) &&
                strncasecmp(name.at, function, name.len) == 0 && is_mark(&next, '(');
        name = next;
    }
    return found;
}
