/*
 * The compressions of a record batch's records: lz4 as one LZ4 frame of independent blocks, as
 * Kafka's clients read and write it, and zstd as one frame.
 */
#ifndef PN_LOG_COMPRESS_H
#define PN_LOG_COMPRESS_H

#include "base/buf.h"
#include "log/embedded/embedded.h"

/*
 * Appends `len` bytes, compressed, to `out`. `*zstd` is a state kept between calls, made here and
 * freed with pn_compress_state_free(). RETRY when there is no memory.
 */
int pn_compress(enum pn_log_compression kind, void **zstd, const void *bytes, size_t len,
                struct pn_buf *out, struct pn_err *e) PN_MUST_CHECK;
void pn_compress_state_free(void **zstd);

/* Appends what `bytes` decompress to. CORRUPT when these are not whole frames, or more than `out`
 * may hold. */
int pn_decompress(enum pn_log_compression kind, const void *bytes, size_t len, struct pn_buf *out,
                  struct pn_err *e) PN_MUST_CHECK;

#endif
