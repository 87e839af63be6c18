/*
 * Copies of objects as files: what is asked of the store, what makes room, and that a damaged
 * object becomes no copy.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/file_cache.h"
#include "support/memory_store.h"
#include "support/ram_io.h"

enum { CACHE_BYTES = 100 };

struct fixture {
    char folder[64];
    char copies[80];
    struct pn_store *store;
    struct pn_file_cache *cache;
};

static int set_up(void **state)
{
    struct fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    ram_folder("cache", fixture->folder, sizeof fixture->folder);
    (void)snprintf(fixture->copies, sizeof fixture->copies, "%s/copies", fixture->folder);
    fixture->store = memory_store_create(fixture->folder);
    fixture->cache =
        pn_file_cache_create(fixture->store, ram_io(), fixture->copies, CACHE_BYTES, NULL);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    pn_file_cache_destroy(&fixture->cache);
    pn_store_destroy(&fixture->store);
    assert_int_equal(pn_io_remove_tree(ram_io(), fixture->folder, NULL), 0);
    free(fixture);
    return 0;
}

/* An object of `len` times the letter. */
static void put(const struct fixture *fixture, const char *key, char letter, size_t len)
{
    char bytes[CACHE_BYTES + 1];
    memset(bytes, letter, sizeof bytes);
    assert_true(len <= sizeof bytes);
    assert_int_equal(pn_store_put(fixture->store, key, bytes, len, NULL), 0);
}

/* Takes a copy that must be there, of these letters; gives its path, the caller frees. */
static char *take(const struct fixture *fixture, const char *key, const char *version,
                  struct pn_file_lease *lease, char letter, size_t len)
{
    struct pn_err e = {0};
    struct pn_buf bytes;
    char *path = NULL;
    if (pn_file_cache_take(fixture->cache, key, version, lease, &path, &e) != 0) {
        fail_msg("%s: %s", key, e.msg);
    }
    pn_buf_init(&bytes, 1024);
    assert_int_equal(pn_io_read_file(ram_io(), path, &bytes, NULL), 0);
    assert_int_equal(bytes.len, len);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(bytes.data[i], letter);
    }
    pn_buf_deinit(&bytes);
    return path;
}

static size_t count_copies(const struct fixture *fixture)
{
    struct pn_io_listing listing = {0};
    assert_int_equal(pn_io_list(ram_io(), fixture->copies, &listing, NULL), 0);
    size_t count = listing.count;
    pn_io_listing_deinit(&listing);
    return count;
}

static void test_once_here_nothing_is_asked(void **state)
{
    struct fixture *fixture = *state;
    struct pn_file_lease lease = {0};
    put(fixture, "t/a.parquet", 'a', 10);
    char *first = take(fixture, "t/a.parquet", "v", &lease, 'a', 10);
    assert_string_equal(first + strlen(first) - 8, ".parquet");
    int64_t reads = memory_store_reads(fixture->store);
    assert_int_equal(reads, 1);
    char *second = take(fixture, "t/a.parquet", "v", &lease, 'a', 10);
    assert_string_equal(first, second);
    assert_int_equal(memory_store_reads(fixture->store), reads);
    pn_file_lease_release(&lease);
    free(first);
    free(second);
}

static void test_what_may_change_is_looked_at(void **state)
{
    struct fixture *fixture = *state;
    struct pn_file_lease lease = {0};
    put(fixture, "t/log", 'a', 10);
    char *old = take(fixture, "t/log", NULL, &lease, 'a', 10);
    put(fixture, "t/log", 'b', 12);
    char *new = take(fixture, "t/log", NULL, &lease, 'b', 12);
    assert_string_not_equal(old, new);
    assert_true(pn_io_exists(ram_io(), old)); /* leased */
    pn_file_lease_release(&lease);
    free(old);
    free(new);
}

