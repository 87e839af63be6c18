"""engine.kind=spark: how a job gets to spark-submit, and its result back. A program plays
spark-submit here; test/cloud/test_engine_spark.py runs the real Spark."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from pinion import PINION, Server, query, run

DAG = "batch_processing_dag"
LOAD = "load_data_from_S3_and_save_as_delta_tables"
CLEAN = "clean_pin_data_and_save_as_delta_table"

# Plays spark-submit: `mode` in its folder says what happens.
SUBMIT = """#!{python}
import json, os, subprocess, sys, time
from pathlib import Path
here = Path(__file__).parent
words = sys.argv[1:]
value = lambda name: words[words.index(name) + 1]
folder = Path(value("--store")) / value("--job")
asked = json.loads((folder / "request.json").read_text())
with open(here / "runs", "a") as file:
    file.write(json.dumps(dict(asked, words=words, pid=os.getpid())) + "\\n")
mode = (here / "mode").read_text()
print("the job's own words", flush=True)
if mode.startswith("say:"):
    print(mode[4:], file=sys.stderr)
    sys.exit(1)
if mode == "hang":
    child = subprocess.Popen(["sleep", "600"])
    (here / "child").write_text(str(child.pid))
    time.sleep(600)
result = dict(token=asked["token"], state="done", duration_ms=1)
if mode == "wrong":
    result = dict(token=asked["token"], state="failed")
    result.update({{"class": "input", "message": "no such column"}})
elif asked["request"]["action"] == "query":
    result["columns"] = [dict(name="n", type="BIGINT"), dict(name="who", type="VARCHAR")]
    result["rows"] = [["7", '"é"'], ["null", '"x"']]
    result["versions"] = dict(pin=3)
elif asked["request"]["action"] == "optimize":
    result.update(files_before=5, files_after=1)
else:
    result["tables"] = [
        dict(table=table["name"], rows=4, version=2, dead_letters=1, unknown_values=0, objects=1)
        for table in asked["request"]["tables"]
    ]
if mode != "silent":
    (folder / "result.json").write_text(json.dumps(result))
if mode == "late":
    (here / "written").touch()
    time.sleep(600)
