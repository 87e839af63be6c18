/*
 * What the settings say to each station. Defaults and limits stand in the table of settings alone,
 * so the program, unit tests and benches all begin with these functions.
 *
 * Each sets its config to what the settings say, and everything that is not a setting (folders,
 * what the station stands on) to zero. Texts are borrowed from the settings.
 */
#ifndef PN_SETTINGS_CONFIGS_H
#define PN_SETTINGS_CONFIGS_H

#include "aws/aws.h"
#include "delta/delta.h"
#include "engine/spark/databricks/databricks.h"
#include "engine/spark/submit.h"
#include "http/server.h"
#include "kafka/rest/rest.h"
#include "kinesis/kinesis.h"
#include "log/embedded/embedded.h"
#include "log/kafka/kafka.h"
#include "query/executor.h"
#include "settings/settings.h"
#include "sink/sink.h"
#include "store/s3/s3.h"

void pn_settings_to_log(const struct pn_settings *settings, struct pn_embedded_config *config);
/* The same for log.url, without the folder. */
void pn_settings_to_kafka(const struct pn_settings *settings, struct pn_kafka_config *config);
void pn_settings_to_http(const struct pn_settings *settings, struct pn_http_config *config);
void pn_settings_to_kafka_rest(const struct pn_settings *settings,
                               struct pn_kafka_rest_config *config);
void pn_settings_to_aws(const struct pn_settings *settings, struct pn_aws_config *config);
void pn_settings_to_kinesis(const struct pn_settings *settings, struct pn_kinesis_config *config);
void pn_settings_to_sink(const struct pn_settings *settings, struct pn_sink_config *config);
void pn_settings_to_executor(const struct pn_settings *settings, struct pn_executor_config *config);
/* The region is that of the environment where no setting gives one. */
void pn_settings_to_s3(const struct pn_settings *settings, struct pn_s3_config *config);
void pn_settings_to_delta(const struct pn_settings *settings, struct pn_delta_config *config);
void pn_settings_to_spark_submit(const struct pn_settings *settings,
                                 struct pn_spark_submit_config *config);
void pn_settings_to_databricks(const struct pn_settings *settings,
                               struct pn_databricks_config *config);

#endif
