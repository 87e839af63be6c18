output "cluster_id" {
  description = "ID of the cluster."
  value       = databricks_cluster.pipeline.id
}

output "notebook_paths" {
  description = "Path of each notebook in the workspace."
  value       = [for notebook in databricks_notebook.notebook : notebook.path]
}
