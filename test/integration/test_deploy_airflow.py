"""pinion deploy airflow: the DAG files, against a stub of Airflow's operators (airflow_stub.py)."""

import datetime
import json
import subprocess
import types

import jinja2
import pytest

import airflow_stub
from pinion import PINION, run

LOAD = "load_data_from_S3_and_save_as_delta_tables"
CLEANS = [f"clean_{kind}_data_and_save_as_delta_table" for kind in ("geo", "pin", "user")]
ORDER = {"mount_s3_bucket": set(), LOAD: {"mount_s3_bucket"}, **{name: {LOAD} for name in CLEANS}}
MINUTE = datetime.timedelta(minutes=1)
# Runs of Airflow, and the values that their tasks get; the second one, of Airflow 3, has no date.
AT = datetime.datetime(2026, 1, 31, 6, tzinfo=datetime.timezone.utc)
CONF = {"text": "it's; $(x) `y` \"z\"", "number": 1}
RUNS = [
    (
        {"logical_date": AT, "data_interval_start": AT - 60 * MINUTE, "data_interval_end": AT,
         "run_id": "scheduled__1", "conf": CONF},
        {"logical_date": "2026-01-31T06:00:00+00:00",
         "interval_start": "2026-01-31 05:00:00+00:00",
         "interval_end": "2026-01-31 06:00:00+00:00", "run_id": "scheduled__1",
         "conf": str(jinja2.Template("{{ c | tojson }}").render(c=CONF))},
    ),
    (
        {"logical_date": None, "run_after": AT, "data_interval_start": None,
         "data_interval_end": None, "run_id": "manual__1", "conf": None},
        {"logical_date": "2026-01-31T06:00:00+00:00", "interval_start": "", "interval_end": "",
         "run_id": "manual__1", "conf": "{}"},
    ),
]  # fmt: skip
VARIABLES = {
    "logical_date": "PINION_LOGICAL_DATE", "interval_start": "PINION_DATA_INTERVAL_START",
    "interval_end": "PINION_DATA_INTERVAL_END", "run_id": "PINION_RUN_ID", "conf": "PINION_CONF",
}  # fmt: skip


def rendered(text, run_values):
    """As Airflow renders it: what is missing is an error."""
    template = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(text)
    return template.render(dag_run=types.SimpleNamespace(**run_values))


def written(folder, *args, pipeline=None):
    more = ["--pipeline", pipeline] if pipeline else []
    done = run("deploy", "airflow", "--to", folder, "--format", "json", *args, *more)
    return [row["file"] for row in json.loads(done.stdout)], done.stderr


def test_the_dag_on_databricks(tmp_path):
    files, notes = written(tmp_path, "--cluster", "0101-x", "--store", "s3://bucket")
    assert files == [str(tmp_path / "batch_processing_dag.py")] and notes == ""
    dag, _ = airflow_stub.load(tmp_path / "batch_processing_dag.py", 3)
    assert dag.given["dag_id"] == "batch_processing_dag"
    assert dag.given["schedule"] is None and dag.given["catchup"] is False
    assert list(dag.tasks) == list(ORDER)
    for name, task in dag.tasks.items():
        assert task.upstream == ORDER[name]
        assert task.given["retries"] == 4 and task.given["retry_delay"] == MINUTE
        assert task.given["databricks_conn_id"] == "databricks_default"
        (submitted,) = task.given["json"]["tasks"]
        parameters = submitted["notebook_task"]["base_parameters"]
        for values, wanted in RUNS:
            assert {key: rendered(text, values) for key, text in parameters.items()} == {
                "store": "s3://bucket", **wanted,
            }  # fmt: skip
        assert submitted == {
            "task_key": name,
            "existing_cluster_id": "0101-x",
            "notebook_task": {
                "notebook_path": f"/Shared/pinterest/{name}",
                "base_parameters": parameters,
            },
        }


