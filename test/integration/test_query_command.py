"""`pinion query` and `pinion batch` as people and scripts use them."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pyarrow.parquet
import pytest

from pinion import PINION, Server, query, run

RECORDS = {
    "pin.json": '{"index":1,"title":"T","category":"art","follower_count":"2k"}\n'
    '{"index":"x"}\n{"index":2,"category":"art","extra":1}\n',
    "geo.jsonl": '{"ind":1,"country":"Côte, \\"d\'Ivoire\\"","latitude":1.5,"longitude":-2,'
    '"timestamp":"2018-09-03T07:12:45"}\n{"ind":2,"country":null}\n',
    "0e3bbd435bfb.user.ndjson": '{"ind":1,"first_name":"A","last_name":"B","age":20,'
    '"date_joined":"2017-01-01T00:00:00"}\n',
}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    for name, text in RECORDS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def data(records, tmp_path_factory):
    folder = tmp_path_factory.mktemp("query") / "data"
    run("batch", "--from", records, data=folder)
    return folder


def refused(*args, data):
    """The one line on standard error of a command that fails."""
    done = run(*args, data=data, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.strip()


def test_list(data):
    rows = json.loads(run("query", "--list", "--format", "json", data=data).stdout)
    assert len(rows) == 9
    assert [row["query"] for row in rows] == sorted(row["query"] for row in rows)
    assert all(row["description"] for row in rows)


def test_json(data):
    rows = query("popular_category_by_country", data)
    assert rows == [
        {"country": 'Côte, "d\'Ivoire"', "category": "art", "category_count": 1},
        {"country": None, "category": "art", "category_count": 1},
    ]
    assert query("SELECT * FROM geo ORDER BY ind", data) == [
        {
            "ind": 1,
            "country": 'Côte, "d\'Ivoire"',
            "coordinates": {"latitude": 1.5, "longitude": -2.0},
            "timestamp": "2018-09-03T07:12:45Z",
        },
        {
            "ind": 2,
            "country": None,
            "coordinates": {"latitude": None, "longitude": None},
            "timestamp": None,
        },
    ]
    assert query("SELECT * FROM user WHERE ind = 0", data) == []


def test_csv(data):
    text = run("query", "SELECT country, coordinates FROM geo ORDER BY ind", "--format", "csv",
               data=data).stdout  # fmt: skip
    rows = list(csv.reader(io.StringIO(text)))
    assert rows == [
        ["country", "coordinates"],
        ['Côte, "d\'Ivoire"', '{"latitude":1.5,"longitude":-2}'],
        ["", '{"latitude":null,"longitude":null}'],
    ]


def test_table(data):
    text = run("query", "SELECT ind, category FROM pin ORDER BY ind", data=data).stdout
    assert text.splitlines()[0].split() == ["ind", "category"]
    assert text.splitlines()[2].split() == ["1", "art"]


def test_dead_letters(data, records):
    rows = query('SELECT "table", topic, object, line, reason, value FROM dead_letters', data)
    assert rows == [
        {
            "table": "raw_pin",
            "topic": None,
            "object": str(records / "pin.json"),
            "line": 2,
            "reason": "column 'index': expected an integer, found string \"x\"",
            "value": '{"index":"x"}',
        }
    ]


def test_what_is_refused(data):
    message = refused("query", "popular_category_by_contry", data=data)
    assert "did you mean 'popular_category_by_country'" in message
    assert "--list" in refused("query", "zzzzzzzzzz", data=data)
    assert "not a SELECT" in refused("query", "DROP TABLE pin", data=data)
    assert "one SELECT" in refused("query", "SELECT 1; SELECT 2", data=data)
    assert refused("query", "SELECT * FROM read_text('/etc/passwd')", data=data)
    assert refused("query", "SELECT * FROM '/etc/passwd'", data=data)
    assert "line 2" in refused("query", "SELECT\nFROM WHERE", data=data)
    assert run("query", data=data, check=False).returncode == 2


def copy_of_pin(data, key):
    """Copies the table pin to another key of the store; returns its folder."""
    log = next(data.rglob("pin/_delta_log"))
    store = next(folder for folder in log.parents if folder.name == "store")
    shutil.copytree(log.parent, store / key)
    return store / key


def test_a_name_in_quotes_need_not_be_a_table(data):
    damaged = copy_of_pin(data, "bad/t")
    for commit in (damaged / "_delta_log").iterdir():
        commit.write_text("no log\n", encoding="utf-8")
    assert refused("query", 'SELECT * FROM "bad/t"', data=data)
    assert query('SELECT 1 AS "bad/t"', data) == [{"bad/t": 1}]
    assert query("SELECT 'of \"bad/t\"' AS text", data) == [{"text": 'of "bad/t"'}]
    assert query('SELECT 1 AS "km/h@2" -- "bad/t@3"', data) == [{"km/h@2": 1}]
    assert query('SELECT 1 AS "pin@77"', data) == [{"pin@77": 1}]
    assert "pin" in refused("query", 'SELECT 1 FROM "pin@77"', data=data)


def test_keys_that_differ_in_case_are_not_mixed_up(data):
    copy_of_pin(data, "s/Orders")
    copy_of_pin(data, "s/orders")
    for key in ("s/Orders", "s/orders"):
        assert query(f'SELECT count(*) AS n FROM "{key}"', data) == [{"n": 2}]
    both = 'SELECT count(*) AS n FROM "s/Orders{}" AS a, "s/orders{}" AS b'
    message = refused("query", both.format("", ""), data=data)
    assert '"s/Orders"' in message and '"s/orders"' in message and "case" in message
    assert "case" in refused("query", both.format("@0", "@0"), data=data)
    assert "no table" in refused("query", 'SELECT * FROM "S/ORDERS"', data=data)


def test_before_anything_was_loaded(tmp_path):
    (tmp_path / "data").mkdir()
    message = refused("query", "popular_category_by_country", data=tmp_path / "data")
    assert "does not exist yet" in message
    assert "pinion dag trigger batch_processing_dag" in message


def test_batch_prints_every_answer(data, records, tmp_path):
    answers = json.loads(
        run("batch", "--from", records, "--format", "json", "--timing", data=tmp_path / "d").stdout
    )
    names = [row["query"] for row in json.loads(
        run("query", "--list", "--format", "json", data=data).stdout)]  # fmt: skip
    assert list(answers) == names
    assert all(answers[name] == query(name, data) for name in names)


def test_batch_again_makes_new_versions_of_the_same_rows(data, records):
    before = query("SELECT * FROM pin ORDER BY ind", data)
    done = run("batch", "--from", records, data=data)
    assert "raw_pin: version 1, 2 rows, 1 dead letter, 1 unknown value" in done.stderr
    assert query("SELECT * FROM pin ORDER BY ind", data) == before
    assert query("SELECT count(*) AS n FROM dead_letters", data) == [{"n": 1}]


def test_batch_names_the_missing_file(tmp_path):
    (tmp_path / "pin.json").write_text("")
    message = refused("batch", "--from", tmp_path, data=tmp_path / "data")
    assert "raw_geo.json" in message and "geo.json" in message
    assert not (tmp_path / "data/store/delta_tables").exists()


# --- another user ---------------------------------------------------------------------------------


@pytest.fixture
def shared(data):
    """A copy of the data that may be read and not written: by another user, where we are root."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "data"
        shutil.copytree(data, copy)
        shutil.rmtree(copy / "tmp", ignore_errors=True)
        shutil.rmtree(copy / "store/.tmp", ignore_errors=True)
        run("dag", "trigger", "batch_processing_dag", data=copy)
        paths = [Path(folder), *Path(folder).rglob("*")]
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0o444)
        yield copy
        for path in paths:
            path.chmod(0o755 if path.is_dir() else 0o644)


