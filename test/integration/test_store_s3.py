"""The store in a bucket: the promises of the port, the whole pipeline, faults, credentials."""

import json
import os
import re
import shutil
import subprocess
import threading
import time
import uuid
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import unquote

import pytest
from deltalake import DeltaTable

from contract import UID
from pinion import ROOT, Failed, Server, run
from s3 import BUCKET, KEYS, NO_KEYS, Gate, Later, Proxy, proxy, refuse, s3  # noqa: F401
from s3 import settings
from streams import PATHS, STREAMS, put

PORT_TEST = ROOT / "build-asan-ubsan/test_store_port"


@pytest.fixture
def prefix():
    return uuid.uuid4().hex


def table_of(s3, path):
    """A table of the bucket as delta-rs reads it."""
    options = {
        **KEYS,
        "AWS_ENDPOINT_URL": s3.url,
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }
    return DeltaTable(f"s3://{BUCKET}/{path}", storage_options=options)


def store(*args, at, prefix, data, env=None, **more):
    return run("store", *args, *settings(at.url, prefix), data=data, env=env or KEYS, **more)


@pytest.mark.skipif(not PORT_TEST.exists(), reason="`scripts/test unit` builds it")
def test_the_promises_of_the_port(s3):
    with Proxy(s3, in_turn=True) as proxy:
        env = {**os.environ, **KEYS, "PINION_TEST_S3": proxy.url}
        done = subprocess.run([PORT_TEST], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("PASSED") == 3  # S3 was among the stores


# --- commands -------------------------------------------------------------------------------------


def test_objects_by_command(s3, prefix, data, tmp_path):
    at = {"at": s3, "prefix": prefix, "data": data}
    large = tmp_path / "large"
    large.write_bytes(os.urandom(40 << 20))  # in three parts
    (tmp_path / "small").write_text("text")
    assert "the second is refused" in store("check", **at).stdout
    store("put", tmp_path / "small", "a/one +&%.txt", **at)
    store("put", large, "a/large", **at)
    listed = json.loads(store("ls", "a/", "--format", "json", **at).stdout)
    assert [row["key"] for row in listed] == ["a/large", "a/one +&%.txt"]
    assert [row["size_bytes"] for row in listed] == [40 << 20, 4]
    assert store("get", "a/one +&%.txt", **at).stdout == "text"
    store("get", "a/large", tmp_path / "back", **at)
    assert (tmp_path / "back").read_bytes() == large.read_bytes()
    page = store("ls", "--limit", "1", **at)
    assert "a/large" in page.stdout and "--after 'a/large'" in page.stderr
    refused = store("put", tmp_path / "small", "a/large", check=False, **at)
    assert refused.returncode == 1 and "--yes" in refused.stderr
    assert store("rm", "a/large", check=False, **at).returncode == 1
    assert "removed 2 objects" in store("rm", "-r", "--yes", "a/", **at).stdout
    missing = store("get", "a/large", check=False, **at)
    assert missing.returncode == 1 and f"s3://{BUCKET}/{prefix}/a/large" in missing.stderr
    assert s3.keys(prefix) == []


@pytest.mark.parametrize(
    "setting, advice",
    [
        ("store.url=s3://no-such-bucket", "store.url"),
        ("store.endpoint=http://127.0.0.1:9", "store.endpoint"),
        ("store.endpoint=127.0.0.1", "store.endpoint"),
        ("store.url=gs://bucket", "s3://BUCKET"),
        ("store.url=s3://bucket/a//b", "//"),
        ("store.secret_key=alone", "store.access_key and store.secret_key"),
        ("store.access_key=alone", "store.access_key and store.secret_key"),
    ],
)
def test_an_error_names_the_setting(s3, prefix, data, setting, advice):
    options = [*settings(s3.url, prefix), "--set", setting]  # the last one wins
    refused = run("store", "check", *options, data=data, env=KEYS, check=False)
    assert refused.returncode == 1
    assert advice in refused.stderr and refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "change, advice",
    [
        (("http://", "https://"), "https:// needs a port with TLS"),
        (("127.0.0.1", "localhost.invalid"), "check store.endpoint"),
        (("127.0.0.1", "localhost.invalid", "store.path_style=false"), "store.path_style=true"),
        (("", "", f"store.endpoint={{at}}/{BUCKET}"), f"without /{BUCKET}"),
        (("", "", f"store.endpoint={{at}}/{BUCKET}/"), f"without /{BUCKET}"),
    ],
)
def test_an_endpoint_that_does_not_fit(s3, prefix, data, change, advice):
    old, new, *more = change
    url = s3.url.replace(old, new, 1)
    extra = [part for each in more for part in ("--set", each.format(at=s3.url))]
    refused = run("store", "ls", *settings(url, prefix), *extra, data=data, env=KEYS, check=False)
    assert refused.returncode == 1 and advice in refused.stderr, refused.stderr
    assert refused.stderr.count("\n") == 1


