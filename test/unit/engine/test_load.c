/* What becomes a row of a raw table, what a dead letter, and with which reason. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/duckdb/dead_letters_internal.h"
#include "support/engine_fixture.h"

static int set_up(void **state)
{
    struct engine_fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    engine_fixture_init(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    engine_fixture_deinit(*state);
    free(*state);
    return 0;
}

#define OBJECT  "t.thing+0+0000000000.json"
#define REASONS "SELECT line, reason FROM dead_letters ORDER BY line"

static void load_text(struct engine_fixture *fixture, const char *text, int64_t rows, int64_t dead)
{
    engine_land(fixture, "t.thing", OBJECT, text);
    struct pn_table_report report = engine_load(fixture, RAW_THING);
    assert_int_equal(report.rows, rows);
    assert_int_equal(report.dead_letters, dead);
}

static void test_every_type(void **state)
{
    load_text(
        *state,
        "{\"id\":1,\"word\":\"caf\\u00e9 \\ud83d\\ude00\",\"small\":-7,\"ratio\":0.5,"
        "\"flag\":true,\"moment\":\"2018-09-03T07:12:45.123456+02:00\",\"day\":\"2018-09-03\","
        "\"place\":{\"y\":2,\"x\":1.5}}\n",
        1, 0);
    assert_answer(*state, "SELECT * FROM raw_thing",
                  "1|\"caf\xc3\xa9 \xf0\x9f\x98\x80\"|-7|0.5|true|"
                  "\"2018-09-03T05:12:45.123456Z\"|\"2018-09-03\"|{\"x\":1.5,\"y\":2}\n");
}

static void test_times_and_days(void **state)
{
    load_text(*state,
              "{\"id\":1,\"moment\":\"2020-01-01\",\"day\":\"20200101\"}\n"
              "{\"id\":2,\"moment\":\"2020-01-01T00:00\",\"day\":\"2020-01-01T00:00\"}\n"
              "{\"id\":3,\"moment\":\"2020-01-01T00:00Z\"}\n"
              "{\"id\":4,\"moment\":\"20200101T000000Z\"}\n"
              "{\"id\":5,\"moment\":\"0001-01-01T00:00:00,5Z\",\"day\":\"0001-01-01\"}\n"
              "{\"id\":6,\"day\":\"0000-01-01\"}\n"
              "{\"id\":7,\"day\":\"2020-01-01T12:00\"}\n"
              "{\"id\":8,\"moment\":\"2020-01-01T00:00:60Z\"}\n",
              5, 3);
    assert_answer(*state, "SELECT id, moment, day FROM raw_thing ORDER BY id",
                  "1|\"2020-01-01T00:00:00Z\"|\"2020-01-01\"\n"
                  "2|\"2020-01-01T00:00:00Z\"|\"2020-01-01\"\n"
                  "3|\"2020-01-01T00:00:00Z\"|null\n"
                  "4|\"2020-01-01T00:00:00Z\"|null\n"
                  "5|\"0001-01-01T00:00:00.500000Z\"|\"0001-01-01\"\n");
}

static void test_a_year_out_of_range_is_named(void **state)
{
    load_text(*state,
              "{\"id\":1,\"day\":\"0000-01-01\"}\n"
              "{\"id\":2,\"moment\":\"00000101T000000Z\"}\n"
              "{\"id\":3,\"moment\":\"10000-01-01T00:00:00Z\"}\n"
              "{\"id\":4,\"day\":\"20201301\"}\n"
              "{\"id\":5,\"day\":\"000\"}\n",
              0, 5);
    assert_answer(*state, REASONS,
                  "1|\"column 'day': expected a date such as \\\"2018-09-03\\\" with a year from "
                  "0001 to 9999, "
                  "found string \\\"0000-01-01\\\"\"\n"
                  "2|\"column 'moment': expected a time such as \\\"2018-09-03T07:12:45Z\\\" with "
                  "a year from "
                  "0001 to 9999, found string \\\"00000101T000000Z\\\"\"\n"
                  "3|\"column 'moment': expected a time such as \\\"2018-09-03T07:12:45Z\\\" with "
                  "a year from "
                  "0001 to 9999, found string \\\"10000-01-01T00:00:00Z\\\"\"\n"
                  "4|\"column 'day': expected a date such as \\\"2018-09-03\\\", found string "
                  "\\\"20201301\\\"\"\n"
                  "5|\"column 'day': expected a date such as \\\"2018-09-03\\\", found string "
                  "\\\"000\\\"\"\n");
}

static void test_absent_and_null_are_null(void **state)
{
    load_text(*state,
              "{\"id\":1}\n"
              "{\"id\":2,\"word\":null,\"small\":null,\"ratio\":null,\"flag\":null,\"moment\":null,"
              "\"day\":null,\"place\":null}\n",
              2, 0);
    assert_answer(*state, "SELECT * FROM raw_thing ORDER BY id",
                  "1|null|null|null|null|null|null|null\n2|null|null|null|null|null|null|null\n");
}

static void test_numbers(void **state)
{
    load_text(*state,
              "{\"id\":5.0,\"ratio\":3}\n"
              "{\"id\":1e3,\"ratio\":-0.0}\n"
              "{\"id\":9223372036854775807,\"small\":2147483647}\n"
              "{\"id\":-9223372036854775808,\"small\":-2147483648,\"ratio\":1e308}\n",
              4, 0);
    assert_answer(*state, "SELECT id, small, ratio FROM raw_thing ORDER BY id",
                  "-9223372036854775808|-2147483648|1e+308\n5|null|3\n1000|null|-0\n"
                  "9223372036854775807|2147483647|null\n");
}

/* A whole number is decided on its digits, however it is written; so is a double. */
static void test_numbers_by_their_digits(void **state)
{
    load_text(*state,
              "{\"id\":9007199254740993.0,\"ratio\":0.25000000000000000000}\n"
              "{\"id\":1e17,\"ratio\":0.1000000000000000055511151231257827021181583404541015625}\n"
              "{\"id\":123456789012345678.0,\"small\":-2147483648.00}\n"
              "{\"id\":1000000000000000000.0e0,\"small\":0.002147483647e12}\n"
              "{\"id\":9007199254740991.6}\n"
              "{\"id\":1.0000000000000000000000001}\n"
              "{\"id\":1,\"small\":0.9999999999999999999}\n"
              "{\"id\":1e19}\n"
              "{\"id\":1,\"small\":2147483648.0}\n"
              "{\"id\":1,\"ratio\":-1e400}\n"
              "{\"id\":1.0000000000000000000000000000000000000000000000000000000000000000001}\n",
              4, 7);
    assert_answer(*state, "SELECT id, small, ratio FROM raw_thing ORDER BY id",
                  "9007199254740993|null|0.25\n100000000000000000|null|0.1\n"
                  "123456789012345678|-2147483648|null\n1000000000000000000|2147483647|null\n");
    assert_answer(
        *state, REASONS,
        "5|\"column 'id': expected an integer, but 9007199254740991.6 has a fraction\"\n"
        "6|\"column 'id': expected an integer, but 1.0000000000000000000000001 has a fraction\"\n"
        "7|\"column 'small': expected an integer, but 0.9999999999999999999 has a fraction\"\n"
        "8|\"column 'id': 1e19 is out of range for bigint\"\n"
        "9|\"column 'small': 2147483648.0 is out of range for int\"\n"
        "10|\"column 'ratio': -1e400 is out of range for double\"\n"
        "11|\"column 'id': expected an integer, but "
        "1.0000000000000000000000000000000000000000000000000000000000... has a fraction\"\n");
}

