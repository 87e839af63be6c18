"""An S3 server for tests, and a proxy in front of it that misbehaves when it is asked to.

The server is moto, which keeps buckets in memory and believes every signature. With
PINION_S3_SERVER (the path of a versitygw) it is that one, which keeps them in a folder and checks
signatures. test/cloud has tests of servers that are named (s3_servers.py).
"""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

BUCKET = "pinion-test"
KEYS = {"AWS_ACCESS_KEY_ID": "test-key", "AWS_SECRET_ACCESS_KEY": "test-secret"}
NO_KEYS = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}
START_SECONDS_MAX = 60
SLOW_SECONDS = 0.5


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class S3:
    """A server with a bucket; a context manager. `stop` and `start` keep its port, and its data if
    they are on disk."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def command(self):
        """Its words, and what is in its environment."""
        moto = Path(sys.executable).parent / "moto_server"
        return [str(moto), "-H", "127.0.0.1", "-p", str(self.port)], {}

    def start(self):
        command, more = self.command()
        with open(self.folder.parent / "s3.out", "ab") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, env={**os.environ, **more}
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self.is_ready():
            assert self.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)

    def is_ready(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait(60)

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.start()
        self.client().create_bucket(Bucket=BUCKET)
        return self

    def __exit__(self, *exception):
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait(30)

    def client(self):
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )

    def keys(self, prefix=""):
        pages = self.client().get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=BUCKET, Prefix=prefix)
        return [one["Key"] for page in found for one in page.get("Contents", [])]


class Versity(S3):
    """versitygw: each object is a file. It checks signatures and checksums, and lets one of two
    writers of a new object win."""

    def __init__(self, folder, program):
        super().__init__(folder)
        self.program = program

    def command(self):
        keys = {
            "ROOT_ACCESS_KEY": KEYS["AWS_ACCESS_KEY_ID"],
            "ROOT_SECRET_KEY": KEYS["AWS_SECRET_ACCESS_KEY"],
        }
        words = ["--port", f"127.0.0.1:{self.port}", "--region", "us-east-1"]
        return [self.program, *words, "posix", self.folder], keys


def settings(endpoint, prefix):
    """The options of a command that make it use the bucket."""
    values = {
        "store.url": f"s3://{BUCKET}/{prefix}",
        "store.endpoint": endpoint,
        "store.path_style": "true",
        "store.region": "us-east-1",
    }
    return [part for name, value in values.items() for part in ("--set", f"{name}={value}")]


REFUSALS = {
    "no upload": (404, "NoSuchUpload"),
    "slow down": (503, "SlowDown"),
    "expired": (400, "ExpiredToken"),
    "wrong secret": (403, "SignatureDoesNotMatch"),
    "no bucket": (404, "NoSuchBucket"),
    "request timeout": (400, "RequestTimeout"),
    "bad digest": (400, "BadDigest"),
    "kms throttles": (400, "KMS.ThrottlingException"),
    "a proxy's page": (405, None),
}

SAID_BY_CODE = ("request timeout", "bad digest", "kms throttles")  # so not in a reply to HEAD


def hang_up(handler):
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def refuse(handler, status, code, ahead=0):
    """As S3 does it, by a clock that is `ahead`; without a code, as what stands before it."""
    body = f"<Error><Code>{code}</Code><Message>refused</Message></Error>".encode()
    body = body if code is not None else b"<html>not now"
    handler.send_response_only(status)
    handler.send_header("Date", formatdate(time.time() + ahead, usegmt=True))
    handler.send_header("Content-Length", str(len(body) if handler.command != "HEAD" else 0))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


class Listener:
    """A server of a test on loopback, at `url`. A context manager, whose __enter__ calls listen."""

    def listen(self, handler):
        self.listener = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.listener.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.listener.server_port}"
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.listener.shutdown()
        self.listener.server_close()


class Proxy(Listener):
    """Passes requests on to the server, but for those that `plan` (a dict from the number of a
    request, from 1 on, to a word) spoils:

    500, 503, 409   answered so, and not passed on
    no upload, slow down, expired, wrong secret, no bucket
                    refused as S3 does it, with a status and a code (REFUSALS), and not passed on
                    (SAID_BY_CODE: but not of a HEAD)
    412             likewise, but only of a request with a condition
    skewed          refused as S3 does a request of another time, by a clock that is an hour ahead
    reset           not passed on, and the connection is closed
    lost            passed on, and the connection is closed instead of an answer
    short           half of the answer's body, then the connection is closed
    flipped         a bit of the answer's body is another one
    slow            passed on, and answered late
    before, after   `call` is called before or after it is passed on; it is not answered
    """

    def __init__(self, server, in_turn=False):
        """`in_turn`: one request after the other, for what races: of two writers of one new object
        moto lets both win now and then, which versitygw and S3 do not."""
        self.server = server
        self.turn = threading.Lock() if in_turn else contextlib.nullcontext()
        self.plan = {}
        self.requests = []  # (method, path, headers)
        self.call = None
        self.lock = threading.Lock()

    def __enter__(self):
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                proxy.pass_on(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer

            def log_message(self, *ignored):
                pass

        return self.listen(Handler)

    def begin(self, plan):
        """Counts requests from 1 again."""
        with self.lock:
            self.plan, self.requests = plan, []

    def ask(self, handler, body):
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        unadded = {"skip_host": True, "skip_accept_encoding": True}
        upstream.putrequest(handler.command, handler.path, **unadded)
        for name, value in handler.headers.items():
            upstream.putheader(name, value)
        upstream.endheaders(body)
        reply = upstream.getresponse()
        content = reply.read()
        upstream.close()
        return reply, content

    def pass_on(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        with self.lock:
            self.requests.append((handler.command, handler.path, dict(handler.headers)))
            fault = self.plan.get(len(self.requests))
        if fault == "412" and not {"If-None-Match", "If-Match"} & set(handler.headers):
            fault = None
        if fault in SAID_BY_CODE and handler.command == "HEAD":
            fault = None
        if fault in ("reset", "before"):
            self.call() if fault == "before" else None
            hang_up(handler)
            return
        if fault == "skewed":
            refuse(handler, 403, "RequestTimeTooSkewed", 3600)
            return
        if fault in REFUSALS:
            refuse(handler, *REFUSALS[fault])
            return
        if fault in ("500", "503", "409", "412"):
            handler.send_response(int(fault))
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        with self.turn:
            reply, content = self.ask(handler, body)
        if fault in ("lost", "after"):
            self.call() if fault == "after" else None
            hang_up(handler)
            return
        if fault == "slow":
            time.sleep(SLOW_SECONDS)
        if fault == "flipped" and content:
            content = bytes([content[0] ^ 1]) + content[1:]
        handler.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                handler.send_header(name, value)
        length = reply.getheader("Content-Length") if handler.command == "HEAD" else len(content)
        handler.send_header("Content-Length", str(length or 0))
        handler.end_headers()
        if fault == "short":
            handler.wfile.write(content[: len(content) // 2])
            handler.wfile.flush()
            hang_up(handler)
            return
        if handler.command != "HEAD":
            handler.wfile.write(content)


class Later(Proxy):
    """Says that it is so many seconds later."""

    def __init__(self, server, seconds):
        super().__init__(server)
        self.seconds = seconds

    def ask(self, handler, body):
        reply, content = super().ask(handler, body)
        headers = [(name, value) for name, value in reply.getheaders() if name.lower() != "date"]
        reply.getheaders = lambda: headers
        handler.date_time_string = lambda: formatdate(time.time() + self.seconds, usegmt=True)
        return reply, content


class Gate(Proxy):
    """Answers the first reads of objects with `part` in their keys once so many are asked for."""

    def __init__(self, server, part, at_least=2):
        super().__init__(server)
        self.part = part
        self.at_least = at_least
        self.asked = set()
        self.enough = threading.Event()
        self.was_alone = False

    def pass_on(self, handler):
        path = handler.path.split("?")[0]
        if handler.command == "GET" and self.part in path:
            with self.lock:
                self.asked.add(path)
                if len(self.asked) >= self.at_least:
                    self.enough.set()
            if not self.enough.wait(60):
                self.was_alone = True
        super().pass_on(handler)


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    folder, program = tmp_path_factory.mktemp("s3") / "buckets", os.environ.get("PINION_S3_SERVER")
    with S3(folder) if program is None else Versity(folder, program) as started:
        yield started


@pytest.fixture
def proxy(s3):
    with Proxy(s3) as started:
        yield started
