"""Puts the lines of standard input into a Kafka topic.

usage: kafka_put.py BROKER TOPIC fill   all of them, and ends when all are acknowledged
       kafka_put.py BROKER TOPIC each   one by one; says `ok` when a line is acknowledged
"""

import sys

from confluent_kafka import Producer

address, topic, how = sys.argv[1:4]
producer = Producer({
    "bootstrap.servers": address,
    "acks": "all",
    "linger.ms": 20 if how == "fill" else 0,
    "queue.buffering.max.kbytes": 1 << 20,
    "queue.buffering.max.messages": 1_000_000,
})  # fmt: skip
for number, line in enumerate(iter(sys.stdin.buffer.readline, b"")):
    producer.produce(topic, line.rstrip(b"\n"))
    if how == "each":
        if producer.flush(60) > 0:
            sys.exit("Kafka does not acknowledge a record")
        print("ok", flush=True)
    elif number % 1000 == 0:
        producer.poll(0)
if producer.flush(120) > 0:
    sys.exit("Kafka does not acknowledge its records")
