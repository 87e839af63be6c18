/*
 * Copies that outlive their process: caches that share a shelf stand for processes here, since a
 * cache keeps nothing in memory that another one sees. The file system must keep extended
 * attributes (base/file_sum.h); where the one of the system's temporary files does not, the tests
 * are skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file_sum.h"
#include "base/mem.h"
#include "store/file_cache.h"
#include "support/memory_store.h"

enum { SHELF_BYTES = 800, PROCESSES = 3, FOLDER_SIZE = 64 };

struct process {
    struct pn_file_shelf *shelf;
    struct pn_file_cache *cache;
};

struct fixture {
    char folder[FOLDER_SIZE];
    struct pn_store *store;
    struct process processes[PROCESSES];
};

static char *below(const struct fixture *fixture, const char *name)
{
    return pn_xasprintf("%s/%s", fixture->folder, name);
}

static void start(struct fixture *fixture, size_t i)
{
    struct process *process = &fixture->processes[i];
    char *shelf = below(fixture, "shelf");
    char *copies = pn_xasprintf("%s/copies-%zu", fixture->folder, i);
    process->shelf = pn_file_shelf_create(pn_io_system(), shelf, SHELF_BYTES);
    process->cache =
        pn_file_cache_create(fixture->store, pn_io_system(), copies, SHELF_BYTES, process->shelf);
    free(copies);
    free(shelf);
}

static bool keeps_sums(const struct fixture *fixture)
{
    uint32_t sum = 0;
    char *path = below(fixture, "probe");
    assert_int_equal(pn_io_create_file(pn_io_system(), path, "x", 1, NULL), 0);
    pn_file_sum_set(pn_io_system(), path, 1);
    bool keeps = pn_file_sum_get(pn_io_system(), path, &sum);
    free(path);
    return keeps;
}

static int set_up(void **state)
{
    struct fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    (void)snprintf(fixture->folder, sizeof fixture->folder, "/tmp/pinion-shelf-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    fixture->store = memory_store_create(fixture->folder);
    for (size_t i = 0; i < PROCESSES; i++) {
        start(fixture, i);
    }
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < PROCESSES; i++) {
        pn_file_cache_destroy(&fixture->processes[i].cache);
        pn_file_shelf_destroy(&fixture->processes[i].shelf);
    }
    pn_store_destroy(&fixture->store);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), fixture->folder, NULL), 0);
    free(fixture);
    return 0;
}

/* An object of `len` times the letter. */
static void put(const struct fixture *fixture, const char *key, char letter, size_t len)
{
    char bytes[SHELF_BYTES];
    assert_true(len <= sizeof bytes);
    memset(bytes, letter, sizeof bytes);
    assert_int_equal(pn_store_put(fixture->store, key, bytes, len, NULL), 0);
}

/* Takes a copy that must be of these letters, gives it back, and tells how often the store was
 * asked. */
static int64_t reads_for(const struct fixture *fixture, size_t process, const char *key,
                         const char *version, char letter, size_t len)
{
    struct pn_err e = {0};
    struct pn_buf bytes;
    struct pn_file_lease lease = {0};
    char *path = NULL;
    int64_t before = memory_store_reads(fixture->store);
    if (pn_file_cache_take(fixture->processes[process].cache, key, version, &lease, &path, &e) !=
        0) {
        fail_msg("%s: %s", key, e.msg);
    }
    pn_buf_init(&bytes, SHELF_BYTES + 1);
    assert_int_equal(pn_io_read_file(pn_io_system(), path, &bytes, NULL), 0);
    assert_int_equal(bytes.len, len);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(bytes.data[i], letter);
    }
    pn_buf_deinit(&bytes);
    free(path);
    pn_file_lease_release(&lease);
    return memory_store_reads(fixture->store) - before;
}

/* The names on the shelf, sorted. */
static size_t list_shelf(const struct fixture *fixture, struct pn_io_listing *listing)
{
    char *folder = below(fixture, "shelf");
    *listing = (struct pn_io_listing){0};
    int rc = pn_io_list(pn_io_system(), folder, listing, NULL);
    free(folder);
    return rc == 0 ? listing->count : 0;
}

static int64_t shelf_bytes(const struct fixture *fixture)
{
    struct pn_io_listing listing;
    struct stat st;
    int64_t bytes = 0;
    size_t count = list_shelf(fixture, &listing);
    for (size_t i = 0; i < count; i++) {
        char *path = pn_xasprintf("%s/shelf/%s", fixture->folder, listing.entries[i].name);
        assert_int_equal(pn_io_stat(pn_io_system(), path, &st, NULL), 0);
        bytes += st.st_size;
        free(path);
    }
    pn_io_listing_deinit(&listing);
    return bytes;
}

/* File systems take times from a clock that moves every few milliseconds. */
static void wait_for_next_time(const struct fixture *fixture)
{
    struct stat first = {0};
    struct stat now = {0};
    char *path = below(fixture, "time");
    do {
        assert_int_equal(pn_io_replace_file(pn_io_system(), path, "x", 1, NULL), 0);
        assert_int_equal(pn_io_stat(pn_io_system(), path, &now, NULL), 0);
        first = first.st_ctim.tv_sec == 0 ? now : first;
    } while (first.st_ctim.tv_sec == now.st_ctim.tv_sec &&
             first.st_ctim.tv_nsec == now.st_ctim.tv_nsec);
    free(path);
}

