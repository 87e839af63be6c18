variable "region" {
  description = "Region of everything here."
  type        = string
}

variable "dag_storage" {
  description = "Name of the bucket of the DAG."
  type        = string
}

variable "mwaa_env_name" {
  description = "Name of the environment."
  type        = string
}

variable "dag_folder" {
  description = "Folder of the DAG files that `pinion deploy airflow` has written."
  type        = string
  default     = "dags"
}

variable "airflow_version" {
  description = "Version of Airflow."
  type        = string
  default     = "2.10.3"
}

variable "environment_class" {
  description = "Size of the environment."
  type        = string
  default     = "mw1.small"
}

variable "webserver_access_mode" {
  description = "PUBLIC_ONLY: the web server has an address, behind AWS's login. PRIVATE_ONLY: none."
  type        = string
  default     = "PUBLIC_ONLY"

  validation {
    condition     = contains(["PUBLIC_ONLY", "PRIVATE_ONLY"], var.webserver_access_mode)
    error_message = "webserver_access_mode must be PUBLIC_ONLY or PRIVATE_ONLY."
  }
}

variable "force_destroy" {
  description = "Destroy the bucket even if it has objects in it."
  type        = bool
  default     = true
}

variable "log_days" {
  description = "How long logs are kept."
  type        = number
  default     = 365
}
