/*
 * Statistics of a data file as Delta has them in `add`: numRecords, and for each column at any
 * depth its smallest and largest value and its number of nulls, nested as the columns are.
 *
 * DuckDB gives them as texts under quoted names ("a"."b"). What Delta's readers may not rely on is
 * left out: bounds of booleans and of binary, of doubles with NaN or infinities, of times beyond
 * year 9999; and of arrays and maps all but the number of nulls where that is known to be 0.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "engine/duckdb/write.h"

enum { TEXT_CHARS_MAX = 32, STATS_BYTES_MAX = 1 << 20, INSTANT_LEN = 19, MILLIS_LEN = 4 };

/* What DuckDB says of one column; texts are borrowed from the vector, len 0 and NULL when absent.
 */
struct facts {
    const char *min;
    size_t min_len;
    const char *max;
    size_t max_len;
    const char *null_count;
    size_t null_count_len;
    bool has_nan;
};

enum part { PART_MIN, PART_MAX, PART_NULLS };

/* Where DuckDB has the statistics of a file. */
struct source {
    duckdb_vector map;
    idx_t row;
};

/* The entries of a MAP at row `row`: its keys and values, from *start on. */
static idx_t entries(duckdb_vector map, idx_t row, duckdb_vector *keys, duckdb_vector *values,
                     idx_t *start)
{
    if (pn_duckdb_is_null(map, row)) {
        return 0;
    }
    duckdb_list_entry *lists = duckdb_vector_get_data(map);
    duckdb_vector pairs = duckdb_list_vector_get_child(map);
    *keys = duckdb_struct_vector_get_child(pairs, 0);
    *values = duckdb_struct_vector_get_child(pairs, 1);
    *start = lists[row].offset;
    return lists[row].length;
}

static bool is(const char *text, size_t len, const char *wanted)
{
    return strlen(wanted) == len && memcmp(text, wanted, len) == 0;
}

static struct facts read_facts(duckdb_vector map, idx_t row)
{
    struct facts facts = {0};
    duckdb_vector keys = NULL;
    duckdb_vector values = NULL;
    idx_t start = 0;
    idx_t count = entries(map, row, &keys, &values, &start);
    for (idx_t i = start; i < start + count; i++) {
        const char *key = NULL;
        const char *value = NULL;
        size_t key_len = 0;
        size_t len = 0;
        if (!pn_duckdb_text(keys, i, &key, &key_len) || !pn_duckdb_text(values, i, &value, &len)) {
            continue;
        }
        if (is(key, key_len, "min")) {
            facts.min = value;
            facts.min_len = len;
        } else if (is(key, key_len, "max")) {
            facts.max = value;
            facts.max_len = len;
        } else if (is(key, key_len, "null_count")) {
            facts.null_count = value;
            facts.null_count_len = len;
        } else if (is(key, key_len, "has_nan")) {
            facts.has_nan = is(value, len, "true");
        }
    }
    return facts;
}

static bool find_facts(const struct source *statistics, const struct pn_buf *name,
                       struct facts *facts)
{
    duckdb_vector keys = NULL;
    duckdb_vector values = NULL;
    idx_t start = 0;
    idx_t count = entries(statistics->map, statistics->row, &keys, &values, &start);
    for (idx_t i = start; i < start + count; i++) {
        const char *key = NULL;
        size_t len = 0;
        if (pn_duckdb_text(keys, i, &key, &len) && is(key, len, pn_buf_text(name))) {
            *facts = read_facts(values, i);
            return true;
        }
    }
    return false;
}

/* Bytes of the first `chars` characters of a UTF-8 text, at most `len`. */
static size_t prefix_bytes(const char *text, size_t len, size_t chars)
{
    size_t at = 0;
    while (at < len && chars > 0) {
        at++;
        while (at < len && ((unsigned char)text[at] & 0xC0) == 0x80) {
            at++;
        }
        chars--;
    }
    return at;
}

/* A prefix is a lower bound as it is; an upper one needs a character after it that no text's next
 * one is above. */
