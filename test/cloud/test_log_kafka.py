"""The log on a real broker of Apache Kafka: what is produced, read, landed and refused."""

import json
import time

import pytest

from kafka_broker import PASSWORD, free_ports
from pinion import Server, run

pytestmark = pytest.mark.timeout(300)

PIPELINE = """
name: small
topics:
  events: {partitions: 2, retention: 7d}
"""


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipeline")
    (folder / "pipeline.yml").write_text(PIPELINE)
    return folder


def server(data, pipeline, address, **settings):
    """A server whose log is on the broker; `settings` without "log.kafka."."""
    words = ["--pipeline", pipeline, "--set", f"log.url=kafka://{address}"]
    words += ["--set", "sink.rotate_interval_ms=200ms"]
    for name, value in settings.items():
        words += ["--set", f"log.kafka.{name}={value}"]
    return Server(data, *words)


def post(to, topic, *records, status=200):
    answered, body, _ = to.request("POST", f"/topics/{topic}", {"records": list(records)})
    assert answered == status, body
    return json.loads(body)


def get(of, path, status=200):
    answered, body, _ = of.request("GET", path)
    assert answered == status, body
    return json.loads(body)


def landed(data, topic):
    """The values of all objects of a topic, by partition, in the order of their names."""
    found = {}
    for file in sorted((data / "store/topics" / topic).glob("partition=*/*.json")):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        found.setdefault(int(file.parent.name.split("=")[1]), []).extend(lines)
    return found


def until(found, wanted):
    """Waits until found() is `wanted`."""
    deadline = time.monotonic() + 60
    while found() != wanted:
        assert time.monotonic() < deadline, f"{found()} is not {wanted}"
        time.sleep(0.05)


def refused(data, pipeline, address, *words, **settings):
    """What a server says that does not start."""
    made = server(data, pipeline, address, **settings)
    listen = ["--listen", "127.0.0.1:0"]
    done = run("serve", *listen, *made.args, *words, data=data, check=False, timeout=60)
    assert done.returncode != 0
    return done.stderr


# --- producing and reading ------------------------------------------------------------------------


def test_what_is_produced_is_in_kafka(broker, pipeline, tmp_path):
    with server(tmp_path / "data", pipeline, broker.address) as gateway:
        answer = post(
            gateway, "produced",
            {"key": "k", "value": {"a": 1}, "headers": [{"key": "h", "value": "YQ=="}]},
            {"key": "k", "value": None}, {"value": ""}, {"value": [2], "partition": 0},
        )  # fmt: skip
        assert [entry["offset"] for entry in answer["offsets"]] == [0, 1, 2, 3]
        found = broker.ask("records", "produced", 0)
        assert [(record["offset"], record["value"]) for record in found] == [
            (0, '{"a":1}'), (1, None), (2, '""'), (3, "[2]"),
        ]  # fmt: skip
        assert found[0]["headers"] == [["h", "a"]]
        read = get(gateway, "/topics/produced/partitions/0/records?offset=2")
        assert [record["value"] for record in read] == ["", [2]]
        ends = get(gateway, "/topics/produced/partitions/0/offsets")
        assert ends == {"beginning_offset": 0, "end_offset": 4}


def test_keys_go_where_kafkas_own_clients_put_them(broker, pipeline, tmp_path):
    """By murmur2, as another client set to it does."""
    with server(tmp_path / "data", pipeline, broker.address) as gateway:
        run("topic", "create", "keyed", "--partitions", "8", data=tmp_path / "data")
        answer = post(gateway, "keyed", *({"key": key, "value": 0} for key in "abcdefgh"))
        partitions = [entry["partition"] for entry in answer["offsets"]]
        broker.ask("produce", "keyed", [f'"{key}"' for key in "abcdefgh"])
        for partition in set(partitions):
            found = [record["key"] for record in broker.ask("records", "keyed", partition)]
            ours = [f'"{key}"' for key, at in zip("abcdefgh", partitions) if at == partition]
            assert found == ours * 2


