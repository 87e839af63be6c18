/*
 * An embedded log in a folder of its own, with a clock that stands still, for tests. Everything
 * asserts: a helper that returns has done what it says.
 */
#ifndef PN_TEST_SUPPORT_LOG_FIXTURE_H
#define PN_TEST_SUPPORT_LOG_FIXTURE_H

#include "log/embedded/embedded.h"

enum { LOG_FIXTURE_NOW = 1000000 }; /* seconds since 1970, the clock's first time */

struct log_fixture {
    char folder[64];
    struct pn_fake_clock clock;
    struct pn_embedded_config config;
    struct pn_logger *logger; /* NULL unless a test sets it */
    struct pn_metrics *metrics;
    struct pn_log *log; /* NULL while closed */
    struct pn_arena arena;
};

/* For cmocka: *state is a log_fixture, its log not yet open. */
int log_fixture_set_up(void **state);
int log_fixture_tear_down(void **state);

/* Opens the log on the real disk. */
void log_fixture_open(struct log_fixture *fixture);
/* Tries to, on another one; returns pn_embedded_open()'s result. */
int log_fixture_try_open(struct log_fixture *fixture, const struct pn_io *io, struct pn_err *e);
void log_fixture_close(struct log_fixture *fixture);
void log_fixture_reopen(struct log_fixture *fixture);

/* Appends one record; texts may be NULL. Returns its offset. */
int64_t log_put(struct log_fixture *fixture, const char *topic, int32_t partition, const char *key,
                const char *value);
/* The same, but returns what became of it (0 and *offset, or not 0 and *e). */
int log_try_put(struct log_fixture *fixture, const char *topic, int32_t partition, const char *key,
                const char *value, int64_t *offset, struct pn_err *e);

/* Reads in the fixture's arena, which is emptied first. */
struct pn_log_records log_get(struct log_fixture *fixture, const char *topic, int32_t partition,
                              int64_t offset, size_t max_records);
struct pn_log_offsets log_offsets(struct log_fixture *fixture, const char *topic,
                                  int32_t partition);
/* Is the value this text? NULL stands for an absent value. */
void assert_value(const struct pn_record *record, const char *text);

/* "<folder>/<topic>/<partition>/<base offset>.<suffix>"; the arena's. */
char *log_file(struct log_fixture *fixture, const char *topic, int32_t partition,
               int64_t base_offset, const char *suffix);
/* Flips a byte of the record batch that has the offset, in the partition's first segment; each
 * record of it must be alone in its batch. */
void log_damage(struct log_fixture *fixture, const char *topic, int32_t partition, int64_t offset);
/* Whole files, with plain system calls. */
uint8_t *file_read(const char *path, size_t *len); /* the caller frees it */
void file_write(const char *path, const uint8_t *bytes, size_t len);
bool file_exists(const char *path);

#endif
