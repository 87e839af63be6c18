"""The table of rights, walked: each route of the server refuses every key that lacks what its row
names, and lets the others in. Keys for a pipeline, with real clients."""

import re

import airflow_client.client as airflow
import pytest
import requests
from airflow_client.client.exceptions import ApiException

from kinesis import SIGNED
from pinion import Server
from test_airflow_client import Airflow
from test_rights import ask

ALL = "all-of-it-0123456789"
OURS = "ours-0123456789abcd"
OUR_READER = "our-reader-0123456789"
THEIRS = "theirs-0123456789ab"
MIXED = "mixed-0123456789abc"
TOPIC = "topic-0123456789abc"
STREAM = "stream-0123456789ab"
RIGHTS = ("produce", "read", "admin")
ONE_RIGHT = {right: f"only-{right}-0123456789" for right in RIGHTS}
ONE_LESS = {right: f"all-but-{right}-0123456789" for right in RIGHTS}
LINES = [
    ALL,
    f"{OURS} pipelines=pinter*,other",
    f"{OUR_READER} rights=read pipelines=pinterest",
    f"{THEIRS} pipelines=shop,web-*",
    f"{MIXED} pipelines=pinterest topics=x streams=x",
    f"{TOPIC} topics=x",
    f"{STREAM} streams=x",
    *(f"{key} rights={right}" for right, key in ONE_RIGHT.items()),
    *(f"{key} rights={','.join(set(RIGHTS) - {right})}" for right, key in ONE_LESS.items()),
]
# What each key with patterns covers; the name of every topic, stream and DAG below is "x".
COVERS = {
    OURS: {"", "pipeline"},
    THEIRS: {""},
    MIXED: {"", "pipeline", "topic", "stream"},
    TOPIC: {"", "topic"},
    STREAM: {"", "stream"},
}
# These ask whether the key has a right at all: they say nothing of anybody's data.
OF_NOTHING = {
    "GET /", "GET /health", "GET /health/ready", "GET /brokers",
    "GET /api/v1/routes", "GET /api/v1/openapi.json",
    "GET /ui/**", "GET /api/v2/monitor/health", "GET /api/v2/version",
    "GET /api/v1/session", "POST /api/v1/session", "DELETE /api/v1/session",
}  # fmt: skip


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("locked")
    (folder / "keys").write_text("\n".join(LINES))
    settings = ("--set", "gateway.auth=api-key", "--set", f"gateway.api_key_file={folder}/keys")
    with Server(folder / "data", *settings) as server:
        yield server


@pytest.fixture(scope="module")
def table(locked):
    return ask(locked, "GET", "/api/v1/routes", ALL).json()


def name_of(route):
    return f"{route['method']} {route['path']}"