def test_another_server_than_s3(prefix, data, tmp_path):
    with Server(tmp_path / "other") as other:
        options = settings(other.url, prefix)
        refused = run("store", "ls", *options, data=data, env=KEYS, check=False)
    assert refused.returncode == 1 and "check store.endpoint" in refused.stderr, refused.stderr


# --- the pipeline ---------------------------------------------------------------------------------


def test_the_pipeline_in_a_bucket(s3, prefix, data):
    bucket = settings(s3.url, prefix)
    with Server(data, *bucket, env=KEYS) as server:
        server.produce(f"{UID}.pin", *({"index": n, "title": f"pin {n}"} for n in range(500)))
        server.stop()
        server.start()  # what was landed and committed is found again
        server.produce(f"{UID}.pin", *({"index": n, "title": f"pin {n}"} for n in range(500, 700)))
        dag = json.loads(run("dag", "list", "--format", "json", data=data).stdout)[0]["dag"]
        run("dag", "trigger", dag, "--wait", *bucket, data=data, env=KEYS)
        rows = json.loads(
            server.request("POST", "/api/v1/sql", {"sql": "SELECT count(*) AS n FROM raw_pin"},
                           {"Content-Type": "application/json"})[1].splitlines()[0]
        )  # fmt: skip
        assert "700" in json.dumps(rows)
    assert not (data / "store").exists()
    counted = run("query", "SELECT count(*) AS n, count(DISTINCT index) AS d FROM raw_pin",
                  "--format", "json", *bucket, data=data, env=KEYS)  # fmt: skip
    assert json.loads(counted.stdout) == [{"n": 700, "d": 700}]
    table = table_of(s3, f"{prefix}/delta_tables/raw/pin")
    assert table.to_pyarrow_table().num_rows == 700
    run("table", "optimize", "raw_pin", *bucket, data=data, env=KEYS)
    ours = [key for key in s3.keys(f"{prefix}/.pinion/") if "/.pinion/chain/" not in key]
    assert ours == [f"{prefix}/.pinion/owner"]


def test_a_bucket_belongs_to_one_data_folder(s3, prefix, tmp_path):
    """Another one would replace its objects, which are named by offsets; it may read."""
    bucket = settings(s3.url, prefix)
    first, second = tmp_path / "first", tmp_path / "second"
    with Server(first, *bucket, env=KEYS) as server:
        server.produce(f"{UID}.pin", {"index": 1}, {"index": 2})
        dag = json.loads(run("dag", "list", "--format", "json", data=first).stdout)[0]["dag"]
        run("dag", "trigger", dag, "--wait", *bucket, data=first, env=KEYS, check=False)
        listen = ("--listen", "127.0.0.1:0")
        refused = run("serve", *listen, *bucket, data=second, env=KEYS, check=False)
        assert refused.returncode == 1
        assert str(first) in refused.stderr and "store.url" in refused.stderr
        rows = run("query", "SELECT count(*) AS n FROM raw_pin", "--format", "json", *bucket,
                   data=second, env=KEYS)  # fmt: skip
        assert json.loads(rows.stdout) == [{"n": 2}]
    run("store", "rm", ".pinion/owner", "--yes", *bucket, data=second, env=KEYS)
    with Server(second, *bucket, env=KEYS):
        pass
    with pytest.raises(Failed, match=str(second)):
        Server(first, *bucket, env=KEYS).start()


