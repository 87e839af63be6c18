"""What the tests of the web UI share: a browser, and pages that note all that goes wrong."""

import pytest
from playwright.sync_api import expect, sync_playwright

from pinion import ROOT

AXE = ROOT / "third_party/ui/node_modules/axe-core/axe.min.js"
CHROMIUM = "/usr/bin/chromium"
expect.set_options(timeout=30_000)  # ms; a busy machine is slow, which is not what is tested

# The colours and the width of a page.
SHAPES = {"light": ("light", 1200), "dark": ("dark", 1200), "phone": ("light", 360)}


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


class Watch:
    """A page of the browser, with all that goes wrong on it."""

    def __init__(self, context, url):
        self.url = url
        self.wrong = []
        self.page = context.new_page()
        self.page.on("console", self.console)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.route("**/*", self.request)

    def console(self, message):
        if message.type in ("error", "warning"):
            self.wrong.append(f"console: {message.text}")

    def request(self, route):
        if route.request.url.startswith(self.url):
            route.continue_()
        else:
            self.wrong.append(f"a request elsewhere: {route.request.url}")
            route.abort()

    def go(self, path, text=None):
        self.page.goto(f"{self.url}/ui/{path}")
        if text is not None:
            expect(self.page.locator("main")).to_contain_text(text)
        return self.page


@pytest.fixture
def watch(browser, server):
    """Makes watched pages; nothing may have gone wrong on one of them in the end."""
    contexts, watched = [], []

    def make(shape="light", **options):
        scheme, width = SHAPES[shape]
        viewport = {"width": width, "height": 800}
        contexts.append(browser.new_context(color_scheme=scheme, viewport=viewport, **options))
        watched.append(Watch(contexts[-1], server.url))
        return watched[-1]

    yield make
    for context in contexts:
        context.close()
    for one in watched:
        assert one.wrong == [], one.wrong


def violations(page):
    """What axe finds, by WCAG 2.2 AA."""
    page.evaluate(f"() => {{ {AXE.read_text()}; window.axe = axe; }}")
    tags = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
    found = page.evaluate(
        "(tags) => axe.run(document, { runOnly: { type: 'tag', values: tags } })", tags
    )
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


# A bar of a run is as wide as its list allows: the grid has the same runs.
SMALL_TARGETS = """() => {
    const inSentence = (target) => {
        const block = target.closest('p, li, h2, figcaption, label, .notice');
        return target.closest('td, th') === null && block !== null &&
            [...block.childNodes].some((node) => node !== target && node.textContent.trim() !== '');
    };
    const found = [];
    for (const target of document.querySelectorAll(
        'a[href]:not(.run-bar), button, input, select, summary')) {
        const box = target.getBoundingClientRect();
        const isShown = target.checkVisibility({ visibilityProperty: true, opacityProperty: true });
        const label = target.closest('label')?.getBoundingClientRect() ?? box;
        const [wide, high] = [Math.max(box.width, label.width), Math.max(box.height, label.height)];
        if (isShown && box.width > 1 && (wide < 23.5 || high < 23.5) && !inSentence(target)) {
            const words = (target.textContent || target.ariaLabel || target.id).trim();
            found.push(`${target.localName}.${target.getAttribute('class') ?? ''} "${words}" ` +
                `${wide.toFixed(1)} x ${high.toFixed(1)}`);
        }
    }
    return found;
}"""


def small_targets(page):
    """What is clicked and smaller than 24 by 24 px, but for links in a sentence (WCAG 2.5.8)."""
    return page.evaluate(SMALL_TARGETS)


def check_looks(page, shape):
    """A page as it stands: axe finds nothing, it does not scroll sideways, it has one title."""
    assert violations(page) == []
    found = small_targets(page)
    assert found == [], found
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= SHAPES[shape][1], "the page scrolls sideways"
    assert page.locator("h1").count() == 1
