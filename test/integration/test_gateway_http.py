"""HTTP itself: malformed, pipelined, slow and hostile clients by raw sockets; keys; the end."""

import json
import socket
import threading
import time

import pytest
import requests

from pinion import Failed, Server

ONE = b'{"records":[{"value":1}]}'


def address(server):
    host, port = server.url.removeprefix("http://").split(":")
    return host, int(port)


class Raw:
    """A connection on which bytes are sent as they are."""

    def __init__(self, server):
        self.socket = socket.create_connection(address(server), timeout=30)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def post(self, path=b"/topics/t", body=ONE, headers=b""):
        head = b"POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n"
        return self.send(head % (path, headers, len(body)) + body)

    def fill(self):
        more = self.socket.recv(65536)
        self.buffer += more
        return more != b""

    def answer(self, body=True):
        """(status, headers, body) of the next reply; None when the connection was closed."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.fill():
                return None
        head, _, rest = self.buffer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
        length = int(headers.get("content-length", 0)) if body else 0
        while len(rest) < length:
            assert self.fill()
            rest = self.buffer.partition(b"\r\n\r\n")[2]
        self.buffer = rest[length:]
        return int(lines[0].split()[1]), headers, rest[:length]

    def closed(self):
        try:
            while self.fill():
                pass
        except ConnectionResetError:
            pass
        return True


def error_of(answer, status):
    """The message. It is in our own words where the request has no path that is Kafka REST's."""
    assert answer is not None and answer[0] == status, answer
    body = json.loads(answer[2])
    if "error" in body:
        assert set(body["error"]) <= {"code", "message", "hint"}
        return body["error"]["message"]
    assert set(body) == {"error_code", "message"}
    return body["message"]


@pytest.mark.parametrize("scheme", [b"http", b"HTTPS"])
def test_whole_url(server, scheme):
    """As a client sends it to a proxy; a server has to take it, too."""
    with Raw(server) as raw:
        raw.post(scheme + b"://localhost:80/topics/whole")
        assert raw.answer()[0] == 200
        raw.send(b"GET %s://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n" % scheme)
        assert raw.answer()[0] == 200
        raw.send(b"GET %s://evil.example/topics HTTP/1.1\r\n%s\r\n" % (scheme, HOST))
        assert "allowed_hosts" in error_of(raw.answer(), 421)


def test_pipelining(server):
    with Raw(server) as raw:
        request = b"POST /topics/pipe HTTP/1.1\r\nHost: [::1]\r\nContent-Length: %d\r\n\r\n%s" % (
            len(ONE), ONE,
        )  # fmt: skip
        raw.send(request * 100)
        offsets = [json.loads(raw.answer()[2])["offsets"][0]["offset"] for _ in range(100)]
        assert offsets == list(range(100))


def test_pipelining_of_different_requests(server):
    with Raw(server) as raw:
        raw.send(b"GET /health HTTP/1.1\r\nHost: [::1]\r\n\r\n")
        raw.send(b"GET /nothing HTTP/1.1\r\nHost: [::1]\r\n\r\n")
        raw.post()
        for method in (b"HEAD", b"GET"):
            raw.send(b"%s /topics HTTP/1.1\r\nHost: [::1]\r\n\r\n" % method)
        assert raw.answer()[0] == 200
        assert raw.answer()[0] == 404
        assert raw.answer()[0] == 200
        status, headers, _ = raw.answer(body=False)
        assert status == 200
        listed = raw.answer()
        assert len(listed[2]) == int(headers["content-length"])


def test_head(server):
    requests.post(f"{server.url}/topics/t", data=ONE)
    for path in ("/topics", "/topics/t", "/health", "/metrics", "/"):
        answer = requests.head(server.url + path)
        assert answer.status_code == 200 and answer.content == b""
        assert int(answer.headers["Content-Length"]) > 0


def test_http_1_0(server):
    with Raw(server) as raw:
        raw.send(b"GET /health HTTP/1.0\r\n\r\n")
        assert raw.answer()[0] == 200
        assert raw.closed()


def test_connection_close(server):
    with Raw(server) as raw:
        raw.post(headers=b"Connection: close\r\n")
        assert raw.answer()[0] == 200
        assert raw.closed()


