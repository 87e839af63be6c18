#include "delta/vector.h"

#include <inttypes.h>
#include <isa-l/crc.h>
#include <roaring/roaring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "delta/place.h"
#include "delta/uri.h"

enum { UUID_BYTES = PN_DELTA_VECTOR_UUID_BYTES, Z85_CHARS = 20, VECTOR_BYTES_MAX = 256 << 20 };

/* --- the place -------------------------------------------------------------------------------- */

/* Z85 (ZeroMQ RFC 32): five characters are four bytes. `out` has room for 4 bytes a group. */
static bool decode_z85(const char *text, size_t groups, unsigned char *out)
{
    static const char digits[] = PN_DELTA_Z85_DIGITS;
    for (size_t group = 0; group < groups; group++) {
        uint64_t value = 0;
        for (int i = 0; i < 5; i++) {
            const char *digit = strchr(digits, text[5 * group + (size_t)i]);
            if (digit == NULL || *digit == '\0') {
                return false;
            }
            value = value * 85 + (uint64_t)(digit - digits);
        }
        if (value > UINT32_MAX) {
            return false;
        }
        for (int i = 0; i < 4; i++) {
            out[4 * group + (size_t)i] = (unsigned char)(value >> (24 - 8 * i));
        }
    }
    return true;
}

/* "<prefix><UUID in Z85>": the file is "<prefix>/deletion_vector_<UUID>.bin". */
static int vector_by_uuid(const char *text, size_t len, struct pn_arena *arena, const char **path,
                          struct pn_err *e)
{
    unsigned char uuid[UUID_BYTES];
    if (len < Z85_CHARS || !decode_z85(text + len - Z85_CHARS, UUID_BYTES / 4, uuid)) {
        return pn_err_input(e, "a deletion vector's file is named by '%.*s', which is not a UUID",
                            (int)(len < 100 ? len : 100), text);
    }
    char hex[2 * UUID_BYTES + 5];
    size_t at = 0;
    for (int i = 0; i < UUID_BYTES; i++) {
        bool dash = i == 4 || i == 6 || i == 8 || i == 10;
        at += (size_t)snprintf(hex + at, sizeof hex - at, dash ? "-%02x" : "%02x", uuid[i]);
    }
    int prefix_len = (int)(len - Z85_CHARS);
    *path = pn_arena_printf(arena, "%.*s%sdeletion_vector_%s.bin", prefix_len, text,
                            prefix_len > 0 ? "/" : "", hex);
    return 0;
}

int pn_delta_place_vector(struct pn_delta *table, const char *descriptor, struct pn_arena *arena,
                          const char **path, struct pn_err *e)
{
    struct pn_json *root = NULL;
    const char *where = NULL;
    size_t where_len = 0;
    size_t len = strlen(descriptor);
    *path = NULL;
    int rc = pn_json_parse(table->reader.texts, descriptor, len, len, &root, e);
    if (rc != 0) {
        return rc;
    }
    const struct pn_json *type = pn_json_get(root, "storageType");
    if (pn_json_text_is(type, "i")) {
        return 0;
    }
    if (!pn_json_get_text(root, "pathOrInlineDv", &where, &where_len)) {
        return pn_err_input(e, "a deletion vector's descriptor does not name a file");
    }
    if (pn_json_text_is(type, "u")) {
        return vector_by_uuid(where, where_len, arena, path, e);
    }
    if (pn_json_text_is(type, "p")) {
        return pn_delta_uri_decode(arena, where, where_len, path, e);
    }
    return pn_err_input(e, "a deletion vector is stored in an unknown way");
}

/* --- files that are not there ----------------------------------------------------------------- */

static int misses_path(struct pn_delta *table, const char *path, const char **missing,
                       struct pn_err *e)
{
    struct pn_err why = {0};
    struct pn_object object;
    char *key = NULL;
    int rc = pn_delta_place_find(table, path, &key, &object, &why);
    free(key);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        *missing = path;
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    return rc;
}

