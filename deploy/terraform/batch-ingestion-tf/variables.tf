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
  description = "Port of the REST interface on the client host."
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
