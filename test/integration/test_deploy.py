"""pinion deploy: config.yml, checked, tried, and written as Terraform's variables."""

import datetime
import json
import re
import stat

import boto3
import pytest

from cloud import CLIENT_SECRET, CONFIG, SECRETS, SECRET_KEY, Cloud
from pinion import ROOT, run

DIRECTORIES = {
    "main-storage-s3-tf": {"region", "bucket_name"},
    "batch-ingestion-tf": {"region", "bucket_name"},
    "stream-ingestion-tf": {"region"},
    "databricks-tf": {
        "region", "databricks_account_id", "databricks_client_id", "databricks_client_secret",
        "databricks_root_bucket_name", "workspace_name", "aws_access_key_id",
        "aws_secret_access_key", "s3_mount_bucket_name",
    },
    "mwaa-orchestration-tf": {"region", "dag_storage", "mwaa_env_name"},
}  # fmt: skip


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "config.yml"
    file.write_text(CONFIG)
    return file


@pytest.fixture
def folder(tmp_path):
    for name in DIRECTORIES:
        (tmp_path / "tf" / name).mkdir(parents=True)
    return tmp_path / "tf"


def variables(file):
    """The variables of a file whose values are plain strings."""
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    pairs = [line.split(" = ") for line in lines]
    return {name.strip(): json.loads(value) for name, value in pairs}


def without_secrets(done):
    for secret in SECRETS:
        assert secret not in done.stdout + done.stderr, secret
    return done


# --- tfvars -----------------------------------------------------------------------------------


def test_tfvars(config, folder):
    done = without_secrets(run("deploy", "tfvars", config, "--dir", folder, "--format", "json"))
    rows = json.loads(done.stdout)
    for name, wanted in DIRECTORIES.items():
        file = folder / name / "terraform.tfvars"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert set(variables(file)) == wanted
        assert {row["variable"] for row in rows if row["file"] == str(file)} == wanted
    databricks = variables(folder / "databricks-tf/terraform.tfvars")
    assert databricks["databricks_client_secret"] == CLIENT_SECRET
    assert databricks["aws_secret_access_key"] == SECRET_KEY
    assert databricks["s3_mount_bucket_name"] == "pipeline-data"
    assert variables(folder / "mwaa-orchestration-tf/terraform.tfvars") == {
        "region": "eu-west-2", "dag_storage": "pipeline-dags", "mwaa_env_name": "pipeline-env",
    }  # fmt: skip


def test_a_mistake_is_named_and_nothing_is_written(config, folder):
    for line, replacement, wanted in [
        ("  client_id: ", None, ":5: databricks.client_id: is missing"),
        ("  region: ", "  region: 7", ":2: aws.region: must be a string, not a number"),
        ("  region: ", "  region:", ":2: aws.region: is empty"),
        ("  mwaa_env_name: ", "  mwaa_env_nam: x", ":15: mwaa.mwaa_env_nam: unknown key"),
    ]:
        lines = [
            replacement if text.startswith(line) else text
            for text in CONFIG.splitlines()
        ]  # fmt: skip
        config.write_text("\n".join(text for text in lines if text is not None) + "\n")
        done = without_secrets(run("deploy", "tfvars", config, "--dir", folder, check=False))
        assert done.returncode == 1 and done.stdout == "" and wanted in done.stderr
        assert not list(folder.rglob("*.tfvars"))


def test_the_config_is_config_yml_unless_named(tmp_path):
    done = run("deploy", "tfvars", "--dir", tmp_path, check=False)
    assert done.returncode == 1 and "config.yml" in done.stderr


# --- check ------------------------------------------------------------------------------------


def findings(done):
    return {row["what"]: (row["result"], row["detail"]) for row in json.loads(done.stdout)}


def checked(config, cloud=None, status=0):
    tried = ["--try"] if cloud else []
    for name in ("aws", "databricks") if cloud else ():
        tried += [f"--{name}-endpoint", cloud.url]
    done = run("deploy", "check", config, *tried, "--format", "json", check=False)
    assert done.returncode == status, done
    return findings(without_secrets(done))


def test_check(config):
    assert {result for result, _ in checked(config).values()} == {"ok"}
    config.write_text(CONFIG.replace("eu-west-2", "eu-west-22").replace("-root", "-data"))
    found = checked(config, status=1)
    assert found["aws.region"] == (
        "failed", 'unknown region "eu-west-22"; did you mean "eu-west-2"?')  # fmt: skip
    root = found["s3_storage.databricks_root_storage_name"]
    assert root == ("failed", "the three buckets must have different names")
    assert [what for what, (result, _) in found.items() if result == "failed"] == [
        "aws.region", "s3_storage.databricks_root_storage_name"]  # fmt: skip


def bucket_rows(config, cloud, status):
    """The last row of each bucket: what the trial found."""
    found = checked(config, cloud, status)
    return {what.split(".")[1]: row for what, row in found.items() if "storage_name" in what}


def test_every_region_that_aws_publishes_is_known(config):
    """The list is ours; botocore's, which AWS writes, is what it is held to."""
    session = boto3.session.Session()
    for region in sorted({*session.get_available_regions("s3"), "cn-north-1", "us-gov-west-1"}):
        config.write_text(CONFIG.replace("eu-west-2", region))
        done = run("deploy", "check", config, check=False)
        assert "unknown region" not in done.stdout + done.stderr, region
    config.write_text(CONFIG.replace("eu-west-2", "eu-west-9"))
    assert 'unknown region "eu-west-9"' in run("deploy", "check", config, check=False).stdout


