"""A second run after 1 % new records, beside a run that makes the same tables afresh.

The pipeline is the shipped one with incremental tables: raw tables append, clean ones append or
merge. A run is the DAG's tasks that make tables, one process each: the load and three transforms.
Objects have 10,000 records each, as the sink cuts them. What both ways leave is compared.
"""

import json
import re
import shutil

import harness

SEED = 1
TIMEOUT_S = 900
OBJECT_LINES = 10_000
NEW_SHARE = 100  # one new record for so many
DAG = "batch_processing_dag"
LOAD = "load_data_from_S3_and_save_as_delta_tables"
TYPES = ("pin", "geo", "user")
ORDERS = {"pin": "unique_id", "geo": "timestamp", "user": "date_joined"}

# mode of the clean tables; goal for the time: second run / full one
GOALS = {"append": 0.1, "merge": 0.1}


def rows_of(options):
    return 100_000 if options.quick else 1_000_000


def names(options):
    return [f"incremental.{mode}.{rows_of(options)}" for mode in GOALS]


def make_pipeline(scratch, mode, more=""):
    """The shipped pipeline, its tables incremental; `more`: lines for each clean table."""
    folder = scratch / "pipeline"
    harness.measure([harness.PINION, "init", folder], TIMEOUT_S)
    path = folder / "pipeline.yml"
    text = path.read_text()
    for name in TYPES:
        text = text.replace(f"  raw_{name}:\n", f"  raw_{name}:\n    mode: append\n", 1)
        own = f"    mode: {mode}\n"
        if mode == "merge":
            own += f"    order_by: {ORDERS[name]}\n{more}"
        text = text.replace(f"\n  {name}:\n", f"\n  {name}:\n{own}", 1)
    path.write_text(text)
    return folder, re.search(r"^id: (\w+)", text, re.M).group(1)


def land(data, topic, lines, first):
    folder = data / f"store/topics/{topic}/partition=0"
    folder.mkdir(parents=True, exist_ok=True)
    for at in range(0, len(lines), OBJECT_LINES):
        name = f"{topic}+0+{first + at:010}.json"
        (folder / name).write_text("".join(lines[at : at + OBJECT_LINES]))


def make_tables(data, pipeline, *more):
    """Runs the tasks that make tables; the seconds that they took."""
    seconds = 0.0
    tasks = [LOAD, *(f"clean_{name}_data_and_save_as_delta_table" for name in TYPES)]
    for task in tasks:
        command = [harness.PINION, "task", DAG, task, "--data", data, "--pipeline", pipeline]
        _, usage = harness.measure([*command, *more], TIMEOUT_S)
        seconds += usage.seconds
    return seconds


def sums(data, pipeline):
    """A checksum of each clean table's rows, whatever their order."""
    found = {}
    for name in TYPES:
        query = f'SELECT count(*) AS n, sum(hash(t)) AS sum FROM "{name}" AS t'
        command = [harness.PINION, "query", query, "--data", data, "--pipeline", pipeline]
        found[name], _ = harness.measure([*command, "--format", "json"], TIMEOUT_S)
    return {name: json.loads(text) for name, text in found.items()}


def run(name, scratch, options, say):
    mode = name.split(".")[1]
    rows = rows_of(options)
    pipeline, owner = make_pipeline(scratch, mode)
    source = scratch / "input"
    command = [harness.PINION, "emulate", "--to", "jsonl", source, "--rows", rows, "--seed", SEED]
    harness.measure(command, TIMEOUT_S)
    records = {t: (source / f"{t}.json").read_text().splitlines(True) for t in TYPES}
    again, full = [], []
    for _ in range(1 if options.quick else 3):
        data = scratch / "data"
        for kind, lines in records.items():
            land(data, f"{owner}.{kind}", lines[: len(lines) - rows // NEW_SHARE], 0)
        make_tables(data, pipeline)
        for kind, lines in records.items():
            first = len(lines) - rows // NEW_SHARE
            land(data, f"{owner}.{kind}", lines[first:], first)
        again.append(make_tables(data, pipeline))
        left = sums(data, pipeline)
        full.append(make_tables(data, pipeline, "--full-refresh"))
        if sums(data, pipeline) != left:
            raise harness.BenchError(f"{mode} left other rows than a run that makes them afresh")
        shutil.rmtree(data)
    say(f"new records: {', '.join(f'{s:.2f} s' for s in again)}; all: "
        f"{', '.join(f'{s:.2f} s' for s in full)}")  # fmt: skip
    return [harness.compare(f"{name}.of_full.s", again, full, GOALS[mode])]