/* What nobody reads costs nothing: numbers beyond double, half a surrogate pair, depth. */
static void test_odd_but_lawful_json(void **state)
{
    struct pn_buf text;
    pn_buf_init(&text, 1 << 20);
    pn_buf_adds(&text, "{\"id\":1,\"x\":[1e400,-1e999],\"word\":\"a\\ud83d\"}\n"
                       "{\"\\udc00\":0,\"id\":2,\"word\":\"\\ud83d\\ude00\\ud83d\\u0041\"}\n");
    for (int depth = PN_JSON_DEPTH_MAX; depth <= PN_JSON_DEPTH_MAX + 1; depth++) {
        pn_buf_addf(&text, "{\"id\":3,\"deep\":%*s%*s}\n", depth - 1, "", depth - 1, "");
        char *at = strstr(pn_buf_text(&text), ": ");
        memset(at + 1, '[', (size_t)depth - 1);
        memset(at + depth, ']', (size_t)depth - 1);
    }
    load_text(*state, pn_buf_text(&text), 3, 1);
    pn_buf_deinit(&text);
    assert_answer(*state, "SELECT id, word FROM raw_thing ORDER BY id",
                  "1|\"a\xEF\xBF\xBD\"\n2|\"\xF0\x9F\x98\x80\xEF\xBF\xBD"
                  "A\"\n3|null\n");
    assert_answer(*state, REASONS, "4|\"JSON nested deeper than 1000 levels, at byte 1014\"\n");
}

static void test_names_and_wrappers(void **state)
{
    load_text(*state,
              "{\"index\":1,\"word\":{\"$date\":\"d\"}}\n"
              "{\"idx\":2}\n"
              "{\"idx\":9,\"index\":8,\"id\":3}\n"
              "{\"id\":null,\"idx\":4}\n"
              "{\"id\":1,\"id\":5}\n",
              5, 0);
    assert_answer(*state, "SELECT id, word FROM raw_thing ORDER BY id",
                  "1|\"d\"\n2|null\n3|null\n4|null\n5|null\n");
}

