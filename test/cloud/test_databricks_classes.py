"""What pinion writes for Databricks' Jobs API and for its bundles, by databricks-sdk's and
databricks-bundles' own classes: each name must be theirs, and in its place."""

import copy
import json
import subprocess

import pytest
import yaml

import airflow_stub
from cloud import HERE, TOOLS
from pinion import run

# A DAG with each property of a task that the files of Databricks have a place for.
PIPELINE = """\
name: every
topics: {t: {}}
tables:
  raw: {path: tables/raw, from_topic: t, columns: {a: bigint}}
dags:
  every:
    schedule: "0 6 * * mon-fri"
    active_runs_max: 2
    tasks:
      first: {run: check_store, retries: 2, retry_delay: 5s, timeout: 1h}
      last: {run: load, tables: [raw], after: [first], trigger_rule: all_done}
"""


def faults(*given):
    """Of each (kind, JSON) a list."""
    done = subprocess.run(
        [TOOLS / "venv-clients/bin/python", HERE / "clients/classes.py"], timeout=120, check=True,
        input=json.dumps(given), text=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The jobs of the bundles, and what Airflow submits, with and without a cluster."""
    folder = tmp_path_factory.mktemp("written")
    (folder / "every").mkdir()
    (folder / "every/pipeline.yml").write_text(PIPELINE)
    jobs, submissions = [], []
    for name, more in [
        ("serverless", []),
        ("cluster", ["--cluster", "0101-x"]),
        ("every", ["--pipeline", folder / "every"]),
    ]:
        to = folder / f"{name}-files"
        run("deploy", "spark", "--to", to, "--store", "s3://bucket", *more)
        bundle = yaml.safe_load((to / "databricks.yml").read_text(encoding="utf-8"))
        jobs += bundle["resources"]["jobs"].values()
        run("deploy", "airflow", "--to", to / "dags", "--store", "s3://bucket", *more)
        for file in (to / "dags").glob("*.py"):
            dag, _ = airflow_stub.load(file, 3)
            submissions += [task.json for task in dag.tasks.values()]
    return jobs, submissions


def test_unchanged(written):
    jobs, submissions = written
    assert len(jobs) == 5 and len(submissions) == 12
    given = [("job", job) for job in jobs] + [("submission", each) for each in submissions]
    assert [fault for each in faults(*given) for fault in each] == []


def test_a_mistake_is_found(written):
    """The check can fail: a name that Databricks does not know, and one in another's place."""
    (job, *_), (submission, *_) = written
    wrong = [copy.deepcopy(job), copy.deepcopy(job), copy.deepcopy(submission)]
    wrong[0]["tasks"][0]["notebook_task"]["notebook_pth"] = "x"
    wrong[1]["max_retries"] = 1
    wrong[2]["tasks"][0]["retries"] = wrong[2]["run_nam"] = 1
    found = faults(("job", wrong[0]), ("job", wrong[1]), ("submission", wrong[2]))
    assert [len(each) for each in found] == [2, 2, 2]
