output "kafka_client_instance_id" {
  description = "The client host, for Session Manager and Ansible. It has no public address."
  value       = aws_instance.client.id
}

output "msk_bootstrap_server_string" {
  description = "The brokers, by TLS with IAM."
  value       = aws_msk_cluster.kafka.bootstrap_brokers_sasl_iam
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
