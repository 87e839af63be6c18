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

variable "image_repository" {
  description = "Name of a repository in ECR for the gateway's image, such as pinion. Null: there is none."
  type        = string
  default     = null
}

variable "force_destroy" {
  description = "Destroy the bucket, and the image repository, even if something is in it. It is lost then."
  type        = bool
  default     = false
}
