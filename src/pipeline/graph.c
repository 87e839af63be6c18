#include "pipeline/graph.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

static bool is_ready(const struct pn_graph_node *node, const bool *done)
{
    for (size_t i = 0; i < node->behind_count; i++) {
        if (!done[node->behind[i]]) {
            return false;
        }
    }
    return true;
}

/* From a node that never got ready, going to a predecessor that never did leads into a cycle. */
static size_t find_cycle(const struct pn_graph_node *nodes, size_t count, const bool *done,
                         size_t *cycle)
{
    size_t *place = pn_xcalloc(count, sizeof *place); /* 1 + where on the way a node is */
    size_t at = 0;
    while (done[at]) {
        at++;
    }
    size_t len = 0;
    while (place[at] == 0) {
        cycle[len++] = at;
        place[at] = len;
        size_t i = 0;
        while (done[nodes[at].behind[i]]) {
            i++;
            PN_ASSERT(i < nodes[at].behind_count);
        }
        at = nodes[at].behind[i];
    }
    size_t lead_in = place[at] - 1;
    memmove(cycle, cycle + lead_in, (len - lead_in) * sizeof *cycle);
    free(place);
    return len - lead_in;
}

bool pn_graph_order(const struct pn_graph_node *nodes, size_t count, size_t *order,
                    size_t *cycle_count)
{
    if (count == 0) {
        return true;
    }
    bool *done = pn_xcalloc(count, sizeof *done);
    size_t placed = 0;
    bool found = true;
    while (found && placed < count) {
        found = false;
        for (size_t i = 0; i < count && !found; i++) {
            if (!done[i] && is_ready(&nodes[i], done)) {
                done[i] = true;
                order[placed++] = i;
                found = true;
            }
        }
    }
    bool ok = placed == count;
    if (!ok) {
        *cycle_count = find_cycle(nodes, count, done, order);
    }
    free(done);
    return ok;
}
