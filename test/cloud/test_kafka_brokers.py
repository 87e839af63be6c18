"""Three brokers, of which each in turn is killed, stopped or cut off from its clients while several
gateways and workers are at work."""

import json
from collections import Counter

import pytest

from distributed import Landed, Pipeline, ToStream, ToTopic, check_counts, check_places
from distributed import in_table, is_whole
from kafka_cluster import BROKERS, Cluster
from numbers_in import until
from s3_servers import versity  # noqa: F401

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    started = Cluster(tmp_path_factory.mktemp("kafka"))
    yield started
    started.stop()


@pytest.fixture
def name(request):
    return request.node.name.translate(str.maketrans("[]_", "---")).strip("-")


@pytest.fixture
def pipeline(cluster, versity, name, tmp_path):
    return Pipeline(tmp_path, cluster, versity.url, name)


def get(of, path):
    status, body, _ = of.request("GET", path)
    assert status == 200, body
    return json.loads(body)


def replicas(gateway, name):
    """(broker, is it in sync) of each partition's."""
    return [
        sorted((one["broker"], one["in_sync"]) for one in partition["replicas"])
        for partition in get(gateway, f"/topics/{name}/partitions")
    ]


def leaders(gateway, name):
    return {partition["leader"] for partition in get(gateway, f"/topics/{name}/partitions")}


def disturb(cluster, how, number):
    if how == "kill":
        cluster.nodes[number].stop()
    elif how == "freeze":
        cluster.freeze(number)
    else:
        cluster.relays[number].cut()


def mend(cluster, how, number):
    if how == "kill":
        cluster.nodes[number].start()
    elif how == "freeze":
        cluster.thaw(number)
    else:
        cluster.relays[number].mend()


ALL_IN_SYNC = [[(number, True) for number in range(1, BROKERS + 1)]] * 6


def test_a_topic_is_on_all_brokers(cluster, pipeline, name):
    with pipeline.gateway("one") as gateway:
        gateway.produce(name, {"n": 0})
        assert get(gateway, "/brokers") == {"brokers": [1, 2, 3]}
        until(lambda: replicas(gateway, name), ALL_IN_SYNC)
        cluster.nodes[2].stop()
        until(lambda: leaders(gateway, name) <= {1, 2}, True)
        until(lambda: replicas(gateway, name), [[(1, True), (2, True), (3, False)]] * 6)
        gateway.produce(name, *({"n": n} for n in range(20)))
        cluster.nodes[2].start()
        until(lambda: replicas(gateway, name), ALL_IN_SYNC)


def test_one_broker_alone_takes_no_records(cluster, pipeline, name):
    """Two must have a record: none is acknowledged that one broker alone has. It comes back."""
    words = ["--set", "log.kafka.timeout_ms=3s"]
    with pipeline.gateway("one") as gateway:
        gateway.produce(name, {"n": 0})
        until(lambda: replicas(gateway, name), ALL_IN_SYNC)
        gateway.stop()
        gateway.args += words
        gateway.start()
        for number in (1, 2):
            cluster.nodes[number].stop()
        body = {"records": [{"value": {"n": n}} for n in range(1, 50)]}
        status, answer, _ = gateway.request("POST", f"/topics/{name}", body)
        told = json.loads(answer)
        assert status == 503 and told["error_code"] in (50302, 50003), answer
        for number in (1, 2):
            cluster.nodes[number].launch()
        for number in (1, 2):
            cluster.nodes[number].wait()
        body = {"records": [{"value": {"n": 100}}]}
        until(lambda: gateway.request("POST", f"/topics/{name}", body)[0], 200)
        until(lambda: replicas(gateway, name), ALL_IN_SYNC)


@pytest.mark.parametrize("how", ["kill", "freeze", "cut"])
def test_each_broker_in_turn(cluster, versity, pipeline, name, how):
    """Leaders, the controller, and the coordinators of the workers' groups are among them."""
    gateways = [pipeline.gateway(word) for word in ("g1", "g2")]
    workers = [pipeline.sink("a"), pipeline.sink("b"), pipeline.stream("c"), pipeline.stream("d")]
    landed = Landed(versity, name)
    topic = [ToTopic(gateways, name, first) for first in (0, 10**6)]
    stream = [ToStream(gateways, name, 0)]
    try:
        for server in gateways + workers:
            server.start()
        for account in topic + stream:
            account.start()
        until(lambda: len(landed.look()) > 0, True)
        for number in range(BROKERS):
            until(lambda: replicas(gateways[0], name), ALL_IN_SYNC)
            disturb(cluster, how, number)
            others = {n for n in range(1, BROKERS + 1) if n != number + 1}
            if how != "cut":  # a broker that only clients cannot reach still leads
                until(lambda others=others: leaders(gateways[0], name) <= others, True)
                done = sum(len(account.places) for account in topic)
                until(lambda done=done: sum(len(a.places) for a in topic) > done + 100, True)
            else:
                done = sum(len(account.unsure) for account in topic)
                until(lambda done=done: sum(len(a.unsure) for a in topic) > done, True)
            mend(cluster, how, number)
            done = sum(len(account.places) for account in topic + stream)
            until(lambda done=done: sum(len(a.places) for a in topic + stream) > done + 100, True)
        for account in topic + stream:
            account.end()
        until(lambda: is_whole(landed.look(), topic), True)
        until(lambda: is_whole(in_table(versity, name, "live"), stream), True)
        pipeline.batch("e")
        for server in gateways + workers:
            server.stop()
    finally:
        for number in range(BROKERS):
            cluster.relays[number].mend()
            if cluster.nodes[number].process is not None:
                cluster.thaw(number)
        for server in gateways + workers:
            if server.process is not None:
                server.kill()
    check_places(cluster, topic, name)
    check_counts(landed.look(), topic)
    check_counts(in_table(versity, name, "raw"), topic)
    check_counts(in_table(versity, name, "live"), stream)
    assert Counter(landed.counts) == in_table(versity, name, "clean")