def test_brokers_and_sizes(broker, pipeline, tmp_path):
    with server(tmp_path / "data", pipeline, broker.address) as gateway:
        post(gateway, "placed", {"value": 1})
        here = {"broker": 1, "leader": True, "in_sync": True}
        partition = {"partition": 0, "leader": 1, "replicas": [here]}
        assert get(gateway, "/topics/placed")["partitions"] == [partition]
        assert get(gateway, "/topics/placed/partitions/0") == partition
        assert get(gateway, "/brokers") == {"brokers": [1]}
        [row] = get(gateway, "/api/v1/topics/placed")["partitions"]
        assert row["size_bytes"] is None and row["records"] == 1, row


def test_two_gateways_are_one(broker, pipeline, tmp_path):
    one = server(tmp_path / "one", pipeline, broker.address)
    two = server(tmp_path / "two", pipeline, broker.address)
    with one, two:
        for i in range(4):
            post((one, two)[i % 2], "shared", {"value": i})
        path = "/topics/shared/partitions/0/records?offset=0"
        until(lambda: [record["value"] for record in get(two, path)], [0, 1, 2, 3])
        until(lambda: [record["value"] for record in get(one, path)], [0, 1, 2, 3])


def test_only_committed_records_are_read(broker, pipeline, tmp_path):
    """Markers and aborted records leave gaps, which are not losses."""
    with server(tmp_path / "data", pipeline, broker.address) as gateway:
        broker.ask("create", "marked", 1)
        broker.ask("transaction", "marked", ["1", "2"], True)
        broker.ask("transaction", "marked", ["3", "4"], False)
        broker.ask("transaction", "marked", ["5"], True)
        path = "/topics/marked/partitions/0/records?offset="
        until(lambda: gateway.request("GET", path + "0")[0], 200)
        until(lambda: [record["value"] for record in get(gateway, path + "0")], [1, 2, 5])
        assert [record["offset"] for record in get(gateway, path + "1")] == [1, 6]
        assert get(gateway, path + "7") == []
        until(lambda: get(gateway, "/topics/marked/partitions/0/offsets")["end_offset"], 8)


# --- landing --------------------------------------------------------------------------------------


def test_the_sink_lands_each_record_once(broker, pipeline, tmp_path):
    """Also over a crash, with what came while it was down, and with markers between records."""
    data = tmp_path / "data"
    sent = {0: [], 1: []}

    def send(gateway, *values):
        for value in values:
            entry = post(gateway, "events", {"value": value})["offsets"][0]
            sent[entry["partition"]].append(value)

    made = server(data, pipeline, broker.address)
    with made as gateway:
        send(gateway, *range(20))
        until(lambda: sum(map(len, landed(data, "events").values())), 20)
        send(gateway, *range(20, 40))
        gateway.kill()
        other = tmp_path / "other"
        with server(other, pipeline, broker.address) as beside:
            send(beside, *range(40, 50))
        gateway.start()
        broker.ask("transaction", "events", [], True)
        send(gateway, *range(50, 60))
        until(lambda: landed(data, "events"), {p: values for p, values in sent.items() if values})


# --- topics ---------------------------------------------------------------------------------------


def test_topics_are_made_changed_and_deleted(broker, pipeline, tmp_path):
    data = tmp_path / "data"
    with server(data, pipeline, broker.address) as gateway:
        assert broker.ask("settings", "events") == {"partitions": 2, "retention.ms": "604800000"}
        run("topic", "create", "made", "--partitions", "3", "--retention", "1d", data=data)
        assert broker.ask("settings", "made") == {"partitions": 3, "retention.ms": "86400000"}
        run("topic", "alter", "made", "--partitions", "5", "--retention", "2d", data=data)
        assert broker.ask("settings", "made") == {"partitions": 5, "retention.ms": "172800000"}
        assert get(gateway, "/topics/made")["configs"]["retention.ms"] == "172800000"
        assert len(get(gateway, "/topics/made/partitions")) == 5
        again = run("topic", "create", "made", data=data, check=False)
        assert again.returncode != 0 and "already exists" in again.stderr, again.stderr
        fewer = run("topic", "alter", "made", "--partitions", "2", data=data, check=False)
        assert "cannot decrease" in fewer.stderr, fewer.stderr
        post(gateway, "made", {"value": 1, "partition": 9}, status=404)
        run("topic", "delete", "made", "--yes", data=data)
        assert "made" not in get(gateway, "/topics")
        get(gateway, "/topics/made", status=404)
        assert not [name for name in get(gateway, "/topics") if name.startswith("__")]


