"""engine.kind=spark with the real Spark and Delta Lake on this machine: the shipped pipeline's
loads, cleans and queries give what the embedded engine gives, row by row."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import deltalake
import pytest

import awkward
import test_expect
from contract import KINDS, UID, post, run_dag
from pinion import PINION, ROOT, Server, query, run
from readers import in_order, rows_by_delta_rs
from spark import definition_of, job_library, write_settings

DAG = "batch_processing_dag"
CLEAN = "clean_pin_data_and_save_as_delta_table"
QUERIES = sorted(file.stem for file in (ROOT / "pipelines/pinterest/queries").glob("*.sql"))
TIMES = ["2018-09-03T07:12:45.5", "2018-09-03 07:12", "nonsense", None, {"$date": "2020-01-01"}]
BAD = [
    "no row", 7, [], {"title": "no key"}, {"index": "7"}, {"index": 1.5}, {"index": 1 << 63},
    {"index": 1, "title": 5}, [{"index": 900001}, 3],
]  # fmt: skip

SUNK = ["/w==", "AAEC/w=="]  # no JSON, so the sink cannot land it: in base64

# A job takes its time to start, and there may be others on this machine.
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return write_settings(tmp_path_factory.mktemp("settings"))


@pytest.fixture(scope="module")
def landed(tmp_path_factory):
    """Records of the generator, odd ones and bad ones, loaded and cleaned by pinion itself."""
    data = tmp_path_factory.mktemp("landed") / "data"
    with Server(data) as server:
        run("emulate", "batch", "--url", server.url, "--rows", "60", "--batch", "20", "-q")
        post(server.url, "geo", [
            {"idx": 900000 + i, "timestamp": time, "latitude": i, "longitude": -0.5e1, "x": {}}
            for i, time in enumerate(TIMES)
        ])  # fmt: skip
        post(server.url, "pin", [
            *BAD, {"index": 9.00010e5, "title": "é✨\\n", "follower_count": "1.2M"}
        ])  # fmt: skip
        binary = {"Content-Type": "application/vnd.kafka.binary.v2+json"}
        body = {"records": [{"value": value} for value in SUNK]}
        assert server.request("POST", f"/topics/{UID}.user", body, binary)[0] == 200
        run_dag(data)
    return data


@pytest.fixture(scope="module")
def spark(landed, config, tmp_path_factory):
    """The same landed objects, loaded and cleaned by a run of the DAG on Spark."""
    data = tmp_path_factory.mktemp("spark") / "data"
    for folder in ("topics", "dead_letters"):
        shutil.copytree(landed / "store" / folder, data / "store" / folder)
    run("dag", "trigger", DAG, "--wait", "--config", config, data=data, timeout=1500)
    return data


@pytest.mark.parametrize("kind", KINDS)
def test_tables(landed, spark, kind):
    for path in (f"delta_tables/raw/{kind}", f"delta_tables/transformed/{kind}"):
        ours = rows_by_delta_rs(landed / "store" / path)
        assert len(ours) > 50
        assert rows_by_delta_rs(spark / "store" / path) == ours


def test_dead_letters(landed, spark):
    def places(data):
        """The offset of a line is known to pinion alone."""
        rows = query("SELECT * FROM dead_letters", data)
        return in_order(
            {**row, **awkward.UNSIGNED, "offset": None if row["object"] else row["offset"],
             "reason": awkward.told(row["reason"])} for row in rows
        )  # fmt: skip

    assert len(places(landed)) == len(BAD) + len(SUNK)
    assert places(spark) == places(landed)


def test_the_runs_say_the_same(landed, spark):
    """Rows, dead letters and members that no column takes, as the task's output has them."""

    def said(data):
        lines = []
        for log in sorted(data.glob(f"dag/{DAG}/*/*.log")):
            lines += [
                line.rsplit(",", 1)[0] for line in log.read_text().splitlines() if " rows" in line
            ]
        return [line for line in lines if "version" in line and not line.startswith("{")]

    assert len(said(landed)) == 6
    assert said(spark) == said(landed)


def test_versions_say_what_made_them(spark):
    letters = query("SELECT made_by, after_version FROM dead_letters", spark)
    assert {json.loads(row["made_by"])["dag"] for row in letters} == {DAG}
    assert {row["after_version"] for row in letters} == {None}  # there were no tables yet
    for table in ("raw_geo", "geo", "dead_letters"):
        done = run("table", "history", table, "--format", "json", data=spark)
        for version in json.loads(done.stdout):
            assert version["engine"].startswith("Apache-Spark/4.1")
            assert version["maker"]["dag"] == DAG and version["maker"]["try"] >= 1, version


