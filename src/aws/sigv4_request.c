#include "aws/sigv4_request.h"

#include <string.h>

#include "aws/reply.h"
#include "aws/sigv4.h"
#include "http/internal.h"
#include "http/router.h"

struct pairs {
    struct pn_aws_sigv4_pair *at;
    size_t count;
};

static enum MHD_Result count_pair(void *arg, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    (void)kind;
    (void)name;
    (void)value;
    struct pairs *pairs = arg;
    pairs->count++;
    return MHD_YES;
}

static enum MHD_Result take_pair(void *arg, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    (void)kind;
    struct pairs *pairs = arg;
    pairs->at[pairs->count++] = (struct pn_aws_sigv4_pair){.name = name, .value = value};
    return MHD_YES;
}

static struct pairs list(struct pn_http_request *req, enum MHD_ValueKind kind)
{
    struct MHD_Connection *mhd = pn_http_conn_of(req)->mhd;
    struct pairs pairs = {0};
    (void)MHD_get_connection_values(mhd, kind, count_pair, &pairs);
    pairs.at = pn_arena_calloc(&req->arena, pairs.count + 1, sizeof *pairs.at);
    pairs.count = 0;
    (void)MHD_get_connection_values(mhd, kind, take_pair, &pairs);
    return pairs;
}

bool pn_aws_sigv4_check_request(struct pn_http_request *req)
{
    const struct pn_http_config *config = &req->server->config;
    const struct pn_aws_sigv4_keys keys = {.access_key = config->aws_access_key,
                                           .secret_key = config->aws_secret_key,
                                           .service = "kinesis"};
    const struct pairs query = list(req, MHD_GET_ARGUMENT_KIND);
    const struct pairs headers = list(req, MHD_HEADER_KIND);
    const struct pn_aws_sigv4_request request = {.method = pn_http_method_name(req->method),
                                                 .path = "/", /* the only one that is signed here */
                                                 .query = query.at,
                                                 .query_count = query.count,
                                                 .headers = headers.at,
                                                 .header_count = headers.count,
                                                 .body = req->body,
                                                 .body_len = req->body_len};
    const char *message = NULL;
    const char *type = pn_aws_sigv4_verify(&keys, &request, pn_wall_ms(req->server->env.clock),
                                           &req->arena, &message);
    if (type != NULL) {
        pn_aws_error(req, 400, type, message);
    }
    return type == NULL;
}
