"""The versions of a DAG: when its definition is another one, what each was, and which one a run
had; by our API and by Airflow's client."""

import json
import sqlite3
import subprocess

import airflow_client.client as airflow
import pytest
from airflow_client.client.api import (
    dag_api, dag_run_api, dag_source_api, dag_version_api, task_instance_api,
)  # fmt: skip

from pinion import Server, run
from test_dag_api import SECONDS_MAX
from test_dag_reload import Editable
from test_dag import until

PAUSE = "while [ ! -e go ]; do sleep 0.05; done; echo old"


@pytest.fixture
def api(tmp_path):
    (tmp_path / "own").mkdir()
    api = Editable(None, tmp_path)
    api.write({"one": {"tasks": {"a": {"command": "echo first"}}},
               "two": {"tasks": {"a": {"command": "true"}}}})  # fmt: skip
    with Server(tmp_path / "data", "--pipeline", tmp_path / "own") as server:
        api.server = server
        api.client = airflow.ApiClient(airflow.Configuration(host=server.url))
        api.versions_api = dag_version_api.DagVersionApi(api.client)
        api.runs_api = dag_run_api.DagRunApi(api.client)
        api.tasks_api = task_instance_api.TaskInstanceApi(api.client)
        api.sources_api = dag_source_api.DagSourceApi(api.client)
        api.dags_api = dag_api.DAGApi(api.client)
        sees(api, one=[1], two=[1])  # or the first change could come before the first look
        yield api


def numbers(api, dag):
    return [item["version"] for item in api.get(f"dags/{dag}/versions")["items"]]


def sees(api, **expected):
    """The versions become these. A request that comes while the scheduler loads the files does not
    wait for it."""
    found = {}

    def are_there():
        found.update({dag: numbers(api, dag) for dag in expected})
        return found == expected

    until(are_there, f"{expected}")


def change(api, command, **two):
    api.write({"one": {"tasks": {"a": {"command": command}}},
               "two": {"tasks": {"a": {"command": "true"}}, **two}})  # fmt: skip


def test_a_version_is_a_dags_own(api):
    change(api, "echo second")
    sees(api, one=[2, 1], two=[1])
    change(api, "echo second", description="of two")
    sees(api, one=[2, 1], two=[2, 1])
    path = api.folder / "own/pipeline.yml"
    before = api.get("import_errors")["version"]
    path.write_text("# a comment\n" + path.read_text())
    api.sees(lambda found: found["version"] != before)
    sees(api, one=[2, 1], two=[2, 1])
    change(api, "echo first", description="of two")
    sees(api, one=[3, 2, 1], two=[2, 1])
    first, second, third = (api.get(f"dags/one/versions/{number}") for number in (1, 2, 3))
    assert first["text"] == third["text"] != second["text"]
    assert "echo second" in second["text"] and "two" not in second["text"]
    assert [one["before"] for one in (first, second, third)] == [None, 1, 2]
    assert first["created_ms"] < second["created_ms"] < third["created_ms"]
    dag = api.get("dags/one")
    assert (dag["version_number"], dag["version_ms"]) == (3, third["created_ms"])
    page = api.get("dags/one/versions?limit=2")
    assert [item["version"] for item in page["items"]] == [3, 2]
    page = api.get(f"dags/one/versions?limit=2&cursor={page['next']}")
    assert [item["version"] for item in page["items"]] == [1] and "next" not in page
    assert "was not found" in api.error("GET", "dags/one/versions/4", 404)
    assert "whole number" in api.error("GET", "dags/one/versions/x", 400)


def test_sql_is_part_of_a_version(api):
    """The SQL of a table that a task writes, and not that of another table."""
    own = api.folder / "own"
    columns = {"n": "bigint"}
    for name in ("mine", "other"):
        (own / f"{name}.sql").write_text("SELECT 1 AS n FROM raw")
    tables = {
        "raw": {"path": "raw", "from_topic": "t", "columns": columns},
        **{name: {"path": name, "sql": f"{name}.sql", "reads": ["raw"], "columns": columns}
           for name in ("mine", "other")},
    }  # fmt: skip
    dags = {"one": {"tasks": {"a": {"run": "transform", "tables": ["mine"]}}}}
    api.write(dags, topics={"t": None}, tables=tables)
    sees(api, one=[2, 1])
    before = api.get("import_errors")["version"]
    (own / "other.sql").write_text("SELECT 2 AS n FROM raw")
    api.sees(lambda found: found["version"] != before)
    sees(api, one=[2, 1])
    (own / "mine.sql").write_text("SELECT 2 AS n FROM raw")
    sees(api, one=[3, 2, 1])
    assert "# mine.sql\nSELECT 2" in api.get("dags/one/versions/3")["text"]