def test_a_dropped_letter_stays_away(landed, spark, config):
    def listed():
        return json.loads(run("dead-letters", "list", "--format", "json", data=spark).stdout)

    before = listed()
    sunk = [one for one in before if one["object"] is None]
    gone = [sunk[0], next(one for one in before if one["object"] is not None)]
    dropped = run("dead-letters", "drop", *(one["id"] for one in gone), "--yes", data=spark)
    assert dropped.returncode == 0
    load = "load_data_from_S3_and_save_as_delta_tables"
    run("task", DAG, load, "--config", config, data=spark, timeout=1500)
    left = [one["id"] for one in listed()]
    assert sorted(left) == sorted(one["id"] for one in before if one not in gone)


def test_nothing_is_left_of_the_jobs(spark):
    assert not list(spark.glob("store/spark_jobs/*/*"))


def test_a_query_by_the_command(landed, spark, config):
    sql = "SELECT ind, coordinates, timestamp, CAST(NULL AS DOUBLE) AS none FROM geo ORDER BY ind"
    theirs = run("query", sql, "--format", "json", "--config", config, data=spark, timeout=1500)
    assert json.loads(theirs.stdout) == query(sql, landed)


# --- what a job does, in one session: most of a job is Spark's start -----------------------------


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    with job_library(tmp_path_factory.mktemp("library")) as perform:
        yield perform


@pytest.fixture(scope="module")
def job(library, landed, tmp_path_factory):
    """Does one action of a job on the shipped pipeline's tables, as pinion made them."""
    folder = tmp_path_factory.mktemp("shipped")
    definition = definition_of(ROOT / "pipelines/pinterest", folder)
    return lambda action, **request: library(landed / "store", definition, action, **request)


@pytest.mark.parametrize("name", QUERIES)
def test_queries(landed, job, name):
    result = job("query", sql=(ROOT / f"pipelines/pinterest/queries/{name}.sql").read_text())
    names = [column["name"] for column in result["columns"]]
    rows = [dict(zip(names, map(json.loads, row))) for row in result["rows"]]
    ours = query(name, landed)
    assert ours and rows == ours
    assert set(result["versions"].values()) == {0}


# Spark's expression, DuckDB's where it is another one, and the type.
VALUES = [
    ("CAST(1.50 AS DECIMAL(10,2))", None, "DECIMAL(10,2)"),
    ("CAST('12345678901234567890.123' AS DECIMAL(38,3))", None, "DECIMAL(38,3)"),
    ("CAST('NaN' AS DOUBLE)", None, "DOUBLE"),
    ("CAST('-Infinity' AS DOUBLE)", None, "DOUBLE"),
    ("CAST('1e300' AS DOUBLE)", None, "DOUBLE"),
    ("CAST('180' AS DOUBLE)", None, "DOUBLE"),
    ("CAST('123456789012345678' AS DOUBLE)", None, "DOUBLE"),
    ("CAST('-0.00001234' AS DOUBLE)", None, "DOUBLE"),
    ("CAST('100000' AS DOUBLE)", None, "DOUBLE"),
    ("CAST('-0.0' AS DOUBLE)", None, "DOUBLE"),
    ("CAST(0.1 AS FLOAT)", None, "FLOAT"),
    ("CAST(7 AS TINYINT)", None, "TINYINT"),
    ("9223372036854775807", None, "BIGINT"),
    ("true", None, "BOOLEAN"),
    ("NULL", None, "NULL"),
    ("'é\u2028\U0001f600'", None, "VARCHAR"),
    ("x'41ff5c'", "'A\\xFF\\x5C'::BLOB", "BLOB"),
    ("DATE'0001-01-01'", None, "DATE"),
    ("TIMESTAMP'2020-01-01 00:00:00.5Z'", "TIMESTAMPTZ'2020-01-01 00:00:00.5Z'",
     "TIMESTAMP WITH TIME ZONE"),
    ("TIMESTAMP'0001-01-01 00:00:00Z'", "TIMESTAMPTZ'0001-01-01 00:00:00Z'",
     "TIMESTAMP WITH TIME ZONE"),
    ("TIMESTAMP_NTZ'9999-12-31 23:59:59.999999'", "TIMESTAMP'9999-12-31 23:59:59.999999'",
     "TIMESTAMP"),
    ("INTERVAL '1 02:00:00.5' DAY TO SECOND", "INTERVAL '1 day 02:00:00.5'", "INTERVAL"),
    ("array(1.5D, NULL)", "[1.5::DOUBLE, NULL]", "DOUBLE[]"),
    ("array(TIMESTAMP'2020-01-01 00:00:00Z')", "[TIMESTAMPTZ'2020-01-01 00:00:00Z']",
     "TIMESTAMP WITH TIME ZONE[]"),
    ("map('k', TIMESTAMP'2020-01-01 00:00:00Z')", "MAP {'k': TIMESTAMPTZ'2020-01-01 00:00:00Z'}",
     "MAP"),
    ("map(1, 'x', 2, NULL)", "MAP {1: 'x', 2: NULL}", "MAP"),
    ("named_struct('at', TIMESTAMP'2020-01-01 00:00:00Z', 'in', named_struct('x', INT(NULL)))",
     "{'at': TIMESTAMPTZ'2020-01-01 00:00:00Z', 'in': {'x': NULL::INT}}",
     'STRUCT("at" TIMESTAMP WITH TIME ZONE, "in" STRUCT("x" INTEGER))'),
    ("DATE'2020-01-31' - INTERVAL '40' DAY", "(DATE'2020-01-31' - 40)", "DATE"),
]  # fmt: skip


