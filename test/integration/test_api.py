"""Our own front with real clients: its errors, and replies that need not be sent as they are."""

import gzip
import json
import subprocess
import threading
import time
from urllib.parse import quote

import pytest
import requests

from pinion import Server
from streams import put


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("api") / "data") as server:
        yield server


def ask(server, path, method="GET", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.request(method, server.url + path, headers=headers, timeout=30)


def curl(server, path, *args):
    command = ["curl", "-sS", "--max-time", "30", *args, server.url + path]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


# --- errors -----------------------------------------------------------------------------------


OURS = [
    ("GET", "/nowhere", 404, "not_found"), ("PUT", "/", 405, "method_not_allowed"),
    ("GET", "/api/v1/nothing", 404, "not_found"), ("DELETE", "/health", 405, "method_not_allowed"),
    ("GET", "/api/v1/streams/none/shards", 404, "not_found"), ("GET", "/%01", 400, "bad_request"),
    ("GET", "/api/v1/streams/none/shards/x/position", 400, "bad_request"),
    ("GET", "/ui/gone.js", 404, "not_found"), ("GET", "/api/topics/t", 404, "not_found"),
    # What is ours is never the stage of an API Gateway.
    ("POST", "/api/topics/t", 404, "not_found"),
    ("POST", "/ui/topics/t", 405, "method_not_allowed"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "status", "code"), OURS)
def test_our_own_words(server, method, path, status, code):
    answer = ask(server, path, method)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    error = answer.json()["error"]
    assert error["code"] == code and error["message"] and set(error) <= {"code", "message", "hint"}


@pytest.mark.parametrize("path", ["/topics/t/nothing", "/prod/consumers/g/nothing", "/topics/%01"])
def test_words_of_kafka_rest(server, path):
    answer = ask(server, path)
    assert answer.status_code in (400, 404)
    assert answer.headers["Content-Type"] == "application/vnd.kafka.v2+json"
    assert answer.json()["error_code"] == answer.status_code


@pytest.mark.parametrize("path", ["/streams/s/nothing", "/dev/stream/s/nothing"])
def test_words_of_kinesis(server, path):
    answer = ask(server, path)
    assert answer.status_code == 404 and answer.headers["x-amzn-RequestId"]
    assert answer.json()["__type"] == "UnknownOperationException"


def test_hosts_and_keys_are_refused_in_the_words_of_the_path(server, tmp_path):
    for path, member in (("/health", "error"), ("/topics", "error_code"), ("/streams", "__type")):
        answer = ask(server, path, Host="evil.example")
        assert answer.status_code == 421 and member in answer.json(), path
    key = {"PINION_API_KEY": "a key of sixteen or more"}
    with Server(tmp_path / "locked", "--set", "gateway.auth=api-key", env=key) as locked:
        paths = {"/nowhere": "error", "/topics": "error_code", "/streams": "__type"}
        for path, member in paths.items():
            answer = ask(locked, path)
            assert answer.status_code == 401 and member in answer.json(), path


def test_a_command_says_what_the_server_says(server):
    done = subprocess.run(
        ["curl", "-sS", "-XPOST", f"{server.url}/api/v1/nothing"], capture_output=True, text=True
    )
    assert json.loads(done.stdout)["error"]["hint"] == "GET /api/v1/routes lists the routes"


# --- replies that a client has, or takes compressed -------------------------------------------


def test_a_list_that_the_client_has_is_not_sent_again(server):
    first = ask(server, "/api/v1/routes")
    etag = first.headers["ETag"]
    assert first.status_code == 200 and etag.startswith('W/"') and first.json()["routes"]
    again = ask(server, "/api/v1/routes", If_None_Match=etag)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == etag and again.headers["Vary"] == "Accept-Encoding"
    assert "Content-Type" not in again.headers
    assert ask(server, "/api/v1/routes", If_None_Match='"other"').status_code == 200
    # The connection is good for the next request.
    with requests.Session() as session:
        for _ in range(3):
            for header, status in ((etag, 304), ('"x"', 200)):
                headers = {"If-None-Match": header}
                answer = session.get(f"{server.url}/api/v1/routes", headers=headers, timeout=30)
                assert answer.status_code == status


def test_curl_keeps_a_list_by_its_tag(server, tmp_path):
    etag, out = tmp_path / "etag", tmp_path / "out"
    curl(server, "/api/v1/routes", "--etag-save", str(etag), "-o", str(out))
    size = out.stat().st_size
    assert size > 1000 and etag.read_text().startswith("W/")
    code = curl(
        server, "/api/v1/routes", "--etag-compare", str(etag), "-o", str(tmp_path / "none"),
        "-w", "%{http_code} %{size_download}",
    )  # fmt: skip
    assert code == b"304 0"


@pytest.mark.parametrize("path", ["/api/v1/routes", "/metrics"])
def test_a_large_reply_is_compressed_for_who_takes_it(server, path):
    plain = ask(server, path, Accept_Encoding="identity")
    assert "Content-Encoding" not in plain.headers and plain.headers["Vary"] == "Accept-Encoding"
    zipped = requests.get(server.url + path, stream=True, timeout=30)
    raw = zipped.raw.read(decode_content=False)
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert zipped.headers["Vary"] == "Accept-Encoding"
    assert zipped.headers["Content-Length"] == str(len(raw)) and len(raw) < len(plain.content) / 2
    start = plain.text[:1000]
    assert gzip.decompress(raw).decode()[:1000] == start
    assert curl(server, path, "--compressed").decode()[:1000] == start
    refused = ask(server, path, Accept_Encoding="gzip;q=0, br")
    assert "Content-Encoding" not in refused.headers
    head = ask(server, path, "HEAD", Accept_Encoding="gzip")
    assert head.headers["Content-Encoding"] == "gzip" and head.content == b""


def test_a_small_reply_is_sent_as_it_is(server):
    answer = ask(server, "/", Accept_Encoding="gzip")
    assert "Content-Encoding" not in answer.headers and answer.json()["name"] == "pinion"


# --- lists ------------------------------------------------------------------------------------


GEO = {
    "timestamp": "2021-01-01T10:00:00", "latitude": 1.5, "longitude": 2.5, "country": "Cuba",
}  # fmt: skip


def pages(server, path, limit):
    """All items of a list, read page by page."""
    items, query = [], f"?limit={limit}"
    while True:
        page = ask(server, path + query).json()
        assert len(page["items"]) <= limit
        items += page["items"]
        if "next" not in page:
            return items
        query = f"?limit={limit}&cursor={quote(page['next'])}"


def test_a_list_by_pages(data):
    """Three commits of a table, and its three files."""
    with Server(data, "--set", "stream.compact_files=0") as server:
        for i in range(3):
            put(server.url, "geo", GEO | {"ind": i})
            deadline = time.monotonic() + 30
            while tables(server)["stream_geo"]["rows"] != i + 1:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        path = "/api/v1/tables/stream_geo"
        versions = [item["version"] for item in pages(server, f"{path}/history", 2)]
        assert versions == sorted(versions, reverse=True) and versions[-1] == 0
        assert len(versions) >= 4
        whole = ask(server, f"{path}/files").json()
        assert pages(server, f"{path}/files", 1) == whole["items"] and len(whole["items"]) == 3
        assert ask(server, f"{path}/files?version=0").json()["items"] == []


def tables(server):
    return {item["table"]: item for item in ask(server, "/api/v1/tables").json()["items"]}


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "cursor=%21", "cursor=", "version=-1"]
)
def test_a_list_with_a_bad_question(server, query):
    answer = ask(server, f"/api/v1/tables/stream_geo/files?{query}")
    assert answer.status_code == 400
    assert query.split("=")[0] in answer.json()["error"]["message"]


def test_a_table_of_no_such_name(server):
    answer = ask(server, "/api/v1/tables/none/schema")
    assert answer.status_code == 404 and "none" in answer.json()["error"]["message"]


# --- flushes ----------------------------------------------------------------------------------


def test_many_flushes_at_once(server):
    """More than the server has threads for what may block."""
    assert ask(server, "/topics/shop", "POST").status_code == 422  # nothing, but a request
    statuses = []

    def flush():
        statuses.append(ask(server, "/api/v1/sink/flush", "POST").status_code)

    threads = [threading.Thread(target=flush) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 24
    assert ask(server, "/api/v1/sink").json()["partitions"] is not None
