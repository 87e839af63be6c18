/*
 * Delta tables for tests: a local store in a fresh folder (on a disk whose syncs do nothing, for
 * nobody pulls the plug here and some tests commit a thousand times), a clock that stands still,
 * and a stand-in for the engine's Parquet that keeps a checkpoint's actions as lines of JSON after
 * a first line with their count and sum. Like the real thing it refuses a file that is cut or
 * changed; unlike it, a person can read the file.
 */
#ifndef PN_TEST_SUPPORT_DELTA_FIXTURE_H
#define PN_TEST_SUPPORT_DELTA_FIXTURE_H

#include "base/clock.h"
#include "base/logger.h"
#include "delta/delta.h"
#include "store/store.h"
#include "support/fault_io.h"

#define DELTA_SCHEMA                                                                         \
    "{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"long\",\"nullable\":true," \
    "\"metadata\":{}},{\"name\":\"word\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}}]}"

/* 2026-01-01T00:00:00Z */
#define DELTA_TIME_MS ((int64_t)1767225600000)

struct delta_fixture {
    char folder[64];
    struct pn_io_ops ops; /* the disk's, but that syncs cost nothing */
    struct pn_io io;
    struct fault_io fault;  /* on `io` */
    struct pn_store *store; /* on `fault` */
    struct pn_fake_clock clock;
    struct pn_logger *logger; /* to /dev/null */
    int log_fd;
    struct pn_delta_config config;
    struct pn_delta_parquet parquet; /* its ctx is the fixture */
    struct pn_delta *table;          /* "t" */
};

/* Asserts that all works. */
void delta_fixture_init(struct delta_fixture *fixture);
void delta_fixture_deinit(struct delta_fixture *fixture); /* removes the folder */
/* The same as a test's setup and teardown: *state is the fixture. */
int delta_set_up(void **state);
int delta_tear_down(void **state);
/* Another handle on "t", as another process would have. */
struct pn_delta *delta_fixture_open(struct delta_fixture *fixture);
/* Forgets the handle and what it remembers, and opens a new one. */
void delta_fixture_reopen(struct delta_fixture *fixture);

/* A file of `rows` rows for a commit; the strings are the caller's. Unless it is there, it is made
 * (five bytes) in table "t" of the fixture that was made last. */
struct pn_delta_file delta_file(const char *path, int64_t rows);

/* Appends one file by a commit that must work; gives the version. */
int64_t delta_append(struct delta_fixture *fixture, const char *path, int64_t rows);
int64_t delta_overwrite(struct delta_fixture *fixture, const char *path, int64_t rows);

/* Asserts the paths of the live files, comma separated, as of a version (-1: latest). */
void delta_assert_live(struct pn_delta *table, int64_t version, const char *expected);

/* A log file's text (caller frees, NULL: none), and writing one past the store's rules. */
char *delta_read(const struct delta_fixture *fixture, const char *name, size_t *len);
void delta_write(const struct delta_fixture *fixture, const char *name, const char *bytes,
                 size_t len);
void delta_write_text(const struct delta_fixture *fixture, const char *name, const char *text);
void delta_remove(const struct delta_fixture *fixture, const char *name);
/* Sets a file's modification time. */
void delta_touch(const struct delta_fixture *fixture, const char *name, int64_t modified_ms);
bool delta_exists(const struct delta_fixture *fixture, const char *name);

#endif
