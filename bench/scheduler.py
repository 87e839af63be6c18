"""A run of five tasks that do nothing, one after the other, from the trigger by HTTP to success.

The peer is Airflow 3 with LocalExecutor, whose figures were taken once on the same kind of machine
(4.3 s, and 931 MiB of all its processes): it needs minutes to set up, so it is not run here.
"""

import http.client
import json
import statistics
import time

import harness

AIRFLOW_S = 4.3
AIRFLOW_MIB = 931
TASKS = 5
DAG = "empty"
GOAL = 1 / 50
RUN_SECONDS_MAX = 60


def names(options):
    return ["scheduler.empty_tasks"]


def write_pipeline(folder):
    """YAML as JSON has it."""
    tasks = {
        f"t{i}": {"run": "command", "command": ":", "after": [f"t{i - 1}"] if i else []}
        for i in range(TASKS)
    }
    folder.mkdir()
    definition = {"name": "bench", "dags": {DAG: {"tasks": tasks}}}
    (folder / "pipeline.yml").write_text(json.dumps(definition))
    return folder


def call(connection, method, path, body=None):
    headers = {"Content-Type": "application/json"} if body is not None else {}
    connection.request(method, f"/api/v2/{path}", body, headers)
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        raise harness.BenchError(f"{method} {path}: {response.status} {answer[:300]!r}")
    return json.loads(answer)


def run_once(connection):
    """Seconds from the trigger to the end of the run, which the server waits for."""
    began = time.monotonic()
    run = call(connection, "POST", f"dags/{DAG}/dagRuns", "{}")["dag_run_id"]
    state = "queued"
    while state in ("queued", "running"):
        if time.monotonic() - began > RUN_SECONDS_MAX:
            raise harness.BenchError(f"the run is {state} after {RUN_SECONDS_MAX} s")
        time.sleep(0.001)
        state = call(connection, "GET", f"dags/{DAG}/dagRuns/{run}")["state"]
    if state != "success":
        raise harness.BenchError(f"the run is {state}")
    return time.monotonic() - began


def run(name, scratch, options, say):
    rounds = 5 if options.quick else 30
    port = harness.free_port()
    pipeline = write_pipeline(scratch / "pipeline")
    settings = ("--pipeline", pipeline)
    with harness.pinion_serve(scratch / "data", port, scratch / "log", *settings) as process:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        run_once(connection)
        took = [run_once(connection) for _ in range(rounds)]
        memory = harness.rss_mib(process.pid)
        connection.close()
    say(f"{TASKS} tasks: median {statistics.median(took) * 1000:.0f} ms of {rounds} runs")
    return [
        harness.compare(f"{name}.s", took, [AIRFLOW_S] * rounds, GOAL),
        harness.Result(f"{name}.rss_mib", memory, AIRFLOW_MIB),
    ]
