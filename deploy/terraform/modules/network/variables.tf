variable "name" {
  description = "Name of the network, and the beginning of its parts' names."
  type        = string
}

variable "region" {
  description = "Region of the network."
  type        = string
}

variable "cidr_block" {
  description = "Addresses of the network: a block of 16 bits, such as 10.0.0.0/16."
  type        = string
}

variable "private_subnets" {
  description = "Number of private subnets, each in a zone of its own."
  type        = number
  default     = 2

  validation {
    condition     = var.private_subnets >= 1 && var.private_subnets <= 8
    error_message = "private_subnets must be 1 to 8."
  }
}

variable "public_subnets" {
  description = "Number of public subnets. The NAT gateway is in the first."
  type        = number
  default     = 1

  validation {
    condition     = var.public_subnets >= 1 && var.public_subnets <= 8
    error_message = "public_subnets must be 1 to 8."
  }
}

variable "interface_endpoints" {
  description = "Services to reach without the NAT gateway, such as sts."
  type        = set(string)
  default     = []
}
