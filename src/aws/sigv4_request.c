#include "aws/private.h"
#include "aws/reply.h"
#include "aws/sigv4.h"

static const struct pn_sigv4_pair *convert(struct pn_http_pairs pairs, struct pn_arena *arena)
{
    struct pn_sigv4_pair *converted = pn_arena_calloc(arena, pairs.count + 1, sizeof *converted);
    for (size_t i = 0; i < pairs.count; i++) {
        converted[i].name = pairs.items[i].name;
        converted[i].value = pairs.items[i].value;
    }
    return converted;
}

bool pn_aws_sigv4_check_request(const struct pn_aws *aws, struct pn_http_request *req)
{
    const struct pn_aws_sigv4_keys keys = {.access_key = aws->config.access_key,
                                           .secret_key = aws->config.secret_key,
                                           .service = "kinesis"};
    const struct pn_http_pairs query = pn_http_request_queries(req);
    const struct pn_http_pairs headers = pn_http_request_headers(req);
    const struct pn_sigv4_request request = {
        .method = "POST", /* of the only route that is signed here, and its path */
        .path = "/",
        .query = convert(query, &req->arena),
        .query_count = query.count,
        .headers = convert(headers, &req->arena),
        .header_count = headers.count,
        .body = req->body,
        .body_len = req->body_len};
    const char *message = NULL;
    const char *type =
        pn_aws_sigv4_verify(&keys, &request, pn_wall_ms(aws->env.clock), &req->arena, &message);
    if (type != NULL) {
        pn_aws_error(req, 400, type, message);
    }
    return type == NULL;
}
