"""pinion deploy spark: the files. test/cloud runs them on Spark."""

import pytest
import yaml

from pinion import ROOT, run

LOAD = "load_data_from_S3_and_save_as_delta_tables"
CLEANS = [f"clean_{kind}_data_and_save_as_delta_table" for kind in ("geo", "pin", "user")]
QUERIES = sorted(file.stem for file in (ROOT / "pipelines/pinterest/queries").glob("*.sql"))

EVERY = """\
name: every
topics: {t: {}}
tables:
  raw: {path: tables/raw, from_topic: t, columns: {a: bigint}}
dags:
  every:
    schedule: "0 6 * * mon-fri"
    active_runs_max: 2
    run_timeout: 2h
    retries: 0
    retry_delay: 0s
    tasks:
      store:
        {run: check_store, retries: 2, retry_delay: 5s, retry_backoff: 2, timeout: 1500ms}
      tell: {run: command, command: "true", after: [store]}
      load: {run: load, tables: [raw], after: [tell, store], trigger_rule: all_done}
      last: {run: load, tables: [raw], after: [load], trigger_rule: none_skipped}
  told:
    tasks:
      tell: {run: command, command: "true"}
"""


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    run("deploy", "spark", "--to", folder, "--store", "s3://bucket")
    return folder


def test_every_part_has_its_file(notebooks):
    streams = ["stream_geo", "stream_pin", "stream_user"]
    for name in ["mount_s3_bucket", LOAD, *CLEANS, *streams, *QUERIES]:
        text = (notebooks / f"{name}.py").read_text(encoding="utf-8")
        assert text.startswith("# Databricks notebook source\n")
        compile(text, name, "exec")
    for name in QUERIES:
        sql = (ROOT / f"pipelines/pinterest/queries/{name}.sql").read_text(encoding="utf-8")
        assert (notebooks / f"sql/{name}.sql").read_text(encoding="utf-8").endswith(sql)
        assert sql in (notebooks / f"{name}.py").read_text(encoding="utf-8")


def test_the_definition(notebooks):
    names = {}
    exec((notebooks / "pinion_pipeline.py").read_text(encoding="utf-8"), names)
    assert names["STORE"] == "s3://bucket" and names["NAME"] == "pinterest"
    geo = names["TABLES"]["raw_geo"]
    assert geo["columns"]["ind"] == {
        "type": "bigint", "required": True, "aliases": ["index", "idx"], "unwrap": None,
    }  # fmt: skip
    clean = names["TABLES"]["geo"]["columns"]["coordinates"]["type"]
    assert clean == {"latitude": "double", "longitude": "double"}
    assert names["TABLES"]["stream_geo"]["stream"] == {
        "name": "streaming-0e3bbd435bfb-geo", "start": "latest", "partition_key": "test_geo",
    }  # fmt: skip
    assert names["PRELUDE"].strip() == (
        ROOT / "pipelines/pinterest/prelude/spark.sql"
    ).read_text(encoding="utf-8").strip()  # fmt: skip


def test_the_bundle(notebooks):
    bundle = yaml.safe_load((notebooks / "databricks.yml").read_text())
    job = bundle["resources"]["jobs"]["batch_processing_dag"]
    tasks = {task["task_key"]: task for task in job["tasks"]}
    assert list(tasks) == ["mount_s3_bucket", LOAD, *CLEANS]
    for name, task in tasks.items():
        assert (notebooks / task["notebook_task"]["notebook_path"]).is_file()
        assert task["max_retries"] == 4 and task["min_retry_interval_millis"] == 60000
        wanted = {LOAD: ["mount_s3_bucket"], "mount_s3_bucket": []}.get(name, [LOAD])
        assert [other["task_key"] for other in task.get("depends_on", [])] == wanted
    streams = bundle["resources"]["jobs"]["streams"]["tasks"]
    assert {task["task_key"] for task in streams} == {"stream_pin", "stream_geo", "stream_user"}


def test_the_store_must_be_named(tmp_path):
    done = run("deploy", "spark", "--to", tmp_path, check=False)
    assert done.returncode == 2 and "--store is missing" in done.stderr


def test_a_bundle_of_every_property(tmp_path):
    """What a job of Databricks has a place for is in it; what it has none for is named."""
    (tmp_path / "every").mkdir()
    (tmp_path / "every/pipeline.yml").write_text(EVERY)
    done = run("deploy", "spark", "--to", tmp_path, "--store", "s3://b",
               "--pipeline", tmp_path / "every")  # fmt: skip
    bundle = yaml.safe_load((tmp_path / "databricks.yml").read_text())
    assert list(bundle["resources"]["jobs"]) == ["every"]  # a job of commands alone has no task
    job = bundle["resources"]["jobs"]["every"]
    assert job["max_concurrent_runs"] == 2 and job["timeout_seconds"] == 7200
    assert job["tasks"] == [
        {
            "task_key": "store", "notebook_task": {"notebook_path": "./store.py"},
            "max_retries": 2, "min_retry_interval_millis": 5000, "timeout_seconds": 2,
            "retry_on_timeout": True,
        },
        {
            # After what the command is after: the bundle has no commands.
            "task_key": "load", "notebook_task": {"notebook_path": "./load.py"},
            "max_retries": 0, "min_retry_interval_millis": 0, "run_if": "ALL_DONE",
            "depends_on": [{"task_key": "store"}],
        },
        {
            "task_key": "last", "notebook_task": {"notebook_path": "./last.py"},
            "max_retries": 0, "min_retry_interval_millis": 0, "depends_on": [{"task_key": "load"}],
        },
    ]  # fmt: skip
    assert sorted(done.stderr.splitlines()) == [
        "note: every.last: Databricks has no such trigger_rule: in the bundle it is all_success",
        "note: every.store: Databricks waits equally long before each retry (retry_backoff)",
        "note: every.tell: is a command: it has no notebook and is not in the bundle",
        "note: every: the bundle's job has no schedule: add one to databricks.yml",
        "note: told.tell: is a command: it has no notebook and is not in the bundle",
    ]
