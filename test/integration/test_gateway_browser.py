"""What a page in a browser may do: names (Host), origins (CORS), and requests without asking."""

import re

import pytest
import requests

from pinion import Failed, Server, run

EVIL = "http://evil.example"
OPEN = {  # without a key
    "GET /health", "GET /health/ready", "GET /metrics", "GET /ui/**", "GET /api/v2/monitor/health",
    "GET /api/v2/version",
}  # fmt: skip
PRODUCE = {
    "POST /topics/{}", "POST /topics/{}/partitions/{}", "PUT /streams/record",
    "POST /streams/record", "PUT /streams/records", "POST /streams/records",
    "PUT /streams/{}/record", "POST /streams/{}/record", "PUT /streams/{}/records",
    "POST /streams/{}/records",
}  # fmt: skip
CURL = "application/x-www-form-urlencoded"  # what curl -d sends unless told another
# A fetch moves its consumer on.
ACTS = {"GET /consumers/{}/instances/{}/records", "GET /api/v1/sql"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("browser") / "data") as running:
        yield running


def routes(server):
    """Every route of the server, as (name, method, path)."""
    text = requests.get(f"{server.url}/metrics", timeout=30).text
    names = set(re.findall(r'pinion_gateway_requests_total\{route="([A-Z]+ /[^"]*)"\}', text))
    assert PRODUCE | ACTS | {"POST /", "GET /health", "POST /api/v1/sink/flush"} <= names
    assert len(names) > 40
    for name in sorted(names):
        method, path = name.split(" ")
        yield name, method, path.replace("{}", "none.such")


def ask(server, method, path, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.request(method, server.url + path, headers=headers, timeout=30)


def cors(answer):
    return {name for name in answer.headers if name.lower().startswith("access-control")}


def test_a_name_that_is_not_ours(gateway):
    """A page whose name was made to point here: nothing is answered, on no route."""
    for name, method, path in routes(gateway):
        for host in ("evil.example", "evil.example:8082", "127.0.0.1.evil.example", "localhostx"):
            answer = ask(gateway, method, path, Host=host)
            assert answer.status_code == 421, (name, host)
            assert "gateway.allowed_hosts" in answer.text, name
        assert ask(gateway, "OPTIONS", path, Host="evil.example").status_code == 421
    aws = ask(gateway, "DELETE", "/streams/s", Host="evil.example")
    assert aws.json()["__type"] == "AccessDeniedException"
    assert ask(gateway, "GET", "/topics", Host="evil.example").json()["error_code"] == 421
    assert ask(gateway, "GET", "/no/such", Host="evil.example").status_code == 421


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:1", "a.localhost:8082", "127.0.0.1", "10.1.2.3:80", "[::1]:80",
             "[::1]", "localhost."],
)  # fmt: skip
def test_names_that_are_ours(gateway, host):
    for _, method, path in routes(gateway):
        assert ask(gateway, method, path, Host=host).status_code != 421


def test_further_names(data):
    with Server(data, "--set", "gateway.allowed_hosts=pinion.test, *.example.com") as server:
        for host in ("pinion.test:80", "a.example.com", "localhost"):
            assert ask(server, "GET", "/health", Host=host).status_code == 200
        for host in ("example.com", "xexample.com", "other.test"):
            assert ask(server, "GET", "/health", Host=host).status_code == 421


def test_produce_is_open_to_every_page(gateway):
    for name, method, path in routes(gateway):
        if name not in PRODUCE:
            continue
        for stage in ("", "/prod"):
            asked = ask(gateway, "OPTIONS", stage + path, Origin=EVIL,
                        Access_Control_Request_Method=method,
                        Access_Control_Request_Headers="x-api-key,amz-sdk-request")  # fmt: skip
            assert asked.status_code == 200, name
            assert asked.headers["Access-Control-Allow-Origin"] == "*"
            assert method in asked.headers["Access-Control-Allow-Methods"]
            assert asked.headers["Access-Control-Allow-Headers"] == "x-api-key,amz-sdk-request"
            answer = ask(gateway, method, stage + path, Origin=EVIL, Sec_Fetch_Site="cross-site")
            assert answer.status_code not in (403, 421), name
            assert answer.headers["Access-Control-Allow-Origin"] == "*", name