def test_the_outputs_of_terraform(tmp_path):
    outputs = tmp_path / "outputs.json"
    values = {"notebook_folder": "/Shared/x", "cluster_id": "c-1", "store": "s3://data"}
    outputs.write_text(json.dumps({name: {"value": value} for name, value in values.items()}))
    written(tmp_path, "--outputs", outputs, "--cluster", "c-2")
    dag, _ = airflow_stub.load(tmp_path / "batch_processing_dag.py", 3)
    submitted = dag.tasks[LOAD].given["json"]["tasks"][0]
    assert submitted["existing_cluster_id"] == "c-2"  # an option goes before an output
    assert submitted["notebook_task"]["notebook_path"] == f"/Shared/x/{LOAD}"
    outputs.write_text("{}")
    done = run("deploy", "airflow", "--to", tmp_path, "--outputs", outputs, check=False)
    assert done.returncode == 1 and 'has no output "notebook_folder"' in done.stderr


class Databricks:
    """What Databricks does with tokens: one it has seen is answered with the run of that time."""

    def __init__(self, *ends):
        self.ends, self.runs, self.states = list(ends), {}, {}

    def submit_run(self, body):
        number = self.runs.setdefault(body["idempotency_token"], len(self.runs) + 1)
        assert len(body["idempotency_token"]) <= 64
        self.states.setdefault(number, "running")
        return number

    def get_run_state(self, number):
        state = self.states[number]
        return types.SimpleNamespace(is_terminal=state != "running", is_successful=state == "ok")

    def finish(self, number):
        if self.states[number] == "running":
            self.states[number] = self.ends.pop(0)
        if self.states[number] == "crash":
            self.states[number] = "running"
            raise SystemExit("the worker dies while it waits")
        if self.states[number] != "ok":
            raise RuntimeError("the run failed")


@pytest.mark.parametrize(
    ("ends", "tries", "runs"),
    [
        (["ok"], 1, 1),
        (["failed", "ok"], 2, 2),
        (["failed", "failed", "ok"], 3, 3),
        (["crash", "ok"], 2, 1),  # the second try waits for the first one's run
        (["crash", "failed", "ok"], 3, 2),
        (["failed", "crash", "crash", "ok"], 4, 2),
    ],
)
def test_a_try_submits_once(tmp_path, ends, tries, runs):
    written(tmp_path)
    dag, _ = airflow_stub.load(tmp_path / "batch_processing_dag.py", 3)
    task = dag.tasks[LOAD]
    task._hook = databricks = Databricks(*ends)
    for number in range(1, tries + 1):
        ti = types.SimpleNamespace(
            dag_id="d", task_id=LOAD, map_index=-1, run_id="manual__1", try_number=number
        )
        try:
            task.execute({"ti": ti})
        except (RuntimeError, SystemExit):
            assert number < tries
    assert databricks.ends == [] and len(databricks.runs) == runs


@pytest.mark.parametrize("version", [2, 3])
def test_the_tasks_by_spark_submit(tmp_path, version, monkeypatch):
    """Each task runs its notebook in the worker's folder; what the worker says goes before."""
    submit, folder = tmp_path / "submit", tmp_path / "it's a folder"
    submit.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    submit.chmod(0o755)
    written(tmp_path, "--run", "spark-submit", "--notebooks", folder, "--store", "s3a://b")
    dag, _ = airflow_stub.load(tmp_path / "batch_processing_dag.py", version)
    assert list(dag.tasks) == list(ORDER)
    command = dag.tasks[LOAD].given["bash_command"]
    assert command.startswith("exec spark-submit --packages io.delta:delta-spark_")
    monkeypatch.setenv("SPARK_SUBMIT", f"{submit} --master local")
    dag, _ = airflow_stub.load(tmp_path / "batch_processing_dag.py", version)
    for name, task in dag.tasks.items():
        assert task.upstream == ORDER[name]
        assert task.given["retries"] == 4 and task.given["retry_delay"] == MINUTE
        for values, told in RUNS:
            command = rendered(task.given["bash_command"], values)
            words = subprocess.run(["bash", "-c", command], check=True, text=True,
                                   stdout=subprocess.PIPE).stdout.splitlines()  # fmt: skip
            first = ["--master", "local", f"{folder}/{name}.py", "--store", "s3a://b"]
            assert words == [*first, *(word for key in told for word in (f"--{key}", told[key]))]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--run", "spark-submit", "--cluster", "c"], "are for --run databricks"),
        (["--run", "spark-submit", "--outputs", "o.json"], "are for --run databricks"),
        (["--run", "pinion", "--connection", "c"], "are for --run databricks"),
        (["--run", "pinion", "--store", "s3://b"], "are not for --run pinion"),
    ],
)
def test_options_of_another_way_are_refused(tmp_path, options, wanted):
    done = run("deploy", "airflow", "--to", tmp_path / "dags", *options, check=False)
    assert done.returncode == 2 and wanted in done.stderr
    assert not (tmp_path / "dags").exists()