int pn_delta_file_misses(struct pn_delta *table, const struct pn_delta_file *file,
                         struct pn_arena *arena, const char **missing, struct pn_err *e)
{
    const char *vector = NULL;
    *missing = NULL;
    int rc = misses_path(table, file->path, missing, e);
    if (rc == 0 && *missing == NULL && file->deletion_vector != NULL) {
        rc = pn_delta_place_vector(table, file->deletion_vector, arena, &vector, e);
    }
    return rc == 0 && vector != NULL ? misses_path(table, vector, missing, e) : rc;
}

/* --- the bytes -------------------------------------------------------------------------------- */

struct vector {
    struct pn_delta *table;
    const char *file; /* whose rows they are, for messages */
    int64_t cardinality;
    int64_t size_bytes;
    int64_t offset;
    unsigned char *bytes; /* malloc'ed */
};

static int damaged(const struct vector *vector, const char *what, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                      "table %s: the deletion vector of the file %s is damaged: %s; restore it "
                      "from a backup; or, if a DAG makes the table, run its load or transform "
                      "again with --full-refresh",
                      vector->table->path, vector->file, what);
}

static uint32_t read_be32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint64_t read_le(const unsigned char *at, size_t len)
{
    uint64_t value = 0;
    for (size_t i = len; i > 0; i--) {
        value = value << 8 | at[i - 1];
    }
    return value;
}

/* In the log itself, padded to whole groups. */
static int read_inline(struct vector *vector, const char *text, size_t len, struct pn_err *e)
{
    size_t groups = len / 5;
    if (len % 5 != 0 || 4 * groups < (size_t)vector->size_bytes) {
        return damaged(vector, "it is shorter than the log says", e);
    }
    vector->bytes = pn_xmalloc(4 * groups);
    return decode_z85(text, groups, vector->bytes) ? 0 : damaged(vector, "it is not Z85", e);
}

/* In a file: its size, itself, and a CRC-32, the numbers with the highest byte first. */
static int read_file(struct vector *vector, struct pn_store_file *file, struct pn_err *e)
{
    enum { NUMBER = 4 };
    size_t size = (size_t)vector->size_bytes;
    size_t got = 0;
    vector->bytes = pn_xmalloc(size + (size_t)2 * NUMBER);
    int rc =
        pn_store_read_at(file, vector->bytes, size + (size_t)2 * NUMBER, vector->offset, &got, e);
    if (rc != 0) {
        return rc;
    }
    if (got != size + (size_t)2 * NUMBER) {
        return damaged(vector, "its file ends too early", e);
    }
    if (read_be32(vector->bytes) != size) {
        return damaged(vector, "its size is not the one in the log", e);
    }
    if (read_be32(vector->bytes + NUMBER + size) !=
        crc32_gzip_refl(0, vector->bytes + NUMBER, size)) {
        return damaged(vector, "its checksum is wrong", e);
    }
    memmove(vector->bytes, vector->bytes + NUMBER, size);
    return 0;
}

static int read_from_store(struct vector *vector, const char *path, struct pn_err *e)
{
    char *key = NULL;
    char *url = NULL;
    struct pn_store_file *file = NULL;
    int rc = pn_delta_file_place(vector->table->store, vector->table->path, path, &key, &url, e);
    if (rc == 0 && key == NULL) {
        rc = pn_err_input(e, "table %s: its deletion vector %s is outside the store",
                          vector->table->path, url);
    }
    if (rc == 0) {
        rc = pn_store_open(vector->table->store, key, &file, e);
    }
    if (rc == 0) {
        rc = read_file(vector, file, e);
    } else if (e != NULL && e->class_ == PN_CLASS_MISSING) {
        rc = damaged(vector, "its file is not there", e);
    }
    pn_store_close(&file);
    free(key);
    free(url);
    return rc;
}

