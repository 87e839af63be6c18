# The bucket of landed objects and tables, the connector that MSK Connect runs, and the repository of
# the image that the gateway on ECS runs.

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

# pinion's image for the gateway on ECS. It is built and pushed by hand.
resource "aws_ecr_repository" "pinion" {
  count = var.image_repository != null ? 1 : 0

  name                 = var.image_repository
  image_tag_mutability = "IMMUTABLE"
  force_delete         = var.force_destroy

  encryption_configuration {
    encryption_type = "KMS"
  }

  image_scanning_configuration {
    scan_on_push = true
  }
}
