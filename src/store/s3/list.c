/* Lists of keys, a page of a thousand at a time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time_text.h"
#include "base/xml.h"
#include "store/s3/private.h"

/* One object of a page; the key as the server sent it. */
struct listed {
    char *key;
    int64_t size_bytes;
    int64_t modified_ms;
    char etag[PN_ETAG_SIZE];
};

struct page {
    struct listed *objects;
    size_t count;
    size_t capacity;
    struct listed next; /* that is being read */
    char *more;         /* the token of the next page, or NULL */
    bool is_encoded;    /* keys are as in URLs */
};

static void take_element(void *arg, const char *parent, const char *name, const char *text)
{
    struct page *page = arg;
    struct listed *next = &page->next;
    if (strcmp(parent, "Contents") == 0) {
        if (strcmp(name, "Key") == 0) {
            free(next->key);
            next->key = pn_xstrdup(text);
        } else if (strcmp(name, "Size") == 0) {
            next->size_bytes = strtoll(text, NULL, 10);
        } else if (strcmp(name, "ETag") == 0) {
            (void)snprintf(next->etag, sizeof next->etag, "%s", text);
        } else if (strcmp(name, "LastModified") == 0 &&
                   !pn_time_parse_ms(text, &next->modified_ms)) {
            next->modified_ms = 0;
        }
    } else if (strcmp(name, "Contents") == 0 && next->key != NULL) {
        pn_grow((void **)&page->objects, &page->capacity, page->count + 1, sizeof *page->objects);
        page->objects[page->count++] = *next;
        *next = (struct listed){0};
    } else if (strcmp(name, "EncodingType") == 0) {
        page->is_encoded = strcmp(text, "url") == 0;
    } else if (strcmp(name, "NextContinuationToken") == 0 && text[0] != '\0') {
        free(page->more);
        page->more = pn_xstrdup(text);
    }
}

static void page_deinit(struct page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        free(page->objects[i].key);
    }
    free(page->objects);
    free(page->next.key);
    free(page->more);
}

static int hex_value(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

/* "a+b%2Fc" is "a b/c", in place. */
static void decode(char *text)
{
    char *out = text;
    for (const char *at = text; *at != '\0'; at++) {
        int high = *at == '%' ? hex_value(at[1]) : -1;
        int low = high >= 0 ? hex_value(at[2]) : -1;
        if (low >= 0) {
            *out++ = (char)(high * 16 + low);
            at += 2;
        } else {
            *out++ = *at == '+' ? ' ' : *at;
        }
    }
    *out = '\0';
}

static int get_page(struct pn_s3 *s3, const char *prefix, const char *after, const char *token,
                    struct page *page, struct pn_err *e)
{
    struct pn_buf reply;
    struct pn_s3_call call = {.method = "GET", .out = &reply};
    char *whole_prefix = pn_xasprintf("%s%s", s3->prefix, prefix);
    char *whole_after = after != NULL ? pn_xasprintf("%s%s", s3->prefix, after) : NULL;
    pn_buf_init(&reply, PN_S3_REPLY_BYTES_MAX);
    /* In the order of their names, as the signature wants them. */
    if (token != NULL) {
        pn_s3_add_query(&call, "continuation-token", token);
    }
    pn_s3_add_query(&call, "encoding-type", "url");
    pn_s3_add_query(&call, "list-type", "2");
    pn_s3_add_query(&call, "prefix", whole_prefix);
    if (token == NULL && whole_after != NULL) {
        pn_s3_add_query(&call, "start-after", whole_after);
    }
    int rc = pn_s3_send(s3, &call, 1, e);
    if (rc == 0) {
        rc = pn_xml_each(pn_buf_text(&reply), reply.len, take_element, page, e);
    }
    pn_buf_deinit(&reply);
    free(whole_prefix);
    free(whole_after);
    return rc;
}

static int give_page(const struct pn_s3 *s3, struct page *page, const char *after,
                     int (*fn)(void *arg, const struct pn_object *object), void *arg)
{
    int rc = 0;
    size_t skipped = strlen(s3->prefix);
    for (size_t i = 0; i < page->count && rc == 0; i++) {
        struct listed *listed = &page->objects[i];
        if (page->is_encoded) {
            decode(listed->key);
        }
        size_t len = strlen(listed->key);
        bool is_folder = len == 0 || listed->key[len - 1] == '/'; /* what consoles make */
        if (is_folder || len <= skipped || strncmp(listed->key, s3->prefix, skipped) != 0 ||
            (after != NULL && strcmp(listed->key + skipped, after) <= 0)) {
            continue;
        }
        struct pn_object object = {.key = listed->key + skipped,
                                   .size_bytes = listed->size_bytes,
                                   .modified_ms = listed->modified_ms};
        memcpy(object.etag, listed->etag, sizeof object.etag);
        rc = fn(arg, &object);
    }
    return rc;
}

int pn_s3_list_all(struct pn_s3 *s3, const char *prefix, const char *after,
                   int (*fn)(void *arg, const struct pn_object *object), void *arg,
                   struct pn_err *e)
{
    char *token = NULL;
    int rc = 0;
    do {
        struct page page = {0};
        rc = get_page(s3, prefix, after, token, &page, e);
        free(token);
        token = NULL;
        if (rc == 0) {
            rc = give_page(s3, &page, after, fn, arg);
            token = page.more;
            page.more = NULL;
        }
        page_deinit(&page);
    } while (rc == 0 && token != NULL);
    free(token);
    return rc;
}

struct shown {
    int (*fn)(void *arg, const struct pn_object *object);
    void *arg;
};

static int show(void *arg, const struct pn_object *object)
{
    const struct shown *shown = arg;
    bool hidden = strncmp(object->key, PN_S3_INTERNAL, strlen(PN_S3_INTERNAL)) == 0;
    return hidden ? 0 : shown->fn(shown->arg, object);
}

int pn_s3_list(struct pn_store *store, const char *prefix, const char *after,
               int (*fn)(void *arg, const struct pn_object *object), void *arg, struct pn_err *e)
{
    const char *slash = strrchr(prefix, '/');
    char *folder = slash != NULL ? pn_xstrndup(prefix, (size_t)(slash - prefix)) : NULL;
    struct shown shown = {.fn = fn, .arg = arg};
    int rc = folder != NULL ? pn_store_key_check(folder, e) : 0;
    free(folder);
    return rc != 0 ? rc : pn_s3_list_all(pn_s3_of(store), prefix, after, show, &shown, e);
}
