"""Values of JSON through the real program, by files and by a stream: every number is the one that
Python reads, whatever its spelling, and what no column takes is named."""

import json
import math
import random
import re
import time
from decimal import Decimal

import pytest
import requests
from deltalake import DeltaTable

from pinion import Server, run
from streams import kinesis

NUMBERS = 20_000
WAIT_SECONDS_MAX = 60

PIPELINE = """
name: values
tables:
  raw:
    path: raw
    from_topic: values
    columns: {id: bigint, d: double, n: bigint, pos: "struct<x double, in struct<y int>>"}
  clean: {path: clean, sql: clean/clean.sql, reads: [raw],
          columns: {id: bigint, d: double, n: bigint}}
  live: {path: live, like: clean, checkpoints: checkpoints}
topics:
  values: {partitions: 1}
streams:
  values: {shards: 1, start: trim_horizon, table: live}
"""


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("values")
    (folder / "clean").mkdir()
    (folder / "pipeline.yml").write_text(PIPELINE)
    (folder / "clean/clean.sql").write_text("SELECT id, d, n FROM raw\n")
    run("pipeline", "check", folder)
    return folder


def decimals(random):
    """Texts of numbers: short and long, near and far, with zeros wherever they may stand."""
    digits = "".join(random.choices("0123456789", k=random.randrange(1, 60)))
    if random.randrange(3) == 0:
        digits = re.sub("[1-8]", "0", digits)
    whole = random.choice(["0", "0", str(random.randrange(10**3)), str(random.randrange(10**25))])
    sign = random.choice(["", "", "-"])
    exponent = random.choice(["", "", "", f"e{random.randrange(-40, 40)}", "E+5", "e-330"])
    kind = random.randrange(4)
    if kind == 0:  # as a printf of a double in full has it
        return format(Decimal(random.uniform(-1, 1) * 10 ** random.randrange(-9, 9)), "f")
    if kind == 1:
        return f"{sign}{whole}{exponent}"
    return f"{sign}{whole}.{digits}{exponent}"


def whole(text):
    """The bigint that a number is, or None."""
    value = Decimal(text)
    return int(value) if value == value.to_integral_value() and -(2**63) <= value < 2**63 else None


def sent(random):
    """Lines, and by their id what their columns have to be."""
    lines, expected = [], {}
    for number in range(NUMBERS):
        text = decimals(random)
        integer = whole(text)
        lines.append(f'{{"id":{number},"d":{text},"n":{text if integer is not None else "null"}}}')
        expected[number] = (float(text), integer)
    return lines, expected


def check(path, expected):
    found = DeltaTable(str(path)).to_pyarrow_table().to_pylist()
    assert len(found) == len(expected)
    for row in found:
        number, integer = expected[row["id"]]
        assert row["d"] == number and math.copysign(1, row["d"]) == math.copysign(1, number), row
        assert row["n"] == integer, row


def test_numbers_of_files_are_pythons(pipeline, tmp_path):
    lines, expected = sent(random.Random(1))
    (tmp_path / "values.jsonl").write_text("\n".join(lines))
    run("batch", "--from", tmp_path, "--pipeline", pipeline, data=tmp_path / "data")
    check(tmp_path / "data/store/raw", expected)


def await_live(data, count):
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    path = data / "store/live"
    while not path.exists() or DeltaTable(str(path)).to_pyarrow_dataset().count_rows() < count:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_numbers_of_a_stream_are_pythons(pipeline, tmp_path):
    lines, expected = sent(random.Random(2))
    with Server(tmp_path, "--pipeline", pipeline) as server:
        client = kinesis(server.url)
        for start in range(0, NUMBERS, 500):
            entries = [
                {"Data": line.encode(), "PartitionKey": "k"} for line in lines[start : start + 500]
            ]
            client.put_records(StreamName="values", Records=entries)
        await_live(tmp_path, NUMBERS)
    check(tmp_path / "store/live", expected)


REFUSED = [
    ('{"id":1,"n":9007199254740991.6}', "'n': expected an integer, but 9007199254740991.6 has a"),
    ('{"id":1,"n":0.9999999999999999999}', "has a fraction"),
    ('{"id":1,"n":1e-400}', "has a fraction"),
    ('{"id":1,"n":1e19}', "column 'n': 1e19 is out of range for bigint"),
    ('{"id":1,"d":-1e400}', "column 'd': -1e400 is out of range for double"),
    ('{"id":1,"pos":{"in":{"y":2147483648.0}}}', "2147483648.0 is out of range for int"),
]


def test_what_no_column_can_hold_is_a_dead_letter_with_its_reason(pipeline, tmp_path):
    (tmp_path / "values.jsonl").write_text("\n".join(line for line, _ in REFUSED))
    told = run("batch", "--from", tmp_path, "--pipeline", pipeline, data=tmp_path / "data").stderr
    assert f"raw: version 0, 0 rows, {len(REFUSED)} dead letters\n" in told
    asked = "SELECT reason FROM dead_letters ORDER BY line"
    answer = run("query", asked, "--format", "json", "--pipeline", pipeline, data=tmp_path / "data")
    for row, (line, reason) in zip(json.loads(answer.stdout), REFUSED, strict=True):
        assert reason in row["reason"], line


UNKNOWN = [
    {"id": 1, "w": 1, "pos": {"x": 1, "w": 2, "in": {"y": 1, "z": 2}}},
    {"id": 2, "w": 1, "pos": {"x": 1, "in": {"z": 2}}},
    {"id": 3},
]


def test_a_load_names_what_no_column_takes(pipeline, tmp_path):
    (tmp_path / "values.jsonl").write_text("\n".join(map(json.dumps, UNKNOWN)))
    told = run("batch", "--from", tmp_path, "--pipeline", pipeline, data=tmp_path / "data").stderr
    assert "raw: version 0, 3 rows, 5 unknown values (pos.in.z 2, w 2, pos.w 1)\n" in told
    many = {f"key{n:02}": n for n in range(30)}
    (tmp_path / "values.jsonl").write_text(json.dumps({"id": 1, **many}))
    told = run("batch", "--from", tmp_path, "--pipeline", pipeline, data=tmp_path / "data").stderr
    assert "30 unknown values (key00 1, key01 1, " in told
    assert "key09 1, and 20 more names)\n" in told


def test_a_stream_names_what_no_column_takes_once(pipeline, tmp_path):
    with Server(tmp_path, "--pipeline", pipeline) as server:
        client = kinesis(server.url)
        for round in range(2):
            for row in UNKNOWN:
                client.put_record(StreamName="values", Data=json.dumps(row), PartitionKey="k")
            await_live(tmp_path, 3 * (round + 1))
        metrics = requests.get(f"{server.url}/metrics").text
        log = server.log()
    assert 'pinion_stream_unknown_members_total{table="live"} 10\n' in metrics
    for name in ("w", "pos.w", "pos.in.z"):
        named = [line for line in log.splitlines() if f'"{name}\\"' in line or f'"{name}"' in line]
        assert len(named) == 1 and "no column of 'raw' takes" in named[0], log
