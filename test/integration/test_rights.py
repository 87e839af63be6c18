"""API keys with rights: each right allowed and refused, at each interface, with real clients."""

import re
import signal
from pathlib import Path

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from pinion import Server, run
from test_process import says

DOCS = Path(__file__).resolve().parents[2] / "docs"
JSON_V2 = {"Content-Type": "application/vnd.kafka.json.v2+json"}
ALL = "all-of-it-0123456789"
PRODUCER = "producer-0123456789"
READER = "reader-0123456789ab"
ADMIN = "admin-0123456789abc"
SHOP = "shop-0123456789abcd"
CLICKS = "clicks-0123456789ab"
FILE = f"""# who may do what
{ALL}
{PRODUCER} rights=produce
{READER}\trights=read
{ADMIN} rights=admin
{SHOP} rights=produce,read topics=shop.*,orders
{CLICKS}  streams=clicks-*  rights=produce,read,admin
"""


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys"
    path.write_text(FILE)
    return path


@pytest.fixture
def locked(data, keys):
    with Server(
        data, "--set", "gateway.auth=api-key", "--set", f"gateway.api_key_file={keys}"
    ) as server:
        yield server


def ask(server, method, path, key, body=None, **headers):
    sent = {"Authorization": f"Bearer {key}", **headers}
    return requests.request(method, server.url + path, json=body, headers=sent, timeout=30)


def produce(server, key, topic):
    body = {"records": [{"value": 1}]}
    return ask(server, "POST", f"/topics/{topic}", key, body, **JSON_V2).status_code


def kinesis(server, key):
    client = boto3.client(
        "kinesis", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="a",
        aws_secret_access_key="s", config=Config(retries={"max_attempts": 0}),
    )  # fmt: skip

    def add_key(request, **_):
        request.headers["x-api-key"] = key

    client.meta.events.register("before-send", add_key)
    return client


