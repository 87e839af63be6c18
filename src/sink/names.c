/* The keys of landed objects, written and read. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sink/private.h"

enum { LANDED_BYTES_MAX = 1024 * 1024 * 1024 };

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

struct search {
    size_t start_len;
    int64_t greatest; /* -1 for none */
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
    if (number > search->greatest) {
        search->greatest = number;
    }
    return 0;
}

/* The greatest number in use below `dir`, at least *greatest. */
static int find_greatest(struct pn_store *store, const char *dir,
                         const struct pn_sink_memory *memory, int64_t *greatest, struct pn_err *e)
{
    char *start = key_start(dir, memory);
    struct search search = {.start_len = strlen(start), .greatest = *greatest};
    int rc = pn_store_list(store, start, NULL, see_object, &search, e);
    *greatest = search.greatest;
    free(start);
    return rc;
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

int pn_sink_find_base(struct pn_sink *sink, const struct pn_sink_memory *memory, int64_t *base,
                      struct pn_err *e)
{
    const struct pn_sink_config *config = &sink->config;
    int64_t greatest = -1;
    int64_t lines = 0;
    int rc = find_greatest(config->store, config->topics_dir, memory, &greatest, e);
    if (rc == 0) {
        rc = find_greatest(config->store, config->dead_letters_dir, memory, &greatest, e);
    }
    if (rc == 0 && greatest >= 0) {
        rc = add_lines(config->store, config->topics_dir, memory, greatest, &lines, e);
    }
    if (rc == 0 && greatest >= 0) {
        rc = add_lines(config->store, config->dead_letters_dir, memory, greatest, &lines, e);
    }
    if (rc == 0) {
        *base = greatest >= 0 ? greatest + lines : 0;
    }
    return rc;
}
