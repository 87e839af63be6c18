#include "delta/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "delta/delta.h"

#define SHOWN(node) (int)(node)->text_len, (node)->text

static int check_struct(const struct pn_json *type, struct pn_err *e);

static int check_type(const struct pn_json *type, struct pn_err *e)
{
    if (type == NULL) {
        return pn_err_input(e, "a column of the schema has no type");
    }
    if (type->type == PN_JSON_STRING) {
        return 0;
    }
    const struct pn_json *kind = pn_json_get(type, "type");
    if (pn_json_text_is(kind, "struct")) {
        return check_struct(type, e);
    }
    if (pn_json_text_is(kind, "array")) {
        return check_type(pn_json_get(type, "elementType"), e);
    }
    if (pn_json_text_is(kind, "map")) {
        int rc = check_type(pn_json_get(type, "keyType"), e);
        return rc != 0 ? rc : check_type(pn_json_get(type, "valueType"), e);
    }
    return pn_err_input(e, "the schema has a type that is neither a name, struct, array nor map");
}

static int check_struct(const struct pn_json *type, struct pn_err *e)
{
    const struct pn_json *fields = pn_json_get(type, "fields");
    if (!pn_json_text_is(pn_json_get(type, "type"), "struct") || fields == NULL ||
        fields->type != PN_JSON_ARRAY) {
        return pn_err_input(e, "the schema is not a struct with fields");
    }
    for (const struct pn_json *field = fields->first; field != NULL; field = field->next) {
        const struct pn_json *name = pn_json_get(field, "name");
        const struct pn_json *nullable = pn_json_get(field, "nullable");
        if (name == NULL || name->type != PN_JSON_STRING) {
            return pn_err_input(e, "a column of the schema has no name");
        }
        if (nullable != NULL && nullable->type != PN_JSON_BOOL) {
            return pn_err_input(e, "'nullable' of the column '%.*s' is neither true nor false",
                                SHOWN(name));
        }
        int rc = check_type(pn_json_get(field, "type"), e);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

int pn_delta_schema_check(struct pn_json_parser *parser, const char *schema, struct pn_err *e)
{
    size_t len = strlen(schema);
    struct pn_json *root = NULL;
    int rc = pn_json_parse(parser, schema, len, len, &root, e);
    if (rc != 0) {
        pn_err_prefix(e, "the schema");
        return rc;
    }
    return check_struct(root, e);
}

/* --- comparison ---------------------------------------------------------------------------- */

/* Two schemas parsed side by side; both passed the check when they were read. */
struct pair {
    struct pn_json_parser *parsers[2];
    struct pn_json *roots[2];
};

static void pair_init(struct pair *pair, const char *one, const char *other)
{
    const char *texts[2] = {one, other};
    for (int i = 0; i < 2; i++) {
        pair->parsers[i] = pn_json_parser_create();
        size_t len = strlen(texts[i]);
        struct pn_err e = {0};
        int rc = pn_json_parse(pair->parsers[i], texts[i], len, len, &pair->roots[i], &e);
        PN_ASSERT(rc == 0);
    }
}

static void pair_deinit(struct pair *pair)
{
    pn_json_parser_destroy(&pair->parsers[0]);
    pn_json_parser_destroy(&pair->parsers[1]);
}

static bool same_text(const struct pn_json *one, const struct pn_json *other)
{
    return one != NULL && other != NULL && one->type == PN_JSON_STRING &&
           other->type == PN_JSON_STRING && one->text_len == other->text_len &&
           memcmp(one->text, other->text, one->text_len) == 0;
}

static bool same_type(const struct pn_json *one, const struct pn_json *other);

static bool same_fields(const struct pn_json *one, const struct pn_json *other)
{
    const struct pn_json *a = pn_json_get(one, "fields")->first;
    const struct pn_json *b = pn_json_get(other, "fields")->first;
    for (; a != NULL && b != NULL; a = a->next, b = b->next) {
        if (!same_text(pn_json_get(a, "name"), pn_json_get(b, "name")) ||
            pn_json_get_bool(a, "nullable", true) != pn_json_get_bool(b, "nullable", true) ||
            !same_type(pn_json_get(a, "type"), pn_json_get(b, "type"))) {
            return false;
        }
    }
    return a == NULL && b == NULL;
}

static bool same_type(const struct pn_json *one, const struct pn_json *other)
{
    if (one->type == PN_JSON_STRING || other->type == PN_JSON_STRING) {
        return same_text(one, other);
    }
    const struct pn_json *kind = pn_json_get(one, "type");
    if (!same_text(kind, pn_json_get(other, "type"))) {
        return false;
    }
    if (pn_json_text_is(kind, "struct")) {
        return same_fields(one, other);
    }
    if (pn_json_text_is(kind, "array")) {
        return pn_json_get_bool(one, "containsNull", true) ==
                   pn_json_get_bool(other, "containsNull", true) &&
               same_type(pn_json_get(one, "elementType"), pn_json_get(other, "elementType"));
    }
    return pn_json_get_bool(one, "valueContainsNull", true) ==
               pn_json_get_bool(other, "valueContainsNull", true) &&
           same_type(pn_json_get(one, "keyType"), pn_json_get(other, "keyType")) &&
           same_type(pn_json_get(one, "valueType"), pn_json_get(other, "valueType"));
}

bool pn_delta_schema_equal(const char *one, const char *other)
{
    struct pair pair;
    pair_init(&pair, one, other);
    bool equal = same_fields(pair.roots[0], pair.roots[1]);
    pair_deinit(&pair);
    return equal;
}

static const struct pn_json *find_field(const struct pn_json *type, const struct pn_json *name)
{
    const struct pn_json *field = pn_json_get(type, "fields")->first;
    while (field != NULL && !same_text(pn_json_get(field, "name"), name)) {
        field = field->next;
    }
    return field;
}

/* Does `other` generate each column that `one` generates, by the same expression? */
static bool generates_all(const struct pn_json *one, const struct pn_json *other)
{
    static const char key[] = "delta.generationExpression";
    const struct pn_json *field = pn_json_get(one, "fields")->first;
    for (; field != NULL; field = field->next) {
        const struct pn_json *by = pn_json_get(pn_json_get(field, "metadata"), key);
        const struct pn_json *same = find_field(other, pn_json_get(field, "name"));
        if (by != NULL && !same_text(by, pn_json_get(pn_json_get(same, "metadata"), key))) {
            return false;
        }
    }
    return true;
}

bool pn_delta_schema_generates_equal(const char *one, const char *other)
{
    struct pair pair;
    pair_init(&pair, one, other);
    bool equal =
        generates_all(pair.roots[0], pair.roots[1]) && generates_all(pair.roots[1], pair.roots[0]);
    pair_deinit(&pair);
    return equal;
}

/* --- rows into a table --------------------------------------------------------------------- */

/* --- wider types --------------------------------------------------------------------------- */

static bool read_decimal(const struct pn_json *type, int *precision, int *scale)
{
    char *text = pn_xstrndup(type->text, type->text_len);
    char end = '\0';
    bool is_it = sscanf(text, "decimal(%d,%d%c", precision, scale, &end) == 3 && end == ')';
    free(text);
    return is_it;
}

/* The place of a type in a row in which each holds all values of those before it; -1: it is not
 * there. */
static int rank(const struct pn_json *type, const char *const *row, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (pn_json_text_is(type, row[i])) {
            return (int)i;
        }
    }
    return -1;
}

/* Does the type `to` hold all values of `from`, and more? */
static bool is_wider(const struct pn_json *from, const struct pn_json *to)
{
    static const char *const integers[] = {"byte", "short", "integer", "long"};
    static const char *const floats[] = {"float", "double"};
    int digits[2] = {0, 0};
    int scales[2] = {0, 0};
    if (from->type != PN_JSON_STRING || to->type != PN_JSON_STRING) {
        return false;
    }
    if (read_decimal(from, &digits[0], &scales[0]) && read_decimal(to, &digits[1], &scales[1])) {
        return scales[1] >= scales[0] && digits[1] - scales[1] >= digits[0] - scales[0] &&
               digits[1] > digits[0];
    }
    int integer = rank(from, integers, sizeof integers / sizeof *integers);
    int real = rank(from, floats, sizeof floats / sizeof *floats);
    return (integer >= 0 && rank(to, integers, sizeof integers / sizeof *integers) > integer) ||
           (real >= 0 && rank(to, floats, sizeof floats / sizeof *floats) > real);
}

/* --- what goes into what ------------------------------------------------------------------- */

/* How rows go into a table. */
struct accepting {
    bool may_add;
    bool may_widen; /* and then they must have all columns of the table */
    bool adds;
    bool widens;
};

static int accept_fields(struct accepting *accepting, const struct pn_json *table,
                         const struct pn_json *rows, struct pn_err *e);

/* Engines do not distinguish names by the case of their letters. */
static const struct pn_json *find_in_any_case(const struct pn_json *type,
                                              const struct pn_json *name)
{
    const struct pn_json *field = pn_json_get(type, "fields")->first;
    for (; field != NULL; field = field->next) {
        const struct pn_json *other = pn_json_get(field, "name");
        if (other->text_len == name->text_len &&
            strncasecmp(other->text, name->text, name->text_len) == 0) {
            return field;
        }
    }
    return NULL;
}

static int accept_added(struct accepting *accepting, const struct pn_json *table,
                        const struct pn_json *field, struct pn_err *e)
{
    const struct pn_json *name = pn_json_get(field, "name");
    const struct pn_json *near = find_in_any_case(table, name);
    if (near != NULL) {
        return pn_err_input(e,
                            "the table has the column '%.*s', from which '%.*s' differs only in "
                            "its case",
                            SHOWN(pn_json_get(near, "name")), SHOWN(name));
    }
    if (!accepting->may_add) {
        return pn_err_input(e, "the table has no column '%.*s'", SHOWN(name));
    }
    accepting->adds = true;
    return 0;
}

static int accept_field(struct accepting *accepting, const struct pn_json *into,
                        const struct pn_json *field, struct pn_err *e)
{
    const struct pn_json *name = pn_json_get(field, "name");
    if (pn_json_get_bool(field, "nullable", true) && !pn_json_get_bool(into, "nullable", true)) {
        return pn_err_input(e, "the table's column '%.*s' does not allow nulls", SHOWN(name));
    }
    const struct pn_json *type = pn_json_get(into, "type");
    const struct pn_json *given = pn_json_get(field, "type");
    if (pn_json_text_is(pn_json_get(type, "type"), "struct") &&
        pn_json_text_is(pn_json_get(given, "type"), "struct")) {
        return accept_fields(accepting, type, given, e);
    }
    if (accepting->may_widen && is_wider(type, given)) {
        accepting->widens = true;
        return 0;
    }
    if (!same_type(type, given)) {
        return pn_err_input(e, "the table's column '%.*s' is %.*s, not %.*s", SHOWN(name),
                            (int)type->raw_len, type->raw, (int)given->raw_len, given->raw);
    }
    return 0;
}

static int accept_fields(struct accepting *accepting, const struct pn_json *table,
                         const struct pn_json *rows, struct pn_err *e)
{
    const struct pn_json *added = NULL;
    const struct pn_json *field = pn_json_get(rows, "fields")->first;
    for (; field != NULL; field = field->next) {
        const struct pn_json *into = find_field(table, pn_json_get(field, "name"));
        added = into == NULL ? pn_json_get(field, "name") : added;
        int rc = into != NULL ? accept_field(accepting, into, field, e)
                              : accept_added(accepting, table, field, e);
        if (rc != 0) {
            return rc;
        }
    }
    for (field = pn_json_get(table, "fields")->first; field != NULL; field = field->next) {
        const struct pn_json *name = pn_json_get(field, "name");
        if (find_field(rows, name) != NULL) {
            continue;
        }
        if (!pn_json_get_bool(field, "nullable", true)) {
            return pn_err_input(e, "the rows lack the column '%.*s', which does not allow nulls",
                                SHOWN(name));
        }
        if (accepting->may_widen) {
            return pn_err_input(e, "the rows lack the column '%.*s'", SHOWN(name));
        }
        if (added != NULL) {
            return pn_err_input(e,
                                "the table has the column '%.*s', which the rows lack, and not "
                                "'%.*s': a column cannot get another name where rows are added",
                                SHOWN(name), SHOWN(added));
        }
    }
    return 0;
}

int pn_delta_schema_accepts(const char *table, const char *rows, bool *adds, struct pn_err *e)
{
    struct accepting accepting = {.may_add = adds != NULL};
    struct pair pair;
    pair_init(&pair, table, rows);
    int rc = accept_fields(&accepting, pair.roots[0], pair.roots[1], e);
    pair_deinit(&pair);
    if (adds != NULL) {
        *adds = accepting.adds;
    }
    return rc;
}

bool pn_delta_widens(const char *table, const char *rows)
{
    struct accepting accepting = {.may_add = true, .may_widen = true};
    struct pair pair;
    pair_init(&pair, table, rows);
    int rc = accept_fields(&accepting, pair.roots[0], pair.roots[1], NULL);
    pair_deinit(&pair);
    return rc == 0 && accepting.widens;
}

static void put_raw(struct pn_json_writer *json, const struct pn_json *value)
{
    pn_json_put_raw(json, value->raw, value->raw_len);
}

static void put_merged(struct pn_json_writer *json, const struct pn_json *table,
                       const struct pn_json *rows);

/* A field of the table, with what the rows' one adds to it. */
static void put_field(struct pn_json_writer *json, const struct pn_json *field,
                      const struct pn_json *given)
{
    const struct pn_json *type = pn_json_get(field, "type");
    const struct pn_json *inner = pn_json_get(given, "type");
    bool is_struct = pn_json_text_is(pn_json_get(type, "type"), "struct");
    if (given == NULL) {
        put_raw(json, field);
        return;
    }
    pn_json_put_object(json);
    for (const struct pn_json *member = field->first; member != NULL; member = member->next) {
        char *key = pn_xstrndup(member->key, member->key_len);
        pn_json_put_key(json, key);
        if (member == type && is_struct) {
            put_merged(json, type, inner);
        } else {
            put_raw(json, member == type && is_wider(type, inner) ? inner : member);
        }
        free(key);
    }
    pn_json_end(json);
}

static void put_merged(struct pn_json_writer *json, const struct pn_json *table,
                       const struct pn_json *rows)
{
    pn_json_put_object(json);
    pn_json_add_cstr(json, "type", "struct");
    pn_json_add_array(json, "fields");
    const struct pn_json *field = pn_json_get(table, "fields")->first;
    for (; field != NULL; field = field->next) {
        put_field(json, field, find_field(rows, pn_json_get(field, "name")));
    }
    for (field = pn_json_get(rows, "fields")->first; field != NULL; field = field->next) {
        if (find_field(table, pn_json_get(field, "name")) == NULL) {
            put_raw(json, field);
        }
    }
    pn_json_end(json);
    pn_json_end(json);
}

void pn_delta_schema_add(const char *table, const char *rows, struct pn_buf *out)
{
    struct pn_json_writer json;
    struct pair pair;
    pair_init(&pair, table, rows);
    pn_json_writer_init(&json, out);
    put_merged(&json, pair.roots[0], pair.roots[1]);
    pair_deinit(&pair);
}

const char *pn_delta_schema_lacks(struct pn_arena *arena, const char *table, const char *rows)
{
    const char *name = NULL;
    struct pair pair;
    pair_init(&pair, table, rows);
    const struct pn_json *field = pn_json_get(pair.roots[0], "fields")->first;
    for (; name == NULL && field != NULL; field = field->next) {
        const struct pn_json *of = pn_json_get(field, "name");
        if (find_field(pair.roots[1], of) == NULL) {
            name = pn_arena_strndup(arena, of->text, of->text_len);
        }
    }
    pair_deinit(&pair);
    return name;
}

/* --- questions ------------------------------------------------------------------------------- */

/* Is a column, or a part of one, at any depth what is looked for? `field` is NULL for the parts of
 * arrays and maps. */
typedef bool pn_delta_schema_test(const struct pn_json *field, const struct pn_json *type,
                                  const char *what);

static bool any(const struct pn_json *type, pn_delta_schema_test *test, const char *what)
{
    const struct pn_json *fields = pn_json_get(type, "fields");
    for (const struct pn_json *field = fields != NULL ? fields->first : NULL; field != NULL;
         field = field->next) {
        const struct pn_json *inner = pn_json_get(field, "type");
        if (test(field, inner, what) || any(inner, test, what)) {
            return true;
        }
    }
    static const char *const parts[] = {"elementType", "keyType", "valueType"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const struct pn_json *part = pn_json_get(type, parts[i]);
        if (part != NULL && (test(NULL, part, what) || any(part, test, what))) {
            return true;
        }
    }
    return false;
}

static bool has_metadata(const struct pn_json *field, const struct pn_json *type,
                         const char *prefix)
{
    (void)type;
    const struct pn_json *metadata = pn_json_get(field, "metadata");
    size_t len = strlen(prefix);
    for (const struct pn_json *member = metadata != NULL ? metadata->first : NULL; member != NULL;
         member = member->next) {
        if (member->key != NULL && member->key_len >= len &&
            memcmp(member->key, prefix, len) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_type(const struct pn_json *field, const struct pn_json *type, const char *name)
{
    (void)field;
    return pn_json_text_is(type, name);
}

static bool ask(const char *schema, pn_delta_schema_test *test, const char *what)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    size_t len = strlen(schema);
    int rc = pn_json_parse(parser, schema, len, len, &root, NULL);
    PN_ASSERT(rc == 0);
    bool found = any(root, test, what);
    pn_json_parser_destroy(&parser);
    return found;
}

bool pn_delta_schema_has_metadata(const char *schema, const char *prefix)
{
    return ask(schema, has_metadata, prefix);
}

bool pn_delta_schema_has_type(const char *schema, const char *type)
{
    return ask(schema, is_type, type);
}

bool pn_delta_schema_has_column(const char *schema, const char *name)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    size_t len = strlen(schema);
    int rc = pn_json_parse(parser, schema, len, len, &root, NULL);
    PN_ASSERT(rc == 0);
    const struct pn_json *field = pn_json_get(root, "fields")->first;
    while (field != NULL && !pn_json_text_is(pn_json_get(field, "name"), name)) {
        field = field->next;
    }
    bool found = field != NULL;
    pn_json_parser_destroy(&parser);
    return found;
}
