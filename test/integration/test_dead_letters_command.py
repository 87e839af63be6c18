"""`pinion dead-letters`: records that could not become rows, of loads and of streams."""

import json
import time

from contract import UID
from pinion import Server, run
from streams import STREAMS, letters, put

SECONDS_MAX = 60


def dead_letters(*args, data):
    done = run("dead-letters", "list", *args, "--format", "json", data=data)
    return json.loads(done.stdout)


def test_there_are_none(data):
    with Server(data):
        pass
    assert dead_letters(data=data) == []
    assert dead_letters("raw_pin", "--reason", "x", data=data) == []
    header = run("dead-letters", "list", "--format", "csv", data=data).stdout.splitlines()
    names = "id,source,table,origin,partition,position,object,line,time,key,made_by,after_version"
    assert header == [f"{names},reason,value,maker"]


def test_of_loads_and_streams(data):
    topic = f"{UID}.pin"
    with Server(data) as server:
        server.produce(topic, {"index": "no number"}, {"index": 1}, "just text")
        server.request(
            "POST", f"/topics/{topic}", {"records": [{"value": "eyJpbmRl"}]},
            {"Content-Type": "application/vnd.kafka.binary.v2+json"},
        )  # fmt: skip
        deadline = time.monotonic() + SECONDS_MAX
        put(server.url, "pin", {"index": "no number"})
        while not letters(data):
            assert time.monotonic() < deadline
            time.sleep(0.1)
            put(server.url, "pin", {"index": "no number"})
        listed = json.loads(run("dag", "list", "--format", "json", data=data).stdout)
        run("dag", "trigger", listed[0]["dag"], "--wait", data=data, check=False)
    found = dead_letters(data=data)
    assert {row["source"] for row in found} == {"load", "stream"}
    of_load = [row for row in found if row["source"] == "load"]
    assert {row["origin"] for row in of_load} == {topic}
    assert {row["partition"] for row in of_load} == {"0"}
    assert "3" in {row["position"] for row in of_load}  # what is not JSON
    streamed = [row for row in found if row["source"] == "stream"]
    assert {row["origin"] for row in streamed} == {STREAMS["pin"]}
    assert streamed[0]["partition"].startswith("shardId-") and streamed[0]["object"] is None
    times = [row["time"] for row in found if row["time"] is not None]
    assert times == sorted(times, reverse=True)

    assert dead_letters("stream_pin", data=data) == streamed
    part = of_load[0]["reason"][2:9].upper()
    by_reason = dead_letters("--reason", part, data=data)
    assert of_load[0] in by_reason
    assert all(part in row["reason"].upper() for row in by_reason)
    pages = [dead_letters("--limit", 1, "--offset", at, data=data) for at in range(len(found) + 1)]
    assert [row for page in pages for row in page] == found and pages[-1] == []
    assert dead_letters("--reason", "' OR true --", data=data) == []
