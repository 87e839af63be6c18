"""Marking tasks and runs, and deleting runs: by the API and by commands."""

import json

import pytest

from pinion import Server, run
from test_dag_api import Api, definition

DAGS = {
    "chain": {
        "tasks": {
            "first": {"command": "true"},
            "broken": {"command": "exit 1", "after": ["first"]},
            "last": {"command": "echo ran", "after": ["broken"]},
        }
    },
    "slow": {"tasks": {"wait": {"command": "sleep 60"}}},
}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dag_marks")
    (folder / "own").mkdir()
    (folder / "own/pipeline.yml").write_text(definition(DAGS))
    with Server(folder / "data", "--pipeline", folder / "own") as server:
        yield Api(server)


def command(api, *args, **more):
    folder = api.server.data.parent / "own"
    return run("dag", *args, "--pipeline", folder, data=api.server.data, **more)


def failed(api):
    run_id = api.trigger("chain")
    assert api.ended("chain", run_id)["state"] == "failed"
    return run_id


def states(found):
    return [task["state"] for task in found["tasks"]]


def test_a_task_that_is_marked_a_success_lets_the_next_ones_run(api):
    run_id = failed(api)
    path = f"runs/chain/{run_id}/mark"
    body = {"state": "success", "tasks": ["broken"]}
    looked = api.ask("POST", path, {**body, "dry_run": True})
    assert looked == {"run": run_id, "dry_run": True, "tasks": ["broken"], "cleared": ["last"]}
    assert states(api.get(f"runs/chain/{run_id}")) == ["success", "failed", "upstream_failed"]
    done = api.ask("POST", path, body)
    assert done["cleared"] == ["last"] and done["dry_run"] is False
    found = api.ended("chain", run_id)
    assert found["state"] == "success" and states(found) == ["success"] * 3
    assert found["tasks"][1]["tries"] == 1, "nothing ran in its place"
    assert [item["what"] for item in api.get(f"audit?dag=chain&run={run_id}")["items"]] == [
        "mark", "trigger",
    ]  # fmt: skip


def test_a_task_that_is_marked_failed_makes_the_run_fail(api):
    run_id = failed(api)
    api.ask("POST", f"runs/chain/{run_id}/mark", {"state": "success", "tasks": ["broken"]})
    api.ended("chain", run_id)
    api.ask("POST", f"runs/chain/{run_id}/mark", {"state": "failed", "tasks": ["first"]})
    found = api.get(f"runs/chain/{run_id}")
    assert found["state"] == "failed" and states(found) == ["failed", "success", "success"]
    assert found["reason"] == "marked failed by api"


def test_all_of_a_run_is_marked(api):
    run_id = failed(api)
    done = api.ask("POST", f"runs/chain/{run_id}/mark", {"state": "success"})
    assert done["tasks"] == ["broken", "last"] and done["cleared"] == []
    found = api.get(f"runs/chain/{run_id}")
    assert found["state"] == "success" and found["reason"] == "marked success by api"
    assert api.ask("POST", f"runs/chain/{run_id}/mark", {"state": "success"})["tasks"] == []


def test_what_cannot_be_marked(api):
    run_id = failed(api)
    path = f"runs/chain/{run_id}/mark"
    for body in ({}, {"state": "x"}, {"state": "running"}, {"state": "skipped"}):
        api.error("POST", path, 400, body)
    assert "has no task" in api.error("POST", path, 404, {"state": "failed", "tasks": ["none"]})
    slow = api.trigger("slow")
    api.until("slow", slow, lambda found: states(found) == ["running"])
    for body in ({"state": "failed"}, {"state": "failed", "tasks": ["wait"]}):
        assert "is running" in api.error("POST", f"runs/slow/{slow}/mark", 409, body)
    assert "is running" in api.error("DELETE", f"runs/slow/{slow}", 409)
    api.ask("POST", f"runs/slow/{slow}/cancel", {}, 202)
    api.ended("slow", slow)


