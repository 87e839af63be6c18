"""The rules of the pages that need no page: bundled by esbuild as the pages are, run in a browser.
Where the server has the same rule, it is asked the same questions."""

import platform
import random
import re
import subprocess

import pytest
import requests

from pinion import ROOT, Server
from ui import browser  # noqa: F401

PACKAGES = ROOT / "third_party/ui/node_modules"
MACHINES = {"x86_64": "linux-x64", "aarch64": "linux-arm64"}
MODULES = ("mistakes", "format", "schedule-words", "chart-rule", "log-text")
S, M, H, D = 1000, 60_000, 3_600_000, 86_400_000


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("logic") / "data") as running:
        for topic in ("logic", "logic.pages"):
            url = f"{running.url}/api/v1/topics/{topic}"
            assert requests.post(url, json={}, timeout=30).ok
        yield running


@pytest.fixture(scope="module")
def call(browser, server, tmp_path_factory):  # noqa: F811
    """Calls a function of a module with each of the lists of arguments."""
    folder = tmp_path_factory.mktemp("bundle")
    names = [(name, name.replace("-", "_")) for name in MODULES]
    entry = folder / "entry.ts"
    entry.write_text(
        "".join(f'import * as {word} from "{ROOT}/src/ui/{name}.ts";\n' for name, word in names)
        + f"Object.assign(globalThis, {{ logic: {{ {', '.join(word for _, word in names)} }} }});\n"
    )
    program = PACKAGES / "@esbuild" / MACHINES[platform.machine()] / "bin/esbuild"
    subprocess.run(
        [program, entry, "--bundle", "--format=iife", "--target=es2022", "--jsx=automatic",
         "--jsx-import-source=preact", f"--outfile={folder / 'logic.js'}", "--log-level=error"],
        check=True, env={"NODE_PATH": str(PACKAGES)},
    )  # fmt: skip
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{server.url}/api/v1/session")  # an origin, so that there is storage
    page.evaluate((folder / "logic.js").read_text())

    def ask(module, function, questions):
        return page.evaluate(
            "([module, name, all]) => all.map((one) => logic[module][name](...one) ?? null)",
            [module.replace("-", "_"), function, [list(one) for one in questions]],
        )

    yield ask
    context.close()


# --- what is wrong with a text --------------------------------------------------------------------

SEARCHES = [
    ("", None), ("art", None), ('"two words"', None), ("a.b.c=art", None), ("-draft", None),
    ("offset>=10 key=k", None), ("a!b", None), ("!", None), ("a=", None), ("- x", None),
    ('key="a b"', None), (r'"a \" b"', None), (" ".join("w" * 16), None), ("ä=1 ö", None),
    ('"open', "The quote at character 1 is not closed."),
    ('a "open', "The quote at character 3 is not closed."),
    ('key="open', "The quote at character 5 is not closed."),
    ('"key"=1', "A field's name is not in quotes."),
    ("=1", "A name is missing before or after a dot, or before = < or >."),
    ("a..b=1", "A name is missing before or after a dot, or before = < or >."),
    (".a<1", "A name is missing before or after a dot, or before = < or >."),
    (" ".join("w" * 17), "At most 16 terms."), ("ä" * 513, "At most 1024 bytes."),
    (".".join("a" * 17) + "=1", "A path has at most 16 names."),
]  # fmt: skip


def test_a_search_is_checked_as_the_server_does(call, server):
    told = call("mistakes", "searchMistake", [[text] for text, _ in SEARCHES])
    assert told == [words for _, words in SEARCHES]
    for text, words in SEARCHES:
        answer = requests.get(
            f"{server.url}/api/v1/topics/logic/search", params={"q": text}, timeout=30
        )
        if text != "":  # the server needs one; the page then asks for nothing
            assert answer.status_code == (200 if words is None else 400), (text, answer.text)
        if words is not None and "character" not in words:
            assert words[1:].rstrip(".") in answer.json()["error"]["message"], answer.text


