output "databricks_host" {
  description = "Address of the workspace."
  value       = databricks_mws_workspaces.workspace.workspace_url
}

output "workspace_id" {
  description = "ID of the workspace."
  value       = databricks_mws_workspaces.workspace.workspace_id
}
