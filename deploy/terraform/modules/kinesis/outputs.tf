output "kinesis_stream_arns" {
  description = "ARN of each stream, by its name."
  value       = { for name, stream in aws_kinesis_stream.stream : name => stream.arn }
}

output "shard_counts" {
  description = "Number of shards of each stream, by its name."
  value       = { for name, stream in aws_kinesis_stream.stream : name => stream.shard_count }
}
