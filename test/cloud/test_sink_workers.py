"""Servers with data folders of their own that share one Kafka cluster and one bucket."""

import json
import re
import signal
import threading
from collections import Counter
from functools import partial

import pytest

from numbers_in import Producer, until
from pinion import Failed, Server, run
from s3 import BUCKET, KEYS, Proxy, s3, settings  # noqa: F401

pytestmark = pytest.mark.timeout(300)
ROLES = ("--roles", "gateway,sink")
PARTITIONS = 6


@pytest.fixture
def prefix(request):
    return re.sub(r"\W", "-", request.node.name).strip("-")


@pytest.fixture
def pipeline(tmp_path, prefix):
    """One of this test alone, with a topic of its own."""
    folder = tmp_path / "pipeline"
    folder.mkdir()
    (folder / "pipeline.yml").write_text(
        f"name: shared\ntopics:\n  {prefix}: {{partitions: {PARTITIONS}, retention: 7d}}\n"
    )
    return folder


def words(broker, bucket, pipeline, **more):
    """The options of a command; `more` with "__" for a dot."""
    given = {"log.url": f"kafka://{broker.address}", "sink.rotate_interval_ms": "200ms"}
    given.update({name.replace("__", "."): value for name, value in more.items()})
    sets = [part for name, value in given.items() for part in ("--set", f"{name}={value}")]
    return ["--pipeline", pipeline, *bucket, *sets]


def refused(data, *given):
    """What a server says that does not start."""
    done = run(
        "serve", "--listen", "127.0.0.1:0", *given, data=data, env=KEYS, check=False, timeout=60
    )
    assert done.returncode == 1, done.stderr
    return done.stderr


def owner(s3, prefix):
    key = f"{prefix}/.pinion/owner"
    return s3.client().get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()


# --- whose bucket it is ---------------------------------------------------------------------------


def test_data_folders_of_one_pipeline_share_a_bucket(broker, s3, prefix, pipeline, tmp_path):
    given = words(broker, settings(s3.url, prefix), pipeline)
    one = Server(tmp_path / "one", *given, *ROLES, env=KEYS)
    two = Server(tmp_path / "two", *given, *ROLES, env=KEYS)
    with one, two:
        cluster = (tmp_path / "one/log/kafka_cluster").read_text()
        assert owner(s3, prefix).split(" ", 1)[1] == f"kafka:{cluster}/shared"
    new = tmp_path / "new"  # a command alone asks the cluster who it is
    run("batch", *given, data=new, env=KEYS)
    assert (new / "log/kafka_cluster").read_text() == cluster


def test_another_pipeline_is_refused_by_name(broker, s3, prefix, pipeline, tmp_path):
    bucket = settings(s3.url, prefix)
    with Server(tmp_path / "one", *words(broker, bucket, pipeline), *ROLES, env=KEYS):
        pass
    other = tmp_path / "other"
    other.mkdir()
    (other / "pipeline.yml").write_text("name: stranger\n")
    said = refused(tmp_path / "two", *words(broker, bucket, other), *ROLES)
    assert "belongs to the pipeline shared on the Kafka cluster" in said, said
    assert "this is the pipeline stranger" in said and "store.url" in said, said
    said = refused(tmp_path / "three", "--pipeline", pipeline, *bucket, *ROLES)
    assert "the pipeline shared on" in said and "log of its own" in said, said


def test_another_cluster_is_refused_by_its_id(broker, s3, prefix, pipeline, tmp_path):
    given = words(broker, settings(s3.url, prefix), pipeline)
    s3.client().put_object(
        Bucket=BUCKET, Key=f"{prefix}/.pinion/owner",
        Body=b"0" * 36 + b" kafka:another-cluster/shared",
    )  # fmt: skip
    said = refused(tmp_path / "one", *given, *ROLES)
    assert "on the Kafka cluster another-cluster, and" in said and "log.url" in said, said


