#include "support/ram_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static int sync_nothing(const struct pn_io *io, int fd)
{
    (void)io;
    (void)fd;
    return 0;
}

const struct pn_io *ram_io(void)
{
    static struct pn_io_ops ops;
    static struct pn_io io = {.ops = &ops};
    if (ops.open == NULL) {
        ops = *pn_io_system()->ops;
        ops.fdatasync = sync_nothing;
        ops.fsync = sync_nothing;
        ops.syncfs = sync_nothing;
        ops.start_writeback = NULL;
    }
    return &io;
}

void ram_folder(const char *name, char *path, size_t path_size)
{
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    int len = snprintf(path, path_size, "%s/pinion-%s-XXXXXX", memory, name);
    assert_true(len > 0 && (size_t)len < path_size);
    assert_non_null(mkdtemp(path));
}
