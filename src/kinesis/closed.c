/* Streams that are closed: what is kept of them besides their records is damaged, or their topic
 * is. The others are not touched by it. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kinesis/internal.h"

void pn_kinesis_close_stream(struct pn_kinesis *kinesis, const char *name, const struct pn_err *why)
{
    pn_grow((void **)&kinesis->closed, &kinesis->closed_capacity, kinesis->closed_count + 1,
            sizeof *kinesis->closed);
    struct pn_closed_stream *closed = &kinesis->closed[kinesis->closed_count++];
    closed->name = pn_xstrdup(name);
    (void)pn_err_set(&closed->why, PN_CLASS_CORRUPT, PN_KINESIS_INTERNAL,
                     "Stream %s is closed, and its records stay as they are: %s", name, why->msg);
    pn_logger_error(kinesis->logger, "kinesis", "%s", closed->why.msg);
}

int pn_kinesis_check_closed(const struct pn_kinesis *kinesis, const char *name, struct pn_err *e)
{
    for (size_t i = 0; i < kinesis->closed_count; i++) {
        if (strcmp(kinesis->closed[i].name, name) == 0) {
            pn_err_copy(e, &kinesis->closed[i].why);
            return PN_KINESIS_INTERNAL;
        }
    }
    return 0;
}

size_t pn_kinesis_closed_count(const struct pn_kinesis *kinesis)
{
    return kinesis->closed_count;
}

const char *pn_kinesis_closed(const struct pn_kinesis *kinesis, size_t place, const char **why)
{
    PN_ASSERT(place < kinesis->closed_count);
    *why = kinesis->closed[place].why.msg;
    return kinesis->closed[place].name;
}

void pn_kinesis_closed_deinit(struct pn_kinesis *kinesis)
{
    for (size_t i = 0; i < kinesis->closed_count; i++) {
        free(kinesis->closed[i].name);
    }
    free(kinesis->closed);
}
