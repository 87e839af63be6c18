"""Schedules by the command line: cron lines against PyPI's cronsim, and what runs are given."""

import json
import os
import random
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim, CronSimError

from pinion import run
from test_dag import Dags, dag, one_line

ZONES = """UTC Europe/Berlin Europe/London America/New_York America/Sao_Paulo America/St_Johns
    Asia/Kolkata Asia/Tehran Africa/Cairo Australia/Sydney Pacific/Auckland America/Havana
    Asia/Beirut Africa/Casablanca Pacific/Apia Asia/Kathmandu Europe/Dublin""".split()
RANGES = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]
NAMES = {3: "jan feb MAR apr may jun jul aug sep oct nov Dec".split(),
         4: "sun mon TUE wed thu Fri sat".split()}  # fmt: skip
DAGS, TIMES = 50, 12  # of a pipeline, and of a DAG
REPEATED_MAX = 120  # times of an hour that comes twice
LINES = 2500 if os.environ.get("PINION_AUDITS") == "all" else 150


@pytest.fixture
def dags(tmp_path):
    return lambda **made: Dags(tmp_path, made)


def item(rng, field):
    low, high = RANGES[field]
    kind = rng.random()
    if kind < 0.25:
        return rng.choice(["*", f"*/{rng.randint(1, max(1, high // 2))}"])
    if kind < 0.35 and field in NAMES:
        return rng.choice(NAMES[field])
    first = rng.randint(low, high)
    if kind < 0.6 or first == high:
        return str(first)
    text = f"{first}-{rng.randint(first + 1, high)}"
    return text if rng.random() < 0.6 else f"{text}/{rng.randint(1, high)}"


def line_of(rng):
    stars = (0.2, 0.4, 0.6, 0.7, 0.6)
    return " ".join(
        "*" if rng.random() < star else ",".join(item(rng, i) for _ in range(rng.randint(1, 3)))
        for i, star in enumerate(stars)
    )


def oracle(line, zone, after):
    """The next times by cronsim; None: it refuses the line, or is off. Where clocks leave out
    midnight it gives a time that does not exist. Where they go back right after midnight, as in
    St. John's until 2011, it gives the same time again and again."""
    times, again = [], 0
    try:
        for at in CronSim(line, datetime.fromtimestamp(after, zone)):
            if at.astimezone(timezone.utc).astimezone(zone).time() != at.time():
                return None
            if not times or at.timestamp() > times[-1]:
                times.append(int(at.timestamp()))
            elif (again := again + 1) > REPEATED_MAX:
                return None
            if len(times) == TIMES:
                return times
    except CronSimError:
        return None
    return times


def never_fires(line, name, start):
    done = run("dag", "next", "--cron", line, "--timezone", name, "--after", start, check=False)
    return done.returncode != 0 and "never fires" in done.stderr