def test_nothing_else_is(gateway):
    for name, method, path in routes(gateway):
        if name in PRODUCE:
            continue
        asked = ask(gateway, "OPTIONS", path, Origin=EVIL, Access_Control_Request_Method=method)
        assert asked.status_code == 403 and not cors(asked), name
        acts = method != "GET" or name in ACTS
        for page in (
            {"Origin": EVIL}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
            {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
        ):  # fmt: skip
            answer = ask(gateway, method, path, **page)
            assert not cors(answer), (name, page)
            assert (answer.status_code == 403) == acts, (name, page, answer.text)


TEXTS = (None, "text/plain", CURL)


@pytest.mark.parametrize(
    "type", [None, "text/plain", CURL, "multipart/form-data", "application/jsonp"],
)  # fmt: skip
def test_a_body_has_the_type_that_a_page_cannot_send_unasked(gateway, type):
    """Below /api a body is JSON and says so. Only a query may be a text, or say nothing."""
    texts = {"POST /api/v1/sql", "POST /api/v1/queries"}
    for name, method, path in routes(gateway):
        if not path.startswith("/api/") or (name in texts and type in TEXTS):
            continue
        answer = requests.request(method, gateway.url + path, data="{}", timeout=30,
                                  headers={"Content-Type": type} if type else {})  # fmt: skip
        assert answer.status_code == 415, (name, answer.text)
        assert "application/json" in answer.text, name
        if path.startswith("/api/v1/"):
            error = answer.json()["error"]
            assert error["code"] == "unsupported_media_type"
            assert (type or "without a Content-Type") in error["message"]


def test_no_body_needs_no_type(gateway):
    for name, method, path in routes(gateway):
        if path.startswith("/api/") and method != "GET":
            answer = requests.request(method, gateway.url + path, timeout=30)
            assert answer.status_code != 415, name


def test_no_page_embeds_what_is_ours(gateway):
    """Pages, our own API and Airflow's, and errors; the produce routes are for other pages too."""
    ours = ("/ui/", "/api/", "/health", "/metrics", "/none/such")
    paths = [path for _, method, path in routes(gateway) if method == "GET"]
    for path in [path for path in paths if path.startswith(ours)] + ["/none/such"]:
        with requests.get(gateway.url + path, timeout=30, stream=True) as answer:
            assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin", path
            assert answer.headers["X-Content-Type-Options"] == "nosniff", path


def test_our_own_pages_and_programs(gateway):
    """No browser, or a page that this server gave: nothing is refused for where it comes from."""
    for name, method, path in routes(gateway):
        for page in ({}, {"Origin": gateway.url}, {"Sec-Fetch-Site": "same-origin"},
                     {"Sec-Fetch-Site": "none"}):  # fmt: skip
            answer = ask(gateway, method, path, **page)
            assert answer.status_code != 403 or name == "POST /", (name, page, answer.text)
            assert not cors(answer) or name in PRODUCE
            assert "another origin" not in answer.text


def test_listed_origins(data):
    app = "https://app.example.com"
    with Server(data, "--set", f"gateway.cors_origin={app}, http://localhost:3000") as server:
        for name, method, path in routes(server):
            asked = ask(server, "OPTIONS", path, Origin=app, Access_Control_Request_Method=method)
            answer = ask(server, method, path, Origin=app)
            for got in (asked, answer):
                allowed = "*" if name in PRODUCE else app
                assert got.headers["Access-Control-Allow-Origin"] == allowed, name
                assert "Origin" in got.headers["Vary"].split(", ")
                assert "another origin" not in got.text
            answer = ask(server, method, path, Origin=EVIL)
            assert "Origin" in answer.headers["Vary"].split(", ")
            assert not cors(answer) or name in PRODUCE, name
        got = ask(server, "GET", "/streams", Origin="http://localhost:3000")
        assert "x-amzn-RequestId" in got.headers["Access-Control-Expose-Headers"]


def test_all_origins_by_choice(data):
    with Server(data, "--set", "gateway.cors_origin=*") as server:
        for name, method, path in routes(server):
            answer = ask(server, method, path, Origin=EVIL)
            assert answer.headers["Access-Control-Allow-Origin"] == "*", name
            assert "another origin" not in answer.text


def test_a_key_takes_the_place_of_the_origin(data):
    """A page cannot know the key; what it may read is still for cors_origin to say."""
    key = "0123456789abcdef"
    with Server(data, "--set", "gateway.auth=api-key", env={"PINION_API_KEY": key}) as server:
        for name, method, path in routes(server):
            if path == "/api/v1/session":
                continue  # the login is for the server's own pages alone
            answer = ask(server, method, path, Origin=EVIL, x_api_key=key)
            assert "another origin" not in answer.text, name
            assert not cors(answer) or name in PRODUCE, name
            if name not in OPEN:
                refused = ask(server, method, path, Origin=EVIL)
                assert refused.status_code == 401, name


def test_what_a_page_could_do(server):
    """The requests by which a page read, filled and emptied a default server."""
    for number in range(3):
        server.produce("t.b", number)
    body = {"records": [{"Data": {"index": 1}, "PartitionKey": "k"}]}
    assert requests.post(f"{server.url}/streams/s-a", json={"ShardCount": 1}).status_code == 200
    assert requests.post(f"{server.url}/streams/s-a/records", json=body).status_code == 200
    requests.post(f"{server.url}/consumers/g", json={"name": "i", "format": "json"})
    text = {"Origin": EVIL, "Content-Type": "text/plain"}
    offsets = '{"offsets":[{"topic":"t.b","partition":0,"offset":2}]}'
    for method, path, data in [
        ("POST", "/streams/evil", "{}"), ("DELETE", "/streams/s-a", None),
        ("POST", "/consumers/g/instances/i/offsets", offsets), ("POST", "/consumers/x", "{}"),
        ("DELETE", "/consumers/g/instances/i", None), ("POST", "/api/v1/sink/flush", ""),
    ]:  # fmt: skip
        answer = requests.request(method, server.url + path, headers=text, data=data)
        assert answer.status_code == 403 and "another origin" in answer.text, path
    read = requests.get(f"{server.url}/topics/t.b/partitions/0/records?offset=0", headers=text)
    assert not cors(read)
    target = {**text, "X-Amz-Target": "Kinesis_20131202.DeleteStream",
              "Content-Type": "application/x-amz-json-1.1"}  # fmt: skip
    gone = requests.post(server.url, headers=target, data='{"StreamName":"s-a"}')
    assert gone.status_code == 403 and gone.json()["__type"] == "AccessDeniedException"
    names = requests.get(f"{server.url}/streams").json()["StreamNames"]
    assert "s-a" in names and "evil" not in names
    asked = {"partitions": [{"topic": "t.b", "partition": 0}]}
    committed = requests.request(
        "GET", f"{server.url}/consumers/g/instances/i/offsets", json=asked,
        headers={"Content-Type": "application/vnd.kafka.v2+json"},
    )  # fmt: skip
    assert committed.json() == {"offsets": []}


@pytest.mark.parametrize(
    "setting, value",
    [("gateway.cors_origin", "evil.example"), ("gateway.cors_origin", "http://a.example/path"),
     ("gateway.cors_origin", "https://*.example.com"),
     ("gateway.allowed_hosts", "http://a.example"),
     ("gateway.allowed_hosts", "a.example:80")],
)  # fmt: skip
def test_lists_are_checked(data, setting, value):
    with pytest.raises(Failed) as refused:
        run("serve", "--listen", "127.0.0.1:0", "--set", f"{setting}={value}", data=data)
    assert setting in str(refused.value) and value in str(refused.value)
