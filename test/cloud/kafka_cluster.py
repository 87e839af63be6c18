"""Three brokers of Apache Kafka on loopback, each a controller as well.

Each record is on all three, and is acknowledged when two have it. Clients reach a broker through a
relay, by which it can be cut off from them; the brokers reach each other without."""

import signal
from pathlib import Path

from kafka_broker import Asked, Node, free_ports, new_cluster_id
from relay import Relay

BROKERS = 3
CONFIG = """
listeners=PLAINTEXT://127.0.0.1:{own},BROKERS://127.0.0.1:{between},\
CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{relay},BROKERS://127.0.0.1:{between}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,BROKERS:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKERS
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
replica.lag.time.max.ms=4000
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=1000
"""


class Cluster(Asked):
    """Started when made."""

    def __init__(self, folder):
        cluster, controllers = new_cluster_id(), free_ports(BROKERS)
        self.nodes, self.relays = [], []
        for number in range(1, BROKERS + 1):
            place = Path(folder) / f"broker{number}"
            place.mkdir(parents=True)
            own, between = free_ports(2)
            relay = Relay(own)
            config = CONFIG.format(
                own=own, between=between, relay=relay.port, controller=controllers[number - 1]
            )
            self.relays.append(relay)
            self.nodes.append(Node(place, cluster, config, "", number, controllers))
        self.address = ",".join(f"127.0.0.1:{relay.port}" for relay in self.relays)
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait()

    def freeze(self, number):
        self.nodes[number].process.send_signal(signal.SIGSTOP)

    def thaw(self, number):
        self.nodes[number].process.send_signal(signal.SIGCONT)

    def stop(self):
        for node in self.nodes:
            node.stop()
        for relay in self.relays:
            relay.close()