@pytest.mark.parametrize("version", [2, 3])
def test_the_tasks_by_pinion_run(tmp_path, version, monkeypatch):
    monkeypatch.setenv("PINION", PINION)
    data = tmp_path / "data"
    written(tmp_path, "--run", "pinion", "--data", data)
    dag, names = airflow_stub.load(tmp_path / "batch_processing_dag.py", version)
    environment = names["ENVIRONMENT"]
    assert environment["PINION_DATA"] == str(data)
    for values, told in RUNS:
        for name, variable in VARIABLES.items():
            assert rendered(environment[variable], values) == told[name]
    for name in ORDER:
        given = dag.tasks[name].given
        assert given["append_env"] is True and given["skip_on_exit_code"] == []
        assert given["bash_command"] == f"exec {PINION} task batch_processing_dag {name}"
    (data / "store").mkdir(parents=True)
    done = subprocess.run(
        ["bash", "-c", dag.tasks["mount_s3_bucket"].given["bash_command"]],
        env=names["ENVIRONMENT"], capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0 and "the store exists" in done.stdout


PIPELINE = """\
name: rules
pools: {heavy: 2}
dags:
  nightly:
    description: 'A "quoted" \\ text'
    schedule: "30 6 * * 1-5"
    timezone: Europe/Paris
    start: 2026-01-31
    retries: 1
    retry_delay: 1500ms
    parallelism: 3
    run_timeout: 1h
    tasks:
      a-1: {run: command, command: "echo 'hi'", timeout: 90s}
      b: {run: command, command: exit 3, after: [a-1], trigger_rule: all_done, pool: heavy,
          pool_slots: 2, priority: 7, skip_exit_codes: [3], may_fail: true}
  twice:
    schedule: ["0 6 * * *", "0 18 * * *"]
    tasks: {c: {run: command, command: "true"}}
"""


def test_every_rule(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p/pipeline.yml").write_text(PIPELINE)
    files, notes = written(
        tmp_path, "--run", "pinion", "--dag", "nightly", pipeline=tmp_path / "p"
    )
    assert len(files) == 1
    assert "note: nightly.b: create its pool in Airflow" in notes
    assert "nightly.b: in Airflow its failure is the run's as well" in notes
    dag, _ = airflow_stub.load(tmp_path / "nightly.py", 2)
    assert dag.given["schedule"] == ("30 6 * * 1-5", "Europe/Paris")
    assert dag.given["start_date"] == (1769817600, "Europe/Paris")
    assert dag.given["max_active_tasks"] == 3
    assert dag.given["dagrun_timeout"] == datetime.timedelta(hours=1)
    first, second = dag.tasks["a-1"].given, dag.tasks["b"].given
    assert first["execution_timeout"] == datetime.timedelta(seconds=90)
    assert first["retry_delay"] == datetime.timedelta(milliseconds=1500)
    assert second["trigger_rule"] == "all_done" and second["pool"] == "heavy"
    assert second["pool_slots"] == 2 and second["priority_weight"] == 7
    assert second["skip_on_exit_code"] == [3]
    assert dag.tasks["b"].upstream == {"a-1"}


def test_what_airflow_cannot_run_is_refused(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p/pipeline.yml").write_text(PIPELINE)
    for args, wanted in [
        (["--dag", "nightly"], "runs a command, which is not a notebook"),
        (["--dag", "twice", "--run", "pinion"], "has 2 cron lines"),
        (["--dag", "nosuch"], "no DAG 'nosuch'"),
    ]:
        done = run(
            "deploy", "airflow", "--to", tmp_path / "to", *args, "--pipeline", tmp_path / "p",
            check=False,
        )  # fmt: skip
        assert done.returncode == 1 and wanted in done.stderr
        assert not list((tmp_path / "to").glob("*.py"))
