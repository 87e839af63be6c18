/*
 * Opening a log after a crash or damage: whole batches stay, the torn tail goes, damage elsewhere
 * is reported with its place and hides nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "log/embedded/record_batch.h"
#include "support/log_fixture.h"

static int set_up_open(void **state)
{
    (void)log_fixture_set_up(state);
    log_fixture_open(*state);
    return 0;
}

/* Where the batches of a segment file begin, and where the last one ends. */
static size_t positions_of(const uint8_t *bytes, size_t len, size_t *positions, size_t max)
{
    size_t count = 0;
    size_t at = 0;
    while (at < len) {
        struct pn_batch_header header;
        assert_int_equal(pn_batch_parse(bytes + at, &header, NULL), 0);
        assert_true(count + 1 < max);
        positions[count++] = at;
        at += header.bytes;
    }
    positions[count] = at;
    return count;
}

/* The whole text written to a pipe by the fixture's logger. */
struct said {
    int fds[2];
    char text[8192];
};

static void hear(struct log_fixture *fixture, struct said *said)
{
    assert_int_equal(pipe(said->fds), 0);
    fixture->logger =
        pn_logger_create(said->fds[1], PN_LOGGER_TEXT, PN_INFO, &fixture->clock.clock);
}

static const char *heard(struct log_fixture *fixture, struct said *said)
{
    pn_logger_info(fixture->logger, "test", "end");
    ssize_t got = read(said->fds[0], said->text, sizeof said->text - 1);
    assert_true(got > 0);
    said->text[got] = '\0';
    return said->text;
}

static void hush(struct log_fixture *fixture, struct said *said)
{
    log_fixture_close(fixture);
    pn_logger_destroy(&fixture->logger);
    (void)close(said->fds[0]);
    (void)close(said->fds[1]);
}

/* --- the tail -------------------------------------------------------------------------------- */

/*
 * Cuts the segment at every byte of its last batch, then damages every byte of it: what was before
 * stays, and the next record follows without a gap.
 */
static void test_a_tail_torn_at_any_byte_is_cut(void **state)
{
    struct log_fixture *fixture = *state;
    (void)log_put(fixture, "t", 0, "k", "first");
    (void)log_put(fixture, "t", 0, "k", "second");
    log_fixture_close(fixture);
    size_t len = 0;
    char *path = pn_xstrdup(log_file(fixture, "t", 0, 0, "log"));
    char *index_path = pn_xstrdup(log_file(fixture, "t", 0, 0, "index"));
    uint8_t *bytes = file_read(path, &len);
    size_t positions[8];
    assert_int_equal(positions_of(bytes, len, positions, 8), 2);
    for (size_t i = positions[1]; i < 2 * len - positions[1]; i++) {
        if (i < len) {
            file_write(path, bytes, i);
        } else {
            size_t at = i - len + positions[1];
            if (at - positions[1] >= PN_BATCH_AT_LEADER_EPOCH &&
                at - positions[1] < PN_BATCH_AT_MAGIC) {
                continue; /* under no check, and read by nobody */
            }
            bytes[at] ^= 0x41;
            file_write(path, bytes, len);
            bytes[at] ^= 0x41;
        }
        (void)unlink(index_path);
        log_fixture_open(fixture);
        struct pn_log_records records = log_get(fixture, "t", 0, 0, 10);
        assert_int_equal(records.count, 1);
        assert_int_equal(records.end_offset, 1);
        assert_value(&records.records[0], "first");
        assert_int_equal(log_put(fixture, "t", 0, NULL, "third"), 1);
        log_fixture_reopen(fixture);
        records = log_get(fixture, "t", 0, 0, 10);
        assert_int_equal(records.count, 2);
        assert_value(&records.records[1], "third");
        log_fixture_close(fixture);
    }
    free(bytes);
    free(path);
    free(index_path);
}

