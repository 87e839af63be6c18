"""Running again: clearing tasks of a run, and backfills, each with its dry run first."""

import json
import random
import time
from datetime import UTC, datetime, timedelta

import pytest

from pinion import run
from test_dag import Dags, dag, one_line, until


@pytest.fixture
def dags(tmp_path):
    return lambda **made: Dags(tmp_path, made)


@pytest.fixture
def failing(dags):
    """a -> b (fails until `mended` is there) -> c, and d beside them."""
    own = dags(d=dag(
        a="echo a >> ran", b=("echo b >> ran; [ -e mended ]", "a"), c=("echo c >> ran", "b"),
        d="echo d >> ran",
    ))  # fmt: skip
    assert own.trigger("d", "--run-id", "mine").returncode == 1
    (own.traces / "ran").unlink()
    (own.traces / "mended").touch()
    return own


def cleared(own, *args):
    return [row["task"] for row in own.answer("dag", "clear", "d", "mine", *args)]


@pytest.mark.parametrize("args, tasks", [
    (["b"], ["b"]),
    (["b", "--after"], ["b", "c"]),
    (["--failed"], ["b", "c"]),
    (["--all"], ["a", "b", "c", "d"]),
    (["d", "a"], ["a", "d"]),
])  # fmt: skip
def test_a_dry_run_lists_what_would_run_and_changes_nothing(failing, args, tasks):
    before = failing.tasks("d")
    assert sorted(cleared(failing, *args, "--dry-run")) == tasks
    assert failing.tasks("d") == before and failing.runs()[0]["state"] == "failed"


def test_failed_tasks_run_again_with_all_after_them(failing):
    assert cleared(failing, "--failed", "--yes") == ["b", "c"]
    assert failing.runs()[0]["state"] == "queued"
    with failing.server():
        until(lambda: failing.runs()[0]["state"] == "success", "the run")
    assert failing.trace("ran") == ["b", "c"]
    assert {name: task["tries"] for name, task in failing.tasks("d").items()} == {
        "a": 1, "b": 2, "c": 1, "d": 1,
    }  # fmt: skip
    # The attempt numbers keep rising, and the log of the first one is still there.
    logs = failing.answer("dag", "logs", "d", "b", "--run", "mine")
    assert [(row["attempt"], row["outcome"]) for row in logs] == [(1, "failed"), (2, "success")]
    acts = [row["what"] for row in failing.answer("dag", "audit", "d", "mine")]
    assert acts == ["clear", "trigger"]


def test_clear_asks_and_refuses(failing):
    done = failing.run("dag", "clear", "d", "mine", "--all", input="n\n", check=False)
    assert done.returncode == 1 and "--yes" in done.stderr
    one_line(failing.run("dag", "clear", "d", "mine", "x", "--yes", check=False), "no task 'x'")
    one_line(failing.run("dag", "clear", "d", "none", "--all", "--yes", check=False), "no run")
    for args in ([], ["a", "--all"], ["--after"], ["--failed", "--all"]):
        assert failing.run("dag", "clear", "d", "mine", *args, check=False).returncode == 2
    assert failing.runs()[0]["state"] == "failed"


HOURLY = {"schedule": "0 * * * *"}
RANGE = ("--from", "2026-01-01T00:00Z", "--to", "2026-01-01T03:00Z")


def test_a_backfill_makes_just_what_its_dry_run_listed(dags):
    own = dags(d=dag(a='echo "$PINION_LOGICAL_DATE" >> ran', settings_=HOURLY))
    plan = own.answer("dag", "backfill", "create", "d", *RANGE, "--dry-run")
    assert [row["action"] for row in plan] == ["create"] * 4
    assert plan[0]["run"] == "backfill__2026-01-01T00:00:00.000Z"
    assert own.runs() == []
    token = plan[0]["token"]
    made = own.run("dag", "backfill", "create", "d", *RANGE, "--token", token, "--yes")
    assert made.stdout == "backfill 1: 4 runs\n"
    # Now the list is another one: the old token makes nothing.
    again = ("dag", "backfill", "create", "d", *RANGE, "--token", token, "--yes")
    one_line(own.run(*again, check=False), "has changed")
    with own.server():
        until(lambda: own.answer("dag", "backfill", "list")[0]["state"] == "done", "the backfill")
    assert own.trace("ran") == [f"2026-01-01T0{hour}:00:00.000Z" for hour in range(4)]
    (row,) = own.answer("dag", "backfill", "list", "d")
    assert (row["success"], row["queued"], row["running"]) == (4, 0, 0)


