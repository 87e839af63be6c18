#include "aws/aws.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "aws/private.h"
#include "base/mem.h"

static int open_remote(const struct pn_aws_config *config, const struct pn_aws_env *env,
                       struct pn_remote **remote, struct pn_err *e)
{
    const struct pn_remote_env remote_env = {
        .io = env->io, .clock = env->clock, .metrics = env->metrics};
    const struct pn_remote_config remote_config = {.endpoint = config->endpoint,
                                                   .region = config->region};
    return pn_remote_create(&remote_config, &remote_env, remote, e);
}

int pn_aws_create(const struct pn_aws_config *config, const struct pn_aws_env *env,
                  struct pn_aws **aws, struct pn_err *e)
{
    bool has_keys = *config->access_key != '\0';
    if (has_keys != (*config->secret_key != '\0')) {
        return pn_err_input(e,
                            "aws.access_key and aws.secret_key belong together: set both, or none "
                            "to take any signature");
    }
    struct pn_aws *made = pn_xcalloc(1, sizeof *made);
    if (*config->endpoint != '\0' && open_remote(config, env, &made->remote, e) != 0) {
        free(made);
        return PN_FAIL;
    }
    made->config.access_key = pn_xstrdup(config->access_key);
    made->config.secret_key = pn_xstrdup(config->secret_key);
    made->env = *env;
    /* A signature that is checked takes the place of an API key. */
    made->api_route = (struct pn_http_route){.method = PN_HTTP_POST,
                                             .pattern = "",
                                             .handle = pn_aws_kinesis_api,
                                             .flags = has_keys ? PN_HTTP_ROUTE_CHECKED : 0,
                                             .right = PN_RIGHT_OPERATION,
                                             .scope = PN_OF_STREAMS};
    made->records = pn_metrics_get(env->metrics, PN_METRIC_GATEWAY_RECORDS, NULL);
    made->operations = pn_xcalloc(pn_operation_count, sizeof *made->operations);
    for (size_t i = 0; i < pn_operation_count; i++) {
        made->operations[i] =
            pn_metrics_get(env->metrics, PN_METRIC_KINESIS_REQUESTS, pn_operations[i].name);
    }
    *aws = made;
    return 0;
}

void pn_aws_add_fronts(struct pn_aws *aws, struct pn_http_server *server)
{
    pn_http_server_add_front(server, &pn_aws_front_kinesis_api, aws);
    pn_http_server_add_route(server, &pn_aws_front_kinesis_api, &aws->api_route, aws);
    pn_http_server_add_front(server, &pn_aws_front_kinesis_rest, aws);
}

void pn_aws_destroy(struct pn_aws **aws)
{
    struct pn_aws *gone = *aws;
    if (gone == NULL) {
        return;
    }
    pn_remote_destroy(&gone->remote);
    OPENSSL_cleanse((char *)gone->config.secret_key, strlen(gone->config.secret_key));
    free((char *)gone->config.access_key);
    free((char *)gone->config.secret_key);
    free(gone->operations);
    free(gone);
    *aws = NULL;
}
