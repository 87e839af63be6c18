/* The setting kinesis.consumer: the name or the ARN of the consumer as which shards are subscribed
 * to (kinesis_fanout.h). */
#ifndef PN_PROCESSOR_KINESIS_CONSUMER_H
#define PN_PROCESSOR_KINESIS_CONSUMER_H

#include <stdbool.h>

#include "base/err.h"

enum { PN_KINESIS_CONSUMER_ARN_SIZE = 512 };

bool pn_kinesis_consumer_is_arn(const char *consumer);
/* Is it a name that a consumer may have, or the ARN of one? Else INPUT. */
int pn_kinesis_consumer_check(const char *consumer, struct pn_err *e) PN_MUST_CHECK;
/* May it be a consumer of the stream with that ARN? A name may be of any; else FATAL. */
int pn_kinesis_consumer_check_stream(const char *consumer, const char *stream,
                                     const char *stream_arn, struct pn_err *e) PN_MUST_CHECK;

#endif
