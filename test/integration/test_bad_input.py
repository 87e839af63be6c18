"""Bad input, and what the caller sees: requests, damaged segments, full disks, wrong commands."""

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import threading
from urllib.parse import urlsplit

import pytest
import requests

from contract import JSON_V2, UID, delta, post
from pinion import Server, run

V2 = {"Content-Type": "application/vnd.kafka.v2+json"}
GOOD = b'{"records":[{"value":1}]}'
ANSWER_SECONDS_MAX = 20


class Limited(Server):
    """A server with small limits, and raw sockets to it."""

    def __init__(self, data):
        super().__init__(
            data, "--set", "gateway.body_bytes_max=1MiB", "--set", "log.record_bytes_max=4KiB",
            "--set", "gateway.records_per_request_max=5", "--set", "gateway.request_ms=1s",
        )  # fmt: skip

    def raw(self, octets):
        """Sends octets as they are; gives (status, body) of the answer, after 100 Continue."""
        where = urlsplit(self.url)
        with socket.create_connection((where.hostname, where.port)) as connection:
            connection.settimeout(ANSWER_SECONDS_MAX)
            answer = b""
            try:
                connection.sendall(octets)
                while chunk := connection.recv(65536):
                    answer += chunk
            except ConnectionError:
                pass  # refused before all was sent; the answer may be there
        head, _, body = answer.partition(b"\r\n\r\n")
        found = re.match(rb"HTTP/1\.1 (\d{3}) ", head)
        assert found, f"no answer to {octets[:80]!r}: {answer[:200]!r}"
        return int(found[1]), body


def message(body=GOOD, line="POST /topics/bad.input HTTP/1.1", kind=JSON_V2["Content-Type"],
            length=None, more=b""):  # fmt: skip
    line = line if isinstance(line, bytes) else line.encode()
    kind = f"Content-Type: {kind}\r\n".encode() if kind else b""
    length = str(len(body) if length is None else length).encode()
    return (line + b"\r\nHost: localhost\r\nConnection: close\r\n" + kind
            + b"Content-Length: " + length + b"\r\n" + more + b"\r\n" + body)  # fmt: skip


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    with Limited(tmp_path_factory.mktemp("limited") / "data") as server:
        status, _ = server.raw(message())
        assert status == 200
        yield server
        # After all of it the server serves as before, and nothing refused was kept.
        (kept,) = server.produce("bad.input", 1)
        assert kept["offset"] == 1
        topics = json.loads(server.request("GET", "/topics")[1])
        assert set(topics) == {"bad.input", *(f"{UID}.{kind}" for kind in ("pin", "geo", "user"))}
        assert os.path.exists(server.data.parent) and not list(server.data.parent.glob("topics*"))


def refused(answer, *statuses, code=None):
    status, body = answer
    assert status in statuses, answer
    told = json.loads(body)
    if "error" in told:  # it had no path yet, so the words are our own
        assert list(told["error"]) == ["code", "message"], told
        return told["error"]["message"]
    assert list(told) == ["error_code", "message"], told
    assert told["error_code"] == (code or status) and told["message"], told
    return told["message"]