def test_a_run_has_the_version_that_it_began_with(api):
    change(api, PAUSE)
    sees(api, one=[2, 1])
    run_id = api.trigger("one")
    api.until("one", run_id, lambda found: found["tasks"][0]["state"] == "running")
    change(api, "echo newest")
    sees(api, one=[3, 2, 1])
    (api.folder / "go").touch()
    found = api.ended("one", run_id)
    assert found["version"] == 2 and found["tasks"][0]["attempts"][0]["version"] == 2
    run = api.runs_api.get_dag_run("one", run_id)
    assert [version.version_number for version in run.dag_versions] == [2]
    task = api.tasks_api.get_task_instance("one", run_id, "a")
    assert task.dag_version.version_number == 2
    # Cleared, it runs by the definition in force: its attempts differ.
    api.ask("POST", f"runs/one/{run_id}/rerun", {"scope": "all"}, 202)
    found = api.ended("one", run_id)
    assert api.log(f"one/{run_id}/a/2") == "newest\n"
    assert found["version"] == 3
    assert [one["version"] for one in found["tasks"][0]["attempts"]] == [2, 3]
    run = api.runs_api.get_dag_run("one", run_id)
    assert [version.version_number for version in run.dag_versions] == [2, 3]
    tries = api.tasks_api.get_task_instance_tries("one", run_id, "a").task_instances
    assert [one.dag_version.version_number for one in tries] == [2, 3]
    assert {item["version"] for item in api.get("runs?dag=one")["items"]} == {3}


def test_airflows_client_reads_versions(api):
    change(api, "echo second")
    sees(api, one=[2, 1])
    found = api.versions_api.get_dag_versions("one")
    assert found.total_entries == 2
    first, second = found.dag_versions
    assert (first.version_number, second.version_number) == (1, 2) and first.id != second.id
    assert first.created_at < second.created_at and first.bundle_name == "own"
    assert api.versions_api.get_dag_version("one", 1) == first
    newest = api.versions_api.get_dag_versions("one", order_by=["-version_number"], limit=1)
    assert newest.dag_versions == [second] and newest.total_entries == 2
    assert api.versions_api.get_dag_versions("one", version_number=1).dag_versions == [first]
    assert api.versions_api.get_dag_versions("one", bundle_name="x").dag_versions == []
    assert "echo first" in api.sources_api.get_dag_source("one", version_number=1).content
    assert "echo second" in api.sources_api.get_dag_source("one").content
    assert api.dags_api.get_dag_details("one").latest_dag_version == second
    api.ended("one", api.trigger("one"))
    (one,) = api.runs_api.get_dag_runs("~").dag_runs
    assert one.dag_versions == [second]


def test_versions_stay_through_a_restart(api):
    change(api, "echo second")
    sees(api, one=[2, 1])
    before = api.get("dags/one/versions")["items"]
    api.server.stop()
    api.server.start()
    assert api.get("dags/one/versions")["items"] == before and len(before) == 2
    api.server.stop()
    change(api, "echo while it was down")
    api.server.start()
    sees(api, one=[3, 2, 1])


def test_without_a_server_a_trigger_records_the_version(api):
    api.server.stop()
    change(api, "echo alone")
    run("dag", "trigger", "one", "--run-id", "alone", "--wait", "--pipeline", api.folder / "own",
        data=api.server.data)  # fmt: skip
    with sqlite3.connect(api.server.data / "state.db", timeout=SECONDS_MAX) as db:
        assert db.execute("SELECT version FROM run").fetchall() == [(2,)]
        assert db.execute("SELECT version FROM attempt").fetchall() == [(2,)]
    db.close()
    api.server.start()
    sees(api, one=[2, 1])


