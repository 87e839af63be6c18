"""deploy/terraform, by OpenTofu, with providers that are the published schemas of AWS's and of
Databricks' (tools/provider): names, types, required arguments, and the graph. They do not know what
the services accept."""

import json
import re

import pytest

from cloud import ORDER, TERRAFORM, TOOLS, Tofu, do, make_mirror

CONFIG = """\
aws: {region: eu-west-2, access_key: AKIAIOSFODNN7EXAMPLE, secret_key: "%s"}
databricks:
  account_id: 11111111-2222-3333-4444-555555555555
  client_id: 66666666-7777-8888-9999-000000000000
  client_secret: dose0123456789abcdef0123456789abcdef
  workspace_name: pipeline
s3_storage:
  main_processing_data_storage_name: pinion-test-data
  databricks_root_storage_name: pinion-test-root
  mwaa_dag_storage_name: pinion-test-dags
mwaa: {mwaa_env_name: pipeline}
""" % ("x" * 40)


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    return make_mirror(tmp_path_factory.mktemp("mirror"))


@pytest.fixture(scope="module")
def tofu(tmp_path_factory, mirror):
    made = Tofu(tmp_path_factory.mktemp("tofu"), mirror)
    for directory in ORDER:
        made(directory, "init", "-input=false")
    return made


def test_format():
    do(TOOLS / "bin/tofu", "fmt", "-check", "-diff", "-recursive", TERRAFORM)


def test_each_directory_is_in_the_order():
    assert sorted(ORDER) == sorted(path.name for path in TERRAFORM.glob("*-tf"))


@pytest.mark.parametrize("directory", ORDER)
def test_validate(tofu, directory):
    assert json.loads(tofu(directory, "validate", "-json"))["diagnostics"] == []


@pytest.mark.parametrize("directory", ORDER)
def test_mocks(tofu, directory):
    """The directory's own tests. Each of its variables is in one of them."""
    tests = "".join(file.read_text() for file in (TERRAFORM / directory / "tests").glob("*.hcl"))
    variables = (TERRAFORM / directory / "variables.tf").read_text()
    for name in re.findall(r'^variable "(\w+)"', variables, re.M):
        assert re.search(rf"^\s+{name}\s+=", tests, re.M), f"no test sets {name}"
    last = tofu(directory, "test").strip().splitlines()[-1]
    assert re.fullmatch(r"Success! [1-9]\d* passed, 0 failed\.", last)


@pytest.mark.parametrize("name", sorted(p.parent.name for p in TERRAFORM.glob("**/versions.tf")))
def test_tflint(name):
    (folder,) = {path.parent for path in TERRAFORM.glob(f"**/{name}/versions.tf")}
    do(TOOLS / "bin/tflint", f"--chdir={folder}", "--enable-rule=terraform_naming_convention")


@pytest.mark.parametrize(
    ("directory", "file", "was", "is_now", "wanted"),
    [
        ("batch-ingestion-tf", "kafka.tf", "number_of_broker_nodes =", "broker_nodes =",
         "Unsupported argument"),
        ("batch-ingestion-tf", "kafka.tf", "volume_size = var.broker_disk_gb", "volume_size = []",
         "Incorrect attribute value type"),
        ("batch-ingestion-tf", "kafka.tf", "instance_type   = var.broker_type", "",
         "Missing required argument"),
        ("stream-ingestion-tf", "outputs.tf", "module.kinesis.kinesis_stream_arns",
         "module.kinesis.arns", "Unsupported attribute"),
        ("databricks-tf", "main.tf", "aws_iam_instance_profile.data.arn",
         "aws_iam_instance_profile.other.arn", "Reference to undeclared resource"),
        ("main-storage-s3-tf", "main.tf", 'resource "aws_s3_object"', 'resource "aws_s3_objekt"',
         "Invalid resource type"),
        ("batch-ingestion-tf", "gateway.tf", "desired_count                     =",
         "wanted_count                      =", "Unsupported argument"),
        ("batch-ingestion-tf", "gateway.tf", 'container_name   = "gateway"', "",
         "Missing required argument"),
    ],
)  # fmt: skip
def test_a_mistake_is_found(tmp_path, mirror, directory, file, was, is_now, wanted):
    tofu = Tofu(tmp_path, mirror)
    place = tofu.folder / directory / file
    text = place.read_text()
    assert text.count(was) == 1
    place.write_text(text.replace(was, is_now))
    tofu(directory, "init", "-input=false")
    found = json.loads(tofu(directory, "validate", "-json", status=1))["diagnostics"]
    assert wanted in [each["summary"] for each in found]


