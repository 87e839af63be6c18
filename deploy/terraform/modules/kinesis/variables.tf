variable "names" {
  description = "Names of the streams."
  type        = list(string)
}

variable "shard_counts" {
  description = "Number of shards of each stream, in the order of names."
  type        = list(number)
}

variable "retention_hours" {
  description = "How long a stream keeps a record."
  type        = number
  default     = 24
}

variable "kms_key_id" {
  description = "KMS key of the streams."
  type        = string
  default     = "alias/aws/kinesis"
}
