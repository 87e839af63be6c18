"""The whole of a cluster while it is disturbed: two gateways, three workers that land and three
that fill a table, on three brokers and S3. Every few seconds something is killed, stopped or cut
off and comes back, while producers write. Then every acknowledged record is there once, in Kafka,
in the objects and in the tables.

PINION_DISTRIBUTION_SECONDS is how long it is disturbed: a minute by default. The test prints the
seed of what it did, and PINION_DISTRIBUTION_SEED does the same again."""

import os
import random
import signal
import threading
import time

import pytest

from cloud import TOOLS
from distributed import Landed, Pipeline, ToStream, ToTopic, check_counts, check_places
from distributed import in_table, is_whole
from kafka_cluster import BROKERS, Cluster
from numbers_in import until
from pinion import Failed
from relay import Relay
from s3 import Versity

SECONDS = int(os.environ.get("PINION_DISTRIBUTION_SECONDS", "60"))
SEED = int(os.environ.get("PINION_DISTRIBUTION_SEED", str(random.SystemRandom().randrange(10**6))))
AFTERWARDS_SECONDS_MAX = 900
pytestmark = pytest.mark.timeout(SECONDS + 3 * AFTERWARDS_SECONDS_MAX)
PAUSE_SECONDS = (1, 4)  # between two disturbances
GONE_SECONDS = (1, 12)  # how long one lasts; longer than a worker's session now and then


class Disturbed:
    """Something that can be killed, stopped or cut off, and is mended when its time is over. Both
    are done by a thread, since a server may wait for what else is disturbed."""

    def __init__(self, name, ways):
        """`ways`: for each how, the function that does it and the one that mends it."""
        self.name, self.ways = name, ways
        self.how, self.until, self.work, self.failure = None, 0, None, None

    def start(self, function):
        self.work = threading.Thread(target=self.do, args=(function,), daemon=True)
        self.work.start()

    def do(self, function):
        try:
            function()
        except Exception as failure:
            self.failure = failure

    def is_busy(self):
        if self.failure is not None:
            raise self.failure
        return self.work is not None and self.work.is_alive()

    def is_free(self):
        return self.how is None and not self.is_busy()

    def begin(self, how, seconds):
        self.how, self.until = how, time.monotonic() + seconds
        self.start(self.ways[how][0])

    def end_if(self, is_over):
        """Mends it when its time has come, or at once."""
        if self.how is not None and not self.is_busy() and (
            is_over or time.monotonic() >= self.until
        ):
            how, self.how = self.how, None
            self.start(self.ways[how][1])


def revive(server):
    """As a supervisor does it: a start may fail while something else is away."""
    deadline = time.monotonic() + AFTERWARDS_SECONDS_MAX
    while True:
        try:
            server.start()
            return
        except Failed:
            assert time.monotonic() < deadline
            if server.process.poll() is None:
                server.kill()
            server.process = None
            time.sleep(0.5)


def end(server):
    """By SIGTERM. What it cannot land now it does not wait for longer than it says."""
    server.process.terminate()
    status = server.process.wait(AFTERWARDS_SECONDS_MAX)
    assert status in (0, 1), server.log()[-2000:]
    server.process = None


def of_server(name, server):
    return Disturbed(name, {
        "kill": (server.kill, lambda: revive(server)),
        "freeze": (lambda: server.process.send_signal(signal.SIGSTOP),
                   lambda: server.process.send_signal(signal.SIGCONT)),
        "stop": (lambda: end(server), lambda: revive(server)),
    })  # fmt: skip


def of_broker(cluster, number):
    node, relay = cluster.nodes[number], cluster.relays[number]
    return Disturbed(f"broker {number + 1}", {
        "kill": (node.stop, node.launch),
        "freeze": (lambda: cluster.freeze(number), lambda: cluster.thaw(number)),
        "cut": (relay.cut, relay.mend),
    })  # fmt: skip


def of_s3(s3, relay):
    return Disturbed("S3", {
        "kill": (s3.kill, s3.start),
        "freeze": (lambda: s3.process.send_signal(signal.SIGSTOP),
                   lambda: s3.process.send_signal(signal.SIGCONT)),
        "cut": (relay.cut, relay.mend),
    })  # fmt: skip


