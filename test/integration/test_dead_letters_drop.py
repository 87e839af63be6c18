"""`pinion dead-letters drop`: letters go, and no load brings them back."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time

import deltalake
import pytest

from pinion import PINION, Server, run
from streams import letters as stream_letters
from streams import put
from test_expect import GOOD, Shop
from test_incremental import MERGE, land, sunk, task, write_pipeline

SECONDS_MAX = 60
BAD = ({"id": "x"}, {"id": None}, {"id": 2**63})  # wrong type, missing, out of range
MODES = ("mode: overwrite", "mode: append")


def listed(data, pipeline, *args):
    done = run("dead-letters", "list", *args, "--format", "json", "--pipeline", pipeline, data=data)
    return json.loads(done.stdout)


def ids(data, pipeline, *args):
    return {letter["id"] for letter in listed(data, pipeline, *args)}


def drop(data, pipeline, *args, **more):
    done = run(
        "dead-letters", "drop", *args, "--format", "json", "--pipeline", pipeline, data=data, **more
    )
    return json.loads(done.stdout)[0] if done.returncode == 0 else done


def memory(data, name="grow"):
    return list((data / f"store/{name}/dead_letters/_dropped").glob("*"))


def remembered(data):
    lines = [line for path in memory(data) for line in path.read_text().splitlines()]
    return {one for line in lines for one in json.loads(line)["ids"]}


def letters_of(data, name="grow"):
    """What another program reads."""
    return deltalake.DeltaTable(str(data / f"store/{name}/dead_letters")).to_pyarrow_table()


def test_a_drop_asks_and_says_how_many(data, tmp_path):
    grow = write_pipeline(tmp_path / "grow", "grow")
    land(data, "shop.orders", 0, 0, [*BAD, {"id": 1}])
    land(data, "shop.countries", 0, 0, [{"code": 1}])
    task("load", data, grow)
    task("countries", data, grow)
    before = listed(data, grow)
    assert len(before) == 4
    for said in ("", "n\n", "yes!\n"):
        refused = drop(data, grow, "--all", check=False, input=said)
        assert refused.returncode == 1 and "Drop 4 dead letters?" in refused.stderr
        assert "no dead letter was dropped: answer y, or give --yes" in refused.stderr
    assert drop(data, grow, "--all", "--dry-run") == {"letters": 4, "dropped": False}
    assert listed(data, grow) == before and memory(data) == []
    found = drop(data, grow, "--table", "raw_orders", "--reason", "OUT OF range", input="y\n")
    assert found == {"letters": 1, "dropped": True}
    assert drop(data, grow, "--topic", "shop.countries", "--yes")["letters"] == 1
    assert drop(data, grow, "--topic", "none", "--yes") == {"letters": 0, "dropped": False}
    left = listed(data, grow)
    assert {letter["table"] for letter in left} == {"raw_orders"} and len(left) == 2
    assert [letter for letter in before if letter in left] == left  # the others are as they were
    assert drop(data, grow, left[0]["id"], "--yes")["letters"] == 1
    assert listed(data, grow) == left[1:]
    gone = drop(data, grow, left[0]["id"], "--yes", check=False)
    assert gone.returncode == 1 and "there is no such letter, or not any more" in gone.stderr
    for args in ([], ["x", "--all"], ["x", "--table", "raw_orders"]):
        assert run("dead-letters", "drop", *args, data=data, check=False).returncode == 2


def test_a_drop_takes_what_was_counted(data, tmp_path):
    """Letters that come while it asks stay, though they fit. A limit takes the oldest."""
    grow = write_pipeline(tmp_path / "grow", "grow", "mode: append")
    land(data, "shop.orders", 0, 0, BAD)
    task("load", data, grow)
    before = ids(data, grow)
    command = [PINION, "dead-letters", "drop", "--all", "--pipeline", grow, "--data", data]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        asked = ""
        while "Drop 3 dead letters?" not in asked:
            asked += process.stderr.read(1)
        land(data, "shop.orders", 0, 3, [{"id": "later"}, {"id": "latest"}])
        task("load", data, grow)
        assert len(ids(data, grow)) == 5
        out, _ = process.communicate("y\n")
    assert process.returncode == 0 and "3" in out
    left = ids(data, grow)
    assert len(left) == 2 and not left & before
    for size in ("0", "1000001"):
        refused = drop(data, grow, "--all", "--limit", size, "--yes", check=False)
        assert refused.returncode == 2
    assert drop(data, grow, "--all", "--limit", "1", "--yes") == {"letters": 1, "dropped": True}
    assert len(ids(data, grow)) == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_load_does_not_bring_it_back(data, tmp_path, mode):
    """Nor does one of all objects. What is gone is forgotten."""
    grow = write_pipeline(tmp_path / "grow", "grow", mode)
    path = land(data, "shop.orders", 0, 0, [*BAD, {"id": 1}])
    land(data, "shop.orders", 1, 0, [{"id": "other"}])
    sunk(data, "shop.orders", 0, 4, 2)
    task("load", data, grow)
    assert len(ids(data, grow)) == 6
    dropped = ids(data, grow, "--reason", "id")
    assert drop(data, grow, "--reason", "'id'", "--yes")["letters"] == 4
    dropped |= {letter["id"] for letter in listed(data, grow)[:1]}
    assert drop(data, grow, listed(data, grow)[0]["id"], "--yes")["letters"] == 1
    [left] = ids(data, grow)
    for more in ([], [], ["--full-refresh"], []):
        land(data, "shop.orders", 0, 10 + random.randrange(10**6), [{"id": 2}])
        task("load", data, grow, *more)
        assert ids(data, grow) == {left}
        assert letters_of(data).num_rows == 1
    assert memory(data)
    text = path.read_text()
    path.unlink()
    (data / "store/topics/shop.orders/partition=1").rename(data / "aside")
    (data / "store/dead_letters/shop.orders").rename(data / "sunk")
    task("load", data, grow, "--full-refresh")
    assert memory(data) == [] and ids(data, grow) == set()
    path.write_text(text)  # nothing is remembered of it any more
    task("load", data, grow, "--full-refresh")
    assert len(ids(data, grow)) == 3


def old_id(letter):
    """The id by which earlier versions knew a letter: with the offset and the whole reason."""
    names = ("source", "table", "origin", "partition", "position", "object", "line", "reason",
             "value")  # fmt: skip
    parts = ("" if letter[name] is None else str(letter[name]) for name in names)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


@pytest.mark.parametrize("mode", MODES)
def test_what_was_dropped_under_an_old_id_stays_away(data, tmp_path, mode):
    grow = write_pipeline(tmp_path / "grow", "grow", mode)
    path = land(data, "shop.orders", 0, 0, [*BAD, "no json\n", {"id": 1}])
    os.setxattr(path, "user.pinion.offsets", b"0-5")
    sunk(data, "shop.orders", 0, 5, 1)
    task("load", data, grow)
    before = {old_id(letter): letter["id"] for letter in listed(data, grow)}
    differs = sorted(old for old, one in before.items() if old != one)
    assert len(before) == 5 and len(differs) == 4  # the sink's is of its offset, without more words
    gone = differs[:3]
    for one in gone:  # as a browser that has the list of before asks for it
        assert drop(data, grow, one, "--dry-run")["letters"] == 1
    assert drop(data, grow, gone[0], "--yes")["letters"] == 1
    for file in memory(data):
        text = file.read_text()
        file.write_text(text.replace(before[gone[0]], gone[0]))
    for one in gone[1:]:
        drop(data, grow, before[one], "--yes")
    left = sorted(before[one] for one in before if one not in gone)
    for number in (10, 20):
        land(data, "shop.orders", 0, number, [{"id": 2}])
        task("load", data, grow, "--full-refresh")
        assert sorted(ids(data, grow)) == left


def test_what_is_gone_is_forgotten_where_no_letter_is_left(data, tmp_path):
    grow = write_pipeline(tmp_path / "grow", "grow")
    path = land(data, "shop.orders", 0, 0, [*BAD, {"id": 1}])
    task("load", data, grow)
    assert drop(data, grow, "--all", "--yes")["letters"] == 3
    task("load", data, grow)
    assert memory(data) and ids(data, grow) == set()
    path.write_text('{"id": 1}\n')
    task("load", data, grow)
    assert memory(data) == [] and ids(data, grow) == set()


@pytest.mark.parametrize("mode", ["mode: append", MERGE], ids=["append", "merge"])
def test_what_is_gone_is_forgotten_where_rows_are_added(data, tmp_path, mode):
    """An object that retention removed, and the sink's letters: no full refresh is needed."""
    grow = write_pipeline(tmp_path / "grow", "grow", mode)
    first = land(data, "shop.orders", 0, 0, [*BAD, {"id": 1}])
    land(data, "shop.orders", 0, 4, [{"id": "stays"}, {"id": 2}])
    sunk(data, "shop.orders", 0, 6, 2)
    task("load", data, grow)
    every = listed(data, grow)
    assert drop(data, grow, "--all", "--yes")["letters"] == len(every) == 6
    assert remembered(data) == {letter["id"] for letter in every}
    task("load", data, grow)
    assert remembered(data) == {letter["id"] for letter in every}
    first.unlink()
    task("load", data, grow)
    left = [letter for letter in every if not (letter["object"] or "").endswith(first.name)]
    assert remembered(data) == {letter["id"] for letter in left} and len(left) == 3
    (data / "store/dead_letters/shop.orders").rename(data / "sunk")
    task("load", data, grow)
    [stays] = [letter for letter in left if letter["object"] is not None]
    assert remembered(data) == {stays["id"]}
    task("load", data, grow, "--full-refresh")
    assert remembered(data) == {stays["id"]} and ids(data, grow) == set()


