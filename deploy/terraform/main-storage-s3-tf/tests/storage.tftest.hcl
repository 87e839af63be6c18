# tofu test: by mocks; nothing is created.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  region      = "eu-west-2"
  bucket_name = "test-data"
}

run "private_and_kept" {
  command = plan

  assert {
    condition     = module.s3.bucket_name == "test-data"
    error_message = "The bucket has another name."
  }

  assert {
    condition     = module.s3.force_destroy == false
    error_message = "A bucket with objects in it must not be destroyed unless asked for."
  }

  assert {
    condition     = module.s3.public_access_blocked == true
    error_message = "Public access is not blocked."
  }

  assert {
    condition     = length(aws_s3_object.s3_sink_connector) == 0
    error_message = "There is no connector to copy."
  }

  assert {
    condition     = output.object_s3_sink_connector_key == null && output.image_repository_url == null
    error_message = "The key of a connector, or the address of a repository, that is not there."
  }
}

run "with_the_connector" {
  command = plan

  variables {
    connector_zip = "./tests/storage.tftest.hcl" # any file
  }

  assert {
    condition     = aws_s3_object.s3_sink_connector[0].bucket == "test-data"
    error_message = "The connector goes into another bucket."
  }

  assert {
    condition     = output.object_s3_sink_connector_key == "connectors/storage.tftest.hcl"
    error_message = "batch-ingestion-tf would look for another key."
  }
}

run "with_the_image_repository" {
  command = plan

  variables {
    image_repository = "pinion"
  }

  assert {
    condition = (
      aws_ecr_repository.pinion[0].name == "pinion" &&
      aws_ecr_repository.pinion[0].image_tag_mutability == "IMMUTABLE" &&
      aws_ecr_repository.pinion[0].force_delete == false
    )
    error_message = "The repository is another, its tags may change, or it would go with its images."
  }
}

run "destroyed_with_its_objects_by_choice" {
  command = plan

  variables {
    force_destroy    = true
    image_repository = "pinion"
  }

  assert {
    condition     = aws_ecr_repository.pinion[0].force_delete == true
    error_message = "force_destroy does nothing for the images."
  }

  assert {
    condition     = module.s3.force_destroy == true
    error_message = "force_destroy does nothing."
  }
}
