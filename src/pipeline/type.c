/* Column types: from text, to SQL, to Delta's schema JSON. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/units.h"
#include "pipeline/internal.h"

static const struct {
    const char *name;
    const char *sql;
    const char *delta;
} simple_types[] = {
    [PN_TYPE_STRING] = {"string", "VARCHAR", "string"},
    [PN_TYPE_BIGINT] = {"bigint", "BIGINT", "long"},
    [PN_TYPE_INT] = {"int", "INTEGER", "integer"},
    [PN_TYPE_SMALLINT] = {"smallint", "SMALLINT", "short"},
    [PN_TYPE_TINYINT] = {"tinyint", "TINYINT", "byte"},
    [PN_TYPE_DOUBLE] = {"double", "DOUBLE", "double"},
    [PN_TYPE_FLOAT] = {"float", "FLOAT", "float"},
    [PN_TYPE_DECIMAL] = {"decimal", "DECIMAL", "decimal"}, /* with its digits after it */
    [PN_TYPE_BOOLEAN] = {"boolean", "BOOLEAN", "boolean"},
    [PN_TYPE_TIMESTAMP] = {"timestamp", "TIMESTAMP WITH TIME ZONE", "timestamp"},
    [PN_TYPE_DATE] = {"date", "DATE", "date"},
    [PN_TYPE_BINARY] = {"binary", "BLOB", "binary"},
    [PN_TYPE_JSON] = {"json", "VARCHAR", "string"},
};

enum { SIMPLE_TYPES = sizeof simple_types / sizeof *simple_types };

static bool is_simple(const struct pn_type *type)
{
    return (size_t)type->kind < SIMPLE_TYPES;
}

/* --- from text ------------------------------------------------------------------------------ */

struct reader {
    struct pn_arena *arena;
    const char *at;
    int depth;
    struct pn_err *e;
};

static void skip_spaces(struct reader *r)
{
    r->at += strspn(r->at, " ");
}

static size_t word_len(const struct reader *r)
{
    return strcspn(r->at, " <>,:()");
}

static bool take(struct reader *r, char c)
{
    skip_spaces(r);
    if (*r->at != c) {
        return false;
    }
    r->at++;
    skip_spaces(r);
    return true;
}

/* What types are called elsewhere, and here. */
static const struct {
    const char *theirs;
    const char *ours;
} other_names[] = {{"varchar", "string"},
                   {"nvarchar", "string"},
                   {"char", "string"},
                   {"character", "string"},
                   {"text", "string"},
                   {"str", "string"},
                   {"utf8", "string"},
                   {"uuid", "string"},
                   {"enum", "string"},
                   {"integer", "int"},
                   {"int32", "int"},
                   {"int4", "int"},
                   {"serial", "int"},
                   {"long", "bigint"},
                   {"int64", "bigint"},
                   {"int8", "tinyint (of 8 bits) or bigint (of 8 bytes)"},
                   {"bigserial", "bigint"},
                   {"short", "smallint"},
                   {"int16", "smallint"},
                   {"int2", "smallint"},
                   {"byte", "tinyint"},
                   {"float64", "double"},
                   {"float8", "double"},
                   {"real", "float"},
                   {"float32", "float"},
                   {"float4", "float"},
                   {"number", "decimal(p,s), double or bigint"},
                   {"numeric", "decimal(p,s)"},
                   {"money", "decimal(p,s)"},
                   {"bool", "boolean"},
                   {"bit", "boolean"},
                   {"datetime", "timestamp"},
                   {"datetime64", "timestamp"},
                   {"timestamptz", "timestamp"},
                   {"time", "string"},
                   {"bytes", "binary"},
                   {"bytea", "binary"},
                   {"blob", "binary"},
                   {"varbinary", "binary"},
                   {"jsonb", "json"},
                   {"variant", "json"},
                   {"object", "json, or struct<name type, ...>"},
                   {"dict", "map<string, type>, or json"},
                   {"list", "array<type>"},
                   {"record", "struct<name type, ...>"},
                   {"row", "struct<name type, ...>"}};

