"""The Kinesis API as HTTP: spellings, headers, and input that is wrong below the API."""

import json
import socket
import uuid

import botocore.exceptions
import cbor2
import pytest
import requests

from kinesis import SIGNED, call, client, stored
from pinion import Server

CBOR = {"Content-Type": "application/x-amz-cbor-1.1"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("kinesis") / "data") as running:
        yield running


@pytest.fixture
def stream(shared):
    name = f"s-{uuid.uuid4().hex[:12]}"
    client(shared).create_stream(StreamName=name, ShardCount=1)
    return name


def error_of(answer, status=400):
    assert answer[0] == status, answer
    return json.loads(answer[1])


# --- headers --------------------------------------------------------------------------------------


def test_reply_headers(shared):
    ids = set()
    for _ in range(3):
        status, _, headers = call(shared, "ListStreams", {})
        assert status == 200
        assert headers["Content-Type"] == "application/x-amz-json-1.1"
        assert str(uuid.UUID(headers["x-amzn-RequestId"])) == headers["x-amzn-RequestId"]
        assert len(headers["x-amz-id-2"]) == 96
        assert "Access-Control-Expose-Headers" not in headers
        ids |= {headers["x-amzn-RequestId"], headers["x-amz-id-2"]}
    assert len(ids) == 6


def test_operations_without_output(shared):
    name = f"s-{uuid.uuid4().hex[:12]}"
    status, body, headers = call(shared, "CreateStream", {"StreamName": name, "ShardCount": 1})
    assert (status, body) == (200, b"")
    assert headers["Content-Type"] == "application/x-amz-json-1.1"


def test_cors(data):
    """For the AWS SDK in a page whose origin is listed."""
    app = "http://app.example.com"
    headers = {"Origin": app, "Access-Control-Request-Method": "POST",
               "Access-Control-Request-Headers": "amz-sdk-request,x-amz-target"}  # fmt: skip
    with Server(data, "--set", f"gateway.cors_origin={app}") as server:
        answer = requests.options(server.url + "/", headers=headers, timeout=30)
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == app
        assert answer.headers["Access-Control-Allow-Headers"] == "amz-sdk-request,x-amz-target"
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        assert answer.headers["Access-Control-Max-Age"] == "172800"
        _, _, got = call(server, "ListStreams", {}, {"Origin": app})
        assert got["Access-Control-Allow-Origin"] == app
        assert "x-amzn-RequestId" in got["Access-Control-Expose-Headers"]


def test_requests_are_counted_by_operation(shared):
    def count(operation):
        text = shared.request("GET", "/metrics")[1].decode()
        line = f'pinion_kinesis_requests_total{{operation="{operation}"}} '
        return int(text.split(line)[1].split("\n")[0])

    before = count("DescribeLimits")
    call(shared, "DescribeLimits", {})
    call(shared, "Invented", {})
    assert count("DescribeLimits") == before + 1
    assert "Invented" not in shared.request("GET", "/metrics")[1].decode()


# --- wrong before it is a call --------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    ["Kinesis_20131202.Invented", "Kinesis_20131202.", "Kinesis_20131202", "", None,
     "DynamoDB_20120810.ListStreams", "Kinesis_20131202.listStreams",
     "Kinesis_20131202.ListStreamsX", ".ListStreams"],
)  # fmt: skip
def test_unknown_operations(shared, target):
    answer = call(shared, "", {}, {"X-Amz-Target": target})
    assert error_of(answer) == {"__type": "UnknownOperationException"}
    answer = call(shared, "", b"", {"X-Amz-Target": target})
    assert error_of(answer) == {"__type": "UnknownOperationException"}


def test_content_types(shared):
    for kind in ("text/plain", "application/x-amz-json-1.0", "multipart/form-data; boundary=x"):
        status, body, headers = call(shared, "ListStreams", {}, {"Content-Type": kind})
        assert (status, body) == (404, b"<UnknownOperationException/>\n")
        assert headers["Content-Type"] == "application/xml"
        assert headers["x-amzn-RequestId"]
        status, body, _ = call(shared, "", {}, {"Content-Type": kind, "X-Amz-Target": None})
        assert (status, body) == (
            403,
            b"<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be "
            b"authorized</Message>\n</AccessDeniedException>\n",
        )
    kind = {"Content-Type": "application/x-amz-json-1.1; charset=utf-8"}
    assert call(shared, "ListStreams", {}, kind)[0] == 200