def test_a_start_days_later_removes_what_a_crash_left_alone(s3, prefix, data):
    """Not what the sink and the servers keep beside it, without which records land again."""
    flushed = ("--set", "sink.flush_size=1")
    with Server(data, *settings(s3.url, prefix), *flushed, env=KEYS) as server:
        server.produce(f"{UID}.pin", *({"index": n} for n in range(3)))
        assert server.request("POST", "/api/v1/sink/flush")[0] == 200
    left = f"{prefix}/.pinion/held/{uuid.uuid4()}"
    s3.client().put_object(Bucket=BUCKET, Key=left, Body=b"")
    before = s3.keys(prefix)
    assert f"{prefix}/.pinion/owner" in before
    assert any(key.startswith(f"{prefix}/.pinion/chain/") for key in before)
    with Later(s3, seconds=2 * 24 * 3600) as later:
        with Server(data, *settings(later.url, prefix), *flushed, env=KEYS) as server:
            assert server.request("POST", "/api/v1/sink/flush")[0] == 200
    assert s3.keys(prefix) == [key for key in before if key != left]


def test_a_flipped_bit_is_named(s3, prefix, data):
    """In a data file of the bucket, by somebody who wrote the same metadata: by a machine without
    a copy of it."""
    bucket = settings(s3.url, prefix)
    with Server(data, *bucket, env=KEYS) as server:
        server.produce(f"{UID}.pin", {"index": 1}, {"index": 2})
        dag = json.loads(run("dag", "list", "--format", "json", data=data).stdout)[0]["dag"]
        run("dag", "trigger", dag, "--wait", *bucket, data=data, env=KEYS, check=False)
    (key,) = [key for key in s3.keys(f"{prefix}/delta_tables/raw/pin/") if key.endswith(".parquet")]
    found = s3.client().get_object(Bucket=BUCKET, Key=key)
    body = bytearray(found["Body"].read())
    body[len(body) // 2] ^= 4
    s3.client().put_object(Bucket=BUCKET, Key=key, Body=bytes(body), Metadata=found["Metadata"])
    shutil.rmtree(data / "tmp/objects", ignore_errors=True)
    refused = run("query", "SELECT * FROM raw_pin", *bucket, data=data, env=KEYS, check=False)
    assert refused.returncode == 1 and "CRC-32C" in refused.stderr
    assert key.rpartition("/")[2] in refused.stderr


def keeps_attributes(folder):
    """Whether the file system keeps checksums (base/file_sum.h), without which no copy stays."""
    try:
        (folder / "probe").write_text("")
        os.setxattr(folder / "probe", "user.pinion.probe", b"1")
        return True
    except OSError:
        return False


def data_files_fetched(proxy):
    return [path for method, path, _ in proxy.requests if method == "GET" and ".parquet" in path
            and "_delta_log" not in path and "list-type" not in path]  # fmt: skip


def test_processes_share_what_they_fetched(proxy, prefix, data, tmp_path):
    """Each task of a run is a process, and so is each query: what one of them wrote or fetched,
    none fetches again."""
    if not keeps_attributes(tmp_path):
        pytest.skip("the file system keeps no extended attributes")
    bucket = settings(proxy.url, prefix)

    def count():
        sql = "SELECT (SELECT count(*) FROM raw_pin) + (SELECT count(*) FROM pin) AS n"
        done = run("query", sql,
                   "--format", "json", *bucket, data=data, env=KEYS)  # fmt: skip
        return json.loads(done.stdout)[0]["n"]

    with Server(data, *bucket, env=KEYS) as server:
        server.produce(f"{UID}.pin", *({"index": n, "title": f"pin {n}"} for n in range(100)))
        dag = json.loads(run("dag", "list", "--format", "json", data=data).stdout)[0]["dag"]
        run("dag", "trigger", dag, "--wait", *bucket, data=data, env=KEYS)
    rows = count()
    assert data_files_fetched(proxy) == []
    shutil.rmtree(data / "tmp/objects")
    proxy.begin({})
    assert count() == rows
    assert len(data_files_fetched(proxy)) == 2
    assert count() == rows
    assert len(data_files_fetched(proxy)) == 2


def landed(paths):
    return [path for path in paths if f"{UID}.pin/" in path.partition("?")[0]]


def test_a_load_fetches_only_objects_that_are_new(s3, proxy, prefix, data, tmp_path):
    """Though the table is made afresh each time. An object that somebody replaced is a new one."""
    if not keeps_attributes(tmp_path):
        pytest.skip("the file system keeps no extended attributes")
    bucket = [*settings(proxy.url, prefix), "--set", "sink.flush_size=1"]

    def load():
        proxy.begin({})
        dag = json.loads(run("dag", "list", "--format", "json", data=data).stdout)[0]["dag"]
        run("dag", "trigger", dag, "--wait", *bucket, data=data, env=KEYS)
        return landed(unquote(path) for method, path, _ in proxy.requests if method == "GET")

    def indexes():
        rows = run("query", "SELECT index FROM raw_pin ORDER BY index", "--format", "json", *bucket,
                   data=data, env=KEYS)  # fmt: skip
        return [row["index"] for row in json.loads(rows.stdout)]

    with Server(data, *bucket, env=KEYS) as server:
        server.produce(f"{UID}.pin", *({"index": n} for n in range(20)))
        assert len(load()) == 20
        server.produce(f"{UID}.pin", {"index": 20})
        assert len(load()) == 1
        assert load() == []
        assert indexes() == list(range(21))
        old = s3.keys(f"{prefix}/topics/")[0]
        s3.client().put_object(Bucket=BUCKET, Key=old, Body=b'{"index": 77}\n')
        assert [path.endswith(old) for path in load()] == [True]
        assert 77 in indexes() and len(indexes()) == 21


def test_landed_objects_are_fetched_side_by_side(s3, prefix, data):
    with Server(data, *settings(s3.url, prefix), "--set", "sink.flush_size=1", env=KEYS) as server:
        server.produce(f"{UID}.pin", *({"index": n} for n in range(40)))
        assert server.request("POST", "/api/v1/sink/flush")[0] == 200
        dag = json.loads(run("dag", "list", "--format", "json", data=data).stdout)[0]["dag"]
    with Gate(s3, "/topics/", at_least=16) as gate:
        task = "load_data_from_S3_and_save_as_delta_tables"
        run("task", dag, task, *settings(gate.url, prefix), data=data, env=KEYS)
        assert len(gate.asked) == 40 and not gate.was_alone

# --- faults ---------------------------------------------------------------------------------------


PASSING = ["500", "503", "409", "lost", "short", "request timeout", "bad digest", "kms throttles"]


@pytest.mark.parametrize("fault", PASSING)
def test_each_request_fails_once(s3, proxy, prefix, data, tmp_path, fault):
    """Also a put-if-absent whose reply was lost: it recognizes its own object."""
    at = {"at": proxy, "prefix": prefix, "data": data}
    (tmp_path / "file").write_bytes(os.urandom(1000))
    proxy.begin({})
    store("check", **at)
    for number in range(1, len(proxy.requests) + 1):
        proxy.begin({number: fault})
        store("check", **at)
    proxy.begin({1: fault, 2: fault, 3: fault})
    store("put", tmp_path / "file", "file", **at)
    proxy.begin({1: fault})
    store("get", "file", tmp_path / "back", **at)
    assert (tmp_path / "back").read_bytes() == (tmp_path / "file").read_bytes()


@pytest.mark.parametrize("fault", ["500", "lost"])
def test_each_request_of_an_upload_in_parts_fails_once(s3, proxy, prefix, data, tmp_path, fault):
    at = {"at": proxy, "prefix": prefix, "data": data}
    large = tmp_path / "large"
    large.write_bytes(os.urandom(12 << 20))
    words = ["put", large, "--yes", "--set", "store.part_bytes=5MiB"]
    proxy.begin({})
    store(*words[:2], "first", *words[2:], **at)
    count = len(proxy.requests)
    assert count >= 5  # one that begins it, three parts, one that ends it
    for number in range(1, count + 1):
        proxy.begin({number: fault})
        store(*words[:2], f"key{number}", *words[2:], **at)
        found = s3.client().get_object(Bucket=BUCKET, Key=f"{prefix}/key{number}")
        assert found["Body"].read() == large.read_bytes()
    left = s3.client().list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    assert len(left) == (fault == "lost")  # whose beginning had no answer: it is swept later


def test_an_upload_in_parts_that_ended_without_an_answer(s3, proxy, prefix, data, tmp_path):
    """The server says that it does not know it. The object tells whether it was ended."""
    at = {"at": proxy, "prefix": prefix, "data": data, "check": False}
    large = tmp_path / "large"
    large.write_bytes(os.urandom(12 << 20))
    words = ["put", large, "key", "--yes", "--set", "store.part_bytes=5MiB"]
    proxy.begin({})
    store(*words, **at)
    last = len(proxy.requests)
    assert "uploadId=" in proxy.requests[-1][1]
    large.write_bytes(os.urandom(12 << 20))
    proxy.begin({last: "500", last + 1: "no upload"})
    failed = store(*words, **at)
    assert failed.returncode == 1 and "does not have the object" in failed.stderr, failed.stderr
    proxy.begin({last: "lost", last + 1: "no upload"})
    done = store(*words, **at)
    assert done.returncode == 0, done.stderr
    found = s3.client().get_object(Bucket=BUCKET, Key=f"{prefix}/key")["Body"].read()
    assert found == large.read_bytes()


def test_what_stays_broken_is_an_error(proxy, prefix, data):
    proxy.begin({number: "503" for number in range(1, 100)})
    failed = store("check", at=proxy, prefix=prefix, data=data, check=False)
    assert failed.returncode == 1 and "tried several times" in failed.stderr
    assert len(proxy.requests) < 20


@pytest.mark.parametrize(
    ("fault", "said", "tries"),
    [("slow down", "store.requests_max", 20), ("expired", "AWS_SESSION_TOKEN", 3)],
)
def test_refusals_that_may_pass(s3, proxy, prefix, data, tmp_path, fault, said, tries):
    """Once, nobody sees it. Always, the error names what to change; no key is blamed, and the
    server is not asked forever."""
    (tmp_path / "file").write_text("text")
    at = {"at": proxy, "prefix": prefix, "data": data}
    store("put", tmp_path / "file", "file", **at)
    proxy.begin({1: fault})
    assert "file" in store("ls", **at).stdout
    assert len(proxy.requests) == 2
    proxy.begin({number: fault for number in range(1, 100)})
    failed = store("ls", check=False, **at)
    assert failed.returncode == 1 and said in failed.stderr, failed.stderr
    assert failed.stderr.count("\n") == 1 and "store.secret_key" not in failed.stderr
    assert len(proxy.requests) < tries


def test_a_bucket_that_throttles_loses_nothing(s3, proxy, prefix, data):
    """Landing is tried again for as long as it takes, and /health says why it waits."""
    with Server(data, *settings(proxy.url, prefix), "--set", "sink.rotate_interval_ms=100ms",
                env=KEYS) as server:  # fmt: skip
        proxy.begin({number: "slow down" for number in range(1, 100_000)})
        server.produce(f"{UID}.pin", *({"index": n} for n in range(20)))
        deadline = time.monotonic() + 120
        while "store.requests_max" not in server.request("GET", "/health")[1].decode():
            assert time.monotonic() < deadline, server.request("GET", "/health")[1]
            time.sleep(0.05)
        assert s3.keys(f"{prefix}/topics/") == []
        proxy.begin({})
        while server.request("POST", "/api/v1/sink/flush")[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    landed = [
        json.loads(line)["index"]
        for key in s3.keys(f"{prefix}/topics/")
        for line in s3.client().get_object(Bucket=BUCKET, Key=key)["Body"].read().splitlines()
    ]
    assert sorted(landed) == list(range(20))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("wrong secret", "store.secret_key"), ("no bucket", "store.url"),
        ("bad digest", "BadDigest"), ("a proxy's page", "store.endpoint"),
    ],
)  # fmt: skip
def test_a_stream_table_continues_when_the_bucket_does(s3, proxy, prefix, data, fault, said):
    """What may pass, or a person can set right, stops no table: its state says what, until it is
    over."""
    bucket = settings(proxy.url, prefix)

    def await_state(state, part):
        deadline = time.monotonic() + 120
        while True:
            tables = json.loads(server.request("GET", "/api/v1/streams")[1])["tables"]
            (pin,) = [each for each in tables if each["stream"] == STREAMS["pin"]]
            if pin["state"] == state and part in (pin.get("error") or ""):
                return pin
            assert pin["state"] != "failed" and time.monotonic() < deadline, pin
            time.sleep(0.05)

    with Server(data, *bucket, env=KEYS) as server:
        await_state("running", "")
        proxy.begin({number: fault for number in range(1, 100_000)})
        put(server.url, "pin", {"index": 1, "title": "one"})
        await_state("trouble", said)
        proxy.begin({})
        await_state("running", "")
        put(server.url, "pin", {"index": 2, "title": "two"})
        deadline = time.monotonic() + 120
        while await_state("running", "")["rows"] < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert table_of(s3, f"{prefix}/{PATHS['pin']}").to_pyarrow_table().num_rows == 2


