output "kinesis_stream_arns" {
  description = "ARN of each stream, by its name."
  value       = module.kinesis.kinesis_stream_arns
}

output "api_gateway_invoke_url" {
  description = "Where producers send records to."
  value       = aws_api_gateway_stage.prod.invoke_url
}

output "api_key" {
  description = "What producers send as x-api-key."
  value       = aws_api_gateway_api_key.producer.value
  sensitive   = true
}
