/* Values that JSON has no form for, as text: times, intervals, and what DuckDB has beside them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/duckdb/private.h"

static const int64_t second_us = INT64_C(1000000);
static const int64_t minute_us = INT64_C(60000000);
static const int64_t hour_us = INT64_C(3600000000);

static void add_date(struct pn_buf *out, duckdb_date date)
{
    if (!duckdb_is_finite_date(date)) {
        pn_buf_adds(out, date.days < 0 ? "-infinity" : "infinity");
        return;
    }
    duckdb_date_struct parts = duckdb_from_date(date);
    pn_buf_addf(out, "%04" PRId32 "-%02d-%02d", parts.year, parts.month, parts.day);
}

/* A fraction of a second with so many digits, when it isn't 0. */
static void add_fraction(struct pn_buf *out, int64_t fraction, int digits)
{
    if (fraction != 0) {
        pn_buf_addf(out, ".%0*" PRId64, digits, fraction);
    }
}

static void add_instant_seconds(struct pn_buf *out, duckdb_timestamp instant)
{
    duckdb_timestamp_struct parts = duckdb_from_timestamp(instant);
    pn_buf_addf(out, "%04" PRId32 "-%02d-%02dT%02d:%02d:%02d", parts.date.year, parts.date.month,
                parts.date.day, parts.time.hour, parts.time.min, parts.time.sec);
}

static void add_instant(struct pn_buf *out, duckdb_timestamp instant, const char *zone)
{
    if (!duckdb_is_finite_timestamp(instant)) {
        pn_buf_adds(out, instant.micros < 0 ? "-infinity" : "infinity");
        return;
    }
    add_instant_seconds(out, instant);
    add_fraction(out, duckdb_from_timestamp(instant).time.micros, 6);
    pn_buf_adds(out, zone);
}

/* A time in units of which a second has `units`, up to a million. */
static void add_coarse_instant(struct pn_buf *out, int64_t value, int64_t units)
{
    int64_t micros = value;
    bool finite = value != INT64_MAX && value != -INT64_MAX;
    if (finite && __builtin_mul_overflow(value, second_us / units, &micros)) {
        micros = value < 0 ? -INT64_MAX : INT64_MAX;
    }
    add_instant(out, (duckdb_timestamp){micros}, "");
}

static void add_nano_instant(struct pn_buf *out, int64_t nanos)
{
    enum { NANOS_A_MICRO = 1000 };
    const int64_t second_ns = second_us * NANOS_A_MICRO;
    if (nanos == INT64_MAX || nanos == -INT64_MAX) {
        pn_buf_adds(out, nanos < 0 ? "-infinity" : "infinity");
        return;
    }
    int64_t fraction = nanos % second_ns;
    fraction += fraction < 0 ? second_ns : 0;
    add_instant_seconds(out, (duckdb_timestamp){(nanos - fraction) / NANOS_A_MICRO});
    add_fraction(out, fraction, 9);
}

static void add_time(struct pn_buf *out, duckdb_time_struct time)
{
    pn_buf_addf(out, "%02d:%02d:%02d", time.hour, time.min, time.sec);
    add_fraction(out, time.micros, 6);
}

static void add_time_tz(struct pn_buf *out, duckdb_time_tz time)
{
    enum { MINUTE_S = 60, HOUR_S = 3600 };
    duckdb_time_tz_struct parts = duckdb_from_time_tz(time);
    int offset = abs((int)parts.offset);
    add_time(out, parts.time);
    pn_buf_addf(out, "%c%02d:%02d", parts.offset < 0 ? '-' : '+', offset / HOUR_S,
                offset / MINUTE_S % MINUTE_S);
    if (offset % MINUTE_S != 0) {
        pn_buf_addf(out, ":%02d", offset % MINUTE_S);
    }
}

static void add_time_ns(struct pn_buf *out, int64_t nanos)
{
    enum { NANOS_A_MICRO = 1000 };
    const int64_t second_ns = second_us * NANOS_A_MICRO;
    duckdb_time_struct time = duckdb_from_time((duckdb_time){nanos / NANOS_A_MICRO});
    time.micros = 0;
    add_time(out, time);
    add_fraction(out, nanos % second_ns, 9);
}

static void add_unit(struct pn_buf *out, size_t start, int32_t count, const char *unit)
{
    if (count != 0) {
        pn_buf_addf(out, "%s%" PRId32 " %s%s", out->len > start ? " " : "", count, unit,
                    count == 1 || count == -1 ? "" : "s");
    }
}

/* "1 year 2 months 3 days 04:05:06.500000" */
static void add_interval(struct pn_buf *out, duckdb_interval interval)
{
    enum { YEAR_MONTHS = 12 };
    size_t start = out->len;
    add_unit(out, start, interval.months / YEAR_MONTHS, "year");
    add_unit(out, start, interval.months % YEAR_MONTHS, "month");
    add_unit(out, start, interval.days, "day");
    if (interval.micros == 0 && out->len > start) {
        return;
    }
    uint64_t micros =
        interval.micros < 0 ? 0 - (uint64_t)interval.micros : (uint64_t)interval.micros;
    pn_buf_addf(out, "%s%s%02" PRIu64 ":%02d:%02d", out->len > start ? " " : "",
                interval.micros < 0 ? "-" : "", micros / (uint64_t)hour_us,
                (int)(micros % (uint64_t)hour_us / (uint64_t)minute_us),
                (int)(micros % (uint64_t)minute_us / (uint64_t)second_us));
    add_fraction(out, (int64_t)(micros % (uint64_t)second_us), 6);
}

