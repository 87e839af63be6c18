/*
 * The local store: what a put promises under every failure of the disk and among processes, and
 * the order of listing.
 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/local/local.h"
#include "support/fault_io.h"
#include "support/ram_io.h"

struct fixture {
    char folder[64];
    struct pn_store *store;
};

static struct pn_store *open_store(const char *folder, const struct pn_io *io)
{
    struct pn_store *store = NULL;
    assert_int_equal(pn_local_store_open(folder, io, &store, NULL), 0);
    return store;
}

static int set_up(void **state)
{
    struct fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    ram_folder("store", fixture->folder, sizeof fixture->folder);
    fixture->store = open_store(fixture->folder, ram_io());
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

/* The object's text; NULL when there is none. Caller frees. */
static char *get(struct pn_store *store, const char *key)
{
    struct pn_buf text;
    struct pn_err e = {0};
    pn_buf_init(&text, 1024 * 1024);
    if (pn_store_get(store, key, &text, &e) != 0) {
        assert_int_equal(e.class_, PN_CLASS_MISSING);
        pn_buf_deinit(&text);
        return NULL;
    }
    return pn_buf_take(&text);
}

static void assert_object(struct pn_store *store, const char *key, const char *expected)
{
    char *text = get(store, key);
    if (expected == NULL) {
        assert_null(text);
    } else {
        assert_non_null(text);
        assert_string_equal(text, expected);
    }
    free(text);
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

static size_t count_temps(const char *folder)
{
    char *path = pn_xasprintf("%s/.tmp", folder);
    struct pn_io_listing listing = {0};
    assert_int_equal(pn_io_list(ram_io(), path, &listing, NULL), 0);
    size_t count = listing.count;
    pn_io_listing_deinit(&listing);
    free(path);
    return count;
}

/* --- the calls ----------------------------------------------------------------------------- */

static void test_put_get_head_remove(void **state)
{
    struct fixture *fixture = *state;
    struct pn_store *store = fixture->store;
    put(store, "topics/a/x.json", "first");
    put(store, "topics/a/x.json", "second, which is longer");
    assert_object(store, "topics/a/x.json", "second, which is longer");
    put(store, "empty", "");
    assert_object(store, "empty", "");

    struct pn_object object;
    assert_int_equal(pn_store_head(store, "topics/a/x.json", &object, NULL), 0);
    assert_int_equal(object.size_bytes, 23);
    assert_true(object.modified_ms > 1500000000000);

    struct pn_err e = {0};
    assert_int_not_equal(pn_store_head(store, "topics/a", &object, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_object(store, "topics/a", NULL);
    assert_object(store, "topics/a/x.json/below", NULL);
    assert_object(store, "nowhere/at/all", NULL);

    assert_int_equal(pn_store_remove(store, "topics/a/x.json", NULL), 0);
    assert_int_equal(pn_store_remove(store, "topics/a/x.json", NULL), 0);
    assert_int_equal(pn_store_remove(store, "topics/a", NULL), 0);
    assert_object(store, "topics/a/x.json", NULL);
    assert_int_equal(count_temps(fixture->folder), 0);
}

static void test_bad_keys_reach_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct pn_store *store = fixture->store;
    char segment[NAME_MAX + 2];
    memset(segment, 'x', sizeof segment);
    segment[NAME_MAX + 1] = '\0';
    const char *const keys[] = {"../outside", "/etc/x", "a/../../x", ".tmp/x",
                                ".hidden",    "a\nb",   "",          segment};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct pn_err e = {0};
        struct pn_object object;
        struct pn_buf out;
        char *text = NULL;
        pn_buf_init(&out, 16);
        struct pn_put many = {.key = keys[i], .bytes = "x", .len = 1};
        assert_int_not_equal(pn_store_put(store, keys[i], "x", 1, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
        assert_int_not_equal(pn_store_put_if_absent(store, keys[i], "x", 1, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
        assert_int_not_equal(pn_store_put_many(store, &many, 1, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
        assert_int_not_equal(pn_store_get(store, keys[i], &out, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
        assert_int_not_equal(pn_store_head(store, keys[i], &object, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
        assert_int_not_equal(pn_store_remove(store, keys[i], &e), 0);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
        assert_int_not_equal(pn_store_begin_file(store, keys[i], &text, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
        pn_buf_deinit(&out);
    }
    assert_int_not_equal(pn_store_list(store, "../", NULL, collect, NULL, NULL), 0);
    assert_list(store, "", NULL, "");
}

static void test_keys_that_clash(void **state)
{
    struct fixture *fixture = *state;
    struct pn_err e = {0};
    put(fixture->store, "a/b", "object");
    assert_int_not_equal(pn_store_put(fixture->store, "a/b/c", "x", 1, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_int_not_equal(pn_store_put(fixture->store, "a", "x", 1, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_object(fixture->store, "a/b", "object");
    assert_int_equal(count_temps(fixture->folder), 0);
}

static void test_url_and_files(void **state)
{
    struct fixture *fixture = *state;
    struct pn_store *store = fixture->store;
    char *url = NULL;
    char *expected = pn_xasprintf("%s/t/x.parquet", fixture->folder);
    assert_int_equal(pn_store_url(store, "t/x.parquet", &url, NULL), 0);
    assert_string_equal(url, expected);
    free(url);
    free(expected);
    assert_int_equal(pn_store_url(store, "", &url, NULL), 0);
    assert_string_equal(url, fixture->folder);
    free(url);
    assert_int_equal(pn_store_url(store, "t/", &url, NULL), 0);
    assert_string_equal(url + strlen(url) - 3, "/t/");
    free(url);

    char *path = NULL;
    assert_int_equal(pn_store_begin_file(store, "t/x.parquet", &path, NULL), 0);
    assert_string_equal(path + strlen(path) - 8, ".parquet");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("columns", file);
    fclose(file);
    assert_list(store, "", NULL, "");
    int64_t size = 0;
    assert_int_equal(pn_store_commit_file(store, "t/x.parquet", path, &size, NULL), 0);
    assert_int_equal(size, 7);
    assert_object(store, "t/x.parquet", "columns");
    free(path);

    assert_int_equal(pn_store_begin_file(store, "t/y.parquet", &path, NULL), 0);
    file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(count_temps(fixture->folder), 1);
    assert_int_equal(pn_store_sweep(store, NULL), 0);
    assert_int_equal(count_temps(fixture->folder), 0);
    free(path);
}

static void touch_temp(const struct fixture *fixture, long pid)
{
    char *path = pn_xasprintf("%s/.tmp/%ld-00-0.parquet", fixture->folder, pid);
    assert_int_equal(pn_io_replace_file(ram_io(), path, "x", 1, NULL), 0);
    free(path);
}

static void test_sweep_spares_running_processes(void **state)
{
    struct fixture *fixture = *state;
    pid_t gone = fork();
    assert_true(gone >= 0);
    if (gone == 0) {
        _exit(0);
    }
    assert_int_equal(waitpid(gone, NULL, 0), gone);
    touch_temp(fixture, (long)gone);
    touch_temp(fixture, (long)getpid());
    touch_temp(fixture, (long)getppid());
    assert_int_equal(pn_store_sweep(fixture->store, NULL), 0);
    assert_int_equal(count_temps(fixture->folder), 1);
}

static void test_check(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(pn_store_check(fixture->store, NULL), 0);
    assert_int_equal(count_temps(fixture->folder), 0);
    assert_int_equal(pn_io_remove_tree(ram_io(), fixture->folder, NULL), 0);
    struct pn_err e = {0};
    assert_int_not_equal(pn_store_check(fixture->store, &e), 0);
    assert_non_null(strstr(e.msg, fixture->folder));
}

static void test_relative_folder_becomes_absolute(void **state)
{
    struct fixture *fixture = *state;
    char *here = getcwd(NULL, 0);
    assert_int_equal(chdir(fixture->folder), 0);
    struct pn_store *store = open_store("below/", ram_io());
    assert_int_equal(chdir(here), 0);
    put(store, "k", "v");
    char *url = NULL;
    assert_int_equal(pn_store_url(store, "k", &url, NULL), 0);
    assert_int_equal(access(url, R_OK), 0);
    assert_object(fixture->store, "below/k", "v");
    free(url);
    free(here);
    pn_store_destroy(&store);
}

/* --- failures of the disk ------------------------------------------------------------------ */

struct fault_case {
    int error;
    enum fault_mode mode;
};
static const struct fault_case FAULTS[] = {
    {EIO, FAULT_ONCE}, {EIO, FAULT_FOREVER}, {ENOSPC, FAULT_FOREVER}, {ENOSPC, FAULT_SHORT_WRITE}};
enum { FAULT_CASES = sizeof FAULTS / sizeof FAULTS[0] };

/* An operation with every call failing in turn; `check` looks at the store with a good disk. */
static void torture(struct fixture *fixture, void (*prepare)(struct pn_store *store),
                    int (*operate)(struct pn_store *store, struct pn_err *e),
                    void (*check)(struct pn_store *store, int rc))
{
    for (size_t i = 0; i < FAULT_CASES; i++) {
        int64_t nth = 1;
        for (bool fired = true; fired; nth++) {
            struct fault_io fault;
            struct pn_err e = {0};
            fault_io_init(&fault, ram_io());
            struct pn_store *store = open_store(fixture->folder, &fault.io);
            prepare(fixture->store);
            fault_io_fail(&fault, FAULT_ANY, nth, FAULTS[i].error, FAULTS[i].mode);
            int rc = operate(store, &e);
            fired = fault_io_fired(&fault);
            assert_true(fired || rc == 0);
            assert_true(rc == 0 || e.msg[0] != '\0');
            assert_int_equal(fault_io_open_count(&fault), 0);
            check(fixture->store, rc);
            pn_store_destroy(&store);
            assert_int_equal(pn_store_sweep(fixture->store, NULL), 0);
        }
        assert_true(nth > 5);
    }
}

static void prepare_old(struct pn_store *store)
{
    put(store, "dir/k", "old");
}

static int operate_put(struct pn_store *store, struct pn_err *e)
{
    return pn_store_put(store, "dir/k", "brand new", 9, e);
}

static void check_old_or_new(struct pn_store *store, int rc)
{
    char *text = get(store, "dir/k");
    assert_non_null(text);
    if (rc == 0) {
        assert_string_equal(text, "brand new");
    } else {
        assert_true(strcmp(text, "old") == 0 || strcmp(text, "brand new") == 0);
    }
    free(text);
    assert_list(store, "", NULL, "dir/k\n");
}

static void test_put_never_tears(void **state)
{
    torture(*state, prepare_old, operate_put, check_old_or_new);
}

static void prepare_nothing(struct pn_store *store)
{
    char *url = NULL;
    assert_int_equal(pn_store_url(store, "dir", &url, NULL), 0);
    assert_int_equal(pn_io_remove_tree(ram_io(), url, NULL), 0);
    free(url);
}

static int operate_put_if_absent(struct pn_store *store, struct pn_err *e)
{
    return pn_store_put_if_absent(store, "dir/sub/k", "brand new", 9, e);
}

static void check_absent_or_new(struct pn_store *store, int rc)
{
    char *text = get(store, "dir/sub/k");
    assert_true(rc != 0 || text != NULL);
    assert_true(text == NULL || strcmp(text, "brand new") == 0);
    free(text);
}

static void test_put_if_absent_never_tears(void **state)
{
    torture(*state, prepare_nothing, operate_put_if_absent, check_absent_or_new);
}

static int operate_put_many(struct pn_store *store, struct pn_err *e)
{
    static const struct pn_put puts[] = {{.key = "dir/1", .bytes = "one", .len = 3},
                                         {.key = "dir/sub/2", .bytes = "two", .len = 3},
                                         {.key = "dir/3", .bytes = "three", .len = 5}};
    return pn_store_put_many(store, puts, 3, e);
}

static void check_many(struct pn_store *store, int rc)
{
    static const char *const keys[] = {"dir/1", "dir/sub/2", "dir/3"};
    static const char *const texts[] = {"one", "two", "three"};
    for (size_t i = 0; i < 3; i++) {
        char *text = get(store, keys[i]);
        assert_true(rc != 0 || text != NULL);
        assert_true(text == NULL || strcmp(text, texts[i]) == 0);
        free(text);
    }
}

static void test_put_many_never_tears(void **state)
{
    torture(*state, prepare_nothing, operate_put_many, check_many);
}

enum { CROWD = 40 }; /* so many that they are synced together */

static int operate_put_crowd(struct pn_store *store, struct pn_err *e)
{
    struct pn_put puts[CROWD];
    char keys[CROWD][16];
    for (int i = 0; i < CROWD; i++) {
        snprintf(keys[i], sizeof keys[i], "dir/%d", i);
        puts[i] = (struct pn_put){.key = keys[i], .bytes = keys[i], .len = strlen(keys[i])};
    }
    return pn_store_put_many(store, puts, CROWD, e);
}

static int check_member(void *arg, const struct pn_object *object)
{
    char *text = get(((void **)arg)[0], object->key);
    assert_string_equal(text, object->key);
    free(text);
    (*(int *)((void **)arg)[1])++;
    return 0;
}

static void check_crowd(struct pn_store *store, int rc)
{
    int count = 0;
    void *arg[] = {store, &count};
    assert_int_equal(pn_store_list(store, "dir/", NULL, check_member, arg, NULL), 0);
    assert_true(rc != 0 || count == CROWD);
}

static void test_put_of_a_crowd_never_tears(void **state)
{
    torture(*state, prepare_nothing, operate_put_crowd, check_crowd);
}

static int operate_commit_file(struct pn_store *store, struct pn_err *e)
{
    char *path = NULL;
    int64_t size = 0;
    assert_int_equal(pn_store_begin_file(store, "dir/k", &path, NULL), 0);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("brand new", file);
    fclose(file);
    int rc = pn_store_commit_file(store, "dir/k", path, &size, e);
    free(path);
    return rc;
}

static void test_commit_file_never_tears(void **state)
{
    torture(*state, prepare_old, operate_commit_file, check_old_or_new);
}

static int operate_remove(struct pn_store *store, struct pn_err *e)
{
    return pn_store_remove(store, "dir/k", e);
}

static void check_removed(struct pn_store *store, int rc)
{
    char *text = get(store, "dir/k");
    assert_true(text == NULL || (rc != 0 && strcmp(text, "old") == 0));
    free(text);
}

static void test_remove_fails_whole(void **state)
{
    struct fixture *fixture = *state;
    for (int64_t nth = 1;; nth++) {
        struct fault_io fault;
        fault_io_init(&fault, ram_io());
        struct pn_store *store = open_store(fixture->folder, &fault.io);
        prepare_old(fixture->store);
        fault_io_fail(&fault, FAULT_ANY, nth, EIO, FAULT_ONCE);
        int rc = operate_remove(store, NULL);
        check_removed(fixture->store, rc);
        pn_store_destroy(&store);
        if (!fault_io_fired(&fault)) {
            assert_int_equal(rc, 0);
            break;
        }
        assert_int_not_equal(rc, 0);
    }
}

/* What a put acknowledges was synced: the contents before the name, the folder after it. */
static void test_put_syncs(void **state)
{
    struct fixture *fixture = *state;
    struct fault_io fault;
    fault_io_init(&fault, ram_io());
    struct pn_store *store = open_store(fixture->folder, &fault.io);
    put(store, "dir/k", "old");
    fault_io_fail(&fault, FAULT_ANY, 0, 0, FAULT_ONCE);
    put(store, "dir/k", "new");
    assert_int_equal(fault_io_calls(&fault, FAULT_SYNCS), 2);

    /* Many objects share them: the file system's sync, and the folder's. */
    struct pn_put puts[40];
    char keys[40][16];
    for (int i = 0; i < 40; i++) {
        snprintf(keys[i], sizeof keys[i], "dir/%d", i);
        puts[i] = (struct pn_put){.key = keys[i], .bytes = "x", .len = 1};
    }
    fault_io_fail(&fault, FAULT_ANY, 0, 0, FAULT_ONCE);
    assert_int_equal(pn_store_put_many(store, puts, 40, NULL), 0);
    assert_int_equal(fault_io_calls(&fault, FAULT_SYNCS), 2);
    assert_int_equal(fault_io_calls(&fault, FAULT_SYNCFS), 1);

    fault_io_fail(&fault, FAULT_SYNCS, 1, EIO, FAULT_ONCE);
    assert_int_not_equal(pn_store_put_many(store, puts, 40, NULL), 0);
    assert_int_equal(fault_io_calls(&fault, FAULT_RENAME), 0);

    fault_io_fail(&fault, FAULT_SYNCS, 1, EIO, FAULT_ONCE);
    assert_int_not_equal(pn_store_put(store, "dir/k", "newer", 5, NULL), 0);
    assert_int_equal(fault_io_calls(&fault, FAULT_RENAME), 0);
    assert_object(store, "dir/k", "new");
    pn_store_destroy(&store);
}

static void test_lists_fail_loudly(void **state)
{
    struct fixture *fixture = *state;
    put(fixture->store, "a/b/1", "");
    put(fixture->store, "c", "");
    for (int64_t nth = 1;; nth++) {
        struct fault_io fault;
        struct pn_buf keys;
        pn_buf_init(&keys, 4096);
        fault_io_init(&fault, ram_io());
        struct pn_store *store = open_store(fixture->folder, &fault.io);
        fault_io_fail(&fault, FAULT_ANY, nth, EIO, FAULT_ONCE);
        struct pn_err e = {0};
        int rc = pn_store_list(store, "", NULL, collect, &keys, &e);
        pn_buf_deinit(&keys);
        pn_store_destroy(&store);
        if (!fault_io_fired(&fault)) {
            assert_int_equal(rc, 0);
            break;
        }
        assert_int_not_equal(rc, 0);
        assert_string_not_equal(e.msg, "");
    }
}

/* --- many processes ------------------------------------------------------------------------ */

enum { PROCESSES = 6, KEYS = 60 };

static void contend(const char *folder, int process)
{
    struct pn_store *store = NULL;
    if (pn_local_store_open(folder, ram_io(), &store, NULL) != 0) {
        _exit(100);
    }
    int won = 0;
    for (int i = 0; i < KEYS; i++) {
        char key[32];
        char text[32];
        snprintf(key, sizeof key, "log/%020d.json", i);
        snprintf(text, sizeof text, "process %d", process);
        struct pn_err e = {0};
        int rc = pn_store_put_if_absent(store, key, text, strlen(text), &e);
        if (rc != 0 && e.class_ != PN_CLASS_CONFLICT) {
            _exit(101);
        }
        won += rc == 0;
    }
    _exit(won);
}

static void test_put_if_absent_is_exclusive_among_processes(void **state)
{
    struct fixture *fixture = *state;
    pid_t pids[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            contend(fixture->folder, i);
        }
    }
    int won[PROCESSES] = {0};
    int total = 0;
    for (int i = 0; i < PROCESSES; i++) {
        int status = 0;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= KEYS);
        won[i] = WEXITSTATUS(status);
        total += won[i];
    }
    assert_int_equal(total, KEYS);
    for (int i = 0; i < KEYS; i++) {
        char key[32];
        snprintf(key, sizeof key, "log/%020d.json", i);
        char *text = get(fixture->store, key);
        assert_non_null(text);
        int process = (int)strtol(text + strlen("process "), NULL, 10);
        won[process]--;
        free(text);
    }
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(won[i], 0);
    }
    assert_int_equal(count_temps(fixture->folder), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_put_get_head_remove),
        TEST(test_bad_keys_reach_nothing),
        TEST(test_keys_that_clash),
        TEST(test_url_and_files),
        TEST(test_sweep_spares_running_processes),
        TEST(test_check),
        TEST(test_relative_folder_becomes_absolute),
        TEST(test_put_never_tears),
        TEST(test_put_if_absent_never_tears),
        TEST(test_put_many_never_tears),
        TEST(test_put_of_a_crowd_never_tears),
        TEST(test_commit_file_never_tears),
        TEST(test_remove_fails_whole),
        TEST(test_put_syncs),
        TEST(test_lists_fail_loudly),
        TEST(test_put_if_absent_is_exclusive_among_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
