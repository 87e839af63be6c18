# Airflow (Amazon MWAA), its bucket with the DAG, and its network.

provider "aws" {
  region = var.region

  default_tags {
    tags = { Project = "pinion" }
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

module "s3" {
  source = "../modules/s3"

  bucket_name   = var.dag_storage
  force_destroy = var.force_destroy
}

module "network" {
  source = "../modules/network"

  name            = "pinion-mwaa"
  region          = var.region
  cidr_block      = "10.1.0.0/16"
  private_subnets = 2
  public_subnets  = 2
}

resource "aws_s3_object" "requirements" {
  bucket      = module.s3.bucket_name
  key         = "requirements.txt"
  source      = "${path.module}/requirements.txt"
  source_hash = filemd5("${path.module}/requirements.txt")
}

# Written by `pinion deploy airflow`.
resource "aws_s3_object" "dag" {
  for_each = fileset(var.dag_folder, "*.py")

  bucket      = module.s3.bucket_name
  key         = "dags/${each.value}"
  source      = "${var.dag_folder}/${each.value}"
  source_hash = filemd5("${var.dag_folder}/${each.value}")
}

# The groups that MWAA would make by itself, and leave behind.
resource "aws_cloudwatch_log_group" "airflow" {
  for_each = toset(["DAGProcessing", "Scheduler", "Task", "WebServer", "Worker"])

  name              = "airflow-${var.mwaa_env_name}-${each.value}"
  retention_in_days = var.log_days
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["airflow.amazonaws.com", "airflow-env.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

locals {
  account = data.aws_caller_identity.current.account_id
  aws     = "arn:${data.aws_partition.current.partition}"
}

data "aws_iam_policy_document" "execution" {
  statement {
    sid       = "Metrics"
    actions   = ["airflow:PublishMetrics"]
    resources = ["${local.aws}:airflow:${var.region}:${local.account}:environment/${var.mwaa_env_name}"]
  }

  statement {
    sid       = "Bucket"
    actions   = ["s3:GetBucket*", "s3:GetObject*", "s3:List*"]
    resources = [module.s3.bucket_arn, "${module.s3.bucket_arn}/*"]
  }

  statement {
    sid       = "PublicAccess"
    actions   = ["s3:GetAccountPublicAccessBlock"]
    resources = ["*"] # the action knows no resource
  }

  statement {
    sid = "Logs"
    actions = [
      "logs:CreateLogGroup",
      "logs:CreateLogStream",
      "logs:GetLogEvents",
      "logs:GetLogGroupFields",
      "logs:GetLogRecord",
      "logs:GetQueryResults",
      "logs:PutLogEvents",
    ]
    resources = ["${local.aws}:logs:${var.region}:${local.account}:log-group:airflow-${var.mwaa_env_name}-*"]
  }

  statement {
    sid       = "LogGroups"
    actions   = ["logs:DescribeLogGroups"]
    resources = ["*"] # the action knows no resource
  }

  statement {
    sid       = "CloudWatch"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"] # the action knows no resource

    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = ["AmazonMWAA"]
    }
  }

  # The queue of tasks, which is in an account of AWS.
  statement {
    sid = "Queue"
    actions = [
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:GetQueueUrl",
      "sqs:ReceiveMessage",
      "sqs:SendMessage",
    ]
    resources = ["${local.aws}:sqs:${var.region}:*:airflow-celery-*"]
  }

  statement {
    sid           = "QueueKey"
    actions       = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*"]
    not_resources = ["${local.aws}:kms:*:${local.account}:key/*"]

    condition {
      test     = "StringLike"
      variable = "kms:ViaService"
      values   = ["sqs.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "execution" {
  name_prefix        = "pinion-mwaa-"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "execution" {
  name_prefix = "execution-"
  role        = aws_iam_role.execution.id
  policy      = data.aws_iam_policy_document.execution.json
}

resource "aws_security_group" "airflow" {
  name_prefix = "pinion-mwaa-"
  description = "Airflow's schedulers and workers"
  vpc_id      = module.network.vpc_id

  tags = { Name = "pinion-mwaa" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "airflow" {
  security_group_id            = aws_security_group.airflow.id
  description                  = "Each other"
  referenced_security_group_id = aws_security_group.airflow.id
  ip_protocol                  = "-1"
}

resource "aws_vpc_security_group_egress_rule" "airflow_itself" {
  security_group_id            = aws_security_group.airflow.id
  description                  = "Each other"
  referenced_security_group_id = aws_security_group.airflow.id
  ip_protocol                  = "-1"
}

resource "aws_vpc_security_group_egress_rule" "airflow" {
  security_group_id = aws_security_group.airflow.id
  description       = "Databricks, packages and AWS's APIs"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_mwaa_environment" "airflow" {
  name                  = var.mwaa_env_name
  airflow_version       = var.airflow_version
  environment_class     = var.environment_class
  min_workers           = 1
  max_workers           = 2
  source_bucket_arn     = module.s3.bucket_arn
  dag_s3_path           = "dags/"
  requirements_s3_path  = aws_s3_object.requirements.key
  execution_role_arn    = aws_iam_role.execution.arn
  webserver_access_mode = var.webserver_access_mode

  requirements_s3_object_version = aws_s3_object.requirements.version_id

  network_configuration {
    security_group_ids = [aws_security_group.airflow.id]
    subnet_ids         = module.network.private_subnet_ids
  }

  logging_configuration {
    dag_processing_logs {
      enabled   = true
      log_level = "INFO"
    }

    scheduler_logs {
      enabled   = true
      log_level = "INFO"
    }

    task_logs {
      enabled   = true
      log_level = "INFO"
    }

    webserver_logs {
      enabled   = true
      log_level = "INFO"
    }

    worker_logs {
      enabled   = true
      log_level = "INFO"
    }
  }

  depends_on = [
    aws_cloudwatch_log_group.airflow,
    aws_iam_role_policy.execution,
    aws_vpc_security_group_egress_rule.airflow,
    aws_vpc_security_group_ingress_rule.airflow,
  ]
}
