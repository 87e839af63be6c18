/* The keys of landed objects, written and read. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sink/note.h"
#include "sink/private.h"

enum {
    LANDED_BYTES_MAX = 1024 * 1024 * 1024,
    NUMBER_LEN = 10,
    /* The keys of smaller numbers begin with a zero, so they come before those of longer ones. */
    IN_ORDER_MAX = 1000000000,
    PAGE_KEYS = 1000
};

static const char EXTENSION[] = ".json";

/* What the keys of all objects of the partition start with. Caller frees. */
static char *key_start(const char *dir, const struct pn_sink_memory *memory)
{
    return pn_xasprintf("%s/%s/partition=%" PRId32 "/%s+%" PRId32 "+", dir, memory->topic,
                        memory->partition, memory->topic, memory->partition);
}

char *pn_sink_key(const char *dir, const struct pn_sink_memory *memory, int64_t number)
{
    char *start = key_start(dir, memory);
    char *key = pn_xasprintf("%s%010" PRId64 "%s", start, number, EXTENSION);
    free(start);
    return key;
}

/* A list of the numbers from `from` on and before `end`. */
struct search {
    size_t start_len;
    int64_t from;
    int64_t end;
    size_t count_max;
    size_t count;
    void (*fn)(void *arg, int64_t number);
    void *arg;
    bool is_over; /* there may be more, but nobody needs them */
};

static int see_object(void *arg, const struct pn_object *object)
{
    struct search *search = arg;
    const char *digits = object->key + search->start_len;
    size_t len = strspn(digits, "0123456789");
    if (len == 0 || len > 18 || strcmp(digits + len, EXTENSION) != 0) {
        return 0; /* not one of ours */
    }
    int64_t number = strtoll(digits, NULL, 10);
    if (number >= search->from && number < search->end) {
        search->fn(search->arg, number);
        search->count++;
    }
    /* The numbers of the usual length are in order, whatever longer ones are between them. */
    search->is_over =
        search->count == search->count_max || (number >= search->end && len == NUMBER_LEN);
    return search->is_over ? 1 : 0;
}

/* search->count is how many there are, at most count_max. */
static int list_numbers(struct pn_store *store, const char *dir,
                        const struct pn_sink_memory *memory, struct search *search,
                        struct pn_err *e)
{
    char *start = key_start(dir, memory);
    char *after = search->from > 0 && search->from <= IN_ORDER_MAX
                      ? pn_sink_key(dir, memory, search->from - 1)
                      : NULL;
    search->start_len = strlen(start);
    int rc = pn_store_list(store, start, after, see_object, search, e);
    free(after);
    free(start);
    return search->is_over ? 0 : rc;
}

int pn_sink_each_number(struct pn_store *store, const char *dir,
                        const struct pn_sink_memory *memory, int64_t from, int64_t end,
                        void (*fn)(void *arg, int64_t number), void *arg, struct pn_err *e)
{
    struct search search = {.from = from, .end = end, .count_max = SIZE_MAX, .fn = fn, .arg = arg};
    return list_numbers(store, dir, memory, &search, e);
}

static void take_greatest(void *arg, int64_t number)
{
    int64_t *greatest = arg;
    *greatest = number > *greatest ? number : *greatest;
}

/*
 * A bucket lists a page of keys at a time, so the last page is looked for: ahead in steps that
 * double until there is nothing, then by halves. A folder is listed at once.
 */
int pn_sink_find_last(struct pn_store *store, const char *dir, const struct pn_sink_memory *memory,
                      int64_t from, int64_t below, int64_t *number, struct pn_err *e)
{
    bool is_bounded = false;
    int64_t step = PAGE_KEYS;
    *number = -1;
    for (int64_t low = from;;) {
        bool is_rest = low > IN_ORDER_MAX || !pn_store_keeps_notes(store);
        struct search search = {.from = is_rest && *number >= 0 ? *number + 1 : low,
                                .end = below,
                                .count_max = is_rest ? SIZE_MAX : PAGE_KEYS,
                                .fn = take_greatest,
                                .arg = number};
        int64_t known = *number;
        int rc = list_numbers(store, dir, memory, &search, e);
        if (rc != 0 || is_rest || (search.count > 0 && search.count < PAGE_KEYS) ||
            (search.count == 0 && low <= (known < 0 ? from : known + 1))) {
            return rc;
        }
        if (search.count == 0) {
            below = low;
            is_bounded = true;
        }
        low = *number + 1 + (is_bounded ? (below - *number - 1) / 2 : step);
        step *= 2;
    }
}

/* Adds the lines of an object; one that isn't there has none. */
static int add_lines(struct pn_store *store, const char *dir, const struct pn_sink_memory *memory,
                     int64_t number, int64_t *lines, struct pn_err *e)
{
    char *key = pn_sink_key(dir, memory, number);
    struct pn_buf text;
    struct pn_err failure;
    pn_buf_init(&text, LANDED_BYTES_MAX);
    int rc = pn_store_get(store, key, &text, &failure);
    for (size_t i = 0; i < text.len && rc == 0; i++) {
        *lines += text.data[i] == '\n';
    }
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        rc = 0;
    } else if (rc != 0) {
        pn_err_copy(e, &failure);
    }
    pn_buf_deinit(&text);
    free(key);
    return rc;
}

/* The number after all objects that were cut together with this one, by its note; -1: it has none.
 */
static int read_end(struct pn_sink *sink, const struct pn_sink_memory *memory, int64_t number,
                    int64_t *end, struct pn_err *e)
{
    char text[PN_NOTE_SIZE] = "";
    struct pn_err why = {0};
    struct pn_sink_note note;
    char *key = pn_sink_key(sink->config.topics_dir, memory, number);
    int rc = pn_store_note(sink->config.store, key, text, &why);
    *end = -1;
    if (rc == 0 && pn_sink_note_read(text, &note)) {
        *end = note.cuts.count > 0 ? number - note.at + note.next : number + 1;
        pn_sink_note_deinit(&note);
    } else if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        rc = 0; /* the greatest number is that of dead letters */
    } else if (rc != 0) {
        pn_err_copy(e, &why);
    }
    free(key);
    return rc;
}

int pn_sink_find_base(struct pn_sink *sink, const struct pn_sink_memory *memory, int64_t *base,
                      struct pn_err *e)
{
    const struct pn_sink_config *config = &sink->config;
    int64_t greatest = -1;
    int64_t lines = 0;
    int64_t end = -1;
    int64_t greatest_dead = -1;
    int rc =
        pn_sink_find_last(config->store, config->topics_dir, memory, 0, INT64_MAX, &greatest, e);
    if (rc == 0) {
        rc = pn_sink_find_last(config->store, config->dead_letters_dir, memory, 0, INT64_MAX,
                               &greatest_dead, e);
        greatest = greatest_dead > greatest ? greatest_dead : greatest;
    }
    if (rc == 0 && greatest >= 0 && sink->has_chain) {
        rc = read_end(sink, memory, greatest, &end, e);
    }
    if (rc == 0 && greatest >= 0 && end < 0) {
        rc = add_lines(config->store, config->topics_dir, memory, greatest, &lines, e);
    }
    if (rc == 0 && greatest >= 0 && end < 0) {
        rc = add_lines(config->store, config->dead_letters_dir, memory, greatest, &lines, e);
    }
    if (rc == 0) {
        *base = end >= 0 ? end : greatest >= 0 ? greatest + lines : 0;
    }
    return rc;
}