static int read_bytes(struct vector *vector, const char *descriptor, struct pn_arena *arena,
                      struct pn_err *e)
{
    struct pn_json *root = NULL;
    const char *path = NULL;
    const char *text = NULL;
    size_t text_len = 0;
    size_t len = strlen(descriptor);
    int rc = pn_delta_place_vector(vector->table, descriptor, arena, &path, e);
    if (rc == 0) {
        rc = pn_json_parse(vector->table->reader.texts, descriptor, len, len, &root, e);
    }
    if (rc != 0) {
        return rc;
    }
    vector->cardinality = pn_json_get_i64(root, "cardinality", -1);
    vector->size_bytes = pn_json_get_i64(root, "sizeInBytes", -1);
    vector->offset = pn_json_get_i64(root, "offset", 0);
    if (vector->cardinality < 0 || vector->size_bytes <= 0 ||
        vector->size_bytes > VECTOR_BYTES_MAX || vector->offset < 0) {
        return damaged(vector, "the log does not say its size, place and number of rows", e);
    }
    if (path != NULL) {
        return read_from_store(vector, path, e);
    }
    return pn_json_get_text(root, "pathOrInlineDv", &text, &text_len)
               ? read_inline(vector, text, text_len, e)
               : damaged(vector, "the log does not have it", e);
}

/* --- the rows --------------------------------------------------------------------------------- */

struct telling {
    int (*row)(void *arg, int64_t row);
    void *arg;
    uint64_t high; /* the upper half of the rows of a bitmap */
    int64_t count;
    int64_t count_max; /* what the log says */
    int rc;
};

static bool tell_row(uint32_t low, void *arg)
{
    struct telling *telling = arg;
    if (telling->count == telling->count_max) {
        telling->count++;
        return false;
    }
    telling->count++;
    telling->rc = telling->row(telling->arg, (int64_t)(telling->high << 32 | low));
    return telling->rc == 0;
}

/* A number, the count of bitmaps, and each bitmap after the upper half of its rows; the numbers
 * with the lowest byte first. */
static int tell_rows(const struct vector *vector, struct telling *telling, struct pn_err *e)
{
    enum { HEADER = 12, HIGH = 4 };
    const unsigned char *at = vector->bytes;
    const unsigned char *end = at + vector->size_bytes;
    if (end - at < HEADER || read_le(at, 4) != PN_DELTA_VECTOR_MAGIC) {
        return damaged(vector, "it does not begin as one", e);
    }
    uint64_t bitmaps = read_le(at + 4, 8);
    at += HEADER;
    for (uint64_t i = 0; i < bitmaps; i++) {
        if (end - at < HIGH || read_le(at, HIGH) > INT32_MAX) {
            return damaged(vector, "it ends too early", e);
        }
        telling->high = read_le(at, HIGH);
        at += HIGH;
        size_t size =
            roaring_bitmap_portable_deserialize_size((const char *)at, (size_t)(end - at));
        roaring_bitmap_t *bitmap =
            size == 0 ? NULL : roaring_bitmap_portable_deserialize_safe((const char *)at, size);
        if (bitmap == NULL) {
            return damaged(vector, "a bitmap of it cannot be read", e);
        }
        (void)roaring_iterate(bitmap, tell_row, telling);
        roaring_bitmap_free(bitmap);
        if (telling->rc != 0) {
            return telling->rc;
        }
        at += size;
    }
    return telling->count == telling->count_max
               ? 0
               : damaged(vector, "its number of rows is not the one in the log", e);
}

int pn_delta_deleted_rows(struct pn_delta *table, const struct pn_delta_file *file,
                          int (*row)(void *arg, int64_t row), void *arg, struct pn_err *e)
{
    struct vector vector = {.table = table, .file = file->path};
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    int rc =
        file->deletion_vector != NULL ? read_bytes(&vector, file->deletion_vector, &arena, e) : 0;
    if (rc == 0 && file->deletion_vector != NULL) {
        struct telling telling = {.row = row, .arg = arg, .count_max = vector.cardinality};
        rc = tell_rows(&vector, &telling, e);
    }
    free(vector.bytes);
    pn_arena_deinit(&arena);
    return rc;
}
