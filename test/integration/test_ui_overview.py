"""The overview's drawing, in a real browser."""

import pytest
from playwright.sync_api import expect

from pinion import Server
from ui import browser, check_looks, watch  # noqa: F401

# The lines that run behind a box: points on a line, a pixel apart, that are inside of it.
CROSSINGS = """
() => {
  const map = document.querySelector(".map svg");
  const boxes = [...map.querySelectorAll(".node")].map((node) => {
    const box = node.querySelector("rect").getBBox();
    return { name: node.querySelector("title").textContent, box };
  });
  const inside = ({ x, y, width, height }, at) =>
    at.x > x + 1 && at.x < x + width - 1 && at.y > y + 1 && at.y < y + height - 1;
  const found = new Set();
  for (const line of map.querySelectorAll(".edge")) {
    for (let way = 0; way < line.getTotalLength(); way += 1) {
      const at = line.getPointAtLength(way);
      for (const { name, box } of boxes.filter(({ box }) => inside(box, at))) {
        found.add(`${line.getAttribute("class")} behind ${name}`);
      }
    }
  }
  return [...found];
}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("overview") / "data") as running:
        yield running


def test_no_line_runs_behind_a_box(watch):
    page = watch().go("?view=drawing", "Last runs")
    expect(page.locator(".map .node").first).to_be_visible()
    expect(page.locator(".map .edge.dashed")).not_to_have_count(0)
    assert page.evaluate(CROSSINGS) == []
    check_looks(page, "light")