def test_values_of_an_answer(landed, job):
    """As texts: 1.50 is not 1.5."""
    result = job("query", sql=f"SELECT {', '.join(spark for spark, _, _ in VALUES)}")
    assert result["state"] == "done", result
    sql = ", ".join(f"{duck or spark} AS v{i}" for i, (spark, duck, _) in enumerate(VALUES))
    done = run("query", f"SELECT {sql}", "--format", "json", data=landed)
    as_text = {"parse_float": str, "parse_int": str}
    (ours,) = json.loads(done.stdout, **as_text)
    theirs = [json.loads(value, **as_text) for value in result["rows"][0]]
    assert theirs == list(ours.values())
    assert [column["type"] for column in result["columns"]] == [kind for _, _, kind in VALUES]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DROP TABLE pin", "not a SELECT"),
        ("WITH x AS (SELECT 1 AS a) INSERT INTO pin SELECT * FROM x", "not a SELECT"),
        ("SELECT * FROM text.`/etc/passwd`", "there is no table text./etc/passwd"),
        ("SELECT (SELECT max(value) FROM text.`/etc/passwd`)", "there is no table text./etc"),
        ("SELECT reflect('java.lang.System', 'getenv')", "reflect is not allowed"),
        ("SELECT nothing FROM pin", "nothing"),
        ("SELECT 1; SELECT 2", "extra input 'SELECT'"),
        ("SELECT assert_true(false)", "is not true"),
        ("SELECT CAST('x' AS INT)", "'x'"),
    ],
)
def test_refused(job, sql, said):
    result = job("query", sql=sql)
    assert result["state"] == "failed" and result["class"] == "input", result
    assert said in result["message"]


def test_parameters(job):
    sql = "SELECT ? + 1 AS n, '?' || ? AS text, ? AS d, ? AS no, ? AS yes -- ?"
    result = job("query", sql=sql, parameters=[4, "é\\'\"?\n", 1.5, None, True])
    assert [json.loads(value) for value in result["rows"][0]] == [5, "?é\\'\"?\n", 1.5, None, True]
    for parameters in ([], [1, 2]):
        result = job("query", sql="SELECT ?", parameters=parameters)
        assert result["class"] == "input" and "parameters" in result["message"]


def test_check(job):
    clean = {"name": "pin", "file": "clean/pin.sql"}
    sql = (ROOT / "pipelines/pinterest/clean/pin.sql").read_text()
    good = {"name": "q", "file": "q.sql", "sql": "SELECT count(*) AS n FROM pin"}
    done = job("check", tables=[{**clean, "sql": sql}], queries=[good])
    assert done["state"] == "done", done
    wrong = job("check", tables=[{**clean, "sql": "SELECT 1 AS one"}], queries=[])
    assert wrong["class"] == "input" and wrong["message"].startswith("clean/pin.sql: the columns")
    wrong = job("check", tables=[], queries=[{**good, "sql": "SELECT x FROM pin"}])
    assert wrong["class"] == "input" and wrong["message"].startswith("q.sql: ")


