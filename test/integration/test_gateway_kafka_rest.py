"""Kafka REST v2: topics, partitions, produce, and the errors of each."""

import base64
import gzip
import json
import os
import zlib

import kinesis
import pytest
import requests

BINARY_V2 = "application/vnd.kafka.binary.v2+json"


def text(raw):
    return base64.b64encode(raw).decode()


def produce(server, topic, *records, partition=None, **more):
    path = f"/topics/{topic}" + ("" if partition is None else f"/partitions/{partition}")
    return requests.post(server.url + path, json={"records": list(records)}, **more)


def error(answer, status, code):
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error_code", "message"}
    assert body["error_code"] == code
    return body["message"]


def make_topic(server, name, partitions):
    """A topic with several partitions: the setting is for topics that a produce creates."""
    produce(server, name, {"value": 0})
    listed = requests.get(f"{server.url}/topics/{name}/partitions").json()
    assert len(listed) == partitions


def test_metadata(server):
    produce(server, "m", {"value": 1}, {"value": 2})
    partition = {"partition": 0, "leader": 0,
                 "replicas": [{"broker": 0, "leader": True, "in_sync": True}]}  # fmt: skip
    get = lambda path: requests.get(server.url + path).json()  # noqa: E731
    assert "m" in get("/topics") and get("/topics") == sorted(get("/topics"))
    configs = {
        "cleanup.policy": "delete", "compression.type": "uncompressed",
        "max.message.bytes": "1048576", "retention.bytes": "-1", "retention.ms": "-1",
        "segment.bytes": "268435456",
    }  # fmt: skip
    assert get("/topics/m") == {"name": "m", "configs": configs, "partitions": [partition]}
    assert get("/topics/m/partitions") == [partition]
    assert get("/topics/m/partitions/0") == partition
    assert get("/topics/m/partitions/0/offsets") == {"beginning_offset": 0, "end_offset": 2}
    assert get("/brokers") == {"brokers": [0]}


@pytest.mark.parametrize("path", ["", "/partitions", "/partitions/0", "/partitions/0/offsets",
                                  "/partitions/0/records"])  # fmt: skip
def test_unknown_topic(server, path):
    message = error(requests.get(f"{server.url}/topics/none{path}"), 404, 40401)
    assert message == "Topic not found."


def topic_routes(topic):
    """Every route that names a topic in its path: (method, path)."""
    partition = f"/topics/{topic}/partitions/0"
    return [
        ("GET", f"/topics/{topic}"),
        ("GET", f"/topics/{topic}/partitions"),
        ("GET", partition),
        ("GET", partition + "/offsets"),
        ("GET", partition + "/records"),
        ("GET", partition + "/records?offset=0&timeout=1"),
        ("POST", f"/topics/{topic}"),
        ("POST", partition),
    ]


def test_streams_are_no_topics(server):
    """A stream's records are in the log too, but they come and go by the Kinesis API alone: no
    route of Kafka REST reads them, names them or adds to them."""
    assert kinesis.call(server, "CreateStream", {"StreamName": "s", "ShardCount": 1})[0] == 200
    record = {"StreamName": "s", "PartitionKey": "k", "Data": text(b"secret")}
    assert kinesis.call(server, "PutRecord", record)[0] == 200
    topic = "__kinesis.s"
    produce(server, "beside", {"value": 1})
    topics = requests.get(server.url + "/topics").json()
    assert "beside" in topics and topic not in topics
    for stage in ("", "/prod"):
        for method, path in topic_routes(topic):
            answer = requests.request(
                method, server.url + stage + path,
                json={"records": [{"value": 1}]} if method == "POST" else None,
            )  # fmt: skip
            if method == "GET":
                error(answer, 404, 40401)
            else:
                assert topic in error(answer, 400, 40002)
            assert text(b"secret") not in answer.text and "secret" not in answer.text, path
    assert kinesis.stored(server, "s") == [("k", b"secret")]


