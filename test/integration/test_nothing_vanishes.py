"""Records that are acknowledged and become no row, because nothing of the pipeline reads them, are
reported: in the log, in /health, in the metrics and by the commands."""

import json
import time

from deltalake import CommitProperties, DeltaTable

from contract import UID
from pinion import Server, run
from streams import STREAMS, await_started, kinesis, lag

SECONDS_MAX = 40  # tables are looked at every 15 s


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
    example = {"partition": 0, "offset": 0}
    assert told["unread"] == [{"topic": "my_pins", "records": 2, "example": example}]
    server.produce("my_pins", {"index": 3})
    unread = [{"topic": "my_pins", "records": 3, "example": example}]
    await_that(lambda: health(server)["unread"] == unread)
    assert metric(server, "pinion_unread_topic_records") == {"my_pins": 3}
    assert server.log().count("no table reads the topic my_pins") == 1
    rows = topics(data)
    assert rows["my_pins"]["read_by"] is None and rows["my_pins"]["records"] == 3
    assert rows["my_pins"]["size_bytes"] > 0
    assert rows["other.pin"]["read_by"] == "raw_pin" and rows["other.pin"]["partitions"] == 1
    assert rows[f"{UID}.geo"] == {
        "topic": f"{UID}.geo", "partitions": 1, "records": 0, "size_bytes": 0, "read_by": "raw_geo",
        "first_partition": None, "first_offset": None, "retention_ms": None,
        "retention_bytes": None, "oldest": None, "newest": None,
    }  # fmt: skip
    assert rows["my_pins"]["oldest"] <= rows["my_pins"]["newest"]
    server.stop()
    assert topics(data) == rows  # without a server
    listed = run("topic", "list", data=data)
    assert "my_pins" in listed.stdout
    assert listed.stderr == (
        "my_pins: no table reads it, so its 3 records become no rows; "
        "the first is at offset 0 of partition 0\n"
    )
    with Server(data) as again:
        assert health(again)["unread"] == unread
        assert run("topic", "list", data=data).stderr == listed.stderr
    server.process = None


def check_unread_lag(data, shard):
    """`stream lag` lists it beside the pipeline's streams, with all its records, and says why."""
    lines = lag(data, "Kinesis-Prod-Stream")
    assert [(line["table"], line["position"]) for line in lines] == [(None, None)] * 2
    assert sum(line["lag"] for line in lines) == 4
    assert set(STREAMS.values()) | {"Kinesis-Prod-Stream"} == {line["stream"] for line in lag(data)}
    said = run("stream", "lag", data=data).stderr
    assert said == (
        "Kinesis-Prod-Stream: no table reads it, so its 4 records become no rows; "
        f"the first is at offset 0 of {shard}\n"
    )
    unknown = run("stream", "lag", "no-such-stream", data=data, check=False)
    assert unknown.returncode == 1 and "has no stream 'no-such-stream'" in unknown.stderr


def test_one_stream_for_all_three(server, data):
    """Kinesis-Prod-Stream, as a later cohort names it: AWS's answer until somebody makes it; what
    is put then is kept, and told."""
    body = json.dumps({"Data": {"index": 1}, "PartitionKey": "partition-1"}).encode()
    json_type = {"Content-Type": "application/json"}
    path = "/Prod/streams/Kinesis-Prod-Stream"
    status, answer, _ = server.request("PUT", path + "/record", body, json_type)
    assert status == 400 and b"ResourceNotFoundException" in answer
    assert server.request("POST", path, b'{"ShardCount":2}', json_type)[0] == 200
    assert lag(data, "Kinesis-Prod-Stream")[0]["lag"] == 0
    placed = []
    for _ in range(4):
        status, answer, _ = server.request("PUT", path + "/record", body, json_type)
        assert status == 200
        placed.append(json.loads(answer))
    example = {"shard": placed[0]["ShardId"], "sequence_number": placed[0]["SequenceNumber"]}
    told = [{"stream": "Kinesis-Prod-Stream", "records": 4, "example": example}]
    await_that(lambda: health(server)["unread"] == told)
    check_unread_lag(data, placed[0]["ShardId"])
    assert health(server)["status"] == "ok"
    assert metric(server, "pinion_unread_stream_records") == {"Kinesis-Prod-Stream": 4}
    assert server.log().count("no table reads the stream Kinesis-Prod-Stream") == 1


