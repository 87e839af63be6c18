"""deploy/docker/cluster.yml: by the Compose specification, and its services' commands and settings
run by this machine's pinion, with a broker of Apache Kafka and an S3 server. No image is pulled."""

import json
import re
import time

import pytest
import yaml

from contract import UID
from kafka_broker import Broker
from pinion import ROOT, Server, run
from s3 import BUCKET, S3
from test_docker import composed, variables

CLUSTER = ROOT / "deploy/docker/cluster.yml"
PINIONS = ("gateway-1", "gateway-2", "worker-1", "worker-2")

JSON = {"Content-Type": "application/json"}

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def file():
    return yaml.safe_load(CLUSTER.read_text())


def test_the_specification(file):
    composed(yaml.safe_dump(file))  # with its fragments filled in, which the checker cannot
    wrong = yaml.safe_dump(file).replace("stop_grace_period: 60s", "stop_grace: 60s", 1)
    assert "stop_grace" in composed(wrong, 1)
    services = file["services"]
    assert {name for name, of in services.items() if of.get("build")} == set(PINIONS)
    ports = [port for of in services.values() for port in of.get("ports", [])]
    assert len(ports) == 3 and all(port.startswith("127.0.0.1:") for port in ports)
    used = {volume.split(":")[0] for of in services.values() for volume in of.get("volumes", [])}
    assert used == set(file["volumes"])
    for name in PINIONS:  # each has a data folder of its own
        assert services[name]["volumes"] == [f"{name}:/var/lib/pinion"]


def started(service, file, folder, name, kafka, s3):
    """The service as it is in the file, but for the addresses of the others."""
    environment = service["environment"]
    (config,) = service["configs"]
    settings = variables(file["configs"][config["source"]]["content"], {})
    places = {"kafka:9092": kafka, "http://s3:7070": s3, "s3://pipeline": f"s3://{BUCKET}"}
    for theirs, here in places.items():
        settings = settings.replace(theirs, here)
    assert kafka in settings and (s3 in settings) == name.startswith("worker")
    (folder / name).mkdir()
    (folder / name / "settings.yml").write_text(settings)
    words = service["command"]
    assert words[:3] == ["serve", "--listen", "0.0.0.0:8082"]
    words = [word.replace("/etc/pinion", str(folder / name)) for word in words[3:]]
    env = {key: variables(value, {}) for key, value in environment.items()}
    return Server(folder / name / "data", *words, env=env), env


def landed(s3):
    """How many records are in the bucket."""
    get = s3.client().get_object
    keys = [key for key in s3.keys("topics/") if key.endswith(".json")]
    return sum(get(Bucket=BUCKET, Key=key)["Body"].read().count(b"\n") for key in keys)


def filled(worker):
    """How many rows a worker has put into stream tables."""
    told = json.loads(worker.request("GET", "/api/v1/streams")[1])
    return sum(table["rows"] for table in told["tables"])


def partitions(worker):
    """Those that a worker lands."""
    answer = json.loads(worker.request("GET", "/api/v1/sink")[1])
    return {(one["topic"], one["partition"]) for one in answer["partitions"]}


def test_the_services(file, tmp_path):
    """Records that came to either gateway are landed by the workers, each of which has a share, and
    are tables of the bucket by the first worker's DAG; records of streams fill their tables."""
    (tmp_path / "kafka").mkdir()
    broker = Broker(tmp_path / "kafka")
    try:
        with S3(tmp_path / "s3") as s3:
            servers = {
                name: started(file["services"][name], file, tmp_path, name, broker.address, s3.url)
                for name in PINIONS
            }
            env = servers["worker-1"][1]
            with servers["gateway-1"][0] as one, servers["gateway-2"][0] as two, \
                    servers["worker-1"][0] as worker, servers["worker-2"][0] as other:  # fmt: skip
                topics = {(f"{UID}.{name}", 0) for name in ("pin", "geo", "user")}
                deadline = time.monotonic() + 300
                while not (
                    (ours := partitions(worker)) and (theirs := partitions(other))
                    and ours | theirs == topics and not ours & theirs
                ):  # fmt: skip
                    assert time.monotonic() < deadline, f"{ours} {theirs} {worker.log()}"
                    time.sleep(0.2)
                for n, server in enumerate((one, two)):
                    server.produce(f"{UID}.geo", {"ind": n, "country": "Peru", "latitude": 1.5,
                                   "longitude": 2, "timestamp": "2020-01-01 00:00:00"})  # fmt: skip
                    check = file["services"]["worker-1"]["healthcheck"]["test"][2:]
                    assert run(*[re.sub("^http:.*", server.url, word) for word in check], env=env)
                    data = {"ind": n, "country": "Peru", "latitude": 1.5, "longitude": 2,
                            "timestamp": "2020-01-01 00:00:00"}  # fmt: skip
                    stream = f"streaming-{UID}-geo"
                    record = {"StreamName": stream, "PartitionKey": "test_geo", "Data": data}
                    put = f"/test/streams/{stream}/record"
                    status, body, _ = server.request("PUT", put, record, JSON)
                    assert status == 200, body
                deadline = time.monotonic() + 300
                while filled(worker) + filled(other) < 2:
                    assert time.monotonic() < deadline, f"{worker.log()} {other.log()}"
                    time.sleep(0.2)
                assert worker.request("GET", "/ui/")[0] == 200
                deadline = time.monotonic() + 300
                while landed(s3) < 2:  # or after sink.rotate_interval_ms
                    status, body, _ = worker.request("POST", "/api/v1/sink/flush", {}, JSON)
                    assert status == 200, body
                    assert time.monotonic() < deadline, worker.log()
                    time.sleep(0.2)
                at = {"data": worker.data, "env": env, "timeout": 600}
                config = ("--config", tmp_path / "worker-1/settings.yml")
                run("dag", "trigger", "batch_processing_dag", "--wait", *config, **at)
                sql = "SELECT ind FROM geo ORDER BY ind"
                rows = run("query", sql, "--format", "json", *config, **at).stdout
                assert json.loads(rows) == [{"ind": 0}, {"ind": 1}]
    finally:
        broker.stop()
