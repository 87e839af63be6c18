"""Kafka REST consumers where the log is on a broker of Apache Kafka: members of its groups, beside
members of other programs, and in several gateways."""

import json
import time
from collections import Counter

import pytest

from pinion import Server, run

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def gateways(broker, tmp_path_factory):
    """Two, of which the second has an address of its own for its clients."""
    folder = tmp_path_factory.mktemp("gateways")
    (folder / "pipeline.yml").write_text("name: none\n")
    words = ["--pipeline", folder, "--roles", "gateway"]
    words += ["--set", f"log.url=kafka://{broker.address}"]
    advertised = ["--set", "gateway.advertised_url=http://two.example:8082/"]
    one = Server(folder / "one", *words)
    two = Server(folder / "two", *words, *advertised)
    with one, two:
        yield one, two


def ask(of, method, path, body=None, status=200):
    answered, text, _ = of.request(method, path, body)
    assert answered == status, text
    return json.loads(text) if text else None


def post(to, topic, *values, partition=None):
    place = {} if partition is None else {"partition": partition}
    records = [{"value": value, **place} for value in values]
    answer = ask(to, "POST", f"/topics/{topic}", {"records": records})
    assert all(entry["error_code"] is None for entry in answer["offsets"]), answer


class Instance:
    """A consumer instance of a group, which has subscribed to a topic."""

    def __init__(self, gateway, group, name, topic=None, **config):
        self.gateway, self.group = gateway, group
        self.path = f"/consumers/{group}/instances/{name}"
        config = {"name": name, "format": "json", "auto.offset.reset": "earliest", **config}
        self.made = ask(gateway, "POST", f"/consumers/{group}", config)
        if topic is not None:
            ask(gateway, "POST", self.path + "/subscription", {"topics": [topic]}, 204)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.gateway.request("DELETE", self.path)

    def records(self, timeout_ms=2000):
        return ask(self.gateway, "GET", f"{self.path}/records?timeout={timeout_ms}")

    def partitions(self):
        return sorted(
            one["partition"]
            for one in ask(self.gateway, "GET", self.path + "/assignments")["partitions"]
        )

    def committed(self):
        return {
            one["partition"]: one["offset"]
            for one in ask(self.gateway, "GET", self.path + "/offsets")["offsets"]
        }


def until(found, wanted):
    """Waits until found() is `wanted`."""
    deadline = time.monotonic() + 90
    while (is_now := found()) != wanted:
        assert time.monotonic() < deadline, f"{is_now} is not {wanted}"
        time.sleep(0.05)


def read_all(instances, wanted):
    """The values that the instances get, until there are `wanted` of them."""
    found, deadline = [], time.monotonic() + 90
    while len(found) < wanted:
        assert time.monotonic() < deadline, found
        for instance in instances:
            found += [record["value"] for record in instance.records(200)]
    return found


def test_an_instance_reads_and_commits(broker, gateways):
    one, _ = gateways
    broker.ask("create", "read", 2)
    with Instance(one, "readers", "a", "read", **{"auto.commit.enable": False}) as a:
        assert a.made["base_uri"] == f"{one.url}{a.path}"
        post(one, "read", *range(10), partition=0)
        post(one, "read", *range(10, 15), partition=1)
        assert sorted(read_all([a], 15)) == list(range(15))
        assert a.partitions() == [0, 1]
        assert a.committed() == {}
        ask(one, "POST", a.path + "/offsets")
        assert a.committed() == {0: 10, 1: 5}
        # What another program sees, and what it commits.
        assert broker.ask("committed", "readers", "read", 2) == [10, 5]
        place = {"topic": "read", "partition": 0, "offset": 3, "metadata": "mine"}
        ask(one, "POST", a.path + "/offsets", {"offsets": [place]})
        assert broker.ask("committed", "readers", "read", 2) == [4, 5]
        given = ask(one, "GET", a.path + "/offsets")["offsets"]
        assert {entry["partition"]: entry["metadata"] for entry in given} == {0: "mine", 1: ""}
        # Positions are this instance's own.
        here = {"offsets": [{"topic": "read", "partition": 1, "offset": 3}]}
        ask(one, "POST", a.path + "/positions", here, 204)
        assert [record["value"] for record in a.records()] == [13, 14]
        all_of = {"partitions": [{"topic": "read", "partition": 0}]}
        ask(one, "POST", a.path + "/positions/beginning", all_of, 204)
        assert len(a.records()) == 10
        ask(one, "POST", a.path + "/positions/end", all_of, 204)
        post(one, "read", "last", partition=0)
        assert [record["value"] for record in a.records()] == ["last"]
        ask(one, "POST", a.path + "/offsets")
    with Instance(one, "readers", "b", "read") as b:
        post(one, "read", "more", partition=1)
        assert read_all([b], 1) == ["more"]


