"""Kafka REST v2 consumers, as clients drive them: create, subscribe, fetch, commit, delete."""

import datetime
import threading
import time

import pytest
import requests

from pinion import Server

V2 = {"Content-Type": "application/vnd.kafka.v2+json"}
JSON = {"Accept": "application/vnd.kafka.json.v2+json"}


def produce(server, topic, *values):
    body = {"records": [{"value": value} for value in values]}
    assert requests.post(f"{server.url}/topics/{topic}", json=body).status_code == 200


class Consumer:
    """An instance, by its base_uri."""

    def __init__(self, server, group, prefix="", **config):
        config = {"format": "json", "auto.offset.reset": "earliest", **config}
        answer = requests.post(f"{server.url}{prefix}/consumers/{group}", headers=V2, json=config)
        assert answer.status_code == 200, answer.text
        self.id, self.uri = answer.json()["instance_id"], answer.json()["base_uri"]

    def post(self, path, body=None):
        return requests.post(f"{self.uri}/{path}", headers=V2, json=body)

    def get(self, path, **more):
        return requests.get(f"{self.uri}/{path}", **{"headers": JSON, **more})

    def subscribe(self, *topics):
        assert self.post("subscription", {"topics": list(topics)}).status_code == 204

    def values(self, query=""):
        answer = self.get("records" + query)
        assert answer.status_code == 200, answer.text
        return [record["value"] for record in answer.json()]

    def delete(self):
        return requests.delete(self.uri, headers=V2)


def committed(consumer):
    asked = {"partitions": [{"topic": "t", "partition": 0}]}
    return consumer.get("offsets", json=asked, headers=V2).json()["offsets"]


def error(answer, status, code):
    assert (answer.status_code, answer.json()["error_code"]) == (status, code), answer.text
    return answer.json()["message"]


@pytest.mark.parametrize("prefix", ["", "/prod"])
def test_round(server, prefix):
    produce(server, "t", {"a": 1}, None, "x")
    consumer = Consumer(server, "g", prefix, name="mine")
    assert consumer.id == "mine"
    assert consumer.uri == f"{server.url}{prefix}/consumers/g/instances/mine"
    consumer.subscribe("t")
    assert consumer.get("subscription").json() == {"topics": ["t"]}
    assert consumer.get("assignments").json() == {"partitions": [{"topic": "t", "partition": 0}]}
    answer = consumer.get("records")
    assert answer.headers["Content-Type"] == "application/vnd.kafka.json.v2+json"
    got = answer.json()
    assert all(record.pop("timestamp") > 1.7e12 for record in got)
    assert got == [
        {"topic": "t", "key": None, "value": {"a": 1}, "partition": 0, "offset": 0},
        {"topic": "t", "key": None, "value": None, "partition": 0, "offset": 1},
        {"topic": "t", "key": None, "value": "x", "partition": 0, "offset": 2},
    ]
    assert consumer.values("?timeout=10") == []
    produce(server, "t", "y")
    assert consumer.values() == ["y"]
    assert consumer.delete().status_code == 204
    assert error(consumer.delete(), 404, 40403) == "Consumer instance not found."
    assert error(consumer.get("records"), 404, 40403) == "Consumer instance not found."


def test_first_fetch_is_not_empty(server):
    produce(server, "t", *range(10))
    consumer = Consumer(server, "g")
    consumer.subscribe("t")
    assert consumer.values() == list(range(10))


def test_base_uri_is_the_hosts(data):
    with Server(data, "--set", "gateway.allowed_hosts=api.example") as server:
        answer = requests.post(
            f"{server.url}/consumers/g", json={"name": "a b/c"},
            headers={"Host": "api.example:8443", "X-Forwarded-Proto": "https"},
        )  # fmt: skip
        path = "/consumers/g/instances/a%20b%2Fc"
        assert answer.json()["base_uri"] == "https://api.example:8443" + path
        assert requests.delete(server.url + path).status_code == 204


