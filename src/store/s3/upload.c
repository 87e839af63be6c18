/* Files of this machine that become objects: at once, or in parts. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "base/time_text.h"
#include "base/xml.h"
#include "store/s3/private.h"

enum {
    PARTS_AT_ONCE = 4, /* so many are in memory */
    PARTS_MAX = 10000,
    PART_LINE_BYTES = 256
};

/* A file, and what it becomes. */
struct upload {
    struct pn_s3 *s3;
    const char *key;
    const char *path;
    int fd;
    int64_t size_bytes;
    uint32_t sum;
    char *id;            /* of an upload in parts, NULL before it began */
    struct pn_buf parts; /* the list that completes it */
};

/* The sum of the whole file, read a part at a time. */
static int sum_file(struct upload *upload, char *bytes, struct pn_err *e)
{
    int rc = 0;
    for (int64_t at = 0; rc == 0 && at < upload->size_bytes;) {
        int64_t left = upload->size_bytes - at;
        size_t len = (size_t)(left < upload->s3->part_bytes ? left : upload->s3->part_bytes);
        rc = pn_io_read_at(upload->s3->io, upload->fd, bytes, len, at, upload->path, e);
        upload->sum = pn_crc32c_add(upload->sum, bytes, rc == 0 ? len : 0);
        at += (int64_t)len;
    }
    return rc;
}

static int put_whole(struct upload *upload, char *bytes, struct pn_err *e)
{
    int rc = pn_io_read_at(upload->s3->io, upload->fd, bytes, (size_t)upload->size_bytes, 0,
                           upload->path, e);
    return rc != 0 ? rc
                   : pn_s3_put(&upload->s3->store, upload->key, bytes, (size_t)upload->size_bytes,
                               false, e);
}

/* --- in parts --------------------------------------------------------------------------------- */

static void take_id(void *arg, const char *parent, const char *name, const char *text)
{
    char **id = arg;
    (void)parent;
    if (strcmp(name, "UploadId") == 0) {
        free(*id);
        *id = pn_xstrdup(text);
    }
}

static int begin_parts(struct upload *upload, struct pn_err *e)
{
    struct pn_arena arena;
    struct pn_buf reply;
    struct pn_s3_call call = {.method = "POST", .key = upload->key, .out = &reply};
    pn_arena_init(&arena, 0);
    pn_buf_init(&reply, PN_S3_REPLY_BYTES_MAX);
    pn_s3_add_query(&call, "uploads", "");
    pn_s3_add_header(&call, "Content-Type", "application/octet-stream");
    pn_s3_add_header(&call, "x-amz-checksum-algorithm", "CRC32C");
    pn_s3_add_metadata(&call, upload->sum, 0, 0, &arena);
    int rc = pn_s3_send(upload->s3, &call, 1, e);
    if (rc == 0) {
        rc = pn_xml_each(pn_buf_text(&reply), reply.len, take_id, &upload->id, e);
    }
    if (rc == 0 && upload->id == NULL) {
        rc = pn_err_fatal(e, "%s begins an upload in parts without an id", upload->s3->host);
    }
    pn_buf_deinit(&reply);
    pn_arena_deinit(&arena);
    return rc;
}

/* Sends up to PARTS_AT_ONCE parts from `first` on (the first of all is 0). */
static int send_parts(struct upload *upload, int first, int count, char *bytes, struct pn_err *e)
{
    struct pn_s3 *s3 = upload->s3;
    struct pn_s3_call calls[PARTS_AT_ONCE] = {0};
    const char *sums[PARTS_AT_ONCE];
    struct pn_arena arena;
    int rc = 0;
    pn_arena_init(&arena, 0);
    for (int i = 0; i < count && rc == 0; i++) {
        int64_t at = (first + i) * s3->part_bytes;
        int64_t left = upload->size_bytes - at;
        size_t len = (size_t)(left < s3->part_bytes ? left : s3->part_bytes);
        char *part = bytes + i * s3->part_bytes;
        rc = pn_io_read_at(s3->io, upload->fd, part, len, at, upload->path, e);
        if (rc == 0) {
            sums[i] = pn_s3_sum_text(pn_crc32c(part, len), &arena);
            calls[i] = (struct pn_s3_call){
                .method = "PUT", .key = upload->key, .body = part, .body_len = len};
            pn_s3_add_query(&calls[i], "partNumber", pn_arena_printf(&arena, "%d", first + i + 1));
            pn_s3_add_query(&calls[i], "uploadId", upload->id);
            pn_s3_add_header(&calls[i], "x-amz-checksum-crc32c", sums[i]);
        }
    }
    if (rc == 0) {
        rc = pn_s3_send(s3, calls, (size_t)count, e);
    }
    for (int i = 0; i < count && rc == 0; i++) {
        pn_buf_addf(&upload->parts,
                    "<Part><ChecksumCRC32C>%s</ChecksumCRC32C><ETag>%s</ETag>"
                    "<PartNumber>%d</PartNumber></Part>",
                    sums[i], calls[i].reply.etag, first + i + 1);
    }
    pn_arena_deinit(&arena);
    return rc;
}