static void test_wrong_types(void **state)
{
    load_text(*state,
              "{\"id\":\"1\"}\n"
              "{\"id\":1.5}\n"
              "{\"id\":9223372036854775808}\n"
              "{\"id\":1,\"word\":5}\n"
              "{\"id\":1,\"small\":2147483648}\n"
              "{\"id\":1,\"ratio\":\"1\"}\n"
              "{\"id\":1,\"flag\":1}\n"
              "{\"id\":1,\"moment\":\"yesterday\"}\n"
              "{\"id\":1,\"day\":\"2018-02-30\"}\n"
              "{\"id\":1,\"place\":[1]}\n"
              "{\"id\":1,\"place\":{\"x\":1}}\n"
              "{\"id\":1,\"word\":{\"$date\":1}}\n"
              "{\"id\":1,\"word\":{\"$date\":\"a\",\"b\":1}}\n"
              "{\"word\":\"w\"}\n"
              "{\"id\":null}\n",
              0, 15);
    assert_answer(
        *state, REASONS,
        "1|\"column 'id': expected an integer, found string \\\"1\\\"\"\n"
        "2|\"column 'id': expected an integer, but 1.5 has a fraction\"\n"
        "3|\"column 'id': 9223372036854775808 is out of range for bigint\"\n"
        "4|\"column 'word': expected a string, found number 5\"\n"
        "5|\"column 'small': 2147483648 is out of range for int\"\n"
        "6|\"column 'ratio': expected a number, found string \\\"1\\\"\"\n"
        "7|\"column 'flag': expected true or false, found number 1\"\n"
        "8|\"column 'moment': expected a time such as \\\"2018-09-03T07:12:45Z\\\", found string "
        "\\\"yesterday\\\"\"\n"
        "9|\"column 'day': expected a date such as \\\"2018-09-03\\\", found string "
        "\\\"2018-02-30\\\"\"\n"
        "10|\"column 'place': expected an object, found array [1]\"\n"
        "11|\"in 'place': missing key: column 'y' has no value\"\n"
        "12|\"column 'word': expected a string, found number 1\"\n"
        "13|\"column 'word': expected a string, found object {\\\"$date\\\":\\\"a\\\",\\\"b\\\":1}"
        "\"\n"
        "14|\"missing key: column 'id' has no value\"\n"
        "15|\"missing key: column 'id' has no value\"\n");
}

static void test_no_records(void **state)
{
    load_text(*state,
              "[1]\n\"text\"\n5\nnull\n{\"id\":1\n{\"id\":1} x\n{\"id\":\"\xff\"}\n\n  \t\r\n"
              "{\"id\":7}\r\n{\"id\":8}",
              2, 7);
    assert_answer(*state, "SELECT id FROM raw_thing ORDER BY id", "7\n8\n");
    assert_answer(*state, "SELECT line FROM dead_letters ORDER BY line", "1\n2\n3\n4\n5\n6\n7\n");
    assert_answer(*state,
                  "SELECT \"table\", topic, partition, \"offset\", object, value, timestamp FROM "
                  "dead_letters WHERE line = 1",
                  "\"raw_thing\"|\"t.thing\"|0|null|\"topics/t.thing/partition=0/" OBJECT
                  "\"|\"[1]\"|null\n");
    assert_answer(*state, "SELECT reason, value FROM dead_letters WHERE line = 7",
                  "\"invalid JSON at byte 7: no UTF-8 (the value is in base64)\"|"
                  "\"eyJpZCI6Iv8ifQ==\"\n");
    assert_answer(*state, "SELECT reason FROM dead_letters WHERE line < 5 ORDER BY line",
                  "\"item 0 of the array is not an object but number\"\n"
                  "\"a string that is neither base64 of JSON nor JSON: invalid JSON at byte 0: "
                  "unknown word\"\n"
                  "\"not a JSON object but number\"\n\"not a JSON object but null\"\n");
}

static void test_a_byte_order_mark(void **state)
{
    load_text(*state, "\xef\xbb\xbf{\"id\":1}\n{\"id\":2}\n\xef\xbb\xbf{\"id\":3}\n\xef\xbb\xbf\n",
              3, 0);
    assert_answer(*state, "SELECT id FROM raw_thing ORDER BY id", "1\n2\n3\n");
}

#define INDENTED                                                                         \
    "; the file seems to be indented JSON, but it must have one record per line (jq -c " \
    ". rewrites it)"

static void test_an_indented_file_is_told_once(void **state)
{
    load_text(*state, "\xef\xbb\xbf\n{\r\n  \"id\": 1\n}\n{\n  \"id\": 2\n}\n", 0, 6);
    assert_answer(*state, "SELECT line FROM dead_letters WHERE contains(reason, 'indented JSON')",
                  "2\n");
    assert_answer(*state, "SELECT reason FROM dead_letters WHERE line = 2",
                  "\"invalid JSON at byte 1: an array or object has no end" INDENTED "\"\n");
    load_text(*state, "[{\"id\": 1},\n{\"id\": 2}]\n", 0, 2);
    assert_answer(*state, "SELECT line FROM dead_letters WHERE contains(reason, 'indented JSON')",
                  "1\n");
    /* A first line that is cut off elsewhere is only that. */
    load_text(*state, "{\"id\":1\n{\"id\":2}\n", 1, 1);
    assert_answer(*state, "SELECT count(*) FROM dead_letters WHERE contains(reason, 'several')",
                  "0\n");
}

