"""What the pipeline says of a table, on its page."""

import pytest
from playwright.sync_api import expect

from pinion import Server
from test_incremental import write_pipeline
from ui import SHAPES, browser, check_looks, watch  # noqa: F401

RAW = """mode: append
    partition_by: [country]
    expect:
      - {range: {column: amount, min: 0}, action: fail}
      - {accepted_values: {column: op, values: [I, U, D]}, action: warn}"""
CLEAN = """mode: merge
    key: id
    order_by: seq
    delete_when: op = 'D'
    deletion_vectors: true"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("definition")
    pipeline = write_pipeline(folder / "shop", "shop", RAW, CLEAN)
    with Server(folder / "data", "--roles", "gateway", "--pipeline", str(pipeline)) as running:
        yield running


@pytest.mark.parametrize("shape", SHAPES)
def test_mode_tests_and_select_are_shown(watch, shape):
    page = watch(shape).go("tables/raw_orders/definition", "shop.orders")
    for words in ("append", "country"):
        expect(page.locator("dl.facts").last).to_contain_text(words)
    tests = page.get_by_role("region", name="Data tests")
    expect(tests.get_by_role("row").filter(has_text="range")).to_contain_text("fail")
    expect(tests.get_by_role("row").filter(has_text="warn")).to_contain_text("accepted values")
    check_looks(page, shape)
    page = watch(shape).go("tables/orders/definition", "merge by id, the newest by seq")
    facts = page.locator("dl.facts").last
    for words in ("with deletion vectors", "op = 'D'", "clean/orders.sql"):
        expect(facts).to_contain_text(words)
    expect(page.get_by_label("SELECT")).to_contain_text("LEFT JOIN countries")
    expect(page.get_by_text("No test looks at the rows")).to_be_visible()
    check_looks(page, shape)
    facts.get_by_role("link", name="raw_orders").click()
    expect(page.locator("h1")).to_have_text("raw_orders")


def test_a_table_that_pinion_defines(watch):
    page = watch().go("tables/dead_letters/definition", "pinion makes this table")
    check_looks(page, "light")
