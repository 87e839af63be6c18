output "databricks_host" {
  description = "Address of the workspace."
  value       = module.workspace_provision.databricks_host
}

output "batch_processing_notebook_paths" {
  description = "Paths of the notebooks in the workspace."
  value       = module.workspace_mgmt.notebook_paths
}

output "notebook_folder" {
  description = "Folder of the notebooks in the workspace, for `pinion deploy airflow`."
  value       = var.workspace_folder
}

output "cluster_id" {
  description = "ID of the cluster, for `pinion deploy airflow`."
  value       = module.workspace_mgmt.cluster_id
}

output "store" {
  description = "Where objects and tables are, for `pinion deploy airflow`."
  value       = "s3://${var.s3_mount_bucket_name}"
}
