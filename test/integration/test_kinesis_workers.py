"""Several processes that fill one set of tables in a bucket from a Kinesis elsewhere: they share
its shards by leases, and whatever happens to them, each record is in the table once."""

import itertools
import random
import signal
import threading
import time
from collections import Counter

import pytest

from elsewhere import (
    LEASE,
    SAME,
    SECONDS_MAX,
    Elsewhere,
    Kinesalite,
    Process,
    Stream,
    Worker,
    differences,
    drain,
    numbers_in_bucket,
    until,
    write_pipeline,
)
from pinion import Server, run
from s3 import KEYS, Proxy, s3, settings

__all__ = ["s3"]  # a fixture
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def pipeline(tmp_path):
    return write_pipeline(tmp_path / "pipeline")


@pytest.fixture
def name(request):
    return "".join(one if one.isalnum() else "-" for one in request.node.name)


@pytest.fixture
def bucket(s3, name):
    """Through a proxy that asks moto in turn: of two writers of one object it may let both win."""
    with Proxy(s3, in_turn=True) as proxy:
        yield settings(proxy.url, name)


@pytest.fixture(params=["pinion", "kinesalite"])
def there(request, tmp_path):
    kinds = {"pinion": Elsewhere, "kinesalite": Kinesalite}
    with kinds[request.param](tmp_path / "there") as started:
        yield started


@pytest.fixture
def ours(tmp_path):
    with Elsewhere(tmp_path / "there") as started:
        yield started


def shares(*workers):
    """The shards that all workers read; each is to be there once."""
    return sorted(shard for worker in workers for shard in worker.shards())


def test_workers_share_the_shards(ours, s3, bucket, name, pipeline, tmp_path):
    stream = Stream(ours, shards=6)
    options = [*bucket, *LEASE]
    one, two = (Worker(tmp_path / data, ours.url, pipeline, *options) for data in ("one", "two"))
    with one:
        until(one.shards, list(range(6)))
        with two:
            until(lambda: (len(one.shards()), len(two.shards())), (3, 3))
            until(lambda: shares(one, two), list(range(6)))
            stream.put(range(300))
            until(lambda: differences(numbers_in_bucket(s3, name), Counter(range(300))), SAME)
            for worker in (one, two):
                until(lambda worker=worker: worker.table()["rows"] > 0, True)
            assert one.table()["rows"] + two.table()["rows"] == 300
            assert s3.keys(f"{name}/.pinion/leases/") != []
        until(one.shards, list(range(6)))  # it took its lease away, which nobody waits for
        stream.put(range(300, 400))
        until(lambda: differences(numbers_in_bucket(s3, name), Counter(range(400))), SAME)
    assert s3.keys(f"{name}/.pinion/leases/") == []


def test_a_dead_workers_shards_go_to_another(ours, s3, bucket, name, pipeline, tmp_path):
    stream = Stream(ours, shards=4)
    options = [*bucket, *LEASE]
    one, two = (Worker(tmp_path / data, ours.url, pipeline, *options) for data in ("one", "two"))
    with one, two:
        until(lambda: (len(one.shards()), len(two.shards())), (2, 2))
        stream.put(range(100))
        two.kill()
        stream.put(range(100, 200))
        until(one.shards, list(range(4)))
        until(lambda: differences(numbers_in_bucket(s3, name), Counter(range(200))), SAME)
        two.start()
        until(lambda: shares(one, two), list(range(4)))
        until(lambda: len(two.shards()), 2)
        two.freeze()  # it still believes that it has its shards
        until(one.shards, list(range(4)))
        stream.put(range(200, 300))
        until(lambda: differences(numbers_in_bucket(s3, name), Counter(range(300))), SAME)
        two.thaw()
        stream.put(range(300, 400))
        until(lambda: differences(numbers_in_bucket(s3, name), Counter(range(400))), SAME)
        until(lambda: shares(one, two), list(range(4)))


class Puts(threading.Thread):
    """Puts numbers, ten at a time, and splits or merges shards once for each time that change() is
    called."""

    def __init__(self, stream, seed):
        super().__init__(daemon=True)
        self.stream, self.random = stream, random.Random(seed)
        self.count, self.left, self.is_over, self.failure = 0, 0, False, None

    def run(self):
        try:
            while not self.is_over:
                self.stream.put(range(self.count, self.count + 10))
                self.count += 10
                if self.left > 0 and self.random.random() < 0.3:
                    is_wide = len(self.stream.open_shards()) >= 4
                    self.stream.merge() if is_wide else self.stream.split()
                    self.left -= 1
                time.sleep(0.02)  # bounds the load; nothing waits for it
        except Exception as failure:
            self.failure = failure

    def change(self):
        self.left += 1
        until(lambda: self.left == 0 or self.failure is not None, True)

    def end(self):
        self.is_over = True
        self.join(SECONDS_MAX)
        assert not self.is_alive() and self.failure is None, self.failure
        return Counter(range(self.count))


