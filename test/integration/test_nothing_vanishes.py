"""What is acknowledged and becomes no row, because nothing of the pipeline reads it, is told: in
the log, in /health, in the metrics and by the commands."""

import json
import time

from contract import UID
from pinion import Server, run
from streams import STREAMS, await_started, kinesis

SECONDS_MAX = 15


def health(server):
    return json.loads(server.request("GET", "/health")[1])


def await_that(condition):
    deadline = time.monotonic() + SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def metric(server, name):
    lines = server.request("GET", "/metrics")[1].decode().splitlines()
    found = [line.rsplit(" ", 1) for line in lines if line.startswith(name + "{")]
    return {label.split('"')[1]: float(value) for label, value in found}


def topics(data, **more):
    found = json.loads(run("topic", "list", "--format", "json", data=data, **more).stdout)
    return {row["topic"]: row for row in found}


def test_a_topic_that_no_table_reads(server, data):
    server.produce("my_pins", {"index": 1}, {"index": 2})
    server.produce("other.pin", {"index": 3})
    await_that(lambda: health(server)["unread"])
    told = health(server)
    assert told["status"] == "ok"
    assert told["unread"] == [{"topic": "my_pins", "records": 2}]
    server.produce("my_pins", {"index": 3})
    await_that(lambda: health(server)["unread"] == [{"topic": "my_pins", "records": 3}])
    assert metric(server, "pinion_unread_topic_records") == {"my_pins": 3}
    assert server.log().count("no table reads the topic my_pins") == 1
    rows = topics(data)
    assert rows["my_pins"]["read_by"] is None and rows["my_pins"]["records"] == 3
    assert rows["my_pins"]["size_bytes"] > 0
    assert rows["other.pin"]["read_by"] == "raw_pin" and rows["other.pin"]["partitions"] == 1
    assert rows[f"{UID}.geo"] == {
        "topic": f"{UID}.geo", "partitions": 1, "records": 0, "size_bytes": 0, "read_by": "raw_geo",
    }  # fmt: skip
    server.stop()
    assert topics(data) == rows  # without a server
    assert "my_pins" in run("topic", "list", data=data).stdout
    with Server(data) as again:
        assert health(again)["unread"] == [{"topic": "my_pins", "records": 3}]
    server.process = None


def test_one_stream_for_all_three(server, data):
    """Kinesis-Prod-Stream, as a later cohort names it: AWS's answer until somebody makes it; what
    is put then is kept, and told."""
    body = json.dumps({"Data": {"index": 1}, "PartitionKey": "partition-1"}).encode()
    json_type = {"Content-Type": "application/json"}
    path = "/Prod/streams/Kinesis-Prod-Stream"
    status, answer, _ = server.request("PUT", path + "/record", body, json_type)
    assert status == 400 and b"ResourceNotFoundException" in answer
    assert server.request("POST", path, b'{"ShardCount":2}', json_type)[0] == 200
    for _ in range(4):
        assert server.request("PUT", path + "/record", body, json_type)[0] == 200
    told = [{"stream": "Kinesis-Prod-Stream", "records": 4}]
    await_that(lambda: health(server)["unread"] == told)
    assert health(server)["status"] == "ok"
    assert metric(server, "pinion_unread_stream_records") == {"Kinesis-Prod-Stream": 4}
    assert server.log().count("no table reads the stream Kinesis-Prod-Stream") == 1


def test_members_that_no_column_takes(server, data):
    await_started(data)
    client = kinesis(server.url)
    record = json.dumps({"index": 1, "mood": "fine", "more": {"deep": 1}}).encode()
    for _ in range(2):
        client.put_record(StreamName=STREAMS["pin"], Data=record, PartitionKey="test_pin")
    await_that(lambda: health(server)["unknown_members"])
    await_that(lambda: health(server)["unknown_members"][0]["members"] == 4)
    told = health(server)
    assert told["status"] == "ok"
    (note,) = told["unknown_members"]
    assert note["table"] == "stream_pin" and note["example"] in ("mood", "more")
    assert metric(server, "pinion_stream_unknown_members_total") == {
        "stream_pin": 4, "stream_geo": 0, "stream_user": 0,
    }  # fmt: skip
    lag = run("stream", "lag", data=data)
    assert "stream_pin: 4 members since the server's start have no column" in lag.stderr
    assert server.log().count('takes "mood"') == 1


def test_partition_keys_that_no_table_takes(server, data):
    await_started(data)
    client = kinesis(server.url)
    record = json.dumps({"index": 1}).encode()

    def put(*keys):
        for key in keys:
            client.put_record(StreamName=STREAMS["pin"], Data=record, PartitionKey=key)

    put("partition-1", "test_pin", "partition-1", "partition-\n2")
    await_that(lambda: health(server)["unread_keys"])
    await_that(lambda: health(server)["unread_keys"][0]["records"] == 3)
    told = health(server)
    assert told["status"] == "ok"
    (note,) = told["unread_keys"]
    assert note["stream"] == STREAMS["pin"] and note["partition_keys"] == 2
    assert set(note["example"]) == {"shard", "offset"}
    assert "partition-1" not in json.dumps(told)  # for everybody to read
    assert metric(server, "pinion_stream_stray_records")[STREAMS["pin"]] == 3
    said = server.log()
    assert said.count("partition key \"partition-1\" go to no table") == 1
    assert said.count("partition key \"partition-\\n2\" go to no table") == 1
    lag = run("stream", "lag", "--format", "json", data=data)
    assert f"{STREAMS['pin']}: 3 records" in lag.stderr and '"partition-1" (2, ' in lag.stderr
    assert lag.stdout and STREAMS["geo"] not in lag.stderr
    assert run("stream", "lag", STREAMS["geo"], data=data).stderr == ""
    put(*(f"key {i}" for i in range(20)))
    await_that(lambda: health(server)["unread_keys"][0]["records"] == 23)
    status = json.loads(server.request("GET", "/api/v1/streams")[1])["tables"]
    (pin,) = [each for each in status if each["stream"] == STREAMS["pin"]]
    assert pin["stray_records"] == 23 and pin["more_stray_records"] == 12
    assert len(pin["stray_keys"]) == 10
    assert sum(key["records"] for key in pin["stray_keys"]) == 11
    assert server.log().count("further partition keys go to no table") == 1


SHARED = """
name: shared
topics: {t: {}}
streams:
  all: {start: trim_horizon, tables: {a: live_a, b: live_b, c: live_b}}
tables:
  raw: {path: raw, from_topic: t, columns: {id: bigint}}
  clean: {path: clean, sql: clean.sql, reads: [raw], columns: {id: bigint}}
  live_a: {path: live/a, like: clean, checkpoints: notes/a}
  live_b: {path: live/b, like: clean, checkpoints: notes/b}
"""


def test_a_key_of_another_table_is_no_stray(tmp_path, data):
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "pipeline.yml").write_text(SHARED)
    (folder / "clean.sql").write_text("SELECT id FROM raw")
    with Server(data, "--pipeline", folder) as server:
        client = kinesis(server.url)
        for key in "abcabcabcx":
            client.put_record(StreamName="all", Data=b'{"id":1}', PartitionKey=key)
        await_that(lambda: health(server)["unread_keys"])
        status = json.loads(server.request("GET", "/api/v1/streams")[1])["tables"]
        assert [each["stray_records"] for each in status] == [1, 0]
