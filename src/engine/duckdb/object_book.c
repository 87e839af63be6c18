#include "engine/duckdb/object_book.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "base/units.h"

static const char PREFIX[] = "pinion/file/";
enum { TAG_BITS = 31 };
#define TAG_MASK ((INT64_C(1) << TAG_BITS) - 1)

struct entry {
    const char *key;
    int64_t what;     /* that the table has taken; 0: it has not */
    int64_t moved_to; /* what it is, if that is the same size with another etag; 0: it is not */
    bool is_taken_now;
};

struct pn_object_book {
    struct pn_arena arena;
    struct entry *known; /* of the snapshot, by their keys */
    size_t known_count;
    bool afresh;
    struct entry *added;
    size_t added_count;
    size_t added_capacity;
    int64_t same;  /* objects of the listing that are as they were taken */
    int64_t moved; /* ... whose etag is another one */
    const char *moved_example;
    int64_t changed; /* ... whose size is, too */
    const char *changed_example;
};

static int64_t what_of(const struct pn_object *object)
{
    const int64_t size = object->size_bytes & TAG_MASK;
    const int64_t tag = pn_crc32c_add(0, object->etag, strlen(object->etag)) & TAG_MASK;
    const int64_t what = (size << TAG_BITS) | tag;
    return what != 0 ? what : 1;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->key, ((const struct entry *)b)->key);
}

struct pn_object_book *pn_object_book_create(const struct pn_delta_snapshot *snapshot, bool afresh)
{
    struct pn_object_book *book = pn_xcalloc(1, sizeof *book);
    size_t count = snapshot != NULL ? snapshot->txn_count : 0;
    pn_arena_init(&book->arena, 0);
    book->afresh = afresh;
    book->known = pn_xcalloc(count + 1, sizeof *book->known);
    for (size_t i = 0; i < count; i++) {
        const struct pn_delta_txn *txn = &snapshot->txns[i];
        if (strncmp(txn->app_id, PREFIX, strlen(PREFIX)) == 0) {
            book->known[book->known_count++] =
                (struct entry){.key = pn_arena_strdup(&book->arena, txn->app_id + strlen(PREFIX)),
                               .what = txn->version};
        }
    }
    qsort(book->known, book->known_count, sizeof *book->known, by_key);
    return book;
}

void pn_object_book_destroy(struct pn_object_book **book)
{
    if (*book == NULL) {
        return;
    }
    free((*book)->known);
    free((*book)->added);
    pn_arena_deinit(&(*book)->arena);
    free(*book);
    *book = NULL;
}

static struct entry *find(const struct pn_object_book *book, const char *key)
{
    const struct entry wanted = {.key = key};
    return bsearch(&wanted, book->known, book->known_count, sizeof *book->known, by_key);
}

bool pn_object_book_wants(struct pn_object_book *book, const struct pn_object *object)
{
    struct entry *entry = find(book, object->key);
    const int64_t what = what_of(object);
    if (book->afresh || entry == NULL || entry->what == 0) {
        return true;
    }
    if (entry->what == what) {
        book->same++;
    } else if (entry->what >> TAG_BITS == what >> TAG_BITS) {
        book->moved_example = book->moved++ == 0 ? entry->key : book->moved_example;
        entry->moved_to = what;
    } else {
        book->changed_example = book->changed++ == 0 ? entry->key : book->changed_example;
    }
    return false;
}

static bool are_copies(const struct pn_object_book *book)
{
    return book->changed == 0 && book->same == 0 && book->moved > 1;
}

int64_t pn_object_book_copies(const struct pn_object_book *book, const char **example)
{
    *example = book->moved_example;
    return are_copies(book) ? book->moved : 0;
}

int pn_object_book_check(const struct pn_object_book *book, const char *table, struct pn_err *e)
{
    int64_t count = book->changed + book->moved;
    return count == 0 || are_copies(book)
               ? 0
               : pn_err_input(
                     e,
                     "%s (%" PRId64 " %s in all) changed since table '%s' took it, and its rows "
                     "of before are in the table: put the object back and give the new data "
                     "another name, or run the load with --full-refresh, which makes the table "
                     "from the objects that there are",
                     book->changed > 0 ? book->changed_example : book->moved_example, count,
                     pn_noun(count, "object", "objects"), table);
}

void pn_object_book_add(struct pn_object_book *book, const struct pn_object *object)
{
    struct entry *entry = find(book, object->key);
    if (entry != NULL) {
        entry->is_taken_now = true;
    }
    pn_grow((void **)&book->added, &book->added_capacity, book->added_count + 1,
            sizeof *book->added);
    book->added[book->added_count++] =
        (struct entry){.key = pn_arena_strdup(&book->arena, object->key), .what = what_of(object)};
}

void pn_object_book_txns(struct pn_object_book *book, int64_t now_ms, struct pn_delta_txn **txns,
                         int64_t **before, size_t *count)
{
    size_t most = *count + book->known_count + book->added_count;
    *txns = pn_xrealloc(*txns, (most + 1) * sizeof **txns);
    *before = pn_xrealloc(*before, (most + 1) * sizeof **before);
    for (size_t i = 0; i < book->known_count + book->added_count; i++) {
        bool is_known = i < book->known_count;
        const struct entry *entry =
            is_known ? &book->known[i] : &book->added[i - book->known_count];
        bool is_gone = book->afresh && !entry->is_taken_now && entry->what != 0;
        bool is_copied = entry->moved_to != 0 && are_copies(book);
        if (is_known && !is_gone && !is_copied) {
            continue;
        }
        (*before)[*count] = PN_DELTA_TXN_ANY;
        (*txns)[(*count)++] = (struct pn_delta_txn){
            .app_id = pn_arena_printf(&book->arena, "%s%s", PREFIX, entry->key),
            .version = is_known ? entry->moved_to : entry->what,
            .updated_ms = now_ms};
    }
}