def refused(call, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    return error.value.response["Error"]["Message"]


# --- how a key is sent ----------------------------------------------------------------------------


def test_bearer(locked):
    for authorization in (f"Bearer {ALL}", f"bearer  {ALL}"):
        answer = requests.get(
            f"{locked.url}/topics", headers={"Authorization": authorization}, timeout=30
        )
        assert answer.status_code == 200, authorization
    for authorization in ("Bearer", f"Basic {ALL}", ALL, f"Bearer{ALL}"):
        answer = requests.get(
            f"{locked.url}/topics", headers={"Authorization": authorization}, timeout=30
        )
        assert answer.status_code == 401, authorization
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="pinion"'
    answer = ask(locked, "GET", "/topics", ALL + "x")
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


# --- rights ---------------------------------------------------------------------------------------


def test_each_right_of_kafka_rest(locked):
    statuses = {key: produce(locked, key, "orders") for key in (ALL, PRODUCER, READER, ADMIN)}
    assert statuses == {ALL: 200, PRODUCER: 200, READER: 403, ADMIN: 403}
    for path in ("/topics", "/topics/orders", "/topics/orders/partitions/0/offsets"):
        statuses = {k: ask(locked, "GET", path, k).status_code for k in (ALL, READER, PRODUCER)}
        assert statuses == {ALL: 200, READER: 200, PRODUCER: 403}, path
    answer = ask(locked, "GET", "/topics", PRODUCER)
    assert answer.json() == {"error_code": 403, "message": "The API key lacks the right: read"}
    for key, status in ((ALL, 200), (ADMIN, 200), (READER, 403), (PRODUCER, 403), (CLICKS, 403)):
        assert ask(locked, "POST", "/api/v1/sink/flush", key).status_code == status, key


def test_topics_of_a_key(locked):
    for topic in ("orders", "shop.a", "other"):
        assert produce(locked, ALL, topic) == 200
    assert [produce(locked, SHOP, t) for t in ("orders", "shop.a", "other")] == [200, 200, 403]
    assert [produce(locked, CLICKS, t) for t in ("orders", "clicks-a")] == [403, 403]
    assert sorted(ask(locked, "GET", "/topics", SHOP).json()) == ["orders", "shop.a"]
    answer = ask(locked, "GET", "/topics/other/partitions/0/records?offset=0", SHOP)
    assert answer.status_code == 403
    assert answer.json()["message"].endswith("the right: read, for the topic other")
    # A name that is encoded is the same name.
    assert produce(locked, SHOP, "o%74her") == 403
    assert ask(locked, "GET", "/metrics", SHOP).status_code == 200  # a loopback address


def consumer(server, key, name, **config):
    made = ask(server, "POST", "/consumers/g", key,
               {"name": name, "format": "json", "auto.offset.reset": "earliest", **config},
               **JSON_V2)  # fmt: skip
    assert made.status_code == 200, made.text
    return f"/consumers/g/instances/{name}"


def test_consumers_of_a_key(locked):
    for topic in ("orders", "other"):
        assert produce(locked, ALL, topic) == 200
    mine = consumer(locked, SHOP, "mine")

    def subscribe(instance, key, **body):
        path = f"{instance}/subscription"
        return ask(locked, "POST", path, key, body, **JSON_V2).status_code

    assert subscribe(mine, SHOP, topics=["orders", "other"]) == 403
    place = {"topic": "other", "partition": 0}
    for route, body in (
        ("assignments", {"partitions": [place]}),
        ("offsets", {"offsets": [{**place, "offset": 0}]}),
        ("positions", {"offsets": [{**place, "offset": 0}]}),
        ("positions/end", {"partitions": [place]}),
    ):
        answer = ask(locked, "POST", f"{mine}/{route}", SHOP, body, **JSON_V2)
        assert answer.status_code == 403, (route, answer.text)
    assert subscribe(mine, SHOP, topics=["orders"]) == 204
    records = {"Accept": "application/vnd.kafka.json.v2+json"}
    assert len(ask(locked, "GET", f"{mine}/records", SHOP, **records).json()) == 1
    # Neither by a pattern nor by another key's subscription does it reach a record.
    theirs = consumer(locked, ALL, "theirs")
    for key, body in ((SHOP, {"topic_pattern": "o.*"}), (ALL, {"topics": ["other"]})):
        assert subscribe(theirs, key, **body) == 204
        answer = ask(locked, "GET", f"{theirs}/records", SHOP, **records)
        assert answer.status_code == 403 and "topic other" in answer.json()["message"]
        ask(locked, "DELETE", f"{theirs}/subscription", ALL)
    assert ask(locked, "POST", "/consumers/g", PRODUCER, {}, **JSON_V2).status_code == 403


def test_each_right_of_kinesis(locked):
    all_, producer = kinesis(locked, ALL), kinesis(locked, PRODUCER)
    reader, admin = kinesis(locked, READER), kinesis(locked, ADMIN)
    message = refused(producer.create_stream, StreamName="s", ShardCount=1)
    assert message == "The API key lacks the right: admin"
    refused(reader.create_stream, StreamName="s", ShardCount=1)
    admin.create_stream(StreamName="s", ShardCount=1)
    all_.get_waiter("stream_exists").wait(StreamName="s")
    record = {"StreamName": "s", "Data": b"x", "PartitionKey": "k"}
    assert producer.put_record(**record)["ShardId"]
    refused(reader.put_record, **record)
    refused(admin.put_record, **record)
    place = {"StreamName": "s", "ShardId": "shardId-000000000000"}
    iterator = reader.get_shard_iterator(ShardIteratorType="TRIM_HORIZON", **place)["ShardIterator"]
    assert len(reader.get_records(ShardIterator=iterator)["Records"]) == 1
    assert refused(producer.get_records, ShardIterator=iterator).endswith("right: read")
    refused(producer.list_shards, StreamName="s")
    # The producer's key of the issue: it deletes no stream, by neither door.
    refused(producer.delete_stream, StreamName="s")
    assert ask(locked, "DELETE", "/streams/s", PRODUCER).status_code == 403
    assert ask(locked, "DELETE", "/streams/s", ADMIN).status_code == 200


def test_streams_of_a_key(locked):
    all_, clicks, shop = kinesis(locked, ALL), kinesis(locked, CLICKS), kinesis(locked, SHOP)
    clicks.create_stream(StreamName="clicks-a", ShardCount=1)
    all_.create_stream(StreamName="other", ShardCount=1)
    for name in ("clicks-a", "other"):
        all_.get_waiter("stream_exists").wait(StreamName=name)
    assert clicks.list_streams()["StreamNames"] == ["clicks-a"]
    assert shop.list_streams()["StreamNames"] == []
    assert refused(shop.put_record, StreamName="other", Data=b"", PartitionKey="k")
    refused(clicks.create_stream, StreamName="another", ShardCount=1)
    refused(clicks.delete_stream, StreamName="other")
    arn = all_.describe_stream_summary(StreamName="other")["StreamDescriptionSummary"]["StreamARN"]
    refused(clicks.put_record, StreamARN=arn, Data=b"", PartitionKey="k")
    refused(clicks.register_stream_consumer, StreamARN=arn, ConsumerName="c")
    refused(clicks.list_tags_for_resource, ResourceARN=arn)
    place = {"ShardId": "shardId-000000000000", "ShardIteratorType": "LATEST"}
    iterator = all_.get_shard_iterator(StreamName="other", **place)["ShardIterator"]
    message = refused(clicks.get_records, ShardIterator=iterator)
    assert message == "The API key is not for the stream other"
    page = all_.list_shards(StreamName="other", MaxResults=1)
    assert page["Shards"]
    assert clicks.put_record(StreamName="clicks-a", Data=b"", PartitionKey="k")["ShardId"]
    put = {"Data": 1, "PartitionKey": "k"}
    for path in ("/streams/other/record", "/streams/record?stream-name=other"):
        answer = ask(locked, "PUT", path, CLICKS, put)
        assert answer.status_code == 403, path
        assert answer.json()["__type"] == "AccessDeniedException"
    path = "/streams/record?stream-name=clicks-a"
    assert ask(locked, "PUT", path, CLICKS, put).status_code == 200
    for key, status in ((CLICKS, 403), (ALL, 200)):
        assert ask(locked, "GET", "/api/v1/streams/other/shards", key).status_code == status


# --- the file -------------------------------------------------------------------------------------


def test_rights_are_read_again(locked, keys, data):
    assert produce(locked, PRODUCER, "t") == 200
    keys.write_text(FILE + f"{PRODUCER} rights=write\n")
    locked.process.send_signal(signal.SIGHUP)
    says(data / "server.out", f"the previous API keys stay in force: {keys}, line 8: rights= takes")
    assert produce(locked, PRODUCER, "t") == 200
    assert PRODUCER not in locked.log()
    keys.write_text(f"{PRODUCER} rights=read\n")
    locked.process.send_signal(signal.SIGHUP)
    says(data / "server.out", "SIGHUP: 1 API key in force")
    assert produce(locked, PRODUCER, "t") == 403
    assert produce(locked, ALL, "t") == 401


def test_a_wrong_file_does_not_start(data, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(f"{ALL} right=read\n")
    settings = ("--set", "gateway.auth=api-key", "--set", f"gateway.api_key_file={keys}")
    done = run("serve", "--listen", "127.0.0.1:0", *settings, data=data, check=False)
    assert done.returncode != 0 and f"{keys}, line 1: after the key only rights=" in done.stderr
    assert ALL not in done.stderr


def test_a_command_without_the_right(locked, data):
    done = run("stream", "list", data=data, check=False, env={"PINION_API_KEY": PRODUCER})
    assert done.returncode != 0 and "lacks the right: read" in done.stderr, done.stderr


# --- the tables of the manual ---------------------------------------------------------------------


def table(header):
    """The rows of the table in docs/security.md that begins with this header."""
    page = (DOCS / "security.md").read_text(encoding="utf-8")
    body = page.split(header + "\n", 1)[1].split("\n\n", 1)[0]
    return [[c.strip() for c in line.strip("|").split("|")] for line in body.splitlines()[1:]]


def test_the_manual_has_every_route(locked):
    listed = ask(locked, "GET", "/api/v1/routes", READER).json()
    routes = [[f"`{r['method']} {r['path']}`", r["right"], r["of"]] for r in listed["routes"]]
    assert all(right in ("none", "produce", "read", "admin", "operation") for _, right, _ in routes)
    assert sorted(table("| route | right | for |")) == sorted(routes)
    operations = {}
    for operation in listed["operations"]:
        operations.setdefault(operation["right"], []).append(operation["name"])
    documented = table("| right | operations |")
    assert {right: re.findall(r"\w+", names) for right, names in documented} == operations


def test_what_the_manual_shows(data, tmp_path):
    """The file of docs/security.md is one that the server takes."""
    page = (DOCS / "security.md").read_text(encoding="utf-8")
    keys = tmp_path / "keys"
    keys.write_text(re.search(r"```text\n(# .*?)```", page, re.S)[1])
    settings = ("--set", "gateway.auth=api-key", "--set", f"gateway.api_key_file={keys}")
    with Server(data, *settings) as server:
        key = keys.read_text().split("\n")[1].split()[0]
        for status, headers in ((200, {"x-api-key": key}), (401, {})):
            assert server.request("GET", "/topics", headers=headers)[0] == status