/* Ours for a name of other systems, or of ours in other letters; NULL: it is neither. */
static const char *ours_of(const char *word)
{
    for (size_t i = 0; i < sizeof other_names / sizeof *other_names; i++) {
        if (strcasecmp(word, other_names[i].theirs) == 0) {
            return other_names[i].ours;
        }
    }
    for (size_t i = 0; i < SIMPLE_TYPES; i++) {
        if (strcasecmp(word, simple_types[i].name) == 0) {
            return i == PN_TYPE_DECIMAL ? "decimal(p,s)" : simple_types[i].name;
        }
    }
    return NULL;
}

static int unknown_type(const struct reader *r, size_t len)
{
    char word[64];
    (void)snprintf(word, sizeof word, "%.*s", (int)(len < 60 ? len : 60), r->at);
    size_t brackets = strcspn(word, "[");
    if (strcmp(word + brackets, "[]") == 0) {
        char item[64];
        (void)snprintf(item, sizeof item, "%.*s", (int)brackets, word);
        const char *ours = ours_of(item);
        return pn_err_input(r->e, "unknown type \"%s\": use array<%s>", word,
                            ours != NULL ? ours : "type");
    }
    if (ours_of(word) != NULL) {
        return pn_err_input(r->e, "unknown type \"%s\": use %s", word, ours_of(word));
    }
    enum { NESTED_TYPES = 3 };
    const char *names[SIMPLE_TYPES + NESTED_TYPES] = {
        [SIMPLE_TYPES] = "struct", [SIMPLE_TYPES + 1] = "array", [SIMPLE_TYPES + 2] = "map"};
    for (size_t i = 0; i < SIMPLE_TYPES; i++) {
        names[i] = simple_types[i].name;
    }
    const char *near = pn_nearest(word, names, SIMPLE_TYPES + NESTED_TYPES);
    return pn_err_input(r->e,
                        "unknown type \"%s\"%s%s%s (one of string, bigint, int, smallint, "
                        "tinyint, double, float, decimal(p,s), boolean, timestamp, date, binary, "
                        "json, struct<name type, ...>, array<type>, map<string, type>)",
                        word, near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                        near != NULL ? "\"?" : "");
}

static int read_type(struct reader *r, struct pn_type *type);

/* One "name type" or "name: type" of a struct. */
static int read_field(struct reader *r, const struct pn_column *before, size_t before_count,
                      struct pn_column *field)
{
    size_t len = word_len(r);
    if (!pn_is_identifier(r->at, len)) {
        return pn_err_input(
            r->e, "a field's name must consist of letters, digits and _, at \"%.40s\"", r->at);
    }
    field->name = pn_arena_strndup(r->arena, r->at, len);
    for (size_t i = 0; i < before_count; i++) {
        if (strcasecmp(before[i].name, field->name) == 0) {
            return pn_err_input(r->e, "the field \"%.60s\" appears twice", field->name);
        }
    }
    r->at += len;
    (void)take(r, ':');
    skip_spaces(r);
    return read_type(r, &field->type);
}

/* After the "<" of a type that has parts. */
static int enter(struct reader *r)
{
    return ++r->depth <= PN_TYPE_DEPTH_MAX
               ? 0
               : pn_err_input(r->e, "types are nested more than %d levels deep", PN_TYPE_DEPTH_MAX);
}

/* The ">" after them. */
static int leave(struct reader *r, const char *what)
{
    if (!take(r, '>')) {
        return *r->at == '\0'
                   ? pn_err_input(r->e,
                                  "%s's > is missing at the end; inside { } quote a type "
                                  "with a comma: \"struct<a int, b int>\"",
                                  what)
                   : pn_err_input(r->e, "%s's > is missing at \"%.40s\"", what, r->at);
    }
    r->depth--;
    return 0;
}

