/*
 * Objects fetched ahead of their readers: each is asked for once, what goes to the shelf, and what
 * is left to the reader. The file system of the system's temporary files must keep extended
 * attributes (base/file_sum.h); where it does not, the tests are skipped.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file_offsets.h"
#include "base/file_sum.h"
#include "base/mem.h"
#include "store/fetch.h"
#include "support/memory_store.h"

enum {
    CACHE_BYTES = 4096,
    OBJECT_BYTES = CACHE_BYTES / 64, /* the largest that is copied */
    OBJECTS_MAX = 400,
    KEY_SIZE = 16,
    FEW = 8,    /* few enough for the shelf, at 16 bytes */
    MANY = 200, /* too many */
    SMALL = 16,
    READERS = 4,
    AHEAD_BYTES = CACHE_BYTES / 8
};

struct fixture {
    char folder[64];
    char *copies;
    struct pn_store *store;
    struct pn_file_shelf *shelf;
    struct pn_file_cache *cache;
    struct pn_object objects[OBJECTS_MAX];
    char keys[OBJECTS_MAX][KEY_SIZE];
};

static int set_up(void **state)
{
    struct fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    (void)snprintf(fixture->folder, sizeof fixture->folder, "/tmp/pinion-fetch-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    char *shelf = pn_xasprintf("%s/shelf", fixture->folder);
    fixture->copies = pn_xasprintf("%s/copies", fixture->folder);
    fixture->store = memory_store_create(fixture->folder);
    fixture->shelf = pn_file_shelf_create(pn_io_system(), shelf, CACHE_BYTES);
    fixture->cache = pn_file_cache_create(fixture->store, pn_io_system(), fixture->copies,
                                          CACHE_BYTES, fixture->shelf);
    free(shelf);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    pn_file_cache_destroy(&fixture->cache);
    pn_file_shelf_destroy(&fixture->shelf);
    pn_store_destroy(&fixture->store);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), fixture->folder, NULL), 0);
    free(fixture->copies);
    free(fixture);
    return 0;
}

static void need_attributes(const struct fixture *fixture)
{
    if (!pn_file_cache_keeps_attributes(fixture->cache)) {
        skip();
    }
}

/* An object of one letter, with offsets, as a listing has it. */
static void put(struct fixture *fixture, size_t i, char letter, size_t len)
{
    char bytes[OBJECT_BYTES + 1];
    memset(bytes, letter, sizeof bytes);
    assert_true(len <= sizeof bytes && i < OBJECTS_MAX);
    (void)snprintf(fixture->keys[i], KEY_SIZE, "o%zu.json", i);
    const struct pn_put it = {.key = fixture->keys[i],
                              .bytes = bytes,
                              .len = len,
                              .first = (int64_t)i,
                              .end = (int64_t)i + 1};
    assert_int_equal(pn_store_put_many(fixture->store, &it, 1, NULL), 0);
    assert_int_equal(pn_store_head(fixture->store, it.key, &fixture->objects[i], NULL), 0);
    fixture->objects[i].key = fixture->keys[i];
}

static char letter_of(size_t i)
{
    return (char)('a' + i % 26);
}

static void put_all(struct fixture *fixture, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put(fixture, i, letter_of(i), SMALL);
    }
}

static bool holds(const char *path, char letter)
{
    char bytes[OBJECT_BYTES + 1] = {0};
    FILE *file = path != NULL ? fopen(path, "r") : NULL;
    size_t got = file != NULL ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file != NULL) {
        (void)fclose(file);
    }
    return got > 0 && bytes[0] == letter && bytes[got - 1] == letter;
}

static size_t count_copies(const struct fixture *fixture)
{
    struct pn_io_listing listing = {0};
    assert_int_equal(pn_io_list(pn_io_system(), fixture->copies, &listing, NULL), 0);
    size_t count = listing.count;
    pn_io_listing_deinit(&listing);
    return count;
}

/* --- readers ---------------------------------------------------------------------------------- */

struct reading {
    struct pn_fetch *fetch;
    size_t count;
    atomic_size_t next;
    atomic_size_t right;
};

static void *read_on(void *arg)
{
    struct reading *reading = arg;
    for (size_t i = atomic_fetch_add(&reading->next, 1); i < reading->count;
         i = atomic_fetch_add(&reading->next, 1)) {
        atomic_fetch_add(&reading->right, holds(pn_fetch_take(reading->fetch, i), letter_of(i)));
        pn_fetch_done(reading->fetch, i);
    }
    return NULL;
}

/* Reads all; returns what that asked of the store. */
static int64_t read_all(struct fixture *fixture, size_t count)
{
    int64_t before = memory_store_reads(fixture->store);
    pthread_t threads[READERS];
    struct reading reading = {.fetch = pn_fetch_start(fixture->cache, fixture->objects, count),
                              .count = count};
    assert_non_null(reading.fetch);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &reading), 0);
    }
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
    }
    pn_fetch_stop(&reading.fetch);
    assert_int_equal(reading.right, count);
    assert_int_equal(count_copies(fixture), 0);
    return memory_store_reads(fixture->store) - before;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_each_is_asked_for_once(void **state)
{
    struct fixture *fixture = *state;
    need_attributes(fixture);
    put_all(fixture, MANY);
    assert_int_equal(read_all(fixture, MANY), MANY);
}

