/*
 * What the routes of consumers share: the bodies of their requests and replies.
 *
 * Functions that return false, or a handled request, have written the reply.
 */
#ifndef PN_KAFKA_REST_INSTANCE_BODIES_H
#define PN_KAFKA_REST_INSTANCE_BODIES_H

#include "kafka/rest/private.h"

enum { PN_KAFKA_REST_WITH_OFFSETS = 1 };

/* The instance that the path names. */
struct pn_kafka_rest_instance_id pn_kafka_rest_id_of(const struct pn_http_request *req);
enum pn_http_handled pn_kafka_rest_reply_refusal(struct pn_http_request *req,
                                                 const struct pn_kafka_rest_refusal *refusal);

/* The body as JSON: an object, or NULL when it's empty or null. */
bool pn_kafka_rest_take_body(struct pn_http_request *req, const struct pn_json **root);
/* The string, in the request's arena; NULL when the node is none, or has a NUL. */
const char *pn_kafka_rest_text_of(struct pn_http_request *req, const struct pn_json *node);
/* The array member `name` of positions, in the request's arena. */
bool pn_kafka_rest_take_positions(struct pn_http_request *req, const struct pn_json *root,
                                  const char *name, bool with_offset,
                                  struct pn_kafka_rest_positions *positions);
/* Are the positions left out: no body, {}, or null for them? Then all that the instance has are
 * meant. A body with other members is not that: one of them is misspelt. */
bool pn_kafka_rest_means_all(const struct pn_json *root, const char *name);

/* Replies with an object whose member `name` has the positions. */
void pn_kafka_rest_write_positions(struct pn_http_request *req, const char *name,
                                   const struct pn_kafka_rest_positions *positions, unsigned with);

#endif
