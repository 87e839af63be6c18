"""The REST routes of API Gateway in front of Kinesis, as people's producers use them."""

import base64
import json
import uuid

import pytest
import requests

from kinesis import client, stored
from pinion import Server

PIN = "streaming-0e3bbd435bfb-pin"
ROW = {"index": 7528, "unique_id": "fbe53c66", "title": "café / ok", "follower_count": "124k"}
ROW_BYTES = (
    '{"index":7528,"unique_id":"fbe53c66","title":"café / ok","follower_count":"124k"}'.encode()
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("rest") / "data") as running:
        yield running


@pytest.fixture
def stream(shared):
    """A new stream of one shard."""
    name = f"s-{uuid.uuid4().hex[:12]}"
    client(shared).create_stream(StreamName=name, ShardCount=1)
    return name


def put(server, path, body, method="PUT", **more):
    return requests.request(method, server.url + path, data=json.dumps(body), timeout=30, **more)


def accepted(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["x-amzn-RequestId"] and answer.headers["x-amz-id-2"]
    return answer.json()


# --- where a record is put ------------------------------------------------------------------------

PATHS = [
    "/streams/{}/record", "/test/streams/{}/record", "/Production/streams/{}/record",
    "/0e3bbd435bfb-stage/streams/{}/record", "/dev//streams//{}/record", "/v1/streams/{}/record/",
    "//streams/{}/record", "/kinesis/streams/record?stream-name={}",
    "/streams/record/?stream-name={}", "/step-2/stream/{}/record", "/stream/record?stream-name={}",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_record_path(shared, stream, path, method):
    body = {"StreamName": "{self.stream_name}", "Data": ROW, "PartitionKey": "test_pin"}
    reply = accepted(put(shared, path.format(stream), body, method))
    assert set(reply) == {"ShardId", "SequenceNumber"}
    assert reply["ShardId"] == "shardId-000000000000"
    assert int(reply["SequenceNumber"]) > 0
    assert stored(shared, stream) == [("test_pin", ROW_BYTES)]


@pytest.mark.parametrize(
    "named", ["streaming-other-pin", "", [1], None, {"a": 1}, "S-UPPER", 5], ids=str
)
def test_stream_is_the_urls(shared, stream, named):
    body = {"StreamName": named, "Data": 1, "PartitionKey": "k"}
    accepted(put(shared, f"/test/streams/{stream}/record", body))
    assert stored(shared, stream) == [("k", b"1")]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json", "application/vnd.kafka.json.v2+json", "application/x-amz-json-1.1",
        "application/vnd.kafka.json.v/2+json", "application/x-amz-cbor-1.1", "text/plain",
        "?", None,
    ],
)  # fmt: skip
def test_content_type_is_not_looked_at(shared, stream, content_type):
    body = {"StreamName": stream, "Data": ROW, "PartitionKey": "k"}
    accepted(
        put(shared, f"/test/streams/{stream}/record", body, headers={"Content-Type": content_type})
    )
    assert stored(shared, stream) == [("k", ROW_BYTES)]


def test_accept_and_encodings(shared, stream):
    headers = {
        "Accept": "application/vnd.kafka.v2+json; q=0.9, application/json; q=0.5",
        "Accept-Encoding": "gzip, deflate",
    }
    body = {"Data": ROW, "PartitionKey": "k"}
    accepted(put(shared, f"/test/streams/{stream}/record", body, headers=headers))


# --- what is stored -------------------------------------------------------------------------------

