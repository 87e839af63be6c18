"""Upkeep of tables as jobs: a dry run lists what then happens, to the file; and who may do it."""

import time
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pytest
import requests
from deltalake import DeltaTable, write_deltalake

from pinion import Server, run

FILES = 6
ADMIN = "admin-0123456789abc"
READER = "reader-0123456789ab"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jobs")
    (folder / "keys").write_text(f"{ADMIN}\n{READER} rights=read\n")
    keys = f"gateway.api_key_file={folder / 'keys'}"
    with Server(folder / "data", "--set", "gateway.auth=api-key", "--set", keys) as running:
        yield running


@pytest.fixture
def table(server, request):
    """A table of many small files, which another writer made."""
    name = f"foreign/{request.node.name}"
    folder = server.data / "store" / name
    for n in range(FILES):
        write_deltalake(str(folder), pa.table({"n": [n, n + 1]}), mode="append")
    return name


def ask(server, method, path, body=None, key=ADMIN):
    headers = {"x-api-key": key}
    url = f"{server.url}/api/v1/{path}"
    return requests.request(method, url, json=body, headers=headers, timeout=30)


def begin(server, table, kind, **body):
    answer = ask(server, "POST", f"tables/{quote(table, safe='')}/{kind}", body)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/api/v1/jobs/{answer.json()['job']}"
    return answer.json()["job"]


def look(server, job):
    answer = ask(server, "GET", f"jobs/{job}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def do(server, table, kind, **body):
    job = begin(server, table, kind, **body)
    for _ in range(600):
        now = look(server, job)
        if now["state"] not in ("waiting", "running"):
            return now
        time.sleep(0.05)
    raise AssertionError(now)


def paths(job):
    return {one["path"] for one in job["result"]["listed"]}


def on_disk(server, table):
    return {path.name for path in Path(server.data, "store", table).glob("*.parquet")}


def test_a_dry_run_lists_what_then_happens(server, table):
    before = on_disk(server, table)
    planned = do(server, table, "optimize", dry_run=True)
    assert planned["state"] == "done" and planned["dry_run"]
    assert paths(planned) == before == on_disk(server, table)
    assert planned["result"]["files_before"] == FILES and planned["result"]["files_after"] == 1
    sizes = sum(one["size_bytes"] for one in planned["result"]["listed"])
    assert planned["result"]["size_bytes"] == str(sizes) != "0"
    done = do(server, table, "optimize")
    assert (done["state"], done["kind"], done["who"], done["error"]) == (
        "done", "optimize", "api", None,
    )  # fmt: skip
    assert done["done"] == done["total"] == done["result"]["files"] == FILES
    assert done["result"]["files_after"] == 1
    files = DeltaTable(str(server.data / "store" / table))
    assert len(files.file_uris()) == 1 and files.to_pyarrow_table().num_rows == 2 * FILES
    listed = do(server, table, "vacuum", dry_run=True, retain_ms=0, force=True)
    assert paths(listed) == before and len(on_disk(server, table)) == FILES + 1
    swept = do(server, table, "vacuum", retain_ms=0, force=True)
    assert paths(swept) == before and len(on_disk(server, table)) == 1
    assert swept["result"]["size_bytes"] == listed["result"]["size_bytes"] == str(sizes)


def test_the_command_line_lists_the_same(server, table):
    listed = run("table", "optimize", table, "--dry-run", "--format", "jsonl", data=server.data)
    planned = do(server, table, "optimize", dry_run=True)
    assert listed.stdout.count("\n") == FILES
    assert all(path in listed.stdout for path in paths(planned))


def test_what_is_refused(server, table):
    for path, body, status in (
        ("tables/nothing/optimize", {}, 404),
        ("tables/foreign%2Fnothing/vacuum", {"dry_run": True}, 404),
        (f"tables/{quote(table, safe='')}/optimize", {"target_bytes": 1}, 400),
        (f"tables/{quote(table, safe='')}/vacuum", {"retain_ms": -1}, 400),
        (f"tables/{quote(table, safe='')}/vacuum", {"dry": True}, 400),
    ):
        assert ask(server, "POST", path, body).status_code == status, path
    assert ask(server, "GET", "jobs/0000000000000000").status_code == 404
    assert ask(server, "DELETE", "jobs/0000000000000000").status_code == 404
    early = do(server, table, "vacuum", retain_ms=1000)
    assert early["state"] == "failed" and "keeps removed files for 7d" in early["error"]


def test_who_may(server, table):
    path = f"tables/{quote(table, safe='')}/optimize"
    assert ask(server, "POST", path, {"dry_run": True}, READER).status_code == 403
    job = begin(server, table, "optimize")
    assert ask(server, "DELETE", f"jobs/{job}", key=READER).status_code == 403
    assert ask(server, "GET", f"jobs/{job}", key=READER).status_code == 200


def test_jobs_are_listed_and_noted(server, table):
    jobs = [begin(server, table, "optimize", dry_run=True) for _ in range(3)]
    real = begin(server, table, "optimize")
    first = ask(server, "GET", "jobs?limit=2").json()
    assert [one["id"] for one in first["items"]] == [real, jobs[2]]
    assert all("listed" not in one["result"] for one in first["items"])
    second = ask(server, "GET", f"jobs?limit=2&cursor={quote(first['next'])}").json()
    assert [one["id"] for one in second["items"]] == [jobs[1], jobs[0]]
    notes = ask(server, "GET", "audit").json()["items"]
    noted = [one["detail"] for one in notes if table in one["detail"]]
    assert noted == [f"table {table}, job {real}"]  # dry runs change nothing
    assert ask(server, "DELETE", f"jobs/{real}").status_code == 204
    assert ask(server, "DELETE", f"jobs/{real}").status_code == 204  # whatever its state
