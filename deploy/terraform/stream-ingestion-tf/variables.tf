variable "region" {
  description = "Region of the streams."
  type        = string
}

variable "stream_names" {
  description = "Names of the streams. Each begins with stream_prefix."
  type        = list(string)
  default = [
    "streaming-0e3bbd435bfb-pin",
    "streaming-0e3bbd435bfb-geo",
    "streaming-0e3bbd435bfb-user",
  ]
}

variable "stream_prefix" {
  description = "How the names of all streams begin that the REST API may use."
  type        = string
  default     = "streaming-"

  validation {
    condition     = length(var.stream_prefix) > 0
    error_message = "stream_prefix must not be empty: the API would reach every stream."
  }
}

variable "shards" {
  description = "Number of shards of each stream."
  type        = number
  default     = 2
}

variable "log_days" {
  description = "How long logs are kept."
  type        = number
  default     = 365
}
