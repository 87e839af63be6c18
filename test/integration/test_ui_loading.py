"""Pages whose answers are slow to come: what stands there until then is as good as the rest."""

import pytest
from playwright.sync_api import expect

from pinion import Server
from ui import SHAPES, browser, check_looks, watch  # noqa: F401

PAGES = {
    "overview": "", "dags": "dags", "dag": "dags/batch_processing_dag", "runs": "runs",
    "tables": "tables", "table": "tables/pin", "audit": "status/audit", "query": "query",
    "topics": "topics", "topic": "topics/clicks", "streams": "streams",
    "dead letters": "dead-letters", "jobs": "jobs", "status": "status",
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("loading")) as running:
        running.produce("clicks", 0)
        yield running


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_waits(watch, name, shape):  # noqa: F811
    watched = watch(shape)
    held = []
    watched.page.route("**/api/v1/**", lambda route: held.append(route))
    page = watched.go(PAGES[name])
    expect(page.locator("h1")).to_be_visible()
    page.wait_for_function("document.fonts.ready.then(() => true)")
    if name != "query":
        expect(page.locator(".skeleton").first).to_be_visible()
    check_looks(page, shape)
    assert held
    page.unroute("**/api/v1/**")
    for route in held:
        route.continue_()
    expect(page.locator(".skeleton")).to_have_count(0)
