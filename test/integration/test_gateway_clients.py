"""What the real producers send to Kafka REST: every variant of path, header and body that was seen
in their scripts goes through, with `requests` as their client."""

import json

import pytest
import requests

JSON_V2 = "application/vnd.kafka.json.v2+json"
ROW = {"index": 7528, "title": "Caf\u00e9 \U0001f384", "downloaded": 0, "save_location": "/data/x"}
REPLY = {
    "offsets": [{"partition": 0, "offset": 0, "error_code": None, "error": None}],
    "key_schema_id": None,
    "value_schema_id": None,
}


def stored(server, topic, offset=0):
    """The records of a topic, as the partition's fetch gives them."""
    path = f"{server.url}/topics/{topic}/partitions/0/records?offset={offset}"
    return requests.get(path).json()


STAGES = ["test", "dev", "Dev", "prod", "Prod", "Production", "staging", "beta", "feat", "test2",
          "newstage", "milestone5", "kinesis", "v1", "Development", "0a1b-stage"]  # fmt: skip


def test_any_stage(server):
    for number, stage in enumerate(STAGES):
        answer = requests.post(
            f"{server.url}/{stage}/topics/stage.pin",
            headers={"Content-Type": JSON_V2},
            data=json.dumps({"records": [{"value": ROW}]}),
        )
        assert answer.status_code == 200
        assert answer.json()["offsets"][0]["offset"] == number


@pytest.mark.parametrize(
    "path", ["/topics/p.pin", "//topics/p.pin", "/test//topics/p.pin/", "/topics//p.pin",
             "/test/topics/p.pin?x=1", "/test/topics/p%2epin"]
)  # fmt: skip
def test_slashes_and_encoding(server, path):
    # The path as it is: requests would tidy it up.
    with requests.Session() as session:
        request = requests.Request("POST", server.url + path, json={"records": [{"value": 1}]})
        prepared = session.prepare_request(request)
        prepared.url = server.url + path
        assert session.send(prepared).status_code == 200
    assert [r["value"] for r in stored(server, "p.pin")] == [1]


@pytest.mark.parametrize(
    "content_type",
    [JSON_V2, "application/json", "application/vnd.kafka.v2+json", None, "",
     "application/json; charset=utf-8", "application/vnd.kafka.json.v1+json"],
)  # fmt: skip
@pytest.mark.parametrize(
    "accept",
    ["*/*", "application/vnd.kafka.v2+json", "application/vnd.kafka.json.v2+json", None,
     "application/vnd.kafka.v2+json; q=0.9, application/json; q=0.5", "application/json"],
)  # fmt: skip
def test_headers(server, content_type, accept):
    body = json.dumps({"records": [{"value": ROW}]}).encode()
    answer = requests.post(
        f"{server.url}/dev/topics/headers.pin",
        headers={"Content-Type": content_type, "Accept": accept},
        data=body,
    )
    assert answer.status_code == 200, answer.text
    assert answer.json() == REPLY
    wanted = "application/json" if accept == "application/json" else None
    if accept == "application/vnd.kafka.json.v2+json":
        wanted = accept
    assert answer.headers["Content-Type"] == (wanted or "application/vnd.kafka.v2+json")


def test_reply_is_exact(server):
    answer = requests.post(
        f"{server.url}/test/topics/exact.pin", json={"records": [{"value": ROW}]}
    )
    assert answer.content == (
        b'{"offsets":[{"partition":0,"offset":0,"error_code":null,"error":null}],'
        b'"key_schema_id":null,"value_schema_id":null}'
    )


def test_value_is_kept_as_sent(server):
    """The stored bytes are the compact JSON: keys in their order, raw UTF-8, slashes unescaped."""
    body = '{"records": [ {"value": {"b": 1.50, "a": "\\u00e9\\/\\n", "c": [ 1, null ]}} ]}'
    answer = requests.post(f"{server.url}/topics/bytes", data=body)
    assert answer.status_code == 200
    path = f"{server.url}/topics/bytes/partitions/0/records"
    raw = requests.get(path, headers={"Accept": "application/vnd.kafka.binary.v2+json"}).json()
    import base64

    value = base64.b64decode(raw[0]["value"])
    assert value == '{"b":1.50,"a":"\u00e9/\\n","c":[1,null]}'.encode()


@pytest.mark.parametrize(
    "when",
    ["2020-08-28T03:52:47", "2020-08-28 03:52:47", "08/28/2020, 03:52:47", "2020:08:28 03:52:47",
     {"$date": "2020-08-28T03:52:47Z"}],
)  # fmt: skip
def test_any_datetime(server, when):
    row = {"ind": 1, "timestamp": when}
    answer = requests.post(f"{server.url}/topics/d.geo", json={"records": [{"value": row}]})
    assert answer.status_code == 200
    assert stored(server, "d.geo")[0]["value"] == row


@pytest.mark.parametrize("value", [0, -1, 1.5, False, True, "", "text", {}, [], None])
def test_falsy_values_keep_their_own(server, value):
    answer = requests.post(f"{server.url}/topics/falsy", json={"records": [{"value": value}]})
    assert answer.json() == REPLY
    got = stored(server, "falsy")
    assert got[0].pop("timestamp") > 1.7e12
    assert got == [{"topic": "falsy", "key": None, "value": value, "partition": 0, "offset": 0}]
    assert type(got[0]["value"]) is type(value)


def test_session_with_keep_alive(server):
    with requests.Session() as session:
        session.headers["Content-Type"] = JSON_V2
        for number in range(50):
            answer = session.post(
                f"{server.url}/prod/topics/alive", json={"records": [{"value": number}]}, timeout=10
            )
            assert answer.json()["offsets"][0]["offset"] == number
    assert [r["value"] for r in stored(server, "alive")] == list(range(50))


def test_content_type_with_a_slip(server):
    slip = "application/vnd.kafka.json.v/2+json"
    answer = requests.post(
        f"{server.url}/test/topics/slip", headers={"Content-Type": slip},
        data='{"records":[{"value":{"a":1}}]}',
    )  # fmt: skip
    assert answer.status_code == 200
    assert [each["value"] for each in stored(server, "slip")] == [{"a": 1}]


def test_broken_content_type(server):
    broken = "application/vnd.kafka.json.v9+json"
    answer = requests.post(
        f"{server.url}/test/topics/t", headers={"Content-Type": broken}, data="{}"
    )
    assert answer.status_code == 415
    assert answer.json()["error_code"] == 415
    assert broken in answer.json()["message"]
    assert JSON_V2 in answer.json()["message"]
