/* Making a record: the fields' values in the order in which they need each other, then the JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "emulate/generator_internal.h"
#include "emulate/source.h"

static uint32_t random_32(struct pn_maker *maker)
{
    return (uint32_t)(pn_random_u64(&maker->random) >> 32);
}

/* Good mixing of all bits: splitmix64's finalizer. */
static uint64_t mixed(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9U;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBU;
    return value ^ (value >> 31);
}

static void start_row(struct pn_maker *maker, const struct pn_gen_kind *kind, int64_t row,
                      uint64_t seed)
{
    pn_random_init(&maker->random,
                   mixed(mixed(seed ^ kind->salt) + (uint64_t)row * 0xD1342543DE82EF95U));
}

/* The row whose contents this row has: itself, or an earlier one, which may be a repeat, too. The
 * numbers of that row are next then. */
static void start_contents(struct pn_maker *maker, const struct pn_gen_kind *kind, int64_t row,
                           uint64_t seed)
{
    for (;;) {
        start_row(maker, kind, row, seed);
        if (kind->repeat_below == 0 || random_32(maker) >= kind->repeat_below || row == 0) {
            return;
        }
        uint64_t within = kind->repeat_within < (uint64_t)row ? kind->repeat_within : (uint64_t)row;
        row -= 1 + (int64_t)pn_random_below(&maker->random, within);
    }
}

static void add_number(struct pn_buf *out, int64_t scaled, int decimals)
{
    if (decimals == 0) {
        pn_buf_add_i64(out, scaled);
        return;
    }
    char digits[32];
    size_t at = sizeof digits;
    uint64_t rest = scaled < 0 ? 0 - (uint64_t)scaled : (uint64_t)scaled;
    bool kept = false; /* zeros at the end are left out, but for the first decimal */
    for (int i = 0; i < decimals; i++, rest /= 10) {
        kept = kept || rest % 10 != 0 || i == decimals - 1;
        if (kept) {
            digits[--at] = (char)('0' + rest % 10);
        }
    }
    digits[--at] = '.';
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (scaled < 0) {
        digits[--at] = '-';
    }
    pn_buf_add(out, digits + at, sizeof digits - at);
}

static void add_number_log(struct pn_maker *maker, const struct pn_gen_piece *piece)
{
    double min = (double)piece->number.min;
    double ratio = (min + (double)piece->number.span) / min;
    double value = floor(min * exp(pn_random_unit(&maker->random) * log(ratio)));
    double last = min + (double)(piece->number.span - 1);
    add_number(&maker->values, (int64_t)(value > last ? last : value), piece->number.decimals);
}

static void add_hex(struct pn_maker *maker, size_t digits)
{
    if (!pn_buf_reserve(&maker->values, digits)) {
        return;
    }
    uint64_t bits = 0;
    for (size_t i = 0; i < digits; i++, bits >>= 4) {
        if (i % 16 == 0) {
            bits = pn_random_u64(&maker->random);
        }
        maker->values.data[maker->values.len++] = "0123456789abcdef"[bits & 15];
    }
}

/* A number with leading zeros. */
static void add_padded(struct pn_buf *out, int value, int width)
{
    char digits[16];
    for (int i = width; i-- > 0; value /= 10) {
        digits[i] = (char)('0' + value % 10);
    }
    pn_buf_add(out, digits, (size_t)width);
}

static void add_date_part(struct pn_buf *out, const struct tm *parts, char letter)
{
    switch (letter) {
    case 'Y':
        add_padded(out, parts->tm_year + 1900, 4);
        break;
    case 'm':
        add_padded(out, parts->tm_mon + 1, 2);
        break;
    case 'd':
        add_padded(out, parts->tm_mday, 2);
        break;
    case 'H':
        add_padded(out, parts->tm_hour, 2);
        break;
    case 'M':
        add_padded(out, parts->tm_min, 2);
        break;
    case 'S':
        add_padded(out, parts->tm_sec, 2);
        break;
    default:
        pn_buf_addc(out, '%');
        break;
    }
}

static void add_date(struct pn_maker *maker, const struct pn_gen_piece *piece)
{
    time_t when =
        (time_t)(piece->date.from_s + (int64_t)pn_random_below(&maker->random, piece->date.span_s));
    struct tm parts;
    if (gmtime_r(&when, &parts) == NULL) {
        return; /* years that no ISO 8601 date has */
    }
    for (const char *at = piece->date.format; *at != '\0'; at++) {
        if (*at == '%') {
            add_date_part(&maker->values, &parts, *++at);
        } else {
            pn_buf_addc(&maker->values, *at);
        }
    }
}