def signed_at(request):
    """When a request of the proxy was signed, by its own account."""
    return datetime.strptime(request[2]["X-Amz-Date"], "%Y%m%dT%H%M%SZ")


@pytest.mark.skipif("PINION_S3_SERVER" in os.environ, reason="that server has a clock of its own")
@pytest.mark.parametrize("command", ["get", "ls"])
def test_clocks_that_differ(proxy, prefix, data, tmp_path, command):
    """Once a server has said which time it has, that time is signed. Where this does not help, both
    times are named, and no key is blamed. `get` begins with a HEAD, whose reply has no body."""
    (tmp_path / "file").write_text("text")
    at = {"at": proxy, "prefix": prefix, "data": data}
    store("put", tmp_path / "file", "file", **at)
    words = [command, "file"]
    proxy.begin({1: "skewed"})
    assert store(*words, **at).stdout != ""
    apart = signed_at(proxy.requests[1]) - signed_at(proxy.requests[0])
    assert timedelta(minutes=59) < apart < timedelta(minutes=61)

    proxy.begin({number: "skewed" for number in range(1, 100)})
    failed = store(*words, check=False, **at)
    assert failed.returncode == 1 and len(proxy.requests) < 20
    said = re.search(r"set this machine's clock; here it is (\S+), there (\S+)", failed.stderr)
    here, there = (datetime.fromisoformat(text.rstrip(".;:Z")) for text in said.groups())
    assert timedelta(minutes=59) < there - here < timedelta(minutes=61)
    assert "credentials" not in failed.stderr and "AWS_" not in failed.stderr