/* Rows that come in arrays, strings and wrappers; one that is none leaves the others be. */
static void test_records_of_several_rows(void **state)
{
    load_text(*state,
              "[{\"id\":1},{\"value\":{\"id\":2}},{\"id\":\"x\"},{\"id\":3}]\n"
              "\"{\\\"id\\\":4}\"\n\"eyJpZCI6NX0=\"\n{\"value\":{\"id\":6}}\n[]\n{\"id\":7}\n",
              7, 2);
    assert_answer(*state, "SELECT id FROM raw_thing ORDER BY id", "1\n2\n3\n4\n5\n6\n7\n");
    assert_answer(*state, "SELECT line, reason, left(value, 10) FROM dead_letters ORDER BY line",
                  "1|\"column 'id': expected an integer, found string \\\"x\\\"\"|"
                  "\"[{\\\"id\\\":1},\"\n5|\"an empty array has no rows\"|\"[]\"\n");
}

/* More rows in a line than a chunk holds, and lines after it. */
static void test_a_long_array(void **state)
{
    struct pn_buf text;
    pn_buf_init(&text, 1 << 20);
    pn_buf_adds(&text, "{\"id\":0}\n[{\"id\":1}");
    for (int id = 2; id <= 5000; id++) {
        pn_buf_addf(&text, ",{\"id\":%d}", id);
    }
    pn_buf_adds(&text, "]\n{\"id\":5001}\n{}\n");
    load_text(*state, pn_buf_text(&text), 5002, 1);
    assert_answer(*state, "SELECT count(DISTINCT id), min(id), max(id) FROM raw_thing",
                  "5002|0|5001\n");
    assert_answer(*state, "SELECT line FROM dead_letters", "4\n");
    pn_buf_deinit(&text);
}

/* NUL and control characters are text like any other. */
static void test_odd_text(void **state)
{
    load_text(*state, "{\"id\":1,\"word\":\"a\\u0000b\\n\\\"\"}\n{\"id\":2,\"word\":\"\"}\n", 2, 0);
    assert_answer(*state, "SELECT word, length(word) FROM raw_thing ORDER BY id",
                  "\"a\\u0000b\\n\\\"\"|5\n\"\"|0\n");
}

static void test_unknown_keys(void **state)
{
    struct engine_fixture *fixture = *state;
    const char *text = "{\"id\":1,\"a\":{\"b\":[1, 2]},\"c\":\"\\u00e9\"}\n{\"id\":2}\n";
    load_text(fixture, text, 2, 0);
    engine_land(fixture, "t.kept", "k.json", text);
    engine_land(fixture, "t.strict", "s.json", text);
    assert_int_equal(engine_load(fixture, RAW_THING).unknown_values, 2);
    assert_int_equal(engine_load(fixture, RAW_KEPT).unknown_values, 2);
    assert_answer(fixture, "SELECT id, _unknown FROM raw_kept ORDER BY id",
                  "1|\"{\\\"a\\\":{\\\"b\\\":[1,2]},\\\"c\\\":\\\"\xc3\xa9\\\"}\"\n2|null\n");
    struct pn_table_report report = engine_load(fixture, RAW_STRICT);
    assert_int_equal(report.rows, 1);
    assert_int_equal(report.dead_letters, 1);
    assert_answer(fixture, "SELECT \"table\", line, reason FROM dead_letters",
                  "\"raw_strict\"|1|\"unknown key 'a'\"\n");
}

static void assert_unknown(const struct pn_table_report *report, const char *expected)
{
    struct pn_buf got;
    pn_buf_init(&got, 10000);
    for (size_t i = 0; i < report->unknown_count; i++) {
        pn_buf_addf(&got, "%s %lld, ", report->unknown[i].name,
                    (long long)report->unknown[i].count);
    }
    pn_buf_addf(&got, "%zu more of %lld", report->unknown_more, (long long)report->unknown_values);
    assert_string_equal(pn_buf_text(&got), expected);
    pn_buf_deinit(&got);
}