def test_a_backfill_runs_failed_ones_again(dags):
    own = dags(d=dag(a="echo x >> ran; [ -e mended ]", settings_=HOURLY))
    assert own.trigger("d", "--logical-date", "2026-01-01T01:00Z").returncode == 1
    (own.traces / "mended").touch()
    assert own.trigger("d", "--logical-date", "2026-01-01T02:00Z").returncode == 0

    def actions(reprocess):
        plan = own.answer("dag", "backfill", "create", "d", *RANGE, "--dry-run",
                          "--reprocess", reprocess)  # fmt: skip
        return [row["action"] for row in plan]

    assert actions("none") == ["create", "leave", "leave", "create"]
    assert actions("failed") == ["create", "clear", "leave", "create"]
    assert actions("completed") == ["create", "clear", "clear", "create"]
    own.run("dag", "backfill", "create", "d", *RANGE, "--reprocess", "failed", "--yes")
    with own.server():
        until(lambda: own.answer("dag", "backfill", "list")[0]["state"] == "done", "the backfill")
    assert len(own.trace("ran")) == 2 + 3
    assert {row["state"] for row in own.runs()} == {"success"}


def test_a_backfill_is_paused_and_cancelled(dags):
    own = dags(d=dag(a="touch at.$PINION_RUN_ID; while ! [ -e go ]; do sleep 0.02; done",
                     settings_={**HOURLY, "active_runs_max": 4}))  # fmt: skip
    own.run("dag", "backfill", "create", "d", *RANGE, "--yes")
    with own.server():
        until(lambda: len(list(own.traces.glob("at.*"))) == 1, "the first run")
        own.run("dag", "backfill", "pause", "1")
        (own.traces / "go").touch()
        until(lambda: own.answer("dag", "backfill", "list")[0]["success"] == 1, "its end")
        time.sleep(0.3)
        (row,) = own.answer("dag", "backfill", "list")
        assert (row["state"], row["queued"], row["running"]) == ("paused", 3, 0)
        assert own.run("dag", "backfill", "cancel", "1").stdout == "backfill 1 is cancelled\n"
    (row,) = own.answer("dag", "backfill", "list")
    assert (row["state"], row["success"], row["cancelled"]) == ("cancelled", 1, 3)
    one_line(own.run("dag", "backfill", "unpause", "1", check=False), "it is cancelled")
    one_line(own.run("dag", "backfill", "pause", "7", check=False), "no backfill 7")


@pytest.mark.parametrize("args, words", [
    (["--from", "2026-01-01", "--to", "2025-01-01"], ["--to 2025-01-01 is before --from"]),
    (["--from", "2026-01-01"], ["--to is missing"]),
    (["--to", "2026-01-01"], ["--from is missing"]),
    (["--from", "2026-01-01", "--to", "2026-01-02T25:00"], ['--to "2026-01-02T25:00" is not']),
    (["--from", "2026-01-01", "--to", "2026-07-01"], ["more than 1000 times"]),
    (["--from", "2026-01-01T00:10Z", "--to", "2026-01-01T00:50Z"], ["no time in this range"]),
])  # fmt: skip
def test_ranges_that_make_no_sense_are_refused(dags, args, words):
    own = dags(d=dag(a="true", settings_=HOURLY))
    one_line(own.run("dag", "backfill", "create", "d", *args, "--yes", check=False), *words)
    assert own.runs() == []


