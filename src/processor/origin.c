#include "processor/origin.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define OF "/of/"

const char *pn_processor_origin_of(const char *arn, struct pn_arena *arena)
{
    /* arn:aws:kinesis:<region>:<account>:stream/<name> */
    enum { BEFORE_REGION = 3 };
    const char *region = arn;
    for (int i = 0; i < BEFORE_REGION && region != NULL; i++) {
        region = strchr(region, ':');
        region = region != NULL ? region + 1 : NULL;
    }
    const char *account = region != NULL ? strchr(region, ':') : NULL;
    const char *end = account != NULL ? strchr(account + 1, ':') : NULL;
    return end != NULL && account > region && end > account + 1
               ? pn_arena_strndup(arena, region, (size_t)(end - region))
               : NULL;
}

/* "account 123456789012 in eu-west-2" */
static char *describe(const char *origin)
{
    const char *account = strchr(origin, ':');
    return account != NULL
               ? pn_xasprintf("account %s in %.*s", account + 1, (int)(account - origin), origin)
               : pn_xstrdup(origin);
}

int pn_processor_origin_check(const struct pn_delta_snapshot *table, const char *stream,
                              const char *origin, struct pn_err *e)
{
    char *start = pn_xasprintf("pinion/%s/", stream);
    const char *other = NULL;
    for (size_t i = 0; table != NULL && origin != NULL && i < table->txn_count; i++) {
        const char *app_id = table->txns[i].app_id;
        const char *of =
            strncmp(app_id, start, strlen(start)) == 0 ? strstr(app_id + strlen(start), OF) : NULL;
        if (of != NULL && strcmp(of + strlen(OF), origin) != 0) {
            other = of + strlen(OF);
        }
    }
    free(start);
    if (other == NULL) {
        return 0;
    }
    char *filled_from = describe(other);
    char *is_now = describe(origin);
    int rc = pn_err_fatal(e,
                          "the table was filled from the stream %s of %s, and the Kinesis of "
                          "kinesis.endpoint has that of %s: set kinesis.endpoint, aws.region and "
                          "the credentials back, or fill another table from this one",
                          stream, filled_from, is_now);
    free(filled_from);
    free(is_now);
    return rc;
}

bool pn_processor_origin_is_known(const struct pn_delta_snapshot *table, const char *app_id,
                                  const char *origin)
{
    char *name = pn_xasprintf("%s" OF "%s", app_id, origin);
    bool is_known = pn_delta_txn_version(table, name) >= 0;
    free(name);
    return is_known;
}

struct pn_append_mark pn_processor_origin_mark(const char *app_id, const char *origin,
                                               struct pn_arena *arena)
{
    return (struct pn_append_mark){.app_id = pn_arena_printf(arena, "%s" OF "%s", app_id, origin),
                                   .version = 1};
}