BODIES = [
    (b"", 422), (b"{", 400), (GOOD[:-1], 400), (b"[]", 422), (b"1", 422), (b"null", 422),
    (b'"x"', 422), (b"{}", 422), (b'{"records":{}}', 422), (b'{"records":[]}', 422),
    (b'{"records":null}', 422), (b'{"records":[1]}', 422), (b'{"records":[null]}', 422),
    (b'{"records":[{"value":1,"x":1}]}', 422), (b'{"records":[{"value":1}],"x":1}', 422),
    (b'{"records":[{"value":1,"partition":"0"}]}', 422),
    (b'{"records":[{"value":1,"partition":-1}]}', 422),
    (b'{"records":[{"value":1,"partition":1.5}]}', 422),
    (b'{"records":[{"value":1},2]}', 422),
    (b"\xff\xfe", 400), (b'{"records":[{"value":"\xff"}]}', 400),
    (b'{"records":[{"value":"\xed\xa0\x80"}]}', 400), (b'{"records":[{"value":"\\ud80"}]}', 400),
    (b'{"records":[{"value":"\\x41"}]}', 400), (b'{"records":[{"value":"a\nb"}]}', 400),
    (b'{"records":[{"value":NaN}]}', 400), (b'{"records":[{"value":01}]}', 400),
    (b'{"records":[{"value":1e}]}', 400), (b'{"records":[{"value":1,}]}', 400),
    (GOOD + b"x", 400), (GOOD + GOOD, 400), (b"{'records':[]}", 400), (b"records=1", 400),
    (b"[" * 200_000, 400), (b'{"records":[{"value":' + b"[" * 3000 + b"]" * 3000 + b"}]}", 400),
    (b'{"a":' * 50_000, 400), (b"\x00" * 100, 400),
    (b'{"records":[' + b",".join([b'{"value":1}'] * 6) + b"]}", 413),
    (b'{"records":[{"value":"' + b"x" * (2 << 20) + b'"}]}', 413),
]  # fmt: skip


@pytest.mark.parametrize("body, status", BODIES, ids=lambda value: repr(value)[:40])
def test_a_bad_body_is_refused(limited, body, status):
    refused(limited.raw(message(body)), status)


def test_invalid_json_is_told_with_its_position(limited):
    assert "21" in refused(limited.raw(message(b'{"records":[{"value":nope}]}')), 400)


def test_a_record_that_is_too_large_is_refused_alone_by_its_limit(limited):
    body = b'{"records":[{"value":"' + b"x" * 5000 + b'"}]}'
    status, answer = limited.raw(message(body))
    assert status == 413 and "log.record_bytes_max" in json.loads(answer)["message"]


@pytest.mark.parametrize("kind, status", [
    ("text/plain", 415), ("application/vnd.kafka.json.v9+json", 415), ("x" * 500, 415),
    ("multipart/form-data; boundary=x", 415),
])  # fmt: skip
def test_another_content_type_is_refused(limited, kind, status):
    refused(limited.raw(message(kind=kind)), status)


def test_what_cannot_be_answered_acceptably_is_refused(limited):
    refused(limited.raw(message(more=b"Accept: text/html\r\n")), 406)
    refused(limited.raw(message(more=b"Content-Encoding: gzip\r\n")), 415)


@pytest.mark.parametrize("name", [
    ".", "..", "%2e%2e", "%2E", "a%2fb", "..%2f..%2fetc", "a%5cb", "a%00b", "a%0ab", "a%20b",
    "é", "%C3%A9", "a" * 250, "a" * 300, "a%zz", "a%", "%", "a:b", "a*b", "%ff%fe",
], ids=lambda name: name[:16])  # fmt: skip
def test_a_hostile_topic_name_is_refused(limited, name):
    for path in (f"/topics/{name}", f"/test/topics/{name}", f"/topics/{name}/partitions/0"):
        status, body = limited.raw(message(line=f"POST {path} HTTP/1.1"))
        assert status in (400, 404, 422), (path, body)
        assert json.loads(body)["error_code"] in (400, 404, 422, 40002, 40401)


@pytest.mark.parametrize("path", [
    "/topics/x/y/z", "/nowhere", "/topics/bad.input/partitions/x",
    "/topics/bad.input/partitions/-1", "/topics/bad.input/partitions/99999999999999999999",
])  # fmt: skip
def test_a_path_that_leads_nowhere_is_refused(limited, path):
    status, body = limited.raw(message(line=f"POST {path} HTTP/1.1"))
    assert status in (404, 405), body
    if path == "/nowhere":
        assert json.loads(body)["error"]["code"] == "not_found", body
    else:
        assert json.loads(body)["error_code"] in (404, 405, 40402), body


@pytest.mark.parametrize("method", ["BREW", "PUT", "DELETE", "PATCH", "TRACE"])
def test_another_method_is_refused(limited, method):
    refused(limited.raw(message(line=f"{method} /topics/bad.input HTTP/1.1")), 405)


