/*
 * The record batch codec: equal to an independent implementation byte for byte, exact in both
 * directions, and never fooled by damaged bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "base/random.h"
#include "log/embedded/record_batch.h"
#include "log/embedded/varint.h"
#include "log/golden_batches.h"

static uint8_t big[300];
static char text[1280];

static struct pn_bytes bytes_of(const char *value)
{
    return (struct pn_bytes){value, value != NULL ? strlen(value) : 0};
}

static void make_values(void)
{
    for (size_t i = 0; i < sizeof big; i++) {
        big[i] = (uint8_t)((i * 31 + i / 7) % 251);
    }
    static const char words[] = "the same words again and again, ";
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = words[i % strlen(words)];
    }
}

/* Adds the record, with its own timestamp. */
static void add(struct pn_batch_writer *writer, const struct pn_record *record)
{
    assert_int_equal(pn_batch_add(writer, record, record->timestamp_ms, NULL), 0);
}

/* The parsed header of a batch that must be whole. */
static struct pn_batch_header header_of(const uint8_t *bytes, size_t len)
{
    struct pn_batch_header header;
    struct pn_err e;
    assert_true(len >= PN_BATCH_HEADER_BYTES);
    if (pn_batch_parse(bytes, &header, &e) != 0) {
        fail_msg("%s", e.msg);
    }
    assert_int_equal(header.bytes, len);
    assert_true(pn_batch_whole(bytes, &header));
    return header;
}

static void assert_bytes_equal(struct pn_bytes a, struct pn_bytes b)
{
    assert_int_equal(a.data == NULL, b.data == NULL);
    assert_int_equal(a.len, b.len);
    if (a.len > 0) {
        assert_memory_equal(a.data, b.data, a.len);
    }
}

static void assert_record_equal(const struct pn_record *a, const struct pn_record *b)
{
    assert_bytes_equal(a->key, b->key);
    assert_bytes_equal(a->value, b->value);
    assert_int_equal(a->timestamp_ms, b->timestamp_ms);
    assert_int_equal(a->header_count, b->header_count);
    for (size_t i = 0; i < a->header_count; i++) {
        assert_bytes_equal(a->headers[i].name, b->headers[i].name);
        assert_bytes_equal(a->headers[i].value, b->headers[i].value);
    }
}

/* Decodes the batch and compares. */
static void assert_decodes_to(const uint8_t *bytes, size_t len, const struct pn_record *records,
                              size_t count)
{
    struct pn_batch_header header = header_of(bytes, len);
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    struct pn_record_list list = {.arena = &arena, .max_records = SIZE_MAX, .max_bytes = SIZE_MAX};
    struct pn_err e;
    if (pn_batch_decode(bytes, &header, &list, &e) != 0) {
        fail_msg("%s", e.msg);
    }
    assert_int_equal(list.count, count);
    assert_int_equal(header.record_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(list.records[i].offset, header.base_offset + (int64_t)i);
        assert_record_equal(&list.records[i], &records[i]);
    }
    pn_arena_deinit(&arena);
}

/* Encodes the records; the result is the writer's. */
static const uint8_t *encode(struct pn_batch_writer *writer, int64_t base_offset,
                             const struct pn_record *records, size_t count)
{
    const uint8_t *bytes = NULL;
    pn_batch_begin(writer, base_offset);
    for (size_t i = 0; i < count; i++) {
        size_t before = pn_batch_bytes(writer);
        add(writer, &records[i]);
        assert_true(pn_batch_bytes(writer) - before <= pn_record_encoded_bytes_max(&records[i]));
    }
    assert_int_equal(pn_batch_finish(writer, &bytes, NULL), 0);
    return bytes;
}

static void assert_golden(const uint8_t *golden, size_t len, int64_t base_offset,
                          const struct pn_record *records, size_t count)
{
    struct pn_batch_writer writer;
    pn_batch_writer_init(&writer, PN_COMPRESSION_NONE);
    const uint8_t *bytes = encode(&writer, base_offset, records, count);
    assert_int_equal(writer.header.bytes, len);
    assert_memory_equal(bytes, golden, len);
    pn_batch_writer_deinit(&writer);
    assert_decodes_to(golden, len, records, count);
}

/* --- against kafka-python -------------------------------------------------------------------- */

enum { KINDS = 5 };

