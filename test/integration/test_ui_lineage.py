"""The drawing of what reads what: of all tables, and of one."""

import re

import pytest
from playwright.sync_api import expect

from pinion import Server
from ui import SHAPES, browser, check_looks, watch  # noqa: F401

QUERY = "median_followers_by_age_group"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    data = tmp_path_factory.mktemp("lineage") / "data"
    with Server(data, "--roles", "gateway") as running:  # nothing makes a table
        yield running


def drawn(page, label):
    picture = page.get_by_role("region", name=label)
    expect(picture.get_by_role("link").first).to_be_visible()
    return picture


@pytest.mark.parametrize("shape", SHAPES)
def test_all_tables_are_drawn(watch, shape):
    page = watch(shape).go("tables", "raw_pin")
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Lineage").click()
    picture = drawn(page, "Lineage of all tables")
    for name in ("topic *.pin", "raw raw_pin", "clean pin", "stream stream_pin", f"query {QUERY}"):
        expect(picture.get_by_role("link", name=name, exact=True)).to_have_count(1)
    expect(picture.locator("path")).not_to_have_count(0)
    check_looks(page, shape)
    page.get_by_role("button", name="As a list").click()
    row = page.get_by_role("region", name="Lineage").get_by_role("row").filter(has_text="*.user")
    expect(row).not_to_have_count(0)
    check_looks(page, shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_one_table_is_drawn_with_what_its_rows_pass(watch, shape):
    page = watch(shape).go("tables/raw_user/lineage", "Made by")
    picture = drawn(page, "Lineage of raw_user")
    expect(picture.locator("[aria-current]")).to_have_text("raw raw_user")
    expect(picture.get_by_role("link", name="clean user", exact=True)).to_be_visible()
    expect(picture.get_by_role("link", name="raw raw_pin")).to_have_count(0)  # not of its rows
    check_looks(page, shape)
    page.get_by_role("button", name="As a list").click()
    expect(page.get_by_role("heading", name="Made from")).to_be_visible()
    check_looks(page, shape)


def test_boxes_lead_on(watch):
    page = watch().go("tables/user/lineage")
    drawn(page, "Lineage of user").get_by_role("link", name="raw raw_user", exact=True).press(
        "Enter"
    )
    expect(page.locator("h1")).to_have_text("raw_user")
    page.go_back()
    drawn(page, "Lineage of user").get_by_role("link", name=f"query {QUERY}").click()
    expect(page.locator("h1")).to_have_text("Query")
    expect(page.get_by_role("textbox", name="SQL")).to_contain_text("JOIN user")
    page.go_back()
    drawn(page, "Lineage of user").get_by_role("link", name="topic *.user").click()
    expect(page.locator("h1")).to_have_text("Topics")
    expect(page.get_by_role("searchbox")).to_have_value(".user")


def test_a_table_that_is_not_there_says_what_makes_it(watch):
    main = watch().go("tables/pin", "has not been written yet").locator("main")
    expect(main).to_contain_text("pinion dag trigger batch_processing_dag")
    main.get_by_role("link", name=re.compile("clean_pin_data")).click()
    expect(main.locator("h1")).to_have_text("batch_processing_dag")
    main = watch().go("tables/stream_pin", "Records of the stream").locator("main")
    expect(main.get_by_role("link", name="streaming-0e3bbd435bfb-pin")).to_be_visible()
    watch().go("tables/dead_letters", "No record has failed")


def test_dead_letters_say_where_they_come_from(watch):
    page = watch().go("tables/dead_letters/lineage", "could not become rows")
    page.locator("main").get_by_role("link", name="Dead letters").click()
    expect(page.locator("h1")).to_have_text("Dead letters")