def test_consumers_do_not_see_streams(server):
    assert kinesis.call(server, "CreateStream", {"StreamName": "s", "ShardCount": 1})[0] == 200
    record = {"StreamName": "s", "PartitionKey": "k", "Data": text(b"secret")}
    assert kinesis.call(server, "PutRecord", record)[0] == 200
    topic = "__kinesis.s"
    produce(server, "beside", {"value": 1})
    v2 = {"Content-Type": "application/vnd.kafka.v2+json"}
    place = {"topic": topic, "partition": 0, "offset": 0}
    earliest = {"auto.offset.reset": "earliest", "format": "binary"}

    def instance(name):
        made = requests.post(
            server.url + "/consumers/g", json={"name": name, **earliest}, headers=v2
        )
        assert made.status_code == 200
        return server.url + f"/consumers/g/instances/{name}"

    base = instance("assigns")
    for route, member in (("/assignments", "partitions"), ("/offsets", "offsets")):
        error(requests.post(base + route, json={member: [place]}, headers=v2), 404, 40401)
    for route, member in (("/positions", "offsets"), ("/positions/beginning", "partitions"),
                          ("/positions/end", "partitions")):  # fmt: skip
        error(requests.post(base + route, json={member: [place]}, headers=v2), 409, 40903)
    for name, wanted in (("named", {"topics": [topic]}), ("all", {"topic_pattern": ".*"}),
                         ("some", {"topic_pattern": "__kinesis[.].*"})):  # fmt: skip
        base = instance(name)
        requests.post(base + "/subscription", json=wanted, headers=v2)
        if name != "named":
            assert topic not in requests.get(base + "/subscription").text
        assert topic not in requests.get(base + "/assignments").text
        got = requests.get(base + "/records?timeout=100").json()
        assert topic not in [record["topic"] for record in got]
        requests.delete(base)


@pytest.mark.parametrize("path", ["1", "1/offsets", "1/records", "x", "-1", "99999999999"])
def test_unknown_partition(server, path):
    produce(server, "p", {"value": 1})
    message = error(requests.get(f"{server.url}/topics/p/partitions/{path}"), 404, 40402)
    assert message == "Partition not found."


def test_unknown_topic_without_auto_create(data):
    from pinion import Server

    with Server(data, "--set", "log.auto_create_topics=false") as server:
        answer = produce(server, "none", {"value": 1}, timeout=5)
        assert error(answer, 404, 40401) == "Topic not found."


@pytest.mark.parametrize(
    "name",
    ["..", ".", "a%2Fb", "a%5Cb", "a%20b", "caf%C3%A9", "x" * 250, "x" * 300, "a:b", "%2e%2e"],
)  # fmt: skip
def test_hostile_topic_names(server, data, name):
    with requests.Session() as session:
        request = requests.Request("POST", server.url, json={"records": [{"value": 1}]})
        prepared = session.prepare_request(request)
        prepared.url = f"{server.url}/topics/{name}"
        answer = session.send(prepared)
    assert answer.status_code in (400, 404, 405), answer.text
    assert answer.json()["error_code"] in (40002, 404, 405)
    # A walk passes over folders that the server removes meanwhile.
    names = [name for _, folders, files in os.walk(data) for name in [*folders, *files]]
    assert names and not any(".." in name for name in names)


def test_nul_in_topic_name(server):
    error(requests.post(f"{server.url}/topics/a%00b", json={}), 400, 400)


def test_binary(server):
    records = [
        {"key": text(b"k"), "value": text(bytes(range(256)))},
        {"key": None, "value": text(b"")},
        {"value": None},
    ]
    answer = produce(server, "b", *records, headers={"Content-Type": BINARY_V2})
    assert [o["offset"] for o in answer.json()["offsets"]] == [0, 1, 2]
    path = f"{server.url}/topics/b/partitions/0/records"
    got = requests.get(path, headers={"Accept": BINARY_V2})
    assert got.headers["Content-Type"] == BINARY_V2
    assert [(r["key"], r["value"]) for r in got.json()] == [
        (text(b"k"), text(bytes(range(256)))), (None, ""), (None, None)
    ]  # fmt: skip
    # The first is not JSON: the error says so, with its place; those before it would come first.
    message = error(requests.get(path), 422, 42203)
    assert "topic b, partition 0, offset 0" in message
    # What is JSON can be read as such.
    assert requests.get(path + "?offset=2").json()[0]["value"] is None


def test_headers_go_round(server):
    headers = [{"key": "trace", "value": text(b"\x00\xff")}, {"key": "none", "value": None}]
    produce(server, "h", {"value": 1, "headers": headers}, {"value": 2})
    got = requests.get(f"{server.url}/topics/h/partitions/0/records").json()
    assert got[0]["headers"] == headers
    assert "headers" not in got[1]


def test_keys_and_partitions(data):
    from pinion import Server

    with Server(data, "--set", "log.partitions=3") as server:
        make_topic(server, "k", 3)
        # Records of a key stay together, and a key goes where Kafka's clients put it.
        keyed = produce(server, "k", *[{"key": "a", "value": i} for i in range(5)]).json()
        assert len({o["partition"] for o in keyed["offsets"]}) == 1
        # A record's own partition wins over the path's.
        answer = produce(server, "k", {"value": 1}, {"value": 2, "partition": 2}, partition=1)
        assert [o["partition"] for o in answer.json()["offsets"]] == [1, 2]
        # One bad partition does not keep the others out.
        answer = produce(server, "k", {"value": 1, "partition": 0}, {"value": 2, "partition": 3})
        assert answer.status_code == 200
        good, bad = answer.json()["offsets"]
        assert good["partition"] == 0 and good["error"] is None
        assert bad == {"partition": None, "offset": None, "error_code": 40402,
                       "error": "Partition not found."}  # fmt: skip
        error(produce(server, "k", {"value": 1}, partition=3), 404, 40402)


