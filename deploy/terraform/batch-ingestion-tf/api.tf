# The REST API: API Gateway, a private link, a load balancer inside the network, the gateway on the client
# host or on ECS.

resource "aws_security_group" "balancer" {
  name_prefix = "pinion-balancer-"
  description = "Load balancer in front of the REST interface"
  vpc_id      = module.network.vpc_id

  tags = { Name = "pinion-balancer" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  security_group_id = aws_security_group.balancer.id
  description       = "API Gateway's private link, within the network"
  cidr_ipv4         = module.network.cidr_block
  ip_protocol       = "tcp"
  from_port         = var.rest_port
  to_port           = var.rest_port
}

resource "aws_vpc_security_group_egress_rule" "balancer" {
  security_group_id            = aws_security_group.balancer.id
  description                  = "REST interface"
  referenced_security_group_id = var.gateway == "ecs" ? aws_security_group.gateway[0].id : aws_security_group.client.id
  ip_protocol                  = "tcp"
  from_port                    = var.rest_port
  to_port                      = var.rest_port
}

resource "aws_lb" "rest" {
  name                             = "pinion-rest"
  internal                         = true
  load_balancer_type               = "network"
  subnets                          = module.network.private_subnet_ids
  security_groups                  = [aws_security_group.balancer.id]
  enable_cross_zone_load_balancing = true

  enforce_security_group_inbound_rules_on_private_link_traffic = "off"
}

# The listener uses it, so that another one, for another kind of target, is there before this one goes.
resource "aws_lb_target_group" "rest" {
  name_prefix = "rest-"
  port        = var.rest_port
  protocol    = "TCP"
  target_type = var.gateway == "ecs" ? "ip" : "instance"
  vpc_id      = module.network.vpc_id

  health_check {
    protocol = "HTTP"
    path     = var.rest_health_path
    port     = "traffic-port"
  }

  lifecycle {
    create_before_destroy = true
  }
}

# ECS registers its tasks itself.
resource "aws_lb_target_group_attachment" "rest" {
  count = var.gateway == "ecs" ? 0 : 1

  target_group_arn = aws_lb_target_group.rest.arn
  target_id        = aws_instance.client.id
  port             = var.rest_port
}

resource "aws_lb_listener" "rest" {
  load_balancer_arn = aws_lb.rest.arn
  port              = var.rest_port
  protocol          = "TCP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.rest.arn
  }
}

resource "aws_api_gateway_vpc_link" "rest" {
  name        = "pinion-rest"
  target_arns = [aws_lb.rest.arn]
}

locals {
  body = templatefile("${path.module}/api.json.tftpl", {
    target = aws_lb.rest.dns_name
    port   = var.rest_port
    link   = aws_api_gateway_vpc_link.rest.id
  })
}

resource "aws_api_gateway_rest_api" "kafka" {
  name = "pinion-kafka"
  body = local.body

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_deployment" "kafka" {
  rest_api_id = aws_api_gateway_rest_api.kafka.id

  # A changed body is a new deployment.
  triggers = {
    body = sha256(local.body)
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "api" {
  name              = "/pinion/kafka-api"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.kafka.arn
}

resource "aws_api_gateway_stage" "prod" {
  rest_api_id          = aws_api_gateway_rest_api.kafka.id
  deployment_id        = aws_api_gateway_deployment.kafka.id
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
  name = "pinion-kafka-producer"
}

resource "aws_api_gateway_usage_plan" "producer" {
  name = "pinion-kafka-producer"

  api_stages {
    api_id = aws_api_gateway_rest_api.kafka.id
    stage  = aws_api_gateway_stage.prod.stage_name
  }
}

resource "aws_api_gateway_usage_plan_key" "producer" {
  key_id        = aws_api_gateway_api_key.producer.id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.producer.id
}
