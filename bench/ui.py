"""The web UI: how soon its pages are there, what it costs the server, and the routes behind it.

Each figure is beside its budget, so `peer` is the budget itself. The browser is Debian's Chromium,
driven by the playwright of the tests (bench/browser.py).
"""

import contextlib
import http.client
import json
import statistics
import subprocess
import time
from pathlib import Path

import gateway
import harness
import stream

BROWSER_PYTHON = harness.ROOT / ".venv-test/bin/python"
TASKS = 1000
GATEWAY_SHARE = 0.95
IDLE_SHARE = 0.003  # of a core
TAB_SHARE = 0.01
WAKE_UPS = 5  # a second


# --- what all share -----------------------------------------------------------------------------


def browser_command(what, port, rounds):
    script = harness.ROOT / "bench/browser.py"
    return [str(BROWSER_PYTHON), str(script), what, f"http://127.0.0.1:{port}", str(rounds)]


def in_browser(what, port, rounds):
    """What bench/browser.py measures."""
    done = subprocess.run(browser_command(what, port, rounds), capture_output=True, timeout=600)
    if done.returncode != 0:
        raise harness.BenchError(f"the browser: {done.stderr.decode(errors='replace')[-2000:]}")
    return json.loads(done.stdout.decode().strip().splitlines()[-1])


@contextlib.contextmanager
def a_tab(port, seconds):
    """A tab that is open and live within; gives what it counted afterwards, in a list."""
    found = []
    process = subprocess.Popen(
        browser_command("stay", port, seconds), stdout=subprocess.PIPE, text=True
    )
    try:
        if process.stdout.readline().strip() != "live":
            raise harness.BenchError("the browser's tab is not live")
        yield found
        found.append(json.loads(process.stdout.read()))
    finally:
        harness.stop(process)