@pytest.mark.parametrize("mode", MODES)
def test_a_load_ends_a_drop_that_was_killed(data, tmp_path, mode):
    """What the drop leaves after it has remembered: here it is made again by hand."""
    grow = write_pipeline(tmp_path / "grow", "grow", mode)
    land(data, "shop.orders", 0, 0, [*BAD, {"id": 1}])
    land(data, "shop.countries", 0, 0, [{"code": 1}])
    task("load", data, grow)
    task("countries", data, grow)
    [stays] = ids(data, grow, "countries")
    folder = data / "store/grow/dead_letters"
    for name in ("countries", "load"):  # any load does, also of another table
        task("load", data, grow, "--full-refresh")
        before = ids(data, grow)
        assert len(before) == 4
        shutil.copytree(folder, data / "before")
        assert drop(data, grow, "--table", "raw_orders", "--yes")["letters"] == 3
        [memo] = memory(data)
        text = memo.read_text()
        shutil.rmtree(folder)
        (data / "before").rename(folder)
        (folder / "_dropped").mkdir(exist_ok=True)
        (folder / "_dropped" / memo.name.replace(".jsonl", ".open.jsonl")).write_text(text)
        assert ids(data, grow) == before
        task(name, data, grow)
        assert ids(data, grow) == {stays}
        [closed] = memory(data)
        assert ".open" not in closed.name and closed.read_text() == text
        closed.unlink()