def test_bytes_that_change_on_the_way(proxy, prefix, data, tmp_path):
    (tmp_path / "file").write_text("text")
    store("put", tmp_path / "file", "file", at=proxy, prefix=prefix, data=data)
    proxy.begin({1: "flipped"})
    failed = store("get", "file", at=proxy, prefix=prefix, data=data, check=False)
    assert failed.returncode == 1 and "CRC-32C" in failed.stderr and failed.stdout == ""


# --- credentials ----------------------------------------------------------------------------------


class Metadata:
    """What a container, an instance and STS answer, with the requests that came."""

    def __init__(self, expires="2099-01-01T00:00:00Z"):
        self.expires, self.is_down = expires, False

    def __enter__(self):
        metadata, asked = self, []
        self.asked = asked

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                asked.append((self.command, self.path, dict(self.headers)))
                if metadata.is_down:
                    self.send_error(503)
                    return
                found = {
                    "AccessKeyId": "found",
                    "SecretAccessKey": "secret",
                    "Token": "session",
                    "Expiration": metadata.expires,
                }
                if self.path.endswith("/api/token"):
                    body = "the-token"
                elif self.path.endswith("/security-credentials/"):
                    body = "the-role\n"
                elif "AssumeRoleWithWebIdentity" in self.path:
                    body = (
                        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>"
                        "<Credentials><AccessKeyId>found</AccessKeyId><SessionToken>session"
                        "</SessionToken><SecretAccessKey>secret</SecretAccessKey><Expiration>"
                        "2099-01-01T00:00:00Z</Expiration></Credentials>"
                        "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
                    )
                else:
                    body = json.dumps(found)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_PUT = answer

            def log_message(self, *ignored):
                pass

        self.listener = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.listener.server_address[1]}"
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.listener.shutdown()
        self.listener.server_close()


