# The bucket of landed objects and tables, and the connector that MSK Connect runs.

provider "aws" {
  region = var.region

  default_tags {
    tags = { Project = "pinion" }
  }
}

module "s3" {
  source = "../modules/s3"

  bucket_name   = var.bucket_name
  force_destroy = var.force_destroy
}

# Confluent's S3 sink for MSK Connect: its licence does not allow to ship it here.
resource "aws_s3_object" "s3_sink_connector" {
  count = var.connector_zip != null ? 1 : 0

  bucket      = module.s3.bucket_name
  key         = "connectors/${basename(var.connector_zip)}"
  source      = var.connector_zip
  source_hash = filemd5(var.connector_zip)
}
