"""Records become the same rows and dead letters in pinion and in the jobs of Spark, whose reader of
records is plain Python (deploy/spark/pinion_record.py). test/cloud has the same with Spark."""

import json
import sys

import awkward
import pytest

from pinion import ROOT, run
from readers import in_order, rows_by_delta_rs

@pytest.fixture(scope="module")
def reader():
    sys.path.insert(0, str(ROOT / "deploy/spark"))
    import pinion_record

    sys.path.remove(str(ROOT / "deploy/spark"))
    return pinion_record


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """The data folder in which pinion has loaded the records, the pipeline's folder, and its tables
    as a job has them."""
    base = tmp_path_factory.mktemp("awkward")
    folder = awkward.write_pipeline(base / "pipeline")
    data = base / "data"
    awkward.land(data / "store")
    run("task", "all", "load", "--pipeline", folder, data=data)
    run("deploy", "spark", "--to", base / "spark", "--store", data, "--pipeline", folder)
    names = {}
    exec((base / "spark/pinion_pipeline.py").read_text(encoding="utf-8"), names)
    return data, folder, names["TABLES"]


@pytest.fixture(scope="module", params=awkward.POLICIES)
def read(request, reader, loaded):
    """What a job reads of a table: its name, rows, dead letters as (line, reason), and the names of
    the members that no column takes."""
    rows, letters, unknown = [], [], []
    made = reader.Rows(loaded[2][request.param])
    for number, line in enumerate(awkward.lines(), 1):
        if not line.removeprefix(reader.BOM).strip(b" \t\r"):
            continue
        for row, reason in made.of(line):
            unknown += made.unknown
            if reason is None:
                rows.append(row)
            else:
                letters.append((number, reason))
    return request.param, rows, letters, unknown


def test_rows(loaded, read):
    data, _, _ = loaded
    name, rows, _, _ = read
    ours = rows_by_delta_rs(data / f"store/tables/{name}")
    assert len(ours) > 250
    assert in_order(awkward.one_zero(rows)) == in_order(awkward.one_zero(ours))


def test_dead_letters(loaded, read):
    data, folder, _ = loaded
    name, _, letters, _ = read
    sql = f"SELECT line, reason FROM dead_letters WHERE \"table\" = '{name}'"
    done = run("query", sql, "--format", "json", "--pipeline", folder, data=data)
    ours = [(row["line"], awkward.told(row["reason"])) for row in json.loads(done.stdout)]
    for note in awkward.NOTES:  # where a letter is made
        assert any(note in reason for _, reason in ours)
        ours = [(line, reason.replace(note, "")) for line, reason in ours]
    assert len(ours) > (150 if name == "lenient" else 300)
    assert sorted((line, awkward.told(reason)) for line, reason in letters) == sorted(ours)


def test_members_that_no_column_takes(loaded, read):
    data, folder, _ = loaded
    name, _, _, unknown = read
    done = run("table", "history", name, "--format", "json", "--pipeline", folder, data=data)
    (version,) = json.loads(done.stdout)
    assert len(unknown) > 100
    assert version["notes"]["unknownMembers"]["values"] == len(unknown)
