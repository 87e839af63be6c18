"""What `pinion export` writes, `pinion import` reads: the rows of a table of all types, by way of a
file of each format, are the same rows in another table."""

import json
import random

import pytest

import typed
from pinion import run
from readers import in_order, rows_by_delta_rs

FORMATS = ("csv", "jsonl", "json", "parquet")


def tables(columns, *names, more=""):
    return "".join(
        f"  {name}:\n    path: {name}\n    from_topic: {name}\n    mode: append\n{more}"
        f"    columns:{columns}\n"
        for name in names
    )


def write_pipeline(folder, columns, more="", names=("first", "second")):
    folder.mkdir()
    topics = "".join(f"  {name}: {{}}\n" for name in names)
    text = f"name: pair\ntopics:\n{topics}tables:\n{tables(columns, *names, more=more)}"
    (folder / "pipeline.yml").write_text(text)
    return folder


class Pair:
    def __init__(self, data, folder, tmp_path):
        self.data, self.folder, self.files = data, folder, tmp_path

    def run(self, *args, check=True):
        return run(*args, "--pipeline", self.folder, data=self.data, check=check)

    def through(self, end):
        path = self.files / f"rows.{end}"
        self.run("export", "first", "--output", path)
        self.run("import", "second", path)
        return path

    def rows(self, table, *but):
        rows = rows_by_delta_rs(self.data / "store" / table)
        return in_order([{k: v for k, v in row.items() if k not in but} for row in rows])


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("end", FORMATS)
def test_rows_of_all_types_come_back(data, tmp_path, end, seed):
    chance = random.Random(seed)
    records = [typed.record(chance, number) for number in range(60)]
    pair = Pair(data, write_pipeline(tmp_path / "pipeline", typed.COLUMNS), tmp_path)
    path = tmp_path / "records.jsonl"
    path.write_text("".join(f"{text}\n" for text, _ in records))
    pair.run("import", "first", path)
    assert len(pair.rows("first")) == 60
    pair.through(end)
    assert pair.rows("second") == pair.rows("first")


def test_what_a_file_of_json_has(data, tmp_path):
    columns = "\n      id: int\n      b: binary\n      j: json\n"
    pair = Pair(data, write_pipeline(tmp_path / "pipeline", columns), tmp_path)
    path = tmp_path / "records.jsonl"
    path.write_text('{"id":1,"b":"AP9hYmNk","j":{"b":1.10}}\n{"id":2,"b":null,"j":"x"}\n')
    pair.run("import", "first", path)
    jsonl = pair.through("jsonl").read_text().splitlines()
    assert jsonl == ['{"id":1,"b":"AP9hYmNk","j":{"b":1.10}}', '{"id":2,"b":null,"j":"x"}']
    text = pair.run("export", "first", "--format", "csv").stdout
    assert text.splitlines()[1] == '1,AP9hYmNk,"{""b"":1.10}"'


@pytest.mark.parametrize("end", FORMATS)
def test_columns_that_the_table_makes_are_left_out(data, tmp_path, end):
    columns = (
        "\n      id: int\n      at: timestamp\n      file: {type: string, from: file}\n"
        "      place: {type: bigint, from: offset}\n"
    )
    more = "    partition_by: [day(at)]\n"
    pair = Pair(data, write_pipeline(tmp_path / "pipeline", columns, more), tmp_path)
    path = tmp_path / "records.csv"
    path.write_text("id,at,place\n1,2026-01-02 03:04:05,7\n2,2026-01-03 00:00:00,\n")
    pair.run("import", "first", path)
    made = pair.through(end)
    but = ("file",)
    assert pair.rows("second", *but) == pair.rows("first", *but)
    assert {row["file"] for row in pair.rows("second")} == {str(made)}


@pytest.mark.parametrize("end", ("csv", "parquet"))
def test_kept_members_come_back(data, tmp_path, end):
    more = "    unknown_keys: keep\n"
    pair = Pair(data, write_pipeline(tmp_path / "pipeline", "\n      id: int\n", more), tmp_path)
    path = tmp_path / "records.jsonl"
    path.write_text('{"id":1,"w":2}\n{"id":2}\n')
    pair.run("import", "first", path)
    pair.through(end)
    assert pair.rows("second") == pair.rows("first")
    found = [row["_unknown"] for row in pair.rows("second")]
    assert sorted(map(json.dumps, found)) == sorted(map(json.dumps, ['{"w":2}', None]))
