"""pinion deploy spark: the files. test/cloud runs them on Spark."""

import datetime
import random

import pytest
import yaml
from cronsim import CronSim

from pinion import ROOT, run

LOAD = "load_data_from_S3_and_save_as_delta_tables"
CLEANS = [f"clean_{kind}_data_and_save_as_delta_table" for kind in ("geo", "pin", "user")]
QUERIES = sorted(file.stem for file in (ROOT / "pipelines/pinterest/queries").glob("*.sql"))

EVERY = """\
name: every
topics: {t: {}}
tables:
  raw: {path: tables/raw, from_topic: t, columns: {a: bigint}}
dags:
  every:
    schedule: "0 6 * * mon-fri"
    active_runs_max: 2
    run_timeout: 2h
    retries: 0
    retry_delay: 0s
    tasks:
      store:
        {run: check_store, retries: 2, retry_delay: 5s, retry_backoff: 2, timeout: 1500ms}
      tell: {run: command, command: "true", after: [store]}
      load: {run: load, tables: [raw], after: [tell, store], trigger_rule: all_done}
      last: {run: load, tables: [raw], after: [load], trigger_rule: none_skipped}
  told:
    tasks:
      tell: {run: command, command: "true"}
"""


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    run("deploy", "spark", "--to", folder, "--store", "s3://bucket")
    return folder


def test_every_part_has_its_file(notebooks):
    streams = ["stream_geo", "stream_pin", "stream_user"]
    for name in ["mount_s3_bucket", LOAD, *CLEANS, *streams, *QUERIES]:
        text = (notebooks / f"{name}.py").read_text(encoding="utf-8")
        assert text.startswith("# Databricks notebook source\n")
        compile(text, name, "exec")
    for name in QUERIES:
        sql = (ROOT / f"pipelines/pinterest/queries/{name}.sql").read_text(encoding="utf-8")
        assert (notebooks / f"sql/{name}.sql").read_text(encoding="utf-8").endswith(sql)
        assert sql in (notebooks / f"{name}.py").read_text(encoding="utf-8")


def test_the_definition(notebooks):
    names = {}
    exec((notebooks / "pinion_pipeline.py").read_text(encoding="utf-8"), names)
    assert names["STORE"] == "s3://bucket" and names["NAME"] == "pinterest"
    geo = names["TABLES"]["raw_geo"]
    assert geo["columns"]["ind"] == {
        "type": "bigint", "required": True, "aliases": ["index", "idx"], "unwrap": None,
        "coerce": "strict",
    }  # fmt: skip
    clean = names["TABLES"]["geo"]["columns"]["coordinates"]["type"]
    assert clean == {"latitude": "double", "longitude": "double"}
    assert names["TABLES"]["stream_geo"]["stream"] == {
        "name": "streaming-0e3bbd435bfb-geo", "start": "latest", "partition_key": "test_geo",
    }  # fmt: skip
    assert names["PRELUDE"].strip() == (
        ROOT / "pipelines/pinterest/prelude/spark.sql"
    ).read_text(encoding="utf-8").strip()  # fmt: skip


def test_the_bundle(notebooks):
    bundle = yaml.safe_load((notebooks / "databricks.yml").read_text())
    job = bundle["resources"]["jobs"]["batch_processing_dag"]
    tasks = {task["task_key"]: task for task in job["tasks"]}
    assert list(tasks) == ["mount_s3_bucket", LOAD, *CLEANS]
    for name, task in tasks.items():
        assert (notebooks / task["notebook_task"]["notebook_path"]).is_file()
        assert task["max_retries"] == 4 and task["min_retry_interval_millis"] == 60000
        wanted = {LOAD: ["mount_s3_bucket"], "mount_s3_bucket": []}.get(name, [LOAD])
        assert [other["task_key"] for other in task.get("depends_on", [])] == wanted
    streams = bundle["resources"]["jobs"]["streams"]["tasks"]
    assert {task["task_key"] for task in streams} == {"stream_pin", "stream_geo", "stream_user"}


def test_the_store_must_be_named(tmp_path):
    done = run("deploy", "spark", "--to", tmp_path, check=False)
    assert done.returncode == 2 and "--store is missing" in done.stderr