/* The server knows the upload no more, and an attempt to end it had no reply: was it ended? */
static int check_ended(const struct upload *upload, struct pn_err *e)
{
    struct pn_object object = {0};
    struct pn_err why = {0};
    int rc = pn_s3_head(&upload->s3->store, upload->key, &object, &why);
    if (rc == 0 && object.size_bytes == upload->size_bytes && object.has_sum &&
        object.crc32c == upload->sum) {
        return 0;
    }
    return pn_err_set(
        e, PN_CLASS_RETRY, PN_FAIL,
        "%s no longer knows the upload in parts of '%s', and does not have the object",
        upload->s3->host, upload->key);
}

static int end_parts(struct upload *upload, struct pn_err *e)
{
    struct pn_err why = {0};
    struct pn_buf reply;
    pn_buf_init(&reply, PN_S3_REPLY_BYTES_MAX);
    pn_buf_adds(&upload->parts, "</CompleteMultipartUpload>");
    struct pn_s3_call call = {.method = "POST",
                              .key = upload->key,
                              .body = upload->parts.data,
                              .body_len = upload->parts.len,
                              .out = &reply};
    pn_s3_add_query(&call, "uploadId", upload->id);
    pn_s3_add_header(&call, "Content-Type", "application/xml");
    int rc = pn_s3_send(upload->s3, &call, 1, &why);
    if (rc == 0) {
        rc = pn_s3_check_body(upload->s3, &call, &reply, e);
    } else if (why.class_ == PN_CLASS_MISSING && call.unsure) {
        rc = check_ended(upload, e);
    } else {
        pn_err_copy(e, &why);
    }
    pn_buf_deinit(&reply);
    return rc;
}

static int abort_upload(struct pn_s3 *s3, const char *key, const char *id, struct pn_err *e)
{
    struct pn_s3_call call = {.method = "DELETE", .key = key};
    struct pn_err why = {0};
    pn_s3_add_query(&call, "uploadId", id);
    int rc = pn_s3_send(s3, &call, 1, &why);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    return rc;
}

