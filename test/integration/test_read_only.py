"""A store that nobody can write to for a while: nothing ends, and what came meanwhile is there
afterwards. Needs the right to mount."""

import json
import subprocess
import time

import pytest

from contract import UID
from pinion import Server, run
from streams import put

SECONDS_MAX = 120


def mount(*options):
    return subprocess.run(["mount", *map(str, options)], capture_output=True).returncode == 0


@pytest.fixture
def store(data):
    """The store's folder, as a mount of its own."""
    folder = data / "store"
    folder.mkdir(parents=True)
    if not mount("--bind", folder, folder):
        pytest.skip("mounting needs a right that this user does not have")
    yield folder
    subprocess.run(["umount", folder], check=True)


def await_table(server, state, rows):
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        tables = json.loads(server.request("GET", "/api/v1/streams")[1])["tables"]
        (pin,) = [table for table in tables if table["table"] == "stream_pin"]
        if pin["state"] == state and pin["rows"] == rows:
            return pin
        assert time.monotonic() < deadline, pin
        time.sleep(0.05)


def test_a_stream_table_and_the_sink_wait(data, store):
    flags = ("--set", "sink.rotate_interval_ms=100ms")
    with Server(data, *flags) as server:
        put(server.url, "pin", {"index": 1, "title": "one"})
        await_table(server, "running", 1)
        assert mount("-o", "remount,ro,bind", store)
        put(server.url, "pin", {"index": 2, "title": "two"})
        server.produce(f"{UID}.pin", {"index": 3})
        trouble = await_table(server, "trouble", 1)
        assert "Read-only file system" in trouble["error"]
        assert mount("-o", "remount,rw,bind", store)
        await_table(server, "running", 2)
        assert server.request("POST", "/api/v1/sink/flush")[0] == 200
    found = run("query", "SELECT count(*) AS n FROM stream_pin", "--format", "json", data=data)
    assert json.loads(found.stdout) == [{"n": 2}]
    assert len(list((store / "topics").rglob("*.json"))) == 1
