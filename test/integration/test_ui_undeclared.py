"""Tables that the pipeline does not declare, in a real browser: the list, and their own pages."""

import deltalake
import pyarrow as pa
import pytest
from playwright.sync_api import expect

from pinion import Server
from ui import SHAPES, browser, check_looks, watch  # noqa: F401: fixtures

KEY = "delta_tables/sales/<b>or'ders"
WIDE = 2**53 + 1


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    data = tmp_path_factory.mktemp("undeclared") / "data"
    folder = data / "store" / KEY
    folder.parent.mkdir(parents=True)
    for number in (1, WIDE):
        table = pa.table({"n": [number], "text": ["<img src=x onerror=alert(1)>"]})
        deltalake.write_deltalake(folder, table, mode="append")
    with Server(data) as running:
        yield running


@pytest.mark.parametrize("shape", SHAPES)
def test_the_list_has_it(watch, shape):  # noqa: F811
    page = watch(shape).go("tables", KEY)
    row = page.get_by_role("row").filter(has_text=KEY)
    expect(row).to_contain_text("undeclared")
    check_looks(page, shape)
    row.get_by_role("link", name=KEY).click()
    expect(page.locator("h1")).to_have_text(KEY)
    expect(page.get_by_role("region", name="Rows")).to_contain_text(f"{WIDE}")
    expect(page.locator("main")).to_contain_text("The pipeline does not declare this table")
    expect(page.get_by_role("button", name="Optimize")).to_have_count(0)
    expect(page.get_by_role("link", name="Lineage")).to_have_count(0)
    check_looks(page, shape)


def test_its_other_views(watch):  # noqa: F811
    page = watch().go("tables", KEY)
    page.get_by_role("link", name=KEY).click()
    page.get_by_role("button", name="Columns").click()
    expect(page.get_by_role("rowheader", name="text")).to_be_visible()
    for name, words in {"Schema": "long", "History": "WRITE", "Files": ".parquet"}.items():
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("region", name=name)).to_contain_text(words)
    page.get_by_role("link", name="Growth").click()
    expect(page.locator("main")).to_contain_text("Rows")
    page.get_by_role("link", name="Diff").click()
    expect(page.locator("main")).to_contain_text("1 row added")


def test_a_query_of_it(watch):  # noqa: F811
    page = watch().go("tables", KEY)
    page.get_by_role("link", name=KEY).click()
    page.get_by_role("link", name="Query the table").click()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator(".grid tbody")).to_contain_text(f"{WIDE}")


def test_a_key_of_no_table(watch):  # noqa: F811
    page = watch().go("tables/delta_tables%2Fnone", "No table with this key")
    check_looks(page, "light")