/* The oldest goes, but no leased one; and it comes again to the same place. */
static void test_making_room(void **state)
{
    struct fixture *fixture = *state;
    struct pn_file_lease kept = {0};
    struct pn_file_lease lease = {0};
    put(fixture, "1", '1', 40);
    put(fixture, "2", '2', 40);
    put(fixture, "3", '3', 40);
    char *one = take(fixture, "1", "v", &kept, '1', 40);
    char *two = take(fixture, "2", "v", &lease, '2', 40);
    pn_file_lease_release(&lease);
    char *three = take(fixture, "3", "v", &lease, '3', 40);
    assert_true(pn_io_exists(ram_io(), one));
    assert_false(pn_io_exists(ram_io(), two));
    assert_int_equal(count_copies(fixture), 2);

    struct pn_err e = {0};
    char *path = NULL;
    assert_int_not_equal(pn_file_cache_take(fixture->cache, "2", "v", &lease, &path, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_non_null(strstr(e.msg, "80 bytes"));
    assert_null(path);

    pn_file_lease_release(&lease);
    path = take(fixture, "2", "v", &lease, '2', 40);
    assert_string_equal(path, two);
    assert_false(pn_io_exists(ram_io(), three));
    pn_file_lease_release(&lease);
    pn_file_lease_release(&kept);
    free(one);
    free(two);
    free(three);
    free(path);
}

static void test_larger_than_the_cache(void **state)
{
    struct fixture *fixture = *state;
    struct pn_file_lease lease = {0};
    struct pn_err e = {0};
    char *path = NULL;
    put(fixture, "large", 'x', CACHE_BYTES + 1);
    assert_int_not_equal(pn_file_cache_take(fixture->cache, "large", "v", &lease, &path, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    pn_file_lease_release(&lease);
}

static void test_missing_and_damaged(void **state)
{
    struct fixture *fixture = *state;
    struct pn_file_lease lease = {0};
    struct pn_err e = {0};
    char *path = NULL;
    assert_int_not_equal(pn_file_cache_take(fixture->cache, "none", "v", &lease, &path, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    put(fixture, "bad", 'x', 20);
    memory_store_damage(fixture->store, "bad");
    assert_int_not_equal(pn_file_cache_take(fixture->cache, "bad", "v", &lease, &path, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    assert_int_equal(count_copies(fixture), 0);
    put(fixture, "bad", 'y', 20);
    path = take(fixture, "bad", "v", &lease, 'y', 20);
    free(path);
    pn_file_lease_release(&lease);
}

/* --- many threads ----------------------------------------------------------------------------- */

enum { THREADS = 6, ROUNDS = 300, OBJECTS = 12 };

struct reader {
    struct fixture *fixture;
    pthread_t thread;
    unsigned seed;
    int wrong;
};

static void *read_many(void *arg)
{
    struct reader *reader = arg;
    for (int i = 0; i < ROUNDS; i++) {
        char key[16];
        char bytes[8] = {0};
        char *path = NULL;
        struct pn_file_lease lease = {0};
        reader->seed = reader->seed * 1103515245u + 12345u;
        unsigned object = reader->seed >> 16 & 0xff;
        (void)snprintf(key, sizeof key, "o%u", object % OBJECTS);
        int rc = pn_file_cache_take(reader->fixture->cache, key, i % 2 == 0 ? NULL : "v", &lease,
                                    &path, NULL);
        FILE *file = rc == 0 ? fopen(path, "r") : NULL;
        size_t got = file != NULL ? fread(bytes, 1, sizeof bytes, file) : 0;
        reader->wrong += got != sizeof bytes || bytes[0] != (char)('a' + object % OBJECTS);
        if (file != NULL) {
            fclose(file);
        }
        free(path);
        pn_file_lease_release(&lease);
    }
    return NULL;
}

/* More objects than fit, and fewer at a time than fit. */
static void test_threads_share(void **state)
{
    struct fixture *fixture = *state;
    struct reader readers[THREADS];
    for (int i = 0; i < OBJECTS; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "o%d", i);
        put(fixture, key, (char)('a' + i), 8);
    }
    for (int i = 0; i < THREADS; i++) {
        readers[i] = (struct reader){.fixture = fixture, .seed = (unsigned)i + 1};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_many, &readers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_int_equal(readers[i].wrong, 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_once_here_nothing_is_asked),
        TEST(test_what_may_change_is_looked_at),
        TEST(test_making_room),
        TEST(test_larger_than_the_cache),
        TEST(test_missing_and_damaged),
        TEST(test_threads_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
