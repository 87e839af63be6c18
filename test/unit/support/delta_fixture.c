#include "support/delta_fixture.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "delta/replay.h"
#include "store/local/local.h"
#include "support/defaults.h"

enum { FILE_BYTES_MAX = 64 << 20 };

/* --- the stand-in for Parquet ---------------------------------------------------------------- */

static int write_checkpoint(void *ctx, const char *ndjson, size_t len, const char *path,
                            struct pn_err *e)
{
    const struct pn_io *io = &((struct delta_fixture *)ctx)->fault.io;
    struct pn_buf text;
    pn_buf_init(&text, FILE_BYTES_MAX);
    pn_buf_addf(&text, "%zu %08" PRIx32 "\n", len, pn_delta_crc32c(ndjson, len));
    pn_buf_add(&text, ndjson, len);
    int fd = -1;
    int rc = pn_io_open(io, path, O_CREAT | O_WRONLY | O_TRUNC, &fd, e);
    if (rc == 0) {
        rc = pn_io_write_at(io, fd, text.data, text.len, 0, path, e);
    }
    pn_io_close(io, &fd);
    pn_buf_deinit(&text);
    return rc;
}

struct row {
    int (*line)(void *arg, const char *json, size_t len, struct pn_err *e);
    void *arg;
};

static int give_row(void *arg, const char *line, size_t len, size_t capacity, struct pn_err *e)
{
    struct row *row = arg;
    (void)capacity;
    return row->line(row->arg, line, len, e);
}

static int read_checkpoint(void *ctx, const char *key,
                           int (*line)(void *arg, const char *json, size_t len, struct pn_err *e),
                           void *arg, struct pn_err *e)
{
    struct pn_buf text;
    pn_buf_init(&text, FILE_BYTES_MAX);
    size_t len = 0;
    unsigned sum = 0;
    int start = 0;
    int rc = pn_store_get(((struct delta_fixture *)ctx)->store, key, &text, e);
    if (rc == 0 && (sscanf(pn_buf_text(&text), "%zu %x%n", &len, &sum, &start) != 2 ||
                    (size_t)start + 1 > text.len || text.len - (size_t)start - 1 != len ||
                    pn_delta_crc32c(text.data + start + 1, len) != sum)) {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "%s is damaged", key);
    }
    if (rc == 0) {
        struct row row = {.line = line, .arg = arg};
        rc = pn_delta_each_line(key, text.data + start + 1, len, len, false, give_row, &row, e);
    }
    pn_buf_deinit(&text);
    return rc;
}

/* --- the fixture ----------------------------------------------------------------------------- */

static int no_sync(const struct pn_io *io, int fd)
{
    (void)io;
    (void)fd;
    return 0;
}

/* The one that was made last; a program's tests run one after another. */
static const struct delta_fixture *newest;

void delta_fixture_init(struct delta_fixture *fixture)
{
    *fixture = (struct delta_fixture){.log_fd = -1};
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/pinion-delta-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    fixture->ops = *pn_io_system()->ops;
    fixture->ops.fdatasync = no_sync;
    fixture->ops.fsync = no_sync;
    fixture->io = (struct pn_io){.ops = &fixture->ops, .ctx = pn_io_system()->ctx};
    fault_io_init(&fixture->fault, &fixture->io);
    assert_int_equal(
        pn_local_store_open(fixture->folder, &fixture->fault.io, &fixture->store, NULL), 0);
    pn_fake_clock_init(&fixture->clock, DELTA_TIME_MS);
    fixture->log_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    fixture->logger =
        pn_logger_create(fixture->log_fd, PN_LOGGER_TEXT, PN_DEBUG, &fixture->clock.clock);
    pn_settings_to_delta(default_settings(), &fixture->config);
    fixture->config.engine_info = "pinion/test";
    fixture->parquet = (struct pn_delta_parquet){
        .write_checkpoint = write_checkpoint, .read_checkpoint = read_checkpoint, .ctx = fixture};
    fixture->table = delta_fixture_open(fixture);
    newest = fixture;
}

void delta_fixture_deinit(struct delta_fixture *fixture)
{
    newest = newest == fixture ? NULL : newest;
    pn_delta_destroy(&fixture->table);
    pn_store_destroy(&fixture->store);
    pn_logger_destroy(&fixture->logger);
    close(fixture->log_fd);
    assert_int_equal(fault_io_open_count(&fixture->fault), 0);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), fixture->folder, NULL), 0);
}

int delta_set_up(void **state)
{
    struct delta_fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    delta_fixture_init(fixture);
    *state = fixture;
    return 0;
}

int delta_tear_down(void **state)
{
    delta_fixture_deinit(*state);
    free(*state);
    return 0;
}

struct pn_delta *delta_fixture_open(struct delta_fixture *fixture)
{
    return pn_delta_create(fixture->store, "t", &fixture->parquet, &fixture->clock.clock,
                           fixture->logger, &fixture->config);
}

