terraform {
  required_version = ">= 1.6"

  required_providers {
    databricks = {
      source  = "databricks/databricks"
      version = ">= 1.60.0, < 2.0.0"
    }
  }
}
