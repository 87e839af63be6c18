"""Names that a pattern of the pipeline matches: a first record makes the topic or the stream, and
its rows are in the tables. A script of another owner needs no change but the host."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import streams
from contract import KINDS, UID, clean_pin, delta, run_dag
from kinesis_api import client
from pinion import Server, run
from streams import await_rows, kinesis

OTHER = "0a1b2c3d4e5f"

PIN = {"index": 1, "title": "t", "follower_count": "1k", "category": "art",
       "save_location": "Local save in /data/x"}  # fmt: skip
GEO = {"ind": 1, "timestamp": "2018-09-03 07:12:45", "latitude": 1.5, "longitude": 2.5,
       "country": "Perú"}  # fmt: skip
USER = {"ind": 1, "first_name": "A", "last_name": "B", "age": 30,
        "date_joined": "2016-01-02T03:04:05"}  # fmt: skip
ROWS = {"pin": PIN, "geo": GEO, "user": USER}


def post(server, topic, value, expected=200):
    body = json.dumps({"records": [{"value": value}]})
    status, answer, _ = server.request("POST", f"/prod/topics/{topic}", body.encode())
    assert status == expected, answer
    return json.loads(answer)


def ids(data, table, *more, key="id"):
    """The keys in a table, as `pinion query` finds them."""
    sql = f'SELECT {key} FROM "{table}" ORDER BY 1'
    found = run("query", sql, "--format", "json", *more, data=data)
    return [row[key] for row in json.loads(found.stdout)]


# --- topics ---------------------------------------------------------------------------------------


def test_a_batch_of_another_owner_becomes_rows(server, data):
    for kind, row in ROWS.items():
        post(server, f"{OTHER}.{kind}", row)
        post(server, f"{UID}.{kind}", {**row, "index" if kind == "pin" else "ind": 2})
    run_dag(data)
    for kind in KINDS:
        found = delta(data, f"transformed/{kind}").to_pylist()
        assert sorted(row["ind"] for row in found) == [1, 2]
    (row,) = [row for row in delta(data, "transformed/pin").to_pylist() if row["ind"] == 1]
    assert row == clean_pin(PIN)


def test_a_pattern_makes_no_topic_of_a_stream(server, data):
    """`*.pin` matches the name under which the log would keep a stream called "pin"."""
    assert "Kinesis API" in post(server, "__kinesis.pin", PIN, 400)["message"]
    assert not (data / "log" / "__kinesis.pin").exists()


def test_dead_letters_name_the_topic(server, data):
    post(server, f"{OTHER}.pin", {"index": "none"})
    post(server, f"{UID}.pin", {"index": "none"})
    body = json.dumps({"records": [{"value": "bm8gSlNPTg=="}]}).encode()
    status, answer, _ = server.request(
        "POST", f"/topics/{OTHER}.geo", body,
        {"Content-Type": "application/vnd.kafka.binary.v2+json"},
    )  # fmt: skip
    assert status == 200, answer
    run_dag(data)
    letters = delta(data, "dead_letters").to_pylist()
    found = sorted((letter["table"], letter["topic"], letter["reason"][:12]) for letter in letters)
    assert [each[:2] for each in found] == [
        ("raw_geo", f"{OTHER}.geo"), ("raw_pin", f"{OTHER}.pin"), ("raw_pin", f"{UID}.pin"),
    ]  # fmt: skip
    assert found[0][2] == "invalid JSON"


SMALL = """
name: small
topics:
  "events-*": {partitions: 3, retention: 7d}
tables:
  raw: {path: raw, from_topic: "events-*", columns: {id: {type: bigint, required: true}}}
settings:
  log: {auto_create_topics: false, pattern_topics_max: 2}
