"""Jobs end when they are cancelled, and with their server, in the midst of a file group."""

import time

import pyarrow as pa
import pyarrow.compute
import pytest
import requests
from deltalake import DeltaTable, write_deltalake

from pinion import Server

TABLE = "big/numbers"
ROWS = 2_000_000
TRIES = 5  # a machine may be so quick that a job is over before anybody can cancel it


@pytest.fixture
def server(tmp_path):
    slow = ("--set", "engine.threads=1", "--set", "engine.parquet_compression=zstd")
    with Server(tmp_path / "data", *slow) as running:
        running.table = running.data / "store" / TABLE
        add_file(running.table)
        yield running


def add_file(table):
    rows = pa.table({"number": pyarrow.compute.random(ROWS)})
    write_deltalake(str(table), rows, mode="append")


def files(table):
    return sorted(path.name for path in table.glob("*.parquet"))


def live(table):
    return sorted(path.rsplit("/", 1)[1] for path in DeltaTable(str(table)).file_uris())


def begin_job(server):
    """A job that merges two files, which is one group. It runs by the end of this."""
    add_file(server.table)
    url = f"{server.url}/api/v1/tables/{TABLE.replace('/', '%2F')}/optimize"
    answer = requests.post(url, json={}, timeout=60)
    assert answer.status_code == 202, answer.text
    job = f"{server.url}/api/v1/jobs/{answer.json()['job']}"
    wait(job, lambda status: status["state"] not in ("waiting", "running") or status["total"])
    return job


def wait(job, true):
    deadline = time.monotonic() + 60
    while not true(status := requests.get(job, timeout=60).json()):
        assert time.monotonic() < deadline, status
        time.sleep(0.01)
    return status


def test_a_cancel_ends_a_job_in_the_midst_of_a_group(server):
    for _ in range(TRIES):
        job = begin_job(server)
        version, before = DeltaTable(str(server.table)).version(), files(server.table)
        requests.delete(job, timeout=60)
        status = wait(job, lambda status: status["state"] not in ("waiting", "running"))
        if status["state"] == "cancelled":
            break
    assert status["state"] == "cancelled"
    assert DeltaTable(str(server.table)).version() == version
    assert files(server.table) == before


def test_a_server_that_stops_does_not_wait_for_a_job(server):
    for _ in range(TRIES):
        begin_job(server)
        version, before = DeltaTable(str(server.table)).version(), files(server.table)
        server.stop()
        if DeltaTable(str(server.table)).version() == version:
            break
        server.start()
    assert DeltaTable(str(server.table)).version() == version
    assert files(server.table) == before
    assert set(live(server.table)) <= set(before)