/* The stored index says that there are more bytes than there are: it is not believed. */
static void test_a_tail_torn_below_the_stored_index_is_cut(void **state)
{
    struct log_fixture *fixture = *state;
    (void)log_put(fixture, "t", 0, "k", "first");
    (void)log_put(fixture, "t", 0, "k", "second");
    log_fixture_close(fixture);
    size_t len = 0;
    char *path = pn_xstrdup(log_file(fixture, "t", 0, 0, "log"));
    uint8_t *bytes = file_read(path, &len);
    file_write(path, bytes, len - 1);
    struct said said;
    hear(fixture, &said);
    log_fixture_open(fixture);
    assert_int_equal(log_get(fixture, "t", 0, 0, 10).count, 1);
    const char *text = heard(fixture, &said);
    assert_non_null(strstr(text, "was truncated"));
    size_t positions[8];
    assert_int_equal(positions_of(bytes, len, positions, 8), 2);
    assert_non_null(strstr(text, pn_arena_printf(&fixture->arena,
                                                 "topic t, partition 0: cut %zu bytes of an "
                                                 "unfinished write at offset 1",
                                                 len - 1 - positions[1])));
    /* The index that was wrong is not believed either when the file has grown again. */
    assert_false(file_exists(log_file(fixture, "t", 0, 0, "index")));
    assert_int_equal(log_put(fixture, "t", 0, NULL, "a record longer than the one cut off"), 1);
    free(bytes);
    bytes = file_read(path, &len); /* what a kill would leave now */
    hush(fixture, &said);
    file_write(path, bytes, len);
    (void)unlink(log_file(fixture, "t", 0, 0, "index"));
    log_fixture_open(fixture);
    assert_int_equal(log_get(fixture, "t", 0, 0, 10).count, 2);
    free(bytes);
    free(path);
}

static void test_a_tail_behind_a_stored_index_is_cut(void **state)
{
    struct log_fixture *fixture = *state;
    (void)log_put(fixture, "t", 0, NULL, "first");
    log_fixture_close(fixture); /* stores the index */
    char *index_path = pn_xstrdup(log_file(fixture, "t", 0, 0, "index"));
    char *path = pn_xstrdup(log_file(fixture, "t", 0, 0, "log"));
    size_t index_len = 0;
    size_t len = 0;
    uint8_t *index = file_read(index_path, &index_len);
    log_fixture_open(fixture);
    (void)log_put(fixture, "t", 0, NULL, "second");
    (void)log_put(fixture, "t", 0, NULL, "third");
    log_fixture_close(fixture);
    uint8_t *bytes = file_read(path, &len);
    file_write(index_path, index, index_len);
    file_write(path, bytes, len - 1);
    log_fixture_open(fixture);
    struct pn_log_records records = log_get(fixture, "t", 0, 0, 10);
    assert_int_equal(records.count, 2);
    assert_value(&records.records[1], "second");
    free(index);
    free(bytes);
    free(index_path);
    free(path);
}

/* What a kill leaves: zeros after the last batch, in the active segment and in one that was being
 * sealed. They go, and nothing is said of them. */
static void test_zeros_written_ahead_are_no_torn_tail(void **state)
{
    struct log_fixture *fixture = *state;
    (void)log_put(fixture, "t", 0, NULL, "first");
    char *path = pn_xstrdup(log_file(fixture, "t", 0, 0, "log"));
    size_t len = 0;
    uint8_t *bytes = file_read(path, &len); /* while the log is open */
    log_fixture_close(fixture);
    size_t closed_len = 0;
    uint8_t *closed = file_read(path, &closed_len);
    assert_true(len > closed_len);
    assert_memory_equal(bytes, closed, closed_len);
    for (int round = 0; round < 2; round++) {
        file_write(path, bytes, len);
        (void)unlink(log_file(fixture, "t", 0, 0, "index"));
        if (round == 1) { /* the next segment is there already */
            file_write(log_file(fixture, "t", 0, 1, "log"), bytes, 0);
        }
        struct said said;
        hear(fixture, &said);
        log_fixture_open(fixture);
        assert_int_equal(log_get(fixture, "t", 0, 0, 10).count, 1);
        const char *text = heard(fixture, &said);
        assert_null(strstr(text, "cut "));
        assert_null(strstr(text, "damaged"));
        assert_int_equal(log_put(fixture, "t", 0, NULL, "second"), 1);
        hush(fixture, &said);
        size_t again_len = 0;
        uint8_t *again = file_read(path, &again_len);
        assert_true(again_len < len);
        assert_memory_equal(again, closed, closed_len);
        free(again);
    }
    assert_true(file_exists(log_file(fixture, "t", 0, 1, "log")));
    free(bytes);
    free(closed);
    free(path);
}

/* --- damage elsewhere ------------------------------------------------------------------------ */

enum { RECORDS = 12 };

