variable "region" {
  description = "Region of the bucket."
  type        = string
}

variable "bucket_name" {
  description = "Name of the bucket of landed objects and tables."
  type        = string
}

variable "connector_zip" {
  description = "Path of the S3 sink connector's zip file. Null: MSK Connect is not used."
  type        = string
  default     = null
}

variable "force_destroy" {
  description = "Destroy the bucket even if it has objects in it. They are lost then."
  type        = bool
  default     = false
}