def disturb(groups, chance, accounts):
    """Until the time is over. Of a group (all brokers, for example) one at most is disturbed."""
    over, next_one = time.monotonic() + SECONDS, time.monotonic()
    everything = [one for group in groups for one in group]
    count = 0
    while time.monotonic() < over:
        time.sleep(0.1)
        for one in everything:
            one.end_if(False)
        if time.monotonic() < next_one:
            continue
        next_one = time.monotonic() + chance.uniform(*PAUSE_SECONDS)
        free = [group for group in groups if all(one.is_free() for one in group)]
        if free:
            one = chance.choice(chance.choice(free))
            how, seconds = chance.choice(sorted(one.ways)), chance.uniform(*GONE_SECONDS)
            done = sum(len(account.places) for account in accounts)
            print(f"{over - time.monotonic():6.1f} s left, {done} acknowledged: {one.name}, "
                  f"{how} for {seconds:.1f} s", flush=True)  # fmt: skip
            one.begin(how, seconds)
            count += 1
    while not all(one.is_free() for one in everything):
        for one in everything:
            one.end_if(True)
        time.sleep(0.1)
    return count


def test_every_acknowledged_record_is_there_once(tmp_path):
    print(f"PINION_DISTRIBUTION_SEED={SEED}")
    chance, name = random.Random(SEED), "distributed"
    cluster = Cluster(tmp_path / "kafka")
    servers = []
    try:
        with Versity(tmp_path / "s3/buckets", TOOLS / "bin/versitygw") as s3:
            relay = Relay(s3.port)
            url = f"http://127.0.0.1:{relay.port}"
            pipeline = Pipeline(tmp_path, cluster, url, name)
            gateways = [pipeline.gateway(f"gateway{n}") for n in range(2)]
            sinks = [pipeline.sink(f"sink{n}") for n in range(3)]
            streams = [pipeline.stream(f"stream{n}") for n in range(3)]
            servers = gateways + sinks + streams
            for server in servers:
                server.start()
            topic = [ToTopic(gateways, name, first) for first in (0, 10**7)]
            stream = [ToStream(gateways, name, first) for first in (0, 10**7)]
            for account in topic + stream:
                account.start()
            landed = Landed(s3, name)
            until(lambda: len(landed.look()) > 0 and len(in_table(s3, name, "live")) > 0, True)
            groups = [
                [of_broker(cluster, number) for number in range(BROKERS)],
                [of_s3(s3, relay)],
                *([of_server(f"{word} {n}", one)] for word, kind in
                  (("gateway", gateways), ("sink", sinks), ("stream", streams))
                  for n, one in enumerate(kind)),
            ]  # fmt: skip
            count = disturb(groups, chance, topic + stream)
            for node in cluster.nodes:
                node.wait()
            before = sum(len(account.places) for account in topic + stream)
            until(lambda: sum(len(a.places) for a in topic + stream) > before + 200, True)
            for account in topic + stream:
                account.end()
            until(lambda: is_whole(landed.look(), topic), True, AFTERWARDS_SECONDS_MAX)
            until(lambda: is_whole(in_table(s3, name, "live"), stream), True,
                  AFTERWARDS_SECONDS_MAX)  # fmt: skip
            pipeline.batch("loader")
            for server in servers:
                server.stop()
            acknowledged = [sum(len(one.places) for one in kind) for kind in (topic, stream)]
            unsure = [sum(len(one.unsure) for one in kind) for kind in (topic, stream)]
            print(f"{count} disturbances; acknowledged {acknowledged}, not known {unsure}")
            check_places(cluster, topic, name)
            check_counts(landed.look(), topic)
            check_counts(in_table(s3, name, "raw"), topic)
            check_counts(in_table(s3, name, "live"), stream)
            assert landed.counts == in_table(s3, name, "clean")
            relay.close()
    finally:
        for server in servers:
            if server.process is not None:
                server.kill()
        cluster.stop()
