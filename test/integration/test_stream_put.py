"""Records put into a stream on pinion's own API: whole, in the right shard, all or none."""

import base64
import hashlib
import json

import pytest

from pinion import Server
from streams import kinesis

MADE = {"Content-Type": "application/json"}
RING = 2**128


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("put") / "data") as running:
        kinesis(running.url).create_stream(StreamName="s", ShardCount=4)
        yield running


def put(server, records, stream="s"):
    path = f"/api/v1/streams/{stream}/records"
    status, answer, _ = server.request("POST", path, {"records": records}, MADE)
    return status, json.loads(answer)


def shard_of(key):
    return int.from_bytes(hashlib.md5(key.encode()).digest(), "big") * 4 // RING


def read(client, place):
    """The record at a place, as an AWS client reads it by its sequence number."""
    iterator = client.get_shard_iterator(
        StreamName="s",
        ShardId=place["shard"],
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=place["sequence_number"],
    )["ShardIterator"]
    return client.get_records(ShardIterator=iterator, Limit=1)["Records"][0]


def test_records_are_where_the_reply_says(server):
    client = kinesis(server.url)
    data = bytes(range(256))
    records = [
        {"key": "a", "value": "text, \u00fc"},
        {"key": "\u00fc" * 256, "value": {"n": 1, "list": [None, True]}},
        {"key": "c", "value": base64.b64encode(data).decode(), "encoding": "base64"},
        {"key": "d", "value": ""},
    ]
    status, answer = put(server, records)
    assert status == 200, answer
    found = [read(client, place) for place in answer["records"]]
    assert [record["PartitionKey"] for record in found] == [record["key"] for record in records]
    assert found[0]["Data"] == "text, \u00fc".encode()
    assert json.loads(found[1]["Data"]) == records[1]["value"]
    assert found[2]["Data"] == data
    assert found[3]["Data"] == b""
    for record, place in zip(records, answer["records"]):
        assert place["partition"] == shard_of(record["key"])
        assert place["shard"] == f"shardId-{place['partition']:012}"


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"value": "v"}, "partitionKey"),
        ({"key": "", "value": "v"}, "1 to 256 characters, not 0"),
        ({"key": "k" * 257, "value": "v"}, "1 to 256 characters, not 257"),
        ({"key": "k", "value": None}, "a record of a stream has a `value`"),
        ({"key": "k", "value": "%%%", "encoding": "base64"}, "base64"),
        ({"key": "k", "value": "v", "partition": 1}, "partition"),
        ({"key": "k", "value": "v" * (2**20 + 1)}, "1048576"),
    ],
)
def test_nothing_is_added_when_a_record_is_wrong(server, wrong, words):
    path = "/api/v1/streams/s/pages?limit=100"
    before = json.loads(server.request("GET", path)[1])["records"]
    status, answer = put(server, [{"key": "right", "value": "v"}, wrong])
    assert status == 400, answer
    assert words in answer["error"]["message"], answer
    assert json.loads(server.request("GET", path)[1])["records"] == before


def test_a_stream_that_is_not_there(server):
    status, answer = put(server, [{"key": "k", "value": "v"}], stream="none")
    assert status == 404, answer
    status, answer = put(server, [])
    assert status == 400 and "1 to 10000 records" in answer["error"]["message"]