def test_times_to_come_and_times_before_the_start_get_no_run(dags):
    """The schedule makes the runs of times to come, so a backfill must not take their dates."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    settings = {**HOURLY, "start": stamp(now - timedelta(hours=1))}
    own = dags(d=dag(a="true", settings_=settings))
    create = ("dag", "backfill", "create", "d", "--yes")
    later = ("--from", stamp(now + timedelta(days=1)), "--to", stamp(now + timedelta(days=2)))
    one_line(own.run(*create, *later, check=False), "25 times are yet to come", "the schedule")
    before = ("--from", stamp(now - timedelta(hours=6)), "--to", stamp(now - timedelta(hours=2)))
    one_line(own.run(*create, *before, check=False), "5 times are before the DAG's start")
    assert own.runs() == []
    both = ("--from", stamp(now - timedelta(hours=2)), "--to", stamp(now + timedelta(days=1)))
    plan = own.answer(*create, *both, "--dry-run")
    wanted = [row["logical_date"] for row in plan]
    assert wanted[:2] == [millis(now - timedelta(hours=1)), millis(now)]
    assert len(wanted) - 2 in (0, 1), "an hour may have begun meanwhile"
    made = own.run(*create, *both)
    assert "1 time is before the DAG's start" in made.stderr
    assert "yet to come: the schedule makes" in made.stderr
    assert max(row["run"] for row in own.runs()) <= f"backfill__{millis(datetime.now(UTC))}"


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def millis(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_a_run_by_hand_does_not_take_a_time_of_the_schedule_to_come(dags):
    own = dags(d=dag(a="true", settings_=HOURLY), m=dag(a="true"))
    for date in ("2126-01-01", "2126-01-01T00:10Z"):
        one_line(own.trigger("d", "--logical-date", date), "yet to come", "the next is")
    assert own.runs() == []
    assert own.trigger("m", "--logical-date", "2126-01-01").returncode == 0, "no schedule"
    name = own.runs()[0]["run"]
    one_line(own.trigger("m", "--logical-date", "2126-01-01"), f"has the run '{name}' for", "clear")
    one_line(own.trigger("m", "--run-id", name), f"has a run '{name}' already")


@pytest.mark.parametrize("zone, first, last", [
    ("UTC", "2026-03-28T00:00:00.000Z", "2026-03-29T23:00:00.000Z"),
    ("Europe/Berlin", "2026-03-27T23:00:00.000Z", "2026-03-29T21:00:00.000Z"),
])  # fmt: skip
def test_a_day_is_all_of_that_day_in_the_time_zone_of_the_dag(dags, zone, first, last):
    own = dags(d=dag(a="true", settings_={**HOURLY, "timezone": zone}))
    days = ("--from", "2026-03-28", "--to", "2026-03-29")
    plan = own.answer("dag", "backfill", "create", "d", *days, "--dry-run")
    assert (plan[0]["logical_date"], plan[-1]["logical_date"]) == (first, last)
    assert len(plan) == (48 if zone == "UTC" else 47), "the clocks go forward"


def test_a_backfill_says_how_many_runs_a_newer_one_took_over(dags):
    own = dags(d=dag(a="true", settings_=HOURLY))
    own.run("dag", "backfill", "create", "d", *RANGE, "--yes")
    with own.server():
        until(lambda: own.answer("dag", "backfill", "list")[0]["state"] == "done", "the backfill")
    one = ("--from", RANGE[1], "--to", RANGE[1], "--reprocess", "completed", "--yes")
    own.run("dag", "backfill", "create", "d", *one)
    newer, older = own.answer("dag", "backfill", "list")
    assert (older["success"], older["taken"]) == (3, 1)
    assert (newer["queued"], newer["taken"]) == (1, 0)


def test_a_failed_task_says_why(dags):
    own = dags(d=dag(a="exit 3", b="kill -9 $$", c=("true", "a")),
               t=dag(a="sleep 600", settings_={"timeout": "100ms"}))  # fmt: skip
    own.trigger("d")
    own.trigger("t")
    reasons = {name: task["reason"] for name, task in own.tasks("d").items()}
    assert reasons == {"a": "exit code 3: see its log", "b": "signal 9 ended it: see its log",
                       "c": None}  # fmt: skip
    assert own.tasks("t")["a"]["reason"] == "it took longer than its timeout"


def test_a_run_that_is_over_is_not_asked_about(failing):
    done = failing.run("dag", "cancel", "d", "mine", input="y\n", check=False)
    assert done.returncode == 1 and "[y/N]" not in done.stderr and "is failed" in done.stderr, done


def test_what_waits_says_for_what(dags):
    hold = "touch begun; while ! [ -e go ]; do sleep 0.02; done"
    own = dags(
        d=dag(a=hold, b=("true", "a")),
        e=dag(retries=4, retry_delay="1h", x="exit 1"),
        f=dag(y="true", z="true", settings_={"pool": "one"}),
    )
    definition = own.folder / "pipeline.yml"
    definition.write_text(definition.read_text() + "\npools: {one: 1}\n")
    own.run("dag", "trigger", "d", "--run-id", "first")
    assert "no scheduler runs" in own.answer("dag", "run", "d")[0]["reason"]
    assert "no scheduler runs" in own.tasks("d")["a"]["reason"]
    with own.server():
        until(lambda: (own.traces / "begun").exists(), "the task")
        own.run("dag", "trigger", "d", "--run-id", "second")
        assert own.answer("dag", "run", "d")[0]["reason"] == (
            "1 of 1 runs of this DAG are active (first)"
        )
        assert own.tasks("d", "second")["a"]["reason"] == "its run is queued"
        assert own.tasks("d", "first")["b"]["reason"] == "waits for a (running)"
        assert own.tasks("d", "first")["a"]["reason"] is None
        own.run("dag", "trigger", "e")
        until(lambda: own.tasks("e")["x"]["state"] == "up_for_retry", "the retry")
        reason = own.tasks("e")["x"]["reason"]
        assert reason.startswith("retry 1 of 4 in ") and reason.endswith(("1h", "m", "s"))
        own.run("dag", "cancel", "e", "--yes")
        (own.traces / "go").touch()


def test_green_but_empty_is_seen(data):
    from contract import post
    from pinion import Server

    name = "batch_processing_dag"

    def rows(kind):
        answer = json.loads(run("dag", kind, name, "--format", "json", data=data).stdout)
        return {(row["task"], row.get("way"), row.get("name")): row for row in answer}

    with Server(data) as server:
        for n in range(9):
            post(server.url, "geo", [{"ind": n}])
        run("dag", "trigger", name, "--wait", "-q", data=data)
        load = "load_data_from_S3_and_save_as_delta_tables"
        wrote = rows("io")
        assert wrote[(load, "write", "raw_geo")]["rows"] == 9
        (topic,) = [row for (_, _, read), row in wrote.items() if read.endswith(".geo")]
        assert (topic["way"], topic["rows"]) == ("read", 9) and topic["files"] >= 1
        clean = "clean_geo_data_and_save_as_delta_table"
        assert wrote[(clean, "read", "raw_geo")]["version"] == (
            wrote[(load, "write", "raw_geo")]["version"]
        )
        run("dag", "trigger", name, "--wait", "-q", data=data)
    again = rows("io")[(clean, "write", "geo")]
    assert (again["rows"], again["rows_before"], again["remark"]) == (9, 9, None)
    for path in (data / "store/topics/0e3bbd435bfb.geo").rglob("*.json"):
        path.unlink()
    run("dag", "trigger", name, "--wait", "-q", data=data)
    empty = rows("io")[(clean, "write", "geo")]
    assert (empty["rows"], empty["rows_before"], empty["remark"]) == (0, 9, "fell to 0 rows")
    assert (empty["table_rows"], empty["table_rows_before"]) == (0, 9)
    status = {task: row for (task, _, _), row in rows("status").items()}
    assert (status[clean]["rows_out"], status[clean]["rows_out_before"]) == (0, 9)


ADDED = """\
name: shop
topics: {orders: {}}
tables:
  raw_orders: {path: tables/raw, from_topic: orders, mode: append, columns: {id: int}}
  by_id: {path: tables/by_id, sql: clean/by_id.sql, reads: [raw_orders], mode: merge, key: id,
          order_by: id, columns: {id: int}}
