"""What users of other such pages complain of, where no other file has a test for it."""

import json

import pytest
import requests
from playwright.sync_api import expect

from pinion import Server
from ui import browser, violations, watch  # noqa: F401: fixtures

ENDLESS = "SELECT count(*) FROM range(100000000000) a, range(100000) b"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    own = tmp_path_factory.mktemp("complaints") / "own"
    own.mkdir()
    tasks = {"only": {"run": "command", "command": "true"}}
    definition = {"name": "own", "dags": {"small": {"tasks": tasks}}}
    (own / "pipeline.yml").write_text(json.dumps(definition))
    with Server(own.parent / "data", "--pipeline", own) as running:
        running.produce("clicks", {"n": 1})
        made = requests.post(f"{running.url}/api/v1/runs/small", json={"run": "one"}, timeout=30)
        assert made.ok, made.text
        yield running


def test_the_time_zone_is_one_switch(watch):  # noqa: F811
    """It stands beside each time, and a form says which one it means."""
    page = watch(timezone_id="Asia/Kolkata").go("topics/clicks", "UTC")
    cell = page.get_by_role("region", name="Records").locator("td time").first
    expect(cell).to_contain_text("UTC")
    page.get_by_role("button", name="Times in UTC: switch").click()
    expect(cell).to_contain_text("+05:30")
    page.reload()
    expect(cell).to_contain_text("+05:30")
    page.get_by_role("link", name="DAGs").click()
    page.get_by_role("button", name="Trigger small").click()
    expect(page.get_by_role("dialog")).to_contain_text("in your local time")


def test_cancel_ends_a_query(watch, server):  # noqa: F811
    page = watch().go("query", "Tables")
    expect(page.locator("div.editor")).to_be_visible()
    page.get_by_role("textbox", name="SQL").focus()
    page.keyboard.insert_text(ENDLESS)
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled.")).to_be_visible()
    items = requests.get(f"{server.url}/api/v1/queries", timeout=30).json()["items"]
    assert [one["state"] for one in items if one["sql"] == ENDLESS] == ["cancelled"]


def test_a_success_without_rows_stands_out(watch):  # noqa: F811
    """The server's part of it is in test_dag_rerun.py."""
    watched = watch()

    def fallen(route):
        reply = route.fetch()
        run = reply.json()
        wrote = {"table": "sales", "version": 3, "rows": 0, "rows_before": 9, "files": 1}
        run["tasks"][0]["writes"] = [{**wrote, "bytes": 1, "dead_letters": None, "remark": None}]
        run["before"] = {"run": "zero", "ended_ms": 1, "duration_ms": 1}
        route.fulfill(response=reply, json=run)

    watched.page.route("**/api/v1/runs/small/one", fallen)
    page = watched.go("dags/small/runs/one", "Beside the last success")
    note = page.locator(".notice.warn")
    expect(note).to_have_text("sales has no rows; it had 9 in the last success.")
    expect(page.locator("tr.fell")).to_contain_text("−9, -100 %")
    assert violations(page) == []
