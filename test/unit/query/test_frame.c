/* Frames through a pipe, whole and in pieces. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "query/frame.h"

enum { BUFFER_MAX = 32 << 20 };

static void test_frames_come_out_as_they_went_in(void **state)
{
    struct pn_buf in;
    struct pn_buf part;
    struct pn_frame frame;
    size_t at = 0;
    int rc = 0;
    (void)state;
    pn_buf_init(&in, BUFFER_MAX);
    pn_buf_init(&part, BUFFER_MAX);
    pn_frame_add(&in, PN_FRAME_DATA, "a\0b", 3);
    pn_frame_add(&in, PN_FRAME_READY, NULL, 0);
    pn_frame_add(&in, PN_FRAME_DONE, "{}", 2);
    /* However it is cut, a frame is there when its last byte is, and not before. */
    size_t frames = 0;
    for (size_t i = 0; i < in.len; i++) {
        pn_buf_add(&part, in.data + i, 1);
        while (pn_frame_take(&part, &at, &frame, &rc, NULL)) {
            frames++;
            assert_true(i == 7 || i == 12 || i == in.len - 1);
        }
        assert_int_equal(rc, 0);
    }
    assert_int_equal(frames, 3);
    at = 0;
    assert_true(pn_frame_take(&in, &at, &frame, &rc, NULL));
    assert_int_equal(frame.type, PN_FRAME_DATA);
    assert_int_equal(frame.len, 3);
    assert_memory_equal(frame.data, "a\0b", 3);
    pn_buf_deinit(&in);
    pn_buf_deinit(&part);
}

static void test_what_is_no_frame(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {{"X\1\0\0\0a", 6}, {"\0\1\0\0\0a", 6}, {"D\xff\xff\xff\xff", 5}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pn_buf in;
        struct pn_frame frame;
        struct pn_err e;
        size_t at = 0;
        int rc = 0;
        pn_buf_init(&in, BUFFER_MAX);
        pn_buf_add(&in, cases[i].bytes, cases[i].len);
        assert_false(pn_frame_take(&in, &at, &frame, &rc, &e));
        assert_int_not_equal(rc, 0);
        assert_int_equal(e.class_, PN_CLASS_CORRUPT);
        pn_buf_deinit(&in);
    }
}

static void test_a_pipe(void **state)
{
    int fds[2];
    char bytes[8];
    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(pn_frame_write(fds[1], PN_FRAME_DATA, "abc", 3, NULL), 0);
    assert_int_equal(read(fds[0], bytes, 8), 8);
    assert_memory_equal(bytes, "D\3\0\0\0abc", 8);
    (void)close(fds[0]);
    struct pn_err e;
    assert_int_not_equal(pn_frame_write(fds[1], PN_FRAME_DATA, "abc", 3, &e), 0);
    assert_non_null(strstr(e.msg, "executor"));
    (void)close(fds[1]);
}

static int ignore_pipe(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_come_out_as_they_went_in),
        cmocka_unit_test(test_what_is_no_frame),
        cmocka_unit_test(test_a_pipe),
    };
    return cmocka_run_group_tests(tests, ignore_pipe, NULL);
}