@pytest.mark.parametrize("octets", [
    b"GET /topics\r\n\r\n",
    b"GET /topics HTTP/9.9\r\nHost: localhost\r\n\r\n",
    message(length=-5), message(length="abc"), message(length=10**30), message(length="1 2"),
    message(more=b"Transfer-Encoding: chunked\r\n"),
    message(more=b"nocolon\r\n"),
    message(more=b"X: " + b"a" * 20_000 + b"\r\n"),
    message(more=b"".join(b"X-%d: a\r\n" % n for n in range(3000))),
    message(line=b"GET /" + b"a" * 20_000 + b" HTTP/1.1"),
    b"POST /topics/bad.input HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Type: application/json\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    b"POST /topics/bad.input HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 100,
    b"\x00\x01\x02garbage\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
], ids=lambda octets: repr(octets[:24] + octets[-30:-15]))  # fmt: skip
def test_what_is_no_http_is_answered_and_refused(limited, octets):
    status, _ = limited.raw(octets)
    assert 400 <= status < 500 or status in (501, 505)


@pytest.mark.parametrize("octets", [message(length=len(GOOD) + 9), message()[:40], b"POST /top"])
def test_what_never_ends_is_answered_when_its_time_is_over(limited, octets):
    refused(limited.raw(octets), 408)


def test_slow_clients_do_not_hold_up_others(limited):
    where = urlsplit(limited.url)
    slow = [socket.create_connection((where.hostname, where.port)) for _ in range(100)]
    try:
        for connection in slow:
            connection.sendall(b"POST /topics/bad.input HTTP/1.1\r\nContent-Le")
        assert limited.request("GET", "/topics", timeout=ANSWER_SECONDS_MAX)[0] == 200
    finally:
        for connection in slow:
            connection.close()


# --- who may call -----------------------------------------------------------------------------


RIGHT, OTHER = "the right key of the test", "another key of the test"


def test_an_api_key_is_asked_for(data):
    """Where one is set, clients with none or another are refused, on every route."""
    with Server(data, "--set", "gateway.auth=api-key", env={"PINION_API_KEY": RIGHT}) as server:
        url = f"{server.url}/topics/{UID}.pin"
        body = {"records": [{"value": {"index": 1}}]}
        for key in (None, "", "wrong", RIGHT[:-1], RIGHT + "t", RIGHT.upper(), RIGHT * 2):
            headers = JSON_V2 if key is None else {**JSON_V2, "x-api-key": key}
            for answer in (
                requests.post(url, json=body, headers=headers, timeout=30),
                requests.get(f"{server.url}/topics", headers=headers, timeout=30),
                requests.post(f"{server.url}/consumers/g", json={}, headers=headers, timeout=30),
            ):
                assert answer.status_code == 401, (key, answer.text)
                assert answer.json()["error_code"] == 401
        right = {**JSON_V2, "x-api-key": RIGHT}
        answer = requests.post(url, json=body, headers=right, timeout=30)
        assert answer.status_code == 200 and answer.json()["offsets"][0]["offset"] == 0


