"""Streams in a Kafka cluster: several gateways that are one Kinesis, and the workers that share the
shards of the streams and fill one set of tables in a bucket."""

import json
import os
import signal
import subprocess
import threading
from collections import Counter
from functools import partial

import pytest
import requests
from botocore.exceptions import ClientError

from numbers_in import SECONDS_MAX, Producer, until
from pinion import PINION, Server, run
from s3 import BUCKET, KEYS, Proxy, s3, settings  # noqa: F401
from streams import kinesis

pytestmark = pytest.mark.timeout(600)
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


def test_what_one_gateway_gives_out_is_good_at_the_other_at_once(gateways, name):
    """As behind a balancer: the other gateway has not been asked for the stream before."""
    one, two = (gateway.client() for gateway in gateways)
    one.create_stream(StreamName=f"{name}.a", ShardCount=2)
    at = one.get_shard_iterator(
        StreamName=f"{name}.a", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]  # fmt: skip
    assert two.get_records(ShardIterator=at)["Records"] == []
    one.create_stream(StreamName=f"{name}.b", ShardCount=2)
    page = one.list_shards(StreamName=f"{name}.b", MaxResults=1)
    rest = two.list_shards(NextToken=page["NextToken"])
    assert [shard["ShardId"] for shard in rest["Shards"]] == ["shardId-000000000001"]


def test_a_topic_keeps_what_its_stream_says(gateways, broker, name):
    """The gateway that changes a stream may have seen its topic before the other changed that."""
    one, two = (gateway.client() for gateway in gateways)
    stream, topic = f"{name}.a", f"__kinesis.{name}.a"
    one.create_stream(StreamName=stream, ShardCount=1)
    for _ in range(2):
        two.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=48)
        assert broker.ask("settings", topic)["retention.ms"] == str(48 * 3600 * 1000)
        one.decrease_stream_retention_period(StreamName=stream, RetentionPeriodHours=24)
        assert broker.ask("settings", topic)["retention.ms"] == str(24 * 3600 * 1000)


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


def test_a_stream_whose_entry_is_lost_is_named(broker, pipeline, name, tmp_path):
    with Gateway(tmp_path / "one", broker, pipeline) as one:
        one.put(name, {"n": 1}, "k")
        assert "does not have" not in one.log()
    broker.ask("create", f"__kinesis.{name}.lost", 1)
    with Gateway(tmp_path / "two", broker, pipeline) as two:
        said = [line for line in two.log().splitlines() if "_streams does not have" in line]
        assert len(said) == 1 and f"__kinesis.{name}.lost" in said[0], two.log()
        assert two.client().list_streams(Limit=100)["StreamNames"].count(f"{name}.lost") == 0


# --- filling tables -------------------------------------------------------------------------------


@pytest.fixture
def bucket(s3, name):
    """Through a proxy that asks moto in turn: of two writers of one object it may let both win."""
    with Proxy(s3, in_turn=True) as proxy:
        yield settings(proxy.url, name)


SHORT_SESSION = ["--set", "log.kafka.conf=session.timeout.ms=6000"]


class Worker(Server):
    """It fills tables. It has a gateway only so that the test can ask it how it is."""

    def __init__(self, data, broker, bucket, pipeline, **more):
        given = words(broker, bucket, pipeline, **more) + SHORT_SESSION
        super().__init__(data, *given, "--roles", "gateway,stream", env=KEYS)

    def table(self, name="live"):
        told = json.loads(self.request("GET", "/api/v1/streams")[1])
        [one] = [one for one in told["tables"] if one["table"] == name]
        return one

    def shards(self, name="live"):
        """The numbers of those that it reads."""
        return sorted(int(one["shard"][-12:]) for one in self.table(name)["shards"])


class Process:
    """`pinion stream process --group`; a context manager."""

    def __init__(self, data, broker, bucket, pipeline):
        self.data = data
        self.words = ["--group", "--data", str(data), *map(str, words(broker, bucket, pipeline))]
        self.process = None

    def start(self):
        self.data.mkdir(parents=True, exist_ok=True)
        with open(self.data / "out", "ab") as output:
            self.process = subprocess.Popen(
                [PINION, "stream", "process", *self.words, *SHORT_SESSION],
                stdout=output, stderr=output, env={**os.environ, **KEYS},
            )  # fmt: skip
        return self

    def log(self):
        return (self.data / "out").read_text()

    def kill(self):
        self.process.kill()
        self.process.wait(60)
        self.process = None

    def stop(self):
        self.process.terminate()
        assert self.process.wait(60) == 0, self.log()
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        if self.process is not None:
            self.stop() if exception[0] is None else self.kill()


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


ALL = list(range(SHARDS))


def shares(*workers):
    """The shards that all workers read; each is to be there once."""
    return sorted(shard for worker in workers for shard in worker.shards())


