#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <isa-l/igzip_lib.h>

#include "base/gzip.h"
#include "base/random.h"

/* Of a whole member; the bytes are compared with those that went in. */
static void reads_back(const struct pn_buf *zipped, size_t from, const char *bytes, size_t len)
{
    struct inflate_state *state = calloc(1, sizeof *state);
    uint8_t *out = malloc(len + 1);
    isal_inflate_init(state);
    state->crc_flag = ISAL_GZIP;
    state->next_in = (uint8_t *)zipped->data + from;
    state->avail_in = (uint32_t)(zipped->len - from);
    state->next_out = out;
    state->avail_out = (uint32_t)len + 1;
    assert_int_equal(isal_inflate(state), ISAL_DECOMP_OK);
    assert_int_equal(state->block_state, ISAL_BLOCK_FINISH);
    assert_int_equal(state->total_out, len);
    assert_memory_equal(out, bytes, len);
    free(out);
    free(state);
}

static void test_texts(void **state)
{
    (void)state;
    static const char piece[] = "{\"topic\":\"clicks\",\"partition\":0}";
    static char text[300000];
    static const size_t sizes[] = {100, 1024, 65535, 65536, sizeof text};
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = piece[i % (sizeof piece - 1)];
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct pn_buf out;
        pn_buf_init(&out, 2 * sizeof text);
        pn_buf_adds(&out, "before");
        assert_true(pn_gzip(text, sizes[i], &out));
        assert_true(out.len < sizes[i]);
        assert_memory_equal(out.data, "before", 6);
        reads_back(&out, 6, text, sizes[i]);
        pn_buf_deinit(&out);
    }
}

/* What does not become shorter is left to be sent as it is. */
static void test_noise(void **state)
{
    (void)state;
    static unsigned char noise[100000];
    struct pn_random random;
    struct pn_buf out;
    pn_random_init(&random, 7);
    for (size_t i = 0; i < sizeof noise; i++) {
        noise[i] = (unsigned char)pn_random_u64(&random);
    }
    pn_buf_init(&out, sizeof noise * 2);
    pn_buf_adds(&out, "before");
    assert_false(pn_gzip(noise, sizeof noise, &out));
    assert_false(pn_gzip("", 0, &out));
    assert_false(pn_gzip("short", 5, &out));
    assert_int_equal(out.len, 6);
    assert_memory_equal(out.data, "before", 6);
    pn_buf_deinit(&out);
}

static void test_no_room(void **state)
{
    (void)state;
    char text[4096];
    struct pn_buf out;
    memset(text, 'x', sizeof text);
    pn_buf_init(&out, 16);
    assert_false(pn_gzip(text, sizeof text, &out));
    pn_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