static void put_text(struct pn_json_writer *json, enum part part, const char *text, size_t len)
{
    static const char HIGHEST[] = "\xF4\x8F\xBF\xBF"; /* U+10FFFF */
    char bound[TEXT_CHARS_MAX * 4 + sizeof HIGHEST];
    size_t kept = prefix_bytes(text, len, TEXT_CHARS_MAX);
    PN_ASSERT(kept <= (size_t)TEXT_CHARS_MAX * 4); /* DuckDB's texts are UTF-8 */
    memcpy(bound, text, kept);
    if (part == PART_MAX && kept < len) {
        memcpy(bound + kept, HIGHEST, sizeof HIGHEST - 1);
        kept += sizeof HIGHEST - 1;
    }
    pn_json_put_string(json, bound, kept);
}

static bool looks_like(const char *text, size_t len, const char *pattern)
{
    size_t want = strlen(pattern);
    if (len < want) {
        return false;
    }
    for (size_t i = 0; i < want; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (pattern[i] == '0' ? !digit : text[i] != pattern[i]) {
            return false;
        }
    }
    return true;
}

/* "2020-01-01 00:00:00.123456+00" as "2020-01-01T00:00:00.123Z": Delta cuts to milliseconds, and
 * readers know it. */
static bool put_instant(struct pn_json_writer *json, const char *text, size_t len)
{
    static const char UTC[] = "+00";
    char millis[MILLIS_LEN + 1] = ".000";
    if (!looks_like(text, len, "0000-00-00 00:00:00") || !is(text + len - 3, 3, UTC)) {
        return false;
    }
    if (text[INSTANT_LEN] == '.') {
        for (size_t i = 1; i < MILLIS_LEN && text[INSTANT_LEN + i] != '+'; i++) {
            millis[i] = text[INSTANT_LEN + i];
        }
    }
    pn_json_put_textf(json, "%.10sT%.8s%sZ", text, text + 11, millis);
    return true;
}

/* DuckDB leaves out the zero before the point where there are no other digits (decimal(2,2)), which
 * is not a number of JSON. */
static void put_decimal(struct pn_json_writer *json, const char *text, size_t len)
{
    size_t sign = len > 0 && text[0] == '-' ? 1 : 0;
    bool lacks_zero = len > sign && text[sign] == '.';
    char *number = pn_xasprintf("%.*s%s%.*s", (int)sign, text, lacks_zero ? "0" : "",
                                (int)(len - sign), text + sign);
    pn_json_put_raw(json, number, strlen(number));
    free(number);
}

/* As Parquet has it: of the two zeros, the least is negative and the greatest is not. A reader that
 * tells them apart would leave one of them out. */
static void put_float(struct pn_json_writer *json, enum part part, const char *text, size_t len)
{
    char *number = pn_xstrndup(text, len);
    if (strtod(number, NULL) == 0) {
        pn_json_put_raw(json, part == PART_MIN ? "-0.0" : "0.0", part == PART_MIN ? 4 : 3);
    } else {
        pn_json_put_raw(json, text, len);
    }
    free(number);
}

/* Writes a bound; false when it has none that readers may rely on. */
static bool put_bound(struct pn_json_writer *json, enum pn_type_kind kind,
                      const struct facts *facts, enum part part)
{
    const char *text = part == PART_MIN ? facts->min : facts->max;
    size_t len = part == PART_MIN ? facts->min_len : facts->max_len;
    if (text == NULL || facts->has_nan) {
        return false;
    }
    switch (kind) {
    case PN_TYPE_STRING:
    case PN_TYPE_JSON:
        put_text(json, part, text, len);
        return true;
    case PN_TYPE_BIGINT:
    case PN_TYPE_INT:
    case PN_TYPE_SMALLINT:
    case PN_TYPE_TINYINT:
        pn_json_put_raw(json, text, len);
        return true;
    case PN_TYPE_DECIMAL:
        put_decimal(json, text, len);
        return true;
    case PN_TYPE_DOUBLE:
    case PN_TYPE_FLOAT:
        if (memchr(text, 'n', len) != NULL) { /* nan, inf */
            return false;
        }
        put_float(json, part, text, len);
        return true;
    case PN_TYPE_DATE:
        if (len != strlen("0000-00-00") || !looks_like(text, len, "0000-00-00")) {
            return false;
        }
        pn_json_put_string(json, text, len);
        return true;
    case PN_TYPE_TIMESTAMP:
        return put_instant(json, text, len);
    case PN_TYPE_BOOLEAN:
    case PN_TYPE_BINARY:
    case PN_TYPE_STRUCT:
    case PN_TYPE_ARRAY:
    case PN_TYPE_MAP:
        break;
    }
    return false;
}

