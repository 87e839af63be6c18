/* Lists of keys, a page of a thousand at a time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/percent.h"
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

/* "a+b%2Fc" is "a b/c". */
static char *decode(char *key, struct pn_arena *arena)
{
    for (char *plus = strchr(key, '+'); plus != NULL; plus = strchr(plus, '+')) {
        *plus = ' ';
    }
    return pn_percent_decode(arena, key, strlen(key));
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

/* The key within the store; NULL: it is not the store's, or what a console made for a folder. */
static const char *key_of(const struct pn_s3 *s3, const char *key)
{
    size_t skipped = strlen(s3->prefix);
    size_t len = strlen(key);
    bool ours = len > skipped && strncmp(key, s3->prefix, skipped) == 0;
    return ours && key[len - 1] != '/' ? key + skipped : NULL;
}

static int give_page(const struct pn_s3 *s3, struct page *page, const char *after,
                     int (*fn)(void *arg, const struct pn_object *object), void *arg,
                     struct pn_err *e)
{
    struct pn_arena arena;
    int rc = 0;
    pn_arena_init(&arena, 0);
    for (size_t i = 0; i < page->count && rc == 0; i++) {
        struct listed *listed = &page->objects[i];
        const char *sent = page->is_encoded ? decode(listed->key, &arena) : listed->key;
        if (sent == NULL) {
            rc = pn_err_fatal(e, "%s lists a key that cannot be read: '%s'", s3->host, listed->key);
            break;
        }
        struct pn_object object = {.key = key_of(s3, sent),
                                   .size_bytes = listed->size_bytes,
                                   .modified_ms = listed->modified_ms};
        memcpy(object.etag, listed->etag, sizeof object.etag);
        if (object.key != NULL && (after == NULL || strcmp(object.key, after) > 0)) {
            rc = fn(arg, &object);
        }
    }
    pn_arena_deinit(&arena);
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
            rc = give_page(s3, &page, after, fn, arg, e);
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
    bool asked = strncmp(prefix, PN_S3_INTERNAL, strlen(PN_S3_INTERNAL)) == 0;
    int rc = folder != NULL ? pn_store_key_check(folder, e) : 0;
    free(folder);
    if (rc != 0) {
        return rc;
    }
    return asked ? pn_s3_list_all(pn_s3_of(store), prefix, after, fn, arg, e)
                 : pn_s3_list_all(pn_s3_of(store), prefix, after, show, &shown, e);
}