def test_a_bucket_of_a_data_folder_becomes_the_clusters(broker, s3, prefix, pipeline, tmp_path):
    """It was claimed before others could share it; another folder's stays that folder's."""
    given = words(broker, settings(s3.url, prefix), pipeline)
    with Server(tmp_path / "one", *given, *ROLES, env=KEYS):
        pass
    folder = (tmp_path / "one/store_id").read_text()
    s3.client().put_object(
        Bucket=BUCKET, Key=f"{prefix}/.pinion/owner", Body=f"{folder} here:/one".encode()
    )
    said = refused(tmp_path / "two", *given, *ROLES)
    assert "belongs to another data folder, here:/one" in said, said
    with Server(tmp_path / "one", *given, *ROLES, env=KEYS):
        with Server(tmp_path / "two", *given, *ROLES, env=KEYS):
            assert " kafka:" in owner(s3, prefix)


def test_a_run_is_started_where_the_scheduler_is(broker, s3, prefix, tmp_path):
    """Elsewhere nothing is queued, whether the command waits or not, and the message says where."""
    pipeline = tmp_path / "pipeline"
    pipeline.mkdir()
    (pipeline / "pipeline.yml").write_text(
        f"name: shared\ntopics:\n  {prefix}: {{}}\n"
        f"tables:\n  t: {{from_topic: {prefix}, path: t, columns: {{a: bigint}}}}\n"
        "dags:\n  nightly: {tasks: {load: {run: load, tables: [t]}}}\n"
    )
    given = words(broker, settings(s3.url, prefix), pipeline)
    there, here = tmp_path / "there", tmp_path / "here"
    with (
        Server(there, *given, "--roles", "gateway,sink,scheduler", env=KEYS),
        Server(here, *given, "--roles", "gateway", env=KEYS) as gateway,
    ):
        for wait in ([], ["--wait"]):
            trigger = ("dag", "trigger", "nightly", *wait, *given)
            done = run(*trigger, data=here, env=KEYS, check=False)
            assert done.returncode == 1, done
            assert f":{there}: give that folder with --data" in done.stderr, done.stderr
        shown = run("dag", "runs", "nightly", "--format", "json", *given, data=here, env=KEYS)
        assert json.loads(shown.stdout) == []
        run("dag", "trigger", "nightly", "--wait", *given, data=there, env=KEYS)
        status, answer, _ = gateway.request("POST", "/api/v1/sink/flush")
        assert status == 409 and b"ask a server with the role sink" in answer, answer


def test_one_data_folder_has_the_scheduler(broker, s3, prefix, pipeline, tmp_path):
    given = words(broker, settings(s3.url, prefix), pipeline)
    with Server(tmp_path / "one", *given, "--roles", "gateway,sink,scheduler", env=KEYS):
        said = refused(tmp_path / "two", *given, "--roles", "gateway,sink,scheduler")
        assert str(tmp_path / "one") in said and "without the role scheduler" in said, said
    said = refused(tmp_path / "two", *given, "--roles", "scheduler")
    assert str(tmp_path / "one") in said, said
    run("store", "rm", ".pinion/scheduler", "--yes", *given, data=tmp_path / "two", env=KEYS)
    with Server(tmp_path / "two", *given, "--roles", "gateway,sink,scheduler", env=KEYS):
        with pytest.raises(Failed, match=str(tmp_path / "two")):
            Server(tmp_path / "one", *given, "--roles", "gateway,scheduler", env=KEYS).start()


# --- sharing the work -----------------------------------------------------------------------------


@pytest.fixture
def bucket(s3, prefix):
    """Through a proxy that asks moto in turn: of two writers of one object it may let both win."""
    with Proxy(s3, in_turn=True) as proxy:
        yield settings(proxy.url, prefix)


class Gateway(Server):
    """It produces, and has no bucket."""

    def __init__(self, data, broker, pipeline):
        super().__init__(data, *words(broker, [], pipeline), "--roles", "gateway")

    def put_numbers(self, topic, numbers):
        self.produce(topic, *({"n": n} for n in numbers))


