#include "support/log_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "log/embedded/record_batch.h"
#include "support/defaults.h"

int log_fixture_set_up(void **state)
{
    struct log_fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    /* In memory where that is possible: hundreds of logs are opened, and every record is synced. */
    (void)snprintf(fixture->folder, sizeof fixture->folder, "%s/pinion-log-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(fixture->folder));
    pn_fake_clock_init(&fixture->clock, (int64_t)LOG_FIXTURE_NOW * 1000);
    pn_settings_to_log(default_settings(), &fixture->config);
    fixture->config.folder = fixture->folder;
    fixture->metrics = pn_metrics_create();
    pn_arena_init(&fixture->arena, 0);
    *state = fixture;
    return 0;
}

int log_fixture_tear_down(void **state)
{
    struct log_fixture *fixture = *state;
    log_fixture_close(fixture);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), fixture->folder, NULL), 0);
    pn_metrics_destroy(&fixture->metrics);
    pn_logger_destroy(&fixture->logger);
    pn_arena_deinit(&fixture->arena);
    free(fixture);
    return 0;
}

int log_fixture_try_open(struct log_fixture *fixture, const struct pn_io *io, struct pn_err *e)
{
    assert_null(fixture->log);
    return pn_embedded_open(&fixture->config, io, &fixture->clock.clock, fixture->logger,
                            fixture->metrics, &fixture->log, e);
}

void log_fixture_open(struct log_fixture *fixture)
{
    struct pn_err e;
    int rc = log_fixture_try_open(fixture, pn_io_system(), &e);
    if (rc != 0) {
        fail_msg("the log does not open: %s", e.msg);
    }
}

void log_fixture_close(struct log_fixture *fixture)
{
    pn_log_destroy(&fixture->log);
}

void log_fixture_reopen(struct log_fixture *fixture)
{
    log_fixture_close(fixture);
    log_fixture_open(fixture);
}

int log_try_put(struct log_fixture *fixture, const char *topic, int32_t partition, const char *key,
                const char *value, int64_t *offset, struct pn_err *e)
{
    struct pn_log_entry entry = {
        .record = {.key = {key, key != NULL ? strlen(key) : 0},
                   .value = {value, value != NULL ? strlen(value) : 0},
                   .timestamp_ms = -1},
        .partition = partition,
    };
    struct pn_log_request request = {.topic = topic, .entries = &entry, .count = 1};
    int rc = pn_log_append(fixture->log, &request, e);
    *offset = entry.offset;
    return rc;
}

int64_t log_put(struct log_fixture *fixture, const char *topic, int32_t partition, const char *key,
                const char *value)
{
    struct pn_err e;
    int64_t offset = -1;
    if (log_try_put(fixture, topic, partition, key, value, &offset, &e) != 0) {
        fail_msg("a record was not appended: %s", e.msg);
    }
    return offset;
}

struct pn_log_records log_get(struct log_fixture *fixture, const char *topic, int32_t partition,
                              int64_t offset, size_t max_records)
{
    struct pn_err e;
    struct pn_log_records records;
    pn_arena_reset(&fixture->arena);
    if (pn_log_read(fixture->log, topic, partition, offset, max_records, SIZE_MAX, &fixture->arena,
                    &records, &e) != 0) {
        fail_msg("offset %lld was not read: %s", (long long)offset, e.msg);
    }
    return records;
}

struct pn_log_offsets log_offsets(struct log_fixture *fixture, const char *topic, int32_t partition)
{
    struct pn_err e;
    struct pn_log_offsets offsets;
    if (pn_log_offsets(fixture->log, topic, partition, &offsets, &e) != 0) {
        fail_msg("%s", e.msg);
    }
    return offsets;
}

void assert_value(const struct pn_record *record, const char *text)
{
    if (text == NULL) {
        assert_null(record->value.data);
        return;
    }
    assert_non_null(record->value.data);
    assert_int_equal(record->value.len, strlen(text));
    assert_memory_equal(record->value.data, text, strlen(text));
}

char *log_file(struct log_fixture *fixture, const char *topic, int32_t partition,
               int64_t base_offset, const char *suffix)
{
    return pn_arena_printf(&fixture->arena, "%s/%s/%d/%020lld.%s", fixture->folder, topic,
                           partition, (long long)base_offset, suffix);
}

uint8_t *file_read(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *len = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = pn_xmalloc(*len);
    assert_int_equal(fread(bytes, 1, *len, file), *len);
    assert_int_equal(fclose(file), 0);
    return bytes;
}

void file_write(const char *path, const uint8_t *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

bool file_exists(const char *path)
{
    return pn_io_exists(pn_io_system(), path);
}

void log_damage(struct log_fixture *fixture, const char *topic, int32_t partition, int64_t offset)
{
    const char *path = log_file(fixture, topic, partition, 0, "log");
    size_t len = 0;
    size_t at = 0;
    uint8_t *bytes = file_read(path, &len);
    struct pn_batch_header header = {0};
    for (at = 0; at < len; at += header.bytes) {
        assert_int_equal(pn_batch_parse(bytes + at, &header, NULL), 0);
        if (header.base_offset == offset) {
            break;
        }
    }
    assert_int_equal(header.base_offset, offset);
    bytes[at + header.bytes - 1] ^= 0xFF;
    file_write(path, bytes, len);
    free(bytes);
}