/* A partition of twelve records, each alone in its batch, in segments of four. */
static void put_records(struct log_fixture *fixture)
{
    log_fixture_close(fixture);
    fixture->config.segment_bytes = 4 * 72;
    fixture->config.index_interval_bytes = 100; /* an entry for every other batch */
    log_fixture_open(fixture);
    for (int i = 0; i < RECORDS; i++) {
        char value[16];
        (void)snprintf(value, sizeof value, "v%03d", i);
        assert_int_equal(log_put(fixture, "t", 0, NULL, value), i);
    }
    assert_true(file_exists(log_file(fixture, "t", 0, 8, "log")));
    assert_false(file_exists(log_file(fixture, "t", 0, 6, "log")));
}

static void remove_indexes(struct log_fixture *fixture)
{
    for (int64_t base = 0; base < RECORDS; base += 4) {
        (void)unlink(log_file(fixture, "t", 0, base, "index"));
    }
}

/*
 * Reads everything that can be read, continuing where errors say; returns a bit for each offset
 * that was given. Every value must be its offset's.
 */
static unsigned readable(struct log_fixture *fixture, size_t max_records)
{
    unsigned seen = 0;
    int64_t offset = 0;
    while (offset < RECORDS) {
        struct pn_log_records records;
        struct pn_err e;
        pn_arena_reset(&fixture->arena);
        if (pn_log_read(fixture->log, "t", 0, offset, max_records, SIZE_MAX, &fixture->arena,
                        &records, &e) == 0) {
            assert_true(records.count > 0);
            for (size_t i = 0; i < records.count; i++) {
                char value[16];
                (void)snprintf(value, sizeof value, "v%03d", (int)records.records[i].offset);
                assert_value(&records.records[i], value);
                assert_int_equal(seen & 1u << records.records[i].offset, 0);
                seen |= 1u << records.records[i].offset;
            }
            offset = records.next_offset;
            continue;
        }
        assert_int_equal(e.class_, PN_CLASS_CORRUPT);
        assert_non_null(strstr(e.msg, ".log is damaged at position "));
        const char *go_on = strstr(e.msg, "continue at offset ");
        assert_non_null(go_on);
        int64_t next = strtoll(go_on + strlen("continue at offset "), NULL, 10);
        assert_true(next > offset && next <= RECORDS);
        assert_int_equal(records.next_offset, next);
        offset = next;
    }
    return seen;
}

/* Damages each byte of each segment in turn, with and without indexes, open and closed. */
static void test_damage_hides_nothing_but_itself(void **state)
{
    struct log_fixture *fixture = *state;
    put_records(fixture);
    log_fixture_close(fixture);
    for (int64_t base = 0; base < RECORDS; base += 4) {
        size_t len = 0;
        char *path = pn_xstrdup(log_file(fixture, "t", 0, base, "log"));
        uint8_t *bytes = file_read(path, &len);
        size_t positions[8];
        assert_int_equal(positions_of(bytes, len, positions, 8), 4);
        for (size_t at = 0; at < len; at++) {
            size_t batch = at / positions[1];
            size_t field = at % positions[1];
            unsigned damaged = 1u << (base + (int64_t)batch);
            log_fixture_open(fixture);
            bytes[at] ^= 0x20;
            file_write(path, bytes, len);
            bytes[at] ^= 0x20;
            unsigned seen = readable(fixture, at % 2 == 0 ? 1 : 100);
            bool unchecked = field >= PN_BATCH_AT_LEADER_EPOCH && field < PN_BATCH_AT_MAGIC;
            /* A damaged head hides where the next batch begins: up to the next indexed one. */
            bool head = field < PN_BATCH_AT_CRC ||
                        (field >= PN_BATCH_AT_ATTRIBUTES && field < PN_BATCH_AT_BASE_TIMESTAMP) ||
                        (field >= PN_BATCH_AT_RECORD_COUNT && field < PN_BATCH_HEADER_BYTES);
            unsigned may_hide = damaged | (head && batch % 2 == 0 ? damaged << 1 : 0);
            if (unchecked) {
                assert_int_equal(seen, (1u << RECORDS) - 1);
            } else {
                assert_int_equal(seen & damaged, 0);
                assert_int_equal(seen | may_hide, (1u << RECORDS) - 1);
            }
            log_fixture_close(fixture);
            file_write(path, bytes, len);
        }
        free(bytes);
        free(path);
    }
}

