variable "region" {
  description = "Region of everything here."
  type        = string
}

variable "bucket_name" {
  description = "Bucket of landed objects, of main-storage-s3-tf."
  type        = string
}

variable "sink" {
  description = "What lands records in the bucket: msk-connect, or pinion on the client host."
  type        = string
  default     = "msk-connect"

  validation {
    condition     = contains(["msk-connect", "pinion"], var.sink)
    error_message = "sink must be msk-connect or pinion."
  }
}

variable "gateway" {
  description = "Where pinion's gateway runs: client-host, or ecs."
  type        = string
  default     = "client-host"

  validation {
    condition     = contains(["client-host", "ecs"], var.gateway)
    error_message = "gateway must be client-host or ecs."
  }
}

variable "gateway_image" {
  description = "The image for gateway = ecs, in ECR: ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG."
  type        = string
  default     = null
}

variable "gateway_count" {
  description = "Number of gateways on ECS. Consumer instances live in one gateway: they need 1."
  type        = number
  default     = 2

  validation {
    condition     = var.gateway_count >= 1
    error_message = "gateway_count must be 1 or more."
  }
}

variable "gateway_cpu" {
  description = "CPU of a gateway on ECS: 1024 are a core."
  type        = number
  default     = 512
}

variable "gateway_memory_mb" {
  description = "Memory of a gateway on ECS in MiB. Fargate takes some amounts for each gateway_cpu."
  type        = number
  default     = 1024
}

variable "connector_key" {
  description = "Key of the connector's zip file: object_s3_sink_connector_key of main-storage-s3-tf."
  type        = string
  default     = "connectors/confluentinc-kafka-connect-s3-10.5.4.zip"
}

variable "flush_size" {
  description = "Records of an object that MSK Connect lands."
  type        = number
  default     = 1000
}

variable "topics_regex" {
  description = "Topics that MSK Connect lands."
  type        = string
  default     = "0e3bbd435bfb.*"
}

variable "topic_prefixes" {
  description = "How the names of topics begin that the client host and the sink may use."
  type        = list(string)
  default     = ["0e3bbd435bfb."]

  validation {
    condition     = alltrue([for prefix in var.topic_prefixes : length(prefix) > 0])
    error_message = "A topic prefix must not be empty: it would stand for every topic."
  }
}

variable "group_prefixes" {
  description = "How the names of consumer groups begin that clients of the gateway may use."
  type        = list(string)
  default     = ["0e3bbd435bfb."]

  validation {
    condition     = alltrue([for prefix in var.group_prefixes : length(prefix) > 0])
    error_message = "A group prefix must not be empty: it would stand for every group."
  }
}

variable "pipeline" {
  description = "Name of the pipeline that pinion lands, as in its pipeline.yml."
  type        = string
  default     = "pinterest"
}

variable "kafka_version" {
  description = "Version of Kafka."
  type        = string
  default     = "3.9.x"
}

variable "brokers" {
  description = "Number of brokers: a multiple of the 2 zones. Topics have as many replicas, and 3 at most."
  type        = number
  default     = 2

  validation {
    condition     = var.brokers >= 2 && var.brokers % 2 == 0
    error_message = "brokers must be a multiple of 2."
  }
}

variable "broker_type" {
  description = "Instance type of a broker. IAM and MSK Connect want large or more."
  type        = string
  default     = "kafka.m7g.large"
}

variable "broker_disk_gb" {
  description = "Disk of a broker in GiB."
  type        = number
  default     = 10
}

variable "client_type" {
  description = "Instance type of the client host."
  type        = string
  default     = "t3.small"
}

variable "rest_port" {
  description = "Port of the REST interface, where the gateway runs."
  type        = number
  default     = 8082
}

variable "rest_health_path" {
  description = "Path that the load balancer asks for."
  type        = string
  default     = "/health"
}

variable "log_days" {
  description = "How long logs are kept."
  type        = number
  default     = 365
}
