resource "aws_kinesis_stream" "stream" {
  for_each = { for index, name in var.names : name => var.shard_counts[index] }

  name                      = each.key
  shard_count               = each.value
  retention_period          = var.retention_hours
  enforce_consumer_deletion = true
  encryption_type           = "KMS"
  kms_key_id                = var.kms_key_id

  stream_mode_details {
    stream_mode = "PROVISIONED"
  }
}