def test_chunked_body(server):
    with Raw(server) as raw:
        raw.send(b"POST /topics/t HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(0, len(ONE), 7):
            piece = ONE[i : i + 7]
            raw.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        raw.send(b"0\r\n\r\n")
        assert raw.answer()[0] == 200
        raw.post()
        assert raw.answer()[0] == 200


def test_expect_continue(server):
    with Raw(server) as raw:
        raw.send(
            b"POST /topics/t HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
            b"Content-Length: %d\r\n\r\n" % len(ONE)
        )
        assert raw.answer()[0] == 100
        raw.send(ONE)
        assert raw.answer()[0] == 200
    with Raw(server) as raw:
        raw.send(
            b"POST /topics/t HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
            b"Content-Length: 999999999\r\n\r\n"
        )
        assert "body_bytes_max" in error_of(raw.answer(), 413)


def test_byte_by_byte(server):
    with Raw(server) as raw:
        request = b"POST /topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (
            len(ONE), ONE,
        )  # fmt: skip
        for byte in request:
            raw.send(bytes([byte]))
        assert raw.answer()[0] == 200


@pytest.mark.parametrize(
    "request_line",
    [b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/0.9\r\n\r\n",
     b"GET / HTTP/1.1 extra\r\n\r\n", b"GET / JUNK/1.1\r\n\r\n",
     b"POST /topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
     b"POST /topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
     b"POST /topics/t HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 99999999999999999999999\r\n\r\n",
     b"POST /topics/t HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
     b"POST /topics/t HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
     b"POST /topics/t HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n"],
)  # fmt: skip
def test_malformed_requests_are_answered(server, request_line):
    with Raw(server) as raw:
        raw.send(request_line)
        answer = raw.answer()
        assert answer is not None
        assert 400 <= answer[0] < 500 or answer[0] in (501, 505)
    assert requests.get(f"{server.url}/health").status_code == 200


@pytest.mark.parametrize(
    "junk, status, why",
    [(b"GET\r\n\r\n", 400, "invalid method"),
     (b"\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", 400, "not TLS"),
     (b"\x00\x01\x02", 400, "not an HTTP request"),
     (b"GET /\r\n\r\n", 400, "no HTTP version"),
     (b"GET / HTTP/3.0\r\n\r\n", 505, "HTTP/1.1"),
     (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "NodeHttpHandler")],
)  # fmt: skip
def test_what_is_no_http(server, junk, status, why):
    with Raw(server) as raw:
        raw.send(junk)
        assert why in error_of(raw.answer(), status)
        assert raw.closed()
    assert ("not HTTP/2" in server.log()) == (b"HTTP/2" in junk)


# --- where a request ends -------------------------------------------------------------------------

POST = b"POST /topics/t HTTP/1.1\r\n"
HOST = b"Host: localhost\r\n"
FOLLOW = b"GET /brokers HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = POST + HOST + b"Transfer-Encoding: chunked\r\n\r\n"


def headers(lines, body=b"hello"):
    return POST + HOST + lines + b"\r\n\r\n" + body


