"""Answers on a map: countries in the steps of their values, and places by their coordinates."""

import csv
import re
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from pinion import Server, run
from ui import SHAPES, browser, check_looks, watch  # noqa: F401

QUERY = "popular_category_by_country"
ROWS = 240

# Names of several kinds, each with a value: shapes, points, variants, codes, and none of these.
NAMED = """SELECT * FROM (VALUES
    ('France', 9007199254740993), ('Cote d''Ivoire', 9007199254740992), ('Korea', 7),
    ('Libyan Arab Jamahiriya', 6), ('Cocos (Keeling) Islands', 5), ('DE', 4), ('BRA', 3),
    ('The Bahamas', 2), ('Iran, Islamic Republic of', NULL), ('Czech Republic', 1),
    ('Trinidad & Tobago', 0)) AS v(place, n)"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    into = tmp_path_factory.mktemp("map") / "demo"
    run("demo", "--quiet", "--rows", ROWS, "--into", into)
    return into


@pytest.fixture(scope="module")
def server(folder):
    with Server(folder) as running:
        yield running


def ask(watched, sql):
    page = watched.go("query?sql=" + quote(sql), "Run")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("figcaption")).to_be_visible()
    return page


def ranked(page):
    """The rows of the ranked list: the country, its value, and the label."""
    rows = page.get_by_role("region", name="Ranked list").locator("tbody tr")
    expect(rows.first).to_be_visible()
    return [
        [re.sub(r"\s", " ", cell.strip()) for cell in row.locator("th, td").all_inner_texts()]
        for row in rows.all()
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_query_of_the_pipeline(watch, folder, shape):
    """The list has the rows of `pinion query`, the largest first; the map has their countries."""
    page = watch(shape).go("query", QUERY.replace("_", " "))
    page.get_by_role("button", name=QUERY.replace("_", " "), exact=True).click()
    page.get_by_role("button", name="Run", exact=True).click()
    printed = run("query", QUERY, "--data", folder, "--format", "csv").stdout
    rows = list(csv.reader(printed.splitlines()))[1:]
    shown = ranked(page)
    assert sorted([place, n, label] for place, n, label in shown) == sorted(
        [place, n, label] for place, label, n in rows
    )
    numbers = [int(n) for _, n, _ in shown]
    assert numbers == sorted(numbers, reverse=True)
    places = {place for place, _, _ in rows}
    expect(page.locator("figcaption")).to_contain_text(
        f"{len(places)} of {len(places)} countries and {len(rows)} of {len(rows)} rows"
    )
    expect(page.locator(".sheet .land")).to_have_count(177)
    coloured = page.locator(".sheet .land:not(.step-absent), .sheet .dot")
    expect(coloured).to_have_count(len(places))
    check_looks(page, shape)


def test_names_are_found_as_data_write_them(watch):
    page = ask(watch(), NAMED)
    expect(page.locator("figcaption")).to_contain_text("10 of 11 countries and 10 of 11 rows")
    assert ranked(page)[0] == ["France", "9 007 199 254 740 993"]
    assert ranked(page)[2] == ["Korea not on the map", "7"]
    assert ranked(page)[-1] == ["Iran, Islamic Republic of", "null"]
    expect(page.locator(".sheet .land")).to_have_count(177)
    titles = page.locator(".sheet title").all_text_contents()
    assert "Iran, Islamic Republic of: null" in titles and "DE: 4" in titles
    expect(page.locator(".sheet .land.step-none")).to_have_count(1)
    expect(page.locator(".sheet .dot")).to_have_count(1)  # Cocos has no shape


def test_the_steps_hold_as_many_values_each(watch):
    names = "['Chile', 'Peru', 'Mali', 'Chad', 'Togo', 'Niger', 'Cuba', 'Fiji', 'Italy', 'Spain']"
    powers = f"CAST(10 ** generate_subscripts({names}, 1) AS BIGINT)"
    sql = f"SELECT unnest({names}) AS country, {powers} AS n"
    page = ask(watch(), sql)
    expect(page.locator(".world .legend li").first).to_be_visible()
    legend = page.locator(".world .legend li").all_inner_texts()
    texts = [re.sub(r"\s", "", text) for text in legend]
    assert texts[0] == "10to100" and texts[4] == "1000000000to10000000000"
    expect(page.locator(".sheet .land.step-4")).to_have_count(2)
    page.locator(".ranked").get_by_role("row", name="Chile").hover()
    expect(page.locator(".sheet .land.looked title")).to_have_text("Chile: 10")


def test_a_column_of_other_names_has_no_map(watch):
    sql = "SELECT unnest(['CA', 'IN', 'NY', 'TX', 'DE']) AS state, 1 AS n"
    page = ask(watch(), sql)
    expect(page.locator(".bars")).to_be_visible()
    assert page.locator(".sheet").count() == 0


def test_names_are_text(watch):
    sql = """SELECT unnest(['Chile', 'Peru', 'Mali', 'Chad', '<img src=x onerror=alert(1)>'])
        AS "<b>country", '<script>' AS "<i>label", 1 AS "<u>n" """
    page = ask(watch(), sql)
    assert ranked(page)[4][0].startswith("<img src=x onerror=alert(1)> ")
    expect(page.locator("figcaption")).to_contain_text("<u>n by <b>country: 4 of 5 countries")
    assert page.locator("main img, main b, main u, main i").count() == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_places(watch, folder, shape):
    page = ask(watch(shape), "SELECT * FROM raw_geo")
    printed = run("query", "SELECT count(*) AS n FROM raw_geo", "--data", folder, "--format", "csv")
    n = printed.stdout.splitlines()[1]
    expect(page.locator("figcaption")).to_contain_text(f"{n} of {n} rows have a latitude")
    expect(page.locator(".sheet .places .rim")).to_be_attached()
    path = page.locator(".sheet .places .rim").get_attribute("d")
    assert path.count("M") == int(n)
    check_looks(page, shape)


def test_places_that_cannot_be(watch):
    sql = "SELECT unnest([91, NULL, 48.2, 48.3]) AS lat, unnest([0, 0, 181, 16.4]) AS lon"
    page = ask(watch(), sql)
    expect(page.locator("figcaption")).to_contain_text("1 of 4 rows")
    expect(page.locator(".sheet .places .rim")).to_be_attached()
    at = page.locator(".sheet .places .rim").get_attribute("d")
    x, y = map(float, re.fullmatch(r"M([\d.]+),([\d.]+)h0", at).groups())
    assert abs(x - 360) < 60 and abs(y - 176) < 30  # the sheet is around the place


def test_the_shapes_come_with_the_first_map(watch):
    watched = watch()
    fetched = []
    watched.page.on("request", lambda request: fetched.append(request.url))
    page = ask(watched, "SELECT 1 AS n")
    assert not [url for url in fetched if "/world-" in url]
    ask(watched, NAMED)
    expect(page.locator(".sheet .land").first).to_be_attached()
    assert len([url for url in fetched if "/world-" in url]) == 1
