#include "engine/duckdb/verify.h"

#include <stdlib.h>
#include <string.h>

#include "base/file_sum.h"
#include "base/mem.h"

/* A power of two. When half is taken all are forgotten: stream tables have new files forever. */
enum { SLOTS = 1 << 16 };

void pn_duckdb_verified_init(struct pn_duckdb_verified *verified)
{
    *verified = (struct pn_duckdb_verified){.count = 0};
    pthread_mutex_init(&verified->lock, NULL);
}

void pn_duckdb_verified_deinit(struct pn_duckdb_verified *verified)
{
    free(verified->hashes);
    pthread_mutex_destroy(&verified->lock);
}

/* FNV-1a. */
static uint64_t add(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    }
    return hash;
}

static uint64_t hash_of(const char *path, const struct stat *st)
{
    uint64_t hash = add(UINT64_C(14695981039346656037), path, strlen(path));
    hash = add(hash, &st->st_ino, sizeof st->st_ino);
    hash = add(hash, &st->st_size, sizeof st->st_size);
    hash = add(hash, &st->st_mtim.tv_sec, sizeof st->st_mtim.tv_sec);
    hash = add(hash, &st->st_mtim.tv_nsec, sizeof st->st_mtim.tv_nsec);
    return hash != 0 ? hash : 1;
}

/* Where the hash is, or would be. */
static uint64_t *slot_of(struct pn_duckdb_verified *verified, uint64_t hash)
{
    size_t at = hash % SLOTS;
    while (verified->hashes[at] != 0 && verified->hashes[at] != hash) {
        at = (at + 1) % SLOTS;
    }
    return &verified->hashes[at];
}

static bool is_known(struct pn_duckdb_verified *verified, uint64_t hash)
{
    pthread_mutex_lock(&verified->lock);
    bool known = verified->hashes != NULL && *slot_of(verified, hash) == hash;
    pthread_mutex_unlock(&verified->lock);
    return known;
}

static void remember(struct pn_duckdb_verified *verified, uint64_t hash)
{
    pthread_mutex_lock(&verified->lock);
    if (verified->hashes == NULL) {
        verified->hashes = pn_xcalloc(SLOTS, sizeof *verified->hashes);
    }
    if (verified->count == SLOTS / 2) {
        memset(verified->hashes, 0, SLOTS * sizeof *verified->hashes);
        verified->count = 0;
    }
    uint64_t *slot = slot_of(verified, hash);
    verified->count += *slot == 0;
    *slot = hash;
    pthread_mutex_unlock(&verified->lock);
}

int pn_duckdb_verify(struct pn_duckdb_verified *verified, const struct pn_io *io, const char *path,
                     struct pn_err *e)
{
    struct stat st;
    if (pn_io_stat(io, path, &st, NULL) != 0) {
        return 0; /* its reader reports what is wrong */
    }
    uint64_t hash = hash_of(path, &st);
    if (is_known(verified, hash)) {
        return 0;
    }
    int rc = pn_file_sum_check(io, path, e);
    if (rc == 0) {
        remember(verified, hash);
    }
    return rc;
}