# Another reader could find another end of each of these, and take what follows for a request.
UNCLEAR = {
    "both": (headers(b"Content-Length: 5\r\nTransfer-Encoding: chunked"), 400, "not both"),
    "both, turned": (headers(b"Transfer-Encoding: chunked\r\nContent-Length: 5"), 400, "not both"),
    "lengths that differ": (
        headers(b"Content-Length: 4\r\nContent-Length: 5"),
        400, "more than one"),
    "two lengths": (headers(b"Content-Length: 5\r\nContent-Length: 5"), 400, "more than one"),
    "listed length": (headers(b"Content-Length: 5, 5"), 400, "digits"),
    "signed length": (headers(b"Content-Length: +5"), 400, "digits"),
    "negative length": (headers(b"Content-Length: -5"), 400, "digits"),
    "hex length": (headers(b"Content-Length: 0x5"), 400, "digits"),
    "empty length": (headers(b"Content-Length:"), 400, "empty"),
    "blank length": (headers(b"Content-Length: \t "), 400, "empty"),
    "length in words": (headers(b"Content-Length: 5 5"), 400, "digits"),
    "huge length": (headers(b"Content-Length: 9999999999999999999"), 413, "too large"),
    "length with a NUL": (headers(b"Content-Length: 5\x009"), 400, "NUL"),
    "coding with a NUL": (headers(b"Transfer-Encoding: chunked\0x", b"0\r\n\r\n"), 400, "NUL"),
    "NUL in any header": (headers(b"X: a\0b\r\nContent-Length: 5"), 400, "NUL"),
    "NUL in a name": (headers(b"X\0: a\r\nContent-Length: 5"), 400, "valid name"),
    "NUL in the target": (b"GET /topics\0 HTTP/1.1\r\n" + HOST + b"\r\n", 400, "control"),
    "folded length": (headers(b"Content-Length:\r\n 5"), 400, "empty"),
    "folded coding": (headers(b"Transfer-Encoding:\r\n chunked", b"0\r\n\r\n"), 501, "chunked"),
    "folded coding, a length": (
        headers(b"Content-Length: 5\r\nTransfer-Encoding:\r\n\tchunked"), 501, "chunked"),
    "folded length, begun": (headers(b"Content-Length: 5\r\n 5"), 400, "folded"),
    "folded coding, begun": (
        headers(b"Transfer-Encoding: chunked\r\n , x", b"0\r\n\r\n"), 400, "folded"),
    "any folded header": (headers(b"X: a\r\n b\r\nContent-Length: 5"), 400, "folded"),
    "fold before any header": (POST + b" X: a\r\n" + HOST + b"\r\n", 400, "folded"),
    "two codings": (
        headers(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
        400, "more than one"),
    "listed coding": (headers(b"Transfer-Encoding: gzip, chunked", b"0\r\n\r\n"), 501, "chunked"),
    "coding behind": (
        headers(b"Transfer-Encoding: chunked, identity", b"0\r\n\r\n"),
        501, "chunked"),
    "another coding": (headers(b"Transfer-Encoding: gzip"), 501, "chunked"),
    "no coding": (headers(b"Transfer-Encoding:"), 501, "chunked"),
    "almost the coding": (headers(b"Transfer-Encoding: xchunked", b"0\r\n\r\n"), 501, "chunked"),
    "coding in HTTP/1.0": (
        b"POST /topics/t HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "HTTP/1.0"),
    "blank before the colon": (headers(b"Content-Length : 5"), 400, "has a blank"),
    "tab before the colon": (headers(b"Content-Length\t: 5"), 400, "has a blank"),
    "two hosts": (headers(b"Host: localhost\r\nContent-Length: 5"), 400, "more than one Host"),
    "no host": (POST + b"Content-Length: 5\r\n\r\nhello", 400, "no Host"),
    "listed host": (POST + b"Host: localhost, evil\r\n\r\n", 400, "invalid character"),
    "bare LF": (headers(b"X: a\nContent-Length: 5"), 400, "LF alone"),
    "bare LF at the end": (POST + HOST + b"\n", 400, "valid name"),
    "bare LF after the request line": (POST[:-2] + b"\n" + HOST + b"\r\n", 400, "HTTP version"),
    "bare CR": (headers(b"X: a\rb\r\nContent-Length: 5"), 400, "CR is not followed"),
    "no colon": (headers(b"nothing\r\nContent-Length: 5"), 400, "no colon"),
    "no name": (headers(b": a\r\nContent-Length: 5"), 400, "valid name"),
    "two blanks": (b"GET  /topics HTTP/1.1\r\n" + HOST + b"\r\n", 400, "valid target"),
    "blank behind the version": (b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n", 400, "must end"),
    "chunk size ended by LF": (CHUNKED + b"5\nhello\r\n0\r\n\r\n", 400, "its size and CRLF"),
    "chunk data ended by LF": (CHUNKED + b"5\r\nhello\n0\r\n\r\n", 400, "end with CRLF"),
    "chunk data ended by nothing": (CHUNKED + b"5\r\nhello0\r\n\r\n", 400, "end with CRLF"),
    "last chunk ended by LF": (CHUNKED + b"5\r\nhello\r\n0\n\r\n", 400, "its size and CRLF"),
    "chunked body ended by LF": (CHUNKED + b"5\r\nhello\r\n0\r\n\n", 400, "valid name"),
    "LF in an extension": (CHUNKED + b"5;a\nb\r\nhello\r\n0\r\n\r\n", 400, "LF alone"),
    "CR in an extension": (CHUNKED + b"5;a\rb\r\nhello\r\n0\r\n\r\n", 400, "CR is not followed"),
    "chunk size 0x": (CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n", 400, "its size and CRLF"),
    "signed chunk size": (CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n", 400, "its size and CRLF"),
    "no chunk size": (CHUNKED + b"\r\nhello\r\n0\r\n\r\n", 400, "its size and CRLF"),
    "huge chunk size": (CHUNKED + b"1000000000000000\r\n", 413, "too large"),
    "length in the trailer": (CHUNKED + b"0\r\nContent-Length: 5\r\n\r\nhello", 400, "trailer"),
    "folded trailer": (CHUNKED + b"0\r\nX: a\r\n b\r\n\r\n", 400, "folded"),
}


@pytest.mark.parametrize("name", UNCLEAR)
@pytest.mark.parametrize("pieces", ["whole", "behind another", "single bytes"])
def test_unclear_end_of_a_request(clear_server, name, pieces):
    """It is refused, and what follows on its connection is not looked at."""
    octets, status, why = UNCLEAR[name]
    with Raw(clear_server) as raw:
        try:
            if pieces == "single bytes":
                raw.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for at in range(len(octets)):
                    raw.send(octets[at : at + 1])
                raw.send(FOLLOW)
            else:
                raw.send(FOLLOW * (pieces == "behind another") + octets + FOLLOW)
        except ConnectionError:
            pass  # refused before all was sent; the answer is there
        if pieces == "behind another":
            assert raw.answer()[2] == b'{"brokers":[0]}'
        answer = raw.answer()
        assert why in error_of(answer, status)
        assert answer[1]["connection"] == "close"
        assert raw.closed() and b"brokers" not in raw.buffer
    assert "t" not in requests.get(f"{clear_server.url}/topics", timeout=30).json()


@pytest.fixture(scope="module")
def clear_server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("clear") / "data") as running:
        yield running


@pytest.mark.parametrize(
    "octets",
    [b"\r\n\r\n" + headers(b"Content-Length: %d" % len(ONE), ONE),
     headers(b"content-LENGTH:\t%d" % len(ONE), ONE),
     headers(b"Content-Length: 000%d\r\nX:\r\nY: \xc3\xa9 \t" % len(ONE), ONE),
     headers(b"transfer-encoding: Chunked",
             b"00019;a=b;c=\"d\"\r\n" + ONE + b"\r\n0;e\r\nX: y\r\n\r\n"),
     POST.replace(b"1.1", b"1.0") + b"Connection: keep-alive\r\nContent-Length: 25\r\n\r\n" + ONE],
)  # fmt: skip
@pytest.mark.parametrize("single", [False, True])
def test_clear_end_of_a_request(server, octets, single):
    assert len(ONE) == 0x19
    with Raw(server) as raw:
        for _ in range(2):
            for at in range(len(octets)) if single else [0]:
                raw.send(octets[at : at + 1] if single else octets)
            assert raw.answer()[0] == 200
        raw.send(FOLLOW)
        assert raw.answer()[2] == b'{"brokers":[0]}'


def test_compressed_body(server):
    with Raw(server) as raw:
        raw.post(headers=b"Content-Encoding: gzip\r\n")
        assert "Content-Encoding" in error_of(raw.answer(), 415)
        for none in (b"", b"Content-Encoding:\r\n", b"Content-Encoding: identity\r\n"):
            raw.post(headers=none)
            assert raw.answer()[0] == 200


@pytest.mark.parametrize("size", [9000, 20000, 200000])
def test_large_header(server, size):
    with Raw(server) as raw:
        raw.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
        try:
            raw.send(b"X-Large: %s\r\n\r\n" % (b"x" * size))
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert raw.answer()[0] == 431


def test_many_headers(server):
    with Raw(server) as raw:
        raw.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"a: b\r\n" * 1000 + b"\r\n")
        assert raw.answer()[0] == 431


def test_long_path(server):
    with Raw(server) as raw:
        raw.send(b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"a" * 50000))
        assert raw.answer()[0] in (414, 431)


def test_large_body(data):
    with Server(data, "--set", "gateway.body_bytes_max=64KiB") as server:
        large = json.dumps({"records": [{"value": "x" * 100000}]}).encode()
        # The client gets its answer though it was still sending, and the connection stays usable.
        with Raw(server) as raw:
            raw.post(body=large)
            assert "gateway.body_bytes_max" in error_of(raw.answer(), 413)
            raw.post()
            assert raw.answer()[0] == 200
        with requests.Session() as session:
            assert session.post(f"{server.url}/topics/t", data=large).status_code == 413
            chunks = (large[i : i + 1000] for i in range(0, len(large), 1000))
            assert session.post(f"{server.url}/topics/t", data=chunks).status_code == 413
            assert session.post(f"{server.url}/topics/t", data=ONE).status_code == 200


@pytest.mark.parametrize("megabytes", [17, 40])
def test_refused_body_is_read_to_its_end(server, megabytes):
    """Java's clients send all of a body, or give up, before they read the answer."""
    large = bytes(megabytes << 20)
    for path, status in ((b"/topics/t", 413), (b"/nothing", 404)):
        with Raw(server) as raw:
            raw.post(path, body=large)
            error_of(raw.answer(), status)
            raw.send(CHUNKED.replace(b"/topics/t", path))
            raw.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(large), large))
            error_of(raw.answer(), status)
            raw.post()
            assert raw.answer()[0] == 200