def test_plain_json(shared):
    kind = {"Content-Type": "application/json"}
    assert error_of(call(shared, "ListStreams", {}, kind), 404) == {
        "Output": {"__type": "com.amazon.coral.service#UnknownOperationException"},
        "Version": "1.0",
    }
    assert error_of(call(shared, "ListStreams", b"{", kind), 400) == {
        "Output": {"__type": "com.amazon.coral.service#SerializationException"},
        "Version": "1.0",
    }


@pytest.mark.parametrize(
    "body", [b"{", b"", b"null", b"5", b'"text"', b"\xff\xfe", b'{"a":1}x', b"{'a':1}", b"[" * 200]
)
def test_bodies_that_are_no_input(shared, body):
    assert error_of(call(shared, "ListStreams", body)) == {"__type": "SerializationException"}
    assert call(shared, "ListStreams", {})[0] == 200


def test_types_come_before_constraints(shared):
    error = error_of(call(shared, "PutRecord", {"StreamName": 5, "Data": "", "PartitionKey": ""}))
    assert error["__type"] == "SerializationException"
    assert "message" not in error and error["Message"]
    error = error_of(call(shared, "PutRecord", {"StreamName": "", "Data": "", "PartitionKey": ""}))
    assert error["__type"] == "ValidationException"
    assert error["message"].startswith("3 validation errors detected: ")


def test_signature_comes_behind_the_target(shared):
    unsigned = {"Authorization": None}
    assert error_of(call(shared, "Invented", {}, unsigned))["__type"] == "UnknownOperationException"
    assert error_of(call(shared, "PutRecord", {}, unsigned))["__type"] == (
        "MissingAuthenticationTokenException"
    )


def test_large_body(data):
    with Server(data, "--set", "gateway.body_bytes_max=64KiB") as running:
        error = error_of(call(running, "PutRecord", b'{"x":"' + b"x" * 65536 + b'"}'), 413)
        assert error["__type"] == "RequestEntityTooLargeException"
        assert "65536 bytes (gateway.body_bytes_max)" in error["message"]
        status, body, headers = call(running, "PutRecord", b"x" * 65537, CBOR)
        assert status == 413
        assert headers["Content-Type"] == "application/x-amz-cbor-1.1"
        assert cbor2.loads(body)["__type"] == "RequestEntityTooLargeException"
        answer = requests.put(running.url + "/t/streams/s/record", data=b"x" * 65537, timeout=30)
        assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/json")
        assert answer.json()["__type"] == "RequestEntityTooLargeException"


def test_largest_put_records(shared, stream):
    """10 MiB of data in a request, and as base64 a third more on the wire."""
    data = b"x" * 1_000_000
    records = [{"Data": data, "PartitionKey": str(i)} for i in range(10)]
    reply = client(shared).put_records(StreamName=stream, Records=records)
    assert reply["FailedRecordCount"] == 0
    assert {kept for _, kept in stored(shared, stream)} == {data}


@pytest.mark.parametrize("megabytes", [12, 20, 100])
def test_larger_put_records(shared, stream, megabytes):
    records = [{"Data": b"x" * 1_000_000, "PartitionKey": "k"}] * megabytes
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        client(shared).put_records(StreamName=stream, Records=records)
    error = refused.value.response["Error"]
    if megabytes == 12:
        assert error["Code"] == "InvalidArgumentException"
        assert error["Message"] == "Records size exceeds 10 MB limit"
    else:
        assert error["Code"] == "RequestEntityTooLargeException"
    assert stored(shared, stream) == []


def test_forged_iterators(shared, stream):
    iterator = client(shared).get_shard_iterator(
        StreamName=stream, ShardId="shardId-000000000000", ShardIteratorType="LATEST"
    )["ShardIterator"]
    middle = len(iterator) // 2
    other = "A" if iterator[middle] != "A" else "B"
    for forged in (iterator[:middle] + other + iterator[middle + 1 :], iterator[:-4], "A" * 512):
        error = error_of(call(shared, "GetRecords", {"ShardIterator": forged}))
        assert error == {"__type": "InvalidArgumentException", "message": "Invalid ShardIterator."}
    assert call(shared, "GetRecords", {"ShardIterator": iterator})[0] == 200


