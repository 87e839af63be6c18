"""Who reads a topic: the consumer groups on /api/v1 and on the topic's page, and their lag."""

import json

import pytest
import requests
from playwright.sync_api import expect

from pinion import Server, run
from ui import SHAPES, browser, check_looks, watch  # noqa: F401: fixtures

MADE = {"Content-Type": "application/json"}
V2 = {"Content-Type": "application/vnd.kafka.v2+json"}
GROUP = "ware/house <b>"
WIDE = ("committed", "end", "position")  # numbers, which the API gives as text


def groups(server, topic="t"):
    status, answer, _ = server.request("GET", f"/api/v1/topics/{topic}/groups")
    assert status == 200, answer
    return json.loads(answer)


class Consumer:
    def __init__(self, server, group):
        config = {"format": "json", "auto.offset.reset": "earliest", "auto.commit.enable": "false"}
        path = f"{server.url}/consumers/{requests.utils.quote(group, safe='')}"
        self.uri = requests.post(path, headers=V2, json=config, timeout=30).json()["base_uri"]

    def post(self, path, body):
        answer = requests.post(f"{self.uri}/{path}", headers=V2, json=body, timeout=30)
        assert answer.status_code in (200, 204), answer.text

    def commit(self, partition, offset):
        """After the record at this offset."""
        one = {"topic": "t", "partition": partition, "offset": offset}
        self.post("offsets", {"offsets": [one]})


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Two partitions of five records; a group with a consumer, and one that only committed."""
    with Server(tmp_path_factory.mktemp("consumers") / "data") as running:
        for topic in ("t", "alone"):
            made = running.request("POST", f"/api/v1/topics/{topic}", {"partitions": 2}, MADE)
            assert made[0] == 200
        records = [{"value": n, "partition": n % 2} for n in range(10)]
        sent = running.request("POST", "/api/v1/topics/t/records", {"records": records}, MADE)
        assert sent[0] == 200
        assert groups(running) == {"groups": []}
        gone = Consumer(running, GROUP)
        gone.commit(1, 3)
        assert requests.delete(gone.uri, headers=V2, timeout=30).status_code == 204
        here = Consumer(running, "here")
        here.post("subscription", {"topics": ["t"]})
        here.commit(0, 1)
        yield running


def test_groups_of_a_topic(server):
    first, second, third = groups(server)["groups"]
    consumer = first.pop("instance")
    assert first == {"group": "here", "partition": 0, "committed": "2", "end": "5", "lag": 3,
                     "lost": 0, "position": "0"}  # fmt: skip
    assert (second["committed"], second["lag"], second["instance"]) == (None, 5, consumer)
    assert third == {"group": GROUP, "partition": 1, "committed": "4", "end": "5", "lag": 1,
                     "lost": 0, "instance": None, "position": None}  # fmt: skip
    assert groups(server, "alone")["groups"] == []
    assert server.request("GET", "/api/v1/topics/none/groups")[0] == 404


def told(data, *args):
    """What `pinion topic groups` says."""
    return json.loads(run("topic", "groups", *args, "--format", "json", data=data).stdout)


def test_the_command_says_the_same(server):
    found = told(server.data, "t")
    ours = groups(server)["groups"]
    assert [{**row, "topic": "t"} for row in ours] == [
        {key: str(row[key]) if key in WIDE and row[key] is not None else row[key] for key in row}
        for row in found
    ]
    assert told(server.data) == found  # all topics
    assert told(server.data, "--group", GROUP) == found[2:]
    assert told(server.data, "t", "--limit", "1", "--offset", "1") == found[1:2]
    assert told(server.data, "alone") == []
    page = run("topic", "groups", "--limit", "2", data=server.data)
    assert "2 of 3 rows" in page.stderr and "--offset 2" in page.stderr
    none = run("topic", "groups", "alone", data=server.data)
    assert none.stderr == "no consumer group has read alone\n"
    missing = run("topic", "groups", "none", data=server.data, check=False)
    assert missing.returncode != 0 and "pinion topic list" in missing.stderr


def test_the_command_without_a_server(tmp_path):
    """Of the folder: what the groups committed. Nobody has a partition."""
    with Server(tmp_path / "data") as running:
        assert running.request("POST", "/api/v1/topics/t", {"partitions": 1}, MADE)[0] == 200
        records = {"records": [{"value": n} for n in range(4)]}
        assert running.request("POST", "/api/v1/topics/t/records", records, MADE)[0] == 200
        Consumer(running, "g").commit(0, 0)
    assert told(tmp_path / "data", "t") == [
        {"topic": "t", "group": "g", "partition": 0, "committed": 1, "end": 4, "lag": 3,
         "lost": 0, "instance": None, "position": None}
    ]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_the_page_of_consumers(watch, shape):  # noqa: F811
    page = watch(shape).go("topics/t/consumers", GROUP)
    listed = page.get_by_role("region", name="Consumer groups")
    expect(listed.locator("tbody tr")).to_have_count(2)
    expect(page.locator("h2")).to_have_text("here")
    parts = page.get_by_role("region", name="Partitions as")
    expect(parts.locator("tbody tr")).to_have_count(2)
    check_looks(page, shape)
    listed.get_by_role("link", name=GROUP).click()
    expect(page.locator("h2")).to_have_text(GROUP)
    expect(parts.locator("tbody tr")).to_have_count(1)
    expect(parts).to_contain_text("none now")


def test_a_topic_that_no_group_reads(watch):  # noqa: F811
    page = watch().go("topics/alone/consumers", "No consumer group reads this topic")
    check_looks(page, "light")


def test_the_page_follows_the_groups(tmp_path, browser):  # noqa: F811
    """Commits and consumers that come and go are seen without any new record."""
    with Server(tmp_path / "data") as moving:
        assert moving.request("POST", "/api/v1/topics/t", {"partitions": 1}, MADE)[0] == 200
        records = {"records": [{"value": n} for n in range(4)]}
        assert moving.request("POST", "/api/v1/topics/t/records", records, MADE)[0] == 200
        page = browser.new_page()
        page.goto(f"{moving.url}/ui/topics/t/consumers")
        expect(page.locator("main")).to_contain_text("No consumer group reads this topic")
        consumer = Consumer(moving, "g")
        consumer.commit(0, 0)
        parts = page.get_by_role("region", name="Partitions as")
        row = parts.locator("tbody tr")
        expect(row.locator("td").nth(3)).to_have_text("3")  # still to read
        consumer.commit(0, 2)
        expect(row.locator("td").nth(3)).to_have_text("1")
        expect(row).to_contain_text("none now")
        consumer.post("subscription", {"topics": ["t"]})
        expect(row).not_to_contain_text("none now")
        assert requests.delete(consumer.uri, headers=V2, timeout=30).status_code == 204
        expect(row).to_contain_text("none now")
        page.close()
