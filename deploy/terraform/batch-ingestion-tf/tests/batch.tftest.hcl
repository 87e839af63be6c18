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
    condition = tolist(data.aws_iam_policy_document.msk_access.statement[3].resources) == tolist([
      "arn:aws:kafka:eu-west-2:123456789012:group/pinion/0a-1/0e3bbd435bfb.*",
    ])
    error_message = "Groups need ARNs of groups, not the cluster's."
  }

  assert {
    condition     = length(aws_iam_role_policy.client_sink) == 0
    error_message = "The host may use the sink's group, but MSK Connect lands."
  }
}

run "nothing_is_open_to_the_world" {
  assert {
    condition     = aws_instance.client.associate_public_ip_address != true
    error_message = "The client host has a public address."
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.client_rest[0].cidr_ipv4 != "0.0.0.0/0" &&
      aws_vpc_security_group_ingress_rule.client_rest[0].referenced_security_group_id == aws_security_group.balancer.id &&
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

  # As docs/kafka-log.md names the group.
  assert {
    condition = tolist(data.aws_iam_policy_document.msk_sink.statement[0].resources) == tolist([
      "arn:aws:kafka:eu-west-2:123456789012:group/pinion/0a-1/pinion-sink-pinterest-*",
    ])
    error_message = "The sink has another group."
  }

  assert {
    condition     = length(aws_iam_role_policy.client_sink) == 1 && aws_iam_role_policy.client_sink[0].role == aws_iam_role.client.id
    error_message = "The host may not use the sink's group."
  }
}

run "gateway_on_the_client_host" {
  assert {
    condition     = length(aws_lb_target_group_attachment.rest) == 1 && aws_lb_target_group.rest.target_type == "instance"
    error_message = "The client host is the default."
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.balancer.referenced_security_group_id == aws_security_group.client.id
    error_message = "The load balancer does not reach the client host."
  }

  assert {
    condition = (
      length(aws_ecs_service.gateway) + length(aws_ecs_cluster.gateway) + length(aws_ecs_task_definition.gateway) +
      length(aws_iam_role.gateway) + length(aws_iam_role.gateway_start) + length(aws_security_group.gateway) +
      length(aws_ssm_parameter.api_key) + length(aws_cloudwatch_log_group.gateway) +
      length(aws_vpc_security_group_ingress_rule.kafka_gateway) == 0
    )
    error_message = "Something of ECS is there."
  }
}

run "gateway_on_ecs" {
  # By a mock all groups would have one id, and no assertion could tell them apart.
  override_resource {
    target = aws_security_group.gateway
    values = { id = "sg-gateway" }
  }

  override_resource {
    target = aws_security_group.client
    values = { id = "sg-client" }
  }

  override_resource {
    target = aws_security_group.balancer
    values = { id = "sg-balancer" }
  }

  variables {
    gateway       = "ecs"
    gateway_image = "123456789012.dkr.ecr.eu-west-2.amazonaws.com/team/pinion:0.1.0"
  }

  assert {
    condition = (
      length(aws_lb_target_group_attachment.rest) + length(aws_vpc_security_group_ingress_rule.client_rest) == 0 &&
      aws_lb_target_group.rest.target_type == "ip"
    )
    error_message = "The client host still takes requests."
  }

  assert {
    condition = (
      aws_vpc_security_group_egress_rule.balancer.referenced_security_group_id == aws_security_group.gateway[0].id &&
      aws_vpc_security_group_ingress_rule.gateway_rest[0].referenced_security_group_id == aws_security_group.balancer.id &&
      aws_vpc_security_group_ingress_rule.kafka_gateway[0].referenced_security_group_id == aws_security_group.gateway[0].id
    )
    error_message = "Only the load balancer reaches the gateway, and the gateway reaches the brokers."
  }

  assert {
    condition = (
      aws_ecs_service.gateway[0].desired_count == 2 &&
      aws_ecs_service.gateway[0].launch_type == "FARGATE" &&
      aws_ecs_service.gateway[0].network_configuration[0].assign_public_ip == false &&
      tolist(aws_ecs_service.gateway[0].load_balancer)[0].target_group_arn == aws_lb_target_group.rest.arn &&
      tolist(aws_ecs_service.gateway[0].load_balancer)[0].container_port == 8082
    )
    error_message = "The service is another, or has a public address."
  }

  assert {
    condition = (
      jsondecode(aws_ecs_task_definition.gateway[0].container_definitions)[0].image ==
      "123456789012.dkr.ecr.eu-west-2.amazonaws.com/team/pinion:0.1.0"
    )
    error_message = "gateway_image does nothing."
  }

  assert {
    condition = (
      jsondecode(aws_ecs_task_definition.gateway[0].container_definitions)[0].readonlyRootFilesystem == true &&
      jsondecode(aws_ecs_task_definition.gateway[0].container_definitions)[0].user == "999:999" &&
      jsondecode(aws_ecs_task_definition.gateway[0].container_definitions)[0].linuxParameters.capabilities.drop == ["ALL"]
    )
    error_message = "The container has more rights than the gateway needs."
  }

  assert {
    condition = contains(
      jsondecode(aws_ecs_task_definition.gateway[0].container_definitions)[0].command,
      "log.url=kafka://b-1:9098,b-2:9098",
    )
    error_message = "The gateway writes to other brokers."
  }

  # The key comes from the parameter; the definition, which many may read, does not have it.
  assert {
    condition = (
      jsondecode(aws_ecs_task_definition.gateway[0].container_definitions)[0].secrets[0].valueFrom == aws_ssm_parameter.api_key[0].arn &&
      aws_ssm_parameter.api_key[0].type == "SecureString" &&
      aws_ssm_parameter.api_key[0].value == aws_api_gateway_api_key.producer.value &&
      !strcontains(aws_ecs_task_definition.gateway[0].container_definitions, aws_api_gateway_api_key.producer.value)
    )
    error_message = "The API key is not a secret, or is another one."
  }

  assert {
    condition = tolist(data.aws_iam_policy_document.gateway_start[0].statement[1].resources) == tolist([
      "arn:aws:ecr:eu-west-2:123456789012:repository/team/pinion",
    ])
    error_message = "ECS may pull other images, or not this one."
  }

  assert {
    condition = (
      aws_ecs_task_definition.gateway[0].task_role_arn == aws_iam_role.gateway[0].arn &&
      aws_ecs_task_definition.gateway[0].execution_role_arn == aws_iam_role.gateway_start[0].arn &&
      aws_iam_role_policy_attachment.gateway_msk[0].policy_arn == aws_iam_policy.msk_access.arn &&
      aws_iam_role_policy_attachment.gateway_msk[0].role == aws_iam_role.gateway[0].name
    )
    error_message = "The gateway has the rights of another role."
  }
}

run "every_variable" {
  variables {
    connector_key    = "connectors/other.zip"
    flush_size       = 7
    topics_regex     = "other.*"
    topic_prefixes   = ["other.", "more."]
    group_prefixes   = ["readers-", "more."]
    pipeline         = "shop"
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
    condition     = length(data.aws_iam_policy_document.msk_access.statement[3].resources) == 2
    error_message = "group_prefixes does nothing."
  }

  assert {
    condition     = endswith(one(data.aws_iam_policy_document.msk_sink.statement[0].resources), "/pinion-sink-shop-*")
    error_message = "pipeline does nothing."
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
      aws_vpc_security_group_ingress_rule.client_rest[0].from_port == 18082 &&
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

run "every_variable_of_the_gateway" {
  variables {
    gateway           = "ecs"
    gateway_image     = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/pinion@sha256:00aa"
    gateway_count     = 1
    gateway_cpu       = 1024
    gateway_memory_mb = 3072
    rest_port         = 18082
    log_days          = 30
  }

  assert {
    condition     = aws_ecs_service.gateway[0].desired_count == 1
    error_message = "gateway_count does nothing."
  }

  assert {
    condition     = aws_ecs_task_definition.gateway[0].cpu == "1024" && aws_ecs_task_definition.gateway[0].memory == "3072"
    error_message = "gateway_cpu or gateway_memory_mb does nothing."
  }

  assert {
    condition = alltrue([
      aws_vpc_security_group_ingress_rule.gateway_rest[0].to_port == 18082,
      tolist(aws_ecs_service.gateway[0].load_balancer)[0].container_port == 18082,
      contains(jsondecode(aws_ecs_task_definition.gateway[0].container_definitions)[0].command, "0.0.0.0:18082"),
      contains(
        jsondecode(aws_ecs_task_definition.gateway[0].container_definitions)[0].healthCheck.command,
        "http://127.0.0.1:18082",
      ),
      jsondecode(aws_ecs_task_definition.gateway[0].container_definitions)[0].portMappings[0].containerPort == 18082,
    ])
    error_message = "rest_port is not used everywhere."
  }

  assert {
    condition     = aws_cloudwatch_log_group.gateway[0].retention_in_days == 30
    error_message = "log_days is not used for the gateway."
  }

  assert {
    condition = tolist(data.aws_iam_policy_document.gateway_start[0].statement[1].resources) == tolist([
      "arn:aws:ecr:eu-west-1:123456789012:repository/pinion",
    ])
    error_message = "An image that is named by its digest cannot be pulled."
  }
}

run "ecs_without_an_image" {
  command         = plan
  expect_failures = [aws_ecs_task_definition.gateway]

  variables {
    gateway = "ecs"
  }
}

run "ecs_with_an_image_elsewhere" {
  command         = plan
  expect_failures = [aws_ecs_task_definition.gateway]

  variables {
    gateway       = "ecs"
    gateway_image = "docker.io/library/pinion:0.1.0"
  }
}

run "no_gateway" {
  command         = plan
  expect_failures = [var.gateway_count]

  variables {
    gateway_count = 0
  }
}

run "a_wrong_gateway" {
  command         = plan
  expect_failures = [var.gateway]

  variables {
    gateway = "lambda"
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
