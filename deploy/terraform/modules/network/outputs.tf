output "vpc_id" {
  description = "ID of the network."
  value       = aws_vpc.network.id
}

output "cidr_block" {
  description = "Addresses of the network."
  value       = aws_vpc.network.cidr_block
}

output "private_subnet_ids" {
  description = "IDs of the private subnets, once they reach the internet."
  value       = aws_subnet.private[*].id

  depends_on = [aws_route.nat, aws_route_table_association.private]
}

output "public_subnet_ids" {
  description = "IDs of the public subnets."
  value       = aws_subnet.public[*].id
}