static void add_field(struct pn_maker *maker, size_t field)
{
    size_t len = maker->ends[field] - maker->starts[field];
    if (pn_buf_reserve(&maker->values, len)) {
        pn_buf_add(&maker->values, maker->values.data + maker->starts[field], len);
    }
}

static void add_list(struct pn_maker *maker, const struct pn_gen_piece *piece);

static void add_template(struct pn_maker *maker, const struct pn_gen_template *template_)
{
    char uuid[PN_UUID_SIZE];
    for (size_t i = 0; i < template_->count; i++) {
        const struct pn_gen_piece *piece = &template_->pieces[i];
        switch (piece->kind) {
        case PN_GEN_LITERAL:
            pn_buf_add(&maker->values, piece->literal.text, piece->literal.len);
            break;
        case PN_GEN_ROW:
            pn_buf_add_i64(&maker->values, maker->row);
            break;
        case PN_GEN_UUID:
            pn_buf_add(&maker->values, pn_uuid_from(&maker->random, uuid), PN_UUID_SIZE - 1);
            break;
        case PN_GEN_HEX:
            add_hex(maker, piece->hex_digits);
            break;
        case PN_GEN_NUMBER:
            add_number(&maker->values,
                       piece->number.min +
                           (int64_t)pn_random_below(&maker->random, piece->number.span),
                       piece->number.decimals);
            break;
        case PN_GEN_NUMBER_LOG:
            add_number_log(maker, piece);
            break;
        case PN_GEN_DATE:
            add_date(maker, piece);
            break;
        case PN_GEN_FIELD:
            add_field(maker, piece->field);
            break;
        case PN_GEN_LIST:
            add_list(maker, piece);
            break;
        }
    }
}

static const struct pn_gen_list *case_of(const struct pn_maker *maker,
                                         const struct pn_gen_list *list)
{
    while (list->otherwise != NULL) {
        const char *value = maker->values.data + maker->starts[list->by];
        size_t len = maker->ends[list->by] - maker->starts[list->by];
        const struct pn_gen_list *found = list->otherwise;
        for (size_t i = 0; i < list->case_count; i++) {
            if (list->cases[i].len == len && memcmp(list->cases[i].value, value, len) == 0) {
                found = list->cases[i].list;
                break;
            }
        }
        list = found;
    }
    return list;
}

static void add_pick(struct pn_maker *maker, const struct pn_gen_list *list)
{
    uint64_t bits = pn_random_u64(&maker->random);
    uint32_t item = (uint32_t)(((bits >> 32) * list->count) >> 32);
    if (list->keep != NULL && (bits & UINT32_MAX) >= list->keep[item]) {
        item = list->alias[item];
    }
    add_template(maker, &list->items[item]);
}

static void add_list(struct pn_maker *maker, const struct pn_gen_piece *piece)
{
    uint32_t times = piece->list.times_min;
    if (piece->list.times_max > times) {
        times += (uint32_t)pn_random_below(&maker->random, piece->list.times_max - times + 1);
    }
    const struct pn_gen_list *list = case_of(maker, piece->list.list);
    size_t separator_len = times > 1 ? strlen(piece->list.separator) : 0;
    size_t start = maker->values.len;
    for (uint32_t i = 0; i < times && !pn_buf_failed(&maker->values); i++) {
        if (i > 0) {
            pn_buf_add(&maker->values, piece->list.separator, separator_len);
        }
        add_pick(maker, list);
    }
    if (piece->list.capital && maker->values.len > start) {
        char *first = &maker->values.data[start];
        *first = *first >= 'a' && *first <= 'z' ? (char)(*first - 'a' + 'A') : *first;
    }
}

/* The anomaly that befalls the field this time, or NULL. */
static const struct pn_gen_anomaly *anomaly_of(struct pn_maker *maker,
                                               const struct pn_gen_field *field)
{
    if (field->anomaly_count == 0) {
        return NULL;
    }
    uint32_t drawn = random_32(maker);
    for (size_t i = 0; i < field->anomaly_count; i++) {
        if (drawn < field->anomalies[i].below) {
            return &field->anomalies[i];
        }
    }
    return NULL;
}

