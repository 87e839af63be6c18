/* Objects put, looked at, removed, and held. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/base64.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/xml.h"
#include "store/s3/private.h"

enum { REMOVED_AT_ONCE = 1000, REMOVAL_BYTES_MAX = 8 << 20 };

/* --- what goes with an object ----------------------------------------------------------------- */

const char *pn_s3_sum_text(uint32_t sum, struct pn_arena *arena)
{
    const unsigned char bytes[] = {(unsigned char)(sum >> 24), (unsigned char)(sum >> 16),
                                   (unsigned char)(sum >> 8), (unsigned char)sum};
    struct pn_buf text;
    pn_buf_init(&text, 16);
    pn_base64_encode(&text, bytes, sizeof bytes);
    const char *made = pn_arena_strndup(arena, pn_buf_text(&text), text.len);
    pn_buf_deinit(&text);
    return made;
}

void pn_s3_add_metadata(struct pn_s3_call *call, uint32_t sum, int64_t first, int64_t end,
                        struct pn_arena *arena)
{
    pn_s3_add_header(call, "x-amz-meta-pinion-crc32c", pn_arena_printf(arena, "%08x", sum));
    if (end > 0) {
        pn_s3_add_header(call, "x-amz-meta-pinion-offsets",
                         pn_arena_printf(arena, "%lld-%lld", (long long)first, (long long)end));
    }
}

void pn_s3_describe(const struct pn_s3_reply *reply, struct pn_object *object)
{
    *object = (struct pn_object){.size_bytes = reply->size_bytes > 0 ? reply->size_bytes : 0,
                                 .modified_ms = reply->modified_ms,
                                 .has_sum = reply->has_sum,
                                 .crc32c = reply->sum};
    (void)snprintf(object->etag, sizeof object->etag, "%s", reply->etag);
}

/* --- put -------------------------------------------------------------------------------------- */

static void prepare_put(struct pn_s3_call *call, const struct pn_put *put, struct pn_arena *arena)
{
    uint32_t sum = pn_crc32c(put->bytes, put->len);
    *call = (struct pn_s3_call){
        .method = "PUT", .key = put->key, .body = put->bytes, .body_len = put->len};
    pn_s3_add_header(call, "Content-Type", "application/octet-stream");
    pn_s3_add_header(call, "x-amz-checksum-crc32c", pn_s3_sum_text(sum, arena));
    pn_s3_add_metadata(call, sum, put->first, put->end, arena);
}

int pn_s3_put_many(struct pn_store *store, const struct pn_put *puts, size_t count,
                   struct pn_err *e)
{
    for (size_t i = 0; i < count; i++) {
        int rc = pn_store_key_check(puts[i].key, e);
        if (rc != 0) {
            return rc;
        }
    }
    struct pn_arena arena;
    struct pn_s3_call *calls = pn_xcalloc(count + 1, sizeof *calls);
    pn_arena_init(&arena, 0);
    for (size_t i = 0; i < count; i++) {
        prepare_put(&calls[i], &puts[i], &arena);
    }
    int rc = pn_s3_send(pn_s3_of(store), calls, count, e);
    pn_arena_deinit(&arena);
    free(calls);
    return rc;
}

/* A put that must not replace anything, and its number, by which its own object is recognized. */
static void prepare_new(struct pn_s3_call *call, const struct pn_put *put, char *put_id,
                        struct pn_arena *arena)
{
    prepare_put(call, put, arena);
    pn_s3_add_header(call, "If-None-Match", "*");
    pn_s3_add_header(call, "x-amz-meta-pinion-put", pn_uuid(put_id));
    if (put->note != NULL) {
        PN_ASSERT(strlen(put->note) < PN_NOTE_SIZE);
        pn_s3_add_header(call, "x-amz-meta-pinion-note", put->note);
    }
}

/* The server refused a put of which an earlier attempt had no reply: is the object that it found
 * the one of that attempt? */
static int check_own(struct pn_s3 *s3, const struct pn_s3_call *put, const char *put_id,
                     bool *is_own, struct pn_err *e)
{
    struct pn_err why = {0};
    struct pn_s3_call head = {.method = "HEAD", .key = put->key};
    int rc = pn_s3_send(s3, &head, 1, &why);
    *is_own = rc == 0 && strcmp(head.reply.put_id, put_id) == 0;
    if (rc != 0 && why.class_ != PN_CLASS_MISSING) {
        pn_err_copy(e, &why);
        return rc;
    }
    return 0;
}

/* What became of one of the puts. */
static int take_outcome(struct pn_s3 *s3, const struct pn_s3_call *call, const char *put_id,
                        bool *is_new, struct pn_err *e)
{
    *is_new = call->rc == 0;
    if (call->rc == 0 || (call->failure.class_ == PN_CLASS_CONFLICT && !call->unsure)) {
        return 0;
    }
    if (call->failure.class_ == PN_CLASS_CONFLICT) {
        return check_own(s3, call, put_id, is_new, e);
    }
    pn_err_copy(e, &call->failure);
    return call->rc;
}

