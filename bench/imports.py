"""The import of a CSV and of a Parquet file, beside DuckDB's own COPY of the same file to Parquet.

Ours finds the file's hash, checks each value, syncs what it writes, and commits it. The files have
about 1 GB; the variable PINION_IMPORT_MB says another size.
"""

import os
import shutil

import harness

TIMEOUT_S = 1800
ROUNDS = 3
GOAL = 1.3
MEGABYTES, QUICK_MEGABYTES = 1000, 50
ROW_BYTES = {"csv": 105, "parquet": 52}  # about
PIPELINE = """name: imports
topics: {shop.orders: {partitions: 1}}
tables:
  orders:
    path: raw/orders
    from_topic: shop.orders
    mode: append
    columns:
      id: bigint
      customer: string
      paid: boolean
      amount: "decimal(9,2)"
      score: double
      items: int
      placed: timestamp
      reference: string
"""


def megabytes(options):
    default = QUICK_MEGABYTES if options.quick else MEGABYTES
    return int(os.environ.get("PINION_IMPORT_MB", default))


def names(options):
    return [f"import.{kind}.{megabytes(options)}mb" for kind in ROW_BYTES]


def run(name, scratch, options, say):
    kind = name.split(".")[1]
    size = megabytes(options)
    source, peer = scratch / f"orders.{kind}", harness.ROOT / "bench/peers/duckdb_import.py"
    pipeline = scratch / "pipeline"
    pipeline.mkdir(exist_ok=True)
    (pipeline / "pipeline.yml").write_text(PIPELINE)
    rows = size * 1_000_000 // ROW_BYTES[kind]
    harness.measure([harness.PYTHON, peer, "make", rows, source], TIMEOUT_S)
    ours, theirs = [], []
    for _ in range(1 if options.quick else ROUNDS):
        data, copy = scratch / "data", scratch / "copy.parquet"
        command = [harness.PINION, "import", "orders", source, "--pipeline", pipeline]
        _, usage = harness.measure([*command, "--data", data, "--quiet"], TIMEOUT_S)
        ours.append(usage.seconds)
        _, usage = harness.measure([harness.PYTHON, peer, "copy", source, copy], TIMEOUT_S)
        theirs.append(usage.seconds)
        shutil.rmtree(data)
        copy.unlink()
    say(f"{source.stat().st_size / 1e6:.0f} MB; ours: {', '.join(f'{s:.2f} s' for s in ours)}; "
        f"DuckDB: {', '.join(f'{s:.2f} s' for s in theirs)}")  # fmt: skip
    source.unlink()
    return [harness.compare(f"{name}.s", ours, theirs, GOAL)]
