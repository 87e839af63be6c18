#include "delta/vector_write.h"

#include <inttypes.h>
#include <isa-l/crc.h>
#include <roaring/roaring.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "base/random.h"
#include "delta/vector.h"

enum {
    FILE_VERSION = 1, /* the first byte of a file */
    UUID_BYTES = PN_DELTA_VECTOR_UUID_BYTES,
    Z85_CHARS = 20,
    HEADER_BYTES =
        16, /* of a vector: the number, the count of bitmaps, the upper half of its rows */
    FILE_BYTES_MAX = 1 << 30
};

struct pn_delta_vectors *pn_delta_vectors_create(struct pn_delta *table)
{
    struct pn_delta_vectors *vectors = pn_xcalloc(1, sizeof *vectors);
    vectors->table = table;
    pn_arena_init(&vectors->arena, 0);
    return vectors;
}

void pn_delta_vectors_destroy(struct pn_delta_vectors **vectors)
{
    struct pn_delta_vectors *old = *vectors;
    if (old == NULL) {
        return;
    }
    for (size_t i = 0; i < old->count; i++) {
        roaring_bitmap_free(old->marked[i].bitmap);
    }
    if (old->key != NULL) {
        pn_delta_pending_remove(old->key);
    }
    pn_arena_deinit(&old->arena);
    free(old->marked);
    free(old->key);
    free(old);
    *vectors = NULL;
}

/* --- rows ------------------------------------------------------------------------------------- */

bool pn_delta_vectors_can_mark(const struct pn_delta_file *file)
{
    /* Readers need the number of rows, and our bitmaps have 32 bits. */
    return file->num_records >= 0 && file->stats != NULL &&
           file->num_records + file->num_deleted <= UINT32_MAX;
}

static int take_row(void *arg, int64_t row)
{
    if (row < 0 || row > UINT32_MAX) {
        return PN_FAIL;
    }
    roaring_bitmap_add(arg, (uint32_t)row);
    return 0;
}

int pn_delta_vectors_mark(struct pn_delta_vectors *vectors, const struct pn_delta_file *file,
                          const int64_t *rows, size_t count, struct pn_err *e)
{
    PN_ASSERT(vectors->key == NULL && pn_delta_vectors_can_mark(file));
    struct pn_err why = {0};
    roaring_bitmap_t *bitmap = roaring_bitmap_create();
    int rc = pn_delta_deleted_rows(vectors->table, file, take_row, bitmap, &why);
    int64_t before = (int64_t)roaring_bitmap_get_cardinality(bitmap);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = take_row(bitmap, rows[i]);
    }
    if (rc != 0) {
        roaring_bitmap_free(bitmap);
        if (why.class_ != PN_CLASS_NONE) {
            pn_err_copy(e, &why);
            return rc;
        }
        return pn_err_input(e,
                            "table %s: a row of the file %s cannot be marked as deleted: its "
                            "number is above %" PRIu32,
                            vectors->table->path, file->path, UINT32_MAX);
    }
    (void)roaring_bitmap_run_optimize(bitmap);
    pn_grow((void **)&vectors->marked, &vectors->capacity, vectors->count + 1,
            sizeof *vectors->marked);
    struct pn_delta_marked *marked = &vectors->marked[vectors->count++];
    *marked = (struct pn_delta_marked){.before = file, .after = *file, .bitmap = bitmap};
    marked->after.num_deleted = (int64_t)roaring_bitmap_get_cardinality(bitmap);
    marked->after.num_records -= marked->after.num_deleted - before;
    return 0;
}

/* --- bytes ------------------------------------------------------------------------------------ */

static void add_le(struct pn_buf *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        pn_buf_addc(out, (char)(value >> (8 * i) & 0xff));
    }
}

static void add_be32(struct pn_buf *out, uint32_t value)
{
    for (int i = 3; i >= 0; i--) {
        pn_buf_addc(out, (char)(value >> (8 * i) & 0xff));
    }
}

/* Its size, itself and its checksum; returns the size. */
static size_t add_vector(struct pn_buf *out, const roaring_bitmap_t *bitmap)
{
    size_t size = roaring_bitmap_portable_size_in_bytes(bitmap);
    char *bytes = pn_xmalloc(size);
    add_be32(out, (uint32_t)(HEADER_BYTES + size));
    size_t start = out->len;
    add_le(out, PN_DELTA_VECTOR_MAGIC, 4);
    add_le(out, 1, 8); /* bitmaps */
    add_le(out, 0, 4); /* the upper half of its rows */
    (void)roaring_bitmap_portable_serialize(bitmap, bytes);
    pn_buf_add(out, bytes, size);
    free(bytes);
    bool whole = out->len == start + HEADER_BYTES + size;
    add_be32(out, whole ? crc32_gzip_refl(0, (const unsigned char *)pn_buf_text(out) + start,
                                          HEADER_BYTES + size)
                        : 0);
    return HEADER_BYTES + size;
}

