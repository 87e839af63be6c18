"""DAGs by the command line, with a server and without: order, retries, timeouts, crashes.

The pipelines here are of `run: command` tasks that leave traces in a folder; nothing asserts how
long something took, only in which order things happened and how often.
"""

import csv
import ctypes
import io
import json
import os
import re
import signal
import subprocess
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from contract import delta, post
from pinion import PINION, Server, query, run

SECONDS_MAX = 60
DAG = "batch_processing_dag"
LOAD = "load_data_from_S3_and_save_as_delta_tables"
CLEAN = [f"clean_{kind}_data_and_save_as_delta_table" for kind in ("geo", "pin", "user")]


def until(true, what):
    """Waits for something that happens elsewhere."""
    deadline = time.monotonic() + SECONDS_MAX
    while not true():
        assert time.monotonic() < deadline, f"not within {SECONDS_MAX} s: {what}"
        time.sleep(0.02)


class Dags:
    """A pipeline of DAGs of its own, and a folder in which the tasks leave their traces."""

    def __init__(self, folder, dags):
        self.folder, self.data, self.traces = folder / "own", folder / "data", folder / "traces"
        self.folder.mkdir()
        self.traces.mkdir()
        for dag in dags.values():
            for task in dag["tasks"].values():
                task.setdefault("run", "command")
                task["command"] = f"cd '{self.traces}' && {task['command']}"
        definition = {"name": "own", "dags": dags}
        (self.folder / "pipeline.yml").write_text(yaml.safe_dump(definition))

    def run(self, *args, **more):
        return run(*args, "--pipeline", self.folder, data=self.data, **more)

    def trigger(self, dag, *more, **options):
        return self.run("dag", "trigger", dag, "--wait", "-q", *more, check=False, **options)

    def start(self, dag, *more):
        """`trigger --wait` in the background."""
        return subprocess.Popen(
            [PINION, "dag", "trigger", dag, "--wait", "-q", *more, "--pipeline",
             str(self.folder), "--data", str(self.data)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def answer(self, *args):
        return json.loads(self.run(*args, "--format", "json").stdout)

    def tasks(self, dag, *more):
        return {task["task"]: task for task in self.answer("dag", "status", dag, *more)}

    def runs(self, *more):
        return self.answer("dag", "runs", *more)

    def server(self):
        return Server(self.data, "--pipeline", self.folder)

    def trace(self, name):
        path = self.traces / name
        return path.read_text().split() if path.exists() else []


@pytest.fixture
def dags(tmp_path):
    return lambda **made: Dags(tmp_path, made)


def dag(retries=0, retry_delay="100ms", **tasks):
    """`name=command` or `name=(command, after...)`; `settings_` is more keys of the DAG."""
    more = tasks.pop("settings_", {})
    made = {}
    for name, task in tasks.items():
        command, *after = (task,) if isinstance(task, str) else task
        made[name] = {"command": command, **({"after": after} if after else {})}
    return {"retries": retries, "retry_delay": retry_delay, "tasks": made, **more}


def alive(pid):
    """Is there such a process, and not only its remains?"""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def one_line(done, *words, status=1):
    """A command refused in one line on stderr, with nothing on stdout."""
    assert done.returncode == status, done
    assert done.stdout == "" and done.stderr.startswith("pinion: "), done
    assert done.stderr.count("\n") == 1 and done.stderr.endswith("\n"), done
    for word in words:
        assert word in done.stderr, done


# --- the shipped DAG --------------------------------------------------------------------------


def test_the_shipped_dag_is_the_contracts(data):
    shown = json.loads(run("dag", "show", DAG, "--format", "json", data=data).stdout)
    graph = {task["task"]: task["after"] for task in shown}
    assert graph == {"mount_s3_bucket": "", LOAD: "mount_s3_bucket"} | dict.fromkeys(CLEAN, LOAD)
    assert all((task["retries"], task["retry_delay_s"]) == (4, 60) for task in shown)
    listed = json.loads(run("dag", "list", "--format", "json", data=data).stdout)
    assert [(entry["dag"], entry["tasks"], entry["runs"]) for entry in listed] == [(DAG, 5, 0)]


def check_shipped_run(data, rows):
    status = json.loads(run("dag", "status", DAG, "--format", "json", data=data).stdout)
    tasks = {task["task"]: task for task in status}
    assert all((task["state"], task["tries"]) == ("success", 1) for task in status)
    assert tasks["mount_s3_bucket"]["ended"] <= tasks[LOAD]["started"]
    assert all(tasks[LOAD]["ended"] <= tasks[name]["started"] for name in CLEAN)
    for kind in ("geo", "pin", "user"):
        assert delta(data, f"transformed/{kind}").num_rows == rows[kind]


def test_a_run_sees_all_that_was_acknowledged_with_and_without_a_server(data):
    slow = ("--set", "sink.rotate_interval_ms=7d", "--set", "sink.flush_size=1000000")
    rows = {"pin": 7, "geo": 5, "user": 3}
    with Server(data, *slow) as server:
        for kind, count in rows.items():
            post(server.url, kind, [{"ind": n} for n in range(count)])
        done = run("dag", "trigger", DAG, "--wait", *slow, data=data)
        assert done.stdout.split()[-1] == "success"
        check_shipped_run(data, rows)
        for kind in rows:
            post(server.url, kind, [{"ind": n} for n in range(100, 104)])
    run("dag", "trigger", DAG, "--wait", *slow, data=data)
    check_shipped_run(data, {kind: count + 4 for kind, count in rows.items()})


def test_a_run_beside_producers_sees_what_was_acknowledged_before_it(server, data):
    stop, acknowledged = threading.Event(), []

    def produce():
        while not stop.is_set():
            key = len(acknowledged)
            post(server.url, "pin", [{"index": key}])
            acknowledged.append(key)

    producer = threading.Thread(target=produce)
    producer.start()
    try:
        for _ in range(3):
            until(lambda: len(acknowledged) > 20, "records")
            before = list(acknowledged)
            run("dag", "trigger", DAG, "--wait", "-q", data=data)
            keys = [row["index"] for row in query("SELECT index FROM raw_pin", data)]
            assert len(set(keys)) == len(keys) and set(before) <= set(keys)
    finally:
        stop.set()
        producer.join()


def test_a_run_without_a_record_succeeds_with_empty_tables(data):
    run("dag", "trigger", DAG, "--wait", "-q", data=data)
    check_shipped_run(data, {"pin": 0, "geo": 0, "user": 0})
    assert query("users_joined_by_year", data) == []


def test_two_triggers_at_once_make_two_runs_that_do_not_meet(data):
    with Server(data) as server:
        post(server.url, "pin", [{"index": n} for n in range(50)])
    commands = [
        subprocess.Popen(
            [PINION, "dag", "trigger", DAG, "--wait", "-q", "--data", str(data)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) for _ in range(2)
    ]  # fmt: skip
    ended = [command.communicate(timeout=SECONDS_MAX) for command in commands]
    assert [command.returncode for command in commands] == [0, 0], ended
    runs = json.loads(run("dag", "runs", DAG, "--format", "json", data=data).stdout)
    assert len({entry["run"] for entry in runs}) == 2
    assert {entry["state"] for entry in runs} == {"success"}
    assert runs[1]["ended"] <= runs[0]["started"]  # newest first, and one at a time
    assert delta(data, "transformed/pin").num_rows == 50


# --- order and parallelism --------------------------------------------------------------------


def test_tasks_run_beside_each_other_where_the_graph_allows(dags):
    # Each of the three waits for both others: one after the other, they would never end.
    meet = (
        "touch at.{0}; while ! [ -e at.a -a -e at.b -a -e at.c ]; do sleep 0.02; done;"
        "echo {0} >> met"
    )
    tasks = {name: (meet.format(name), "first") for name in "abc"}
    own = dags(d=dag(
        first="echo first >> met", **tasks, last=("echo last >> met", "a", "b", "c"),
        settings_={"timeout": "50s"},
    ))  # fmt: skip
    assert own.trigger("d").returncode == 0
    met = own.trace("met")
    assert (met[0], sorted(met[1:4]), met[4:]) == ("first", ["a", "b", "c"], ["last"])


def test_parallelism_1_runs_one_task_at_a_time(dags):
    alone = "mkdir lock && sleep 0.1 && rmdir lock && echo {0} >> ran"
    tasks = {name: alone.format(name) for name in "abcd"}
    own = dags(d=dag(**tasks, settings_={"parallelism": 1}))
    assert own.trigger("d").returncode == 0
    assert sorted(own.trace("ran")) == ["a", "b", "c", "d"]


def test_a_failure_stops_what_comes_after_it_and_nothing_else(dags):
    own = dags(d=dag(
        bad="exit 3", after_bad=("echo no >> ran", "bad"),
        after_that=("echo no >> ran", "after_bad"),
        good="echo good >> ran", after_good=("echo after >> ran", "good"),
    ))  # fmt: skip
    done = own.trigger("d")
    assert done.returncode == 1 and done.stdout.split()[-1] == "failed"
    assert own.trace("ran") == ["good", "after"]
    states = {name: task["state"] for name, task in own.tasks("d").items()}
    assert states == {
        "bad": "failed", "after_bad": "upstream_failed", "after_that": "upstream_failed",
        "good": "success", "after_good": "success",
    }  # fmt: skip


# --- retries and timeouts ---------------------------------------------------------------------

FAIL_TWICE = "echo try >> tries; [ $(wc -l < tries) -ge 3 ]"


@pytest.mark.parametrize("with_server", [False, True])
def test_a_failed_task_is_tried_again_after_its_delay(dags, with_server):
    own = dags(d=dag(retries=2, retry_delay="400ms", flaky=FAIL_TWICE,
                     then=("echo x >> then", "flaky")))  # fmt: skip
    if with_server:
        with own.server():
            done = own.trigger("d")
    else:
        done = own.trigger("d")
    assert done.returncode == 0, done
    assert len(own.trace("tries")) == 3 and own.trace("then") == ["x"]
    assert own.tasks("d")["flaky"]["tries"] == 3
    logs = own.run("dag", "logs", "d").stdout
    heads = re.findall(r"^--- flaky, attempt (\d), (\S+), (.*)$", logs, re.M)
    assert [head[0] for head in heads] == ["1", "2", "3"]
    assert [head[2] for head in heads] == ["failed (exit 1)"] * 2 + ["success (exit 0)"]
    starts = [datetime.fromisoformat(head[1].replace("Z", "+00:00")) for head in heads]
    for before, after in zip(starts, starts[1:]):
        assert (after - before).total_seconds() >= 0.4


def test_retries_end(dags):
    own = dags(d=dag(retries=2, bad="echo try >> tries; exit 1"))
    assert own.trigger("d").returncode == 1
    assert len(own.trace("tries")) == 3
    task = own.tasks("d")["bad"]
    assert (task["state"], task["tries"]) == ("failed", 3)


def test_a_timeout_ends_a_task_and_what_it_started(dags):
    hang = "echo $$ >> pids; sleep 300 & echo $! >> pids; echo begun; wait"
    own = dags(d=dag(retries=1, hang=hang, settings_={"timeout": "300ms"}))
    assert own.trigger("d").returncode == 1
    assert own.tasks("d")["hang"]["tries"] == 2
    pids = own.trace("pids")
    assert len(pids) == 4 and not any(alive(pid) for pid in pids)
    logs = own.run("dag", "logs", "d", "hang").stdout
    assert logs.count("begun") == 2 and logs.count("timeout") == 2
    assert "timeout (signal 15)" in logs


def test_a_task_that_takes_no_sigterm_is_killed(dags):
    own = dags(d=dag(hang="trap '' TERM; echo $$ >> pids; while :; do sleep 0.1; done",
                     settings_={"timeout": "1s"}))  # fmt: skip
    assert own.trigger("d").returncode == 1
    (pid,) = own.trace("pids")
    assert not alive(pid)


def test_waiting_can_end_before_the_run_does(dags):
    own = dags(d=dag(wait="touch begun; while ! [ -e go ]; do sleep 0.02; done"))
    with own.server():
        done = own.trigger("d", "--timeout", "100ms")
        assert done.returncode == 1 and done.stderr.count("\n") == 1
        until(lambda: (own.traces / "begun").exists(), "the task")
        assert own.runs()[0]["state"] == "running"
        (own.traces / "go").touch()
        until(lambda: own.runs()[0]["state"] == "success", "the run")


# --- cancel -----------------------------------------------------------------------------------


@pytest.mark.parametrize("with_server", [False, True])
def test_cancel_ends_the_run_its_tasks_and_the_wait(dags, with_server):
    hang = "echo $$ >> pids; sleep 300 & echo $! >> pids; touch go; wait"
    own = dags(d=dag(retries=3, hang=hang, then=("touch never", "hang")))
    server = own.server().start() if with_server else None
    waiting = own.start("d")
    until(lambda: (own.traces / "go").exists(), "the task")
    own.run("dag", "cancel", "d", "--yes")
    out, err = waiting.communicate(timeout=SECONDS_MAX)
    assert waiting.returncode == 1 and out.split()[-1] == "cancelled", (out, err)
    pids = own.trace("pids")
    until(lambda: not any(alive(pid) for pid in pids), "the end of the task's processes")
    assert len(pids) == 2 and not (own.traces / "never").exists()
    assert own.runs()[0]["state"] == "cancelled"
    assert own.tasks("d")["hang"]["tries"] == 1
    one_line(own.run("dag", "cancel", "d", "--yes", check=False), "over already")
    if server:
        server.stop()


def test_a_queued_run_can_be_cancelled(dags):
    own = dags(d=dag(a="touch ran"))
    own.run("dag", "trigger", "d", "--run-id", "mine")
    for answer in ("", "n\n", "yellow\n"):
        done = own.run("dag", "cancel", "d", "mine", check=False, input=answer)
        assert done.returncode == 1 and "--yes" in done.stderr, done.stderr
    assert own.runs()[0]["state"] == "queued"
    own.run("dag", "cancel", "d", "mine", input="y\n")
    assert own.runs()[0]["state"] == "cancelled"
    with own.server():
        assert own.trigger("d").returncode == 0  # another run; the cancelled one stays so
    assert [entry["state"] for entry in own.runs()] == ["success", "cancelled"]


# --- logs, status, runs -----------------------------------------------------------------------


def test_logs_hold_both_outputs_of_every_attempt(dags):
    own = dags(d=dag(
        retries=2, noisy=f"echo out $(wc -l < tries 2>&1); echo err é >&2; {FAIL_TWICE}",
        other=("printf 'no newline'", "noisy"),
    ))  # fmt: skip
    assert own.trigger("d", "--run-id", "mine").returncode == 0
    noisy = own.run("dag", "logs", "d", "noisy").stdout
    assert noisy.count("err é") == 3 and "no newline" not in noisy
    assert re.search("^out 1$", own.run("dag", "logs", "d", "noisy", "--try", "2").stdout, re.M)
    assert "no newline" in own.run("dag", "logs", "d", "other", "--run", "mine").stdout
    assert (own.data / "dag/d/mine/other.1.log").read_text() == "no newline"
    assert own.trigger("d", "--run-id", "second").returncode == 0
    assert own.run("dag", "logs", "d", "noisy", "--run", "mine").stdout == noisy
    assert own.run("dag", "logs", "d", "noisy").stdout.count("err é") == 1


def test_runs_are_paged_filtered_and_printed_in_three_formats(dags):
    own = dags(d=dag(a="true"), e=dag(a="false"))
    for name in ("r1", "r2", "r3", "r4"):
        assert own.trigger("d", "--run-id", name).returncode == 0
    assert own.trigger("e", "--run-id", "bad").returncode == 1

    def names(*more):
        return [entry["run"] for entry in own.runs(*more)]

    assert names() == ["bad", "r4", "r3", "r2", "r1"]
    assert names("d", "--limit", "2") == ["r4", "r3"]
    assert names("d", "--limit", "2", "--offset", "2") == ["r2", "r1"]
    assert names("d", "--offset", "4") == []
    assert names("--state", "failed") == ["bad"]
    assert names("d", "--state", "failed") == []
    text = own.run("dag", "runs", "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    keys = ["run", "dag", "state", "queued", "started", "ended", "seconds"]
    assert list(rows[0]) == keys and list(own.runs()[0]) == keys
    assert [row["run"] for row in rows] == names()
    table = own.run("dag", "runs").stdout.splitlines()
    assert table[0].split() == keys and len(table) == 2 + 5


@pytest.mark.parametrize("args, words", [
    (["trigger", "nosuch"], ["nosuch", "dag list"]),
    (["trigger", "nosuch", "--wait"], ["nosuch"]),
    (["show", "nosuch"], ["nosuch"]),
    (["runs", "nosuch"], ["nosuch"]),
    (["status", "nosuch"], ["nosuch"]),
    (["status", "d", "norun"], ["norun", "dag runs"]),
    (["logs", "d", "notask"], ["notask", "dag show"]),
    (["logs", "d", "--run", "norun"], ["norun"]),
    (["logs", "d", "a", "--try", "7"], ["attempt", "dag status d mine"]),
    (["cancel", "nosuch", "--yes"], ["nosuch"]),
    (["cancel", "d", "norun", "--yes"], ["norun"]),
    (["trigger", "d", "--run-id", "mine"], ["mine", "give another name"]),
    (["trigger", "d", "--run-id", "../x"], ["../x"]),
    (["trigger", "d", "--run-id", ""], ["run"]),
])  # fmt: skip
def test_what_is_not_there_is_said_in_one_line(ran, args, words):
    one_line(ran.run("dag", *args, check=False), *words)
    assert [entry["run"] for entry in ran.runs()] == ["mine"]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A DAG that ran once."""
    own = Dags(tmp_path_factory.mktemp("ran"), {"d": dag(a="true")})
    assert own.trigger("d", "--run-id", "mine").returncode == 0
    return own


# --- crashes of the scheduler -----------------------------------------------------------------

# It takes a while on its first attempt only, so that the scheduler can be killed within.
SLOW_ONCE = "echo $$ >> pids; [ $(wc -l < pids) -gt 1 ] || sleep 300"


def test_a_server_killed_in_mid_run_is_recovered_by_the_next(dags):
    own = dags(d=dag(retries=2, first="echo x >> first", slow=(SLOW_ONCE, "first"),
                     last=("echo x >> last", "slow")))  # fmt: skip
    server = own.server().start()
    own.run("dag", "trigger", "d", "--run-id", "mine")
    until(lambda: own.trace("pids"), "the slow task")
    server.kill()
    assert own.runs()[0]["state"] == "running"
    with own.server():
        until(lambda: own.runs()[0]["state"] == "success", "the run's end")
    check_recovered(own)


def test_a_waiting_trigger_killed_in_mid_run_is_recovered_by_the_next(dags):
    own = dags(d=dag(retries=2, first="echo x >> first", slow=(SLOW_ONCE, "first"),
                     last=("echo x >> last", "slow")),
               e=dag(a="true"))  # fmt: skip
    waiting = own.start("d", "--run-id", "mine")
    until(lambda: own.trace("pids"), "the slow task")
    waiting.send_signal(signal.SIGKILL)
    waiting.communicate()
    with own.server():
        until(lambda: own.runs("d")[0]["state"] == "success", "the run's end")
    check_recovered(own)


def check_recovered(own):
    assert own.trace("first") == ["x"] and own.trace("last") == ["x"]
    tasks = own.tasks("d", "mine")
    assert (tasks["first"]["tries"], tasks["last"]["tries"]) == (1, 1)
    assert 2 <= tasks["slow"]["tries"] <= 3
    pids = own.trace("pids")
    assert len(pids) <= 3
    assert not any(alive(pid) for pid in pids), "an attempt of the killed scheduler lives on"


@pytest.fixture
def orphans_reaped():
    """What loses its parent becomes a child of this process, which reaps it as a machine's init
    does; that of a container may not."""
    libc, subreaper = ctypes.CDLL(None, use_errno=True), 36  # PR_SET_CHILD_SUBREAPER
    assert libc.prctl(subreaper, 1, 0, 0, 0) == 0
    yield lambda pid: os.waitpid(int(pid), 0)
    assert libc.prctl(subreaper, 0, 0, 0, 0) == 0


def test_what_a_killed_attempt_had_started_ends_before_the_next(dags, orphans_reaped):
    """The kernel kills the shell with its scheduler, but not the command that it waits for."""
    begins = (
        "{ sh -c 'echo $$ >> commands; [ $(wc -l < commands) -gt 1 ] || sleep 300' & "
        "echo $$ >> shells; wait; }"
    )
    own = dags(d=dag(retries=2, command=begins))
    server = own.server().start()
    own.run("dag", "trigger", "d", "--run-id", "mine")
    until(lambda: own.trace("commands") and own.trace("shells"), "the command")
    (command,), (shell,) = own.trace("commands"), own.trace("shells")
    server.kill()
    orphans_reaped(shell)
    assert alive(command)
    with own.server():
        until(lambda: own.runs()[0]["state"] == "success", "the run's end")
    until(lambda: not alive(command), "the end of the command")
    orphans_reaped(command)
    assert len(own.trace("commands")) == 2
    lost = own.answer("dag", "logs", "d", "command", "--try", "1")[0]
    assert lost["outcome"] == "lost"


def test_a_scheduler_killed_again_and_again_tries_at_most_retries_plus_1_times(dags):
    own = dags(d=dag(retries=2, hang="echo $$ >> pids; sleep 300"))
    own.run("dag", "trigger", "d")
    for attempt in range(1, 4):
        server = own.server().start()
        until(lambda: len(own.trace("pids")) >= attempt, f"attempt {attempt}")
        server.kill()
    with own.server():
        until(lambda: own.runs()[0]["state"] == "failed", "the run's end")
    assert len(own.trace("pids")) == 3
    assert own.tasks("d")["hang"]["tries"] == 3
    assert not any(alive(pid) for pid in own.trace("pids"))


def test_an_interrupted_wait_says_how_the_run_goes_on(dags):
    own = dags(d=dag(retries=1, slow=SLOW_ONCE))
    waiting = own.start("d")
    until(lambda: own.trace("pids"), "the slow task")
    waiting.send_signal(signal.SIGINT)
    _, err = waiting.communicate(timeout=SECONDS_MAX)
    assert waiting.returncode == 1 and "pinion serve" in err
    with own.server():
        until(lambda: own.runs()[0]["state"] == "success", "the run's end")
    assert not any(alive(pid) for pid in own.trace("pids"))


def test_a_trigger_without_a_server_waits_for_one(dags):
    own = dags(d=dag(a="echo x >> ran"))
    done = own.run("dag", "trigger", "d")
    assert done.stdout.split()[-1] == "queued" and "pinion serve" in done.stderr
    assert own.trace("ran") == []
    with own.server():
        until(lambda: own.runs()[0]["state"] == "success", "the run")
    assert own.trace("ran") == ["x"]


def test_a_task_knows_its_data_and_pipeline(dags):
    own = dags(d=dag(a='cd / && echo "$PINION_DATA" "$PINION_PIPELINE" > "$OLDPWD/told"'))
    assert own.trigger("d").returncode == 0
    data, pipeline = own.trace("told")
    assert (Path(data) / "state.db").exists() and Path(data).is_absolute()
    assert (Path(pipeline) / "pipeline.yml").exists() and Path(pipeline).is_absolute()


def test_the_environment_reaches_a_task_and_its_failure_has_the_exit_code(dags):
    own = dags(d=dag(a='echo "$GIVEN" > given; exit 42'))
    assert own.trigger("d", env={**os.environ, "GIVEN": "to the task"}).returncode == 1
    assert own.trace("given") == ["to", "the", "task"]
    assert "exit 42" in own.run("dag", "logs", "d").stdout


def test_a_task_that_fails_for_real_is_told_with_its_reason(data):
    """A table whose log is broken fails the load, which commits nothing to it."""
    with Server(data) as server:
        post(server.url, "geo", [{"ind": 1}])
    run("dag", "trigger", DAG, "--wait", "-q", data=data)
    log = data / "store/delta_tables/raw/geo/_delta_log"
    (commit,) = log.glob("*.json")
    whole = commit.read_bytes()
    commit.write_bytes(whole[: len(whole) // 2])
    one_line(run("task", DAG, LOAD, data=data, check=False), commit.name)
    assert list(log.glob("*.json")) == [commit]
    commit.write_bytes(whole)
    run("task", DAG, LOAD, data=data)
    assert delta(data, "raw/geo").num_rows == 1
