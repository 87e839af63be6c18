"""What /health says of tables: one that lacks a file, and one that was removed."""

import json
import shutil
import time

import deltalake

from pinion import run
from streams import PATHS, await_rows, await_started, count, put, table

SECONDS_MAX = 60


def health(server):
    return json.loads(server.request("GET", "/health")[1])


def await_health(server, wanted):
    until = time.monotonic() + SECONDS_MAX
    while not wanted(found := health(server)):
        assert time.monotonic() < until, found
        time.sleep(0.2)
    return found


def one_file(path):
    [file] = deltalake.DeltaTable(path).file_uris()
    return file.removeprefix("file://")


def test_a_batch_table_that_lacks_a_file_is_named(server, data, tmp_path):
    run("emulate", "batch", "--rows", 5, "--to", "jsonl", tmp_path)
    run("batch", "--from", tmp_path, "--quiet", data=data)
    assert health(server)["unreadable_tables"] == []
    file = one_file(data / "store/delta_tables/transformed/geo")
    shutil.move(file, tmp_path / "kept")
    found = await_health(server, lambda said: said["unreadable_tables"])
    assert found["status"] == "degraded"
    [entry] = found["unreadable_tables"]
    assert entry["table"] == "geo" and "which does not exist" in entry["reason"], entry
    assert str(data) not in entry["reason"]
    shutil.move(tmp_path / "kept", file)
    await_health(server, lambda said: said["unreadable_tables"] == [])


def test_a_stream_table_that_is_removed_is_made_again(server, data):
    await_started(data)
    put(server.url, "geo", {"ind": 1, "latitude": 1, "longitude": 2.5, "country": "Perú",
                            "timestamp": "2018-09-03 07:12:45"})  # fmt: skip
    await_rows(data, "geo", 1)
    folder = data / "store" / PATHS["geo"]
    folder.rename(data / "away")
    until = time.monotonic() + SECONDS_MAX
    while not list(folder.glob("_delta_log/*.json")):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert table(data, PATHS["geo"]).version() >= 0
    put(server.url, "geo", {"ind": 2, "latitude": 1, "longitude": 2.5, "country": "Perú",
                            "timestamp": "2018-09-03 07:12:45"})  # fmt: skip
    await_rows(data, "geo", 1)
    await_health(server, lambda said: said["status"] == "ok")
    assert count(data, PATHS["geo"]) == 1