@pytest.mark.parametrize(
    ("directory", "file", "was", "is_now", "wanted"),
    [
        ("main-storage-s3-tf", "main.tf", "force_destroy = var.force_destroy", "",
         "force_destroy does nothing."),
        ("batch-ingestion-tf", "gateway.tf", "readonlyRootFilesystem = true",
         "readonlyRootFilesystem = false", "The container has more rights than the gateway needs."),
        ("batch-ingestion-tf", "gateway.tf", "assign_public_ip = false", "assign_public_ip = true",
         "The service is another, or has a public address."),
        ("batch-ingestion-tf", "api.tf", '"ecs" ? aws_security_group.gateway[0].id : ',
         '"lambda" ? aws_security_group.gateway[0].id : ',
         "Only the load balancer reaches the gateway, and the gateway reaches the brokers."),
        ("batch-ingestion-tf", "gateway.tf",
         "valueFrom = aws_ssm_parameter.api_key[0].arn",
         "valueFrom = aws_api_gateway_api_key.producer.value",
         "The API key is not a secret, or is another one."),
        ("batch-ingestion-tf", "client.tf", "pinion-sink-${var.pipeline}-*", "${var.pipeline}-*",
         "The sink has another group."),
        ("batch-ingestion-tf", "client.tf", 'var.sink == "pinion" ? 1 : 0', "1",
         "The host may use the sink's group, but MSK Connect lands."),
    ],
)  # fmt: skip
def test_a_failing_assertion_is_found(tmp_path, mirror, directory, file, was, is_now, wanted):
    tofu = Tofu(tmp_path, mirror)
    place = tofu.folder / directory / file
    text = place.read_text()
    assert text.count(was) == 1
    place.write_text(text.replace(was, is_now))
    tofu(directory, "init", "-input=false")
    printed = " ".join(tofu(directory, "test", status=1).replace("│", " ").split())
    assert "Test assertion failed" in printed and wanted in printed


def resources(tofu, directory):
    """How many resources the state has."""
    shown = json.loads(tofu(directory, "show", "-json"))
    modules, count = [shown.get("values", {}).get("root_module", {})], 0
    while modules:
        module = modules.pop()
        modules += module.get("child_modules", [])
        count += sum(each["mode"] == "managed" for each in module.get("resources", []))
    return count


IMAGE = "123456789012.dkr.ecr.eu-west-2.amazonaws.com/pinion:0.1.0"


@pytest.mark.parametrize(
    ("sink", "gateway"),
    [("msk-connect", "client-host"), ("pinion", "client-host"), ("msk-connect", "ecs")],
)
def test_up_and_down(tmp_path, mirror, sink, gateway):
    """What docs/deploy.md says, from nothing to a set-up and back to nothing."""
    from pinion import run

    tofu = Tofu(tmp_path, mirror)
    (tmp_path / "config.yml").write_text(CONFIG)
    run("deploy", "tfvars", tmp_path / "config.yml", "--dir", tofu.folder)
    zip_file = tmp_path / "confluentinc-kafka-connect-s3-10.5.4.zip"
    zip_file.write_bytes(b"a plugin")
    more = {name: [] for name in ORDER}
    if sink == "msk-connect":
        more["main-storage-s3-tf"] = ["-var", f"connector_zip={zip_file}"]
    more["batch-ingestion-tf"] = ["-var", f"sink={sink}", "-var", f"gateway={gateway}"]
    if gateway == "ecs":
        more["main-storage-s3-tf"] += ["-var", "image_repository=pinion"]
        more["batch-ingestion-tf"] += ["-var", f"gateway_image={IMAGE}"]

    made, outputs = {}, {}
    for directory in ORDER:
        if directory == "databricks-tf":
            run("deploy", "spark", "--to", tofu.folder / "databricks-tf/notebooks",
                "--store", "s3://pinion-test-data")  # fmt: skip
        if directory == "mwaa-orchestration-tf":
            (tmp_path / "outputs.json").write_text(tofu("databricks-tf", "output", "-json"))
            run("deploy", "airflow", "--to", tofu.folder / "mwaa-orchestration-tf/dags",
                "--outputs", tmp_path / "outputs.json")  # fmt: skip
            dag = (tofu.folder / "mwaa-orchestration-tf/dags/batch_processing_dag.py").read_text()
            assert f'"existing_cluster_id": "{outputs["databricks-tf"]["cluster_id"]}"' in dag
        tofu(directory, "init", "-input=false")
        tofu(directory, "apply", "-auto-approve", "-input=false", *more[directory])
        outputs[directory] = tofu.outputs(directory)
        if directory == "main-storage-s3-tf" and sink == "msk-connect":
            key = outputs[directory]["object_s3_sink_connector_key"]
            more["batch-ingestion-tf"] += ["-var", f"connector_key={key}"]
        made[directory] = resources(tofu, directory)
        assert made[directory] > 0

    for directory in ORDER:  # a second plan changes nothing
        plan = tofu(directory, "plan", "-detailed-exitcode", "-input=false", *more[directory])
        assert "No changes" in plan

    assert outputs["main-storage-s3-tf"]["bucket_name"] == "pinion-test-data"
    assert outputs["databricks-tf"]["store"] == "s3://pinion-test-data"
    assert len(outputs["databricks-tf"]["batch_processing_notebook_paths"]) >= 5
    assert len(outputs["stream-ingestion-tf"]["kinesis_stream_arns"]) == 3

    for directory in reversed(ORDER):
        text = tofu(directory, "destroy", "-auto-approve", "-input=false", *more[directory])
        assert f"Destroy complete! Resources: {made[directory]} destroyed." in text
        assert resources(tofu, directory) == 0