static void test_another_process_fetches_nothing(void **state)
{
    struct fixture *fixture = *state;
    if (!keeps_sums(fixture)) {
        skip();
    }
    put(fixture, "t/a.parquet", 'a', 60);
    assert_int_equal(reads_for(fixture, 0, "t/a.parquet", "1", 'a', 60), 1);
    assert_int_equal(reads_for(fixture, 1, "t/a.parquet", "1", 'a', 60), 0);
    pn_file_cache_destroy(&fixture->processes[0].cache);
    assert_int_equal(reads_for(fixture, 2, "t/a.parquet", "1", 'a', 60), 0);
    /* Another object came under the key. */
    put(fixture, "t/a.parquet", 'b', 60);
    assert_int_equal(reads_for(fixture, 2, "t/a.parquet", "2", 'b', 60), 1);
}

static void test_what_may_change_is_looked_at(void **state)
{
    struct fixture *fixture = *state;
    if (!keeps_sums(fixture)) {
        skip();
    }
    put(fixture, "t/log", 'a', 60);
    assert_int_equal(reads_for(fixture, 0, "t/log", NULL, 'a', 60), 1);
    put(fixture, "t/log", 'b', 61);
    assert_int_equal(reads_for(fixture, 1, "t/log", NULL, 'b', 61), 1);
    assert_int_equal(reads_for(fixture, 0, "t/log", NULL, 'b', 61), 1);
}

static void test_what_is_written_is_there_before_it_is_put(void **state)
{
    struct fixture *fixture = *state;
    char bytes[30];
    if (!keeps_sums(fixture)) {
        skip();
    }
    memset(bytes, 'w', sizeof bytes);
    char *path = below(fixture, "written");
    assert_int_equal(pn_io_create_file(pn_io_system(), path, bytes, sizeof bytes, NULL), 0);
    pn_file_cache_offer(fixture->processes[0].cache, "t/w.parquet", "1", path);
    assert_int_equal(pn_io_unlink(pn_io_system(), path, NULL), 0);
    free(path);
    assert_int_equal(reads_for(fixture, 1, "t/w.parquet", "1", 'w', 30), 0);
}

/* As a power cut leaves it: the right size, other bytes; and a file without a sum. */
static void test_a_damaged_copy_is_fetched_again(void **state)
{
    struct fixture *fixture = *state;
    struct pn_io_listing listing;
    if (!keeps_sums(fixture)) {
        skip();
    }
    put(fixture, "t/a", 'a', 60);
    assert_int_equal(reads_for(fixture, 0, "t/a", "1", 'a', 60), 1);
    assert_int_equal(list_shelf(fixture, &listing), 1);
    char *path = pn_xasprintf("%s/shelf/%s", fixture->folder, listing.entries[0].name);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fputc('x', file), 'x');
    assert_int_equal(fclose(file), 0);
    assert_int_equal(reads_for(fixture, 1, "t/a", "1", 'a', 60), 1);
    assert_int_equal(reads_for(fixture, 2, "t/a", "1", 'a', 60), 0); /* the new copy */
    free(path);
    pn_io_listing_deinit(&listing);
}

/* Those that were used longest ago make room, and a copy that is taken stays. */
static void test_room_is_made(void **state)
{
    struct fixture *fixture = *state;
    struct pn_file_lease lease = {0};
    char *held = NULL;
    char key[16];
    if (!keeps_sums(fixture)) {
        skip();
    }
    put(fixture, "held", 'h', 90);
    assert_int_equal(
        pn_file_cache_take(fixture->processes[2].cache, "held", "1", &lease, &held, NULL), 0);
    for (int i = 0; i < 40; i++) {
        (void)snprintf(key, sizeof key, "o%d", i);
        wait_for_next_time(fixture);
        put(fixture, key, (char)('a' + i % 26), 90);
        assert_int_equal(reads_for(fixture, (size_t)(i % 2), key, "1", (char)('a' + i % 26), 90),
                         1);
        /* Each of two processes may have given an eighth and a copy since it looked. */
        assert_true(shelf_bytes(fixture) <= SHELF_BYTES + 2 * 90);
    }
    assert_true(pn_io_exists(pn_io_system(), held));
    /* The last ones are still there, the first are not. */
    assert_int_equal(reads_for(fixture, 2, "o39", "1", (char)('a' + 39 % 26), 90), 0);
    assert_int_equal(reads_for(fixture, 2, "o0", "1", 'a', 90), 1);
    pn_file_lease_release(&lease);
    free(held);
}

static void test_larger_than_a_part_stays_with_its_process(void **state)
{
    struct fixture *fixture = *state;
    struct pn_io_listing listing;
    if (!keeps_sums(fixture)) {
        skip();
    }
    put(fixture, "t/large", 'l', SHELF_BYTES / 2);
    assert_int_equal(reads_for(fixture, 0, "t/large", "1", 'l', SHELF_BYTES / 2), 1);
    assert_int_equal(list_shelf(fixture, &listing), 0);
    pn_io_listing_deinit(&listing);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_another_process_fetches_nothing),
        TEST(test_what_may_change_is_looked_at),
        TEST(test_what_is_written_is_there_before_it_is_put),
        TEST(test_a_damaged_copy_is_fetched_again),
        TEST(test_room_is_made),
        TEST(test_larger_than_a_part_stays_with_its_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
