"""engine.kind=spark with the real Spark and Delta Lake on this machine: the shipped pipeline's
loads, cleans and queries give what the embedded engine gives, row by row."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

from contract import KINDS, post, run_dag  # noqa: E402
from pinion import ROOT, Server, query, run  # noqa: E402
from readers import in_order, rows_by_delta_rs  # noqa: E402

DAG = "batch_processing_dag"
CLEAN = "clean_pin_data_and_save_as_delta_table"
QUERIES = sorted(file.stem for file in (ROOT / "pipelines/pinterest/queries").glob("*.sql"))
TIMES = ["2018-09-03T07:12:45.5", "2018-09-03 07:12", "nonsense", None, {"$date": "2020-01-01"}]
BAD = [
    "no row", 7, [], {"title": "no key"}, {"index": "7"}, {"index": 1.5}, {"index": 1 << 63},
    {"index": 1, "title": 5}, [{"index": 900001}, 3],
]  # fmt: skip

# A job takes its time to start, and there may be others on this machine.
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Settings of a Spark without a way to Maven: Delta's files are here already."""
    python = Path(sys.executable)
    jars = ",".join(str(jar) for jar in sorted((ROOT / "third_party/spark-jars").glob("*.jar")))
    java = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # jobs end before more would pay
    settings = {
        "engine": {"kind": "spark"},
        "spark": {
            "submit": str(python.parent / "spark-submit"), "master": "local[2]", "packages": "",
            "jars": jars, "python": str(python),
            "conf": f"spark.driver.memory=1g; spark.driver.extraJavaOptions={java}",
        },
    }  # fmt: skip
    file = tmp_path_factory.mktemp("settings") / "spark.yml"
    file.write_text(json.dumps(settings))
    return file


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
        run_dag(data)
    return data


@pytest.fixture(scope="module")
def spark(landed, config, tmp_path_factory):
    """The same landed objects, loaded and cleaned by a run of the DAG on Spark."""
    data = tmp_path_factory.mktemp("spark") / "data"
    shutil.copytree(landed / "store/topics", data / "store/topics")
    run("dag", "trigger", DAG, "--wait", "--config", config, data=data, timeout=1500)
    return data


@pytest.mark.parametrize("kind", KINDS)
def test_tables(landed, spark, kind):
    for path in (f"delta_tables/raw/{kind}", f"delta_tables/transformed/{kind}"):
        ours = rows_by_delta_rs(landed / "store" / path)
        assert len(ours) > 50
        assert rows_by_delta_rs(spark / "store" / path) == ours


def test_dead_letters(landed, spark):
    names = ("table", "topic", "partition", "object", "line", "value")

    def places(data):
        rows = query("SELECT * FROM dead_letters", data)
        assert all(row["reason"] for row in rows)
        return in_order({name: row[name] for name in names} for row in rows)

    assert len(places(landed)) == len(BAD)
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


def test_nothing_is_left_of_the_jobs(spark):
    assert not list(spark.glob("store/spark_jobs/*/*"))


@pytest.mark.parametrize("name", QUERIES)
def test_queries(landed, spark, config, name):
    theirs = run("query", name, "--format", "json", "--config", config, data=spark)
    ours = query(name, landed)
    assert ours and json.loads(theirs.stdout) == ours


def test_types_of_an_answer(landed, spark, config):
    sql = "SELECT ind, coordinates, timestamp, CAST(NULL AS DOUBLE) AS none FROM geo ORDER BY ind"
    theirs = run("query", sql, "--format", "json", "--config", config, data=spark)
    assert json.loads(theirs.stdout) == query(sql, landed)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DROP TABLE pin", "not a SELECT"),
        ("WITH x AS (SELECT 1 AS a) INSERT INTO pin SELECT * FROM x", "not a SELECT"),
        ("SELECT * FROM text.`/etc/passwd`", "there is no table text./etc/passwd"),
        ("SELECT reflect('java.lang.System', 'getenv')", "reflect is not allowed"),
        ("SELECT nothing FROM pin", "nothing"),
    ],
)
def test_refused(spark, config, sql, said):
    done = run("query", sql, "--config", config, data=spark, check=False)
    assert done.returncode == 1
    assert said in done.stderr.splitlines()[-1]


def test_optimize(landed, config, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(landed / "store", data / "store")
    path = data / "store/delta_tables/transformed/pin"
    before = rows_by_delta_rs(path)
    import deltalake

    table = deltalake.DeltaTable(path).to_pyarrow_table()
    for start in range(3):
        deltalake.write_deltalake(path, table.slice(start, 1), mode="append")
    done = run("table", "optimize", "pin", "--format", "json", "--config", config, data=data)
    assert json.loads(done.stdout) == [{"files_before": 4, "files_after": 1}]
    assert len(rows_by_delta_rs(path)) == len(before) + 3
    assert query("SELECT count(*) AS n FROM pin", data) == [{"n": len(before) + 3}]


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("spark.jars=", "spark.packages or spark.jars"),
        ("spark.master=nonsense", "spark.master"),
        ("spark.python=/nowhere/python", "spark.python"),
    ],
)
def test_a_wrong_setting_is_named(spark, config, setting, named):
    done = run("task", DAG, CLEAN, "--config", config, "--set", setting, data=spark, check=False)
    assert done.returncode == 1
    assert named in done.stderr.splitlines()[-1]


def test_java_is_missing(spark, config):
    env = {"PATH": "/usr/bin:/bin", "JAVA_HOME": "/nowhere"}
    done = run("task", DAG, CLEAN, "--config", config, data=spark, env={**os.environ, **env},
               check=False)  # fmt: skip
    assert done.returncode == 1 and "JAVA_HOME" in done.stderr.splitlines()[-1]