def test_too_many_records(shared, stream):
    records = [{"Data": "eA==", "PartitionKey": "k"}] * 501
    error = error_of(call(shared, "PutRecords", {"StreamName": stream, "Records": records}))
    assert error["__type"] == "ValidationException"
    assert "at 'records' failed to satisfy constraint: Member must have length less than or " in (
        error["message"]
    )
    assert stored(shared, stream) == []


def test_pipelined_puts_keep_their_texts(shared, stream):
    """Requests of one round share a parser; escaped texts must not be each other's."""
    host = shared.url.removeprefix("http://")
    name, port = host.split(":")
    wire = b""
    for i in range(50):
        body = '{"StreamName":"%s","Data":"eA==","PartitionKey":"k\\u00e9%03d"}' % (stream, i)
        body = body.encode()
        wire += (
            f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-amz-json-1.1\r\n"
            f"X-Amz-Target: Kinesis_20131202.PutRecord\r\nAuthorization: {SIGNED}\r\n"
            f"X-Amz-Date: 20260101T000000Z\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body
    with socket.create_connection((name, int(port)), timeout=30) as connection:
        connection.sendall(wire)
        got = b""
        while got.count(b"SequenceNumber") < 50:
            more = connection.recv(65536)
            assert more, got
            got += more
    assert sorted(key for key, _ in stored(shared, stream)) == [f"ké{i:03d}" for i in range(50)]


# --- CBOR -----------------------------------------------------------------------------------------


def cbor(server, operation, value, expected=200):
    body = value if isinstance(value, bytes) else cbor2.dumps(value)
    status, answer, headers = call(server, operation, body, CBOR)
    assert status == expected, answer
    assert headers["Content-Type"] == "application/x-amz-cbor-1.1"
    # AWS's timestamps are tagged as seconds and are milliseconds, which cbor2 can't make a date of.
    return cbor2.loads(answer.replace(b"\xc1\x1b", b"\x1b")) if answer else None


def test_cbor(shared, stream):
    put = {"StreamName": stream, "Data": b"\x00\x01\xff", "PartitionKey": "é"}
    reply = cbor(shared, "PutRecord", put)
    assert reply["ShardId"] == "shardId-000000000000"
    several = [{"Data": b"x", "PartitionKey": "k", "ExplicitHashKey": "0"}] * 3
    reply = cbor(shared, "PutRecords", {"StreamName": stream, "Records": several})
    assert reply["FailedRecordCount"] == 0
    where = {"StreamName": stream, "ShardId": "shardId-000000000000"}
    iterator = cbor(shared, "GetShardIterator", {**where, "ShardIteratorType": "TRIM_HORIZON"})
    reply = cbor(shared, "GetRecords", {**iterator, "Limit": 10})
    assert [record["Data"] for record in reply["Records"]] == [b"\x00\x01\xff", b"x", b"x", b"x"]
    assert reply["Records"][0]["PartitionKey"] == "é"
    assert cbor(shared, "AddTagsToStream", {"StreamName": stream, "Tags": {"a": "b"}}) is None


def test_cbor_errors(shared):
    error = cbor(shared, "DescribeStream", {"StreamName": "nope"}, 400)
    assert error == {
        "__type": "ResourceNotFoundException",
        "message": "Stream nope under account 000000000000 not found.",
    }
    assert cbor(shared, "Invented", {}, 400) == {"__type": "UnknownOperationException"}


@pytest.mark.parametrize(
    "body",
    [b"\xff", b"\xbf", b"\xa1", b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", b"\x81" * 1000, b"{}",
     b"\xa1\x61a\x5b\x7f\xff\xff\xff\xff\xff\xff\xff", cbor2.dumps([1]), cbor2.dumps({}) + b"\x00"],
)  # fmt: skip
def test_cbor_garbage(shared, body):
    assert cbor(shared, "ListStreams", body, 400) == {"__type": "SerializationException"}
    assert cbor(shared, "ListStreams", {})["HasMoreStreams"] is False
