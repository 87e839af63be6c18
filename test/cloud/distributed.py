"""One pipeline on three brokers and a bucket: gateways, workers that land, workers that fill the
table of a stream, and producers that keep account of what was acknowledged."""

import itertools
import json
import threading
import time
from collections import Counter

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from pinion import Server, run
from s3 import BUCKET, KEYS, settings
from streams import kinesis

PARTS = 6  # partitions of the topic, and shards of the stream
A_REQUEST = 10  # numbers of one
ASK_SECONDS_MAX = 60
SHORT_SESSION = "session.timeout.ms=6000"  # then others take over soon


def write_pipeline(folder, name):
    """A topic that lands and is loaded, and a stream of the same name that fills a table."""
    (folder / "clean").mkdir(parents=True)
    (folder / "pipeline.yml").write_text(f"""
name: shared
topics:
  {name}: {{partitions: {PARTS}, retention: 7d}}
streams:
  {name}: {{shards: {PARTS}, start: trim_horizon, table: live}}
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
""")
    (folder / "clean/clean.sql").write_text("SELECT n FROM raw\n")
    return folder


class Pipeline:
    def __init__(self, folder, cluster, s3_url, name):
        """`s3_url`: where servers find the bucket, which may be a proxy or a relay."""
        self.folder, self.cluster, self.name = folder, cluster, name
        self.pipeline = write_pipeline(folder / "pipeline", name)
        self.words = ["--pipeline", self.pipeline, "--set", f"log.url=kafka://{cluster.address}",
                      "--set", f"log.kafka.conf={SHORT_SESSION}"]  # fmt: skip
        self.bucket = settings(s3_url, name)

    def gateway(self, word):
        return Server(self.folder / word, *self.words, "--roles", "gateway")

    def sink(self, word):
        more = ["--set", "sink.rotate_interval_ms=1s", "--set", "sink.flush_size=200"]
        return Server(self.folder / word, *self.words, *self.bucket, *more,
                      "--roles", "gateway,sink", env=KEYS)  # fmt: skip

    def stream(self, word):
        return Server(self.folder / word, *self.words, *self.bucket,
                      "--roles", "gateway,stream", env=KEYS)  # fmt: skip

    def batch(self, word):
        """Loads what has landed into the tables, as a machine of its own."""
        run("batch", *self.words, *self.bucket, data=self.folder / word, env=KEYS, timeout=900)


class Account(threading.Thread):
    """A producer of numbers from `first` on, in turn at each of `gateways`. Each request is sent
    once: a number that was not acknowledged may be there, or not."""

    def __init__(self, gateways, name, first):
        super().__init__(daemon=True)
        self.gateways, self.name, self.first = itertools.cycle(gateways), name, first
        self.places = {}  # of what was acknowledged: number -> (partition, offset)
        self.unsure = set()
        self.is_over = False

    def run(self):
        for first in itertools.count(self.first, A_REQUEST):
            if self.is_over:
                return
            numbers = range(first, first + A_REQUEST)
            try:
                places = self.put(next(self.gateways), numbers)
            except Exception:  # whatever a client sees of a server that was killed
                places = [None] * A_REQUEST
                time.sleep(0.2)  # bounds the load
            for number, place in zip(numbers, places):
                if place is None:
                    self.unsure.add(number)
                else:
                    self.places[number] = place
            time.sleep(0.05)

    def end(self):
        self.is_over = True
        self.join(ASK_SECONDS_MAX * 3)
        assert not self.is_alive()


class ToTopic(Account):
    def put(self, gateway, numbers):
        """The place of each, or None."""
        body = {"records": [{"value": {"n": n}} for n in numbers]}
        status, answer, _ = gateway.request(
            "POST", f"/topics/{self.name}", body, timeout=ASK_SECONDS_MAX
        )
        if status != 200:
            return [None] * len(numbers)
        return [
            (entry["partition"], entry["offset"]) if entry.get("offset") is not None else None
            for entry in json.loads(answer)["offsets"]
        ]


class ToStream(Account):
    def put(self, gateway, numbers):
        """Shard and sequence number of each, or None."""
        entries = [
            {"Data": json.dumps({"n": n}).encode(), "PartitionKey": f"key {n}"} for n in numbers
        ]
        answer = kinesis(gateway.url).put_records(StreamName=self.name, Records=entries)
        return [
            (one["ShardId"], one["SequenceNumber"]) if "SequenceNumber" in one else None
            for one in answer["Records"]
        ]


def check_counts(counts, accounts):
    """Every acknowledged number is there once, one that is not known at most once, and no other."""
    acknowledged = {n for account in accounts for n in account.places}
    unsure = {n for account in accounts for n in account.unsure}
    doubled = sorted(n for n, times in counts.items() if times > 1)
    missing = sorted(acknowledged - counts.keys())
    strange = sorted(counts.keys() - acknowledged - unsure)
    assert (doubled[:20], missing[:20], strange[:20]) == ([], [], []), (
        f"{len(doubled)} twice, {len(missing)} missing, {len(strange)} that nobody put"
    )


def is_whole(counts, accounts):
    return all(n in counts for account in accounts for n in account.places)


def check_places(cluster, accounts, name):
    """Each acknowledged record is in Kafka at the offset that the answer had."""
    found = {
        (partition, record["offset"]): json.loads(record["value"])["n"]
        for partition in range(PARTS)
        for record in cluster.ask("records", name, partition)
    }
    for account in accounts:
        for number, place in account.places.items():
            assert found.get(place) == number, (number, place, found.get(place))
    check_counts(Counter(found.values()), accounts)


class Landed:
    """How often each number is in the objects; an object is read once, since none changes."""

    def __init__(self, s3, name):
        self.s3, self.name = s3, name
        self.counts, self.read = Counter(), set()

    def look(self):
        client = self.s3.client()
        for key in self.s3.keys(f"{self.name}/topics/"):
            if key not in self.read:
                body = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
                self.counts.update(json.loads(line)["n"] for line in body.splitlines())
                self.read.add(key)
        return self.counts


def in_table(s3, name, table):
    """How often each number is in a table, by a reader that is not pinion."""
    options = {"AWS_ENDPOINT_URL": s3.url, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
               **KEYS}  # fmt: skip
    try:
        found = DeltaTable(f"s3://{BUCKET}/{name}/{table}", storage_options=options)
    except TableNotFoundError:
        return Counter()
    return Counter(found.to_pyarrow_table(columns=["n"])["n"].to_pylist())