def test_a_full_refresh_keeps_no_letters_of_objects_that_are_gone(data, tmp_path):
    grow = write_pipeline(tmp_path / "grow", "grow", "mode: append")
    path = land(data, "shop.orders", 0, 0, [*BAD])
    land(data, "shop.orders", 0, 3, [{"id": "stays"}])
    bad = tmp_path / "bad.csv"
    bad.write_text("id,seq\nx,1\n2,2\n")
    task("load", data, grow)
    run("import", "raw_orders", bad, "--bad-rows", "dead-letter", "--pipeline", grow, data=data)
    assert len(listed(data, grow)) == 5
    path.unlink()
    task("load", data, grow)
    assert len(listed(data, grow)) == 5
    task("load", data, grow, "--full-refresh", "--drop-imported")
    [left] = listed(data, grow)
    assert '"stays"' in left["reason"]


def test_rows_in_quarantine(data, tmp_path):
    shop = Shop(tmp_path / "shop", data)
    shop.write("      - {range: {column: amount, max: 100}, action: quarantine}\n")
    shop.land("orders", [*GOOD, {"id": 4, "amount": 101.0, "status": "new"},
                         {"id": 5, "amount": 102.0, "status": "new"}])  # fmt: skip
    run("batch", "--pipeline", shop.folder, data=data)
    first, second = listed(data, shop.folder)
    assert drop(data, shop.folder, first["id"], "--yes")["letters"] == 1
    for _ in range(2):
        run("batch", "--pipeline", shop.folder, data=data)
        assert ids(data, shop.folder) == {second["id"]}
    folder = data / "store/delta_tables/dead_letters/_dropped"
    assert list(folder.glob("*"))
    shop.write("      - {range: {column: amount, max: 200}, action: quarantine}\n")
    run("batch", "--pipeline", shop.folder, data=data)
    assert ids(data, shop.folder) == set() and not list(folder.glob("*"))


