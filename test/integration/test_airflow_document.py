"""Requests of every kind that Airflow's client can make of /api/v2: it can read what we reply."""

import json
import os
import subprocess

import pytest
import requests

import airflow_document
from test_dag import Dags, dag
from test_openapi import SCHEMATHESIS

EXAMPLES = "40" if os.environ.get("PINION_AUDITS") == "all" else "2"
CHECKS = ",".join(
    ["not_a_server_error"]
    + [f"{what}_conformance" for what in ("status_code", "content_type", "response_schema")]
)


@pytest.fixture
def server(tmp_path):
    """A run `r` of a DAG `d`, which is over, and a backfill."""
    own = Dags(tmp_path, {"d": dag(a="echo out", settings_={"schedule": "@daily"})})
    with own.server() as running:
        own.run("dag", "trigger", "d", "--run-id", "r", "--wait", "-q")
        own.run("dag", "backfill", "create", "d", "--from", "2026-01-01", "--to", "2026-01-02",
                "--yes")  # fmt: skip
        yield running


def test_replies_are_what_airflows_client_reads(server, tmp_path):
    """Schemathesis makes the requests: right and wrong ones, of every route that both have."""
    routes = requests.get(f"{server.url}/api/v1/routes", timeout=30).json()["routes"]
    document = airflow_document.document(routes)
    ours = [route for route in routes if route["path"].startswith("/api/v2/")]
    described = sum(len(item) for item in document["paths"].values())
    assert described == len(ours)
    path = tmp_path / "airflow.json"
    path.write_text(json.dumps(document))
    found = subprocess.run(
        [
            SCHEMATHESIS, "run", str(path), "--url", server.url, "--phases", "fuzzing",
            "--max-examples", EXAMPLES, "--seed", "1", "--workers", "2", "--checks", CHECKS,
            "--suppress-health-check", "all", "--request-timeout", "30",
            "--exclude-path-regex", "/wait$",
        ],
        capture_output=True, text=True, cwd=tmp_path, timeout=1200,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout[-8000:] + found.stderr[-2000:]