# --- the command line -----------------------------------------------------------------------------


def told(api, *args, check=True):
    own = api.folder / "own"
    return run("dag", *args, "--pipeline", own, data=api.folder / "data", check=check)


def test_the_command_lists_shows_and_compares(api):
    change(api, "echo second")
    sees(api, one=[2, 1])
    ran = api.trigger("one")
    api.ended("one", ran)
    change(api, "echo third")
    sees(api, one=[3, 2, 1])

    def listed(*args):
        rows = json.loads(told(api, "versions", "one", *args, "--format", "json").stdout)
        return [row["version"] for row in rows]

    assert listed() == [3, 2, 1] and listed("--limit", "1", "--before", "3") == [2]
    assert listed("--run", ran) == [2]
    assert "--before 2" in told(api, "versions", "one", "--limit", "2").stderr

    text = told(api, "definition", "one", "--run", ran).stdout
    assert "echo second" in text and text == api.get("dags/one/versions/2")["text"]
    assert "echo third" in told(api, "definition", "one").stdout
    (row,) = json.loads(told(api, "definition", "one", "1", "--format", "json").stdout)
    assert (row["dag"], row["version"], row["before"]) == ("one", 1, None)
    assert "echo first" in row["text"]

    diff = told(api, "definition", "one", "--run", ran, "--diff").stdout.splitlines()
    assert diff[:2] == ["--- one version 1", "+++ one version 2"]
    changed = [line for line in diff[2:] if line[0] in "+-"]
    assert len(changed) == 2 and "echo first" in changed[0] and "echo second" in changed[1]
    rows = json.loads(told(api, "definition", "one", "3", "--diff", "--against", "1",
                           "--format", "json").stdout)  # fmt: skip
    changed = [row for row in rows if row["change"] != " "]
    assert [row["change"] for row in changed] == ["-", "+"] and len(rows) > 2
    assert "echo first" in changed[0]["text"] and "echo third" in changed[1]["text"]
    same = told(api, "definition", "one", "2", "--diff", "--against", "2")
    assert same.stdout == ""


def test_the_command_says_what_is_wrong(api):
    for args, words in [
        (("definition", "one", "9"), "version 9 of DAG 'one' was not found"),
        (("definition", "one", "x"), "whole number"),
        (("definition", "one", "1", "--run", "r"), "not both"),
        (("definition", "one", "--against", "1"), "--against needs --diff"),
        (("definition", "three"), "pinion dag list"),
        (("versions", "one", "--run", "never"), "never"),
    ]:
        done = told(api, *args, check=False)
        assert done.returncode != 0 and words in done.stderr, (args, done.stderr)
        assert len(done.stderr.splitlines()) == 1


def test_a_diff_is_what_diff_says(api):
    """The same lines as diffutils, of texts with changes at the start, the end and between."""
    own = api.folder / "own"
    columns = {"n": "bigint"}

    def write(lines):
        (own / "t.sql").write_text("SELECT n FROM raw\n" + "".join(f"-- {n}\n" for n in lines))
        tables = {
            "raw": {"path": "raw", "from_topic": "t", "columns": columns},
            "t": {"path": "t", "sql": "t.sql", "reads": ["raw"], "columns": columns},
        }
        dags = {"one": {"tasks": {"a": {"run": "transform", "tables": ["t"]}}}}
        api.write(dags, topics={"t": None}, tables=tables)

    write(range(60))
    sees(api, one=[2, 1])
    write([7, *range(1, 20), *range(25, 50), "new", *range(50, 59), "end"])
    sees(api, one=[3, 2, 1])
    ours = told(api, "definition", "one", "3", "--diff").stdout.splitlines()
    texts = [api.folder / name for name in ("old", "now")]
    for path, number in zip(texts, (2, 3), strict=True):
        path.write_text(told(api, "definition", "one", str(number)).stdout)
    theirs = subprocess.run(
        ["diff", "-u", *map(str, texts)], capture_output=True, text=True
    ).stdout.splitlines()
    assert ours[2:] == theirs[2:] and len(ours) > 20
