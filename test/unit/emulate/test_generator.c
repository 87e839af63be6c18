#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "base/json.h"
#include "base/mem.h"
#include "emulate/generator.h"
#include "emulate/source.h"
#include "pipeline/pattern.h"
#include "pipeline/pipeline.h"

enum { PIN, GEO, USER, SAMPLE_ROWS = 50000, PINNED_ROWS = 1000, DIGEST_HEX_SIZE = 65 };

static struct pn_generator *shipped(void)
{
    struct pn_generator *generator = NULL;
    struct pn_err e;
    int rc =
        pn_generator_load(PINION_SOURCE_DIR "/pipelines/pinterest", pn_io_system(), &generator, &e);
    if (rc != 0) {
        fail_msg("%s", e.msg);
    }
    return generator;
}

static struct pn_generator *parsed(const char *text)
{
    struct pn_generator *generator = NULL;
    struct pn_err e;
    if (pn_generator_parse("g.yml", text, strlen(text), &generator, &e) != 0) {
        fail_msg("%s", e.msg);
    }
    return generator;
}

/* SHA-256 over a source's records, each with a newline. */
static void digest_of(const struct pn_generator *generator, int64_t rows, uint64_t seed,
                      char hex[DIGEST_HEX_SIZE])
{
    struct pn_source *source = pn_source_generator(generator, rows, seed);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestInit_ex(context, EVP_sha256(), NULL), 1);
    struct pn_emulate_record record = {.json = NULL};
    int64_t count = 0;
    while (pn_source_next(source, &record, NULL) == 0 && record.json != NULL) {
        assert_int_equal(EVP_DigestUpdate(context, record.json, record.len), 1);
        assert_int_equal(EVP_DigestUpdate(context, "\n", 1), 1);
        count++;
    }
    assert_int_equal(count, rows * (int64_t)pn_generator_kinds(generator));
    assert_int_equal(count, source->total);
    unsigned char digest[EVP_MAX_MD_SIZE];
    assert_int_equal(EVP_DigestFinal_ex(context, digest, NULL), 1);
    for (size_t i = 0; i < 32; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
    EVP_MD_CTX_free(context);
    pn_source_destroy(&source);
}

/* These bytes are part of the contract: a change here is a change for users. The file is the
 * test's own, so that new words in the shipped one don't change it. */
static const char pinned_file[] =
    "rows: 10\n"
    "first_row: 5\n"
    "lists:\n"
    "  colours: [red, gr\xc3\xbcn, \"b\\\"l\\nue\"]\n"
    "  sizes: {weights: {S: 1, M: 3, L: 0.5}}\n"
    "  cities: {zipf: 1.1, items: [Rome, Oslo, Lima, Bern]}\n"
    "  by_colour:\n"
    "    by: colour\n"
    "    cases: {red: \"${cities}!\"}\n"
    "    else: [a, b]\n"
    "kinds:\n"
    "  shirt:\n"
    "    topic: shirts\n"
    "    repeats: {chance: 0.1, within: 50}\n"
    "    hidden: {colour: \"${colours}\"}\n"
    "    fields:\n"
    "      id: {text: \"${row}\", as: number}\n"
    "      uid: ${uuid}\n"
    "      where: ${by_colour}\n"
    "      all: \"${^sizes * 2..5 by ', '} of ${colour}\"\n"
    "      n: {text: \"${-2.50..2.50}\", as: number}\n"
    "      k: ${1..999 log}k\n"
    "      h: ${hex 20}\n"
    "      at: ${date 2020-01-01T00:00:00..2020-12-31T00:00:00 %d.%m.%Y}\n"
    "      odd:\n"
    "        text: \"$${plain}\"\n"
    "        anomalies:\n"
    "          - {chance: 0.1, text: \"n/a\"}\n"
    "          - {chance: 0.1, is_null: true}\n"
    "          - {chance: 0.1, missing: true}\n"
    "  note: {topic: notes, fields: {id: \"${row}\"}}\n";