ENCODED = base64.b64encode(json.dumps(ROW).encode()).decode()
DATA = [
    pytest.param(json.dumps(ROW), ROW_BYTES, id="object"),
    pytest.param(json.dumps(ROW, indent=3), ROW_BYTES, id="object with white space"),
    pytest.param(json.dumps(json.dumps({"a": 1})), b'"{\\"a\\": 1}"', id="string holding JSON"),
    pytest.param(json.dumps(ENCODED), f'"{ENCODED}"'.encode(), id="base64"),
    pytest.param('[{"value": {"a": 1}}]', b'[{"value":{"a":1}}]', id="array"),
    pytest.param('{"value": {"a": 1}}', b'{"value":{"a":1}}', id="value"),
    pytest.param('{"d": {"$date": "2020-08-28T03:52:47Z"}}',
                 b'{"d":{"$date":"2020-08-28T03:52:47Z"}}', id="$date"),
    pytest.param('{"z": 1.50, "a": 1E3, "m": -0, "n": 12345678901234567890123}',
                 b'{"z":1.50,"a":1E3,"m":-0,"n":12345678901234567890123}', id="numbers"),
    pytest.param('"caf\\u00e9 \\u2713 \\ud83d\\ude00 \\/"', '"café ✓ 😀 /"'.encode(), id="escapes"),
    pytest.param('"\\u0001\\t\\""', b'"\\u0001\\t\\""', id="control characters"),
    pytest.param("null", b"null", id="null"),
    pytest.param('""', b'""', id="empty"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kept"), DATA)
def test_data(shared, stream, text, kept):
    body = '{"StreamName": "x", "Data": %s, "PartitionKey": "test_pin"}' % text
    answer = requests.put(f"{shared.url}/test/streams/{stream}/record", data=body, timeout=30)
    accepted(answer)
    assert stored(shared, stream) == [("test_pin", kept)]


def test_absent_data(shared, stream):
    accepted(put(shared, f"/test/streams/{stream}/record", {"PartitionKey": "k"}))
    assert stored(shared, stream) == [("k", b'""')]


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        ("test_geo", "test_geo"), ("partition-1", "partition-1"), ("partition=1", "partition=1"),
        ("index", "index"), (42, "42"), (0.5, "0.5"), (True, "true"), ("ключ", "ключ"),
        ("8b3b8a3c-2bb0-4a08-9d0b-6a6d4d7f7f3e", "8b3b8a3c-2bb0-4a08-9d0b-6a6d4d7f7f3e"),
    ],
)  # fmt: skip
def test_partition_key(shared, stream, key, kept):
    accepted(put(shared, f"/test/streams/{stream}/record", {"Data": 1, "PartitionKey": key}))
    assert stored(shared, stream) == [(kept, b"1")]


@pytest.mark.parametrize(
    "body", [{"Data": 1}, {"Data": 1, "PartitionKey": ""}, "text", [1]], ids=str
)
def test_no_partition_key(shared, stream, body):
    answer = put(shared, f"/test/streams/{stream}/record", body)
    assert answer.status_code == 400
    assert answer.json()["__type"] == "ValidationException"
    assert "at 'partitionKey' failed to satisfy constraint" in answer.json()["message"]
    assert stored(shared, stream) == []


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize(
    "body",
    [
        {"records": [{"data": "some text", "partition-key": "a"},
                     {"data": ROW, "partition-key": 5}, {"partition-key": "c"}]},
        {"Records": [{"Data": "some text", "PartitionKey": "a"},
                     {"Data": ROW, "PartitionKey": 5}, {"PartitionKey": "c"}],
         "StreamName": "other"},
    ],
    ids=["tutorial", "capital"],
)  # fmt: skip
def test_records(shared, stream, method, body):
    reply = accepted(put(shared, f"/prod/streams/{stream}/records", body, method))
    assert reply["FailedRecordCount"] == 0
    assert [set(one) for one in reply["Records"]] == [{"SequenceNumber", "ShardId"}] * 3
    assert stored(shared, stream) == [("a", b"some text"), ("5", ROW_BYTES), ("c", b'""')]


@pytest.mark.parametrize("count", [0, 501])
def test_number_of_records(shared, stream, count):
    body = {"records": [{"data": "x", "partition-key": "k"}] * count}
    answer = put(shared, f"/prod/streams/{stream}/records", body)
    assert answer.status_code == 400
    assert answer.json()["__type"] == "ValidationException"
    assert "at 'records' failed to satisfy constraint" in answer.json()["message"]


@pytest.mark.parametrize("route", ["record", "records"])
def test_broken_json(shared, stream, route):
    url = f"{shared.url}/test/streams/{stream}/{route}"
    answer = requests.put(url, data="{'Data':", timeout=30)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Could not parse request body into json: ")


def test_large_body_goes_the_other_way_around(shared, stream):
    """What is too large for the HTTP threads is put by a pool thread, to the same effect."""
    data = {"text": "x" * 900_000}
    accepted(put(shared, f"/test/streams/{stream}/record", {"Data": data, "PartitionKey": "k"}))
    assert [len(kept) for _, kept in stored(shared, stream)] == [900_000 + len('{"text":""}')]


# --- streams --------------------------------------------------------------------------------------


def names(server, query=""):
    reply = accepted(requests.get(f"{server.url}/test/streams{query}", timeout=30))
    return reply["StreamNames"], reply["HasMoreStreams"]


def test_streams_of_the_pipeline(server):
    """What the producers' scripts do first: is there a stream for each table?"""
    wanted = [f"streaming-0e3bbd435bfb-{table}" for table in ("geo", "pin", "user")]
    assert names(server) == (wanted, False)
    assert names(server, "?Limit=1") == (wanted[:1], True)
    assert names(server, f"/?ExclusiveStartStreamName={wanted[0]}&Limit=2") == (wanted[1:], False)
    assert names(server, "?Limit=&ExclusiveStartStreamName=") == (wanted, False)
    described = accepted(requests.get(f"{server.url}/x/streams/{PIN}", timeout=30))
    assert len(described["StreamDescription"]["Shards"]) == 2
    assert described["StreamDescription"]["StreamStatus"] == "ACTIVE"
    assert described["StreamDescription"]["RetentionPeriodHours"] == 24


