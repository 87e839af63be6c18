"""Three brokers, of which each in turn is killed, stopped or cut off from its clients while several
gateways and workers are at work."""

import json
from collections import Counter

import pytest

from distributed import PARTS, Landed, Pipeline, ToStream, ToTopic, check_counts, check_places
from distributed import in_table, is_whole
from kafka_cluster import BROKERS, Cluster
from numbers_in import until
from pinion import Server
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


def put(gateway, name, numbers, partition):
    body = {"records": [{"value": {"n": n}} for n in numbers]}
    status, answer, _ = gateway.request("POST", f"/topics/{name}/partitions/{partition}", body)
    assert status == 200, answer


def landings(gateway):
    return {row["partition"]: row for row in get(gateway, "/api/v1/sink")["partitions"]}


def with_error(gateway):
    return {partition for partition, row in landings(gateway).items() if row["error"]}


def in_folder(folder):
    """How often each number has landed there."""
    return Counter(
        json.loads(line)["n"]
        for file in folder.rglob("*.json")
        for line in file.read_text().splitlines()
    )


def test_a_broker_that_refuses_connections_stops_its_partitions_alone(cluster, pipeline, name):
    """It still leads them. The others land, servers start, and what stands still is listed. Into a
    folder, so without a group, whose coordinator that broker might be; nor does it lead the list of
    the streams, without which no gateway starts."""
    words = ["--set", "sink.rotate_interval_ms=1s", "--roles", "gateway,sink"]
    store = pipeline.folder / "a/store/topics"
    with Server(pipeline.folder / "a", *pipeline.words, *words) as server:
        for partition in range(PARTS):
            put(server, name, [partition], partition)
        until(lambda: set(in_folder(store)), set(range(PARTS)))
        until(lambda: replicas(server, name), ALL_IN_SYNC)
        led = {p["partition"]: p["leader"] for p in get(server, f"/topics/{name}/partitions")}
        broker = sorted(set(led.values()) - set(cluster.ask("leaders", "__kinesis_streams")))[0]
        silent = {partition for partition in led if led[partition] == broker}
        reached = sorted(led.keys() - silent)
        assert reached, led
        relay = cluster.relays[broker - 1]
        relay.refuse()
        try:
            for partition in reached:
                put(server, name, [100 + partition], partition)
            until(lambda: in_folder(store).keys() >= {100 + p for p in reached}, True, 20)
            until(lambda: with_error(server), silent)
            stalled = get(server, "/health")["stalled_landings"]
            assert {one["partition"] for one in stalled} == silent, stalled
            assert "wait for the broker that leads it" in stalled[0]["reason"]
            with pipeline.gateway("b") as other:
                assert get(other, f"/topics/{name}/partitions/{reached[0]}/records?offset=0")
                put(other, name, [200], reached[0])
            until(lambda: 200 in in_folder(store), True, 20)
        finally:
            relay.mend()
        until(lambda: with_error(server), set())
        put(server, name, [300], min(silent))
        until(lambda: 300 in in_folder(store), True)
    assert set(in_folder(store).values()) == {1}