def test_members_leave_after_their_topic_was_deleted(broker, gateways, tmp_path):
    """librdkafka 2.0 to 2.5 never ended such a member, and the gateway answered nobody any more."""
    one, _ = gateways
    run("topic", "create", "brief", "--partitions", "6", data=one.data)
    members = [Instance(one, "leavers", name, "brief") for name in "abcdef"]
    until(lambda: sorted(sum((member.partitions() for member in members), [])), list(range(6)))
    run("topic", "delete", "brief", "--yes", data=one.data)
    until(lambda: sum((member.partitions() for member in members), []), [])
    for member in members:
        ask(one, "DELETE", member.path, status=204)
    broker.ask("create", "after", 1)
    post(one, "after", 1)
    with Instance(one, "leavers", "g", "after") as member:
        assert read_all([member], 1) == [1]


def test_only_committed_records_are_read(broker, gateways):
    one, _ = gateways
    broker.ask("create", "marked", 1)
    broker.ask("transaction", "marked", ["1", "2"], True)
    broker.ask("transaction", "marked", ["3"], False)
    broker.ask("transaction", "marked", ["4"], True)
    with Instance(one, "committed", "a", "marked") as a:
        assert read_all([a], 3) == [1, 2, 4]
        assert a.records(200) == []
        ask(one, "POST", a.path + "/offsets")
        assert a.committed() == {0: 7}  # after the last marker


def test_members_of_two_gateways_and_another_program_share_a_topic(broker, gateways):
    """Each record goes to one of them, and what one gives up the others get."""
    one, two = gateways
    broker.ask("create", "shared", 6)
    with Instance(one, "sharing", "a", "shared") as a:
        until(a.partitions, [0, 1, 2, 3, 4, 5])
        with Instance(two, "sharing", "b", "shared") as b:
            assert b.made["base_uri"] == f"http://two.example:8082{b.path}"
            until(lambda: (len(a.partitions()), len(b.partitions())), (3, 3))
            assert sorted(a.partitions() + b.partitions()) == [0, 1, 2, 3, 4, 5]
            with broker.console_consumer("shared", "sharing") as console:
                until(lambda: (len(a.partitions()), len(b.partitions())), (2, 2))
                for partition in range(6):
                    values = [f"{partition}-{i}" for i in range(5)]
                    post(one, "shared", *values, partition=partition)
                given = Counter(read_all([a, b], 20))
                until(lambda: len(console.values()), 10)
                given.update(json.loads(value) for value in console.values())
                assert given == Counter(f"{p}-{i}" for p in range(6) for i in range(5))
            until(lambda: (len(a.partitions()), len(b.partitions())), (3, 3))
        until(a.partitions, [0, 1, 2, 3, 4, 5])
        post(two, "shared", *range(20))
        assert sorted(read_all([a], 20)) == list(range(20))


def test_an_instance_lives_in_one_gateway(gateways):
    one, two = gateways
    with Instance(one, "lonely", "a", "none") as a:
        said = ask(two, "GET", a.path + "/records", status=404)
        assert said["error_code"] == 40403 and "base_uri" in said["message"], said
        again = ask(one, "POST", "/consumers/lonely", {"name": "a"}, 409)
        assert again["error_code"] == 40902, again