class Worker(Server):
    """It lands. `alone`: without a gateway, so that nobody can ask it anything."""

    def __init__(self, data, broker, bucket, pipeline, alone=False, **more):
        given = words(broker, bucket, pipeline, **{"sink__flush_size": 40, **more})
        given += ["--set", "log.kafka.conf=session.timeout.ms=6000"]
        super().__init__(data, *given, "--roles", "sink" if alone else "gateway,sink", env=KEYS)
        self.alone = alone

    def start(self):
        if not self.alone:
            return super().start()
        self.data.mkdir(parents=True, exist_ok=True)
        (self.data / "server.out").write_text("")
        threading.Thread(target=self.announce, daemon=True).start()
        return super().start()

    def announce(self):
        """In place of a gateway: the harness waits for the file that one leaves."""
        until(lambda: "without a gateway" in self.log(), True)
        (self.data / "server.json").write_text('{"url": null}')

    def health(self):
        return json.loads(self.request("GET", "/health")[1])

    def partitions(self):
        """Those that it lands."""
        answer = json.loads(self.request("GET", "/api/v1/sink")[1])
        return sorted(one["partition"] for one in answer["partitions"] if one["error"] is None)


def landed(s3, prefix):
    """How often each number is in the objects."""
    client = s3.client()
    counts = Counter()
    for key in s3.keys(f"{prefix}/topics/"):
        body = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        counts.update(json.loads(line)["n"] for line in body.splitlines())
    return counts


def until_more_objects(s3, prefix):
    """A few are put, by whichever worker."""
    before = len(s3.keys(f"{prefix}/topics/"))
    until(lambda: len(s3.keys(f"{prefix}/topics/")) > before + PARTITIONS, True)


def shares(*workers):
    """All partitions that the workers land, in order; each is to be there once."""
    return sorted(partition for worker in workers for partition in worker.partitions())


ALL = list(range(PARTITIONS))


