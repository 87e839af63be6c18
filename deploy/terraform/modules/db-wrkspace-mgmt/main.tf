# What is in the workspace: the cluster, the notebooks that `pinion deploy spark` has written, and
# the library that they share.

data "databricks_node_type" "smallest" {
  local_disk = true
}

data "databricks_spark_version" "latest" {
  long_term_support = true
}

locals {
  files     = fileset(var.notebook_folder, "*.py")
  job       = "pinion_job.py" # a notebook too: pinion itself runs it (spark.runner: databricks)
  libraries = [for name in local.files : name if startswith(name, "pinion_") && name != local.job]
  notebooks = [for name in local.files : name if !startswith(name, "pinion_")]
}

# Clusters reach the bucket by this profile: no key is kept in the workspace.
resource "databricks_instance_profile" "data" {
  instance_profile_arn = var.instance_profile_arn
}

resource "databricks_cluster" "pipeline" {
  cluster_name            = var.cluster_name
  spark_version           = data.databricks_spark_version.latest.id
  node_type_id            = data.databricks_node_type.smallest.id
  autotermination_minutes = 20
  num_workers             = 1
  data_security_mode      = "NONE"

  aws_attributes {
    instance_profile_arn = databricks_instance_profile.data.id
  }
}

resource "databricks_notebook" "notebook" {
  for_each = toset(local.notebooks)

  path     = "${var.workspace_folder}/${trimsuffix(each.value, ".py")}"
  language = "PYTHON"
  source   = "${var.notebook_folder}/${each.value}"
}

resource "databricks_notebook" "job" {
  for_each = setintersection(local.files, [local.job])

  path     = "${var.workspace_folder}/${trimsuffix(each.value, ".py")}"
  language = "PYTHON"
  source   = "${var.notebook_folder}/${each.value}"
}

resource "databricks_notebook" "query" {
  for_each = fileset(var.notebook_folder, "sql/*.sql")

  path     = "${var.workspace_folder}/${trimsuffix(each.value, ".sql")}"
  language = "SQL"
  source   = "${var.notebook_folder}/${each.value}"
}

resource "databricks_workspace_file" "library" {
  for_each = toset(local.libraries)

  path   = "${var.workspace_folder}/${each.value}"
  source = "${var.notebook_folder}/${each.value}"
}
