/*
 * What the store port promises, tried on each of its implementations: the local store, a store in
 * memory that has nothing in common with it, and S3. A new one is a row of BACKENDS.
 *
 * S3 needs a server: PINION_TEST_S3 is its URL, where these tests may write to the bucket
 * "pinion-test" with the keys of the environment. Without it S3 is left out;
 * test/integration/test_store_s3.py runs this program with one.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/local/local.h"
#include "store/s3/s3.h"
#include "support/memory_store.h"
#include "support/ram_io.h"

static struct pn_store *open_local(const char *folder)
{
    struct pn_store *store = NULL;
    assert_int_equal(pn_local_store_open(folder, ram_io(), &store, NULL), 0);
    return store;
}

/* A prefix of its own for each test. */
static struct pn_store *open_s3(const char *folder)
{
    char uuid[PN_UUID_SIZE];
    struct pn_store *store = NULL;
    char *url = pn_xasprintf("s3://pinion-test/%s", pn_uuid(uuid));
    char *temp_folder = pn_xasprintf("%s/uploads", folder);
    const struct pn_s3_config config = {.url = url,
                                        .endpoint = getenv("PINION_TEST_S3"),
                                        .region = "us-east-1",
                                        .path_style = true,
                                        .temp_folder = temp_folder,
                                        .requests_max = 16,
                                        .part_bytes = 5 << 20,
                                        .io = pn_io_system(),
                                        .clock = pn_clock_system()};
    assert_int_equal(pn_s3_store_open(&config, &store, NULL), 0);
    free(temp_folder);
    free(url);
    return store;
}

static const struct backend {
    const char *name;
    struct pn_store *(*open)(const char *folder);
} BACKENDS[] = {{"local", open_local}, {"memory", memory_store_create}, {"S3", open_s3}};

static const struct backend *backend; /* of the group in progress */

struct fixture {
    char folder[64];
    struct pn_store *store;
};

static int set_up(void **state)
{
    struct fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    ram_folder("port", fixture->folder, sizeof fixture->folder);
    fixture->store = backend->open(fixture->folder);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    pn_store_destroy(&fixture->store);
    assert_int_equal(pn_io_remove_tree(ram_io(), fixture->folder, NULL), 0);
    free(fixture);
    return 0;
}

static void put(struct pn_store *store, const char *key, const char *text)
{
    assert_int_equal(pn_store_put(store, key, text, strlen(text), NULL), 0);
}

static void assert_object(struct pn_store *store, const char *key, const char *expected)
{
    struct pn_buf text;
    struct pn_err e = {0};
    pn_buf_init(&text, 1024 * 1024);
    int rc = pn_store_get(store, key, &text, &e);
    if (expected == NULL) {
        assert_int_not_equal(rc, 0);
        assert_int_equal(e.class_, PN_CLASS_MISSING);
    } else {
        assert_int_equal(rc, 0);
        assert_string_equal(pn_buf_text(&text), expected);
    }
    pn_buf_deinit(&text);
}

static int collect(void *arg, const struct pn_object *object)
{
    pn_buf_addf(arg, "%s\n", object->key);
    return 0;
}

static void assert_list(struct pn_store *store, const char *prefix, const char *after,
                        const char *expected)
{
    struct pn_buf keys;
    pn_buf_init(&keys, 1024 * 1024);
    assert_int_equal(pn_store_list(store, prefix, after, collect, &keys, NULL), 0);
    assert_string_equal(pn_buf_text(&keys), expected);
    pn_buf_deinit(&keys);
}

/* --- writing and reading ---------------------------------------------------------------------- */