static void test_unknown_members_are_named(void **state)
{
    struct engine_fixture *fixture = *state;
    engine_land(fixture, "t.thing", OBJECT,
                "{\"id\":1,\"a\":1,\"place\":{\"x\":1,\"w\":2,\"y\":3,\"z\":{\"deep\":1}}}\n"
                "{\"a\":1,\"id\":2,\"idx\":7,\"place\":{\"w\":2,\"y\":3}}\n"
                "{\"id\":3,\"b\\u001b[31m\":1,\"a\":1,\"place\":null}\n"
                "{\"id\":\"none\",\"w\":1,\"place\":7}\n");
    struct pn_table_report report = engine_load(fixture, RAW_THING);
    assert_unknown(&report, "a 3, place.w 2, b?[31m 1, idx 1, place.z 1, w 1, 0 more of 9");
    assert_string_equal(report.unknown_place, "topics/t.thing/partition=0/" OBJECT);
    assert_int_equal(report.unknown_position, 1);
    struct pn_buf text;
    pn_buf_init(&text, 1 << 20);
    for (int i = 0; i < 1500; i++) {
        pn_buf_addf(&text, "{\"id\":%d,\"key%04d\":1,\"%0300d\":1}\n", i, i % 1400, 0);
    }
    engine_land(fixture, "t.thing", OBJECT, pn_buf_text(&text));
    pn_buf_deinit(&text);
    report = engine_load(fixture, RAW_THING);
    assert_int_equal(report.unknown_values, 3000);
    assert_int_equal(report.unknown_count, PN_UNKNOWN_SHOWN_MAX);
    assert_int_equal(report.unknown_more, 1000 - PN_UNKNOWN_SHOWN_MAX + 1);
    assert_int_equal(report.unknown[0].count, 1500);
    assert_string_equal(report.unknown[0].name,
                        "000000000000000000000000000000000000000000000000000000000000...");
    assert_string_equal(report.unknown[1].name, "key0000");
    assert_int_equal(report.unknown_position, 1);
    assert_int_equal(report.unknown[1].count, 2);
}

/* The rules of a record hold for what is in a struct, and in a struct of that. */
static void test_structs_by_the_same_rules(void **state)
{
    static const char *const aliases[] = {"w", "ww"};
    static const struct pn_column inner[] = {
        {.name = "v", .type = {.kind = PN_TYPE_BIGINT}, .aliases = aliases, .alias_count = 2},
        {.name = "s", .type = {.kind = PN_TYPE_STRING}, .required = true, .unwrap = "$s"}};
    static const struct pn_column outer[] = {
        {.name = "in", .type = {.kind = PN_TYPE_STRUCT, .fields = inner, .field_count = 2}}};
    static const struct pn_column columns[] = {
        {.name = "id", .type = {.kind = PN_TYPE_BIGINT}},
        {.name = "out", .type = {.kind = PN_TYPE_STRUCT, .fields = outer, .field_count = 1}}};
    static const char text[] =
        "{\"id\":1,\"out\":{\"in\":{\"s\":\"a\",\"v\":1}}}\n"
        "{\"id\":2,\"out\":{\"in\":{\"s\":{\"$s\":\"b\"},\"ww\":1,\"w\":2,\"v\":null},\"y\":[0]},"
        "\"q\":3}\n"
        "{\"id\":3,\"out\":{\"in\":{\"s\":\"c\",\"v\":1,\"v\":2,\"x\":{ \"a\" : \"\\u0041\"}}}}\n"
        "{\"id\":4,\"out\":{\"in\":{\"v\":1}}}\n"
        "{\"id\":5,\"out\":{\"in\":{\"s\":\"d\",\"v\":1.5}}}\n"
        "{\"id\":6,\"out\":{\"in\":null}}\n"
        "{\"id\":7,\"out\":{\"in\":[]}}\n";
    struct engine_fixture *fixture = *state;
    struct pn_table *strict = &fixture->tables[RAW_STRICT];
    struct pn_table *kept = &fixture->tables[RAW_KEPT];
    kept->columns = strict->columns = columns;
    kept->column_count = strict->column_count = 2;
    engine_land(fixture, "t.kept", "k.json", text);
    engine_land(fixture, "t.strict", "s.json", text);

    struct pn_table_report report = engine_load(fixture, RAW_KEPT);
    assert_unknown(&report, "out.in.ww 1, out.in.x 1, out.y 1, q 1, 0 more of 4");
    assert_answer(fixture, "SELECT * FROM raw_kept ORDER BY id",
                  "1|{\"in\":{\"v\":1,\"s\":\"a\"}}|null\n"
                  "2|{\"in\":{\"v\":2,\"s\":\"b\"}}|\"{\\\"q\\\":3,\\\"out\\\":{\\\"y\\\":[0],"
                  "\\\"in\\\":{\\\"ww\\\":1}}}\"\n"
                  "3|{\"in\":{\"v\":2,\"s\":\"c\"}}|\"{\\\"out\\\":{\\\"in\\\":{\\\"x\\\":"
                  "{\\\"a\\\":\\\"A\\\"}}}}\"\n"
                  "6|{\"in\":null}|null\n");
    assert_answer(
        fixture, REASONS,
        "4|\"in 'out': in 'in': missing key: column 's' has no value\"\n"
        "5|\"in 'out': in 'in': column 'v': expected an integer, but 1.5 has a fraction\"\n"
        "7|\"in 'out': column 'in': expected an object, found array []\"\n");

    report = engine_load(fixture, RAW_STRICT);
    assert_unknown(&report, "out.in.ww 1, out.in.x 1, out.y 1, q 1, 0 more of 4");
    assert_answer(fixture, "SELECT id FROM raw_strict ORDER BY id", "1\n6\n");
    assert_answer(fixture,
                  "SELECT line, reason FROM dead_letters WHERE \"table\" = 'raw_strict' AND "
                  "reason LIKE 'unknown%' ORDER BY line",
                  "2|\"unknown key 'q'\"\n3|\"unknown key 'out.in.x'\"\n");
}

