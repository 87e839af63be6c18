#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"

static bool is_null_device(int fd)
{
    struct stat null;
    struct stat st;
    return stat("/dev/null", &null) == 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
           st.st_rdev == null.st_rdev;
}

/* In a process of its own, whose standard streams nobody needs. */
static int opened(unsigned closed)
{
    pid_t pid = fork();
    if (pid == 0) {
        for (int fd = 0; fd < 3; fd++) {
            if ((closed >> fd & 1) != 0) {
                close(fd);
            }
        }
        pn_io_open_std();
        for (int fd = 0; fd < 3; fd++) {
            if ((closed >> fd & 1) != 0 && !is_null_device(fd)) {
                _exit(1);
            }
        }
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void test_every_set_of_closed_streams(void **state)
{
    (void)state;
    for (unsigned closed = 0; closed < 8; closed++) {
        assert_int_equal(opened(closed), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_set_of_closed_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