def test_record_too_large(data):
    from pinion import Server

    with Server(data, "--set", "log.record_bytes_max=1KiB") as server:
        message = error(produce(server, "big", {"value": "x" * 2000}), 413, 40002)
        assert "log.record_bytes_max" in message
        answer = produce(server, "big", {"value": "x" * 2000}, {"value": "small"})
        assert answer.status_code == 200
        bad, good = answer.json()["offsets"]
        assert bad["error_code"] == 40002 and bad["offset"] is None
        assert good["offset"] == 0


@pytest.mark.parametrize(
    ("body", "status", "part"),
    [
        (b"", 422, "empty"),
        (b"{", 400, "byte"),
        (b'{"records":[{"value":1}]', 400, "byte"),
        (b'{"records":[{"value":01}]}', 400, "byte"),
        (b'{"records":[{"value":1}]} x', 400, "byte"),
        (b'{"records":[{"value":"\xff"}]}', 400, "byte"),
        (b'{"records":[{"value":"\\ud80"}]}', 400, "records[0]: invalid JSON at byte 21"),
        (b'{"records":[{"value":0},{"value":1x}]}', 400, "records[1]: invalid JSON at byte 33"),
        (b"[" * 10000, 400, "JSON nested deeper than 1000 levels, at byte 1000"),
        (
            b'{"records":[{"value":0},{"value":' + b"[" * 998 + b"]" * 998 + b"}]}",
            400,
            "records[1]: JSON nested deeper than 1000 levels",
        ),
        (b"null", 422, "object"),
        (b'"text"', 422, "object"),
        (b"[]", 422, "object"),
        (b"{}", 422, "records"),
        (b'{"records":[]}', 422, "records"),
        (b'{"records":{"value":1}}', 422, "records"),
        (b'{"records":[1]}', 422, "records[0]"),
        (b'{"records":[{"valeu":1}]}', 422, "valeu"),
        (b'{"record":[{"value":1}]}', 422, "record"),
        (b'{"records":[{"value":1,"partition":"0"}]}', 422, "partition"),
        (b'{"records":[{"value":1,"partition":-1}]}', 422, "partition"),
    ],
)
def test_bad_bodies(server, body, status, part):
    answer = requests.post(f"{server.url}/topics/bad", data=body)
    assert part in error(answer, status, status)


@pytest.mark.parametrize(
    "value",
    [
        b"1e400",
        b'{"a":-1.5E+9999,"b":[1e400]}',
        b'"a\\ud83d"',
        b'{"\\udc00\\n":["\\ud800\\u0041"]}',
        b"0.1000000000000000055511151231257827021181583404541015625",
        b"[" * 997 + b"]" * 997,
    ],
    ids=lambda value: value[:20].decode(),
)
def test_lawful_json_is_kept_as_it_was_sent(server, value):
    """Beyond double, half a surrogate pair, deep: none of it is ours to refuse or to change."""
    body = b'{"records":[{"value":' + value + b'},{"value":"next"}]}'
    answer = requests.post(f"{server.url}/topics/lawful", data=body)
    assert answer.status_code == 200, answer.text
    first = answer.json()["offsets"][0]
    url = f"{server.url}/topics/lawful/partitions/{first['partition']}/records"
    kept = requests.get(
        url,
        params={"offset": first["offset"], "count": 1},
        headers={"Accept": "application/vnd.kafka.json.v2+json"},
    )
    assert kept.status_code == 200, kept.text
    assert b'"value":' + value + b"," in kept.content
    assert "bad" not in requests.get(f"{server.url}/topics").json()


def test_position_of_bad_json(server):
    body = '{"records":[{"value":{"a":1,"b":tru}}]}'
    message = error(requests.post(f"{server.url}/topics/t", data=body), 400, 400)
    assert f"byte {body.index('tru')}" in message


def test_a_byte_order_mark_is_skipped(server):
    body = b'\xef\xbb\xbf{"records":[{"value":{"a":1}}]}'
    answer = requests.post(f"{server.url}/topics/t.bom", data=body)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("encode", "word"),
    [(gzip.compress, "gzip (1F 8B)"), (zlib.compress, "zlib (78 9C)"),
     (lambda body: body.decode().encode("utf-16"), "UTF-16 (FF FE)"),
     (lambda body: body.decode().encode("utf-16-be"), "UTF-16")],
)  # fmt: skip
def test_what_a_body_looks_like(server, encode, word):
    answer = requests.post(f"{server.url}/topics/t", data=encode(b'{"records":[{"value":1}]}'))
    assert f"looks like {word}" in error(answer, 400, 400)


