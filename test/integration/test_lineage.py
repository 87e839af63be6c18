"""What a table is made from, and what reads it: by command and by API."""

import json

import pytest
import requests

from pinion import Server, run

PIPELINE = """
name: own
topics:
  orders: {}
tables:
  raw_orders:
    path: raw/orders
    from_topic: orders
    columns: {id: bigint}
  big:
    path: big
    sql: big.sql
    reads: [raw_orders]
    columns: {id: bigint}
  both:
    path: both
    sql: both.sql
    reads: [raw_orders, big]
    columns: {id: bigint}
dags:
  daily:
    tasks:
      load: {run: load, tables: [raw_orders]}
      clean: {run: transform, tables: [big, both], after: [load]}
"""
FILES = {
    "big.sql": "SELECT id FROM raw_orders WHERE id > 100",
    "both.sql": "SELECT big.id FROM big JOIN raw_orders USING (id)",
    "queries/reads_big.sql": "-- both is not read\nSELECT 'both', \"id\" FROM Big",
    "queries/reads_both.sql": "SELECT count(*) FROM both /* and not big */",
    "queries/reads_none.sql": "SELECT 1 AS bigger",
}


@pytest.fixture
def folder(tmp_path):
    own = tmp_path / "own"
    (own / "queries").mkdir(parents=True)
    (own / "pipeline.yml").write_text(PIPELINE)
    for name, text in FILES.items():
        (own / name).write_text(text)
    return own


def rows(text):
    return {(row["side"], row["steps"], row["kind"], row["name"]) for row in text}


def test_the_shortest_way_counts(folder, data):
    def lineage(table):
        args = ("table", "lineage", table, "--pipeline", folder, "--format", "json")
        listed = json.loads(run(*args, data=data).stdout)
        assert len(rows(listed)) == len(listed)
        return rows(listed)

    assert lineage("raw_orders") == {
        ("before", 1, "topic", "orders"),
        ("by", 1, "task", "daily/load"),
        ("after", 1, "table", "big"),
        ("after", 1, "table", "both"),
        ("after", 2, "query", "reads_big"),
        ("after", 2, "query", "reads_both"),
    }
    assert lineage("both") == {
        ("before", 1, "table", "raw_orders"),
        ("before", 1, "table", "big"),
        ("before", 2, "topic", "orders"),
        ("by", 1, "task", "daily/clean"),
        ("after", 1, "query", "reads_both"),
    }


def edges(items):
    return {(row["kind"], row["name"], row["from_kind"], row["from"]) for row in items}


def test_what_each_reads(folder, data):
    args = ("table", "lineage", "--pipeline", folder, "--format", "json")
    listed = json.loads(run(*args, data=data).stdout)
    wanted = {
        ("table", "raw_orders", "topic", "orders"),
        ("table", "big", "table", "raw_orders"),
        ("table", "both", "table", "raw_orders"),
        ("table", "both", "table", "big"),
        ("query", "reads_big", "table", "big"),
        ("query", "reads_both", "table", "both"),
        ("query", "reads_none", None, None),
    }
    assert edges(listed) == wanted and len(listed) == len(wanted)
    with Server(data, "--pipeline", folder) as server:
        items = requests.get(f"{server.url}/api/v1/lineage", timeout=30).json()["items"]
        assert items == listed


def test_by_api(data):
    with Server(data) as server:
        url = f"{server.url}/api/v1/tables"
        found = rows(requests.get(f"{url}/stream_pin/lineage", timeout=30).json()["items"])
        assert found == {("before", 1, "stream", "streaming-0e3bbd435bfb-pin")}
        found = rows(requests.get(f"{url}/user/lineage", timeout=30).json()["items"])
        assert ("before", 1, "table", "raw_user") in found
        assert ("before", 2, "topic", "*.user") in found
        assert ("after", 1, "query", "median_followers_by_age_group") in found
        missing = requests.get(f"{url}/none/lineage", timeout=30)
        assert missing.status_code == 404 and "none" in missing.json()["error"]["message"]
        found = edges(requests.get(f"{server.url}/api/v1/lineage", timeout=30).json()["items"])
        assert ("table", "stream_pin", "stream", "streaming-0e3bbd435bfb-pin") in found
        assert ("table", "stream_*_pin", "stream", "streaming-*-pin") in found
        assert {one[2] for one in found if one[:2] == ("table", "stream_pin")} == {"stream"}
    refused = run("table", "lineage", "none", data=data, check=False)
    assert refused.returncode == 1 and "none" in refused.stderr
