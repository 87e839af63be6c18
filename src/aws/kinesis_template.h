/*
 * The mapping templates of the API Gateway in front of Kinesis: a body that people send to the REST
 * routes becomes the input of a call. What they do is what AWS's tutorial has them do:
 *
 *   record   Data         the JSON text of $.Data, compact, whatever it is: a string keeps its
 *                         quotes; `""` when there is none
 *   records  Data         of each element: a string's own bytes, without quotes; the JSON text of
 *                         anything else; `""` when there is none
 *            keys         {"records": [{"data", "partition-key"}]}, and likewise
 *                         {"Records": [{"Data", "PartitionKey"}]}
 *   both     PartitionKey as text, whatever it is; empty when there is none (the call refuses it)
 *            StreamName   of the URL; what the body says is not looked at
 *
 * Everything that the input points to is in the arena.
 */
#ifndef PN_AWS_KINESIS_TEMPLATE_H
#define PN_AWS_KINESIS_TEMPLATE_H

#include "base/arena.h"
#include "base/json.h"

/* An object without members; and members for it, which are added in this order. */
struct pn_json *pn_aws_template_object(struct pn_arena *arena);
void pn_aws_template_text(struct pn_arena *arena, struct pn_json *object, const char *key,
                          const char *text);
/* A number when the text is one, else the text: the call then says what is wrong with it. */
void pn_aws_template_number(struct pn_arena *arena, struct pn_json *object, const char *key,
                            const char *text);

/* `body` may be NULL or no object. */
struct pn_json *pn_aws_template_put_record(struct pn_arena *arena, const char *stream,
                                           const struct pn_json *body);
struct pn_json *pn_aws_template_put_records(struct pn_arena *arena, const char *stream,
                                            const struct pn_json *body);
/* ShardCount is 5 when there is none. */
struct pn_json *pn_aws_template_create_stream(struct pn_arena *arena, const char *stream,
                                              const struct pn_json *body);

#endif
