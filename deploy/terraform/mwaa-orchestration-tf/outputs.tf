output "mwaa_arn" {
  description = "ARN of the environment."
  value       = aws_mwaa_environment.airflow.arn
}

output "mwaa_webserver_url" {
  description = "Airflow's web server."
  value       = "https://${aws_mwaa_environment.airflow.webserver_url}"
}