static void test_damage_in_a_sealed_segment_survives_a_restart(void **state)
{
    struct log_fixture *fixture = *state;
    put_records(fixture);
    log_fixture_close(fixture);
    size_t len = 0;
    char *path = pn_xstrdup(log_file(fixture, "t", 0, 4, "log"));
    uint8_t *bytes = file_read(path, &len);
    bytes[len / 4 + PN_BATCH_HEADER_BYTES + 2] ^= 1; /* in record 5 */
    file_write(path, bytes, len);
    struct said said;
    for (int round = 0; round < 2; round++) {
        hear(fixture, &said);
        log_fixture_open(fixture);
        assert_int_equal(readable(fixture, 100), ((1u << RECORDS) - 1) & ~(1u << 5));
        assert_int_equal(log_offsets(fixture, "t", 0).end, RECORDS);
        const char *text = heard(fixture, &said);
        /* Sealed segments are read through only when their index is gone. */
        assert_int_equal(strstr(text, "damaged batches") != NULL, round == 1);
        hush(fixture, &said);
        remove_indexes(fixture);
    }
    free(bytes);
    free(path);
}

static void test_damage_in_the_active_segment_is_no_torn_tail(void **state)
{
    struct log_fixture *fixture = *state;
    put_records(fixture);
    log_fixture_close(fixture);
    remove_indexes(fixture);
    size_t len = 0;
    char *path = pn_xstrdup(log_file(fixture, "t", 0, 8, "log"));
    uint8_t *bytes = file_read(path, &len);
    bytes[len / 4 + PN_BATCH_HEADER_BYTES + 2] ^= 1;     /* in record 9 */
    bytes[2 * len / 4 + PN_BATCH_HEADER_BYTES + 2] ^= 1; /* in record 10 */
    file_write(path, bytes, len);
    struct said said;
    hear(fixture, &said);
    log_fixture_open(fixture);
    assert_int_equal(readable(fixture, 100), ((1u << RECORDS) - 1) & ~(3u << 9));
    assert_int_equal(log_put(fixture, "t", 0, NULL, "next"), RECORDS);
    const char *text = heard(fixture, &said);
    assert_non_null(strstr(text, "has 2 damaged batches, the first at position 72 with offset 9"));
    assert_null(strstr(text, "cut "));
    hush(fixture, &said);
    free(bytes);
    free(path);
}

static void test_a_missing_segment_is_a_gap_that_is_reported(void **state)
{
    struct log_fixture *fixture = *state;
    put_records(fixture);
    log_fixture_close(fixture);
    (void)unlink(log_file(fixture, "t", 0, 4, "log"));
    log_fixture_open(fixture);
    assert_int_equal(readable(fixture, 100), ((1u << RECORDS) - 1) & ~(0xfu << 4));
    assert_int_equal(log_offsets(fixture, "t", 0).end, RECORDS);
    assert_false(file_exists(log_file(fixture, "t", 0, 4, "index")));
}

/* A stray file whose name is within another segment: what that has after it is out of view. */
static void test_segments_that_overlap(void **state)
{
    struct log_fixture *fixture = *state;
    int64_t offset = 0;
    log_fixture_close(fixture);
    fixture->config.index_interval_bytes = 1;
    log_fixture_open(fixture);
    for (int i = 0; i < 4; i++) {
        (void)log_put(fixture, "t", 0, NULL, "value");
        pn_fake_clock_advance(&fixture->clock, 1000);
    }
    log_fixture_close(fixture);
    file_write(log_file(fixture, "t", 0, 1, "log"), (const uint8_t *)"", 0);
    log_fixture_open(fixture);
    assert_int_equal(log_offsets(fixture, "t", 0).end, 1);
    int64_t last_ms = ((int64_t)LOG_FIXTURE_NOW + 3) * 1000;
    assert_int_equal(pn_log_offset_at(fixture->log, "t", 0, last_ms, &offset, NULL), 0);
    assert_int_equal(offset, 1);
    assert_int_equal(log_get(fixture, "t", 0, 0, 1).count, 1);
}

/* Somebody removes a file while the log is open. */
static void test_a_segment_that_goes_missing_is_passed_over(void **state)
{
    struct log_fixture *fixture = *state;
    int64_t offset = 0;
    put_records(fixture);
    (void)unlink(log_file(fixture, "t", 0, 4, "log"));
    assert_int_equal(readable(fixture, 100), ((1u << RECORDS) - 1) & ~(0xfu << 4));
    assert_int_equal(pn_log_offset_at(fixture->log, "t", 0, 0, &offset, NULL), 0);
    assert_int_equal(offset, 0);
    (void)unlink(log_file(fixture, "t", 0, 0, "log"));
    assert_int_equal(pn_log_offset_at(fixture->log, "t", 0, 0, &offset, NULL), 0);
    assert_int_equal(offset, 8);
}

