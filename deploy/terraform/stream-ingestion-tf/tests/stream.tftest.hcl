# tofu test: by mocks; nothing is created.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  region = "eu-west-2"
}

run "by_default" {
  assert {
    condition = toset(keys(output.kinesis_stream_arns)) == toset([
      "streaming-0e3bbd435bfb-pin",
      "streaming-0e3bbd435bfb-geo",
      "streaming-0e3bbd435bfb-user",
    ])
    error_message = "Other streams."
  }

  assert {
    condition = tolist(data.aws_iam_policy_document.kinesis.statement[0].resources) == tolist([
      "arn:aws:kinesis:eu-west-2:123456789012:stream/streaming-*",
    ])
    error_message = "The API reaches other streams."
  }

  assert {
    condition = toset(concat(
      tolist(data.aws_iam_policy_document.kinesis.statement[0].actions),
      tolist(data.aws_iam_policy_document.kinesis.statement[1].actions),
      )) == toset([
      for method in flatten([
        for path in values(jsondecode(aws_api_gateway_rest_api.kinesis.body).paths) : values(path)
      ]) :
      replace(method["x-amazon-apigateway-integration"].uri, "/.*action\\//", "kinesis:")
    ])
    error_message = "The role allows other actions than those of the routes."
  }

  assert {
    condition = alltrue([
      for method in flatten([
        for path in values(jsondecode(aws_api_gateway_rest_api.kinesis.body).paths) : values(path)
      ]) :
      method.security == [{ api_key = [] }]
    ])
    error_message = "A route of the API needs no key."
  }

  assert {
    condition     = aws_api_gateway_deployment.kinesis.triggers["body"] == sha256(aws_api_gateway_rest_api.kinesis.body)
    error_message = "A changed body is not deployed."
  }
}

run "every_variable" {
  variables {
    stream_names  = ["other-a", "other-b"]
    stream_prefix = "other-"
    shards        = 4
    log_days      = 30
  }

  assert {
    condition     = toset(keys(output.kinesis_stream_arns)) == toset(["other-a", "other-b"])
    error_message = "stream_names does nothing."
  }

  assert {
    condition     = module.kinesis.shard_counts == { other-a = 4, other-b = 4 }
    error_message = "shards does nothing."
  }

  assert {
    condition     = strcontains(tolist(data.aws_iam_policy_document.kinesis.statement[0].resources)[0], "stream/other-*")
    error_message = "stream_prefix does nothing."
  }

  assert {
    condition     = aws_cloudwatch_log_group.api.retention_in_days == 30
    error_message = "log_days does nothing."
  }
}

run "every_stream" {
  command         = plan
  expect_failures = [var.stream_prefix]

  variables {
    stream_prefix = ""
  }
}

run "a_stream_that_the_api_cannot_reach" {
  command         = plan
  expect_failures = [aws_iam_role_policy.api]

  variables {
    stream_names = ["elsewhere"]
  }
}
