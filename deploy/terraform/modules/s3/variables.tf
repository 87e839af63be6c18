variable "bucket_name" {
  description = "Name of the bucket, unique among all accounts."
  type        = string
}

variable "bucket_environment_name" {
  description = "Value of the tag Environment."
  type        = string
  default     = "dev"
}

variable "force_destroy" {
  description = "Destroy the bucket even if it has objects in it. They are lost then."
  type        = bool
  default     = false
}

variable "block_public_access" {
  description = "Block every form of public access."
  type        = bool
  default     = true
}

variable "enable_bucket_versioning" {
  description = "Keep old versions of objects, for 30 days."
  type        = bool
  default     = true
}

variable "kms_key_arn" {
  description = "KMS key for objects. Null: keys that S3 manages (AES256)."
  type        = string
  default     = null
}

variable "policy_documents" {
  description = "Policy documents (JSON) to merge into the bucket's policy."
  type        = list(string)
  default     = []
}