def used(proxy):
    """The access key and the session token of the last request."""
    headers = {name.lower(): value for name, value in proxy.requests[-1][2].items()}
    key = headers["authorization"].split("Credential=")[1].split("/")[0]
    return key, headers.get("x-amz-security-token")


@pytest.mark.skipif("PINION_S3_SERVER" in os.environ, reason="that server knows one key")
@pytest.mark.parametrize("place", ["profile", "container", "instance", "identity"])
def test_credentials_are_found(proxy, prefix, data, tmp_path, place):
    env = dict(NO_KEYS)
    with Metadata() as metadata:
        if place == "profile":
            (tmp_path / "credentials").write_text(
                "[default]\naws_access_key_id = other\naws_secret_access_key = other\n"
                "# a comment\n[work]\naws_access_key_id = found\n"
                "aws_secret_access_key = secret\naws_session_token = session\n"
            )
            env["AWS_SHARED_CREDENTIALS_FILE"] = str(tmp_path / "credentials")
            env["AWS_PROFILE"] = "work"
        elif place == "container":
            env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = metadata.url + "/v2/credentials"
            env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "secret token"
        elif place == "instance":
            env["AWS_EC2_METADATA_DISABLED"] = "false"
            env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = metadata.url
        else:
            (tmp_path / "token").write_text("a.b.c\n")
            env["AWS_WEB_IDENTITY_TOKEN_FILE"] = str(tmp_path / "token")
            env["AWS_ROLE_ARN"] = "arn:aws:iam::123456789012:role/pinion"
            env["AWS_ENDPOINT_URL_STS"] = metadata.url
        store("check", at=proxy, prefix=prefix, data=data, env=env)
        assert used(proxy) == ("found", "session")
        if place == "container":
            assert metadata.asked[0][2]["Authorization"] == "secret token"
        if place == "instance":
            assert [one[0] for one in metadata.asked] == ["PUT", "GET", "GET"]
            assert metadata.asked[2][2]["X-aws-ec2-metadata-token"] == "the-token"
            assert metadata.asked[2][1].endswith("/the-role")