static void write_field(struct pn_maker *maker, const struct pn_gen_kind *kind, size_t index,
                        struct pn_json_writer *json)
{
    const struct pn_gen_field *field = &kind->fields[index];
    const struct pn_gen_anomaly *anomaly = anomaly_of(maker, field);
    if (anomaly != NULL && anomaly->kind == PN_GEN_MISSING) {
        return;
    }
    pn_json_put_raw_name(json, field->key, field->key_len);
    const char *value = maker->values.data + maker->starts[index];
    size_t len = maker->ends[index] - maker->starts[index];
    if (anomaly != NULL && anomaly->kind == PN_GEN_NULL) {
        pn_json_put_null(json);
    } else if (anomaly != NULL) {
        pn_json_put_raw(json, anomaly->json, anomaly->json_len);
    } else if (field->is_number) {
        pn_json_put_raw(json, value, len);
    } else {
        pn_json_put_string(json, value, len);
    }
}

int pn_generator_make(const struct pn_generator *generator, struct pn_maker *maker, size_t kind_at,
                      int64_t row, uint64_t seed, struct pn_buf *out, struct pn_err *e)
{
    PN_ASSERT(kind_at < generator->kind_count && row >= 0);
    const struct pn_gen_kind *kind = &generator->kinds[kind_at];
    pn_buf_reset(&maker->values);
    (void)pn_buf_reserve(&maker->values, 1); /* so that `data` is never NULL */
    maker->row = generator->first_row + row;
    start_contents(maker, kind, row, seed);
    for (size_t i = 0; i < kind->order_count; i++) {
        size_t field = kind->order[i];
        maker->starts[field] = maker->values.len;
        add_template(maker, &kind->fields[field].template);
        maker->ends[field] = maker->values.len;
    }
    int rc = pn_buf_check(&maker->values, "a generated record", e);
    if (rc != 0) {
        return rc;
    }
    struct pn_json_writer json;
    pn_json_writer_init(&json, out);
    pn_json_put_object(&json);
    for (size_t i = 0; i < kind->field_count && !kind->fields[i].hidden; i++) {
        write_field(maker, kind, i, &json);
    }
    pn_json_end(&json);
    return pn_json_writer_check(&json, "a generated record", e);
}

void pn_maker_init(struct pn_maker *maker, const struct pn_generator *generator)
{
    pn_buf_init(&maker->values, PN_GENERATOR_RECORD_BYTES_MAX);
    maker->starts = pn_xcalloc(generator->field_count_max, sizeof *maker->starts);
    maker->ends = pn_xcalloc(generator->field_count_max, sizeof *maker->ends);
    maker->row = 0;
}

void pn_maker_deinit(struct pn_maker *maker)
{
    pn_buf_deinit(&maker->values);
    free(maker->starts);
    free(maker->ends);
}

/* --- as a source ---------------------------------------------------------------------------- */

struct generator_source {
    struct pn_source base;
    const struct pn_generator *generator;
    struct pn_maker maker;
    struct pn_buf json;
    int64_t rows;
    int64_t row;
    size_t kind;
    uint64_t seed;
};

static int next(struct pn_source *base, struct pn_emulate_record *record, struct pn_err *e)
{
    struct generator_source *source = (struct generator_source *)base;
    if (source->row >= source->rows) {
        record->json = NULL;
        return 0;
    }
    pn_buf_reset(&source->json);
    int rc = pn_generator_make(source->generator, &source->maker, source->kind, source->row,
                               source->seed, &source->json, e);
    record->kind = source->kind;
    record->json = pn_buf_text(&source->json);
    record->len = source->json.len;
    if (++source->kind == source->generator->kind_count) {
        source->kind = 0;
        source->row++;
    }
    return rc;
}

static void destroy(struct pn_source *base)
{
    struct generator_source *source = (struct generator_source *)base;
    pn_maker_deinit(&source->maker);
    pn_buf_deinit(&source->json);
    free(source);
}

static const struct pn_source_ops generator_ops = {.next = next, .destroy = destroy};

struct pn_source *pn_source_generator(const struct pn_generator *generator, int64_t rows,
                                      uint64_t seed)
{
    struct generator_source *source = pn_xcalloc(1, sizeof *source);
    source->base.ops = &generator_ops;
    source->base.total = rows * (int64_t)generator->kind_count;
    source->generator = generator;
    source->rows = rows;
    source->seed = seed;
    pn_maker_init(&source->maker, generator);
    pn_buf_init(&source->json, PN_GENERATOR_RECORD_BYTES_MAX);
    return &source->base;
}

void pn_source_destroy(struct pn_source **source)
{
    if (*source != NULL) {
        (*source)->ops->destroy(*source);
        *source = NULL;
    }
}