int pn_s3_put_new(struct pn_store *store, const struct pn_put *puts, size_t count, bool *is_new,
                  struct pn_err *e)
{
    for (size_t i = 0; i < count; i++) {
        int rc = pn_store_key_check(puts[i].key, e);
        if (rc != 0) {
            return rc;
        }
    }
    struct pn_s3 *s3 = pn_s3_of(store);
    struct pn_arena arena;
    struct pn_s3_call *calls = pn_xcalloc(count + 1, sizeof *calls);
    char(*put_ids)[PN_UUID_SIZE] = pn_xcalloc(count + 1, sizeof *put_ids);
    pn_arena_init(&arena, 0);
    for (size_t i = 0; i < count; i++) {
        prepare_new(&calls[i], &puts[i], put_ids[i], &arena);
    }
    int ignored = pn_s3_send(s3, calls, count, NULL);
    (void)ignored; /* each call has its own outcome */
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = take_outcome(s3, &calls[i], put_ids[i], &is_new[i], e);
    }
    pn_arena_deinit(&arena);
    free(put_ids);
    free(calls);
    return rc;
}

int pn_s3_put(struct pn_store *store, const char *key, const void *bytes, size_t len,
              bool if_absent, struct pn_err *e)
{
    const struct pn_put put = {.key = key, .bytes = bytes, .len = len};
    bool is_new = false;
    if (!if_absent) {
        return pn_s3_put_many(store, &put, 1, e);
    }
    int rc = pn_s3_put_new(store, &put, 1, &is_new, e);
    if (rc == 0 && !is_new) {
        rc = pn_err_set(e, PN_CLASS_CONFLICT, EEXIST, "the object '%s' already exists", key);
    }
    return rc;
}

/* --- head and remove -------------------------------------------------------------------------- */

int pn_s3_head(struct pn_store *store, const char *key, struct pn_object *object, struct pn_err *e)
{
    struct pn_s3_call call = {.method = "HEAD", .key = key};
    int rc = pn_store_key_check(key, e);
    if (rc == 0) {
        pn_s3_add_header(&call, "x-amz-checksum-mode", "ENABLED");
        rc = pn_s3_send(pn_s3_of(store), &call, 1, e);
    }
    if (rc == 0) {
        pn_s3_describe(&call.reply, object);
        object->key = key;
    }
    return rc;
}

int pn_s3_note(struct pn_store *store, const char *key, char *note, struct pn_err *e)
{
    struct pn_s3_call call = {.method = "HEAD", .key = key};
    int rc = pn_store_key_check(key, e);
    if (rc == 0) {
        rc = pn_s3_send(pn_s3_of(store), &call, 1, e);
    }
    memcpy(note, call.reply.note, sizeof call.reply.note);
    return rc;
}

int pn_s3_remove(struct pn_store *store, const char *key, struct pn_err *e)
{
    struct pn_s3_call call = {.method = "DELETE", .key = key};
    struct pn_err why = {0};
    int rc = pn_store_key_check(key, e);
    if (rc != 0) {
        return rc;
    }
    rc = pn_s3_send(pn_s3_of(store), &call, 1, &why);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    return rc;
}

static void add_escaped(struct pn_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            pn_buf_adds(out, "&amp;");
            break;
        case '<':
            pn_buf_adds(out, "&lt;");
            break;
        case '>':
            pn_buf_adds(out, "&gt;");
            break;
        default:
            pn_buf_addc(out, *text);
        }
    }
}

/* The digest that older servers ask for with such a request. */
static const char *md5_text(const struct pn_buf *body, struct pn_arena *arena)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    int made = EVP_Digest(body->data, body->len, digest, &len, EVP_md5(), NULL);
    PN_ASSERT(made == 1);
    struct pn_buf text;
    pn_buf_init(&text, 64);
    pn_base64_encode(&text, digest, len);
    const char *copied = pn_arena_strndup(arena, pn_buf_text(&text), text.len);
    pn_buf_deinit(&text);
    return copied;
}

struct removal {
    char code[64];
    char key[PN_KEY_MAX + 1];
};

static void take_unremoved(void *arg, const char *parent, const char *name, const char *text)
{
    struct removal *removal = arg;
    if (strcmp(parent, "Error") != 0) {
        return;
    }
    if (strcmp(name, "Code") == 0 && strcmp(text, "NoSuchKey") != 0) {
        (void)snprintf(removal->code, sizeof removal->code, "%s", text);
    } else if (strcmp(name, "Key") == 0) {
        (void)snprintf(removal->key, sizeof removal->key, "%s", text);
    }
}

