"""A broker of Apache Kafka on loopback, its own controller, and another client of it.

It has a listener without a password and one with (the user `app`, by PLAIN and by SCRAM; `config`
says otherwise)."""

import json
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from cloud import ROOT, TOOLS

PASSWORD = "correct horse"
JARS = ROOT / "third_party/kafka-jars"
START_SECONDS_MAX, ASK_SECONDS_MAX = 300, 300
MODULES = "org.apache.kafka.common.security"
CONFIG = """
process.roles=broker,controller
node.id={node}
controller.listener.names=CONTROLLER
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{plain},SASL_PLAINTEXT://127.0.0.1:{sasl},\
CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL_PLAINTEXT://127.0.0.1:{sasl}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,\
CONTROLLER:PLAINTEXT
listener.name.sasl_plaintext.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.sasl_plaintext.plain.sasl.jaas.config={modules}.plain.PlainLoginModule required \
user_app="{password}";
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config={modules}.scram.ScramLoginModule \
required;
log.dirs={folder}/logs
num.partitions=1
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.retention.check.interval.ms=500
log.initial.task.delay.ms=500
"""


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [taken.getsockname()[1] for taken in sockets]
    for taken in sockets:
        taken.close()
    return ports


def _java(*words, classes=""):
    logging = f"-Dlog4j2.configurationFile={ROOT}/bench/kafka/log4j2.properties"
    java = ["java", "-Xms256m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    path = f"{JARS}/*:{classes}" if classes else f"{JARS}/*"
    return [*java, logging, "-cp", path, *map(str, words)]


class ConsoleConsumer:
    """Kafka's own consumer of the terminal, in a group."""

    def __init__(self, address, topic, group):
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            _java("org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", address,
                  "--topic", topic, "--group", group, "--from-beginning"),
            stdout=self.output, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.terminate()  # it leaves its group
        self.process.wait(60)
        self.output.close()

    def values(self):
        """Those that are JSON strings: the consumer's own log is on its output, too."""
        self.output.seek(0)
        lines = self.output.read().decode().splitlines()
        return [line for line in lines if line.startswith('"')]


def new_cluster_id():
    made = subprocess.run(
        _java("kafka.tools.StorageTool", "random-uuid"), check=True, capture_output=True, text=True
    )
    return made.stdout.split()[-1]


class Node:
    """A broker with its controller, formatted and not started; `stop` and `start` keep its ports
    and its data."""

    def __init__(self, folder, cluster, config="", classes="", number=1, controllers=None):
        """`config`: lines that overrule CONFIG's; `classes`: a folder with classes for them;
        `controllers`: the ports of those of all nodes, in the order of their numbers."""
        self.folder, self.classes = Path(folder), classes
        self.plain, self.sasl, own = free_ports(3)
        controllers = controllers or [own]
        self.address = f"127.0.0.1:{self.plain}"
        self.config = self.folder / "server.properties"
        self.config.write_text(
            CONFIG.format(
                plain=self.plain, sasl=self.sasl, controller=controllers[number - 1], node=number,
                voters=",".join(f"{n + 1}@127.0.0.1:{at}" for n, at in enumerate(controllers)),
                folder=self.folder, modules=MODULES, password=PASSWORD,
            ) + config
        )  # fmt: skip
        subprocess.run(
            _java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", self.config,
                  "--add-scram", f"SCRAM-SHA-512=[name=app,password={PASSWORD}]"),
            check=True, capture_output=True,
        )  # fmt: skip
        self.process = None

    def launch(self):
        with open(self.folder / "broker.log", "wb") as output:
            java = _java("kafka.Kafka", self.config, classes=self.classes)
            self.process = subprocess.Popen(java, stdout=output, stderr=output)

    def wait(self):
        """Until it has started."""
        log = self.folder / "broker.log"
        deadline = time.monotonic() + START_SECONDS_MAX
        while b"Kafka Server started" not in log.read_bytes():
            assert self.process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)

    def start(self):
        self.launch()
        self.wait()

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


class Asked:
    """What can be asked at `address`."""

    address = ""

    def console_consumer(self, topic, group):
        return ConsoleConsumer(self.address, topic, group)

    def ask(self, what, *args):
        """Runs one of kafka_client.py's functions with another client of Kafka."""
        done = subprocess.run(
            [TOOLS / "venv-kafka/bin/python", Path(__file__).with_name("kafka_client.py"),
             self.address, what, json.dumps(args)],
            capture_output=True, text=True, timeout=ASK_SECONDS_MAX,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


class Broker(Node, Asked):
    """A cluster of one, started when made."""

    def __init__(self, folder, config="", classes=""):
        super().__init__(folder, new_cluster_id(), config, classes)
        self.start()


# A pipeline of one table; TOPIC is to be replaced by a name of the test's own.
SMALL_PIPELINE = """
name: small
topics:
  TOPIC: {partitions: 2, retention: 7d}
tables:
  raw:
    path: tables/raw
    from_topic: TOPIC
    columns: {n: bigint}
dags:
  load:
    tasks:
      load: {run: load, tables: [raw]}
"""
