# tofu test: by mocks; nothing is created.

mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-west-2a", "eu-west-2b", "eu-west-2c"] }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

mock_provider "databricks" {
  alias = "mws"
}

mock_provider "databricks" {
  alias = "workspace"
}

variables {
  region                      = "eu-west-2"
  databricks_account_id       = "11111111-2222-3333-4444-555555555555"
  databricks_client_id        = "66666666-7777-8888-9999-000000000000"
  databricks_client_secret    = "secret"
  databricks_root_bucket_name = "test-root"
  workspace_name              = "test"
  s3_mount_bucket_name        = "test-data"
  notebook_folder             = "tests/notebooks"
}

run "by_default" {
  assert {
    condition     = output.store == "s3://test-data"
    error_message = "The DAG would use another bucket."
  }

  assert {
    condition     = output.batch_processing_notebook_paths == ["/Shared/pinterest/task"]
    error_message = "A library is no notebook; a notebook has the task's name."
  }

  assert {
    condition     = output.notebook_folder == "/Shared/pinterest"
    error_message = "The DAG would look for notebooks elsewhere."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.data.statement :
      !contains(statement.resources, "*")
    ])
    error_message = "Clusters reach more than the data."
  }

  assert {
    condition = toset(data.aws_iam_policy_document.data.statement[2].resources) == toset([
      "arn:aws:s3:::test-data/delta_tables/*", "arn:aws:s3:::test-data/test_streaming_delta_tables/*",
    ])
    error_message = "Clusters may write elsewhere than in the tables' folders."
  }

  assert {
    condition     = data.aws_iam_policy_document.data.statement[3].resources == toset(["arn:aws:kinesis:eu-west-2:123456789012:stream/streaming-*"])
    error_message = "Clusters read other streams."
  }
}

run "every_variable" {
  variables {
    table_folders         = ["tables"]
    stream_prefix         = "other-"
    workspace_folder      = "/Shared/other"
    aws_access_key_id     = "AKIAIOSFODNN7EXAMPLE"
    aws_secret_access_key = "secret"
  }

  assert {
    condition     = data.aws_iam_policy_document.data.statement[2].resources == toset(["arn:aws:s3:::test-data/tables/*"])
    error_message = "table_folders does nothing."
  }

  assert {
    condition     = data.aws_iam_policy_document.data.statement[3].resources == toset(["arn:aws:kinesis:eu-west-2:123456789012:stream/other-*"])
    error_message = "stream_prefix does nothing."
  }

  assert {
    condition     = output.batch_processing_notebook_paths == ["/Shared/other/task"]
    error_message = "workspace_folder does nothing."
  }
}