def as_reader(*args):
    """Runs a command as one who may not write."""
    reader = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    return subprocess.run([PINION, *map(str, args)], capture_output=True, text=True, timeout=60,
                          cwd="/", **reader)  # fmt: skip


@pytest.mark.parametrize("args", [
    ["query", "SELECT count(*) FROM pin"], ["table", "list"], ["table", "schema", "pin"],
    ["table", "history", "pin"], ["table", "files", "pin"], ["dag", "list"], ["dag", "runs"],
    ["dag", "status", "batch_processing_dag"],
])  # fmt: skip
def test_reading_needs_no_right_to_write(shared, args):
    before = set(shared.rglob("*"))
    done = as_reader(*args, "--data", shared)
    assert done.returncode == 0 and "pinion: " not in done.stderr, done
    assert done.stdout
    assert set(shared.rglob("*")) == before


def test_a_reader_beside_a_server(data):
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "data"
        shutil.copytree(data, copy)
        Path(folder).chmod(0o755)
        with Server(copy):
            run("dag", "trigger", "batch_processing_dag", data=copy)
            done = as_reader("dag", "runs", "--data", copy)
            assert done.returncode == 0 and "manual__" in done.stdout, done.stderr


def test_a_reader_spills_elsewhere(shared):
    """And leaves nothing there."""
    with tempfile.TemporaryDirectory() as temp:
        Path(temp).chmod(0o777)
        reader = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        sql = "SELECT count(*) FROM (SELECT DISTINCT i, i + 1 FROM range(6000000) t(i))"
        done = subprocess.run(
            [PINION, "query", sql, "--set", "engine.memory_bytes_max=100MB", "--set",
             "engine.threads=2", "--data", shared, "--format", "csv"], capture_output=True,
            text=True, timeout=120, cwd="/", env={**os.environ, "TMPDIR": temp}, **reader,
        )  # fmt: skip
        assert done.returncode == 0 and "6000000" in done.stdout, done.stderr
        assert list(Path(temp).iterdir()) == []


