"""Rates over time: what the server remembers of topics and streams, and the page that draws it."""

import json
import time

import pytest
from playwright.sync_api import expect

from contract import UID
from pinion import Server
from streams import kinesis
from ui import SHAPES, browser, check_looks, watch  # noqa: F401: fixtures

TOPIC = f"{UID}.pin"
STREAM = "flow"
RECORDS = 500
SECONDS_MAX = 60


def points(server, path, span="30m"):
    status, answer, _ = server.request("GET", f"/api/v1/{path}/rates?span={span}")
    assert status == 200, answer
    return json.loads(answer)["points"]


def total(found, member):
    """What the points add up to."""
    return sum(
        (one[member] or 0) * (one["until_ms"] - one["from_ms"]) / 1000 for one in found
    )  # fmt: skip


def until(condition):
    deadline = time.monotonic() + SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A topic and a stream that the server has counted before their records came."""
    with Server(tmp_path_factory.mktemp("rates") / "data") as running:
        kinesis(running.url).create_stream(StreamName=STREAM, ShardCount=1)
        until(lambda: points(running, f"topics/{TOPIC}") and points(running, f"streams/{STREAM}"))
        running.produce(TOPIC, *({"index": n} for n in range(RECORDS)))
        rows = [{"Data": b"x" * 100, "PartitionKey": "k"}] * RECORDS
        kinesis(running.url).put_records(StreamName=STREAM, Records=rows)
        flushed = running.request("POST", "/api/v1/sink/flush", {},
                                  {"Content-Type": "application/json"})  # fmt: skip
        assert flushed[0] == 200
        until(lambda: total(points(running, f"streams/{STREAM}"), "in_records") > RECORDS / 2)
        yield running


def test_what_went_in_and_landed(server):
    for span in ("30m", "24h"):
        found = points(server, f"topics/{TOPIC}", span)
        assert total(found, "in_records") == pytest.approx(RECORDS, rel=0.01)
        assert total(found, "out_records") == pytest.approx(RECORDS, rel=0.01)
        assert total(found, "in_bytes") > RECORDS * len('{"index":1}')
        assert total(found, "out_bytes") >= RECORDS * len('{"index":1}')
        assert all(one["from_ms"] < one["until_ms"] for one in found)
        assert all(a["until_ms"] == b["from_ms"] for a, b in zip(found, found[1:]))
    found = points(server, f"streams/{STREAM}")
    assert total(found, "in_records") == pytest.approx(RECORDS, rel=0.01)
    assert {one["out_records"] for one in found} == {None}  # no table reads it


def test_what_has_no_rates(server):
    for path in ("topics/none", "streams/none", f"topics/__kinesis.{STREAM}"):
        status, answer, _ = server.request("GET", f"/api/v1/{path}/rates")
        assert status == 404
        assert "there is no" in json.loads(answer)["error"]["message"]
    assert server.request("GET", f"/api/v1/topics/{TOPIC}/rates?span=1y")[0] == 400


@pytest.mark.parametrize("shape", SHAPES)
def test_the_page_of_rates(watch, shape):  # noqa: F811
    page = watch(shape).go(f"topics/{TOPIC}/rates", "Records a second")
    expect(page.locator(".plot canvas")).to_have_count(2)
    expect(page.locator("figcaption").first).to_contain_text("landed")
    check_looks(page, shape)
    page.get_by_role("button", name="As a table").click()
    rows = page.get_by_role("region", name="Rates").locator("tbody tr")
    expect(rows.first).to_be_visible()
    check_looks(page, shape)
    page.get_by_role("button", name="Last 24 hours").click()
    expect(page).to_have_url(f"{page.url.split('?')[0]}?as=table&span=24h")
    expect(page.get_by_role("columnheader", name="Bytes landed")).to_be_visible()


def test_rates_of_a_stream(watch):  # noqa: F811
    page = watch().go(f"streams/{STREAM}/rates", "Records a second")
    expect(page.locator(".plot canvas")).to_have_count(2)
    expect(page.locator("main")).not_to_contain_text("read by tables")
