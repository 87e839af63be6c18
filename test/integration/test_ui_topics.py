"""The records of a topic as its page shows them: of all partitions by time, large ones, headers."""

import pytest
import requests
from playwright.sync_api import expect

from pinion import Server
from streams import kinesis
from ui import SHAPES, browser, check_looks, watch  # noqa: F401: fixtures

MADE = {"Content-Type": "application/json"}
PARTITIONS = 3
RECORDS = 120
HOSTILE = "<img src=x onerror=alert(1)>"
LARGE = 200_000  # characters of a value


def api(server, path, body):
    status, answer, _ = server.request("POST", f"/api/v1/topics/{path}", body, MADE)
    assert status == 200, answer


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A topic whose records went to its partitions in turn, and one of odd records."""
    with Server(tmp_path_factory.mktemp("topics")) as running:
        api(running, "many", {"partitions": PARTITIONS, "retention_ms": 7 * 86_400_000})
        api(running, "odd", {})
        for number in range(RECORDS):
            record = {"value": {"n": number}, "partition": number % PARTITIONS}
            api(running, "many/records", {"records": [record]})
        headers = [{"name": "kind", "value": HOSTILE}]
        odd = [{"value": "y" * LARGE}, {"value": '{"big":9007199254740993}', "headers": headers}]
        api(running, "odd/records", {"records": odd})
        yield running


def read_all(client, stream):
    """Key, sequence number and data of each record, as an AWS client reads them."""
    read = []
    for shard in client.list_shards(StreamName=stream)["Shards"]:
        iterator = client.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        for record in client.get_records(ShardIterator=iterator)["Records"]:
            read.append((record["PartitionKey"], record["SequenceNumber"], record["Data"]))
    return read


def numbers(page):
    return page.get_by_role("region", name="Records").locator("summary code")


def by_time(server):
    """The values of all partitions: the newest first, of a time the lower partition first."""
    rows = []
    for partition in range(PARTITIONS):
        path = f"{server.url}/api/v1/topics/many/records?partition={partition}"
        rows += requests.get(path, timeout=30).json()["records"]
    rows.sort(key=lambda row: (-row["time_ms"], row["partition"], -int(row["offset"])))
    return [row["value"] for row in rows]


def test_all_partitions_by_time(watch, server):  # noqa: F811
    values = by_time(server)
    assert len(values) == RECORDS
    page = watch().go("topics/many", "50 records by time")
    expect(numbers(page)).to_have_text(values[:50])
    page.get_by_role("button", name="Older").click()
    expect(numbers(page)).to_have_text(values[50:100])
    page.get_by_role("button", name="Older").click()
    expect(numbers(page)).to_have_text(values[100:])
    expect(page.get_by_role("button", name="Older")).to_be_disabled()
    page.get_by_role("button", name="Newer").click()
    expect(numbers(page)).to_have_text(values[50:100])
    page.get_by_role("button", name="Newest").click()
    expect(numbers(page)).to_have_text(values[:50])
    page.get_by_label("Partition").select_option("1")
    expect(page.locator("main")).to_contain_text("offsets 0 to 39 of 0 to 39")


def test_a_value_is_shown_when_it_is_opened(watch):  # noqa: F811
    page = watch().go("topics/odd", "1 header")
    expect(page.locator("td pre")).to_have_count(0)
    newest, large = page.locator("td details").all()
    newest.locator("summary").click()
    expect(newest).to_contain_text(HOSTILE)
    expect(newest.locator("pre")).to_contain_text('"big": 9007199254740993')
    newest.get_by_role("button", name="Hexadecimal").click()
    expect(newest.locator("pre")).to_contain_text("00000000  7b 22 62 69 67")
    large.locator("summary").click()
    expect(large.locator("pre")).to_have_text("y" * 4096)
    large.get_by_role("button", name="Show all").click()
    expect(large.locator("pre")).to_have_text("y" * LARGE)
    check_looks(page, "light")


def test_what_a_topic_holds(watch):  # noqa: F811
    page = watch().go("topics/many/partitions", "Oldest")
    facts = page.locator(".facts")
    expect(facts.locator("time")).to_have_count(2)
    expect(facts).to_contain_text("for 7 d")
    page = watch().go("topics", "many")
    expect(page.get_by_role("columnheader", name="Rate")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="many")
    expect(row.get_by_role("cell", name="7 d", exact=True)).to_be_visible()
    expect(row.locator("time")).to_have_count(2)  # of its oldest and newest records


def test_a_topic_is_created(watch, server):  # noqa: F811
    page = watch().go("topics", "many")
    page.get_by_role("button", name="Create a topic").click()
    dialog = page.get_by_role("dialog", name="Create a topic")
    dialog.get_by_label("Name").fill("no spaces")
    expect(dialog.get_by_role("button", name="Create")).to_be_disabled()
    dialog.get_by_label("Name").fill("made.here")
    dialog.get_by_label("Partitions").fill("2")
    dialog.get_by_label("Records are kept for").fill("3")
    check_looks(page, "light")
    dialog.get_by_role("button", name="Create").click()
    expect(page.locator("h1")).to_have_text("made.here")
    made = requests.get(f"{server.url}/api/v1/topics/made.here", timeout=30).json()["partitions"]
    assert [row["retention_ms"] for row in made] == [3 * 86_400_000] * 2


def test_a_partition_that_takes_no_more_records(watch):  # noqa: F811
    """No disk fails in this test: the answer of /health is replaced by what it would say then."""
    reason = "the disk refused a sync <img src=x onerror=alert(1)>"
    watched = watch()

    def fail(route):
        failed = {"topic": "many", "partition": 2, "reason": reason}
        health = {"status": "degraded", "version": "0", "failed_partitions": [failed]}
        route.fulfill(json=health)

    watched.page.route("**/health", fail)
    page = watched.go("topics/many", "50 records by time")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Partition 2 takes no more records")
    expect(alert).to_contain_text(reason)
    check_looks(page, "light")
    page = watched.go("topics/odd", "1 header")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_jump_to_a_time_over_all_partitions(watch, server):  # noqa: F811
    """A time as the page prints it: the newest record of that second comes first."""
    values = by_time(server)
    page = watch().go("topics/many", "50 records by time")
    page.get_by_role("button", name="Older").click()
    expect(numbers(page)).to_have_text(values[50:100])
    rows = page.get_by_role("region", name="Records").locator("tbody tr")
    shown = rows.nth(20).locator("time").inner_text()
    page.get_by_label("Go to").fill(shown)
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page.get_by_role("button", name="Newest")).to_be_enabled()
    expect(rows.first.locator("time")).to_have_text(shown)
    page.get_by_label("Go to").fill("2020-01-01 00:00")
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page.locator("main")).to_contain_text("No record is as old as that.")
    page.get_by_role("button", name="Newer").click()
    expect(numbers(page)).to_have_text(values[-50:])


@pytest.mark.parametrize("shape", SHAPES)
def test_the_records_of_a_stream(watch, server, shape):  # noqa: F811
    client = kinesis(server.url)
    name = f"paged.{shape}"
    client.create_stream(StreamName=name, ShardCount=2)
    for at in range(2):
        rows = [{"Data": f"r{at}.{n}".encode(), "PartitionKey": f"{n}"} for n in range(40)]
        assert client.put_records(StreamName=name, Records=rows)["FailedRecordCount"] == 0
    page = watch(shape).go(f"streams/{name}", "50 records by time")
    check_looks(page, shape)
    page.get_by_role("button", name="Older").click()
    expect(page.locator("main")).to_contain_text("30 records by time")
    expect(page.get_by_role("button", name="Older")).to_be_disabled()
    row = page.get_by_role("region", name="Records").locator("tbody tr").nth(9)
    row.locator("summary").click()
    sequence = row.locator("dd code").inner_text()
    offset = row.locator("td").nth(1).inner_text()
    assert len(sequence) == 56
    page.get_by_label("Go to").fill(sequence)
    page.get_by_role("button", name="Go", exact=True).click()
    first = page.get_by_role("region", name="Records").locator("tbody tr").first
    expect(first.locator("td").nth(1)).to_have_text(offset)
    page.get_by_label("Shard", exact=True).select_option("1")
    expect(page.locator("main")).to_contain_text("of 0 to ")
    expect(page.get_by_role("columnheader", name="Shard")).to_have_count(0)


def test_a_stream_that_no_table_reads(watch, server):  # noqa: F811
    made = requests.post(f"{server.url}/streams/lonely", json={"ShardCount": 1}, timeout=30)
    assert made.ok, made.text
    page = watch().go("streams", "lonely")
    row = page.get_by_role("row").filter(has_text="lonely")
    expect(row).to_contain_text("no table")
    check_looks(page, "light")
    row.get_by_role("link", name="lonely").click()
    expect(page.locator("main")).to_contain_text("There are no records.")
    page.get_by_role("link", name="Search").click()
    expect(page.get_by_role("button", name="Search")).to_be_visible()
    page.get_by_role("link", name="Tail").click()
    expect(page.locator("main")).to_contain_text("Waiting for records")
    page.get_by_role("link", name="Shards").click()
    expect(page.locator("main")).to_contain_text("No table of the pipeline reads this stream.")
    expect(page.get_by_role("region", name="Shards")).to_contain_text("open")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_test_record_of_a_stream(watch, server, shape):  # noqa: F811
    name = f"tried.{shape}"
    made = requests.post(f"{server.url}/streams/{name}", json={"ShardCount": 2}, timeout=30)
    assert made.ok, made.text
    page = watch(shape).go(f"streams/{name}", "There are no records.")
    page.get_by_text("Send a test record").click()
    send = page.get_by_role("button", name="Send", exact=True)
    value, key = page.get_by_label("Value, as JSON"), page.get_by_label("Partition key")
    value.fill('{"n": 9007199254740993,')
    expect(send).to_be_disabled()
    value.fill(f'{{"n": 9007199254740993, "text": "{HOSTILE}"}}')
    key.fill("k" * 257)
    expect(page.get_by_text("1 to 256 characters, not 257")).to_be_visible()
    expect(send).to_be_disabled()
    check_looks(page, shape)
    key.fill("Schlüssel")
    send.click()
    rows = page.get_by_role("region", name="Records").locator("tbody tr")
    expect(rows).to_have_count(1)
    expect(rows.locator("code").first).to_contain_text("9007199254740993")
    rows.locator("summary").click()
    sequence = rows.locator("dd code").inner_text()
    said = page.locator("form [role=status]").last
    expect(said).to_contain_text(f"with the sequence number {sequence}.")
    check_looks(page, shape)
    text = f'{{"n": 9007199254740993, "text": "{HOSTILE}"}}'
    assert read_all(kinesis(server.url), name) == [("Schlüssel", sequence, text.encode())]


def test_what_a_stream_holds(watch, server):  # noqa: F811
    client = kinesis(server.url)
    client.create_stream(StreamName="kept", ShardCount=2)
    client.increase_stream_retention_period(StreamName="kept", RetentionPeriodHours=72)
    page = watch().go("streams/kept/shards", "for 3 d")
    facts = page.locator(".facts").first
    expect(facts.locator("time")).to_have_count(0)
    for number in range(20):
        client.put_record(StreamName="kept", Data=b"x", PartitionKey=f"{number}")
    expect(facts.locator("time")).to_have_count(2)  # of its oldest and newest records
    expect(facts).to_contain_text("20")
    check_looks(page, "light")
