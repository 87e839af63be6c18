"""A definition that changes while the server runs: DAGs, tasks, SQL, and what is broken."""

import time

import pytest
import requests
import yaml

from pinion import Server, run
from test_dag_api import Api

WAIT = "while [ ! -e go ]; do sleep 0.05; done"


class Editable(Api):
    def __init__(self, server, folder):
        super().__init__(server)
        self.folder = folder

    def write(self, dags, **more):
        for dag in dags.values():
            for task in dag["tasks"].values():
                task.setdefault("run", "command")
                if "command" in task:
                    task["command"] = f"cd '{self.folder}' && {task['command']}"
        text = yaml.safe_dump({"name": "own", "dags": dags, **more}, sort_keys=False)
        (self.folder / "own/pipeline.yml").write_text(text)

    def log(self, path):
        url = f"{self.server.url}/api/v1/runs/{path}/log"
        return requests.get(url, timeout=30).text

    def sees(self, true):
        deadline = time.monotonic() + 60
        while not true(found := self.get("import_errors")):
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return found


@pytest.fixture
def api(tmp_path):
    (tmp_path / "own").mkdir()
    api = Editable(None, tmp_path)
    api.write({"one": {"tasks": {"a": {"command": "echo old"}}}})
    with Server(tmp_path / "data", "--pipeline", tmp_path / "own") as server:
        api.server = server
        yield api


def test_dags_and_tasks_come_change_and_go(api):
    before = api.get("import_errors")
    assert before["items"] == [] and before["needs_restart"] is False
    first = api.trigger("one")
    api.ended("one", first)
    api.write({
        "one": {"tasks": {"b": {"command": "echo new"}, "c": {"command": "true",
                                                             "after": ["b"]}}},
        "two": {"tasks": {"d": {"command": "true"}}},
    })  # fmt: skip
    assert [item["dag"] for item in api.get("dags")["items"]] == ["one", "two"]
    assert api.get("import_errors")["version"] != before["version"]
    second = api.trigger("one")
    found = api.ended("one", second)
    assert found["state"] == "success" and api.log(f"one/{second}/b/1") == "new\n"
    assert api.ended("two", api.trigger("two"))["state"] == "success"
    grid = api.get("dags/one/grid")
    assert [(task["id"], task.get("removed", False)) for task in grid["tasks"]] == [
        ("b", False), ("c", False), ("a", True),
    ]  # fmt: skip
    assert [run["states"] for run in grid["runs"]] == ["ss ", "  s"]
    assert [task["removed"] for task in api.get(f"runs/one/{first}")["tasks"]] == [True]


def test_a_command_triggers_a_dag_that_was_just_written(api):
    api.write({"fresh": {"tasks": {"a": {"command": "true"}}}})
    run("dag", "trigger", "fresh", "--wait", "--pipeline", api.folder / "own",
        data=api.server.data)  # fmt: skip
    assert api.get("runs?dag=fresh")["items"][0]["state"] == "success"


def test_a_run_keeps_the_definition_that_it_began_with(api):
    api.write({"one": {"tasks": {"a": {"command": WAIT}, "b": {"command": "echo old",
                                                             "after": ["a"]}}}})  # fmt: skip
    run_id = api.trigger("one")
    api.until("one", run_id, lambda found: found["tasks"][0]["state"] == "running")
    version = api.get("import_errors")["version"]
    api.write({"one": {"tasks": {"b": {"command": "echo new"}, "z": {"command": "true"}}}})
    api.sees(lambda found: found["version"] != version)
    (api.folder / "go").touch()
    found = api.ended("one", run_id)
    assert found["state"] == "success", found
    assert [task["task"] for task in found["tasks"]] == ["a", "b"]
    assert api.log(f"one/{run_id}/b/1") == "old\n"
    later = api.trigger("one")
    assert [task["task"] for task in api.ended("one", later)["tasks"]] == ["b", "z"]
    assert api.log(f"one/{later}/b/1") == "new\n"


@pytest.mark.parametrize(("broken", "line", "words"), [
    ("name: own\ndags:\n  one:\n    schedule: '61 * * * *'\n    tasks:\n      a: {run: command, "
     "command: x}\n", 4, "61"),
    ("name: own\ndags:\n  one:\n    tasks:\n      a: {run: command, command: x, after: [b]}\n"
     "      b: {run: command, command: x, after: [a]}\n", 5, "a -> b -> a"),
    ("name: own\ndags:\n  one:\n    tasks:\n      a: {run: command, command: x, after: [q]}\n", 5,
     "q"),
    ("name: [\n", None, ""),
    ("dags:\n  one: {tasks: {a: {run: command, command: x}}}\nname: renamed\n", 3,
     "remove the file pipeline_name of its data folder"),
])  # fmt: skip
def test_a_broken_file_is_named_while_the_last_good_one_runs(api, broken, line, words):
    path = api.folder / "own/pipeline.yml"
    good = path.read_text()
    path.write_text(broken)
    error = api.get("import_errors")["items"][0]
    assert error["file"] == "pipeline.yml" and words in error["reason"], error
    assert error["line"] == line or (line is None and error["line"] > 0)
    health = requests.get(f"{api.server.url}/health", timeout=30).json()
    assert health["status"] == "ok" and health["import_errors"][0]["line"] == error["line"]
    run_id = api.trigger("one")
    assert api.ended("one", run_id)["state"] == "success"
    assert api.log(f"one/{run_id}/a/1") == "old\n"
    assert api.get("dags/one")["text"] in good
    path.write_text(good)
    assert api.sees(lambda found: found["items"] == [])["needs_restart"] is False


def test_a_missing_sql_file_is_an_error_until_it_is_there(api):
    table = {
        "raw": {"path": "raw", "from_topic": "t", "columns": {"n": "bigint"}},
        "clean": {"path": "clean", "sql": "clean/x.sql", "reads": ["raw"],
                  "columns": {"n": "bigint"}},
    }  # fmt: skip
    tasks = {"make": {"run": "transform", "tables": ["clean"]}}
    api.write({"one": {"tasks": tasks}}, topics={"t": None}, tables=table)
    error = api.get("import_errors")["items"][0]
    assert "clean/x.sql" in error["reason"] and error["line"] > 0
    (api.folder / "own/clean").mkdir()
    (api.folder / "own/clean/x.sql").write_text("SELECT n FROM raw")
    found = api.sees(lambda found: found["items"] == [])
    assert found["needs_restart"] is True, "tables as the server sees them have changed"
    version = found["version"]
    (api.folder / "own/clean/x.sql").write_text("SELECT n + 1 AS n FROM raw")
    api.sees(lambda found: found["version"] != version)


def test_copies_of_definitions_do_not_pile_up(api):
    copies = api.server.data / "definitions"
    for i in range(5):
        version = api.get("import_errors")["version"]
        api.write({"one": {"tasks": {"a": {"command": f"echo {i}"}}}})
        api.sees(lambda found, version=version: found["version"] != version)
        run_id = api.trigger("one")
        api.ended("one", run_id)
        assert api.log(f"one/{run_id}/a/1") == f"{i}\n"
    deadline = time.monotonic() + 60
    while len(list(copies.iterdir())) > 1:
        assert time.monotonic() < deadline, list(copies.iterdir())
        time.sleep(0.05)
