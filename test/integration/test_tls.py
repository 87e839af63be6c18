"""TLS: real clients, a certificate that is replaced, and requests that would be smuggled."""

import json
import signal
import socket
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
import requests
from botocore.config import Config

from pinion import Server, run
from test_process import says

JSON_V2 = {"Content-Type": "application/vnd.kafka.json.v2+json"}
ONE = {"records": [{"value": {"n": 1}}]}


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)


class Authority:
    """A CA of its own, which signs certificates for 127.0.0.1."""

    def __init__(self, folder, name):
        self.folder = folder / name
        self.folder.mkdir()
        self.file = self.folder / "ca.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-days", 2, "-subj", f"/CN={name}", "-keyout", self.folder / "ca.key",
                "-out", self.file)  # fmt: skip

    def sign(self, name, certificate, key):
        request, extensions = self.folder / "csr", self.folder / "ext"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
                "-keyout", key, "-out", request)  # fmt: skip
        openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.folder / "ca.key",
                "-CAcreateserial", "-days", 2, "-extfile", extensions,
                "-out", certificate)  # fmt: skip


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ca")
    return Authority(folder, "first"), Authority(folder, "second")


@pytest.fixture
def pair(tmp_path, authorities):
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    authorities[0].sign("one", certificate, key)
    return certificate, key


def settings_of(pair):
    return (
        "--set", f"gateway.tls_certificate={pair[0]}", "--set", f"gateway.tls_key={pair[1]}"
    )  # fmt: skip


@pytest.fixture
def secure(data, pair):
    with Server(data, *settings_of(pair)) as server:
        yield server


@pytest.fixture
def ca(authorities):
    return str(authorities[0].file)


def dial(server, ca, **more):
    context = ssl.create_default_context(cafile=ca)
    for name, value in more.items():
        setattr(context, name, value)
    port = int(server.url.rsplit(":", 1)[1])
    return context.wrap_socket(
        socket.create_connection(("127.0.0.1", port), timeout=30), server_hostname="127.0.0.1"
    )


def talk(connection, octets):
    """Sends, and reads until the server closes."""
    connection.sendall(octets)
    answer = b""
    try:
        while more := connection.recv(65536):
            answer += more
    except (ssl.SSLEOFError, ConnectionResetError):
        pass
    return answer


# --- clients --------------------------------------------------------------------------------------


