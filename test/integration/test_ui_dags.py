"""The pages of DAGs, runs and tasks in a real browser: press play and see green, and what fails."""

import re
import time
from urllib.parse import quote

import pytest
import requests
import yaml
from playwright.sync_api import expect

from pinion import Server
from ui import SHAPES, check_looks, violations

HOSTILE = "<img src=x onerror=alert(1)>"
BIG = "9007199254740993"  # no double has it
WIDE = 130  # tasks: more than the page lays out itself
SECONDS_MAX = 60

# The task `maybe` fails where a run's configuration says so.
PICKY = 'case "$PINION_CONF" in *fail*) exit 3;; esac'
DAGS = {
    "shop": {
        "description": HOSTILE,
        "schedule": "0 6 * * *",
        "start": "2026-01-01",
        "tasks": {
            "begin": {"command": "echo $PINION_CONF"},
            "maybe": {"command": f"echo {quote(HOSTILE)}; {PICKY}", "after": ["begin"]},
            "end": {"command": "true", "after": ["maybe"]},
        },
    },
    "never": {"tasks": {"only": {"command": "true"}}},
    "wide": {
        "parallelism": 8,
        "tasks": {
            f"t{i:03}": {"command": "true", **({"after": [f"t{i - 8:03}"]} if i >= 8 else {})}
            for i in range(WIDE)
        },
    },
}


def write_pipeline(folder):
    for dag in DAGS.values():
        for task in dag["tasks"].values():
            task["run"] = "command"
    folder.mkdir()
    definition = yaml.safe_dump({"name": "own", "dags": DAGS}, sort_keys=False)
    (folder / "pipeline.yml").write_text(definition)
    return folder


def api(server, method, path, body=None):
    answer = requests.request(method, f"{server.url}/api/v1/{path}", json=body, timeout=30)
    assert answer.ok, answer.text
    return answer.json()


def ran(server, dag, run, **body):
    """Makes a run, and waits for its end."""
    api(server, "POST", f"runs/{dag}", {"run": run, **body})
    deadline = time.monotonic() + SECONDS_MAX
    while (found := api(server, "GET", f"runs/{dag}/{run}"))["ended_ms"] is None:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server whose DAG `shop` has a run that is well, and one that failed."""
    folder = tmp_path_factory.mktemp("ui-dags")
    with Server(folder / "data", "--pipeline", write_pipeline(folder / "own")) as running:
        ran(running, "shop", "good", conf={"n": int(BIG)}, note=HOSTILE)
        ran(running, "shop", "bad", conf={"fail": True})
        ran(running, "wide", "all")
        yield running


PAGES = {
    "dags": "every day at 06:00 UTC",
    "dags/shop": "maybe",
    "dags/shop/graph": "maybe",
    "dags/shop/graph?as=list": "after maybe",
    "dags/shop/runs": "good",
    "dags/shop/duration": "in the middle of 2 runs",
    "dags/shop/duration?as=table": "maybe",
    "dags/shop/definition": "pipeline.yml, line",
    "dags/never": "never ran",
    "dags/shop/runs/bad": "upstream failed",
    "dags/shop/runs/good/begin": "Try 1",
    "runs": "scheduled",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_pages(watch, shape):
    """One browser page for all of them, as a reader's."""
    one = watch(shape)
    for path, text in PAGES.items():
        check_looks(one.go(path, text), shape)


# --- press play -----------------------------------------------------------------------------------


def test_press_play_and_see_green(watch):
    page = watch().go("dags", "shop")
    page.get_by_role("button", name="Trigger shop").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Trigger")).to_be_focused()
    assert violations(page) == []
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("manual__")
    expect(page.locator(".headline .is-success")).to_be_visible()
    expect(page.locator("tbody .is-success")).to_have_count(3)


def test_a_configuration_keeps_its_digits(watch):
    page = watch().go("dags/never", "never ran")
    page.get_by_role("button", name="Trigger").first.click()
    dialog = page.get_by_role("dialog")
    field = dialog.get_by_label("Configuration, a JSON object")
    button = dialog.get_by_role("button", name="Trigger")
    field.fill('{"a": 1,\n "b" 2}')
    expect(dialog).to_contain_text("Line 2, column 6: expected : after the name")
    expect(button).to_be_disabled()
    field.fill("[1]")
    expect(button).to_be_disabled()
    field.fill('{"n": ' + BIG + ', "t": "' + HOSTILE + '"}')
    dialog.get_by_label("Run id").fill("exact")
    button.click()
    expect(page.locator("h1")).to_have_text("exact")
    expect(page.locator("main")).to_contain_text(BIG)
    expect(page.locator("main")).to_contain_text(HOSTILE)
    page.goto(page.url.split("/runs/")[0])  # the next dialog offers it again
    page.get_by_role("button", name="Trigger").first.click()
    choice = page.get_by_role("dialog").get_by_label("An earlier configuration")
    choice.select_option(index=1)
    field = page.get_by_role("dialog").get_by_label("Configuration, a JSON object")
    expect(field).to_have_value(re.compile(BIG))


def test_a_run_id_that_is_taken(watch):
    one = watch()
    page = one.go("dags/shop", "maybe")
    page.get_by_role("button", name="Trigger").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Run id").fill("good")
    with page.expect_response("**/api/v1/runs/shop") as refused:
        dialog.get_by_role("button", name="Trigger").click()
    assert refused.value.status == 409
    expect(dialog.get_by_role("alert")).to_contain_text("good")
    one.wrong = [text for text in one.wrong if "409 (Conflict)" not in text]  # the browser's own


