/* Orders things that come after other things: tables after what they read, tasks after what they
 * wait for. */
#ifndef PN_PIPELINE_GRAPH_H
#define PN_PIPELINE_GRAPH_H

#include <stdbool.h>
#include <stddef.h>

struct pn_graph_node {
    const size_t *behind; /* indices of the nodes that come before it */
    size_t behind_count;
};

/*
 * Writes the `count` nodes' indices to `order`, each after all those it depends on, otherwise in
 * their own order. On a cycle the result is false, and order[0 .. *cycle_count-1] are the nodes of
 * one, each after the next and the last after the first.
 */
bool pn_graph_order(const struct pn_graph_node *nodes, size_t count, size_t *order,
                    size_t *cycle_count);

#endif