def test_requests_and_curl(secure, ca):
    assert secure.url.startswith("https://127.0.0.1:")
    says(secure.data / "server.out", f"on {secure.url}")
    with requests.Session() as session:
        for number in range(20):
            answer = session.post(
                f"{secure.url}/topics/t", json=ONE, headers=JSON_V2, verify=ca, timeout=30
            )
            assert answer.json()["offsets"][0]["offset"] == number
    done = subprocess.run(
        ["curl", "-sS", "--cacert", ca, f"{secure.url}/topics"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "t" in json.loads(done.stdout), done.stderr
    made = requests.post(
        f"{secure.url}/consumers/g", json={}, headers=JSON_V2, verify=ca, timeout=30
    )
    assert made.json()["base_uri"].startswith(secure.url)


def test_a_large_body_and_a_large_reply(secure, ca):
    values = [{"value": {"n": n, "text": "x" * 1000}} for n in range(5000)]
    answer = requests.post(
        f"{secure.url}/topics/t", json={"records": values}, headers=JSON_V2, verify=ca, timeout=60
    )
    assert len(answer.json()["offsets"]) == 5000
    accept = {"Accept": "application/vnd.kafka.json.v2+json"}
    path = f"{secure.url}/topics/t/partitions/0/records?offset=0&max_bytes=100000000&timeout=1000"
    records = requests.get(path, headers=accept, verify=ca, timeout=60).json()
    assert [r["value"]["n"] for r in records] == list(range(len(records))) and len(records) > 1000


def test_many_at_once(secure, ca):
    def post(_):
        with requests.Session() as session:
            for _ in range(10):
                answer = session.post(
                    f"{secure.url}/topics/many", json=ONE, headers=JSON_V2, verify=ca, timeout=60
                )
                assert answer.status_code == 200

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(post, range(64)))
    assert requests.get(
        f"{secure.url}/topics/many/partitions/0/offsets", verify=ca, timeout=30
    ).json() == {"beginning_offset": 0, "end_offset": 640}  # fmt: skip


def test_boto3(secure, ca):
    client = boto3.client(
        "kinesis", endpoint_url=secure.url, region_name="us-east-1", aws_access_key_id="a",
        aws_secret_access_key="s", verify=ca, config=Config(retries={"max_attempts": 0}),
    )  # fmt: skip
    client.create_stream(StreamName="s", ShardCount=1)
    client.get_waiter("stream_exists").wait(StreamName="s")
    assert client.put_record(StreamName="s", Data=b"x", PartitionKey="k")["ShardId"]


def test_the_wrong_ca_is_refused(secure, authorities):
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{secure.url}/health", verify=str(authorities[1].file), timeout=30)


def test_old_versions_are_refused(secure, ca):
    with dial(secure, ca) as connection:
        assert connection.version() == "TLSv1.3"
    with dial(secure, ca, maximum_version=ssl.TLSVersion.TLSv1_2) as connection:
        assert connection.version() == "TLSv1.2"
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        dial(secure, ca, minimum_version=ssl.TLSVersion.TLSv1,
             maximum_version=ssl.TLSVersion.TLSv1_1)  # fmt: skip


def test_commands(secure, data, ca, authorities):
    trust = {"PINION_CA_FILE": ca}
    run("stream", "create", "clicks", data=data, env=trust)
    assert "clicks" in run("stream", "list", data=data, env=trust).stdout
    run("stream", "lag", data=data, env=trust)
    for other in ({}, {"PINION_CA_FILE": str(authorities[1].file)}):
        for command in ("stream list", "stream lag"):
            done = run(*command.split(), data=data, check=False, env=other)
            assert done.returncode != 0 and "PINION_CA_FILE" in done.stderr, done.stderr


# --- framing --------------------------------------------------------------------------------------

BODY = json.dumps(ONE).encode()


def post(*headers, body=BODY):
    lines = [b"POST /topics/t HTTP/1.1", b"Host: localhost", b"Content-Type: application/json"]
    return b"\r\n".join([*lines, *headers, b"", body])


SMUGGLED = {
    "two lengths": post(b"Content-Length: %d" % len(BODY), b"Content-Length: 0"),
    "length and chunks": post(b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    "a folded header": post(b"X-A: b\r\n c", b"Content-Length: %d" % len(BODY)),
    "a bare LF": post(b"X-A: b\nContent-Length: %d" % len(BODY)),
    "a NUL": post(b"X-A: b\0c", b"Content-Length: %d" % len(BODY)),
    "a bare LF in a chunk": post(b"Transfer-Encoding: chunked", body=b"1\nx\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize("case", SMUGGLED)
def test_smuggling_is_refused(secure, ca, case):
    """As without TLS: one 400, and the connection is closed."""
    with dial(secure, ca) as connection:
        answer = talk(connection, SMUGGLED[case] + post(b"Content-Length: 0", body=b""))
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert answer.count(b"HTTP/1.1") == 1, answer


def test_what_comes_before_the_fault_is_answered(secure, ca):
    good = post(b"Content-Length: %d" % len(BODY))
    for piece in (len(good) * 3, 7):
        with dial(secure, ca) as connection:
            octets = good + SMUGGLED["two lengths"]
            for at in range(0, len(octets) - piece, piece):
                connection.sendall(octets[at : at + piece])
            rest = octets[(len(octets) - 1) // piece * piece :]
            answer = talk(connection, rest)
        assert answer.startswith(b"HTTP/1.1 200 ") and b"HTTP/1.1 400 " in answer, answer


# --- connections ----------------------------------------------------------------------------------


def test_a_request_that_does_not_arrive(data, pair, ca):
    limits = ("--set", "gateway.request_ms=1s", "--set", "gateway.idle_ms=2s")
    with Server(data, *settings_of(pair), *limits) as server:
        with dial(server, ca) as connection:
            assert talk(connection, b"GET / HTTP/1.1\r\nHos").startswith(b"HTTP/1.1 408 ")
        # Nothing but a handshake, and not even that.
        with dial(server, ca) as connection:
            assert talk(connection, b"") == b""
        port = int(server.url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
            plain.sendall(b"\x16\x03\x01")
            assert plain.recv(100) == b""
        assert requests.get(f"{server.url}/health", verify=ca, timeout=30).status_code == 200


def test_plain_http_is_not_answered(secure, ca):
    port = int(secure.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
        plain.sendall(post(b"Content-Length: %d" % len(BODY)))
        assert not plain.recv(1000).startswith(b"HTTP/")
    assert "t" not in requests.get(f"{secure.url}/topics", verify=ca, timeout=30).json()


def test_connections_that_break_off(secure, ca):
    for _ in range(20):
        connection = dial(secure, ca)
        connection.sendall(post(b"Content-Length: 100000"))
        connection.close()
    assert requests.get(f"{secure.url}/health", verify=ca, timeout=30).status_code == 200


# --- the files ------------------------------------------------------------------------------------


def name_of(server, ca):
    with dial(server, ca) as connection:
        subject = dict(part[0] for part in connection.getpeercert()["subject"])
        return subject["commonName"]


def test_a_certificate_is_replaced(secure, data, pair, authorities):
    first, second = (str(authority.file) for authority in authorities)
    assert name_of(secure, first) == "one"
    with requests.Session() as session:
        before = session.get(f"{secure.url}/health", verify=first, timeout=30)
        pair[1].write_text("no key")
        secure.process.send_signal(signal.SIGHUP)
        says(data / "server.out", "the previous certificate stays in use: gateway.tls_key:")
        assert f"gateway.tls_key: '{pair[1]}'" in secure.log()
        assert name_of(secure, first) == "one"
        authorities[1].sign("two", *pair)
        secure.process.send_signal(signal.SIGHUP)
        says(data / "server.out", f"SIGHUP: new connections get the certificate in '{pair[0]}'")
        assert name_of(secure, second) == "two"
        with pytest.raises(ssl.SSLError):
            name_of(secure, first)
        # The connection that was there lives on.
        again = session.get(f"{secure.url}/health", verify=first, timeout=30)
        assert before.status_code == again.status_code == 200


def test_wrong_files_do_not_start(data, pair, tmp_path, authorities):
    certificate, key = pair
    other_certificate, other_key = tmp_path / "other.pem", tmp_path / "other.key"
    authorities[0].sign("other", other_certificate, other_key)
    text = tmp_path / "text"
    text.write_text("neither\n")
    missing = tmp_path / "missing"
    cases = [
        ((missing, key), ("gateway.tls_certificate", missing)),
        ((certificate, missing), ("gateway.tls_key", missing)),
        ((text, key), ("gateway.tls_certificate", text)),
        ((certificate, text), ("gateway.tls_key", text)),
        ((key, certificate), ("gateway.tls_certificate", key)),
        ((certificate, other_key), (certificate, other_key, "do not belong together")),
        ((certificate, ""), ("gateway.tls_certificate and gateway.tls_key belong together",)),
    ]
    for files, words in cases:
        done = run("serve", "--listen", "127.0.0.1:0", *settings_of(files), data=data, check=False)
        assert done.returncode != 0, files
        assert all(str(word) in done.stderr for word in words), (files, done.stderr)


def test_a_session_has_a_secure_cookie(data, pair, ca):
    key = "0123456789abcdef"
    settings = (*settings_of(pair), "--set", "gateway.auth=api-key")
    with Server(data, *settings, env={"PINION_API_KEY": key}) as server:
        url = server.url + "/api/v1/session"
        answer = requests.post(url, json={"key": key}, verify=ca, timeout=30)
        assert "Secure" in answer.headers["Set-Cookie"].split("; ")