/* After "struct": "<a double, b struct<...>>". */
static int read_struct(struct reader *r, struct pn_type *type)
{
    if (!take(r, '<')) {
        return pn_err_input(r->e, "a struct needs its fields: struct<name type, ...>");
    }
    int depth = enter(r);
    if (depth != 0) {
        return depth;
    }
    /* Each field takes three characters at least ("a b"), of a text that was read whole. */
    size_t max = strlen(r->at) / 3 + 1;
    max = max < PN_PIPELINE_COLUMNS_MAX ? max : PN_PIPELINE_COLUMNS_MAX;
    struct pn_column *fields = pn_arena_calloc(r->arena, max, sizeof *fields);
    size_t count = 0;
    do {
        if (count == max) {
            return pn_err_input(r->e, "a struct has more than %zu fields", max);
        }
        int rc = read_field(r, fields, count, &fields[count]);
        if (rc != 0) {
            return rc;
        }
        count++;
    } while (take(r, ','));
    int rc = leave(r, "a struct");
    if (rc != 0) {
        return rc;
    }
    *type = (struct pn_type){.kind = PN_TYPE_STRUCT, .fields = fields, .field_count = count};
    return 0;
}

/* After "array": "<int>". */
static int read_array(struct reader *r, struct pn_type *type)
{
    if (!take(r, '<')) {
        return pn_err_input(r->e, "an array needs the type of its items: array<type>");
    }
    struct pn_column *element = pn_arena_calloc(r->arena, 1, sizeof *element);
    element->name = "element";
    int rc = enter(r);
    if (rc == 0) {
        rc = read_type(r, &element->type);
    }
    if (rc == 0) {
        rc = leave(r, "an array");
    }
    *type = (struct pn_type){.kind = PN_TYPE_ARRAY, .fields = element, .field_count = 1};
    return rc;
}

/* After "map": "<string, int>". */
static int read_map(struct reader *r, struct pn_type *type)
{
    enum { KEY, VALUE, PARTS };
    struct pn_column *parts = pn_arena_calloc(r->arena, PARTS, sizeof *parts);
    parts[KEY].name = "key";
    parts[VALUE].name = "value";
    *type = (struct pn_type){.kind = PN_TYPE_MAP, .fields = parts, .field_count = PARTS};
    bool is_open = take(r, '<');
    int rc = is_open ? enter(r) : 0;
    if (is_open && rc == 0) {
        rc = read_type(r, &parts[KEY].type);
    }
    if (rc == 0 && (!is_open || parts[KEY].type.kind != PN_TYPE_STRING || !take(r, ','))) {
        rc = pn_err_input(r->e, "a map needs the type of its values, and its keys are strings: "
                                "map<string, type>; inside { } quote it");
    }
    if (rc == 0) {
        rc = read_type(r, &parts[VALUE].type);
    }
    return rc == 0 ? leave(r, "a map") : rc;
}

/* A number of up to two digits. */
static bool take_count(struct reader *r, int *count)
{
    size_t len = strspn(r->at, "0123456789");
    if (len == 0 || len > 2) {
        return false;
    }
    *count = 0;
    for (const char *end = r->at + len; r->at < end; r->at++) {
        *count = *count * 10 + (*r->at - '0');
    }
    return true;
}

/* After "decimal": "(10,2)". */
static int read_decimal(struct reader *r, struct pn_type *type)
{
    const char *start = r->at;
    int precision = 0;
    int scale = 0;
    if (!take(r, '(') || !take_count(r, &precision) || !take(r, ',') || !take_count(r, &scale) ||
        !take(r, ')')) {
        return pn_err_input(r->e,
                            "a decimal needs its digits, and how many of them are after the "
                            "point: decimal(10,2), not \"decimal%.40s\"; inside { } quote it",
                            start);
    }
    if (precision < 1 || precision > PN_DECIMAL_DIGITS_MAX || scale > precision) {
        return pn_err_input(r->e,
                            "decimal(%d,%d): a decimal has from 1 to %d digits, and no more of "
                            "them after the point",
                            precision, scale, PN_DECIMAL_DIGITS_MAX);
    }
    type->precision = (uint8_t)precision;
    type->scale = (uint8_t)scale;
    return 0;
}