def test_commands_need_no_data_folder(broker, pipeline, tmp_path):
    """The cluster has the topics; a folder that has never been served will do."""
    made = server(tmp_path / "none", pipeline, broker.address)
    data = iter(tmp_path / name for name in "abc")
    run("topic", "create", "anywhere", *made.args, data=next(data))
    run("topic", "produce", "anywhere", *made.args, data=next(data), input="1\n2\n")
    tail = ["--from", "oldest", "--no-follow", "--format", "json"]
    told = run("topic", "tail", "anywhere", *tail, *made.args, data=next(data))
    assert [row["value"] for row in json.loads(told.stdout)] == ["1", "2"]


def test_more_partitions_than_the_pipeline_says_stay(broker, tmp_path):
    data = tmp_path / "data"
    definition = tmp_path / "pipeline.yml"
    definition.write_text("name: fewer\ntopics:\n  fewer: {partitions: 3, retention: 7d}\n")
    with server(data, tmp_path, broker.address):
        assert broker.ask("settings", "fewer")["partitions"] == 3
    definition.write_text("name: fewer\ntopics:\n  fewer: {retention: 2d}\n")
    with server(data, tmp_path, broker.address) as gateway:
        assert broker.ask("settings", "fewer") == {"partitions": 3, "retention.ms": "172800000"}
        assert "pipeline.yml:3: topics.fewer: topic fewer has 3 partitions" in gateway.log()


def test_a_record_makes_the_pipelines_topic_as_the_pipeline_says(broker, pipeline, tmp_path):
    data = tmp_path / "data"
    with server(data, pipeline, broker.address) as gateway:
        run("topic", "delete", "events", "--yes", data=data)
        post(gateway, "events", {"value": 1})
        assert broker.ask("settings", "events") == {"partitions": 2, "retention.ms": "604800000"}


def test_a_topic_created_again_lands_from_its_first_record(broker, tmp_path):
    """Though no pass of the sink is between, and in another life."""
    data = tmp_path / "data"
    (tmp_path / "pipeline.yml").write_text("name: again\ntopics:\n  again: {partitions: 1}\n")
    lines = lambda: landed(data, "again").get(0, [])  # noqa: E731
    with server(data, tmp_path, broker.address) as gateway:
        for value in range(5):
            post(gateway, "again", {"value": value})
        until(lines, list(range(5)))
        run("topic", "delete", "again", "--yes", data=data)
        run("topic", "create", "again", "--partitions", "1", data=data)
        for value in range(5, 12):
            post(gateway, "again", {"value": value})
        until(lines, list(range(12)))
    with server(data, tmp_path, broker.address) as gateway:
        post(gateway, "again", {"value": 12})
        until(lines, list(range(13)))


def make_again_pipeline(tmp_path, name):
    """Its topic has one partition."""
    (tmp_path / "pipeline.yml").write_text(f"name: again\ntopics:\n  {name}: {{partitions: 1}}\n")


@pytest.mark.parametrize("count", [3, 10, 20])
def test_a_topic_that_another_program_made_again_while_pinion_was_stopped(broker, tmp_path, count):
    """With fewer records than had landed of the former, with as many, and with more."""
    data, name = tmp_path / "data", f"remade-{count}"
    make_again_pipeline(tmp_path, name)
    lines = lambda: landed(data, name).get(0, [])  # noqa: E731
    with server(data, tmp_path, broker.address) as gateway:
        post(gateway, name, *({"value": value} for value in range(10)))
        until(lines, list(range(10)))
    broker.ask("make_again", name, 1, list(range(100, 100 + count)))
    wanted = [*range(10), *range(100, 100 + count)]
    with server(data, tmp_path, broker.address) as gateway:
        until(lines, wanted)
        assert "was deleted and created again" in gateway.log()
    with server(data, tmp_path, broker.address) as gateway:  # no other life lands them again
        post(gateway, name, {"value": 1000})
        until(lines, [*wanted, 1000])


def test_a_topic_that_another_program_made_again_while_pinion_runs(broker, tmp_path):
    """At once, so that nobody sees that it was not there."""
    data, name = tmp_path / "data", "at-once"
    make_again_pipeline(tmp_path, name)
    lines = lambda: landed(data, name).get(0, [])  # noqa: E731
    with server(data, tmp_path, broker.address) as gateway:
        post(gateway, name, *({"value": value} for value in range(10)))
        until(lines, list(range(10)))
        broker.ask("make_again", name, 1, [100, 101, 102])
        until(lines, [*range(10), 100, 101, 102])
        post(gateway, name, *({"value": value} for value in range(103, 120)))
        until(lines, [*range(10), *range(100, 120)])


