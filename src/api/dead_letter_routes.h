/*
 * Dead letters on our own API (report/dead_letters.h):
 *
 *   GET  api/v1/dead_letters                the newest first, by pages, and how many there are by
 *        ?table&source&reason&kind          source, table and kind of reason
 *   GET  api/v1/dead_letters/{id}           one, with its whole value
 *   GET  api/v1/dead_letters/{id}/original  its bytes
 *   POST api/v1/dead_letters/resend         {"ids":[...]} or {"filter":{...}}, "cursor"?, and for
 *                                           one letter "edited":{"value","encoding"}: sends them to
 *                                           where they came from, each once (letters/letters.h)
 *   POST api/v1/dead_letters/drop           {"ids":[...]} or {"filter":{...}}, "dry_run"?,
 *                                           "limit"?, "seen"?: takes them away, and loads do not
 *                                           bring them back
 */
#ifndef PN_API_DEAD_LETTER_ROUTES_H
#define PN_API_DEAD_LETTER_ROUTES_H

#include "api/api.h"
#include "api/table_routes.h"
#include "letters/letters.h"
#include "query/executor.h"
#include "upkeep/letter_drop.h"

/* A drop that a client asks for. */
struct pn_api_letter_drop {
    struct pn_letter_choice choice;
    bool dry_run;
    const char *seen; /* the `found` of a dry run before; NULL: any */
    const char *who;  /* asks for it */
    /* What comes of it. */
    int64_t count;
    char found[PN_LETTERS_SEEN_SIZE];
};

/* Owned by the caller, until the server is gone; the members are borrowed. */
struct pn_api_dead_letter_routes {
    struct pn_executor *executor;
    const struct pn_api_table_routes *tables; /* to see which tables there are */
    struct pn_letters *letters;
    /* Chooses letters, and drops them (upkeep/letter_drop.h) with an engine of the server's.
     * CONFLICT: they are others than drop->seen. BLOCKS. */
    int (*drop)(void *arg, struct pn_api_letter_drop *drop, struct pn_err *e);
    void *drop_arg;
};

/* Adds the routes, before the server starts. */
void pn_api_dead_letter_routes_add(struct pn_api_dead_letter_routes *routes, struct pn_api *api);

#endif
