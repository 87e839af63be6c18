# The S3 sink by MSK Connect, where sink = "msk-connect". With sink = "pinion" the client host lands.

data "aws_iam_policy_document" "assume_connect" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["kafkaconnect.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

# Connect keeps its offsets and status in topics of its own.
data "aws_iam_policy_document" "connect_topics" {
  source_policy_documents = [data.aws_iam_policy_document.s3_access.json]

  statement {
    sid       = "Cluster"
    actions   = ["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"]
    resources = [aws_msk_cluster.kafka.arn]
  }

  statement {
    sid       = "Read"
    actions   = ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"]
    resources = local.topics
  }

  statement {
    sid = "Internal"
    actions = [
      "kafka-cluster:CreateTopic",
      "kafka-cluster:DescribeTopic",
      "kafka-cluster:ReadData",
      "kafka-cluster:WriteData",
    ]
    resources = ["${local.kafka_arn}:topic/${local.cluster_path}/__amazon_msk_connect_*"]
  }

  statement {
    sid     = "Groups"
    actions = ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"]
    resources = [
      "${local.groups}/__amazon_msk_connect_*",
      "${local.groups}/connect-*",
    ]
  }

  statement {
    sid       = "Plugin"
    actions   = ["s3:GetObject"]
    resources = ["${data.aws_s3_bucket.storage.arn}/connectors/*"]
  }
}

resource "aws_iam_role" "connect" {
  count = var.sink == "msk-connect" ? 1 : 0

  name_prefix        = "pinion-msk-connect-"
  assume_role_policy = data.aws_iam_policy_document.assume_connect.json
}

resource "aws_iam_role_policy" "connect" {
  count = var.sink == "msk-connect" ? 1 : 0

  name_prefix = "sink-"
  role        = aws_iam_role.connect[0].id
  policy      = data.aws_iam_policy_document.connect_topics.json
}

resource "aws_security_group" "connect" {
  count = var.sink == "msk-connect" ? 1 : 0

  name_prefix = "pinion-connect-"
  description = "Connector: nothing comes in"
  vpc_id      = module.network.vpc_id

  tags = { Name = "pinion-connect" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_egress_rule" "connect_kafka" {
  count = var.sink == "msk-connect" ? 1 : 0

  security_group_id            = aws_security_group.connect[0].id
  description                  = "Brokers"
  referenced_security_group_id = aws_security_group.kafka.id
  ip_protocol                  = "tcp"
  from_port                    = 9098
  to_port                      = 9098
}

resource "aws_vpc_security_group_egress_rule" "connect_tls" {
  count = var.sink == "msk-connect" ? 1 : 0

  security_group_id = aws_security_group.connect[0].id
  description       = "S3 and AWS's APIs"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_cloudwatch_log_group" "connect" {
  count = var.sink == "msk-connect" ? 1 : 0

  name              = "/pinion/msk-connect"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.kafka.arn
}

resource "aws_mskconnect_custom_plugin" "sink" {
  count = var.sink == "msk-connect" ? 1 : 0

  name         = "pinion-s3-sink"
  content_type = "ZIP"

  location {
    s3 {
      bucket_arn = data.aws_s3_bucket.storage.arn
      file_key   = var.connector_key
    }
  }
}

resource "aws_mskconnect_connector" "sink" {
  count = var.sink == "msk-connect" ? 1 : 0

  name                       = "pinion-s3-sink"
  kafkaconnect_version       = "2.7.1"
  service_execution_role_arn = aws_iam_role.connect[0].arn

  capacity {
    autoscaling {
      mcu_count        = 1
      min_worker_count = 1
      max_worker_count = 2

      scale_in_policy {
        cpu_utilization_percentage = 40
      }

      scale_out_policy {
        cpu_utilization_percentage = 90
      }
    }
  }

  connector_configuration = {
    "connector.class"                = "io.confluent.connect.s3.S3SinkConnector"
    "s3.region"                      = var.region
    "s3.bucket.name"                 = var.bucket_name
    "topics.regex"                   = var.topics_regex
    "topics.dir"                     = "topics"
    "flush.size"                     = tostring(var.flush_size)
    "rotate.schedule.interval.ms"    = "60000"
    "timezone"                       = "UTC"
    "tasks.max"                      = "2"
    "storage.class"                  = "io.confluent.connect.s3.storage.S3Storage"
    "format.class"                   = "io.confluent.connect.s3.format.json.JsonFormat"
    "partitioner.class"              = "io.confluent.connect.storage.partitioner.DefaultPartitioner"
    "schema.compatibility"           = "NONE"
    "key.converter"                  = "org.apache.kafka.connect.storage.StringConverter"
    "value.converter"                = "org.apache.kafka.connect.json.JsonConverter"
    "value.converter.schemas.enable" = "false"
  }

  kafka_cluster {
    apache_kafka_cluster {
      bootstrap_servers = aws_msk_cluster.kafka.bootstrap_brokers_sasl_iam

      vpc {
        security_groups = [aws_security_group.connect[0].id]
        subnets         = module.network.private_subnet_ids
      }
    }
  }

  kafka_cluster_client_authentication {
    authentication_type = "IAM"
  }

  kafka_cluster_encryption_in_transit {
    encryption_type = "TLS"
  }

  plugin {
    custom_plugin {
      arn      = aws_mskconnect_custom_plugin.sink[0].arn
      revision = aws_mskconnect_custom_plugin.sink[0].latest_revision
    }
  }

  log_delivery {
    worker_log_delivery {
      cloudwatch_logs {
        enabled   = true
        log_group = aws_cloudwatch_log_group.connect[0].name
      }
    }
  }

  timeouts {
    create = "40m"
  }

  depends_on = [
    aws_iam_role_policy.connect,
    aws_vpc_security_group_egress_rule.connect_kafka,
    aws_vpc_security_group_egress_rule.connect_tls,
    aws_vpc_security_group_ingress_rule.kafka_connect,
  ]
}
