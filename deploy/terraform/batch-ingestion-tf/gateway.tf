# The gateway on ECS (Fargate), where gateway = "ecs". With gateway = "client-host" the client host runs it.

locals {
  # The parts of ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG, or null.
  image = try(regex(
    "^(?P<account>[0-9]{12})\\.dkr\\.ecr\\.(?P<region>[a-z0-9-]+)\\.amazonaws\\.com(?:\\.cn)?/(?P<name>[^:@]+)[:@][^/]+$",
    var.gateway_image,
  ), null)
}

data "aws_iam_policy_document" "assume_gateway" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

# What ECS needs to start a task: the image, the API key, the log. The gateway itself may do none of it.
data "aws_iam_policy_document" "gateway_start" {
  count = var.gateway == "ecs" ? 1 : 0

  # It names no repository, because AWS knows it for all of them only.
  statement {
    sid       = "Registry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid     = "Image"
    actions = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = local.image == null ? [] : [
      "arn:${data.aws_partition.current.partition}:ecr:${local.image.region}:${local.image.account}:repository/${local.image.name}",
    ]
  }

  statement {
    sid       = "ApiKey"
    actions   = ["ssm:GetParameters"]
    resources = [aws_ssm_parameter.api_key[0].arn]
  }

  statement {
    sid       = "ApiKeyIsEncrypted"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.kafka.arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.gateway[0].arn}:*"]
  }
}

resource "aws_iam_role" "gateway_start" {
  count = var.gateway == "ecs" ? 1 : 0

  name_prefix        = "pinion-gateway-start-"
  assume_role_policy = data.aws_iam_policy_document.assume_gateway.json
}

resource "aws_iam_role_policy" "gateway_start" {
  count = var.gateway == "ecs" ? 1 : 0

  name_prefix = "start-"
  role        = aws_iam_role.gateway_start[0].id
  policy      = data.aws_iam_policy_document.gateway_start[0].json
}

# The gateway logs in at the brokers as this role. It has no right to the bucket.
resource "aws_iam_role" "gateway" {
  count = var.gateway == "ecs" ? 1 : 0

  name_prefix        = "pinion-gateway-"
  assume_role_policy = data.aws_iam_policy_document.assume_gateway.json
}

resource "aws_iam_role_policy_attachment" "gateway_msk" {
  count = var.gateway == "ecs" ? 1 : 0

  role       = aws_iam_role.gateway[0].name
  policy_arn = aws_iam_policy.msk_access.arn
}

# The key that producers send: the gateway asks for it, too. A task's environment would show it.
resource "aws_ssm_parameter" "api_key" {
  count = var.gateway == "ecs" ? 1 : 0

  name        = "/pinion/gateway/api-key"
  description = "What clients of the gateway send as x-api-key"
  type        = "SecureString"
  key_id      = aws_kms_key.kafka.arn
  value       = aws_api_gateway_api_key.producer.value
}

resource "aws_cloudwatch_log_group" "gateway" {
  count = var.gateway == "ecs" ? 1 : 0

  name              = "/pinion/gateway"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.kafka.arn
}