def test_members_that_no_column_takes(server, data):
    await_started(data)
    client = kinesis(server.url)
    record = json.dumps({"index": 1, "mood": "fine", "more": {"deep": 1}}).encode()
    stream = {"StreamName": STREAMS["pin"], "PartitionKey": "test_pin"}
    placed = client.put_record(**stream, Data=record)
    client.put_record(**stream, Data=record)
    await_that(lambda: health(server)["unknown_members"])
    await_that(lambda: health(server)["unknown_members"][0]["members"] == 4)
    told = health(server)
    assert told["status"] == "ok"
    (note,) = told["unknown_members"]
    assert note["table"] == "stream_pin" and note["example"] in ("mood", "more")
    assert (note["shard"], note["offset"]) == (placed["ShardId"], 0)
    assert metric(server, "pinion_stream_unknown_members_total") == {
        "stream_pin": 4, "stream_geo": 0, "stream_user": 0,
    }  # fmt: skip
    told = run("stream", "lag", data=data).stderr
    assert "stream_pin: 4 members since the server's start have no column" in told
    assert f"at offset 0 of {placed['ShardId']}\n" in told
    assert server.log().count('takes "mood"') == 1


def check_notes(data):
    """What a load met is in its commit, and in what looks at the table later."""
    path = data / "store/delta_tables/raw/pin"
    newest = DeltaTable(str(path)).history(1)[0]
    notes = newest["pinion"]["unknownMembers"]
    place = f"topics/{UID}.pin/partition=0/{UID}.pin+0+0000000000.json"
    assert notes == {
        "values": 5, "moreNames": 0, "object": place, "line": 2,
        "names": [{"name": "mood", "values": 3}, {"name": "more", "values": 2}],
    }  # fmt: skip
    said = (
        'raw_pin: 5 members of the newest load have no column, most of them "mood"; '
        f"the first is in line 2 of {place}\n"
    )
    for command in ("topic list", "table list", "table schema raw_pin", "table history raw_pin"):
        assert run(*command.split(), data=data).stderr == said, command
    history = json.loads(run("table", "history", "raw_pin", "--format", "json", data=data).stdout)
    assert history[0]["notes"] == {"unknownMembers": notes}
    return {"table": "raw_pin", "members": 5, "example": "mood", "object": place, "line": 2}


def test_members_that_no_column_of_a_load_takes(data):
    rows = [{"index": 1}, {"index": 2, "mood": "fine", "more": {"deep": 1}}, {"index": 3}]
    rows += [{"index": 4, "mood": 1, "more": 1}, {"index": 5, "mood": 1}]
    with Server(data) as server:
        server.produce(f"{UID}.pin", *rows)
        run("dag", "trigger", "batch_processing_dag", "--wait", data=data)
        note = check_notes(data)
        await_that(lambda: health(server)["unknown_members"] == [note])
        assert health(server)["status"] == "ok"
        gauge = metric(server, "pinion_table_unknown_members")
        assert gauge == {"raw_pin": 5, "raw_geo": 0, "raw_user": 0}
    with Server(data, "--roles", "gateway") as server:
        await_that(lambda: health(server)["unknown_members"] == [note])
        check_other_commits(server, data, note)


def check_other_commits(server, data, note):
    """Another commit hides nothing, and a load without such members ends it; Spark's loads, which
    have their notes in userMetadata, are read as well."""
    path = data / "store/delta_tables/raw/pin"
    DeltaTable(str(path)).alter.set_table_properties({"delta.appendOnly": "false"})
    assert note["object"] in run("table", "schema", "raw_pin", data=data).stderr
    for landed in (data / "store/topics").rglob("*.json"):
        landed.unlink()
    run("batch", data=data)
    assert run("topic", "list", data=data).stderr == ""
    await_that(lambda: health(server)["unknown_members"] == [])
    assert metric(server, "pinion_table_unknown_members")["raw_pin"] == 0
    members = {"values": 2, "names": [{"name": "w", "values": 2}], "object": "o", "line": 7}
    notes = json.dumps({"pinion": {"unknownMembers": members}})
    DeltaTable(str(path)).alter.set_table_properties(
        {"delta.appendOnly": "false"},
        commit_properties=CommitProperties(custom_metadata={"userMetadata": notes}),
    )
    told = {"table": "raw_pin", "members": 2, "example": "w", "object": "o", "line": 7}
    await_that(lambda: health(server)["unknown_members"] == [told])


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
    assert said.count("partition key \"partition-1\" belongs to no table") == 1
    assert said.count("partition key \"partition-\\n2\" belongs to no table") == 1
    listed = run("stream", "lag", "--format", "json", data=data)
    assert f"{STREAMS['pin']}: 3 records" in listed.stderr
    assert '"partition-1" (2, ' in listed.stderr
    assert listed.stdout and STREAMS["geo"] not in listed.stderr
    assert run("stream", "lag", STREAMS["geo"], data=data).stderr == ""
    put(*(f"key {i}" for i in range(20)))
    await_that(lambda: health(server)["unread_keys"][0]["records"] == 23)
    status = json.loads(server.request("GET", "/api/v1/streams")[1])["tables"]
    (pin,) = [each for each in status if each["stream"] == STREAMS["pin"]]
    assert pin["stray_records"] == 23 and pin["more_stray_records"] == 12
    assert len(pin["stray_keys"]) == 10
    assert sum(key["records"] for key in pin["stray_keys"]) == 11
    assert server.log().count("further partition keys belong to no table") == 1


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