static void test_bytes_are_pinned(void **state)
{
    (void)state;
    char hex[DIGEST_HEX_SIZE];
    struct pn_generator *generator = parsed(pinned_file);
    digest_of(generator, PINNED_ROWS, 42, hex);
    assert_string_equal(hex, "50bb4ce6f9a684a8a1bc52175ebe10342805f0f7a4d27f2d3be2bbaa1be5b856");
    pn_generator_destroy(&generator);
}

static void test_seeds_differ_and_repeat(void **state)
{
    (void)state;
    char first[DIGEST_HEX_SIZE];
    char again[DIGEST_HEX_SIZE];
    char other[DIGEST_HEX_SIZE];
    struct pn_generator *generator = shipped();
    digest_of(generator, PINNED_ROWS, 1, first);
    digest_of(generator, PINNED_ROWS, 1, again);
    digest_of(generator, PINNED_ROWS, 2, other);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
    pn_generator_destroy(&generator);
}

/* A row is the same whatever was made before it. */
static void test_rows_stand_alone(void **state)
{
    (void)state;
    struct pn_generator *generator = shipped();
    struct pn_maker maker;
    struct pn_buf forwards;
    struct pn_buf backwards;
    pn_maker_init(&maker, generator);
    pn_buf_init(&forwards, PN_GENERATOR_RECORD_BYTES_MAX);
    pn_buf_init(&backwards, PN_GENERATOR_RECORD_BYTES_MAX);
    assert_int_equal(pn_generator_make(generator, &maker, PIN, 77, 9, &forwards, NULL), 0);
    for (int64_t row = 300; row-- > 77;) {
        pn_buf_reset(&backwards);
        assert_int_equal(pn_generator_make(generator, &maker, PIN, row, 9, &backwards, NULL), 0);
    }
    assert_string_equal(pn_buf_text(&forwards), pn_buf_text(&backwards));
    pn_buf_deinit(&forwards);
    pn_buf_deinit(&backwards);
    pn_maker_deinit(&maker);
    pn_generator_destroy(&generator);
}

/* --- the shipped file against the measured shares --------------------------------------------- */

/* What was counted over the sample. */
struct tally {
    int64_t rows;
    int64_t thousands, millions, digits, follower_errors, poster_errors;
    int64_t image, multi, video;
    int64_t no_story, no_description, no_image, no_tags, no_title, not_downloaded;
    int64_t christmas, vehicles;
    int64_t repeats, with_newline, with_quote, beyond_ascii;
    int64_t empty, null, absent;
    int64_t first_country, last_country;
    size_t bytes[3], longest;
};

static bool is(const struct pn_json *record, const char *key, const char *text)
{
    return pn_json_text_is(pn_json_get(record, key), text);
}

static void count_anomaly(struct tally *tally, const struct pn_json *record, const char *key)
{
    const struct pn_json *value = pn_json_get(record, key);
    tally->absent += value == NULL;
    tally->null += value != NULL && value->type == PN_JSON_NULL;
    tally->empty += value != NULL && value->type == PN_JSON_STRING && value->text_len == 0;
}

static void count_followers(struct tally *tally, const struct pn_json *record)
{
    const char *text = NULL;
    size_t len = 0;
    if (!pn_json_get_text(record, "follower_count", &text, &len)) {
        return;
    }
    if (is(record, "follower_count", "User Info Error")) {
        tally->follower_errors++;
    } else if (text[len - 1] == 'k') {
        tally->thousands++;
    } else if (text[len - 1] == 'M') {
        tally->millions++;
    } else {
        tally->digits++;
    }
}