sys.exit(1 if mode == "wrong" else 0)
"""


class Fake:
    def __init__(self, folder, data):
        self.folder, self.data = folder, data
        self.program = folder / "spark-submit"
        self.program.write_text(SUBMIT.format(python=sys.executable), encoding="utf-8")
        self.program.chmod(0o755)
        self.mode("done")
        settings = {"engine": {"kind": "spark"}, "spark": {"submit": str(self.program)}}
        self.config = folder / "settings.yml"
        self.config.write_text(json.dumps(settings))

    def mode(self, mode):
        (self.folder / "mode").write_text(mode)

    def runs(self):
        file = self.folder / "runs"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def task(self, name, *more, env=None, check=True):
        return run("task", DAG, name, "--config", self.config, *more, data=self.data, env=env,
                   check=check)  # fmt: skip

    def jobs(self):
        return [path for path in self.data.glob("store/spark_jobs/*/*")]


@pytest.fixture
def spark(tmp_path, data):
    data.mkdir(parents=True, exist_ok=True)
    return Fake(tmp_path, data)


def test_a_load_is_one_job_and_its_result_is_the_report(spark):
    done = spark.task(LOAD)
    assert "raw_pin: version 2, 4 rows from 1 object, 1 dead letter" in done.stdout
    assert "the job's own words" in done.stderr
    (asked,) = spark.runs()
    assert asked["request"]["action"] == "load"
    assert {table["name"] for table in asked["request"]["tables"]} == {
        "raw_pin", "raw_geo", "raw_user",
    }  # fmt: skip
    assert "local[*]" in asked["words"] and asked["words"][-4] == "--store"
    assert spark.jobs() == []


def test_a_transform_carries_its_sql_and_the_definition(spark):
    spark.task(CLEAN)
    request = spark.runs()[0]["request"]
    assert request["tables"][0]["name"] == "pin" and "SELECT" in request["tables"][0]["sql"]
    names = {}
    exec(request["definition"], names)
    assert names["TABLES"]["pin"]["reads"] == ["raw_pin"]


def test_a_query_and_its_answer(spark):
    more = ("--config", str(spark.config))
    done = run("query", "SELECT 1", "--format", "json", *more, data=spark.data)
    assert json.loads(done.stdout) == [{"n": 7, "who": "é"}, {"n": None, "who": "x"}]
    assert spark.runs()[0]["request"]["sql"] == "SELECT 1"


def test_a_query_over_http(spark):
    with Server(spark.data, "--config", spark.config) as server:
        status, body, _ = server.request("POST", "/api/v1/sql", {"sql": "SELECT 1"},
                                         {"Content-Type": "application/json"})  # fmt: skip
    assert status == 200, body
    assert [json.loads(line) for line in body.splitlines()][0]["n"] == 7


def test_optimize(spark):
    run("batch", data=spark.data)
    done = run("table", "optimize", "pin", "--format", "json", "--config", spark.config,
               data=spark.data)  # fmt: skip
    assert json.loads(done.stdout) == [{"files_before": 5, "files_after": 1}]


def test_a_streams_table_has_no_other_writer(spark):
    with Server(spark.data):
        pass  # it makes the stream tables
    optimize = ("table", "optimize", "stream_pin")
    done = run(*optimize, "--config", spark.config, data=spark.data, check=False)
    assert done.returncode == 1
    assert "stream_pin: a stream of pinion fills this table" in done.stderr
    assert spark.runs() == []
    run(*optimize, "--config", spark.config, "--set", "engine.kind=duckdb", data=spark.data)


def test_a_dag_runs_on_it(spark):
    done = run("dag", "trigger", DAG, "--wait", "--config", spark.config, data=spark.data)
    assert "success" in done.stdout
    assert [asked["request"]["action"] for asked in spark.runs()].count("transform") == 3
    assert spark.jobs() == []


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("JAVA_HOME is not set", "JAVA_HOME"),
        ("Could not parse Master URL: 'x'", "spark.master"),
        ("Server access error ... unresolved dependency: io.delta#x", "spark.packages"),
        ("Python 3.8.1 is too old: Spark 4 needs 3.10 (spark.python)", "spark.python"),
        ("spark-submit: line 27: /bin/spark-class: No such file or directory", "spark.python"),
        ("WARN Cannot use io.delta.sql.DeltaSparkSessionExtension", "spark.jars"),
        ("java.lang.OutOfMemoryError: Java heap space", "spark.driver.memory"),
        ("something new", "something new"),
    ],
)
def test_what_spark_submit_says_becomes_the_setting_to_change(spark, said, named):
    spark.mode(f"say:{said}")
    done = spark.task(CLEAN, check=False)
    assert done.returncode == 1
    assert named in done.stderr.splitlines()[-1]
    assert spark.jobs() == []


def test_a_missing_program(spark):
    done = spark.task(CLEAN, "--set", "spark.submit=/nowhere/spark-submit", check=False)
    assert done.returncode == 1 and "set spark.submit to" in done.stderr
    done = spark.task(CLEAN, "--set", "spark.submit=no-such-program", check=False)
    assert done.returncode == 1 and "set spark.submit to" in done.stderr


def test_the_drivers_place(spark):
    done = spark.task(CLEAN, "--set", "spark.conf=spark.submit.deployMode=cluster", check=False)
    assert done.returncode == 1 and "must be client" in done.stderr


def test_an_error_of_the_sql_is_the_tasks(spark):
    spark.mode("wrong")
    done = spark.task(CLEAN, check=False)
    assert done.returncode == 1 and "Spark: no such column" in done.stderr


def test_a_job_without_a_result_names_the_store(spark):
    spark.mode("silent")
    done = spark.task(CLEAN, check=False)
    assert done.returncode == 1 and "spark.store" in done.stderr


def test_a_job_that_takes_too_long_is_killed(spark):
    spark.mode("hang")
    done = spark.task(CLEAN, "--set", "spark.timeout_ms=8s", check=False)
    assert done.returncode == 1 and "spark.timeout_ms" in done.stderr
    assert_gone(spark)


# --- a task that ends, or crashes, while its job runs -------------------------------------------

ENV = {"PINION_DAG": DAG, "PINION_RUN_ID": "manual+1", "PINION_TASK": CLEAN}


def begin(spark, file, env=ENV):
    """A task in the background, once its job has made the file."""
    command = [PINION, "task", DAG, CLEAN, "--config", str(spark.config), "--data", str(spark.data)]
    process = subprocess.Popen(command, env={**os.environ, **env}, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)  # fmt: skip
    wait_for(lambda: (spark.folder / file).exists() and (spark.folder / file).stat().st_size >= 0)
    return process


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def assert_gone(spark):
    pids = [asked["pid"] for asked in spark.runs()]
    wait_for(lambda: (spark.folder / "child").read_text() != "")
    pids.append(int((spark.folder / "child").read_text()))
    wait_for(lambda: not any(is_alive(pid) for pid in pids))


def test_a_killed_task_ends_its_job_and_all_of_its_processes(spark):
    spark.mode("hang")
    process = begin(spark, "child")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == -signal.SIGTERM
    assert_gone(spark)
    assert spark.jobs() == []


def test_a_job_knows_what_makes_its_commits(spark):
    spark.task(CLEAN, env={**ENV, "PINION_TRY_NUMBER": "2"})
    made_by = {"dag": DAG, "run": "manual+1", "task": CLEAN, "try": 2}
    assert spark.runs()[0]["madeBy"] == made_by


def test_a_crash_after_the_result_does_not_run_the_job_again(spark):
    spark.mode("late")
    process = begin(spark, "written")
    process.kill()
    process.wait(60)
    assert spark.jobs() != []
    spark.mode("done")
    done = spark.task(CLEAN, env=ENV)
    assert "pin: version 2, 4 rows" in done.stdout
    assert len(spark.runs()) == 1
    assert spark.jobs() == []


def test_a_crash_before_the_result_gives_the_next_run_the_same_token(spark):
    spark.mode("hang")
    process = begin(spark, "child")
    process.kill()
    process.wait(60)
    wait_for(lambda: not is_alive(spark.runs()[0]["pid"]))
    os.kill(int((spark.folder / "child").read_text()), signal.SIGKILL)
    spark.mode("done")
    spark.task(CLEAN, env=ENV)
    first, second = spark.runs()
    assert first["token"] == second["token"]
    spark.task(CLEAN, env=ENV)
    assert spark.runs()[2]["token"] != first["token"]


def test_what_another_run_left_is_not_ours(spark):
    spark.mode("late")
    process = begin(spark, "written")
    process.kill()
    process.wait(60)
    spark.mode("done")
    spark.task(CLEAN, env={**ENV, "PINION_RUN_ID": "manual+2"})
    assert len(spark.runs()) == 2


def test_the_default_is_the_engine_in_pinion(spark):
    assert query("SELECT 1 AS one", spark.data) == [{"one": 1}]
    assert spark.runs() == []
