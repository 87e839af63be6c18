"""The query page keeps what its reader made: the text, own queries, what was run, and answers."""

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from pinion import Server
from ui import SHAPES, browser, check_looks, watch  # noqa: F401: fixtures

HOSTILE = "<img src=x onerror=alert(1)>"
# More rows than a request gives, and numbers that no double has.
LONG = """SELECT 9007199254740993 - i AS n, CASE WHEN i % 4 > 0 THEN 'w' END AS w
FROM range(3000) t(i)"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("query")) as running:
        yield running


def write(page, sql):
    """Types a text over what is in the editor."""
    expect(page.locator("div.editor")).to_be_visible()  # CodeMirror is there
    page.get_by_role("textbox", name="SQL").focus()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(sql)


def ask(page, sql):
    write(page, sql)
    page.keyboard.press("Control+Enter")


def part(page, name):
    summary = page.locator(".query-lists > details > summary", has_text=name)
    expect(summary).to_be_visible()
    return summary


def test_an_answer_is_there_when_its_reader_comes_back(watch):  # noqa: F811
    page = watch().go("query", "Tables")
    ask(page, "SELECT 40 + 2 AS answer")
    expect(page.locator(".grid tbody td")).to_have_text("42")
    page.get_by_role("link", name="Topics").click()
    expect(page.locator("h1")).to_have_text("Topics")
    page.get_by_role("link", name="Query").click()
    expect(page.locator(".grid tbody td")).to_have_text("42")
    page.reload()
    expect(page.locator(".grid tbody td")).to_have_text("42")
    expect(page.get_by_role("textbox", name="SQL")).to_have_text("SELECT 40 + 2 AS answer")


def test_the_buttons_come_when_nothing_will_move_them(watch):  # noqa: F811
    """A list that is drawn above a button in the middle of a click would take the click away."""
    watched = watch()
    held = []
    watched.page.route("**/api/v1/pipeline/queries", lambda route: held.append(route))
    with watched.page.expect_request("**/api/v1/pipeline/queries"):
        page = watched.go("query?sql=" + quote("SELECT 6 * 7"), "Tables")
    expect(page.locator("div.editor")).to_be_visible()
    run = page.get_by_role("button", name="Run", exact=True)
    expect(run).to_have_count(0)
    held[0].continue_()
    run.click()
    expect(page.locator(".grid tbody td")).to_have_text("42")


def test_a_new_query_is_not_covered_by_the_last_one(watch):  # noqa: F811
    """The tab's last query is asked for when the page opens; its answer may come after a click."""
    watched = watch()
    page = watched.go("query", "Tables")
    ask(page, "SELECT 1 AS old")
    expect(page.locator(".grid tbody td")).to_have_text("1")
    held = []

    def hold_first(route):
        if held:
            route.fallback()
        else:
            held.append(route)

    page.route("**/api/v1/queries/*", hold_first)
    page.reload()
    ask(page, "SELECT 2 AS new")
    expect(page.locator(".grid tbody td")).to_have_text("2")
    held[0].continue_()
    expect(page.locator(".grid th").last).to_contain_text("new")
    ask(page, "SELECT 3 AS newest")
    expect(page.locator(".grid tbody td")).to_have_text("3")


def test_each_tab_has_its_text(watch, server):  # noqa: F811
    first = watch()
    page = first.go("query?sql=" + quote("SELECT 1"), "Tables")
    other = first.page.context.new_page()
    other.goto(f"{server.url}/ui/query?sql=" + quote("SELECT 2"))
    expect(other.get_by_role("textbox", name="SQL")).to_have_text("SELECT 2")
    write(page, "SELECT 3")  # the text of a link is changed
    expect(page).to_have_url(f"{server.url}/ui/query")
    page.reload()
    expect(page.get_by_role("textbox", name="SQL")).to_have_text("SELECT 3")
    expect(other.get_by_role("textbox", name="SQL")).to_have_text("SELECT 2")


