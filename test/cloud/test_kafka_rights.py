"""A user whose ACLs allow reading alone: what is refused, and what continues."""

import json
import time

import pytest

from kafka_broker import PASSWORD, Broker
from numbers_in import until
from pinion import Server

pytestmark = pytest.mark.timeout(600)

CONFIG = """
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
READ = [["TOPIC", "data", "DESCRIBE"], ["TOPIC", "data", "READ"]]
WRITE = [["TOPIC", "data", "WRITE"]]
PIPELINE = """
name: small
topics:
  data: {partitions: 1}
"""
FAILED = "the producer failed"


@pytest.fixture
def broker(tmp_path):
    (tmp_path / "kafka").mkdir()
    started = Broker(tmp_path / "kafka", CONFIG)
    yield started
    started.stop()


def post(server):
    status, body, _ = server.request("POST", "/topics/data", {"records": [{"value": {"n": 1}}]})
    told = json.loads(body)
    refused = told["offsets"][0] if status == 200 else told
    return refused.get("error_code"), json.dumps(told)


def landed(server):
    rows = json.loads(server.request("GET", "/api/v1/sink")[1])["partitions"]
    return [(row["topic"], row["partition"], row["landed_offset"]) for row in rows]


def test_a_user_that_may_only_read(broker, tmp_path):
    broker.ask("create", "data", 1)
    broker.ask("allow", "app", READ)
    given = {
        "log.url": f"kafka://127.0.0.1:{broker.sasl}", "log.kafka.security": "sasl_plaintext",
        "log.kafka.sasl_mechanism": "PLAIN", "log.kafka.sasl_username": "app",
        "log.kafka.sasl_password": PASSWORD, "sink.rotate_interval_ms": "200ms",
    }  # fmt: skip
    words = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline/pipeline.yml").write_text(PIPELINE)
    words += ["--pipeline", tmp_path / "pipeline"]
    with Server(tmp_path / "a", *words, "--roles", "gateway,sink") as server:
        broker.ask("produce", "data", ["key"])
        until(lambda: landed(server), [("data", 0, 1)])
        assert FAILED not in server.log()  # what writes nothing opens no producer

        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            code, told = post(server)
            assert code == 40301 and "IdempotentWrite" in told, told
        assert server.log().count(FAILED) == 1, server.log()

        broker.ask("allow", "app", WRITE)
        until(lambda: post(server)[0], None, 60)
