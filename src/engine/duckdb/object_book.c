#include "engine/duckdb/object_book.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "base/units.h"

static const char PREFIX[] = "pinion/file/";
static const char SUM_PREFIX[] = "pinion/sum/";
enum { TAG_BITS = 31 };
#define TAG_MASK ((INT64_C(1) << TAG_BITS) - 1)

struct entry {
    const char *key;
    int64_t what;     /* that the table has taken; 0: it has not */
    int64_t sum;      /* of its bytes; -1: not known */
    int64_t moved_to; /* what it is, if that is the same size with another etag; 0: it is not */
    bool is_same;     /* its bytes are those that were taken */
    bool is_taken_now;
    bool is_sum_new; /* added: the table knows another one, or none */
};

struct pn_object_book {
    struct pn_arena arena;
    struct entry *known; /* of the snapshot, by their keys */
    size_t known_count;
    bool afresh;
    struct entry *added;
    size_t added_count;
    size_t added_capacity;
    struct entry **unsure; /* to be compared */
    size_t unsure_count;
    int64_t same;   /* objects of the listing that have the etag with which they were taken */
    int64_t proven; /* ... another one, and the same bytes */
    int64_t moved;  /* ... another one, and the same size */
    const char *moved_example;
    int64_t changed; /* ... other bytes, or another size */
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

static struct entry *find(const struct pn_object_book *book, const char *key)
{
    const struct entry wanted = {.key = key};
    return bsearch(&wanted, book->known, book->known_count, sizeof *book->known, by_key);
}

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
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
        if (begins(txn->app_id, PREFIX)) {
            book->known[book->known_count++] =
                (struct entry){.key = pn_arena_strdup(&book->arena, txn->app_id + strlen(PREFIX)),
                               .what = txn->version,
                               .sum = -1};
        }
    }
    qsort(book->known, book->known_count, sizeof *book->known, by_key);
    for (size_t i = 0; i < count; i++) {
        const struct pn_delta_txn *txn = &snapshot->txns[i];
        struct entry *entry =
            begins(txn->app_id, SUM_PREFIX) ? find(book, txn->app_id + strlen(SUM_PREFIX)) : NULL;
        if (entry != NULL) {
            entry->sum = txn->version;
        }
    }
    book->unsure = pn_xcalloc(book->known_count + 1, sizeof(struct entry *));
    return book;
}

void pn_object_book_destroy(struct pn_object_book **book)
{
    if (*book == NULL) {
        return;
    }
    free((*book)->known);
    free((*book)->unsure);
    free((*book)->added);
    pn_arena_deinit(&(*book)->arena);
    free(*book);
    *book = NULL;
}

static void count_moved(struct pn_object_book *book, const struct entry *entry)
{
    book->moved_example = book->moved++ == 0 ? entry->key : book->moved_example;
}

static void count_changed(struct pn_object_book *book, const struct entry *entry)
{
    book->changed_example = book->changed++ == 0 ? entry->key : book->changed_example;
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
        entry->moved_to = what;
        if (entry->sum >= 0) {
            book->unsure[book->unsure_count++] = entry;
        } else {
            count_moved(book, entry);
        }
    } else {
        count_changed(book, entry);
    }
    return false;
}

size_t pn_object_book_unsure(const struct pn_object_book *book)
{
    return book->unsure_count;
}

const char *pn_object_book_unsure_key(const struct pn_object_book *book, size_t i)
{
    return book->unsure[i]->key;
}

void pn_object_book_compare(struct pn_object_book *book, size_t i, const struct pn_object *found)
{
    struct entry *entry = book->unsure[i];
    if (!found->has_sum) {
        entry->moved_to = 0;
        return;
    }
    entry->moved_to = what_of(found);
    entry->is_same =
        found->crc32c == entry->sum && entry->moved_to >> TAG_BITS == entry->what >> TAG_BITS;
    if (entry->is_same) {
        book->proven++;
    } else {
        count_changed(book, entry);
    }
}

void pn_object_book_forget_sums(struct pn_object_book *book)
{
    for (size_t i = 0; i < book->unsure_count; i++) {
        count_moved(book, book->unsure[i]);
    }
    book->unsure_count = 0;
}

static bool are_copies(const struct pn_object_book *book)
{
    return book->changed == 0 && book->same == 0 && book->moved > 0 &&
           book->moved + book->proven > 1;
}

int64_t pn_object_book_copies(const struct pn_object_book *book, const char **example)
{
    *example = book->moved_example;
    return are_copies(book) ? book->moved : 0;
}

int pn_object_book_check(const struct pn_object_book *book, const char *table, struct pn_err *e)
{
    int64_t count = book->changed + book->moved;
    if (count == 0 || are_copies(book)) {
        return 0;
    }
    if (book->changed == 0) {
        return pn_err_input(
            e,
            "%s (%" PRId64 " %s in all) was written since table '%s' took it, with the same size, "
            "and the table's log does not say whether its bytes are the same: give new data "
            "another name, and run the load with --full-refresh, which makes the table from the "
            "objects that there are",
            book->moved_example, count, pn_noun(count, "object", "objects"), table);
    }
    return pn_err_input(
        e,
        "%s (%" PRId64 " %s in all) changed since table '%s' took it, and its rows of before are "
        "in the table: put the object back and give the new data another name, or run the load "
        "with --full-refresh, which makes the table from the objects that there are",
        book->changed_example, count, pn_noun(count, "object", "objects"), table);
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
        (struct entry){.key = pn_arena_strdup(&book->arena, object->key),
                       .what = what_of(object),
                       .sum = object->has_sum ? (int64_t)object->crc32c : -1,
                       .is_sum_new = object->has_sum || (entry != NULL && entry->sum >= 0)};
}

static void add_txn(struct pn_object_book *book, const char *prefix, const char *key,
                    int64_t version, int64_t now_ms, struct pn_delta_txn *txn)
{
    *txn = (struct pn_delta_txn){.app_id = pn_arena_printf(&book->arena, "%s%s", prefix, key),
                                 .version = version,
                                 .updated_ms = now_ms};
}

void pn_object_book_txns(struct pn_object_book *book, int64_t now_ms, struct pn_delta_txn **txns,
                         int64_t **before, size_t *count)
{
    size_t most = *count + book->known_count + 2 * book->added_count;
    *txns = pn_xrealloc(*txns, (most + 1) * sizeof **txns);
    *before = pn_xrealloc(*before, (most + 1) * sizeof **before);
    size_t at = *count;
    for (size_t i = 0; i < book->known_count; i++) {
        const struct entry *entry = &book->known[i];
        bool is_gone = book->afresh && !entry->is_taken_now && entry->what != 0;
        bool is_moved = entry->moved_to != 0 && (entry->is_same || are_copies(book));
        if (is_gone || is_moved) {
            add_txn(book, PREFIX, entry->key, entry->moved_to, now_ms, &(*txns)[at++]);
        }
    }
    for (size_t i = 0; i < book->added_count; i++) {
        const struct entry *entry = &book->added[i];
        add_txn(book, PREFIX, entry->key, entry->what, now_ms, &(*txns)[at++]);
        if (entry->is_sum_new) {
            add_txn(book, SUM_PREFIX, entry->key, entry->sum, now_ms, &(*txns)[at++]);
        }
    }
    for (; *count < at; (*count)++) {
        (*before)[*count] = PN_DELTA_TXN_ANY;
    }
}
