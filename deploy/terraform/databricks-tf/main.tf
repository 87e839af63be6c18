# The Databricks workspace, and the role by which its clusters reach the data.

# These keys are the provider's alone: they are neither in the state nor in the workspace.
provider "aws" {
  region     = var.region
  access_key = var.aws_access_key_id
  secret_key = var.aws_secret_access_key

  default_tags {
    tags = { Project = "pinion" }
  }
}

provider "databricks" {
  alias         = "mws"
  host          = "https://accounts.cloud.databricks.com"
  account_id    = var.databricks_account_id
  client_id     = var.databricks_client_id
  client_secret = var.databricks_client_secret
}

provider "databricks" {
  alias         = "workspace"
  host          = module.workspace_provision.databricks_host
  client_id     = var.databricks_client_id
  client_secret = var.databricks_client_secret
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

locals {
  aws    = "arn:${data.aws_partition.current.partition}"
  bucket = "${local.aws}:s3:::${var.s3_mount_bucket_name}"
}

# Reads what has landed; writes tables and checkpoints; reads the streams.
data "aws_iam_policy_document" "data" {
  statement {
    sid       = "Bucket"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket"]
    resources = [local.bucket]
  }

  statement {
    sid       = "LandedObjects"
    actions   = ["s3:GetObject"]
    resources = ["${local.bucket}/topics/*", "${local.bucket}/dead_letters/*"]
  }

  statement {
    sid       = "Tables"
    actions   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = [for folder in var.table_folders : "${local.bucket}/${folder}/*"]
  }

  statement {
    sid = "Streams"
    actions = [
      "kinesis:DescribeStream",
      "kinesis:DescribeStreamSummary",
      "kinesis:GetRecords",
      "kinesis:GetShardIterator",
      "kinesis:ListShards",
    ]
    resources = [
      "${local.aws}:kinesis:${var.region}:${data.aws_caller_identity.current.account_id}:stream/${var.stream_prefix}*",
    ]
  }
}

resource "aws_iam_role" "data" {
  name_prefix        = "pinion-databricks-data-"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "data" {
  name_prefix = "data-"
  role        = aws_iam_role.data.id
  policy      = data.aws_iam_policy_document.data.json
}

resource "aws_iam_instance_profile" "data" {
  name_prefix = "pinion-databricks-data-"
  role        = aws_iam_role.data.name
}

module "workspace_provision" {
  source = "../modules/db-wrkspace-create"

  providers = {
    aws        = aws
    databricks = databricks.mws
  }

  region                      = var.region
  databricks_account_id       = var.databricks_account_id
  databricks_root_bucket_name = var.databricks_root_bucket_name
  workspace_name              = var.workspace_name
  data_role_arn               = aws_iam_role.data.arn
}

module "workspace_mgmt" {
  source = "../modules/db-wrkspace-mgmt"

  providers = {
    databricks = databricks.workspace
  }

  instance_profile_arn = aws_iam_instance_profile.data.arn
  notebook_folder      = var.notebook_folder
  workspace_folder     = var.workspace_folder
}
