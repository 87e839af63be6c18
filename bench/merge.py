"""A merge into the table of pins, beside those of delta-rs and Spark, and how its time grows.

One record for a hundred of the table comes in: half of them are newer versions of pins that are
spread evenly over the table, half are new pins. Ours is the task that makes the clean table, which
runs the pipeline's SQL over the new records first; the peers are given its rows.
"""

import json
import shutil

import harness
import incremental

SEED = 1
TIMEOUT_S = 900
NEW_SHARE = 100  # one new record for so many
ROUNDS = 3
GROWTH = 10  # times the old rows
GROWTH_GOAL = 1.5  # at most times the time
VECTORS = "    deletion_vectors: true\n"
KEY, ORDER = "ind", incremental.ORDERS["pin"]
GOALS = {"delta_rs": 1 / 1.5, "spark": 1 / 20}
CLEAN = "clean_pin_data_and_save_as_delta_table"
TABLE = "store/delta_tables/transformed"


def names(options):
    rows = incremental.rows_of(options)
    kinds = ("", ".vectors", ".growth", ".growth.vectors")
    return [f"merge.{rows}{kind}" for kind in kinds]


def newer(line):
    """A later version of a pin: its order is greater than all that the emulator makes."""
    record = json.loads(line)
    return json.dumps({**record, ORDER: f"z{record[ORDER]}"}) + "\n"


class Merges:
    """The pipeline, and the records that it gets."""

    def __init__(self, scratch, rows, more=""):
        self._scratch = scratch
        self._pipeline, owner = incremental.make_pipeline(scratch, "merge", more)
        self._topic = f"{owner}.pin"
        source = scratch / "input"
        command = [harness.PINION, "emulate", "--to", "jsonl", source, "--rows", rows]
        harness.measure([*command, "--seed", SEED], TIMEOUT_S)
        self._lines = (source / "pin.json").read_text().splitlines(True)

    def _task(self, data, task):
        command = [harness.PINION, "task", incremental.DAG, task, "--data", data]
        _, usage = harness.measure([*command, "--pipeline", self._pipeline], TIMEOUT_S)
        return usage.seconds

    def start(self, name, old, changes):
        """A data folder with a table of `old` rows, and `changes` new records in its raw table. The
        last lines are the new pins, however many old ones there are."""
        data = self._scratch / name
        incremental.land(data, self._topic, self._lines[:old], 0)
        self._task(data, incremental.LOAD)
        self._task(data, CLEAN)
        added = self._lines[len(self._lines) - changes // 2 :]
        changed = list(map(newer, self._lines[: old : old // (changes - len(added))]))
        incremental.land(data, self._topic, changed + added, old)
        self._task(data, incremental.LOAD)
        return data

    def merge(self, data):
        """Merges what is new; the seconds that it took."""
        return self._task(data, CLEAN)

    def new_rows(self, data, old):
        """The rows that the merge in `data` had to write, as a Parquet file."""
        path = self._scratch / "new.parquet"
        query = f"SELECT * FROM pin WHERE {ORDER} LIKE 'z%' OR {KEY} > {old}"
        command = [harness.PINION, "query", query, "--data", data, "--pipeline", self._pipeline]
        harness.measure([*command, "--format", "parquet", "--output", path], TIMEOUT_S)
        return path


def merge_peer(peer, table, new):
    script = harness.ROOT / f"bench/peers/merge_{peer}.py"
    command = [harness.PYTHON, script, table / "pin", new, KEY, ORDER]
    _, usage = harness.measure(command, TIMEOUT_S)
    return usage.seconds


def check_rows(folders):
    """The same rows in all tables."""
    script = harness.ROOT / "bench/peers/table_sums.py"
    out, _ = harness.measure([harness.PYTHON, script, *folders], TIMEOUT_S)
    sums = json.loads(out)
    if len({json.dumps(one) for one in sums.values()}) != 1:
        raise harness.BenchError(f"the merges left different rows: {sums}")


def beside_peers(name, scratch, rows, options, say):
    changes = rows // NEW_SHARE
    old = rows - changes // 2
    merges = Merges(scratch, rows, VECTORS if name.endswith(".vectors") else "")
    start = merges.start("start", old, changes)
    peers = {peer: [] for peer in GOALS if options.spark or peer != "spark"}
    ours, new = [], None
    for number in range(1 if options.quick else ROUNDS):
        data = scratch / "data"
        shutil.copytree(start, data)
        ours.append(merges.merge(data))
        new = new or merges.new_rows(data, old)
        folders = [data / TABLE]
        for peer, times in peers.items():
            folder = scratch / peer
            shutil.copytree(start / TABLE / "pin", folder / "pin")
            times.append(merge_peer(peer, folder, new))
            folders.append(folder)
        if number == 0:
            check_rows(folders)
        for folder in (data, *(scratch / peer for peer in peers)):
            shutil.rmtree(folder)
    say("; ".join(f"{who}: {', '.join(f'{s:.2f} s' for s in times)}"
                  for who, times in {"ours": ours, **peers}.items()))  # fmt: skip
    return [harness.compare(f"{name}.{peer}.s", ours, times, GOALS[peer])
            for peer, times in peers.items()]  # fmt: skip


def growth(name, scratch, rows, options, say):
    """The time of a merge into many rows, beside the same number of changes to fewer."""
    changes = rows // GROWTH // NEW_SHARE
    many = rows - changes // 2
    merges = Merges(scratch, rows, VECTORS if name.endswith(".vectors") else "")
    starts = [merges.start("many", many, changes), merges.start("few", many // GROWTH, changes)]
    times = {start.name: [] for start in starts}
    for _ in range(1 if options.quick else ROUNDS):
        for start in starts:
            data = scratch / "data"
            shutil.copytree(start, data)
            times[start.name].append(merges.merge(data))
            shutil.rmtree(data)
    say("; ".join(f"{which}: {', '.join(f'{s:.2f} s' for s in seconds)}"
                  for which, seconds in times.items()))  # fmt: skip
    return [harness.compare(f"{name}.s", times["many"], times["few"], GROWTH_GOAL)]


def run(name, scratch, options, say):
    measure = growth if ".growth" in name else beside_peers
    return measure(name, scratch, incremental.rows_of(options), options, say)