dags:
  d:
    tasks:
      load: {run: load, tables: [raw_orders]}
      clean: {run: transform, tables: [by_id], after: [load]}
"""


def test_the_remark_on_lost_rows_counts_the_rows_of_the_table(tmp_path):
    """A run adds only what is new to these tables: a quiet run loses nothing."""
    (tmp_path / "shop/clean").mkdir(parents=True)
    (tmp_path / "shop/pipeline.yml").write_text(ADDED)
    (tmp_path / "shop/clean/by_id.sql").write_text("SELECT id FROM raw_orders\n")
    own = {"data": tmp_path / "data", "env": {"PINION_PIPELINE": str(tmp_path / "shop")}}
    landed = tmp_path / "data/store/topics/orders/partition=0/orders+0+0000000000.json"
    landed.parent.mkdir(parents=True)
    landed.write_text('{"id": 1}\n{"id": 2}\n{"id": 3}\n')

    def wrote(*args):
        run("dag", "trigger", "d", "--wait", "-q", *args, **own)
        rows = json.loads(run("dag", "io", "d", "--format", "json", **own).stdout)
        return {row["name"]: (row["rows"], row["table_rows"], row["table_rows_before"],
                              row["remark"]) for row in rows if row["way"] == "write"}  # fmt: skip

    assert wrote() == {"raw_orders": (3, 3, None, None), "by_id": (3, 3, None, None)}
    assert wrote() == {"raw_orders": (0, 3, 3, None), "by_id": (0, 3, 3, None)}
    lost = "fell to 0 rows"
    landed.unlink()
    assert wrote("--conf", '{"full_refresh": true}') == {
        "raw_orders": (0, 0, 3, lost), "by_id": (0, 0, 3, lost),
    }  # fmt: skip


ROUNDS = 50


def test_kills_lose_no_run_and_make_no_attempt_twice(dags):
    """kill -9 of the server again and again, while runs are triggered, cleared and backfilled. A
    task has a lock, which its command keeps for as long as anything of it runs."""
    rng = random.Random(10)
    lock = "exec 9>>lock.$PINION_TASK.$PINION_RUN_ID; flock -n 9 || echo $PINION_RUN_ID >> twice; "
    own = dags(d=dag(
        retries=1000, retry_delay="1ms",
        a=lock + "echo a $PINION_RUN_ID $PINION_TRY_NUMBER >> ran",
        b=(lock + "echo b $PINION_RUN_ID $PINION_TRY_NUMBER >> ran; sleep 0.2; true", "a"),
        settings_={**HOURLY, "active_runs_max": 4},
    ))  # fmt: skip
    names = []
    for number in range(ROUNDS):
        server = own.server().start()
        name = f"r{number}"
        own.run("dag", "trigger", "d", "--run-id", name)
        names.append(name)
        if number % 10 == 5:
            day = f"2026-01-{number // 10 + 1:02d}"
            own.run("dag", "backfill", "create", "d", "--from", day, "--to", f"{day}T02:00Z",
                    "--active-runs", "3", "--yes")  # fmt: skip
        if number % 10 == 8:
            own.run("dag", "clear", "d", names[0], "--all", "--yes", check=False)
        time.sleep(rng.random() * 0.15)
        server.kill()
    with own.server():
        until(lambda: {row["state"] for row in own.runs("--limit", "1000")} == {"success"}, "all")
    runs = {row["run"] for row in own.runs("--limit", "1000")}
    assert set(names) <= runs and len(runs) == ROUNDS + 3 * 5
    lines = (own.traces / "ran").read_text().splitlines()
    assert len(lines) == len(set(lines)), "an attempt was made twice"
    assert own.trace("twice") == [], "two attempts of a task ran at once"
    lost = [row for name in names for row in own.answer("dag", "logs", "d", "--run", name)
            if row["outcome"] == "lost"]  # fmt: skip
    assert lost, "no kill hit a task"
