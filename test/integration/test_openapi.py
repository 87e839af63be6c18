"""The document of our API: valid, of all routes, and what the server does is what it says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from openapi_spec_validator import validate

from pinion import Server

SCHEMATHESIS = str(Path(sys.executable).parent / "schemathesis")
EXAMPLES = "40" if os.environ.get("PINION_AUDITS") == "all" else "3"
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("openapi") / "data") as server:
        yield server


def get(server, path, **more):
    return requests.get(server.url + path, timeout=30, **more)


@pytest.fixture(scope="module")
def document(server):
    return get(server, "/api/v1/openapi.json").json()


def test_the_document_is_valid(document):
    validate(document)
    assert document["openapi"] == "3.1.0" and document["info"]["title"] == "pinion"


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert method in METHODS
            yield method.upper(), path, operation


def nameless(path):
    """The path as the router has it: "/api/v1/topics/{}"."""
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def test_every_route_of_ours_is_in_the_document(server, document):
    routes = get(server, "/api/v1/routes").json()["routes"]
    ours = {
        (route["method"], route["path"], route["right"], route["of"])
        for route in routes
        if route["path"].startswith(("/api/v1/", "/health")) or route["path"] in ("/", "/metrics")
    }
    said = {
        (m, nameless(path), op["x-pinion-right"], op["x-pinion-for"])
        for m, path, op in operations(document)
    }
    # What answers POST / is the Kinesis API; GET / is ours.
    assert said == {route for route in ours if route[:2] != ("POST", "/")}


def test_operations_have_names_of_their_own(document):
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)


def test_the_document_is_not_sent_again(server):
    tag = get(server, "/api/v1/openapi.json").headers["ETag"]
    again = get(server, "/api/v1/openapi.json", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


# Each is refused, and the message names what is wrong.
WRONG = [
    ("/api/v1/topics?limt=1", "limt"), ("/api/v1/topics?limit=0", "limit"),
    ("/api/v1/topics?limit=1&limit=1", "limit"), ("/api/v1/topics?limit", "limit"),
    ("/api/v1/topics?limit=%ff", "limit"), ("/api/v1/tables/raw_pin/history?cursor=%21", "cursor"),
    ("/api/v1/topics/t?x", "x"), ("/api/v1/topics/t/records?partition=-1", "partition"),
    ("/api/v1/topics/t/records?from=never", "from"),
    ("/api/v1/tables/x/files?version=1.5", "version"), ("/api/v1/sink?a=b", "a"),
    ("/api/v1/streams/s/shards/one/position?id=1&start=latest", "shard"),
    ("/api/v1/streams/s/shards/0/position?start=latest", "id"),
    ("/api/v1/streams/s/shards/0/position?id=q&start=latest", "id"),
    ("/api/v1/queries/1/download?format=xls", "format"), ("/api/v1/sql?sql=SELECT", "sql"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "name"), WRONG)
def test_a_wrong_parameter_is_named(server, path, name):
    answer = get(server, path)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["code"] == "bad_request" and f"`{name}`" in error["message"]


BODIES = [
    ("POST", "topics/t", {"partitons": 2}, '"partitons"'),
    ("POST", "topics/t", {"partitions": "2"}, '"partitions"'),
    ("POST", "topics/t", {"partitions": 1.5}, '"partitions"'),
    ("PATCH", "topics/t", {"retention_ms": 0}, '"retention_ms"'),
    ("POST", "topics/t", [1], "a JSON object"), ("POST", "topics/t/records", {}, '"records"'),
    ("POST", "topics/t/records", {"records": [1]}, '"records"'),
    ("POST", "topics/t/records", {"records": [{"encoding": "hex"}]}, '"encoding"'),
    ("POST", "queries", {"sql": 1}, '"sql"'), ("POST", "queries", {"query": "SELECT 1"}, '"query"'),
    ("POST", "queries", {"sql": "SELECT 1", "format": "csv"}, '"format"'),
    ("POST", "sql", {"sql": "SELECT 1", "format": "xls"}, '"format"'),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "name"), BODIES)
def test_a_wrong_member_is_named(server, method, path, body, name):
    url = f"{server.url}/api/v1/{path}"
    answer = requests.request(method, url, json=body, timeout=30)
    assert answer.status_code == 400, answer.text
    assert name in answer.json()["error"]["message"]


def test_parameters_that_monitors_add_are_no_error(server):
    assert get(server, "/health?t=1").status_code == 200
    assert get(server, "/metrics?format=x").status_code == 200


def test_requests_by_the_document_get_what_it_says(tmp_path):
    """Schemathesis makes requests from the document, right and wrong ones, of every route on a
    folder of its own. A request that is valid by its schema may still be refused (a query has to be
    SQL, a cursor has to be the server's). POST / belongs to the Kinesis API."""
    key = "a key of sixteen or more"
    settings = ("--set", "gateway.auth=api-key")
    with Server(tmp_path / "data", *settings, env={"PINION_API_KEY": key}) as server:
        found = subprocess.run(
            [
                SCHEMATHESIS, "run", f"{server.url}/api/v1/openapi.json", "-H", f"x-api-key: {key}",
                "--phases", "fuzzing", "--max-examples", EXAMPLES, "--seed", "1", "--workers", "2",
                "--suppress-health-check", "all", "--request-timeout", "30",
                "--exclude-path", "/", "--exclude-path", "/api/v1/events",
                "--exclude-checks", "positive_data_acceptance",
            ],
            capture_output=True, text=True, cwd=tmp_path, timeout=1800,
        )  # fmt: skip
        assert found.returncode == 0, found.stdout[-8000:] + found.stderr[-2000:]


def test_a_body_that_is_not_json_is_refused(server):
    """Whatever route it is sent to."""
    for path in ("runs", "topics/t", "dead_letters/resend", "queries", "backfills/d"):
        headers = {"Content-Type": "application/json"}
        url = f"{server.url}/api/v1/{path}"
        answer = requests.post(url, data="{", headers=headers, timeout=30)
        assert answer.status_code in (400, 404), (path, answer.text)
        assert answer.json()["error"]["message"], path
