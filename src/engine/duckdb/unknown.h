/*
 * Members that no column takes, counted by name: "w", or "pos.w" inside of a struct. Records are
 * counted per thread and level of nesting in a struct pn_unknown_names, which costs a comparison
 * where records are alike; these are then added to the struct pn_unknown of a load or a batch.
 */
#ifndef PN_ENGINE_DUCKDB_UNKNOWN_H
#define PN_ENGINE_DUCKDB_UNKNOWN_H

#include <pthread.h>

#include "engine/embedded.h"

enum {
    PN_UNKNOWN_DISTINCT_MAX = 1000, /* names distinguished; the values of others are only counted */
    PN_UNKNOWN_NAME_BYTES_MAX = 200 /* of a longer name the start counts */
};

struct pn_unknown_names; /* for one thread at a time */

/* Asked only when a name comes for the first time: a number of the record at hand, which rises from
 * record to record of a thread. */
struct pn_unknown_where {
    uint64_t (*record)(void *arg);
    void *arg;
};
#define PN_UNKNOWN_NO_RECORD UINT64_MAX

/* `where` is copied, its `arg` borrowed. */
struct pn_unknown_names *pn_unknown_names_create(const struct pn_unknown_where *where);
void pn_unknown_names_destroy(struct pn_unknown_names **names); /* NULL ok */
/* Counts a member once. `place` is where in its object it stands: records tend to be alike. */
void pn_unknown_names_count(struct pn_unknown_names *names, const char *name, size_t len,
                            size_t place);

/* What all threads counted. */
struct pn_unknown {
    pthread_mutex_t lock;
    struct pn_unknown_names *names;
};

void pn_unknown_init(struct pn_unknown *unknown);
void pn_unknown_deinit(struct pn_unknown *unknown);
/* Forgets all counts; no other thread may count. */
void pn_unknown_reset(struct pn_unknown *unknown);
/* Moves counts here; `path` ("pos.", or "") is put before each name. Any thread. */
void pn_unknown_add(struct pn_unknown *unknown, const char *path, struct pn_unknown_names *names);
/* Fills unknown_values, unknown and what belongs to it, but for the example's place. Control
 * characters in names are replaced, since names are shown to people. Returns the number of the
 * first record with the first name, or PN_UNKNOWN_NO_RECORD. */
uint64_t pn_unknown_report(struct pn_unknown *unknown, struct pn_table_report *report);

#endif