static void test_few_stay_on_the_shelf(void **state)
{
    struct fixture *fixture = *state;
    need_attributes(fixture);
    put_all(fixture, FEW);
    assert_int_equal(read_all(fixture, FEW), FEW);
    assert_int_equal(read_all(fixture, FEW), 0);
    put(fixture, 3, letter_of(3), SMALL + 1); /* another one under its key */
    assert_int_equal(read_all(fixture, FEW), 1);
}

static void test_many_do_not(void **state)
{
    struct fixture *fixture = *state;
    need_attributes(fixture);
    put_all(fixture, MANY);
    assert_int_equal(read_all(fixture, MANY), MANY);
    assert_int_equal(read_all(fixture, MANY), MANY);
}

static void test_a_single_one(void **state)
{
    struct fixture *fixture = *state;
    need_attributes(fixture);
    put_all(fixture, 1);
    assert_int_equal(read_all(fixture, 1), 1);
    assert_int_equal(read_all(fixture, 1), 0);
}

/* Nobody reads on: what is ahead is limited. */
static void test_how_far_ahead(void **state)
{
    struct fixture *fixture = *state;
    need_attributes(fixture);
    put_all(fixture, OBJECTS_MAX);
    int64_t before = memory_store_reads(fixture->store);
    struct pn_fetch *fetch = pn_fetch_start(fixture->cache, fixture->objects, OBJECTS_MAX);
    for (size_t i = 0; i < AHEAD_BYTES / SMALL / 2; i++) {
        assert_true(holds(pn_fetch_take(fetch, i), letter_of(i)));
    }
    pn_fetch_stop(&fetch);
    /* The threads that looked at the limit at the same moment may pass it by one each. */
    assert_true(memory_store_reads(fixture->store) - before <= AHEAD_BYTES / SMALL + 16);
    assert_int_equal(count_copies(fixture), 0);
}

static void test_what_is_left_to_the_reader(void **state)
{
    struct fixture *fixture = *state;
    need_attributes(fixture);
    put_all(fixture, FEW);
    put(fixture, 1, 'b', OBJECT_BYTES + 1);
    memory_store_damage(fixture->store, fixture->keys[2]);
    assert_int_equal(pn_store_remove(fixture->store, fixture->keys[3], NULL), 0);
    fixture->objects[4].size_bytes = 0;
    struct pn_fetch *fetch = pn_fetch_start(fixture->cache, fixture->objects, FEW);
    for (size_t i = 0; i < FEW; i++) {
        const char *path = pn_fetch_take(fetch, i);
        assert_int_equal(path == NULL, i >= 1 && i <= 4);
        pn_fetch_done(fetch, i);
    }
    pn_fetch_stop(&fetch);
    assert_int_equal(count_copies(fixture), 0);
}

static void test_a_copy_has_what_the_store_keeps(void **state)
{
    struct fixture *fixture = *state;
    need_attributes(fixture);
    put_all(fixture, FEW);
    for (int turn = 0; turn < 2; turn++) { /* fetched, and from the shelf */
        struct pn_fetch *fetch = pn_fetch_start(fixture->cache, fixture->objects, FEW);
        int64_t first = 0;
        int64_t end = 0;
        uint32_t sum = 0;
        const char *path = pn_fetch_take(fetch, 5);
        assert_true(pn_file_offsets_get(pn_io_system(), path, &first, &end));
        assert_int_equal(first, 5);
        assert_int_equal(end, 6);
        assert_true(pn_file_sum_get(pn_io_system(), path, &sum));
        assert_int_equal(pn_file_sum_check(pn_io_system(), path, NULL), 0);
        pn_fetch_stop(&fetch);
    }
}

/* It was listed, replaced before it came, and is what it was later: never the one for the other. */
static void test_replaced_after_the_listing(void **state)
{
    struct fixture *fixture = *state;
    need_attributes(fixture);
    put_all(fixture, FEW);
    const struct pn_object listed = fixture->objects[0];
    put(fixture, 0, 'z', SMALL);
    fixture->objects[0] = listed;
    struct pn_fetch *fetch = pn_fetch_start(fixture->cache, fixture->objects, FEW);
    assert_true(holds(pn_fetch_take(fetch, 0), 'z'));
    pn_fetch_stop(&fetch);

    put(fixture, 0, letter_of(0), SMALL);
    fetch = pn_fetch_start(fixture->cache, fixture->objects, FEW);
    assert_true(holds(pn_fetch_take(fetch, 0), letter_of(0)));
    pn_fetch_stop(&fetch);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_is_asked_for_once),
        TEST(test_few_stay_on_the_shelf),
        TEST(test_many_do_not),
        TEST(test_a_single_one),
        TEST(test_how_far_ahead),
        TEST(test_what_is_left_to_the_reader),
        TEST(test_a_copy_has_what_the_store_keeps),
        TEST(test_replaced_after_the_listing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
