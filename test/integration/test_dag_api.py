"""DAGs and runs by the API of a real server: look, trigger, cancel, run again, backfill, audit."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests
import yaml

from pinion import Server, run

SECONDS_MAX = 60
TASKS = {
    "first": {"command": "echo one"},
    "second": {"command": 'case "$PINION_CONF" in *fail*) echo bad; exit 3;; esac; echo two',
               "after": ["first"]},
    "third": {"command": "echo three", "after": ["second"]},
}  # fmt: skip
DAGS = {
    "plain": {"description": "<b>three</b>", "tasks": TASKS, "schedule": "0 6 * * *"},
    "slow": {"tasks": {"wait": {"command": "sleep 60"}, "last": {"command": "true",
                                                                "after": ["wait"]}}},
}  # fmt: skip


def definition(dags):
    for dag in dags.values():
        for task in dag["tasks"].values():
            task.setdefault("run", "command")
    return yaml.safe_dump({"name": "own", "dags": dags, "pools": {"few": 2}}, sort_keys=False)


class Api:
    def __init__(self, server):
        self.server = server

    def ask(self, method, path, body=None, status=200, **more):
        answer = requests.request(
            method, f"{self.server.url}/api/v1/{path}", timeout=30,
            **({} if body is None else {"json": body}), **more,
        )  # fmt: skip
        assert answer.status_code == status, (path, answer.status_code, answer.text[:2000])
        return answer.json() if answer.content else None

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def error(self, method, path, status, body=None):
        return self.ask(method, path, body, status)["error"]["message"]

    def trigger(self, dag, **body):
        return self.ask("POST", f"runs/{dag}", body, 202)["run"]

    def ended(self, dag, run_id):
        return self.until(dag, run_id, lambda run: run["ended_ms"] is not None)

    def until(self, dag, run_id, true):
        deadline = time.monotonic() + SECONDS_MAX
        while not true(found := self.get(f"runs/{dag}/{run_id}")):
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return found


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dag_api")
    (folder / "own").mkdir()
    (folder / "own/pipeline.yml").write_text(definition(DAGS))
    with Server(folder / "data", "--pipeline", folder / "own") as server:
        yield Api(server)


# --- looking ----------------------------------------------------------------------------------


def test_a_run_from_trigger_to_success_with_all_that_is_known_of_it(api):
    run_id = api.trigger("plain", conf={"n": 9007199254740993}, note="by hand")
    found = api.ended("plain", run_id)
    assert found["state"] == "success" and found["type"] == "manual"
    assert found["conf"] == {"n": 9007199254740993} and found["note"] == "by hand"
    assert found["triggered_by"] == "api" and found["logical_ms"] is None
    assert found["queued_ms"] <= found["started_ms"] <= found["ended_ms"]
    assert found["duration_ms"] == found["ended_ms"] - found["started_ms"]
    assert [task["task"] for task in found["tasks"]] == ["first", "second", "third"]
    for task in found["tasks"]:
        assert task["state"] == "success" and task["tries"] == 1 and task["kind"] == "command"
        assert [attempt["outcome"] for attempt in task["attempts"]] == ["success"]
        assert task["attempts"][0]["exit_code"] == 0 and task["attempts"][0]["has_log"]
    assert found["tasks"][2]["after"] == ["second"]


def test_a_second_run_stands_beside_the_last_success(api):
    before = api.trigger("plain")
    api.ended("plain", before)
    found = api.ended("plain", api.trigger("plain"))
    assert found["before"]["run"] == before and found["median_ms"] >= 0
    assert all(task["duration_before_ms"] is not None for task in found["tasks"])


def test_dags_are_listed_with_what_they_are_due_and_how_their_runs_went(api):
    run_id = api.trigger("plain")
    api.ended("plain", run_id)
    items = {item["dag"]: item for item in api.get("dags")["items"]}
    assert set(items) == set(DAGS)
    plain = items["plain"]
    assert plain["description"] == "<b>three</b>" and plain["task_count"] == 3
    assert plain["schedule"] == ["0 6 * * *"] and plain["timezone"] == "UTC"
    assert plain["next_ms"] % 86400000 == 6 * 3600000
    assert plain["last"][0][:2] == [run_id, "s"] and plain["last"][0][2] >= 0
    assert plain["counts"]["success"] >= 1
    assert plain["day_counts"]["success"] == plain["counts"]["success"]
    assert items["slow"]["next_ms"] is None and items["slow"]["schedule"] == []


def test_a_dag_shows_its_definition_and_the_text_of_it(api):
    found = api.get("dags/plain")
    assert [task["task"] for task in found["tasks"]] == ["first", "second", "third"]
    assert found["tasks"][1]["trigger_rule"] == "all_success"
    assert found["overlap"] == "queue" and len(found["next_times_ms"]) == 5
    assert yaml.safe_load(found["text"]) == {"plain": DAGS["plain"]}
    assert len(found["version"]) == 8
    assert "no DAG 'none'" in api.error("GET", "dags/none", 404)


def test_the_grid_has_a_letter_for_each_task(api):
    good = api.trigger("plain")
    api.ended("plain", good)
    bad = api.trigger("plain", conf={"x": "fail"})
    assert api.ended("plain", bad)["state"] == "failed"
    grid = api.get("dags/plain/grid?limit=2")
    assert [task["id"] for task in grid["tasks"]] == ["first", "second", "third"]
    assert [task.get("after", []) for task in grid["tasks"]] == [[], [0], [1]]
    assert [(run["run"], run["states"]) for run in grid["runs"]] == [(bad, "sfu"), (good, "sss")]
    assert grid["runs"][0]["tries"] == {}
    older = api.get(f"dags/plain/grid?limit=1&before={grid['runs'][0]['id']}")
    assert [run["run"] for run in older["runs"]] == [good]
    api.error("GET", "dags/plain/grid?limit=0", 400)
    api.error("GET", "dags/plain/grid?before=x", 400)


def test_runs_are_found_by_what_they_are_and_read_in_pages(api):
    wanted = [api.trigger("plain", run=f"found-{i}", note=f"Note {i}") for i in range(3)]
    for run_id in wanted:
        api.ended("plain", run_id)
    seen, path = [], "runs?dag=plain&state=success&type=manual&q=FOUND-&limit=2"
    page = api.get(path)
    assert page["counts"]["success"] >= 3
    while True:
        seen += [item["run"] for item in page["items"]]
        if "next" not in page:
            break
        page = api.get(f"{path}&cursor={page['next']}")
    assert seen == wanted[::-1]
    assert [item["run"] for item in api.get("runs?q=note%201")["items"]] == [wanted[1]]
    item = api.get("runs?q=found-1")["items"][0]
    at_ms = item["queued_ms"]
    assert api.get(f"runs?q=found-1&from={at_ms}&to={at_ms + 1}")["items"] == [item]
    assert api.get(f"runs?q=found-1&to={at_ms}")["items"] == []
    assert api.get("runs?q=%25")["items"] == [], "a text, not a pattern"
    assert api.get("runs?dag=none")["items"] == []
    for bad in ("state=good", "type=x", "from=yesterday", "limit=0", "cursor=!"):
        assert api.error("GET", f"runs?{bad}", 400), bad
    assert "has no run" in api.error("GET", "runs/plain/none", 404)


def test_a_reply_that_the_client_has_is_not_sent_again(api):
    api.ended("plain", api.trigger("plain"))
    for path in ("dags", "dags/plain", "dags/plain/grid", "runs?dag=plain", "audit"):
        first = requests.get(f"{api.server.url}/api/v1/{path}", timeout=30)
        again = requests.get(f"{api.server.url}/api/v1/{path}", timeout=30,
                             headers={"If-None-Match": first.headers["ETag"]})  # fmt: skip
        assert again.status_code == 304, path


# --- changing ---------------------------------------------------------------------------------


def test_what_is_wrong_with_a_trigger_is_said(api):
    for body, words in (
        ({"conf": []}, "must be a JSON object"), ({"conf": "x"}, "must be a JSON object"),
        ({"run": "../x"}, "invalid run name"), ({"note": "x" * 5000}, "a note is"),
        ({"logical_ms": "now"}, "must be a whole number"), ({"colour": 1}, "unknown member"),
        ([], "JSON object"), ({"run": 1}, "must be a string"),
    ):  # fmt: skip
        assert words in api.error("POST", "runs/plain", 400, body), body
    assert "no DAG" in api.error("POST", "runs/none", 404, {})
    api.ended("plain", api.trigger("plain", run="once"))
    assert "already" in api.error("POST", "runs/plain", 409, {"run": "once"})
    logical = {"logical_ms": 1700000000000}
    assert api.ended("plain", api.trigger("plain", **logical))["logical_ms"] == 1700000000000
    assert "already" in api.error("POST", "runs/plain", 409, logical)


def test_a_run_is_cancelled(api):
    first, second = api.trigger("slow"), api.trigger("slow")
    api.until("slow", first, lambda run: run["tasks"][0]["state"] == "running")
    waits = api.get(f"runs/slow/{second}")
    assert waits["state"] == "queued" and "1 of 1 runs" in waits["reason"]
    assert waits["tasks"][0]["reason"] == "its run is queued"
    assert api.ask("POST", f"runs/slow/{second}/cancel", {}, 202)["state"] == "cancelled"
    api.ask("POST", f"runs/slow/{first}/cancel", status=202)
    found = api.ended("slow", first)
    assert found["state"] == "cancelled"
    assert [task["state"] for task in found["tasks"]] == ["cancelled", "cancelled"]
    assert "is over" in api.error("POST", f"runs/slow/{first}/cancel", 409, {})


def test_tasks_run_again_after_a_look_at_what_that_would_be(api):
    run_id = api.trigger("plain", conf={"x": "fail"})
    api.ended("plain", run_id)
    path = f"runs/plain/{run_id}/rerun"
    for body, tasks in (
        ({"scope": "failed"}, ["second", "third"]), ({"scope": "all"}, [*TASKS]),
        ({"scope": "task", "tasks": ["first"]}, ["first"]),
        ({"scope": "after", "tasks": ["second"]}, ["second", "third"]),
    ):  # fmt: skip
        looked = api.ask("POST", path, {**body, "dry_run": True})
        assert looked == {"run": run_id, "dry_run": True, "tasks": tasks}, body
    assert api.get(f"runs/plain/{run_id}")["state"] == "failed", "a look changes nothing"
    done = api.ask("POST", path, {"scope": "failed"}, 202)
    assert done["tasks"] == ["second", "third"] and done["dry_run"] is False
    found = api.ended("plain", run_id)
    assert [task["tries"] for task in found["tasks"]] == [1, 2, 0]
    assert api.get("dags/plain/grid?limit=1")["runs"][0]["tries"] == {"1": 2}
    for body in ({}, {"scope": "x"}, {"scope": "task"}, {"scope": "all", "tasks": ["first"]}):
        api.error("POST", path, 400, body)
    api.error("POST", path, 404, {"scope": "task", "tasks": ["none"]})


def test_a_note_and_a_pause(api):
    run_id = api.trigger("plain")
    note = "<img src=x onerror=alert(1)> \u2713"
    assert api.ask("PATCH", f"runs/plain/{run_id}", {"note": note})["note"] == note
    api.error("PATCH", f"runs/plain/{run_id}", 400, {})
    paused = api.ask("PATCH", "dags/plain", {"paused": True})
    assert paused["paused"] and paused["paused_ms"] > 0 and paused["next_ms"] is None
    assert api.ended("plain", api.trigger("plain"))["state"] == "success", "by hand it runs"
    assert api.ask("PATCH", "dags/plain", {"paused": False})["paused"] is False
    api.error("PATCH", "dags/plain", 400, {"paused": "yes"})


def test_a_backfill_is_what_its_dry_run_said(api):
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first, last = ((day - timedelta(days=days)).timestamp() * 1000 for days in (9, 6))
    asked = {"from_ms": int(first), "to_ms": int(last)}
    looked = api.ask("POST", "backfills/plain", {**asked, "dry_run": True})
    assert looked["runs"] == 3 and [item["action"] for item in looked["items"]] == ["create"] * 3
    refused = api.error("POST", "backfills/plain", 409, {**asked, "token": "another"})
    assert "changed" in refused or "list" in refused
    made = api.ask("POST", "backfills/plain", {**asked, "token": looked["token"]}, 202)
    path = f"backfills/{made['backfill']}"
    deadline = time.monotonic() + SECONDS_MAX
    while (found := api.get(path))["state"] != "done":
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    assert found["counts"]["success"] == 3 and found["dag"] == "plain"
    assert found in api.get("backfills?dag=plain")["items"]
    assert {item["run"] for item in api.get("runs?type=backfill")["items"]} == {
        item["run"] for item in looked["items"]
    }
    api.error("POST", f"{path}/pause", 409, {})
    api.error("POST", f"{path}/cancel", 409, {})
    api.error("GET", "backfills/999", 404)
    api.error("GET", "backfills/x", 404)
    api.error("POST", "backfills/slow", 400, {**asked})
    backwards = {"from_ms": 5, "to_ms": 4}
    assert '"to_ms" is before' in api.error("POST", "backfills/plain", 400, backwards)
    later = {"from_ms": asked["to_ms"], "to_ms": asked["to_ms"] + 1000 * 86_400_000}
    looked = api.ask("POST", "backfills/plain", {**later, "dry_run": True})
    assert "yet to come" in looked["left_out"] and looked["runs"] < 10
    api.error("POST", "backfills/plain", 400, {**asked, "reprocess": "some"})


def test_what_was_done_is_kept_with_who_did_it(api):
    run_id = api.trigger("plain")
    api.ended("plain", run_id)
    same = {"Sec-Fetch-Site": "same-origin", "Origin": api.server.url}
    api.ask("PATCH", f"runs/plain/{run_id}", {"note": "from a page"}, headers=same)
    run("dag", "note", "plain", run_id, "from a shell", "--pipeline",
        api.server.data.parent / "own", data=api.server.data)  # fmt: skip
    items = api.get(f"audit?dag=plain&run={run_id}")["items"]
    assert [(item["who"], item["what"]) for item in items] == [
        ("cli", "note"), ("ui", "note"), ("api", "trigger"),
    ]  # fmt: skip
    page = api.get("audit?limit=2")
    assert len(page["items"]) == 2
    assert len(api.get(f"audit?limit=2&cursor={page['next']}")["items"]) == 2
    api.error("GET", "audit?run=x", 400)


def test_the_command_line_shows_the_same_run(api):
    run_id = api.trigger("plain", conf={"a": 1})
    found = api.ended("plain", run_id)
    shown = run("dag", "status", "plain", run_id, "--format", "json", "--pipeline",
                api.server.data.parent / "own", data=api.server.data)  # fmt: skip
    assert [(task["task"], task["state"], task["tries"]) for task in json.loads(shown.stdout)] == [
        (task["task"], task["state"], task["tries"]) for task in found["tasks"]
    ]
