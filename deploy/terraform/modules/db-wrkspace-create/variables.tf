variable "region" {
  description = "Region of the workspace."
  type        = string
}

variable "databricks_account_id" {
  description = "The Databricks account."
  type        = string
}

variable "databricks_root_bucket_name" {
  description = "Name of the workspace's own bucket."
  type        = string
}

variable "workspace_name" {
  description = "Name of the workspace."
  type        = string
}

variable "data_role_arn" {
  description = "Role with which clusters reach the data."
  type        = string
}

variable "cidr_block" {
  description = "Addresses of the workspace's network."
  type        = string
  default     = "10.4.0.0/16"
}

variable "force_destroy" {
  description = "Destroy the workspace's bucket even if it has objects in it."
  type        = bool
  default     = true
}