# --- an end before the end ------------------------------------------------------------------------

SLOW = "SELECT count(*) FROM range(1000000000000) t(i) WHERE hash(i) = 1"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_query(data, number):
    """As if it had no handler, but for what DuckDB spilled, which is removed."""
    with subprocess.Popen([PINION, "query", SLOW, "--data", data], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:  # fmt: skip
        spilled = Path(data) / "tmp"
        deadline = time.monotonic() + 60
        while not list(spilled.glob(f"duckdb-{process.pid}*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(number)
        assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == -number
    assert not list(spilled.glob(f"duckdb-{process.pid}*"))


def test_a_time_limit(data):
    assert "--timeout" in refused("query", SLOW, "--timeout", "200ms", data=data)
    assert query("SELECT 1 AS a", data) == [{"a": 1}]


def test_the_memory_of_queries(data):
    hungry = "SELECT max(len(l)) FROM (SELECT list(i) AS l FROM range(100000000) t(i))"
    message = refused("query", hungry, "--set", "query.memory_bytes_max=64MiB", data=data)
    assert "Out of Memory" in message


def test_the_command_of_workers_is_not_listed():
    assert "query-worker" not in run("help").stdout
    assert "query-worker" not in run("completion", "bash").stdout


# --- from files, and to files ---------------------------------------------------------------------


def test_a_query_from_a_file_or_standard_input(data, tmp_path):
    text = "-- how many\nSELECT count(*) AS n\nFROM pin;\n"
    (tmp_path / "q.sql").write_text(text)
    for words in (["--file", tmp_path / "q.sql"], ["--file", "-"]):
        done = run("query", *words, "--format", "ndjson", data=data, input=text)
        assert json.loads(done.stdout) == {"n": 2}


@pytest.mark.parametrize(("text", "said"), [
    (" \n;", "has no query"), ("SELECT 1\0", "NUL byte"), ("-" * 1100000, "1048576"),
    ("SELECT nope", "nope"),
])  # fmt: skip
def test_a_file_that_is_no_query(data, tmp_path, text, said):
    (tmp_path / "q.sql").write_text(text)
    done = run("query", "--file", tmp_path / "q.sql", data=data, check=False)
    assert done.returncode == 1 and said in done.stderr


def rows_of(path):
    """The rows of an exported file, by pyarrow and Python's own readers."""
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path).to_pylist()
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        return list(csv.DictReader(io.StringIO(text, newline="")))
    return json.loads(text) if path.suffix == ".json" else list(map(json.loads, text.splitlines()))


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json", "jsonl", "ndjson"])
def test_a_result_in_a_file(data, tmp_path, suffix):
    path = tmp_path / f"pins.{suffix}"
    path.write_text("what was there")
    sql = "SELECT ind, title FROM pin ORDER BY ind"
    assert run("query", sql, "--output", path, data=data).stdout == ""
    found = rows_of(path)
    assert [str(row["ind"]) for row in found] == ["1", "2"]
    assert found[0]["title"] == "T" and not found[1]["title"]
    assert os.listdir(tmp_path) == [path.name]


def test_a_file_stays_as_it_was_when_the_query_fails(data, tmp_path):
    path = tmp_path / "pins.parquet"
    path.write_text("what was there")
    late = "SELECT CASE WHEN i < 99999 THEN i ELSE error('late') END FROM range(100000) t(i)"
    for words in ([], ["--format", "csv"]):
        done = run("query", late, "--output", path, *words, data=data, check=False)
        assert done.returncode == 1 and "late" in done.stderr
        assert path.read_text() == "what was there" and os.listdir(tmp_path) == [path.name]
    done = run("query", "SELECT 1", "--output", tmp_path / "no/x.csv", data=data, check=False)
    assert done.returncode == 1 and "cannot create" in done.stderr
    assert f"cannot write {tmp_path / 'no/x.csv'}, " in done.stderr


@pytest.mark.parametrize("name", ["x.xlsx", "x.csv.gz", "x.v2", ""])
def test_a_name_that_says_no_format_is_refused(data, tmp_path, name):
    path = tmp_path / name if name else ""
    for words in (["query", "SELECT 1 AS a"], ["export", "pin"]):
        done = run(*words, "--output", path, data=data, check=False)
        assert done.returncode == 2 and not (name and path.exists())
        assert (".jsonl or .ndjson, or give --format" if name else "a file") in done.stderr


def test_a_name_in_capitals_and_one_without_an_end(data, tmp_path):
    (tmp_path / "folder.v2").mkdir()
    for name, text in (("X.CSV", "a\r\n1\r\n"), ("folder.v2/rows", "a\n-\n1\n")):
        run("query", "SELECT 1 AS a", "--output", tmp_path / name, data=data)
        assert (tmp_path / name).read_bytes().decode() == text


def test_a_result_in_what_is_no_usual_file(data, tmp_path):
    run("query", "SELECT 1 AS a", "--output", "/dev/null", "--format", "csv", data=data)
    assert not os.path.isfile("/dev/null")
    done = run("query", "SELECT 1 AS a", "--output", "/dev/stdout", "--format", "jsonl", data=data)
    assert json.loads(done.stdout) == {"a": 1}
    done = run("export", "pin", "--format", "parquet", "--output", "/dev/null", data=data,
               check=False)  # fmt: skip
    assert done.returncode == 1 and "/dev/null is not a file" in done.stderr
    (tmp_path / "folder").mkdir()
    target = tmp_path / "folder/real.csv"
    target.write_text("old")
    (tmp_path / "link.csv").symlink_to(target)
    run("query", "SELECT 1 AS a", "--output", tmp_path / "link.csv", data=data)
    assert (tmp_path / "link.csv").is_symlink() and target.read_text().split() == ["a", "1"]


@pytest.mark.parametrize("words", [
    ["SELECT 1", "--format", "parquet"], ["SELECT 1", "--file", "-"], ["--list", "--output", "x"],
    ["--list", "--file", "x"], [],
])  # fmt: skip
def test_options_that_do_not_go_together(data, words):
    assert run("query", *words, data=data, check=False).returncode == 2


def test_export(records, tmp_path):
    data = tmp_path / "data"
    run("batch", "--from", records, data=data)
    run("batch", data=data)  # nothing has landed: the newest version has no rows
    path = tmp_path / "pins.parquet"
    run("export", "pin@0", "--output", path, data=data)
    assert [row["ind"] for row in sorted(rows_of(path), key=lambda row: row["ind"])] == [1, 2]
    lines = run("export", "pin@0", data=data).stdout.splitlines()
    assert {json.loads(line)["ind"] for line in lines} == {1, 2}
    assert run("export", "pin", data=data).stdout == ""
    tables = json.loads(run("table", "list", "--format", "json", data=data).stdout)
    key = next(row["path"] for row in tables if row["table"] == "pin")
    assert len(run("export", f"{key}@0", "--format", "csv", data=data).stdout.splitlines()) == 3
    for wrong in ("pin@7", "nope", 'a"b'):
        done = run("export", wrong, "--output", path, data=data, check=False)
        assert done.returncode == 1 and len(rows_of(path)) == 2


def test_types_survive_parquet(data, tmp_path):
    sql = """SELECT 9007199254740993::BIGINT AS big, 1.50::DECIMAL(9,2) AS d, NULL::INT AS none,
             TIMESTAMP '2020-01-02 03:04:05.000006' AS t, [1, 2] AS l, {'a': 'x'} AS s,
             'ab'::BLOB AS b, true AS yes"""
    run("query", sql, "--output", tmp_path / "t.parquet", data=data)
    (row,) = rows_of(tmp_path / "t.parquet")
    assert (row["big"], str(row["d"]), row["none"], row["yes"]) == (2**53 + 1, "1.50", None, True)
    assert row["t"].microsecond == 6 and row["l"] == [1, 2] and row["s"] == {"a": "x"}
    assert row["b"] == b"ab"
