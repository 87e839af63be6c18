"""What SQL reads of its run: the conf and the logical date, in transforms and queries."""

import json

import pytest
import requests
import yaml

from pinion import PINION, Server, run
from test_dag_api import Api

FILES = {
    "clean/filtered.sql": """
        SELECT n, run_conf('label') AS label, CAST(run_logical_date() AS VARCHAR) AS at,
            run_id() AS id
        FROM raw WHERE n >= CAST(coalesce(run_conf('least'), '0') AS BIGINT)""",
    "queries/who.sql": "-- who asks\nSELECT coalesce(run_conf('a/b'), 'nobody') AS who",
}
TABLES = {
    "raw": {"path": "raw", "from_topic": "numbers", "columns": {"n": "bigint"}},
    "filtered": {
        "path": "filtered", "sql": "clean/filtered.sql", "reads": ["raw"],
        "columns": {"n": "bigint", "label": "string", "at": "string", "id": "string"},
    },
}  # fmt: skip
DAG = {
    "tasks": {
        "load": {"run": "load", "tables": ["raw"]},
        "filter": {"run": "transform", "tables": ["filtered"], "after": ["load"]},
    }
}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run_values")
    own = folder / "own"
    for name, text in FILES.items():
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text(text)
    ask = {"tasks": {"ask": {"run": "command", "command": f"'{PINION}' query who --format csv"}}}
    (own / "pipeline.yml").write_text(yaml.safe_dump({
        "name": "own", "topics": {"numbers": None}, "tables": TABLES,
        "dags": {"numbers": DAG, "ask": ask},
    }, sort_keys=False))  # fmt: skip
    with Server(folder / "data", "--pipeline", own) as server:
        yield Api(server)


def rows(api):
    sql = {"query": "SELECT * FROM filtered ORDER BY n"}
    answer = requests.get(f"{api.server.url}/api/v1/sql", params=sql, timeout=60)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_transform_reads_the_conf_and_the_logical_date_of_its_run(api):
    api.server.produce("numbers", *[{"n": n} for n in (1, 5, 9)])
    body = {"conf": {"least": 5, "label": "it's \u2713"}, "logical_ms": 1_700_000_000_123}
    run_id = api.trigger("numbers", **body)
    found = api.ended("numbers", run_id)
    assert found["state"] == "success", found["tasks"]
    assert rows(api) == [
        {"n": n, "label": "it's \u2713", "at": "2023-11-14 22:13:20.123+00", "id": run_id}
        for n in (5, 9)
    ]
    plain = api.ended("numbers", api.trigger("numbers"))
    assert plain["state"] == "success"
    assert [(row["n"], row["label"]) for row in rows(api)] == [(1, None), (5, None), (9, None)]


def test_a_query_of_a_command_reads_the_conf(api):
    for conf, who in (({"a/b": "me"}, "me"), ({}, "nobody")):
        run_id = api.trigger("ask", conf=conf)
        assert api.ended("ask", run_id)["state"] == "success"
        log = requests.get(f"{api.server.url}/api/v1/runs/ask/{run_id}/ask/1/log", timeout=30).text
        assert log.splitlines() == ["who", who]


def test_outside_a_run_there_are_no_values(api):
    own = api.server.data.parent / "own"
    run("pipeline", "check", own)
    done = run("query", "who", "--format", "csv", "--pipeline", own, data=api.server.data)
    assert done.stdout.splitlines() == ["who", "nobody"]
