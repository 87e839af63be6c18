"""The pages of DAGs, runs and tasks in a real browser: press play and see green, and what fails."""

import re
import time

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

# What a log may hold: markup, colours, other escapes, addresses, a line that is long.
PRINTED = [
    HOSTILE,
    "\x1b[31;1mERROR\x1b[0m in \x1b[42mgreen\x1b[0m \x1b[2Kcleared",
    "see https://example.com/a?b=c. or javascript:alert(1)",
    "x" * 20_000 + "END",
    "2026-01-02T03:04:05.678Z info  load: begun",
]
LINES = 20_000  # of the task `long`: more than the page holds

# The task `maybe` fails where a run's configuration says so.
PICKY = 'case "$PINION_CONF" in *fail*) exit 3;; esac'
DAGS = {
    "shop": {
        "description": HOSTILE,
        "schedule": "0 6 * * *",
        "start": "2026-01-01",
        "tasks": {
            "begin": {"command": "echo $PINION_CONF"},
            "maybe": {"command": PICKY, "after": ["begin"]},
            "end": {"command": "true", "after": ["maybe"]},
        },
    },
    "talk": {
        "tasks": {
            "odd": {"command": "cat \"$PINION_PIPELINE/printed\""},
            "long": {"command": f"seq -f 'line %.0f of many' {LINES}"},
            # It waits for a file before each part, so that nothing depends on time.
            "slow": {
                "command": """
                    cd "$PINION_PIPELINE" && seq -f 'first %.0f' 200
                    until [ -e more ]; do sleep 0.05; done; seq -f 'second %.0f' 120
                    until [ -e end ]; do sleep 0.05; done; echo over"""
            },
        }
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
    (folder / "printed").write_text("\n".join(PRINTED) + "\n")
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
def own(tmp_path_factory):
    return write_pipeline(tmp_path_factory.mktemp("ui-dags") / "own")


@pytest.fixture(scope="module")
def server(own):
    """A server whose DAG `shop` has a run that is well, and one that failed."""
    with Server(own.parent / "data", "--pipeline", own) as running:
        ran(running, "shop", "good", conf={"n": int(BIG)}, note=HOSTILE)
        ran(running, "shop", "bad", conf={"fail": True})
        ran(running, "wide", "all")
        api(running, "POST", "runs/talk", {"run": "talk"})
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
    "dags/shop/runs/good/begin": BIG,
    "dags/shop/runs/good/maybe": "pinion dag logs shop maybe --run good",
    "status/audit": "shop bad",
    "runs": "scheduled",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_pages(watch, shape):
    """One browser page for all of them, as a reader's."""
    one = watch(shape)
    for path, text in PAGES.items():
        check_looks(one.go(path, text), shape)


# --- press play -----------------------------------------------------------------------------------


def test_the_overview_has_the_newest_run_of_a_dag(watch):
    """The run `bad` came after the run `good`."""
    page = watch().go("?view=list", "shop")
    row = page.get_by_role("region", name="What there is").get_by_role("row")
    expect(row.filter(has=page.get_by_role("link", name="shop"))).to_contain_text("failed")


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


# --- a definition that changes -------------------------------------------------------------------


def test_a_broken_definition_is_named_and_a_good_one_shown(watch, own):
    """The page is not loaded again: it hears of both."""
    file = own / "pipeline.yml"
    good = file.read_text()
    page = watch().go("dags", "shop")
    try:
        file.write_text(good + "\n  broken: 7\n")
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("pipeline.yml, line")
        expect(alert).to_contain_text("The last good definition stays in force")
        expect(page.get_by_role("link", name="shop", exact=True)).to_be_visible()
        assert violations(page) == []
        added = "dags:\n  added:\n    tasks:\n      a: {run: command, command: 'true'}\n"
        file.write_text(good.replace("dags:\n", added))
        expect(page.get_by_role("link", name="added", exact=True)).to_be_visible()
        expect(alert).to_have_count(0)
    finally:
        file.write_text(good)
    expect(page.get_by_role("link", name="added", exact=True)).to_have_count(0)


# --- what fails, and again ------------------------------------------------------------------------


def test_a_failed_run_is_run_again(watch, server):
    ran(server, "shop", "again", conf={"fail": True})
    page = watch().go("dags/shop/runs/again", "upstream failed")
    expect(page.locator("main")).to_contain_text("exit code 3")
    page.get_by_role("button", name="Rerun failed").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("li")).to_have_text(["maybe", "end"])
    assert violations(page) == []
    dialog.get_by_role("button", name="Run again").click()
    expect(page.locator("main")).to_contain_text("2 of 2")
    page.get_by_role("link", name="maybe").first.click()
    expect(page.get_by_role("navigation", name="Attempts").get_by_role("link")).to_have_count(2)


def test_a_task_is_marked(watch, server):
    ran(server, "shop", "mark", conf={"fail": True})
    page = watch().go("dags/shop/runs/mark/maybe", "It printed nothing.")
    page.get_by_role("button", name="Mark success").click()
    expect(page.locator(".headline .is-success")).to_be_visible()
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="mark").click()
    expect(page.locator(".headline .is-success")).to_be_visible()  # `end` ran, too


def test_a_run_is_deleted(watch, server):
    ran(server, "shop", "gone")
    page = watch().go("dags/shop/runs/gone", "success")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("h1")).to_have_text("shop")
    answer = requests.get(f"{server.url}/api/v1/runs/shop/gone", timeout=30)
    assert answer.status_code == 404


