# Kafka, its client host, the gateway, the REST API in front of that, and the sink to S3. One file a subject.

provider "aws" {
  region = var.region

  default_tags {
    tags = { Project = "pinion" }
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_s3_bucket" "storage" {
  bucket = var.bucket_name
}

module "network" {
  source = "../modules/network"

  name            = "pinion-batch"
  region          = var.region
  cidr_block      = "10.0.0.0/16"
  private_subnets = 2
  public_subnets  = 1
}

locals {
  # arn:...:cluster/NAME/UUID, of which the ARNs of topics and groups are made.
  cluster_path = trimprefix(
    aws_msk_cluster.kafka.arn,
    "arn:${data.aws_partition.current.partition}:kafka:${var.region}:${data.aws_caller_identity.current.account_id}:cluster/",
  )
  kafka_arn = "arn:${data.aws_partition.current.partition}:kafka:${var.region}:${data.aws_caller_identity.current.account_id}"
  groups    = "${local.kafka_arn}:group/${local.cluster_path}"
  topics    = [for prefix in var.topic_prefixes : "${local.kafka_arn}:topic/${local.cluster_path}/${prefix}*"]
}
