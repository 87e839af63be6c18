output "bucket_name" {
  description = "Name of the bucket, once it is complete."
  value       = aws_s3_bucket_policy.bucket.bucket
}

output "bucket_arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.bucket.arn
}

output "force_destroy" {
  description = "Is the bucket destroyed even if it has objects in it?"
  value       = aws_s3_bucket.bucket.force_destroy
}

output "public_access_blocked" {
  description = "Is every form of public access blocked?"
  value       = length(aws_s3_bucket_public_access_block.bucket) == 1
}
