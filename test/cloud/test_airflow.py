"""pinion deploy airflow: the DAG files on an installed Airflow 3.1, against a stub of Databricks
over TLS and by `pinion task`; and read by Airflow 2.7."""

import json
import sqlite3
from datetime import datetime

import pytest

from cloud import HERE, TOOLS, do
from contract import run_dag
from databricks import Databricks
from pinion import PINION, Server, query, run

LOAD = "load_data_from_S3_and_save_as_delta_tables"
CLEANS = [f"clean_{kind}_data_and_save_as_delta_table" for kind in ("geo", "pin", "user")]
ORDER = {"mount_s3_bucket": [], LOAD: ["mount_s3_bucket"], **{name: [LOAD] for name in CLEANS}}
AIRFLOWS = {3: TOOLS / "venv-airflow", 2: TOOLS / "venv-airflow2"}
FORMS = {
    "databricks": ["--cluster", "0101-x", "--store", "s3://bucket"],
    "pinion": ["--run", "pinion"],
    "spark-submit": ["--run", "spark-submit", "--notebooks", "/srv/notebooks"],
}


# What a fault does shows in two tasks as in five, and each takes seconds.
SMALL = """\
name: small
topics: {t: {}}
tables:
  raw: {path: tables/raw, from_topic: t, columns: {a: bigint}}
dags:
  small:
    retries: 2
    retry_delay: 1m
    tasks:
      store: {run: check_store}
      load: {run: load, tables: [raw], after: [store]}
"""


def environment(home, dags):
    return {
        "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False", "PINION": PINION,
        "PYTHONWARNINGS": "ignore",
    }  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Airflow 3.1 with its database."""
    folder = tmp_path_factory.mktemp("airflow")
    do(AIRFLOWS[3] / "bin/airflow", "db", "migrate", env=environment(folder, folder))
    return folder


def written(folder, form, *more):
    run("deploy", "airflow", "--to", folder, *FORMS[form], *more)
    return folder


@pytest.fixture
def small(tmp_path):
    """The DAG file of two tasks."""
    (tmp_path / "p").mkdir()
    (tmp_path / "p/pipeline.yml").write_text(SMALL)
    return written(tmp_path / "dags", "databricks", "--pipeline", tmp_path / "p")


def run_test(home, dags, *args, env=None, status=0):
    """Runs the DAG by Airflow; gives its result and what was printed."""
    text = do(
        AIRFLOWS[3] / "bin/python", HERE / "airflow_run.py", dags, "test", *args,
        env={**environment(home, dags), **(env or {})}, status=status, timeout=1500,
    )  # fmt: skip
    found = [line for line in text.splitlines() if line.startswith("RESULT ")]
    return (json.loads(found[-1].removeprefix("RESULT ")) if found else None), text


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("version", AIRFLOWS)
def test_airflow_reads_the_file(home, tmp_path, version, form):
    if version == 2 and not AIRFLOWS[2].exists():
        pytest.skip("Airflow 2.7 needs Python 3.11")
    place = home if version == 3 else tmp_path
    dags = written(tmp_path / "dags", form)
    text = do(
        AIRFLOWS[version] / "bin/python", HERE / "airflow_run.py", dags, "show",
        env=environment(place, dags),
    )  # fmt: skip
    shown = json.loads(text.strip().splitlines()[-1])
    assert list(shown) == ["batch_processing_dag"]
    dag = shown["batch_processing_dag"]
    assert dag["catchup"] is False and dag["max_active_runs"] == 1
    assert {name: task["upstream"] for name, task in dag["tasks"].items()} == ORDER
    for task in dag["tasks"].values():
        assert task["retries"] == 4 and task["retry_delay"] == 60 and task["rule"] == "all_success"
        assert task["type"] == ("SubmitOnce" if form == "databricks" else "BashOperator")


def test_five_submissions_in_order(home, tmp_path):
    dags = written(tmp_path / "dags", "databricks")
    with Databricks(tmp_path) as databricks:
        result, _ = run_test(home, dags, 1, env=databricks.environment())
    assert result["state"].endswith("success")
    started = databricks.started()
    assert started[:2] == ["mount_s3_bucket", LOAD] and sorted(started[2:]) == CLEANS
    assert len(databricks.submissions) == 5 and databricks.logins == 5
    for name, body in zip(started, databricks.submissions, strict=True):
        assert body["run_name"] == f"batch_processing_dag.{name}"
        (task,) = body["tasks"]
        assert task["notebook_task"]["notebook_path"] == f"/Shared/pinterest/{name}"
        parameters = task["notebook_task"]["base_parameters"]
        assert parameters["store"] == "s3://bucket" and parameters["conf"] == "{}"
        assert datetime.fromisoformat(parameters["logical_date"]).tzinfo is not None
        assert task["existing_cluster_id"] == "0101-x"


def test_a_failed_run_is_tried_again(home, small, tmp_path):
    with Databricks(tmp_path, ends=["SUCCESS", "FAILED", "FAILED"]) as databricks:
        result, _ = run_test(home, small, 1, env=databricks.environment())
    assert result["state"].endswith("success") and result["tries"]["load"] == 3
    assert databricks.started() == ["store", "load", "load", "load"]  # and no run twice


def test_what_fails_for_good_ends_the_run(home, small, tmp_path):
    with Databricks(tmp_path, ends=["FAILED"] * 9) as databricks:
        result, text = run_test(home, small, 0.1, env=databricks.environment(), status=None)
    assert result is None or result["state"].endswith("failed")
    assert databricks.started() == ["store"] * 3  # the first try, and two more
    assert "the notebook has failed" in text


def test_a_lost_answer_and_a_busy_service_start_no_second_run(home, small, tmp_path):
    with Databricks(tmp_path, faults=[503, "drop", None, 429, "drop"]) as databricks:
        result, _ = run_test(home, small, 1, env=databricks.environment())
    assert result["state"].endswith("success")
    assert databricks.started() == ["store", "load"] and len(databricks.submissions) == 4


def test_a_task_that_is_out_of_time_cancels_its_run(home, small, tmp_path):
    with Databricks(tmp_path, ends=["SUCCESS", None]) as databricks:
        result, _ = run_test(home, small, 0.1, "load", 10, env=databricks.environment())
    assert result["state"].endswith("success") and result["tries"]["load"] == 2
    assert databricks.cancelled == [1001]
    assert databricks.started() == ["store", "load", "load"]


def test_a_right_that_is_missing_is_named(home, small, tmp_path):
    """403: nothing was submitted, however often it is tried."""
    with Databricks(tmp_path, faults=[403] * 20) as databricks:
        result, text = run_test(home, small, 0.1, env=databricks.environment(), status=None)
    assert result is None or result["state"].endswith("failed")
    assert databricks.runs == {}
    assert (
        "give the service principal of the connection databricks_default the right to run "
        "/Shared/small/store on the cluster 0101-x"
    ) in text


def test_a_service_that_stays_out_of_order_is_said(home, small, tmp_path):
    """500: tried again, and given up without a run."""
    with Databricks(tmp_path, faults=[500] * 99) as databricks:
        result, text = run_test(home, small, 0.1, env=databricks.environment(), status=None)
    assert result is None or result["state"].endswith("failed")
    assert databricks.runs == {} and len(databricks.faults) < 99
    assert "the host of the connection databricks_default is not a workspace" in text


def test_a_service_that_recovers_starts_no_second_run(home, small, tmp_path):
    with Databricks(tmp_path, faults=[500, 500]) as databricks:
        result, _ = run_test(home, small, 0.1, env=databricks.environment())
    assert result["state"].endswith("success") and result["tries"]["store"] == 1
    assert databricks.started() == ["store", "load"]


def test_a_cluster_that_does_not_start_is_named(home, small, tmp_path):
    with Databricks(tmp_path, ends=["cluster"]) as databricks:
        result, text = run_test(home, small, 0.1, env=databricks.environment())
    assert result["state"].endswith("success") and result["tries"]["store"] == 2
    assert "check that the cluster 0101-x can start (--cluster of pinion deploy airflow)" in text


def test_a_cluster_that_never_starts_is_named(home, small, tmp_path):
    """The task's time is over: the run is cancelled, and the next try makes another."""
    with Databricks(tmp_path, ends=["SUCCESS", "pending"]) as databricks:
        result, text = run_test(home, small, 0.1, "load", 10, env=databricks.environment())
    assert result["state"].endswith("success") and result["tries"]["load"] == 2
    assert databricks.cancelled == [1001] and databricks.started() == ["store", "load", "load"]
    assert "check that the cluster 0101-x can start (--cluster of pinion deploy airflow)" in text