def test_a_bundle_of_every_property(tmp_path):
    """What a job of Databricks has a place for is in it; what it has none for is named."""
    (tmp_path / "every").mkdir()
    (tmp_path / "every/pipeline.yml").write_text(EVERY)
    done = run("deploy", "spark", "--to", tmp_path, "--store", "s3://b",
               "--pipeline", tmp_path / "every")  # fmt: skip
    bundle = yaml.safe_load((tmp_path / "databricks.yml").read_text())
    assert list(bundle["resources"]["jobs"]) == ["every"]  # a job of commands alone has no task
    job = bundle["resources"]["jobs"]["every"]
    assert job["max_concurrent_runs"] == 2 and job["timeout_seconds"] == 7200
    assert job["queue"] == {"enabled": True}
    assert job["parameters"] == [
        {"name": "logical_date", "default": "{{job.trigger.time.iso_datetime}}"}
    ]
    assert job["schedule"] == {
        "quartz_cron_expression": "0 0 6 ? * 2-6", "timezone_id": "UTC",
        "pause_status": "UNPAUSED",
    }  # fmt: skip
    assert job["tasks"] == [
        {
            "task_key": "store", "notebook_task": {"notebook_path": "./store.py"},
            "max_retries": 2, "min_retry_interval_millis": 5000, "timeout_seconds": 2,
            "retry_on_timeout": True,
        },
        {
            # After what the command is after: the bundle has no commands.
            "task_key": "load", "notebook_task": {"notebook_path": "./load.py"},
            "max_retries": 0, "min_retry_interval_millis": 0, "run_if": "ALL_DONE",
            "depends_on": [{"task_key": "store"}],
        },
        {
            "task_key": "last", "notebook_task": {"notebook_path": "./last.py"},
            "max_retries": 0, "min_retry_interval_millis": 0, "depends_on": [{"task_key": "load"}],
        },
    ]  # fmt: skip
    assert sorted(done.stderr.splitlines()) == [
        "note: every.last: Databricks has no such trigger_rule: in the bundle it is all_success",
        "note: every.store: Databricks waits equally long before each retry (retry_backoff)",
        "note: every.tell: is a command: it has no notebook and is not in the bundle",
        "note: told.tell: is a command: it has no notebook and is not in the bundle",
    ]


SCHEDULES = """\
name: schedules
topics: {t: {}}
tables:
  raw: {path: tables/raw, from_topic: t, columns: {a: bigint}}
dags:
"""


def bundle_of(tmp_path, schedules):
    """The jobs of a bundle with a DAG for each of {name: keys of its schedule}, and the notes."""
    text = SCHEDULES
    for name, keys in schedules.items():
        tasks = f"{{{name}-load: {{run: load, tables: [raw]}}}}"
        text += f"  {name}: {{{keys}, tasks: {tasks}}}\n"
    (tmp_path / "p").mkdir()
    (tmp_path / "p/pipeline.yml").write_text(text)
    done = run("deploy", "spark", "--to", tmp_path / "to", "--store", "s3://b",
               "--pipeline", tmp_path / "p")  # fmt: skip
    bundle = yaml.safe_load((tmp_path / "to/databricks.yml").read_text())
    return bundle["resources"]["jobs"], done.stderr.splitlines()


def test_what_a_schedule_of_databricks_cannot_say_is_named(tmp_path):
    jobs, notes = bundle_of(tmp_path, {
        "skip": 'schedule: "0 6 * * *", timezone: Europe/London, overlap: skip',
        "late": 'schedule: ["0 6 * * *", "0 18 * * *"], catchup: 1h, overlap: latest',
        "then": 'schedule: "0 6 * * *", start: 2026-01-31',
        "either": 'schedule: "0 6 13 * 5"',
        "apart": 'schedule: ["0 6 * * *", "30 18 * * *"]',
    })  # fmt: skip
    schedules = {name: job.get("schedule", {}) for name, job in jobs.items()}
    assert {name: of.get("quartz_cron_expression") for name, of in schedules.items()} == {
        "skip": "0 0 6 * * ?", "late": "0 0 6,18 * * ?", "then": "0 0 6 * * ?", "either": None,
        "apart": None,
    }  # fmt: skip
    assert schedules["skip"]["timezone_id"] == "Europe/London"
    assert jobs["skip"]["queue"] == {"enabled": False} and "queue" not in jobs["apart"]
    none = "the bundle's job has no schedule:"
    assert sorted(notes) == [
        f"note: apart: {none} a job has one cron expression, and these lines do not fit into one",
        f"note: either: {none} Quartz cannot fire on a day of the month or a day of the week",
        "note: late: Databricks makes no run for a time that was missed (catchup)",
        "note: late: on Databricks each run that is due waits (overlap: latest)",
        "note: then: Databricks has no start and end of a schedule: pause the job instead",
    ]