static const struct pn_record *kinds(void)
{
    static struct pn_record_header three[3];
    static struct pn_record_header one[1];
    static struct pn_record records[KINDS];
    three[0] = (struct pn_record_header){bytes_of("h"), bytes_of("x")};
    three[1] = (struct pn_record_header){bytes_of("empty"), bytes_of("")};
    three[2] = (struct pn_record_header){bytes_of("null"), bytes_of(NULL)};
    one[0] = (struct pn_record_header){bytes_of("trace"), {big, sizeof big}};
    records[0] = (struct pn_record){
        .key = bytes_of("key"), .value = bytes_of("value"), .timestamp_ms = 1700000000000};
    records[1] = (struct pn_record){.value = bytes_of(""), .timestamp_ms = 1700000000007};
    records[2] = (struct pn_record){.key = bytes_of(""), .timestamp_ms = 1699999999000};
    records[3] = (struct pn_record){.key = bytes_of("k"),
                                    .value = {big, sizeof big},
                                    .headers = three,
                                    .header_count = 3,
                                    .timestamp_ms = 1700000086400};
    records[4] =
        (struct pn_record){.headers = one, .header_count = 1, .timestamp_ms = 1700000000000};
    return records;
}

static void test_batches_equal_kafka_pythons(void **state)
{
    (void)state;
    struct pn_record one = {.value = bytes_of("v"), .timestamp_ms = 1700000000000};
    assert_golden(golden_one, sizeof golden_one, 0, &one, 1);
    assert_golden(golden_kinds, sizeof golden_kinds, 42, kinds(), KINDS);
    const struct pn_record late[] = {
        {.value = bytes_of("a"), .timestamp_ms = 0},
        {.value = bytes_of("b"), .timestamp_ms = 9999999999999},
    };
    assert_golden(golden_late, sizeof golden_late, 4611686018427387904, late, 2);
    struct pn_record many[200];
    char keys[200][16];
    char squares[200][16];
    for (int i = 0; i < 200; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "%d", i);
        (void)snprintf(squares[i], sizeof squares[i], "%d", i * i);
        many[i] = (struct pn_record){
            .key = bytes_of(keys[i]), .value = bytes_of(squares[i]), .timestamp_ms = 1000 + i};
    }
    assert_golden(golden_many, sizeof golden_many, 7, many, 200);
}

static void test_compressed_batches_of_kafka_python_decode(void **state)
{
    (void)state;
    struct pn_record records[5];
    for (int i = 0; i < 5; i++) {
        records[i] = (struct pn_record){
            .key = bytes_of("k"), .value = {text, sizeof text}, .timestamp_ms = 1000 + i};
    }
    assert_decodes_to(golden_lz4, sizeof golden_lz4, records, 5);
    assert_decodes_to(golden_zstd, sizeof golden_zstd, records, 5);
}

/* --- on its own ------------------------------------------------------------------------------ */

static void test_crc_is_castagnolis(void **state)
{
    (void)state;
    assert_int_equal(pn_crc32c("123456789", 9), 0xe3069283u);
    assert_int_equal(pn_crc32c("", 0), 0);
}

