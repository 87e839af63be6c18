#include "report/byte_sink.h"

#include "report/terminal.h"

static void write_file(void *arg, const char *bytes, size_t len)
{
    (void)fwrite(bytes, 1, len, arg);
}

static void flush_file(void *arg)
{
    (void)fflush(arg);
}

static bool file_failed(void *arg)
{
    return ferror((FILE *)arg) != 0;
}

struct pn_byte_sink pn_byte_sink_file(FILE *file)
{
    return (struct pn_byte_sink){.write = write_file,
                                 .flush = flush_file,
                                 .failed = file_failed,
                                 .arg = file,
                                 .terminal_columns = pn_terminal_columns(file)};
}

static void write_buf(void *arg, const char *bytes, size_t len)
{
    pn_buf_add(arg, bytes, len);
}

static bool buf_failed(void *arg)
{
    return pn_buf_failed(arg);
}

struct pn_byte_sink pn_byte_sink_buf(struct pn_buf *buf)
{
    return (struct pn_byte_sink){.write = write_buf, .failed = buf_failed, .arg = buf};
}