def test_a_wrong_secret_is_said(home, small, tmp_path):
    with Databricks(tmp_path) as databricks:
        wrong = databricks.environment(secret="not-the-secret")
        _, text = run_test(home, small, 0.1, env=wrong, status=None)
    assert databricks.submissions == []
    assert "check login and password of the connection databricks_default" in text
    assert "invalid_client" in text and "not-the-secret" not in text


def test_by_pinion(home, tmp_path):
    """Any Airflow, without Databricks: each task is `pinion task`."""
    data = tmp_path / "data"
    with Server(data) as server:
        run("emulate", "batch", "--url", server.url, "--rows", "30", "--batch", "10", "-q")
        run_dag(data)
        before = query("popular_category_by_country", data)
        run("emulate", "batch", "--url", server.url, "--rows", "60", "--batch", "10", "-q")
        landed = server.request(
            "POST", "/api/v1/sink/flush", {}, {"Content-Type": "application/json"}, timeout=60
        )
        assert landed[0] == 200
    dags = written(tmp_path / "dags", "pinion", "--data", data)
    result, text = run_test(home, dags, 1)
    assert result == {"state": result["state"], "tries": {name: 1 for name in ORDER}}
    assert result["state"].endswith("success"), text[-3000:]
    assert query("popular_category_by_country", data) != before
    assert sqlite3.connect(home / "airflow.db").execute(
        "SELECT count(*) FROM task_instance WHERE dag_id = 'batch_processing_dag'"
    ).fetchone()[0] >= len(ORDER)