def test_workers_share_the_partitions(broker, s3, bucket, prefix, pipeline, tmp_path):
    one, two = (Worker(tmp_path / name, broker, bucket, pipeline) for name in ("one", "two"))
    with Gateway(tmp_path / "gateway", broker, pipeline) as gateway, one:
        until(one.partitions, ALL)
        with two:
            until(lambda: len(one.partitions()), PARTITIONS // 2)
            until(lambda: shares(one, two), ALL)
            gateway.produce(prefix, *({"n": n} for n in range(500)))
            until(lambda: sum(landed(s3, prefix).values()), 500)
            for worker in (one, two):
                assert worker.health().get("stalled_landings", []) == []
            told = run("topic", "groups", prefix, "--format", "json", data=gateway.data)
            shown = [(row["committed"], row["lag"]) for row in json.loads(told.stdout)]
            assert shown == [(None, None)] * PARTITIONS  # the group commits nothing
        until(one.partitions, ALL)  # it left the group, which did not wait for the session's end
        gateway.produce(prefix, *({"n": n} for n in range(500, 700)))
        until(lambda: landed(s3, prefix), Counter(range(700)))


def test_a_flush_lands_what_others_have(broker, s3, bucket, prefix, pipeline, tmp_path):
    """Nobody waits for an object to be full, and a run of a DAG sees all."""
    slow = {"sink__rotate_interval_ms": "1h", "sink__flush_size": 1000}
    one, two = (
        Worker(tmp_path / name, broker, bucket, pipeline, **slow) for name in ("one", "two")
    )
    with Gateway(tmp_path / "gateway", broker, pipeline) as gateway, one, two:
        until(lambda: len(one.partitions()), PARTITIONS // 2)
        until(lambda: shares(one, two), ALL)
        for turn, worker in enumerate((one, two, one)):
            gateway.produce(prefix, *({"n": turn * 100 + n} for n in range(100)))
            ends = lambda of: get_ends(of, prefix)  # noqa: E731
            until(lambda: ends(worker), ends(gateway))  # it has heard of all of them
            assert worker.request("POST", "/api/v1/sink/flush")[0] == 200
            assert landed(s3, prefix) == Counter(range((turn + 1) * 100))


def get_ends(of, topic):
    path = f"/topics/{topic}/partitions/%d/offsets"
    return [json.loads(of.request("GET", path % n)[1])["end_offset"] for n in ALL]


def test_a_new_worker_after_a_topic_was_created_again(
    broker, s3, bucket, prefix, pipeline, tmp_path
):
    """It has not seen the deletion, and learns from the bucket that there was one."""
    one, two = (Worker(tmp_path / name, broker, bucket, pipeline) for name in ("one", "two"))
    with one:
        one.produce(prefix, *({"n": n} for n in range(60)))
        until(lambda: landed(s3, prefix), Counter(range(60)))
        run("topic", "delete", prefix, "--yes", data=one.data)
        run("topic", "create", prefix, "--partitions", PARTITIONS, data=one.data)
        one.produce(prefix, *({"n": n} for n in range(60, 90)))
        until(lambda: landed(s3, prefix), Counter(range(90)))
    with two:
        two.produce(prefix, *({"n": n} for n in range(90, 120)))
        until(lambda: landed(s3, prefix), Counter(range(120)))
        assert two.health().get("stalled_landings", []) == []


@pytest.mark.parametrize("each", [2, 40])
def test_workers_after_another_program_made_the_topic_again(
    broker, s3, bucket, prefix, pipeline, tmp_path, each
):
    """While all of them were stopped, with fewer and with more records than it had."""
    one, two = (Worker(tmp_path / name, broker, bucket, pipeline) for name in ("one", "two"))
    with one, two:
        one.produce(prefix, *({"n": n} for n in range(60)))
        until(lambda: landed(s3, prefix), Counter(range(60)))
    again = range(1000, 1000 + each * PARTITIONS)
    broker.ask("make_again", prefix, PARTITIONS, [{"n": n} for n in again])
    with one, two:
        until(lambda: landed(s3, prefix), Counter([*range(60), *again]))
        until(lambda: one.health().get("stalled_landings", []), [])
        one.produce(prefix, *({"n": n} for n in range(60, 120)))
        until(lambda: landed(s3, prefix), Counter([*range(120), *again]))
        two.kill()  # the other one finds what it has left
        until(one.partitions, ALL)
        one.produce(prefix, *({"n": n} for n in range(120, 180)))
        until(lambda: landed(s3, prefix), Counter([*range(180), *again]))


def test_workers_that_come_and_go_land_each_record_once(
    broker, s3, bucket, prefix, pipeline, tmp_path
):
    """Killed, stopped, cut off by a stop of the process, and started again, while others land."""
    every = {"sink__rotate_interval_ms": "1s"}
    workers = [
        Worker(tmp_path / name, broker, bucket, pipeline, alone=name == "three", **every)
        for name in ("one", "two", "three")
    ]
    with Gateway(tmp_path / "gateway", broker, pipeline) as gateway:
        producers = [Producer(partial(gateway.put_numbers, prefix), first) for first in (0, 10**6)]
        for worker in workers:
            worker.start()
        for producer in producers:
            producer.start()
        for turn in range(6):
            worker = workers[turn % 3]
            until_more_objects(s3, prefix)
            if turn % 3 == 2:
                worker.process.send_signal(signal.SIGSTOP)
                until_more_objects(s3, prefix)
                worker.process.send_signal(signal.SIGCONT)
                continue
            worker.kill() if turn % 2 == 0 else worker.stop()
            until_more_objects(s3, prefix)
            worker.start()
        acknowledged = [n for producer in producers for n in producer.end()]
        assert len(acknowledged) > 500 and all(producer.is_over for producer in producers)
        until(lambda: sum(landed(s3, prefix).values()) >= len(acknowledged), True)
        for worker in workers:
            worker.stop()
    assert landed(s3, prefix) == Counter(acknowledged)


def test_two_workers_of_one_name(broker, s3, bucket, prefix, pipeline, tmp_path):
    """The later one has the partitions, and the earlier one says which setting is to change."""
    one, two = (
        Worker(tmp_path / name, broker, bucket, pipeline, sink__worker="twin")
        for name in ("one", "two")
    )
    with one:
        until(one.partitions, ALL)
        with two:
            until(two.partitions, ALL)
            until(lambda: one.health()["status"], "degraded")
            [why] = {stalled["reason"] for stalled in one.health()["stalled_landings"]}
            assert "sink.worker" in why and "twin" in why, why
            assert one.partitions() == []


def test_a_name_that_cannot_be(broker, s3, bucket, pipeline, tmp_path):
    said = refused(tmp_path / "one", *words(broker, bucket, pipeline, sink__worker="a b"), *ROLES)
    assert 'sink.worker is "a b": give 1 to 249 letters' in said, said