def test_not_base64(server):
    for value, message in (({"a": 1}, 'data={"a":1} is not a base64 string.'),
                           ("!", 'data="!" is not a valid base64 string.')):  # fmt: skip
        answer = produce(server, "t", {"value": value}, headers={"Content-Type": BINARY_V2})
        assert error(answer, 400, 400) == message


def test_base64_in_lines(server):
    """As base64(1) and MIME encoders write it, in values, keys and headers."""
    raw = b'{"a":1,"text":"' + b"x" * 100 + b'"}'
    lines = base64.encodebytes(raw).decode()
    assert lines.count("\n") == 3
    record = {"value": lines, "key": "a2V5\r\n", "headers": [{"key": "h", "value": " aGk=\t"}]}
    answer = produce(server, "t.lines", record, headers={"Content-Type": BINARY_V2})
    assert answer.status_code == 200, answer.text
    url = f"{server.url}/topics/t.lines/partitions/0/records?offset=0"
    (found,) = requests.get(url, headers={"Accept": BINARY_V2}).json()
    assert base64.b64decode(found["value"]) == raw
    assert base64.b64decode(found["key"]) == b"key"


@pytest.mark.parametrize("kind", ["avro", "jsonschema", "protobuf"])
def test_schema_formats(server, kind):
    answer = produce(
        server, "t", {"value": 1}, headers={"Content-Type": f"application/vnd.kafka.{kind}.v2+json"}
    )
    message = error(answer, 400, 40002)
    assert kind in message and "vnd.kafka.json.v2+json" in message


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "a/b; c=d"])
def test_other_content_types(server, kind):
    answer = produce(server, "t", {"value": 1}, headers={"Content-Type": kind})
    error(answer, 415, 415)


def test_accept(server):
    answer = produce(server, "t", {"value": 1}, headers={"Accept": "text/html"})
    error(answer, 406, 406)
    assert requests.get(f"{server.url}/topics", headers={"Accept": "text/html"}).status_code == 406


def test_methods_and_paths(server):
    answer = requests.delete(f"{server.url}/prod/topics/t")
    error(answer, 405, 405)
    assert answer.headers["Allow"] == "GET, HEAD, POST, OPTIONS"
    error(requests.get(f"{server.url}/prod/topics/t/nothing/here"), 404, 404)
    error(requests.get(f"{server.url}/topics/t/partitions/0/nothing"), 404, 404)


def test_many_records(server):
    answer = produce(server, "many", *[{"value": {"n": i}} for i in range(5000)])
    assert [o["offset"] for o in answer.json()["offsets"]] == list(range(5000))
    answer = produce(server, "many", *[{"value": i} for i in range(10001)])
    error(answer, 413, 413)


def test_fetch_parameters(server):
    produce(server, "f", *[{"value": "x" * 100} for _ in range(20)])
    path = f"{server.url}/topics/f/partitions/0/records"
    assert len(requests.get(path).json()) == 20
    assert [r["offset"] for r in requests.get(path + "?offset=18").json()] == [18, 19]
    assert len(requests.get(path + "?max_bytes=250").json()) == 2
    assert len(requests.get(path + "?max_bytes=1").json()) == 1
    assert requests.get(path + "?offset=20").json() == []
    assert requests.get(path + "?offset=20&timeout=50").json() == []
    assert requests.get(path + "?offset=21").status_code == 400
    error(requests.get(path + "?offset=x"), 400, 400)
    error(requests.get(path + "?timeout=-1"), 400, 400)


def test_health_and_metrics(server):
    produce(server, "m", {"value": 1})
    health = requests.get(f"{server.url}/health").json()
    assert health["status"] == "ok" and health["failed_partitions"] == []
    assert requests.get(f"{server.url}/").json()["name"] == "pinion"
    answer = requests.get(f"{server.url}/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'pinion_gateway_requests_total{route="POST /topics/{}"} 1' in answer.text
    assert 'pinion_gateway_responses_total{status="2xx"}' in answer.text


def test_records_survive_a_restart(data):
    from pinion import Server

    with Server(data) as server:
        produce(server, "t", {"value": {"a": 1}})
    with Server(data) as server:
        got = requests.get(f"{server.url}/topics/t/partitions/0/records").json()
        assert json.dumps(got[0]["value"]) == '{"a": 1}'