def values(field, low, high):
    """The numbers of a field of Quartz: *, lists and ranges."""
    if field in "*?":
        return set(range(low, high + 1))
    ends = [item.split("-") for item in field.split(",")]
    return {value for pair in ends for value in range(int(pair[0]), int(pair[-1]) + 1)}


def fires(expression, minute):
    """Does Quartz fire at that minute?"""
    seconds, minutes, hours, days, months, weekdays = expression.split(" ")
    assert seconds == "0" and (days == "?") != (weekdays == "?")
    return (
        minute.minute in values(minutes, 0, 59) and minute.hour in values(hours, 0, 23)
        and minute.day in values(days, 1, 31) and minute.month in values(months, 1, 12)
        and minute.isoweekday() % 7 + 1 in values(weekdays, 1, 7)
    )  # fmt: skip


def random_line(chance):
    """A cron line that Quartz has a form for."""
    def field(low, high, often):
        if chance.random() < often:
            return "*"
        low_end = chance.randint(low, high)
        return chance.choice([
            str(low_end), f"{low_end}-{chance.randint(low_end, high)}",
            ",".join(str(chance.randint(low, high)) for _ in range(3)),
            f"*/{chance.randint(1, high)}",
        ])  # fmt: skip

    days = [field(1, 28, 0.5), "*"]
    if days[0] == "*":
        days[1] = field(0, 6, 0.4)
    return " ".join([field(0, 59, 0.1), field(0, 23, 0.3), days[0], field(1, 12, 0.6), days[1]])


def test_quartz_fires_when_cron_does(tmp_path):
    """60 random lines, each with the next 20 times of another implementation of cron, and a minute
    beside each."""
    chance = random.Random(5)
    lines = {f"d{i}": random_line(chance) for i in range(60)}
    jobs, _ = bundle_of(tmp_path, {name: f'schedule: "{line}"' for name, line in lines.items()})
    begin, minute = datetime.datetime(2026, 1, 1), datetime.timedelta(minutes=1)
    for name, line in lines.items():
        expression = jobs[name]["schedule"]["quartz_cron_expression"]
        times = [time for _, time in zip(range(20), CronSim(line, begin), strict=False)]
        for time in times:
            assert fires(expression, time), (line, expression, time)
            if time + minute not in times and time != times[-1]:
                assert not fires(expression, time + minute), (line, expression, time)


def test_the_streams_of_a_pattern(tmp_path):
    """Each stream that is named gets its notebook; the pattern itself has none, which is said."""
    done = run("deploy", "spark", "--to", tmp_path, "--store", "s3://b",
               "--stream", "streaming-0a1b2c3d4e5f-geo",
               "--stream", "streaming-0a1b2c3d4e5f-pin")  # fmt: skip
    assert "note: streaming-*-geo: of a pattern's streams, those that --stream names" in done.stderr
    names = {}
    exec((tmp_path / "pinion_pipeline.py").read_text(encoding="utf-8"), names)
    made = {
        name: table for name, table in names["TABLES"].items()
        if table.get("stream", {}).get("name") == "streaming-0a1b2c3d4e5f-geo"
    }  # fmt: skip
    ((table, definition),) = made.items()
    assert definition["like"] == "geo" and "0a1b2c3d4e5f" in definition["path"]
    compile((tmp_path / f"{table}.py").read_text(encoding="utf-8"), table, "exec")
    streams = yaml.safe_load((tmp_path / "databricks.yml").read_text())["resources"]["jobs"][
        "streams"
    ]["tasks"]
    assert table in {task["task_key"] for task in streams} and len(streams) == 5
    done = run("deploy", "spark", "--to", tmp_path / "no", "--store", "s3://b",
               "--stream", "nothing-reads-this", check=False)  # fmt: skip
    assert done.returncode == 1 and "--stream: no table of the pipeline reads" in done.stderr
    assert not (tmp_path / "no").exists()