def test_the_gateway_moves(tmp_path, mirror):
    """From the client host to ECS and back: only what leads to the gateway is replaced."""
    tofu = Tofu(tmp_path, mirror)
    host = ["-var", "region=eu-west-2", "-var", "bucket_name=a-bucket"]
    ecs = [*host, "-var", "gateway=ecs", "-var", f"gateway_image={IMAGE}"]
    tofu("batch-ingestion-tf", "init", "-input=false")
    tofu("batch-ingestion-tf", "apply", "-auto-approve", "-input=false", *host)
    before = resources(tofu, "batch-ingestion-tf")
    for words, removed in [(ecs, "aws_lb_target_group_attachment.rest"), (host, "aws_ecs_service")]:
        text = tofu("batch-ingestion-tf", "apply", "-auto-approve", "-input=false", *words)
        gone = set(re.findall(r"^(\S+?)(?:\[0\])?(?: \(deposed object \w+\))?: Destroying\.\.\.",
                              text, re.M))  # fmt: skip
        assert any(name.startswith(removed) for name in gone)
        assert {name.split(".")[0] for name in gone}.isdisjoint(
            {"aws_msk_cluster", "aws_instance", "aws_kms_key", "aws_lb", "aws_vpc",
             "aws_api_gateway_rest_api", "aws_api_gateway_api_key"}
        )  # fmt: skip
        plan = tofu("batch-ingestion-tf", "plan", "-detailed-exitcode", "-input=false", *words)
        assert "No changes" in plan
    assert resources(tofu, "batch-ingestion-tf") == before


def test_what_nobody_may_see_is_not_shown(tmp_path, mirror):
    """Plans and states: the keys of AWS are in no state, and no plan prints a secret."""
    from pinion import run

    tofu = Tofu(tmp_path, mirror)
    (tmp_path / "config.yml").write_text(CONFIG)
    run("deploy", "tfvars", tmp_path / "config.yml", "--dir", tofu.folder)
    run("deploy", "spark", "--to", tofu.folder / "databricks-tf/notebooks",
        "--store", "s3://pinion-test-data")  # fmt: skip
    tofu("databricks-tf", "init", "-input=false")
    printed = tofu("databricks-tf", "apply", "-auto-approve", "-input=false")
    state = (tofu.folder / "databricks-tf/terraform.tfstate").read_text()
    for secret in ("AKIAIOSFODNN7EXAMPLE", "x" * 40, "dose0123456789abcdef"):
        assert secret not in printed and secret not in state


def checkov(folder, status):
    return do(
        TOOLS / "venv-checkov/bin/checkov", "-d", ".", "--config-file", ".checkov.yaml",
        cwd=folder, status=status,
    )  # fmt: skip


def test_checkov():
    """No findings but those that .checkov.yaml lists, each with its reason."""
    assert "Failed checks: 0" in checkov(TERRAFORM, 0)


def test_checkov_finds_a_mistake(tmp_path, mirror):
    folder = Tofu(tmp_path, mirror).folder
    file = folder / "modules/s3/main.tf"
    text = file.read_text()
    assert text.count("block_public_policy     = true") == 1
    file.write_text(text.replace("block_public_policy     = true", "block_public_policy = false"))
    assert "CKV_AWS_54" in checkov(folder, 1)
