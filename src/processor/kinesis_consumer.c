#include "processor/kinesis_consumer.h"

#include <string.h>

enum { NAME_LEN_MAX = 128 };

bool pn_kinesis_consumer_is_arn(const char *consumer)
{
    return strncmp(consumer, "arn:", 4) == 0;
}

static bool is_name(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len <= NAME_LEN_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len;
}

int pn_kinesis_consumer_check(const char *consumer, struct pn_err *e)
{
    const char *of = pn_kinesis_consumer_is_arn(consumer) ? strstr(consumer, "/consumer/") : NULL;
    if (is_name(consumer) || (of != NULL && strlen(consumer) < PN_KINESIS_CONSUMER_ARN_SIZE)) {
        return 0;
    }
    return pn_err_input(e,
                        "kinesis.consumer is \"%.200s\": give a name of up to %d letters, digits, "
                        "\"_\", \".\" and \"-\", or the ARN of a consumer",
                        consumer, NAME_LEN_MAX);
}

/* An ARN names its stream: <stream's ARN>/consumer/<name>:<time>. */
int pn_kinesis_consumer_check_stream(const char *consumer, const char *stream,
                                     const char *stream_arn, struct pn_err *e)
{
    size_t len = strlen(stream_arn);
    if (!pn_kinesis_consumer_is_arn(consumer) ||
        (strncmp(consumer, stream_arn, len) == 0 &&
         strncmp(consumer + len, "/consumer/", strlen("/consumer/")) == 0)) {
        return 0;
    }
    return pn_err_fatal(e,
                        "kinesis.consumer is the consumer of another stream than %s: %s. Give a "
                        "name in its place, which serves all streams",
                        stream, consumer);
}
