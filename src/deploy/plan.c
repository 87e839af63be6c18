#include "deploy/plan.h"

#include <string.h>

/* What an hour costs in a month of 730 hours. */
#define MONTH(hour_usd) ((hour_usd)*730)

const char pn_deploy_price_source[] =
    "an estimate in US dollars from list prices of us-east-1 as remembered in 2025, not looked up; "
    "check the price pages of AWS and Databricks";

static const char storage[] = "main-storage-s3-tf";
static const char batch[] = "batch-ingestion-tf";
static const char stream[] = "stream-ingestion-tf";
static const char databricks[] = "databricks-tf";
static const char mwaa[] = "mwaa-orchestration-tf";

const struct pn_deploy_item pn_deploy_plan[] = {
    {1, storage, "S3 bucket for landed objects and tables, private and encrypted", "10 GB x 0.023",
     0.23, NULL, NULL},
    {1, storage, "ECR repository for the gateway's image", "1 GB x 0.10", 0.10, "ecs", NULL},
    {2, batch, "network: 2 private subnets, a public one, NAT gateway, S3 endpoint",
     "0.045 an hour, 0.005 its address", MONTH(0.050), NULL, NULL},
    {2, batch, "MSK cluster: 2 brokers kafka.m7g.large, TLS and IAM",
     "2 x 0.204 an hour, 2 x 10 GB x 0.10", MONTH(2 * 0.204) + 2.0, NULL, NULL},
    {2, batch, "Kafka client host t3.small, 16 GB disk", "0.0208 an hour, 16 GB x 0.08",
     MONTH(0.0208) + 1.28, NULL, NULL},
    {2, batch, "S3 sink: MSK Connect, 1 or 2 workers of 1 MCU", "0.11 an hour a worker",
     MONTH(0.11), NULL, "msk-connect"},
    {2, batch, "gateway on ECS: 2 containers on Fargate, each 0.5 vCPU and 1 GB",
     "2 x (0.5 x 0.04048 + 1 x 0.004445) an hour", MONTH(2 * (0.5 * 0.04048 + 0.004445)), "ecs",
     NULL},
    {2, batch, "API Gateway with an API key, private link and load balancer",
     "0.0225 an hour; 3.50 a million requests", MONTH(0.0225), NULL, NULL},
    {2, batch, "KMS key, log groups", "the key 1.00; logs 0.50 a GB", 1.0, NULL, NULL},
    {3, NULL, "Ansible on the client host: pinion, Kafka's tools, the topics", "nothing", 0, NULL,
     NULL},
    {4, stream, "3 Kinesis streams of 2 shards, kept for 24 hours, encrypted",
     "6 x 0.015 an hour; 0.014 a million payload units", MONTH(6 * 0.015), NULL, NULL},
    {4, stream, "API Gateway with an API key for the streams", "3.50 a million requests", 0, NULL,
     NULL},
    {5, databricks, "workspace: network with NAT gateway, root bucket, roles",
     "0.045 an hour, 0.005 its address", MONTH(0.050), NULL, NULL},
    {5, databricks, "cluster: driver and 1 worker, ends when idle for 20 minutes; notebooks",
     "20 hours x 2 x (0.25 + 1 DBU x 0.55)", 20 * 2 * (0.25 + 0.55), NULL, NULL},
    {6, NULL, "the DAG, prepared from the outputs of databricks-tf: pinion deploy airflow",
     "nothing", 0, NULL, NULL},
    {7, mwaa, "network: 2 private subnets, 2 public ones, NAT gateway",
     "0.045 an hour, 0.005 its address", MONTH(0.050), NULL, NULL},
    {7, mwaa, "MWAA environment mw1.small, 1 or 2 workers, and its bucket",
     "0.49 an hour; 0.055 an hour for the second worker", MONTH(0.49), NULL, NULL},
    {8, NULL, "by hand: the connection databricks_default in Airflow (docs/deploy.md)", "nothing",
     0, NULL, NULL},
    {0, NULL, NULL, NULL, 0, NULL, NULL},
};

static bool is_one_of(const char *wanted, const char *value)
{
    return wanted == NULL || strcmp(wanted, value) == 0;
}

bool pn_deploy_makes(const struct pn_deploy_item *item, const char *gateway, const char *sink)
{
    return is_one_of(item->gateway, gateway) && is_one_of(item->sink, sink);
}