static void test_varints_go_both_ways(void **state)
{
    (void)state;
    const int64_t values[] = {0,     -1,      1,         63,        -64,       64,       8191,
                              -8193, 1 << 20, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        uint8_t bytes[PN_VARINT_BYTES_MAX];
        const uint8_t *end = pn_varint_put(bytes, values[i]);
        assert_int_equal(end - bytes, pn_varint_size(values[i]));
        const uint8_t *at = bytes;
        int64_t value = 0;
        assert_true(pn_varint_get(&at, end, &value));
        assert_int_equal(value, values[i]);
        assert_ptr_equal(at, end);
        for (const uint8_t *cut = bytes; cut < end; cut++) {
            at = bytes;
            assert_false(pn_varint_get(&at, cut, &value));
        }
    }
    const uint8_t too_long[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    const uint8_t *at = too_long;
    int64_t value = 0;
    assert_false(pn_varint_get(&at, too_long + sizeof too_long, &value));
}

/* A record of random parts, some of them absent or empty; all it points to is the arena's. */
static struct pn_bytes random_bytes(struct pn_random *random, struct pn_arena *arena, size_t most)
{
    if (pn_random_below(random, 5) == 0) {
        return (struct pn_bytes){0};
    }
    size_t len = pn_random_below(random, 4) == 0 ? 0 : pn_random_below(random, most);
    char *data = pn_arena_alloc(arena, len + 1);
    bool repeat = pn_random_below(random, 2) == 0;
    for (size_t i = 0; i < len; i++) {
        data[i] = repeat ? (char)(i % 5) : (char)pn_random_u64(random);
    }
    return (struct pn_bytes){data, len};
}

static struct pn_record random_record(struct pn_random *random, struct pn_arena *arena)
{
    struct pn_record record = {.key = random_bytes(random, arena, 50),
                               .value = random_bytes(random, arena, 2000)};
    record.timestamp_ms = pn_random_below(random, 10) == 0
                              ? (int64_t)pn_random_u64(random)
                              : 1700000000000 + (int64_t)pn_random_below(random, 100000);
    record.header_count = pn_random_below(random, 4);
    if (record.header_count > 0) {
        struct pn_record_header *headers =
            pn_arena_calloc(arena, record.header_count, sizeof *headers);
        for (size_t i = 0; i < record.header_count; i++) {
            headers[i].name = bytes_of("name");
            headers[i].value = random_bytes(random, arena, 100);
        }
        record.headers = headers;
    }
    return record;
}

static void test_random_batches_go_both_ways(void **state)
{
    (void)state;
    struct pn_random random;
    pn_random_init(&random, 20260101);
    for (int kind = PN_COMPRESSION_NONE; kind <= PN_COMPRESSION_ZSTD; kind++) {
        struct pn_batch_writer writer;
        pn_batch_writer_init(&writer, (enum pn_log_compression)kind);
        for (int round = 0; round < 60; round++) {
            struct pn_arena arena;
            pn_arena_init(&arena, 0);
            size_t count = 1 + pn_random_below(&random, 40);
            struct pn_record *records = pn_arena_calloc(&arena, count, sizeof *records);
            for (size_t i = 0; i < count; i++) {
                records[i] = random_record(&random, &arena);
            }
            int64_t base_offset = (int64_t)pn_random_below(&random, INT64_MAX / 2);
            const uint8_t *bytes = encode(&writer, base_offset, records, count);
            assert_decodes_to(bytes, writer.header.bytes, records, count);
            assert_int_equal(header_of(bytes, writer.header.bytes).base_offset, base_offset);
            pn_arena_deinit(&arena);
        }
        pn_batch_writer_deinit(&writer);
    }
}

static void test_compression_is_used_where_it_pays(void **state)
{
    (void)state;
    struct pn_record same = {.value = {text, sizeof text}};
    struct pn_record tiny = {.value = bytes_of("x")};
    for (int kind = PN_COMPRESSION_LZ4; kind <= PN_COMPRESSION_ZSTD; kind++) {
        struct pn_batch_writer writer;
        pn_batch_writer_init(&writer, (enum pn_log_compression)kind);
        const uint8_t *bytes = encode(&writer, 0, &same, 1);
        assert_true(writer.header.bytes < sizeof text / 2);
        assert_int_equal(header_of(bytes, writer.header.bytes).compression, kind);
        bytes = encode(&writer, 0, &tiny, 1);
        assert_int_equal(header_of(bytes, writer.header.bytes).compression, PN_COMPRESSION_NONE);
        assert_decodes_to(bytes, writer.header.bytes, &tiny, 1);
        pn_batch_writer_deinit(&writer);
    }
}

/* In a child with hardly any memory left; the class of what decoding failed with. */
static int class_without_memory(const uint8_t *bytes, const struct pn_batch_header *header)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        long pages = 0;
        struct pn_err e = {0};
        struct pn_arena arena;
        struct pn_record_list list = {
            .arena = &arena, .max_records = SIZE_MAX, .max_bytes = SIZE_MAX};
        FILE *file = fopen("/proc/self/statm", "r");
        PN_ASSERT(file != NULL && fscanf(file, "%ld", &pages) == 1);
        (void)fclose(file);
        pn_arena_init(&arena, 0);
        rlim_t bytes_max = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + 4 * 1024 * 1024;
        PN_ASSERT(setrlimit(RLIMIT_AS, &(struct rlimit){bytes_max, bytes_max}) == 0);
        _exit(pn_batch_decode(bytes, header, &list, &e) == 0 ? PN_CLASS_NONE : (int)e.class_);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Readers pass damage over, and lose what is there: a lack of memory must not be taken for it. */
static void test_a_lack_of_memory_is_no_damage(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    skip(); /* the sanitizers need address space of their own */
#endif
#ifdef __SANITIZE_THREAD__
    skip();
#endif
    enum { VALUE_BYTES = 12 * 1024 * 1024 };
    char *value = pn_xcalloc(1, VALUE_BYTES);
    const struct pn_record record = {.value = {value, VALUE_BYTES}};
    for (int kind = PN_COMPRESSION_LZ4; kind <= PN_COMPRESSION_ZSTD; kind++) {
        struct pn_batch_writer writer;
        pn_batch_writer_init(&writer, (enum pn_log_compression)kind);
        const uint8_t *bytes = encode(&writer, 0, &record, 1);
        assert_int_equal(class_without_memory(bytes, &writer.header), PN_CLASS_RETRY);
        pn_batch_writer_deinit(&writer);
    }
    free(value);
}

static void test_decoding_stops_at_the_limits(void **state)
{
    (void)state;
    struct pn_batch_header header = header_of(golden_many, sizeof golden_many);
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    struct pn_record_list list = {
        .arena = &arena, .from_offset = 17, .max_records = 3, .max_bytes = SIZE_MAX};
    assert_int_equal(pn_batch_decode(golden_many, &header, &list, NULL), 0);
    assert_true(list.full);
    assert_int_equal(list.count, 3);
    assert_int_equal(list.records[0].offset, 17);
    /* "10" and "100", "11" and "121": nine bytes hold the first of them only. */
    list = (struct pn_record_list){
        .arena = &arena, .from_offset = 17, .max_records = 100, .max_bytes = 9};
    assert_int_equal(pn_batch_decode(golden_many, &header, &list, NULL), 0);
    assert_true(list.full);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.bytes, 5);
    /* The first is given however large it is. */
    list = (struct pn_record_list){.arena = &arena, .max_records = 100, .max_bytes = 0};
    assert_int_equal(pn_batch_decode(golden_many, &header, &list, NULL), 0);
    assert_true(list.full);
    assert_int_equal(list.count, 1);
    pn_arena_deinit(&arena);
}

