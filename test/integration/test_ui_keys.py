"""Shortcuts of the pages, and tails that follow events, in a real browser."""

import pytest
from playwright.sync_api import expect

from pinion import Server
from ui import browser, watch  # noqa: F401: fixtures

HOSTILE = "<img src=x onerror=alert(1)>"
DAG = "batch_processing_dag"
TASK = "mount_s3_bucket"
TABS_MAX = 100  # far more than a page of this server has places
MADE = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("keys")) as running:
        running.produce("clicks", 0)
        running.produce("orders", 0)
        yield running


def test_rows_and_the_trigger(watch):  # noqa: F811
    page = watch().go("topics", "orders")
    links = page.locator("main tbody a")
    page.keyboard.press("j")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("k")
    name = links.nth(0).inner_text()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(name)
    page = watch().go("dags", "batch_processing_dag")
    page.keyboard.press("j")
    page.keyboard.press("t")
    expect(page.get_by_role("dialog", name="Trigger batch_processing_dag")).to_be_visible()


def tab_to(page, name, key="Tab"):
    """Presses Tab until what has this name is focused."""
    for _ in range(TABS_MAX):
        page.keyboard.press(key)
        if page.evaluate("document.activeElement.textContent").strip(" /") == name:
            return
    raise AssertionError(f"Tab does not lead to {name}")


def test_the_whole_way_by_keyboard_alone(watch):  # noqa: F811
    """Opens a DAG, triggers it, looks at the log of a task, and goes back."""
    page = watch().go("", "Health")
    title = page.locator("h1")
    for name, comes in [("DAGs", "DAGs"), (DAG, DAG)]:
        tab_to(page, name)
        page.keyboard.press("Enter")
        expect(title).to_have_text(comes)
    expect(page.locator("main")).to_contain_text("last success")
    tab_to(page, "Trigger")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name=f"Trigger {DAG}")
    expect(dialog.get_by_role("button", name="Trigger")).to_be_focused()
    page.keyboard.press("Enter")
    expect(title).to_contain_text("manual__")
    run = title.inner_text()
    expect(page.get_by_role("link", name=TASK, exact=True).first).to_be_visible()
    expect(page.locator(".headline .is-success, .headline .is-failed")).to_be_visible()
    tab_to(page, TASK)
    page.keyboard.press("Enter")
    expect(title).to_have_text(TASK)
    expect(page.get_by_role("log")).to_contain_text("the store exists")
    for name in (run, DAG):  # by the trail above the title, which has the focus
        tab_to(page, name, "Shift+Tab")
        page.keyboard.press("Enter")
        expect(title).to_have_text(name)


def test_the_help_lists_them(watch):  # noqa: F811
    page = watch().go("topics", "orders")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Shortcuts")).to_contain_text("trigger the DAG")


def test_updates_are_paused(watch, server):  # noqa: F811
    page = watch().go("topics/clicks/tail", "Waiting for records")
    mark = page.locator(".side .link")
    expect(mark).to_have_text("Live")
    page.keyboard.press(".")
    expect(mark).to_have_text("Paused")
    server.produce("clicks", {"n": 41})
    page.wait_for_timeout(1000)
    rows = page.get_by_role("region", name="New records")
    expect(rows).not_to_contain_text("41")
    page.keyboard.press(".")
    expect(rows).to_contain_text('"n":41')


def test_a_linked_query_replaces_the_text(watch):  # noqa: F811
    page = watch().go("query?sql=SELECT%201", "Run")
    expect(page.get_by_role("textbox", name="SQL")).to_have_text("SELECT 1")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("query most_followed_user_by")
    page.keyboard.press("Enter")  # whether or not the names are there by now
    expect(page.get_by_role("textbox", name="SQL")).not_to_have_text("SELECT 1")


def test_a_tail_stays_where_it_is_read(watch, server):  # noqa: F811
    server.request("POST", "/api/v1/topics/long", {}, MADE)
    page = watch().go("topics/long/tail", "Waiting for records")
    expect(page.locator(".side .link")).to_have_text("Live")
    server.produce("long", *({"n": n, "text": HOSTILE} for n in range(150)))
    rows = page.get_by_role("region", name="New records")
    expect(rows).to_contain_text(HOSTILE)
    rows.evaluate("(box) => { box.scrollTop = 500; }")
    expect(page.get_by_text("Paused, 0 new")).to_be_visible()
    server.produce("long", {"n": 9007199254740993})
    expect(page.get_by_text("Paused, 1 new")).to_be_visible()
    expect(rows).not_to_contain_text("9007199254740993")
    page.get_by_role("button", name="Resume").click()
    expect(rows).to_contain_text("9007199254740993")
