#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"

void pn_io_open_std(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) {
            continue;
        }
        /* All lower ones are open, so this is the number that the kernel gives. */
        int opened = open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY);
        if (opened < 0) {
            return;
        }
        PN_ASSERT(opened == fd);
    }
}
