#include "engine/duckdb/from_files_sums.h"

#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/mem.h"

enum { BLOCK_BYTES = 256 << 10 };

/* *found: what is there now; without a sum where it went. */
static int sum_object(struct pn_store *store, const char *key, struct pn_object *found,
                      struct pn_err *e)
{
    struct pn_store_file *file = NULL;
    struct pn_err why = {0};
    int64_t offset = 0;
    size_t got = BLOCK_BYTES;
    uint32_t sum = 0;
    *found = (struct pn_object){.key = key};
    int rc = pn_store_open(store, key, &file, &why);
    if (rc != 0) {
        pn_err_copy(e, &why);
        return why.class_ == PN_CLASS_MISSING ? 0 : rc;
    }
    char *block = pn_xmalloc(BLOCK_BYTES);
    while (rc == 0 && got == BLOCK_BYTES) {
        rc = pn_store_read_at(file, block, BLOCK_BYTES, offset, &got, e);
        if (rc == 0) {
            sum = pn_crc32c_add(sum, block, got);
            offset += (int64_t)got;
        }
    }
    if (rc == 0) {
        *found = file->object;
        found->key = key;
        found->has_sum = true;
        found->crc32c = sum;
    }
    pn_store_close(&file);
    free(block);
    return rc;
}

struct summing {
    struct pn_store *store;
    struct pn_source_object *objects;
};

static int sum_source(void *arg, size_t i, struct pn_err *e)
{
    const struct summing *summing = arg;
    struct pn_object *object = &summing->objects[i].object;
    struct pn_object found;
    int rc = sum_object(summing->store, object->key, &found, e);
    if (rc == 0 && strcmp(found.etag, object->etag) == 0) {
        object->has_sum = true;
        object->crc32c = found.crc32c;
    }
    return rc;
}

int pn_source_sums_make(struct pn_duckdb *engine, struct pn_source_object *objects, size_t count,
                        struct pn_err *e)
{
    struct summing summing = {.store = engine->store, .objects = objects};
    return pn_store_is_local(engine->store)
               ? pn_duckdb_requests(engine, count, sum_source, &summing, e)
               : 0;
}

struct comparing {
    struct pn_store *store;
    const struct pn_object_book *book;
    struct pn_object *found;
};

static int sum_unsure(void *arg, size_t i, struct pn_err *e)
{
    const struct comparing *comparing = arg;
    return sum_object(comparing->store, pn_object_book_unsure_key(comparing->book, i),
                      &comparing->found[i], e);
}

int pn_source_sums_compare(struct pn_duckdb *engine, struct pn_object_book *book, struct pn_err *e)
{
    const size_t count = pn_object_book_unsure(book);
    if (!pn_store_is_local(engine->store)) {
        pn_object_book_forget_sums(book);
        return 0;
    }
    struct comparing comparing = {.store = engine->store, .book = book};
    comparing.found = pn_xcalloc(count + 1, sizeof *comparing.found);
    int rc = pn_duckdb_requests(engine, count, sum_unsure, &comparing, e);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        pn_object_book_compare(book, i, &comparing.found[i]);
    }
    free(comparing.found);
    return rc;
}