def test_settings_come_before_the_environment(proxy, prefix, data):
    run("store", "check", *settings(proxy.url, prefix), "--set", "store.access_key=test-key",
        "--set", "store.secret_key=test-secret", data=data,
        env={"AWS_ACCESS_KEY_ID": "other", "AWS_SECRET_ACCESS_KEY": "other"})  # fmt: skip
    assert used(proxy) == ("test-key", None)


@pytest.mark.skipif("PINION_S3_SERVER" in os.environ, reason="that server knows one key")
@pytest.mark.parametrize("is_down", [False, True])
def test_credentials_that_are_not_renewed(s3, proxy, prefix, data, is_down):
    """They expire soon, and their place has no others yet, or does not answer: requests continue
    with them, and it is not asked for each."""
    soon = datetime.now(timezone.utc) + timedelta(minutes=4)
    with Metadata(expires=soon.strftime("%Y-%m-%dT%H:%M:%SZ")) as metadata:
        env = {name: value for name, value in NO_KEYS.items() if "DISABLED" not in name}
        env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = metadata.url
        bucket = [*settings(proxy.url, prefix), "--set", "sink.flush_size=1"]
        with Server(data, *bucket, env=env) as server:
            server.produce(f"{UID}.pin", {"index": 0})
            assert server.request("POST", "/api/v1/sink/flush")[0] == 200
            metadata.asked.clear()
            metadata.is_down = is_down
            server.produce(f"{UID}.pin", *({"index": n} for n in range(40)))
            began = time.monotonic()
            assert server.request("POST", "/api/v1/sink/flush")[0] == 200
            looks = 2 + (time.monotonic() - began) / 10
    assert sum(path.endswith("/api/token") for _, path, _ in metadata.asked) <= looks
    assert len(s3.keys(f"{prefix}/topics/")) == 41


def test_a_server_starts_without_the_right_to_list_uploads(proxy, prefix, data):
    class Denying(Proxy):
        def pass_on(self, handler):
            if "uploads" in handler.path.partition("?")[2]:
                refuse(handler, 403, "AccessDenied")
            else:
                super().pass_on(handler)

    with Denying(proxy.server) as denying:
        with Server(data, *settings(denying.url, prefix), env=KEYS) as server:
            server.produce(f"{UID}.pin", {"index": 0})
            assert server.request("POST", "/api/v1/sink/flush")[0] == 200
            assert "s3:ListBucketMultipartUploads" in server.log()


def test_no_credentials(proxy, prefix, data):
    refused = store("check", at=proxy, prefix=prefix, data=data, env=NO_KEYS, check=False)
    assert refused.returncode == 1 and "AWS_ACCESS_KEY_ID" in refused.stderr
    assert proxy.requests == []
