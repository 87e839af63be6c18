#!/usr/bin/env python3
"""What bench/ui.py measures in a real browser. It runs under the Python of the tests, which has
playwright, and prints one JSON object.

usage: bench/browser.py WHAT URL ROUNDS
"""

import json
import statistics
import sys
import time

from playwright.sync_api import expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
PAGES = ["", "dags", "runs", "tables", "query", "topics", "streams", "dead-letters", "jobs"]
expect.set_options(timeout=60_000)

# The first contentful paint, and the longest task since the page began.
LONG = """
    window.longest = 0;
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
            window.longest = Math.max(window.longest, entry.duration);
        }
    }).observe({ type: "longtask", buffered: true });
"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def paint(page, url, rounds):
    """The first contentful paint of the overview, in ms, with the files in the browser's cache."""
    times = []
    for _ in range(rounds + 1):
        page.goto(f"{url}/ui/")
        expect(page.locator("a.node").first).to_be_visible()
        page.wait_for_function(f"() => ({PAINT}) !== null")
        times.append(page.evaluate(PAINT))
    return {"ms": times[1:]}


def tasks(page, url, rounds):
    """The longest task of each page, in ms."""
    page.add_init_script(LONG)
    longest = {}
    for path in PAGES:
        for _ in range(rounds):
            page.goto(f"{url}/ui/{path}")
            expect(page.locator("h1")).to_be_visible()
            page.wait_for_timeout(1000)  # its data, and the editor of the query page
            longest.setdefault(path or "overview", []).append(page.evaluate("window.longest"))
    return {"ms": {path: statistics.median(times) for path, times in longest.items()}}


def grid(page, url, rounds):
    """From the link's click to the cells of a grid of 1,000 tasks, in ms."""
    times = []
    for _ in range(rounds):
        page.goto(f"{url}/ui/dags")
        expect(page.get_by_role("link", name="wide", exact=True)).to_be_visible()
        times.append(
            page.evaluate("""async () => {
                const began = performance.now();
                const links = [...document.querySelectorAll("main a")];
                links.find((a) => a.textContent === "wide").click();
                while (document.querySelector("td.cell") === null) {
                    await new Promise(requestAnimationFrame);
                }
                await new Promise(requestAnimationFrame);
                return performance.now() - began;
            }""")
        )
    return {"ms": times}


def rows(page, url, rounds):
    """A query of 10,000 rows: from the reply that it is done to its first rows, and from a jump to
    the end to the last row, in ms; the most elements of rows at once."""
    first, end, most = [], [], 0
    for at in range(rounds):
        sql = f"SELECT i, i * 2 AS b, 'text ' || i AS c, {at} AS d FROM range(10000) t(i)"
        page.goto(f"{url}/ui/query?sql=" + sql.replace("%", "%25").replace("+", "%2B"))
        expect(page.locator("div.editor")).to_be_visible()
        found = page.evaluate("""async () => {
            let done = 0;
            const ask = window.fetch;
            window.fetch = async (...all) => {
                const reply = await ask(...all);
                if (/queries\\/[^/]+$/.test(reply.url)) {
                    const { state } = await reply.clone().json();
                    done = state === "done" && done === 0 ? performance.now() : done;
                }
                return reply;
            };
            const wait = async (what) => {
                while (!what()) await new Promise(requestAnimationFrame);
            };
            const cell = (row) =>
                document.querySelector(`tr[aria-rowindex="${row}"] td`)?.textContent;
            const buttons = [...document.querySelectorAll("button.main")];
            buttons.find((button) => button.textContent === "Run").click();
            await wait(() => cell(2) === "0");
            const first = performance.now() - done;
            const grid = document.querySelector(".scroll.grid");
            const began = performance.now();
            grid.scrollTop = grid.scrollHeight;
            await wait(() => cell(10001) === "9999");
            return [first, performance.now() - began, grid.querySelectorAll("tbody tr").length];
        }""")
        first.append(found[0])
        end.append(found[1])
        most = max(most, found[2])
    return {"first_ms": first, "end_ms": end, "elements": most}


def log(page, url, rounds):
    """From the page's begin to the last line of a long log, in ms."""
    times = []
    for _ in range(rounds):
        page.goto(f"{url}/ui/dags/talk/runs/long")
        expect(page.get_by_role("link", name="say", exact=True).first).to_be_visible()
        times.append(
            page.evaluate("""async () => {
                const began = performance.now();
                const links = [...document.querySelectorAll("main a")];
                links.find((a) => a.textContent === "say").click();
                const last = () => document.querySelector(".log .line:last-child")?.textContent;
                while (!last()?.includes("the last line")) {
                    await new Promise(requestAnimationFrame);
                }
                return performance.now() - began;
            }""")
        )
    return {"ms": times}


def trigger(page, url, rounds):
    """From the click on Trigger to "running" on the run's page, and from the end of a run, by the
    server's clock, to its "success" on the page, in ms."""
    running, ended = [], []
    for _ in range(rounds):
        page.goto(f"{url}/ui/dags/slow")
        expect(page.locator(".side .link")).to_have_text("Live")
        page.get_by_role("button", name="Trigger").first.click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        found = page.evaluate("""async () => {
            const state = () => document.querySelector(".headline")?.textContent ?? "";
            const wait = async (what) => {
                while (!what()) await new Promise(requestAnimationFrame);
            };
            const began = performance.now();
            document.querySelector("dialog button.main").click();
            await wait(() => state().includes("running"));
            const running = performance.now() - began;
            await wait(() => state().includes("success"));
            const seen = Date.now();
            const run = decodeURIComponent(location.pathname.split("/").pop());
            const reply = await fetch(`/api/v1/runs/slow/${encodeURIComponent(run)}`);
            return [running, seen - (await reply.json()).ended_ms];
        }""")
        running.append(found[0])
        ended.append(found[1])
    return {"running_ms": running, "ended_ms": ended}


def stay(page, url, seconds):
    """A visible tab that nobody touches: says when it is live, then counts its requests."""
    page.goto(f"{url}/ui/topics")
    expect(page.locator(".side .link")).to_have_text("Live")
    page.wait_for_timeout(1500)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    print("live", flush=True)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        page.wait_for_timeout(200)
    return {"requests": len(asked)}


WHAT = {f.__name__: f for f in [paint, tasks, grid, rows, log, trigger, stay]}


def main():
    what, url, rounds = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        found = WHAT[what](page, url, int(rounds))
        browser.close()
    print(json.dumps(found))


main()
