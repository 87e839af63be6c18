"""Streams in a Kafka cluster: several gateways that are one Kinesis, and the workers that share the
shards of the streams and fill one set of tables in a bucket."""

import json
import threading
import time
from collections import Counter

import pytest
import requests
from botocore.exceptions import ClientError

from pinion import Server
from s3 import BUCKET, KEYS, Proxy, s3, settings  # noqa: F401
from streams import kinesis

pytestmark = pytest.mark.timeout(600)
SECONDS_MAX = 180  # until something is so that will be
SHARDS = 6


@pytest.fixture
def name(request):
    """Of the test's own stream, and of its place in the bucket."""
    return request.node.name.replace("_", "-")


@pytest.fixture
def pipeline(tmp_path, name):
    """One of this test alone: a stream, and a table that it fills."""
    folder = tmp_path / "pipeline"
    (folder / "clean").mkdir(parents=True)
    (folder / "pipeline.yml").write_text(f"""
name: shared
topics:
  {name}: {{partitions: 1}}
streams:
  {name}: {{shards: {SHARDS}, start: trim_horizon, table: live}}
  "{name}-*": {{shards: 1, table: live_*}}
stream_dead_letters: letters
tables:
  raw:
    path: raw
    from_topic: {name}
    columns: {{n: {{type: bigint, required: true}}}}
  clean:
    path: clean
    sql: clean/clean.sql
    reads: [raw]
    columns: {{n: bigint}}
  live:
    path: live
    like: clean
    checkpoints: checkpoints
  live_*:
    path: live_*
    like: clean
    checkpoints: checkpoints_*
""")
    (folder / "clean/clean.sql").write_text("SELECT n FROM raw\n")
    return folder


def words(broker, bucket, pipeline, **more):
    """The options of a command; `more` with "__" for a dot."""
    given = {"log.url": f"kafka://{broker.address}"}
    given.update({key.replace("__", "."): value for key, value in more.items()})
    sets = [part for key, value in given.items() for part in ("--set", f"{key}={value}")]
    return ["--pipeline", pipeline, *bucket, *sets]