static int put_in_parts(struct upload *upload, char *bytes, struct pn_err *e)
{
    int64_t part_bytes = upload->s3->part_bytes;
    int64_t count = (upload->size_bytes + part_bytes - 1) / part_bytes;
    if (count > PARTS_MAX) {
        return pn_err_input(e,
                            "%s has %lld bytes: more than %d parts of store.part_bytes, which is "
                            "all that S3 takes",
                            upload->path, (long long)upload->size_bytes, PARTS_MAX);
    }
    pn_buf_init(&upload->parts, (size_t)(count + 2) * PART_LINE_BYTES);
    pn_buf_adds(&upload->parts, "<CompleteMultipartUpload "
                                "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    int rc = sum_file(upload, bytes, e);
    if (rc == 0) {
        rc = begin_parts(upload, e);
    }
    for (int at = 0; rc == 0 && at < (int)count; at += PARTS_AT_ONCE) {
        int some = (int)count - at < PARTS_AT_ONCE ? (int)count - at : PARTS_AT_ONCE;
        rc = send_parts(upload, at, some, bytes, e);
    }
    if (rc == 0) {
        rc = end_parts(upload, e);
    }
    if (rc != 0 && upload->id != NULL) {
        int ignored = abort_upload(upload->s3, upload->key, upload->id, NULL);
        (void)ignored; /* what is left of it is swept away later */
    }
    pn_buf_deinit(&upload->parts);
    free(upload->id);
    return rc;
}

/* --- the port --------------------------------------------------------------------------------- */

int pn_s3_begin_file(struct pn_store *store, const char *key, char **path, struct pn_err *e)
{
    struct pn_s3 *s3 = pn_s3_of(store);
    int rc = pn_store_key_check(key, e);
    if (rc == 0) {
        rc = pn_io_mkdirs(s3->io, s3->temps.folder, e);
    }
    if (rc == 0) {
        *path = pn_temp_files_path(&s3->temps, key);
    }
    return rc;
}

int pn_s3_commit_file(struct pn_store *store, const char *key, const char *path,
                      int64_t *size_bytes, struct pn_err *e)
{
    struct pn_s3 *s3 = pn_s3_of(store);
    struct upload upload = {.s3 = s3, .key = key, .path = path, .fd = -1};
    char *bytes = NULL;
    int rc = pn_store_key_check(key, e);
    if (rc != 0) {
        return rc;
    }
    rc = pn_io_open(s3->io, path, O_RDONLY, &upload.fd, e);
    if (rc == 0) {
        rc = pn_io_size(s3->io, upload.fd, &upload.size_bytes, path, e);
    }
    if (rc == 0) {
        bool whole = upload.size_bytes <= s3->part_bytes;
        bytes =
            pn_try_alloc((size_t)(whole ? upload.size_bytes + 1 : PARTS_AT_ONCE * s3->part_bytes));
        rc = bytes == NULL ? pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "no memory to upload %s", path)
             : whole       ? put_whole(&upload, bytes, e)
                           : put_in_parts(&upload, bytes, e);
    }
    pn_io_close(s3->io, &upload.fd);
    free(bytes);
    if (rc == 0) {
        *size_bytes = upload.size_bytes;
        rc = pn_io_unlink(s3->io, path, e);
    }
    return rc;
}

/* --- what a crash left ------------------------------------------------------------------------ */

struct left {
    struct pn_s3 *s3;
    int64_t before_ms;
    char *key;
    char *id;
    int64_t begun_ms;
    int rc;
    struct pn_err *e;
};

static void take_upload(void *arg, const char *parent, const char *name, const char *text)
{
    struct left *left = arg;
    size_t prefix_len = strlen(left->s3->prefix);
    if (strcmp(parent, "Upload") == 0) {
        if (strcmp(name, "Key") == 0) {
            free(left->key);
            left->key = pn_xstrdup(text);
        } else if (strcmp(name, "UploadId") == 0) {
            free(left->id);
            left->id = pn_xstrdup(text);
        } else if (strcmp(name, "Initiated") == 0 && !pn_time_parse_ms(text, &left->begun_ms)) {
            left->begun_ms = INT64_MAX;
        }
    } else if (strcmp(name, "Upload") == 0 && left->key != NULL && left->id != NULL) {
        bool ours = strncmp(left->key, left->s3->prefix, prefix_len) == 0;
        if (ours && left->begun_ms < left->before_ms && left->rc == 0) {
            left->rc = abort_upload(left->s3, left->key + prefix_len, left->id, left->e);
        }
    }
}

int pn_s3_sweep_uploads(struct pn_s3 *s3, int64_t now_ms, struct pn_err *e)
{
    struct pn_buf reply;
    struct left left = {
        .s3 = s3, .before_ms = now_ms - PN_S3_LEFT_MS, .begun_ms = INT64_MAX, .e = e};
    struct pn_s3_call call = {.method = "GET", .out = &reply};
    pn_buf_init(&reply, PN_S3_REPLY_BYTES_MAX);
    pn_s3_add_query(&call, "prefix", s3->prefix);
    pn_s3_add_query(&call, "uploads", "");
    int rc = pn_s3_send(s3, &call, 1, e);
    if (rc == 0) {
        rc = pn_xml_each(pn_buf_text(&reply), reply.len, take_upload, &left, e);
    }
    pn_buf_deinit(&reply);
    free(left.key);
    free(left.id);
    return rc != 0 ? rc : left.rc;
}