def test_own_queries_and_the_history(watch, server):  # noqa: F811
    first = watch()
    page = first.go("query", "Tables")
    sql = f"SELECT '{HOSTILE}' AS text"
    ask(page, sql)
    expect(page.locator(".grid tbody td")).to_have_text(HOSTILE)
    part(page, "Own queries (0)").click()
    page.get_by_role("textbox", name="Name of the query").fill(HOSTILE)
    page.get_by_role("button", name="Save").click()
    expect(part(page, "Own queries (1)")).to_be_visible()
    ask(page, "SELECT 1 AS other")
    expect(page.locator(".grid tbody td")).to_have_text("1")
    page.get_by_role("button", name=HOSTILE, exact=True).click()
    expect(page.get_by_role("textbox", name="SQL")).to_have_text(sql)
    part(page, "History (2)").click()
    entries = page.locator(".query-lists .entry code")
    expect(entries).to_have_text(["SELECT 1 AS other", sql])
    entries.first.click()
    expect(page.get_by_role("textbox", name="SQL")).to_have_text("SELECT 1 AS other")
    other = first.page.context.new_page()  # all tabs have them
    other.goto(f"{server.url}/ui/query")
    expect(part(other, "Own queries (1)")).to_be_visible()
    page.get_by_role("button", name=f"Forget {HOSTILE}").click()
    expect(part(other, "Own queries (0)")).to_be_visible()


def test_an_answer_is_sorted_by_the_server(watch):  # noqa: F811
    page = watch().go("query", "Tables")
    ask(page, LONG)
    first = page.locator(".grid tbody td").first
    expect(first).to_have_text("9007199254740993")
    page.locator(".grid").get_by_role("button", name="n", exact=True).click()
    expect(first).to_have_text("9007199254737994")
    page.locator(".grid").get_by_role("button", name="n").click()
    expect(first).to_have_text("9007199254740993")