def test_tried_credentials(config):
    with Cloud() as cloud:
        found = checked(config, cloud)
        assert found["aws.access_key, aws.secret_key"] == (
            "ok", "AWS knows them as arn:aws:iam::123456789012:user/someone")  # fmt: skip
        assert found["databricks.client_id, databricks.client_secret"][0] == "ok"
        assert "GET /pipeline-data?list-type=2&max-keys=1" in cloud.seen


def test_a_clock_that_differs_is_said(config):
    """STS answers as to a wrong key; both times are named, and the keys are not blamed."""
    with Cloud() as cloud:
        cloud.ahead = 3600
        result, detail = checked(config, cloud, 1)["aws.access_key, aws.secret_key"]
        assert result == "failed" and "Set this machine's clock" in detail
        here, there = (
            datetime.datetime.fromisoformat(text.rstrip(".Z"))
            for text in re.search(r"here it is (\S+), there (\S+) ", detail).groups()
        )
        apart = there - here
        assert datetime.timedelta(minutes=59) < apart < datetime.timedelta(minutes=61)
        assert not [line for line in cloud.seen if "list-type" in line]


def test_buckets_that_are_not_ours(config):
    with Cloud() as cloud:
        cloud.buckets = {"pipeline-data": 200, "pipeline-root": 403, "pipeline-dags": 301}
        rows = bucket_rows(config, cloud, 1)
        assert rows["main_processing_data_storage_name"][0] == "ok"
        assert "the keys may not list it (Code403)" in rows["databricks_root_storage_name"][1]
        assert "exists in another region" in rows["mwaa_dag_storage_name"][1]


def test_wrong_credentials(config):
    config.write_text(
        CONFIG.replace(SECRET_KEY, SECRET_KEY[::-1]).replace(CLIENT_SECRET, "another-secret")
    )
    with Cloud() as cloud:
        found = checked(config, cloud, 1)
        assert found["aws.access_key, aws.secret_key"] == (
            "failed", "AWS refuses them: SignatureDoesNotMatch")  # fmt: skip
        assert "Databricks refuses them (status 401)" in str(found)
        # Keys that are refused are asked for nothing else.
        assert not [path for path in cloud.seen if path.startswith("GET")]


def test_what_may_pass_is_repeated(config):
    with Cloud() as cloud:
        for failure in (500, 503, 429):
            cloud.seen.clear()
            cloud.fail, cloud.failure = 3, failure
            checked(config, cloud)
            assert cloud.seen[:4] == ["POST /"] * 4
        cloud.seen.clear()
        cloud.fail, cloud.failure = 1000, 503
        found = checked(config, cloud, 1)
        assert found["aws.access_key, aws.secret_key"] == (
            "failed", "AWS answered with status 503 SlowDown")  # fmt: skip
        assert len(cloud.seen) == 8


def test_nobody_answers(config):
    with Cloud() as cloud:
        pass
    found = checked(config, cloud, 1)
    result, detail = found["aws.access_key, aws.secret_key"]
    assert result == "failed" and "no answer after 4 tries" in detail and "pinion" not in detail


# --- plan -------------------------------------------------------------------------------------


def test_plan():
    rows = json.loads(run("deploy", "plan", "--format", "json").stdout)
    order = list(dict.fromkeys(row["directory"] for row in rows if row["directory"]))
    assert order == list(DIRECTORIES)
    by_tear_down = sorted(rows, key=lambda row: row["tear_down_step"])
    down = list(dict.fromkeys(row["directory"] for row in by_tear_down if row["directory"]))
    assert down == order[::-1]
    total = sum(row["usd_month"] for row in rows)
    text = run("deploy", "plan").stdout
    assert f"About {total:.0f} a month in all" in text and "us-east-1" in text
    assert "mwaa-orchestration-tf, databricks-tf, stream-ingestion-tf" in text


@pytest.mark.parametrize(
    ("words", "made", "left_out"),
    [
        ([], {"MSK Connect"}, {"Fargate", "ECR"}),
        (["--gateway", "ecs"], {"MSK Connect", "Fargate", "ECR"}, set()),
        (["--sink", "pinion"], set(), {"MSK Connect", "Fargate", "ECR"}),
        (["--gateway", "ecs", "--sink", "pinion"], {"Fargate", "ECR"}, {"MSK Connect"}),
    ],
)
def test_plan_of_what_is_chosen(words, made, left_out):
    """Each part that a variable chooses has its cost, and is in the total only when it is made."""
    rows = json.loads(run("deploy", "plan", *words, "--format", "json").stdout)
    for part in made:
        assert [row["usd_month"] > 0 for row in rows if part in row["makes"]] == [True], part
    assert not [row for row in rows if any(part in row["makes"] for part in left_out)]
    assert "Tear down" in (text := run("deploy", "plan", *words).stdout)
    assert f"About {sum(row['usd_month'] for row in rows):.0f} a month in all" in text


def test_a_choice_that_batch_ingestion_does_not_have():
    """The options are the variables' values, and no others."""
    variables = (ROOT / "deploy/terraform/batch-ingestion-tf/variables.tf").read_text()
    for name in ("gateway", "sink"):
        (values,) = re.findall(rf"contains\((\[.*\]), var\.{name}\)", variables)
        for value in json.loads(values):
            run("deploy", "plan", f"--{name}", value)
        done = run("deploy", "plan", f"--{name}", "lambda", check=False)
        assert done.returncode == 2 and "lambda" in done.stderr