static bool put_part(struct pn_json_writer *json, const struct pn_column *columns, size_t count,
                     const struct source *statistics, struct pn_buf *name, enum part part);

/* Are all values of an array or map, which `name` names, known not to be null? Parquet's leaves
 * count a null for each list that is null or empty and for each null in one: so only 0 says
 * something of the lists. */
static bool has_no_null(const struct pn_type *type, const struct source *statistics,
                        struct pn_buf *name)
{
    struct facts facts = {.null_count = NULL};
    size_t name_len = name->len;
    for (; type->field_count > 0; type = &type->fields[0].type) {
        pn_buf_adds(name, ".");
        pn_duckdb_add_name(name, type->kind == PN_TYPE_ARRAY ? "element"
                                 : type->kind == PN_TYPE_MAP ? "key"
                                                             : type->fields[0].name);
    }
    bool has_none = find_facts(statistics, name, &facts) && facts.null_count != NULL &&
                    facts.null_count_len == 1 && facts.null_count[0] == '0';
    name->len = name_len;
    return has_none;
}

/* Writes the part of a column with its name; false, and nothing, when there is none. */
static bool add_column(struct pn_json_writer *json, const struct pn_column *column,
                       const struct source *statistics, struct pn_buf *name, enum part part)
{
    struct pn_json_mark before = pn_json_mark(json);
    struct facts facts;
    bool added = false;
    pn_json_put_key(json, column->name);
    if (column->type.kind == PN_TYPE_STRUCT) {
        added =
            put_part(json, column->type.fields, column->type.field_count, statistics, name, part);
    } else if (column->type.field_count > 0) {
        added = part == PART_NULLS && has_no_null(&column->type, statistics, name);
        if (added) {
            pn_json_put_i64(json, 0);
        }
    } else if (find_facts(statistics, name, &facts)) {
        if (part != PART_NULLS) {
            added = put_bound(json, column->type.kind, &facts, part);
        } else if (facts.null_count != NULL) {
            pn_json_put_raw(json, facts.null_count, facts.null_count_len);
            added = true;
        }
    }
    if (!added) {
        pn_json_rewind(json, &before);
    }
    return added;
}

/* Writes the object of a part for columns below `name`; false when it is empty, and then to be
 * taken back. */
static bool put_part(struct pn_json_writer *json, const struct pn_column *columns, size_t count,
                     const struct source *statistics, struct pn_buf *name, enum part part)
{
    size_t name_len = name->len;
    bool any = false;
    pn_json_put_object(json);
    for (size_t i = 0; i < count; i++) {
        pn_buf_adds(name, name_len == 0 ? "" : ".");
        pn_duckdb_add_name(name, columns[i].name);
        any = add_column(json, &columns[i], statistics, name, part) || any;
        name->len = name_len;
    }
    pn_json_end(json);
    return any;
}

char *pn_duckdb_stats(const struct pn_table *table, int64_t rows, duckdb_vector statistics,
                      idx_t row)
{
    static const struct {
        const char *key;
        enum part part;
    } PARTS[] = {{"minValues", PART_MIN}, {"maxValues", PART_MAX}, {"nullCount", PART_NULLS}};
    const struct source source = {.map = statistics, .row = row};
    struct pn_buf out;
    struct pn_buf name;
    struct pn_json_writer json;
    pn_buf_init(&out, STATS_BYTES_MAX);
    pn_buf_init(&name, STATS_BYTES_MAX);
    pn_json_writer_init(&json, &out);
    pn_json_put_object(&json);
    pn_json_add_i64(&json, "numRecords", rows);
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++) {
        struct pn_json_mark before = pn_json_mark(&json);
        pn_json_put_key(&json, PARTS[i].key);
        if (!put_part(&json, table->columns, table->column_count, &source, &name, PARTS[i].part)) {
            pn_json_rewind(&json, &before);
        }
    }
    pn_json_end(&json);
    char *stats = pn_buf_failed(&out) || pn_buf_failed(&name) ? NULL : pn_buf_take(&out);
    pn_buf_deinit(&out);
    pn_buf_deinit(&name);
    return stats;
}