def of_shipped(data):
    return json.loads(run("dead-letters", "list", "--format", "json", data=data).stdout)


def test_letters_of_a_stream(data):
    with Server(data) as server:
        deadline = time.monotonic() + SECONDS_MAX
        while len(stream_letters(data)) < 3:
            assert time.monotonic() < deadline
            put(server.url, "pin", {"index": "no number"})
            time.sleep(0.1)
        before = {letter["id"] for letter in of_shipped(data)}
        dropped = set(sorted(before)[:2])
        run("dead-letters", "drop", *dropped, "--yes", data=data)
        put(server.url, "pin", {"index": "another"})
        found = []
        while not any("another" in letter["value"] for letter in found):
            assert time.monotonic() < deadline
            found = of_shipped(data)
        assert before - dropped <= {letter["id"] for letter in found}
        assert not dropped & {letter["id"] for letter in found}


@pytest.mark.parametrize("mode", MODES)
def test_killed_at_any_moment(data, tmp_path, mode):
    """Whatever a killed drop has done, no other letter is lost, and the next load ends it, or the
    same drop."""
    chance = random.Random(7)
    grow = write_pipeline(tmp_path / "grow", "grow", mode)
    land(data, "shop.countries", 0, 0, [{"code": 1}, {"code": "a"}])
    task("countries", data, grow)
    [stays] = ids(data, grow)
    for number in range(6):
        land(data, "shop.orders", 0, 10 * number, [*BAD, {"id": number}])
        task("load", data, grow)
        wanted = ids(data, grow, "raw_orders")
        assert len(wanted) == 3  # those of the objects before are dropped
        known = remembered(data)
        command = [PINION, "dead-letters", "drop", "--table", "raw_orders", "--yes", "--pipeline",
                   str(grow), "--data", str(data)]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            try:
                process.wait(chance.uniform(0.02, 0.4))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            process.communicate()
        assert wanted | {stays} >= ids(data, grow) >= {stays}
        if chance.random() < 0.5 and remembered(data) > known:
            task("load", data, grow)
            assert ids(data, grow) == {stays}
        run("dead-letters", "drop", "--table", "raw_orders", "--yes", "--pipeline", grow, data=data)
        assert ids(data, grow) == {stays}
        task("load", data, grow, *(["--full-refresh"] if chance.random() < 0.5 else []))
        assert ids(data, grow) == {stays}


def test_drops_beside_loads(data, tmp_path):
    """Loads of two tables and drops at once: what a drop has dropped stays so."""
    grow = write_pipeline(tmp_path / "grow", "grow")
    land(data, "shop.orders", 0, 0, [{"id": str(number)} for number in range(40)])
    land(data, "shop.countries", 0, 0, [{"code": number} for number in range(5)])
    task("load", data, grow)
    task("countries", data, grow)
    wanted = [letter["id"] for letter in listed(data, grow, "raw_orders")]
    countries = ids(data, grow, "countries")
    failures = []

    def load(name):
        try:
            for _ in range(4):
                task(name, data, grow)
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=load, args=(name,)) for name in ("load", "countries")]
    for thread in threads:
        thread.start()
    for at in range(0, 40, 10):
        deadline = time.monotonic() + SECONDS_MAX
        args = ("dead-letters", "drop", *wanted[at : at + 10], "--yes", "--pipeline", grow)
        while (done := run(*args, data=data, check=False)).returncode != 0:
            assert time.monotonic() < deadline
            if "no such letter, or not any more" in done.stderr:
                break  # a load has ended it
            assert "drop the letters again" in done.stderr
        assert not ids(data, grow) & set(wanted[: at + 10])
    for thread in threads:
        thread.join()
    assert failures == []
    task("load", data, grow)
    assert ids(data, grow) == countries
