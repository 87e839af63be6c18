"""spark.runner=databricks to its end: the stub of the Jobs API (test/integration/jobs_api.py) runs
what it is given, the notebook pinion_job that `pinion deploy spark` wrote, on a Spark with Delta
Lake on this machine. Tables and answers equal the embedded engine's, row by row."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cloud import HERE
from contract import KINDS, post, run_dag
from jobs_api import DAG, JobsApi, Setting
from pinion import ROOT, Server, query, run
from readers import rows_by_delta_rs

FOLDER = "/Shared/pinterest/files"
LOAD = "load_data_from_S3_and_save_as_delta_tables"
CLEANS = [f"clean_{kind}_data_and_save_as_delta_table" for kind in KINDS]

# Spark takes its time to start, and there may be others on this machine.
pytestmark = pytest.mark.timeout(1200)


class Cluster:
    """A workspace's cluster: notebooks that were brought into the workspace run on it."""

    def __init__(self, notebooks):
        jars = ",".join(str(jar) for jar in sorted((ROOT / "third_party/spark-jars").glob("*.jar")))
        conf = {
            "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
            "spark.sql.catalog.spark_catalog":
                "org.apache.spark.sql.delta.catalog.DeltaCatalog",
            "spark.sql.session.timeZone": "UTC", "spark.ui.enabled": "false",
            "spark.sql.shuffle.partitions": "4", "spark.databricks.delta.snapshotPartitions": "2",
            "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1",
            "spark.sql.warehouse.dir": str(notebooks.parent / "warehouse"),
        }  # fmt: skip
        words = " ".join(f"--conf {name}={value}" for name, value in conf.items())
        self.notebooks, self.lock = notebooks, threading.Lock()
        self.process = subprocess.Popen(
            [sys.executable, HERE / "notebook_cluster.py"], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=open(notebooks.parent / "cluster.log", "wb"),
            env={
                **os.environ, "PYSPARK_PYTHON": sys.executable, "PYTHONDONTWRITEBYTECODE": "1",
                "PYSPARK_SUBMIT_ARGS":
                    f"--master local[2] --driver-memory 1g --jars {jars} {words} pyspark-shell",
            },
        )  # fmt: skip

    def __call__(self, task):
        """Runs a task's notebook; gives the end of its run, as the stub has it."""
        path = task["notebook_task"]["notebook_path"]
        assert path.startswith(FOLDER + "/")
        file = self.notebooks / f"{path.removeprefix(FOLDER + '/')}.py"
        assert file.read_text(encoding="utf-8").startswith("# Databricks notebook source\n")
        asked = {"path": str(file), "parameters": task["notebook_task"]["base_parameters"]}
        with self.lock:
            self.process.stdin.write(json.dumps(asked) + "\n")
            self.process.stdin.flush()
            ended = json.loads(self.process.stdout.readline())
        return ended["code"], "", ended.get("error"), ended.get("trace")

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)


@pytest.fixture(scope="module")
def landed(tmp_path_factory):
    """Loaded and cleaned by pinion; a record is odd, and one is none."""
    data = tmp_path_factory.mktemp("landed") / "data"
    with Server(data) as server:
        run("emulate", "batch", "--url", server.url, "--rows", "40", "--batch", "20", "-q")
        post(server.url, "pin", ["no row", {"index": 900010, "follower_count": "1.2M", "x": 1}])
        run_dag(data)
    return data


@pytest.fixture(scope="module")
def databricks(landed, tmp_path_factory):
    """The same landed objects, loaded and cleaned by tasks on the stub's cluster."""
    base = tmp_path_factory.mktemp("databricks")
    shutil.copytree(landed / "store/topics", base / "data/store/topics")
    run("deploy", "spark", "--to", base / "notebooks", "--store", base / "data/store")
    cluster = Cluster(base / "notebooks")
    with JobsApi(base) as api:
        api.mode = cluster
        setting = Setting(base, base / "data", api)
        setting.spark.update(notebooks=FOLDER, poll_ms="1s")
        for task in (LOAD, *CLEANS):
            done = setting.run("task", DAG, task, timeout=400)
            log = (base / "cluster.log").read_text(errors="replace")
            assert done.returncode == 0, done.stdout + done.stderr + log[-4000:]
        yield setting
    cluster.close()


@pytest.mark.parametrize("kind", KINDS)
def test_tables(landed, databricks, kind):
    for path in (f"delta_tables/raw/{kind}", f"delta_tables/transformed/{kind}"):
        ours = rows_by_delta_rs(landed / "store" / path)
        assert len(ours) > 20
        assert rows_by_delta_rs(databricks.data / "store" / path) == ours


def test_a_run_for_each_job(databricks):
    names = [one["body"]["run_name"] for one in databricks.api.runs.values()]
    assert names[:4] == ["pinterest: load"] + 3 * ["pinterest: transform"]
    assert all(one["end"][0] == "SUCCESS" for one in databricks.api.runs.values())
    assert databricks.jobs() == []


def test_a_query_and_an_error_of_its_sql(landed, databricks):
    name = "popular_category_by_country"
    done = databricks.run("query", name, "--format", "json", timeout=300)
    assert json.loads(done.stdout) == query(name, landed)
    done = databricks.run("query", "SELECT nothing FROM pin", timeout=300)
    assert done.returncode == 1 and "nothing" in done.stderr.splitlines()[-1]
    assert databricks.jobs() == []


def test_a_store_that_the_cluster_does_not_see(databricks):
    """The notebook itself fails, and its error is the query's."""
    seen = databricks.spark["store"]
    try:
        databricks.spark["store"] = str(Path(seen).parent / "elsewhere")
        done = databricks.run("query", "SELECT 1", timeout=300)
    finally:
        databricks.spark["store"] = seen
    said = done.stderr.splitlines()[-1]
    assert done.returncode == 1 and "SystemExit: there is no " in said and "spark.store" in said