static void encode_z85(const unsigned char *bytes, size_t groups, char *out)
{
    static const char digits[] = PN_DELTA_Z85_DIGITS;
    for (size_t group = 0; group < groups; group++) {
        const unsigned char *at = bytes + 4 * group;
        uint32_t value =
            (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
        for (int i = 4; i >= 0; i--) {
            out[5 * group + (size_t)i] = digits[value % 85];
            value /= 85;
        }
    }
    out[5 * groups] = '\0';
}

/* The name of a new file, and what descriptors call it. */
static const char *new_file(struct pn_arena *arena, char name[Z85_CHARS + 1])
{
    char uuid[PN_UUID_SIZE];
    unsigned char bytes[UUID_BYTES];
    size_t count = 0;
    int high = -1;
    pn_uuid(uuid);
    for (const char *at = uuid; *at != '\0'; at++) {
        if (*at == '-') {
            continue;
        }
        int digit = *at <= '9' ? *at - '0' : *at - 'a' + 10;
        if (high < 0) {
            high = digit;
        } else {
            bytes[count++] = (unsigned char)(high << 4 | digit);
            high = -1;
        }
    }
    PN_ASSERT(count == UUID_BYTES);
    encode_z85(bytes, UUID_BYTES / 4, name);
    return pn_arena_printf(arena, "deletion_vector_%s.bin", uuid);
}

/* --- actions ---------------------------------------------------------------------------------- */

static const char *descriptor(struct pn_arena *arena, const char *name, size_t offset, size_t size,
                              const roaring_bitmap_t *bitmap)
{
    enum { DESCRIPTOR_BYTES_MAX = 1024 };
    struct pn_json_writer json;
    struct pn_buf text;
    pn_buf_init(&text, DESCRIPTOR_BYTES_MAX);
    pn_json_writer_init(&json, &text);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "storageType", "u");
    pn_json_add_cstr(&json, "pathOrInlineDv", name);
    pn_json_add_i64(&json, "offset", (int64_t)offset);
    pn_json_add_i64(&json, "sizeInBytes", (int64_t)size);
    pn_json_add_i64(&json, "cardinality", (int64_t)roaring_bitmap_get_cardinality(bitmap));
    pn_json_end(&json);
    const char *kept = pn_arena_strdup(arena, pn_buf_text(&text));
    pn_buf_deinit(&text);
    return kept;
}

/* The smallest and largest values may be those of deleted rows now. Source: PROTOCOL.md, "Per-file
 * Statistics", tightBounds. */
static int loosen(struct pn_delta_vectors *vectors, struct pn_delta_file *file, struct pn_err *e)
{
    struct pn_json *root = NULL;
    struct pn_json_writer json;
    struct pn_buf text;
    size_t len = strlen(file->stats);
    int rc = pn_json_parse(vectors->table->reader.texts, file->stats, len, len, &root, e);
    if (rc != 0) {
        return rc;
    }
    pn_buf_init(&text, PN_DELTA_COMMIT_BYTES_MAX);
    pn_json_writer_init(&json, &text);
    pn_json_put_object(&json);
    for (const struct pn_json *member = root->first; member != NULL; member = member->next) {
        if (member->key_len != strlen("tightBounds") ||
            memcmp(member->key, "tightBounds", member->key_len) != 0) {
            pn_json_add_node(&json, member);
        }
    }
    pn_json_add_bool(&json, "tightBounds", false);
    pn_json_end(&json);
    rc = pn_json_writer_check(&json, "a file's statistics", e);
    file->stats = rc == 0 ? pn_arena_strdup(&vectors->arena, pn_buf_text(&text)) : NULL;
    pn_buf_deinit(&text);
    return rc;
}

int pn_delta_vectors_write(struct pn_delta_vectors *vectors, struct pn_err *e)
{
    char name[Z85_CHARS + 1];
    struct pn_buf bytes;
    int rc = 0;
    PN_ASSERT(vectors->key == NULL);
    if (vectors->count == 0) {
        return 0;
    }
    vectors->path = new_file(&vectors->arena, name);
    pn_buf_init(&bytes, FILE_BYTES_MAX);
    pn_buf_addc(&bytes, FILE_VERSION);
    for (size_t i = 0; rc == 0 && i < vectors->count; i++) {
        struct pn_delta_marked *marked = &vectors->marked[i];
        size_t offset = bytes.len;
        size_t size = add_vector(&bytes, marked->bitmap);
        marked->after.deletion_vector =
            descriptor(&vectors->arena, name, offset, size, marked->bitmap);
        rc = loosen(vectors, &marked->after, e);
    }
    if (rc == 0) {
        rc = pn_buf_check(&bytes, "a file of deletion vectors", e);
    }
    if (rc == 0) {
        vectors->key = pn_xasprintf("%s/%s", vectors->table->path, vectors->path);
        pn_delta_pending_add(vectors->key); /* before a vacuum can see it */
        rc = pn_store_put(vectors->table->store, vectors->key, pn_buf_text(&bytes), bytes.len, e);
    }
    pn_buf_deinit(&bytes);
    return rc;
}

void pn_delta_vectors_undo(struct pn_delta_vectors *vectors, int rc)
{
    struct pn_err why = {0};
    bool may_be_used = rc == PN_DELTA_LOST || rc == PN_DELTA_UNKNOWN;
    if (vectors->key != NULL && !may_be_used &&
        pn_store_remove(vectors->table->store, vectors->key, &why) != 0) {
        pn_logger_warn(vectors->table->logger, PN_DELTA_COMPONENT, "%s", why.msg);
    }
}