"""


def small(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "pipeline.yml").write_text(SMALL)
    run("pipeline", "check", folder)
    return folder


def test_a_topic_is_made_as_its_pattern_says(tmp_path, data):
    """Also where no record makes topics otherwise; so many and no more."""
    folder = small(tmp_path)
    with Server(data, "--pipeline", folder) as server:
        post(server, "events-a", {"id": 1})
        post(server, "events-b", {"id": 2})
        post(server, "other", {"id": 3}, 404)
        refused = post(server, "events-c", {"id": 3}, 400)
        assert "log.pattern_topics_max" in refused["message"], refused
        post(server, "events-a", {"id": 4})
        topic = json.loads(server.request("GET", "/topics/events-a")[1])
        assert len(topic["partitions"]) == 3
        assert json.loads(server.request("GET", "/topics")[1]) == ["events-a", "events-b"]
        assert server.request("POST", "/api/v1/sink/flush")[0] == 200
        run("batch", "--pipeline", folder, data=data)
    assert ids(data, "raw", "--pipeline", folder) == [1, 2, 4]


def test_a_folder_has_a_file_for_each_topic(tmp_path, data):
    folder = small(tmp_path)
    exported = tmp_path / "exported"
    exported.mkdir()
    (exported / "events-a.json").write_text('{"id":1}\n')
    (exported / "events-b.ndjson").write_text('{"id":2}\n{"id":"x"}\n')
    (exported / "others.json").write_text('{"id":3}\n')
    told = run("batch", "--from", exported, "--pipeline", folder, data=data).stderr
    assert "raw: version 0, 2 rows, 1 dead letter" in told


STREAMS = """
name: streams
topics: {t: {}}
streams:
  "clicks-*": {shards: 1}
tables:
  raw: {path: raw, from_topic: t, columns: {id: {type: bigint, required: true}}}