def test_refused_body_without_end(data):
    """The time to read it is limited; its answer is the same."""
    with Server(data, "--set", "gateway.request_ms=1s") as server, Raw(server) as raw:
        raw.send(headers(b"Content-Length: %d" % (1 << 40), b""))
        with pytest.raises(ConnectionError):
            while True:
                raw.send(bytes(1 << 20))
        assert "gateway.body_bytes_max" in error_of(raw.answer(), 413)


def test_body_at_the_limit(server):
    # 16 MiB in records below the record limit.
    records = [{"value": "x" * 1000000} for _ in range(16)]
    answer = requests.post(f"{server.url}/topics/large", json={"records": records})
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["offsets"]) == 16


@pytest.mark.parametrize("path", ["/topics/t", "/consumers/g", "/prod/streams/s/record"])
def test_body_of_very_many_values(server, path):
    """Each of them takes memory: of 8 million, half a gigabyte and more."""
    body = b'{"records":[{"value":[0' + b",0" * (8 << 20) + b"]}]}"
    answer = requests.post(server.url + path, data=body[: 16 << 20] + b"]}]}", timeout=60)
    assert answer.status_code == 413
    body = b'{"records":[{"value":[0' + b",0" * (2 << 20) + b"]}]}"
    answer = requests.post(server.url + path, data=body, timeout=60)
    assert answer.status_code == (400 if "streams" in path else 413)
    assert "1048576 values" in answer.json()["message"]
    # As many as a record of the largest size may have.
    body = b'{"records":[{"value":[0' + b",0" * (500 << 10) + b"]}]}"
    answer = requests.post(f"{server.url}/topics/t", data=body, timeout=60)
    assert answer.status_code == 200