/* --- indexes --------------------------------------------------------------------------------- */

static void test_missing_and_wrong_indexes_are_made_anew(void **state)
{
    struct log_fixture *fixture = *state;
    put_records(fixture);
    log_fixture_close(fixture);
    size_t len = 0;
    uint8_t *first = file_read(log_file(fixture, "t", 0, 0, "index"), &len);
    for (int round = 0; round < 3; round++) {
        for (int64_t base = 0; base < RECORDS; base += 4) {
            char *path = log_file(fixture, "t", 0, base, "index");
            if (round == 0) {
                assert_int_equal(unlink(path), 0);
            } else if (round == 1) {
                file_write(path, first, len / 2);
            } else {
                file_write(path, first, len); /* the first one's, for all */
            }
        }
        log_fixture_open(fixture);
        assert_int_equal(readable(fixture, 100), (1u << RECORDS) - 1);
        for (int64_t offset = 0; offset < RECORDS; offset++) {
            assert_int_equal(log_get(fixture, "t", 0, offset, 1).records[0].offset, offset);
        }
        log_fixture_close(fixture);
        size_t again_len = 0;
        uint8_t *again = file_read(log_file(fixture, "t", 0, 0, "index"), &again_len);
        assert_int_equal(again_len, len);
        free(again);
    }
    free(first);
}

static void test_leftovers_of_a_crash_are_removed(void **state)
{
    struct log_fixture *fixture = *state;
    put_records(fixture);
    log_fixture_close(fixture);
    char *temp = pn_arena_printf(&fixture->arena, "%s/t/0/.pinion-0123.tmp", fixture->folder);
    file_write(temp, (const uint8_t *)"x", 1);
    log_fixture_open(fixture);
    assert_false(file_exists(temp));
    assert_int_equal(readable(fixture, 100), (1u << RECORDS) - 1);
}

/* A batch inside a record's value is not found by recovery, however torn what is around it. */
static void test_the_image_of_a_batch_in_a_value_is_no_batch(void **state)
{
    struct log_fixture *fixture = *state;
    (void)log_put(fixture, "image", 0, NULL, "forged");
    log_fixture_close(fixture);
    size_t image_len = 0;
    uint8_t *image = file_read(log_file(fixture, "image", 0, 0, "log"), &image_len);
    image[PN_BATCH_AT_BASE_OFFSET + 7] = 2; /* the offset that would come next */
    log_fixture_open(fixture);
    (void)log_put(fixture, "t", 0, NULL, "good");
    struct pn_log_entry entry = {.record = {.value = {image, image_len}}};
    struct pn_log_request request = {.topic = "t", .entries = &entry, .count = 1};
    assert_int_equal(pn_log_append(fixture->log, &request, NULL), 0);
    log_fixture_close(fixture);
    (void)unlink(log_file(fixture, "t", 0, 0, "index"));
    size_t len = 0;
    char *path = pn_xstrdup(log_file(fixture, "t", 0, 0, "log"));
    uint8_t *bytes = file_read(path, &len);
    bytes[len - image_len - 20] ^= 1; /* in the head of the second batch */
    file_write(path, bytes, len);
    log_fixture_open(fixture);
    assert_int_equal(log_offsets(fixture, "t", 0).end, 1);
    free(image);
    free(bytes);
    free(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_open, log_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_tail_torn_at_any_byte_is_cut),
        TEST(test_a_tail_torn_below_the_stored_index_is_cut),
        TEST(test_a_tail_behind_a_stored_index_is_cut),
        TEST(test_zeros_written_ahead_are_no_torn_tail),
        TEST(test_damage_hides_nothing_but_itself),
        TEST(test_damage_in_a_sealed_segment_survives_a_restart),
        TEST(test_damage_in_the_active_segment_is_no_torn_tail),
        TEST(test_a_missing_segment_is_a_gap_that_is_reported),
        TEST(test_a_segment_that_goes_missing_is_passed_over),
        TEST(test_segments_that_overlap),
        TEST(test_missing_and_wrong_indexes_are_made_anew),
        TEST(test_leftovers_of_a_crash_are_removed),
        TEST(test_the_image_of_a_batch_in_a_value_is_no_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
