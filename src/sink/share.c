/* What a group has given a sink. */
#include <string.h>

#include "sink/private.h"

size_t pn_sink_share_find(const struct pn_sink_share *share, const char *topic, int32_t partition)
{
    size_t at = 0;
    while (at < share->owned_count && (share->owned[at].partition != partition ||
                                       strcmp(share->owned[at].topic, topic) != 0)) {
        at++;
    }
    return at;
}

bool pn_sink_share_has(const struct pn_sink_share *share, const char *topic, int32_t partition)
{
    return share->member == NULL ||
           pn_sink_share_find(share, topic, partition) < share->owned_count;
}