PLACES = [
    ("newest", True), ("oldest", True), ("12", True), ("2026-11-29", True), ("20261129", True),
    ("2026-11-29T12:00", True), ("2026-11-29 12:00:01.5Z", True), ("20261129T120001,5+0100", True),
    ("2026-11-29T12:00+01:00[Europe/Paris]", True), ("someday", False), ("2026-11", False),
    ("2026-11-29T12", False), ("-1", False), ("12.5", False), ("noon", False),
]  # fmt: skip


def test_a_place_is_checked_as_the_server_does(call, server):
    told = call("mistakes", "placeMistake", [[text] for text, _ in PLACES])
    assert [words is None for words in told] == [good for _, good in PLACES]
    for text, good in PLACES:
        answer = requests.get(
            f"{server.url}/api/v1/topics/logic.pages/pages",
            params={"from": text, "partition": 0}, timeout=30,
        )  # fmt: skip
        assert answer.status_code == (200 if good else 400), (text, answer.text)


def test_the_name_of_a_topic_is_checked_as_the_server_does(call, server):
    names = ["a", "A.b_c-9", "x" * 249, ".", "..", "x" * 250, "a b", "ä", "a/b", "<img>"]
    told = call("mistakes", "topicMistake", [[name] for name in names])
    assert [words is None for words in told] == [True] * 3 + [False] * 7
    for name, words in zip(names, told):
        url = f"{server.url}/api/v1/topics/" + requests.utils.quote(name, safe="")
        if name not in (".", ".."):  # HTTP clients leave these out of a path
            answer = requests.post(url, json={}, timeout=30)
            assert answer.ok == (words is None), (name, answer.text)


def test_a_run_id_is_checked_as_the_server_does(call, server):
    dag = requests.get(f"{server.url}/api/v1/dags", timeout=30).json()["items"][0]["dag"]
    names = ["a", "x:1+2.3-4_5", "y" * 200, "", ".a", "y" * 201, "a b", "a/b", "ä"]
    told = call("mistakes", "runIdMistake", [[name] for name in names])
    assert [words is None for words in told] == [True] * 4 + [False] * 5
    for name, words in zip(names, told):
        body = {"run": name} if name else {}
        answer = requests.post(f"{server.url}/api/v1/runs/{dag}", json=body, timeout=60)
        assert answer.status_code == (202 if words is None else 400), (name, answer.text)


def test_limits(call):
    assert call("mistakes", "noteMistake", [["ä" * 2048], ["ä" * 2049]]) == [
        None, "At most 4096 bytes.",
    ]  # fmt: skip
    assert call("mistakes", "confMistake", [["1" * 65536], ["1" * 65537]]) == [
        None, "At most 65536 bytes.",
    ]  # fmt: skip
    assert call("mistakes", "rangeMistake", [[1, 1], [None, 1], [2, 1]])[::2] == [
        None, "The end is before the start.",
    ]  # fmt: skip
    told = call("mistakes", "versionMistake", [["0"], ["12"], [""], ["-1"], ["1.5"], ["new"]])
    assert [words is None for words in told] == [True, True, False, False, False, False]
    told = call("mistakes", "versionOrTimeMistake", [[""], ["7"], ["2026-11-29"], ["then"]])
    assert [words is None for words in told] == [True, True, True, False]


# --- numbers, times, schedules --------------------------------------------------------------------


def test_durations(call):
    cases = {
        0: "0 ms", 999: "999 ms", 1000: "1.0 s", 9_949: "9.9 s", 59 * S: "59 s", M: "1 m",
        96 * S: "1 m 36 s", H: "1 h", H + 59 * S: "1 h", 90 * M: "1 h 30 m", 24 * H: "1 d",
        36 * H: "1 d 12 h", 7 * D: "7 d", 400 * D + H: "400 d 1 h",
    }  # fmt: skip
    assert call("format", "duration", [[ms] for ms in cases]) == list(cases.values())


def test_counts_keep_their_digits(call):
    thin = "\u2009"
    cases = {
        "9007199254740993": "9 007 199 254 740 993", "-9223372036854775808":
        "-9 223 372 036 854 775 808", "999": "999", "1000": "1 000",
    }  # fmt: skip
    assert call("format", "count", [[text] for text in cases]) == [
        text.replace(" ", thin) for text in cases.values()
    ]
    assert call("format", "decimal", [["12345.67890"], ["0.10"], [None]]) == [
        f"12{thin}345.67890", "0.10", "null",
    ]  # fmt: skip