def call(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        headers = {} if body is None else {"Content-Type": "application/json"}
        text = None if body is None else json.dumps(body)
        connection.request(method, f"/api/v1/{path}", text, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status >= 400:
            raise harness.BenchError(f"{method} {path}: {response.status} {answer[:300]!r}")
        return answer
    finally:
        connection.close()


def timed(port, path, rounds):
    """Milliseconds of a GET over one connection, and the last answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    times, answer = [], b""
    for _ in range(rounds + 1):
        began = time.monotonic()
        connection.request("GET", f"/api/v1/{path}")
        answer = connection.getresponse().read()
        times.append((time.monotonic() - began) * 1000)
    connection.close()
    return times[1:], answer


def p95(times):
    return stream.percentile(times, 0.95)


def budget(name, value, limit):
    """`name` ends with the unit."""
    stem, unit = name.rsplit(".", 1)
    return harness.Result(f"{stem}.of_goal.{unit}", max(value, 1e-9), limit, 1.0)


def write_pipeline(folder, dags):
    """YAML as JSON has it."""
    folder.mkdir()
    (folder / "pipeline.yml").write_text(json.dumps({"name": "bench", "dags": dags}))
    return folder


def command(text):
    return {"run": "command", "command": text}


def until_over(port, dag, run):
    deadline = time.monotonic() + 300
    while json.loads(call(port, "GET", f"runs/{dag}/{run}"))["ended_ms"] is None:
        if time.monotonic() > deadline:
            raise harness.BenchError(f"the run {run} of {dag} does not end")
        time.sleep(0.05)


# --- pages --------------------------------------------------------------------------------------


def demo(scratch):
    folder = scratch / "data"
    harness.measure([harness.PINION, "demo", "--quiet", "--rows", 300, "--into", folder], 300)
    return folder


def pages(scratch, options, say):
    """The overview's first paint, and the longest task of each page, on the demo's data."""
    rounds = 3 if options.quick else 11
    port, data = harness.free_port(), demo(scratch)
    with harness.pinion_serve(data, port, scratch / "log"):
        paint = in_browser("paint", port, rounds)["ms"]
        tasks = in_browser("tasks", port, 1 if options.quick else 3)["ms"]
    say("first paint: " + ", ".join(f"{ms:.0f}" for ms in paint) + " ms")
    say("longest task: " + ", ".join(f"{page} {ms:.0f}" for page, ms in tasks.items()) + " ms")
    return [
        budget("ui.pages.paint.ms", statistics.median(paint), 100),
        budget("ui.pages.paint_largest.ms", max(paint), 250),
        budget("ui.pages.longest_task.ms", max(tasks.values()), 200),
    ]


def rows(scratch, options, say):
    """An answer of 10,000 rows."""
    port = harness.free_port()
    with harness.pinion_serve(scratch / "data", port, scratch / "log"):
        found = in_browser("rows", port, 2 if options.quick else 7)
    say("first rows: " + ", ".join(f"{ms:.0f}" for ms in found["first_ms"]) + " ms")
    return [
        budget("ui.rows.first.ms", statistics.median(found["first_ms"]), 50),
        budget("ui.rows.end.ms", statistics.median(found["end_ms"]), 1000),
        budget("ui.rows.elements", found["elements"], 120),
    ]


def trigger(scratch, options, say):
    """From the press of the button to "running", and from a run's end to its state on the page."""
    port = harness.free_port()
    pipeline = write_pipeline(scratch / "p", {"slow": {"tasks": {"wait": command("sleep 0.5")}}})
    with harness.pinion_serve(scratch / "data", port, scratch / "log", "--pipeline", pipeline):
        found = in_browser("trigger", port, 3 if options.quick else 20)
    say("running: " + ", ".join(f"{ms:.0f}" for ms in found["running_ms"]) + " ms")
    say("its end: " + ", ".join(f"{ms:.0f}" for ms in found["ended_ms"]) + " ms")
    return [
        budget("ui.trigger.running.ms", statistics.median(found["running_ms"]), 150),
        budget("ui.trigger.change_p95.ms", p95(found["ended_ms"]), 250),
    ]


# --- grid and log ---------------------------------------------------------------------------------


def queued(port, dag, name):
    """A run that waits for the year 2100, so that its tasks do not run."""
    call(port, "POST", f"runs/{dag}", {"run": name, "run_after_ms": 4_102_444_800_000})


def grid(scratch, options, say):
    """The grid's route with a long history, and with 50 runs of 1,000 tasks; and that as a page."""
    port = harness.free_port()
    history, wide = (100, 5) if options.quick else (1000, 50)
    tasks = {f"t{i:04}": command("true") for i in range(TASKS)}
    dags = {
        "long": {"active_runs_max": 4, "tasks": {f"t{i}": command("true") for i in range(5)}},
        "wide": {"tasks": tasks},
    }
    pipeline = write_pipeline(scratch / "p", dags)
    with harness.pinion_serve(scratch / "data", port, scratch / "log", "--pipeline", pipeline):
        for at in range(history):
            queued(port, "long", f"r{at}")
        for at in range(wide):
            queued(port, "wide", f"r{at}")
        of_history, _ = timed(port, "dags/long/grid?limit=50", 200)
        of_wide, answer = timed(port, "dags/wide/grid?limit=50", 50)
        usable = in_browser("grid", port, 2 if options.quick else 7)["ms"]
    say(f"{history} runs: p95 {p95(of_history):.1f} ms; {wide} x {TASKS}: "
        f"{statistics.median(of_wide):.1f} ms, {len(answer)} bytes")  # fmt: skip
    return [
        budget("ui.grid.history_p95.ms", p95(of_history), 10),
        budget("ui.grid.wide.ms", statistics.median(of_wide), 40),
        budget("ui.grid.wide.kb", len(answer) / 1000, 100),
        budget("ui.grid.page.ms", statistics.median(usable), 500),
    ]


def log(scratch, options, say):
    """A long log: its page opens at the end, and the server searches all of it."""
    port = harness.free_port()
    lines = (20 << 20 if options.quick else 100 << 20) // 100
    text = (
        f"awk 'BEGIN {{ for (i = 0; i < {lines}; i++)"
        ' printf "line %09d %084d\\n", i, i; print "the last line" }\''
    )
    pipeline = write_pipeline(scratch / "p", {"talk": {"tasks": {"say": command(text)}}})
    settings = ("--pipeline", pipeline, "--set", "dag.log_bytes_max=200MiB")
    with harness.pinion_serve(scratch / "data", port, scratch / "log", *settings) as process:
        call(port, "POST", "runs/talk", {"run": "long"})
        until_over(port, "talk", "long")
        before = harness.rss_mib(process.pid)
        path = "runs/talk/long/say/1/log"
        found, answer = timed(port, f"{path}?find=the%20last%20line", 3 if options.quick else 7)
        hits = json.loads(answer)["hits"]
        if len(hits) != 1:
            raise harness.BenchError(f"the search of the log found {answer[:300]!r}")
        opened = in_browser("log", port, 2 if options.quick else 7)["ms"]
        after = harness.rss_mib(process.pid)
    say(f"{lines} lines: opened " + ", ".join(f"{ms:.0f}" for ms in opened) + " ms")
    return [
        budget("ui.log.open.ms", statistics.median(opened), 200),
        budget("ui.log.find.ms", statistics.median(found), 1000),
        budget("ui.log.memory.mib", max(after - before, 0.01), 8),
    ]


# --- search ---------------------------------------------------------------------------------------


def fill(port, records):
    """Records of about 850 bytes with keys of their own; returns how many there are."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    many, value = 1000, {"text": "some words " * 74, "n": 0}
    headers = {"Content-Type": "application/vnd.kafka.json.v2+json"}
    for start in range(0, records, many):
        body = {"records": [{"key": start + i, "value": value} for i in range(many)]}
        connection.request("POST", "/topics/bench", json.dumps(body), headers)
        response = connection.getresponse()
        if response.status != 200:
            raise harness.BenchError(f"POST: {response.status} {response.read()[:300]!r}")
        response.read()
    connection.close()
    return records


def search(scratch, options, say):
    """A large topic: a key is looked for in all of it, and the first record of a time."""
    port = harness.free_port()
    with harness.pinion_serve(scratch / "data", port, scratch / "log"):
        records = fill(port, 100_000 if options.quick else 1_000_000)
        took = []
        for _ in range(1 if options.quick else 3):
            began, looked, found, cursor = time.monotonic(), 0, 0, ""
            while cursor is not None:
                path = f"topics/bench/search?q=key%3D7{cursor and '&cursor=' + cursor}"
                piece = json.loads(call(port, "GET", path))
                looked += piece["scanned_records"]
                found += len(piece["records"])
                cursor = piece.get("next")
            took.append(time.monotonic() - began)
            if looked != records or found != 1:
                raise harness.BenchError(f"{looked} of {records} were looked at, {found} found")
        at, _ = timed(port, "topics/bench/records?from=2020-01-01&limit=50", 20)
        offset, _ = timed(port, f"topics/bench/records?from={records // 2}&limit=50", 20)
    say(f"{records} records: " + ", ".join(f"{s:.2f} s" for s in took))
    return [
        budget("ui.search.all.s", statistics.median(took), 3),
        budget("ui.search.time.ms", statistics.median(at), 100),
        budget("ui.search.offset.ms", statistics.median(offset), 100),
    ]


# --- what it costs the server ---------------------------------------------------------------------


def switches(pid):
    """How often the threads of a process were woken until now."""
    total = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        with contextlib.suppress(OSError):
            text = status.read_text()
            total += int(text.split("\nvoluntary_ctxt_switches:")[1].split("\n")[0])
    return total


def over(process, seconds):
    """The share of a core and the wake-ups a second over some time."""
    cpu, woken = harness.cpu_seconds(process.pid), switches(process.pid)
    began = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    used = harness.cpu_seconds(process.pid) - cpu
    return used / took, (switches(process.pid) - woken) / took


def idle(scratch, options, say):
    """A server that nobody looks at, and one with a tab open."""
    port = harness.free_port()
    seconds = 5 if options.quick else 30
    with harness.pinion_serve(scratch / "data", port, scratch / "log") as process:
        time.sleep(5)  # its start
        alone, woken = over(process, seconds)
        with a_tab(port, seconds + 5) as counted:
            with_tab, _ = over(process, seconds)
    requests = counted[0]["requests"]
    say(f"alone {alone:.4f} of a core, {woken:.1f} wake-ups/s; with a tab {with_tab:.4f} of a "
        f"core, {requests} requests")  # fmt: skip
    return [
        budget("ui.idle.alone.cores", alone, IDLE_SHARE),
        budget("ui.idle.alone.wake_ups", woken, WAKE_UPS),
        budget("ui.idle.tab.cores", with_tab, TAB_SHARE),
        budget("ui.idle.tab.requests", requests, 0.5),
    ]


def rate(scratch, options, say):
    """The gateway with a live tab open on its topics, beside the same without, in turn."""
    port = harness.free_port()
    seconds, rounds = (2, 1) if options.quick else (5, 3)
    open_rps, without = [], []
    with harness.pinion_serve(scratch / "data", port, scratch / "log"):
        gateway.wrk(port, 64, 1)
        for _ in range(rounds):
            without.append(gateway.wrk(port, 64, seconds)["rps"])
            with a_tab(port, seconds + 2):
                open_rps.append(gateway.wrk(port, 64, seconds)["rps"])
    say("with a tab " + ", ".join(f"{rps:.0f}" for rps in open_rps) + "; without " +
        ", ".join(f"{rps:.0f}" for rps in without) + " requests/s")  # fmt: skip
    return [harness.compare("ui.gateway.rps", open_rps, without, GATEWAY_SHARE)]


def streams(scratch, options, say):
    """50 streams of events: the server's memory and threads."""
    port = harness.free_port()
    many = 50
    with harness.pinion_serve(scratch / "data", port, scratch / "log") as process:
        threads = len(list(Path(f"/proc/{process.pid}/task").iterdir()))
        before = harness.rss_mib(process.pid)
        opened = []
        for _ in range(many):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", "/api/v1/events?topics=rates,health,dags,tables")
            opened.append((connection, connection.getresponse()))
            opened[-1][1].readline()
        more = harness.rss_mib(process.pid) - before
        threads = len(list(Path(f"/proc/{process.pid}/task").iterdir())) - threads
        for connection, _ in opened:
            connection.close()
    say(f"{many} streams: {more:.1f} MiB, {threads} more threads")
    return [
        budget("ui.streams.memory.mib", max(more, 0.01), 10),
        budget("ui.streams.threads", max(threads, 0.01), 4),
    ]


MEASURES = {
    f"ui.{measure.__name__ if measure is not rate else 'gateway'}": measure
    for measure in [pages, rows, trigger, grid, log, search, idle, rate, streams]
}


def names(options):
    return list(MEASURES)


def run(name, scratch, options, say):
    if not BROWSER_PYTHON.exists():
        raise harness.BenchError("there is no .venv-test; scripts/setup test makes it")
    return MEASURES[name](scratch, options, say)