static void count_description(struct tally *tally, const struct pn_json *record)
{
    const char *text = NULL;
    size_t len = 0;
    if (!pn_json_get_text(record, "description", &text, &len)) {
        return;
    }
    tally->with_newline += memchr(text, '\n', len) != NULL;
    tally->with_quote += memchr(text, '"', len) != NULL;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] >= 0x80) {
            tally->beyond_ascii++;
            break;
        }
    }
    tally->no_story += is(record, "description", "No description available Story format");
    tally->no_description += is(record, "description", "No description available");
}

static void count_pin(struct tally *tally, const struct pn_json *record)
{
    static const char *const keys[] = {"title", "description", "poster_name", "follower_count",
                                       "tag_list"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        count_anomaly(tally, record, keys[i]);
    }
    count_followers(tally, record);
    count_description(tally, record);
    tally->poster_errors += is(record, "poster_name", "User Info Error");
    tally->image += is(record, "is_image_or_video", "image");
    tally->video += is(record, "is_image_or_video", "video");
    tally->multi += is(record, "is_image_or_video", "multi-video(story page format)");
    bool no_image =
        is(record, "image_src", "Image src error.") || is(record, "image_src", "Image src error");
    tally->no_image += no_image;
    tally->not_downloaded += pn_json_get_i64(record, "downloaded", -1) == 0;
    assert_int_equal(pn_json_get_i64(record, "downloaded", -1), no_image ? 0 : 1);
    tally->no_tags += is(record, "tag_list", "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e");
    tally->no_title += is(record, "title", "No Title Data Available");
    tally->christmas += is(record, "category", "christmas");
    tally->vehicles += is(record, "category", "vehicles");
    const char *category = NULL;
    const char *location = NULL;
    size_t category_len = 0;
    size_t location_len = 0;
    assert_true(pn_json_get_text(record, "category", &category, &category_len));
    assert_true(pn_json_get_text(record, "save_location", &location, &location_len));
    char *wanted = pn_xasprintf("Local save in /data/%.*s", (int)category_len, category);
    assert_true(is(record, "save_location", wanted));
    free(wanted);
}

static void check_others(struct tally *tally, size_t kind, const struct pn_json *record)
{
    if (kind == USER) {
        assert_in_range(pn_json_get_i64(record, "age", 0), 20, 60);
        return;
    }
    double latitude = pn_json_get(record, "latitude")->number;
    double longitude = pn_json_get(record, "longitude")->number;
    assert_true(latitude >= -90 && latitude <= 90 && longitude >= -180 && longitude <= 180);
    tally->first_country += is(record, "country", "Albania");
    tally->last_country += is(record, "country", "Zimbabwe");
}

static void count_all(const struct pn_generator *generator, struct tally *tally)
{
    struct pn_source *source = pn_source_generator(generator, tally->rows, 11);
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_emulate_record record = {.json = NULL};
    struct pn_buf written;
    pn_buf_init(&written, PN_GENERATOR_RECORD_BYTES_MAX);
    int64_t at = 0;
    while (pn_source_next(source, &record, NULL) == 0 && record.json != NULL) {
        struct pn_json *root = NULL;
        struct pn_err e;
        if (pn_json_parse(parser, record.json, record.len, record.len, &root, &e) != 0) {
            fail_msg("%s in %s", e.msg, record.json);
        }
        /* The text is the compact form already: what a server stores is what was made. */
        pn_buf_reset(&written);
        pn_json_write(&written, root);
        assert_string_equal(pn_buf_text(&written), record.json);
        assert_int_equal(record.kind, at % 3);
        assert_int_equal(pn_json_get_i64(root, record.kind == PIN ? "index" : "ind", -1),
                         1 + at / 3);
        tally->bytes[record.kind] += record.len;
        if (record.kind == PIN) {
            tally->longest = record.len > tally->longest ? record.len : tally->longest;
            count_pin(tally, root);
        } else {
            check_others(tally, record.kind, root);
        }
        at++;
    }
    assert_int_equal(at, 3 * tally->rows);
    pn_buf_deinit(&written);
    pn_json_parser_destroy(&parser);
    pn_source_destroy(&source);
}