def test_a_file_of_keys_is_read(data, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(f"{RIGHT}\n{OTHER}\n")
    settings = ("--set", "gateway.auth=api-key", "--set", f"gateway.api_key_file={keys}")
    with Server(data, *settings) as server:
        for key in (RIGHT, OTHER):
            assert server.request("GET", "/topics", headers={"x-api-key": key})[0] == 200
        for key in ("", f"{RIGHT}\\n{OTHER}", "a third key of the test"):
            status = server.request("GET", "/topics", headers={"x-api-key": key})[0]
            assert status == 401


def test_a_short_key_does_not_start(data):
    done = serve(data, "--set", "gateway.auth=api-key", env={"PINION_API_KEY": "short"})
    one_line(done, "PINION_API_KEY", "16")
    assert "short" not in done.stderr.replace("shorter", "")


# --- commands that cannot start ---------------------------------------------------------------


def one_line(done, *words):
    """One line on stderr that holds the words, nothing on stdout, and a status that says so."""
    assert done.returncode not in (0, None) and done.returncode > 0, done
    assert done.stdout == "", done
    assert done.stderr.startswith("pinion: ") and done.stderr.endswith("\n"), done
    assert done.stderr.count("\n") == 1, done
    for word in words:
        assert word in done.stderr, done


def serve(data, *args, listen="127.0.0.1:0", env=None):
    return run("serve", "--listen", listen, *args, data=data, check=False, env=env, timeout=60)


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0"])
def test_it_listens_to_the_world_only_with_auth(data, listen):
    one_line(serve(data, listen=listen), "gateway.auth", "api-key", "none")


def test_api_key_without_a_key_does_not_start(data):
    one_line(serve(data, "--set", "gateway.auth=api-key"), "PINION_API_KEY")


@pytest.mark.parametrize("listen", ["127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", ":8082", ""])
def test_an_address_that_is_none(data, listen):
    one_line(serve(data, listen=listen), "HOST:PORT")


def test_a_port_in_use(server, tmp_path):
    where = urlsplit(server.url).netloc
    one_line(serve(tmp_path / "other", listen=where), where, "in use", "--listen")
    assert not (tmp_path / "other").exists(), "it leaves no data folder behind"


def test_a_data_folder_in_use(server, data):
    one_line(serve(data), str(data), "another")
    assert server.request("GET", "/health")[0] == 200


def test_a_data_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").touch()
    one_line(serve(tmp_path / "file"), str(tmp_path / "file"))
    one_line(serve(tmp_path / "file/below"), str(tmp_path / "file"))
    one_line(serve("/proc/pinion-test"), "/proc/pinion-test")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere; see the mount below")
def test_a_data_folder_that_is_not_writable(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o555)
    one_line(serve(folder), str(folder))


PIPELINES = [
    ("name: [", ":2:", ["YAML"]),
    ("nam: x\n", ":1:", ["nam", "did you mean", "name"]),
    ("name: x\ntopics: 5\n", ":2:", ["topics"]),
    ("name: x\nname: y\n", ":2:", ["name"]),
    ("name: x\ntables: {a: {path: p, from_topic: no, columns: {x: bigint}}}\n", ":2:",
     ["tables.a.from_topic", "no"]),
    ("name: x\ntopics: {t: }\ntables:\n  a: {path: p, from_topic: t, columns: {x: bigintt}}\n",
     ":4:", ["tables.a.columns.x", "bigintt"]),
    ("name: x\ntables:\n  a: {path: p, sql: no.sql, reads: [], columns: {x: bigint}}\n", ":3:",
     ["no.sql"]),
    ("name: x\ndags:\n  d:\n    tasks:\n      a: {run: nonsense}\n", ":5:", ["nonsense"]),
    ("name: x\ndags: {d: {tasks: {a: {run: command, command: x, after: [a]}}}}\n", ":2:", ["a"]),
    ("name: x\nsettings: {sink: {flush_size: 0}}\n", ":2:", ["flush_size"]),
    ("name: !!python/object x\n", ":1:", ["tag"]),
]  # fmt: skip


@pytest.mark.parametrize("text, line, words", PIPELINES, ids=[text[:30] for text, *_ in PIPELINES])
def test_a_broken_pipeline_yml(data, tmp_path, text, line, words):
    (tmp_path / "pipeline.yml").write_text(text)
    where = f"{tmp_path}/pipeline.yml{line}"
    for done in (
        serve(data, "--pipeline", tmp_path),
        run("pipeline", "check", tmp_path, check=False),
        run("dag", "list", "--pipeline", tmp_path, data=data, check=False),
    ):
        one_line(done, where, *words)


def test_no_pipeline_and_one_of_random_bytes(data, tmp_path):
    one_line(serve(data, "--pipeline", tmp_path), "pipeline.yml", "--pipeline")
    (tmp_path / "pipeline.yml").write_bytes(bytes(range(128, 256)) * 8)
    one_line(serve(data, "--pipeline", tmp_path), "pipeline.yml", "UTF-8")


@pytest.mark.parametrize("args, words", [
    (["query", "nosuch_query"], ["nosuch_query", "pinion query --list"]),
    (["query", "users_joined_by_year"], ["user", "dag trigger batch_processing_dag"]),
    (["query", "SELECT * FROM pin"], ["pin", "dag trigger"]),
    (["query", "SELECT * FROM nosuch"], ["nosuch"]),
    (["query", "SELEC 1"], ["SELEC"]),
    (["query", ""], ["--list"]),
    (["table", "schema", "pin"], ["pin", "dag trigger batch_processing_dag"]),
    (["table", "history", "nosuch"], ["nosuch", "table list"]),
    (["table", "files", "../../etc"], ["../../etc"]),
    (["dag", "status", "batch_processing_dag"], ["batch_processing_dag"]),
    (["emulate", "batch", "--url", "nonsense", "--rows", "1", "--retries", "0", "-q"],
     ["nonsense"]),
    (["settings", "--set", "nosuch.x=1"], ["nosuch.x", "pinion settings"]),
    (["settings", "--set", "sink.flush_size=0"], ["sink.flush_size", "1"]),
    (["settings", "--set", "log.durability=maybe"], ["fsync", "os"]),
    (["settings", "--config", "/nowhere/x.yml"], ["/nowhere/x.yml"]),
])  # fmt: skip
def test_what_is_not_there_is_one_line(data, args, words):
    data.mkdir()
    one_line(run(*args, data=data, check=False), *words)


@pytest.mark.parametrize("args", [("query", "SELECT 1"), ("table", "list")])
def test_looking_makes_no_data_folder(data, args):
    one_line(run(*args, data=data, check=False), str(data), "--data")
    assert not data.exists()


def test_a_producer_whose_server_is_not_there_says_so():
    done = run("emulate", "batch", "--url", "http://127.0.0.1:1", "--rows", "1", "--retries", "0",
               "-q", "--format", "json", check=False)  # fmt: skip
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "127.0.0.1" in done.stderr and "pinion serve" in done.stderr
    (told,) = json.loads(done.stdout)
    assert (told["sent"], told["acknowledged"], told["failed"]) == (1, 0, 1)


# --- a damaged segment ------------------------------------------------------------------------


def fetch(url, group, start):
    """(values by offset, the error's message) of a consumer that begins at an offset."""
    made = {"name": "i", "format": "json", "auto.offset.reset": "earliest"}
    made = requests.post(f"{url}/consumers/{group}", json=made, headers=V2, timeout=30)
    base = f"{url}/consumers/{group}/instances/i"
    assert made.status_code == 200, made.text
    place = {"topic": f"{UID}.pin", "partition": 0}
    for path, body in (
        ("assignments", {"partitions": [place]}),
        ("positions", {"offsets": [{**place, "offset": start}]}),
    ):
        assert requests.post(f"{base}/{path}", json=body, headers=V2, timeout=30).status_code == 204
    values, accept = {}, {"Accept": "application/vnd.kafka.json.v2+json"}
    while True:
        answer = requests.get(f"{base}/records?timeout=100", headers=accept, timeout=30)
        if answer.status_code != 200:
            return values, answer.json()["message"]
        if not answer.json():
            return values, None
        values |= {record["offset"]: record["value"] for record in answer.json()}


@pytest.mark.parametrize("broken", [0, 2, 4])
def test_a_damaged_segment_is_told_and_the_rest_is_read(data, broken):
    quiet = ("--set", "sink.rotate_interval_ms=7d")
    wanted = {number: {"index": number, "title": f"title {number}"} for number in range(5)}
    with Server(data, *quiet) as server:
        for value in wanted.values():
            post(server.url, "pin", [value])
    segment = data / f"log/{UID}.pin/0/00000000000000000000.log"
    octets = bytearray(segment.read_bytes())
    octets[octets.index(b"title %d" % broken)] ^= 0x20
    segment.write_bytes(octets)
    with Server(data, *quiet) as server:
        assert post(server.url, "pin", [{"index": 5}]) == [5]  # no offset is given twice
        values, told = fetch(server.url, "before", 0)
        if broken == 0:
            assert values == {}
        assert values == {n: wanted[n] for n in range(broken)}
        assert str(segment.relative_to(data)) in told and f"{broken}" in told and "position" in told
        after, told = fetch(server.url, "after", broken + 1)
        assert told is None
        assert after == {n: wanted[n] for n in range(broken + 1, 5)} | {5: {"index": 5}}
        # The sink says what the log lost and continues after it.
        run("dag", "trigger", "batch_processing_dag", "--wait", "-q", data=data)
        assert str(segment) in server.log()
    assert set(delta(data, "raw/pin").column("index").to_pylist()) == set(range(6)) - {broken}


def test_a_torn_tail_is_cut_and_told(data):
    with Server(data) as server:
        post(server.url, "pin", [{"index": 0}])
        post(server.url, "pin", [{"index": 1}])
    segment = data / f"log/{UID}.pin/0/00000000000000000000.log"
    segment.write_bytes(segment.read_bytes() + segment.read_bytes()[:50])
    (data / "server.out").unlink()
    with Server(data) as server:
        assert f"{UID}.pin" in server.log() and "50" in server.log()
        assert post(server.url, "pin", [{"index": 2}]) == [2]
        values, told = fetch(server.url, "g", 0)
        assert (sorted(values), told) == ([0, 1, 2], None)


# --- a full disk ------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 6 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a file system")
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "pinion-test", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_a_503_and_loses_nothing(small_disk):
    data, filler = small_disk / "data", small_disk / "filler"
    acknowledged = {}
    value = base64.b64encode(os.urandom(3000)).decode()

    def produce(server, key):
        body = {"records": [{"value": {"index": key, "title": value}}]}
        return server.request("POST", f"/topics/{UID}.pin", body)

    with Server(data, "--set", "sink.rotate_interval_ms=7d") as server:
        status, key = 200, 0
        while status == 200:
            status, answer, _ = produce(server, key)
            if key == 20:
                free = shutil.disk_usage(small_disk).free
                filler.write_bytes(b"x" * (free - 300_000))
            if status == 200:
                acknowledged[json.loads(answer)["offsets"][0]["offset"]] = key
            key += 1
            assert key < 2000, "the disk never was full"
        assert status == 503, answer
        told = json.loads(answer)
        assert told["error_code"] == 50003 and "No space left" in told["message"], told
        assert str(data) not in told["message"] and f"log/{UID}.pin/" in told["message"], told
        assert server.request("GET", "/topics")[0] == 200
        assert produce(server, key)[0] == 503
        filler.unlink()
        resumed = threading.Event()
        for _ in range(100):
            status, answer, _ = produce(server, key)
            if status == 200:
                acknowledged[json.loads(answer)["offsets"][0]["offset"]] = key
                break
            resumed.wait(0.1)
        assert status == 200, f"space is back, but: {answer}"
        run("dag", "trigger", "batch_processing_dag", "--wait", "-q", data=data)
    assert sorted(acknowledged) == list(range(len(acknowledged)))
    keys = sorted(delta(data, "raw/pin").column("index").to_pylist())
    assert keys == sorted(acknowledged.values())


@pytest.mark.parametrize(
    "octets",
    [
        message(line=b"POST /topics/bad.input\0more HTTP/1.1"),
        message(line=b"POST /topics/bad.input\0 HTTP/1.1"),
        message(line=b"POST /topics/bad.input\0?a=b HTTP/1.1"),
        message(more=b"Content-Length: 3\r\n"),
    ],
    ids=["NUL in the path", "NUL behind it", "NUL before the query", "two lengths"],
)
def test_requests_that_can_be_read_in_two_ways_are_refused(limited, octets):
    refused(limited.raw(octets), 400)


def test_a_query_may_be_empty(limited):
    refused(limited.raw(message(b"{}", line="POST /topics/bad.input? HTTP/1.1")), 422)