def test_workers_share_the_shards(broker, s3, bucket, name, pipeline, tmp_path):
    one, two = (Worker(tmp_path / worker, broker, bucket, pipeline) for worker in ("one", "two"))
    with Gateway(tmp_path / "gateway", broker, pipeline) as gateway, one:
        until(one.shards, ALL)
        with two:
            until(lambda: len(two.shards()), SHARDS // 2)
            until(lambda: shares(one, two), ALL)
            gateway.put_numbers(name, range(300))
            until(lambda: numbers(s3, name), Counter(range(300)))
            for worker in (one, two):  # both had a part of it, and neither did the other's work
                until(lambda worker=worker: worker.table()["rows"] > 0, True)
                assert worker.table()["conflicts"] <= 1, worker.table()
            assert one.table()["rows"] + two.table()["rows"] == 300
        until(one.shards, ALL)  # it left the group, which did not wait for the session's end
        gateway.put_numbers(name, range(300, 400))
        until(lambda: numbers(s3, name), Counter(range(400)))


def test_a_killed_workers_shards_go_to_another(broker, s3, bucket, name, pipeline, tmp_path):
    one, two = (Worker(tmp_path / worker, broker, bucket, pipeline) for worker in ("one", "two"))
    with Gateway(tmp_path / "gateway", broker, pipeline) as gateway, one, two:
        until(lambda: len(two.shards()), SHARDS // 2)
        until(lambda: shares(one, two), ALL)
        producer = Producer(partial(gateway.put_numbers, name), 0)
        producer.start()
        until(lambda: len(numbers(s3, name)) > 50, True)
        two.kill()
        until(one.shards, ALL)
        acknowledged = producer.end()
        until(lambda: numbers(s3, name), Counter(acknowledged))
        two.start()
        until(lambda: shares(one, two), ALL)


def test_a_frozen_worker_commits_nothing_that_another_has(
    broker, s3, bucket, name, pipeline, tmp_path
):
    """It is stopped for longer than the group waits, and continues in the middle of a batch."""
    one, two = (Worker(tmp_path / worker, broker, bucket, pipeline) for worker in ("one", "two"))
    with Gateway(tmp_path / "gateway", broker, pipeline) as gateway, one, two:
        until(lambda: len(two.shards()), SHARDS // 2)
        until(lambda: shares(one, two), ALL)
        producer = Producer(partial(gateway.put_numbers, name), 0)
        producer.start()
        for frozen, other in ((one, two), (two, one)):
            before = len(numbers(s3, name))
            until(lambda before=before: len(numbers(s3, name)) > before + 50, True)
            frozen.process.send_signal(signal.SIGSTOP)
            until(other.shards, ALL)
            before = len(numbers(s3, name))
            until(lambda before=before: len(numbers(s3, name)) > before + 50, True)
            frozen.process.send_signal(signal.SIGCONT)
            until(lambda: shares(one, two), ALL)
            until(lambda frozen=frozen: len(frozen.shards()), SHARDS // 2)
        acknowledged = producer.end()
        until(lambda: numbers(s3, name), Counter(acknowledged))
        for worker in (one, two):
            assert worker.table()["state"] == "running" and worker.table()["error"] is None


def test_workers_of_all_kinds_come_and_go(broker, s3, bucket, name, pipeline, tmp_path):
    """A server, and commands beside it: killed, stopped and frozen in turn while records come."""
    server = Worker(tmp_path / "server", broker, bucket, pipeline)
    commands = [Process(tmp_path / word, broker, bucket, pipeline) for word in ("a", "b")]
    with Gateway(tmp_path / "gateway", broker, pipeline) as gateway, server:
        producers = [Producer(partial(gateway.put_numbers, name), first) for first in (0, 10**6)]
        for one in commands + producers:
            one.start()
        until(lambda: all("gave this process" in one.log() for one in commands), True)
        for turn in range(6):
            worker = [server, *commands][turn % 3]
            before = len(numbers(s3, name))
            until(lambda before=before: len(numbers(s3, name)) > before + 50, True)
            if turn < 2:
                worker.kill()
            elif turn < 4:
                worker.process.send_signal(signal.SIGSTOP)
            else:
                worker.stop()
            before = len(numbers(s3, name))
            until(lambda before=before: len(numbers(s3, name)) > before + 50, True)
            if worker.process is None:
                worker.start()
            else:
                worker.process.send_signal(signal.SIGCONT)
        acknowledged = [n for producer in producers for n in producer.end()]
        until(lambda: sum(numbers(s3, name).values()) >= len(acknowledged), True)
        for one in commands:
            one.stop()
    assert numbers(s3, name) == Counter(acknowledged)


# --- what cannot be shared ------------------------------------------------------------------------


def refused(data, *given):
    done = run("stream", "process", "--group", *given, data=data, env=KEYS, check=False)
    assert done.returncode != 0
    return done.stderr


def test_a_group_needs_a_cluster_and_a_bucket(broker, pipeline, tmp_path):
    for given in ([], ["--set", f"log.url=kafka://{broker.address}"]):
        told = refused(tmp_path / "d", "--pipeline", pipeline, *given)
        assert "log.url" in told and "store.url" in told, told
    assert "--once" in refused(tmp_path / "d", "--once", "--pipeline", pipeline)
    assert not (tmp_path / "d").exists()


def test_a_group_does_not_read_through_a_server(broker, bucket, pipeline, tmp_path):
    with Worker(tmp_path / "one", broker, bucket, pipeline) as worker:
        told = refused(worker.data, *words(broker, bucket, pipeline))
        assert worker.url in told and "--data" in told, told
