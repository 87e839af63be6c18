#include "query/frame.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BYTE_BITS = 8 };

static void write_header(unsigned char header[PN_FRAME_HEADER_SIZE], enum pn_frame_type type,
                         size_t len)
{
    PN_ASSERT(len <= PN_FRAME_BYTES_MAX);
    header[0] = (unsigned char)type;
    for (int i = 1; i < PN_FRAME_HEADER_SIZE; i++) {
        header[i] = (unsigned char)(len >> (BYTE_BITS * (i - 1)));
    }
}

void pn_frame_add(struct pn_buf *out, enum pn_frame_type type, const void *bytes, size_t len)
{
    unsigned char header[PN_FRAME_HEADER_SIZE];
    write_header(header, type, len);
    pn_buf_add(out, header, sizeof header);
    pn_buf_add(out, bytes, len);
}

static int write_all(int fd, const char *bytes, size_t len, struct pn_err *e)
{
    while (len > 0) {
        ssize_t wrote = write(fd, bytes, len);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return pn_err_errno(e, wrote < 0 ? errno : EPIPE, "cannot write to the executor");
        }
        bytes += wrote;
        len -= (size_t)wrote;
    }
    return 0;
}

int pn_frame_write(int fd, enum pn_frame_type type, const void *bytes, size_t len, struct pn_err *e)
{
    unsigned char header[PN_FRAME_HEADER_SIZE];
    write_header(header, type, len);
    const struct iovec parts[] = {{header, sizeof header}, {(void *)(uintptr_t)bytes, len}};
    ssize_t wrote = writev(fd, parts, len > 0 ? 2 : 1);
    if (wrote < 0 && errno != EINTR) {
        return pn_err_errno(e, errno, "cannot write to the executor");
    }
    size_t done = wrote > 0 ? (size_t)wrote : 0;
    int rc = 0;
    if (done < sizeof header) {
        rc = write_all(fd, (const char *)header + done, sizeof header - done, e);
        done = sizeof header;
    }
    done -= sizeof header;
    return rc != 0 || done == len ? rc : write_all(fd, (const char *)bytes + done, len - done, e);
}

bool pn_frame_take(const struct pn_buf *buf, size_t *at, struct pn_frame *frame, int *rc,
                   struct pn_err *e)
{
    const unsigned char *header = (const unsigned char *)buf->data + *at;
    if (buf->len - *at < PN_FRAME_HEADER_SIZE) {
        return false;
    }
    size_t len = 0;
    for (int i = 1; i < PN_FRAME_HEADER_SIZE; i++) {
        len |= (size_t)header[i] << (BYTE_BITS * (i - 1));
    }
    if (len > PN_FRAME_BYTES_MAX || strchr("WRTCPDEF", header[0]) == NULL || header[0] == '\0') {
        *rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "the data from the pipe is not a frame");
        return false;
    }
    if (buf->len - *at - PN_FRAME_HEADER_SIZE < len) {
        return false;
    }
    *frame = (struct pn_frame){.type = (enum pn_frame_type)header[0],
                               .data = (const char *)header + PN_FRAME_HEADER_SIZE,
                               .len = len};
    *at += PN_FRAME_HEADER_SIZE + len;
    return true;
}