def test_a_gateway_that_ends_leaves_its_groups(broker, gateways, tmp_path):
    """At once, and what its instances have read is committed."""
    one, _ = gateways
    broker.ask("create", "ended", 2)
    third = Server(tmp_path / "third", *one.args)
    with third:
        a = Instance(third, "ending", "a", "ended")
        post(one, "ended", *range(8))
        read_all([a], 8)
        began = time.monotonic()
    with Instance(one, "ending", "b", "ended") as b:
        until(b.partitions, [0, 1])
        assert time.monotonic() - began < 40  # a session takes 45 s to end by itself
        post(one, "ended", "new")
        assert read_all([b], 1) == ["new"]


def test_a_pattern_and_partitions_of_ones_own(broker, gateways):
    one, _ = gateways
    broker.ask("create", "pat.a", 1)
    with Instance(one, "patterns", "a") as a:
        ask(one, "POST", a.path + "/subscription", {"topic_pattern": "pat[.].*"}, 204)
        until(a.partitions, [0])
        broker.ask("create", "pat.b", 1)
        until(a.partitions, [0, 0])
        post(one, "pat.b", "seen")
        assert read_all([a], 1) == ["seen"]
        ask(one, "DELETE", a.path + "/subscription", None, 204)
        assert a.partitions() == []
    with Instance(one, "assigned", "a") as a:
        mine = {"partitions": [{"topic": "pat.b", "partition": 0}]}
        ask(one, "POST", a.path + "/assignments", mine, 204)
        assert read_all([a], 1) == ["seen"]
        ask(one, "POST", a.path + "/offsets")
        assert broker.ask("committed", "assigned", "pat.b", 1) == [1]
        both = ask(one, "POST", a.path + "/subscription", {"topics": ["pat.a"]}, 409)
        assert both["error_code"] == 40903, both


def test_the_groups_of_a_topic(broker, gateways):
    """Of the cluster: with a member of a gateway, and what another program committed."""
    one, two = gateways
    broker.ask("create", "watched", 2)
    until(lambda: one.request("GET", "/topics/watched/partitions/1/offsets")[0], 200)
    until(lambda: two.request("GET", "/topics/watched/partitions/1/offsets")[0], 200)
    post(one, "watched", *range(5), partition=0)
    post(one, "watched", *range(3), partition=1)

    def groups(of=two):
        rows = ask(of, "GET", "/api/v1/topics/watched/groups")["groups"]
        return [(row["group"], row["partition"], row["committed"], row["lag"]) for row in rows]

    assert groups() == []
    with Instance(one, "watchers", "w", "watched", **{"auto.commit.enable": False}) as member:
        read_all([member], 8)
        places = [{"topic": "watched", "partition": 0, "offset": 1}]
        ask(one, "POST", member.path + "/offsets", {"offsets": places})
        until(groups, [("watchers", 0, "2", 3), ("watchers", 1, None, 3)])
        rows = ask(two, "GET", "/api/v1/topics/watched/groups")["groups"]
        assert len({row["instance"] for row in rows}) == 1 and rows[0]["instance"]
        told = run("topic", "groups", "watched", "--format", "json", data=two.data)
        assert [row["lag"] for row in json.loads(told.stdout)] == [3, 3]
    until(groups, [("watchers", 0, "2", 3)])
    rows = ask(two, "GET", "/api/v1/topics/watched/groups")["groups"]
    assert rows[0]["instance"] is None and rows[0]["position"] is None
    broker.ask("create", "unwatched", 1)
    until(lambda: two.request("GET", "/api/v1/topics/unwatched")[0], 200)
    assert ask(two, "GET", "/api/v1/topics/unwatched/groups") == {"groups": []}
    ask(two, "GET", "/api/v1/topics/never/groups", status=404)