/* A repeated load repeats nothing, a load of one table keeps the others' dead letters, and what is
 * gone from the topic is gone from them. */
static void test_dead_letters_of_other_tables_stay(void **state)
{
    struct engine_fixture *fixture = *state;
    const char *all = "SELECT \"table\", line FROM dead_letters ORDER BY ALL";
    engine_land(fixture, "t.kept", "k.json", "no\n");
    engine_load(fixture, RAW_KEPT);
    load_text(fixture, "no\n{\"id\":1}\nneither\n", 1, 2);
    assert_answer(fixture, all, "\"raw_kept\"|1\n\"raw_thing\"|1\n\"raw_thing\"|3\n");
    engine_load(fixture, RAW_THING);
    engine_load(fixture, RAW_KEPT);
    assert_answer(fixture, all, "\"raw_kept\"|1\n\"raw_thing\"|1\n\"raw_thing\"|3\n");
    load_text(fixture, "{\"id\":1}\n", 1, 0);
    assert_answer(fixture, all, "\"raw_kept\"|1\n");
    engine_land(fixture, "t.kept", "k.json", "{\"id\":1}\n");
    engine_load(fixture, RAW_KEPT);
    assert_answer(fixture, all, "");
}

static void put(struct engine_fixture *fixture, const char *key, const char *text)
{
    struct pn_err e;
    assert_int_equal(pn_store_put(fixture->store, key, text, strlen(text), &e), 0);
}

static void test_dead_letters_of_the_sink(void **state)
{
    struct engine_fixture *fixture = *state;
    put(fixture, "dead/t.thing/partition=1/t.thing+1+0000000004.json",
        "{\"topic\":\"t.thing\",\"partition\":1,\"offset\":4,"
        "\"timestamp\":\"2026-11-23T15:44:43.123Z\",\"reason\":\"invalid JSON\",\"value\":\"x{\","
        "\"encoding\":\"text\",\"key\":null,\"key_encoding\":null}\n"
        "{\"topic\":\"t.thing\",\"partition\":1,\"offset\":5,"
        "\"timestamp\":\"2026-11-23T15:44:44Z\",\"reason\":\"invalid JSON\",\"value\":\"/w==\","
        "\"encoding\":\"base64\",\"key\":null,\"key_encoding\":null}\n");
    put(fixture, "dead/t.thing2/partition=0/t.thing2+0+0000000000.json",
        "{\"topic\":\"t.thing2\",\"reason\":\"another topic's\"}\n");
    load_text(fixture, "{\"id\":1}\n", 1, 2);
    assert_answer(fixture, "SELECT * FROM dead_letters ORDER BY \"offset\"",
                  "\"raw_thing\"|\"t.thing\"|1|4|null|null|\"invalid JSON\"|\"x{\"|"
                  "\"2026-11-23T15:44:43.123000Z\"|null|null|null|null\n"
                  "\"raw_thing\"|\"t.thing\"|1|5|null|null|\"invalid JSON (the value is in "
                  "base64)\"|\"/w==\"|\"2026-11-23T15:44:44Z\"|null|null|null|null\n");
}

/* A bad row whose line is not known has none, and not line 0. */
static void test_a_reject_without_a_place(void **state)
{
    struct engine_fixture *fixture = *state;
    const struct pn_table *const tables[] = {&fixture->tables[0]};
    struct pn_duckdb *engine = (struct pn_duckdb *)fixture->engine;
    struct pn_dead_letters *dead = pn_dead_letters_create(engine, tables, 1);
    struct pn_landed_reject reject = {.object = "files/a.csv",
                                      .value = "x,y",
                                      .value_len = 3,
                                      .reason = "column 'id': expected bigint",
                                      .origin = &pn_origin_unknown};
    struct pn_buf text;
    struct pn_err e;
    pn_buf_init(&text, 1 << 20);
    for (int64_t line = 0; line < 2; line++) {
        reject.line = line;
        assert_int_equal(pn_dead_letters_take(pn_dead_letters_for(dead, 0), &reject, &e), 0);
    }
    assert_int_equal(pn_dead_letters_flush(dead, &e), 0);
    assert_int_equal(pn_io_read_file(fixture->config.io, dead->path, &text, &e), 0);
    const char *end = strchr(pn_buf_text(&text), '\n');
    assert_non_null(end);
    const char *first = strstr(pn_buf_text(&text), "\"line\"");
    assert_non_null(first);
    assert_true(first > end);
    assert_null(strstr(first + 1, "\"line\""));
    pn_buf_deinit(&text);
    pn_dead_letters_destroy(&dead);
}