class Gateway(Server):
    """It takes records and answers readers, and has no bucket."""

    def __init__(self, data, broker, pipeline):
        super().__init__(data, *words(broker, [], pipeline), "--roles", "gateway")

    def client(self):
        return kinesis(self.url)

    def put(self, stream, data, key):
        """By the route of an API Gateway; gives shard and sequence number."""
        body = {"StreamName": stream, "Data": data, "PartitionKey": key}
        answer = requests.put(
            f"{self.url}/test/streams/{stream}/record", data=json.dumps(body),
            headers={"Content-Type": "application/json"}, timeout=60,
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        return answer.json()["ShardId"], answer.json()["SequenceNumber"]

    def put_numbers(self, stream, numbers):
        """By PutRecords; each must be taken."""
        entries = [
            {"Data": json.dumps({"n": n}).encode(), "PartitionKey": f"key {n}"} for n in numbers
        ]
        answer = self.client().put_records(StreamName=stream, Records=entries)
        assert answer["FailedRecordCount"] == 0, answer


def until(found, wanted):
    """Waits until found() is `wanted`."""
    deadline = time.monotonic() + SECONDS_MAX
    while (last := found()) != wanted:
        assert time.monotonic() < deadline, f"{last} is not {wanted}"
        time.sleep(0.1)


@pytest.fixture
def gateways(broker, pipeline, tmp_path):
    with Gateway(tmp_path / "g1", broker, pipeline) as one:
        with Gateway(tmp_path / "g2", broker, pipeline) as two:
            yield one, two


# --- gateways -------------------------------------------------------------------------------------


def test_two_gateways_are_one_kinesis(gateways, name):
    one, two = gateways
    one.put(name, {"n": -1}, "first")  # it makes the stream
    described = [gateway.client().describe_stream(StreamName=name) for gateway in gateways]
    about = [answer["StreamDescription"] for answer in described]
    assert about[0] == about[1]
    assert len(about[0]["Shards"]) == SHARDS and about[0]["StreamStatus"] == "ACTIVE"
    # Whichever gateway takes a record: a key has one shard, and a shard's numbers rise.
    put = [gateways[n % 2].put(name, {"n": n}, f"key {n % 7}") for n in range(70)]
    for first in range(7):
        assert len({shard for shard, _ in put[first::7]}) == 1
    for shard in {shard for shard, _ in put}:
        numbers = [int(number) for of, number in put if of == shard]
        assert numbers == sorted(set(numbers))
    # An iterator of one is good at the other, and so is a sequence number.
    shard = put[0][0]
    expected = [(n, number) for n, (of, number) in enumerate(put) if of == shard]
    at = one.client().get_shard_iterator(
        StreamName=name, ShardId=shard, ShardIteratorType="AFTER_SEQUENCE_NUMBER",
        StartingSequenceNumber=expected[0][1],
    )["ShardIterator"]  # fmt: skip
    records = two.client().get_records(ShardIterator=at)["Records"]
    assert [record["SequenceNumber"] for record in records] == [one for _, one in expected[1:]]
    assert [json.loads(record["Data"])["n"] for record in records] == [n for n, _ in expected[1:]]
    assert {record["PartitionKey"] for record in records} == {
        f"key {n % 7}" for n, _ in expected[1:]
    }


def test_what_one_gateway_makes_the_other_has(gateways, name):
    one, two = (gateway.client() for gateway in gateways)
    other = f"{name}.other"
    one.create_stream(StreamName=other, ShardCount=3)
    put = two.put_record(StreamName=other, Data=b"{}", PartitionKey="k")  # at once
    assert put["ShardId"].startswith("shardId-")
    with pytest.raises(ClientError, match="already exists"):
        two.create_stream(StreamName=other, ShardCount=1)
    two.add_tags_to_stream(StreamName=other, Tags={"team": "web"})
    tags = lambda: one.list_tags_for_stream(StreamName=other)["Tags"]  # noqa: E731
    until(tags, [{"Key": "team", "Value": "web"}])
    two.increase_stream_retention_period(StreamName=other, RetentionPeriodHours=48)
    hours = lambda: one.describe_stream(StreamName=other)["StreamDescription"][  # noqa: E731
        "RetentionPeriodHours"
    ]
    until(hours, 48)
    with pytest.raises(ClientError, match="keeps its shards"):
        one.update_shard_count(StreamName=other, TargetShardCount=6, ScalingType="UNIFORM_SCALING")
    two.delete_stream(StreamName=other)
    until(lambda: other in one.list_streams(Limit=100)["StreamNames"], False)
    one.create_stream(StreamName=other, ShardCount=1)
    again = one.put_record(StreamName=other, Data=b"{}", PartitionKey="k")
    assert int(again["SequenceNumber"]) > int(put["SequenceNumber"])
    two.delete_stream(StreamName=other)


def test_the_first_record_makes_a_stream_once(gateways, name):
    """Both gateways get a first record of it at the same moment."""
    made = f"{name}-x"
    answers = []
    threads = [
        threading.Thread(target=lambda g=gateway: answers.append(g.put(made, {"n": 1}, "k")))
        for gateway in gateways
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS_MAX)
    assert len({number for _, number in answers}) == 2
    ids = {
        gateway.client().describe_stream_summary(StreamName=made)["StreamDescriptionSummary"][
            "StreamCreationTimestamp"
        ]
        for gateway in gateways
    }
    assert len(ids) == 1


def test_streams_outlive_their_gateways(broker, pipeline, name, tmp_path):
    """What they are is in the cluster: a gateway with a new data folder has all of it."""
    with Gateway(tmp_path / "one", broker, pipeline) as one:
        put = one.put(name, {"n": 1}, "k")
        one.kill()
        one.process = None
    with Gateway(tmp_path / "two", broker, pipeline) as two:
        at = two.client().get_shard_iterator(
            StreamName=name, ShardId=put[0], ShardIteratorType="AT_SEQUENCE_NUMBER",
            StartingSequenceNumber=put[1],
        )["ShardIterator"]  # fmt: skip
        [record] = two.client().get_records(ShardIterator=at)["Records"]
        assert json.loads(record["Data"]) == {"n": 1}
        assert name not in {
            topic for topic in json.loads(two.request("GET", "/topics")[1]) if "kinesis" in topic
        }


# --- filling tables -------------------------------------------------------------------------------


@pytest.fixture
def bucket(s3, name):
    """Through a proxy that asks moto in turn: of two writers of one object it may let both win."""
    with Proxy(s3, in_turn=True) as proxy:
        yield settings(proxy.url, name)


class Worker(Server):
    """It fills tables. It has a gateway only so that the test can ask it how it is."""

    def __init__(self, data, broker, bucket, pipeline, **more):
        given = words(broker, bucket, pipeline, **more)
        given += ["--set", "log.kafka.conf=session.timeout.ms=6000"]
        super().__init__(data, *given, "--roles", "gateway,stream", env=KEYS)

    def tables(self):
        return json.loads(self.request("GET", "/api/v1/streams")[1])


def numbers(s3, name, table="live"):
    """How often each number is in the table, by a reader that is not pinion."""
    from deltalake import DeltaTable

    options = {
        "AWS_ENDPOINT_URL": s3.url, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
        **KEYS,
    }  # fmt: skip
    try:
        found = DeltaTable(f"s3://{BUCKET}/{name}/{table}", storage_options=options)
    except Exception:
        return Counter()  # it is not there yet
    return Counter(found.to_pyarrow_table(columns=["n"])["n"].to_pylist())


def test_a_worker_fills_a_table_from_the_cluster(broker, s3, bucket, name, pipeline, tmp_path):
    with Gateway(tmp_path / "gateway", broker, pipeline) as gateway:
        gateway.put_numbers(name, range(100))
        with Worker(tmp_path / "worker", broker, bucket, pipeline) as worker:
            gateway.put_numbers(name, range(100, 300))
            until(lambda: numbers(s3, name), Counter(range(300)))
            worker.kill()
            gateway.put_numbers(name, range(300, 400))
            worker.start()
            until(lambda: numbers(s3, name), Counter(range(400)))
            gateway.put(f"{name}-x", {"n": 7}, "k")  # it makes a stream, and that one a table
            until(lambda: numbers(s3, name, "live_x"), Counter([7]))
