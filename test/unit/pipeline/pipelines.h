/* Pipelines for tests: a temporary folder whose pipeline.yml each test writes. */
#ifndef PN_TEST_PIPELINES_H
#define PN_TEST_PIPELINES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/pipeline.h"

static char folder[64];
static struct pn_err err;

static inline int folder_setup(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/pinion-test-XXXXXX");
    err = (struct pn_err){0};
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static inline int folder_teardown(void **state)
{
    (void)state;
    return pn_io_remove_tree(pn_io_system(), folder, NULL);
}

static inline void write_bytes(const char *name, const void *bytes, size_t len)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    assert_int_equal(pn_io_mkdirs(pn_io_system(), path, NULL), 0);
    *slash = '/';
    assert_int_equal(pn_io_replace_file(pn_io_system(), path, bytes, len, NULL), 0);
}

static inline void write_text(const char *name, const char *text)
{
    write_bytes(name, text, strlen(text));
}

static inline struct pn_pipeline *load(const char *yaml)
{
    struct pn_pipeline *pipeline = NULL;
    write_text("pipeline.yml", yaml);
    if (pn_pipeline_load(folder, pn_io_system(), &pipeline, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    return pipeline;
}

/* Loading fails, and the message is "<folder>/" and then `expected`, or begins with that. */
static inline void load_fails(const char *yaml, const char *expected)
{
    struct pn_pipeline *pipeline = NULL;
    write_text("pipeline.yml", yaml);
    if (pn_pipeline_load(folder, pn_io_system(), &pipeline, &err) == 0) {
        pn_pipeline_destroy(&pipeline);
        fail_msg("loaded, but was to fail with: %s", expected);
    }
    assert_null(pipeline);
    size_t len = strlen(folder);
    if (strncmp(err.msg, folder, len) != 0 ||
        strncmp(err.msg + len + 1, expected, strlen(expected)) != 0) {
        fail_msg("message:  %s\nexpected: .../%s", err.msg, expected);
    }
    assert_int_equal(err.class_, PN_CLASS_INPUT);
}

#endif