void delta_fixture_reopen(struct delta_fixture *fixture)
{
    pn_delta_destroy(&fixture->table);
    fixture->table = delta_fixture_open(fixture);
}

/* Makes the data file of a path that may be one. */
static void make_data(const char *path)
{
    if (newest == NULL || path[0] == '/' || path[0] == '\0' || strstr(path, "..") != NULL ||
        strchr(path, ':') != NULL) {
        return;
    }
    char *name = pn_xasprintf("../%s", path);
    if (!delta_exists(newest, name)) {
        delta_write_text(newest, name, "12345");
    }
    free(name);
}

struct pn_delta_file delta_file(const char *path, int64_t rows)
{
    make_data(path);
    return (struct pn_delta_file){.path = path,
                                  .size_bytes = 100 * rows,
                                  .modified_ms = DELTA_TIME_MS,
                                  .num_records = rows,
                                  .data_change = true};
}

static int64_t commit_one(struct delta_fixture *fixture, enum pn_delta_mode mode, const char *path,
                          int64_t rows)
{
    struct pn_delta_file file = delta_file(path, rows);
    const struct pn_delta_commit commit = {
        .mode = mode, .operation = "WRITE", .schema = DELTA_SCHEMA, .adds = &file, .add_count = 1};
    int64_t version = -1;
    struct pn_err e = {0};
    int rc = pn_delta_commit(fixture->table, &commit, &version, &e);
    if (rc != 0) {
        fail_msg("commit: %s", e.msg);
    }
    return version;
}

int64_t delta_append(struct delta_fixture *fixture, const char *path, int64_t rows)
{
    return commit_one(fixture, PN_DELTA_APPEND, path, rows);
}

int64_t delta_overwrite(struct delta_fixture *fixture, const char *path, int64_t rows)
{
    return commit_one(fixture, PN_DELTA_OVERWRITE, path, rows);
}

void delta_assert_live(struct pn_delta *table, int64_t version, const char *expected)
{
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_err e = {0};
    if (pn_delta_snapshot(table, version, &snapshot, &e) != 0) {
        fail_msg("snapshot: %s", e.msg);
    }
    struct pn_buf text;
    pn_buf_init(&text, FILE_BYTES_MAX);
    for (size_t i = 0; i < snapshot->file_count; i++) {
        pn_buf_addf(&text, "%s%s", i > 0 ? "," : "", snapshot->files[i].path);
    }
    pn_delta_snapshot_destroy(&snapshot);
    assert_string_equal(pn_buf_text(&text), expected);
    pn_buf_deinit(&text);
}

/* --- files ----------------------------------------------------------------------------------- */

static char *path_of(const struct delta_fixture *fixture, const char *name)
{
    return pn_xasprintf("%s/t/_delta_log/%s", fixture->folder, name);
}

char *delta_read(const struct delta_fixture *fixture, const char *name, size_t *len)
{
    char *path = path_of(fixture, name);
    struct pn_buf text;
    pn_buf_init(&text, FILE_BYTES_MAX);
    char *bytes = NULL;
    if (pn_io_read_file(pn_io_system(), path, &text, NULL) == 0) {
        if (len != NULL) {
            *len = text.len;
        }
        bytes = pn_buf_take(&text);
    }
    pn_buf_deinit(&text);
    free(path);
    return bytes;
}

void delta_write(const struct delta_fixture *fixture, const char *name, const char *bytes,
                 size_t len)
{
    char *path = path_of(fixture, name);
    char *folder = pn_xstrndup(path, (size_t)(strrchr(path, '/') - path));
    assert_int_equal(pn_io_mkdirs(pn_io_system(), folder, NULL), 0);
    FILE *file = fopen(path, "wb"); /* no sync: what a test spoils need not last */
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    free(folder);
    free(path);
}

void delta_write_text(const struct delta_fixture *fixture, const char *name, const char *text)
{
    delta_write(fixture, name, text, strlen(text));
}

void delta_remove(const struct delta_fixture *fixture, const char *name)
{
    char *path = path_of(fixture, name);
    assert_int_equal(pn_io_unlink(pn_io_system(), path, NULL), 0);
    free(path);
}

void delta_touch(const struct delta_fixture *fixture, const char *name, int64_t modified_ms)
{
    char *path = path_of(fixture, name);
    struct timespec time = {.tv_sec = modified_ms / 1000,
                            .tv_nsec = (long)(modified_ms % 1000) * 1000000};
    struct timespec times[2] = {time, time};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    free(path);
}

bool delta_exists(const struct delta_fixture *fixture, const char *name)
{
    char *path = path_of(fixture, name);
    bool exists = pn_io_exists(pn_io_system(), path);
    free(path);
    return exists;
}
