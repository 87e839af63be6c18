# The client host: in a private subnet, without SSH. Administrators come in by Session Manager.

data "aws_ssm_parameter" "image" {
  name = "/aws/service/debian/release/12/latest/amd64"
}

data "aws_iam_policy_document" "assume_ec2" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "msk_access" {
  statement {
    sid       = "Cluster"
    actions   = ["kafka-cluster:Connect", "kafka-cluster:DescribeCluster", "kafka-cluster:WriteDataIdempotently"]
    resources = [aws_msk_cluster.kafka.arn]
  }

  statement {
    sid = "Topics"
    actions = [
      "kafka-cluster:AlterTopicDynamicConfiguration",
      "kafka-cluster:CreateTopic",
      "kafka-cluster:DescribeTopic",
      "kafka-cluster:DescribeTopicDynamicConfiguration",
      "kafka-cluster:ReadData",
      "kafka-cluster:WriteData",
    ]
    resources = local.topics
  }

  # A server looks whether the cluster has streams of pinion. Here they are on Kinesis: it may make none.
  statement {
    sid       = "NoStreams"
    actions   = ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"]
    resources = ["${local.kafka_arn}:topic/${local.cluster_path}/__kinesis_streams"]
  }

  # Of the consumer instances of the gateway's clients.
  statement {
    sid       = "Groups"
    actions   = ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"]
    resources = [for prefix in var.group_prefixes : "${local.groups}/${prefix}*"]
  }
}

# The group in which servers that land share the partitions: pinion-sink-PIPELINE-, and a part of the
# bucket's id, which nobody knows before.
data "aws_iam_policy_document" "msk_sink" {
  statement {
    sid       = "SinkGroup"
    actions   = ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"]
    resources = ["${local.groups}/pinion-sink-${var.pipeline}-*"]
  }
}

data "aws_iam_policy_document" "s3_access" {
  statement {
    sid       = "Bucket"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [data.aws_s3_bucket.storage.arn]
  }

  statement {
    sid = "LandedObjects"
    actions = [
      "s3:AbortMultipartUpload",
      "s3:GetObject",
      "s3:ListMultipartUploadParts",
      "s3:PutObject",
    ]
    resources = [for folder in ["topics", "dead_letters", ".pinion"] : "${data.aws_s3_bucket.storage.arn}/${folder}/*"]
  }

  # What pinion's own sink notes beside the objects.
  statement {
    sid       = "SinkNotes"
    actions   = ["s3:DeleteObject"]
    resources = ["${data.aws_s3_bucket.storage.arn}/.pinion/*"]
  }
}

resource "aws_iam_policy" "msk_access" {
  name_prefix = "pinion-msk-access-"
  policy      = data.aws_iam_policy_document.msk_access.json
}

resource "aws_iam_policy" "s3_access" {
  name_prefix = "pinion-s3-access-"
  policy      = data.aws_iam_policy_document.s3_access.json
}

resource "aws_iam_role" "client" {
  name_prefix        = "pinion-kafka-client-"
  assume_role_policy = data.aws_iam_policy_document.assume_ec2.json
}

resource "aws_iam_role_policy_attachment" "client_msk" {
  role       = aws_iam_role.client.name
  policy_arn = aws_iam_policy.msk_access.arn
}

resource "aws_iam_role_policy" "client_sink" {
  count = var.sink == "pinion" ? 1 : 0

  name_prefix = "sink-"
  role        = aws_iam_role.client.id
  policy      = data.aws_iam_policy_document.msk_sink.json
}

resource "aws_iam_role_policy_attachment" "client_s3" {
  role       = aws_iam_role.client.name
  policy_arn = aws_iam_policy.s3_access.arn
}

resource "aws_iam_role_policy_attachment" "client_sessions" {
  role       = aws_iam_role.client.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_instance_profile" "client" {
  name_prefix = "pinion-kafka-client-"
  role        = aws_iam_role.client.name
}

resource "aws_security_group" "client" {
  name_prefix = "pinion-client-"
  description = "Kafka client host"
  vpc_id      = module.network.vpc_id

  tags = { Name = "pinion-client" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "client_rest" {
  count = var.gateway == "ecs" ? 0 : 1

  security_group_id            = aws_security_group.client.id
  description                  = "REST interface, from the load balancer"
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = var.rest_port
  to_port                      = var.rest_port
}

resource "aws_vpc_security_group_egress_rule" "client_kafka" {
  security_group_id            = aws_security_group.client.id
  description                  = "Brokers"
  referenced_security_group_id = aws_security_group.kafka.id
  ip_protocol                  = "tcp"
  from_port                    = 9098
  to_port                      = 9098
}

# Packages, S3 and Session Manager.
resource "aws_vpc_security_group_egress_rule" "client_tls" {
  security_group_id = aws_security_group.client.id
  description       = "HTTPS"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_instance" "client" {
  ami                    = data.aws_ssm_parameter.image.insecure_value
  instance_type          = var.client_type
  subnet_id              = module.network.private_subnet_ids[0]
  vpc_security_group_ids = [aws_security_group.client.id]
  iam_instance_profile   = aws_iam_instance_profile.client.name
  ebs_optimized          = true
  monitoring             = true

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    encrypted   = true
    volume_size = 16
    volume_type = "gp3"
  }

  tags = { Name = "pinion-kafka-client" }

  # A newer image would replace the host, and what its sink still holds.
  lifecycle {
    ignore_changes = [ami]
  }
}
