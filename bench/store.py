"""The store in a bucket of versitygw, which is on this machine: objects that the sink lands, one a
record, beside boto3 with 8 threads; the load of such objects from a bucket that is far away,
likewise; and how many requests it takes."""

import asyncio
import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import harness

SERVER = harness.ROOT / "third_party/cloud/bin/versitygw"
BUCKET, KEY, SECRET, REGION = "bench", "bench-key", "bench-secret", "us-east-1"
TOPIC, RECORD_BYTES, A_REQUEST, THREADS = "events", 1024, 500, 8
PUT_GOAL, REQUESTS_GOAL, FAR_GOAL = 2, 1.05, 2
WAY_S = 0.01  # that a byte is on its way to the bucket that is far away, and back
PIPELINE = """
name: bench
topics:
  events: {partitions: 4}
tables:
  raw:
    path: raw_MODE
    from_topic: events
    mode: MODE
    columns: {n: bigint, text: string}
dags:
  load:
    tasks:
      load: {run: load, tables: [raw]}
"""


def names(options):
    """None without versitygw, which `scripts/setup cloud` builds."""
    return ["store.put", "store.far", "store.requests"] if SERVER.exists() else []


@contextlib.contextmanager
def bucket(scratch):
    """An empty bucket; gives the port of its server."""
    port, folder = harness.free_port(), scratch / "buckets"
    (folder / BUCKET).mkdir(parents=True)
    keys = {"ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET}
    with open(scratch / "s3.log", "wb") as log:
        process = subprocess.Popen(
            [SERVER, "--port", f"127.0.0.1:{port}", "--region", REGION, "posix", folder],
            stdout=log, stderr=log, env={**os.environ, **keys},
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while harness.get(port, "/")[0] is None:
            if process.poll() is not None or time.monotonic() > deadline:
                raise harness.BenchError((scratch / "s3.log").read_text()[-2000:])
            time.sleep(0.01)
        yield port
    finally:
        harness.stop(process)


class Counter:
    """A proxy that keeps method and path of each request."""

    def __init__(self, port):
        self.requests = []
        counter, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with lock:
                    counter.requests.append((self.command, self.path))
                upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                upstream.putrequest(self.command, self.path, True, True)
                for name, value in self.headers.items():
                    upstream.putheader(name, value)
                upstream.endheaders(body)
                reply = upstream.getresponse()
                content = reply.read()
                upstream.close()
                length = str(len(content))
                if self.command == "HEAD":
                    length = reply.getheader("Content-Length") or "0"
                self.send_response(reply.status)
                for name, value in reply.getheaders():
                    if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                        self.send_header(name, value)
                self.send_header("Content-Length", length)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = pass_on

            def log_message(self, *ignored):
                pass

        self.listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.listener.daemon_threads = True
        self.port = self.listener.server_address[1]
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()


class Far:
    """A port that passes bytes on to another one, each WAY_S later."""

    def __init__(self, port):
        self._loop, ready = asyncio.new_event_loop(), threading.Event()
        self._target = port
        self.port = None

        async def listen():
            server = await asyncio.start_server(self._connect, "127.0.0.1", 0, backlog=256)
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            await server.serve_forever()

        threading.Thread(target=self._loop.run_until_complete, args=(listen(),),
                         daemon=True).start()  # fmt: skip
        ready.wait()

    async def _connect(self, reader, writer):
        away, back = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(self._pass(reader, back), self._pass(away, writer))

    async def _pass(self, reader, writer):
        chunks = asyncio.Queue()

        async def send():
            while True:
                due, chunk = await chunks.get()
                await asyncio.sleep(due - self._loop.time())
                if not chunk:
                    writer.close()
                    return
                writer.write(chunk)

        sending = asyncio.create_task(send())
        chunk = b"x"
        while chunk:
            try:
                chunk = await reader.read(1 << 16)
            except ConnectionError:
                chunk = b""
            chunks.put_nowait((self._loop.time() + WAY_S, chunk))
        await sending


def words(scratch, port, prefix, mode="append"):
    """The options of a command that uses the bucket, and a pipeline of one table in that mode."""
    folder = scratch / f"pipeline-{mode}"
    folder.mkdir(exist_ok=True)
    (folder / "pipeline.yml").write_text(PIPELINE.replace("MODE", mode))
    values = {
        "store.url": f"s3://{BUCKET}/{prefix}", "store.endpoint": f"http://127.0.0.1:{port}",
        "store.path_style": "true", "store.region": REGION, "store.access_key": KEY,
        "store.secret_key": SECRET, "sink.flush_size": 1, "sink.rotate_interval_ms": "1h",
    }  # fmt: skip
    sets = [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
    return ["--pipeline", folder, *sets]


def post(port, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    kind = "vnd.kafka.json.v2+json" if path.startswith("/topics") else "json"
    headers = {"Content-Type": f"application/{kind}"}
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status != 200:
        raise harness.BenchError(f"{path}: {answer.status} {text[:500]!r}")


def produce(port, first, count):
    """Records of RECORD_BYTES each."""
    for at in range(first, first + count, A_REQUEST):
        numbers = range(at, min(at + A_REQUEST, first + count))
        values = [{"n": n, "text": "x" * (RECORD_BYTES - 30)} for n in numbers]
        post(port, f"/topics/{TOPIC}", {"records": [{"value": value} for value in values]})


def land(port):
    """Lands what there is; the seconds that it took."""
    began = time.monotonic()
    post(port, "/api/v1/sink/flush", {})
    return time.monotonic() - began


def count_objects(scratch, prefix):
    found = (scratch / "buckets" / BUCKET / prefix / "topics").rglob("*.json")
    return sum(1 for _ in found)


# --- beside boto3 ------------------------------------------------------------------------------


def our_rate(scratch, s3, prefix, count):
    """Objects a second. The records are in the log before the sink is there."""
    data, port = scratch / f"data-{prefix}", harness.free_port()
    options = words(scratch, s3, prefix)
    log = scratch / "pinion.log"
    with harness.pinion_serve(data, port, log, *options, "--roles", "gateway"):
        produce(port, 0, count)
    with harness.pinion_serve(data, port, log, *options, "--roles", "gateway,sink"):
        began = time.monotonic()
        while (landed := count_objects(scratch, prefix)) < count:
            if time.monotonic() > began + 300:
                raise harness.BenchError(f"{landed} of {count} objects were landed")
            time.sleep(0.01)
        return count / (time.monotonic() - began)


def their_rate(s3, count, call):
    """boto3: `call` with a client and each number, by THREADS threads with a client each."""
    import boto3

    local = threading.local()

    def do(n):
        if not hasattr(local, "client"):
            local.client = boto3.session.Session().client(
                "s3", endpoint_url=f"http://127.0.0.1:{s3}", region_name=REGION,
                aws_access_key_id=KEY, aws_secret_access_key=SECRET,
            )  # fmt: skip
        call(local.client, n)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(do, range(-THREADS, 0)))  # makes the clients
        began = time.monotonic()
        list(pool.map(do, range(count)))
        return count / (time.monotonic() - began)


def put_object(prefix):
    """Puts the same objects, if there is none."""
    body = b"x" * RECORD_BYTES

    def put_one(client, n):
        client.put_object(Bucket=BUCKET, Key=f"{prefix}/{n:010}.json", Body=body, IfNoneMatch="*")

    return put_one


def put(name, scratch, options, say):
    count, rounds = (500, 1) if options.quick else (5_000, 3)
    ours, theirs = [], []
    with bucket(scratch) as s3:
        for turn in range(rounds):
            ours.append(our_rate(scratch, s3, f"ours{turn}", count))
            theirs.append(their_rate(s3, count, put_object(f"theirs{turn}")))
    say(f"pinion: {', '.join(f'{rate:,.0f}/s' for rate in ours)}")
    say(f"boto3:  {', '.join(f'{rate:,.0f}/s' for rate in theirs)}")
    return [harness.compare(f"{name}.boto3.rps", ours, theirs, PUT_GOAL)]


def forget_copies(data):
    """As a machine that has not read the bucket."""
    shutil.rmtree(data / "tmp/objects", ignore_errors=True)


# --- far away ----------------------------------------------------------------------------------


def far(name, scratch, options, say):
    """A load of objects of a record each. boto3 gets the same objects, and does nothing else."""
    count, rounds = (200, 1) if options.quick else (2_000, 3)
    port = harness.free_port()
    ours, theirs = [], []
    with bucket(scratch) as s3:
        given = words(scratch, s3, "far", "overwrite")
        with harness.pinion_serve(scratch / "data", port, scratch / "pinion.log", *given):
            produce(port, 0, count)
            land(port)
        keys = [path.relative_to(scratch / "buckets" / BUCKET).as_posix()
                for path in sorted((scratch / "buckets" / BUCKET / "far/topics").rglob("*.json"))]
        if len(keys) != count:
            raise harness.BenchError(f"{len(keys)} objects, not {count}")
        away = Far(s3)

        def get_one(client, n):
            client.get_object(Bucket=BUCKET, Key=keys[n])["Body"].read()

        for turn in range(rounds):
            forget_copies(scratch / "data")
            command = [harness.PINION, "batch", "--data", scratch / "data",
                       *words(scratch, away.port, "far", "overwrite"), "-q"]  # fmt: skip
            _, usage = harness.measure(command, 300)
            ours.append(count / usage.seconds)
            theirs.append(their_rate(away.port, count, get_one))
    say(f"pinion: {', '.join(f'{rate:,.0f}/s' for rate in ours)}")
    say(f"boto3:  {', '.join(f'{rate:,.0f}/s' for rate in theirs)}")
    return [harness.compare(f"{name}.boto3.rps", ours, theirs, FAR_GOAL)]


# --- requests ----------------------------------------------------------------------------------


def loads(counter, data, given):
    """How many objects each of two loads asked for, of the same objects."""
    reads = []
    forget_copies(data)
    for _ in range(2):
        counter.requests.clear()
        harness.measure([harness.PINION, "batch", "--data", data, *given, "-q"], 300)
        reads.append(sum(method == "GET" and "/topics/" in path.partition("?")[0]
                         for method, path in counter.requests))  # fmt: skip
    return reads


def gets(name, reads, goal):
    """The second load's GETs beside the first one's. None at all is a ratio of a millionth."""
    return harness.Result(name, reads[1], reads[0], goal, reads[1] / reads[0] or 1e-6)


def requests(name, scratch, options, say):
    """Of a landed object; and of reading the objects again by a load that has read them before."""
    count, port = 500, harness.free_port()
    with bucket(scratch) as s3:
        counter = Counter(s3)
        given = words(scratch, counter.port, "counted")
        data = scratch / "data"
        with harness.pinion_serve(data, port, scratch / "pinion.log", *given):
            produce(port, 0, A_REQUEST)
            land(port)  # finds where the objects begin
            counter.requests.clear()
            produce(port, A_REQUEST, count)
            land(port)
            landing = [path for _, path in counter.requests if re.search(rf"/{TOPIC}[/+]", path)]
        objects = count_objects(scratch, "counted")
        if objects != A_REQUEST + count:
            raise harness.BenchError(f"{objects} objects, not {A_REQUEST + count}")
        append, overwrite = (
            loads(counter, data, words(scratch, counter.port, "counted", mode))
            for mode in ("append", "overwrite")
        )
    say(f"{len(landing) / count:.3f} requests a landed object")
    say(f"objects read by the first load and the second: {append} with append, "
        f"{overwrite} with overwrite")  # fmt: skip
    return [
        harness.Result(f"{name}.landed.of_goal", len(landing) / count, REQUESTS_GOAL, 1.0),
        gets(f"{name}.second_append.gets", append, 0.001),
        gets(f"{name}.second_overwrite.gets", overwrite, 0.001),
    ]


def run(name, scratch, options, say):
    suite = {"store.put": put, "store.far": far, "store.requests": requests}
    return suite[name](name, Path(scratch), options, say)