# --- what fails, and again ------------------------------------------------------------------------


def test_a_failed_run_is_run_again(watch, server):
    ran(server, "shop", "again", conf={"fail": True})
    page = watch().go("dags/shop/runs/again", "upstream failed")
    expect(page.locator("main")).to_contain_text("exit status 3")
    page.get_by_role("button", name="Rerun failed").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("li")).to_have_text(["maybe", "end"])
    assert violations(page) == []
    dialog.get_by_role("button", name="Run again").click()
    expect(page.locator("main")).to_contain_text("2 of 2")
    page.get_by_role("link", name="maybe").first.click()
    expect(page.get_by_role("navigation", name="Attempts").get_by_role("link")).to_have_count(2)


def test_a_note(watch, server):
    page = watch().go("dags/shop/runs/good", HOSTILE)
    page.get_by_role("button", name="Edit the note").click()
    page.get_by_label("Note").fill("seen")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Edit the note")).to_be_visible()
    assert api(server, "GET", "runs/shop/good")["note"] == "seen"


# --- schedules ------------------------------------------------------------------------------------


def test_pause(watch, server):
    page = watch().go("dags", "shop")
    switch = page.get_by_role("switch", name="Schedule of shop")
    expect(switch).to_be_checked()
    switch.click()
    expect(switch).not_to_be_checked()
    expect(page.locator("main")).to_contain_text("paused")
    assert api(server, "GET", "dags/shop")["paused"]
    switch.click()
    expect(switch).to_be_checked()


def test_backfill(watch, server):
    page = watch().go("dags/shop", "maybe")
    page.get_by_role("button", name="Backfill").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("From").fill("2026-02-01T00:00:00")
    dialog.get_by_label("To, included").fill("2026-01-01T00:00:00")
    expect(dialog).to_contain_text("The end is before the start.")
    expect(dialog.get_by_role("button", name="List the runs")).to_be_disabled()
    dialog.get_by_label("To, included").fill("2026-02-02T23:00:00")
    dialog.get_by_role("button", name="List the runs").click()
    expect(dialog.locator("li")).to_have_count(2)
    expect(dialog.locator("li").first).to_contain_text("2026-02-01 06:00:00 UTC new run")
    assert violations(page) == []
    dialog.get_by_role("button", name="Make 2 runs").click()
    expect(dialog).to_be_hidden()
    runs = api(server, "GET", "runs?dag=shop&type=backfill")["items"]
    assert len(runs) == 2


# --- the grid -------------------------------------------------------------------------------------


def test_the_grid_by_keyboard(watch):
    page = watch().go("dags/shop", "maybe")
    grid = page.get_by_role("grid")
    page.get_by_role("link", name="Definition").focus()
    page.keyboard.press("Tab")
    expect(grid.locator("td[tabindex='0']")).to_be_focused()
    page.keyboard.press("Control+Home")
    expect(grid.locator("td").first).to_be_focused()
    expect(page.locator(".grid-about")).to_have_text("begin, good, success")
    for key in ("ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.locator(".grid-about")).to_have_text("maybe, bad, failed")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("maybe")
    page.go_back()
    expect(page.locator("h1")).to_have_text("shop")


def test_a_grid_of_many_tasks_has_few_rows(watch):
    page = watch().go("dags/wide", "t000")
    grid = page.get_by_role("grid")
    assert grid.get_attribute("aria-rowcount") == f"{WIDE + 1}"
    assert grid.locator("tbody tr").count() < 60
    assert page.locator("td.cell").first.locator("*").count() == 0  # a cell is one element
    grid.locator("td[tabindex='0']").focus()
    page.keyboard.press("Control+End")
    expect(page.locator(".grid-about")).to_contain_text(f"t{WIDE - 1:03}")
    expect(grid.locator("td[tabindex='0']")).to_be_focused()


def test_a_graph_of_many_tasks_is_laid_out_by_a_worker(watch):
    one = watch()
    with one.page.expect_worker() as worker:
        page = one.go("dags/wide/graph", "t000")
    assert "layout-worker" in worker.value.url
    expect(page.locator(".graph .box")).to_have_count(WIDE)
    page.get_by_role("button", name="As a list").click()
    expect(page.locator(".graph-list li")).to_have_count(WIDE)


# --- all runs -------------------------------------------------------------------------------------


def test_runs_are_filtered_by_their_address(watch):
    page = watch().go("runs?dag=shop&state=failed", "bad")
    expect(page.locator("tbody .is-success")).to_have_count(0)
    page.get_by_role("searchbox").fill("no such run")
    expect(page.locator("main")).to_contain_text("No run is like that.")
    assert "q=no+such+run" in page.url


def test_runs_are_run_again_together(watch, server):
    ran(server, "never", "one")
    ran(server, "never", "two")
    page = watch().go("runs?dag=never&q=o", "two")
    for name in ("one", "two"):
        page.get_by_label(f"Choose {name}").check()
    page.get_by_role("button", name="Run again").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("li")).to_have_count(2)
    dialog.get_by_role("button", name="Run again").click()
    expect(dialog).to_be_hidden()
    attempts = [
        api(server, "GET", f"runs/never/{name}")["tasks"][0]["max_tries"]
        for name in ("one", "two")
    ]
    assert attempts == [2, 2]