def test_workers_die_and_freeze_while_shards_change(there, s3, bucket, name, pipeline, tmp_path):
    """kill -9 and SIGSTOP in turn, of three workers of two kinds."""
    stream = Stream(there, shards=2)
    options = [*bucket, *LEASE]
    one, two = (Worker(tmp_path / data, there.url, pipeline, *options) for data in ("one", "two"))
    three = Process(tmp_path / "three", there.url, pipeline, *options)
    puts = Puts(stream, seed=7)
    with one, two, three:
        puts.start()
        for step, worker in zip(range(6), itertools.cycle((one, two, three)), strict=False):
            if step % 2 == 0:
                worker.kill()
            else:
                worker.process.send_signal(signal.SIGSTOP)
            puts.change()
            puts.change()
            rows = sum(numbers_in_bucket(s3, name).values())
            until(lambda rows=rows: sum(numbers_in_bucket(s3, name).values()) > rows, True)
            if step % 2 == 0:
                worker.start()
            else:
                worker.process.send_signal(signal.SIGCONT)
        wanted = puts.end()
        until(lambda: differences(numbers_in_bucket(s3, name), wanted), SAME)
    drain(tmp_path / "four", there.url, pipeline, *bucket)
    assert differences(numbers_in_bucket(s3, name), wanted) == SAME


def test_a_child_waits_for_a_parent_of_another_worker(ours, s3, bucket, name, pipeline, tmp_path):
    """The table says when that one is read to its end; also while other shards are busy."""
    stream = Stream(ours, shards=2)
    options = [*bucket, *LEASE]
    one, two = (Worker(tmp_path / data, ours.url, pipeline, *options) for data in ("one", "two"))

    def left():
        """How many open shards are left of which the table has no record yet."""
        shards = one.table()["shards"] + two.table()["shards"]
        are_open = {shard["ShardId"] for shard in stream.open_shards()}
        return len(are_open) - len(
            are_open & {shard["shard"] for shard in shards if shard["position"] > 0}
        )

    puts = Puts(stream, seed=3)
    with one, two:
        until(lambda: shares(one, two), [0, 1])
        puts.start()
        for _ in range(4):
            puts.change()
            until(left, 0)  # while records come all the time
        wanted = puts.end()
        until(lambda: differences(numbers_in_bucket(s3, name), wanted), SAME)


def test_who_may_use_the_bucket(ours, bucket, pipeline, tmp_path):
    """The first server lands records, so the bucket is its; the others only fill tables."""
    Stream(ours)
    options = ["--pipeline", pipeline, "--set", f"kinesis.endpoint={ours.url}", *bucket]
    with Server(tmp_path / "all", *options, env=KEYS):
        with Worker(tmp_path / "worker", ours.url, pipeline, *bucket):
            refused = run("serve", "--listen", "127.0.0.1:0", *options, data=tmp_path / "other",
                          env=KEYS, check=False)  # fmt: skip
            assert refused.returncode != 0 and "belongs to" in refused.stderr, refused.stderr


def test_a_group_needs_a_bucket(ours, pipeline, tmp_path):
    refused = run(
        "stream", "process", "--group", "--pipeline", pipeline,
        "--set", f"kinesis.endpoint={ours.url}", data=tmp_path / "d", check=False,
    )  # fmt: skip
    assert refused.returncode != 0
    assert "(kinesis.endpoint), and the store in a bucket (store.url)" in refused.stderr
    refused = run(
        "stream", "process", "--once", "--url", ours.url, "--pipeline", pipeline,
        "--set", f"kinesis.endpoint={ours.url}", data=tmp_path / "d", check=False,
    )  # fmt: skip
    assert refused.returncode != 0 and "leave one of the two out" in refused.stderr
    refused = run(
        "stream", "process", "--group", "--url", ours.url, "--pipeline", pipeline,
        "--set", "log.url=kafka://127.0.0.1:9", "--set", "store.url=s3://bucket",
        data=tmp_path / "d", check=False,
    )  # fmt: skip
    assert refused.returncode != 0 and "--group reads the cluster itself" in refused.stderr