def test_cron_lines_fire_as_cronsim_says(tmp_path):
    """Each process answers many lines, since starting one takes longer than the answer."""
    rng = random.Random(20261128)
    compared = 0
    for group in range(LINES // DAGS):
        after = int(datetime(rng.randint(1995, 2045), rng.choice([3, 4, 10, 11]),
                             rng.randint(1, 28), tzinfo=timezone.utc).timestamp())  # fmt: skip
        start = datetime.fromtimestamp(after, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        made, expected = {}, {}
        while len(made) < DAGS:
            line, name = line_of(rng), rng.choice(ZONES)
            zone = timezone.utc if name == "UTC" else ZoneInfo(name)
            times = oracle(line, zone, after)
            if times == []:
                assert never_fires(line, name, start), (line, name, start)
            elif times is not None:
                made[f"d{len(made)}"] = dag(
                    a="true", settings_={"schedule": line, "timezone": name}
                )
                expected[f"d{len(expected)}"] = times
        folder = tmp_path / f"{group}"
        folder.mkdir()
        own = Dags(folder, made)
        got = {}
        for row in own.answer("dag", "next", "--after", start, "--count", str(TIMES)):
            at = datetime.fromisoformat(row["next"].replace("Z", "+00:00"))
            got.setdefault(row["dag"], []).append(int(at.timestamp()))
        for name, times in expected.items():
            assert got[name] == times, (made[name], start)
        compared += len(made)
    assert compared == LINES


def test_the_next_times_of_dags_are_listed(dags):
    made = dag(a="true", settings_={"schedule": ["0 6 * * *", "30 18 * * *"],
                                    "timezone": "Europe/Berlin"})  # fmt: skip
    own = dags(d=made, other=dag(a="true"))
    rows = own.answer("dag", "next", "--count", "3", "--after", "2026-03-28T12:00:00Z")
    assert [row["next"] for row in rows] == [
        "2026-03-28T17:30:00.000Z", "2026-03-29T04:00:00.000Z", "2026-03-29T16:30:00.000Z",
    ]  # fmt: skip
    assert {(row["dag"], row["timezone"], row["paused"]) for row in rows} == {
        ("d", "Europe/Berlin", False)
    }


@pytest.mark.parametrize("keys, words", [
    ({"schedule": "0 25 * * *"}, ["pipeline.yml:", "dags.d.schedule", "hour \"25\""]),
    ({"schedule": "0 0 30 2 *"}, ["dags.d.schedule", "never fires"]),
    ({"schedule": "@daily", "timezone": "Mars/Base"}, ["dags.d.timezone", "unknown time zone"]),
    ({"timezone": "UTC"}, ["dags.d.timezone", "goes with a schedule"]),
    ({"schedule": "@daily", "start": "soon"}, ["dags.d.start", "not a time"]),
    ({"schedule": "@daily", "start": "2026-02-01", "end": "2026-01-01"}, ["before the start"]),
    ({"schedule": "@daily", "overlap": "drop"}, ["dags.d.overlap", "skip"]),
    ({"schedule": []}, ["dags.d.schedule", "cron line"]),
    ({"retry_backoff": 0.5}, ["dags.d.retry_backoff", "from 1 to 10"]),
    ({"no_retry_exit_codes": [256]}, ["no_retry_exit_codes"]),
    ({"pool": "load"}, ["dags.d.pool", "unknown pool", "pools:"]),
    ({"on_failure": {"webhook": "ftp://x"}}, ["on_failure.webhook", "http"]),
])  # fmt: skip
def test_bad_definitions_name_file_and_line(dags, keys, words):
    own = dags(d=dag(a="true", settings_=keys))
    one_line(own.run("dag", "list", check=False), *words)


def test_a_run_has_a_conf_a_logical_date_and_a_note(dags):
    own = dags(d=dag(a='echo "$PINION_CONF" > conf; echo "$PINION_LOGICAL_DATE" > date'))
    conf = '{"day":"2026-01-31","n":9007199254740993}'
    done = own.trigger("d", "--conf", conf, "--logical-date", "2026-01-31", "--note", "by hand")
    assert done.returncode == 0, done
    assert own.trace("conf") == [conf]
    assert own.trace("date") == ["2026-01-31T00:00:00.000Z"]
    again = own.trigger("d", "--logical-date", "2026-01-31")
    assert again.returncode == 1 and "clear it" in again.stderr
    for bad in ("[1]", "{", '"x"'):
        one_line(own.trigger("d", "--conf", bad), "conf")
    # The commands of a DAG that makes no tables may have members of the same names.
    assert own.trigger("d", "--conf", '{"full_refresh": "yes"}').returncode == 0
    one_line(own.trigger("d", "--logical-date", "never"), "not a time")
    name = own.runs()[0]["run"]
    own.run("dag", "note", "d", name, "seen")
    acts = [(row["who"], row["what"]) for row in own.answer("dag", "audit", "d", name)]
    assert acts == [("cli", "note"), ("cli", "trigger")]


def test_a_paused_dag_still_runs_by_hand(dags):
    own = dags(d=dag(a="echo x >> ran", settings_={"schedule": "@yearly"}))
    assert own.run("dag", "pause", "d").stdout == "d is paused\n"
    assert own.run("dag", "pause", "d").stdout == "d is already paused\n"
    assert own.answer("dag", "next", "--count", "1")[0]["paused"] is True
    assert own.trigger("d").returncode == 0
    assert own.trace("ran") == ["x"]
    assert own.run("dag", "unpause", "d").stdout == "d is not paused\n"
    assert own.answer("dag", "skipped") == []