def test_slow_clients(data):
    """Neither a slow header nor a slow body is kept, and each gets a reply; nobody else waits."""
    with Server(data, "--set", "gateway.request_ms=1s", "--set", "gateway.idle_ms=2s") as server:
        slow = [Raw(server) for _ in range(20)]
        for raw in slow[:10]:
            raw.send(b"POST /topics/t HTTP/1.1\r\nHost: localhost\r\nX: ")
        for raw in slow[10:]:
            raw.send(b"POST /topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        done = threading.Event()

        def drip():
            while not done.wait(0.1):
                for raw in slow:
                    try:
                        raw.send(b" ")
                    except OSError:
                        pass

        dripping = threading.Thread(target=drip)
        dripping.start()
        assert requests.post(f"{server.url}/topics/t", data=ONE, timeout=10).status_code == 200
        for raw in slow:
            assert "request_ms" in error_of(raw.answer(), 408)
        done.set()
        dripping.join()
        for raw in slow:
            raw.socket.close()


def test_idle_connection(data):
    with Server(data, "--set", "gateway.idle_ms=1s") as server, Raw(server) as raw:
        raw.post()
        assert raw.answer()[0] == 200
        assert raw.answer() is None


def test_silent_header(data):
    with Server(data, "--set", "gateway.idle_ms=1s") as server, Raw(server) as raw:
        raw.post()
        assert raw.answer()[0] == 200
        raw.send(b"POST /to")
        answer = raw.answer()
        assert answer is None or answer[0] == 408


def test_reply_that_nobody_reads(data):
    with Server(data, "--set", "gateway.idle_ms=1s") as server:
        for _ in range(8):
            body = {"records": [{"value": "x" * 1000000}]}
            assert requests.post(f"{server.url}/topics/t", json=body).status_code == 200
        with Raw(server) as raw:
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.send(b"GET /topics/t/partitions/0/records HTTP/1.1\r\nHost: localhost\r\n\r\n")
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                text = requests.get(f"{server.url}/metrics").text
                if "pinion_gateway_connections 1\n" in text:
                    break
                time.sleep(0.1)
            assert "pinion_gateway_connections 1\n" in text


def test_clients_that_go_away(server):
    for _ in range(50):
        with Raw(server) as raw:
            raw.post()
        with Raw(server) as raw:
            raw.send(b"POST /topics/t HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 1000\r\n\r\nxx")
        with Raw(server) as raw:
            path = b"/topics/t/partitions/0/records?offset=999&timeout=100"
            raw.send(b"GET %s HTTP/1.1\r\n%s\r\n" % (path, HOST))
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        text = requests.get(f"{server.url}/metrics").text
        if "pinion_gateway_connections 1\n" in text and "in_flight 1\n" in text:
            break
        time.sleep(0.1)
    assert "pinion_gateway_connections 1\n" in text
    assert "pinion_gateway_requests_in_flight 1\n" in text


def test_many_connections(server):
    """Exactly as many as make libmicrohttpd's own loop sleep, and some more."""
    for count in (128, 256, 300):
        raws = [Raw(server) for _ in range(count)]
        for _ in range(3):
            for raw in raws:
                raw.post()
            for raw in raws:
                assert raw.answer()[0] == 200
        for raw in raws:
            raw.socket.close()


def test_too_many_connections(data):
    with Server(data, "--set", "gateway.connections_max=10") as server:
        raws = [Raw(server) for _ in range(10)]
        for raw in raws:
            assert raw.post().answer()[0] == 200
        with Raw(server) as raw:
            answer = raw.answer()
            assert answer[0] == 503 and answer[1]["retry-after"] == "1"
        for raw in raws:
            assert raw.post().answer()[0] == 200
            raw.socket.close()


# --- keys -----------------------------------------------------------------------------------------

KEY = "0123456789abcdef0123456789abcdef"


def test_api_keys(data, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(f"# ours\n{KEY}\n")
    more = {"PINION_API_KEY": "another-key-of-some-length"}
    with Server(
        data, "--set", "gateway.auth=api-key", "--set", f"gateway.api_key_file={keys}", env=more
    ) as server:
        post = lambda **headers: requests.post(  # noqa: E731
            f"{server.url}/test/topics/t", data=ONE, headers=headers
        )
        for refused in (post(), post(**{"x-api-key": "wrong"}), post(**{"x-api-key": KEY + "0"})):
            assert refused.status_code == 401
            assert "API key" in refused.json()["message"]
            assert refused.headers["WWW-Authenticate"].startswith("Bearer")
        assert post(**{"x-api-key": KEY}).status_code == 200
        assert post(**{"X-API-Key": more["PINION_API_KEY"]}).status_code == 200
        assert requests.get(f"{server.url}/no/such").status_code == 401
        assert requests.get(f"{server.url}/health").status_code == 200
        assert requests.options(f"{server.url}/topics/t").status_code == 200
        assert requests.get(f"{server.url}/metrics").status_code == 200


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0"])
def test_other_addresses_need_a_decision(data, listen):
    from pinion import run

    with pytest.raises(Failed) as refused:
        run("serve", "--listen", listen, data=data)
    assert "gateway.auth" in str(refused.value)
    assert "api-key" in str(refused.value)


# --- stopping -------------------------------------------------------------------------------------


def test_stop_finishes_what_was_accepted(data):
    """SIGTERM while producers write: every request that got through is answered, and kept."""
    server = Server(data).start()
    acknowledged = []
    refused = []

    def write():
        with requests.Session() as session:
            while True:
                try:
                    answer = session.post(f"{server.url}/topics/stop", data=ONE, timeout=30)
                except requests.ConnectionError:
                    refused.append(1)
                    return
                assert answer.status_code == 200
                acknowledged.append(answer.json()["offsets"][0]["offset"])

    writers = [threading.Thread(target=write) for _ in range(8)]
    for writer in writers:
        writer.start()
    while len(acknowledged) < 200:
        time.sleep(0.01)
    server.stop()
    for writer in writers:
        writer.join()
    with Server(data) as server:
        end = requests.get(f"{server.url}/topics/stop/partitions/0/offsets").json()["end_offset"]
    assert len(set(acknowledged)) == len(acknowledged)
    assert max(acknowledged) < end


def test_stop_with_idle_connections(data):
    with Server(data) as server:
        raws = [Raw(server) for _ in range(5)]
        for raw in raws:
            assert raw.post().answer()[0] == 200
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < 10
        server.start()
        for raw in raws:
            raw.socket.close()