def test_create(server):
    consumer = Consumer(server, "g", name="i")
    again = requests.post(f"{server.url}/consumers/g", headers=V2, json={"name": "i"})
    error(again, 409, 40902)
    assert consumer.delete().status_code == 204
    # Defaults, and an empty body.
    assert requests.post(f"{server.url}/consumers/g").json()["instance_id"].startswith("rest-")
    Consumer(server, "g", **{"auto.commit.enable": "false", "fetch.min.bytes": "10",
                             "consumer.request.timeout.ms": 5, "id": "x", "name": "y"})  # fmt: skip
    assert requests.delete(f"{server.url}/consumers/g/instances/x").status_code == 204


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"format": "avro"}, 42204),
        ({"format": "xml"}, 422),
        ({"auto.offset.reset": "smallest"}, 42204),
        ({"auto.commit.enable": "maybe"}, 42204),
        ({"fetch.min.bytes": -2}, 40001),
        ({"consumer.request.timeout.ms": "soon"}, 42204),
        ({"name": 1}, 42204),
        ({"name": "x" * 201}, 42204),
        ({"nmae": "x"}, 422),
        ([], 422),
    ],
)
def test_bad_configs(server, config, code):
    answer = requests.post(f"{server.url}/consumers/g", headers=V2, json=config)
    error(answer, 422, code)


def test_formats(server):
    produce(server, "t", {"a": 1})
    consumer = Consumer(server, "g", format="binary")
    consumer.subscribe("t")
    error(consumer.get("records"), 406, 40601)
    answer = consumer.get("records", headers={"Accept": "application/vnd.kafka.v2+json"})
    assert answer.json()[0]["value"] == "eyJhIjoxfQ=="
    assert answer.headers["Content-Type"] == "application/vnd.kafka.binary.v2+json"


def test_value_that_is_no_json(server):
    produce(server, "t", "first")
    requests.post(
        f"{server.url}/topics/t", json={"records": [{"value": "AP8="}]},
        headers={"Content-Type": "application/vnd.kafka.binary.v2+json"},
    )  # fmt: skip
    produce(server, "t", "last")
    consumer = Consumer(server, "g")
    consumer.subscribe("t")
    # What comes before it is given; then it is named, until the client goes past it.
    assert consumer.values() == ["first"]
    assert "offset 1" in error(consumer.get("records"), 422, 42203)
    assert "offset 1" in error(consumer.get("records"), 422, 42203)
    seek = {"offsets": [{"topic": "t", "partition": 0, "offset": 2}]}
    assert consumer.post("positions", seek).status_code == 204
    assert consumer.values() == ["last"]


def test_assign_and_seek(server):
    produce(server, "t", *range(5))
    consumer = Consumer(server, "g")
    both = {"partitions": [{"topic": "t", "partition": 0}]}
    assert consumer.post("assignments", both).status_code == 204
    assert consumer.get("assignments").json() == both
    error(consumer.post("subscription", {"topics": ["t"]}), 409, 40903)
    assert consumer.values() == list(range(5))
    assert consumer.post("positions/beginning", both).status_code == 204
    assert consumer.values() == list(range(5))
    offsets = {"offsets": [{"topic": "t", "partition": 0, "offset": 3}]}
    assert consumer.post("positions", offsets).status_code == 204
    assert consumer.values() == [3, 4]
    consumer.post("positions/beginning", both)
    assert consumer.post("positions/end", both).status_code == 204
    assert consumer.values("?timeout=0") == []
    other = {"partitions": [{"topic": "t", "partition": 1}]}
    error(consumer.post("positions/end", other), 409, 40903)
    error(consumer.post("assignments", other), 404, 40402)
    none = {"partitions": [{"topic": "none", "partition": 0}]}
    error(consumer.post("assignments", none), 404, 40401)
    error(consumer.post("assignments", {"partitions": 1}), 422, 422)


def test_commits(data):
    with Server(data) as server:
        produce(server, "t", *range(5))
        consumer = Consumer(server, "g", **{"auto.commit.enable": "false"})
        consumer.subscribe("t")
        assert committed(consumer) == []
        assert len(consumer.values()) == 5
        # The offset committed is the last consumed: the next one is read then.
        offsets = {"offsets": [{"topic": "t", "partition": 0, "offset": 2}]}
        assert consumer.post("offsets", offsets).status_code == 200
        assert committed(consumer) == [{"topic": "t", "partition": 0, "offset": 3, "metadata": ""}]
    with Server(data) as server:
        consumer = Consumer(server, "g", **{"auto.commit.enable": "false"})
        consumer.subscribe("t")
        assert consumer.values() == [3, 4]
        assert consumer.post("offsets").status_code == 200
        server.kill()
        server.start()
        consumer = Consumer(server, "g")
        consumer.subscribe("t")
        assert consumer.values("?timeout=10") == []


