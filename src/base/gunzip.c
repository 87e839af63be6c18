#include "base/gunzip.h"

#include <limits.h>
#include <stdlib.h>

#include <isa-l/igzip_lib.h>

#include "base/mem.h"

enum { INPUT_BYTES = 64 * 1024 };

struct pn_gunzip {
    pn_gunzip_source_fn source;
    void *arg;
    char *name;
    int64_t bytes_max;
    int64_t offset; /* of the file, read so far */
    int64_t out_bytes;
    bool at_end;    /* of the file */
    bool in_member; /* a member has begun and not ended */
    struct inflate_state state;
    unsigned char input[INPUT_BYTES];
};

struct pn_gunzip *pn_gunzip_create(pn_gunzip_source_fn source, void *arg, const char *name,
                                   int64_t bytes_max)
{
    struct pn_gunzip *gunzip = pn_xcalloc(1, sizeof *gunzip);
    gunzip->source = source;
    gunzip->arg = arg;
    gunzip->name = pn_xstrdup(name);
    gunzip->bytes_max = bytes_max;
    isal_inflate_init(&gunzip->state);
    return gunzip;
}

void pn_gunzip_destroy(struct pn_gunzip **gunzip)
{
    if (*gunzip != NULL) {
        free((*gunzip)->name);
        free(*gunzip);
        *gunzip = NULL;
    }
}

static int damaged(const struct pn_gunzip *gunzip, const char *what, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                      "%s: its gzip data %s: replace the file, or remove it", gunzip->name, what);
}

static int refill(struct pn_gunzip *gunzip, struct pn_err *e)
{
    size_t got = 0;
    if (gunzip->state.avail_in > 0 || gunzip->at_end) {
        return 0;
    }
    int rc =
        gunzip->source(gunzip->arg, gunzip->input, sizeof gunzip->input, gunzip->offset, &got, e);
    gunzip->offset += (int64_t)got;
    gunzip->at_end = got < sizeof gunzip->input;
    gunzip->state.next_in = gunzip->input;
    gunzip->state.avail_in = (uint32_t)got;
    return rc;
}

/* Begins the next member, if there is input for one. */
static void begin_member(struct pn_gunzip *gunzip)
{
    uint8_t *next_in = gunzip->state.next_in;
    uint32_t avail_in = gunzip->state.avail_in;
    isal_inflate_reset(&gunzip->state);
    gunzip->state.crc_flag = ISAL_GZIP;
    gunzip->state.next_in = next_in;
    gunzip->state.avail_in = avail_in;
    gunzip->in_member = true;
}

/* Inflates into the room that state.next_out has; *ended is true at the end of all members. */
static int inflate_some(struct pn_gunzip *gunzip, bool *ended, struct pn_err *e)
{
    int rc = refill(gunzip, e);
    if (rc != 0) {
        return rc;
    }
    bool no_input = gunzip->state.avail_in == 0;
    if (no_input && !gunzip->in_member) {
        *ended = true;
        return gunzip->offset > 0 ? 0 : damaged(gunzip, "is empty", e);
    }
    if (!gunzip->in_member) {
        begin_member(gunzip);
    }
    uint32_t room = gunzip->state.avail_out;
    if (isal_inflate(&gunzip->state) != ISAL_DECOMP_OK) {
        return damaged(gunzip, "is damaged", e);
    }
    if (gunzip->state.block_state == ISAL_BLOCK_FINISH) {
        gunzip->in_member = false;
    } else if (no_input && gunzip->state.avail_out == room) {
        return damaged(gunzip, "ends early", e);
    }
    return 0;
}

int pn_gunzip_read(struct pn_gunzip *gunzip, void *bytes, size_t len, size_t *got, struct pn_err *e)
{
    bool ended = false;
    int rc = 0;
    PN_ASSERT(len <= INT_MAX);
    uint8_t *out = bytes;
    *got = 0;
    while (rc == 0 && !ended && *got < len) {
        gunzip->state.next_out = out + *got;
        gunzip->state.avail_out = (uint32_t)(len - *got);
        rc = inflate_some(gunzip, &ended, e);
        if (rc == 0 && !ended) {
            *got = len - gunzip->state.avail_out;
        }
    }
    gunzip->out_bytes += (int64_t)*got;
    if (rc == 0 && gunzip->out_bytes > gunzip->bytes_max) {
        rc = pn_err_input(e, "%s: has more than %lld bytes after decompression", gunzip->name,
                          (long long)gunzip->bytes_max);
    }
    return rc;
}