"""


def test_a_dry_run_makes_no_stream(tmp_path, data):
    folder = tmp_path / "streams"
    folder.mkdir()
    (folder / "pipeline.yml").write_text(STREAMS)
    with Server(data, "--pipeline", folder) as server:
        kinesis = client(server)
        record = {"Data": b"{}", "PartitionKey": "k"}
        with pytest.raises(kinesis.exceptions.DryRunOperationException):
            kinesis.put_record(StreamName="clicks-a", DryRun=True, **record)
        with pytest.raises(kinesis.exceptions.DryRunOperationException):
            kinesis.put_records(StreamName="clicks-a", DryRun=True, Records=[record])
        assert kinesis.list_streams()["StreamNames"] == []
        kinesis.put_record(StreamName="clicks-a", **record)
        assert kinesis.list_streams()["StreamNames"] == ["clicks-a"]


# --- streams --------------------------------------------------------------------------------------


def table_path(owner, kind):
    return f"test_streaming_delta_tables/{owner}_{kind}_table"


def put(server, stream, row, key="partition-1", expected=200):
    body = {"StreamName": "whatever", "Data": row, "PartitionKey": key}
    status, answer, _ = server.request(
        "PUT", f"/Prod/streams/{stream}/record", json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    assert status == expected, answer
    return json.loads(answer)


def tables(server):
    found = json.loads(server.request("GET", "/api/v1/streams")[1])["tables"]
    return {each["stream"]: each for each in found}


def health(server):
    return json.loads(server.request("GET", "/health")[1])


def test_a_stream_of_another_owner_becomes_rows(server, data):
    """Whatever the partition key, from the first record on, a table for each stream."""
    for kind, row in ROWS.items():
        put(server, f"streaming-{OTHER}-{kind}", row, key=f"partition-{kind}")
        put(server, f"streaming-{OTHER}-{kind}", row, key=7)
    client = kinesis(server.url)
    client.put_record(
        StreamName="streaming-me-pin", Data=json.dumps(PIN).encode(), PartitionKey="x"
    )
    entries = [{"Data": json.dumps(GEO).encode(), "PartitionKey": str(i)} for i in range(500)]
    answer = client.put_records(StreamName="streaming-me-geo", Records=entries)
    assert answer["FailedRecordCount"] == 0
    for kind in KINDS:
        await_rows(data, kind, 2, path=table_path(OTHER, kind))
    await_rows(data, "pin", 1, path=table_path("me", "pin"))
    await_rows(data, "geo", 500, path=table_path("me", "geo"))
    first = streams.table(data, table_path(OTHER, "pin")).to_pyarrow_table().to_pylist()[0]
    assert first == clean_pin(PIN)
    described = client.describe_stream(StreamName=f"streaming-{OTHER}-pin")["StreamDescription"]
    assert len(described["Shards"]) == 2 and described["RetentionPeriodHours"] == 24
    assert health(server)["status"] == "ok"


def test_other_names_are_not_found(server):
    for name in ("Kinesis-Prod-Stream", "streaming--pin", "streaming-x-pins", "my-pin-stream"):
        refused = put(server, name, PIN, expected=400)
        assert refused["__type"].endswith("ResourceNotFoundException")
    # What is not a record makes no stream.
    put(server, "streaming-x-pin", PIN, key="", expected=400)
    assert "streaming-x-pin" not in json.loads(server.request("GET", "/streams")[1])["StreamNames"]


def test_commands_know_the_streams_and_tables(server, data):
    name = f"streaming-{OTHER}-pin"
    put(server, name, PIN)
    await_rows(data, "pin", 1, path=table_path(OTHER, "pin"))
    assert name in run("stream", "list", data=data).stdout
    lags = streams.lag(data, name)
    assert {each["table"] for each in lags} == {f"stream_{OTHER}_pin"}
    assert sum(each["position"] for each in lags) == 1
    assert name in {each["stream"] for each in streams.lag(data)}
    assert f"stream_{OTHER}_pin" in run("table", "list", data=data).stdout
    assert ids(data, f"stream_{OTHER}_pin", key="ind") == [1]
    assert tables(server)[name]["rows"] == 1
    assert json.loads(server.request("GET", "/api/v1/streams/names")[1])["names"].count(name) == 1


def test_many_first_records_at_once(server, data):
    """All of them are taken, and are rows once."""
    name = "streaming-many-user"
    with ThreadPoolExecutor(16) as pool:
        for answer in pool.map(lambda i: put(server, name, {**USER, "ind": i}), range(64)):
            assert answer["SequenceNumber"]
    await_rows(data, "user", 64, path=table_path("many", "user"))
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda i: post(server, "many.user", {**USER, "ind": i}), range(64)))
    run_dag(data)
    assert len(delta(data, "transformed/user")) == 64


def test_a_crash_after_the_first_record(data):
    """It is in the table once, whenever the server dies."""
    rounds = 12
    for number in range(rounds):
        server = Server(data).start()
        try:
            for sent in range(2):
                put(server, f"streaming-crash{number}-pin", {**PIN, "index": sent})
            time.sleep(0.15 * (number % 6))
        finally:
            server.kill()
    with Server(data):
        for number in range(rounds):
            await_rows(data, "pin", 2, path=table_path(f"crash{number}", "pin"))
            found = streams.table(data, table_path(f"crash{number}", "pin")).to_pyarrow_table()
            assert sorted(found["ind"].to_pylist()) == [0, 1]


def test_a_stream_is_deleted_and_made_again(server, data):
    name = f"streaming-{OTHER}-geo"
    for number in (1, 2):
        put(server, name, {**GEO, "ind": number})
        await_rows(data, "geo", number, path=table_path(OTHER, "geo"))
        assert server.request("DELETE", f"/streams/{name}")[0] == 200
        deadline = time.monotonic() + 30
        while name in tables(server):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert health(server)["status"] == "ok"
    assert ids(data, f"stream_{OTHER}_geo", key="ind") == [1, 2]


def test_so_many_streams_and_no_more(data):
    with Server(data, "--set", "kinesis.pattern_streams_max=2") as server:
        put(server, "streaming-a-pin", PIN)
        put(server, "streaming-b-pin", PIN)
        refused = put(server, "streaming-c-pin", PIN, expected=400)
        assert refused["__type"].endswith("LimitExceededException")
        assert "kinesis.pattern_streams_max" in refused["message"]
        put(server, "streaming-a-geo", GEO)
        put(server, "streaming-a-pin", PIN)


def test_a_processor_of_its_own_finds_them(data):
    """Beside a server that fills no tables, and when it drains without one."""
    with Server(data, "--roles", "gateway,sink") as server:
        put(server, "streaming-a-pin", PIN)
        run("stream", "process", "--once", data=data)
        assert streams.count(data, table_path("a", "pin")) == 1
        put(server, "streaming-b-pin", PIN)
        put(server, "streaming-c-pin", PIN)
        run("stream", "process", "--once", "streaming-b-pin", data=data)
        assert streams.count(data, table_path("b", "pin")) == 1
        assert not streams.exists(data, table_path("c", "pin"))
    run("stream", "process", "--once", data=data)
    for owner in "abc":
        assert streams.count(data, table_path(owner, "pin")) == 1
