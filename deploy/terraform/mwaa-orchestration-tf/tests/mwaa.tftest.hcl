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

variables {
  region        = "eu-west-2"
  dag_storage   = "test-dags"
  mwaa_env_name = "test"
  dag_folder    = "tests/dags"
}

run "by_default" {
  assert {
    condition     = aws_mwaa_environment.airflow.name == "test"
    error_message = "The environment has another name."
  }

  assert {
    condition     = aws_s3_object.dag["dag.py"].key == "dags/dag.py" && aws_s3_object.dag["dag.py"].bucket == "test-dags"
    error_message = "Airflow would not find the DAG."
  }

  assert {
    condition = toset(keys(aws_cloudwatch_log_group.airflow)) == toset([
      "DAGProcessing", "Scheduler", "Task", "WebServer", "Worker",
    ])
    error_message = "A log group that MWAA makes by itself would be left behind."
  }

  assert {
    condition     = length(module.network.private_subnet_ids) == 2
    error_message = "MWAA needs two private subnets."
  }
}

run "every_variable" {
  variables {
    airflow_version       = "3.0.6"
    environment_class     = "mw1.medium"
    webserver_access_mode = "PRIVATE_ONLY"
    force_destroy         = false
    log_days              = 30
  }

  assert {
    condition = (
      aws_mwaa_environment.airflow.airflow_version == "3.0.6" &&
      aws_mwaa_environment.airflow.environment_class == "mw1.medium" &&
      aws_mwaa_environment.airflow.webserver_access_mode == "PRIVATE_ONLY"
    )
    error_message = "airflow_version, environment_class or webserver_access_mode does nothing."
  }

  assert {
    condition     = module.s3.force_destroy == false
    error_message = "force_destroy does nothing."
  }

  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.airflow : group.retention_in_days == 30])
    error_message = "log_days does nothing."
  }
}

run "an_unknown_access_mode" {
  command         = plan
  expect_failures = [var.webserver_access_mode]

  variables {
    webserver_access_mode = "OPEN"
  }
}
