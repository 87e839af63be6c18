# The streams, and the REST API in front of them.

provider "aws" {
  region = var.region

  default_tags {
    tags = { Project = "pinion" }
  }
}

module "kinesis" {
  source = "../modules/kinesis"

  names        = var.stream_names
  shard_counts = [for name in var.stream_names : var.shards]
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  # The API may work on these streams, and on those that a client creates beside them.
  streams = [
    for prefix in [var.stream_prefix] :
    "arn:${data.aws_partition.current.partition}:kinesis:${var.region}:${data.aws_caller_identity.current.account_id}:stream/${prefix}*"
  ]
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["apigateway.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

# The actions of the API's routes, and no others.
data "aws_iam_policy_document" "kinesis" {
  statement {
    sid = "Streams"
    actions = [
      "kinesis:CreateStream",
      "kinesis:DeleteStream",
      "kinesis:DescribeStream",
      "kinesis:GetRecords",
      "kinesis:GetShardIterator",
      "kinesis:PutRecord",
      "kinesis:PutRecords",
    ]
    resources = local.streams
  }

  statement {
    sid       = "List"
    actions   = ["kinesis:ListStreams"]
    resources = ["*"] # the action knows no resource
  }
}

resource "aws_iam_role" "api" {
  name_prefix        = "pinion-kinesis-api-"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "api" {
  name_prefix = "kinesis-"
  role        = aws_iam_role.api.id
  policy      = data.aws_iam_policy_document.kinesis.json

  lifecycle {
    precondition {
      condition     = alltrue([for name in var.stream_names : startswith(name, var.stream_prefix)])
      error_message = "The name of each of stream_names must begin with stream_prefix: the API could not reach it."
    }
  }
}

locals {
  body = templatefile("${path.module}/api.json.tftpl", {
    region = var.region
    role   = aws_iam_role.api.arn
  })
}

resource "aws_api_gateway_rest_api" "kinesis" {
  name = "pinion-kinesis"
  body = local.body

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_deployment" "kinesis" {
  rest_api_id = aws_api_gateway_rest_api.kinesis.id

  # A changed body is a new deployment.
  triggers = {
    body = sha256(local.body)
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "api" {
  name              = "/pinion/kinesis-api"
  retention_in_days = var.log_days
}

resource "aws_api_gateway_stage" "prod" {
  rest_api_id          = aws_api_gateway_rest_api.kinesis.id
  deployment_id        = aws_api_gateway_deployment.kinesis.id
  stage_name           = "prod"
  xray_tracing_enabled = true

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.api.arn
    format = jsonencode({
      requestId = "$context.requestId"
      path      = "$context.path"
      method    = "$context.httpMethod"
      status    = "$context.status"
    })
  }
}

resource "aws_api_gateway_api_key" "producer" {
  name = "pinion-kinesis-producer"
}

resource "aws_api_gateway_usage_plan" "producer" {
  name = "pinion-kinesis-producer"

  api_stages {
    api_id = aws_api_gateway_rest_api.kinesis.id
    stage  = aws_api_gateway_stage.prod.stage_name
  }
}

resource "aws_api_gateway_usage_plan_key" "producer" {
  key_id        = aws_api_gateway_api_key.producer.id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.producer.id
}