static int read_type(struct reader *r, struct pn_type *type)
{
    size_t len = word_len(r);
    for (size_t i = 0; i < SIMPLE_TYPES; i++) {
        if (strlen(simple_types[i].name) == len && memcmp(simple_types[i].name, r->at, len) == 0) {
            *type = (struct pn_type){.kind = (enum pn_type_kind)i};
            r->at += len;
            return type->kind == PN_TYPE_DECIMAL ? read_decimal(r, type) : 0;
        }
    }
    static const struct {
        const char *name;
        int (*read)(struct reader *r, struct pn_type *type);
    } nested[] = {{"struct", read_struct}, {"array", read_array}, {"map", read_map}};
    for (size_t i = 0; i < sizeof nested / sizeof *nested; i++) {
        if (strlen(nested[i].name) == len && memcmp(nested[i].name, r->at, len) == 0) {
            r->at += len;
            return nested[i].read(r, type);
        }
    }
    return unknown_type(r, len);
}

int pn_type_parse(struct pn_arena *arena, const char *text, struct pn_type *type, struct pn_err *e)
{
    struct reader r = {.arena = arena, .at = text, .e = e};
    skip_spaces(&r);
    int rc = read_type(&r, type);
    if (rc != 0) {
        return rc;
    }
    skip_spaces(&r);
    if (*r.at != '\0') {
        return pn_err_input(e, "unexpected \"%.40s\" after the type", r.at);
    }
    return 0;
}

bool pn_type_of_delta(const char *name, size_t len, struct pn_type *type)
{
    enum { NAME_SIZE = 32 };
    char text[NAME_SIZE];
    if (len >= sizeof text) {
        return false;
    }
    memcpy(text, name, len);
    text[len] = '\0';
    struct reader r = {.at = text + word_len(&(struct reader){.at = text})};
    size_t word = (size_t)(r.at - text);
    for (size_t i = 0; i < SIMPLE_TYPES; i++) {
        const char *delta = simple_types[i].delta;
        if (strlen(delta) == word && memcmp(delta, text, word) == 0) {
            *type = (struct pn_type){.kind = (enum pn_type_kind)i};
            return (type->kind != PN_TYPE_DECIMAL || read_decimal(&r, type) == 0) && *r.at == '\0';
        }
    }
    return false;
}

/* --- to SQL and Delta ----------------------------------------------------------------------- */

/* The word, with a decimal's digits. */
static void add_word(const char *word, const struct pn_type *type, struct pn_buf *out)
{
    pn_buf_adds(out, word);
    if (type->kind == PN_TYPE_DECIMAL) {
        pn_buf_addf(out, "(%d,%d)", type->precision, type->scale);
    }
}

static void add_quoted_name(struct pn_buf *out, const char *name)
{
    pn_buf_addf(out, "\"%s\"", name); /* names are identifiers: nothing to escape */
}

static void add_sql(const struct pn_type *type, bool names_json, struct pn_buf *out)
{
    if (is_simple(type)) {
        bool is_json = names_json && type->kind == PN_TYPE_JSON;
        add_word(is_json ? "JSON" : simple_types[type->kind].sql, type, out);
        return;
    }
    if (type->kind == PN_TYPE_ARRAY) {
        add_sql(&type->fields[0].type, names_json, out);
        pn_buf_adds(out, "[]");
        return;
    }
    if (type->kind == PN_TYPE_MAP) {
        pn_buf_adds(out, "MAP(VARCHAR, ");
        add_sql(&type->fields[1].type, names_json, out);
        pn_buf_addc(out, ')');
        return;
    }
    pn_buf_adds(out, "STRUCT(");
    for (size_t i = 0; i < type->field_count; i++) {
        pn_buf_adds(out, i > 0 ? ", " : "");
        add_quoted_name(out, type->fields[i].name);
        pn_buf_addc(out, ' ');
        add_sql(&type->fields[i].type, names_json, out);
    }
    pn_buf_addc(out, ')');
}

void pn_type_sql(const struct pn_type *type, struct pn_buf *out)
{
    add_sql(type, false, out);
}

