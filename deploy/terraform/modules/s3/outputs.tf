output "bucket_name" {
  description = "Name of the bucket, once it is complete."
  value       = aws_s3_bucket_policy.bucket.bucket
}

output "bucket_arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.bucket.arn
}