@pytest.mark.parametrize(
    ("body", "shards"),
    [(None, 5), (b"", 5), (b"{}", 5), (b'{"ShardCount": 2}', 2), (b'{"ShardCount": "3"}', 3)],
)
def test_create_and_delete(shared, body, shards):
    url = f"{shared.url}/test/streams/n-{uuid.uuid4().hex[:8]}"
    assert accepted(requests.post(url, data=body, timeout=30)) == {}
    description = accepted(requests.get(url, timeout=30))["StreamDescription"]
    assert len(description["Shards"]) == shards
    again = requests.post(url, data=body, timeout=30)
    assert (again.status_code, again.json()["__type"]) == (400, "ResourceInUseException")
    assert accepted(requests.delete(url, timeout=30)) == {}
    gone = requests.get(url, timeout=30)
    assert (gone.status_code, gone.json()["__type"]) == (400, "ResourceNotFoundException")
    name = url.rsplit("/", 1)[1]
    assert gone.json()["message"] == f"Stream {name} under account 000000000000 not found."


@pytest.mark.parametrize("count", ["many", 0, -1, 1.5])
def test_create_with_a_wrong_count(shared, count):
    answer = put(shared, "/test/streams/never", {"ShardCount": count}, "POST")
    assert answer.status_code == 400
    assert answer.json()["__type"] in ("ValidationException", "SerializationException")
    assert "never" not in names(shared, "?Limit=1000")[0]


def test_read(shared, stream):
    for i in range(3):
        put(shared, f"/test/streams/{stream}/record", {"Data": {"i": i}, "PartitionKey": "k"})
    url = f"{shared.url}/test/streams/{stream}"
    query = {"shard-id": "shardId-000000000000"}
    reply = accepted(requests.get(f"{url}/sharditerator", params=query, timeout=30))
    headers = {"Shard-Iterator": reply["ShardIterator"]}
    reply = accepted(requests.get(f"{url}/records", headers=headers, timeout=30))
    assert [base64.b64decode(record["Data"]) for record in reply["Records"]] == [
        b'{"i":0}', b'{"i":1}', b'{"i":2}',
    ]  # fmt: skip
    headers = {"Shard-Iterator": reply["NextShardIterator"]}
    reply = accepted(requests.get(f"{url}/records", headers=headers, timeout=30))
    assert reply["Records"] == []


@pytest.mark.parametrize(
    ("route", "headers", "error"),
    [
        ("records", {}, "ValidationException"),
        ("records", {"Shard-Iterator": "forged"}, "InvalidArgumentException"),
        ("sharditerator", {}, "ValidationException"),
        ("sharditerator?shard-id=shardId-000000000009", {}, "ResourceNotFoundException"),
    ],
)
def test_read_what_is_not_there(shared, stream, route, headers, error):
    answer = requests.get(f"{shared.url}/t/streams/{stream}/{route}", headers=headers, timeout=30)
    assert answer.status_code == 400
    assert answer.json()["__type"] == error


def test_unknown_stream(shared):
    answer = put(shared, "/test/streams/nope/record", {"Data": 1, "PartitionKey": "k"})
    assert answer.status_code == 400
    assert answer.json() == {
        "__type": "ResourceNotFoundException",
        "message": "Stream nope under account 000000000000 not found.",
    }


def test_method_that_there_is_none_of(shared, stream):
    answer = requests.patch(f"{shared.url}/test/streams/{stream}", timeout=30)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD, POST, DELETE, OPTIONS"


def test_api_key(data, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("0123456789abcdef0123\n")
    settings = ["--set", "gateway.auth=api-key", "--set", f"gateway.api_key_file={keys}"]
    with Server(data, *settings) as s:
        body = {"Data": 1, "PartitionKey": "k"}
        path = f"/test/streams/{PIN}/record"
        assert put(s, path, body).status_code == 401
        assert put(s, path, body, headers={"x-api-key": "0123456789abcdef0124"}).status_code == 401
        accepted(put(s, path, body, headers={"x-api-key": "0123456789abcdef0123"}))


def test_records_last(data):
    with Server(data) as first:
        accepted(put(first, f"/t/streams/{PIN}/record", {"Data": ROW, "PartitionKey": "test_pin"}))
        first.kill()
    with Server(data) as second:
        assert stored(second, PIN) == [("test_pin", ROW_BYTES)]