# --- logs -----------------------------------------------------------------------------------------


def expect_at_end(page):
    """The log is scrolled to its end."""
    page.wait_for_function(
        "() => { const b = document.querySelector('.lines');"
        " return b.scrollTop + b.clientHeight >= b.scrollHeight - 8; }"
    )


def expect_in_view(page, line):
    """The log is scrolled to a place at which the line is seen."""
    page.wait_for_function(
        "(line) => { const b = line.parentElement, top = line.offsetTop - b.scrollTop;"
        " return top >= 0 && top < b.clientHeight; }",
        arg=line.element_handle(),
    )


def test_a_log_is_text(watch):
    page = watch().go("dags/talk/runs/talk/odd", HOSTILE)
    log = page.get_by_role("log")
    expect(log.locator(".line")).to_have_count(len(PRINTED))
    assert log.locator("img").count() == 0
    expect(log.locator(".ansi-1.bold")).to_have_text("ERROR")
    expect(log.locator(".ansi-on-2")).to_have_text("green")
    expect(log).to_contain_text("␛[2Kcleared")
    links = log.get_by_role("link")
    expect(links).to_have_count(1)
    expect(links).to_have_attribute("href", "https://example.com/a?b=c")
    expect(log).not_to_contain_text("END")
    log.get_by_role("button", name="more").click()
    expect(log).to_contain_text("END")
    assert violations(page) == []


def test_times_of_a_log_are_switched(watch):
    page = watch().go("dags/talk/runs/talk/odd", "load: begun")
    line = page.get_by_role("log").locator(".line").last
    expect(line.locator(".stamp")).to_be_visible()
    page.get_by_role("checkbox", name="Times").uncheck()
    expect(line.locator(".stamp")).to_be_hidden()
    expect(line).to_contain_text("load: begun")
    assert "times=off" in page.url
    page.get_by_role("checkbox", name="Times").check()
    expect(line.locator(".stamp")).to_have_text("2026-01-02T03:04:05.678Z")
    page.goto(page.url.replace("/odd", "/long"))
    expect(page.get_by_role("log")).to_contain_text(f"line {LINES} of many")
    expect(page.get_by_role("checkbox", name="Times")).to_be_disabled()


def test_failed_tasks_are_rerun_from_the_page_of_one(watch, server):
    page = watch().go("dags/shop/runs/bad/end", "upstream failed")
    page.get_by_role("button", name="Rerun failed").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("li")).to_have_text(["maybe", "end"])
    page.keyboard.press("Escape")
    page = watch().go("dags/shop/runs/good/end", "success")
    expect(page.get_by_role("button", name="Mark failed")).to_be_visible()
    expect(page.get_by_role("button", name="Rerun failed")).to_have_count(0)


def test_a_long_log_opens_at_its_end_and_is_searched(watch):
    page = watch().go("dags/talk/runs/talk/long", f"line {LINES} of many")
    log = page.get_by_role("log")
    lines = log.locator(".line")
    assert lines.count() <= 5000
    expect_at_end(page)
    for _ in range(3):  # reads what is before, each time from the top
        first = int(lines.first.get_attribute("data-at"))
        log.evaluate("(box) => { box.scrollTop = 0; }")
        page.wait_for_function(
            "(first) => Number(document.querySelector('.line').dataset.at) < first || first === 0",
            arg=first,
        )
        assert lines.count() <= 5000
    page.get_by_role("searchbox", name="Find in the log").fill("LINE 777")
    page.keyboard.press("Enter")
    hit = log.locator(".line.hit")
    expect(hit).to_have_text("line 777 of many")
    expect_in_view(page, hit)
    expect(page.locator(".log")).to_contain_text("1 of 11")
    log.focus()
    page.keyboard.press("n")
    expect(hit).to_have_text("line 7770 of many")
    page.keyboard.press("N")
    expect(hit).to_have_text("line 777 of many")
    page.keyboard.press("g")
    expect(lines.first).to_have_text("line 1 of many")
    expect_in_view(page, lines.first)
    page.keyboard.press("Shift+G")
    expect(lines.last).to_have_text(f"line {LINES} of many")
    expect_at_end(page)
    assert "find=LINE+777" in page.url


def test_a_line_of_a_log_has_an_address(watch):
    page = watch().go("dags/talk/runs/talk/long#L12345", "line 12345 of many")
    hit = page.locator(".line.hit")
    expect(hit).to_have_text("line 12345 of many")
    expect_in_view(page, hit)


def test_a_log_is_followed_only_at_its_end(watch, own):
    page = watch().go("dags/talk/runs/talk/slow", "first 200")
    log = page.get_by_role("log")
    lines = log.locator(".line")
    expect_at_end(page)
    log.evaluate("(box) => { box.scrollTop = 0; }")
    expect(page.locator(".log")).to_contain_text("when you are at the end")
    (own / "more").touch()
    button = page.get_by_role("button", name="120 new lines")
    expect(button).to_be_visible()
    expect_in_view(page, lines.first)  # what is read stays where it is
    button.click()
    expect(lines).to_have_count(320)
    expect_at_end(page)
    (own / "end").touch()
    expect(lines.last).to_have_text("over")
    expect_at_end(page)
    expect(page.locator(".headline .is-success")).to_be_visible()


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


def test_runs_are_deleted_together(watch, server):
    for number in range(2):
        ran(server, "never", f"old{number}")
    page = watch().go("runs?dag=never&q=old", "old1")
    page.get_by_label("Choose all of the page").check()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("main")).to_contain_text("No run is like that.")


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