def test_auto_commit_at_the_end(data):
    with Server(data) as server:
        produce(server, "t", *range(3))
        consumer = Consumer(server, "g")
        consumer.subscribe("t")
        assert len(consumer.values()) == 3
    with Server(data) as server:
        produce(server, "t", 3)
        consumer = Consumer(server, "g")
        consumer.subscribe("t")
        assert consumer.values() == [3]


def test_group_shares_partitions(data):
    with Server(data, "--set", "log.partitions=4") as server:
        for value in range(40):
            produce(server, "t", value)
        one, two = Consumer(server, "g"), Consumer(server, "g")
        one.subscribe("t")
        assert len(one.get("assignments").json()["partitions"]) == 4
        two.subscribe("t")
        shares = [c.get("assignments").json()["partitions"] for c in (one, two)]
        assert [len(share) for share in shares] == [2, 2]
        assert not [p for p in shares[0] if p in shares[1]]
        assert sorted(one.values() + two.values()) == list(range(40))
        for value in range(40, 60):
            produce(server, "t", value)
        first = one.values()
        assert two.delete().status_code == 204
        assert sorted(first + one.values()) == list(range(40, 60))


def test_pattern(server):
    produce(server, "a.pin", 1)
    produce(server, "a.geo", 2)
    produce(server, "b.pin", 3)
    consumer = Consumer(server, "g")
    pattern = {"topic_pattern": "a\\..*"}
    assert consumer.post("subscription", pattern).status_code == 204
    assert consumer.get("subscription").json() == {"topics": ["a.geo", "a.pin"]}
    assert sorted(consumer.values()) == [1, 2]
    produce(server, "a.new", 4)
    deadline = time.monotonic() + 20
    found = []
    while not found and time.monotonic() < deadline:
        found = consumer.values("?timeout=500")
    assert found == [4]
    error(consumer.post("subscription", {"topic_pattern": "("}), 422, 42204)
    error(consumer.post("subscription", {"topic_pattern": "a{1,99999}"}), 422, 42204)
    error(consumer.post("subscription", {}), 422, 422)
    error(consumer.post("subscription", {"topics": ["../x"]}), 422, 422)
    assert requests.delete(f"{consumer.uri}/subscription").status_code == 204
    assert consumer.get("subscription").json() == {"topics": []}
    assert consumer.values("?timeout=0") == []


def test_latest(server):
    produce(server, "t", "before")
    consumer = Consumer(server, "g", **{"auto.offset.reset": "latest"})
    consumer.subscribe("t")
    produce(server, "t", "after")
    assert consumer.values() == ["after"]


def test_max_bytes(server):
    produce(server, "t", *["x" * 100 for _ in range(10)])
    consumer = Consumer(server, "g")
    consumer.subscribe("t")
    assert [len(consumer.values("?max_bytes=250")) for _ in range(3)] == [2, 2, 2]
    assert len(consumer.values("?max_bytes=1")) == 1
    assert len(consumer.values()) == 3


def test_min_bytes(server):
    consumer = Consumer(server, "g", **{"fetch.min.bytes": 300})
    produce(server, "t", "x" * 100)
    consumer.subscribe("t")
    got = []
    thread = threading.Thread(target=lambda: got.extend(consumer.values("?timeout=20000")))
    thread.start()
    while thread.is_alive():
        produce(server, "t", "x" * 100)
        thread.join(0.05)
    assert len(got) >= 3
    # When the time is up, what there is is given.
    rest = consumer.values("?timeout=0")
    produce(server, "t", "x")
    assert len(consumer.values("?timeout=50")) >= 1 and isinstance(rest, list)


def test_long_poll_ends_when_records_come(server):
    produce(server, "t", 0)
    consumers = [Consumer(server, f"g{i}") for i in range(30)]
    for consumer in consumers:
        consumer.subscribe("t")
        assert consumer.values() == [0]
    got = []
    threads = [
        threading.Thread(target=lambda c=c: got.append(c.values("?timeout=25000")))
        for c in consumers
    ]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    # None of them holds up the others' requests.
    assert requests.get(f"{server.url}/topics", timeout=10).status_code == 200
    produce(server, "t", 1)
    for thread in threads:
        thread.join()
    assert sorted(got) == [[1]] * 30
    assert time.monotonic() - started < 25


