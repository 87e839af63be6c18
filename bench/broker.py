"""One Kafka broker on loopback, for the peers that read from Kafka."""

import contextlib
import subprocess
import time
from pathlib import Path

import harness

SETTINGS = Path(__file__).with_name("kafka") / "server.properties"


def _java(*words):
    jars = harness.ROOT / "third_party/kafka-jars"
    logging = f"-Dlog4j2.configurationFile={SETTINGS.with_name('log4j2.properties')}"
    java = ["java", "-Xms1g", "-Xmx1g", "-XX:+UseG1GC", logging, "-cp", f"{jars}/*"]
    return [*java, *map(str, words)]


@contextlib.contextmanager
def broker(scratch):
    """Starts a broker with its data in `scratch`; gives its address, and ends it at the end."""
    port, controller = harness.free_port(), harness.free_port()
    folder = scratch / "kafka"
    folder.mkdir()
    config = folder / "server.properties"
    listeners = f"PLAINTEXT://127.0.0.1:{port}"
    config.write_text(
        SETTINGS.read_text()
        + f"log.dirs={folder}/logs\n"
        + f"listeners={listeners},CONTROLLER://127.0.0.1:{controller}\n"
        + f"advertised.listeners={listeners}\n"
        + f"controller.quorum.voters=1@127.0.0.1:{controller}\n"
    )
    tool = "kafka.tools.StorageTool"
    made = subprocess.run(_java(tool, "random-uuid"), check=True, capture_output=True, text=True)
    cluster = made.stdout.split()[-1]
    format_command = _java(tool, "format", "-t", cluster, "-c", config)
    subprocess.run(format_command, check=True, capture_output=True)
    with open(folder / "broker.log", "wb") as log:
        process = subprocess.Popen(_java("kafka.Kafka", config), stdout=log, stderr=log)
    try:
        _wait(process, port, folder / "broker.log")
        yield f"127.0.0.1:{port}"
    finally:
        harness.stop(process)


def _wait(process, port, log):
    deadline = time.monotonic() + 60
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