def test_a_run_is_deleted_with_its_logs_after_a_look(api):
    run_id = failed(api)
    logs = api.server.data / "dag/chain" / run_id
    assert len(list(logs.iterdir())) == 2
    looked = api.ask("DELETE", f"runs/chain/{run_id}?dry_run=true")
    assert looked == {"run": run_id, "dry_run": True, "tasks": 3, "attempts": 2, "log_files": 2,
                      "log_bytes": 0}  # fmt: skip
    assert logs.exists() and api.get(f"runs/chain/{run_id}")
    assert api.ask("DELETE", f"runs/chain/{run_id}")["dry_run"] is False
    assert not logs.exists()
    api.error("GET", f"runs/chain/{run_id}", 404)
    api.error("DELETE", f"runs/chain/{run_id}", 404)
    assert api.get(f"audit?dag=chain&run={run_id}")["items"][0]["what"] == "delete"


def test_many_runs_at_once(api):
    run_ids = [failed(api), failed(api)]
    runs = [{"dag": "chain", "run": run_id} for run_id in [*run_ids, "none"]]
    looked = api.ask("POST", "runs", {"action": "clear", "scope": "failed", "runs": runs,
                                      "dry_run": True})  # fmt: skip
    assert [item.get("tasks") for item in looked["items"]] == [["broken", "last"]] * 2 + [None]
    assert "none" in looked["items"][2]["error"] and looked["items"][0]["error"] is None
    api.ask("POST", "runs", {"action": "clear", "runs": runs[:2]})
    for run_id in run_ids:
        api.until("chain", run_id, lambda found: found["tasks"][0]["tries"] == 2)
        api.ended("chain", run_id)
    looked = api.ask("POST", "runs", {"action": "delete", "runs": runs[:1], "dry_run": True})
    assert looked["items"][0]["attempts"] == 4 and looked["items"][0]["error"] is None
    api.ask("POST", "runs", {"action": "delete", "runs": runs[:2]})
    for run_id in run_ids:
        api.error("GET", f"runs/chain/{run_id}", 404)
    for body in ({}, {"action": "x", "runs": runs}, {"action": "clear"},
                 {"action": "clear", "runs": []}, {"action": "clear", "runs": [1]},
                 {"action": "clear", "runs": runs, "scope": "task"}):  # fmt: skip
        api.error("POST", "runs", 400, body)


def test_the_same_by_commands(api):
    run_id = failed(api)
    looked = command(api, "mark", "chain", run_id, "broken", "--state", "success", "--dry-run",
                     "--format", "json")  # fmt: skip
    assert json.loads(looked.stdout) == [
        {"run": run_id, "task": "broken", "change": "success"},
        {"run": run_id, "task": "last", "change": "clear"},
    ]
    refused = command(api, "mark", "chain", run_id, "broken", "--state", "success", check=False)
    assert refused.returncode != 0 and "--yes" in refused.stderr
    command(api, "mark", "chain", run_id, "broken", "--state", "success", "--yes")
    assert api.ended("chain", run_id)["state"] == "success"
    assert json.loads(command(api, "delete", "chain", run_id, "--dry-run", "--format",
                              "json").stdout)[0]["attempts"] == 3  # fmt: skip
    refused = command(api, "delete", "chain", run_id, check=False)
    assert refused.returncode != 0 and "--yes" in refused.stderr
    command(api, "delete", "chain", run_id, "--yes")
    api.error("GET", f"runs/chain/{run_id}", 404)
    pools = json.loads(command(api, "pools", "--format", "json").stdout)
    assert {pool["pool"]: pool["slots"] for pool in pools} == {"default_pool": None, "few": 2}
    assert api.get("pools")["items"] == pools


def test_a_log_is_searched_by_command(api):
    run_id = failed(api)
    command(api, "mark", "chain", run_id, "broken", "--state", "success", "--yes")
    api.ended("chain", run_id)
    found = command(api, "logs", "chain", "last", "--run", run_id, "--find", "ran",
                    "--format", "json")  # fmt: skip
    assert json.loads(found.stdout) == [{"task": "last", "attempt": 1, "line": 1, "byte": 0}]