/* `count` of the rows are `percent` of them, within six standard deviations of such a sample. */
static void assert_share(const struct tally *tally, const char *what, int64_t count, double percent)
{
    double share = percent / 100;
    double rows = (double)tally->rows;
    double off = (double)count / rows - share;
    if (off * off > 36 * share * (1 - share) / rows) {
        fail_msg("%s: %.3f %%, not %.3f %%", what, 100.0 * (double)count / rows, percent);
    }
}

static void assert_mean(const char *what, size_t bytes, double wanted, double within)
{
    double mean = (double)bytes / SAMPLE_ROWS;
    if (mean < wanted - within || mean > wanted + within) {
        fail_msg("%s: %.1f bytes on average, not %.0f", what, mean, wanted);
    }
}

static void test_shipped_shares(void **state)
{
    (void)state;
    struct pn_generator *generator = shipped();
    struct tally tally = {.rows = SAMPLE_ROWS};
    count_all(generator, &tally);
    assert_share(&tally, "k", tally.thousands, 74);
    assert_share(&tally, "M", tally.millions, 8);
    assert_share(&tally, "digits", tally.digits, 17);
    assert_share(&tally, "followers unknown", tally.follower_errors, 0.7);
    assert_share(&tally, "poster unknown", tally.poster_errors, 0.7);
    assert_share(&tally, "image", tally.image, 89.5);
    assert_share(&tally, "multi-video", tally.multi, 7.5);
    assert_share(&tally, "video", tally.video, 3);
    assert_share(&tally, "no story", tally.no_story, 7.5);
    assert_share(&tally, "no description", tally.no_description, 1.6);
    assert_share(&tally, "no image", tally.no_image, 2.3);
    assert_share(&tally, "no tags", tally.no_tags, 1.4);
    assert_share(&tally, "no title", tally.no_title, 0.7);
    assert_share(&tally, "christmas", tally.christmas, 9.6);
    assert_share(&tally, "vehicles", tally.vehicles, 6.5);
    assert_true(tally.empty > 0 && tally.null > 0 && tally.absent > 0);
    assert_true(tally.with_newline > 0 && tally.with_quote > 0 && tally.beyond_ascii > 0);
    assert_true(tally.first_country > 20 * tally.last_country && tally.last_country > 0);
    /* The measured means are of JSON with a blank after each comma and colon. */
    assert_mean("pin", tally.bytes[PIN] + 23 * (size_t)SAMPLE_ROWS, 740, 15);
    assert_mean("geo", tally.bytes[GEO] + 9 * (size_t)SAMPLE_ROWS, 119, 3);
    assert_mean("user", tally.bytes[USER] + 9 * (size_t)SAMPLE_ROWS, 109, 3);
    assert_in_range(tally.longest, 1600, 1950);
    pn_generator_destroy(&generator);
}

static void test_some_contents_come_again(void **state)
{
    (void)state;
    struct pn_generator *generator = parsed("rows: 1\n"
                                            "kinds:\n"
                                            "  a:\n"
                                            "    topic: t\n"
                                            "    repeats: {chance: 0.25, within: 1}\n"
                                            "    fields: {u: \"${uuid}\"}\n");
    struct pn_source *source = pn_source_generator(generator, 20000, 3);
    struct pn_emulate_record record = {.json = NULL};
    char *last = pn_xstrdup("");
    int64_t again = 0;
    while (pn_source_next(source, &record, NULL) == 0 && record.json != NULL) {
        again += strcmp(last, record.json) == 0;
        free(last);
        last = pn_xstrdup(record.json);
    }
    free(last);
    assert_in_range(again, 4600, 5400);
    pn_source_destroy(&source);
    pn_generator_destroy(&generator);
}

/* Each kind's records go where pipeline.yml has a table for them: the raw table that is loaded from
 * the kind's topic, the clean table that reads it, the stream table that is like that one. */