# --- what goes wrong ------------------------------------------------------------------------------


def test_without_a_broker_requests_fail_and_recover(broker, pipeline, tmp_path):
    data = tmp_path / "data"
    with server(data, pipeline, broker.address, timeout_ms="2s") as gateway:
        post(gateway, "events", {"value": "before"})
        broker.stop()
        answer = post(gateway, "events", {"value": "during"}, status=503)
        assert answer["error_code"] == 50302, answer
        assert "log.url" in answer["message"], answer
        assert get(gateway, "/topics")  # known, and not asked for
        until(lambda: len(get(gateway, "/health")["unreachable_log"]), 1)
        told = get(gateway, "/health")
        assert told["status"] == "degraded", told
        assert broker.address in told["unreachable_log"][0]["reason"]
        assert get(gateway, "/health/ready", status=503)["ready"] is False
        broker.start()
        body = {"records": [{"value": "after"}]}
        until(lambda: gateway.request("POST", "/topics/events", body)[0], 200)
        values = lambda: sum(landed(data, "events").values(), [])  # noqa: E731
        until(lambda: "before" in values() and "after" in values(), True)
        until(lambda: gateway.request("GET", "/health/ready")[0], 200)
        assert get(gateway, "/health")["unreachable_log"] == []
        assert "the brokers answer again" in gateway.log()


def test_a_password(broker, pipeline, tmp_path):
    address = f"127.0.0.1:{broker.sasl}"
    login = {"security": "sasl_plaintext", "sasl_username": "app"}
    with server(tmp_path / "data", pipeline, address, sasl_password=PASSWORD, **login) as gateway:
        post(gateway, "secured", {"value": 1})
    said = refused(tmp_path / "no", pipeline, address, sasl_password="wrong", **login)
    assert "log.kafka.sasl_password" in said and "wrong" not in said, said
    said = refused(tmp_path / "no", pipeline, address, **login)
    assert "log.kafka.sasl_password" in said, said


def test_a_login_that_the_settings_leave_out(broker, pipeline, tmp_path):
    said = refused(tmp_path / "no", pipeline, broker.address, sasl_username="app")
    assert "log.kafka.security is plaintext" in said and "log.kafka.sasl_username" in said, said
    said = refused(tmp_path / "no", pipeline, f"127.0.0.1:{broker.sasl}")
    assert "log.kafka.security" in said and "with a login" in said, said


def test_nobody_answers(pipeline, tmp_path):
    said = refused(tmp_path / "data", pipeline, f"127.0.0.1:{free_ports(1)[0]}")
    assert "Connection refused" in said and "log.url" in said, said


def test_what_cannot_be_is_refused_at_the_start(broker, pipeline, tmp_path):
    said = refused(tmp_path / "a", pipeline, broker.address, "--set", "log.retention_ms=1d")
    assert "log.retention_ms" in said and "log.url" in said, said
    said = refused(tmp_path / "a", pipeline, broker.address, conf="acks=1")
    assert "acks" in said, said
    said = refused(tmp_path / "a", pipeline, broker.address, conf="no.such=1")
    assert "log.kafka.conf" in said and "no.such" in said, said


def test_a_data_folder_keeps_its_log(broker, pipeline, tmp_path):
    data = tmp_path / "data"
    with Server(data, "--pipeline", pipeline) as gateway:
        post(gateway, "events", {"value": 1})
    said = refused(data, pipeline, broker.address)
    assert "--data" in said and "log of its own" in said, said

    data = tmp_path / "other"
    with server(data, pipeline, broker.address) as gateway:
        post(gateway, "events", {"value": 1})
        said = refused(data, pipeline, broker.address)
        assert "in use by the server" in said, said
    done = run("serve", "--listen", "127.0.0.1:0", "--pipeline", pipeline, data=data, check=False)
    assert "belongs to a Kafka cluster" in done.stderr, done.stderr
    (data / "log/kafka_cluster").write_text("another")
    said = refused(data, pipeline, broker.address)
    assert "belongs to the Kafka cluster another" in said, said