def test_instance_time_out(data):
    with Server(data, "--set", "gateway.consumer_instance_timeout_ms=1s") as server:
        produce(server, "t", 1)
        consumer = Consumer(server, "g")
        consumer.subscribe("t")
        assert consumer.values() == [1]
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            time.sleep(2.5)
            if consumer.get("assignments").status_code == 404:
                break
        error(consumer.get("assignments"), 404, 40403)


def test_too_many_instances(data):
    with Server(data, "--set", "gateway.consumer_instances_max=2") as server:
        Consumer(server, "a"), Consumer(server, "b")
        error(requests.post(f"{server.url}/consumers/c", headers=V2, json={}), 429, 429)


@pytest.mark.parametrize("body", [None, {}, {"offsets": None}])
def test_a_commit_of_all_that_was_fetched(server, body):
    produce(server, "t", 1, 2, 3)
    consumer = Consumer(server, "g", name="i", **{"auto.commit.enable": "false"})
    consumer.subscribe("t")
    assert consumer.values() == [1, 2, 3]
    assert consumer.post("offsets", body).status_code == 200
    assert committed(consumer) == [{"topic": "t", "partition": 0, "offset": 3, "metadata": ""}]
    # A misspelt member is not a commit of everything.
    assert "offsets" in error(consumer.post("offsets", {"offset": []}), 422, 422)


def test_seek_by_time(server):
    produce(server, "t", "before", "before too")
    time.sleep(0.01)
    between = time.time()
    time.sleep(0.01)
    produce(server, "t", "after")
    consumer = Consumer(server, "g")
    partition = {"topic": "t", "partition": 0}
    assert consumer.post("assignments", {"partitions": [partition]}).status_code == 204
    text = datetime.datetime.fromtimestamp(between, datetime.UTC).isoformat()
    for at, found in (
        (text, ["after"]), (text.replace("+00:00", "Z"), ["after"]), (between, ["after"]),
        (int(between * 1000), ["after"]), (int(between) - 60, ["before", "before too", "after"]),
        ("2020-01-01", ["before", "before too", "after"]), (between + 3600, []),
    ):  # fmt: skip
        asked = {"timestamps": [{**partition, "timestamp": at}]}
        assert consumer.post("positions", asked).status_code == 204, at
        assert consumer.values("?timeout=0") == found, at
    both = {"offsets": [{**partition, "offset": 0}], "timestamps": None}
    assert consumer.post("positions", both).status_code == 204
    assert len(consumer.values()) == 3
    for at in ("yesterday", None, -1, True, {}):
        asked = {"timestamps": [{**partition, "timestamp": at}]}
        error(consumer.post("positions", asked), 422, 422)
    error(consumer.post("positions", {}), 422, 422)
    missing = {"timestamps": [{"topic": "none", "partition": 0, "timestamp": text}]}
    error(consumer.post("positions", missing), 404, 40401)


def test_records_say_when_they_came(server):
    before = time.time() * 1000 - 1
    produce(server, "t", 1)
    consumer = Consumer(server, "g")
    consumer.subscribe("t")
    (record,) = consumer.get("records").json()
    assert before <= record["timestamp"] <= time.time() * 1000 + 1


def test_the_first_poll_may_be_empty(data):
    """For clients that discard the first answer, as kafka-rest's is empty while the group joins."""
    with Server(data, "--set", "gateway.consumer_first_poll=empty") as server:
        produce(server, "t", 1, 2)
        consumer = Consumer(server, "g")
        consumer.subscribe("t")
        assert consumer.values() == []
        assert consumer.values() == [1, 2]
        assert consumer.values("?timeout=0") == []
        consumer.subscribe("t")
        produce(server, "t", 3)
        assert consumer.values() == []
        assert consumer.values() == [3]
        assigned = Consumer(server, "h")
        assigned.post("assignments", {"partitions": [{"topic": "t", "partition": 0}]})
        assert assigned.values() == [1, 2, 3]


@pytest.mark.parametrize("name", ["g" * 200, "é" * 33])
def test_long_group_names(server, name):
    produce(server, "t", 1)
    consumer = Consumer(server, name)
    consumer.subscribe("t")
    assert consumer.values() == [1]
    assert consumer.post("offsets").status_code == 200


@pytest.mark.parametrize("name", ["g" * 201, "é" * 34])
def test_group_names_that_are_too_long(server, name):
    answer = requests.post(f"{server.url}/consumers/{name}", headers=V2, json={})
    assert "must have 1 to 200" in error(answer, 422, 42204)
