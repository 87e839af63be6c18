"""Logs by the API: ranges, the end, a search, the whole; while a task runs, and large ones."""

import time

import pytest
import requests

from pinion import Server
from test_dag_api import Api, definition

MIB = 1 << 20
LINES = 5_000_000  # of 20 bytes: 100 MB
DAGS = {
    "logs": {
        "tasks": {
            "large": {"command": f"seq -f 'line %14.0f' 1 {LINES}"},
            "hostile": {"command": "printf '<script>alert(1)</script>\\033[31mred\\n'"},
            "quiet": {"command": "true"},
        }
    },
    "live": {
        "tasks": {
            "wait": {"command": "echo begun; while [ ! -e go ]; do sleep 0.05; done; echo gone on"}
        }
    },
}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dag_logs")
    (folder / "own").mkdir()
    for dag in DAGS.values():
        for task in dag["tasks"].values():
            task["command"] = f"cd '{folder}' && {task['command']}"
    (folder / "own/pipeline.yml").write_text(definition(DAGS))
    with Server(folder / "data", "--pipeline", folder / "own",
                "--set", "dag.log_bytes_max=128MiB") as server:  # fmt: skip
        yield Api(server)


@pytest.fixture(scope="module")
def run_id(api):
    run_id = api.trigger("logs")
    assert api.ended("logs", run_id)["state"] == "success"
    return run_id


def log(api, path, **query):
    answer = requests.get(f"{api.server.url}/api/v1/runs/{path}/log", params=query, timeout=30)
    assert answer.status_code == 200, answer.text[:2000]
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    return answer


def test_a_range_of_a_large_log(api, run_id):
    path = f"logs/{run_id}/large/1"
    answer = log(api, path)
    size = int(answer.headers["X-Log-Size"])
    assert size == 20 * LINES and answer.headers["X-Log-Done"] == "true"
    assert len(answer.content) == 256 * 1024, "no more than a piece"
    assert answer.content.startswith(b"line " + b"1".rjust(14) + b"\n")
    answer = log(api, path, **{"from": 20 * 499_999, "max": 40})
    assert answer.text == "line         500000\nline         500001\n"
    assert answer.headers["X-Log-Next"] == str(20 * 500_001)
    for query in ({"tail": 50}, {"from": -50, "max": 50}):
        answer = log(api, path, **query)
        assert answer.text == "line        4999999\nline        5000000\n", "whole lines"
        assert answer.headers["X-Log-From"] == str(size - 40)
    assert log(api, path, **{"from": size}).content == b""
    for bad in ("from=x", "max=0", f"max={4 * MIB + 1}", "tail=-1"):
        api.error("GET", f"runs/{path}/log?{bad}", 400)


def test_a_text_is_found_in_a_large_log(api, run_id):
    path = f"runs/logs/{run_id}/large/1/log"
    found = api.get(f"{path}?find=%204999999")
    assert found == {
        "hits": [{"byte": 20 * 4_999_998 + 11, "line": 4_999_999}],
        "scanned": 20 * LINES, "next": None,
    }  # fmt: skip
    first = api.get(f"{path}?find=LINE&ignore_case=true&limit=2")
    assert [hit["line"] for hit in first["hits"]] == [1, 2]
    assert first["next"] == first["scanned"] == 24
    then = api.get(f"{path}?find=line&after={first['next']}&limit=1")
    assert [hit["line"] for hit in then["hits"]] == [3]
    assert api.get(f"{path}?find=LINE")["hits"] == []
    for bad in ("find=", "find=x&limit=0", "find=x&after=-1", "find=" + "x" * 1001):
        api.error("GET", f"{path}?{bad}", 400)


def test_the_server_holds_no_more_than_a_piece_of_a_log(api, run_id):
    def memory():
        lines = open(f"/proc/{api.server.process.pid}/status").read().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

    path = f"logs/{run_id}/large/1"
    log(api, path)
    before = memory()
    api.get(f"runs/{path}/log?find=nowhere")
    log(api, path, tail=256 * 1024)
    assert memory() - before < 4 * 1024, "KiB"


def test_the_whole_log_is_an_attachment(api, run_id):
    url = f"{api.server.url}/api/v1/runs/logs/{run_id}/large/1/log/download"
    answer = requests.get(url, timeout=60)
    assert len(answer.content) == 20 * LINES and answer.content.endswith(b"5000000\n")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="large.1.log"'
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_what_a_task_prints_is_never_markup(api, run_id):
    assert log(api, f"logs/{run_id}/hostile/1").text == "<script>alert(1)</script>\x1b[31mred\n"
    quiet = log(api, f"logs/{run_id}/quiet/1")
    assert quiet.content == b"" and quiet.headers["X-Log-Size"] == "0"
    for path in ("none/1", "quiet/2", "quiet/x", "quiet/0"):
        assert "has no attempt" in api.error("GET", f"runs/logs/{run_id}/{path}/log", 404)


def test_a_log_grows_while_its_task_runs(api):
    run_id = api.trigger("live")
    deadline = time.monotonic() + 60
    api.until("live", run_id, lambda run: run["tasks"][0]["tries"] == 1)
    while (answer := log(api, f"live/{run_id}/wait/1")).text != "begun\n":
        assert answer.text == "" and time.monotonic() < deadline
        time.sleep(0.02)
    assert answer.headers["X-Log-Done"] == "false"
    following = {"from": int(answer.headers["X-Log-Next"])}
    assert log(api, f"live/{run_id}/wait/1", **following).text == ""
    (api.server.data.parent / "go").touch()
    while (answer := log(api, f"live/{run_id}/wait/1", **following)).headers[
        "X-Log-Done"
    ] != "true":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert answer.text == "gone on\n", "when it is done, all of it is there"