/* Files of several statements are counted together. */
static void test_too_many_files_together(void **state)
{
    (void)state;
    const struct pn_table table = {.name = "thing"};
    struct pn_written written = {.file_count = PN_WRITTEN_FILES_MAX};
    struct pn_err e;
    assert_int_equal(pn_written_check(&table, &written, &e), 0);
    written.file_count++;
    assert_int_not_equal(pn_written_check(&table, &written, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_non_null(strstr(e.msg, "10001 files"));
}

static void put_range(struct engine_fixture *fixture, const char *key, const char *text,
                      int64_t first, int64_t end)
{
    const struct pn_put it = {
        .key = key, .bytes = text, .len = strlen(text), .first = first, .end = end};
    struct pn_err e;
    assert_int_equal(pn_store_put_many(fixture->store, &it, 1, &e), 0);
}

#define SUNK(offset) "{\"topic\":\"t.thing\",\"partition\":0,\"offset\":" #offset "}\n"
#define OFFSETS \
    "SELECT partition, \"offset\", line FROM dead_letters WHERE object LIKE '%%%s' ORDER BY line"

static void assert_offsets(struct engine_fixture *fixture, const char *object, const char *rows)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql, OFFSETS, object);
    assert_answer(fixture, sql, rows);
}

/* An object's lines are the offsets that it covers without those of the sink's dead letters; its
 * number doesn't matter, which counts on after a topic was created again. */
static void test_offsets_of_rejected_lines(void **state)
{
    struct engine_fixture *fixture = *state;
    const char *bad = "{\"id\":\"x\"}\n{\"id\":\"x\"}\n{\"id\":1}\n{\"id\":\"x\"}\n";
    put_range(fixture, "topics/t.thing/partition=3/t.thing+3+0000000100.json", bad, 10, 14);
    put_range(fixture, "topics/t.thing/partition=3/t.thing+3+0000000200.json", bad, 20, 28);
    put_range(fixture, "dead/t.thing/partition=3/t.thing+3+0000000200.json",
              SUNK(20) SUNK(21) SUNK(23) SUNK(27), 20, 28);
    engine_load(fixture, RAW_THING);
    assert_offsets(fixture, "100.json", "3|10|1\n3|11|2\n3|13|4\n");
    assert_offsets(fixture, "200.json", "3|22|1\n3|24|2\n3|26|4\n");
}

/* Where the lines don't add up to what the sink covered, no offset is better than a wrong one. */
static void test_offsets_that_are_not_known(void **state)
{
    struct engine_fixture *fixture = *state;
    const char *bad = "{\"id\":\"x\"}\n{\"id\":2}\n";
    engine_land(fixture, "t.thing", "t.thing+0+0000000001.json", bad);
    put_range(fixture, "topics/t.thing/partition=0/t.thing+0+0000000002.json", bad, 2, 5);
    put_range(fixture, "topics/t.thing/partition=0/t.thing+0+0000000003.json", bad, 5, 8);
    put_range(fixture, "dead/t.thing/partition=0/t.thing+0+0000000003.json", SUNK(9), 5, 8);
    put_range(fixture, "topics/t.thing/partition=0/t.thing+0+0000000004.json", bad, 8, 11);
    put_range(fixture, "dead/t.thing/partition=0/t.thing+0+0000000004.json", "{oops\n", 8, 11);
    engine_load(fixture, RAW_THING);
    assert_offsets(fixture, "1.json", "0|null|1\n");
    assert_offsets(fixture, "2.json", "0|null|1\n");
    assert_offsets(fixture, "3.json", "0|null|1\n");
    assert_offsets(fixture, "4.json", "0|null|1\n");
}

/* Without a landed object there is a table nevertheless. */
static void test_nothing_landed(void **state)
{
    struct engine_fixture *fixture = *state;
    struct pn_table_report report = engine_load(fixture, RAW_THING);
    assert_int_equal(report.rows, 0);
    assert_int_equal(report.objects, 0);
    assert_answer(fixture, "SELECT * FROM raw_thing", "");
    assert_answer(fixture,
                  "SELECT column_type FROM (DESCRIBE raw_thing) WHERE column_name IN "
                  "('id', 'small', 'moment')",
                  "\"BIGINT\"\n\"INTEGER\"\n\"TIMESTAMP WITH TIME ZONE\"\n");
}