def test_columns_and_a_copy(watch):  # noqa: F811
    page = watch(permissions=["clipboard-read", "clipboard-write"]).go("query", "Tables")
    ask(page, LONG)
    page.get_by_role("button", name="Columns").click()
    rows = page.get_by_role("region", name="Columns").get_by_role("row")
    expect(rows.nth(1)).to_contain_text("9007199254737994 to 9007199254740993")
    expect(rows.nth(2)).to_contain_text("25 %")
    expect(rows.nth(2)).to_contain_text("w × 2\u2009250")
    ask(page, "SELECT 1 AS a, 'x|y' AS b UNION ALL SELECT 2, NULL ORDER BY a")
    expect(page.locator(".grid tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Copy as Markdown").click()
    expect(page.get_by_text("2 of 2 rows copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "| a | b |\n| ---: | --- |\n| 1 | x\\|y |\n| 2 |  |"
    expect(page.locator("pre.source")).to_contain_text("UNION ALL")


SALES = """SELECT * FROM (VALUES ('north', 'tea', 3, 30), ('south', 'tea', 5, 20),
('west', 'rice', 4, 90)) t(region, kind, sold, paid)"""


def choice(page, name):
    return page.locator(".chart-options").get_by_label(name, exact=True)


def test_the_reader_chooses_the_chart(watch):  # noqa: F811
    page = watch().go("query", "Tables")
    ask(page, SALES)
    expect(page.locator(".bars .bar-row")).to_have_count(3)
    expect(page.locator("figcaption")).to_contain_text("sold, 3 rows")
    page.get_by_text("Chart options").click()
    choice(page, "Numbers").select_option("paid")
    expect(page.locator("figcaption")).to_contain_text("paid, 3 rows")
    expect(page.locator(".bar-row").last).to_contain_text("west90")
    choice(page, "Names").select_option("kind")
    expect(page.locator(".bar-row .bar-name")).to_have_text(["tea", "tea", "rice"])
    choice(page, "Chart").select_option("columns")
    expect(page.locator("svg.chart rect")).to_have_count(3)
    choice(page, "Chart").select_option("groups")
    choice(page, "Names").select_option("region")
    choice(page, "Groups").select_option("kind")
    expect(page.locator(".legend li")).to_have_text(["tea", "rice"])
    choice(page, "Chart").select_option("map")
    expect(page.locator("figure")).to_be_visible()
    choice(page, "Chart").select_option("none")
    expect(page.get_by_text("No chart: none was chosen.")).to_be_visible()
    choice(page, "Chart").select_option("line")
    expect(page.locator("svg.chart polyline")).to_have_count(1)
    assert "chart=line" in page.url and "y=paid" in page.url
    page.reload()  # the address has the choice
    expect(page.locator("svg.chart polyline")).to_have_count(1)
    page.get_by_role("button", name="All by the rule").click()
    expect(page.locator(".bars .bar-row")).to_have_count(3)
    assert "chart=" not in page.url


def test_a_choice_that_does_not_fit_is_passed_over(watch):  # noqa: F811
    page = watch().go("query?chart=columns&x=none&y=region&by=no", "Tables")
    ask(page, SALES)
    expect(page.locator("svg.chart rect")).to_have_count(3)
    expect(page.locator("figcaption")).to_contain_text("sold, 3 rows")


def test_a_cell_and_a_row_are_copied(watch):  # noqa: F811
    page = watch(permissions=["clipboard-read", "clipboard-write"]).go("query", "Tables")
    ask(page, "SELECT * FROM (VALUES (9007199254740993, 'a\"b'), (2, NULL)) t(n, w)")
    cells = page.locator(".grid tbody td")
    expect(cells).to_have_count(4)

    def copied():
        return page.evaluate("navigator.clipboard.readText()")

    cells.nth(1).click()
    page.get_by_role("button", name="Copy cell").click()
    expect(page.get_by_text("Cell copied")).to_be_visible()
    assert copied() == 'a"b'
    page.get_by_role("button", name="Copy row").click()
    expect(page.get_by_text("Row copied")).to_be_visible()
    assert copied() == '9007199254740993\t"a""b"'
    answer = page.get_by_role("region", name="Answer")
    answer.focus()
    page.keyboard.press("ArrowDown")
    expect(cells.nth(3)).to_have_class(re.compile("chosen"))
    expect(page.get_by_role("button", name="Copy cell")).to_be_disabled()  # null
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("Cell", exact=True)).to_have_text("9007199254740993")
    page.keyboard.press("Control+c")
    page.wait_for_function(
        "() => navigator.clipboard.readText().then((text) => text === '9007199254740993')"
    )
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Copy cell")).to_have_count(0)
    page.keyboard.press("Enter")  # the first cell in view
    expect(cells.nth(0)).to_have_class(re.compile("chosen"))


def test_csv_is_protected_unless_it_is_switched_off(watch):  # noqa: F811
    page = watch().go("query", "Tables")
    ask(page, "SELECT '=1+1' AS a")
    link = page.get_by_role("link", name="CSV")
    with page.expect_download() as download:
        link.click()
    assert download.value.path().read_text() == "a\n'=1+1\n"
    page.get_by_role("checkbox", name="Protect text in CSV").uncheck()
    with page.expect_download() as download:
        link.click()
    assert download.value.path().read_text() == "a\n=1+1\n"


@pytest.mark.parametrize("shape", SHAPES)
def test_looks(watch, shape):  # noqa: F811
    page = watch(shape).go("query", "Tables")
    ask(page, "SELECT i AS n, 'word' AS w FROM range(8) t(i)")
    expect(page.locator(".grid tbody tr")).to_have_count(8)
    page.get_by_role("button", name="Columns").click()
    for name in ["Own queries", "History"]:
        part(page, name).click()
    expect(page.get_by_role("region", name="Columns")).to_be_visible()
    page.get_by_text("Chart options").click()
    page.locator(".grid tbody td").first.click()
    expect(page.get_by_role("button", name="Copy row")).to_be_visible()
    check_looks(page, shape)