static void test_put_get_head_remove(void **state)
{
    struct pn_store *store = ((struct fixture *)*state)->store;
    put(store, "topics/a/x.json", "first");
    put(store, "topics/a/x.json", "second, which is longer");
    assert_object(store, "topics/a/x.json", "second, which is longer");
    put(store, "empty", "");
    assert_object(store, "empty", "");

    struct pn_object object = {0};
    assert_int_equal(pn_store_head(store, "topics/a/x.json", &object, NULL), 0);
    assert_int_equal(object.size_bytes, 23);
    if (object.has_sum) { /* a file system may keep none */
        assert_int_equal(object.crc32c, pn_crc32c("second, which is longer", 23));
    }
    assert_string_equal(object.key, "topics/a/x.json");
    int64_t now_ms = 0;
    assert_int_equal(pn_store_now(store, &now_ms, NULL), 0);
    assert_true(object.modified_ms <= now_ms && object.modified_ms > now_ms - 60000);

    struct pn_err e = {0};
    assert_int_not_equal(pn_store_head(store, "topics/a", &object, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_object(store, "topics/a", NULL);
    assert_object(store, "nowhere/at/all", NULL);

    assert_int_equal(pn_store_remove(store, "topics/a/x.json", NULL), 0);
    assert_int_equal(pn_store_remove(store, "topics/a/x.json", NULL), 0);
    assert_object(store, "topics/a/x.json", NULL);
}

/* Another put of other bytes has another etag; the object's own stays. Of the same bytes the etag
 * may be the same: S3's is their digest. */
static void test_an_etag_names_a_put(void **state)
{
    struct pn_store *store = ((struct fixture *)*state)->store;
    struct pn_object first = {0};
    struct pn_object again = {0};
    struct pn_object second = {0};
    struct pn_store_file *file = NULL;
    put(store, "k", "first");
    assert_int_equal(pn_store_head(store, "k", &first, NULL), 0);
    assert_int_equal(pn_store_head(store, "k", &again, NULL), 0);
    assert_string_not_equal(first.etag, "");
    assert_string_equal(first.etag, again.etag);
    assert_int_equal(pn_store_open(store, "k", &file, NULL), 0);
    assert_string_equal(file->object.etag, first.etag);
    put(store, "k", "other"); /* while the old one is open, so that nothing of it is used again */
    assert_int_equal(pn_store_head(store, "k", &second, NULL), 0);
    assert_string_not_equal(first.etag, second.etag);
    pn_store_close(&file);
}

static void assert_range(struct pn_store_file *file, int64_t offset, size_t len,
                         const char *expected)
{
    char bytes[64] = {0};
    size_t got = 99;
    assert_true(len < sizeof bytes);
    assert_int_equal(pn_store_read_at(file, bytes, len, offset, &got, NULL), 0);
    assert_int_equal(got, strlen(expected));
    assert_string_equal(bytes, expected);
}

static void test_ranges(void **state)
{
    struct pn_store *store = ((struct fixture *)*state)->store;
    struct pn_store_file *file = NULL;
    put(store, "a/b", "0123456789");
    assert_int_equal(pn_store_open(store, "a/b", &file, NULL), 0);
    assert_string_equal(file->object.key, "a/b");
    assert_int_equal(file->object.size_bytes, 10);
    assert_range(file, 0, 10, "0123456789");
    assert_range(file, 3, 4, "3456");
    assert_range(file, 8, 4, "89"); /* short: the end */
    assert_range(file, 10, 4, "");
    assert_range(file, 1000, 4, "");
    assert_range(file, 5, 0, "");
    pn_store_close(&file);
    assert_null(file);
    pn_store_close(&file);

    struct pn_err e = {0};
    assert_int_not_equal(pn_store_open(store, "a/c", &file, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_null(file);
    assert_int_not_equal(pn_store_open(store, "a", &file, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
}

/* What was opened is read to its end, whatever is under the key by then. */
static void test_an_open_object_stays(void **state)
{
    struct pn_store *store = ((struct fixture *)*state)->store;
    struct pn_store_file *file = NULL;
    put(store, "k", "old bytes");
    assert_int_equal(pn_store_open(store, "k", &file, NULL), 0);
    put(store, "k", "new");
    assert_range(file, 0, 20, "old bytes");
    assert_int_equal(pn_store_remove(store, "k", NULL), 0);
    assert_range(file, 4, 20, "bytes");
    pn_store_close(&file);
}

static void test_what_is_kept_beside(void **state)
{
    struct pn_store *store = ((struct fixture *)*state)->store;
    struct pn_store_file *file = NULL;
    const struct pn_put puts[] = {
        {.key = "n/1", .bytes = "line\n", .len = 5, .first = 17, .end = 42},
        {.key = "n/2", .bytes = "", .len = 0}};
    assert_int_equal(pn_store_put_many(store, puts, 2, NULL), 0);
    assert_int_equal(pn_store_open(store, "n/1", &file, NULL), 0);
    int64_t first = 0;
    int64_t end = 0;
    uint32_t sum = 0;
    assert_true(pn_store_offsets(file, &first, &end));
    assert_int_equal(first, 17);
    assert_int_equal(end, 42);
    assert_true(pn_store_sum(file, &sum));
    assert_int_equal(sum, pn_crc32c("line\n", 5));
    pn_store_close(&file);
    assert_int_equal(pn_store_open(store, "n/2", &file, NULL), 0);
    assert_false(pn_store_offsets(file, &first, &end));
    pn_store_close(&file);
}

static void test_put_if_absent(void **state)
{
    struct fixture *fixture = *state;
    struct pn_store *store = fixture->store;
    struct pn_err e = {0};
    assert_int_equal(pn_store_put_if_absent(store, "d/0.json", "one", 3, NULL), 0);
    assert_int_not_equal(pn_store_put_if_absent(store, "d/0.json", "two", 3, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CONFLICT);
    assert_non_null(strstr(e.msg, "d/0.json"));
    assert_object(store, "d/0.json", "one");
}

enum { WRITERS = 8, ROUNDS = 60 };

struct writer {
    struct pn_store *store;
    pthread_t thread;
    int number;
    int won;
};

static void *write_all(void *arg)
{
    struct writer *writer = arg;
    for (int i = 0; i < ROUNDS; i++) {
        char key[32];
        struct pn_err e = {0};
        (void)snprintf(key, sizeof key, "log/%020d.json", i);
        int rc =
            pn_store_put_if_absent(writer->store, key, &writer->number, sizeof writer->number, &e);
        writer->won += rc == 0;
        if (rc != 0 && e.class_ != PN_CLASS_CONFLICT) {
            writer->won = -ROUNDS;
        }
    }
    return NULL;
}

static void test_put_if_absent_has_one_winner(void **state)
{
    struct pn_store *store = ((struct fixture *)*state)->store;
    struct writer writers[WRITERS];
    int won = 0;
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.store = store, .number = i};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_all, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(writers[i].thread, NULL);
        won += writers[i].won;
    }
    assert_int_equal(won, ROUNDS);
}

/* What a writer reads that lost: beside the object, and of each of several puts whether it won. */
static void test_new_objects_and_their_notes(void **state)
{
    struct pn_store *store = ((struct fixture *)*state)->store;
    char longest[PN_NOTE_SIZE];
    char note[PN_NOTE_SIZE] = "?";
    struct pn_err e = {0};
    if (!pn_store_keeps_notes(store)) {
        skip();
    }
    memset(longest, '~', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    const struct pn_put first[] = {
        {.key = "n/1", .bytes = "one", .len = 3, .note = "{\"a\":[1,2]}"},
        {.key = "n/3", .bytes = "", .len = 0, .note = longest}};
    const struct pn_put second[] = {{.key = "n/1", .bytes = "uno", .len = 3, .note = "no"},
                                    {.key = "n/2", .bytes = "due", .len = 3},
                                    {.key = "n/3", .bytes = "tre", .len = 3, .note = "no"}};
    bool is_new[3] = {false, false, false};
    assert_int_equal(pn_store_put_new(store, first, 2, is_new, NULL), 0);
    assert_true(is_new[0] && is_new[1]);
    assert_int_equal(pn_store_put_new(store, second, 3, is_new, NULL), 0);
    assert_true(!is_new[0] && is_new[1] && !is_new[2]);
    assert_object(store, "n/1", "one");
    assert_object(store, "n/2", "due");
    assert_object(store, "n/3", "");
    assert_int_equal(pn_store_note(store, "n/1", note, NULL), 0);
    assert_string_equal(note, "{\"a\":[1,2]}");
    assert_int_equal(pn_store_note(store, "n/2", note, NULL), 0);
    assert_string_equal(note, "");
    assert_int_equal(pn_store_note(store, "n/3", note, NULL), 0);
    assert_string_equal(note, longest);
    assert_int_not_equal(pn_store_note(store, "n/4", note, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_int_equal(pn_store_put_new(store, NULL, 0, NULL, NULL), 0);
}

static void test_bad_keys_reach_nothing(void **state)
{
    struct pn_store *store = ((struct fixture *)*state)->store;
    static const char *const keys[] = {"../outside", "/etc/x", "a/../../x", "a\nb", "", "a//b"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const struct pn_put many = {.key = keys[i], .bytes = "x", .len = 1};
        struct pn_err e = {0};
        struct pn_object object;
        struct pn_store_file *file = NULL;
        struct pn_buf out;
        char *text = NULL;
        pn_buf_init(&out, 16);
        const int codes[] = {pn_store_put(store, keys[i], "x", 1, &e),
                             pn_store_put_if_absent(store, keys[i], "x", 1, &e),
                             pn_store_put_many(store, &many, 1, &e),
                             pn_store_get(store, keys[i], &out, &e),
                             pn_store_open(store, keys[i], &file, &e),
                             pn_store_head(store, keys[i], &object, &e),
                             pn_store_remove(store, keys[i], &e),
                             pn_store_remove_many(store, &keys[i], 1, &e),
                             pn_store_hold(store, keys[i], &text, &e),
                             pn_store_begin_file(store, keys[i], &text, &e)};
        for (size_t k = 0; k < sizeof codes / sizeof codes[0]; k++) {
            assert_int_not_equal(codes[k], 0);
            assert_int_equal(e.class_, PN_CLASS_INPUT);
        }
        pn_buf_deinit(&out);
    }
    assert_int_not_equal(pn_store_list(store, "../", NULL, collect, NULL, NULL), 0);
    assert_list(store, "", NULL, "");
}

static void test_get_has_a_maximum(void **state)
{
    struct fixture *fixture = *state;
    struct pn_err e = {0};
    struct pn_buf out;
    put(fixture->store, "k", "12345");
    pn_buf_init(&out, 4);
    assert_int_not_equal(pn_store_get(fixture->store, "k", &out, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    pn_buf_deinit(&out);
}

static void test_put_many(void **state)
{
    struct fixture *fixture = *state;
    enum { COUNT = 600 };
    char keys[COUNT][40];
    struct pn_put puts[COUNT];
    for (int i = 0; i < COUNT; i++) {
        snprintf(keys[i], sizeof keys[i], "p%d/%04d", i % 7 == 0, i);
        puts[i] = (struct pn_put){.key = keys[i], .bytes = keys[i], .len = strlen(keys[i])};
    }
    assert_int_equal(pn_store_put_many(fixture->store, puts, COUNT, NULL), 0);
    for (int i = 0; i < COUNT; i++) {
        assert_object(fixture->store, keys[i], keys[i]);
    }
    assert_int_equal(pn_store_put_many(fixture->store, NULL, 0, NULL), 0);
}

static void test_remove_many(void **state)
{
    struct pn_store *store = ((struct fixture *)*state)->store;
    const char *const keys[] = {"a/1", "a/2", "nowhere", "b/c/3", "a/4"};
    put(store, "a/1", "");
    put(store, "a/2", "");
    put(store, "a/3", "");
    put(store, "a/4", "");
    put(store, "b/c/3", "");
    assert_int_equal(pn_store_remove_many(store, keys, 5, NULL), 0);
    assert_list(store, "", NULL, "a/3\n");
    assert_int_equal(pn_store_remove_many(store, keys, 5, NULL), 0);
    assert_int_equal(pn_store_remove_many(store, NULL, 0, NULL), 0);
    assert_list(store, "", NULL, "a/3\n");
}

/* --- files, holds and names ------------------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_files(void **state)
{
    struct pn_store *store = ((struct fixture *)*state)->store;
    char *path = NULL;
    int64_t size = 0;
    assert_int_equal(pn_store_begin_file(store, "t/x.parquet", &path, NULL), 0);
    assert_string_equal(path + strlen(path) - 8, ".parquet");
    write_file(path, "columns");
    assert_list(store, "", NULL, "");
    assert_int_equal(pn_store_commit_file(store, "t/x.parquet", path, &size, NULL), 0);
    assert_int_equal(size, 7);
    assert_object(store, "t/x.parquet", "columns");
    assert_false(pn_io_exists(pn_io_system(), path));
    free(path);

    assert_int_equal(pn_store_begin_file(store, "t/y.parquet", &path, NULL), 0);
    write_file(path, "left");
    assert_int_equal(pn_store_sweep(store, NULL), 0);
    assert_false(pn_io_exists(pn_io_system(), path));
    assert_list(store, "", NULL, "t/x.parquet\n");
    free(path);
}

static void test_a_hold_brings_an_object_back(void **state)
{
    struct pn_store *store = ((struct fixture *)*state)->store;
    char *held = NULL;
    bool restored = true;
    put(store, "t/f", "rows");
    assert_int_equal(pn_store_hold(store, "t/f", &held, NULL), 0);
    assert_int_equal(pn_store_restore(store, "t/f", held, &restored, NULL), 0);
    assert_false(restored);
    assert_int_equal(pn_store_remove(store, "t/f", NULL), 0);
    assert_int_equal(pn_store_restore(store, "t/f", held, &restored, NULL), 0);
    assert_true(restored);
    assert_object(store, "t/f", "rows");
    assert_int_equal(pn_store_release(store, &held, NULL), 0);
    assert_null(held);
    assert_int_equal(pn_store_release(store, &held, NULL), 0);
    assert_object(store, "t/f", "rows");
    struct pn_err e = {0};
    assert_int_not_equal(pn_store_hold(store, "t/none", &held, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_null(held);
}

/* What a store calls an object leads back to it. */
static void test_url_and_back(void **state)
{
    struct pn_store *store = ((struct fixture *)*state)->store;
    struct pn_object object = {0};
    struct pn_err e = {0};
    char *url = NULL;
    char *key = NULL;
    put(store, "t/x.parquet", "12345");
    assert_int_equal(pn_store_url(store, "t/x.parquet", &url, NULL), 0);
    assert_int_equal(pn_store_locate(store, url, &key, &object, NULL), 0);
    assert_string_equal(key, "t/x.parquet");
    assert_int_equal(object.size_bytes, 5);
    free(key);
    free(url);
    assert_int_equal(pn_store_url(store, "t/none", &url, NULL), 0);
    assert_int_not_equal(pn_store_locate(store, url, &key, &object, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    free(url);
    assert_int_not_equal(pn_store_locate(store, "gs://bucket/x", &key, &object, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
}

/* A store whose objects are files gives their paths, and no other one does. */
static void test_local_paths(void **state)
{
    struct fixture *fixture = *state;
    put(fixture->store, "t/x", "text");
    assert_int_equal(pn_store_is_local(fixture->store), strcmp(backend->name, "local") == 0);
    if (pn_store_is_local(fixture->store)) {
        char *path = NULL;
        assert_int_equal(pn_store_local_path(fixture->store, "t/x", &path, NULL), 0);
        assert_true(pn_io_exists(pn_io_system(), path));
        free(path);
    }
}

static void test_check_leaves_nothing(void **state)
{
    struct pn_store *store = ((struct fixture *)*state)->store;
    struct pn_err e = {0};
    if (pn_store_check(store, &e) != 0) {
        fail_msg("%s", e.msg);
    }
    assert_list(store, "", NULL, "");
}

/* --- listing ---------------------------------------------------------------------------------- */

static void test_list_in_order_of_whole_keys(void **state)
{
    struct fixture *fixture = *state;
    struct pn_store *store = fixture->store;
    static const char *const keys[] = {"a/x",   "a-b/x", "a0",         "a.json", "a/b/c",
                                       "a/b-c", "b",     "\xc3\xa9/z", "B",      "a/b.d/e"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        put(store, keys[i], "");
    }
    assert_list(store, "", NULL,
                "B\na-b/x\na.json\na/b-c\na/b.d/e\na/b/c\na/x\na0\nb\n\xc3\xa9/z\n");
    assert_list(store, "a", NULL, "a-b/x\na.json\na/b-c\na/b.d/e\na/b/c\na/x\na0\n");
    assert_list(store, "a/", NULL, "a/b-c\na/b.d/e\na/b/c\na/x\n");
    assert_list(store, "a/b", NULL, "a/b-c\na/b.d/e\na/b/c\n");
    assert_list(store, "a/b/c", NULL, "a/b/c\n");
    assert_list(store, "a/b/cd", NULL, "");
    assert_list(store, "nowhere/", NULL, "");
    assert_list(store, "b/", NULL, "");
    assert_list(store, "", "a.json", "a/b-c\na/b.d/e\na/b/c\na/x\na0\nb\n\xc3\xa9/z\n");
    assert_list(store, "", "a/b", "a/b-c\na/b.d/e\na/b/c\na/x\na0\nb\n\xc3\xa9/z\n");
    assert_list(store, "a/", "a/b/c", "a/x\n");
    assert_list(store, "a/b/", "a/b/c", "");
    assert_list(store, "a", "zzz", "");
}

/* Every prefix and every `after` of a set of awkward keys, against sorting them. */
static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void test_list_against_sorting(void **state)
{
    struct fixture *fixture = *state;
    const char *keys[] = {"a!/1",   "a/1",   "a/!", "a/-/1", "a/-1",   "a0/1", "a-",
                          "a+/0/0", "a+/00", "a.",  "b/a/a", "b/a-/a", "b/a0"};
    size_t count = sizeof keys / sizeof keys[0];
    for (size_t i = 0; i < count; i++) {
        put(fixture->store, keys[i], "");
    }
    qsort(keys, count, sizeof keys[0], compare_texts);
    static const char *const prefixes[] = {"", "a", "a/", "a+", "a+/0", "b/a", "b/a/", "b/a-", "c"};
    for (size_t p = 0; p < sizeof prefixes / sizeof prefixes[0]; p++) {
        for (size_t after = 0; after < count; after++) {
            struct pn_buf expected;
            pn_buf_init(&expected, 4096);
            for (size_t i = after + 1; i < count; i++) {
                if (strncmp(keys[i], prefixes[p], strlen(prefixes[p])) == 0) {
                    pn_buf_addf(&expected, "%s\n", keys[i]);
                }
            }
            assert_list(fixture->store, prefixes[p], keys[after], pn_buf_text(&expected));
            pn_buf_deinit(&expected);
        }
    }
}

static int stop_at_second(void *arg, const struct pn_object *object)
{
    int *seen = arg;
    (void)object;
    return ++*seen == 2 ? 42 : 0;
}

static void test_list_stops_when_told(void **state)
{
    struct fixture *fixture = *state;
    int seen = 0;
    put(fixture->store, "a/1", "");
    put(fixture->store, "a/2", "");
    put(fixture->store, "a/3", "");
    assert_int_equal(pn_store_list(fixture->store, "", NULL, stop_at_second, &seen, NULL), 42);
    assert_int_equal(seen, 2);
}

/* --- stores that break their promises --------------------------------------------------------- */

static struct pn_store *open_memory(void **state)
{
    return memory_store_create(((struct fixture *)*state)->folder);
}

static void test_a_list_out_of_order_is_an_error(void **state)
{
    struct pn_store *store = open_memory(state);
    struct pn_err e = {0};
    struct pn_buf keys;
    pn_buf_init(&keys, 1024);
    put(store, "a/1", "");
    put(store, "a/2", "");
    memory_store_disorder(store, true);
    assert_int_not_equal(pn_store_list(store, "a/", NULL, collect, &keys, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_FATAL);
    assert_non_null(strstr(e.msg, "'a/1' after 'a/2'"));
    pn_buf_deinit(&keys);
    pn_store_destroy(&store);
}

static void test_check_refuses_a_store_that_overwrites(void **state)
{
    struct pn_store *store = open_memory(state);
    struct pn_err e = {0};
    memory_store_ignore_if_absent(store, true);
    assert_int_not_equal(pn_store_check(store, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_FATAL);
    assert_non_null(strstr(e.msg, "If-None-Match"));
    memory_store_ignore_if_absent(store, false);
    assert_list(store, "", NULL, "");
    pn_store_destroy(&store);
}

static void test_check_refuses_a_list_out_of_order(void **state)
{
    struct pn_store *store = open_memory(state);
    struct pn_err e = {0};
    memory_store_disorder(store, true);
    assert_int_not_equal(pn_store_check(store, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_FATAL);
    assert_non_null(strstr(e.msg, "does not keep the order of the keys"));
    memory_store_disorder(store, false);
    assert_list(store, "", NULL, "");
    pn_store_destroy(&store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_put_get_head_remove),
        TEST(test_an_etag_names_a_put),
        TEST(test_ranges),
        TEST(test_an_open_object_stays),
        TEST(test_what_is_kept_beside),
        TEST(test_put_if_absent),
        TEST(test_put_if_absent_has_one_winner),
        TEST(test_new_objects_and_their_notes),
        TEST(test_bad_keys_reach_nothing),
        TEST(test_get_has_a_maximum),
        TEST(test_put_many),
        TEST(test_remove_many),
        TEST(test_files),
        TEST(test_a_hold_brings_an_object_back),
        TEST(test_url_and_back),
        TEST(test_local_paths),
        TEST(test_check_leaves_nothing),
        TEST(test_list_in_order_of_whole_keys),
        TEST(test_list_against_sorting),
        TEST(test_list_stops_when_told),
        TEST(test_a_list_out_of_order_is_an_error),
        TEST(test_check_refuses_a_store_that_overwrites),
        TEST(test_check_refuses_a_list_out_of_order),
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof BACKENDS / sizeof BACKENDS[0]; i++) {
        backend = &BACKENDS[i];
        if (backend->open != open_s3 || getenv("PINION_TEST_S3") != NULL) {
            failed += cmocka_run_group_tests_name(backend->name, tests, NULL, NULL);
        }
    }
    return failed;
}
