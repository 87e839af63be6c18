"""A fault at each request of a whole run on a bucket: of landing, of a server's start, of a batch.

Here each fault is tried at some of the requests. `scripts/test faults` tries each at each.
"""

import base64
import json
import os
import subprocess

import pytest

from pinion import ROOT, Failed, Server, run
from s3 import BUCKET, KEYS, Proxy, proxy, s3, settings  # noqa: F401

CHAIN_TEST = ROOT / "build-asan-ubsan/test_sink_chain"
PIPELINE = ROOT / "pipelines/minimal"
FAULTS = ("500", "lost", "409", "reset", "412", "503", "short", "flipped", "slow")
ALL = os.environ.get("PINION_FAULTS") == "all"
FLUSHES_MAX = 20
BINARY = {"Content-Type": "application/vnd.kafka.binary.v2+json"}
VALUES, LETTERS = 8, 1  # of a round; with objects of 4 records the last one has a dead letter alone


@pytest.fixture
def prefix(request):
    return request.node.name.translate(str.maketrans("[]", "--"))


def options(at, prefix):
    return ("--pipeline", PIPELINE, *settings(at.url, prefix), "--set", "sink.flush_size=4")


def produce(server, first):
    """A round's records, the last of which is not JSON."""
    server.produce("events", *({"id": first + n, "name": "n", "amount": 1} for n in range(VALUES)))
    letter = base64.b64encode(b"letter %d" % first).decode()
    body = {"records": [{"value": letter}] * LETTERS}
    assert server.request("POST", "/topics/events", body, BINARY)[0] == 200


def flush(server):
    """As somebody who tries again until it is done."""
    for _ in range(FLUSHES_MAX):
        status, answer, _ = server.request("POST", "/api/v1/sink/flush")
        if status == 200:
            return
        assert json.loads(answer)["error"]["message"]
    raise AssertionError(answer)


def lines(s3, folder):
    client = s3.client()
    return [
        json.loads(line)
        for key in s3.keys(folder)
        for line in client.get_object(Bucket=BUCKET, Key=key)["Body"].read().splitlines()
    ]


def assert_each_once(s3, prefix, rounds):
    """Each record that was acknowledged is in one object."""
    values = sorted(line["id"] for line in lines(s3, f"{prefix}/topics/"))
    assert values == list(range(rounds * VALUES))
    letters = sorted(line["value"] for line in lines(s3, f"{prefix}/dead_letters/"))
    assert letters == sorted(f"letter {n * VALUES}" for n in range(rounds))


def start(server, proxy):
    """A start may fail by the fault, with an error; the next one must not."""
    try:
        server.start()
    except Failed as failed:
        assert server.process.wait(30) == 1
        assert str(failed).splitlines()[-1].startswith("pinion: ")
        proxy.begin({})
        server.start()


def rounds_of(faults, step):
    """(number of the request, fault), as long as send(True) says that there was such a request.
    Unless all are asked for, each number has one fault, and is `step` after the one before."""
    number, turn = 1, 0
    while True:
        fired = False
        for fault in faults if ALL else faults[turn % len(faults) :][:1]:
            fired = (yield number, fault) or fired
        if not fired:
            return
        number, turn = number + (1 if ALL else step), turn + 1


def test_start_and_landing(s3, proxy, prefix, data):
    server = Server(data, *options(proxy, prefix), env=KEYS)
    tries, count, fired = rounds_of(FAULTS, 4), 0, None
    while True:
        try:
            number, fault = tries.send(fired)
        except StopIteration:
            break
        proxy.begin({number: fault})
        start(server, proxy)
        produce(server, count * VALUES)
        flush(server)
        fired = len(proxy.requests) >= number
        server.kill() if count % 2 else server.stop()
        count += 1
    assert count > 3
    assert_each_once(s3, prefix, count)


def test_killed_at_each_request(s3, proxy, prefix, data):
    """kill -9, before or after the server of the bucket has done what was asked."""
    server = Server(data, *options(proxy, prefix), env=KEYS)
    proxy.call = lambda: server.process.kill()
    tries, count, fired = rounds_of(("before", "after"), 4), 0, None
    while True:
        try:
            number, fault = tries.send(fired)
        except StopIteration:
            break
        proxy.begin({})
        server.start()
        produce(server, count * VALUES)
        server.kill()
        proxy.begin({number: fault})
        try:
            server.start()
            flush(server)
        except (Failed, OSError):
            assert server.process.wait(30) == -9
        fired = len(proxy.requests) >= number
        proxy.begin({})
        server.kill()
        server.start()
        flush(server)
        server.kill()
        count += 1
    assert count > 3
    assert_each_once(s3, prefix, count)


def test_requests_an_object(s3, proxy, prefix, data):
    """In the steady state an object costs the one request that puts it."""
    with Server(data, *options(proxy, prefix), env=KEYS) as server:
        produce(server, 0)
        flush(server)
        proxy.begin({})
        for n in range(50):
            server.produce("events", *({"id": n} for n in range(4)))
        flush(server)
        below = f"/{BUCKET}/{prefix}/topics/"
        assert len(s3.keys(f"{prefix}/topics/")) == 53
        landing = [one for one in proxy.requests if one[0] == "PUT" and below in one[1]]
        others = [
            one[:2]
            for one in proxy.requests
            if one not in landing and "/events" in one[1] and "/tables/events" not in one[1]
        ]
        assert len(landing) == 50 and others == []


@pytest.mark.skipif(not CHAIN_TEST.exists(), reason="`scripts/test unit` builds it")
def test_several_sinks_on_one_log(s3):
    """Threads with a sink each, which land the same records to the same bucket."""
    with Proxy(s3, in_turn=True) as proxy:
        env = {**os.environ, **KEYS, "PINION_TEST_S3": proxy.url}
        done = subprocess.run([CHAIN_TEST], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("PASSED") == 2  # S3 was among the stores


def versions(s3, prefix):
    """How many versions the raw table has, and the clean one."""
    logs = [f"{prefix}/tables/{table}/_delta_log/" for table in ("raw/events", "events")]
    return {log: sum(key.endswith(".json") for key in s3.keys(log)) for log in logs}


def test_batch(s3, proxy, prefix, data):
    """A load and a transform: done as a whole, or not at all, and what it says is so."""
    with Server(data, *options(s3, prefix), env=KEYS) as server:
        produce(server, 0)
        flush(server)
    run("batch", *options(s3, prefix), data=data, env=KEYS)
    expected = [{"n": VALUES, "s": VALUES * (VALUES - 1) // 2}]
    tries, fired, done = rounds_of(FAULTS, 17), None, 0
    while True:
        try:
            number, fault = tries.send(fired)
        except StopIteration:
            break
        before = versions(s3, prefix)
        proxy.begin({number: fault})
        ended = run("batch", *options(proxy, prefix), data=data, env=KEYS, check=False)
        fired = len(proxy.requests) >= number
        made = {name: count - before[name] for name, count in versions(s3, prefix).items()}
        if ended.returncode == 0:
            assert set(made.values()) == {1}, (number, fault)
            done += 1
        else:
            assert ended.returncode == 1 and ended.stderr.strip(), (number, fault)
            assert set(made.values()) <= {0, 1}, (number, fault)
        rows = run("query", "SELECT count(*) AS n, sum(id) AS s FROM events", "--format", "json",
                   *options(s3, prefix), data=data, env=KEYS)  # fmt: skip
        assert json.loads(rows.stdout) == expected, (number, fault)
    assert done > 2