def test_optimize(landed, job):
    path = landed / "store/delta_tables/transformed/user"
    before = len(rows_by_delta_rs(path))
    table = deltalake.DeltaTable(path).to_pyarrow_table()
    for start in range(3):
        deltalake.write_deltalake(path, table.slice(start, 1), mode="append")
    done = job("optimize", path="delta_tables/transformed/user", target_bytes=1 << 27)
    assert (done["files_before"], done["files_after"]) == (4, 1), done
    assert query("SELECT count(*) AS n FROM user", landed) == [{"n": before + 3}]


# --- awkward records -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two(library, tmp_path_factory):
    """Awkward records, as pinion and as a job have loaded them: two stores."""
    base = tmp_path_factory.mktemp("topics")  # the name of a folder in the store, too
    pipeline = awkward.write_pipeline(base / "pipeline")
    ours, theirs = base / "data", base / "topics/spark"
    for data in (ours, theirs):
        awkward.land(data / "store")
    done = run("task", "all", "load", "--pipeline", pipeline, data=ours)
    definition = definition_of(pipeline, base / "definition")
    tables = [{"name": policy} for policy in awkward.POLICIES]
    result = library(theirs / "store", definition, "load", tables=tables)
    assert result["state"] == "done", result
    return ours, theirs, done.stdout, result


@pytest.mark.parametrize("policy", awkward.POLICIES)
def test_awkward_records(two, policy):
    ours, theirs, _, _ = two
    path = f"store/tables/{policy}"
    rows = [in_order(awkward.one_zero(rows_by_delta_rs(data / path))) for data in (ours, theirs)]
    assert len(rows[0]) > 250
    assert rows[1] == rows[0]


def test_dead_letters_of_awkward_records(two):
    ours, theirs, _, _ = two
    path = "store/delta_tables/dead_letters"
    letters = [
        in_order({**row, **awkward.UNSIGNED, "offset": None,
                  "reason": awkward.told(row["reason"])} for row in rows_by_delta_rs(data / path))
        for data in (ours, theirs)
    ]  # fmt: skip
    assert len(letters[0]) > 600
    assert letters[1] == letters[0]


def test_counts_of_awkward_records(two):
    _, _, said, result = two
    for table in result["tables"]:
        counts = f"{table['rows']} rows from 1 object, {table['dead_letters']} dead letters"
        assert f"{table['table']}: version 0, {counts}, {table['unknown_values']} unknown" in said


# --- data tests ----------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["warn", "quarantine", "fail"])
def test_data_tests(library, tmp_path, action):
    """A job's table, dead letters and counts are pinion's."""
    shop = test_expect.Shop(tmp_path / "shop", tmp_path / "data")
    tests = test_expect.EACH.replace("ACTION", action)
    if action != "quarantine":
        tests += f"      - {{empty: big.sql, name: small, action: {action}}}\n"
        (shop.folder / "big.sql").write_text("SELECT * FROM orders WHERE amount > 100;\n")
    good, bad = test_expect.GOOD, list(test_expect.BAD.values())
    rows = {"good": good, "bad": good + bad}
    theirs = tmp_path / "theirs"
    for number, which in enumerate(("good", "bad") if action == "fail" else ("bad", "good")):
        for old in shop.data.glob("store/topics/shop.orders/**/*.json"):
            old.unlink()
        shop.land("orders", rows[which])
        shop.write(tests)
        done = run("batch", "--pipeline", shop.folder, data=shop.data, check=False)
        shutil.rmtree(theirs / "store/topics", ignore_errors=True)
        shutil.copytree(shop.data / "store/topics", theirs / "store/topics")
        definition = definition_of(shop.folder, tmp_path / f"definition{number}")
        raw = [{"name": "countries"}, {"name": "raw_orders"}]
        loaded = library(theirs / "store", definition, "load", tables=raw)
        assert loaded["state"] == "done", loaded
        assert loaded["tables"][0]["expect_failed"] == [0, 0]
        orders = [{"name": "orders", "sql": test_expect.SQL}]
        result = library(theirs / "store", definition, "transform", tables=orders)
        if which == "bad" and action == "fail":
            assert done.returncode != 0 and result["class"] == "input", result
            said = "table 'orders': 1 row does not pass not_null(id, status) and 5 other tests fail"
            assert said in done.stderr and result["message"].startswith(said)
            assert '"id":10' in result["message"]
        else:
            assert done.returncode == 0 and result["state"] == "done", (done.stderr, result)
            (table,) = result["tables"]
            counts = [1, 2, 1, 1, 1] if which == "bad" else [0] * 5
            if action != "quarantine":
                counts.append(1 if which == "bad" else 0)
            assert table["expect_failed"] == counts
            passed = f"{counts.count(0)} of {len(counts)} tests passed"
            said = f"orders: version {table['version']}, {table['rows']} rows, {passed}"
            assert said in done.stderr
        for path in ("t/orders", "delta_tables/dead_letters"):
            ours, spark = (
                in_order({**row, **awkward.UNSIGNED} for row in rows_by_delta_rs(store / path))
                for store in (shop.data / "store", theirs / "store")
            )
            assert spark == ours
    checked = library(theirs / "store", definition, "check", tables=orders_file(), queries=[])
    assert checked["state"] == "done", checked