def status(server, route, key):
    """Of a request without a body: only 401 and 403 say something of the key."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    path = route["path"].replace("{}", "x").replace("**", "x")
    with requests.request(
        route["method"], server.url + path, headers=headers, timeout=30, stream=True
    ) as answer:
        return answer.status_code


def is_let_in(server, route, key):
    return status(server, route, key) not in (401, 403)


def locked_routes(table):
    """All but those without a key, and POST /, whose right is that of its operation. On the
    loopback address of the tests /metrics is one of the former."""
    for route in table["routes"]:
        if route["right"] in RIGHTS and route["path"] != "/metrics":
            yield route


def test_each_route_says_what_its_right_is_for(table):
    assert {name_of(r) for r in table["routes"] if r["of"] == ""} == OF_NOTHING
    for route in table["routes"]:
        assert route["right"] in (*RIGHTS, "none", "operation"), route
        for kind in ("topic", "stream"):
            if re.match(rf"/(api/v1/)?{kind}s/{{}}", route["path"]):
                assert route["of"] == kind, route
        if re.match(r"/api/v1/(dags|runs|backfills|tables|queries)\b|/api/v2/", route["path"]):
            assert route["of"] == "pipeline" or name_of(route) in OF_NOTHING, route
        if route["right"] == "none":
            assert name_of(route) in OF_NOTHING, route


def test_each_route_asks_for_a_key(locked, table):
    for route in table["routes"]:
        asks = route["right"] != "none" and route["path"] != "/metrics"
        assert (status(locked, route, None) == 401) == asks, route
        assert (status(locked, route, "x" * 20) == 401) == asks, route


def test_each_route_asks_for_its_right(locked, table):
    for route in locked_routes(table):
        right = route["right"]
        assert not is_let_in(locked, route, ONE_LESS[right]), route
        # Routes of topics and streams in the body find no name there: they reply 400.
        assert is_let_in(locked, route, ONE_RIGHT[right]), route


def test_each_route_asks_what_its_right_is_for(locked, table):
    for route in locked_routes(table):
        for key, covered in COVERS.items():
            if route["of"] not in ("topics", "streams"):  # their handlers ask, by name
                assert is_let_in(locked, route, key) == (route["of"] in covered), (route, key)


def test_each_operation_asks_for_its_right(locked, table):
    for operation in table["operations"]:
        for right, key in ONE_RIGHT.items():
            headers = {
                "Authorization": SIGNED, "X-Amz-Date": "20260101T000000Z", "x-api-key": key,
                "X-Amz-Target": f"Kinesis_20131202.{operation['name']}",
                "Content-Type": "application/x-amz-json-1.1",
            }  # fmt: skip
            answer = requests.post(locked.url, data="{}", headers=headers, timeout=30)
            is_refused = "AccessDeniedException" in answer.text
            assert is_refused == (right != operation["right"]), (operation, right, answer.text)


# --- a key for a pipeline -------------------------------------------------------------------------


def test_a_key_for_another_pipeline_is_refused(locked):
    answer = ask(locked, "GET", "/api/v1/dags", THEIRS)
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert error["message"] == "The API key lacks the right: read, for the pipeline pinterest"
    answer = ask(locked, "GET", "/api/v2/dags", THEIRS)
    assert answer.status_code == 403 and "pipeline pinterest" in answer.json()["detail"]
    answer = ask(locked, "GET", "/api/v1/overview", OURS)
    assert answer.status_code == 403
    assert answer.json()["error"]["message"].endswith("right: read, for the whole server")


def test_what_a_key_for_the_pipeline_does(locked):
    answer = ask(locked, "POST", "/api/v1/sql", OURS, {"sql": "SELECT 42 AS n", "format": "csv"})
    assert (answer.status_code, answer.text.split()) == (200, ["n", "42"])
    dag = ask(locked, "GET", "/api/v1/dags", OURS).json()["items"][0]["dag"]
    path = f"/api/v1/dags/{dag}"
    assert ask(locked, "PATCH", path, OUR_READER, {"paused": True}).status_code == 403
    assert ask(locked, "PATCH", path, THEIRS, {"paused": True}).status_code == 403
    assert ask(locked, "PATCH", path, OURS, {"paused": True}).status_code == 200
    assert ask(locked, "GET", path, OUR_READER).json()["paused"] is True
    # Its topics and streams are other rights; those of a key that names them are beside it.
    records = {"records": [{"value": 1}]}
    kafka = {"Content-Type": "application/vnd.kafka.json.v2+json"}
    produced = {
        key: ask(locked, "POST", "/topics/x", key, records, **kafka).status_code
        for key in (OURS, MIXED, TOPIC)
    }
    assert produced == {OURS: 403, MIXED: 200, TOPIC: 200}
    assert ask(locked, "GET", "/topics", OURS).json() == []
    # What is sent again goes to any topic or stream.
    assert ask(locked, "POST", "/api/v1/dead_letters/drop", OURS, {}).status_code == 403
    assert ask(locked, "POST", "/api/v1/dead_letters/resend", OURS, {}).status_code == 403


def test_airflows_client_with_a_key_for_the_pipeline(locked):
    ours = Airflow(locked.url, OURS)
    dag = ours.dags.get_dags().dags[0].dag_id
    assert ours.dags.get_dag(dag).dag_id == dag
    body = airflow.DAGPatchBody(is_paused=True)
    assert ours.dags.patch_dag(dag, body).is_paused is True
    reader = Airflow(locked.url, OUR_READER)
    assert reader.dags.get_dag(dag).is_paused is True
    for call in (
        lambda: reader.dags.patch_dag(dag, body),
        lambda: reader.trigger(dag),
        Airflow(locked.url, THEIRS).dags.get_dags,
        Airflow(locked.url, TOPIC).dags.get_dags,
    ):
        with pytest.raises(ApiException) as error:
            call()
        assert error.value.status == 403