resource "aws_security_group" "gateway" {
  count = var.gateway == "ecs" ? 1 : 0

  name_prefix = "pinion-gateway-"
  description = "Gateway on ECS"
  vpc_id      = module.network.vpc_id

  tags = { Name = "pinion-gateway" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "gateway_rest" {
  count = var.gateway == "ecs" ? 1 : 0

  security_group_id            = aws_security_group.gateway[0].id
  description                  = "REST interface, from the load balancer"
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = var.rest_port
  to_port                      = var.rest_port
}

resource "aws_vpc_security_group_egress_rule" "gateway_kafka" {
  count = var.gateway == "ecs" ? 1 : 0

  security_group_id            = aws_security_group.gateway[0].id
  description                  = "Brokers"
  referenced_security_group_id = aws_security_group.kafka.id
  ip_protocol                  = "tcp"
  from_port                    = 9098
  to_port                      = 9098
}

resource "aws_vpc_security_group_egress_rule" "gateway_tls" {
  count = var.gateway == "ecs" ? 1 : 0

  security_group_id = aws_security_group.gateway[0].id
  description       = "The image, the API key and the log, of AWS's APIs"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_ecs_cluster" "gateway" {
  count = var.gateway == "ecs" ? 1 : 0

  name = "pinion"

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_task_definition" "gateway" {
  count = var.gateway == "ecs" ? 1 : 0

  family                   = "pinion-gateway"
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  cpu                      = tostring(var.gateway_cpu)
  memory                   = tostring(var.gateway_memory_mb)
  execution_role_arn       = aws_iam_role.gateway_start[0].arn
  task_role_arn            = aws_iam_role.gateway[0].arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  # The image's VOLUME. It goes with the task: the records are in Kafka.
  volume {
    name = "data"
  }

  container_definitions = jsonencode([
    {
      name                   = "gateway"
      image                  = var.gateway_image
      essential              = true
      user                   = "999:999"
      readonlyRootFilesystem = true
      stopTimeout            = 60
      command = [
        "serve", "--listen", "0.0.0.0:${var.rest_port}", "--roles", "gateway",
        "--set", "gateway.auth=api-key",
        "--set", "log.url=kafka://${aws_msk_cluster.kafka.bootstrap_brokers_sasl_iam}",
        "--set", "log.kafka.security=sasl_ssl",
        "--set", "log.kafka.sasl_mechanism=AWS_MSK_IAM",
        "--set", "log.kafka.region=${var.region}",
      ]
      environment  = [{ name = "TMPDIR", value = "/var/lib/pinion" }]
      secrets      = [{ name = "PINION_API_KEY", valueFrom = aws_ssm_parameter.api_key[0].arn }]
      portMappings = [{ containerPort = var.rest_port, hostPort = var.rest_port, protocol = "tcp" }]
      mountPoints  = [{ sourceVolume = "data", containerPath = "/var/lib/pinion", readOnly = false }]
      ulimits      = [{ name = "nofile", softLimit = 65536, hardLimit = 65536 }]
      linuxParameters = {
        capabilities = { drop = ["ALL"] }
      }
      healthCheck = {
        command     = ["CMD", "/usr/bin/pinion", "topic", "list", "--url", "http://127.0.0.1:${var.rest_port}"]
        interval    = 10
        timeout     = 5
        retries     = 3
        startPeriod = 30
      }
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          "awslogs-group"         = aws_cloudwatch_log_group.gateway[0].name
          "awslogs-region"        = var.region
          "awslogs-stream-prefix" = "gateway"
        }
      }
    },
  ])

  lifecycle {
    precondition {
      condition     = local.image != null
      error_message = "With gateway = \"ecs\", gateway_image must name an image in ECR, such as 123456789012.dkr.ecr.eu-west-2.amazonaws.com/pinion:0.1.0."
    }
  }
}

resource "aws_ecs_service" "gateway" {
  count = var.gateway == "ecs" ? 1 : 0

  name                              = "gateway"
  cluster                           = aws_ecs_cluster.gateway[0].id
  task_definition                   = aws_ecs_task_definition.gateway[0].arn
  launch_type                       = "FARGATE"
  desired_count                     = var.gateway_count
  health_check_grace_period_seconds = 60
  propagate_tags                    = "SERVICE"

  # A version that does not start is taken back.
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = module.network.private_subnet_ids
    security_groups  = [aws_security_group.gateway[0].id]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.rest.arn
    container_name   = "gateway"
    container_port   = var.rest_port
  }

  depends_on = [
    aws_iam_role_policy.gateway_start,
    aws_iam_role_policy_attachment.gateway_msk,
    aws_lb_listener.rest,
    aws_vpc_security_group_egress_rule.gateway_kafka,
    aws_vpc_security_group_egress_rule.gateway_tls,
    aws_vpc_security_group_ingress_rule.gateway_rest,
    aws_vpc_security_group_ingress_rule.kafka_gateway,
  ]
}
