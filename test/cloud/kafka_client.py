"""What the tests ask of Kafka beside pinion, with Confluent's client: `ADDRESS FUNCTION ARGS`."""

import base64
import json
import sys

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

address, function, arguments = sys.argv[1:4]


def _text(value):
    return None if value is None else value.decode(errors="replace")


def _bytes(text):
    return None if text is None else base64.b64decode(text)


def records(topic, partition):
    """All records of a partition."""
    consumer = Consumer({
        "bootstrap.servers": address, "group.id": "test", "enable.partition.eof": True,
    })  # fmt: skip
    consumer.assign([TopicPartition(topic, partition, 0)])
    found = []
    while True:
        message = consumer.poll(60)
        if message.error():
            break
        headers = [[name, _text(value)] for name, value in message.headers() or []]
        found.append({
            "offset": message.offset(), "key": _text(message.key()),
            "value": _text(message.value()), "headers": headers,
        })  # fmt: skip
    consumer.close()
    return found


def transaction(topic, values, commit):
    """One transaction's records, which is committed, or aborted."""
    producer = Producer({"bootstrap.servers": address, "transactional.id": "test"})
    producer.init_transactions(60)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value)
    if commit:
        producer.commit_transaction(60)
    else:
        producer.flush(60)
        producer.abort_transaction(60)


def produce(topic, keys):
    """A record of each key, where Kafka's Java clients put it."""
    producer = Producer({"bootstrap.servers": address, "partitioner": "murmur2_random"})
    for key in keys:
        producer.produce(topic, "0", key)
    producer.flush(60)


def produce_all(topic, records, transactional):
    """Records, each [key, value, timestamp, headers], in one transaction or without; bytes are in
    base64."""
    given = {"transactional.id": "test-all"} if transactional else {}
    producer = Producer({"bootstrap.servers": address, **given})
    if transactional:
        producer.init_transactions(60)
        producer.begin_transaction()
    for key, value, timestamp, headers in records:
        headers = [(name, _bytes(of)) for name, of in headers]
        producer.produce(
            topic, _bytes(value), _bytes(key), partition=0, timestamp=timestamp, headers=headers
        )
    if transactional:
        producer.commit_transaction(60)
    producer.flush(60)


def create(topic, partitions):
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic(topic, partitions)])[topic].result(60)


def make_again(topic, partitions, values):
    """Deletes the topic and creates it again; then value after value goes to its partitions in
    turn."""
    admin = AdminClient({"bootstrap.servers": address})
    admin.delete_topics([topic])[topic].result(60)
    while True:
        try:
            create(topic, partitions)
            break
        except KafkaException as e:  # it is still being deleted
            if e.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    producer = Producer({"bootstrap.servers": address, "message.timeout.ms": 60000})
    for i, value in enumerate(values):
        producer.produce(topic, json.dumps(value), partition=i % partitions)
    assert producer.flush(60) == 0


def committed(group, topic, partitions):
    """The offsets that a group has committed; -1001 where it has none."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": group})
    places = [TopicPartition(topic, partition) for partition in range(partitions)]
    found = [place.offset for place in consumer.committed(places, 60)]
    consumer.close()
    return found


def settings(topic):
    """The topic's own settings, and how many partitions it has."""
    admin = AdminClient({"bootstrap.servers": address})
    resource = ConfigResource(ResourceType.TOPIC, topic)
    found = admin.describe_configs([resource])[resource].result(60)
    own = {name: entry.value for name, entry in found.items() if entry.source == 1}
    return {**own, "partitions": len(admin.list_topics(topic, 60).topics[topic].partitions)}


def leaders(topic):
    """The brokers that lead its partitions; none where there is no such topic."""
    found = AdminClient({"bootstrap.servers": address}).list_topics(timeout=60).topics.get(topic)
    return [] if found is None else [one.leader for one in found.partitions.values()]


def allow(user, rights):
    """Rights of a user, each [kind, name, operation]; a name that ends with * is a prefix."""
    acls = [
        AclBinding(
            ResourceType[kind], name.removesuffix("*"),
            ResourcePatternType.PREFIXED if name.endswith("*") else ResourcePatternType.LITERAL,
            f"User:{user}", "*", AclOperation[operation], AclPermissionType.ALLOW,
        )
        for kind, name, operation in rights
    ]  # fmt: skip
    admin = AdminClient({"bootstrap.servers": address})
    for made in admin.create_acls(acls).values():
        made.result(60)


print(json.dumps(globals()[function](*json.loads(arguments))))
