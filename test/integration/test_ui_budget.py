"""What the pages may weigh: bytes as sent, files, elements. No times: bench/ has them."""

import gzip
import re
import subprocess

import pytest
import requests
import yaml
from playwright.sync_api import expect

from pinion import ROOT, Server
from ui import browser, watch  # noqa: F401

TASKS = 1_000
ALL_MAX = 350_000  # bytes, compressed; the whole of what the program embeds
FIRST_MAX = 60_000
CHUNKS_MAX = {"editor": 145_000, "world": 52_000, "uPlot.esm": 25_000, "layout-core": 18_000}
FILES_MAX = 24  # of the first page; what several pages share is a file, so some are small
ELEMENTS_MAX = 12_000  # of the grid with 1,000 tasks


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of one DAG with many tasks."""
    own = tmp_path_factory.mktemp("budget") / "own"
    own.mkdir()
    tasks = {f"t{i:04}": {"run": "command", "command": "true"} for i in range(TASKS)}
    definition = {"name": "own", "dags": {"wide": {"tasks": tasks}}}
    (own / "pipeline.yml").write_text(yaml.safe_dump(definition, sort_keys=False))
    with Server(own.parent / "data", "--pipeline", own) as running:
        yield running


def sent(server, name):
    """The size of a file as it is sent, and its text."""
    reply = requests.get(f"{server.url}/ui/{name}", stream=True, timeout=30)
    assert reply.ok, name
    raw = reply.raw.read()
    packed = reply.headers.get("Content-Encoding") == "gzip"
    return len(raw), (gzip.decompress(raw) if packed else raw).decode()


@pytest.fixture(scope="module")
def sizes(server):
    """All scripts and styles that the pages can come to, by name."""
    index = requests.get(f"{server.url}/ui/", timeout=30).text
    found, left = {}, re.findall(r"/ui/([\w.-]+\.(?:js|css))", index)
    while left:
        name = left.pop()
        if name not in found:
            found[name], text = sent(server, name)
            left += re.findall(r"[\"']\./([\w.-]+\.js)[\"']", text)
    return found


def test_all_files(sizes):
    assert len(sizes) > 20
    assert 150_000 < sum(sizes.values()) < ALL_MAX


def test_the_same_sources_give_the_same_bytes(sizes, tmp_path):
    """Bundled twice, in folders of different names; and the program has the same files."""
    made = []
    for name in ("one", "another-longer"):
        out = tmp_path / name
        subprocess.run([ROOT / "scripts/bundle-ui", out], check=True, timeout=300)
        files = {file.name: file.read_bytes() for file in (out / "files").iterdir()}
        made.append((files, (out / "assets.c").read_bytes()))
    assert made[0] == made[1]
    assert set(sizes) <= set(made[0][0])


@pytest.mark.parametrize("chunk", CHUNKS_MAX)
def test_a_library(sizes, chunk):
    """Each is in a file of its own, which the pages that need it fetch."""
    (size,) = [size for name, size in sizes.items() if name.startswith(f"{chunk}-")]
    assert size < CHUNKS_MAX[chunk]


def test_a_client_without_gzip(server, sizes):
    """It gets the same files, as they were before."""
    for name in sizes:
        reply = requests.get(
            f"{server.url}/ui/{name}", headers={"Accept-Encoding": "identity"}, timeout=30
        )
        assert "Content-Encoding" not in reply.headers
        assert reply.headers["Vary"] == "Accept-Encoding"
        assert reply.text == sent(server, name)[1]


def test_the_first_page(watch, sizes):  # noqa: F811
    one = watch()
    urls = []
    one.page.on("request", lambda request: urls.append(request.url))
    one.go("", "Health")
    expect(one.page.locator(".skeleton")).to_have_count(0)
    names = [url.rpartition("/")[2] for url in urls]
    first = [sizes[name] for name in names if name in sizes]
    assert 3 <= len(first) <= FILES_MAX, urls
    assert sum(first) < FIRST_MAX
    assert not [name for name in names if name.startswith(tuple(f"{c}-" for c in CHUNKS_MAX))]


def test_elements_of_a_grid(watch, server):  # noqa: F811
    made = requests.post(f"{server.url}/api/v1/runs/wide", json={"run": "one"}, timeout=30)
    assert made.ok, made.text
    assert requests.post(f"{server.url}/api/v1/runs/wide/one/cancel", json={}, timeout=30).ok
    page = watch().go("dags/wide", "t0000")
    elements = page.evaluate("document.querySelectorAll('*').length")
    assert 100 < elements < ELEMENTS_MAX, elements
    grid = requests.get(f"{server.url}/api/v1/dags/wide/grid", timeout=30)
    assert len(gzip.compress(grid.content)) < 100_000