def test_schedules_in_words(call):
    cases = {
        "@daily": "every day at 00:00", "0 0 * * *": "every day at 00:00",
        "*/5 * * * *": "every 5 minutes", "* * * * *": "every minute",
        "15 * * * *": "every hour at minute 15", "0 */2 * * *": "every 2 hours",
        "30 7 * * 1": "every Monday at 07:30", "0 6 1 * *": "on day 1 of each month at 06:00",
        "0 0 13 * 5": "0 0 13 * 5", "5 4 * 2 *": "5 4 * 2 *",
    }  # fmt: skip
    assert call("schedule-words", "scheduleWords", [[[line], "UTC"] for line in cases]) == [
        f"{words} UTC" for words in cases.values()
    ]
    two = [[["@daily", "5 4 * 2 *"], "Europe/Berlin"]]
    assert call("schedule-words", "scheduleWords", two) == [
        "every day at 00:00, 5 4 * 2 * Europe/Berlin"
    ]


# --- logs -----------------------------------------------------------------------------------------

PARTS = [
    "\x1b", "[", "\x1b[", ";", "38", "48;5", "1", "31", "0", "m", ":", "A", "\x00", "\x9b", "<b>",
    "http://", "https://a.b/c", "javascript:", "//", " ", "'", '"', "\u202e", "\x7f", "é", "\t",
]  # fmt: skip


def test_any_escape_of_a_log_is_text_or_a_colour(call):
    """Whatever the bytes of a line are: no character is lost but colours, which become classes of
    ours, and only an address of the web is a link."""
    chance = random.Random(7)
    lines = ["".join(chance.choices(PARTS, k=chance.randrange(40))) for _ in range(3000)]
    for line, pieces in zip(lines, call("log-text", "piecesOf", [[line] for line in lines])):
        shown = re.sub(r"\x1b\[[0-9;:]*m", "", line)
        shown = re.sub(r"[\x00-\x08\x0b-\x1f]", lambda c: chr(0x2400 + ord(c[0])), shown)
        assert "".join(piece["text"] for piece in pieces) == shown.replace("\x7f", "\u2421"), line
        for piece in pieces:
            known = r"(ansi-(on-)?[0-7]|bold|dim|italic|underline)"
            assert re.fullmatch(rf"({known}( {known})*)?", piece["classes"]), line
            assert not piece["link"] or re.match("https?://", piece["text"]), line


# --- charts ---------------------------------------------------------------------------------------


def rows(columns, cells):
    pairs = [column.split(" ") for column in columns.split(", ")]
    return {"columns": [{"name": name, "type": kind} for name, kind in pairs], "rows": cells}


def test_the_chart_of_an_answer(call):
    many = [[f"2020-01-{n:02}", str(n)] for n in range(1, 12)]
    cases = [
        (rows("name VARCHAR, n BIGINT", [["a", "1"]]), "card"),
        (rows("country VARCHAR, n BIGINT", [["Chile", "1"], ["Peru", "2"], ["Mali", "3"]]), "map"),
        (rows("a VARCHAR, b VARCHAR, n BIGINT",
              [["x", "p", "1"], ["x", "q", "2"], ["y", "p", "3"], ["y", "q", "4"]]), "groups"),
        (rows("day DATE, n BIGINT", many), "line"),
        (rows("day DATE, n BIGINT", many[:5]), "columns"),
        (rows("post_year INTEGER, n BIGINT", [["2020", "1"], ["2021", "2"]]), "columns"),
        (rows("group VARCHAR, n BIGINT", [["a", "1"], ["b", "2"]]), "bars"),
        (rows("a VARCHAR, n BIGINT", [[f"v{n}", "1"] for n in range(51)]), "none"),
        (rows("a VARCHAR, b VARCHAR", [["x", "y"], ["z", "y"]]), "none"),
        (rows("a VARCHAR, n BIGINT", []), "none"),
    ]  # fmt: skip
    found = call("chart-rule", "chartOf", [[one] for one, _ in cases])
    assert [one["kind"] for one in found] == [kind for _, kind in cases]
    assert all(one["why"] for one in found if one["kind"] == "none")