def test_a_task_says_what_its_tests_found(config, tmp_path):
    """By spark-submit: the same words as pinion's own."""
    shop = test_expect.Shop(tmp_path / "shop", tmp_path / "data")
    shop.land("orders", [*test_expect.GOOD, *test_expect.BAD.values()])
    shop.write(test_expect.EACH.replace("ACTION", "warn"))
    with open(shop.folder / "pipeline.yml", "a") as file:
        file.write("dags: {all: {tasks: {load: {run: load, tables: [countries, raw_orders]}, "
                   "transform: {run: transform, tables: [orders], after: [load]}}}}\n")
    task = ("--pipeline", shop.folder, "--config", config)
    run("task", "all", "load", *task, data=shop.data, timeout=1500)
    done = run("task", "all", "transform", *task, data=shop.data, timeout=1500)
    said = done.stdout + done.stderr
    assert "orders: version 0, 8 rows, 0 of 5 tests passed" in said
    for name in test_expect.NAMES:
        assert f"warning: {name} has {'2 rows' if name == 'unique(id)' else '1 row'}" in said


def orders_file():
    return [{"name": "orders", "file": "orders.sql", "sql": test_expect.SQL}]


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("{range: {column: amount, max: many}}", "expect: range(amount): "),
        ("{accepted_values: {column: id, values: [1, x]}}", "expect: accepted_values(id): "),
        ("{empty: big.sql}", "expect: empty(big.sql): "),
    ],
)
def test_data_tests_are_checked(library, tmp_path, test, said):
    shop = test_expect.Shop(tmp_path / "shop", tmp_path / "data")
    (shop.folder / "big.sql").write_text("SELECT nothing FROM orders\n")
    shop.write(f"      - {test}\n")
    definition = definition_of(shop.folder, tmp_path / "definition")
    wrong = library(tmp_path, definition, "check", tables=orders_file(), queries=[])
    assert wrong["class"] == "input" and wrong["message"].startswith(f"table 'orders', {said}")


# --- settings, and a task that is killed ---------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("spark.jars=", "spark.packages or spark.jars"),
        ("spark.master=nonsense", "spark.master"),
        ("spark.python=/nowhere/python", "spark.python"),
    ],
)
def test_a_wrong_setting_is_named(spark, config, setting, named):
    done = run("task", DAG, CLEAN, "--config", config, "--set", setting, data=spark, check=False,
               timeout=1500)  # fmt: skip
    assert done.returncode == 1
    assert named in done.stderr.splitlines()[-1]


def test_java_is_missing(spark, config):
    env = {"PATH": "/usr/bin:/bin", "JAVA_HOME": "/nowhere"}
    done = run("task", DAG, CLEAN, "--config", config, data=spark, env={**os.environ, **env},
               check=False)  # fmt: skip
    assert done.returncode == 1 and "JAVA_HOME" in done.stderr.splitlines()[-1]


def jobs_of(data):
    """Processes that have the data folder's store in their command."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(data / "store").encode() in words:
            found[int(folder.name)] = words
    return found


def wait_for(condition):
    deadline = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_task_ends_java_and_python(spark, config):
    command = [PINION, "task", DAG, CLEAN, "--config", str(config), "--data", str(spark)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as task:
        # Java has started the driver's Python.
        wait_for(lambda: any(b"pinion_job.py" in words[1] for words in jobs_of(spark).values()))
        assert len(jobs_of(spark)) >= 2
        task.send_signal(signal.SIGTERM)
        assert task.wait(120) == -signal.SIGTERM
    wait_for(lambda: not jobs_of(spark))
    assert not list(spark.glob("store/spark_jobs/*/*"))
