variable "region" {
  description = "Region of everything here."
  type        = string
}

variable "databricks_account_id" {
  description = "The Databricks account."
  type        = string
}

variable "databricks_client_id" {
  description = "Service principal, an administrator of the account."
  type        = string
  sensitive   = true
}

variable "databricks_client_secret" {
  description = "Secret of the service principal."
  type        = string
  sensitive   = true
}

variable "databricks_root_bucket_name" {
  description = "Name of the workspace's own bucket."
  type        = string
}

variable "workspace_name" {
  description = "Name of the workspace."
  type        = string
}

variable "aws_access_key_id" {
  description = "Key of the AWS provider. Null: the usual chain of credentials."
  type        = string
  default     = null
  sensitive   = true
}

variable "aws_secret_access_key" {
  description = "Secret of the key."
  type        = string
  default     = null
  sensitive   = true
}

variable "s3_mount_bucket_name" {
  description = "Bucket of landed objects and tables, of main-storage-s3-tf."
  type        = string
}

variable "table_folders" {
  description = "Folders of the bucket in which clusters may write."
  type        = list(string)
  default     = ["delta_tables", "test_streaming_delta_tables"]
}

variable "stream_prefix" {
  description = "How the names of the streams begin that clusters may read."
  type        = string
  default     = "streaming-"
}

variable "notebook_folder" {
  description = "Folder that `pinion deploy spark` has written."
  type        = string
  default     = "notebooks"
}

variable "workspace_folder" {
  description = "Folder of the notebooks in the workspace."
  type        = string
  default     = "/Shared/pinterest"
}
