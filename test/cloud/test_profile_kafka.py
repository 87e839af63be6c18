"""Profiles with a real broker of Apache Kafka: the check of the log, a store that is copied while
the log is Kafka, and servers that are replaced one after the other."""

import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from kafka_broker import PASSWORD, SMALL_PIPELINE, free_ports
from pinion import Server, run
from s3 import BUCKET, KEYS, S3, settings

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def topic():
    """A name of the test's own: the tests share the broker."""
    return f"events-{uuid.uuid4().hex}"


@pytest.fixture
def pipeline(tmp_path, topic):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/pipeline.yml").write_text(SMALL_PIPELINE.replace("TOPIC", topic))
    return tmp_path / "mine"


def check(*words, **more):
    done = run("profile", "check", *words, "--format", "json", check=False, **more)
    return done.returncode, {row["part"]: row for row in json.loads(done.stdout)}


def test_what_is_wrong_with_the_log(broker, pipeline, tmp_path):
    at = {"data": tmp_path / "data"}
    words = ["kafka", "--pipeline", pipeline]
    here = ["--set", f"log.url=kafka://{broker.address}"]
    status, found = check(*words, *here, **at)
    assert status == 0 and "1 of the pipeline's 1 topics" in found["log"]["detail"]
    with Server(tmp_path / "data", "--profile", "kafka", "--pipeline", pipeline, *here):
        status, found = check(*words, *here, **at)
        assert status == 0 and "topics can be read" in found["log"]["detail"]
    login = ["--set", f"log.url=kafka://127.0.0.1:{broker.sasl}"]
    login += ["--set", "log.kafka.security=sasl_plaintext", "--set", "log.kafka.sasl_username=app"]
    status, found = check(*words, *login, "--set", f"log.kafka.sasl_password={PASSWORD}", **at)
    assert status == 0, found
    status, found = check(*words, *login, "--set", "log.kafka.sasl_password=not-this", **at)
    assert status == 1 and found["log"]["setting"] in found["log"]["detail"]
    assert found["log"]["setting"].startswith("log.kafka.sasl_") and "not-this" not in str(found)
    status, found = check(*words, "--set", f"log.url=kafka://127.0.0.1:{free_ports(1)[0]}", **at)
    assert status == 1 and found["log"]["setting"] == "log.url"


def test_a_store_copied_to_a_bucket_and_back(broker, pipeline, topic, tmp_path):
    data = tmp_path / "data"
    common = ["--profile", "kafka", "--pipeline", pipeline, "--set",
              f"log.url=kafka://{broker.address}", "--set", "sink.flush_size=7"]  # fmt: skip

    def use(first, end, *options):
        with Server(data, *common, *options, env=KEYS) as server:
            values = [{"value": {"n": n}, "partition": n % 2} for n in range(first, end)]
            status, answer, _ = server.request("POST", f"/topics/{topic}", {"records": values})
            assert status == 200, answer
            run("dag", "trigger", "load", "--wait", *common, *options, data=data, env=KEYS)
        counted = run("query", "SELECT count(*) AS n, count(DISTINCT n) AS d FROM raw", "--format",
                      "json", *common, *options, data=data, env=KEYS)  # fmt: skip
        assert json.loads(counted.stdout) == [{"n": end, "d": end}]

    with S3(tmp_path / "s3" / "buckets") as s3:
        bucket = settings(s3.url, "copied")
        url = f"s3://{BUCKET}/copied"
        for first in (0, 40):
            use(first, first + 20)
            run("store", "copy", "local", url, *common, *bucket[2:], data=data, env=KEYS)
            use(first + 20, first + 40, *bucket)
            run("store", "copy", url, "local", *common, *bucket[2:], data=data, env=KEYS)
        use(80, 100)


def test_gateways_are_replaced_one_by_one(broker, pipeline, topic, tmp_path):
    """An upgrade without a stop: a client that tries the other gateway loses nothing, and a worker
    that stops meanwhile lands all of it afterwards."""
    common = ["--profile", "kafka", "--pipeline", pipeline]
    common += ["--set", f"log.url=kafka://{broker.address}", "--set", "sink.rotate_interval_ms=1s"]
    gateways = [
        Server(tmp_path / f"gateway-{n}", *common, "--roles", "gateway").start() for n in (1, 2)
    ]
    worker = Server(tmp_path / "worker", *common, "--roles", "gateway,sink,scheduler").start()
    acknowledged, is_over = [], threading.Event()

    def produce():
        number = 0
        while not is_over.is_set():
            for gateway in (gateways[number % 2], gateways[1 - number % 2]):
                body = {"records": [{"value": {"n": number}}]}
                try:
                    status, _, _ = gateway.request("POST", f"/topics/{topic}", body)
                except OSError:
                    continue
                if status == 200:
                    acknowledged.append(number)
                    break
            else:
                raise AssertionError("no gateway took the record")
            number += 1

    with ThreadPoolExecutor(1) as pool:
        producer = pool.submit(produce)
        for server in (*gateways, worker):
            before = len(acknowledged)
            while len(acknowledged) < before + 20:
                assert not producer.done(), producer.result()
                time.sleep(0.01)
            server.stop()
            server.start()
        is_over.set()
        producer.result()
    run("dag", "trigger", "load", "--wait", *common, data=worker.data)
    deadline = time.monotonic() + 120
    landed = []
    while len(landed) < len(acknowledged):
        assert time.monotonic() < deadline
        files = (worker.data / f"store/topics/{topic}").rglob("*.json")
        landed = [json.loads(line)["n"] for file in files for line in file.read_text().splitlines()]
        time.sleep(0.05)
    for server in (*gateways, worker):
        server.stop()
    assert sorted(set(landed)) == acknowledged