/* Many ranges, threads and objects; dead letters name the right line of the file. */
static void test_many_lines(void **state)
{
    enum { LINES = 60000, BAD_EVERY = 1000 };
    struct engine_fixture *fixture = *state;
    struct pn_buf text;
    pn_buf_init(&text, 64 << 20);
    for (int i = 1; i <= LINES; i++) {
        if (i % BAD_EVERY == 0) {
            pn_buf_addf(&text, "{\"id\":\"%d\"}\n", i);
        } else {
            pn_buf_addf(&text, "{\"id\":%d,\"word\":\"%0200d\"}\n", i, i);
        }
    }
    load_text(fixture, pn_buf_text(&text), LINES - LINES / BAD_EVERY, LINES / BAD_EVERY);
    pn_buf_deinit(&text);
    assert_answer(fixture,
                  "SELECT count(*), count(DISTINCT id), sum(id), min(length(word)) FROM raw_thing",
                  "59940|59940|1798200000|200\n");
    assert_answer(fixture,
                  "SELECT count(*), bool_and(value = concat('{\"id\":\"', line, '\"}')) FROM "
                  "dead_letters",
                  "60|true\n");
}

static void test_many_objects(void **state)
{
    enum { OBJECTS = 300 };
    struct engine_fixture *fixture = *state;
    for (int i = 0; i < OBJECTS; i++) {
        char name[64];
        char text[64];
        (void)snprintf(name, sizeof name, "t.thing+0+%010d.json", i);
        (void)snprintf(text, sizeof text, "{\"id\":%d}\n", i);
        engine_land(fixture, "t.thing", name, text);
    }
    engine_land(fixture, "t.thing", "notes.txt", "{\"id\":-1}\n");
    struct pn_table_report report = engine_load(fixture, RAW_THING);
    assert_int_equal(report.objects, OBJECTS);
    assert_int_equal(report.rows, OBJECTS);
    assert_answer(fixture, "SELECT count(DISTINCT id), min(id), max(id) FROM raw_thing",
                  "300|0|299\n");
}

static void test_too_long_a_line(void **state)
{
    enum { LONG = 17 << 20 };
    struct engine_fixture *fixture = *state;
    char *text = pn_xmalloc(LONG + 64);
    int start = snprintf(text, 64, "{\"id\":1}\n{\"word\":\"");
    memset(text + start, 'x', LONG);
    (void)snprintf(text + start + LONG, 32, "\"}\n{\"id\":2}\n");
    load_text(fixture, text, 2, 1);
    free(text);
    assert_answer(fixture, "SELECT line, reason, length(value) FROM dead_letters",
                  "2|\"the line is longer than 16777216 bytes (only the beginning of the value is "
                  "stored)\"|1048576\n");
    assert_answer(fixture, "SELECT id FROM raw_thing ORDER BY id", "1\n2\n");
}

/* Every call to the disk fails once: the load says so, and the table is the old one or the new. */
static void test_failing_disk(void **state)
{
    struct engine_fixture *fixture = *state;
    load_text(fixture, "{\"id\":1}\nbad\n", 1, 1);
    engine_land(fixture, "t.thing", OBJECT, "{\"id\":2}\nworse\n");
    const struct pn_table *tables[] = {&fixture->tables[RAW_THING]};
    for (int64_t nth = 1;; nth++) {
        struct pn_table_report report;
        struct pn_err e = {.msg = ""};
        engine_fixture_reopen(fixture);
        fault_io_fail(&fixture->fault, FAULT_ANY, nth, EIO, FAULT_ONCE);
        int rc = pn_engine_load(&fixture->engine->batch, tables, 1, &report, &e);
        bool fired = fault_io_fired(&fixture->fault);
        fault_io_fail(&fixture->fault, FAULT_ANY, 0, EIO, FAULT_ONCE);
        if (rc != 0) {
            assert_true(e.msg[0] != '\0');
        }
        char *answer = engine_ask(fixture, "SELECT id FROM raw_thing");
        assert_true(strcmp(answer, "2\n") == 0 || (rc != 0 && strcmp(answer, "1\n") == 0));
        free(answer);
        if (!fired) {
            assert_int_equal(rc, 0);
            break;
        }
    }
    assert_int_equal(fault_io_open_count(&fixture->fault), 0);
    assert_answer(fixture, "SELECT value FROM dead_letters", "\"worse\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_type, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_times_and_days, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_byte_order_mark, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_indented_file_is_told_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_absent_and_null_are_null, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_numbers_by_their_digits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_odd_but_lawful_json, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_and_wrappers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_types, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_year_out_of_range_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_records_of_several_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_long_array, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_odd_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_members_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_structs_by_the_same_rules, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dead_letters_of_other_tables_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dead_letters_of_the_sink, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_reject_without_a_place, set_up, tear_down),
        cmocka_unit_test(test_too_many_files_together),
        cmocka_unit_test_setup_teardown(test_offsets_of_rejected_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_offsets_that_are_not_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_landed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_objects, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_long_a_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failing_disk, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
