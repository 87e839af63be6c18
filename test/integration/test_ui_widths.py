"""What the widths of a desktop and of a phone show, and what the overview draws of a pipeline whose
tables are made of each other."""

import pytest
import requests
from playwright.sync_api import expect

from pinion import Server, run
from test_ui_overview import CROSSINGS
from ui import browser, violations  # noqa: F401: a fixture

PIPELINE = """
name: chain
settings: {sink: {flush_size: 1}}
topics: {bikes.rides: {partitions: 2}}
tables:
  raw_rides: {path: tables/raw_rides, from_topic: bikes.rides, columns: {id: int}}
  raw_weather:
    path: tables/raw_weather
    from_files: incoming/**/*.csv
    mode: append
    columns: {id: int}
  first: {path: tables/first, sql: first.sql, reads: [raw_rides, raw_weather], columns: {id: int}}
  second: {path: tables/second, sql: second.sql, reads: [first], columns: {id: int}}
  third: {path: tables/third, sql: third.sql, reads: [first, second], columns: {id: int}}
dags:
  hourly:
    description: Loads all that has come and makes the tables of it, one after the other
    schedule: "5 * * * *"
    tasks:
      load: {run: load, tables: [raw_rides, raw_weather]}
      first: {run: transform, after: [load], tables: [first]}
      second: {run: transform, after: [first], tables: [second]}
      third: {run: transform, after: [second], tables: [third]}
"""
SQL = {
    "first": "SELECT r.id FROM raw_rides r LEFT JOIN raw_weather w ON r.id = w.id",
    "second": "SELECT id FROM first",
    "third": "SELECT s.id FROM second s JOIN first f ON f.id = s.id",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("widths")
    pipeline = folder / "pipeline"
    (pipeline / "queries").mkdir(parents=True)
    (pipeline / "pipeline.yml").write_text(PIPELINE)
    for name, sql in SQL.items():
        (pipeline / f"{name}.sql").write_text(sql + "\n")
    (pipeline / "queries" / "all.sql").write_text("SELECT count(*) AS first FROM third\n")
    own = {"PINION_PIPELINE": str(pipeline)}
    with Server(folder / "data", env=own) as running:
        incoming = folder / "data" / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        (incoming / "a.csv").write_text("id\n1\n2\n")
        value = {"id": 1, "note": "a value that is longer than the width of a phone " * 3}
        records = {"records": [{"value": value}, {"value": {"id": "bad"}}]}
        produced = requests.post(
            f"{running.url}/topics/bikes.rides",
            json=records,
            headers={"content-type": "application/vnd.kafka.json.v2+json"},
            timeout=30,
        )
        assert produced.ok, produced.text
        run("dag", "trigger", "hourly", "--wait", data=folder / "data", env=own)
        yield running


@pytest.fixture
def page_of(browser, server):  # noqa: F811
    contexts = []

    def make(width):
        contexts.append(browser.new_context(viewport={"width": width, "height": 800}))
        return contexts[-1].new_page()

    yield make
    for context in contexts:
        context.close()


def is_seen(locator):
    """Is the whole width of it in its place that scrolls, without scrolling?"""
    return locator.evaluate(
        """(element) => {
            const { left, right } = element.getBoundingClientRect();
            const place = (element.closest('.scroll') ?? document.body).getBoundingClientRect();
            return left >= place.left && right <= place.right && right <= window.innerWidth;
        }"""
    )


def test_what_leads_where(server):
    data = requests.get(f"{server.url}/api/v1/overview", timeout=30).json()
    edges = [tuple(edge) for edge in data["edges"]]
    assert len(set(edges)) == len(edges)
    assert ("files/incoming/**/*.csv", "table/raw_weather") in edges
    assert [edge for edge in edges if edge[1] == "queries"] == [("table/third", "queries")]
    [files] = [node for node in data["nodes"] if node["kind"] == "files"]
    assert files["label"] == "incoming/**/*.csv"


def test_tables_of_tables_are_drawn_one_after_the_other(page_of, server):
    page = page_of(1280)
    page.goto(f"{server.url}/ui/?view=drawing")
    expect(page.locator(".map .node").first).to_be_visible()
    assert page.evaluate(CROSSINGS) == []
    at = [
        page.locator(f".map .node[aria-label^='{name}:'] rect").bounding_box()["x"]
        for name in ("first", "second", "third", "1 query")
    ]
    assert at == sorted(set(at)), at


def test_the_buttons_of_a_run(page_of, server):
    page = page_of(1280)
    [made] = requests.get(f"{server.url}/api/v1/runs?dag=hourly", timeout=30).json()["items"]
    page.goto(f"{server.url}/ui/dags/hourly/runs/{made['run']}")
    again = page.get_by_role("button", name="From here")
    expect(again).to_have_count(4)
    assert all(is_seen(button) for button in again.all())


def test_dead_letters(page_of, server):
    page = page_of(1280)
    page.goto(f"{server.url}/ui/dead-letters")
    expect(page.get_by_role("columnheader", name="Sent again")).to_be_visible()
    assert is_seen(page.get_by_role("columnheader", name="Sent again"))
    send = page.get_by_role("button", name="Send all of these again").bounding_box()
    drop = page.get_by_role("button", name="Drop all of these").bounding_box()
    assert send["y"] == drop["y"], "the buttons stand side by side"


def test_the_lineage_of_all_tables(page_of, server):
    page = page_of(1280)
    page.goto(f"{server.url}/ui/tables?view=lineage")
    expect(page.locator(".graph .box")).to_have_count(8)
    expect(page.get_by_title("query all")).to_be_visible()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.graph')]"
        ".every((graph) => graph.scrollWidth <= graph.clientWidth)"
    )
    assert is_seen(page.get_by_title("query all"))


def test_dags_on_a_phone(page_of, server):
    page = page_of(400)
    page.goto(f"{server.url}/ui/dags")
    state = page.locator("tbody td").nth(1)
    expect(state).to_contain_text("success")
    assert is_seen(state.locator("a"))
    assert violations(page) == []


def test_records_on_a_phone(page_of, server):
    page = page_of(400)
    page.goto(f"{server.url}/ui/topics/bikes.rides")
    value = page.locator("tbody td:last-child code").filter(has_text="a value that is longer")
    expect(value).to_be_visible()
    assert is_seen(value)
    assert violations(page) == []
