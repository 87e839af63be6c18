"""Kafka brokers on loopback: one, or three that share each record."""

import contextlib
import subprocess
import time
from pathlib import Path

import harness

SETTINGS = Path(__file__).with_name("kafka") / "server.properties"


# Of three brokers: each record is on all, and is acknowledged when two have it.
THREE = """
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
"""


def _java(*words, memory="1g"):
    jars = harness.ROOT / "third_party/kafka-jars"
    logging = f"-Dlog4j2.configurationFile={SETTINGS.with_name('log4j2.properties')}"
    java = ["java", f"-Xms{memory}", f"-Xmx{memory}", "-XX:+UseG1GC", logging, "-cp", f"{jars}/*"]
    return [*java, *map(str, words)]


@contextlib.contextmanager
def broker(scratch):
    """Starts a broker with its data in `scratch`; gives its address, and ends it at the end."""
    with brokers(scratch, 1) as address:
        yield address


@contextlib.contextmanager
def brokers(scratch, count):
    """One broker, or three, each a controller as well."""
    ports, controllers = [[harness.free_port() for _ in range(count)] for _ in range(2)]
    voters = ",".join(f"{n + 1}@127.0.0.1:{port}" for n, port in enumerate(controllers))
    tool, memory = "kafka.tools.StorageTool", "1g" if count == 1 else "384m"
    made = subprocess.run(_java(tool, "random-uuid"), check=True, capture_output=True, text=True)
    started = []
    try:
        for n, (port, controller) in enumerate(zip(ports, controllers)):
            folder = scratch / f"kafka{n}"
            folder.mkdir()
            listeners = f"PLAINTEXT://127.0.0.1:{port}"
            (folder / "server.properties").write_text(
                SETTINGS.read_text().replace("node.id=1", f"node.id={n + 1}")
                + (THREE if count > 1 else "")
                + f"log.dirs={folder}/logs\n"
                + f"listeners={listeners},CONTROLLER://127.0.0.1:{controller}\n"
                + f"advertised.listeners={listeners}\n"
                + f"controller.quorum.voters={voters}\n"
            )
            config = folder / "server.properties"
            cluster = made.stdout.split()[-1]
            format_command = _java(tool, "format", "-t", cluster, "-c", config)
            subprocess.run(format_command, check=True, capture_output=True)
            with open(folder / "broker.log", "wb") as log:
                command = _java("kafka.Kafka", config, memory=memory)
                started.append(subprocess.Popen(command, stdout=log, stderr=log))
        for n, process in enumerate(started):
            _wait(process, ports[n], scratch / f"kafka{n}" / "broker.log")
        yield ",".join(f"127.0.0.1:{port}" for port in ports)
    finally:
        for process in started:
            harness.stop(process)


def _wait(process, port, log):
    deadline = time.monotonic() + 120
    while b"Kafka Server started" not in log.read_bytes():
        if process.poll() is not None or time.monotonic() > deadline:
            text = log.read_text(errors="replace")[-2000:]
            raise harness.BenchError(f"Kafka does not start on port {port}:\n{text}")
        time.sleep(0.1)


def _putter(address, topic, how):
    script = harness.ROOT / "bench/peers/kafka_put.py"
    return subprocess.Popen(
        [harness.PYTHON, script, address, topic, how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def fill(address, topic, lines):
    """Puts lines into a topic, which is made; returns when all are acknowledged."""
    putter = _putter(address, topic, "fill")
    putter.communicate(b"".join(line + b"\n" for line in lines))
    if putter.returncode != 0:
        raise harness.BenchError("Kafka does not acknowledge its records")


@contextlib.contextmanager
def producer(address, topic):
    """Gives a function that puts one line and returns when it is acknowledged."""
    putter = _putter(address, topic, "each")

    def put(line):
        putter.stdin.write(line + b"\n")
        putter.stdin.flush()
        if putter.stdout.readline() != b"ok\n":
            raise harness.BenchError("Kafka does not acknowledge a record")

    try:
        yield put
    finally:
        harness.stop(putter)
