output "bucket_name" {
  description = "Name of the bucket."
  value       = module.s3.bucket_name
}

output "bucket_arn" {
  description = "ARN of the bucket."
  value       = module.s3.bucket_arn
}

output "object_s3_sink_connector_key" {
  description = "Key of the connector's zip file, for batch-ingestion-tf. Null: there is none."
  value       = one(aws_s3_object.s3_sink_connector[*].key)
}

output "image_repository_url" {
  description = "Where to push the gateway's image. Null: there is no repository."
  value       = one(aws_ecr_repository.pinion[*].repository_url)
}