/* DuckDB keeps a UUID's first bit turned, so that they sort as their texts do. */
static void add_uuid(struct pn_buf *out, duckdb_hugeint uuid)
{
    uint64_t upper = (uint64_t)uuid.upper ^ (UINT64_C(1) << 63);
    pn_buf_addf(out, "%08" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%012" PRIx64,
                upper >> 32, upper >> 16 & 0xffff, upper & 0xffff, uuid.lower >> 48,
                uuid.lower & UINT64_C(0xffffffffffff));
}

static void put_uhugeint(struct pn_json_writer *json, duckdb_uhugeint value)
{
    __extension__ typedef unsigned __int128 uint128;
    uint128 rest = ((uint128)value.upper << 64) | value.lower;
    char digits[40];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    } while (rest != 0);
    pn_json_put_raw(json, digits + at, sizeof digits - at);
}

static void put_enum(struct pn_json_writer *json, duckdb_logical_type type, const void *data,
                     idx_t row)
{
    idx_t at = 0;
    switch (duckdb_enum_internal_type(type)) {
    case DUCKDB_TYPE_UTINYINT:
        at = ((const uint8_t *)data)[row];
        break;
    case DUCKDB_TYPE_USMALLINT:
        at = ((const uint16_t *)data)[row];
        break;
    default:
        at = ((const uint32_t *)data)[row];
        break;
    }
    char *word = duckdb_enum_dictionary_value(type, at);
    pn_json_put_cstr(json, word);
    duckdb_free(word);
}

/* What is ASCII as it is, all else as \xHH: as DuckDB casts it. */
static void put_blob(struct pn_json_writer *json, duckdb_string_t *blob)
{
    enum { SHOWN_MAX = 4 }; /* of a byte */
    const char *bytes = duckdb_string_t_data(blob);
    uint32_t len = duckdb_string_t_length(*blob);
    struct pn_buf text;
    pn_buf_init(&text, (size_t)len * SHOWN_MAX + 1);
    for (uint32_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c < 0x20 || c > 0x7e || strchr("\\'\"", c) != NULL) {
            pn_buf_addf(&text, "\\x%02X", c);
        } else {
            pn_buf_addc(&text, (char)c);
        }
    }
    pn_json_put_string(json, pn_buf_text(&text), text.len);
    pn_buf_deinit(&text);
}

/* The first byte tells how many of the next one's bits are none. */
static void add_bits(struct pn_buf *out, duckdb_string_t *bits)
{
    enum { BITS = 8 };
    const unsigned char *bytes = (const unsigned char *)duckdb_string_t_data(bits);
    uint32_t len = duckdb_string_t_length(*bits);
    for (uint32_t i = len > 0 ? BITS + bytes[0] : 0; i < len * BITS; i++) {
        pn_buf_addc(out, (bytes[i / BITS] >> (BITS - 1 - i % BITS) & 1) != 0 ? '1' : '0');
    }
}

/* Texts without anything to escape. */
static void add_plain(struct pn_buf *out, duckdb_logical_type type, void *data, idx_t row)
{
    switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_DATE:
        add_date(out, ((const duckdb_date *)data)[row]);
        break;
    case DUCKDB_TYPE_TIMESTAMP:
        add_instant(out, ((const duckdb_timestamp *)data)[row], "");
        break;
    case DUCKDB_TYPE_TIMESTAMP_TZ:
        add_instant(out, ((const duckdb_timestamp *)data)[row], "Z");
        break;
    case DUCKDB_TYPE_TIMESTAMP_S:
        add_coarse_instant(out, ((const int64_t *)data)[row], 1);
        break;
    case DUCKDB_TYPE_TIMESTAMP_MS:
        add_coarse_instant(out, ((const int64_t *)data)[row], 1000);
        break;
    case DUCKDB_TYPE_TIMESTAMP_NS:
        add_nano_instant(out, ((const int64_t *)data)[row]);
        break;
    case DUCKDB_TYPE_TIME:
        add_time(out, duckdb_from_time(((const duckdb_time *)data)[row]));
        break;
    case DUCKDB_TYPE_TIME_TZ:
        add_time_tz(out, ((const duckdb_time_tz *)data)[row]);
        break;
    case DUCKDB_TYPE_TIME_NS:
        add_time_ns(out, ((const int64_t *)data)[row]);
        break;
    case DUCKDB_TYPE_INTERVAL:
        add_interval(out, ((const duckdb_interval *)data)[row]);
        break;
    case DUCKDB_TYPE_UUID:
        add_uuid(out, ((const duckdb_hugeint *)data)[row]);
        break;
    case DUCKDB_TYPE_BIT:
        add_bits(out, &((duckdb_string_t *)data)[row]);
        break;
    default:
        PN_ASSERT(false);
    }
}

void pn_duckdb_put_scalar(struct pn_json_writer *json, duckdb_logical_type type, void *data,
                          idx_t row)
{
    switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_UHUGEINT:
        put_uhugeint(json, ((const duckdb_uhugeint *)data)[row]);
        break;
    case DUCKDB_TYPE_ENUM:
        put_enum(json, type, data, row);
        break;
    case DUCKDB_TYPE_BLOB:
        put_blob(json, &((duckdb_string_t *)data)[row]);
        break;
    default:
        add_plain(pn_json_open_text(json), type, data, row);
        pn_json_close_text(json);
        break;
    }
}
