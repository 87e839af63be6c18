"""Much of it: a DAG of 1,000 tasks, and 10,000 runs in the history."""

import gzip
import json
import sqlite3

import pytest
import requests

from pinion import Server
from test_dag_api import Api, definition

TASKS = 1000
RUNS = 50
HISTORY = 10_000


def wide():
    tasks = {"t0000": {"command": "true"}}
    for i in range(1, TASKS):
        tasks[f"t{i:04}"] = {"command": "true", "after": [f"t{(i - 1) // 10:04}"]}
    return {"wide": {"tasks": tasks}, "old": {"tasks": {"a": {"command": "true"}}}}


def fill(path):
    with sqlite3.connect(path, timeout=60) as db:
        for dag, count, tasks in (
            ("wide", RUNS, [f"t{i:04}" for i in range(TASKS)]), ("old", HISTORY, ["a"]),
        ):  # fmt: skip
            for i in range(count):
                at_ms = 1_790_000_000_000 + 60_000 * i
                run = db.execute(
                    "INSERT INTO run(dag, run_id, state, queued_ms, started_ms, ended_ms, type)"
                    " VALUES (?, ?, ?, ?, ?, ?, 'manual')",
                    (dag, f"manual__{i:05}", "failed" if i % 7 == 0 else "success", at_ms,
                     at_ms + 1, at_ms + 9),
                ).lastrowid  # fmt: skip
                db.executemany(
                    "INSERT INTO task(run, task, position, state, tries) VALUES (?, ?, ?, ?, 1)",
                    [(run, task, at, "success") for at, task in enumerate(tasks)],
                )
    db.close()


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dag_scale")
    (folder / "own").mkdir()
    (folder / "own/pipeline.yml").write_text(definition(wide()))
    with Server(folder / "data", "--pipeline", folder / "own",
                "--set", "dag.runs_kept=100000") as server:  # fmt: skip
        fill(server.data / "state.db")
        yield Api(server)


def test_the_grid_of_a_thousand_tasks_is_small(api):
    answer = requests.get(f"{api.server.url}/api/v1/dags/wide/grid", timeout=30,
                          headers={"Accept-Encoding": "identity"})  # fmt: skip
    assert len(answer.content) < 100_000
    assert len(gzip.compress(answer.content)) < 20_000
    grid = json.loads(answer.content)
    assert len(grid["tasks"]) == TASKS and len(grid["runs"]) == RUNS
    assert all(run["states"] == "s" * TASKS for run in grid["runs"])
    assert grid["tasks"][999]["after"] == [99]


def test_a_long_history_is_read_in_pages(api):
    seen, path = 0, "runs?dag=old&limit=1000"
    page = api.get(path)
    assert page["counts"]["success"] + page["counts"]["failed"] == HISTORY
    while True:
        seen += len(page["items"])
        if "next" not in page:
            break
        page = api.get(f"{path}&cursor={page['next']}")
    assert seen == HISTORY
    assert api.get("runs?q=manual__00007&dag=old")["items"][0]["run"] == "manual__00007"
    grid = api.get(f"dags/old/grid?before={page['items'][-1]['id'] + 10}")
    assert len(grid["runs"]) == 10 and grid["next"] is None


def test_a_run_of_a_thousand_tasks_runs(api):
    run_id = api.trigger("wide")
    api.until("wide", run_id, lambda run: run["tasks"][10]["state"] == "success")
    found = api.ask("POST", f"runs/wide/{run_id}/cancel", {}, 202)
    assert found["cancel_asked"] or found["state"] == "cancelled"
    found = api.ended("wide", run_id)
    assert found["state"] == "cancelled" and len(found["tasks"]) == TASKS
