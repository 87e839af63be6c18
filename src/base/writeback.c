#include "base/writeback.h"

#include <fcntl.h>

static const int64_t period_ns = INT64_C(100000000);

void pn_writeback_go_on(struct pn_writeback *writeback)
{
    int fd = -1;
    struct pn_err ignored;
    int64_t now_ns = pn_mono_ns(writeback->clock);
    if (now_ns < writeback->next_ns) {
        return;
    }
    writeback->next_ns = now_ns + period_ns;
    if (pn_io_open(writeback->io, writeback->path, O_RDONLY, &fd, &ignored) == 0) {
        pn_io_start_writeback(writeback->io, fd);
        pn_io_close(writeback->io, &fd);
    }
}
