"""Files into a topic: what a load then makes of them, each file once, over any crash."""

import gzip
import json
import math
import random
import subprocess
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pinion import PINION, Server, run
from test_import import FULL, COLUMNS, FULL_ROW, present, refusal, write, write_pipeline

TOPIC = "shop.orders"
INF, NAN = math.inf, math.nan


@pytest.fixture
def pipeline(tmp_path):
    return write_pipeline(tmp_path, "overwrite")


@pytest.fixture(params=["server", "folder"])
def server(request, data, pipeline):
    """Through a server, or into the log of the folder, which a server made."""
    with Server(data, "--pipeline", pipeline, "--set", "sink.rotate_interval_ms=100ms") as running:
        if request.param == "server":
            yield running
            return
    yield None


def imports(data, pipeline, *args, check=True):
    return run("import", TOPIC, *args, "--pipeline", pipeline, "--format", "json", "--quiet",
               data=data, check=check)  # fmt: skip


def values(data, pipeline):
    done = run("topic", "tail", TOPIC, "--from", "oldest", "--no-follow", "--format", "jsonl",
               "--pipeline", pipeline, data=data)  # fmt: skip
    return [json.loads(json.loads(line)["value"]) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("kind", ("csv", "parquet"))
def test_a_number_that_json_lacks_is_a_bad_row(data, pipeline, tmp_path, kind):
    """A table takes it."""
    path = tmp_path / f"a.{kind}"
    if kind == "csv":
        path.write_text("id,score\n1,1.5\n2,inf\n3,nan\n")
    else:
        pq.write_table(pa.table({"id": [1, 2, 3], "score": [1.5, math.inf, math.nan]}), path)
    done = imports(data, pipeline, path, check=False)
    refusal(done, "column 'score': expected double that JSON can hold, found \"inf\"",
            "2 of the records")  # fmt: skip
    assert values(data, pipeline) == []


def nested(base, declared):
    """A pipeline whose topic has a column of a type."""
    folder = base / "nested"
    folder.mkdir()
    write(folder / "pipeline.yml", f"""
name: nested
topics: {{{TOPIC}: {{partitions: 1}}}}
tables:
  orders:
    path: raw/orders
    from_topic: {TOPIC}
    columns: {{id: int, of: {{type: "{declared}"}}}}
""")  # fmt: skip
    return folder


NESTED = {
    "struct": ("struct<x: double, f: float>", [{"x": 1.0, "f": None}, None, {"x": 1.0, "f": NAN}]),
    "array": ("array<float>", [[], [1.5, None], [1.5, -INF]]),
    "map": ("map<string, double>", [[("a", None)], [("a", 1.5)], [("a", INF)]]),
    "deep": ("array<struct<m: map<string, double>>>",
             [[None], [{"m": [("a", 1.5)]}], [{"m": None}, {"m": [("a", INF)]}]]),
}  # fmt: skip


@pytest.mark.parametrize("kind", NESTED)
def test_a_number_that_json_lacks_within_a_value_is_a_bad_row(data, tmp_path, kind):
    """As at the top."""
    declared, values_of = NESTED[kind]
    folder = nested(tmp_path, declared)
    number = {"struct": pa.float32(), "array": pa.float32()}.get(kind, pa.float64())
    entries = pa.map_(pa.string(), pa.float64())
    arrow = {"struct": pa.struct([("x", pa.float64()), ("f", number)]), "array": pa.list_(number),
             "map": entries, "deep": pa.list_(pa.struct([("m", entries)]))}[kind]  # fmt: skip
    path = tmp_path / "a.parquet"
    with Server(data, "--pipeline", folder):
        for rows in (values_of, values_of[:2]):
            ids = pa.array(range(len(rows)), pa.int32())
            pq.write_table(pa.table({"id": ids, "of": pa.array(rows, arrow)}), path)
            done = imports(data, folder, path, check=False)
            if len(rows) == 3:
                refusal(done, "a.parquet, row 3: column 'of': expected ", "that JSON can hold, "
                        "found", "1 of the records")  # fmt: skip
        assert done.returncode == 0, done
        assert [value["id"] for value in values(data, folder)] == [0, 1]


@pytest.mark.parametrize("word", ("inf", "-Infinity", "nan"))
def test_a_word_for_a_number_that_json_lacks_within_a_value(data, tmp_path, word):
    folder = nested(tmp_path, "struct<x: double>")
    path = write(tmp_path / "a.csv", f'id,of\n1,"{{""x"": 1}}"\n2,"{{""x"": ""{word}""}}"\n')
    done = imports(data, folder, path, check=False)
    refusal(done, "a.csv, line 3", "expected struct<x double> that JSON can hold, found", word)


def test_every_format_becomes_records(server, data, pipeline, tmp_path):
    csv = write(tmp_path / "a.csv", f"{','.join(COLUMNS)}\n{FULL}\n")
    lines = write(tmp_path / "b.jsonl", '{"id":2,"x":1.10}\n\n{"id":3}\n')
    array = write(tmp_path / "c.json", '[{"id":4,\n "name":"a"}]')
    parquet = tmp_path / "d.parquet"
    pq.write_table(pa.table({"order_id": [5, 6], "data": [b"\0\1\2", None]}), parquet)
    packed = write(tmp_path / "e.jsonl.zst", pa.compress(b'{"id":7}\n', "zstd", asbytes=True))
    report = imports(data, pipeline, csv, lines, array, parquet, packed)
    assert json.loads(report.stdout) == [{"topic": TOPIC, "files": 5, "records": 7}]
    found = {value["id"]: value for value in values(data, pipeline)}
    assert sorted(found) == [1, 2, 3, 4, 5, 6, 7]
    assert found[1]["data"] == found[5]["data"] == "AAEC" and found[1]["amount"] == 12.5
    assert found[1]["extra"] == {"k": [1]} and found[2] == {"id": 2, "x": 1.1}
    assert lines.exists() and packed.exists()


MIB = 1 << 20


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_lines_that_end_where_a_piece_of_the_file_ends(data, pipeline, tmp_path, end, packed):
    """Files are copied and read in pieces: a line may end right before or after a piece."""
    files, wanted = [], {}

    def line(size):
        """With its end, of so many bytes."""
        wanted[len(wanted)] = size
        start = f'{{"id":{len(wanted) - 1},"pad":"'
        return start + "x" * (size - len(start) - len('"}') - len(end)) + '"}' + end

    for size in (MIB - 1, MIB, MIB + 1):
        text = line(MIB // 2) + line(size - MIB // 2) + line(100)
        text += line(MIB // 2).rstrip()  # the last one has no end
        path = tmp_path / f"{size}.jsonl{'.zst' if packed else ''}"
        content = pa.compress(text.encode(), "zstd", asbytes=True) if packed else text
        files.append(write(path, content))
    with Server(data, "--pipeline", pipeline):
        imports(data, pipeline, *files)
        found = {
            value["id"]: len(json.dumps(value, separators=(",", ":")) + end)
            for value in values(data, pipeline)
        }
    assert found == wanted


def test_a_line_that_is_too_long_sends_nothing(data, pipeline, tmp_path):
    """Also where all that is too much is blanks."""
    text = '{"id":1}\n{"id":2}' + " " * (16 * MIB) + '\n{"id":3}'
    for name, content in (("a.jsonl", text), ("a.jsonl.gz", gzip.compress(text.encode()))):
        file = write(tmp_path / name, content)
        with Server(data, "--pipeline", pipeline):
            refusal(imports(data, pipeline, file, check=False), name, "line 2")
            assert values(data, pipeline) == []


def test_a_load_makes_the_rows(data, pipeline, tmp_path):
    with Server(data, "--pipeline", pipeline, "--set", "sink.rotate_interval_ms=100ms"):
        imports(data, pipeline, write(tmp_path / "a.csv", f"{','.join(COLUMNS)}\n{FULL}\n"))
        run("dag", "trigger", "nightly", "--wait", "--pipeline", pipeline, data=data)
        sql = "SELECT * FROM orders"
        done = run("query", sql, "--format", "json", "--pipeline", pipeline, data=data)
    (row,) = json.loads(done.stdout)
    assert present(row) == FULL_ROW


def test_a_file_is_sent_once_unless_forced(server, data, pipeline, tmp_path):
    file = write(tmp_path / "a.jsonl", '{"id":1}\n{"id":2}\n')
    imports(data, pipeline, file)
    other = write(tmp_path / "b.jsonl", '{"id":3}\n')
    refusal(imports(data, pipeline, other, file, check=False), "a.jsonl", "already", "--force")
    assert len(values(data, pipeline)) == 2
    imports(data, pipeline, other, file, "--force")
    assert sorted(value["id"] for value in values(data, pipeline)) == [1, 1, 2, 2, 3]


@pytest.mark.parametrize("name, text, words", [
    ("a.jsonl", '{"id":1}\n{"id":\n', ["line 2"]), ("a.json", '[{"id":1},', ["no end"]),
    ("a.csv", "id,name\n1,a\nx,b\n", ["line 3 (byte 12)", "expected bigint"]),
    ("a.csv", "nothing\n1\n", ["no column 'nothing'"]),
])  # fmt: skip
def test_a_bad_file_sends_nothing(data, pipeline, tmp_path, name, text, words):
    with Server(data, "--pipeline", pipeline):
        good = write(tmp_path / "good.jsonl", '{"id":9}\n')
        bad = write(tmp_path / name, text)
        refusal(imports(data, pipeline, good, bad, check=False), name, *words)
        assert values(data, pipeline) == []
        refusal(imports(data, pipeline, good, "--bad-rows", "dead-letter", check=False), "tables")
        done = run("import", "no.topic", good, "--pipeline", pipeline, data=data, check=False)
        refusal(done, "no table and no topic 'no.topic'")


def test_a_kill_neither_loses_nor_doubles(server, data, pipeline, tmp_path):
    chance = random.Random(7)
    file = write(tmp_path / "a.jsonl", "".join(f'{{"id":{n}}}\n' for n in range(20_000)))
    for _ in range(6):
        with subprocess.Popen(
            [PINION, "import", TOPIC, str(file), "--pipeline", str(pipeline), "--data", str(data)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            time.sleep(chance.uniform(0.05, 0.4))  # when the crash comes
            process.kill()
    done = imports(data, pipeline, file, check=False)
    assert done.returncode == 0 or "already" in done.stderr, done
    assert sorted(value["id"] for value in values(data, pipeline)) == list(range(20_000))