/* --- damage ---------------------------------------------------------------------------------- */

/*
 * Reads damaged bytes as the log does, in memory of exactly their size. Returns whether they pass
 * for a batch of the expected base offset; then they must give the records they gave when whole.
 */
static bool passes(const uint8_t *bytes, size_t len, const struct pn_record *records, size_t count)
{
    struct pn_batch_header header;
    if (len < PN_BATCH_HEADER_BYTES || pn_batch_parse(bytes, &header, NULL) != 0 ||
        header.bytes > len || header.base_offset != 42 || !pn_batch_whole(bytes, &header)) {
        return false;
    }
    assert_decodes_to(bytes, header.bytes, records, count);
    return true;
}

static void test_a_truncated_batch_is_never_taken(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof golden_kinds; len++) {
        uint8_t *copy = pn_xmalloc(len);
        memcpy(copy, golden_kinds, len);
        assert_false(passes(copy, len, kinds(), KINDS));
        free(copy);
    }
}

static void test_a_flipped_bit_is_never_taken_for_data(void **state)
{
    (void)state;
    uint8_t *copy = pn_xmalloc(sizeof golden_kinds);
    size_t passed = 0;
    for (size_t bit = 0; bit < sizeof golden_kinds * 8; bit++) {
        memcpy(copy, golden_kinds, sizeof golden_kinds);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        passed += passes(copy, sizeof golden_kinds, kinds(), KINDS);
    }
    free(copy);
    /* Only the leader's epoch is under no check: nothing reads it. */
    assert_int_equal(passed, 32);
}

/* A right checksum cannot make decoding read outside the batch, or give
 * more records than there are. */
static void test_damage_with_a_right_checksum_is_survived(void **state)
{
    (void)state;
    struct pn_random random;
    pn_random_init(&random, 7);
    const struct {
        const uint8_t *bytes;
        size_t len;
    } batches[] = {{golden_kinds, sizeof golden_kinds},
                   {golden_lz4, sizeof golden_lz4},
                   {golden_zstd, sizeof golden_zstd}};
    for (int round = 0; round < 6000; round++) {
        size_t len = batches[round % 3].len;
        uint8_t *copy = pn_xmalloc(len);
        memcpy(copy, batches[round % 3].bytes, len);
        for (size_t edits = 1 + pn_random_below(&random, 3); edits > 0; edits--) {
            size_t at =
                PN_BATCH_AT_ATTRIBUTES + pn_random_below(&random, len - PN_BATCH_AT_ATTRIBUTES);
            copy[at] = (uint8_t)pn_random_u64(&random);
        }
        struct pn_batch_header header;
        struct pn_arena arena;
        pn_arena_init(&arena, 0);
        struct pn_record_list list = {
            .arena = &arena, .max_records = SIZE_MAX, .max_bytes = SIZE_MAX};
        if (pn_batch_parse(copy, &header, NULL) == 0 &&
            pn_batch_decode(copy, &header, &list, NULL) == 0) {
            assert_int_equal(list.count, header.record_count);
        }
        pn_arena_deinit(&arena);
        free(copy);
    }
}

int main(void)
{
    make_values();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc_is_castagnolis),
        cmocka_unit_test(test_varints_go_both_ways),
        cmocka_unit_test(test_batches_equal_kafka_pythons),
        cmocka_unit_test(test_compressed_batches_of_kafka_python_decode),
        cmocka_unit_test(test_random_batches_go_both_ways),
        cmocka_unit_test(test_compression_is_used_where_it_pays),
        cmocka_unit_test(test_a_lack_of_memory_is_no_damage),
        cmocka_unit_test(test_decoding_stops_at_the_limits),
        cmocka_unit_test(test_a_truncated_batch_is_never_taken),
        cmocka_unit_test(test_a_flipped_bit_is_never_taken_for_data),
        cmocka_unit_test(test_damage_with_a_right_checksum_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
