# A Databricks workspace in this account: its role, its own bucket, its network.

data "databricks_aws_assume_role_policy" "workspace" {
  external_id = var.databricks_account_id
}

data "databricks_aws_crossaccount_policy" "workspace" {
  policy_type = "customer"
}

data "databricks_aws_bucket_policy" "root" {
  bucket = var.databricks_root_bucket_name
}

resource "aws_iam_role" "workspace" {
  name_prefix        = "pinion-databricks-"
  assume_role_policy = data.databricks_aws_assume_role_policy.workspace.json
}

resource "aws_iam_role_policy" "workspace" {
  name_prefix = "cross-account-"
  role        = aws_iam_role.workspace.id
  policy      = data.databricks_aws_crossaccount_policy.workspace.json
}

# Clusters of the workspace use the role of the data, and may not use any other.
data "aws_iam_policy_document" "pass_role" {
  statement {
    sid       = "PassDataRole"
    actions   = ["iam:PassRole"]
    resources = [var.data_role_arn]
  }
}

resource "aws_iam_role_policy" "pass_role" {
  name_prefix = "pass-data-role-"
  role        = aws_iam_role.workspace.id
  policy      = data.aws_iam_policy_document.pass_role.json
}

module "root" {
  source = "../s3"

  bucket_name              = var.databricks_root_bucket_name
  force_destroy            = var.force_destroy
  enable_bucket_versioning = false
  policy_documents         = [data.databricks_aws_bucket_policy.root.json]
}

module "network" {
  source = "../network"

  name                = "pinion-databricks"
  region              = var.region
  cidr_block          = var.cidr_block
  private_subnets     = 2
  public_subnets      = 1
  interface_endpoints = ["sts", "kinesis-streams"]
}

resource "aws_security_group" "clusters" {
  name_prefix = "pinion-databricks-"
  description = "Nodes of clusters"
  vpc_id      = module.network.vpc_id

  tags = { Name = "pinion-databricks" }

  lifecycle {
    create_before_destroy = true
  }
}

# Databricks requires that nodes reach each other by any protocol.
resource "aws_vpc_security_group_ingress_rule" "clusters" {
  for_each = toset(["tcp", "udp"])

  security_group_id            = aws_security_group.clusters.id
  description                  = "Nodes of the same cluster"
  referenced_security_group_id = aws_security_group.clusters.id
  ip_protocol                  = each.value
  from_port                    = 0
  to_port                      = 65535
}

resource "aws_vpc_security_group_egress_rule" "clusters" {
  for_each = toset(["tcp", "udp"])

  security_group_id            = aws_security_group.clusters.id
  description                  = "Nodes of the same cluster"
  referenced_security_group_id = aws_security_group.clusters.id
  ip_protocol                  = each.value
  from_port                    = 0
  to_port                      = 65535
}

# HTTPS, the metastore, the control plane (secure cluster connectivity).
resource "aws_vpc_security_group_egress_rule" "control_plane" {
  for_each = { https = [443, 443], metastore = [3306, 3306], relay = [6666, 6666], plane = [8443, 8451] }

  security_group_id = aws_security_group.clusters.id
  description       = "Databricks and AWS: ${each.key}"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value[0]
  to_port           = each.value[1]
}

resource "databricks_mws_credentials" "workspace" {
  credentials_name = "${var.workspace_name}-credentials"
  role_arn         = aws_iam_role.workspace.arn

  # Databricks checks the role when it is registered.
  depends_on = [aws_iam_role_policy.workspace, aws_iam_role_policy.pass_role]
}

resource "databricks_mws_storage_configurations" "workspace" {
  account_id                 = var.databricks_account_id
  storage_configuration_name = "${var.workspace_name}-storage"
  bucket_name                = module.root.bucket_name
}

resource "databricks_mws_networks" "workspace" {
  account_id         = var.databricks_account_id
  network_name       = "${var.workspace_name}-network"
  vpc_id             = module.network.vpc_id
  subnet_ids         = module.network.private_subnet_ids
  security_group_ids = [aws_security_group.clusters.id]
}

resource "databricks_mws_workspaces" "workspace" {
  account_id               = var.databricks_account_id
  aws_region               = var.region
  workspace_name           = var.workspace_name
  credentials_id           = databricks_mws_credentials.workspace.credentials_id
  storage_configuration_id = databricks_mws_storage_configurations.workspace.storage_configuration_id
  network_id               = databricks_mws_networks.workspace.network_id
}