/* Up to REMOVED_AT_ONCE keys, in one request. */
static int remove_some(struct pn_s3 *s3, const char *const *keys, size_t count, struct pn_err *e)
{
    struct pn_arena arena;
    struct pn_buf body;
    struct pn_buf reply;
    struct removal removal = {{0}, {0}};
    pn_arena_init(&arena, 0);
    pn_buf_init(&body, REMOVAL_BYTES_MAX);
    pn_buf_init(&reply, PN_S3_REPLY_BYTES_MAX);
    pn_buf_adds(&body, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                       "<Quiet>true</Quiet>");
    for (size_t i = 0; i < count; i++) {
        pn_buf_adds(&body, "<Object><Key>");
        add_escaped(&body, s3->prefix);
        add_escaped(&body, keys[i]);
        pn_buf_adds(&body, "</Key></Object>");
    }
    pn_buf_adds(&body, "</Delete>");
    int rc = pn_buf_check(&body, "a list of keys to be removed", e);
    struct pn_s3_call call = {
        .method = "POST", .body = body.data, .body_len = body.len, .out = &reply};
    pn_s3_add_query(&call, "delete", "");
    if (rc == 0) {
        pn_s3_add_header(&call, "Content-Type", "application/xml");
        pn_s3_add_header(&call, "Content-MD5", md5_text(&body, &arena));
        pn_s3_add_header(&call, "x-amz-checksum-crc32c",
                         pn_s3_sum_text(pn_crc32c(body.data, body.len), &arena));
        rc = pn_s3_send(s3, &call, 1, e);
    }
    if (rc == 0 && reply.len > 0) {
        rc = pn_xml_each(pn_buf_text(&reply), reply.len, take_unremoved, &removal, e);
    }
    if (rc == 0 && removal.code[0] != '\0') {
        rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                        "s3://%s: the object '%s' could not be removed: %s", s3->bucket,
                        removal.key, removal.code);
    }
    pn_buf_deinit(&body);
    pn_buf_deinit(&reply);
    pn_arena_deinit(&arena);
    return rc;
}

int pn_s3_remove_many(struct pn_store *store, const char *const *keys, size_t count,
                      struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = pn_store_key_check(keys[i], e);
    }
    for (size_t at = 0; at < count && rc == 0; at += REMOVED_AT_ONCE) {
        size_t some = count - at < REMOVED_AT_ONCE ? count - at : REMOVED_AT_ONCE;
        rc = remove_some(pn_s3_of(store), keys + at, some, e);
    }
    return rc;
}

/* --- holds ------------------------------------------------------------------------------------ */

/* A copy made by the server, with what goes with the object. */
static int copy(struct pn_s3 *s3, const char *from, const char *to, struct pn_err *e)
{
    struct pn_buf source;
    struct pn_buf reply;
    pn_buf_init(&source, 4 * PN_KEY_MAX + 1024);
    pn_buf_init(&reply, PN_S3_REPLY_BYTES_MAX);
    pn_buf_addf(&source, "/%s/", s3->bucket);
    pn_sigv4_encode(&source, s3->prefix, true);
    pn_sigv4_encode(&source, from, true);
    struct pn_s3_call call = {.method = "PUT", .key = to, .out = &reply};
    pn_s3_add_header(&call, "x-amz-copy-source", pn_buf_text(&source));
    int rc = pn_s3_send(s3, &call, 1, e);
    if (rc == 0) {
        rc = pn_s3_check_body(s3, &call, &reply, e);
    }
    pn_buf_deinit(&source);
    pn_buf_deinit(&reply);
    return rc;
}

int pn_s3_hold(struct pn_store *store, const char *key, char **held, struct pn_err *e)
{
    char uuid[PN_UUID_SIZE];
    *held = NULL;
    int rc = pn_store_key_check(key, e);
    if (rc != 0) {
        return rc;
    }
    char *copied = pn_xasprintf("%s%s", PN_S3_HELD, pn_uuid(uuid));
    rc = copy(pn_s3_of(store), key, copied, e);
    if (rc == 0) {
        *held = copied;
    } else {
        free(copied);
    }
    return rc;
}

int pn_s3_restore(struct pn_store *store, const char *key, const char *held, bool *restored,
                  struct pn_err *e)
{
    struct pn_object object;
    struct pn_err why = {0};
    *restored = false;
    int rc = pn_s3_head(store, key, &object, &why);
    if (rc == 0 || why.class_ != PN_CLASS_MISSING) {
        pn_err_copy(e, rc != 0 ? &why : NULL);
        return rc;
    }
    rc = copy(pn_s3_of(store), held, key, e);
    *restored = rc == 0;
    return rc;
}

int pn_s3_release(struct pn_store *store, char **held, struct pn_err *e)
{
    int rc = *held != NULL ? pn_s3_remove(store, *held, e) : 0;
    free(*held);
    *held = NULL;
    return rc;
}
