# tofu test: by mocks; nothing is created.

mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-west-2a", "eu-west-2b", "eu-west-2c"] }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::test-data" }
  }

  mock_resource "aws_msk_cluster" {
    defaults = {
      arn                        = "arn:aws:kafka:eu-west-2:123456789012:cluster/pinion/0a-1"
      bootstrap_brokers_sasl_iam = "b-1:9098,b-2:9098"
    }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  region      = "eu-west-2"
  bucket_name = "test-data"
}

run "by_msk_connect" {
  assert {
    condition     = length(aws_mskconnect_connector.sink) == 1
    error_message = "MSK Connect is the default."
  }

  assert {
    condition = alltrue([
      aws_mskconnect_connector.sink[0].connector_configuration["s3.bucket.name"] == "test-data",
      aws_mskconnect_connector.sink[0].connector_configuration["s3.region"] == "eu-west-2",
      aws_mskconnect_connector.sink[0].connector_configuration["flush.size"] == "1000",
      aws_mskconnect_connector.sink[0].connector_configuration["topics.regex"] == "0e3bbd435bfb.*",
    ])
    error_message = "The connector lands something else, or elsewhere."
  }

  assert {
    condition     = output.msk_bootstrap_server_string == "b-1:9098,b-2:9098"
    error_message = "The brokers are those with IAM over TLS."
  }

  assert {
    condition = tolist(data.aws_iam_policy_document.msk_access.statement[1].resources) == tolist([
      "arn:aws:kafka:eu-west-2:123456789012:topic/pinion/0a-1/0e3bbd435bfb.*",
    ])
    error_message = "Topics need ARNs of topics, not the cluster's."
  }

  assert {
    condition = tolist(data.aws_iam_policy_document.msk_access.statement[2].resources) == tolist([
      "arn:aws:kafka:eu-west-2:123456789012:group/pinion/0a-1/pinion-*",
    ])
    error_message = "Groups need ARNs of groups, not the cluster's."
  }
}

run "nothing_is_open_to_the_world" {
  assert {
    condition     = aws_instance.client.associate_public_ip_address != true
    error_message = "The client host has a public address."
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.client_rest.cidr_ipv4 != "0.0.0.0/0" &&
      aws_vpc_security_group_ingress_rule.client_rest.referenced_security_group_id == aws_security_group.balancer.id &&
      aws_vpc_security_group_ingress_rule.balancer.cidr_ipv4 == "10.0.0.0/16"
    )
    error_message = "The REST interface is open to the world."
  }

  assert {
    condition     = aws_lb.rest.internal
    error_message = "The load balancer is open to the world."
  }

  assert {
    condition     = aws_msk_cluster.kafka.client_authentication[0].unauthenticated == false
    error_message = "Kafka takes clients that do not authenticate."
  }

  assert {
    condition     = aws_msk_cluster.kafka.encryption_info[0].encryption_in_transit[0].client_broker == "TLS"
    error_message = "Kafka takes plain connections."
  }

  assert {
    condition     = aws_instance.client.metadata_options[0].http_tokens == "required"
    error_message = "The host's credentials need no token."
  }

  assert {
    condition = alltrue([
      for path in values(jsondecode(aws_api_gateway_rest_api.kafka.body).paths) :
      contains(keys(path["x-amazon-apigateway-any-method"]), "security")
    ])
    error_message = "A route of the API needs no key."
  }

  assert {
    condition     = aws_api_gateway_deployment.kafka.triggers["body"] == sha256(aws_api_gateway_rest_api.kafka.body)
    error_message = "A changed body is not deployed."
  }
}

run "by_pinion" {
  variables {
    sink = "pinion"
  }

  assert {
    condition = (
      length(aws_mskconnect_connector.sink) + length(aws_mskconnect_custom_plugin.sink) +
      length(aws_iam_role.connect) + length(aws_security_group.connect) +
      length(aws_vpc_security_group_ingress_rule.kafka_connect) +
      length(aws_cloudwatch_log_group.connect) == 0
    )
    error_message = "Something of MSK Connect is left."
  }
}

run "every_variable" {
  variables {
    connector_key    = "connectors/other.zip"
    flush_size       = 7
    topics_regex     = "other.*"
    topic_prefixes   = ["other.", "more."]
    kafka_version    = "4.1.x.kraft"
    brokers          = 4
    broker_type      = "kafka.m7g.xlarge"
    broker_disk_gb   = 50
    client_type      = "t3.medium"
    rest_port        = 18082
    rest_health_path = "/health/ready"
    log_days         = 30
  }

  assert {
    condition     = aws_mskconnect_custom_plugin.sink[0].location[0].s3[0].file_key == "connectors/other.zip"
    error_message = "connector_key does nothing."
  }

  assert {
    condition = (
      aws_mskconnect_connector.sink[0].connector_configuration["flush.size"] == "7" &&
      aws_mskconnect_connector.sink[0].connector_configuration["topics.regex"] == "other.*"
    )
    error_message = "flush_size or topics_regex does nothing."
  }

  assert {
    condition     = length(data.aws_iam_policy_document.msk_access.statement[1].resources) == 2
    error_message = "topic_prefixes does nothing."
  }

  assert {
    condition = (
      aws_msk_cluster.kafka.kafka_version == "4.1.x.kraft" &&
      aws_msk_cluster.kafka.number_of_broker_nodes == 4 &&
      aws_msk_cluster.kafka.broker_node_group_info[0].instance_type == "kafka.m7g.xlarge" &&
      aws_msk_cluster.kafka.broker_node_group_info[0].storage_info[0].ebs_storage_info[0].volume_size == 50
    )
    error_message = "kafka_version, brokers, broker_type or broker_disk_gb does nothing."
  }

  assert {
    condition     = strcontains(aws_msk_configuration.kafka.server_properties, "min.insync.replicas=2")
    error_message = "With more than two brokers a write is on two of them."
  }

  assert {
    condition     = strcontains(aws_msk_configuration.kafka.server_properties, "default.replication.factor=3")
    error_message = "Three replicas are enough."
  }

  assert {
    condition     = aws_instance.client.instance_type == "t3.medium"
    error_message = "client_type does nothing."
  }

  assert {
    condition = (
      aws_lb_target_group.rest.port == 18082 && aws_lb_listener.rest.port == 18082 &&
      aws_vpc_security_group_ingress_rule.client_rest.from_port == 18082 &&
      strcontains(aws_api_gateway_rest_api.kafka.body, ":18082/{proxy}")
    )
    error_message = "rest_port is not used everywhere."
  }

  assert {
    condition     = aws_lb_target_group.rest.health_check[0].path == "/health/ready"
    error_message = "rest_health_path does nothing."
  }

  assert {
    condition = alltrue([
      for group in [aws_cloudwatch_log_group.broker, aws_cloudwatch_log_group.api, aws_cloudwatch_log_group.connect[0]] :
      group.retention_in_days == 30
    ])
    error_message = "log_days is not used everywhere."
  }
}

run "a_wrong_sink" {
  command         = plan
  expect_failures = [var.sink]

  variables {
    sink = "other"
  }
}

run "an_odd_number_of_brokers" {
  command         = plan
  expect_failures = [var.brokers]

  variables {
    brokers = 3
  }
}

run "every_topic" {
  command         = plan
  expect_failures = [var.topic_prefixes]

  variables {
    topic_prefixes = [""]
  }
}
