variable "cluster_name" {
  description = "Name of the cluster."
  type        = string
  default     = "pipeline"
}

variable "instance_profile_arn" {
  description = "Instance profile with which the cluster reaches the data."
  type        = string
}

variable "notebook_folder" {
  description = "Folder that `pinion deploy spark` has written."
  type        = string
}

variable "workspace_folder" {
  description = "Folder of the notebooks in the workspace."
  type        = string
}
