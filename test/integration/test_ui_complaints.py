"""What users of other such pages complain of, where no other file has a test for it."""

import json
import re

import pytest
import requests
from playwright.sync_api import expect

from pinion import Server
from ui import Watch, browser, violations, watch  # noqa: F401: fixtures

RECORDS = 1700  # a search looks at 500 at once
ENDLESS = "SELECT count(*) FROM range(100000000000) a, range(100000) b"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    own = tmp_path_factory.mktemp("complaints") / "own"
    own.mkdir()
    hold = f"until [ -e '{own}/go' ]; do sleep 0.05; done"
    dags = {
        "small": {"only": {"command": "true"}},
        "again": {"fails": {"command": "exit 3", "retries": 3, "retry_delay": "1h"}},
        "narrow": {
            "holds": {"command": hold, "pool": "door", "priority": 2},
            "waits": {"command": "true", "pool": "door", "priority": 1},
            "last": {"command": "true", "after": ["holds", "waits"]},
        },
    }
    for tasks in dags.values():
        for task in tasks.values():
            task["run"] = "command"
    definition = {
        "name": "own",
        "pools": {"door": 1},
        "dags": {name: {"tasks": tasks} for name, tasks in dags.items()},
    }
    (own / "pipeline.yml").write_text(json.dumps(definition))
    with Server(own.parent / "data", "--pipeline", own) as running:
        running.own = own
        running.produce("clicks", {"n": 1})
        running.produce("many", *({"n": n, "word": "same"} for n in range(RECORDS)))
        for path, run in [("small", "one"), ("again", "r"), ("narrow", "r1"), ("narrow", "r2")]:
            trigger(running, path, run)
        yield running


def trigger(server, dag, run):
    made = requests.post(f"{server.url}/api/v1/runs/{dag}", json={"run": run}, timeout=30)
    assert made.ok, made.text


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


def test_what_waits_says_why(watch, server):  # noqa: F811
    """With names and numbers: a retry, a pool, tasks before it, other runs, a missing scheduler."""
    page = watch().go("dags/again/runs/r", "fails")
    row = page.get_by_role("region", name="Tasks").get_by_role("row").filter(has_text="fails")
    expect(row).to_contain_text(re.compile(r"retry 1 of 3 in \d+ m"))
    row.get_by_role("link", name="fails").click()
    headline = page.locator(".headline")
    expect(headline).to_contain_text("retry 1 of 3 in")
    before = headline.inner_text()
    expect(headline).not_to_have_text(before)  # it counts down
    page = watch().go("dags/narrow/runs/r1", "holds")
    rows = page.get_by_role("region", name="Tasks").get_by_role("row")
    expect(rows.nth(2)).to_contain_text("pool door: 1 of 1 slots are taken (r1/holds)")
    expect(rows.nth(3)).to_contain_text("waits for holds (running), waits (")
    page = watch().go("dags/narrow/runs/r2", "holds")
    expect(page.locator(".headline")).to_contain_text("1 of 1 runs of this DAG are active (r1)")
    expect(page.get_by_role("region", name="Tasks")).to_contain_text("its run is queued")
    assert violations(page) == []


def test_what_no_scheduler_runs_says_so(browser, server, tmp_path):  # noqa: F811
    args = ("--pipeline", server.own, "--roles", "gateway")
    with Server(tmp_path / "data", *args) as alone:
        trigger(alone, "small", "one")
        context = browser.new_context()
        watched = Watch(context, alone.url)
        page = watched.go("dags/small/runs/one", "only")
        expect(page.locator(".headline")).to_contain_text("no scheduler runs on this data folder")
        context.close()
        assert watched.wrong == []


def test_a_long_search_goes_on_and_stops(watch):  # noqa: F811
    page = watch().go("topics/many/search", "All must hold")
    page.get_by_role("searchbox", name="Search").fill("same")
    page.get_by_role("button", name="Search").click()
    go_on = page.get_by_role("button", name="Go on")
    expect(go_on).to_be_visible()
    status = page.locator("p[role=status]")
    expect(status).to_contain_text("are still to be looked at")
    first = status.text_content()
    go_on.click()
    expect(status).not_to_have_text(first)
    expect(go_on).to_be_visible()
    second = status.text_content()
    held = []  # requests that the server seems not to answer
    page.route("**/search?*", lambda route: held.append(route))
    go_on.click()
    stop = page.get_by_role("button", name="Stop")
    expect(stop).to_be_visible()
    stop.click()
    expect(go_on).to_be_visible()
    expect(status).to_have_text(second)  # what was found stays
    assert len(held) == 1
    page.unroute("**/search?*")
    go_on.click()
    expect(status).not_to_have_text(second)
    assert violations(page) == []


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
        wrote = {"table": "sales", "version": 3, "rows": 0, "rows_before": 9, "files": 1,
                 "table_rows": 0, "table_rows_before": 9, "bytes": 1, "dead_letters": None,
                 "remark": "fell to 0 rows"}  # fmt: skip
        a_day = {**wrote, "table": "days", "table_rows": 9, "remark": "wrote 0 rows"}
        kept = {**wrote, "table": "kept", "table_rows": 9, "remark": None}
        run["tasks"][0]["writes"] = [wrote, a_day, kept]
        run["before"] = {"run": "zero", "ended_ms": 1, "duration_ms": 1}
        route.fulfill(response=reply, json=run)

    watched.page.route("**/api/v1/runs/small/one", fallen)
    page = watched.go("dags/small/runs/one", "Beside the last success")
    note = page.locator(".notice.warn")
    expect(note.locator("p")).to_have_text([
        "sales has no rows; it had 9 in the last success.",
        "days was given no rows, and 9 in the last success.",
    ])  # fmt: skip
    fell = page.locator("tr.fell")
    expect(fell).to_have_count(2)
    expect(fell.first).to_contain_text("−9, −100 %")
    expect(fell.last).to_contain_text("as many; wrote 0 rows")
    assert violations(page) == []
