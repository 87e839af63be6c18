"""Names that a pattern of the pipeline matches: a first record makes the topic or the stream, and
its rows are in the tables. A script of another owner needs no change but the host."""

import json

import pytest
from contract import KINDS, UID, clean_pin, delta, run_dag
from kinesis_api import client
from pinion import Server, run

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
        assert server.request("POST", "/api/v1/sink/flush", {})[0] == 200
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
    assert "raw: version 0, 2 rows, 1 dead letters" in told


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
