"""The answers of `pinion batch`, which are printed in the order of the queries, however long each
takes, up to the first that fails."""

import json
import subprocess

import pytest
from pinion import PINION, run

PIPELINE = """
name: answers
topics:
  t.number: {}
tables:
  raw_number: {path: tables/number, from_topic: t.number, columns: {id: bigint}}
"""
ROWS = 1000
LARGE = "SELECT a.id, repeat('x', 20) AS text FROM raw_number a, raw_number b WHERE b.id < 200"


@pytest.fixture
def folder(tmp_path):
    """A pipeline with a table of 1,000 rows; `queries` writes its queries, in this order."""
    (tmp_path / "landed").mkdir()
    lines = [json.dumps({"id": i}) for i in range(ROWS)]
    (tmp_path / "landed/raw_number.json").write_text("\n".join(lines))
    (tmp_path / "queries").mkdir(parents=True)
    (tmp_path / "pipeline.yml").write_text(PIPELINE)
    return tmp_path


def write_queries(folder, *queries):
    for i, sql in enumerate(queries):
        (folder / f"queries/q{i}.sql").write_text(f"-- Query {i}.\n{sql}\n")


def batch(folder, *args, **kwargs):
    return run("batch", "--from", folder / "landed", "--pipeline", folder, "--quiet", *args,
               data=folder / "data", **kwargs)  # fmt: skip


def test_large_answers_keep_their_order(folder):
    """Answers beyond what waits in memory, before and behind small ones."""
    counts = [200_000, 1, 200_000, 1, 1, 200_000]
    write_queries(folder, *(LARGE if n > 1 else "SELECT count(*) AS n FROM raw_number"
                            for n in counts))  # fmt: skip
    answers = json.loads(batch(folder, "--format", "json").stdout)
    assert list(answers) == [f"q{i}" for i in range(6)]
    assert [len(answers[f"q{i}"]) for i in range(6)] == counts
    assert answers["q1"] == [{"n": ROWS}]
    assert {row["text"] for row in answers["q5"]} == {20 * "x"}


@pytest.mark.parametrize("wrong", ["SELECT nothing FROM raw_number",
                                   "SELECT CAST(text AS INT) FROM (SELECT 'x' || id AS text "
                                   "FROM raw_number)"])  # fmt: skip
def test_what_comes_after_a_fault_is_not_printed(folder, wrong):
    write_queries(folder, "SELECT count(*) AS n FROM raw_number", wrong,
                  "SELECT 7 AS never FROM raw_number", LARGE)  # fmt: skip
    done = batch(folder, "--format", "csv", check=False)
    assert done.returncode != 0
    assert "q1.sql" in done.stderr
    assert done.stdout.startswith("# q0\nn\n1000\n# q1\n")
    assert "# q2" not in done.stdout
    assert "never" not in done.stdout


def test_nobody_reads_on(folder):
    """`pinion batch | head -2` ends, whichever answers are still being made."""
    write_queries(folder, LARGE, LARGE, LARGE, "SELECT count(*) AS n FROM raw_number")
    command = [PINION, "batch", "--from", folder / "landed", "--pipeline", folder, "--quiet",
               "--data", folder / "data", "--format", "csv"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"# q0\r\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() != 0