void pn_type_json_sql(const struct pn_type *type, struct pn_buf *out)
{
    add_sql(type, true, out);
}

void pn_type_name(const struct pn_type *type, struct pn_buf *out)
{
    static const char *const begins[] = {
        [PN_TYPE_STRUCT] = "struct<", [PN_TYPE_ARRAY] = "array<", [PN_TYPE_MAP] = "map<"};
    if (is_simple(type)) {
        add_word(simple_types[type->kind].name, type, out);
        return;
    }
    pn_buf_adds(out, begins[type->kind]);
    for (size_t i = 0; i < type->field_count; i++) {
        pn_buf_adds(out, i > 0 ? ", " : "");
        if (type->kind == PN_TYPE_STRUCT) {
            pn_buf_addf(out, "%s ", type->fields[i].name);
        }
        pn_type_name(&type->fields[i].type, out);
    }
    pn_buf_addc(out, '>');
}

static void put_type(struct pn_json_writer *json, const struct pn_type *type);

/* `expression`: by which Delta's writers generate the column's values; NULL: they do not. */
static void put_column(struct pn_json_writer *json, const struct pn_column *column,
                       const char *expression)
{
    pn_json_put_object(json);
    pn_json_add_cstr(json, "name", column->name);
    pn_json_put_key(json, "type");
    put_type(json, &column->type);
    pn_json_add_bool(json, "nullable", true);
    pn_json_add_object(json, "metadata");
    if (expression != NULL) {
        pn_json_add_cstr(json, "delta.generationExpression", expression);
    }
    pn_json_end(json);
    pn_json_end(json);
}

static void begin_struct(struct pn_json_writer *json)
{
    pn_json_put_object(json);
    pn_json_add_cstr(json, "type", "struct");
    pn_json_add_array(json, "fields");
}

static void end_struct(struct pn_json_writer *json)
{
    pn_json_end(json);
    pn_json_end(json);
}

/* The parts of an array or a map: all may be null but a map's keys. */
static void put_parts(struct pn_json_writer *json, const struct pn_type *type)
{
    bool is_array = type->kind == PN_TYPE_ARRAY;
    pn_json_put_object(json);
    pn_json_add_cstr(json, "type", is_array ? "array" : "map");
    if (!is_array) {
        pn_json_add_cstr(json, "keyType", "string");
    }
    pn_json_put_key(json, is_array ? "elementType" : "valueType");
    put_type(json, &type->fields[type->field_count - 1].type);
    pn_json_add_bool(json, is_array ? "containsNull" : "valueContainsNull", true);
    pn_json_end(json);
}

static void put_type(struct pn_json_writer *json, const struct pn_type *type)
{
    if (type->kind == PN_TYPE_STRUCT) {
        begin_struct(json);
        for (size_t i = 0; i < type->field_count; i++) {
            put_column(json, &type->fields[i], NULL);
        }
        end_struct(json);
    } else if (!is_simple(type)) {
        put_parts(json, type);
    } else {
        add_word(simple_types[type->kind].delta, type, pn_json_open_text(json));
        pn_json_close_text(json);
    }
}

void pn_type_delta(const struct pn_type *type, struct pn_buf *out)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, out);
    put_type(&json, type);
}

/* The expression of a generated column; NULL: it is not generated. */
static const char *generation_of(const struct pn_table *table, const struct pn_column *column)
{
    for (size_t i = 0; i < table->partition_count; i++) {
        if (&table->partitions[i].column == column) {
            return table->partitions[i].expression;
        }
    }
    return NULL;
}

void pn_table_put_schema(const struct pn_table *table, struct pn_json_writer *json)
{
    begin_struct(json);
    for (size_t i = 0; i < pn_table_stored_columns(table); i++) {
        const struct pn_column *column = pn_table_stored_column(table, i);
        put_column(json, column, generation_of(table, column));
    }
    end_struct(json);
}

void pn_table_delta_schema(const struct pn_table *table, struct pn_buf *out)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, out);
    pn_table_put_schema(table, &json);
}