static void test_shipped_streams(void **state)
{
    (void)state;
    struct pn_generator *generator = shipped();
    struct pn_pipeline *pipeline = NULL;
    assert_int_equal(
        pn_pipeline_load(PINION_SOURCE_DIR "/pipelines/pinterest", pn_io_system(), &pipeline, NULL),
        0);
    for (size_t kind = PIN; kind <= USER; kind++) {
        struct pn_generator_place place = pn_generator_place(generator, kind);
        const struct pn_pipeline_stream *stream = pn_pipeline_stream(pipeline, place.stream);
        assert_non_null(stream);
        const struct pn_table *table = NULL;
        for (size_t i = 0; i < stream->flow_count; i++) {
            if (strcmp(stream->flows[i].partition_key, place.partition_key) == 0) {
                table = stream->flows[i].table;
            }
        }
        assert_non_null(table);
        assert_true(pn_pattern_matches(table->like->reads[0]->from_topic, place.topic));
    }
    pn_pipeline_destroy(&pipeline);
    pn_generator_destroy(&generator);
}

/* --- what is refused -------------------------------------------------------------------------- */

#define FIELDS(text) "rows: 1\nkinds:\n  k:\n    topic: t\n    fields:\n" text

static void test_wrong_files(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"", "g.yml:1"},
        {"rows: 0\nkinds: {}\n", "g.yml:1: rows"},
        {"rows: 1\nkinds: {}\n", "g.yml:2: kinds"},
        {"rows: 1\nkind: {}\n", "g.yml:2: kind"},
        {"rows: 1\nkinds: {k: {topic: ../x, fields: {a: b}}}\n", "kinds.k.topic"},
        {"rows: 1\nkinds: {k: {topic: t, file: a/b, fields: {a: b}}}\n", "not a plain file name"},
        {"rows: 1\nkinds: {k: {fields: {a: b}}}\n", "topic"},
        {"rows: 1\nkinds: {k: {topic: t, stream: s, fields: {a: b}}}\n", "kinds.k.stream"},
        {"rows: 1\nkinds: {k: {topic: t, stream: {}, fields: {a: b}}}\n", "name"},
        {"rows: 1\nkinds: {k: {topic: t, stream: {name: a/b}, fields: {a: b}}}\n",
         "kinds.k.stream.name: a stream's name must have"},
        {"rows: 1\nkinds: {k: {topic: t, stream: {name: a, key: b}, fields: {a: b}}}\n", "key"},
        {"rows: 1\nkinds:\n  a: {topic: t, file: x, fields: {a: b}}\n"
         "  b: {topic: t, file: x, fields: {a: b}}\n",
         "g.yml:4: kinds.b: its file \"x\" is also that of a"},
        {FIELDS("      a: ${nothing}\n"), "g.yml:6: kinds.k.fields.a: ${nothing}: there is no"},
        {FIELDS("      a: ${a}\n"), "the field \"a\" needs itself"},
        {FIELDS("      a: ${b}\n      b: ${a}\n"), "needs itself"},
        {FIELDS("      a: ${1..\n"), "no closing brace"},
        {FIELDS("      a: ${}\n"), "it is empty"},
        {FIELDS("      a: ${9..1}\n"), "MIN..MAX"},
        {FIELDS("      a: ${1..2.5}\n"), "same number of decimals"},
        {FIELDS("      a: ${0..9 log}\n"), "must begin above 0"},
        {FIELDS("      a: ${1..9 cubic}\n"), "only \"log\""},
        {FIELDS("      a: ${hex 0}\n"), "the number of digits"},
        {FIELDS("      a: ${date 2020..2021}\n"), "date needs FROM..TO"},
        {FIELDS("      a: ${date 2020-01-01T00:00:00..2021-01-01T00:00:00 %q}\n"),
         "may contain %Y"},
        {FIELDS("      a: ${uuid 4}\n"), "something unknown follows it"},
        {FIELDS("      a: {text: \"x${row}\", as: number}\n"), "does not always give a number"},
        {FIELDS("      a: {text: x, as: nmber}\n"), "number"},
        {FIELDS("      a: {text: x, anomalies: [{chance: 2, text: y}]}\n"),
         "a chance must be 0 to 1"},
        {FIELDS("      a: {text: x, anomalies: [{chance: 0.5}]}\n"), "one of: text"},
        {FIELDS("      a: {text: x, anomalies: [{chance: 0.6, text: y}, {chance: 0.6, "
                "is_null: true}]}\n"),
         "more than 1"},
        {FIELDS("      a: ${l}\nlists: {l: []}\n"), "no items"},
        {FIELDS("      a: ${l}\nlists: {l: [x, [y]]}\n"), "must be a text"},
        {FIELDS("      a: ${l}\nlists: {l: [\"${l}\"]}\n"), "the list \"l\" needs itself"},
        {FIELDS("      a: ${l}\nlists: {l: {weights: {x: -1}}}\n"), "from 0 up"},
        {FIELDS("      a: ${l}\nlists: {l: {weights: {x: 0}}}\n"), "above 0"},
        {FIELDS("      a: ${l}\nlists: {l: {zipf: 1}}\n"), "items are missing"},
        {FIELDS("      a: ${l}\nlists: {l: {zipf: 99, items: [x]}}\n"), "exponent"},
        {FIELDS("      a: ${l}\nlists: {l: {by: z, cases: {x: y}, else: w}}\n"), "no field \"z\""},
        {FIELDS("      a: ${l}\n      z: x\nlists: {l: {by: z, cases: {x: y}}}\n"),
         "else is missing"},
        {FIELDS("      a: ${l * 5}\nlists: {l: [x]}\n"), "MIN..MAX, from 0 to 1000"},
        {FIELDS("      a: ${l * 1..2 by ,}\nlists: {l: [x]}\n"), "SEPARATOR"},
        {FIELDS("      a: x\nlists: {l: [x]}\n"), "g.yml:7: lists.l: no field uses this"},
        {FIELDS("      a: x\nlists: {row: [x]}\n"), "is reserved"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pn_generator *generator = NULL;
        struct pn_err e;
        int rc = pn_generator_parse("g.yml", cases[i].text, strlen(cases[i].text), &generator, &e);
        if (rc == 0 || strstr(e.msg, cases[i].message) == NULL || generator != NULL ||
            strncmp(e.msg, "g.yml:", 6) != 0) {
            fail_msg("case %zu: \"%s\", without \"%s\"", i, rc == 0 ? "taken" : e.msg,
                     cases[i].message);
        }
    }
}

static void test_a_record_has_a_largest_size(void **state)
{
    (void)state;
    struct pn_generator *generator =
        parsed("rows: 1\n"
               "lists: {a: [xxxxxxxxxx], b: [\"${a * 1000..1000}\"], c: [\"${b * 1000..1000}\"]}\n"
               "kinds: {k: {topic: t, fields: {f: \"${c}\"}}}\n");
    struct pn_source *source = pn_source_generator(generator, 1, 1);
    struct pn_emulate_record record;
    struct pn_err e;
    assert_int_not_equal(pn_source_next(source, &record, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_non_null(strstr(e.msg, "a generated record is larger than"));
    pn_source_destroy(&source);
    pn_generator_destroy(&generator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_are_pinned),
        cmocka_unit_test(test_seeds_differ_and_repeat),
        cmocka_unit_test(test_rows_stand_alone),
        cmocka_unit_test(test_shipped_shares),
        cmocka_unit_test(test_some_contents_come_again),
        cmocka_unit_test(test_shipped_streams),
        cmocka_unit_test(test_wrong_files),
        cmocka_unit_test(test_a_record_has_a_largest_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
