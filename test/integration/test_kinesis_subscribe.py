"""SubscribeToShard over HTTP: streamed replies, for clients that are slow, gone, or many."""

import json
import socket
import threading
import time

import pytest
import requests

from kinesis import SIGNED, client
from pinion import Server

SHARD = "shardId-000000000000"
CONSUMERS = 12


def make(server, name="s", consumers=1):
    """A stream of one shard with consumers; gives the client and the consumers' ARNs."""
    kinesis = client(server)
    kinesis.create_stream(StreamName=name, ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    registered = [
        kinesis.register_stream_consumer(StreamARN=arn, ConsumerName=f"c{i}")["Consumer"]
        for i in range(consumers)
    ]
    return kinesis, [consumer["ConsumerARN"] for consumer in registered]


def subscribe(kinesis, arn, position="TRIM_HORIZON"):
    answer = kinesis.subscribe_to_shard(
        ConsumerARN=arn, ShardId=SHARD, StartingPosition={"Type": position}
    )
    return answer["EventStream"]


def records_of(events, count):
    """The data of the next `count` records."""
    data = []
    for event in events:
        data += [record["Data"] for record in event["SubscribeToShardEvent"]["Records"]]
        if len(data) >= count:
            break
    return data


def gauge(server, name):
    text = requests.get(server.url + "/metrics", timeout=30).text
    return int(text.split(f"\n{name} ")[1].split("\n")[0])


def until(check):
    deadline = time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def raw_subscription(server, arn):
    """A connection on which a subscription was asked for, and nothing is read."""
    name, port = server.url.removeprefix("http://").split(":")
    body = json.dumps(
        {"ConsumerARN": arn, "ShardId": SHARD, "StartingPosition": {"Type": "TRIM_HORIZON"}}
    )
    connection = socket.create_connection((name, int(port)), timeout=60)
    connection.sendall(
        f"POST / HTTP/1.1\r\nHost: {name}:{port}\r\nContent-Type: application/x-amz-json-1.1\r\n"
        f"X-Amz-Target: Kinesis_20131202.SubscribeToShard\r\nAuthorization: {SIGNED}\r\n"
        f"X-Amz-Date: 20260101T000000Z\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    return connection


def test_records_come_as_they_are_put(server):
    kinesis, [arn] = make(server)
    events = subscribe(kinesis, arn)
    for i in range(5):
        kinesis.put_record(StreamName="s", Data=b"%d" % i, PartitionKey="k")
        assert records_of(events, 1) == [b"%d" % i]
    events.close()


def test_more_than_one_event_holds(server):
    kinesis, [arn] = make(server)
    wanted = [b"%07d" % i + b"x" * 500_000 for i in range(20)]
    for data in wanted:
        kinesis.put_record(StreamName="s", Data=data, PartitionKey="k")
    assert records_of(subscribe(kinesis, arn), len(wanted)) == wanted


def test_waiting_holds_no_thread(server):
    """More subscriptions than there are threads; what needs a thread of the pool still has one."""
    kinesis, arns = make(server, consumers=CONSUMERS)
    streams = [subscribe(client(server), arn, "LATEST") for arn in arns]
    assert requests.get(f"{server.url}/t/streams/s", timeout=30).status_code == 200
    got = {}

    def listen(i):
        got[i] = records_of(streams[i], 1)

    threads = [threading.Thread(target=listen, args=(i,)) for i in range(CONSUMERS)]
    for thread in threads:
        thread.start()
    kinesis.put_record(StreamName="s", Data=b"for all", PartitionKey="k")
    for thread in threads:
        thread.join(60)
    assert got == {i: [b"for all"] for i in range(CONSUMERS)}


def test_client_that_is_gone(server):
    _, arns = make(server, consumers=2)
    connections = [raw_subscription(server, arn) for arn in arns]
    for connection in connections:
        assert b"200 OK" in connection.recv(64)
    until(lambda: gauge(server, "pinion_gateway_requests_in_flight") >= 3)
    connections[0].close()
    connections[1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connections[1].close()
    # This one asks, itself.
    until(lambda: gauge(server, "pinion_gateway_requests_in_flight") == 1)


def test_client_that_reads_nothing(server):
    kinesis, arns = make(server, consumers=4)
    for _ in range(20):
        kinesis.put_record(StreamName="s", Data=b"x" * 1_000_000, PartitionKey="k")
    connections = [raw_subscription(server, arn) for arn in arns]
    assert requests.get(f"{server.url}/t/streams/s", timeout=30).status_code == 200
    kinesis.put_record(StreamName="s", Data=b"y", PartitionKey="k")
    for connection in connections:
        connection.close()


@pytest.mark.parametrize("position", ["LATEST", "TRIM_HORIZON"])
def test_the_end_of_the_server_is_the_end_of_the_reply(data, position):
    """However long a drain may take: a subscription is not waited for."""
    with Server(data, "--set", "gateway.drain_ms=1h") as running:
        kinesis, [arn] = make(running)
        kinesis.put_record(StreamName="s", Data=b"1", PartitionKey="k")
        events = subscribe(kinesis, arn, position)
        assert next(iter(events))["SubscribeToShardEvent"]["Records"] is not None
        running.stop()
        for event in events:
            assert event["SubscribeToShardEvent"]["Records"] == []


def test_records_above_the_kafka_limit(server):
    """A stream's limit is its own, and may be ten times the log's for Kafka's producers."""
    kinesis, [arn] = make(server)
    large = b"x" * 5_000_000
    with pytest.raises(kinesis.exceptions.ClientError, match="ValidationException"):
        kinesis.put_record(StreamName="s", Data=large, PartitionKey="k")
    stream = arn.split("/consumer/")[0]
    kinesis.update_max_record_size(StreamARN=stream, MaxRecordSizeInKiB=10240)
    kinesis.put_record(StreamName="s", Data=large, PartitionKey="k")
    assert records_of(subscribe(kinesis, arn), 1) == [large]
    value = {"records": [{"value": "x" * 1_100_000}]}
    assert requests.post(f"{server.url}/topics/t", json=value, timeout=30).status_code == 413
